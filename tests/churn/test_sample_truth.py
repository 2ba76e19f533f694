"""Against the laws of the simulated shop: probabilities are true ones, and no model could rank much better."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import statsmodels.api as sm

from retention.churn.answer import Tables
from retention.churn.judgement import Ranked
from retention.churn.model_backtest import MOST_ROWS, fitted
from retention.churn.snapshots import stacked
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.ingest import sample_laws as laws
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec, simulate
from retention.store import Store
from tests.churn.oracle_sample import bayes_lapse, true_lapse
from tests.worlds import fresh_path

SPEC = ChurnSpec(lapse=LapseSpec(horizon_days=30, gap_days=7, lookback_days=60), n_backtests=6, step_days=30)


@dataclass(frozen=True)
class Told:
    """Users of several held-back cut-offs: what came, what we say, what is true, and the best that can be said."""

    lapsed: np.ndarray
    ours: np.ndarray
    true: np.ndarray
    best: np.ndarray
    place: np.ndarray


@cache
def told(n_users: int, n_cutoffs: int, model: str) -> Told:
    """Teach a model before each of the latest cut-offs and hold what it says against the shop's laws."""
    asked = SampleSpec(n_users=n_users)
    shop = simulate(asked)
    found = []
    with Store.create_or_open(fresh_path()) as store:
        build_sample(store, asked)
        with store.snapshot() as snapshot:
            user_of = dict(snapshot.rows("select i.user_key, i.user_id from identities as i"))
            tables = Tables(snapshot, SPEC)
            for place, plan in enumerate(tables.held_back()[:n_cutoffs]):
                part = tables.part(plan)
                fit = fitted(model, stacked(part.train, MOST_ROWS), part.calibrate, SPEC)
                fit, said = fit.in_season(part.test, part.expected_rate)
                users = [user_of[key] for key in part.test.user_keys.tolist()]
                found.append((place, part.test, said, *_truths(shop, users, part.test.cutoff_day)))
    return Told(
        np.concatenate([test.lapsed for _, test, *_ in found]),
        np.concatenate([scores for _, _, scores, *_ in found]),
        np.concatenate([true for *_, true, _ in found]),
        np.concatenate([best for *_, best in found]),
        np.concatenate([np.full(test.n_users, place) for place, test, *_ in found]),
    )


def _truths(shop, user_ids, cutoff_day):
    truth, cutoff_us = shop.truth, cutoff_day * laws.DAY_US
    place = {user: i for i, user in enumerate(truth.user_id.tolist())}
    users = np.array([place[user] for user in user_ids])
    who = np.array([place[user] for user in shop.events["user_id"].to_pylist()])
    at = shop.events["occurred_us"].to_numpy()
    kind = np.array(shop.events["event"].to_pylist())
    is_visit = kind == "visit"
    n = len(truth.user_id)
    n_visits = np.bincount(who[is_visit & (at < cutoff_us)], minlength=n)
    # The events are in the order of users and times, so that a basket belongs to the visit before it.
    baskets = np.unique(np.column_stack([who, np.cumsum(is_visit)])[(kind == "add_to_cart") & (at < cutoff_us)], axis=0)
    n_baskets = np.bincount(baskets[:, 0], minlength=n)
    last = truth.signup_us.copy()
    seen = is_visit & (at < cutoff_us)
    np.maximum.at(last, who[seen], at[seen])
    horizon = (cutoff_us, SPEC.lapse.gap_days, SPEC.lapse.horizon_days)
    return (
        true_lapse(truth, users, last[users], *horizon),
        bayes_lapse(truth, users, last[users], n_visits[users], n_baskets[users], *horizon),
    )


def line_of(said, true):
    """Slope of the true log-odds on those that were said, and the intercept with the slope held at 1."""
    z = np.log(said) - np.log1p(-said)
    both = sm.GLM(true, sm.add_constant(z), family=sm.families.Binomial()).fit()
    level = sm.GLM(true, np.ones((len(z), 1)), family=sm.families.Binomial(), offset=z).fit()
    return float(both.params[1]), float(level.params[0])


def auc(lapsed, scores):
    return Ranked(lapsed, scores).figures()["auc"]


def behind(found):
    """How far ROC AUC is behind the best possible, on average over the cut-offs."""
    gaps = []
    for place in np.unique(found.place):
        mine = found.place == place
        gaps.append(auc(found.lapsed[mine], found.best[mine]) - auc(found.lapsed[mine], found.ours[mine]))
    return float(np.mean(gaps))


def test_the_oracle_knows_the_shop():
    found = told(2500, 1, "logistic")
    # What is true on average came, and whoever knows what is hidden ranks better than whoever sees what a shop sees.
    n = len(found.lapsed)
    for said in (found.true, found.best):
        assert abs(said.mean() - found.lapsed.mean()) < 3.5 * np.sqrt(0.25 / n)
    assert auc(found.lapsed, found.true) > auc(found.lapsed, found.best) > 0.8


def test_probabilities_are_near_the_true_ones_and_the_ranking_near_the_best():
    found = told(2500, 1, "logistic")
    slope, intercept = line_of(found.ours, found.true)
    # 1,000 users at one cut-off: twice the tolerance of the slow proof.
    assert 0.8 <= slope <= 1.2 and abs(intercept) <= 0.2
    assert behind(found) <= 0.04


@pytest.mark.slow
def test_probabilities_are_the_true_ones_and_no_model_could_rank_much_better():
    found = told(20_000, 6, "boosting")
    slope, intercept = line_of(found.ours, found.true)
    gap = behind(found)
    print(f"\nslope {slope:.3f}, intercept {intercept:+.3f}, ROC AUC behind the best possible by {gap:.4f}, n = {len(found.ours):,}")
    assert 0.9 <= slope <= 1.1
    assert abs(intercept) <= 0.1
    assert gap <= 0.02
