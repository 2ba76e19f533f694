"""Models on worlds whose truth is known: what can be learned is, and what cannot is not claimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from retention.churn.judgement import Figure
from retention.churn.model_backtest import Part, Trial, backtest_of, best_of, fitted
from retention.churn.model_zoo import RankRule, estimator
from retention.churn.snapshots import CutoffTable, stacked
from retention.churn.spec import MODELS, SEQUENCE_MODELS, ChurnSpec, LapseSpec, Schedule
from retention.errors import SpecError

FEATURES = ("active_days", "days_since_first", "days_since_last", "help")
SPEC = ChurnSpec(lapse=LapseSpec(horizon_days=30, gap_days=0, lookback_days=60))


def table(day: int, n: int, *, seed: int, is_random: bool = False) -> CutoffTable:
    """Draw users of whom the last visit and a hidden help decide; or nothing does."""
    random = np.random.default_rng(seed)
    first = random.integers(60, 200, n).astype(float)
    last = np.minimum(random.geometric(0.06, n) - 1, first - 1).astype(float)
    # Visits come at a rate of their own for everybody, as BG/NBD takes it.
    active = 1 + random.poisson(random.gamma(1.5, 0.05, n) * (first - last)).astype(float)
    last = np.where(active == 1, first, last)
    aid = random.normal(size=n)
    logit = 0.12 * (last - 14) + 1.2 * aid
    p = np.full(n, 0.4) if is_random else 1 / (1 + np.exp(-logit))
    lapsed = (random.random(n) < p).astype(np.int64)
    days = np.where(lapsed == 1, 30.0, random.integers(0, 30, n))
    values = np.column_stack([active, first, last, aid])
    return CutoffTable(day, np.arange(n), FEATURES, values, lapsed, days)


def parts(*, is_random: bool = False, n: int = 2500):
    plan = Schedule((100, 130), 160, 190)
    tables = [table(d, n, seed=d, is_random=is_random) for d in (100, 130, 160, 190)]
    return [Part(plan, tables[:2], tables[2], tables[3])]


@parametrize_with_checks([RankRule()])
def test_a_rule_keeps_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("bgnbd", *SEQUENCE_MODELS)])
def test_every_model_learns_what_is_there_to_learn_and_repeats_it(name):
    (part,) = parts()
    calibrate, test = part.calibrate, part.test
    rows = stacked(part.train, 10**6)
    model = fitted(name, rows, calibrate, SPEC)
    scores = model.scores(test)
    assert ((scores > 0) & (scores < 1)).all()
    # The truth ranks with .79; the last visit alone with about .69; visits ever say nothing here.
    auc = roc_auc_score(test.lapsed, scores)
    least = {"recency": 0.66, "frequency": 0.44, "tree": 0.74}.get(name, 0.77)
    assert auc > least
    # Rows in another order are the same rows.
    order = np.random.default_rng(0).permutation(rows.n_rows)
    mixed = type(rows)(rows.features, rows.values[order], rows.lapsed[order], rows.days_until[order])
    again = fitted(name, mixed, calibrate, SPEC).scores(test)
    if name not in ("forest", "ridge", "svm"):  # which draw rows by their place
        assert np.abs(again - scores).max() < 1e-3


def test_a_model_that_knows_more_than_the_rule_is_reliable_and_calibrated():
    found = backtest_of(parts(), SPEC)
    assert (found.word, found.chosen) == ("reliable", "boosting")
    (trial,) = (t for t in found.trials if t.model == "boosting")
    assert trial.figures["slope"].low <= 1.05 and trial.figures["slope"].high >= 0.95
    assert abs(trial.figures["intercept"].value) < 0.2
    shown = found.table().set_index("model")
    assert shown.index[0] == "boosting"
    assert shown["is_rule"].to_dict() == {"boosting": False, "recency": True, "frequency": True, "bgnbd": True}
    assert found.skipped == {}


def test_a_rule_that_cannot_be_taught_is_left_out_with_the_reason():
    (part,) = parts()
    once = [replace(t, values=np.where(np.arange(4) == 0, 1.0, t.values)) for t in (*part.train, part.calibrate, part.test)]
    found = backtest_of([Part(part.plan, once[:2], once[2], once[3])], SPEC)
    # Nobody came on a second day, so there is nothing to learn expected visits from; the others stand.
    assert "at least 20 buyers who came back" in found.skipped["bgnbd"]
    assert set(found.table()["model"]) == {"boosting", "recency", "frequency"}


def test_a_random_outcome_is_not_learned_and_nothing_is_claimed():
    found = backtest_of(parts(is_random=True), SPEC)
    (trial,) = (t for t in found.trials if t.model == "boosting")
    assert trial.figures["auc"].low <= 0.5 <= trial.figures["auc"].high + 0.02
    assert found.word == "no better"
    assert "use the rule" in found.sentence


def test_the_cheapest_of_those_as_good_as_the_best_is_chosen():
    def trial(name, auc, seconds):
        return Trial(name, 1, 100, {"auc": Figure(auc, auc, auc)}, seconds)

    assert best_of([trial("boosting", 0.80, 9.0), trial("logistic", 0.797, 0.1), trial("tree", 0.79, 0.01)]) == "logistic"
    # A rule that is as good wins whatever it costs.
    assert best_of([trial("boosting", 0.80, 1.0), trial("bgnbd", 0.796, 5.0)]) == "bgnbd"


def test_too_few_to_learn_from_and_a_lost_feature_are_said():
    (few,) = parts(n=12)
    with pytest.raises(SpecError, match="Too few users to learn from"):
        fitted("logistic", stacked(few.train[:1], 100), None, SPEC)
    (part,) = parts(n=300)
    test = part.test
    model = fitted("logistic", stacked(part.train, 10**6), part.calibrate, SPEC)
    lost = CutoffTable(test.cutoff_day, test.user_keys, FEATURES[:3], test.values[:, :3])
    with pytest.raises(SpecError, match="needs help"):
        model.scores(lost)


def test_rows_are_drawn_to_a_limit_and_unknown_outcomes_cannot_teach():
    (part,) = parts(n=300)
    assert stacked(part.train, 100).n_rows == 100
    unknown = CutoffTable(1, np.arange(2), FEATURES, np.zeros((2, 4)))
    with pytest.raises(ValueError, match="cannot teach"):
        stacked([unknown], 10)
    assert np.isnan(unknown.base_rate)


def test_no_model_is_called_otherwise():
    with pytest.raises(ValueError, match="no model is called"):
        estimator("magic", FEATURES, 30)


def buyers(day: int, n: int, seed: int) -> CutoffTable:
    """Draw buyers as BG/NBD describes them, watched for 60 to 200 days and then for 30 more."""
    random = np.random.default_rng(seed)
    rate, quit_ = random.gamma(0.8, 1 / 12, n), random.beta(1.0, 2.5, n)
    rows = []
    for i in range(n):
        length = float(random.integers(60, 200))
        at, days, came_back = 0.0, {0}, False
        while random.random() > quit_[i] or at == 0.0:
            at += random.exponential(1 / rate[i])
            if at >= length + 30:
                break
            if at >= length:
                came_back = True
                break
            days.add(int(at))
        rows.append((len(days), length, length - max(days), random.normal(), int(not came_back)))
    *columns, lapsed = zip(*rows, strict=True)
    values = np.array(columns, dtype=float).T
    y = np.array(lapsed)
    return CutoffTable(day, np.arange(n), FEATURES, values, y, np.where(y == 1, 30.0, 10.0))


def test_buyers_of_its_own_kind_are_ranked_by_expected_purchases_better_than_by_recency():
    train, test = buyers(100, 3000, 1), buyers(190, 3000, 2)
    rows = stacked([train], 10**6)
    ranked = {name: fitted(name, rows, None, SPEC).scores(test) for name in ("bgnbd", "recency", "frequency")}
    auc = {name: roc_auc_score(test.lapsed, scores) for name, scores in ranked.items()}
    assert auc["bgnbd"] > max(auc["recency"], auc["frequency"])
    # Nobody with one visit is taken for safe, though P(alive) would be 1.
    once = test.column("active_days") == 1
    assert ranked["bgnbd"][once].mean() > ranked["bgnbd"][~once].mean()
