"""When users pay their last visit, and how well that can be told. On demand only."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.answer_defaults import lapse_defaults
from retention.churn.answer_reasons import key_of, names_of
from retention.churn.answer_registry import card_at
from retention.churn.answer_scores import latest_scoring
from retention.churn.answer_when import lapse_times
from retention.churn.chart_when import group_alt, group_lines
from retention.churn.spec import ChurnSpec
from retention.churn.when import LapseTimes
from retention.churn.words_reasons import (
    judged_sentence,
    lifetime_words,
    percent,
    user_when_sentence,
    when_definition,
    when_sentence,
)
from retention.periods import date_of
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.at_risk_why import user_choice
from retention.ui.behaviour import definition_panel, twin, verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import section
from retention.ui.starting import store
from retention.ui.words import day, many, plain

MOST_USERS = 50


class _NotAsked(Exception):
    """Nobody has asked for this yet."""


# What was worked out on a click stays until the data or the settings change; a visit without a click never works it out.
@st.cache_resource(show_spinner=False, max_entries=8)
def _finished(path: str, said: str, data_version: int, _made: Any) -> Any:
    if _made is None:
        raise _NotAsked
    return _made


def when_panel(controls: Controls) -> None:
    """Say when users pay their last visit, judge it, and show one user."""
    with section("When, not only whether", "When do users pay their last visit?"):
        found = _worked_out(_spec())
        if found is None:
            return
        verdict(when_sentence(found), judged_sentence(found))
        _groups_part(found)
        _models_part(found)
        definition_panel(when_definition(found), "when_definition")
    with section("One user", "When is the last visit of this user expected?"):
        _user_part(controls, found)


def _spec() -> ChurnSpec:
    """Return the question: what the scores on the page mean by a lapse, as of where the data reach now."""
    scoring = answer(latest_scoring)
    made = answer(card_at, scoring.version).spec if scoring else ChurnSpec(lapse=answer(lapse_defaults).spec)
    # Gap, model and search play no part, so what was found stays when they change.
    return replace(
        made, cutoff=None, model="boosting", n_backtests=1, tune_seconds=0, lapse=replace(made.lapse, gap_days=0)
    )


def _worked_out(spec: ChurnSpec) -> LapseTimes | None:
    key = (str(store().path), repr(spec), catalogue().data_version)
    place = st.empty()
    try:
        done: LapseTimes = _finished(*key, None)
    except _NotAsked:
        lapse = spec.lapse
        said = (
            f"Lapsed is who is silent for {many(lapse.horizon_days, 'day')}, as of those active in the last"
            f" {many(lapse.lookback_days, 'day')}: what the scores of this page mean by it. Takes some seconds to a minute."
        )
        with place.container():
            is_asked = st.button("Work out when", key="when_work_out", type="primary")
            st.caption(plain(said))
        if not is_asked:
            return None
        place.progress(0.0, text="Starting …")
        made = lapse_times(
            store(),
            spec,
            lambda share, text: place.progress(min(max(share, 0.0), 1.0), text=f"{text[0].upper()}{text[1:]} …"),
        )
        place.empty()
        done = _finished(*key, made)
    return done


def _groups_part(found: LapseTimes) -> None:
    if not found.groups:
        return
    st.subheader("What was said, and what came")
    start = date_of(found.plan.judge_day or 0)
    figure = drawn("lapse groups", _key(found), lambda: group_lines(found, is_dark=is_dark()))
    chart(figure, alt=group_alt(found), key="when_groups", file_name="when-users-lapse")
    st.caption(
        plain(
            f"{many(found.n_judged, 'user')} as of {day(start)}, in four groups by how long they were expected to stay, with what"
            " was known on that day. Full lines with 95 % bands: the share that came again later than so many days after"
            " (Kaplan–Meier, which makes use of lives that had not ended, too). Dotted: what was said beforehand."
            f" {many(found.n_judged_silent, 'user')} had been silent for {found.window_days} days by then and are left out."
        )
    )
    days = [d for d in (0, *range(7, found.follow_days + 1, 7))]
    rows = [
        (
            group.name, group.n, d, _value(group.said, d), _value(group.came, d),
            *(_value(group.came, d, column) for column in ("low", "high")),
        )
        for group in found.groups
        for d in days
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["group", "n_users", "day", "said", "came", "low", "high"])
    twin(
        pd.DataFrame(
            {
                "Group": frame["group"],
                "Users": frame["n_users"],
                "After so many days": frame["day"],
                "Still to come: said": [percent(v) for v in frame["said"]],
                "Came": [percent(v) for v in frame["came"]],
                "95 % from": ["" if isnan(v) else percent(v) for v in frame["low"]],
                "to": ["" if isnan(v) else percent(v) for v in frame["high"]],
            }
        ),
        "What was said of each group and what came, week by week",
        "when_groups_twin",
    )
    download(
        "what was said and what came",
        "when-users-lapse",
        lambda fmt: table_bytes(frame, fmt, sheet="when"),
        key="when_groups_file",
    )


def _value(curve: pd.DataFrame, days: int, column: str = "survival") -> float:
    before = curve[curve["t"] <= days]
    if before.empty:
        return 1.0 if column == "survival" else float("nan")
    return float(before[column].iloc[-1])


def _models_part(found: LapseTimes) -> None:
    if isnan(float(found.models["concordance"].iloc[0])):
        return
    st.subheader("Beside other models")
    rows = found.models
    st.dataframe(
        pd.DataFrame(
            {
                "Model": rows["title"],
                "Learns from": rows["teaches"],
                "Right order": [_range(r.concordance, r.low, r.high) for r in rows.itertuples(index=False)],
                "Gone by the middle day": [
                    _range(r.by_median, r.by_median_low, r.by_median_high) for r in rows.itertuples(index=False)
                ],
                "Seconds": rows["seconds"].round(2),
            }
        ),
        hide_index=True,
        height="content",
        placeholder="",
        alt="Models of the time until users lapse, judged on later users",
        column_config={
            "Right order": st.column_config.TextColumn(
                help="Concordance: of two users, how often the one expected to stay longer did. 50 % is a coin."
            ),
            "Gone by the middle day": st.column_config.TextColumn(
                help="Which share had paid their last visit by the day that was said to be the middle: 50 % is right."
            ),
            "Seconds": st.column_config.NumberColumn(help="Processor time of learning", format="%.2f"),
        },
    )
    st.caption(
        plain(
            f"{many(found.n_judged, 'user')}; 95 % intervals in brackets. The first speaks on this page. Above 50 % by the middle"
            " day, users went sooner than was said; below, later. A regression that learns from observed lapses only has never"
            " seen a long life, so it says too early unless its weights make up for that."
        )
    )
    download("the models", "when-models", lambda fmt: table_bytes(rows, fmt, sheet="models"), key="when_models_file")


def _range(value: float, low: float, high: float) -> str:
    if isnan(value):
        return ""
    return percent(value) if low == high else f"{percent(value)} ({percent(low)} to {percent(high)})"


def _user_part(controls: Controls, found: LapseTimes) -> None:
    # Those of whom something happens within the days that are looked at, the soonest first.
    ahead = found.users[found.users["median"] > 0].sort_values(["median", "user_key"])
    keys = tuple(int(key) for key in ahead["user_key"].head(MOST_USERS))
    words = {name: _said(found, key) for key, name in answer(names_of, keys).items()}

    def told_of(user: str) -> str:
        return _said(found, answer(key_of, user))

    user = user_choice(controls, words, f"User (the {len(words)} whose last visit is expected soonest)", told_of)
    if user is None:
        st.caption("Choose one, or look another one up.")
        return
    row = found.of_user(answer(key_of, user))
    if row is None:
        st.info(
            f"Nothing is said of this user: silent for {found.window_days} days or more by {day(found.cutoff_on)}, or not active"
            " in the look-back."
        )
        return
    st.markdown(f"**{plain(user_when_sentence(found, row))}**")
    for column, (title, name, meaning) in zip(
        st.columns(3),
        (
            (
                "One in ten such users is gone",
                "low",
                "The early end: one such user in ten has paid the last visit by then.",
            ),
            ("Half of them are gone", "median", "The middle: half of such users have paid their last visit by then."),
            ("Nine in ten are gone", "high", "The late end: one such user in ten stays longer."),
        ),
        strict=True,
    ):
        with column, st.container(border=True, height="stretch"):
            st.metric(title, lifetime_words(float(row[name]), found.follow_days), help=meaning)
    st.caption(plain(f"Days from {day(found.cutoff_on)} to the last visit before {found.window_days} days of silence."))


def _said(found: LapseTimes, user_key: int) -> str:
    row = found.of_user(user_key)
    return "" if row is None else f"half gone {lifetime_words(float(row['median']), found.follow_days)}"


def _key(found: LapseTimes) -> tuple[Any, ...]:
    return (repr(found.spec), found.data_version, is_dark())
