"""What can be asked of the growth of a user base."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.periods import PERIODS, Period

State = Literal["new", "returning", "resurrecting", "dormant"]
STATES: tuple[State, ...] = ("new", "returning", "resurrecting", "dormant")
ACTIVE_STATES: tuple[State, ...] = ("new", "returning", "resurrecting")
SOURCES = ("new", "returning", "resurrecting", "dormant", "away", "unseen")
"""Where a user stands in a period: the four states, away for longer, and not seen before."""
TARGETS = ("new", "returning", "resurrecting", "dormant", "away")
MOVES = {
    "new": ("returning", "dormant"),
    "returning": ("returning", "dormant"),
    "resurrecting": ("returning", "dormant"),
    "dormant": ("resurrecting", "away"),
    "away": ("resurrecting", "away"),
    "unseen": ("new",),
}
"""What can follow what; nothing else can."""
LAST: dict[Period, int] = {"day": 91, "week": 52, "month": 24}
"""How many periods are shown where nothing else is said."""
MAX_PERIODS = 1100
DAYS_SHOWN = 182
WINDOWS = (1, 7, 28)
"""Days over which daily, weekly and monthly active users are counted; the last day is the one that is named."""


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise SpecError(f"`{name}` must be one of {', '.join(map(str, allowed))}, not {value!r}.")


def _check_range(from_on: date | None, to_on: date | None, last: int | None, unit: str) -> None:
    if last is not None and from_on is not None:
        raise SpecError(
            "`last` and `from` cannot both be given.", hint="Name the first day, or how many periods, not both."
        )
    if last is not None and not 1 <= last <= MAX_PERIODS:
        raise SpecError(
            f"`last` must be from 1 to {MAX_PERIODS} {unit}s, not {last}.",
            hint="Choose a wider period to look back further.",
        )
    if from_on and to_on and from_on >= to_on:
        raise SpecError(
            f"`from` must be before `to`, not {from_on} and {to_on}.",
            hint="`to` is the first day that is left out.",
        )


def _check_group(group: str | None, by: str | None) -> None:
    if group is not None and by is None:
        raise SpecError("`group` needs a breakdown.", hint="Name the property with `by`.")


@dataclass(frozen=True, kw_only=True, slots=True)
class LifecycleSpec:
    """How many users are new, come back, or fall silent, period by period.

    Parameters
    ----------
    period : {"day", "week", "month"}
    events : tuple of str
        Event names that make a user active; empty means any activity, as the store's settings define it.
        With events named, a user is new in the period of the first of *these*, in all history.
    where : tuple of Condition
        On the user's very first activity: they choose users, and never make an old user new.
    by : str, optional
        Property of the user's very first activity whose values become groups.
    from_on, to_on : date, optional
        The first day, and the first day left out; a period that holds a day between them is shown whole.
    last : int, optional
        Instead of `from_on`: so many periods, the last of which holds the last of the data (or ends at `to_on`).
        By default 91 days, 52 weeks or 24 months.

    Raises
    ------
    SpecError
        If a value is out of its range or two settings contradict each other.
    """

    period: Period = "week"
    events: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    by: str | None = None
    from_on: date | None = None
    to_on: date | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        _one_of("period", self.period, PERIODS)
        _check_range(self.from_on, self.to_on, self.last, self.period)

    @property
    def n_last(self) -> int:
        """How many periods are shown if no first day is named."""
        return self.last or LAST[self.period]


@dataclass(frozen=True, kw_only=True, slots=True)
class LifecycleCellSpec:
    """The users behind one bar of the lifecycle chart.

    Parameters
    ----------
    lifecycle : LifecycleSpec
    on : date
        A day of the period.
    state : {"new", "returning", "resurrecting", "dormant", "active"}
        "active" is the sum of the first three.
    group : str, optional
        Value of `lifecycle.by`; empty text stands for a missing value.
    """

    lifecycle: LifecycleSpec
    on: date
    state: str
    group: str | None = None

    def __post_init__(self) -> None:
        _one_of("state", self.state, (*STATES, "active"))
        _check_group(self.group, self.lifecycle.by)


@dataclass(frozen=True, kw_only=True, slots=True)
class TransitionsSpec:
    """From which state to which the users went from one period to the next.

    Parameters
    ----------
    lifecycle : LifecycleSpec
        Its range does not matter.
    on : date, optional
        A day of the period from which they went; by default the last one whose next period is complete.
    """

    lifecycle: LifecycleSpec = field(default_factory=LifecycleSpec)
    on: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TransitionCellSpec:
    """The users who went from one state to another.

    Parameters
    ----------
    lifecycle : LifecycleSpec
    on : date
        A day of the period from which they went.
    source, target : str
        A move that is possible, see `MOVES`.
    group : str, optional
    """

    lifecycle: LifecycleSpec
    on: date
    source: str
    target: str
    group: str | None = None

    def __post_init__(self) -> None:
        _one_of("source", self.source, tuple(MOVES))
        _one_of("target", self.target, MOVES[self.source])
        _check_group(self.group, self.lifecycle.by)


@dataclass(frozen=True, kw_only=True, slots=True)
class StickinessSpec:
    """How many users are active on a day, in 7 days and in 28 days.

    Parameters
    ----------
    events, where, by
        As for `LifecycleSpec`.
    from_on, to_on : date, optional
        The first day, and the first day left out.
    last : int, optional
        Instead of `from_on`: so many days; by default 182.
    """

    events: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    by: str | None = None
    from_on: date | None = None
    to_on: date | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        _check_range(self.from_on, self.to_on, self.last, "day")

    @property
    def n_last(self) -> int:
        """How many days are shown if no first day is named."""
        return self.last or DAYS_SHOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveUsersSpec:
    """The users who were active on a day, or in the 7 or 28 days that end with it.

    Parameters
    ----------
    stickiness : StickinessSpec
        Its range does not matter.
    on : date
        The last day.
    window : {1, 7, 28}
    group : str, optional
    """

    stickiness: StickinessSpec
    on: date
    window: int = 1
    group: str | None = None

    def __post_init__(self) -> None:
        _one_of("window", self.window, WINDOWS)
        _check_group(self.group, self.stickiness.by)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveDaysSpec:
    """On how many days of a period its active users were active.

    Parameters
    ----------
    period : {"week", "month"}
    events, where, by
        As for `LifecycleSpec`.
    on : date, optional
        A day of the period; by default the last complete one.
    """

    period: Period = "month"
    events: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    by: str | None = None
    on: date | None = None

    def __post_init__(self) -> None:
        _one_of("period", self.period, ("week", "month"))


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveDaysCellSpec:
    """The users who were active on so many days of a period.

    Parameters
    ----------
    active_days : ActiveDaysSpec
    on : date
        A day of the period.
    n_days : int
    is_at_least : bool
        On so many days or more, instead of exactly so many.
    group : str, optional
    """

    active_days: ActiveDaysSpec
    on: date
    n_days: int
    is_at_least: bool = False
    group: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.n_days <= 31:
            raise SpecError(f"`n_days` must be from 1 to 31, not {self.n_days}.")
        _check_group(self.group, self.active_days.by)
