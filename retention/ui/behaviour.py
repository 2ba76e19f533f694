"""How often people come, and how long a silence must be before it means that they are gone."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.behaviour.answer_interval import false_lapses, usage_interval
from retention.behaviour.chart_interval import LAST_BIN, bin_label, interval_bars, interval_steps, window_curves
from retention.behaviour.churn_window import ChurnWindow
from retention.behaviour.spec_interval import (
    ACCEPTED_RATE,
    FOLLOW_UP_DAYS,
    KINDS,
    LONGEST_WINDOW,
    MAX_FOLLOW_UP,
    IntervalSpec,
    IntervalUsersSpec,
    SilentUsersSpec,
    WindowSpec,
)
from retention.behaviour.usage_interval import UsageInterval
from retention.behaviour.words_interval import (
    days_range,
    days_words,
    gap_note,
    interval_definition,
    interval_verdict,
    range_words,
    silent_title,
    window_definition,
    window_sentence,
    window_verdict,
)
from retention.cohorts.words import exclusions, interval, percent
from retention.store.order import change_setting
from retention.ui.answers import answer, catalogue, drawn, order
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import plain

MAX_GROUPS = 5
SHOWN_ROWS = 500
COUNTED = {"users": "Users", "gaps": "Single gaps"}
KIND_WORDS = {
    "returned": "Called lapsed by mistake: came back within the follow-up",
    "stayed away": "Called lapsed rightly: did not come back within the follow-up",
    "silent now": "Silent for that long at the end of the data",
}


def events_control(controls: Controls) -> tuple[str, ...]:
    """Draw the choice of the events that count."""
    return controls.many(
        "events",
        list(catalogue().events),
        (),
        "What counts as being active",
        placeholder="Any activity",
        help="A day is active when one of these events happened on it.",
    )


def definition_panel(text: str, key: str) -> None:
    """Say what the numbers mean, for those who ask."""
    panel = st.expander("What these numbers mean", key=key, on_change="rerun")
    if panel.open:
        with panel:
            st.markdown(plain(text))
            st.markdown("\n".join(f"- {plain(said)}" for said in exclusions(catalogue())))


def verdict(headline: str, detail: str = "") -> None:
    """Say in one sentence what the part shows; one a page."""
    with st.container(key="verdict"):
        st.markdown(f"**{plain(headline)}**")
        if detail:
            st.markdown(plain(detail))


def twin(frame: pd.DataFrame, alt: str, key: str) -> None:
    """Draw the numbers of a chart as a table, on demand."""
    panel = st.expander("The same as a table", key=key, on_change="rerun")
    if panel.open:
        with panel:
            st.dataframe(
                frame.head(SHOWN_ROWS),
                hide_index=True,
                height=min(38 + 35 * max(len(frame), 1), 388),
                placeholder="",
                alt=alt,
            )
            if len(frame) > SHOWN_ROWS:
                st.caption(f"The first {SHOWN_ROWS} of {len(frame):,} rows; the file holds all of them.")


def group_of(controls: Controls, name: str, groups: Sequence[str], by: str | None, label: str) -> str | None:
    """Draw the choice of one group of a breakdown; none is everybody."""
    if not by or not groups:
        return None
    return controls.choice(name, groups, None, label, is_optional=True, words={g: g for g in groups})


def drawn_groups(controls: Controls, groups: Sequence[str], by: str | None) -> tuple[str, ...]:
    """Draw the choice of the groups that a picture compares; none stands for the largest."""
    usual = tuple(groups[:MAX_GROUPS])
    chosen = controls.many(
        "groups", groups, usual, plain(f"Groups of {by}"), placeholder="The largest ones", most=MAX_GROUPS
    )
    return chosen or usual


# How often -------------------------------------------------------------------------------------------


def interval_panel(controls: Controls) -> None:
    """Show how many days usually lie between two active days of a user."""
    with section("Usual interval", "How many days usually lie between two active days of a user?"):
        where, by = controls.population()
        one, two = st.columns([1.4, 1])
        with one:
            events = events_control(controls)
        with two:
            counted = controls.pills(
                "counted",
                tuple(COUNTED),
                "users",
                "The picture counts",
                words=COUNTED,
                help="Every user once, by the median gap; or every gap between two active days.",
            )
        spec = IntervalSpec(events=events, where=where, by=by)
        result = answer(usage_interval, spec)
        verdict(interval_verdict(result))
        if not result.row()["n_users"]:
            return
        groups = [str(g) for g in result.groups["group"].dropna()]
        picture = st.container()
        shown: tuple[str, ...] = ()
        if groups:
            shown = drawn_groups(controls, groups, by)
        with picture:
            _interval_picture(result, shown, counted)
        _note(gap_note(result.clock))
        if groups:
            _interval_groups(result)
        twin(_interval_table(result, counted), "The picture as a table", "interval_table")
        download(
            "the distribution",
            "usage-interval",
            lambda fmt: table_bytes(_interval_file(result), fmt, sheet="interval"),
            key="interval",
        )
        definition_panel(interval_definition(spec, catalogue()), "interval_definition")
        _interval_users(controls, result, groups)


def _note(text: str) -> None:
    if text:
        st.caption(plain(text))


def _interval_picture(result: UsageInterval, groups: tuple[str, ...], counted: str) -> None:
    key = (repr(result.spec), groups, counted, is_dark(), result.data_version)
    if groups:
        figure = drawn(
            "interval steps", key, lambda: interval_steps(result, list(groups), counted=counted, is_dark=is_dark())
        )
        alt = f"For each group, the share whose interval is at most so many days. {interval_verdict(result)}"
        chart(figure, alt=alt, key="interval_steps", file_name="usage-interval")
        st.caption("The higher a line on the left, the more often that group comes.")
        return
    figure = drawn("interval bars", key, lambda: interval_bars(result, counted=counted, is_dark=is_dark()))
    alt = f"Distribution of the days between active days. {interval_verdict(result)}"
    chart(figure, alt=alt, key="interval_bars", file_name="usage-interval", is_clickable=counted == "users")
    st.caption(
        f"A bar holds what lies above the day before and up to its own day; the last one everything longer than"
        f" {LAST_BIN} days."
    )


def _interval_groups(result: UsageInterval) -> None:
    rows = [
        {
            "Group": "Everybody" if r.group is None else r.group,
            "Users": r.n_users,
            "One day only": f"{r.n_excluded:,}" + (f" ({percent(r.excluded_rate)})" if r.n_all else ""),
            "A quarter at most": _days(r.q25),
            "Median": _days(r.median),
            "95 % interval": "" if pd.isna(r.low) else days_range(r.low, r.high),
            "Three quarters at most": _days(r.q75),
        }
        for r in result.groups.head(SHOWN_ROWS).itertuples(index=False)
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=min(38 + 35 * len(rows), 318),
        placeholder="",
        alt="The usual interval of every group",
        column_config={"Users": st.column_config.NumberColumn(format="localized")},
    )


def _days(days: float) -> str:
    return "" if pd.isna(days) else days_words(days)


def _interval_table(result: UsageInterval, counted: str) -> pd.DataFrame:
    bins = result.binned(counted=counted)
    what = "Users" if counted == "users" else "Gaps"
    return pd.DataFrame(
        {
            "Days, up to": [bin_label(int(d)) for d in bins["up_to"]],
            what: bins["n"],
            "Share": [percent(r) for r in bins["rate"]],
            "So far": [percent(min(r, 1.0)) for r in bins["within_rate"]],
        }
    )


def _interval_file(result: UsageInterval) -> pd.DataFrame:
    users = result.counts.rename(columns={"n_users": "n"}).assign(counted="users by median gap")
    gaps = result.gaps.rename(columns={"n_gaps": "n"}).assign(counted="gaps")
    frame = pd.concat([users, gaps], ignore_index=True)[["counted", "group", "days", "n"]]
    return frame if result.spec.by else frame.drop(columns=["group"])


def _interval_users(controls: Controls, result: UsageInterval, groups: Sequence[str]) -> None:
    st.subheader("Who are they?")
    group = None
    two = st.container()
    if groups:
        one, two = st.columns([1, 2])
        with one:
            group = group_of(controls, "of", groups, result.spec.by, plain(f"Only {result.spec.by}"))
    bins = result.binned(group)
    options = {
        str(
            int(r.up_to)
        ): f"{range_words(int(r.up_to) - 1, None if r.up_to > LAST_BIN else int(r.up_to))}: {r.n:,} users"
        for r in bins[bins["n"] > 0].itertuples(index=False)
    }
    picked = controls.pick(
        "interval", options, "List the users whose usual interval is", charts=("interval_bars",), at=two
    )
    if picked is None:
        return
    up_to = int(picked)
    last = None if up_to > LAST_BIN else float(up_to)
    title = f"usual interval of {range_words(up_to - 1, last)}" + (f", {result.spec.by} {group}" if group else "")
    spec = IntervalUsersSpec(interval=result.spec, above=float(up_to - 1), up_to=last, group=group)
    members_panel(spec, title, key="interval_members")


# How long a silence ----------------------------------------------------------------------------------


def window_panel(controls: Controls) -> None:
    """Show for every window how many it would call lapsed by mistake, and store the one that is accepted."""
    with section(
        "Churn window", "How many days of silence before somebody counts as lapsed, and how often is that wrong?"
    ):
        where, by = controls.population()
        one, two, three = st.columns([1.6, 1, 1])
        with one:
            events = events_control(controls)
        follow_up = controls.number(
            "follow", 1, MAX_FOLLOW_UP, FOLLOW_UP_DAYS, "Follow-up, days", at=two,
            help="A lapse was a mistake if the user came back within so many days of it.",
        )  # fmt: skip
        accepted = controls.number(
            "accept", 1, 90, round(ACCEPTED_RATE * 100), "Accepted mistakes, %", at=three,
            help="The share of people called lapsed who come back after all that you can live with.",
        ) / 100  # fmt: skip
        spec = WindowSpec(events=events, follow_up_days=follow_up, where=where, by=by)
        result = answer(false_lapses, spec)
        in_force = int(catalogue().settings.churn_window)
        group = group_of(controls, "of", result.group_names, by, plain(f"Suggest for {by}"))
        suggested = result.suggested(accepted, group)
        verdict(
            window_verdict(result, accepted, group),
            f"In force now: a user counts as lapsed after {days_words(in_force)} of silence.",
        )
        known = result.longest_known(group)
        if known is None:
            return
        if suggested is not None and suggested != in_force:
            _use(suggested, "use_suggested", is_first=True)
        picture = st.container()
        one, two = st.columns([1, 3], vertical_alignment="bottom")
        chosen = controls.number(
            "x", 1, LONGEST_WINDOW, min(in_force, LONGEST_WINDOW), "Look at X days", at=one,
            help="What a window of this length would mean; the picture marks it.",
        )  # fmt: skip
        if chosen not in (in_force, suggested):
            with two:
                _use(chosen, "use_chosen", is_first=False)
        marks = {"in force": in_force, "looked at": chosen} | ({"suggested": suggested} if suggested else {})
        if chosen == in_force:
            del marks["looked at"]
        with picture:
            _window_picture(result, controls, chosen, marks, accepted)
        st.markdown(plain(window_sentence(result, chosen, group)))
        _note(gap_note(result.clock))
        twin(_window_table(result, group), "Every window as a table", "window_table")
        download(
            "every window",
            "churn-window",
            lambda fmt: table_bytes(_window_file(result), fmt, sheet="window"),
            key="window",
        )
        definition_panel(window_definition(spec, catalogue()), "window_definition")
        _silent_users(controls, result, chosen, group)


def _use(days: int, key: str, *, is_first: bool) -> None:
    """Offer to put a window in force."""
    if not st.button(f"Use {days_words(days)}", key=key, type="primary" if is_first else "secondary"):
        return
    receipt = f"A user now counts as lapsed after {days_words(days)}."
    if order(change_setting, "churn_window", str(days), receipt=receipt) is not None:
        st.rerun()


def _window_picture(
    result: ChurnWindow, controls: Controls, chosen: int, marks: dict[str, int], accepted: float
) -> None:
    groups = result.group_names
    shown: tuple[str, ...] = ()
    if groups:
        shown = drawn_groups(controls, groups, result.spec.by)
    figure = drawn(
        "window curves",
        (repr(result.spec), shown, repr(marks), accepted, is_dark(), result.data_version),
        lambda: window_curves(result, list(shown), marks=marks, accepted_rate=accepted, is_dark=is_dark()),
    )
    alt = f"Share of false lapses for windows of 1 to {LONGEST_WINDOW} days. {window_sentence(result, chosen)}"
    chart(figure, alt=alt, key="window_curves", file_name="churn-window")
    bands = "The band is" if len(shown) <= 2 else "The band of everybody is"
    st.caption(
        f"Of the users whose first silence of X days can be judged, the share who were back within"
        f" {days_words(result.spec.follow_up_days)}. {bands} the 95 % interval; where a line ends, the data do."
    )


def _window_table(result: ChurnWindow, group: str | None) -> pd.DataFrame:
    rows = result.of(group)
    return pd.DataFrame(
        {
            "Window, days": rows["days"],
            "Silences judged": rows["n_silences"],
            "Came back": rows["n_returned"],
            "Share": ["" if pd.isna(r) else percent(r) for r in rows["rate"]],
            "95 % interval": [
                "" if pd.isna(a) else interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)
            ],
            "Silent now": rows["n_silent_now"],
        }
    )


def _window_file(result: ChurnWindow) -> pd.DataFrame:
    frame = result.rows.rename(columns={"days": "window_days"}).assign(follow_up_days=result.spec.follow_up_days)
    return frame if result.spec.by else frame.drop(columns=["group"])


def _silent_users(controls: Controls, result: ChurnWindow, days: int, group: str | None) -> None:
    st.subheader("Who are they?")
    row = result.row(days, group)
    counts = {
        "returned": int(row["n_returned"]),
        "stayed away": int(row["n_silences"] - row["n_returned"]),
        "silent now": int(row["n_silent_now"]),
    }
    options = {str(kind): f"{KIND_WORDS[kind]} ({counts[kind]:,})" for kind in KINDS}
    picked = controls.pick("silence", options, f"List the users of a window of {days_words(days)}")
    if picked is None:
        return
    kind = next(kind for kind in KINDS if kind == picked)
    spec = SilentUsersSpec(window=result.spec, days=days, kind=kind, group=group)
    title = silent_title(spec) + (f", {result.spec.by} {group}" if group else "")
    members_panel(spec, title, key="silence_members")
