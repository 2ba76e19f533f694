"""Whom an intervention is for: their scores and values, and every sum that a preview asks for, made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.churn.judgement import LEAST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class People:
    """Users with a score, the lowest risk first; users with equal scores by their key.

    Attributes
    ----------
    user_keys : ndarray of int, shape (n_users,)
    probability : ndarray, shape (n_users,)
        Of lapsing, ascending.
    value : ndarray, shape (n_users,)
        Money per horizon; NaN where no order is known.
    worth : ndarray, shape (n_users,)
        The same as sums take it: an unknown value is 0, and so is a negative one.
    n_members : int
        Users on the list, scored or not.
    error : ndarray, shape (2, 2)
        Mean square of the mistake of the calibration; see `retention.churn.reach.calibration_error`.
    is_error_known : bool
        Whether a held-back cut-off told it.
    horizon_days, gap_days : int
        Of the score: lapsed is who does nothing for `horizon_days`, which begin `gap_days` after it.
    scoring_key : int
    is_current : bool
        Whether the data are still those that were scored.
    sums : mapping of (a, b) to ndarray, shape (n_users + 1,)
        Of v^a p^b over the first 0, 1, 2 … users; v is what the user is worth.
    turns : mapping of a to (float, float)
        Sums of v^a p (1 − p) times 1, and times the log-odds of the score: by what a mistake of the calibration's
        intercept and slope moves Σ v^a p.
    filled : ndarray, shape (n_users,)
        Σ min(p_k, p) over all users, for each user's own p_k: ascending.
    """

    user_keys: Ints
    probability: Floats
    value: Floats
    worth: Floats
    n_members: int
    error: Floats
    is_error_known: bool
    horizon_days: int
    gap_days: int
    scoring_key: int
    is_current: bool
    sums: Mapping[tuple[int, int], Floats]
    turns: Mapping[int, tuple[float, float]]
    filled: Floats

    @property
    def n_users(self) -> int:
        """How many have a score."""
        return len(self.probability)

    @property
    def n_unscored(self) -> int:
        """How many are on the list without a score: they are in no figure."""
        return self.n_members - self.n_users

    @property
    def n_valued(self) -> int:
        """How many have a known value."""
        return int(np.count_nonzero(~np.isnan(self.value)))

    @property
    def base_rate(self) -> float:
        """The share that is expected to stay without action; NaN of nobody."""
        return 1 - float(self.sums[0, 1][-1]) / self.n_users if self.n_users else np.nan

    def whole(self, a: int, b: int) -> float:
        """Sum v^a p^b over everybody."""
        return float(self.sums[a, b][-1])


def people_of(
    user_keys: ArrayLike, probability: ArrayLike, value: ArrayLike, *, n_members: int | None = None,
    error: Any = None, horizon_days: int = 0, gap_days: int = 0, scoring_key: int = 0, is_current: bool = True,
) -> People:  # fmt: skip
    """Sum scored users up.

    Parameters
    ----------
    n_members : int, optional
        Users on the list, by default those who are given.
    error : array-like, shape (2, 2), optional
        Mean square of the calibration's mistake; without it, intervals hold it to be right.

    Examples
    --------
    >>> found = people_of([7, 8], [0.5, 0.2], [100, float("nan")], n_members=3)
    >>> found.user_keys.tolist(), found.whole(0, 1), found.whole(1, 1), found.n_unscored
    ([8, 7], 0.7, 50.0, 1)
    """
    keys, p = np.asarray(user_keys, dtype=np.int64), np.asarray(probability, dtype=np.float64)
    order = np.lexsort((keys, p))
    keys, p, v = keys[order], p[order], np.asarray(value, dtype=np.float64)[order]
    worth = np.nan_to_num(np.maximum(v, 0.0), nan=0.0)
    sums: dict[tuple[int, int], Floats] = {}
    for a in range(3):
        term = np.ones_like(p) if a == 0 else worth**a
        for b in range(3):
            sums[a, b] = np.concatenate([[0.0], np.cumsum(term)])
            term = term * p
    inner = np.clip(p, LEAST, 1 - LEAST)
    z, q = np.log(inner) - np.log1p(-inner), p * (1 - p)
    n = len(p)
    return People(
        keys, p, v, worth, n_members=n if n_members is None else n_members,
        error=np.zeros((2, 2)) if error is None else np.asarray(error, dtype=np.float64), is_error_known=error is not None,
        horizon_days=horizon_days, gap_days=gap_days, scoring_key=scoring_key, is_current=is_current, sums=sums,
        turns={0: (float(q.sum()), float(q @ z)), 1: (float(q @ worth), float((q * z) @ worth))},
        filled=sums[0, 1][:-1] + p * (n - np.arange(n)),
    )  # fmt: skip
