"""Intervals that hold at every look: always-valid confidence sequences for the difference of two means."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from retention.experiments.spec import ReadSpec
from retention.experiments.units import Floats


def scale_of(spec: ReadSpec) -> float:
    """Return the variance of the mixture per unit at which the interval is narrowest at ``spec.tuning`` units.

    Notes
    -----
    With x = t ρ² the squared width is (1 + 1 / x) ln((1 + x) / α²), which is least where x = ln((1 + x) / α²), that is at
    x = −1 − W₋₁(−α² / e) of Lambert.
    """
    from scipy.special import lambertw

    return float(-1 - lambertw(-(spec.alpha**2) / np.e, k=-1).real) / spec.tuning


def reach_of(n: ArrayLike, spec: ReadSpec) -> Floats:
    """Return how many standard errors the interval reaches to each side of a difference.

    Parameters
    ----------
    n : array_like
        Units of both groups together.

    Notes
    -----
    The asymptotic confidence sequence from a mixture over normally distributed effects: with probability 1 − α the
    interval holds the true difference at *every* n, so that one may look daily and stop at any look. Its standard error is
    that of the difference of means, so that groups of unequal size need nothing further. The mixture, and so the number of
    units for which it is tuned, must be fixed before the first look.

    References
    ----------
    Waudby-Smith, I., Arbour, D., Sinha, R., Kennedy, E. H. & Ramdas, A. (2024). Time-uniform central limit theory and
    asymptotic confidence sequences. Annals of Statistics 52(6).
    Johari, R., Koomen, P., Pekelis, L. & Walsh, D. (2022). Always valid inference: continuous monitoring of A/B tests.
    Operations Research 70(3): the same interval, as the mixture sequential probability ratio test.

    Examples
    --------
    >>> reach_of([1_000, 5_000, 100_000], ReadSpec(method="sequential")).round(2).tolist()
    [3.35, 3.04, 3.34]
    """
    x = np.asarray(n, dtype=float) * scale_of(spec)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((1 + x) / x * np.log((1 + x) / spec.alpha**2)))


def always_valid_p(z: ArrayLike, n: ArrayLike, spec: ReadSpec) -> Floats:
    """Return the p-value that may be looked at at any time: one over the likelihood ratio of the mixture.

    Notes
    -----
    It is at most α exactly where the interval of `reach_of` leaves 0 out.
    """
    x = np.asarray(n, dtype=float) * scale_of(spec)
    log_ratio = np.asarray(z, dtype=float) ** 2 * x / (2 * (1 + x)) - 0.5 * np.log1p(x)
    return np.asarray(np.exp(-np.maximum(log_ratio, 0.0)))
