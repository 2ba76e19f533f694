"""The Survival page: what ends a life, the curves, and the tabs beneath them."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.words import interval, label_caution, percent
from retention.survival.answer import explain_survival, survival_curves
from retention.survival.chart import survival_alt, survival_figure, ticks
from retention.survival.curve import SurvivalCurves
from retention.survival.spec import (
    ENDS,
    FIRST_EVENT,
    FIRST_MONTH,
    MAX_DAYS,
    STATES,
    State,
    SurvivalListSpec,
    SurvivalSpec,
)
from retention.survival.words import days, definition, gap_note, mean_words, median_words, verdict
from retention.ui.answers import answer, answer_at, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import caution, section
from retention.ui.starting import store
from retention.ui.survival_clv import clv_panel
from retention.ui.survival_models import cox_panel, hazard_panel, laws_panel, reconcile_panel
from retention.ui.words import day, moment, plain

PAGE = "survival"
TABS = (
    "How long they stay",
    "When they lapse",
    "What goes with it",
    "Laws of lifetime",
    "Grid and curve",
    "Customer value",
)
ENDS_WORDS = {"first lapse": "First lapse", "last activity": "Last activity"}
STATE_WORDS = {
    "lapsed": "lapsed",
    "still active": "not known to have lapsed",
    "left out": "too recent to be judged",
    "gone before": "lapsed before the follow-up",
}
NAMES = {FIRST_EVENT: "First event", FIRST_MONTH: "First month (cohort)"}


def warm() -> None:
    """Answer what the page asks without an address, so that its first visitor does not wait."""
    survival_figure(answer_at(store().catalogue().data_version, survival_curves, SurvivalSpec()))


def survival_controls() -> tuple[Controls, SurvivalSpec]:
    """Draw the switches and return what they ask."""
    controls = Controls(PAGE)
    known = catalogue()
    known.require_clock()
    kinds = tuple(known.events)
    setting = int(known.settings.churn_window)
    with st.container(key="survival_controls"):
        one, two, three = st.columns([1.2, 1, 1.4])
        ends = controls.pills(
            "ends", ENDS, "first lapse", "What ends a life", words=ENDS_WORDS, at=one,
            help="First lapse: the first silence that is long enough, even if the user came back later."
            " Last activity: a return takes the lapse back.",
        )  # fmt: skip
        window = controls.number(
            "window", 1, MAX_DAYS, setting, "Days of silence that count", at=two,
            help=f"The store's setting is {setting}; the Behaviour page shows which window suits your data.",
        )  # fmt: skip
        names = [FIRST_EVENT, FIRST_MONTH, *(name for name in known.attributes if name not in NAMES)]
        by = controls.choice(
            "by", names, None, "Break down by", words=NAMES, at=three, is_optional=True,
            help="What each user did or was at the start, never later.",
        )  # fmt: skip
        where, _ = controls.population(has_by=False)
        with st.expander("More switches: what counts as activity, late entry, horizon", key="survival_more"):
            one, two = st.columns(2)
            events = controls.many(
                "events", kinds, (), "What keeps a user active", placeholder="Any activity", at=one,
                help="A silence is a stretch without any of these.",
            )  # fmt: skip
            start = controls.many(
                "start", kinds, (), "Where a life begins", placeholder="The first of those events", at=two
            )
            one, two, three = st.columns(3)
            entry_on = controls.day(
                "entry_on", "Follow users from", at=one,
                help="Users who started earlier join late, at the age they had reached, and only if still active"
                " then (left truncation). Use it when the world before that day was another one.",
            )  # fmt: skip
            horizon = controls.number(
                "horizon", 0, MAX_DAYS, 0, "Mean stay within so many days", at=two,
                help="0: as far as every group is well observed.",
            )  # fmt: skip
            groups = controls.number("groups", 2, 20, 8, "Show the largest groups, at most", at=three)
    controls.complain()
    caution(label_caution((), by, known, entry_on))
    spec = SurvivalSpec(
        ends=ends,  # type: ignore[arg-type]
        window=None if window == setting else window,
        events=events,
        start=start,
        where=where,
        by=by,
        entry_on=entry_on,
        horizon=horizon or None,
        max_groups=groups,
    )
    return controls, spec


def survival_tabs(controls: Controls, spec: SurvivalSpec) -> None:
    """Draw the tab that is open."""
    parts = (
        partial(curves_panel, controls, spec),
        partial(hazard_panel, controls, spec),
        partial(cox_panel, controls, spec),
        partial(laws_panel, controls, spec),
        partial(reconcile_panel, controls, spec),
        partial(clv_panel, controls, spec.where),
    )
    for tab, draw in zip(controls.tabs("view", TABS), parts, strict=True):
        if tab.open:
            with tab:
                draw()


def curves_panel(controls: Controls, spec: SurvivalSpec) -> None:
    """Draw the curves with what they say, the comparison of the groups, and the users behind them."""
    with section("Survival curves", "Which share of the users is still active so many days after the start?"):
        curves = answer(survival_curves, spec)
        headline, detail = verdict(curves)
        with st.container(key="verdict"):
            st.markdown(f"**{plain(headline)}**")
            st.markdown(plain(detail))
        key = (repr(spec), curves.data_version, is_dark())
        as_chart, as_table = st.tabs(["Chart", "Table"], key="survival_twin", on_change="rerun")
        if as_table.open:
            with as_table:
                _twin(curves)
        else:
            with as_chart:
                figure = drawn("survival", key, lambda: survival_figure(curves, is_dark=is_dark()))
                chart(figure, alt=survival_alt(curves), key="survival_chart", file_name="survival")
        st.caption(plain(_caption(curves)))
        _summary(curves)
        if len(curves.comparisons):
            _comparisons(curves)
        _members(controls, curves)
        _definition(curves)


def _caption(curves: SurvivalCurves) -> str:
    n = sum(group.n for group in curves.groups)
    parts = [
        f"{n:,} users who started by {day(curves.last_known_on)}; data complete up to"
        f" {moment(curves.as_of_us, curves.clock.timezone)}; a lapse is {days(float(curves.window_days))} of silence."
        " The bands are 95 % intervals."
    ]
    if curves.merged:
        parts.append(
            f"“(other)” holds {len(curves.merged)} smaller values of {curves.spec.by}:"
            f" {', '.join(curves.merged[:8])}{' …' if len(curves.merged) > 8 else ''}."
        )
    parts += [f"{group.name}: {group.note}" for group in curves.groups if group.note]
    if note := gap_note(curves):
        parts.append(note)
    return " ".join(parts)


def _summary(curves: SurvivalCurves) -> None:
    has_late = curves.spec.entry_on is not None
    rows = []
    for group in curves.groups:
        row: dict[str, object] = {
            "Group": group.name,
            "Users": group.n,
            "Lapsed": group.observed,
            "Still active": group.censored,
            "Too recent": group.left_out,
        }
        if has_late:
            row["Lapsed before"] = group.gone_before
        row["Half have lapsed after"] = median_words(group) if group.n else ""
        row[f"Mean stay within {curves.horizon_days:,} days"] = mean_words(group) if group.n else ""
        rows.append(row)
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        alt="Users, median and mean stay of each group with 95 % intervals",
        column_config={
            name: st.column_config.NumberColumn(format="localized")
            for name in ("Users", "Lapsed", "Still active", "Too recent", "Lapsed before")
        },
    )


def _twin(curves: SurvivalCurves) -> None:
    table = drawn("survival twin", (repr(curves.spec), curves.data_version), lambda: _twin_frame(curves))
    st.dataframe(table, hide_index=True, height=320, alt="The survival curves as a table")
    download(
        "the curves, every day",
        "survival",
        lambda fmt: table_bytes(_curve_frame(curves), fmt, sheet="survival"),
        key="survival",
    )


def _twin_frame(curves: SurvivalCurves) -> pd.DataFrame:
    ages = _ages(max((group.last_age for group in curves.groups), default=0))
    rows = []
    for group in curves.groups:
        if not group.n:
            continue
        for age, n in zip(ages, group.at_risk(ages), strict=True):
            share, low, high = group.at(age)
            if age > group.last_age:
                break
            lapsed = int(group.curve.loc[group.curve["t"] <= age, "events"].sum())
            rows.append(
                {
                    "Group": group.name,
                    "Day": age,
                    "Under observation": n,
                    "Lapsed so far": lapsed,
                    "Still active": percent(share),
                    "95 % interval": "" if pd.isna(low) else interval(low, high),
                }
            )
    return pd.DataFrame(rows[:500])


def _ages(last: int) -> list[int]:
    at = ticks(last)
    step = max((at[1] if len(at) > 1 else 1) // 4, 1)
    return list(range(0, last + 1, step))


def _curve_frame(curves: SurvivalCurves) -> pd.DataFrame:
    parts = [group.curve.assign(group=group.name) for group in curves.groups if group.n]
    frame = pd.concat(parts, ignore_index=True)
    return frame[["group", *(name for name in frame.columns if name != "group")]]


def _comparisons(curves: SurvivalCurves) -> None:
    st.subheader("Do the groups differ?")
    found = curves.comparisons
    shown = found.sort_values("p_adjusted", kind="stable").head(100)
    st.dataframe(
        pd.DataFrame(
            {
                "Group": shown["first"],
                "stays": shown["says"],
                "than": shown["second"],
                "p (corrected)": ["" if pd.isna(p) else f"{p:.2g}" for p in shown["p_adjusted"]],
            }
        ),
        hide_index=True,
        height=min(38 + 35 * len(shown), 318),
        alt="Every pair of groups compared",
    )
    n = len(found)
    st.caption(
        f"Log-rank test of the whole curves; {n} comparison{'' if n == 1 else 's at once, Benjamini–Hochberg corrected'}."
        " “Longer” and “shorter” only below 0.05. Groups with fewer than 20 users are not compared."
    )


def _members(controls: Controls, curves: SurvivalCurves) -> None:
    options: dict[str, str] = {}
    meant: dict[str, tuple[State, str | None]] = {}
    for i, group in enumerate(curves.groups):
        counts = (group.observed, group.censored, group.left_out, group.gone_before)
        for state, n in zip(STATES, counts, strict=True):
            if n:
                value = f"{i}.{state.replace(' ', '-')}"
                options[value] = f"{group.name}: {n:,} {STATE_WORDS[state]}"
                meant[value] = state, group.group
    st.subheader("Who are they?")
    picked = controls.pick("users", options, "List the users")
    if picked:
        chosen, name = meant[picked]
        spec = SurvivalListSpec(survival=curves.spec, state=chosen, group=name)
        who = "" if name is None else f", {curves.spec.by} {name}"
        members_panel(spec, f"{STATE_WORDS[chosen]}{who}", key="survival_members")


def _definition(curves: SurvivalCurves) -> None:
    panel = st.expander("What these numbers mean: definition, SQL", key="survival_definition", on_change="rerun")
    if panel.open:
        with panel:
            st.markdown(plain(definition(curves.spec, catalogue())))
            st.markdown(
                "The share still active is Kaplan and Meier's estimate; its band is Greenwood's on the log(−log) scale."
                " Under observation on a day are all who can still be seen to lapse on it. The mean stay is the area"
                f" under the curve over {curves.horizon_days:,} days. Days are those of {plain(curves.clock.timezone)};"
                f" {day(curves.last_known_on)} is the last on which everybody's status is known."
            )
            st.code(answer(explain_survival, curves.spec), language="sql", wrap_lines=False, height=320)
