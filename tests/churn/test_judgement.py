"""Figures of a score against scikit-learn's, by hand, and under laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from retention.churn.judgement import (
    Ranked,
    at_threshold,
    calibration_line,
    calibration_table,
    differences,
    gains,
    judged,
    verdict,
)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9), st.integers(0, 3)), min_size=4, max_size=60))
def test_the_figures_are_scikit_learns_with_ties_and_weights(rows):
    y, p, w = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    p, w = p / 10, w + 0.0
    if (w @ y) in (0, w.sum()):
        return
    found = Ranked(y, p).figures(w)
    assert found["auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=w))
    assert found["average_precision"] == pytest.approx(average_precision_score(y, p, sample_weight=w))
    assert found["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert found["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=w, labels=[0, 1]))


def test_the_top_shares_by_hand():
    # Ten users, four of whom lapse; the two highest scores are one of each.
    y = [1, 0, 1, 1, 0, 0, 1, 0, 0, 0]
    p = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05]
    found = Ranked(y, p).figures()
    assert found["base_rate"] == 0.4
    assert found["precision_10"] == 1.0  # the first
    assert found["recall_20"] == 0.25  # one of four
    assert found["lift_20"] == pytest.approx(0.25 / 0.2)
    assert found["recall_5"] == pytest.approx(0.125)  # half a user


def test_a_tie_at_the_edge_is_shared():
    # All scores are the same: the top tenth catches a tenth.
    found = Ranked([1, 0, 0, 1, 0, 0, 0, 0, 0, 0], [0.5] * 10).figures()
    assert found["recall_10"] == pytest.approx(0.1)
    assert found["auc"] == 0.5


def test_a_random_score_is_no_better_than_chance_and_is_told_so():
    random = np.random.default_rng(1)
    y, rule = random.integers(0, 2, 2000), random.random(2000)
    score = random.random(2000)
    figure = judged(y, score)["auc"]
    assert figure.low < 0.5 < figure.high
    assert verdict(y, score, {"days since the last visit": rule})[0] == "no better"
    assert verdict(y[:30] * 0, score[:30], {})[0] == "too few"


def test_a_score_that_knows_more_than_the_rule_is_reliable():
    random = np.random.default_rng(2)
    truth, noise = random.normal(size=3000), random.normal(size=3000)
    y = (random.random(3000) < 1 / (1 + np.exp(-2 * truth))).astype(int)
    word, sentence = verdict(y, truth, {"days since the last visit": truth + 2 * noise})
    assert word == "reliable"
    assert "more often than days since the last visit" in sentence


def test_the_interval_of_a_difference_is_of_the_same_users():
    random = np.random.default_rng(3)
    y = random.integers(0, 2, 800)
    score = y + random.normal(size=800)
    # The same ranking twice, on another scale: no draw can tell them apart.
    same = differences(y, score, 3 * score - 7)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert same.says == "cannot tell"


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # Of normal scores a distance d apart the AUC is Φ(d / √2); d = 1 gives 0.7602.
    random = np.random.default_rng(4)
    n_covered = 0
    for _ in range(100):
        y = np.repeat([0, 1], 150)
        figure = judged(y, random.normal(size=300) + y, is_probability=False, n_draws=100)["auc"]
        n_covered += figure.low <= 0.7602 <= figure.high
    assert 88 <= n_covered <= 100


def test_calibration_finds_what_was_planted():
    random = np.random.default_rng(5)
    z = random.normal(-0.5, 1.2, size=40_000)
    y = (random.random(40_000) < 1 / (1 + np.exp(-z))).astype(int)
    true = calibration_line(y, 1 / (1 + np.exp(-z)))
    assert true.slope.low <= 1 <= true.slope.high
    assert true.intercept.low <= 0 <= true.intercept.high
    # Log-odds said twice as large are half true; log-odds that miss 0.4 have an intercept of 0.4.
    assert calibration_line(y, 1 / (1 + np.exp(-2 * z))).slope.value == pytest.approx(0.5, abs=0.03)
    assert calibration_line(y, 1 / (1 + np.exp(-(z - 0.4)))).intercept.value == pytest.approx(0.4, abs=0.06)
    table = calibration_table(y, 1 / (1 + np.exp(-z)))
    assert table["n"].sum() == 40_000
    assert table["is_off"].sum() <= 2
    assert calibration_table(y, np.full(40_000, 0.9))["is_off"].tolist() == [True]


def test_gains_rise_from_nobody_to_everybody():
    y = [1, 0, 1, 0]
    table = gains(y, [0.9, 0.8, 0.3, 0.1])
    assert table["n"].tolist() == [0, 1, 2, 3, 4]
    assert table["caught"].tolist() == [0, 1, 1, 2, 2]
    assert table["recall"].tolist() == [0, 0.5, 0.5, 1, 1]
    assert np.isnan(table["precision"][0])
    assert table["lift"].tolist()[1:] == [2, 1, pytest.approx(4 / 3), 1]


def test_a_threshold_by_hand():
    choice = at_threshold([1, 1, 0, 0, 1], [0.9, 0.6, 0.6, 0.2, 0.1], 0.6)
    assert (choice.n, choice.precision.value, choice.recall.value) == (3, 2 / 3, 2 / 3)
    assert choice.f1 == pytest.approx(2 / 3)
    nobody = at_threshold([1, 0], [0.2, 0.1], 0.5)
    assert nobody.n == 0 and np.isnan(nobody.precision.value) and nobody.f1 == 0
