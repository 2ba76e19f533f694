"""Users whom a model has not learned from, what it said of them, and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RULE_COLUMNS = ("recency", "frequency", "bgnbd")


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The latest held-back cut-off of a model.

    Attributes
    ----------
    cutoff_day : int
        Days since 1970.
    model : str
        Whose scores `probability` are.
    user_keys : ndarray of int, shape (n_users,)
        Ascending.
    lapsed : ndarray of {0, 1}
    scores : mapping of str to ndarray
        Of the model, a calibrated probability; of the rules, what they give; a rule that could not be taught is missing.
    """

    cutoff_day: int
    model: str
    user_keys: Ints
    lapsed: Ints
    scores: Mapping[str, Floats]

    @property
    def n_users(self) -> int:
        """How many."""
        return len(self.user_keys)

    @property
    def probability(self) -> Floats:
        """What the model said."""
        return self.scores[self.model]

    def frame(self) -> pd.DataFrame:
        """Lay out a row a user, as the store keeps it."""
        columns = {name: self.scores.get(name, np.full(self.n_users, np.nan)) for name in RULE_COLUMNS}
        return pd.DataFrame(
            {"user_key": self.user_keys, "lapsed": self.lapsed == 1, "probability": self.probability, **columns}
        )


def held_back_of(frame: pd.DataFrame, cutoff_day: int, model: str) -> HeldBack:
    """Read what `HeldBack.frame` wrote."""
    rows = frame.sort_values("user_key")
    scores = {name: rows[name].to_numpy(dtype=np.float64) for name in RULE_COLUMNS}
    known = {name: values for name, values in scores.items() if not np.isnan(values).any()}
    return HeldBack(
        cutoff_day, model, rows["user_key"].to_numpy(dtype=np.int64), rows["lapsed"].to_numpy(dtype=np.int64),
        {**known, model: rows["probability"].to_numpy(dtype=np.float64)},
    )  # fmt: skip
