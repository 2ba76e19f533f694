"""The Growth page: daily, weekly and monthly users, and on how many days they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from retention.cohorts.words import interval, percent
from retention.lifecycle.answer import (
    active_days_frame,
    stickiness_frame,
    user_active_days,
    user_lifecycle,
    user_stickiness,
)
from retention.lifecycle.chart_stickiness import (
    active_alt,
    active_days_alt,
    active_days_bars,
    active_lines,
    stickiness_line,
)
from retention.lifecycle.spec import (
    ActiveDaysCellSpec,
    ActiveDaysSpec,
    ActiveUsersSpec,
    LifecycleSpec,
    StickinessSpec,
)
from retention.lifecycle.stickiness import ActiveDays, Stickiness
from retention.lifecycle.words import (
    active_days_definition,
    active_days_title,
    active_days_verdict,
    active_users_title,
    period_label,
    stickiness_definition,
    stickiness_verdict,
)
from retention.periods import Period
from retention.ui.annotations import annotated
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.growth_parts import (
    MAX_TABLE,
    MOST_PICKED,
    PERIOD_WORDS,
    Who,
    events_control,
    group_control,
    mark,
    meaning,
    say,
    twin,
)
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

HOW_WORDS = {"exactly": "Exactly", "at least": "At least"}


# Daily, weekly, monthly ----------------------------------------------------------------------------------


def stickiness_panel(controls: Controls, who: Who) -> None:
    """Draw how much of the month's users a day sees: the lines, the share, their table and their users."""
    with section("Daily, weekly and monthly users", "How large a part of the month's users is there on a day?"):
        where, by = who
        one, two, three = st.columns([2, 0.9, 0.9], vertical_alignment="bottom")
        events = events_control(controls, one)
        from_on = controls.day("from", "From", at=two, help="The first day shown; empty for the latest 182 days.")
        to_on = controls.day("to", "Before", at=three, help="The first day left out.")
        spec = StickinessSpec(events=events, where=where, by=by, from_on=from_on, to_on=to_on)
        found = answer(user_stickiness, spec)
        group = group_control(controls, found.groups, by)
        say(stickiness_verdict(found, group))
        place = (repr(spec), group, is_dark(), found.data_version)
        figure = drawn("active users", place, lambda: active_lines(found, is_dark=is_dark(), group=group))
        chart(
            annotated(figure), alt=active_alt(found, group), key="active_users", file_name="active-users",
            is_clickable=True,
        )  # fmt: skip
        st.caption(_day_marks(found, group))
        _active_list(controls, found, group)
        st.subheader("Stickiness")
        st.caption("The users of a day divided by the users of the 28 days that end with it, complete days only.")
        share = drawn("stickiness", place, lambda: stickiness_line(found, is_dark=is_dark(), group=group))
        chart(annotated(share), alt="Stickiness by day, with its average.", key="stickiness", file_name="stickiness")
        twin(
            drawn("stickiness table", place, lambda: _stickiness_rows(found, group)),
            "daily, weekly and monthly users", "stickiness_file", lambda: stickiness_frame(found),
        )  # fmt: skip
        if by is not None:
            _stickiness_by_group(found)
        meaning(stickiness_definition(spec, catalogue()), "stickiness_meaning", spec)


def _day_marks(found: Stickiness, group: str | None) -> str:
    rows = found.of(group)
    said = ["Click a point to list its users."]
    if rows["mau"].isna().any():
        said.append("The first 27 days of the data have no monthly users yet, the first 6 no weekly ones.")
    if rows["touches_gap"].any():
        said.append("Shaded: the day touches a stretch marked missing; a line is broken where its days do.")
    if (rows["state"] == "in_progress").any():
        said.append("The day in progress is in the table only.")
    return " ".join(said)


def _active_list(controls: Controls, found: Stickiness, group: str | None) -> None:
    rows = found.of(group).tail(MOST_PICKED).iloc[::-1]
    options = {}
    for row in rows.to_dict("records"):
        for name, window, words in (("dau", 1, "Daily"), ("wau", 7, "Weekly"), ("mau", 28, "Monthly")):
            if not pd.isna(row[name]):
                label = f"{words} users · {period_label(row['on'], 'day')} ({row[name]:,})"
                options[f"{row['on'].isoformat()}.{window}"] = label
    picked = controls.pick("day", options, "List the users of", charts=("active_users",))
    if picked is None:
        return
    on, _, width = picked.partition(".")
    asked = replace(found.spec, from_on=None, to_on=None, last=None)
    cell = ActiveUsersSpec(stickiness=asked, on=date.fromisoformat(on), window=int(width), group=group)
    members_panel(cell, active_users_title(cell))


def _stickiness_rows(found: Stickiness, group: str | None) -> pd.DataFrame:
    rows = found.of(group).iloc[::-1]
    return pd.DataFrame(
        {
            "Day": [
                on.isoformat() + mark(state, gap)
                for on, state, gap in zip(rows["on"], rows["state"], rows["touches_gap"], strict=True)
            ],
            "Daily": rows["dau"],
            "Weekly (7 days)": rows["wau"],
            "Monthly (28 days)": rows["mau"],
            "Stickiness": ["" if pd.isna(rate) else percent(rate) for rate in rows["rate"]],
        }
    )


def _stickiness_by_group(found: Stickiness) -> None:
    rows = found.summary[found.summary["group"].notna()].head(MAX_TABLE)
    if rows.empty:
        return
    st.subheader(plain(f"Stickiness by {found.spec.by}"))
    frame = pd.DataFrame(
        {
            str(found.spec.by): rows["group"],
            "Stickiness": ["" if pd.isna(rate) else percent(rate) for rate in rows["rate"]],
            "95 % interval": [
                "" if pd.isna(a) else interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)
            ],
            "Days": rows["n_days"],
        }
    )
    st.dataframe(frame, hide_index=True, height=min(38 + 35 * len(frame), 318), alt="Stickiness by group")


# Active days ---------------------------------------------------------------------------------------------


def active_days_panel(controls: Controls, who: Who) -> None:
    """Draw on how many days of a period its users were active, with the table and the users."""
    with section("Active days", "On how many days of a week or month do its users come?"):
        where, by = who
        one, two, three, four = st.columns([0.9, 1.4, 1.1, 1.1], vertical_alignment="bottom")
        period: Period = controls.pills("of", ["week", "month"], "month", "Period", words=PERIOD_WORDS, at=one)  # type: ignore[assignment]
        events = events_control(controls, two)
        shown = answer(user_lifecycle, LifecycleSpec(period=period, events=events, where=where, by=by))
        options = {on.isoformat(): period_label(on, period) for on in shown.of()["on"].iloc[::-1]}
        chosen = controls.choice(
            "in", list(options), None, "In", words=options, at=three, is_optional=True,
            help="The latest complete one, if none is chosen.",
        )  # fmt: skip
        how = controls.pills("how", ["exactly", "at least"], "exactly", "So many days", words=HOW_WORDS, at=four)
        is_at_least = how == "at least"
        on = date.fromisoformat(chosen) if chosen else None
        spec = ActiveDaysSpec(period=period, events=events, where=where, by=by, on=on)
        found = answer(user_active_days, spec)
        group = group_control(controls, shown.groups, by)
        say(active_days_verdict(found, group))
        rows = found.of(group)
        if not len(rows) or not int(rows["size"].iloc[0]):
            return
        place = (repr(spec), group, is_at_least, is_dark(), found.data_version)
        figure = drawn(
            "active days", place,
            lambda: active_days_bars(found, is_dark=is_dark(), group=group, is_at_least=is_at_least),
        )  # fmt: skip
        alt = active_days_alt(found, group, is_at_least=is_at_least)
        chart(figure, alt=alt, key="active_days", file_name="active-days", is_clickable=True)
        st.caption(_active_days_marks(found))
        _active_days_list(controls, found, rows, group, is_at_least=is_at_least)
        twin(
            drawn("active days table", place, lambda: _active_days_rows(rows)),
            "the distribution of active days", "active_days_file", lambda: active_days_frame(found),
        )  # fmt: skip
        meaning(active_days_definition(spec, catalogue()), "active_days_meaning")


def _active_days_marks(found: ActiveDays) -> str:
    said = ["Whiskers are 95 % intervals. Click a bar to list its users."]
    if found.state == "in_progress":
        said.append("Hatched: the period is in progress, so the days are those so far.")
    if found.has_gap:
        said.append("Crossed: the period touches a stretch marked missing, so there may have been more active days.")
    return " ".join(said)


def _active_days_list(
    controls: Controls, found: ActiveDays, rows: pd.DataFrame, group: str | None, *, is_at_least: bool
) -> None:
    column = "n_at_least" if is_at_least else "n_exactly"
    how = "at least" if is_at_least else "exactly"
    options = {
        str(n): f"{how} {n} {'day' if n == 1 else 'days'} ({users:,})"
        for n, users in zip(rows["n_days"], rows[column], strict=True)
    }
    picked = controls.pick("days", options, "List the users with", charts=("active_days",))
    if picked is None:
        return
    asked = replace(found.spec, on=found.on)
    cell = ActiveDaysCellSpec(active_days=asked, on=found.on, n_days=int(picked), is_at_least=is_at_least, group=group)
    members_panel(cell, active_days_title(cell))


def _active_days_rows(rows: pd.DataFrame) -> pd.DataFrame:
    shown: dict[str, Any] = {"Days": rows["n_days"]}
    for name, words in (("exactly", "Exactly"), ("at_least", "At least")):
        shown[f"{words}: users"] = rows[f"n_{name}"]
        shown[f"{words}: share"] = [
            f"{percent(rate)} ({interval(low, high)})"
            for rate, low, high in zip(rows[f"rate_{name}"], rows[f"low_{name}"], rows[f"high_{name}"], strict=True)
        ]
    return pd.DataFrame(shown)
