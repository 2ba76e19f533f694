"""Have the inputs moved since the model was made? The population stability index, with what chance alone would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, ncx2

Floats = NDArray[np.float64]
N_BINS = 10
LEAST_SHARE = 1e-4
"""A bin that is empty on one side counts as this share, so that the index stays finite."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far one feature has moved.

    Attributes
    ----------
    psi : float
    by_chance : float
        What the index exceeds in one case of twenty if nothing has moved.
    p : float
        Chance of an index as large if nothing has moved.
    n_bins : int
    n_before, n_after : int
    """

    psi: float
    by_chance: float
    p: float
    n_bins: int
    n_before: int
    n_after: int

    @property
    def is_moved(self) -> bool:
        """Whether chance alone would hardly give it."""
        return self.psi > self.by_chance

    @property
    def words(self) -> str:
        """The finding in a sentence; 0.1 and 0.25 are the trade's own bounds."""
        if np.isnan(self.psi):
            return "Not known: nobody to compare."
        if not self.is_moved:
            return f"Nothing that chance would not give (PSI {self.psi:.3f}, by chance up to {self.by_chance:.3f})."
        size = "hardly" if self.psi < 0.1 else "somewhat" if self.psi < 0.25 else "much"
        return f"Has moved {size} (PSI {self.psi:.3f}, by chance up to {self.by_chance:.3f})."


def bins_of(before: Floats, n_bins: int = N_BINS) -> Floats:
    """Return the inner edges that divide known values into tenths; fewer where many values are equal."""
    known = before[~np.isnan(before)]
    if not len(known):
        return np.empty(0)
    edges = np.unique(np.quantile(known, np.arange(1, n_bins) / n_bins, method="inverted_cdf"))
    return edges[edges < known.max()]


def shares_in(values: Floats, edges: Floats) -> Floats:
    """Count values up to each edge, beyond the last, and unknown ones."""
    is_known = ~np.isnan(values)
    place = np.where(is_known, np.searchsorted(edges, np.where(is_known, values, 0.0), side="left"), len(edges) + 1)
    return np.bincount(place, minlength=len(edges) + 2).astype(np.float64)


def psi(before: Floats, after: Floats) -> Drift:
    """Compare two samples of a feature.

    Parameters
    ----------
    before, after : ndarray
        Values of different users or at different times; NaN, where not known, is a bin of its own.

    Notes
    -----
    PSI = Σ (a_i − b_i) ln(a_i / b_i) over the bins. If nothing has moved it is about (1/n + 1/m) times a chi-squared
    variable with one degree of freedom fewer than there are bins, so large samples pass 0.1 never by chance and small ones
    often.

    References
    ----------
    Yurdakul, B. & Naranjo, J. (2020). Statistical properties of the population stability index. Journal of Risk Model
    Validation 14.
    """
    n, m = len(before), len(after)
    if not n or not m:
        return Drift(float("nan"), float("nan"), float("nan"), 0, n, m)
    edges = bins_of(before)
    counts = np.array([shares_in(before, edges), shares_in(after, edges)])
    counts = counts[:, counts.sum(axis=0) > 0]
    b, a = counts / counts.sum(axis=1, keepdims=True)
    b, a = np.maximum(b, LEAST_SHARE), np.maximum(a, LEAST_SHARE)
    index = float(((a - b) * np.log(a / b)).sum())
    freedom, scale = max(counts.shape[1] - 1, 1), 1 / n + 1 / m
    by_chance = float(scale * chi2.ppf(0.95, freedom))
    return Drift(index, by_chance, float(chi2.sf(index / scale, freedom)), counts.shape[1], n, m)


def power_of(moved: float, n: int, m: int, n_bins: int = N_BINS) -> float:
    """Return the chance that a true index of `moved` is noticed with so many users.

    Examples
    --------
    >>> power_of(0.1, 1000, 1000) > 0.99 > power_of(0.1, 50, 50)
    True
    """
    scale, freedom = 1 / n + 1 / m, n_bins - 1
    return float(ncx2.sf(chi2.ppf(0.95, freedom), freedom, moved / scale))
