"""The retention grid and the survival curve side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.cohorts.matrix import RetentionMatrix
from retention.survival.spec import ReconcileSpec

EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Whether grid and curve agree.

    Attributes
    ----------
    spec : ReconcileSpec
    data_version : int
    n_users : int
        Users of cohorts whose horizon has ended.
    ages : DataFrame
        One row an age k from 1: age, retained, size, grid (share who came back at age k or later), curve (S(k − 1)),
        difference.
    """

    spec: ReconcileSpec
    data_version: int
    n_users: int
    ages: pd.DataFrame

    @property
    def is_exact(self) -> bool:
        """Whether they agree to the last digit that matters."""
        return bool((self.ages["difference"].abs() < EXACT).all())


def reconciliation(spec: ReconcileSpec, grid: RetentionMatrix, curve: pd.DataFrame) -> Reconciliation:
    """Pool the mature cohorts of a grid and put the curve beside them."""
    cells = grid.cells[(grid.cells["state"] == "mature") & (grid.cells["age"] >= 1)]
    ages = cells.groupby("age", as_index=False).agg(retained=("retained", "sum"), size=("size", "sum"))
    times = curve["t"].to_numpy()
    at = np.searchsorted(times, ages["age"].to_numpy(dtype=np.int64) - 1, side="right") - 1
    ages = ages.assign(
        retained=ages["retained"].astype("int64"),
        grid=ages["retained"].astype(float) / ages["size"],
        curve=curve["survival"].to_numpy(dtype=float)[at],
    )
    ages["difference"] = ages["grid"] - ages["curve"]
    return Reconciliation(spec, grid.data_version, int(curve["entered"].sum()), ages)
