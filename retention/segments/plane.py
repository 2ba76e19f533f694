"""Users on a plane, and where in the whole the middle of each segment stands: what the pictures draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.features.spec_registry import REGISTRY

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SegmentMap:
    """Users on the first two principal components.

    Attributes
    ----------
    points : DataFrame
        x, y, segment, user_key: at most 5,000 users, drawn at random.
    density : DataFrame
        x, y (middles of squares), segment, n: all users.
    explained : (float, float)
        Share of the variance along x and along y.
    side : (float, float)
        How wide and how high a square is.
    """

    points: pd.DataFrame
    density: pd.DataFrame
    explained: tuple[float, float]
    side: tuple[float, float]

    @property
    def n_users(self) -> int:
        """How many users the squares hold."""
        return int(self.density["n"].sum())

    def ground(self) -> pd.DataFrame:
        """Say of each square how many users it holds, and of which segment most of them are.

        Returns
        -------
        DataFrame
            x, y, segment (the one with the most users there; of two with as many, the larger segment, which has the lower
            number), n (all users of the square), share (of them in that segment).
        """
        most = self.density.sort_values(["x", "y", "n", "segment"], ascending=[True, True, False, True])
        first = most.drop_duplicates(["x", "y"]).set_index(["x", "y"])
        whole = self.density.groupby(["x", "y"])["n"].sum()
        found = first[["segment"]].assign(n=whole, share=first["n"] / whole)
        return found.reset_index()


def grid_cells(scores: NDArray[np.float64], names: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Count the users in each field of the RFM grid.

    Parameters
    ----------
    scores : ndarray of shape (n_users, 3)
        For recency, frequency and money, from 1; users without one are left out.
    names : sequence of sequences of str
        What a field is called: a row for each score of recency, a column for each of frequency and money together, which
        is their mean, a half rounded down.

    Returns
    -------
    DataFrame
        recency, value (both from 1), name, n: every field, those that nobody is in as well.

    Examples
    --------
    >>> grid_cells(np.array([[1.0, 1, 2], [2, 2, 2], [np.nan, 1, 1]]), [["Lost", "Loved"], ["New", "Best"]])["n"].tolist()
    [1, 0, 0, 1]
    """
    known = scores[np.isfinite(scores).all(axis=1)].astype(np.int64)
    counts = np.zeros((len(names), len(names[0])), dtype=np.int64)
    np.add.at(counts, (known[:, 0] - 1, (known[:, 1] + known[:, 2]) // 2 - 1), 1)
    rows = [(i + 1, j + 1, name, int(counts[i, j])) for i, row in enumerate(names) for j, name in enumerate(row)]
    return pd.DataFrame(rows, columns=["recency", "value", "name", "n"])


def median_standing(values: pd.DataFrame, labels: Ints, names: Sequence[str]) -> pd.DataFrame:
    """Say where the median of each segment stands among all users.

    Returns
    -------
    DataFrame
        segment, name, feature, title, unit, median, standing: the share of all users with a lower value, those with the
        same one counting half; empty where a feature is not known of anybody in the segment.

    Examples
    --------
    >>> found = median_standing(pd.DataFrame({"orders": [1.0, 2.0, 3.0, 10.0]}), np.array([0, 0, 0, 1]), ["Few", "Many"])
    >>> found["standing"].tolist()
    [0.375, 0.875]
    """
    rows = []
    for feature in values.columns:
        column = values[feature].to_numpy(dtype=np.float64)
        about = REGISTRY.get(feature)
        title, unit = (about.title, about.unit) if about else (feature, "")
        known = np.sort(column[~np.isnan(column)])
        for segment, name in enumerate(names):
            own = column[(labels == segment) & ~np.isnan(column)]
            median = standing = np.nan
            if len(own):
                median = float(np.median(own))
                low, high = np.searchsorted(known, median, "left"), np.searchsorted(known, median, "right")
                standing = float(low + high) / 2 / len(known)
            rows.append((segment, name, feature, title, unit, median, standing))
    return pd.DataFrame(rows, columns=["segment", "name", "feature", "title", "unit", "median", "standing"])
