"""Are the groups real? Silhouettes, the gap statistic, and what becomes of the groups when the users are drawn anew."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import davies_bouldin_score, pairwise_distances
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from retention.segments.model import REGULARISATION, SegmentModel, drawn
from retention.segments.model_null import OneHeap
from retention.segments.sweep import KSweep, SweepRow, Trust

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[float, str], object]
SWEEP_ROWS = 20_000
PAIR_ROWS = 5_000
"""Silhouettes need the distances of all pairs; the gap statistic clusters many reference sets."""
N_REFERENCES = 20
N_INIT = 3
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap statistic of one number of groups.

    Attributes
    ----------
    gap, error : float
        Mean log-dispersion of the reference sets less that of the data, and s(k) of the paper.
    """

    gap: float
    error: float


def divide(rows: Floats, k: int, seed: int, *, method: str = "kmeans", n_init: int = N_INIT, weights: Floats | None = None) -> Ints:
    """Divide rows into groups as the segments are, without setting outliers apart."""
    if k == 1:
        return np.zeros(len(rows), dtype=np.int64)
    if method == "mixture":
        if weights is not None:
            rows = np.repeat(rows, weights.astype(np.int64), axis=0)
        model = GaussianMixture(k, n_init=1, reg_covar=REGULARISATION, random_state=seed, max_iter=200).fit(rows)
        labels = model.predict(rows)
        if weights is not None:
            labels = labels[np.cumsum(weights.astype(np.int64)) - 1]
        return np.asarray(labels, dtype=np.int64)
    with warnings.catch_warnings():
        # Users of whom fewer than k differ are divided into fewer groups: the numbers say so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(k, n_init=n_init, random_state=seed).fit(rows, sample_weight=weights)
    return np.asarray(model.labels_, dtype=np.int64)


def dispersion(rows: Floats, labels: Ints) -> float:
    """Add up the squared distances to the means of the groups: W of the paper."""
    total = 0.0
    for group in np.unique(labels):
        inside = rows[labels == group]
        total += float(((inside - inside.mean(axis=0)) ** 2).sum())
    return total


def gap_statistic(
    rows: Floats,
    ks: Sequence[int],
    *,
    reference: Literal["components", "features", "one heap"] = "components",
    n_references: int = N_REFERENCES,
    seed: int = 0,
    progress: Progress = lambda share, text: None,
) -> dict[int, Gap]:
    """Compare how tight the groups are with groups of rows that are spread evenly.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    ks : sequence of int
        Numbers of groups; 1 is a number, too.
    reference : {"components", "features", "one heap"}
        The reference sets are drawn evenly from a box along the principal components of the rows, or along the columns:
        "Gap/pc" and "Gap/uniform" of the paper; or from `OneHeap`.
    n_references : int
        How many reference sets.

    Notes
    -----
    Gap(k) = mean of log W over the reference sets − log W of the rows; s(k) = standard deviation × √(1 + 1/B).

    References
    ----------
    Tibshirani, R., Walther, G. & Hastie, T. (2001). Estimating the number of clusters in a data set via the gap statistic.
    JRSS B 63.
    """
    random = np.random.default_rng(seed)
    turned = rows - rows.mean(axis=0)
    if reference == "components":
        _, _, axes = np.linalg.svd(turned, full_matrices=False)
        turned = turned @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    if reference == "one heap":
        heap = OneHeap(turned)
        references = [heap.draw(len(turned), random) for _ in range(n_references)]
    else:
        references = [random.uniform(low, high, turned.shape) for _ in range(n_references)]
    found = {}
    for i, k in enumerate(ks):
        ours = _log_dispersion(turned, k, seed)
        theirs = np.array([_log_dispersion(reference, k, seed) for reference in references])
        found[k] = Gap(float(theirs.mean() - ours), float(theirs.std() * np.sqrt(1 + 1 / n_references)))
        progress((i + 1) / len(ks), f"gap statistic of {k} groups")
    return found


def _gaps(rows: Floats, ks: Sequence[int], seed: int, progress: Progress) -> tuple[dict[int, Gap], dict[int, float]]:
    """Return the gap statistic, and for each k by how many errors the groups are tighter than chance would make them.

    Notes
    -----
    Beside the paper's even box the rows are held against a heap with one peak that is as lopsided and as correlated as
    they are: long tails and slices of one long cloud are found again and again, and yet are no groups. The smaller margin
    counts. A margin is Gap(k) − Gap(1) in standard errors.
    """
    n = N_REFERENCES // 2
    even = gap_statistic(rows, ks, n_references=n, seed=seed, progress=_part(progress, 0.0, 0.5))
    heap = gap_statistic(rows, ks, reference="one heap", n_references=n, seed=seed, progress=_part(progress, 0.5, 1.0))
    margins = {
        k: min((g[k].gap - g[1].gap) / max(float(np.hypot(g[k].error, g[1].error)), TINY) for g in (even, heap))
        for k in ks
    }
    return even, margins


def _log_dispersion(rows: Floats, k: int, seed: int) -> float:
    return float(np.log(max(dispersion(rows, divide(rows, k, seed)), np.finfo(float).tiny)))


def number_by_gap(gaps: dict[int, Gap]) -> int:
    """Return the smallest k whose gap is within one error of the next: the paper's choice."""
    ks = sorted(gaps)
    for k, after in pairwise(ks):
        if gaps[k].gap >= gaps[after].gap - gaps[after].error:
            return k
    return ks[-1]


def jaccard(ours: Ints, theirs: Ints, n_groups: int | None = None) -> Floats:
    """Return for each of our groups the greatest Jaccard similarity with one of theirs.

    Parameters
    ----------
    ours, theirs : ndarray of int, shape (n,)
        Labels of the same rows from 0; negative ones belong to no group.
    n_groups : int, optional
        How many groups of ours there are; those that hold none of the rows are NaN.

    Examples
    --------
    >>> jaccard(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0])).round(3).tolist()
    [0.667, 0.5]
    """
    n_ours = int(ours.max(initial=-1)) + 1 if n_groups is None else n_groups
    n_theirs = int(theirs.max(initial=-1)) + 1
    inside = (ours >= 0) & (theirs >= 0)
    both = np.bincount(ours[inside] * n_theirs + theirs[inside], minlength=n_ours * n_theirs)
    both = both.reshape(n_ours, n_theirs).astype(np.float64)
    of_ours = np.bincount(ours[ours >= 0], minlength=n_ours)
    of_theirs = np.bincount(theirs[theirs >= 0], minlength=n_theirs)
    either = of_ours[:, None] + of_theirs[None, :] - both
    shares = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return np.where(of_ours > 0, shares.max(axis=1, initial=0.0), np.nan)


def bootstrap_jaccard(
    rows: Floats,
    labels: Ints,
    divide_again: Callable[[Floats, Floats, int], Ints],
    *,
    n_bootstraps: int = 20,
    seed: int = 0,
    progress: Progress = lambda share, text: None,
) -> Floats:
    """Draw the rows anew with replacement, divide them again, and see how much of each group is found again.

    Parameters
    ----------
    rows, labels
        The rows and the groups in question.
    divide_again : callable
        ``(rows, weights, seed) → labels``; a row that was drawn twice comes once, with weight 2.

    Returns
    -------
    ndarray of shape (n_groups,)
        Mean over the draws of the greatest Jaccard similarity; a row counts once however often it was drawn.

    References
    ----------
    Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis 52.
    """
    n_groups = int(labels.max()) + 1
    total, n_known = np.zeros(n_groups), np.zeros(n_groups)
    for b, counts in enumerate(redrawn(len(rows), n_bootstraps, seed)):
        inside = np.flatnonzero(counts)
        again = divide_again(rows[inside], counts[inside].astype(np.float64), seed + b + 1)
        similar = jaccard(labels[inside], again, n_groups)
        total += np.where(np.isnan(similar), 0.0, similar)
        n_known += ~np.isnan(similar)
        progress((b + 1) / n_bootstraps, f"draw {b + 1} of {n_bootstraps}")
    return np.divide(total, n_known, out=np.full(n_groups, np.nan), where=n_known > 0)


def redrawn(n: int, n_bootstraps: int, seed: int) -> Iterator[Ints]:
    """Draw `n` rows with replacement again and again: how often each was drawn."""
    random = np.random.default_rng(seed)
    for _ in range(n_bootstraps):
        yield np.bincount(random.integers(0, n, n), minlength=n)


def silhouette(distances: Floats, labels: Ints) -> float:
    """Return the mean silhouette from the distances of all pairs.

    Notes
    -----
    Of a row, (b − a) / max(a, b), with a its mean distance to its own group and b that to the nearest other group; 0 for a
    row that is alone in its group. The same as scikit-learn's, but the distances are made once for all numbers of groups.

    References
    ----------
    Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.
    """
    n_groups = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=n_groups).astype(np.float64)
    if (sizes > 0).sum() < 2:
        return float("nan")
    belongs = np.zeros((len(labels), n_groups), dtype=distances.dtype)
    belongs[np.arange(len(labels)), labels] = 1
    sums = (distances @ belongs).astype(np.float64)
    own = sums[np.arange(len(labels)), labels]
    size = sizes[labels]
    a = np.divide(own, size - 1, out=np.zeros_like(own), where=size > 1)
    means = np.divide(sums, sizes, out=np.full_like(sums, np.inf), where=sizes > 0)
    means[np.arange(len(labels)), labels] = np.inf
    b = means.min(axis=1)
    most = np.maximum(a, b)
    s = np.divide(b - a, most, out=np.zeros_like(a), where=most > 0)
    return float(np.where(size > 1, s, 0.0).mean())


def k_sweep(
    rows: Floats,
    ks: Sequence[int],
    *,
    method: str = "kmeans",
    n_bootstraps: int = 20,
    seed: int = 0,
    progress: Progress = lambda share, text: None,
) -> KSweep:
    """Try several numbers of groups.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        In an order of their own; at most 20,000 are drawn, and 5,000 for silhouettes and gaps.
    """
    picked = drawn(len(rows), SWEEP_ROWS, seed)
    rows = rows if picked is None else rows[picked]
    few = drawn(len(rows), PAIR_ROWS, seed)
    pairs = rows if few is None else rows[few]
    ks = [k for k in ks if k < len(pairs)]
    found = []
    with threadpool_limits(limits=1, user_api="openmp"):
        gaps, margins = _gaps(pairs, [1, *ks], seed, _part(progress, 0.0, 0.4))
        distances = pairwise_distances(pairs.astype(np.float32))
        for i, k in enumerate(ks):
            labels = divide(rows, k, seed, method=method)
            stability = bootstrap_jaccard(
                rows, labels, _divider(k, method), n_bootstraps=n_bootstraps, seed=seed,
                progress=_part(_about(progress, f"{k} groups"), 0.4 + 0.6 * i / len(ks), 0.4 + 0.6 * (i + 1) / len(ks)),
            )  # fmt: skip
            of_pairs = labels if few is None else labels[few]
            found.append(
                SweepRow(
                    k=k,
                    silhouette=silhouette(distances, of_pairs),
                    davies_bouldin=float(davies_bouldin_score(rows, labels)) if labels.max() > 0 else float("nan"),
                    gap=gaps[k].gap,
                    gap_error=gaps[k].error,
                    margin=margins[k],
                    inertia=dispersion(rows, labels),
                    stability=tuple(float(s) for s in stability),
                )
            )
    return KSweep(tuple(found), len(rows), len(pairs), n_bootstraps, number_by_gap(gaps))


def trust(
    rows: Floats,
    labels: Ints,
    *,
    method: str = "kmeans",
    n_bootstraps: int = 20,
    seed: int = 0,
    progress: Progress = lambda share, text: None,
) -> Trust:
    """Judge groups that have been made: is each found again, and is there more structure than in evenly spread rows?

    Parameters
    ----------
    rows, labels
        Rows in an order of their own, with labels from 0; negative labels belong to no group.
    """
    picked = drawn(len(rows), SWEEP_ROWS, seed)
    rows, labels = (rows, labels) if picked is None else (rows[picked], labels[picked])
    few = drawn(len(rows), PAIR_ROWS, seed)
    pairs = rows if few is None else rows[few]
    k = int(labels.max()) + 1
    if k < 2:
        return Trust((), 0.0, len(rows), n_bootstraps)
    with threadpool_limits(limits=1, user_api="openmp"):
        _, margins = _gaps(pairs, [1, k], seed, _part(progress, 0.0, 0.3))
        stability = bootstrap_jaccard(
            rows, labels, _divider(k, method), n_bootstraps=n_bootstraps, seed=seed, progress=_part(progress, 0.3, 1.0)
        )
    return Trust(tuple(float(s) for s in stability), margins[k], len(rows), n_bootstraps)


def _divider(k: int, method: str) -> Callable[[Floats, Floats, int], Ints]:
    if method == "hdbscan":
        return lambda rows, weights, seed: SegmentModel(
            "hdbscan", log="none", winsorise=0.0, scale="none", random_state=seed
        ).fit(rows).labels_
    return lambda rows, weights, seed: divide(rows, k, seed, method=method, n_init=1, weights=weights)


def _part(progress: Progress, low: float, high: float) -> Progress:
    return lambda share, text: progress(low + (high - low) * share, text)


def _about(progress: Progress, what: str) -> Progress:
    return lambda share, text: progress(share, f"{what}, {text}")
