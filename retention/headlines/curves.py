"""The retention curve of the latest cohorts beside that of the same weeks a year before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.cohorts.compare import ALPHA, benjamini_hochberg
from retention.cohorts.matrix import enters_average
from retention.cohorts.words import interval, percent
from retention.headlines.figures import Window
from retention.headlines.spec import CurvesSpec
from retention.headlines.weeks import Weeks
from retention.intervals import newcombe, two_sided_p, wilson
from retention.periods import day_number

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

YEAR = 52
"""Weeks: the same weekdays and nearly the same season."""


@dataclass(frozen=True, slots=True)
class YearCurves:
    """Two pooled retention curves.

    Attributes
    ----------
    spec : CurvesSpec
    clock : Clock
    data_version : int
    now, before : Window or None
        The cohorts of each curve; None where there are none.
    frame : DataFrame
        One row an age: age, n_now, rate_now, low_now, high_now, n_before, rate_before, low_before, high_before (NaN
        without a year before), difference, low, high (Newcombe), p_adjusted, says.
    sentence : str
    """

    spec: CurvesSpec
    clock: Clock
    data_version: int
    now: Window | None
    before: Window | None
    frame: pd.DataFrame
    sentence: str

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us


def year_curves(cells: pd.DataFrame, spec: CurvesSpec, weeks: Weeks, data_version: int) -> YearCurves:
    """Pool the cohorts that are mature at every age, and those of the same weeks a year before.

    Parameters
    ----------
    cells : DataFrame
        Of a weekly grid up to the horizon.
    """
    used = cells[enters_average(cells) & (cells["age"] >= 1)]
    whole = used.groupby("cohort")["age"].transform("size") == spec.horizon
    used = used[whole]
    used = used.assign(week=[weeks.of(day_number(on)) for on in used["cohort"]])
    known = sorted(set(used["week"].tolist()))
    now = known[-spec.n_cohorts :]
    before = [week - YEAR for week in now if week - YEAR in set(known)]
    ages = np.arange(1, spec.horizon + 1)
    (x1, n1), (x0, n0) = (_pooled(used, chosen, ages) for chosen in (now, before))
    frame = pd.DataFrame({"age": ages})
    for name, x, n in (("now", x1, n1), ("before", x0, n0)):
        low, high = wilson(x, n)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = x / n
        frame[f"n_{name}"] = n.astype(int)
        frame[f"rate_{name}"], frame[f"low_{name}"], frame[f"high_{name}"] = rate, low, high
    frame["difference"], frame["low"], frame["high"], frame["p_adjusted"], frame["says"] = nan, nan, nan, nan, ""
    if now and before:
        low, high = newcombe(x1, n1, x0, n0)
        p = benjamini_hochberg(two_sided_p(x1, n1, x0, n0))
        frame["difference"], frame["low"], frame["high"], frame["p_adjusted"] = x1 / n1 - x0 / n0, low, high, p
        clear = p <= ALPHA
        frame["says"] = np.where(clear & (low > 0), "higher", np.where(clear & (high < 0), "lower", "cannot tell"))
    window, earlier = weeks.window(now), weeks.window(before)
    return YearCurves(
        spec, weeks.clock, data_version, window, earlier, frame, _sentence(frame, spec, window, earlier, weeks)
    )


def _pooled(cells: pd.DataFrame, chosen: Sequence[int], ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mine = cells[cells["week"].isin(list(chosen))]
    sums = mine.groupby("age")[["retained", "size"]].sum().reindex(ages, fill_value=0)
    return sums["retained"].to_numpy(dtype=float), sums["size"].to_numpy(dtype=float)


def _sentence(frame: pd.DataFrame, spec: CurvesSpec, now: Window | None, before: Window | None, weeks: Weeks) -> str:
    if now is None:
        first = weeks.on(weeks.first)
        return (
            f"No cohort has completed week {spec.horizon} without a gap yet: the data begin on {first:%-d %B %Y}, and it"
            f" takes {spec.horizon + 1} complete weeks."
        )
    last = frame.iloc[-1]
    rate = (
        f"Of the {last['n_now']:,} users who started in {span(now)}, {percent(last['rate_now'])} were active in week"
        f" {spec.horizon} (95 % interval {interval(last['low_now'], last['high_now'])})"
    )
    if before is None:
        return f"{rate}. There is no year before to compare with: the data begin on {weeks.on(weeks.first):%-d %B %Y}."
    a_year = f"{percent(last['rate_before'])} of {last['n_before']:,} a year before"
    parts = []
    for word in ("higher", "lower", "cannot tell"):
        ages = frame.loc[frame["says"] == word, "age"].tolist()
        if ages:
            parts.append(f"{word} in {'every week' if len(ages) == len(frame) else f'week {ranges(ages)}'}")
    return f"{rate}; {a_year}. The newer curve against the older: {'; '.join(parts)}."


def ranges(numbers: Sequence[int]) -> str:
    """Write numbers with runs as ranges.

    Examples
    --------
    >>> ranges([1, 2, 3, 5])
    '1–3, 5'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def span(window: Window) -> str:
    """Write the days of a window.

    Examples
    --------
    >>> from datetime import date
    >>> span(Window((1,), date(2025, 12, 1), date(2025, 12, 28)))
    '1–28 Dec 2025'
    >>> span(Window((1,), date(2024, 12, 30), date(2025, 1, 26)))
    '30 Dec 2024 – 26 Jan 2025'
    """
    a, b = window.from_on, window.to_on
    if a.year != b.year:
        return f"{a.day} {a:%b %Y} – {b.day} {b:%b %Y}"
    if a.month != b.month:
        return f"{a.day} {a:%b} – {b.day} {b:%b %Y}"
    return f"{a.day}–{b.day} {b:%b %Y}"
