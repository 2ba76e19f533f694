"""What the parts of the Growth page share: their controls, verdicts, tables and definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.spec import Condition
from retention.cohorts.words import Verdict
from retention.lifecycle.answer import explain_sql
from retention.lifecycle.spec import LifecycleSpec, StickinessSpec
from retention.ui.answers import answer, catalogue
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.words import plain

Who = tuple[tuple[Condition, ...], str | None]
"""The filters on users, and the breakdown."""
PERIOD_WORDS = {"day": "Day", "week": "Week", "month": "Month"}
MOST_PICKED = 400
"""Periods whose users can be looked into."""
MAX_TABLE = 500


def events_control(controls: Controls, at: Any) -> tuple[str, ...]:
    """Draw the choice of the events that make a user active."""
    kinds = [name for name, kind in catalogue().events.items()]
    return controls.many(
        "events", kinds, (), "Active means", placeholder="Any activity", at=at,
        help="Count only users who did one of these. New is then: did one of these for the first time ever.",
    )  # fmt: skip


def group_control(controls: Controls, groups: list[str], by: str | None) -> str | None:
    """Draw the choice of a group; nothing without a breakdown."""
    if by is None or not groups:
        return None
    at, _ = st.columns([1, 2])
    return controls.choice(
        "group", groups[:MAX_TABLE], None, plain(f"Only one {by}"), at=at, is_optional=True,
        help="Everyone if none is chosen. The largest comes first.",
    )  # fmt: skip


def say(found: Verdict) -> None:
    """Show the sentence that the pictures come to."""
    with st.container(key="verdict"):
        st.markdown(f"**{plain(found.headline)}**")
        if found.detail:
            st.markdown(plain(found.detail))


def twin(frame: pd.DataFrame, what: str, key: str, whole: Callable[[], pd.DataFrame]) -> None:
    """Draw the table twin of a picture, and offer all of it as a file."""
    if len(frame) > MAX_TABLE:
        st.caption(f"The first {MAX_TABLE} of {len(frame):,} rows; files hold all of them.")
        frame = frame.head(MAX_TABLE)
    st.dataframe(
        frame,
        hide_index=True,
        height=min(38 + 35 * len(frame), 318),
        alt=f"Table of {what}",
        placeholder="",
        column_config={
            name: st.column_config.NumberColumn(format="localized") for name in frame.select_dtypes("number").columns
        },
    )
    download(what, key.replace("_", "-"), lambda fmt: table_bytes(whole(), fmt), key=key)


def meaning(text: str, key: str, spec: LifecycleSpec | StickinessSpec | None = None) -> None:
    """Say what the numbers mean, and which SQL gives them."""
    panel = st.expander("What these numbers mean", key=key, on_change="rerun")
    if not panel.open:
        return
    with panel:
        st.markdown(plain(text))
        if spec is not None:
            st.code(answer(explain_sql, spec), language="sql", wrap_lines=False, height=280)


def mark(state: str, gap: bool) -> str:
    """Mark a row of a table: a star for what is in progress, a dagger for what touches a missing stretch."""
    return ("*" if state == "in_progress" else "") + (" †" if gap else "")
