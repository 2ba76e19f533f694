"""The users behind a cell of the retention grid: those who came back, or those who did not."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from retention.audiences.answer import users_of
from retention.cohorts.chart_look import cohort_label
from retention.cohorts.spec import CellSpec
from retention.cohorts.words import percent
from retention.ui.answers import answer
from retention.ui.cohorts import cell_state
from retention.ui.members import member_list
from retention.ui.words import many, plain


def audience_panel(cell: CellSpec | None) -> CellSpec | None:
    """List the users behind the picked cell, those who came back or those who did not, and return the cell shown."""
    if cell is None:
        return None
    state = st.session_state
    kept, lost = (answer(users_of, replace(cell, is_lost=is_lost)) for is_lost in (False, True))
    spec = cell.cohorts
    with st.container(border=True, key="members"):
        when = f"{spec.period} {_age_words(cell)}"
        of = plain(f", {spec.by} {cell.group}") if cell.group is not None else ""
        label = cohort_label(cell.cohort, spec.period)
        head, close = st.columns([6, 1], vertical_alignment="center")
        size = kept.count + lost.count
        state.setdefault("is_lost", False)
        state["is_lost"] = state["is_lost"]
        count = lost.count if state["is_lost"] else kept.count
        word = "did not come back" if state["is_lost"] else "came back"
        head.subheader(f"{many(count, 'user')} of cohort {label}{of} {word} in {when}")
        close.button("Close", key="close_cell", on_click=_close, width="stretch")
        share = percent(count / size) if size else "0 %"
        note = " So far: this cell is still in progress." if cell_state(cell) == "in_progress" else ""
        st.caption(f"{share} of {many(size, 'user')} who started in this cohort.{note}")
        st.segmented_control(
            "Show",
            [False, True],
            key="is_lost",
            required=True,
            format_func=lambda is_lost: (
                f"Did not come back ({lost.count:,})" if is_lost else f"Came back ({kept.count:,})"
            ),
        )
        shown = replace(cell, is_lost=bool(state["is_lost"]))
        members = lost if shown.is_lost else kept
        member_list(shown, members.users, members.count, key="cell")
    return shown


def _age_words(cell: CellSpec) -> str:
    spec = cell.cohorts
    if spec.mode == "bracket":
        end = dict(spec.brackets)[cell.age]
        return str(cell.age) if end == cell.age else f"{cell.age} to {end}"
    return {
        "on": f"{cell.age}",
        "on-or-after": f"{cell.age} or later",
        "on-or-before": f"{cell.age} or before",
        "streak": f"1 to {cell.age} without a break",
    }[spec.mode]


def _close() -> None:
    state = st.session_state
    state["pick"] = state["pick_drawn"] = None
