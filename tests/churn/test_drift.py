"""Drift against shares that were kept: the same index as of the samples, and nothing where nothing has moved."""

from __future__ import annotations

import json

import numpy as np
import pytest

from retention.churn.model_drift import drift_basis, drift_of, psi_of, score_drift_of
from retention.segments.model_drift import psi

NAMES = ("moved", "still", "gone")


def test_kept_shares_give_the_index_of_the_samples_themselves():
    random = np.random.default_rng(0)
    before = np.column_stack([random.normal(size=500), random.poisson(2, 500), random.random(500)])
    before[random.random(before.shape) < 0.1] = np.nan
    after = before[:400] + 0.3
    basis = json.loads(json.dumps(drift_basis(before, NAMES)))  # as a model card keeps it
    found = drift_of(basis, after, NAMES).set_index("feature")
    for i, name in enumerate(NAMES):
        assert found.loc[name, "psi"] == pytest.approx(psi(before[:, i], after[:, i]).psi)


def test_the_index_by_hand():
    # Shares .5 .5 and .8 .2: .3·ln(1.6) − .3·ln(.4) = .3·ln 4.
    assert psi_of(np.array([50.0, 50.0]), np.array([80.0, 20.0])).psi == pytest.approx(0.3 * np.log(4))
    assert np.isnan(psi_of(np.zeros(2), np.ones(2)).psi)


def test_what_has_moved_comes_first_and_chance_alone_is_called_chance():
    random = np.random.default_rng(1)
    before = random.normal(size=(2000, 3))
    after = random.normal(size=(800, 2)) + np.array([0.7, 0.0])
    found = drift_of(drift_basis(before, NAMES), after, NAMES[:2])
    assert found["feature"].tolist() == list(NAMES)
    assert found["is_moved"].tolist() == [True, False, False]
    assert found["words"][0].startswith("Has moved much") and found["words"][1].startswith("Nothing that chance")
    assert np.isnan(found["psi"][2]) and "does not know it now" in found["words"][2]


def test_chance_passes_its_bound_about_once_in_twenty():
    random = np.random.default_rng(2)
    kept = (drift_basis(random.random((300, 1)), ("score",))["score"] for _ in range(200))
    n_moved = sum(score_drift_of(k, random.random(300)).is_moved for k in kept)
    assert n_moved <= 20  # 10 expected
