"""Tables of two by two: how strongly doing something goes with an outcome, with intervals.

Each table is a (did, and the outcome), b (did, without it), c (did not, with it), d (neither); all functions take
arrays of many tables at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.intervals import Z95

Floats = NDArray[np.float64]
_WIDEST = 40.0
"""Ratios are looked for between e^−40 and e^40."""
_HALVINGS = 80


def phi(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the phi coefficient of each table, and its 95 % interval.

    Notes
    -----
    phi = (ad − bc) / √((a+b)(c+d)(a+c)(b+d)), the correlation of two yes-or-no variables; NaN where a margin is
    empty. The standard error is the large-sample one of multinomial sampling; the interval is made on Fisher's z
    scale, so that it stays within −1 and 1. NaN bounds at ±1, where that error is 0.

    References
    ----------
    Bishop, Y. M. M., Fienberg, S. E. & Holland, P. W. (1975). Discrete Multivariate Analysis, pp. 381–382.
    Fisher, R. A. (1921). On the "probable error" of a coefficient of correlation deduced from a small sample.

    Examples
    --------
    >>> [round(float(value[0]), 3) for value in phi([30], [10], [20], [40])]
    [0.408, 0.218, 0.569]
    """
    a, b, c, d = (np.asarray(v, dtype=float) for v in (a, b, c, d))
    n = a + b + c + d
    with np.errstate(divide="ignore", invalid="ignore"):
        rows, columns = (a + b) * (c + d), (a + c) * (b + d)
        found = (a * d - b * c) / np.sqrt(rows * columns)
        row_skew, column_skew = (a + b - c - d) / np.sqrt(rows), (a + c - b - d) / np.sqrt(columns)
        variance = (
            1
            - found**2
            + found * (1 + found**2 / 2) * row_skew * column_skew
            - 0.75 * found**2 * (row_skew**2 + column_skew**2)
        ) / n
        half = Z95 * np.sqrt(np.maximum(variance, 0)) / (1 - found**2)
        z = np.arctanh(found)
        low, high = np.tanh(z - half), np.tanh(z + half)
    is_whole = np.abs(found) < 1
    return found, np.where(is_whole, low, np.nan), np.where(is_whole, high, np.nan)


def rate_ratio(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return (x1 / n1) / (x0 / n0), the lift, and its 95 % interval.

    Notes
    -----
    Koopman's asymptotic score interval: the ratios θ that the chi-squared statistic with the rates fitted under
    that ratio does not reject. Unlike the interval of the logarithm (Katz), it holds where a count is 0 (the bound
    is then 0 or infinite), and it leaves out 1 exactly where Pearson's chi-squared test rejects equality.

    References
    ----------
    Koopman, P. A. R. (1984). Confidence intervals for the ratio of two binomial proportions. Biometrics 40.

    Examples
    --------
    >>> [round(float(value[0]), 2) for value in rate_ratio([36], [40], [16], [80])]  # Koopman's own example
    [4.5, 2.94, 7.15]
    """
    x1, n1, x0, n0 = (np.asarray(v, dtype=float) for v in (x1, n1, x0, n0))
    is_known = (n1 > 0) & (n0 > 0) & (x1 + x0 > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(is_known, (x1 / n1) / (x0 / n0), np.nan)
        middle = np.clip(np.log(found), -_WIDEST, _WIDEST)
        middle = np.where(np.isnan(middle), 0.0, middle)
    low = np.where(x1 == 0, 0.0, np.exp(_crossing(x1, n1, x0, n0, np.full_like(middle, -_WIDEST), middle)))
    high = np.where(x0 == 0, np.inf, np.exp(_crossing(x1, n1, x0, n0, np.full_like(middle, _WIDEST), middle)))
    return found, np.where(is_known, low, np.nan), np.where(is_known, high, np.nan)


def _crossing(x1: Floats, n1: Floats, x0: Floats, n0: Floats, outside: Floats, inside: Floats) -> Floats:
    """Bisect the logarithm of the ratio at which the statistic reaches the 95 % point."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        is_inside = score_statistic(x1, n1, x0, n0, np.exp(middle)) <= Z95**2
        inside, outside = np.where(is_inside, middle, inside), np.where(is_inside, outside, middle)
    return inside


def score_statistic(x1: Floats, n1: Floats, x0: Floats, n0: Floats, ratio: Floats) -> Floats:
    """Return Koopman's statistic of a ratio; of 1, it is Pearson's chi-squared.

    Examples
    --------
    >>> table = [np.array([float(v)]) for v in (30, 40, 20, 60)]  # 30 of 40 against 20 of 60: n·phi² = 16.67
    >>> round(float(score_statistic(*table, np.array([1.0]))[0]), 2)
    16.67
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        n = n1 + n0
        sum_ = ratio * (n1 + x0) + x1 + n0
        # The smaller root of the likelihood equation, in the form that loses no digits; p0 = p1 / ratio.
        p0 = 2 * (x1 + x0) / (sum_ + np.sqrt(np.maximum(sum_**2 - 4 * n * ratio * (x1 + x0), 0)))
        p1 = ratio * p0
        of_1 = (x1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1))
        of_0 = (x0 - n0 * p0) ** 2 / (n0 * p0 * (1 - p0))
    return np.where(np.isfinite(of_1), of_1, 0.0) + np.where(np.isfinite(of_0), of_0, 0.0)
