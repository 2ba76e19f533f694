"""The parts of the Overview page."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Literal

import pandas as pd
import streamlit as st

from retention.alerts.answer import alert_readings
from retention.audiences.export import table_bytes
from retention.cohorts.chart_look import GROUPS
from retention.cohorts.words import label_caution
from retention.headlines.answer import headlines
from retention.headlines.answer_curves import retention_against_last_year
from retention.headlines.answer_explain import explain, usual_breakdown
from retention.headlines.answer_quiet import quiet_users
from retention.headlines.chart import parts_alt, parts_chart, year_curves_alt, year_curves_chart
from retention.headlines.curves import YearCurves
from retention.headlines.decompose import Explanation
from retention.headlines.figures import Headline, Headlines
from retention.headlines.quiet import QuietUsers, quiet_definition
from retention.headlines.spec import METRICS, RATES, CurvesSpec, ExplainSpec, HeadlinesSpec, QuietSpec
from retention.headlines.words import (
    basis_words,
    before_words,
    definition,
    explain_definition,
    finding,
    interval_words,
    signed,
    span_words,
    verdict_of,
    written,
)
from retention.ingest.answer import DataStatus, data_status
from retention.lifecycle.answer import user_lifecycle
from retention.lifecycle.chart import lifecycle_alt, lifecycle_bars
from retention.lifecycle.spec import LifecycleSpec
from retention.lifecycle.words import lifecycle_definition
from retention.lifecycle.words import verdict as lifecycle_verdict
from retention.periods import date_of, local_day
from retention.ui.annotations import annotated
from retention.ui.answers import answer, answer_at, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import caution, link_to, section
from retention.ui.sparkline import sparkline
from retention.ui.starting import store
from retention.ui.words import day, many, plain

WEEKS = {"1": "1 week", "4": "4 weeks", "8": "8 weeks", "13": "13 weeks"}
PER_ROW = 5
LIFECYCLE = LifecycleSpec(period="week", last=26)
TOLD = ("active-users", "quick-ratio", "week-4-retention", "lapse-rate", "net-revenue-retention")
"""The numbers of which the findings speak, where they are known."""


def warm() -> None:
    """Answer what the page asks without an address, so that its first visitor does not wait."""
    version = store().catalogue().data_version
    answer_at(version, data_status)
    answer_at(version, headlines, HeadlinesSpec())
    answer_at(version, alert_readings)
    curves = answer_at(version, retention_against_last_year, CurvesSpec())
    year_curves_chart(curves)
    lifecycle_bars(answer_at(version, user_lifecycle, LIFECYCLE))
    answer_at(version, quiet_users, QuietSpec())
    by = answer_at(version, usual_breakdown)
    answer_at(version, explain, ExplainSpec(metric=RATES[1], by=by))


def headline_panel(controls: Controls) -> Headlines:
    """Show the headline numbers with their history and what changed."""
    freshness()
    weeks = controls.pills(
        "weeks", list(WEEKS), "4", "Compare the latest", words=WEEKS,
        help="With as many weeks before them. Only weeks that are complete and touch no gap are counted.",
    )  # fmt: skip
    found = answer(headlines, HeadlinesSpec(weeks=int(weeks)))
    with st.container(key="kpis"):
        for start in range(0, len(found.items), PER_ROW):
            columns = st.columns(PER_ROW)
            for column, item in zip(columns, found.items[start : start + PER_ROW], strict=False):
                with column, st.container(border=True, height="stretch"):
                    _card(item, found)
    return found


def freshness() -> None:
    """Say what the numbers rest on: how much, until when, what is missing, what was rejected."""
    status = answer(data_status)
    said = drawn("freshness", (status.data_version,), lambda: freshness_words(status))
    with st.container(key="freshness"):
        _told(said, "data")


def freshness_words(status: DataStatus) -> str:
    """Write what the store holds in a sentence or two."""
    zone = status.settings.timezone
    reach = ""
    if status.first_us is not None and status.last_us is not None:
        reach = (
            f" from {day(date_of(local_day(status.first_us, zone)))} to {day(date_of(local_day(status.last_us, zone)))}"
        )
    gaps = many(len(status.gaps), "gap") if len(status.gaps) else "no gap"
    suspected = f", {many(len(status.suspected), 'day')} suspected" if len(status.suspected) else ""
    n_rejected, n_rows = (int(status.imports[c].sum()) for c in ("n_rejected", "n_records"))
    rejected = f"{n_rejected:,} of {many(n_rows, 'row')} rejected" if n_rows else "no file imported"
    return (
        f"{many(status.n_users, 'user')} and {many(status.n_events, 'event')}{reach}; {gaps} marked as missing{suspected};"
        f" {rejected}."
    )


Colour = Literal["normal", "inverse", "off", "blue"]


def _card(item: Headline, found: Headlines) -> None:
    metric, n_weeks = item.metric, found.spec.weeks
    said = definition(metric, found.clock, churn_window=found.churn_window, n_weeks=n_weeks)
    if item.now is None:
        st.metric(metric.label, "—", help=plain(said))
        st.caption(plain(item.reason))
        return
    delta, colour, arrow = None, "off", "off"
    if item.change is not None:
        delta = signed(item.change, item.change.difference)
        if item.change.says != "cannot tell":
            colour = {True: "normal", False: "inverse", None: "blue"}[metric.is_better_high]
            arrow = "up" if item.change.difference > 0 else "down"
    st.metric(
        metric.label,
        written(item.now.value, metric.unit),
        delta,
        delta_color=colour,  # type: ignore[arg-type]
        delta_arrow=arrow,  # type: ignore[arg-type]
        help=plain(said),
    )
    key = (metric.name, n_weeks, found.data_version, is_dark())
    if svg := drawn(
        "sparkline", key, lambda: sparkline(item.history["value"], GROUPS[is_dark()][0], _history_words(item))
    ):
        st.html(svg)
    if item.change is None:
        st.caption(plain(item.reason))
    else:
        st.caption(f"**{item.change.says.capitalize()}** vs {before_words(n_weeks)} ({span_words(item.change)})")
    st.caption(plain(f"95 %: {interval_words(item.now, metric.unit)} · {basis_words(item)}"))


def _history_words(item: Headline) -> str:
    """Say what a sparkline shows to somebody who does not see it."""
    known = item.history.dropna(subset=["value"])
    if known.empty:
        return ""
    unit = item.metric.unit
    return (
        f"{item.metric.label} from {day(known['from_on'].iloc[0])} to {day(known['to_on'].iloc[-1])}: lowest"
        f" {written(known['value'].min(), unit)}, highest {written(known['value'].max(), unit)}, last"
        f" {written(known['value'].iloc[-1], unit)}"
    )


def findings_panel(found: Headlines) -> None:
    """Say in a few sentences what the numbers allow to say, each beside the page that shows it."""
    told = [
        (finding(item, found.spec.weeks, is_short=True), item.metric)
        for item in found.items
        if item.metric.name in TOLD
    ]
    told = [(said, metric) for said, metric in told if said]
    with st.container(key="findings"):
        st.header("In short")
        if not told:
            st.markdown("There are not enough complete weeks yet to say anything.")
        for said, metric in told:
            _told(said, metric.page, **dict(part.split("=") for part in metric.address.split("&") if part))
        curves = answer(retention_against_last_year, CurvesSpec())
        if curves.before is not None:
            _told(curves.sentence, "cohorts", period="week")


def _told(said: str, page: str, **address: str) -> None:
    """Write a sentence beside the link to the page that shows it."""
    one, two = st.columns([8, 1], vertical_alignment="center")
    one.markdown(plain(said))
    with two:
        link_to(page, page.capitalize(), **address)


def _more(page: str, label: str, **address: str) -> None:
    """Link to the page that shows more."""
    with st.container(key=f"more_{page}"):
        link_to(page, label, **address)


def lifecycle_panel() -> None:
    """Show who was new, came back and fell silent in each week."""
    with section("Is the base growing?", "Who was new, came back or fell silent, week by week?"):
        found = answer(user_lifecycle, LIFECYCLE)
        said = drawn("lifecycle verdict", (repr(found.spec), found.data_version), lambda: lifecycle_verdict(found))
        with st.container(key="lifecycle_verdict"):
            st.markdown(f"**{plain(said.headline)}** {plain(said.detail)}")
        key = (repr(found.spec), found.data_version, is_dark())
        figure = drawn("overview lifecycle", key, lambda: lifecycle_bars(found, is_dark=is_dark()))
        chart(annotated(figure), alt=lifecycle_alt(found), key="overview_lifecycle", file_name="lifecycle-weeks")
        st.caption(plain(lifecycle_definition(found.spec, catalogue())))
        _more("growth", "More, and the users behind each bar")


def year_panel() -> None:
    """Show the curve of the latest cohorts beside that of the year before."""
    question = "Do users who started lately come back as much as those of the same weeks a year before?"
    with section("Retention against the year before", question):
        curves = answer(retention_against_last_year, CurvesSpec())
        with st.container(key="year_verdict"):
            st.markdown(plain(curves.sentence))
        if curves.now is None:
            return
        key = (repr(curves.spec), curves.data_version, is_dark())
        figure = drawn("year curves", key, lambda: year_curves_chart(curves, is_dark=is_dark()))
        chart(figure, alt=year_curves_alt(curves), key="year_curves", file_name="retention-year-before")
        st.caption(_year_words(curves))
        twin = st.expander("As a table", key="year_table", on_change="rerun")
        if twin.open:
            with twin:
                table = drawn("year table", key[:2], lambda: _year_table(curves))
                st.dataframe(table, hide_index=True, alt="Retention by week of both years")
                download(
                    "the two curves",
                    "retention-year-before",
                    lambda fmt: table_bytes(curves.frame, fmt),
                    key="year_files",
                )
        _more("cohorts", "All cohorts", period="week", horizon=str(curves.spec.horizon))


def _year_words(curves: YearCurves) -> str:
    n = len(curves.now.weeks) if curves.now else 0
    return plain(
        f"Pooled over the latest {n} weekly cohorts that are mature up to week {curves.spec.horizon} and touch no gap, and"
        " over those of them that began 52 weeks earlier. Shares of the users who started, with Wilson's 95 % intervals;"
        " weeks compared by Newcombe's interval, corrected by Benjamini–Hochberg."
    )


def _year_table(curves: YearCurves) -> pd.DataFrame:
    frame = curves.frame
    table = pd.DataFrame({"Week": frame["age"]})
    for name, suffix in (("latest", "now"), ("year before", "before")):
        table[f"Users, {name}"] = frame[f"n_{suffix}"]
        table[f"Active, {name}"] = [
            f"{r:.1%} ({a * 100:.1f}–{b * 100:.1f} %)" if isfinite(r) else ""
            for r, a, b in zip(frame[f"rate_{suffix}"], frame[f"low_{suffix}"], frame[f"high_{suffix}"], strict=True)
        ]
    return table.assign(Latest=frame["says"]).rename(columns={"Latest": "The latest is"})


def quiet_panel(controls: Controls) -> None:
    """Show what stands to be lost, and whose it is."""
    with section("Value at risk", "Who has gone quiet in a way they never did before, and what did they spend?"):
        found = answer(quiet_users, QuietSpec())
        with st.container(key="quiet_kpis"):
            one, two, three = st.columns([1, 1, 2], vertical_alignment="center")
            with one, st.container(border=True):
                st.metric("Users quiet longer than ever", f"{found.n_users:,}")
            with two, st.container(border=True):
                st.metric("They spent in 12 months", "—" if found.net is None else written(found.net, "money"))
            three.caption(plain(quiet_words(found)))
        if found.n_users and controls.flag("quiet", f"List the {many(found.n_users, 'user')}"):
            members_panel(
                found.spec,
                "quiet for longer than ever before, and not lapsed",
                note=quiet_definition(found.spec, found.churn_window),
                key="quiet_members",
            )


def quiet_words(found: QuietUsers) -> str:
    """Say what the value at risk is, and what it is not."""
    money = (
        f"Their revenue, net of refunds, of the {found.spec.value_days} days before the end of the data;"
        f" {found.n_buyers:,} of them bought. It is what they spent, not a forecast of what will be lost."
        if found.net is not None
        else "The store knows no order, so there is no money to show."
    )
    return f"{quiet_definition(found.spec, found.churn_window)} {money}"


def explain_panel(controls: Controls, n_weeks: int) -> None:
    """Split the change of a headline rate by a property of the users."""
    question = "How much of a change goes with who was there, and how much with how each group did?"
    with section("Why did it move?", question):
        names = list(catalogue().attributes)
        one, two, three, four = st.columns(4)
        metric = controls.choice(
            "metric", RATES, RATES[1], "Headline rate", words={n: METRICS[n].label for n in RATES}, at=one
        )
        by = controls.choice(
            "split", names, answer(usual_breakdown), "Split by", at=two, is_optional=True,
            help="The value that each user had at the first activity, never a later one.",
        )  # fmt: skip
        from_on = controls.day("from", "Earlier window from", at=three, help="A day of its first week.")
        to_on = controls.day("to", "Later window from", at=four, help="Leave both empty for the latest windows.")
        caution(label_caution((), by, catalogue(), from_on))
        spec = ExplainSpec(metric=metric or RATES[1], by=by, from_on=from_on, to_on=to_on, weeks=n_weeks)
        found = answer(explain, spec)
        key = (repr(spec), found.data_version, is_dark())
        with st.container(key="explain_verdict"):
            st.markdown(plain(drawn("explained", key[:2], lambda: verdict_of(found))))
        figure = drawn("parts", key, lambda: parts_chart(found, is_dark=is_dark()))
        chart(figure, alt=parts_alt(found), key="parts", file_name=f"change-{spec.metric}")
        st.caption(plain(explain_definition(found)))
        twin = st.expander("As a table", key="parts_table", on_change="rerun")
        if twin.open:
            with twin:
                table = drawn("parts table", key[:2], lambda: _parts_table(found))
                st.dataframe(table, hide_index=True, alt="Contribution of each group to the change")
                download(
                    "the split",
                    f"change-{spec.metric}",
                    lambda fmt: table_bytes(found.split.groups, fmt),
                    key="parts_files",
                )


def _parts_table(found: Explanation) -> pd.DataFrame:
    groups = found.split.groups

    def shares(column: str) -> Sequence[str]:
        return [f"{v:.1%}" if isfinite(v) else "" for v in groups[column]]

    def points(column: str) -> Sequence[float]:
        return [round(v * 100, 2) for v in groups[column]]

    return pd.DataFrame(
        {
            found.by: groups["group"],
            "Users before": groups["n_from"],
            "Share before": shares("share_from"),
            "Rate before": shares("rate_from"),
            "Users after": groups["n_to"],
            "Share after": shares("share_to"),
            "Rate after": shares("rate_to"),
            "Mix, points": points("mix"),
            "Within, points": points("within"),
            "Together, points": points("total"),
            "Its rate is": groups["says"],
        }
    )
