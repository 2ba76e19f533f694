"""At which hours and on which weekdays people are active, and when one user usually is."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.behaviour.answer_hours import activity_hours, user_hours, usual_hours
from retention.behaviour.chart_hours import user_bars, usual_bars, week_alt, week_heatmap, week_order
from retention.behaviour.spec_hours import CellUsersSpec, HoursSpec, HourUsersSpec, UserHoursSpec
from retention.behaviour.week_hours import WEEKDAY_NAMES, UsualHours, WeekHours
from retention.behaviour.words_hours import (
    cell_users_title,
    hour_users_title,
    hour_words,
    hours_definition,
    hours_verdict,
    hours_words,
    missing_note,
    user_verdict,
    usual_definition,
    usual_verdict,
)
from retention.cohorts.words import percent
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import definition_panel, events_control, twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

COUNTED = {"events": "Events", "users": "Different users"}


def hours_panel(controls: Controls) -> None:
    """Show the week hour by hour, the usual hours of users, and those of one user."""
    spec: HoursSpec | None = None
    with section("Hours of the week", "At which hours of which weekdays are people active?"):
        where, _ = controls.population(has_by=False)
        one, two, three, four = st.columns([1.6, 1.1, 0.8, 0.8])
        with one:
            events = events_control(controls)
        counted = controls.pills("cells", tuple(COUNTED), "events", "A cell counts", words=COUNTED, at=two)
        from_on = controls.day("hours_from", "From", help="First day, in the store's zone.", at=three)
        to_on = controls.day("hours_to", "Before", help="First day that is left out.", at=four)
        spec = HoursSpec(
            counted="users" if counted == "users" else "events",
            events=events,
            where=where,
            from_on=from_on,
            to_on=to_on,
        )
        _week(controls, answer(activity_hours, spec))
    if spec is None:  # what is wrong with the settings has been said
        return
    with section("Usual hours of users", "At which hours of the day are users usually active?"):
        _usual(controls, answer(usual_hours, HoursSpec(events=events, where=where, from_on=from_on, to_on=to_on)))
    with section("One user", "When is one user usually active?"):
        _one_user(events)


def _week(controls: Controls, result: WeekHours) -> None:
    verdict(hours_verdict(result))
    if result.busiest is None:
        return
    picture, list_box = st.container(key="week_box"), st.container()
    picked = controls.pick(
        "cell", _cells(result), "List the users of an hour of the week", charts=("week",), at=list_box
    )
    figure = drawn(
        "week", (repr(result.spec), is_dark(), result.data_version), lambda: week_heatmap(result, is_dark=is_dark())
    )
    with picture:
        chart(
            figure,
            alt=week_alt(result, hours_verdict(result)),
            key="week",
            file_name="hours-of-the-week",
            is_clickable=True,
        )
    of = f"{result.n_events:,} events" if result.spec.counted == "events" else f"{result.n_users:,} users"
    with picture:
        st.caption(
            f"Of {of} from {result.first_on:%-d %b %Y} to {result.last_on:%-d %b %Y}, on the clocks of"
            f" {result.clock.timezone}. {plain(missing_note(result))}"
        )
    if picked is not None:
        spec = CellUsersSpec(hours=_without_counted(result.spec), cell=int(picked))
        members_panel(spec, cell_users_title(spec), key="cell_members")
    twin(_week_table(result), "The hours of the week as a table", "week_table")
    download(
        "the hours of the week", "hours", lambda fmt: table_bytes(_week_file(result), fmt, sheet="hours"), key="hours"
    )
    definition_panel(hours_definition(result.spec, catalogue()), "hours_definition")


def _without_counted(spec: HoursSpec) -> HoursSpec:
    """The users of an hour are the same, whatever its cell counts."""
    return HoursSpec(events=spec.events, where=spec.where, from_on=spec.from_on, to_on=spec.to_on)


def _cells(result: WeekHours) -> dict[str, str]:
    return {
        str(24 * d + h): f"{WEEKDAY_NAMES[d]} {hour_words(h)}: {result.n(d, h):,} {result.spec.counted}"
        for d in week_order(result.clock.week_start)
        for h in range(24)
        if result.n(d, h)
    }


def _week_table(result: WeekHours) -> pd.DataFrame:
    rows = [
        [WEEKDAY_NAMES[d], *(result.n(d, h) for h in range(24)), sum(result.n(d, h) for h in range(24))]
        for d in week_order(result.clock.week_start)
    ]
    frame = pd.DataFrame(rows, columns=["Weekday", *(hour_words(h) for h in range(24)), "All hours"])
    # Users are in many cells, so their sum is no number of users.
    return frame if result.spec.counted == "events" else frame.drop(columns=["All hours"])


def _week_file(result: WeekHours) -> pd.DataFrame:
    names = [WEEKDAY_NAMES[d] for d in result.cells["weekday"]]
    return result.cells.assign(weekday=names, counted=result.spec.counted, timezone=result.clock.timezone)


def _usual(controls: Controls, result: UsualHours) -> None:
    st.markdown(f"**{plain(usual_verdict(result))}**")
    if not result.n_users:
        return
    picture, list_box = st.container(), st.container()
    options = {
        str(int(r.hour)): f"{hours_words([int(r.hour)])}: {r.n_users:,} users"
        for r in result.counts.itertuples(index=False)
        if r.n_users
    }
    picked = controls.pick(
        "hour", options, "List the users usually active at an hour", charts=("usual_hours",), at=list_box
    )
    figure = drawn(
        "usual hours",
        (repr(result.spec), is_dark(), result.data_version),
        lambda: usual_bars(result, is_dark=is_dark()),
    )
    with picture:
        alt = f"Share of users who are usually active at each hour of the day. {usual_verdict(result)}"
        chart(figure, alt=alt, key="usual_hours", file_name="usual-hours", is_clickable=True)
        st.caption("A user can have several usual hours, so the bars add up to more than all users.")
    if picked is not None:
        spec = HourUsersSpec(hours=result.spec, hour=int(picked))
        members_panel(spec, hour_users_title(spec), key="hour_members")
    table = pd.DataFrame(
        {
            "Hour": [hours_words([int(h)]) for h in result.counts["hour"]],
            "Users": result.counts["n_users"],
            "Share": [percent(r) for r in result.counts["rate"]],
        }
    )
    twin(table, "The usual hours of users as a table", "usual_table")
    download("the usual hours", "usual-hours", lambda fmt: table_bytes(result.counts, fmt, sheet="hours"), key="usual")
    definition_panel(usual_definition(result.spec, catalogue()), "usual_definition")


def _one_user(events: tuple[str, ...]) -> None:
    # Not a part of the address: a link that is passed on must not name a person.
    user = st.text_input(
        "Pseudonym, or the id in your file",
        key="hours_user",
        placeholder="For example from a list of users above",
        help="It is not kept in the link of this page.",
    )
    if not user.strip():
        return
    result = answer(user_hours, UserHoursSpec(user=user.strip(), events=events))
    st.markdown(f"**{plain(user_verdict(result))}**")
    if not result.n_active:
        return
    figure = drawn(
        "user hours",
        (result.pseudonym, events, is_dark(), result.data_version),
        lambda: user_bars(result, is_dark=is_dark()),
    )
    alt = f"On how many days the user was active at each hour of the day. {user_verdict(result)}"
    chart(figure, alt=alt, key="user_hours", file_name="user-hours")
    st.caption(f"User {result.pseudonym[:12]}; the usual hours stand out.")
    table = pd.DataFrame(
        {"Hour": [hours_words([int(h)]) for h in result.counts["hour"]], "Days active": result.counts["n"]}
    )
    twin(table, "The hours of the user as a table", "user_table")
