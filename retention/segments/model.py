"""Groups of users that are alike: one estimator from features to labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from retention.segments.model_reduce import Autoencoder, principal_components
from retention.segments.model_scale import FeatureScaler

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STARTS_ROWS = 20_000
MIXTURE_ROWS = 10_000
HDBSCAN_ROWS = 4_000
MAX_ROUNDS = 5
MAX_APART = 0.1
REFINEMENTS = 3
FEW_A_GROUP = 10
CHUNK = 65_536
REGULARISATION = 1e-3
NOISE = -1


class SegmentModel(ClusterMixin, BaseEstimator):
    """Scale the features, reduce them if wished, and divide the rows into groups.

    Parameters
    ----------
    method : {"kmeans", "mixture", "hdbscan"}, default "kmeans"
    n_clusters : int, default 4
        HDBSCAN finds its own number.
    log, winsorise, scale
        See `FeatureScaler`.
    reduction : {"none", "pca", "autoencoder"}, default "none"
    n_components : int, default 2
        Columns that the reduction leaves.
    min_share : float, default 0.01
        A group must hold at least this share of the rows. The rows of a smaller one are set apart, the others are
        divided again, and those set apart join the nearest group.
    max_fit_rows : int, default 100000
        Learn from so many rows at most, drawn at random; all rows are assigned.
    n_init : int, default 10
        Starts of K-means, on at most 20,000 rows; the best goes on.
    random_state : int, default 0

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        From 0, the largest group first; −1 for what HDBSCAN calls noise.
    centres_ : ndarray of shape (n_found, n_columns)
        Means of the groups in the scaled and reduced columns.
    n_found_ : int
    n_apart_ : int
        Rows that were set apart while learning, of those learned from.
    inertia_ : float
        Sum of squared distances to the centres.
    inertia_loss_ : float
        By how much the sum was larger, as a share, before all rows refined what a sample had taught; 0 without a sample.
    scaler_, reducer_ : estimators

    Notes
    -----
    Rows are brought into an order of their own before anything is drawn or added up — by `keys` if they are given, else by
    what they hold — and one thread does the sums, so neither the order of the rows nor the number of threads makes a
    difference. Groups of a handful of outliers are the usual complaint about K-means: winsorising takes the edge off
    them, and `min_share` sees to the rest.

    References
    ----------
    Lloyd, S. (1982). Least squares quantization in PCM. IEEE Transactions on Information Theory 28.
    Arthur, D. & Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    Dempster, A. P., Laird, N. M. & Rubin, D. B. (1977). Maximum likelihood from incomplete data via the EM algorithm.
    Campello, R., Moulavi, D. & Sander, J. (2013). Density-based clustering based on hierarchical density estimates.
    """

    def __init__(
        self,
        method: str = "kmeans",
        n_clusters: int = 4,
        log: str | Sequence[str] = "auto",
        winsorise: float = 0.01,
        scale: str = "standard",
        reduction: str = "none",
        n_components: int = 2,
        min_share: float = 0.01,
        max_fit_rows: int = 100_000,
        n_init: int = 10,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.n_clusters = n_clusters
        self.log = log
        self.winsorise = winsorise
        self.scale = scale
        self.reduction = reduction
        self.n_components = n_components
        self.min_share = min_share
        self.max_fit_rows = max_fit_rows
        self.n_init = n_init
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Say that missing values are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any = None, keys: Any = None) -> SegmentModel:
        """Learn the groups and assign every row.

        Parameters
        ----------
        keys : array_like of int, shape (n_samples,), optional
            A number that stays with each row, all different.
        """
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self._check(values)
        order = row_order(values) if keys is None else np.argsort(np.asarray(keys), kind="stable")
        with threadpool_limits(limits=1, user_api="openmp"):
            rows = drawn(len(values), self.max_fit_rows, self.random_state)
            taught = self._learn_columns(values[order if rows is None else order[rows]])
            self._learn_groups(taught)
            ordered = taught if rows is None else self._columns(values[order])
            found = self._assigned(ordered)
            self.inertia_loss_ = 0.0
            if rows is not None and self.method == "kmeans":
                found = self._refine(ordered, found)
        found = self._numbered(found)
        self.inertia_ = _inertia(ordered, self.centres_, found)
        self.labels_ = np.empty(len(values), dtype=np.int64)
        self.labels_[order] = found
        return self

    def predict(self, X: Any) -> Ints:
        """Assign rows to the groups that were learned."""
        check_is_fitted(self)
        return self._assigned(self.embed(X))

    def embed(self, X: Any) -> Floats:
        """Give the scaled and reduced columns in which distances are measured."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return self._columns(values)

    def _columns(self, values: Floats) -> Floats:
        out = np.empty((len(values), self.n_columns_))
        for low in range(0, len(values), CHUNK):
            scaled = self.scaler_.transform(values[low : low + CHUNK])
            out[low : low + CHUNK] = scaled if self.reducer_ is None else self.reducer_.transform(scaled)
        return out

    def _check(self, values: Floats) -> None:
        if self.method not in ("kmeans", "mixture", "hdbscan"):
            raise ValueError(f"method must be kmeans, mixture or hdbscan, not {self.method!r}")
        if self.reduction not in ("none", "pca", "autoencoder"):
            raise ValueError(f"reduction must be none, pca or autoencoder, not {self.reduction!r}")
        if not isinstance(self.n_clusters, (int, np.integer)) or self.n_clusters < 1:
            raise ValueError(f"n_clusters must be a whole number from 1, not {self.n_clusters!r}")
        least = 2 if self.method == "hdbscan" else max(self.n_clusters, 2)
        if len(values) < least:
            raise ValueError(f"n_samples={len(values)} must be at least {least} for n_clusters={self.n_clusters}")

    def _learn_columns(self, values: Floats) -> Floats:
        self.scaler_ = FeatureScaler(self.log, self.winsorise, self.scale)
        scaled = self.scaler_.fit_transform(values)
        self.reducer_: Any = None
        if self.reduction == "pca":
            self.reducer_ = principal_components(self.n_components, min(scaled.shape))
        elif self.reduction == "autoencoder":
            self.reducer_ = Autoencoder(self.n_components, random_state=self.random_state)
        columns = scaled if self.reducer_ is None else np.asarray(self.reducer_.fit_transform(scaled))
        self.n_columns_ = columns.shape[1]
        return columns

    def _learn_groups(self, rows: Floats) -> None:
        """Divide the rows, again without those of tiny groups as long as there are some."""
        self.n_fit_rows_ = len(rows)
        self.mixture_: Any = None
        self.neighbours_: Any = None
        if self.method == "hdbscan":
            self._learn_densities(rows)
            return
        if self.method == "mixture":
            picked = drawn(len(rows), MIXTURE_ROWS, self.random_state)
            rows = rows if picked is None else rows[picked]
        # Where there are only a handful of rows for each group, small groups are no sign of outliers.
        least = max(math.ceil(self.min_share * len(rows)), 2) if len(rows) >= FEW_A_GROUP * self.n_clusters else 1
        inside = np.ones(len(rows), dtype=bool)
        for _ in range(MAX_ROUNDS):
            labels = self._divided(rows[inside])
            sizes = np.bincount(labels, minlength=self.n_clusters)
            tiny = sizes < least
            kept = inside.copy()
            kept[np.flatnonzero(inside)[tiny[labels]]] = False
            if not tiny.any() or kept.sum() < (1 - MAX_APART) * len(rows) or _n_different(rows[kept]) < self.n_clusters:
                break
            inside = kept
        self.n_apart_ = int((~inside).sum())
        self._drop(np.bincount(labels, minlength=self.n_clusters) >= least)

    def _divided(self, rows: Floats) -> Ints:
        """Divide rows by K-means or a mixture, and keep what was learned."""
        n_different = _n_different(rows)
        if n_different < self.n_clusters:
            raise ValueError(f"n_clusters={self.n_clusters} is more than the {n_different} different rows (n_samples={len(rows)})")
        if self.method == "mixture":
            self.mixture_ = GaussianMixture(
                self.n_clusters, n_init=max(1, self.n_init // 3), reg_covar=REGULARISATION, max_iter=300, tol=1e-3,
                random_state=self.random_state,
            ).fit(rows)  # fmt: skip
            self.centres_ = self.mixture_.means_
            return self.mixture_.predict(rows)
        picked = drawn(len(rows), STARTS_ROWS, self.random_state)
        starts = KMeans(self.n_clusters, n_init=self.n_init, random_state=self.random_state)
        starts.fit(rows if picked is None else rows[picked])
        if picked is not None:
            starts = KMeans(self.n_clusters, init=starts.cluster_centers_, n_init=1).fit(rows)
        self.centres_ = starts.cluster_centers_
        return np.asarray(starts.labels_, dtype=np.int64)

    def _learn_densities(self, rows: Floats) -> None:
        picked = drawn(len(rows), HDBSCAN_ROWS, self.random_state)
        rows = rows if picked is None else rows[picked]
        size = min(len(rows), max(5, math.ceil(self.min_share * len(rows))))
        labels = HDBSCAN(min_cluster_size=size, copy=True).fit_predict(rows)
        self.n_apart_ = int((labels == NOISE).sum())
        self.neighbour_rows_ = rows
        self.neighbours_ = NearestNeighbors(n_neighbors=1).fit(rows)
        self.neighbour_labels_ = np.asarray(labels, dtype=np.int64)
        found = range(int(labels.max()) + 1)
        self.centres_ = np.array([rows[labels == g].mean(axis=0) for g in found]).reshape(len(found), rows.shape[1])
        self.n_found_ = len(found)

    def _drop(self, is_kept: NDArray[np.bool_]) -> None:
        """Take out groups that are still too small, unless all are."""
        if is_kept.any() and not is_kept.all():
            self.centres_ = self.centres_[is_kept]
            if self.mixture_ is not None:
                _keep_components(self.mixture_, is_kept)
        self.n_found_ = len(self.centres_)

    def _assigned(self, rows: Floats) -> Ints:
        if self.neighbours_ is not None:
            nearest = self.neighbours_.kneighbors(rows, return_distance=False)[:, 0]
            return self.neighbour_labels_[nearest]
        if self.mixture_ is not None:
            return np.asarray(self.mixture_.predict(rows), dtype=np.int64)
        return nearest_centre(rows, self.centres_)

    def _refine(self, rows: Floats, found: Ints) -> Ints:
        """Move the centres to the means of all rows a few times, and say what that gained."""
        before = _inertia(rows, self.centres_, found)
        for _ in range(REFINEMENTS):
            belongs = csr_matrix((np.ones(len(rows)), found, np.arange(len(rows) + 1)), (len(rows), len(self.centres_)))
            sizes, sums = np.bincount(found, minlength=len(self.centres_)), belongs.T @ rows
            self.centres_ = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], self.centres_)
            found = nearest_centre(rows, self.centres_)
        self.inertia_loss_ = before / _inertia(rows, self.centres_, found) - 1
        return found

    def _numbered(self, found: Ints) -> Ints:
        """Number the groups by size, the largest first."""
        sizes = np.bincount(found[found >= 0], minlength=self.n_found_)
        rank = np.lexsort((*self.centres_.T[::-1], -sizes))
        place = np.empty(self.n_found_ + 1, dtype=np.int64)
        place[rank], place[-1] = np.arange(self.n_found_), NOISE
        self.centres_ = self.centres_[rank]
        if self.mixture_ is not None:
            _keep_components(self.mixture_, rank)
        if self.neighbours_ is not None:
            self.neighbour_labels_ = place[self.neighbour_labels_]
        return place[found]


def row_order(values: Floats) -> Ints:
    """Order rows by what they hold, whatever their order was; equal rows stay together.

    Notes
    -----
    By a hash of the row's bits, because sorting by thirty columns takes thirty times as long.
    """
    bits = np.ascontiguousarray(values + 0.0).view(np.uint64)  # + 0.0: there is one zero
    mixed = np.zeros(len(bits), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in bits.T:
            mixed = (mixed ^ (column ^ (column >> np.uint64(31)))) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
    return np.lexsort((*values.T[:3], mixed))


def drawn(n: int, most: int, seed: int) -> Ints | None:
    """Draw `most` of `n` places, ascending; None where all are few enough."""
    if n <= most:
        return None
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def nearest_centre(rows: Floats, centres: Floats) -> Ints:
    """Find the nearest centre of each row."""
    out = np.empty(len(rows), dtype=np.int64)
    squares = (centres**2).sum(axis=1)
    for low in range(0, len(rows), CHUNK):
        part = rows[low : low + CHUNK]
        out[low : low + CHUNK] = np.argmin(squares - 2 * (part @ centres.T), axis=1)
    return out


def _inertia(rows: Floats, centres: Floats, labels: Ints) -> float:
    total = 0.0
    for low in range(0, len(rows), CHUNK):
        part, own = rows[low : low + CHUNK], labels[low : low + CHUNK]
        inside = own >= 0
        total += float(((part[inside] - centres[own[inside]]) ** 2).sum())
    return total


def _n_different(rows: Floats) -> int:
    """Count different rows: exactly enough to tell whether they are fewer than the groups."""
    few = np.unique(rows[:1000], axis=0)
    return len(few) if len(few) > 50 else len(np.unique(rows, axis=0))


def _keep_components(mixture: Any, which: NDArray[Any]) -> None:
    """Keep some components of a mixture, in the given order."""
    weights = mixture.weights_[which]
    mixture.weights_ = weights / weights.sum()
    for name in ("means_", "covariances_", "precisions_cholesky_", "precisions_"):
        setattr(mixture, name, getattr(mixture, name)[which])
    mixture.n_components = len(weights)
