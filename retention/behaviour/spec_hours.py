"""What can be asked of the hours and weekdays at which people are active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError

Counted = Literal["events", "users"]
COUNTED: tuple[Counted, ...] = ("events", "users")
MIN_ACTIVE_HOURS = 5
"""With fewer active hours than this nobody has a usual hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HoursSpec:
    """At which hours of which weekdays things happen, in the store's zone.

    Parameters
    ----------
    counted : {"events", "users"}
        Whether a cell counts events, or the different users with one.
    events : tuple of str
        Empty means any activity, as the store's settings define it.
    where : tuple of Condition
        All must hold for the user's first activity.
    from_on, to_on : date, optional
        Local days: from the first on, and before the last.

    Raises
    ------
    SpecError
        If a value is not allowed, or `from_on` is not before `to_on`.
    """

    counted: Counted = "events"
    events: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    from_on: date | None = None
    to_on: date | None = None

    def __post_init__(self) -> None:
        if self.counted not in COUNTED:
            raise SpecError(f"`counted` must be one of {', '.join(COUNTED)}, not {self.counted!r}.")
        if self.from_on and self.to_on and self.from_on >= self.to_on:
            raise SpecError(
                f"`from` must be before `to`, not {self.from_on} and {self.to_on}.",
                hint="`to` is the first day that is left out.",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class HourUsersSpec:
    """The users who are usually active at an hour of the day.

    Parameters
    ----------
    hours : HoursSpec
        `counted` makes no difference here.
    hour : int
        From 0 to 23, in the store's zone.
    """

    hours: HoursSpec
    hour: int

    def __post_init__(self) -> None:
        if not 0 <= self.hour <= 23:
            raise SpecError(f"`hour` must be from 0 to 23, not {self.hour}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class CellUsersSpec:
    """The users with an event in an hour of a weekday.

    Parameters
    ----------
    hours : HoursSpec
    cell : int
        Hours since the beginning of Monday, from 0 to 167.
    """

    hours: HoursSpec
    cell: int

    def __post_init__(self) -> None:
        if not 0 <= self.cell <= 167:
            raise SpecError(f"`cell` must be from 0 to 167, not {self.cell}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class UserHoursSpec:
    """When one user is usually active.

    Parameters
    ----------
    user : str
        The pseudonym, or the id as it was in the file.
    events : tuple of str
        Empty means any activity.
    """

    user: str
    events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.user.strip():
            raise SpecError("Name a user: a pseudonym from a list, or the id as it was in your file.")
