"""What a score is asked to be: the controls of the At risk page, and what contacting a user costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from retention.churn.answer_defaults import lapse_defaults
from retention.churn.money import DEFAULT_SAVE_RATE, SAVE_RATES, Offer
from retention.churn.spec import BEST, MAX_DAYS, MODELS, ChurnSpec, LapseSpec
from retention.churn.words_report import lapse_sentence, title_of
from retention.cohorts.answer import filter_values
from retention.cohorts.spec import Condition
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import PRESETS, REGISTRY, of_presets
from retention.ui.answers import answer, catalogue
from retention.ui.controls import Controls
from retention.ui.segments_controls import PRESET_WORDS, feature_words
from retention.ui.words import plain

CHOICES = (BEST, *MODELS)
NUMBERS = tuple(name for name, feature in REGISTRY.items() if feature.kind == "number")
MOST_MONEY = 1e9
MODEL_HELP = (
    "Gradient boosting is the usual choice. “Best of all” tries every model and takes the cheapest that is nearly as good as the"
    " best; it takes many times as long. Days since the last visit, number of visits and BG/NBD are plain rules, beside which"
    " every model is shown."
)
VALUES = {"own": "Each user's own orders", "same": "The same for all"}


def score_controls(controls: Controls, made: ChurnSpec | None) -> ChurnSpec:
    """Draw what lapse means, for whom, by which model, and return what that asks.

    Parameters
    ----------
    made : ChurnSpec, optional
        What the scores on the page were made with: the controls begin there; without, with what fits the data.
    """
    catalogue().require_clock()
    usual = made or ChurnSpec(lapse=answer(lapse_defaults).spec)
    with st.container(key="at_risk_controls"):
        one, two, three, four = st.columns(4)
        horizon = controls.number(
            "horizon", 7, MAX_DAYS, usual.lapse.horizon_days, "Lapsed: so many days silent", at=one,
            help="The horizon H: who does nothing within so many days has lapsed.",
        )  # fmt: skip
        gap = controls.number(
            "gap", 0, 90, usual.lapse.gap_days, "Days you need to act", at=two,
            help="The gap g: what happens in these first days decides nothing, for nothing could be done in time.",
        )  # fmt: skip
        lookback = controls.number(
            "lookback", 7, MAX_DAYS, usual.lapse.lookback_days, "Who counts: active in the last days", at=three,
            help="The look-back A: only users who were active within so many days can still lapse.",
        )  # fmt: skip
        model = controls.choice(
            "model", CHOICES, usual.model, "Model", words={name: title_of(name) for name in CHOICES}, at=four, help=MODEL_HELP
        )
        lapse = LapseSpec(horizon_days=horizon, gap_days=gap, lookback_days=lookback)
        spec = _finer(controls, replace(usual, lapse=lapse, model=str(model)), usual)
    suggested = answer(lapse_defaults, spec.lapse.events, spec.lapse.where)
    st.caption(
        plain(
            f"{lapse_sentence(spec.lapse)} Your data suggest {suggested.spec.horizon_days} days silent, of users active in the"
            f" last {suggested.spec.lookback_days}: {suggested.why[:1].lower()}{suggested.why[1:]}"
        )
    )
    return spec


def _finer(controls: Controls, spec: ChurnSpec, usual: ChurnSpec) -> ChurnSpec:
    panel = st.expander("Finer settings: events, features, users, cut-offs, time for trying settings", key="at_risk_finer")
    with panel:
        one, two = st.columns(2)
        events = controls.many(
            "events", list(catalogue().events), usual.lapse.events, "Events that keep a user", placeholder="Any activity", at=one
        )
        where = _learned_from(controls, usual.lapse.where, two)
        features = _features(controls, usual.features)
        one, two, three, four = st.columns(4)
        n_backtests = controls.number(
            "cutoffs", 1, 12, usual.n_backtests, "Held-back cut-offs", at=one,
            help="The score is judged on the users of so many earlier days, whose outcome is known, by models taught before.",
        )  # fmt: skip
        step = controls.number("step", 7, 365, usual.step_days, "Days between cut-offs", at=two)
        tune = controls.number(
            "tune", 0, 3600, usual.tune_seconds, "Seconds for trying settings", at=three,
            help="0: the settings that have been tried out. More may make the model a little better.",
        )  # fmt: skip
        cutoff = controls.day(
            "as_of", "Score as of the beginning of", default=usual.cutoff, at=four,
            help="Only what happened before that day is looked at. Empty: everything up to where the data reach.",
        )  # fmt: skip
    return replace(
        spec, lapse=replace(spec.lapse, events=events, where=where), features=features, cutoff=cutoff,
        n_backtests=n_backtests, step_days=step, tune_seconds=tune,
    )  # fmt: skip


def _learned_from(controls: Controls, usual: tuple[Condition, ...], at: Any) -> tuple[Condition, ...]:
    """Draw the choice of the users who are learned from and scored: one condition, on a property or a segment."""
    names = list(catalogue().attributes)
    if not names:
        return ()
    known = next((c for c in usual if c.operator == "=" and c.name in names), None)
    name = controls.choice(
        "among", names, None if known is None else known.name, "Learn from and score only users with", at=at, is_optional=True,
        help="The value that each user had at the first activity; a segment or a tag is of its own date.",
    )  # fmt: skip
    if name is None:
        return ()
    is_usual = known is not None and known.name == name
    options = list(dict.fromkeys([*answer(filter_values, name), *(known.values if known and is_usual else ())]))
    values = controls.many(
        "among_is", options, known.values if known and is_usual else (), plain(f"{name} is any of"), at=at
    )
    return (Condition(name=name, values=values),) if values else ()


def _features(controls: Controls, usual: FeatureSpec) -> FeatureSpec:
    one, two = st.columns(2)
    presets = controls.many(
        "features", list(PRESETS), usual.presets, "What the model looks at", words=PRESET_WORDS, at=one,
        help=" ".join(f"{PRESET_WORDS[name]}: {meaning}" for name, meaning in PRESETS.items()),
    )  # fmt: skip
    more = controls.many(
        "more", [name for name in NUMBERS if name not in of_presets(presets)],
        tuple(name for name in usual.names if name in NUMBERS), "Further features", words=feature_words(), at=two,
        placeholder="Choose or type",
    )  # fmt: skip
    if not presets and not more:
        st.info("No feature is chosen, so the usual ones stand in until one is.")
        return ChurnSpec().features
    return FeatureSpec(presets=presets, names=more)


def offer_controls(controls: Controls, *, has_values: bool) -> Offer:
    """Draw what a contact costs and what a user who stays is worth.

    Parameters
    ----------
    has_values : bool
        Whether the store knows orders of the users.
    """
    one, two, three, four = st.columns(4)
    contact = controls.amount(
        "contact", 0.0, MOST_MONEY, 1.0, "Cost of one contact", step=0.5, at=one, help="In the currency of your file."
    )
    incentive = controls.amount(
        "incentive", 0.0, MOST_MONEY, 10.0, "Incentive", at=two,
        help="A discount or a present, taken by whoever stays: also by those who would have stayed anyway.",
    )  # fmt: skip
    rates = [f"{round(rate * 100)}" for rate in SAVE_RATES]
    rate = controls.choice(
        "save", rates, f"{round(DEFAULT_SAVE_RATE * 100)}", "Assumed save rate, %", at=three,
        help="Of the contacted users who would lapse, the share that stays because of it. Nobody knows it without a test.",
    )  # fmt: skip
    value = None
    kind = controls.choice("value", list(VALUES), "own" if has_values else "same", "Value of a user", words=VALUES, at=four)
    if kind == "same":
        value = controls.amount("worth", 0.0, MOST_MONEY, 100.0, "What a user who stays is worth", step=10.0, at=four)
    return Offer(contact_cost=contact, incentive=incentive, save_rate=int(str(rate)) / 100, value=value)
