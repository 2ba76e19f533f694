"""Segments against scikit-learn's own, and what must make no difference."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from retention.errors import SpecError, StoreError
from retention.segments import model_reduce
from retention.segments.model import SegmentModel, row_order
from retention.segments.model_rfm import RfmGrid
from retention.segments.model_state import model_of, state_of

PLAIN = {"log": "none", "winsorise": 0.0, "scale": "standard"}


def blobs(n: int = 900, seed: int = 4) -> np.ndarray:
    return make_blobs(n, n_features=4, centers=5, cluster_std=2.0, random_state=seed)[0]


@pytest.mark.parametrize("data", [load_iris, load_wine])
def test_k_means_is_that_of_scikit_learn(data):
    x = data().data
    ours = SegmentModel(n_clusters=3, **PLAIN).fit(x)
    theirs = KMeans(3, n_init=20, random_state=1).fit(StandardScaler().fit_transform(x))
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-3)
    assert adjusted_rand_score(ours.labels_, theirs.labels_) > 0.98
    assert ours.inertia_loss_ == 0.0


def test_the_mixture_is_that_of_scikit_learn():
    x = load_iris().data
    ours = SegmentModel(method="mixture", n_clusters=3, **PLAIN).fit(x)
    theirs = GaussianMixture(3, n_init=5, reg_covar=1e-3, random_state=0).fit(StandardScaler().fit_transform(x))
    assert adjusted_rand_score(ours.labels_, theirs.predict(StandardScaler().fit_transform(x))) > 0.95


def test_hdbscan_is_that_of_scikit_learn():
    x = blobs()
    ours = SegmentModel(method="hdbscan", **PLAIN).fit(x)
    theirs = HDBSCAN(min_cluster_size=9, copy=True).fit_predict(StandardScaler().fit_transform(x))
    # Its own answer hangs on the order of the rows by a hair; ours does not.
    assert adjusted_rand_score(ours.labels_, theirs) > 0.99
    assert ((ours.labels_ < 0) == (theirs < 0)).mean() > 0.99


def test_principal_components_are_those_of_scikit_learn():
    x = load_wine().data
    model = SegmentModel(n_clusters=3, reduction="pca", n_components=2, **PLAIN).fit(x)
    theirs = PCA(2, svd_solver="full").fit(StandardScaler().fit_transform(x))
    np.testing.assert_allclose(model.reducer_.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(model.embed(x)), np.abs(theirs.transform(StandardScaler().fit_transform(x))), atol=1e-8)


METHODS = [{"method": "kmeans"}, {"method": "mixture", "n_init": 3}, {"method": "hdbscan"}, {"reduction": "pca"}]


@pytest.mark.parametrize("settings", METHODS, ids=str)
@pytest.mark.parametrize("has_keys", [False, True])
def test_the_order_of_the_users_makes_no_difference(settings, has_keys):
    x, keys = blobs(), np.arange(900) * 7 + 3
    first = SegmentModel(n_clusters=5, **settings).fit(x, keys=keys if has_keys else None)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(900)
        again = SegmentModel(n_clusters=5, **settings).fit(x[order], keys=keys[order] if has_keys else None)
        assert again.labels_.tolist() == first.labels_[order].tolist()


@given(order=st.permutations(range(12)))
def test_equal_rows_stay_together_in_an_order_of_their_own(order):
    x = np.array([[i % 4, -(i % 3), i % 2] for i in range(12)], dtype=float)
    shuffled = x[list(order)]
    assert shuffled[row_order(shuffled)].tolist() == x[row_order(x)].tolist()


@pytest.mark.parametrize("settings", METHODS, ids=str)
def test_the_number_of_threads_makes_no_difference(settings):
    x = blobs(5000)
    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            found.append(SegmentModel(n_clusters=5, **settings).fit(x).labels_.tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("unit", [0.01, 24.0, 1e6])
def test_the_unit_makes_no_difference(unit):
    x = np.exp(blobs() / 8)
    first = SegmentModel(n_clusters=5).fit(x, keys=np.arange(900))
    again = SegmentModel(n_clusters=5).fit(x * [1.0, unit, 1.0, 1 / unit], keys=np.arange(900))
    assert adjusted_rand_score(first.labels_, again.labels_) == 1.0


def test_the_largest_group_is_the_first():
    sizes = np.bincount(SegmentModel(n_clusters=5).fit(blobs()).labels_)
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)


@pytest.mark.parametrize("settings", [{}, PLAIN, {"method": "mixture"}], ids=str)
def test_three_outliers_do_not_get_a_segment_each(settings):
    random = np.random.default_rng(0)
    usual = np.vstack([random.normal(c, 1.0, (300, 3)) for c in ((0, 0, 0), (6, 0, 0), (0, 6, 0))])
    x = np.vstack([usual, [[4000.0, 0, 0], [0, 9000.0, 0], [-70.0, -80.0, 5000.0]]])
    model = SegmentModel(n_clusters=3, **settings).fit(x)
    assert min(np.bincount(model.labels_)) >= 290
    assert adjusted_rand_score(model.labels_[:900], np.repeat([0, 1, 2], 300)) > 0.95


def test_plain_k_means_would_have_given_them_one():
    # The world above is a real temptation: this is what we are spared.
    random = np.random.default_rng(0)
    usual = np.vstack([random.normal(c, 1.0, (300, 3)) for c in ((0, 0, 0), (6, 0, 0), (0, 6, 0))])
    x = np.vstack([usual, [[4000.0, 0, 0], [0, 9000.0, 0], [-70.0, -80.0, 5000.0]]])
    assert min(np.bincount(KMeans(3, n_init=10, random_state=0).fit_predict(StandardScaler().fit_transform(x)))) == 1


def test_a_sample_teaches_nearly_as_well_as_all():
    x = make_blobs(60_000, n_features=6, centers=6, cluster_std=4.0, random_state=1)[0]
    sampled = SegmentModel(n_clusters=6, max_fit_rows=5_000, **PLAIN).fit(x)
    whole = SegmentModel(n_clusters=6, **PLAIN).fit(x)
    assert sampled.n_fit_rows_ == 5_000 and whole.n_fit_rows_ == 60_000
    assert 0 <= sampled.inertia_loss_ <= 0.01
    assert sampled.inertia_ <= 1.01 * whole.inertia_


def test_more_groups_than_users_or_than_different_users_is_refused():
    with pytest.raises(ValueError, match="n_samples=3"):
        SegmentModel(n_clusters=4).fit(np.eye(3))
    with pytest.raises(ValueError, match="2 different rows"):
        SegmentModel(n_clusters=4).fit(np.repeat(np.eye(2), 10, axis=0))


@pytest.mark.parametrize("settings", [*METHODS, {"scale": "quantile"}, {"log": ("all", "none", "auto", "none")}], ids=str)
def test_a_model_read_again_from_text_gives_the_same_assignments(settings):
    x = np.exp(blobs() / 8)
    model = SegmentModel(n_clusters=5, **settings).fit(x)
    again = model_of(json.loads(json.dumps(state_of(model))))
    other = np.exp(blobs(300, seed=9) / 8)
    other[0, 0] = np.nan
    assert again.predict(other).tolist() == model.predict(other).tolist()
    np.testing.assert_array_equal(again.embed(other), model.embed(other))
    grid = RfmGrid().fit(x[:, :3])
    read = model_of(json.loads(json.dumps(state_of(grid))))
    assert read.segments(other[:, :3]).tolist() == grid.segments(other[:, :3]).tolist()


def test_a_model_of_another_version_is_refused():
    with pytest.raises(StoreError, match="another version"):
        model_of({"format": 99, "kind": "SegmentModel"})


def test_without_torch_the_autoencoder_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(SpecError, match="needs the library torch, which is not installed"):
        SegmentModel(reduction="autoencoder").fit(blobs(50))


def test_an_autoencoder_restores_what_lies_on_a_curve_better_than_components():
    pytest.importorskip("torch")
    t = np.random.default_rng(0).uniform(-1.5, 1.5, 800)
    x = np.column_stack([t, t**2, np.sin(2 * t)])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    coder = model_reduce.Autoencoder(n_components=1, n_epochs=800).fit(x)
    one = PCA(1).fit(x)
    lost = ((x - one.inverse_transform(one.transform(x))) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()
    assert coder.reconstruction_error_ < 0.5 * lost
    np.testing.assert_array_equal(model_reduce.Autoencoder(n_components=1, n_epochs=800).fit(x).transform(x), coder.transform(x))
    model = SegmentModel(n_clusters=3, reduction="autoencoder").fit(x)
    again = model_of(json.loads(json.dumps(state_of(model))))
    assert again.predict(x).tolist() == model.labels_.tolist()
