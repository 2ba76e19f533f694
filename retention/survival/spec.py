"""What can be asked of how long users stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.periods import Period

Ends = Literal["first lapse", "last activity"]
Entry = Literal["first-ever", "first-matching"]
State = Literal["lapsed", "still active", "left out", "gone before"]

ENDS: tuple[Ends, ...] = ("first lapse", "last activity")
ENTRIES: tuple[Entry, ...] = ("first-ever", "first-matching")
STATES: tuple[State, ...] = ("lapsed", "still active", "left out", "gone before")
FIRST_EVENT = "first event"
FIRST_MONTH = "first month"
RESERVED = (FIRST_EVENT, FIRST_MONTH)
"""Breakdowns that are no property: what a user did first, and the calendar month of the start."""
MAX_DAYS = 3650
MAX_GROUPS = 100
MAX_ATTRIBUTES = 4
MAX_LEVELS = 12
RECONCILED = 26


@dataclass(frozen=True, kw_only=True, slots=True)
class SurvivalSpec:
    """How long which users stay, and what ends a life.

    Parameters
    ----------
    ends : {"first lapse", "last activity"}
        A life ends at the last activity before the first silence of `window` days; or at the last activity of all,
        so that a return takes a lapse back.
    window : int, optional
        Days of silence after which a user counts as lapsed; by default the store's churn window.
    events : tuple of str
        Event names that keep a user alive; empty means any activity.
    start : tuple of str
        Event names at which a life begins; empty means the qualifying events themselves.
    entry : {"first-ever", "first-matching"}
        Whether the first start event in all history must satisfy `where`, or the first that does begins the life.
    where : tuple of Condition
        Which users, as they were at the start.
    by : str, optional
        A property of the start, or "first event" or "first month".
    entry_on : date, optional
        Follow users from that local day only: who started earlier enters late, and only if still alive (left
        truncation).
    horizon : int, optional
        Days over which the mean stay is taken; by default the longest over which every group is well observed.
    max_groups : int
        The largest so many groups are shown, the rest together.

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    ends: Ends = "first lapse"
    window: int | None = None
    events: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    entry: Entry = "first-ever"
    where: tuple[Condition, ...] = ()
    by: str | None = None
    entry_on: date | None = None
    horizon: int | None = None
    max_groups: int = 8

    def __post_init__(self) -> None:
        if self.ends not in ENDS:
            raise SpecError(f"`ends` must be one of {', '.join(ENDS)}, not {self.ends!r}.")
        if self.entry not in ENTRIES:
            raise SpecError(f"`entry` must be one of {', '.join(ENTRIES)}, not {self.entry!r}.")
        if self.window is not None and not 1 <= self.window <= MAX_DAYS:
            raise SpecError(
                f"`window` must be from 1 to {MAX_DAYS} days, not {self.window}.",
                hint="The Behaviour page shows which window suits your data.",
            )
        if self.horizon is not None and not 1 <= self.horizon <= MAX_DAYS:
            raise SpecError(f"`horizon` must be from 1 to {MAX_DAYS} days, not {self.horizon}.")
        if not 1 <= self.max_groups <= MAX_GROUPS:
            raise SpecError(f"`max_groups` must be from 1 to {MAX_GROUPS}, not {self.max_groups}.")

    @property
    def starts(self) -> tuple[str, ...]:
        """The events at which a life begins."""
        return self.start or self.events

    def of_everyone(self) -> SurvivalSpec:
        """Return the same question without its breakdown."""
        return replace(self, by=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class SurvivalListSpec:
    """The users behind a number of a survival curve.

    Parameters
    ----------
    survival : SurvivalSpec
    state : {"lapsed", "still active", "left out", "gone before"}
        Lapsed; not known to have lapsed (censored); too new to be judged; lapsed before the follow-up began.
    group : str, optional
        A group of the curve as it is called there; None means everyone.
    week : int, optional
        Only those who lapsed in that week since their start, from 1.
    """

    survival: SurvivalSpec
    state: State
    group: str | None = None
    week: int | None = None

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise SpecError(f"`state` must be one of {', '.join(STATES)}, not {self.state!r}.")
        if self.group is not None and self.survival.by is None:
            raise SpecError("`group` needs a breakdown.", hint="Name the property with `by`.")
        if self.week is not None and self.state != "lapsed":
            raise SpecError(f"`week` is for those who lapsed, not for {self.state!r}.")
        if self.week is not None and not 1 <= self.week <= MAX_DAYS:
            raise SpecError(f"`week` must be from 1 to {MAX_DAYS}, not {self.week}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class HazardSpec:
    """When users lapse: the rate of one group week by week, and the laws that may describe it.

    Parameters
    ----------
    survival : SurvivalSpec
    group : str, optional
        None means everyone.
    """

    survival: SurvivalSpec
    group: str | None = None

    def __post_init__(self) -> None:
        if self.group is not None and self.survival.by is None:
            raise SpecError("`group` needs a breakdown.", hint="Name the property with `by`.")


@dataclass(frozen=True, kw_only=True, slots=True)
class CoxSpec:
    """Which attributes go with lapsing sooner or later, each with the others held equal.

    Parameters
    ----------
    survival : SurvivalSpec
        Its breakdown is not used.
    attributes : tuple of str
        One to four properties of the start, or "first event".
    profile : tuple of str
        One value for each attribute whose survival is drawn; empty means the most frequent ones.
    max_levels : int
        Of each attribute the most frequent so many values are told apart, the rest are one.
    """

    survival: SurvivalSpec
    attributes: tuple[str, ...]
    profile: tuple[str, ...] = ()
    max_levels: int = 6

    def __post_init__(self) -> None:
        if not 1 <= len(self.attributes) <= MAX_ATTRIBUTES:
            raise SpecError(f"Choose from 1 to {MAX_ATTRIBUTES} attributes, not {len(self.attributes)}.")
        if len(set(self.attributes)) < len(self.attributes):
            raise SpecError("An attribute can be chosen only once.")
        if self.profile and len(self.profile) != len(self.attributes):
            raise SpecError(
                f"A profile must name one value for each of the {len(self.attributes)} attributes,"
                f" not {len(self.profile)}."
            )
        if not 2 <= self.max_levels <= MAX_LEVELS:
            raise SpecError(f"`max_levels` must be from 2 to {MAX_LEVELS}, not {self.max_levels}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconcileSpec:
    """Whether the retention grid and the survival curve tell the same, on cohorts whose horizon has ended.

    Parameters
    ----------
    survival : SurvivalSpec
        Its window, breakdown, late entry and horizon play no part: every user is watched for `horizon` periods.
    period : {"day", "week", "month"}
    horizon : int
        Last age of the grid.
    """

    survival: SurvivalSpec
    period: Period = "week"
    horizon: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.horizon <= RECONCILED:
            raise SpecError(f"`horizon` must be from 1 to {RECONCILED}, not {self.horizon}.")
