"""What can be asked of the future."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError

Metric = Literal["active users", "revenue"]
Width = Literal["week", "month"]

METRICS: tuple[Metric, ...] = ("active users", "revenue")
WIDTHS: tuple[Width, ...] = ("week", "month")
MAX_AHEAD = 26


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastSpec:
    """What to forecast, and how far.

    Parameters
    ----------
    metric : {"active users", "revenue"}
        Users with activity in each period, or the value of the orders in it before refunds.
    period : {"week", "month"}
    horizon : int
        Periods ahead, from 1 to 26.
    where : tuple of Condition
        Only users whose first activity satisfies all of them.

    Notes
    -----
    Revenue is gross: refunds of recent orders are still to come, so net revenue of the latest periods is not
    known yet and could not be checked backwards.
    """

    metric: Metric = "active users"
    period: Width = "week"
    horizon: int = 12
    where: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise SpecError(f"`metric` must be one of {', '.join(METRICS)}, not {self.metric!r}.")
        if self.period not in WIDTHS:
            raise SpecError(f"`period` must be one of {', '.join(WIDTHS)}, not {self.period!r}.")
        if not 1 <= self.horizon <= MAX_AHEAD:
            raise SpecError(
                f"`horizon` must be from 1 to {MAX_AHEAD}, not {self.horizon}.",
                hint="Choose months to look further ahead.",
            )
