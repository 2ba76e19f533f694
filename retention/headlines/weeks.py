"""The weeks that a headline number may be made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import nan
from typing import TYPE_CHECKING

import pandas as pd

from retention.headlines.figures import Window
from retention.periods import date_of, first_day, midnight_us, period_of

if TYPE_CHECKING:
    from retention.store.catalogue import Clock


@dataclass(frozen=True, slots=True)
class Weeks:
    """The calendar weeks of a store, from its first day with activity on.

    Parameters
    ----------
    clock : Clock
    first_active_day : int
    """

    clock: Clock
    first_active_day: int

    @property
    def first(self) -> int:
        """The first week that the data hold from its first day on."""
        here = int(period_of(self.first_active_day, "week", self.clock.week_start))
        return here if first_day(here, "week", self.clock.week_start) == self.first_active_day else here + 1

    @property
    def until(self) -> int:
        """The week that the watermark lies in."""
        return self.clock.whole_until("week")

    def end_us(self, week: int, ahead_days: int = 0, ahead_us: int = 0) -> int:
        """Return the instant so many local days and microseconds after a week."""
        return midnight_us(self.day(week + 1) + ahead_days, self.clock.timezone) + ahead_us

    def mature(self, *, ahead_days: int = 0, ahead_us: int = 0) -> range:
        """Return the weeks that had ended so long before the watermark."""
        until = self.until
        while until > self.first and self.end_us(until - 1, ahead_days, ahead_us) > self.clock.as_of_us:
            until -= 1
        return range(self.first, max(until, self.first))

    def usable(self, *, back_days: int = 0, ahead_days: int = 0, ahead_us: int = 0, history_days: int = 0) -> list[int]:
        """List the mature weeks that may be counted.

        Parameters
        ----------
        back_days, ahead_days, ahead_us : int
            No gap may touch the week, or so much before or after it.
        history_days : int
            The data must begin at least so many days before the week.
        """
        found = []
        for week in self.mature(ahead_days=ahead_days, ahead_us=ahead_us):
            is_known = self.day(week) - history_days >= self.first_active_day
            from_us = midnight_us(self.day(week) - back_days, self.clock.timezone)
            if is_known and not self.clock.has_gap(from_us, self.end_us(week, ahead_days, ahead_us)):
                found.append(week)
        return found

    def day(self, week: int) -> int:
        """Return the first local day of a week."""
        return first_day(week, "week", self.clock.week_start)

    def on(self, week: int) -> date:
        """Return the date of the first local day of a week."""
        return date_of(self.day(week))

    def of(self, on_day: int) -> int:
        """Return the week in which a local day lies."""
        return int(period_of(on_day, "week", self.clock.week_start))

    def window(self, weeks: Sequence[int]) -> Window | None:
        """Return a window of weeks; None where there are none."""
        if not weeks:
            return None
        return Window(tuple(weeks), self.on(weeks[0]), date_of(self.day(weeks[-1] + 1) - 1))

    def history(self, known: Mapping[int, tuple[float, float]], last: int, n_weeks: int) -> pd.DataFrame:
        """Lay values out by week up to the week `last`; a week without one stays empty.

        Parameters
        ----------
        known : mapping
            By week: the value, and what it is divided by.
        """
        weeks = range(max(last - n_weeks + 1, self.first), last + 1)
        return pd.DataFrame(
            {
                "from_on": [self.on(week) for week in weeks],
                "to_on": [date_of(self.day(week + 1) - 1) for week in weeks],
                "value": [float(known.get(week, (nan, nan))[0]) for week in weeks],
                "n": [float(known.get(week, (nan, nan))[1]) for week in weeks],
            }
        )

    def steps(self, known: Sequence[tuple[int, float, float]], width: int) -> pd.DataFrame:
        """Lay out values that each cover `width` weeks: (last week, value, what it is divided by), oldest first."""
        shown = [row for row in known if row[0] - width + 1 >= self.first]
        return pd.DataFrame(
            {
                "from_on": [self.on(last - width + 1) for last, _, _ in shown],
                "to_on": [date_of(self.day(last + 1) - 1) for last, _, _ in shown],
                "value": [value for _, value, _ in shown],
                "n": [n for _, _, n in shown],
            }
        )
