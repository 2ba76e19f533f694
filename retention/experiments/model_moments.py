"""Two groups compared from a few sums: differences, what a covariate takes out of them, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retention.experiments.model_sequential import always_valid_p, reach_of
from retention.experiments.spec import Kind, ReadSpec
from retention.experiments.units import Floats, Ints
from retention.intervals import newcombe, two_sided_p, wilson


@dataclass(frozen=True, slots=True)
class Moments:
    """What the comparisons need of the units of each cell: a group, or a group on a day.

    Attributes
    ----------
    n, mean, square : ndarray of float, shape (n_cells,)
        Units, their mean, and the sum of squares around it.
    mean_before, square_before, product : ndarray of float, shape (n_cells,)
        Of the covariate, and of both; 0 without one.
    n_other : ndarray of float, shape (n_cells,)
        Units with a value other than zero.
    """

    n: Floats
    mean: Floats
    square: Floats
    mean_before: Floats
    square_before: Floats
    product: Floats
    n_other: Floats

    @classmethod
    def of(cls, values: Floats, cell: Ints, n_cells: int, before: Floats | None = None) -> Moments:
        """Sum units up by their cell; unknown values are left out, an unknown covariate counts as the mean of the known.

        Notes
        -----
        Taken around the mean of all, so that large values lose no digits.
        """
        known = ~np.isnan(values)
        if not known.all():
            values, cell, before = values[known], cell[known], None if before is None else before[known]

        def total(weights: Floats) -> Floats:
            return np.asarray(np.bincount(cell, weights, minlength=n_cells), dtype=float)

        n = np.bincount(cell, minlength=n_cells).astype(float)
        middle = float(values.mean()) if len(values) else 0.0
        y = values - middle
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total(y) / n
            square = np.maximum(total(y * y) - n * mean**2, 0.0)
            n_other = total((values != 0).astype(float))
            nothing = np.zeros(n_cells)
            if before is None:
                return cls(n, mean + middle, square, nothing, nothing, nothing, n_other)
            middle_before = float(np.nanmean(before)) if (~np.isnan(before)).any() else 0.0
            x = np.nan_to_num(before - middle_before)
            mean_before = total(x) / n
            square_before = np.maximum(total(x * x) - n * mean_before**2, 0.0)
            product = total(x * y) - n * mean * mean_before
        return cls(n, mean + middle, square, mean_before + middle_before, square_before, product, n_other)

    def cumulated(self) -> Moments:
        """Add up over the last axis of cells that were shaped (n_groups, n_days): how things stood on each day."""
        n = self.n.cumsum(axis=-1)
        s = np.nan_to_num(self.n * np.nan_to_num(self.mean)).cumsum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = s / n
            # Within the cells, and between their means and the mean of all so far.
            raw = (self.square + self.n * np.nan_to_num(self.mean) ** 2).cumsum(axis=-1)
            square = np.maximum(raw - n * mean**2, 0.0)
        nothing = np.zeros_like(n)
        return Moments(n, mean, square, nothing, nothing, nothing, self.n_other.cumsum(axis=-1))

    def shaped(self, *shape: int) -> Moments:
        """Arrange the cells in another shape."""
        return Moments(*(getattr(self, name).reshape(shape) for name in self.__slots__))

    def at(self, cell: int | tuple[int, ...]) -> Moments:
        """Return one cell."""
        return Moments(*(getattr(self, name)[cell] for name in self.__slots__))

    @property
    def variance(self) -> Floats:
        """The variance from unit to unit."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.n > 1, self.square / (self.n - 1), np.nan)

    @property
    def error_square(self) -> Floats:
        """The square of the standard error of the mean."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.variance / self.n)


def adjusted(control: Moments, arm: Moments) -> tuple[Moments, Moments, float] | None:
    """Take out of both groups what a covariate from before the exposure explains: CUPED.

    Returns
    -------
    control, arm : Moments
    reduction : float
        Share of the variance of the difference that is gone. None where the covariate explains nothing, being constant.

    Notes
    -----
    y − θ (x − x̄) with θ = Σ cov(x, y) / Σ var(x), summed within the groups: the coefficient of the analysis of covariance
    with one slope. x is from before the exposure and so the same in expectation in both groups, whence the difference
    keeps its expectation and loses variance.

    References
    ----------
    Deng, A., Xu, Y., Kohavi, R. & Walker, T. (2013). Improving the sensitivity of online controlled experiments by
    utilizing pre-experiment data. WSDM.
    """
    square = float(control.square_before + arm.square_before)
    n = float(control.n + arm.n)
    if (
        not square > 1e-12 * max(float(control.n * control.mean_before**2 + arm.n * arm.mean_before**2), 1e-300)
        or n < 4
    ):
        return None
    theta = float(control.product + arm.product) / square
    middle = float(control.n * control.mean_before + arm.n * arm.mean_before) / n

    def moved(m: Moments) -> Moments:
        rest = np.maximum(m.square - 2 * theta * m.product + theta**2 * m.square_before, 0.0)
        mean = m.mean - theta * (m.mean_before - middle)
        return Moments(m.n, mean, rest, m.mean_before, m.square_before, m.product, m.n_other)

    new = moved(control), moved(arm)
    was = float(control.error_square + arm.error_square)
    reduction = 1 - float(new[0].error_square + new[1].error_square) / was if was > 0 else float("nan")
    return *new, reduction


def level_of(alpha: float) -> float:
    """Return the two-sided quantile of the normal distribution."""
    from scipy.special import ndtri

    return float(-ndtri(alpha / 2))


def group_interval(m: Moments, kind: Kind, alpha: float) -> tuple[Floats, Floats]:
    """Return the interval of each group's own rate (Wilson) or mean (Student's t), for one look."""
    if kind == "rate":
        return wilson(np.rint(np.nan_to_num(m.mean) * m.n), m.n, level_of(alpha))
    from scipy.special import stdtrit

    with np.errstate(invalid="ignore"):
        half = stdtrit(np.maximum(m.n - 1, 1), 1 - alpha / 2) * np.sqrt(m.error_square)
    return m.mean - half, m.mean + half


@dataclass(frozen=True, slots=True)
class Contrast:
    """An arm against the control.

    Attributes
    ----------
    difference, standard_error, statistic, low, high, p : float
    relative, relative_low, relative_high : float
        Difference as a share of the control's value; NaN where that is not above zero.
    """

    difference: float
    standard_error: float
    statistic: float
    low: float
    high: float
    p: float
    relative: float
    relative_low: float
    relative_high: float


NOTHING = Contrast(*[float("nan")] * 9)


def contrast(control: Moments, arm: Moments, kind: Kind, spec: ReadSpec, *, is_adjusted: bool = False) -> Contrast:
    """Compare an arm with the control by the method that the question names.

    Notes
    -----
    Fixed horizon: for rates Newcombe's hybrid score interval with the pooled z test; for means, and rates after CUPED,
    Welch's t with Satterthwaite's degrees of freedom. Sequential: see `model_sequential`. The relative change has the
    delta-method interval of the log of the ratio, which keeps it above −100 %.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in Medicine 17.
    Welch, B. L. (1947). The generalization of "Student's" problem when several different population variances are involved.
    """
    from scipy.special import ndtri, stdtr, stdtrit

    difference = float(arm.mean - control.mean)
    error = float(np.sqrt(arm.error_square + control.error_square))
    statistic = difference / error if error > 0 else float("nan")
    n = float(arm.n + control.n)
    is_plain_rate = kind == "rate" and not is_adjusted
    if min(float(arm.n), float(control.n)) < 1 or (not is_plain_rate and not error > 0):
        return NOTHING
    if spec.method == "sequential":
        if not (is_enough(control, kind) and is_enough(arm, kind) and error > 0):
            return Contrast(difference, error, *[float("nan")] * 7)
        width = float(reach_of(n, spec))
        low, high, p = difference - width * error, difference + width * error, float(always_valid_p(statistic, n, spec))
    elif is_plain_rate:
        width = level_of(spec.alpha)
        x1, n1, x2, n2 = (
            float(v) for v in (np.rint(arm.mean * arm.n), arm.n, np.rint(control.mean * control.n), control.n)
        )
        low, high = (float(v) for v in newcombe(x1, n1, x2, n2, width))
        p = float(two_sided_p(x1, n1, x2, n2))
        statistic = float(np.copysign(-ndtri(p / 2), difference))  # the pooled z
    else:
        freedom = error**4 / float(arm.error_square**2 / (arm.n - 1) + control.error_square**2 / (control.n - 1))
        width = float(stdtrit(freedom, 1 - spec.alpha / 2))
        low, high = difference - width * error, difference + width * error
        p = float(2 * stdtr(freedom, -abs(statistic)))
    return Contrast(difference, error, statistic, low, high, p, *_relative(control, arm, width))


def _relative(control: Moments, arm: Moments, width: float) -> tuple[float, float, float]:
    one, two = float(arm.mean), float(control.mean)
    if not two > 0:
        return (float("nan"),) * 3
    ratio = one / two
    if not ratio > 0:
        return ratio - 1, float("nan"), float("nan")
    spread = float(np.sqrt(arm.error_square / one**2 + control.error_square / two**2))
    return ratio - 1, ratio * float(np.exp(-width * spread)) - 1, ratio * float(np.exp(width * spread)) - 1


LEAST_UNITS = 100
LEAST_OTHER = 5


def is_enough(m: Moments, kind: Kind) -> NDArray[np.bool_]:
    """Say whether a group has units enough for an interval that rests on the central limit: the first look.

    Notes
    -----
    100 units, 5 of them with a value other than zero, and of a rate 5 with zero: before that a variance can be 0 by luck.
    """
    found = (m.n >= LEAST_UNITS) & (m.n_other >= LEAST_OTHER) & (m.square > 0)
    return np.asarray(found & (m.n - m.n_other >= LEAST_OTHER) if kind == "rate" else found)
