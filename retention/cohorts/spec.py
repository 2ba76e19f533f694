"""What can be asked of cohorts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from retention.errors import SpecError
from retention.periods import PERIODS, Period

Entry = Literal["first-ever", "first-matching", "recurring"]
Mode = Literal["on", "on-or-after", "on-or-before", "streak", "bracket"]
Ages = Literal["calendar", "elapsed"]
Average = Literal["pooled", "simple", "deduplicated", "common cohorts"]

ENTRIES: tuple[Entry, ...] = ("first-ever", "first-matching", "recurring")
MODES: tuple[Mode, ...] = ("on", "on-or-after", "on-or-before", "streak", "bracket")
AGES: tuple[Ages, ...] = ("calendar", "elapsed")
AVERAGES: tuple[Average, ...] = ("pooled", "simple", "deduplicated", "common cohorts")
OPERATORS = ("=", "!=", ">=", "<=", ">", "<")
MAX_HORIZON = 104
MAX_AT_LEAST = 1000


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SpecError(f"`{name}` must be one of {', '.join(allowed)}, not {value!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A condition on a property of the start event, or of the user as of the start.

    Parameters
    ----------
    name : str
        The property.
    operator : {"=", "!=", ">=", "<=", ">", "<"}
        The last four compare numbers; a value that is not a number never matches them.
    values : tuple of str
        ``=`` holds for any of them, ``!=`` for none of them (and for a missing value).
    """

    name: str
    operator: str = "="
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        _one_of("operator", self.operator, OPERATORS)
        if not self.name:
            raise SpecError("A condition must name a property.", hint="Write it like country=France.")
        if not self.values:
            raise SpecError(f"The condition on {self.name} must name at least one value.")
        if self.operator not in ("=", "!="):
            if len(self.values) > 1:
                raise SpecError(f"`{self.name} {self.operator}` must compare with one number, not {len(self.values)}.")
            try:
                [float(v) for v in self.values]
            except ValueError:
                raise SpecError(
                    f"`{self.name} {self.operator}` must compare with a number, not {self.values[0]!r}."
                ) from None

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition as a person types it.

        Examples
        --------
        >>> Condition.parse("country=France")
        Condition(name='country', operator='=', values=('France',))
        >>> Condition.parse("country in France, Germany").values
        ('France', 'Germany')
        >>> Condition.parse("stars >= 4").operator
        '>='
        """
        several = re.fullmatch(r"\s*(.+?)\s+(not\s+)?in\s+\(?(.*?)\)?\s*", text, flags=re.IGNORECASE | re.DOTALL)
        single = re.fullmatch(r"\s*(.+?)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", text, flags=re.DOTALL)
        if single and (not several or single.start(2) < several.start(3)):
            return cls(name=single[1], operator=single[2], values=(single[3],))
        if several:
            values = tuple(v.strip() for v in several[3].split(",") if v.strip())
            return cls(name=several[1], operator="!=" if several[2] else "=", values=values)
        raise SpecError(f"A condition must look like country=France, not {text!r}.")

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.name}{self.operator}{self.values[0]}"
        return f"{self.name} {'not in' if self.operator == '!=' else 'in'} {', '.join(self.values)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CohortSpec:
    """Which cohorts to form, and for how long to watch them.

    Parameters
    ----------
    entry : {"first-ever", "first-matching", "recurring"}
        What puts a user into a cohort: the first start event in all history, if it satisfies `where`;
        the first that satisfies it; or one entry for every period with such an event.
    start, returns : tuple of str
        Event names; empty means any activity, as the store's settings define it.
    mode : {"on", "on-or-after", "on-or-before", "streak", "bracket"}
        Which periods count as coming back at age k.
    brackets : tuple of (int, int)
        Inclusive ranges of ages, for `mode` "bracket" only.
    period : {"day", "week", "month"}
        Width of a cohort and of each age.
    ages : {"calendar", "elapsed"}
        Ages are differences of calendar periods, or whole multiples of 24 hours, 7 or 30 days from the start.
    horizon : int
        Last age watched, from 1 to 104 (with brackets, the end of the last one).
    at_least : int
        Return events needed inside the mode's window.
    is_open_ended : bool
        With "on-or-after": count returns up to `as_of` instead of the horizon (right-censored).
    where : tuple of Condition
        All must hold for the start event.
    by : str, optional
        Property of the start event whose values become groups.
    from_on, to_on : date, optional
        Starts from the first day on, and before the last, in the store's zone.

    Raises
    ------
    SpecError
        If a value is out of its range or two settings contradict each other.
    """

    entry: Entry = "first-ever"
    start: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    mode: Mode = "on"
    brackets: tuple[tuple[int, int], ...] = ()
    period: Period = "week"
    ages: Ages = "calendar"
    horizon: int = 12
    at_least: int = 1
    is_open_ended: bool = False
    where: tuple[Condition, ...] = ()
    by: str | None = None
    from_on: date | None = None
    to_on: date | None = None

    def __post_init__(self) -> None:
        _one_of("entry", self.entry, ENTRIES)
        _one_of("mode", self.mode, MODES)
        _one_of("period", self.period, PERIODS)
        _one_of("ages", self.ages, AGES)
        if self.mode == "bracket":
            _check_brackets(self.brackets)
            object.__setattr__(self, "horizon", max(b for _, b in self.brackets))
        elif self.brackets:
            raise SpecError(
                f"`brackets` are for the mode bracket, not {self.mode}.",
                hint="Choose the mode bracket, or leave them out.",
            )
        if not (0 if self.mode == "bracket" else 1) <= self.horizon <= MAX_HORIZON:
            raise SpecError(
                f"`horizon` must be from 1 to {MAX_HORIZON}, not {self.horizon}.",
                hint="Choose a wider period to look further ahead.",
            )
        if not 1 <= self.at_least <= MAX_AT_LEAST:
            raise SpecError(f"`at_least` must be from 1 to {MAX_AT_LEAST}, not {self.at_least}.")
        if self.is_open_ended and self.mode != "on-or-after":
            raise SpecError(
                f"Only the mode on-or-after can be open-ended, not {self.mode}.",
                hint="Choose on-or-after, or keep the horizon.",
            )
        if self.from_on and self.to_on and self.from_on >= self.to_on:
            raise SpecError(
                f"`from` must be before `to`, not {self.from_on} and {self.to_on}.",
                hint="`to` is the first day that is left out.",
            )

    @property
    def shown_ages(self) -> tuple[int, ...]:
        """First age of every cell in a row, in order."""
        if self.mode == "bracket":
            return tuple(a for a, _ in self.brackets)
        return tuple(range(1 if self.mode == "streak" else 0, self.horizon + 1))


def _check_brackets(brackets: tuple[tuple[int, int], ...]) -> None:
    if not brackets:
        raise SpecError("`brackets` must name at least one range of ages.", hint="For example 0,1,2-4.")
    end = -1
    for low, high in brackets:
        if not 0 <= low <= high <= MAX_HORIZON:
            raise SpecError(
                f"A bracket must lie between 0 and {MAX_HORIZON} and not end before it begins, not {low}-{high}."
            )
        if low <= end:
            raise SpecError(
                f"Brackets must follow one another without overlap, but {low}-{high} begins at or before {end}."
            )
        end = high


def parse_brackets(text: str) -> tuple[tuple[int, int], ...]:
    """Read brackets as a person types them.

    Examples
    --------
    >>> parse_brackets("0,1,2-4")
    ((0, 0), (1, 1), (2, 4))
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part)
        if not match:
            raise SpecError(f"Brackets must look like 0,1,2-4, not {text!r}.")
        found.append((int(match[1]), int(match[2] or match[1])))
    return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class CellSpec:
    """The users behind one cell of a retention grid.

    Parameters
    ----------
    cohorts : CohortSpec
        The grid.
    cohort : date
        First local day of the cohort's period.
    age : int
        The cell's age; the first age of a bracket.
    group : str, optional
        Value of `cohorts.by`; empty text stands for a missing value.
    is_lost : bool
        The members who did not come back instead of those who did.
    """

    cohorts: CohortSpec
    cohort: date
    age: int
    group: str | None = None
    is_lost: bool = False

    def __post_init__(self) -> None:
        if self.age not in self.cohorts.shown_ages:
            ages = ", ".join(map(str, self.cohorts.shown_ages))
            raise SpecError(f"`age` must be one of {ages}, not {self.age}.")
        if self.group is not None and self.cohorts.by is None:
            raise SpecError("`group` needs a breakdown.", hint="Name the property with `by`.")
