"""At which hours people are active: the week as a grid, and the usual hours of one user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.behaviour.spec_hours import MIN_ACTIVE_HOURS, HoursSpec, UserHoursSpec
from retention.periods import date_of, local_day

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SPREAD = 3.0
"""Below this n·R², hours are as concentrated as chance alone makes them in one of twenty users (Rayleigh)."""


@dataclass(frozen=True, slots=True)
class WeekHours:
    """What happens at which hour of which weekday.

    Attributes
    ----------
    spec : HoursSpec
    clock : Clock
    data_version : int
    cells : DataFrame
        168 rows: weekday (0 is Monday), hour (0 to 23), n (events or users, as the spec says), rate (share of all
        events, or of all users with one).
    n_events, n_users : int
    first_on, last_on : date or None
        First and last local day with an event.
    missing : tuple of date
        Local days from the first to the last that a marked gap touches.
    """

    spec: HoursSpec
    clock: Clock
    data_version: int
    cells: pd.DataFrame
    n_events: int
    n_users: int
    first_on: date | None
    last_on: date | None
    missing: tuple[date, ...]

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    def n(self, weekday: int, hour: int) -> int:
        """Return the count of a cell."""
        return int(self.cells["n"].iloc[24 * weekday + hour])

    @property
    def busiest(self) -> tuple[int, int] | None:
        """Weekday and hour with the most; the earliest of equals; None where nothing happened."""
        if not self.n_events:
            return None
        place = int(self.cells["n"].to_numpy().argmax())
        return place // 24, place % 24


def week_of_counts(
    counts: pd.DataFrame, totals: pd.DataFrame, spec: HoursSpec, clock: Clock, data_version: int
) -> WeekHours:
    """Lay the counts out over the week.

    Parameters
    ----------
    counts : DataFrame
        cell, n.
    totals : DataFrame
        One row: n_events, n_users, first_hour, last_hour.
    """
    n = np.zeros(168, dtype=np.int64)
    n[counts["cell"].to_numpy(dtype=np.int64)] = counts["n"].to_numpy(dtype=np.int64)
    whole = totals.iloc[0]
    n_events, n_users = (0 if pd.isna(whole[name]) else int(whole[name]) for name in ("n_events", "n_users"))
    denominator = n_events if spec.counted == "events" else n_users
    cells = pd.DataFrame(
        {
            "weekday": np.repeat(np.arange(7), 24),
            "hour": np.tile(np.arange(24), 7),
            "n": n,
            "rate": n / denominator if denominator else np.full(168, np.nan),
        }
    )
    days = [None if pd.isna(whole[name]) else int(whole[name]) // 24 for name in ("first_hour", "last_hour")]
    missing = () if days[0] is None or days[1] is None else missing_days(clock, days[0], days[1])
    first_on, last_on = (None if d is None else date_of(d) for d in days)
    return WeekHours(spec, clock, data_version, cells, n_events, n_users, first_on, last_on, missing)


def missing_days(clock: Clock, first: int, last: int) -> tuple[date, ...]:
    """List the local days of a range that a marked gap touches."""
    found: set[int] = set()
    for start, end in clock.gaps:
        low = max(local_day(start, clock.timezone), first)
        high = min(local_day(end - 1, clock.timezone), last)
        found |= set(range(low, high + 1))
    return tuple(date_of(day) for day in sorted(found))


# The users -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UsualHours:
    """How many users are usually active at each hour of the day.

    Attributes
    ----------
    spec : HoursSpec
    clock : Clock
    data_version : int
    counts : DataFrame
        24 rows: hour, n_users, rate (of the users who have usual hours). A user can have several.
    n_users : int
        Users with usual hours: those with at least five active hours.
    n_all : int
        Users with an event.
    """

    spec: HoursSpec
    clock: Clock
    data_version: int
    counts: pd.DataFrame
    n_users: int
    n_all: int


def day_of_counts(
    counts: pd.DataFrame, n_users: int, n_all: int, spec: HoursSpec, clock: Clock, data_version: int
) -> UsualHours:
    """Lay the counts out over the day."""
    n = np.zeros(24, dtype=np.int64)
    n[counts["hour_of_day"].to_numpy(dtype=np.int64)] = counts["n_users"].to_numpy(dtype=np.int64)
    rate = n / n_users if n_users else np.full(24, np.nan)
    frame = pd.DataFrame({"hour": np.arange(24), "n_users": n, "rate": rate})
    return UsualHours(spec, clock, data_version, frame, n_users, n_all)


@dataclass(frozen=True, slots=True)
class UserHours:
    """When one user is usually active.

    Attributes
    ----------
    spec : UserHoursSpec
    clock : Clock
    data_version : int
    pseudonym : str
    counts : DataFrame
        24 rows: hour, n (local days with an event in that hour).
    n_active : int
        Active hours: local days and hours with an event.
    usual : tuple of int
        The fewest hours that together hold at least half of them; empty with fewer than five active hours.
    mean_hour : float
        Circular mean of the middles of the active hours, from 0 to 24; NaN where they are spread around the clock.
    concentration : float
        Length of the mean direction: 1 where all fall on one hour, 0 where they are even.
    """

    spec: UserHoursSpec
    clock: Clock
    data_version: int
    pseudonym: str
    counts: pd.DataFrame
    n_active: int
    usual: tuple[int, ...]
    mean_hour: float
    concentration: float


def hours_of_user(
    hours: Sequence[int], spec: UserHoursSpec, clock: Clock, data_version: int, pseudonym: str
) -> UserHours:
    """Find the usual hours among a user's active local hours.

    Notes
    -----
    The mean of 23:00 and 1:00 is midnight and not noon, so hours are angles: with ``z`` the mean of
    ``exp(2πi (h + ½) / 24)``, the mean hour is its direction and the concentration its length R. Where n·R² is
    below 3 (the five per cent point of Rayleigh's test) no direction is told.

    References
    ----------
    Mardia, K. V. & Jupp, P. E. (2000). Directional Statistics, sections 2.2 and 6.3.
    """
    n = np.bincount(np.asarray(hours, dtype=np.int64) % 24, minlength=24)
    n_active = int(n.sum())
    concentration, mean_hour = float("nan"), float("nan")
    if n_active:
        direction = complex((n * np.exp(2j * np.pi * (np.arange(24) + 0.5) / 24)).sum() / n_active)
        concentration = min(abs(direction), 1.0)
        if n_active >= MIN_ACTIVE_HOURS and n_active * concentration**2 >= SPREAD:
            mean_hour = float(np.angle(direction)) / (2 * np.pi) * 24 % 24
    return UserHours(
        spec,
        clock,
        data_version,
        pseudonym,
        pd.DataFrame({"hour": np.arange(24), "n": n}),
        n_active,
        _fewest(n) if n_active >= MIN_ACTIVE_HOURS else (),
        mean_hour,
        concentration,
    )


def _fewest(n: np.ndarray) -> tuple[int, ...]:
    order = np.argsort(-n, kind="stable")
    before = np.concatenate([[0], n[order].cumsum()[:-1]])
    return tuple(sorted(int(h) for h in order[2 * before < n.sum()]))
