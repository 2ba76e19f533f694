"""Averages over periods with intervals that take each period, and not each user, as one observation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit


def ratio_of_totals(gained: ArrayLike, lost: ArrayLike) -> tuple[float, float, float]:
    """Return the ratio of two totals over periods, with its 95 % interval.

    Parameters
    ----------
    gained, lost : array_like, shape (n_periods,)
        Counts of the same periods.

    Returns
    -------
    ratio, low, high : float
        The bounds are NaN with fewer than two periods or where nothing was gained; all are where nothing was lost.

    Notes
    -----
    r = Σg / Σd is the ratio estimator of n pairs; its linearised variance is n / (n − 1) · Σ(g − r d)² / (Σd)². The
    interval is taken on the logarithm, exp(log r ± t(n − 1) · se / r), so that it never holds a negative ratio. The
    spread between periods holds what a count of users would leave out: seasons, campaigns, and users who leave and
    come back several times. Because what is lost in a period can come back in the next, neighbouring periods pull
    in opposite directions, which makes the interval too wide rather than too narrow.

    References
    ----------
    Cochran, W. G. (1977). Sampling techniques, 3rd ed., chapter 6.

    Examples
    --------
    >>> ratio_of_totals([10, 12, 14], [10, 12, 14])
    (1.0, 1.0, 1.0)
    """
    g, d = np.asarray(gained, dtype=float), np.asarray(lost, dtype=float)
    if not d.sum() > 0:
        return float("nan"), float("nan"), float("nan")
    ratio = float(g.sum() / d.sum())
    n = len(g)
    if n < 2 or ratio == 0:
        return ratio, float("nan"), float("nan")
    squares = float(((g - ratio * d) ** 2).sum())
    half = float(stdtrit(n - 1, 0.975)) * np.sqrt(n / (n - 1) * squares) / float(g.sum())
    return ratio, float(ratio * np.exp(-half)), float(ratio * np.exp(half))


def mean_of_blocks(values: ArrayLike, length: int) -> tuple[float, float, float, int]:
    """Return the mean of a series with the 95 % interval of the means of its blocks.

    Parameters
    ----------
    values : array_like, shape (n_days,)
        In order of time.
    length : int
        Days of a block; the oldest days that fill none enter the mean, not the interval.

    Returns
    -------
    mean, low, high : float
    n_blocks : int
        With fewer than three the bounds are NaN.

    Notes
    -----
    Days that follow one another are alike, so they cannot be counted as so many observations; means of blocks as
    long as the trailing window are nearly independent.

    References
    ----------
    Schmeiser, B. (1982). Batch size effects in the analysis of simulation output. Operations Research 30.

    Examples
    --------
    >>> mean_of_blocks([1, 1, 2, 2, 3, 3], 2)[0::3]
    (2.0, 3)
    """
    x = np.asarray(values, dtype=float)
    if not len(x):
        return float("nan"), float("nan"), float("nan"), 0
    means = block_means(x, length)
    if len(means) < 3:
        return float(x.mean()), float("nan"), float("nan"), len(means)
    half = float(stdtrit(len(means) - 1, 0.975)) * float(means.std(ddof=1)) / np.sqrt(len(means))
    return float(x.mean()), float(x.mean() - half), float(x.mean() + half), len(means)


def block_means(values: ArrayLike, length: int) -> np.ndarray:
    """Return the means of blocks, counted back from the newest value; the oldest values that fill none are left out.

    Examples
    --------
    >>> block_means([9, 1, 3, 5, 7], 2).tolist()
    [2.0, 6.0]
    """
    x = np.asarray(values, dtype=float)
    n = len(x) // length
    return x[len(x) - n * length :].reshape(n, length).mean(axis=1)


def difference_of_means(first: ArrayLike, second: ArrayLike) -> tuple[float, float, float]:
    """Return the difference of two means, the first less the second, with Welch's 95 % interval.

    Returns
    -------
    difference, low, high : float
        The bounds are NaN with fewer than two values on either side.

    References
    ----------
    Welch, B. L. (1947). The generalization of Student's problem when several different population variances are
    involved. Biometrika 34.

    Examples
    --------
    >>> [round(v, 3) for v in difference_of_means([3, 5], [1, 1])]  # t(1) = 12.706
    [3.0, -9.706, 15.706]
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not len(a) or not len(b):
        return float("nan"), float("nan"), float("nan")
    difference = float(a.mean() - b.mean())
    if len(a) < 2 or len(b) < 2:
        return difference, float("nan"), float("nan")
    va, vb = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    if va + vb == 0:
        return difference, difference, difference
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = float(stdtrit(freedom, 0.975)) * float(np.sqrt(va + vb))
    return difference, difference - half, difference + half
