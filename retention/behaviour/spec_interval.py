"""What can be asked of the days between two visits, and of silences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError

LONGEST_WINDOW = 180
"""Windows are tried from 1 day up to so many."""
FOLLOW_UP_DAYS = 90
MAX_FOLLOW_UP = 365
ACCEPTED_RATE = 0.10

Kind = Literal["returned", "stayed away", "silent now"]
KINDS: tuple[Kind, ...] = ("returned", "stayed away", "silent now")


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalSpec:
    """How many days lie between the active days of a user.

    Parameters
    ----------
    events : tuple of str
        Events that make a day active; empty means any activity, as the store's settings define it.
    where : tuple of Condition
        All must hold for the user's first activity.
    by : str, optional
        Property of the first activity whose values become groups.
    """

    events: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalUsersSpec:
    """The users whose usual interval lies in a range.

    Parameters
    ----------
    interval : IntervalSpec
    above, up_to : float
        The median gap in days is more than `above` and at most `up_to`; `up_to` may be left open.
    group : str, optional
        Value of `interval.by`; empty text stands for a missing value.
    """

    interval: IntervalSpec
    above: float = 0.0
    up_to: float | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if self.above < 0 or (self.up_to is not None and self.up_to <= self.above):
            raise SpecError(f"The range of intervals must not be empty, but is from {self.above} to {self.up_to} days.")
        _require_by(self.group, self.interval.by)


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowSpec:
    """How many of those whom a silence would call lapsed came back after all.

    Parameters
    ----------
    events : tuple of str
        Events that end a silence; empty means any activity.
    follow_up_days : int
        Days within which a return makes the lapse a false one, from 1 to 365.
    where, by
        As in `IntervalSpec`.

    Raises
    ------
    SpecError
        If `follow_up_days` is out of range.
    """

    events: tuple[str, ...] = ()
    follow_up_days: int = FOLLOW_UP_DAYS
    where: tuple[Condition, ...] = ()
    by: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.follow_up_days <= MAX_FOLLOW_UP:
            raise SpecError(f"`follow_up_days` must be from 1 to {MAX_FOLLOW_UP}, not {self.follow_up_days}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SilentUsersSpec:
    """The users behind one window of the chooser.

    Parameters
    ----------
    window : WindowSpec
    days : int
        The window X, from 1 to 180.
    kind : {"returned", "stayed away", "silent now"}
        Of the users whose first silence of X days can be judged: those who came back within the follow-up, or
        those who did not; or the users who have been silent for X days or more at the end of the data.
    group : str, optional
        Value of `window.by`; empty text stands for a missing value.
    """

    window: WindowSpec
    days: int
    kind: Kind = "returned"
    group: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.days <= LONGEST_WINDOW:
            raise SpecError(f"`days` must be from 1 to {LONGEST_WINDOW}, not {self.days}.")
        if self.kind not in KINDS:
            raise SpecError(f"`kind` must be one of {', '.join(KINDS)}, not {self.kind!r}.")
        _require_by(self.group, self.window.by)


def _require_by(group: str | None, by: str | None) -> None:
    if group is not None and by is None:
        raise SpecError("`group` needs a breakdown.", hint="Name the property with `by`.")
