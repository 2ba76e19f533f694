"""Users as vectors that were learned from the order and the rhythm of what they did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retention.sequences.spec import SequenceSpec


@dataclass(frozen=True, slots=True, eq=False)
class SequenceEmbedding:
    """A vector for each user.

    Attributes
    ----------
    spec : SequenceSpec
    cutoff_day : int
        Days since 1970; nothing of that day or later was read.
    user_keys : ndarray of int, shape (n_users,)
        Ascending.
    values : ndarray, shape (n_users, width)
        Users with near vectors do alike things in a like order and rhythm; a single column means nothing by itself.
    curve : ndarray, shape (n_passes, 2)
        How far off the next step was after each pass, on the users learned from and on those held back.
    """

    spec: SequenceSpec
    cutoff_day: int
    user_keys: NDArray[np.int64]
    values: NDArray[np.float64]
    curve: NDArray[np.float64]

    @property
    def names(self) -> tuple[str, ...]:
        """Name the columns."""
        return tuple(f"sequence_{i + 1}" for i in range(self.values.shape[1]))
