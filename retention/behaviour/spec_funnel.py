"""What can be asked of the steps that users take one after another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.periods import US_PER_DAY

MIN_STEPS, MAX_STEPS = 2, 10
MAX_WITHIN_DAYS = 731
UNITS_US = {"w": 7 * US_PER_DAY, "d": US_PER_DAY, "h": US_PER_DAY // 24, "m": US_PER_DAY // 1440}
UNIT_WORDS = {"w": "week", "d": "day", "h": "hour", "m": "minute"}

StepKind = Literal["reached", "dropped"]
STEP_KINDS: tuple[StepKind, ...] = ("reached", "dropped")


def parse_within(text: str) -> int:
    """Read a length of time as a person types it, in microseconds.

    Raises
    ------
    SpecError
        If it is not a number with a unit, or not between a minute and two years.

    Examples
    --------
    >>> parse_within("90m") == 90 * 60 * 1_000_000, parse_within("7 days") == parse_within("1w")
    (True, True)
    """
    match = re.fullmatch(
        r"\s*(\d{1,6})\s*(w|weeks?|d|days?|h|hours?|m|min|minutes?)\s*", text, flags=re.IGNORECASE | re.ASCII
    )
    length = int(match[1]) * UNITS_US[match[2][0].casefold()] if match else 0
    if not UNITS_US["m"] <= length <= MAX_WITHIN_DAYS * US_PER_DAY:
        raise SpecError(
            f"`within` must be a length of time from 1m to {MAX_WITHIN_DAYS}d, not {text!r}.",
            hint="Write 90m, 36h, 7d or 4w.",
        )
    return length


def length_text(us: int) -> str:
    """Write a length of time as `parse_within` reads it, in its largest whole unit; days before weeks.

    Examples
    --------
    >>> length_text(parse_within("7d")), length_text(parse_within("36h")), length_text(parse_within("90m"))
    ('7d', '36h', '90m')
    """
    unit = next(u for u in ("d", "h", "m") if us % UNITS_US[u] == 0 or u == "m")
    return f"{us // UNITS_US[unit]}{unit}"


def length_words(us: int) -> str:
    """Write a length of time for a sentence.

    Examples
    --------
    >>> length_words(parse_within("1d")), length_words(parse_within("90m"))
    ('1 day', '90 minutes')
    """
    text = length_text(us)
    return f"{text[:-1]} {UNIT_WORDS[text[-1]]}{'' if text[:-1] == '1' else 's'}"


def parse_steps(text: str) -> tuple[tuple[str, ...], ...]:
    """Read steps as a person types them: commas between steps, a bar between events that both do.

    Examples
    --------
    >>> parse_steps("visit, search|view_item, purchase")
    (('visit',), ('search', 'view_item'), ('purchase',))
    """
    return tuple(parse_step(step) for step in text.split(","))


def parse_step(text: str) -> tuple[str, ...]:
    """Read one step: an event, or several with a bar between them.

    Raises
    ------
    SpecError
        If it names none.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split("|") if name.strip()))
    if not names:
        raise SpecError("Each step of a funnel must name an event.", hint="Write visit,search|view_item,purchase.")
    return names


def step_label(events: Iterable[str]) -> str:
    """Name a step.

    Examples
    --------
    >>> step_label(("search", "view_item"))
    'search or view_item'
    """
    return " or ".join(events)


def require_range(from_on: date | None, to_on: date | None) -> None:
    """Refuse a range of days that holds none."""
    if from_on and to_on and from_on >= to_on:
        raise SpecError(
            f"`from` must be before `to`, not {from_on} and {to_on}.", hint="`to` is the first day that is left out."
        )


def require_by(group: str | None, by: str | None) -> None:
    """Refuse a group of a breakdown that is not there."""
    if group is not None and by is None:
        raise SpecError("`group` needs a breakdown.", hint="Name the property with `by`.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FunnelSpec:
    """How many users take some steps in order, within a stretch of time.

    Parameters
    ----------
    steps : tuple of tuple of str
        From 2 to 10 steps; each is done by any of its events. Steps may repeat.
    within_us : int
        Conversion window in microseconds: every step lies before the first step's instant + the window.
    where : tuple of Condition
        All must hold for the user's first activity.
    by : str, optional
        Property of the user's first activity whose values become groups.
    from_on, to_on : date, optional
        First steps from the first day on, and before the last, in the store's zone.

    Raises
    ------
    SpecError
        If there are too few or too many steps, or a value is out of its range.

    Notes
    -----
    An attempt begins with each first step and takes each further step at its first occurrence at or after the
    step before; one row of the log does one step only, so a step at the very same instant needs another row.
    A user is counted once, with the attempt that gets furthest, and of those the earliest. Attempts whose window
    has not ended by the watermark, or touches a gap, do not count.
    """

    steps: tuple[tuple[str, ...], ...]
    within_us: int = 7 * US_PER_DAY
    where: tuple[Condition, ...] = ()
    by: str | None = None
    from_on: date | None = None
    to_on: date | None = None

    def __post_init__(self) -> None:
        if not MIN_STEPS <= len(self.steps) <= MAX_STEPS:
            raise SpecError(
                f"A funnel must have from {MIN_STEPS} to {MAX_STEPS} steps, not {len(self.steps)}.",
                hint="Name them in order, for example visit,add_to_cart,purchase.",
            )
        if not all(self.steps):
            raise SpecError("Each step of a funnel must name an event.")
        if not UNITS_US["m"] <= self.within_us <= MAX_WITHIN_DAYS * US_PER_DAY:
            raise SpecError(f"`within` must be a length of time from 1m to {MAX_WITHIN_DAYS}d.")
        require_range(self.from_on, self.to_on)

    @property
    def events(self) -> tuple[str, ...]:
        """Every event that a step names, once."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step))


@dataclass(frozen=True, kw_only=True, slots=True)
class FunnelUsersSpec:
    """The users behind one step of a funnel.

    Parameters
    ----------
    funnel : FunnelSpec
    step : int
        From 1.
    kind : {"reached", "dropped"}
        Those who got to the step, or those who got to it and no further.
    group : str, optional
        Value of `funnel.by`; empty text stands for a missing value.
    """

    funnel: FunnelSpec
    step: int
    kind: StepKind = "reached"
    group: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in STEP_KINDS:
            raise SpecError(f"`kind` must be one of {', '.join(STEP_KINDS)}, not {self.kind!r}.")
        last = len(self.funnel.steps) - (self.kind == "dropped")
        if not 1 <= self.step <= last:
            raise SpecError(f"`step` must be from 1 to {last}, not {self.step}.")
        require_by(self.group, self.funnel.by)
