"""What can be asked of what users do after, or before, an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from retention.behaviour.spec_funnel import MAX_WITHIN_DAYS, UNITS_US, require_range
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.periods import US_PER_DAY

Direction = Literal["after", "before"]
DIRECTIONS: tuple[Direction, ...] = ("after", "before")
PlaceKind = Literal["event", "other", "nothing"]
PLACE_KINDS: tuple[PlaceKind, ...] = ("event", "other", "nothing")
MAX_PATH_STEPS = 5
MAX_TOP = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class PathsSpec:
    """What follows, or precedes, each user's first occurrence of an event.

    Parameters
    ----------
    event : str
        The anchor: each user's first occurrence of it in all history.
    direction : {"after", "before"}
    n_steps : int
        Events looked at, from 1 to 5.
    n_top : int
        Events named, from 1 to 12: the most frequent over all steps; the rest is counted as "other".
    within_us : int, optional
        Only events less than so far from the anchor (microseconds); None for no limit.
    is_collapsed : bool
        The same event several times in a row counts as once.
    ignored : tuple of str
        Events that are left out, as if they had not happened.
    where : tuple of Condition
        All must hold for the user's first activity.
    from_on, to_on : date, optional
        Anchors from the first day on, and before the last, in the store's zone.

    Raises
    ------
    SpecError
        If a value is out of its range or the anchor itself is left out.

    Notes
    -----
    Other events at the anchor's very instant count as following it, and as preceding it. Events at one instant
    stand in the order of the alphabet, so that the order of a file's rows changes nothing.
    """

    event: str
    direction: Direction = "after"
    n_steps: int = 3
    n_top: int = 6
    within_us: int | None = 7 * US_PER_DAY
    is_collapsed: bool = True
    ignored: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    from_on: date | None = None
    to_on: date | None = None

    def __post_init__(self) -> None:
        if not self.event:
            raise SpecError("Paths must begin at an event.", hint="Name it, for example purchase.")
        if self.direction not in DIRECTIONS:
            raise SpecError(f"`direction` must be after or before, not {self.direction!r}.")
        if not 1 <= self.n_steps <= MAX_PATH_STEPS:
            raise SpecError(f"`steps` must be from 1 to {MAX_PATH_STEPS}, not {self.n_steps}.")
        if not 1 <= self.n_top <= MAX_TOP:
            raise SpecError(f"`top` must be from 1 to {MAX_TOP}, not {self.n_top}.")
        if self.within_us is not None and not UNITS_US["m"] <= self.within_us <= MAX_WITHIN_DAYS * US_PER_DAY:
            raise SpecError(f"`within` must be a length of time from 1m to {MAX_WITHIN_DAYS}d.")
        if self.event in self.ignored:
            raise SpecError(
                f"“{self.event}” cannot be left out: the paths begin at it.", hint="Leave out other events only."
            )
        require_range(self.from_on, self.to_on)


@dataclass(frozen=True, kw_only=True, slots=True)
class PathUsersSpec:
    """The users behind one event of one step.

    Parameters
    ----------
    paths : PathsSpec
    step : int
        From 1.
    kind : {"event", "other", "nothing"}
        Those with this event there, with one that is not named, or with no further event.
    event : str
        For `kind` "event" only.
    """

    paths: PathsSpec
    step: int
    kind: PlaceKind = "event"
    event: str = ""

    def __post_init__(self) -> None:
        if self.kind not in PLACE_KINDS:
            raise SpecError(f"`kind` must be one of {', '.join(PLACE_KINDS)}, not {self.kind!r}.")
        if not 1 <= self.step <= self.paths.n_steps:
            raise SpecError(f"`step` must be from 1 to {self.paths.n_steps}, not {self.step}.")
        if bool(self.event) != (self.kind == "event"):
            raise SpecError("An event must be named for the kind “event”, and for no other.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceUsersSpec:
    """The users with one sequence of events.

    Parameters
    ----------
    paths : PathsSpec
    events : tuple of str
        In order from the anchor; fewer than `paths.n_steps` if nothing more happened.
    """

    paths: PathsSpec
    events: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.events) > self.paths.n_steps:
            raise SpecError(f"A sequence must have at most {self.paths.n_steps} events, not {len(self.events)}.")
