"""Users as they would be without groups: one heap, as wide, as lopsided and as correlated as the real one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

Floats = NDArray[np.float64]
JITTER = 1e-6
TINY = 1e-12


class OneHeap:
    """A distribution with one peak in every column, fitted to rows.

    Parameters
    ----------
    rows : ndarray of shape (n, d)

    Notes
    -----
    Each column's distribution is replaced by one with a single mode: left of the mode the greatest convex function below
    the empirical distribution function, right of it the least concave one above it; the mode is the middle of the shortest
    half of the values, found again and again. The columns are tied together by a normal copula with the correlations of
    their normal scores. Evenly spread, bell-shaped, lopsided and correlated users look the same under it as they are;
    users in groups do not.

    References
    ----------
    Hartigan, J. A. & Hartigan, P. M. (1985). The dip test of unimodality. Annals of Statistics 13.
    Bickel, D. R. & Frühwirth, R. (2006). On a fast, robust estimator of the mode. CSDA 50.
    """

    def __init__(self, rows: Floats) -> None:
        self.curves = [one_peaked(column) for column in rows.T]
        scores = np.column_stack([ndtri((rankdata(column) - 0.5) / len(column)) for column in rows.T])
        spread = scores.std(axis=0)
        scores = (scores - scores.mean(axis=0)) / np.where(spread > TINY, spread, 1.0)
        correlation = scores.T @ scores / len(rows)
        np.fill_diagonal(correlation, 1.0)
        values, vectors = np.linalg.eigh(correlation)
        # Ties can leave a correlation matrix that is none by a hair.
        self.root = vectors * np.sqrt(np.maximum(values, JITTER))

    def draw(self, n: int, random: np.random.Generator) -> Floats:
        """Draw `n` rows."""
        shares = ndtr(random.normal(size=(n, len(self.curves))) @ self.root.T)
        return np.column_stack([np.interp(share, f, x) for share, (x, f) in zip(shares.T, self.curves, strict=True)])


def one_peaked(column: Floats) -> tuple[Floats, Floats]:
    """Fit a distribution function with one mode; linear between the points returned.

    Returns
    -------
    x, f : ndarray
        Values, ascending, and the share up to each; a value may come twice, where an atom lies.
    """
    x, counts = np.unique(column, return_counts=True)
    f = np.cumsum(counts) / len(column)
    below = f - counts / len(column)
    mode = int(np.searchsorted(x, half_sample_mode(np.sort(column))))
    mode = min(mode, len(x) - 1)
    left = _hull(x[: mode + 1], below[: mode + 1], sign=1.0)
    right = _hull(x[mode:], f[mode:], sign=-1.0)
    return np.concatenate([left[0], right[0]]), np.concatenate([left[1], right[1]])


def _hull(x: Floats, f: Floats, *, sign: float) -> tuple[Floats, Floats]:
    """Return the convex hull of a curve from below (sign 1) or from above (−1)."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) >= 2:
            a, b = kept[-2], kept[-1]
            if sign * ((f[b] - f[a]) * (x[i] - x[a]) - (f[i] - f[a]) * (x[b] - x[a])) < 0:
                break
            kept.pop()
        kept.append(i)
    return x[kept], f[kept]


def half_sample_mode(ordered: Floats) -> float:
    """Halve ascending values to their densest half until a few are left.

    Examples
    --------
    >>> half_sample_mode(np.array([0.0, 5.0, 5.1, 5.2, 9.0, 20.0]))
    5.1
    """
    while len(ordered) > 3:
        half = (len(ordered) + 1) // 2
        widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        start = int(np.argmin(widths))
        ordered = ordered[start : start + half]
        if ordered[-1] == ordered[0]:
            break
    return float(ordered[len(ordered) // 2])
