"""What Cox's regression gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from retention.survival.spec import CoxSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock


@dataclass(frozen=True, slots=True)
class CoxModel:
    """How attributes go with the rate of lapsing.

    Attributes
    ----------
    spec : CoxSpec
    clock : Clock
    data_version : int
    n, n_observed : int
        Users and lapses in the model.
    n_population : int
        Users that there are; more than `n` where a random sample was taken.
    ratios : DataFrame
        One row an attribute and value: attribute, value, n, n_lapsed, ratio (hazard ratio against the attribute's
        reference), low, high, p, is_reference, ph_p (of the check that the ratio does not change with age).
    concordance : float
        Share of pairs of users whom the model puts in the right order; one half is chance.
    is_proportional : bool
        Whether no ratio is seen to change with age.
    curve : DataFrame
        t, survival: of the profile.
    profile : tuple of str
    levels : mapping of attribute to its values
    dropped : tuple of str
        What had to be left out, a sentence each.
    """

    spec: CoxSpec
    clock: Clock
    data_version: int
    n: int
    n_observed: int
    n_population: int
    ratios: pd.DataFrame
    concordance: float
    is_proportional: bool
    curve: pd.DataFrame
    profile: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    dropped: tuple[str, ...]
