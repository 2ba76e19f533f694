"""Notes on the charts: a day and what happened on it, drawn over every picture whose axis is time."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from retention.cohorts.chart_look import INKS
from retention.periods import date_of
from retention.store.answer import chart_notes
from retention.store.order import add_annotation, delete_annotation
from retention.ui.answers import answer, order
from retention.ui.charts import is_dark
from retention.ui.words import day, plain


def annotated(figure: dict[str, Any]) -> dict[str, Any]:
    """Lay the notes over a figure whose x axis holds dates; those outside of what it shows are left out."""
    if figure["layout"].get("xaxis", {}).get("type") != "date":
        return figure
    shown = [str(x) for trace in figure["data"] for x in trace.get("x") or []]
    if not shown:
        return figure
    first, last = min(shown)[:10], max(shown)[:10]
    notes = [(date_of(on), text) for _, on, text in answer(chart_notes)]
    notes = [(on, text) for on, text in notes if first <= on.isoformat() <= last]
    if not notes:
        return figure
    ink = INKS[is_dark()]
    lines = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": on.isoformat(),
            "x1": on.isoformat(),
            "y0": 0,
            "y1": 1,
            "line": {"color": ink.gap, "width": 1.5, "dash": "dot"},
        }
        for on, _ in notes
    ]
    texts = [
        {
            "xref": "x",
            "yref": "paper",
            "x": on.isoformat(),
            "y": 1 - 0.09 * (i % 3),  # neighbours stand one below the other
            "xanchor": "left",
            "yanchor": "top",
            "showarrow": False,
            # Plotly reads a few tags in texts; what a person typed is not to hold any.
            "text": escape(text),
            "font": {"size": 12, "color": ink.gap},
        }
        for i, (on, text) in enumerate(notes)
    ]
    layout = figure["layout"]
    return {
        "data": figure["data"],
        "layout": {
            **layout,
            "shapes": [*layout.get("shapes", []), *lines],
            "annotations": [*layout.get("annotations", []), *texts],
        },
    }


def annotation_panel() -> None:
    """List the notes, add one, take one off."""
    panel = st.expander("Notes on the charts", key="annotations", on_change="rerun")
    if not panel.open:
        return
    with panel:
        st.caption(
            "A note is drawn on its day over every chart whose axis is time, for everybody who opens this store."
        )
        with st.form("add_annotation", border=False, clear_on_submit=True):
            one, two, three = st.columns([1, 2.5, 1], vertical_alignment="bottom")
            on = one.date_input("Day", value=None, key="annotation_day")
            text = two.text_input("What happened", max_chars=80, placeholder="For example: new checkout")
            is_sent = three.form_submit_button("Add note", width="stretch")
        if is_sent and on is None:
            st.error("A note needs its day.")
        elif is_sent:
            before = st.session_state.get("receipt")
            order(add_annotation, on, text, receipt="Note added.")
            if st.session_state.get("receipt") != before:
                st.rerun()
        for number, at, said in answer(chart_notes):
            one, two = st.columns([5, 1], vertical_alignment="center")
            one.markdown(f"**{day(date_of(at))}** {plain(said)}")
            two.button(
                "Delete", key=f"annotation_{number}", on_click=_delete, args=(number,), width="stretch",
                help=f"Delete the note of {day(date_of(at))}",
            )  # fmt: skip


def _delete(number: int) -> None:
    order(delete_annotation, number, receipt="Note deleted.")
