"""How far users have moved since a model was trained."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True)
class Drifted:
    """The users of now against those whom a model has learned from.

    Attributes
    ----------
    cutoff_day : int
        The users of now are looked at as of its beginning; days since 1970.
    n_users : int
    features : DataFrame
        feature, psi (population stability index), by_chance, p, is_moved, n_before, n_after, words; what moved most first.
    score_psi, score_by_chance : float
        Of the scores, against those of the users that the model was judged on; NaN where they were not kept.
    """

    cutoff_day: int
    n_users: int
    features: pd.DataFrame
    score_psi: float = float("nan")
    score_by_chance: float = float("nan")

    @property
    def is_score_moved(self) -> bool:
        """Whether the scores have moved more than chance would move them."""
        return self.score_psi > self.score_by_chance
