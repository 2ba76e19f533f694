"""The report's sentences: each says what the figures allow, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from retention.churn.drift import Drifted
from retention.churn.fairness import fairness_by
from retention.churn.judgement import Figure, Line, at_threshold, calibration_line, calibration_table
from retention.churn.model_drift import drift_basis, drift_of
from retention.churn.spec import LapseSpec
from retention.churn.stability import stability_of
from retention.churn.words_report import (
    calibration_sentence,
    drift_sentence,
    fairness_sentence,
    lapse_sentence,
    score_drift_sentence,
    stability_sentence,
    threshold_sentence,
    title_of,
)
from tests.churn.test_fairness import world
from tests.churn.test_stability import TRIALS, trial


def said(shift: float = 0.0, slope: float = 1.0, seed: int = 5) -> str:
    """Say how right probabilities are whose log-odds are `slope` times what they should be, and `shift` more."""
    random = np.random.default_rng(seed)
    z = random.normal(-0.5, 1.2, 8000)
    y = (random.random(8000) < 1 / (1 + np.exp(-z))).astype(int)
    p = 1 / (1 + np.exp(-(shift + slope * z)))
    return calibration_sentence(calibration_line(y, p), calibration_table(y, p))


def test_probabilities_are_called_right_too_much_too_sure_or_too_timid():
    assert said() == "The probabilities can be taken at their word, as far as 8,000 users can tell."
    assert "too much (" in said(shift=0.6) and "sure" not in said(shift=0.6)
    assert "too little (" in said(shift=-0.6)
    assert "too sure of themselves" in said(slope=2.0)
    assert "too timid" in said(slope=0.5)
    nothing = Figure(np.nan, np.nan, np.nan)
    assert calibration_sentence(Line(nothing, nothing), calibration_table([], [])).startswith("Too few users")


def test_a_threshold_in_words_by_hand():
    y, p = [1, 1, 1, 0, 0], [0.9, 0.8, 0.2, 0.7, 0.1]
    text = threshold_sentence(at_threshold(y, p, 0.5), 5, 3)
    # Three are chosen, two of whom lapsed; two of the three who lapsed are caught: F1 = 2 × 2 / (3 + 3).
    assert text.startswith("From 50 % on, 3 of 5 users are chosen. 66.7 % of them lapsed")
    assert "catches 66.7 % of the 3 who lapsed" in text and text.endswith("F1 is 0.67.")
    assert threshold_sentence(at_threshold(y, p, 0.95), 5, 3) == "From 95 % on, nobody is chosen."
    assert "catches" not in threshold_sentence(at_threshold([0, 0], [0.9, 0.1], 0.5), 2, 0)


def test_one_cut_off_says_nothing_and_a_fall_asks_for_training():
    assert "one cut-off only" in stability_sentence(stability_of([trial("boosting", 1, 0.7)], "boosting"))
    text = stability_sentence(stability_of(TRIALS, "boosting"))
    assert "between 0.790 and 0.810, above “days since the last visit” at 2 of them" in text and "cannot tell" in text
    fallen = [trial("boosting", 300, 0.70), trial("boosting", 270, 0.8), trial("boosting", 240, 0.8)]
    assert stability_sentence(stability_of(fallen, "boosting")).endswith("Train it again.")
    unknown = trial("boosting", 2, 0.7) | {"figures": {"auc": [None, None, None]}}
    assert "one cut-off only" in stability_sentence(stability_of([trial("boosting", 1, 0.7), unknown], "boosting"))
    # A rule is not compared with itself.
    rule = stability_sentence(stability_of(TRIALS, "recency"))
    assert "above" not in rule


def test_groups_are_named_only_where_something_holds():
    random = np.random.default_rng(1)
    p = random.beta(2, 3, 900)
    y = (random.random(900) < p).astype(int)
    lot = fairness_by("lot", [str(g) for g in random.integers(0, 3, 900)], y, p, 0.4, n_draws=2)
    assert fairness_sentence(lot) == "By lot the data cannot tell any difference in errors or calibration."
    off = fairness_sentence(fairness_by("kind", *world(6000, off=0.8, seed=2), 0.5, n_draws=2))
    assert "the probabilities are too high in “b”" in off and "bothered more often in “b”" in off
    alone = fairness_by("kind", ["a"] * 30, [0, 1, 0] * 10, [0.5] * 30, 0.5)
    assert "not two groups" in fairness_sentence(alone)


@pytest.mark.parametrize(("shift", "words"), [(0.0, "No feature has moved"), (0.25, "none much"), (2.0, "moved much")])
def test_drift_in_words(shift, words):
    random = np.random.default_rng(3)
    basis = drift_basis(random.normal(size=(4000, 1)), ("a",))
    found = Drifted(1, 4000, drift_of(basis, random.normal(size=(4000, 1)) + shift, ("a",)), 0.3, 0.1)
    assert words in drift_sentence(found)
    assert score_drift_sentence(found) == "The scores have moved much (PSI 0.300)."
    assert score_drift_sentence(Drifted(1, 1, found.features)) == ""


def test_the_question_is_said_in_full():
    asked = LapseSpec(horizon_days=30, gap_days=1, lookback_days=60, events=("purchase", "visit"))
    assert lapse_sentence(asked) == (
        "Lapsed: no purchase or visit within 30 days, counted from 1 day after the cut-off. Looked at: users active within"
        " 60 days before the cut-off."
    )
    assert title_of("a model of tomorrow") == "a model of tomorrow"
