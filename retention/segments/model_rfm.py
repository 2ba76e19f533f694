"""The RFM grid: scores from 1 to 5 for recency, frequency and money, and the eleven usual names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]
N_SCORES = 5
NAMES = (
    "Champions", "Loyal", "Potential loyalists", "New customers", "Promising", "Need attention", "About to sleep",
    "At risk", "Cannot lose them", "Hibernating", "Lost",
)  # fmt: skip
MEANINGS = {
    "Champions": "Bought lately, often, and for much.",
    "Loyal": "Buy often and for much, and not long ago.",
    "Potential loyalists": "Bought lately, and more than once or for more than a little.",
    "New customers": "Bought very lately, for the first time or little.",
    "Promising": "Bought lately, little so far.",
    "Need attention": "Middling in everything: may go either way.",
    "About to sleep": "Little, and some time ago.",
    "At risk": "Bought often and for much, but long ago.",
    "Cannot lose them": "Among the best once, and not seen for long.",
    "Hibernating": "Little, and long ago.",
    "Lost": "Little, and longest ago.",
}
#: Rows: recency from 1 (longest ago) to 5; columns: frequency and money together from 1 (least) to 5.
GRID = (
    ("Lost", "Lost", "At risk", "At risk", "Cannot lose them"),
    ("Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them"),
    ("About to sleep", "About to sleep", "Need attention", "Loyal", "Loyal"),
    ("Promising", "Potential loyalists", "Potential loyalists", "Loyal", "Loyal"),
    ("New customers", "Potential loyalists", "Potential loyalists", "Champions", "Champions"),
)


class RfmGrid(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Score each column from 1 to 5 by its fifths; the first column is the better the smaller it is.

    Parameters
    ----------
    n_scores : int, default 5

    Attributes
    ----------
    cuts_ : ndarray of shape (n_features, n_scores − 1)
        Values of the data at the fifths, in the direction in which more is better.

    Notes
    -----
    A score is 1 + the number of cuts below the value, and the cuts are values of the data. So equal values have one
    score, and any increasing change of the unit leaves every score as it was. Where many users share a value, the
    scores above the lowest that it touches stay empty: three in four who bought once all have frequency 1.
    A missing value has no score, and rows with one do not move the cuts: who never bought is no buyer of the least kind.

    Examples
    --------
    >>> RfmGrid().fit_transform([[1.0], [2.0], [3.0], [4.0], [5.0]]).ravel().tolist()
    [5.0, 4.0, 3.0, 2.0, 1.0]

    References
    ----------
    Hughes, A. M. (1994). Strategic database marketing.
    """

    def __init__(self, n_scores: int = N_SCORES) -> None:
        self.n_scores = n_scores

    def __sklearn_tags__(self) -> Any:
        """Say that missing values are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any = None) -> RfmGrid:
        """Find the cuts."""
        if not isinstance(self.n_scores, (int, np.integer)) or self.n_scores < 2:
            raise ValueError(f"n_scores must be a whole number from 2, not {self.n_scores!r}")
        values = _upward(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan"))
        shares = np.arange(1, self.n_scores) / self.n_scores
        self.cuts_ = np.full((values.shape[1], len(shares)), np.nan)
        known = values[np.isfinite(values).all(axis=1)]
        if len(known):
            self.cuts_ = np.quantile(known, shares, axis=0, method="inverted_cdf").T
        return self

    def transform(self, X: Any) -> Floats:
        """Give the scores."""
        check_is_fitted(self)
        values = _upward(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))
        out = np.empty_like(values)
        for j, column in enumerate(values.T):
            out[:, j] = 1.0 + np.searchsorted(self.cuts_[j], column, side="left")
        return np.where(np.isnan(values), np.nan, out)

    def segments(self, X: Any) -> NDArray[np.int64]:
        """Give the place of each row's name in `NAMES`; −1 where a score is missing.

        Raises
        ------
        ValueError
            If there are not three columns scored from 1 to 5.
        """
        scores = self.transform(X)
        if scores.shape[1] != 3 or self.n_scores != N_SCORES:
            raise ValueError("the names need recency, frequency and money, scored from 1 to 5")
        is_known = np.asarray(np.isfinite(scores).all(axis=1))
        recency, frequency, money = np.where(is_known.reshape(-1, 1), scores, 1.0).astype(np.int64).T
        both = (frequency + money) // 2  # the mean, a half rounded down
        places = np.array([[NAMES.index(name) for name in row] for row in GRID])
        return np.where(is_known, places[recency - 1, both - 1], -1)


def _upward(values: Floats) -> Floats:
    """Turn the first column round, so that more is better everywhere."""
    values = values.copy()
    values[:, 0] = -values[:, 0]
    return values
