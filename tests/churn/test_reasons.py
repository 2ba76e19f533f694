"""Reasons on models whose parts can be worked out: they add up, and nothing is given to what plays no part."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, log

import numpy as np
import pytest

from retention.churn.model_backtest import fitted
from retention.churn.model_reasons import contributions, dependence
from retention.churn.snapshots import CutoffTable, stacked
from retention.churn.spec import ChurnSpec, LapseSpec

FEATURES = ("active_days", "days_since_first", "days_since_last", "noise")
SPEC = ChurnSpec(lapse=LapseSpec(horizon_days=30, gap_days=0, lookback_days=60))


@dataclass(frozen=True)
class Formula:
    """A model whose log-odds are a formula of its columns."""

    features: tuple[str, ...]
    formula: object

    def log_odds(self, values):
        return self.formula(*values.T)


def users(day: int = 100, n: int = 1500, seed: int = 0) -> CutoffTable:
    random = np.random.default_rng(seed)
    active = 1.0 + random.poisson(6, n)
    first = random.integers(60, 300, n).astype(float)
    last = random.integers(0, 60, n).astype(float)
    noise = random.normal(size=n)
    p = 1 / (1 + np.exp(-(0.08 * (last - 30) - 0.3 * (active - 7))))
    lapsed = (random.random(n) < p).astype(np.int64)
    values = np.column_stack([active, first, last, noise])
    values[random.random(n) < 0.1, 1] = np.nan
    return CutoffTable(day, np.arange(n), FEATURES, values, lapsed, np.where(lapsed == 1, 30.0, 5.0))


def shapley_by_all_coalitions(log_odds, user, background):
    """Every coalition, weighed as Shapley did in 1953; who is out has the values of each stranger in turn."""
    d = len(user)

    def worth(inside):
        mixed = background.copy()
        mixed[:, list(inside)] = user[list(inside)]
        return log_odds(mixed).mean()

    found = np.zeros(d)
    for j in range(d):
        others = [k for k in range(d) if k != j]
        for size in range(d):
            for inside in combinations(others, size):
                found[j] += (worth((*inside, j)) - worth(inside)) / (d * comb(d - 1, size))
    return found


def test_a_sum_of_features_is_taken_apart_into_its_terms():
    model = Formula(("a", "b", "c"), lambda a, b, c: 2 * a - b + 0 * c)
    background = np.array([[0.0, 0.0, 5.0], [2.0, 4.0, 7.0]])  # the mean of a is 1, of b 2
    found = contributions(model, np.array([[3.0, 1.0, 9.0]]), background, n_permutations=2)
    # Base: 2 × 1 − 2 = 0. From there a adds 2 × (3 − 1) = 4, and b −(1 − 2) = 1; c adds nothing.
    assert found.base == pytest.approx(0)
    assert found.values[0] == pytest.approx([4, 1, 0])
    assert found.log_odds == pytest.approx([5])


def test_what_two_features_do_together_is_shared_between_them():
    model = Formula(("a", "b"), lambda a, b: a * b)
    found = contributions(model, np.array([[2.0, 3.0]]), np.zeros((1, 2)), n_permutations=8)
    # Alone neither does anything; together 6. Forwards and backwards each is the last one once.
    assert found.values[0] == pytest.approx([3, 3])


@pytest.mark.parametrize("name", ["boosting", "logistic", "lasso", "ridge", "svm", "tree", "forest", "cox", "recency"])
def test_the_reasons_of_every_model_add_up_to_its_score(name):
    train, calibrate, table = users(seed=1), users(seed=2), users(n=40, seed=3)
    model = fitted(name, stacked([train], 10**6), calibrate, SPEC)
    found = contributions(model, table.values, users(seed=4).values, n_permutations=16)
    assert np.abs(found.log_odds - model.log_odds(table.values)).max() < 1e-6
    p = model.scores(table)
    assert np.abs(1 / (1 + np.exp(-found.log_odds)) - p).max() < 1e-6
    # What a rule does not look at plays no part.
    if name == "recency":
        assert np.abs(found.values[:, [0, 1, 3]]).max() == 0


@pytest.mark.parametrize("name", ["boosting", "logistic"])
def test_reasons_are_the_shapley_values_of_all_coalitions(name):
    train, calibrate = users(seed=1), users(seed=2)
    model = fitted(name, stacked([train], 10**6), calibrate, SPEC)
    background = users(n=60, seed=5).values
    some = users(n=3, seed=6).values
    truth = np.array([shapley_by_all_coalitions(model.log_odds, user, background) for user in some])
    found = contributions(model, some, background, n_permutations=3000)
    if name == "logistic":  # taken apart exactly
        assert np.abs(found.values - truth).max() < 1e-9
        assert not found.errors.any()
    else:
        assert (np.abs(found.values - truth) <= 4.5 * found.errors + 1e-9).all()
        assert found.errors.max() < 0.03


def test_a_score_at_its_bound_is_taken_apart_all_the_same():
    train = users(seed=1)
    model = fitted("logistic", stacked([train], 10**6), None, SPEC)
    # Probabilities are kept 1e-6 from 0 and 1, so the log-odds are no sum here; the reasons still add up.
    model.model[1].coef_ = model.model[1].coef_ * 60
    some = users(n=30, seed=8)
    found = contributions(model, some.values, train.values, n_permutations=16)
    whole = model.log_odds(some.values)
    assert np.abs(whole).max() == pytest.approx(log(1e6), abs=1e-4)
    assert np.abs(found.log_odds - whole).max() < 1e-6


def test_reasons_that_do_not_add_up_are_not_shown():
    class Drifting:
        features = ("a",)
        calls = 0

        def log_odds(self, values):
            self.calls += 1
            return values[:, 0] + self.calls

    with pytest.raises(AssertionError, match="off"):
        contributions(Drifting(), np.ones((1, 1)), np.zeros((2, 1)), n_permutations=2)


def test_the_same_seed_gives_the_same_reasons_and_the_order_of_users_plays_no_part():
    train = users(seed=1)
    model = fitted("boosting", stacked([train], 10**6), None, SPEC)
    some = users(n=5, seed=2).values
    one = contributions(model, some, train.values, seed=7)
    two = contributions(model, some[::-1], train.values, seed=7)
    assert np.abs(one.values - two.values[::-1]).max() < 1e-12


def test_the_samples_agree_with_shaps_where_it_is_installed():
    shap = pytest.importorskip("shap")
    train = users(seed=1)
    model = fitted("boosting", stacked([train], 10**6), None, SPEC)
    background, some = np.nan_to_num(users(n=50, seed=5).values), np.nan_to_num(users(n=5, seed=6).values)
    theirs = shap.explainers.Exact(model.log_odds, background)(some).values
    ours = contributions(model, some, background, n_permutations=2000)
    assert (np.abs(ours.values - theirs) <= 4.5 * ours.errors + 1e-6).all()


def test_the_curve_of_a_feature_is_its_formula():
    model = Formula(("a", "b"), lambda a, b: a + 0 * b)
    values = np.column_stack([np.arange(11.0), np.zeros(11)])
    found = dependence(model, "a", values, n_grid=11)
    assert list(found.curve["value"]) == list(range(11))
    expected = 1 / (1 + np.exp(-np.arange(11.0)))
    for column in ("mean", "low", "median", "high"):  # nobody differs from anybody else in b
        assert found.curve[column].to_numpy() == pytest.approx(expected)
    assert (found.n_users, found.unknown_rate) == (11, 0)


def test_a_curve_shows_how_much_users_differ():
    # Half of the users have b = −1 and half b = 1: for them a goes the other way, and the mean hides it.
    model = Formula(("a", "b"), lambda a, b: a * b)
    values = np.column_stack([np.tile([-2.0, 2.0], 50), np.repeat([-1.0, 1.0], 50)])
    found = dependence(model, "a", values).curve
    assert found["mean"].to_numpy() == pytest.approx([0.5, 0.5])
    assert found["high"].to_numpy() == pytest.approx([1 / (1 + np.exp(-2))] * 2)
    assert found["low"].to_numpy() == pytest.approx([1 / (1 + np.exp(2))] * 2)


def test_a_feature_that_is_never_known_has_no_curve():
    model = Formula(("a", "b"), lambda a, b: b)
    values = np.column_stack([np.full(5, np.nan), np.zeros(5)])
    found = dependence(model, "a", values)
    assert len(found.curve) == 0 and found.unknown_rate == 1


def test_the_users_who_stand_for_all_have_nearly_the_mean_score_of_all():
    train, some = users(seed=1), users(n=3, seed=2)
    model = fitted("boosting", stacked([train], 10**6), None, SPEC)
    found = contributions(model, some.values, train.values, n_permutations=64)
    assert found.base == pytest.approx(float(model.log_odds(train.values).mean()), abs=0.02)
