"""Answers about audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from retention.audiences import query
from retention.audiences.export import member_table, table_bytes
from retention.cohorts.answer import members_sql
from retention.cohorts.spec import CellSpec
from retention.cohorts.words import definition
from retention.errors import SpecError
from retention.store import Catalogue, Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

Identity = Literal["pseudonym", "file ids"]


def audiences(store: Store) -> pd.DataFrame:
    """Which lists have been saved, and what made them?

    Returns
    -------
    DataFrame
        audience_id, name, definition, as_of_us, data_version, n_users (frozen), n_left (after erasures), saved_us.
    """
    return store.read(query.saved_audiences())


def cell_words(cell: CellSpec, catalogue: Catalogue) -> str:
    """Whose users does a cell hold?"""
    group = "" if cell.group is None else f", {cell.cohorts.by} {cell.group}"
    kept = "not retained" if cell.is_lost else "retained"
    return (
        f"Users of the cohort of {cell.cohort.isoformat()}{group} who were {kept}"
        f" at {cell.cohorts.period} {cell.age}. {definition(cell.cohorts, catalogue)}"
    )


def member_ids(snapshot: Snapshot, cell: CellSpec) -> list[str]:
    """What are the users behind a cell called in the file? Only orders ask, for they leave a trace."""
    frame = snapshot.read(query.member_ids(members_sql(snapshot, cell)))
    return [str(user_id) for user_id in frame["user_id"]]


def member_file(snapshot: Snapshot, cell: CellSpec, fmt: str, identity: Identity) -> tuple[bytes, int]:
    """What is the file of the users behind a cell, and how many rows has it? Only orders ask."""
    if identity not in ("pseudonym", "file ids"):
        raise SpecError(f'`identity` must be "pseudonym" or "file ids", not {identity!r}.')
    members = members_sql(snapshot, cell)
    table = member_table(snapshot.read(query.member_rows(members, has_ids=identity == "file ids")))
    return table_bytes(table, fmt, sheet="users"), len(table)
