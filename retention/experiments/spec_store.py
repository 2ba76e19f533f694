"""Which campaign of the store is read as an experiment, and what counts as its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from retention.errors import SpecError
from retention.experiments.spec import ReadSpec

Source = Literal["assigned", "events"]
SOURCES: tuple[Source, ...] = ("assigned", "events")
Period = Literal["day", "week", "month"]
PERIOD_DAYS: dict[Period, int] = {"day": 1, "week": 7, "month": 30}
MAX_WINDOW_DAYS = 365
MOST_AGES = 13


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentSpec:
    """A campaign, read as an experiment.

    Parameters
    ----------
    campaign : str
        Its name.
    source : {"assigned", "events"}, optional
        Assigned here, or imported as events such as campaign_sent; by default wherever the name is found, here first.
    window_days : int, optional
        Days of 24 hours after each user's exposure within which outcomes count; by default those of the campaign, or 28.
    period : {"day", "week", "month"}
        Width of an age: 1, 7 or 30 days of 24 hours from the exposure on.
    events : tuple of str
        What counts as coming back; none means any activity.
    control : str
        Name of the group that was left alone; by default the holdout, or the group whose name says so.
    expected : tuple of float
        Shares of the groups that were meant, relative to each other, the control first; by default those of the assignment,
        and equal ones of what came in as events.
    contact_cost, incentive : float, optional
        Money for each contact, and for each contacted user who stayed; by default as the arms of the campaign have it.
    read : ReadSpec
        The method, and what to break down by: properties and labels, with the value of each user before the exposure.

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    campaign: str
    source: Source | None = None
    window_days: int | None = None
    period: Period = "week"
    events: tuple[str, ...] = ()
    control: str = ""
    expected: tuple[float, ...] = ()
    contact_cost: float | None = None
    incentive: float | None = None
    read: ReadSpec = field(default_factory=ReadSpec)

    def __post_init__(self) -> None:
        if self.source is not None and self.source not in SOURCES:
            raise SpecError(f"`source` must be one of {', '.join(SOURCES)}, not {self.source!r}.")
        if self.period not in PERIOD_DAYS:
            raise SpecError(f"`period` must be one of {', '.join(PERIOD_DAYS)}, not {self.period!r}.")
        if self.window_days is not None and not 1 <= self.window_days <= MAX_WINDOW_DAYS:
            raise SpecError(f"`window_days` must be from 1 to {MAX_WINDOW_DAYS}, not {self.window_days}.")
        for name in ("contact_cost", "incentive"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise SpecError(f"`{name}` must be 0 or more, not {value:g}.")
        if self.expected and not min(self.expected) > 0:
            raise SpecError("The shares that were meant must each be more than 0.", hint="For example 50:50, the control first.")


@dataclass(frozen=True, kw_only=True, slots=True)
class BaselineSpec:
    """What users do without a campaign: the starting point of a plan.

    Parameters
    ----------
    users : object, optional
        A frozen definition of users; by default everybody who was active in the `lookback_days` before.
    window_days : int
        Days within which a user counts as staying.
    lookback_days : int
        Of everybody.
    events : tuple of str
        What counts as staying; none means any activity.

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    users: object = None
    window_days: int = 28
    lookback_days: int = 90
    events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("window_days", "lookback_days"):
            if not 1 <= getattr(self, name) <= MAX_WINDOW_DAYS:
                raise SpecError(f"`{name}` must be from 1 to {MAX_WINDOW_DAYS}, not {getattr(self, name)}.")
