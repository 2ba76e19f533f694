"""Drivers on the Behaviour page: which early behaviours go with staying."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.behaviour.answer_drivers import drivers
from retention.behaviour.chart_drivers import SAYS_WORDS, SHOWN, driver_key, lift_dots
from retention.behaviour.drivers import Drivers
from retention.behaviour.spec_drivers import MAX_DAY, MAX_FIRST_DAYS, MAX_TIMES, DriversSpec, DriverUsersSpec
from retention.behaviour.words_drivers import (
    CAUTION,
    days_words,
    definition,
    finding,
    left_out,
    ratio_words,
    row_words,
    skipped_words,
    times_words,
)
from retention.cohorts.words import interval, percent
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import definition_panel, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

LISTS = {
    "did": "did it",
    "did kept": "did it and were active later",
    "did lost": "did it and were not active later",
    "not": "did not",
    "not kept": "did not, and were active later",
    "not lost": "did not, and were not active later",
}


def drivers_panel(controls: Controls) -> None:
    """Show which early behaviours go with being active later."""
    with section("What goes with staying", "Which behaviours of the first days go with being active later?"):
        where, _ = controls.population(has_by=False)
        one, two, three, four = st.columns(4)
        first = controls.number(
            "first", 1, MAX_FIRST_DAYS, 7, "First days", at=one, help="Day 0 is the first activity's."
        )
        last = controls.number("last", first, MAX_DAY, max(34, first), "Active later: up to day", at=three)
        spec = DriversSpec(
            first_days=first,
            from_day=controls.number("later", first, last, first, "Active later: from day", at=two),
            to_day=last,
            n_most=controls.number("times", 1, MAX_TIMES, 5, "Times, up to", at=four),
            returns=controls.many(
                "later_events", list(catalogue().events), (), "Active later means", placeholder="Any activity"
            ),
            where=where,
        )
        found = answer(drivers, spec)
        said = finding(found)
        verdict(said.headline, said.detail)
        st.info(CAUTION)
        if len(found.table):
            _picture(found)
        for text in (left_out(found), skipped_words(found)):
            if text:
                st.caption(plain(text))
        if len(found.table):
            st.subheader("Every behaviour")
            st.dataframe(
                drawn("drivers table", (repr(spec), found.data_version), lambda: _table(found)),
                hide_index=True, height=min(38 + 35 * len(found.table), 388),
                alt="Every behaviour of the first days against being active later",
                column_config={"Did it": st.column_config.NumberColumn(format="localized")},
            )  # fmt: skip
            st.caption(
                "Lift: how many times as likely those who did it are to be active later. Phi: the strength of the"
                " association, from −1 to 1. Of those who stayed: the share who had done it (sensitivity). Of those who"
                " left: the share who had not (specificity). Corrected p: the chance of seeing this much by luck, with the"
                " Benjamini–Hochberg correction for all rows; below 0.05 the table says something."
            )
            download(
                "the drivers", "drivers", lambda fmt: table_bytes(found.table, fmt, sheet="drivers"), key="drivers"
            )
        definition_panel(definition(spec, catalogue()), "drivers_definition")
        if len(found.table):
            _users(controls, found)


def _picture(found: Drivers) -> None:
    dark = is_dark()
    figure = drawn("lift dots", (repr(found.spec), dark, found.data_version), lambda: lift_dots(found, is_dark=dark))
    chart(
        figure, alt=f"Lift of each early behaviour with its 95 % interval. {finding(found).headline}", key="lift_dots",
        file_name="drivers", is_clickable=True,
    )  # fmt: skip
    more = (
        f"; the {SHOWN} strongest of {found.table['event'].nunique()}" if found.table["event"].nunique() > SHOWN else ""
    )
    later = days_words(found.spec)[1]
    st.caption(
        f"Each event at the number of times that separates the most{more}; the line is the 95 % interval, 1× means"
        f" no difference. {found.n_users:,} users, of whom {percent(found.n_retained / found.n_users)} were active on {later}."
    )


def _table(found: Drivers) -> pd.DataFrame:
    rows = found.table

    def shares(name: str) -> list[str]:
        return [
            "" if pd.isna(r) else f"{percent(r)} ({interval(a, b)})"
            for r, a, b in zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
        ]

    def ratio(value: float, low: float, high: float) -> str:
        return "" if pd.isna(value) else f"{ratio_words(value)} ({ratio_words(low)} to {ratio_words(high)})"

    def signed(row: object) -> str:
        value, low, high = (getattr(row, name) for name in ("phi", "phi_low", "phi_high"))
        if pd.isna(value):
            return ""
        bounds = "" if pd.isna(low) else f" ({low:+.2f} to {high:+.2f})"
        return f"{value:+.2f}{bounds}".replace("-", "−")

    return pd.DataFrame(
        {
            "Behaviour": [f"{r.event} {times_words(r.n)}" for r in rows.itertuples()],
            "Says": [SAYS_WORDS[says] for says in rows["says"]],
            "Did it": rows["did_retained"] + rows["did_lost"],
            "Of them active later": shares("rate_did"),
            "Of the others": shares("rate_not"),
            "Lift": [ratio(r.lift, r.lift_low, r.lift_high) for r in rows.itertuples()],
            "Phi": [signed(r) for r in rows.itertuples()],
            "Corrected p": ["< 0.001" if p < 0.001 else f"{p:.3f}" for p in rows["p_adjusted"]],
            "Stayers who did": shares("sensitivity"),
            "Leavers who did not": shares("specificity"),
            "Lost of those who did not": shares("npv"),
        }
    )


def _users(controls: Controls, found: Drivers) -> None:
    st.subheader("Who are they?")
    one, two = st.columns(2)
    options = {driver_key(r.event, r.n): f"{r.event} {times_words(r.n)}" for r in found.table.itertuples()}
    picked = controls.pick("driver", options, "List the users of a behaviour", charts=("lift_dots",), at=one)
    if picked is None:
        return
    which = controls.choice("who", list(LISTS), "did", "Those who", words=LISTS, at=two) or "did"
    place = list(options).index(picked)
    st.markdown(plain(row_words(found, place)))
    n, event = picked.split(".", 1)
    kept = {"kept": True, "lost": False}.get(which.partition(" ")[2])
    cell = DriverUsersSpec(
        drivers=found.spec, event=event, n=int(n), has_done=which.startswith("did"), is_retained=kept
    )
    members_panel(cell, f"{LISTS[which]}: {options[picked]} in {days_words(found.spec)[0]}", key="driver_members")
