"""What a model loses without a feature: nothing where the feature says nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from retention.churn.model_backtest import fitted
from retention.churn.model_reasons import _components, importance
from retention.churn.snapshots import CutoffTable, stacked
from retention.churn.spec import ChurnSpec, LapseSpec

SPEC = ChurnSpec(lapse=LapseSpec(horizon_days=30, gap_days=0, lookback_days=60))
FEATURES = ("days_since_last", "twin", "noise", "flat")


@dataclass(frozen=True)
class First:
    """Ranks by its first column and looks at nothing else."""

    features: tuple[str, ...]

    def log_odds(self, values):
        return values[:, 0]


def table(seed: int, n: int = 1200) -> CutoffTable:
    random = np.random.default_rng(seed)
    last, twin, noise = random.normal(size=n), random.normal(size=n), random.normal(size=n)
    lapsed = (random.random(n) < 1 / (1 + np.exp(-1.5 * last - 0.7 * twin))).astype(np.int64)
    values = np.column_stack([last, twin, noise, np.ones(n)])
    return CutoffTable(100, np.arange(n), FEATURES, values, lapsed, np.where(lapsed == 1, 30.0, 5.0))


def test_the_parts_of_the_auc_are_the_auc_with_ties_counting_half():
    random = np.random.default_rng(0)
    lapsed = random.random(300) < 0.3
    scores = np.round(random.normal(size=300) + lapsed, 1)
    of_lapsed, of_stayed = _components(scores, lapsed)
    truth = roc_auc_score(lapsed, scores)
    assert of_lapsed.mean() == pytest.approx(truth) and of_stayed.mean() == pytest.approx(truth)


def test_without_the_only_feature_a_model_ranks_at_random():
    found = importance(First(FEATURES), table(0)).set_index("feature")
    auc = roc_auc_score(table(0).lapsed, table(0).column("days_since_last"))
    # Dealt out at random it ranks with .5, so what is lost is the AUC less .5.
    assert found.loc["days_since_last", "low"] <= auc - 0.5 <= found.loc["days_since_last", "high"]
    assert found.loc["days_since_last", "value"] == pytest.approx(auc - 0.5, abs=0.01)
    # What is not looked at loses nothing at all.
    assert (found.loc[["twin", "noise", "flat"], ["value", "low", "high"]] == 0).all(axis=None)


@pytest.mark.parametrize("name", ["boosting", "logistic"])
def test_a_feature_of_noise_may_be_worth_nothing(name):
    n_covered = 0
    for seed in range(5):
        model = fitted(name, stacked([table(10 + seed)], 10**6), None, SPEC)
        found = importance(model, table(50 + seed), seed=seed).set_index("feature")
        assert list(found.index[:2]) == ["days_since_last", "twin"]
        assert found.loc["twin", "low"] > 0
        assert found.loc["flat", ["value", "low", "high"]].abs().max() == 0
        n_covered += found.loc["noise", "low"] <= 0 <= found.loc["noise", "high"]
    # Of five 95 % intervals one may miss; that two do has a chance of 2 %, three 0.1 %.
    assert n_covered >= 3


def test_the_interval_has_room_for_other_users():
    # The loss on very many users is the truth; intervals from 1,200 users should cover it about 19 times in 20.
    model = First(FEATURES)
    whole = table(999, n=2000)
    truth = importance(model, whole, n_repeats=4).set_index("feature").loc["days_since_last", "value"]
    n_inside = sum(
        row.low <= truth <= row.high
        for seed in range(40)
        for row in importance(model, table(seed), n_repeats=4, seed=seed).query("feature == 'days_since_last'").itertuples()
    )
    assert n_inside >= 34


def test_too_few_users_say_nothing():
    found = importance(First(FEATURES), table(0, n=15))
    assert list(found["feature"]) == list(FEATURES)
    assert found[["value", "low", "high"]].isna().all(axis=None)


def test_a_cutoff_whose_outcomes_are_not_known_cannot_tell():
    known = table(0)
    with pytest.raises(ValueError, match="known"):
        importance(First(FEATURES), CutoffTable(1, known.user_keys, FEATURES, known.values))
