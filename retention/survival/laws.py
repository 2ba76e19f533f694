"""What the fit of laws of lifetime gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from retention.survival.spec import HazardSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock


@dataclass(frozen=True, slots=True)
class LifetimeLaws:
    """How well each law describes the lifetimes of a group.

    Attributes
    ----------
    spec : HazardSpec
    clock : Clock
    data_version : int
    n, n_observed : int
    laws : DataFrame
        One row a law, the best first: law, parameters (text), log_likelihood, aic, delta (AIC above the best),
        median (days), distance (largest from the observed curve), is_fitted (False where it did not
        converge).
    quantiles : DataFrame
        law, survival, observed (days until only that share is left, by Kaplan–Meier), expected (by the law).
    curves : DataFrame
        law, t, survival: the share that stays longer than t days.
    """

    spec: HazardSpec
    clock: Clock
    data_version: int
    n: int
    n_observed: int
    laws: pd.DataFrame
    quantiles: pd.DataFrame
    curves: pd.DataFrame
