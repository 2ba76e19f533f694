"""Does a score hold over successive cut-offs, or has it become worse?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retention.churn.judgement import Figure
from retention.intervals import Z95

FIGURES = ("base_rate", "auc", "average_precision", "brier", "log_loss", "lift_10", "slope", "intercept")


@dataclass(frozen=True, slots=True)
class Stability:
    """The figures of a model over its held-back cut-offs, beside a rule.

    Attributes
    ----------
    model, rule : str
    rows : DataFrame
        One row a model and cut-off, the earliest first: model, test_day, n_users, seconds, and for each of `FIGURES` its
        value, ``_low`` and ``_high``; NaN where it is not known.
    n_cutoffs, n_above : int
        Cut-offs, and those at which the model's ROC AUC is above the rule's.
    latest : Figure
        ROC AUC at the latest cut-off less the mean of those before it.
    """

    model: str
    rule: str
    rows: pd.DataFrame
    n_cutoffs: int
    n_above: int
    latest: Figure

    def of(self, name: str) -> pd.DataFrame:
        """Return the rows of one model."""
        return self.rows[self.rows["model"] == name]


def trial_table(trials: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Lay trials out as they stand in a model card: one row a model and cut-off."""
    found = []
    for trial in trials:
        row: dict[str, Any] = {name: trial[name] for name in ("model", "test_day", "n_users", "seconds")}
        for name in FIGURES:
            value, low, high = (np.nan if v is None else float(v) for v in trial["figures"].get(name, (None, None, None)))
            row |= {name: value, f"{name}_low": low, f"{name}_high": high}
        found.append(row)
    columns = ["model", "test_day", "n_users", "seconds", *(f"{n}{end}" for n in FIGURES for end in ("", "_low", "_high"))]
    return pd.DataFrame(found, columns=columns).sort_values(["test_day", "model"], ignore_index=True)


def stability_of(trials: Sequence[Mapping[str, Any]], model: str, rule: str = "recency") -> Stability:
    """Follow a model over its cut-offs.

    Notes
    -----
    The latest cut-off is compared with the mean of those before it as if they were independent. They share users, so the
    true interval of the difference is narrower: what is called a change here is one.
    """
    table = trial_table(trials)
    own, beside = (table[table["model"] == name].set_index("test_day") for name in (model, rule))
    both = own.index.intersection(beside.index)
    n_above = int((own.loc[both, "auc"] > beside.loc[both, "auc"]).sum())
    return Stability(
        model, rule, table[table["model"].isin([model, rule])].reset_index(drop=True), len(own), n_above, _latest(own)
    )


def _latest(own: pd.DataFrame) -> Figure:
    if len(own) < 2:
        return Figure(np.nan, np.nan, np.nan)
    auc = own["auc"].to_numpy(dtype=float)
    variance = ((own["auc_high"] - own["auc_low"]).to_numpy(dtype=float) / (2 * Z95)) ** 2
    change = float(auc[-1] - auc[:-1].mean())
    half = Z95 * float(np.sqrt(variance[-1] + variance[:-1].sum() / (len(auc) - 1) ** 2))
    return Figure(change, change - half, change + half)
