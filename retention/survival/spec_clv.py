"""What can be asked about the value of buyers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.periods import ELAPSED_DAYS, PERIODS, Period

Money = Literal["gross", "net"]
Band = Literal["top-1", "top-5", "top-10", "top-20", "top-50", "rest", "quiet"]

MONEY: tuple[Money, ...] = ("gross", "net")
SHARES: dict[Band, float] = {"top-1": 0.01, "top-5": 0.05, "top-10": 0.10, "top-20": 0.20, "top-50": 0.50, "rest": 1.0}
"""Each band ends where so many of the buyers, by expected purchases, have been counted."""
BANDS: tuple[Band, ...] = (*SHARES, "quiet")
MAX_HORIZON = 104


@dataclass(frozen=True, kw_only=True, slots=True)
class ClvSpec:
    """How often buyers will buy, and what they will spend.

    Parameters
    ----------
    unit : {"day", "week", "month"}
        In which time is counted: 1, 7 or 30 days from each buyer's first order.
    horizon : int
        How many units to look ahead, from 1 to 104.
    calibrate_to : date, optional
        Fit to the orders up to the end of this day and hold the later ones back to check the prediction.
    money : {"gross", "net"}
        Value of orders before or after refunds.
    where : tuple of Condition
        Only users whose first activity satisfies all of them.
    """

    unit: Period = "week"
    horizon: int = 12
    calibrate_to: date | None = None
    money: Money = "gross"
    where: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if self.unit not in PERIODS:
            raise SpecError(f"`unit` must be one of {', '.join(PERIODS)}, not {self.unit!r}.")
        if self.money not in MONEY:
            raise SpecError(f"`money` must be one of {', '.join(MONEY)}, not {self.money!r}.")
        if not 1 <= self.horizon <= MAX_HORIZON:
            raise SpecError(
                f"`horizon` must be from 1 to {MAX_HORIZON}, not {self.horizon}.",
                hint="Choose a wider unit to look further ahead.",
            )

    @property
    def unit_days(self) -> int:
        """How many days a unit has."""
        return ELAPSED_DAYS[self.unit]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuyerListSpec:
    """Buyers by what is expected of them.

    Parameters
    ----------
    clv : ClvSpec
    band : str
        A band of the ranking by expected purchases ("top-5" begins where "top-1" ends), or "quiet": those who
        bought again before and are now more likely gone than not.
    """

    clv: ClvSpec
    band: Band

    def __post_init__(self) -> None:
        if self.band not in BANDS:
            raise SpecError(f"`band` must be one of {', '.join(BANDS)}, not {self.band!r}.")
