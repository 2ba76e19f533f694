"""Saved lists together: combined with and / or / not, and how they overlap."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.answer_lists import SavedList, saved_lists
from retention.audiences.answer_overlap import MOST_LISTS, combined_count, overlap
from retention.audiences.chart import overlap_alt, overlap_matrix
from retention.audiences.export import table_bytes
from retention.audiences.spec import CombinedUsersSpec
from retention.audiences.words import combined_words
from retention.cohorts.words import percent
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import many, plain

USUAL_LISTS = 6
TOO_FEW = "There must be two saved lists at least. Save them on the other pages, where users are listed."


def combine_panel(controls: Controls) -> None:
    """Combine saved lists with and / or / not, and list who that is."""
    with section("Combine lists", "Who is on all of some lists, on any of others, and on none of the rest?"):
        known = answer(saved_lists)
        if len(known) < 2:
            st.info(TOO_FEW)
            return
        options = _options(known)
        one, two, three = st.columns(3)
        all_of = _chosen(controls, "all", options, "On all of (and)", one, ())
        any_of = _chosen(controls, "any", options, "On any of (or)", two, all_of)
        none_of = _chosen(controls, "none", options, "On none of (not)", three, (*all_of, *any_of))
        if not all_of and not any_of:
            st.info("Choose at least one list under “all of” or “any of”. “None of” only takes users away.")
            return
        spec = CombinedUsersSpec(all_of=all_of, any_of=any_of, none_of=none_of)
        words = combined_words(spec, catalogue())
        n = answer(combined_count, spec)
        verdict(f"{many(n, 'user')} {words.partition(' ')[2]}" if n != 1 else f"1 user: {words[0].lower()}{words[1:]}")
        st.caption(
            "Lists are combined as they stand. Saved as a refreshed audience, the combination is made anew with the lists that it"
            " is made of."
        )
        members_panel(spec, "on the combination", key="combined_members")


def _options(known: tuple[SavedList, ...]) -> dict[str, str]:
    return {str(one.audience_id): f"{one.name} ({one.n_left:,})" for one in known}


def _chosen(
    controls: Controls, name: str, options: dict[str, str], label: str, at: object, taken: tuple[int, ...]
) -> tuple[int, ...]:
    free = [value for value in options if int(value) not in taken]
    return tuple(int(value) for value in controls.many(name, free, (), label, words=options, placeholder="No list", at=at))


def overlap_panel(controls: Controls) -> None:
    """Show how many users each two of some lists share."""
    with section("How lists overlap", "How many users are on two lists at once?"):
        known = answer(saved_lists)
        if len(known) < 2:
            st.info(TOO_FEW)
            return
        options = _options(known)
        usual = tuple(list(options)[:USUAL_LISTS])
        chosen = controls.many(
            "lists", list(options), usual, f"Lists (at most {MOST_LISTS})", words=options, most=MOST_LISTS,
            placeholder="Choose two or more",
        )  # fmt: skip
        if len(chosen) < 2:
            st.info("Choose two lists or more.")
            return
        asked = tuple(int(value) for value in chosen)
        found = answer(overlap, asked)
        key = (asked, catalogue().data_version)
        figure = drawn("overlap", (*key, is_dark()), lambda: overlap_matrix(found, is_dark=is_dark()))
        chart(figure, alt=overlap_alt(found), key="overlap_chart", file_name="list-overlap")
        st.caption("Read along a row: of the users of that list, the share that is also on the list of the column.")
        table = drawn(
            "overlap twin", key, lambda: pd.DataFrame(
                {
                    "Of the users of": found.table["list"], "Users": found.table["n_users"], "On the list": found.table["other"],
                    "On both": found.table["n_both"],
                    "Share": ["" if pd.isna(v) else percent(float(v)) for v in found.table["share"]],
                }
            ),
        )  # fmt: skip
        twin(table, "How many users each two lists share", "overlap_twin")
        download("the overlaps", "list-overlaps", lambda fmt: table_bytes(found.table, fmt, sheet="overlaps"), key="overlap_file")
        st.markdown(plain("To keep the users of two lists, or of one without another, use “Combine”."))
