"""The Audiences page: every saved list as an object, lists combined, and how they overlap."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from retention.audiences.answer_lists import SavedList, opened_list, saved_lists
from retention.ui.answers import answer, catalogue
from retention.ui.audiences_opened import opened_panel
from retention.ui.audiences_together import combine_panel, overlap_panel
from retention.ui.controls import Controls
from retention.ui.pages import link_to, section
from retention.ui.words import many, short_moment

SHOWN_LISTS = 100
WAYS = {"cohorts": "a cell of the cohorts", "segments": "a segment or a tag", "at_risk": "the riskiest users"}
KINDS = {False: "static", True: "refreshed"}


def audience_tabs(controls: Controls) -> None:
    """Draw the tab that is open."""
    catalogue().require_clock()
    for name, tab in zip(TABS, controls.tabs("tab", list(TABS)), strict=True):
        if tab.open:
            with tab:
                TABS[name](controls)
    controls.complain()


def _lists_panel(controls: Controls) -> None:
    known = answer(saved_lists)
    with section("Saved lists", "Which lists of users have been kept, and what made them?"):
        if not known:
            _none_yet()
            return
        _table(known)
        options = {str(one.audience_id): f"{one.name}: {many(one.n_left, 'user')}" for one in known}
        chosen = controls.choice("list", list(options), str(known[0].audience_id), "Open a list", words=options)
    opened_panel(controls, answer(opened_list, int(str(chosen))))


def _none_yet() -> None:
    st.info(
        "No list has been saved yet. Pick users on another page – a cell of the cohorts, a segment, the riskiest – and press"
        " “Save” under “Save as an audience”."
    )
    with st.container(horizontal=True, gap="small", key="audience_ways"):
        for page, words in WAYS.items():
            link_to(page, f"Choose {words}")


def _table(known: tuple[SavedList, ...]) -> None:
    zone = catalogue().settings.timezone
    st.dataframe(
        pd.DataFrame(
            {
                "List": [one.name for one in known],
                "Users": [one.n_left for one in known],
                "Kind": [KINDS[one.is_refreshed] for one in known],
                "Data until": [short_moment(one.as_of_us, zone) for one in known],
                "Saved": [short_moment(one.saved_us, zone) for one in known],
                "Who": [one.definition for one in known],
            }
        ).head(SHOWN_LISTS),
        hide_index=True,
        height=min(38 + 35 * len(known), 318),
        alt="The saved lists, the newest first",
        column_config={
            "List": st.column_config.TextColumn(width="medium"),
            "Users": st.column_config.NumberColumn(format="localized", help="Erased users are taken off"),
            "Kind": st.column_config.TextColumn(help="Static: the users stay as they were saved. Refreshed: made anew after each import."),
            "Data until": st.column_config.TextColumn(help=f"How far the data reached when its users were looked for ({zone})"),
            "Who": st.column_config.TextColumn(width="large"),
        },
    )
    if len(known) > SHOWN_LISTS:
        st.caption(f"The newest {SHOWN_LISTS} of {len(known):,}; all can be opened below.")


TABS: dict[str, Callable[[Controls], None]] = {
    "Lists": _lists_panel,
    "Combine": combine_panel,
    "Overlap": overlap_panel,
}
