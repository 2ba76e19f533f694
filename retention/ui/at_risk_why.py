"""Why users are scored as they are: what the model goes by, one user's reasons, and what another value would do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.answer_reasons import key_of, riskiest, score_of, scored_users
from retention.churn.answer_registry import card_at
from retention.churn.answer_scores import latest_scoring
from retention.churn.card import ModelCard
from retention.churn.chart_reasons import (
    dependence_alt,
    dependence_line,
    importance_alt,
    importance_dots,
    reason_alt,
    reason_bars,
)
from retention.churn.model_reasons import Scored, dependence, user_reasons, what_if
from retention.churn.reasons import UserReasons, title_of
from retention.churn.scores import Scoring
from retention.churn.words_reasons import (
    because,
    dependence_sentence,
    follow_sentence,
    percent,
    reason_table,
    reason_words,
    strength,
    sum_sentence,
    told_reasons,
    unseen_sentence,
    value_words,
    what_if_sentence,
)
from retention.errors import RetentionError
from retention.features.spec_registry import REGISTRY
from retention.profiles.answer import find_user, user_of_link
from retention.profiles.spec import ProfileSpec
from retention.ui import address
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import twin
from retention.ui.behaviour import verdict as verdict_box
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import caution, link_to, section
from retention.ui.starting import open_store, store
from retention.ui.words import day, plain

NONE_YET = "Nobody has been scored yet: press Score on the first tab."
SHORT = 12
MOST_CHANGES = 3
AT_ONCE = 20_000
"""Of so many scored users reasons are read while a page is drawn; of more, on demand."""
READS_EVENTS = (
    "The model in service reads the events themselves, in their order, so a user's score is not made of features that could"
    " be listed. To see reasons for one user, score with a model of features – boosting, or logistic regression."
)
NTH, FAULT = "at_risk_nth", "at_risk_fault"


# What every user's features are is the largest thing this app keeps in memory: only the latest.
@st.cache_resource(show_spinner=False, max_entries=2)
def _scored(path: str, scoring_key: int, data_version: int) -> Scored:
    return scored_users(open_store(path), scoring_key)


def scored_now(scoring: Scoring) -> Scored:
    """Return the users of a scoring with all that their scores are made of."""
    with st.spinner("Reading what was known of the users …"):
        return _scored(str(store().path), scoring.scoring_key, catalogue().data_version)


def why_panel(controls: Controls) -> None:
    """Show what the model goes by, and why a user is scored so."""
    scoring = answer(latest_scoring)
    if scoring is None:
        st.info(NONE_YET)
        return
    if not answer(card_at, scoring.version).features:
        st.info(READS_EVENTS)
        with section("What the score goes by", "Which part of what users did does the model need to tell who lapses?"):
            _importance_part(answer(card_at, scoring.version))
        return
    with section(
        "Why this user?", "What in this user speaks for a lapse, what against it, and what would another value do?"
    ):
        user = user_choice(controls, *_riskiest(scoring))
        if user is None:
            st.caption("Choose one of the users with the highest risk, or look another one up.")
        else:
            _user_part(scoring, user)
    with section("What the score goes by", "Which features does the model need to tell who lapses?"):
        _importance_part(answer(card_at, scoring.version))
    with section("How the score goes with one feature", "What is the score of users with more or less of it?"):
        _dependence_part(controls, scoring)


# Whom ------------------------------------------------------------------------------------------------------


def _riskiest(scoring: Scoring) -> tuple[dict[str, str], str, Callable[[str], str]]:
    top = answer(riskiest, scoring.scoring_key)

    def told_of(user: str) -> str:
        probability = answer(score_of, scoring.scoring_key, user)
        return "" if probability is None else f"risk {percent(probability)}"

    words = {str(row.pseudonym): f"risk {percent(float(row.probability))}" for row in top.itertuples(index=False)}
    return words, f"User (the {len(top)} with the highest risk)", told_of


def user_choice(controls: Controls, words: dict[str, str], label: str, told_of: Callable[[str], str]) -> str | None:
    """Draw the choice of a user: one of a list, or any other by name; returns a pseudonym.

    Parameters
    ----------
    words : dict of pseudonym to what is said of the user
    told_of : callable
        What is said of any other user; nothing where there is nothing to say.

    Notes
    -----
    What is typed may be an id of the file: it goes to the store and nowhere else, as on the Profile page.
    """
    named = _named()
    if named and named not in words:
        words = {**words, named: told_of(named) or "of whom nothing is said here"}
    one, two = st.columns(2, vertical_alignment="bottom")
    state = st.session_state
    nth = state.setdefault(NTH, 0)
    with two.form("at_risk_find", border=False, clear_on_submit=True):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        typed = left.text_input(
            "Another user",
            # A line of its own for each search: the server forgets what was typed in the one before.
            key=f"at_risk_typed_{nth}",
            placeholder="A pseudonym, or the id in your file",
            help="Its first 6 characters are enough. An id is looked up and forgotten: it is shown nowhere and not kept in the"
            " link of this page.",
        )
        is_sent = right.form_submit_button("Show", width="stretch")
    if is_sent:
        state[NTH] = nth + 1
        state[FAULT] = _look_up(typed, told_of)
        st.rerun()
    shown = {user: f"{user[:SHORT]}, {said}" for user, said in words.items()}
    chosen = controls.pick("user", shown, label, at=one)
    if fault := state.pop(FAULT, ""):
        st.error(plain(fault))
    return chosen


def _named() -> str:
    """Return the user whom the address names, the one chosen on another tab too; nothing where there is no such user."""
    _, told = address.taken()
    said = next(iter(address.current().get("user") or told.get("user", [])), "")
    try:
        return user_of_link(store(), said).user if said else ""
    except RetentionError:
        return ""  # the list says so


def _look_up(typed: str, told_of: Callable[[str], str]) -> str:
    """Have the next run show a user; returns what is wrong."""
    try:
        found = find_user(store(), typed)
    except RetentionError as error:
        return f"{error.message} {error.hint}".strip()
    if not told_of(found.user):
        return f"Nothing is said of the user {found.user[:SHORT]}, who was not active in the look-back or is silent already."
    address.visit({**address.current(), "user": [found.user]})
    return ""


# One user --------------------------------------------------------------------------------------------------


def _user_part(scoring: Scoring, user: str) -> None:
    scored = scored_now(scoring)
    found = _reasons(scored, answer(key_of, user))
    verdict_box(because(found), sum_sentence(found))
    if not found.is_same:
        caution(
            f"When users were scored it was {percent(found.stored)}: data of before {day(scoring.cutoff)} have come in since. Score again."
        )
    told = told_reasons(found)
    if told:
        st.markdown("\n".join(f"- {plain(_sentence(found, place))}" for place in range(len(told))))
    key = (scoring.scoring_key, user, catalogue().data_version, is_dark())
    figure = drawn("churn reasons", key, lambda: reason_bars(found, is_dark=is_dark()))
    chart(figure, alt=reason_alt(found), key="why_reasons", file_name=f"reasons-{user[:SHORT]}")
    noise = max((reason.error for reason in found.reasons), default=0.0)
    st.caption(
        plain(
            f"As of {day(scoring.cutoff)}, against {found.n_compared:,} users scored then. "
            + (
                "The parts are exact."
                if noise == 0
                else f"Each part is sampled, to ± {2 * noise:.2f} in log-odds; their sum is exact."
            )
        )
    )
    twin(reason_table(found), "The reasons for this user's score", "why_reasons_twin")
    download(
        "the reasons, feature by feature",
        f"reasons-{user[:SHORT]}",
        lambda fmt: table_bytes(found.table(), fmt, sheet="reasons"),
        key="why_reasons_file",
    )
    link_to("profile", "Open this user's profile", user=user)
    _what_if_part(scored, found)


def _reasons(scored: Scored, user_key: int) -> UserReasons:
    key = (scored.scoring.scoring_key, user_key, catalogue().data_version)
    return drawn("churn user reasons", key, lambda: user_reasons(scored, user_key))


def _sentence(found: UserReasons, place: int) -> str:
    reason = told_reasons(found)[place]
    words = reason_words(reason, found.values)
    return f"{words[:1].upper()}{words[1:]}: {strength(reason.part)}."


def _what_if_part(scored: Scored, found: UserReasons) -> None:
    st.subheader("What if?")
    st.caption(
        "Set other values and see what the model would say of such a user. It says nothing of what would happen if you changed"
        " something: users with a shorter silence lapse less, but a message does not make a silence shorter by itself."
    )
    names = list(scored.fitted.features)
    usual = next(
        (name for reason in found.reasons for name in reason.features if not isnan(found.values[name])), names[0]
    )
    chosen = st.multiselect(
        "Change", names, [usual], key=f"what_if_{found.user_key}", max_selections=MOST_CHANGES,
        format_func=lambda name: plain(title_of(name)),
    )  # fmt: skip
    changes: dict[str, float] = {}
    if chosen:
        for name, at in zip(chosen, st.columns(MOST_CHANGES), strict=False):
            value = _value_control(found, name, at)
            if value is not None and value != found.values[name]:
                changes[name] = value
    if not changes:
        st.caption(f"As it is, the score is {percent(found.probability)}.")
        return
    said = what_if(scored, found.user_key, changes)
    with st.container(key="what_if_answer"):
        st.markdown(f"**{plain(what_if_sentence(said, changes))}**")
        if follow := follow_sentence(said):
            st.caption(plain(follow))
    if said.impossible:
        st.warning(plain("No user can be like this, so the score means little. " + " ".join(said.impossible)))
    if unseen := unseen_sentence(said):
        caution(unseen)


def _value_control(found: UserReasons, name: str, at: Any) -> float | None:
    """Draw the number that a feature is changed to; a share in percent."""
    now, unit = found.values[name], REGISTRY[name].unit if name in REGISTRY else ""
    factor = 100.0 if unit == "share" else 1.0
    is_whole = now == round(now) if not isnan(now) else False
    typed = at.number_input(
        plain(f"{title_of(name)}{' (%)' if unit == 'share' else ''}"),
        value=None if isnan(now) else now * factor,
        step=1.0 if is_whole or factor > 1 else 0.1,
        format="%.0f" if is_whole and factor == 1 else "%.2f",
        key=f"what_if_{found.user_key}_{name}",
        help=plain(f"Now: {value_words(name, now)}. The middle user: {value_words(name, found.medians[name])}."),
        placeholder="Not known",
    )
    if typed is None:
        return None
    # The field rounds what it shows; what nobody touched is no change.
    return now if abs(typed - now * factor) < 0.005 else typed / factor


# The model -------------------------------------------------------------------------------------------------


def _importance_part(card: ModelCard) -> None:
    rows: list[dict[str, Any]] = [row for row in card.report.get("importance") or () if row["value"] is not None]
    if not rows:
        st.info("It was not measured: too few users lapsed, or stayed, at the held-back cut-off.")
        return
    key = (card.version, is_dark())
    figure = drawn("churn importance", key, lambda: importance_dots(rows, is_dark=is_dark()))
    chart(figure, alt=importance_alt(rows), key="why_importance", file_name="feature-importance")
    sure = [title_of(str(row["feature"])) for row in rows if row["low"] > 0]
    st.caption(
        plain(
            "Measured on users whom the model had not learned from: each feature's values are dealt out at random among them, and"
            " what the ranking loses is what the feature is worth. Lines are 95 % intervals; hollow means that it may be nothing."
            " Features that say nearly the same stand in for each other, so each alone may look worth little."
            + (f" Surely needed: {', '.join(sure[:5])}." if sure else " None is surely needed by itself.")
        )
    )
    frame = pd.DataFrame(rows)
    twin(
        pd.DataFrame(
            {
                "Feature": [title_of(str(name)) for name in frame["feature"]],
                "ROC AUC lost": [round(float(v), 4) for v in frame["value"]],
                "From": [round(float(v), 4) for v in frame["low"]],
                "To": [round(float(v), 4) for v in frame["high"]],
                "Meaning": [REGISTRY[str(name)].meaning if name in REGISTRY else "" for name in frame["feature"]],
            }
        ),
        "What each feature is worth to the model",
        "why_importance_twin",
    )
    download(
        "what the features are worth",
        "feature-importance",
        lambda fmt: table_bytes(frame, fmt, sheet="importance"),
        key="why_importance_file",
    )


def _dependence_part(controls: Controls, scoring: Scoring) -> None:
    scored = scored_now(scoring)
    card = answer(card_at, scoring.version)
    worth = [str(row["feature"]) for row in card.report.get("importance") or ()]
    names = [name for name in dict.fromkeys((*worth, *scored.fitted.features)) if name in scored.fitted.features]
    feature = controls.choice(
        "feature", names, names[0], "Feature", words={name: title_of(name) for name in names},
        help="The features that the model needs most come first.",
    )  # fmt: skip
    feature = feature or names[0]
    key = (scoring.scoring_key, feature, catalogue().data_version)
    found = drawn("churn dependence", key, lambda: dependence(scored.fitted, feature, scored.values))
    st.markdown(f"**{plain(dependence_sentence(found))}**")
    if len(found.curve) > 1:
        figure = drawn("churn dependence line", (*key, is_dark()), lambda: dependence_line(found, is_dark=is_dark()))
        chart(figure, alt=dependence_alt(found), key="why_dependence", file_name=f"score-by-{feature}")
    unknown = "" if found.unknown_rate == 0 else f" Not known of {percent(found.unknown_rate)} of the users."
    st.caption(
        plain(
            f"{REGISTRY[feature].meaning if feature in REGISTRY else ''} The line is the mean score of {found.n_users:,} users if"
            " all had this value and were otherwise as they are; eight users in ten lie in the band. Where features go together –"
            f" many visits and a short silence – some of these users cannot exist.{unknown}"
        )
    )
    twin(
        pd.DataFrame(
            {
                title_of(feature): [value_words(feature, float(v)) for v in found.curve["value"]],
                "Mean risk": [percent(float(v)) for v in found.curve["mean"]],
                "Eight users in ten, from": [percent(float(v)) for v in found.curve["low"]],
                "to": [percent(float(v)) for v in found.curve["high"]],
            }
        ),
        "The mean score by the values of the feature",
        "why_dependence_twin",
    )
    download(
        "the score by the feature", f"score-by-{feature}", lambda fmt: table_bytes(found.curve, fmt, sheet="dependence"),
        key="why_dependence_file",
    )  # fmt: skip


# On a profile ----------------------------------------------------------------------------------------------


def risk_note(spec: ProfileSpec) -> None:
    """Say on a user's profile how likely a lapse is, and why; nothing where nobody was scored."""
    scoring = answer(latest_scoring)
    if scoring is None:
        return
    probability = answer(score_of, scoring.scoring_key, spec.user)
    if probability is None:
        return
    said = f"Risk of lapsing {percent(probability)}."
    if scoring.n_users <= AT_ONCE and answer(card_at, scoring.version).features:
        # A model whose files are gone, or that looks at no features, gives no reasons; the score stands all the same.
        with suppress(RetentionError):
            said = because(_reasons(scored_now(scoring), answer(key_of, spec.user)))
    with st.container(key="profile_risk"):
        moved_on = "" if scoring.is_current else "; the data have moved on since"
        st.markdown(f"**{plain(said)}** As of {day(scoring.cutoff)}{moved_on}.")
        link_to("at_risk", "Why, and what if?", tab="Why", user=spec.user)
