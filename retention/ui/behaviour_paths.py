"""Paths on the Behaviour page: what users do after, or before, an event."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.behaviour.answer_paths import paths
from retention.behaviour.chart_paths import path_bars, path_key
from retention.behaviour.paths import Paths
from retention.behaviour.spec_funnel import parse_within
from retention.behaviour.spec_paths import (
    DIRECTIONS,
    MAX_PATH_STEPS,
    PLACE_KINDS,
    PathsSpec,
    PathUsersSpec,
    SequenceUsersSpec,
)
from retention.behaviour.words_paths import definition, finding, left_out, place_words
from retention.cohorts.spec import Condition
from retention.cohorts.words import interval, percent
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import definition_panel, twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.words import many, plain

USUAL_ANCHORS = ("purchase", "signup")
MOST_NAMED = 8
ARROW = " → "
DIRECTION_WORDS = {"after": "What follows", "before": "What came before"}


def paths_panel(controls: Controls) -> None:
    """Show what lies next to each user's first occurrence of an event."""
    with section("Paths", "What do users do right after, or before, an event?"):
        where, _ = controls.population(has_by=False)
        spec = _asked(controls, where)
        found = answer(paths, spec)
        said = finding(found)
        verdict(said.headline, said.detail)
        if found.n_users:
            dark = is_dark()
            figure = drawn("path bars", (repr(spec), dark, found.data_version), lambda: path_bars(found, is_dark=dark))
            chart(
                figure, alt=f"What stands at each of {spec.n_steps} steps {spec.direction} {spec.event}. {said.headline}",
                key="path_bars", file_name="paths", is_clickable=True,
            )  # fmt: skip
            st.caption(
                f"Every bar holds all {many(found.n_users, 'user')}: the {many(len(found.named), 'event')} named most"
                " often, the rest as “other events”, and those who did “nothing more”."
            )
        if text := left_out(found):
            st.caption(plain(text))
        if found.n_users:
            twin(_step_table(found), "Users of each event at each step", "paths_table")
            st.subheader("Most frequent sequences")
            st.dataframe(
                drawn("sequences", (repr(spec), found.data_version), lambda: _sequence_table(found)),
                hide_index=True, height="auto", alt="The most frequent sequences of events",
                column_config={"Users": st.column_config.NumberColumn(format="localized")},
            )  # fmt: skip
            if found.n_other:
                rest = found.n_sequences - len(found.sequences)
                st.caption(f"{many(found.n_other, 'user')} more have one of {rest:,} other sequences.")
            download("the paths", "paths", lambda fmt: table_bytes(found.steps, fmt, sheet="paths"), key="paths")
        definition_panel(definition(spec, catalogue()), "paths_definition")
        if found.n_users:
            _users(controls, found)


def _asked(controls: Controls, where: tuple[Condition, ...]) -> PathsSpec:
    events = list(catalogue().events)
    usual = next((name for name in USUAL_ANCHORS if name in events), events[0])
    one, two, three = st.columns([1.4, 1.4, 1])
    event = controls.choice("event", events, usual, "Each user's first", at=one)
    direction = controls.pills("direction", DIRECTIONS, "after", "Show", words=DIRECTION_WORDS, at=two)
    within = controls.text(
        "path_within", "Watched for", default="7d", at=three,
        help="90m, 36h, 7d or 4w from the event; empty for as long as the data reach.",
    )  # fmt: skip
    one, two, three = st.columns([1, 1, 2])
    n_steps = controls.number("path_steps", 1, MAX_PATH_STEPS, 3, "Steps", at=one)
    n_top = controls.number("top", 1, MOST_NAMED, 6, "Events named", at=two)
    ignored = controls.many(
        "ignored", [name for name in events if name != event], (), "Leave out", placeholder="No event", at=three,
        help="As if these events had not happened.",
    )  # fmt: skip
    is_repeated = controls.flag("repeats", "Count the same event several times in a row as several steps")
    one, two = st.columns(2)
    return PathsSpec(
        event=str(event),
        direction=next(d for d in DIRECTIONS if d == direction),
        n_steps=n_steps,
        n_top=n_top,
        within_us=parse_within(within) if within.strip() else None,
        is_collapsed=not is_repeated,
        ignored=ignored,
        where=where,
        from_on=controls.day("path_from", "Event from", at=one),
        to_on=controls.day("path_to", "Event before", at=two),
    )


def _step_table(found: Paths) -> pd.DataFrame:
    rows = found.steps
    return pd.DataFrame(
        {
            "Step": rows["step"],
            "Event": [place_words(k, e) for k, e in zip(rows["kind"], rows["event"], strict=True)],
            "Users": rows["n_users"],
            "Share": [percent(r) for r in rows["rate"]],
            "95 % interval": [interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)],
        }
    )


def _sequence_words(events: tuple[str, ...], n_steps: int) -> str:
    return ARROW.join((*events, *(("nothing more",) if len(events) < n_steps else ())))


def _sequence_table(found: Paths) -> pd.DataFrame:
    rows = found.sequences
    return pd.DataFrame(
        {
            "Sequence": [_sequence_words(events, found.spec.n_steps) for events in rows["events"]],
            "Users": rows["n_users"],
            "Share": [percent(r) for r in rows["rate"]],
            "95 % interval": [interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)],
        }
    )


def _users(controls: Controls, found: Paths) -> None:
    st.subheader("Who are they?")
    spec = found.spec
    options = {
        path_key(
            int(row.step), row.kind, row.event
        ): f"Step {row.step}: {place_words(row.kind, row.event)} ({row.n_users:,})"
        for row in found.steps.itertuples()
        if row.n_users
    }
    for place, row in enumerate(found.sequences.itertuples(), 1):
        options[f"sequence {place}"] = f"{_sequence_words(row.events, spec.n_steps)} ({row.n_users:,})"
    picked = controls.pick("place", options, "List the users of a step or sequence", charts=("path_bars",))
    if picked is None:
        return
    title = options[picked].rpartition(" (")[0]
    if picked.startswith("sequence "):
        events = found.sequences.iloc[int(picked.split()[1]) - 1]["events"]
        members_panel(SequenceUsersSpec(paths=spec, events=events), title, key="path_members")
        return
    step, kind, event = picked.split(".", 2)
    members_panel(
        PathUsersSpec(paths=spec, step=int(step), kind=next(k for k in PLACE_KINDS if k == kind), event=event),
        f"{title}, {spec.direction} the first {spec.event}",
        key="path_members",
    )
