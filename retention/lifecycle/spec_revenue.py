"""What can be asked of orders and of the money they bring."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.periods import PERIODS, Period

Kind = Literal["gross", "net"]
KINDS: tuple[Kind, ...] = ("net", "gross")
VALUE_DAYS = (7, 30, 60, 90, 180, 365)
"""N of the N-day values: so many local days, the day of the first order being the first of them."""
MAX_HORIZON = 104
MAX_REPEAT_DAYS = 730
CURVE_DAYS = 365
"""The time to the second order is followed for so many days."""
SHOWN_DAYS = (30, 60, 90)


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise SpecError(f"`{name}` must be one of {', '.join(map(str, allowed))}, not {value!r}.")


def _check_group(group: str | None, by: str | None) -> None:
    if group is not None and by is None:
        raise SpecError("`group` needs a breakdown.", hint="Name the property with `by`.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RevenueSpec:
    """What customers spend, over time and by the period of their first order.

    Parameters
    ----------
    period : {"day", "week", "month"}
        Width of a cohort and of each age.
    kind : {"net", "gross"}
        Net is gross less refunds, each booked on the day of its order.
    horizon : int
        Last age watched, from 1 to 104.
    where : tuple of Condition
        On the user's very first activity.
    by : str, optional
        Property of the user's very first activity whose values become groups.

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    period: Period = "month"
    kind: Kind = "net"
    horizon: int = 12
    where: tuple[Condition, ...] = ()
    by: str | None = None

    def __post_init__(self) -> None:
        _one_of("period", self.period, PERIODS)
        _one_of("kind", self.kind, KINDS)
        if not 1 <= self.horizon <= MAX_HORIZON:
            raise SpecError(
                f"`horizon` must be from 1 to {MAX_HORIZON}, not {self.horizon}.",
                hint="Choose a wider period to look further ahead.",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class RevenueCellSpec:
    """The customers behind a cell of the revenue grid.

    Parameters
    ----------
    revenue : RevenueSpec
    cohort : date
        A day of the period of their first order.
    age : int, optional
        Those with an order in the period of that age; by default everybody of the cohort.
    group : str, optional
        Value of `revenue.by`; empty text stands for a missing value.
    is_lost : bool
        Those without an order in that period instead.
    """

    revenue: RevenueSpec
    cohort: date
    age: int | None = None
    group: str | None = None
    is_lost: bool = False

    def __post_init__(self) -> None:
        _check_group(self.group, self.revenue.by)
        if self.age is None and self.is_lost:
            raise SpecError("`is_lost` needs an age.", hint="Name the age at which they did not order.")
        if self.age is not None and not 0 <= self.age <= self.revenue.horizon:
            raise SpecError(f"`age` must be from 0 to {self.revenue.horizon}, not {self.age}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class BuyersSpec:
    """The customers who ordered in a period.

    Parameters
    ----------
    revenue : RevenueSpec
        Its horizon does not matter.
    on : date
        A day of the period.
    group : str, optional
        Value of `revenue.by`.
    is_refunded : bool
        Those who were paid something back for orders of the period instead.
    """

    revenue: RevenueSpec
    on: date
    group: str | None = None
    is_refunded: bool = False

    def __post_init__(self) -> None:
        _check_group(self.group, self.revenue.by)


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatSpec:
    """How many customers order a second time, and how soon.

    Parameters
    ----------
    days : int
        H: the second order comes at most so many times 24 hours after the first; from 1 to 730.
    period : {"day", "week", "month"}
        Width of a cohort of first orders.
    where, by
        As for `RevenueSpec`.
    """

    days: int = 90
    period: Period = "month"
    where: tuple[Condition, ...] = ()
    by: str | None = None

    def __post_init__(self) -> None:
        _one_of("period", self.period, PERIODS)
        if not 1 <= self.days <= MAX_REPEAT_DAYS:
            raise SpecError(f"`days` must be from 1 to {MAX_REPEAT_DAYS}, not {self.days}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatListSpec:
    """The customers behind a repeat purchase rate.

    Parameters
    ----------
    repeat : RepeatSpec
    has_repeated : bool
        Those whose second order came in time, or those who could be watched for as long and for whom it did not.
    cohort : date, optional
        A day of the period of the first order; by default all periods.
    group : str, optional
        Value of `repeat.by`.
    """

    repeat: RepeatSpec = field(default_factory=RepeatSpec)
    has_repeated: bool = True
    cohort: date | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        _check_group(self.group, self.repeat.by)
