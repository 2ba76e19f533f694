"""Every estimator keeps scikit-learn's contract, and gives what scikit-learn gives on its own data sets."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from retention.segments.model import SegmentModel
from retention.segments.model_reduce import Autoencoder
from retention.segments.model_rfm import RfmGrid
from retention.segments.model_scale import FeatureScaler

HAS_TORCH = find_spec("torch") is not None
ESTIMATORS = [
    FeatureScaler(),
    FeatureScaler(log="all", winsorise=0.05, scale="robust"),
    FeatureScaler(log="none", winsorise=0.0, scale="quantile"),
    RfmGrid(),
    SegmentModel(n_clusters=3),
    SegmentModel(n_clusters=3, reduction="pca"),
    SegmentModel(method="mixture", n_clusters=3, n_init=3),
    SegmentModel(method="hdbscan", n_clusters=3),
]


@parametrize_with_checks(ESTIMATORS)
def test_the_contract_of_scikit_learn_is_kept(estimator, check):
    check(estimator)


@pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed")
@parametrize_with_checks([Autoencoder(n_epochs=30), SegmentModel(n_clusters=3, reduction="autoencoder")])
def test_the_contract_is_kept_with_torch(estimator, check):
    check(estimator)
