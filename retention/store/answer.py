"""Answers about what people keep in a store."""

from __future__ import annotations

from retention.store.sql import Sql
from retention.store.store import Store


def saved_views(store: Store, page: str) -> list[tuple[str, str]]:
    """Which views of a page have been kept? Their names and addresses."""
    frame = store.read(
        Sql("select v.name, v.address from views as v where v.page = $page order by v.name", {"page": page})
    )
    return list(zip(frame["name"], frame["address"], strict=True))


def chart_notes(store: Store) -> list[tuple[int, int, str]]:
    """Which notes stand on the charts: number, local day and text, in order of time?"""
    with store.snapshot() as snapshot:
        rows = snapshot.rows(
            "select a.annotation_id, a.day, a.text from annotations as a order by a.day, a.annotation_id"
        )
        return [(int(number), int(day), str(text)) for number, day, text in rows]
