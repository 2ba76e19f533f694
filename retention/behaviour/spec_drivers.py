"""What can be asked of early behaviour and later retention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from retention.behaviour.spec_funnel import require_range
from retention.cohorts.spec import Condition
from retention.errors import SpecError

MAX_FIRST_DAYS = 90
MAX_DAY = 730
MAX_TIMES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class DriversSpec:
    """Which early behaviours go with being active later.

    Parameters
    ----------
    first_days : int
        Length of the early window, from 1 to 90: days 0 to `first_days` − 1; day 0 is the day of the user's first
        activity, in the store's zone.
    from_day, to_day : int
        The later window, both days included; it begins after the early one.
    n_most : int
        Every event is looked at as done at least 1, 2, … `n_most` times (up to 10).
    returns : tuple of str
        Events that count as being active later; empty means any activity.
    where : tuple of Condition
        All must hold for the user's first activity.
    from_on, to_on : date, optional
        First activities from the first day on, and before the last.

    Raises
    ------
    SpecError
        If a value is out of its range or the two windows overlap.

    Notes
    -----
    Only users count whose later window has wholly ended by the watermark and touches no gap, so that everybody was
    watched for equally long.
    """

    first_days: int = 7
    from_day: int = 7
    to_day: int = 34
    n_most: int = 5
    returns: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    from_on: date | None = None
    to_on: date | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.first_days <= MAX_FIRST_DAYS:
            raise SpecError(f"`first` must be from 1 to {MAX_FIRST_DAYS} days, not {self.first_days}.")
        if self.from_day < self.first_days:
            raise SpecError(
                f"The later window must begin on day {self.first_days} or later, not on day {self.from_day}.",
                hint="If the two windows overlapped, doing something would by itself count as coming back.",
            )
        if not self.from_day <= self.to_day <= MAX_DAY:
            raise SpecError(
                f"The later window must end on a day from {self.from_day} to {MAX_DAY}, not on day {self.to_day}."
            )
        if not 1 <= self.n_most <= MAX_TIMES:
            raise SpecError(f"`times` must be from 1 to {MAX_TIMES}, not {self.n_most}.")
        require_range(self.from_on, self.to_on)


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverUsersSpec:
    """The users who did, or did not do, something so often in their first days.

    Parameters
    ----------
    drivers : DriversSpec
    event : str
    n : int
        From 1 to `drivers.n_most`.
    has_done : bool
        Those who did it at least `n` times, or those who did not.
    is_retained : bool, optional
        Of those, only who was (was not) active later; None for both.
    """

    drivers: DriversSpec
    event: str
    n: int = 1
    has_done: bool = True
    is_retained: bool | None = None

    def __post_init__(self) -> None:
        if not self.event:
            raise SpecError("An event must be named.")
        if not 1 <= self.n <= self.drivers.n_most:
            raise SpecError(f"`n` must be from 1 to {self.drivers.n_most}, not {self.n}.")
