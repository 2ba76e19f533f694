"""Confidence intervals for rates and for their differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959963984540054
Floats = NDArray[np.float64]


def wilson(retained: ArrayLike, size: ArrayLike, z: float = Z95) -> tuple[Floats, Floats]:
    """Return the Wilson score interval of each rate ``retained / size``, of 95 % unless `z` says otherwise.

    Parameters
    ----------
    retained, size : array_like, shape (n,)
        Counts; they need not be whole, so that an effective sample size can stand for `size`.
    z : float
        Quantile of the normal distribution that the level stands for.

    Returns
    -------
    low, high : ndarray of float, shape (n,)
        In [0, 1]; NaN where `size` is 0 or a value is missing.

    Notes
    -----
    With p = x / n the interval is (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n). statsmodels has the
    same formula but takes no missing values and costs a second to import.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.

    Examples
    --------
    >>> low, high = wilson([0, 81], [10, 263])
    >>> [round(float(v), 4) for v in (low[1], high[1])]
    [0.2553, 0.3662]
    """
    x, n = np.asarray(retained, dtype=float), np.asarray(size, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / n
        middle = p + z**2 / (2 * n)
        half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    # At the ends the formula gives exactly 0 and 1; rounding must not push it past them.
    low, high = np.where(x == 0, 0.0, low), np.where(x == n, 1.0, high)
    unknown = ~(n > 0) | np.isnan(x)
    return np.where(unknown, np.nan, np.clip(low, 0, 1)), np.where(unknown, np.nan, np.clip(high, 0, 1))


def newcombe(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: float = Z95) -> tuple[Floats, Floats]:
    """Return Newcombe's hybrid score interval of each difference ``x1 / n1 − x2 / n2``, of 95 % unless `z` says otherwise.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions:
    comparison of eleven methods. Statistics in Medicine 17, method 10.

    Examples
    --------
    >>> low, high = newcombe([56], [70], [48], [80])
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0524, 0.3339)
    """
    p1, p2 = (np.asarray(a, dtype=float) / np.asarray(b, dtype=float) for a, b in ((x1, n1), (x2, n2)))
    low1, high1 = wilson(x1, n1, z)
    low2, high2 = wilson(x2, n2, z)
    difference = p1 - p2
    low = difference - np.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = difference + np.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return low, high


def two_sided_p(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Return the p-value that Newcombe's interval implies, by inverting the pooled z test of two rates.

    Used only to order comparisons for the Benjamini–Hochberg correction.
    """
    from scipy.special import ndtr

    x1, n1, x2, n2 = (np.asarray(v, dtype=float) for v in (x1, n1, x2, n2))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x1 + x2) / (n1 + n2)
        z = (x1 / n1 - x2 / n2) / np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    return np.where(np.isfinite(z), 2 * ndtr(-np.abs(z)), 1.0)
