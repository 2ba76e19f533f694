"""Features made comparable: missing values filled, long tails drawn in, one scale for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from retention.segments.spec import LOGS, SCALES

Floats = NDArray[np.float64]
LONG_TAIL = 1.0
"""Skewness above which a feature that is never negative is taken as a logarithm."""
NORMAL_IQR = 1.3489795003921634
MOST_QUANTILES = 1_000
EDGE = 0.5
"""A rank counts half of its own place, so that the lowest and the highest stay finite."""


class FeatureScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill, take logarithms, winsorise and scale, in this order.

    Parameters
    ----------
    log : {"auto", "all", "none"} or one of them for each column, default "auto"
        Which columns become log(1 + x / m), with m the median of their positive values. "auto" takes those that are
        never negative and whose skewness is above 1; "all" those that are never negative.
    winsorise : float, default 0.01
        Values beyond the quantiles `winsorise` and 1 − `winsorise` are set to them.
    scale : {"standard", "robust", "quantile", "none"}, default "standard"
        Mean 0 and standard deviation 1; median 0 and interquartile range as of a standard normal; normal scores of the
        ranks, ties at their middle; or as it is.

    Attributes
    ----------
    fill_ : ndarray of shape (n_features,)
        Median of the known values, which stands for a missing one; 0 where nothing is known.
    n_missing_ : ndarray of int
    is_log_, is_constant_ : ndarray of bool
    unit_, low_, high_, centre_, spread_ : ndarray
    quantiles_ : ndarray of shape (n_quantiles, n_features)

    Notes
    -----
    Dividing by the median before the logarithm makes the result the same in every unit: money in cents or in dollars,
    time in days or in weeks. A feature that does not vary becomes 0 and so tells nobody apart. Where half of the values
    are equal the interquartile range may be 0; the standard deviation then takes its place.
    """

    def __init__(self, log: str | Sequence[str] = "auto", winsorise: float = 0.01, scale: str = "standard") -> None:
        self.log = log
        self.winsorise = winsorise
        self.scale = scale

    def __sklearn_tags__(self) -> Any:
        """Say that missing values are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any = None) -> FeatureScaler:
        """Learn medians, quantiles and scales."""
        logs = {self.log} if isinstance(self.log, str) else set(self.log)
        if not logs <= set(LOGS) or self.scale not in SCALES:
            raise ValueError(f"log must be one of {LOGS} and scale one of {SCALES}, not {self.log!r} and {self.scale!r}")
        if not 0 <= self.winsorise < 0.5:
            raise ValueError(f"winsorise must be from 0 to below 0.5, not {self.winsorise!r}")
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        is_missing = np.isnan(values)
        self.n_missing_ = is_missing.sum(axis=0)
        self.fill_ = np.array([_median(column) for column in values.T])
        values = np.where(is_missing, self.fill_, values)
        self._learn_logs(values)
        values = self._logged(values)
        low, high = np.quantile(values, [self.winsorise, 1 - self.winsorise], axis=0)
        # Where a flag is rarer than what is cut, cutting would leave nothing of it.
        is_flat = (low == high) & (values.max(axis=0) > values.min(axis=0))
        self.low_ = np.where(is_flat, values.min(axis=0), low)
        self.high_ = np.where(is_flat, values.max(axis=0), high)
        values = np.clip(values, self.low_, self.high_)
        self._learn_scale(values)
        return self

    def _learn_logs(self, values: Floats) -> None:
        self.is_log_ = np.zeros(values.shape[1], dtype=bool)
        self.unit_ = np.ones(values.shape[1])
        logs = [self.log] * values.shape[1] if isinstance(self.log, str) else list(self.log)
        if len(logs) != values.shape[1]:
            raise ValueError(f"log must say one word for each of the {values.shape[1]} columns, not {len(logs)}")
        for j, column in enumerate(values.T):
            positive = column[column > 0]
            if logs[j] == "none" or not len(positive) or column.min() < 0:
                continue
            spread = column.std()
            skewness = ((column - column.mean()) ** 3).mean() / spread**3 if spread > 0 else 0.0
            self.is_log_[j] = logs[j] == "all" or skewness > LONG_TAIL
            self.unit_[j] = np.median(positive)

    def _learn_scale(self, values: Floats) -> None:
        spread = values.std(axis=0)
        # A column of equal values has a spread of rounding errors, in proportion to the values.
        self.is_constant_ = values.max(axis=0) - values.min(axis=0) <= 1e-12 * np.abs(values).max(axis=0, initial=0.0)
        centre = values.mean(axis=0)
        if self.scale == "robust":
            low, centre, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
            spread = np.where(high > low, (high - low) / NORMAL_IQR, spread)
        if self.scale == "none":
            centre, spread = np.zeros_like(centre), np.ones_like(spread)
        self.centre_ = centre
        self.spread_ = np.where(self.is_constant_ | (spread == 0), 1.0, spread)
        shares = np.linspace(0, 1, min(len(values), MOST_QUANTILES))
        self.quantiles_ = np.quantile(values, shares, axis=0) if self.scale == "quantile" else np.empty((0, values.shape[1]))

    def _logged(self, values: Floats) -> Floats:
        if not self.is_log_.any():
            return values
        out = values.copy()
        at = self.is_log_
        # A later user may be below 0 where none was before.
        out[:, at] = np.log1p(np.maximum(values[:, at], 0.0) / self.unit_[at])
        return out

    def transform(self, X: Any) -> Floats:
        """Bring rows onto the scales that were learned."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        values = np.where(np.isnan(values), self.fill_, values)
        values = np.clip(self._logged(values), self.low_, self.high_)
        if self.scale == "quantile":
            out = np.column_stack([_normal_scores(values[:, j], self.quantiles_[:, j]) for j in range(values.shape[1])])
        else:
            out = (values - self.centre_) / self.spread_
        return np.where(self.is_constant_, 0.0, out)


def _median(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0


def _normal_scores(column: Floats, quantiles: Floats) -> Floats:
    """Place values among quantiles, ties at the middle of their ranks, and turn the places into normal scores."""
    n = len(quantiles)
    below = np.interp(column, quantiles, np.arange(n))
    above = (n - 1) - np.interp(-column, -quantiles[::-1], np.arange(n))
    share = ((below + above) / 2 + EDGE) / n
    return np.asarray(ndtri(np.clip(share, EDGE / n, 1 - EDGE / n)))
