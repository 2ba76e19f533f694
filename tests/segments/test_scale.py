"""Scaling: against scikit-learn's own scalers, by hand, and the same in every unit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.datasets import load_diabetes, load_wine
from sklearn.preprocessing import RobustScaler, StandardScaler

from retention.segments.model_scale import FeatureScaler


@pytest.mark.parametrize("data", [load_wine, load_diabetes])
def test_scales_are_those_of_scikit_learn(data):
    x = data().data
    ours = FeatureScaler(log="none", winsorise=0.0, scale="standard").fit_transform(x)
    np.testing.assert_allclose(ours, StandardScaler().fit_transform(x), rtol=1e-9, atol=1e-12)
    ours = FeatureScaler(log="none", winsorise=0.0, scale="robust").fit_transform(x)
    varied = np.subtract(*np.quantile(x, [0.75, 0.25], axis=0)) > 0
    theirs = RobustScaler(unit_variance=True).fit_transform(x)
    np.testing.assert_allclose(ours[:, varied], theirs[:, varied], rtol=1e-9, atol=1e-12)


def test_tails_are_cut_to_the_quantiles():
    x = np.arange(101.0)[:, None]
    found = FeatureScaler(log="none", winsorise=0.1, scale="none").fit_transform(x)
    assert (found.min(), found.max()) == (10.0, 90.0)
    assert found[50] == 50.0


def test_a_rare_flag_is_not_cut_away():
    x = np.array([0.0] * 199 + [1.0])[:, None]
    found = FeatureScaler(log="none", winsorise=0.01, scale="none").fit_transform(x)
    assert found[-1] == 1.0


def test_a_logarithm_counts_in_medians():
    x = np.array([[0.0], [2.0], [4.0], [6.0], [400.0]])  # the median of the positive ones is 5
    scaler = FeatureScaler(log="auto", winsorise=0.0, scale="none").fit(x)
    assert scaler.is_log_.tolist() == [True]
    np.testing.assert_allclose(scaler.transform(x)[:, 0], np.log1p(x[:, 0] / 5))


def test_auto_leaves_even_and_negative_columns_alone():
    random = np.random.default_rng(1)
    x = np.column_stack([random.normal(size=500), random.uniform(size=500), random.lognormal(size=500), -random.lognormal(size=500)])
    assert FeatureScaler().fit(x).is_log_.tolist() == [False, False, True, False]
    assert FeatureScaler(log=("none", "all", "none", "all")).fit(x).is_log_.tolist() == [False, True, False, False]


def test_ranks_become_normal_scores_with_ties_in_the_middle():
    x = np.array([3.0, 1.0, 2.0, 2.0, 9.0])[:, None]
    found = FeatureScaler(log="none", winsorise=0.0, scale="quantile").fit_transform(x)[:, 0]
    # Ranks 0 | 1.5 1.5 | 3 | 4 of 5, each with half of its own place.
    np.testing.assert_allclose(found, norm.ppf((np.array([3, 0, 1.5, 1.5, 4]) + 0.5) / 5), atol=1e-12)


def test_what_is_missing_becomes_the_median_and_what_never_varies_tells_nothing():
    x = np.array([[1.0, 5.0, np.nan], [np.nan, 5.0, np.nan], [3.0, 5.0, np.nan], [10.0, 5.0, np.nan]])
    scaler = FeatureScaler(log="none", winsorise=0.0, scale="none").fit(x)
    assert scaler.transform(x).tolist() == [[1.0, 0.0, 0.0], [3.0, 0.0, 0.0], [3.0, 0.0, 0.0], [10.0, 0.0, 0.0]]
    assert scaler.n_missing_.tolist() == [1, 0, 4]
    assert scaler.is_constant_.tolist() == [False, True, True]


@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1000)), min_size=4, max_size=40),
    unit=st.sampled_from((0.01, 24.0, 1000.0)),
    scale=st.sampled_from(("standard", "robust", "quantile")),
)
def test_the_unit_makes_no_difference(rows, unit, scale):
    x = np.array(rows, dtype=float)
    ours = FeatureScaler(scale=scale).fit_transform(x)
    np.testing.assert_allclose(FeatureScaler(scale=scale).fit_transform(x * unit), ours, rtol=1e-6, atol=1e-6)
