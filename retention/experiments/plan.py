"""How large an experiment must be, and how long it takes: the result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, isnan, nan
from typing import Any

import pandas as pd

from retention.experiments.spec import PlanSpec


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What it takes to find out.

    Attributes
    ----------
    spec : PlanSpec
    n_control, n_arm, n_total : int
        Users of the holdout, of each arm, and of all groups together, read once at the end.
    n_sequential : int
        Users of all groups together where one wants to look every day and stop at any look: at most so many, fewer if the
        effect is larger than the smallest worth having.
    detectable : float
        The smallest effect that the users there are find with the power asked for, in the direction asked for; NaN where
        it is not known how many there are, or none is.
    power_available : float
        How likely the users there are find the effect asked for; NaN where it is not known how many there are.
    curve : DataFrame
        n_total, detectable: the smallest effect that a size finds, for up to 15 sizes.
    """

    spec: PlanSpec
    n_control: int
    n_arm: int
    n_total: int
    n_sequential: int
    detectable: float
    power_available: float
    curve: pd.DataFrame

    @property
    def is_enough(self) -> bool:
        """Whether there are as many users as it takes; also where it is not known how many there are."""
        return self.spec.n_available is None or self.n_total <= self.spec.n_available

    @property
    def collect_days(self) -> float:
        """Days until enough users have come in; 0 where they are there already, NaN where nobody can say."""
        spec = self.spec
        if spec.n_available is not None and self.is_enough:
            return 0
        missing = self.n_total - (spec.n_available or 0)
        return nan if spec.units_per_day is None else ceil(missing / spec.units_per_day - 1e-9)

    @property
    def days(self) -> float:
        """Days until the last outcome is known: those to collect and those to wait; NaN where nobody can say."""
        return nan if isnan(self.collect_days) else self.collect_days + self.spec.window_days

    def told(self) -> dict[str, Any]:
        """Say in plain values what was planned: what a campaign keeps of it."""
        return {**asdict(self.spec), "n_total": self.n_total, "n_sequential": self.n_sequential}
