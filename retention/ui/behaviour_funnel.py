"""Funnels on the Behaviour page: which steps users take, where they are lost, and who they are."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.behaviour.answer_funnel import funnel
from retention.behaviour.chart_funnel import funnel_bars
from retention.behaviour.funnel import Funnel
from retention.behaviour.spec_funnel import (
    MAX_STEPS,
    FunnelSpec,
    FunnelUsersSpec,
    StepKind,
    length_text,
    length_words,
    parse_steps,
    parse_within,
)
from retention.behaviour.words_funnel import comparison, definition, duration_words, finding, left_out
from retention.cohorts.spec import Condition
from retention.cohorts.words import interval, percent
from retention.errors import SpecError
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import definition_panel, twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

USUAL_STEPS = ("visit", "view_item", "add_to_cart", "checkout", "purchase")
MAX_GROUPS = 4


def funnel_panel(controls: Controls) -> None:
    """Show how many users take some steps in order, where they are lost, and how long they need."""
    with section("Funnel", "How many users take these steps, one after another and in time?"):
        where, by = controls.population()
        spec = _asked(controls, where, by)
        found = answer(funnel, spec)
        said = finding(found)
        verdict(said.headline, said.detail)
        groups: tuple[str, ...] = ()
        if found.groups:
            groups = controls.many(
                "funnel_groups",
                found.groups,
                tuple(found.groups[:MAX_GROUPS]),
                plain(f"Groups of {by}"),
                most=MAX_GROUPS,
            )
        if found.counts()[0]:
            _picture(found, groups)
            if text := comparison(found):
                st.markdown(plain(text))
        if text := left_out(found):
            st.caption(plain(text))
        if found.counts()[0]:
            st.subheader("Step by step")
            st.dataframe(
                drawn("funnel table", (repr(spec), found.data_version), lambda: _table(found)),
                hide_index=True,
                height="auto",
                placeholder="",
                alt="Users, conversion and time of each step of the funnel",
                column_config={
                    name: st.column_config.NumberColumn(format="localized") for name in ("Users", "Lost after it")
                },
            )
            st.caption(
                "“From the step before” and “from the first step” are shares of the users who took that step; the time"
                " is from the step before: half of the users who took the step needed no more than the median, and the"
                " middle half needed from – to."
            )
            if found.groups:
                twin(_group_table(found), "The funnel of each group", "funnel_group_table")
            download("the funnel", "funnel", lambda fmt: table_bytes(_file(found), fmt, sheet="funnel"), key="funnel")
        definition_panel(definition(spec, catalogue()), "funnel_definition")
        if found.counts()[0]:
            _users(controls, found)


def _asked(controls: Controls, where: tuple[Condition, ...], by: str | None) -> FunnelSpec:
    events = list(catalogue().events)
    usual = tuple(name for name in USUAL_STEPS if name in events)
    one, two = st.columns([3, 1])
    steps = controls.many(
        "steps", events, usual if len(usual) > 1 else tuple(events[:3]), "Steps, in the order you choose them",
        most=MAX_STEPS, at=one, help="Users may do other things in between.",
    )  # fmt: skip
    within = controls.text(
        "within", "Time allowed", default="7d", at=two,
        help="From a user's first step to the last: 90m, 36h, 7d or 4w.",
    )  # fmt: skip
    one, two, three = st.columns([2, 1, 1])
    typed = controls.text(
        "typed", "Or type the steps", at=one,
        help="Commas between steps; a bar where one of several events will do; an event may come twice:"
        " visit, search|view_item, purchase, purchase. Goes before the steps chosen above.",
    )  # fmt: skip
    from_on = controls.day("from", "First steps from", at=two)
    to_on = controls.day("to", "First steps before", at=three)
    if not typed.strip() and len(steps) < 2:
        raise SpecError("A funnel needs at least two steps.", hint="Choose them in order.")
    return FunnelSpec(
        steps=parse_steps(typed) if typed.strip() else tuple((name,) for name in steps),
        within_us=parse_within(within),
        where=where,
        by=by,
        from_on=from_on,
        to_on=to_on,
    )


def _picture(found: Funnel, groups: tuple[str, ...]) -> None:
    dark = is_dark()
    figure = drawn(
        "funnel bars",
        (repr(found.spec), groups, dark, found.data_version),
        lambda: funnel_bars(found, groups, is_dark=dark),
    )
    steps = "; ".join(f"{row.events} {row.n_users:,}" for row in found.of().itertuples())
    chart(
        figure, alt=f"Funnel within {length_words(found.spec.within_us)}, users at each step: {steps}.",
        key="funnel_bars", file_name="funnel", is_clickable=True,
    )  # fmt: skip
    st.caption(
        f"Of {found.counts()[0]:,} users who took the first step and could be watched for"
        f" {length_words(found.spec.within_us)}. The thin line is the 95 % interval."
    )


def _table(found: Funnel) -> pd.DataFrame:
    rows = found.of()

    def share(rate: float, low: float, high: float) -> str:
        return "" if pd.isna(rate) else f"{percent(rate)} ({interval(low, high)})"

    return pd.DataFrame(
        {
            "Step": [f"{row.step} {row.events}" for row in rows.itertuples()],
            "Users": rows["n_users"],
            "From the step before": [
                share(r.from_previous, r.from_previous_low, r.from_previous_high) for r in rows.itertuples()
            ],
            "From the first step": [
                share(r.from_first, r.from_first_low, r.from_first_high) for r in rows.itertuples()
            ],
            "Lost after it": [None if pd.isna(n) else int(n) for n in rows["n_dropped"]],
            "Median time": [duration_words(s) for s in rows["median_s"]],
            "Middle half": [
                "" if pd.isna(r.quarter_s) else f"{duration_words(r.quarter_s)} – {duration_words(r.three_quarters_s)}"
                for r in rows.itertuples()
            ],
        }
    ).astype({"Lost after it": "Int64"})


def _group_table(found: Funnel) -> pd.DataFrame:
    rows = found.steps[found.steps["group"].notna()]
    return pd.DataFrame(
        {
            str(found.spec.by): rows["group"],
            "Step": [f"{row.step} {row.events}" for row in rows.itertuples()],
            "Users": rows["n_users"],
            "From the first step": ["" if pd.isna(r) else percent(r) for r in rows["from_first"]],
            "95 % interval": [
                "" if pd.isna(low) else interval(low, high)
                for low, high in zip(rows["from_first_low"], rows["from_first_high"], strict=True)
            ],
        }
    )


def _file(found: Funnel) -> pd.DataFrame:
    rows = found.steps.assign(within=length_text(found.spec.within_us))
    return rows if found.spec.by else rows.drop(columns=["group"])


def _users(controls: Controls, found: Funnel) -> None:
    st.subheader("Who are they?")
    options: dict[str, str] = {}
    rows = list(found.of().itertuples())
    for row in rows:
        options[str(row.step)] = f"Reached step {row.step}, {row.events} ({row.n_users:,})"
    for row in rows[:-1]:
        options[f"lost {row.step}"] = f"Lost after step {row.step}, {row.events} ({int(row.n_dropped):,})"
    picked = controls.pick("step", options, "List the users of a step", charts=("funnel_bars",))
    if picked is None:
        return
    group = None
    if found.groups:
        group = controls.choice("step_group", found.groups, None, plain(f"Only {found.spec.by}"), is_optional=True)
    kind: StepKind = "dropped" if picked.startswith("lost") else "reached"
    step = int(picked.split()[-1])
    what = f"lost after step {step}" if kind == "dropped" else f"reached step {step}"
    title = f"{what}, {rows[step - 1].events}" + (f", {found.spec.by} {group}" if group else "")
    members_panel(FunnelUsersSpec(funnel=found.spec, step=step, kind=kind, group=group), title, key="funnel_members")
