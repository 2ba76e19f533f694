"""A score from a table of one's own: how good it is, what each column tells alone, and everybody's probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.judgement import Figure, Line
from retention.churn.own_table import OwnTable

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clue:
    """What a column alone says of who left.

    Attributes
    ----------
    name, kind : str
    auc : float
        ROC AUC of the column alone, in either direction, on rows that its groups were not learned from.
    is_suspect : bool
        Whether it is so good that it was probably written down afterwards.
    """

    name: str
    kind: str
    auc: float
    is_suspect: bool


@dataclass(frozen=True, slots=True)
class OwnReport:
    """What was learned from a table of one's own, and how good it is.

    Attributes
    ----------
    table : OwnTable
    model : str
        The model that was asked for, or the best of all.
    n_users, n_left : int
        Rows that say who left.
    figures : dict of str to Figure
        Of every user's score from the model that had not seen the user; see `judgement.Ranked.figures`.
    line : Line
        Of the calibration.
    calibration : DataFrame
        See `judgement.calibration_table`.
    folds : DataFrame
        fold, n, n_left, base_rate, auc, log_loss, brier, seconds of the chosen model.
    models : DataFrame
        model, is_chosen, auc, auc_sd, log_loss, brier (means over the folds), seconds; the best AUC first.
    clues : tuple of Clue
        Every column alone, the best first.
    word, sentence : str
        The verdict beside the best column alone; see `judgement.verdict`.
    scores : ndarray, shape (n_rows,)
        Where the label is known, by the model that had not seen the row; elsewhere by one that learned from all rows with
        a label.
    """

    table: OwnTable
    model: str
    n_users: int
    n_left: int
    figures: dict[str, Figure]
    line: Line
    calibration: pd.DataFrame
    folds: pd.DataFrame
    models: pd.DataFrame
    clues: tuple[Clue, ...]
    word: str
    sentence: str
    scores: Floats

    @property
    def base_rate(self) -> float:
        """Which share left."""
        return self.n_left / self.n_users

    def predictions(self) -> pd.DataFrame:
        """List every row: its id (or the number of the row), what the file says, and the score."""
        table = self.table
        words = {1: table.positive, 0: table.negative}
        said = [words.get(int(label)) for label in table.labels]
        key = table.spec.id_column or "row"
        ids = np.arange(2, len(said) + 2) if table.ids is None else np.asarray(table.ids, dtype=object)
        label = table.spec.label
        return pd.DataFrame({key: ids, label: said, "probability": self.scores})
