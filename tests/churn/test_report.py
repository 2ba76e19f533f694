"""A report's figures: those of scikit-learn, by hand, and against the rules on the same draws of users."""

from __future__ import annotations

from functools import partial

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from retention.churn.chart_report import (
    calibration_figure,
    gain_alt,
    gain_figure,
    lift_figure,
    threshold_alt,
    threshold_figure,
)
from retention.churn.judgement import Figure, Ranked, differences
from retention.churn.report import auc_of, delong, standing, threshold_table


def users(n: int, seed: int = 0):
    """Draw users whose lapse depends on a truth that the score sees and the rule sees dimly."""
    random = np.random.default_rng(seed)
    z = random.normal(-0.6, 1.2, n)
    y = (random.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    return y, {"boosting": 1 / (1 + np.exp(-z)), "recency": z + 2 * random.normal(size=n), "bgnbd": np.full(n, 0.4)}


def test_the_score_stands_first_and_the_rules_by_what_they_rank():
    y, scores = users(1500)
    found = standing(y, scores, "boosting")
    rows = found.beside.set_index("score")
    assert found.beside["score"].tolist() == ["boosting", "recency", "bgnbd"]
    for name in scores:
        assert rows.loc[name, "auc"] == pytest.approx(roc_auc_score(y, scores[name]))
    assert rows.loc["bgnbd", "auc"] == 0.5  # the same for everybody
    assert rows.loc["recency", "ahead_says"] == rows.loc["bgnbd", "ahead_says"] == "higher"
    assert rows.loc["boosting", "ahead_says"] == ""
    # A rank is no probability: it has no log-loss.
    assert np.isnan(rows.loc["recency", "log_loss"]) and rows.loc["bgnbd", "log_loss"] > rows.loc["boosting", "log_loss"]
    assert found.base_rate == y.mean() and found.is_known
    assert found.line.slope.low < 1 < found.line.slope.high
    assert found.calibration["n"].sum() == 1500
    assert set(found.gains["score"]) == set(scores)


def test_the_difference_is_that_of_the_paired_bootstrap():
    y, scores = users(600, seed=3)
    found = standing(y, scores, "boosting").beside.set_index("score").loc["recency"]
    pair = differences(y, scores["boosting"], scores["recency"])
    assert (found["ahead"], found["ahead_low"], found["ahead_high"]) == pytest.approx((pair.value, pair.low, pair.high))


def test_the_formula_for_many_users_is_delongs_by_a_plain_loop_and_agrees_with_the_bootstrap():
    y, scores = users(60, seed=5)
    ours, theirs = np.round(scores["boosting"], 1), np.round(scores["recency"])  # with ties

    def wins(score):  # one pair at a time
        return np.array([[(score[i] > score[j]) + (score[i] == score[j]) / 2 for j in np.flatnonzero(y == 0)]
                         for i in np.flatnonzero(y == 1)])  # fmt: skip

    gap = wins(ours) - wins(theirs)
    of_lapsed, of_stayed = gap.mean(axis=1), gap.mean(axis=0)
    variance = of_lapsed.var(ddof=1) / len(of_lapsed) + of_stayed.var(ddof=1) / len(of_stayed)
    found = delong(y, ours, theirs)
    assert found.value == pytest.approx(gap.mean())
    assert found.high - found.value == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-5)
    y, scores = users(4000, seed=6)
    pair = differences(y, scores["boosting"], scores["recency"])
    many = delong(y, scores["boosting"], scores["recency"])
    assert many.value == pytest.approx(pair.value)
    assert many.high - many.low == pytest.approx(pair.high - pair.low, rel=0.25)


def test_many_users_take_the_formula():
    y, scores = users(5_001, seed=7)
    known = {name: {"auc": Figure(0.5, 0.4, 0.6)} for name in scores}
    row = standing(y, scores, "boosting", known).beside.set_index("score").loc["recency"]
    by_formula = delong(y, scores["boosting"], scores["recency"])
    assert (row["ahead"], row["ahead_low"]) == pytest.approx((by_formula.value, by_formula.low))


def test_what_was_worked_out_before_is_not_again():
    y, scores = users(200)
    kept = {"boosting": {"auc": Figure(0.123, 0.1, 0.2)}}
    assert standing(y, scores, "boosting", kept).beside["auc"][0] == 0.123


def test_too_few_lapses_give_no_line_and_say_so():
    found = standing([1, 0, 0, 0, 0], {"boosting": [0.9, 0.2, 0.1, 0.1, 0.3]}, "boosting")
    assert not found.is_known and np.isnan(found.line.slope.value)
    nobody = standing([0] * 20, {"boosting": [0.1] * 20, "recency": [0.2] * 20}, "boosting")
    assert np.isnan(nobody.beside["auc"]).all() and np.isnan(nobody.beside["ahead"]).all()
    assert nobody.base_rate == 0
    for draw in (gain_figure, lift_figure, calibration_figure, partial(threshold_figure, threshold=0.5)):
        go.Figure(draw(nobody))
    assert "unknown share" in gain_alt(nobody) and "nan" not in threshold_alt(nobody)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 100)), min_size=2, max_size=50))
def test_each_threshold_is_scikit_learns(rows):
    y, p = (np.array(part) for part in zip(*rows, strict=True))
    table = threshold_table(y, p / 100).set_index("threshold")
    for at in (0.01, 0.5, 0.99):
        row, chosen = table.loc[at], (p / 100 >= at).astype(int)
        assert row["n"] == chosen.sum() and row["chosen_rate"] == pytest.approx(chosen.mean())
        if chosen.sum():
            assert row["precision"] == pytest.approx(precision_score(y, chosen))
        else:
            assert np.isnan(row["precision"])
        if y.sum():
            assert row["recall"] == pytest.approx(recall_score(y, chosen))
            assert row["f1"] == pytest.approx(f1_score(y, chosen, zero_division=0))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 3)), min_size=3, max_size=40))
def test_the_quick_auc_is_that_of_the_whole_set_of_figures(rows):
    y, p, w = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    if w.sum() == 0:
        return
    ranked = Ranked(y, p)
    assert auc_of(ranked, w) == pytest.approx(ranked.figures(w)["auc"], nan_ok=True)
