"""Counts to lifecycle: periods with their states, identities and quick ratio; moves from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retention.cohorts.matrix import NO_GROUP, NONE_LABEL
from retention.errors import SpecError
from retention.intervals import Floats, wilson
from retention.lifecycle.spec import MAX_PERIODS, MOVES, SOURCES, LifecycleSpec, TransitionsSpec
from retention.periods import Period, date_of, day_number, first_day, local_day, period_of

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

RECENT: dict[Period, int] = {"day": 28, "week": 8, "month": 6}
"""How many of the latest complete periods say whether the base grows."""
FEWEST = 4
"""With fewer complete periods nobody can tell."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How many users were new, came back or fell silent, period by period.

    Attributes
    ----------
    spec : LifecycleSpec
    clock : Clock
    data_version : int
    periods : DataFrame
        One row a group and period: on (date, the first local day), group (None = everyone), index, n_active, n_new,
        n_returning, n_resurrecting, n_dormant (missing while in progress), quick_ratio, low, high (95 %; NaN where
        nobody fell silent and while in progress), state ("complete" or "in_progress"), complete_on, touches_gap (the period, or the one
        before it, on which all states but new rest too).
    recent : DataFrame
        One row a group: group, n_periods, from_on, to_on (the first day left out), n_gained, n_lost, quick_ratio,
        low, high, says ("growing", "leaking" or "cannot tell").
    first_on : date
        The first local day of the data.
    """

    spec: LifecycleSpec
    clock: Clock
    data_version: int
    periods: pd.DataFrame
    recent: pd.DataFrame
    first_on: date

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    @property
    def groups(self) -> list[str]:
        """The groups of the breakdown, the one with most active users first."""
        return [str(group) for group in self.recent["group"] if group is not None]

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the periods of one group, in order."""
        mine = self.periods["group"].isna() if group is None else self.periods["group"] == group
        return self.periods[mine]

    def recently(self, group: str | None = None) -> pd.Series:
        """Return what the latest complete periods of a group say."""
        mine = self.recent["group"].isna() if group is None else self.recent["group"] == group
        return self.recent[mine].iloc[0]


@dataclass(frozen=True, slots=True)
class Transitions:
    """From which state to which the users went from one period to the next.

    Attributes
    ----------
    spec : TransitionsSpec
    clock : Clock
    data_version : int
    on, next_on : date
        First local days of the two periods.
    moves : DataFrame
        One row a group and possible move: group, source, target, n, size (users in the source), rate, low, high
        (Wilson 95 %; NaN for "unseen", whose number nobody knows, and where the source is empty).
    state : str
        "complete" or "in_progress": the next period.
    has_gap : bool
        Whether one of the two periods, or the one before, touches a stretch marked missing.
    """

    spec: TransitionsSpec
    clock: Clock
    data_version: int
    on: date
    next_on: date
    moves: pd.DataFrame
    state: str
    has_gap: bool

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the moves of one group."""
        mine = self.moves["group"].isna() if group is None else self.moves["group"] == group
        return self.moves[mine]

    def n(self, source: str, target: str, group: str | None = None) -> int:
        """Return how many users made a move."""
        moves = self.of(group)
        return int(moves.loc[(moves["source"] == source) & (moves["target"] == target), "n"].iloc[0])


def shown_periods(spec: LifecycleSpec, clock: Clock, first_data_day: int) -> tuple[int, int]:
    """Return the first period shown, and the first one after the last.

    Raises
    ------
    SpecError
        If the range holds no data, or too many periods.
    """
    first, to = begun(spec.period, clock, first_data_day)
    if spec.to_on is not None:
        to = min(to, int(period_of(day_number(spec.to_on) - 1, spec.period, clock.week_start)) + 1)
    since = to - spec.n_last
    if spec.from_on is not None:
        since = int(period_of(day_number(spec.from_on), spec.period, clock.week_start))
    since = max(since, first)
    if since >= to:
        last_on = date_of(local_day(clock.as_of_us - 1, clock.timezone))
        raise SpecError(
            "There are no data in these dates.", hint=f"The data reach from {date_of(first_data_day)} to {last_on}."
        )
    if to - since > MAX_PERIODS:
        raise SpecError(
            f"At most {MAX_PERIODS} {spec.period}s can be shown, not {to - since}.",
            hint="Choose a wider period or fewer dates.",
        )
    return since, to


def begun(period: Period, clock: Clock, first_data_day: int) -> tuple[int, int]:
    """Return the period in which the data begin, and the first one that has not begun at the watermark."""
    last_day = local_day(clock.as_of_us - 1, clock.timezone)
    first, last = (int(period_of(day, period, clock.week_start)) for day in (first_data_day, last_day))
    return first, last + 1


def quick_ratio(gained: ArrayLike, lost: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return gained over lost with its 95 % interval, period by period.

    Parameters
    ----------
    gained, lost : array_like, shape (n,)

    Returns
    -------
    ratio, low, high : ndarray of float, shape (n,)
        NaN where nobody was lost.

    Notes
    -----
    Both counts are taken as Poisson. Given their sum, what was gained is binomial, so Wilson's bounds of its share p,
    as p / (1 − p), are the score bounds of the ratio of two rates: the roots of (g − r d)² = z² r (g + d).

    References
    ----------
    Graham, P. L., Mengersen, K. & Morton, A. P. (2003). Confidence limits for the ratio of two rates based on
    likelihood scores: non-iterative method. Statistics in Medicine 22.

    Examples
    --------
    >>> ratio, low, high = quick_ratio([30, 5], [20, 0])
    >>> [round(float(v), 3) for v in (ratio[0], low[0], high[0], ratio[1])]
    [1.5, 0.858, 2.622, nan]
    """
    g, d = np.asarray(gained, dtype=float), np.asarray(lost, dtype=float)
    low, high = wilson(g, g + d)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (g / d, low / (1 - low), high / (1 - high))
    ratio, low, high = (np.where(d > 0, values, np.nan) for values in found)
    return ratio, low, high


def group_names(keys: np.ndarray, labels: Mapping[int, str]) -> list[str]:
    """Name the groups of a breakdown by their keys."""
    return [labels.get(int(key), NONE_LABEL) for key in keys]


def by_group(
    counts: pd.DataFrame, place: str, names: tuple[str, ...], since: int, n: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Lay counts out as one array a column of shape (n_groups, n), zero where there is no row.

    Returns
    -------
    keys : ndarray of int, shape (n_groups,)
        In falling order of the first column's total; `NO_GROUP` for a missing value.
    arrays : list of ndarray of int
    """
    grp = counts["grp"].fillna(NO_GROUP).to_numpy(dtype=np.int64)
    keys, rows = np.unique(grp, return_inverse=True)
    columns = counts[place].to_numpy(dtype=np.int64) - since
    arrays = []
    for name in names:
        array = np.zeros((len(keys), n), dtype=np.int64)
        np.add.at(array, (rows, columns), counts[name].to_numpy(dtype=np.int64))
        arrays.append(array)
    order = np.argsort(-arrays[0].sum(axis=1), kind="stable")
    return keys[order], [array[order] for array in arrays]


def lifecycle_periods(
    counts: pd.DataFrame, spec: LifecycleSpec, clock: Clock, shown: tuple[int, int], labels: Mapping[int, str]
) -> pd.DataFrame:
    """Lay counts out as the periods of `Lifecycle`; everyone first, then each group.

    Parameters
    ----------
    counts : DataFrame
        period, grp, n_active, n_new, n_returning; from the period before the first one shown.
    shown : tuple of int
        The first period, and the first one after the last.
    """
    since, to = shown
    n = to - since
    keys, arrays = by_group(counts, "period", ("n_active", "n_new", "n_returning"), since - 1, n + 1)
    totals = [array.sum(axis=0, keepdims=True) for array in arrays]
    groups: list[str | None] = [None]
    if spec.by is not None:
        arrays = [np.vstack([total, array]) for total, array in zip(totals, arrays, strict=True)]
        groups += group_names(keys, labels)
    else:
        arrays = totals
    active, new, returning = (array[:, 1:] for array in arrays)
    before = arrays[0][:, :-1]
    index = np.arange(since, to)
    complete = index < clock.whole_until(spec.period)
    gap = np.asarray([clock.touches_gap(int(i), spec.period) for i in range(since - 1, to)])
    resurrecting, dormant = active - new - returning, before - returning
    ratio, low, high = quick_ratio((new + resurrecting).ravel(), np.where(complete, dormant, 0).ravel())
    on, complete_on = ([date_of(first_day(int(i) + k, spec.period, clock.week_start)) for i in index] for k in (0, 1))
    return pd.DataFrame(
        {
            "on": on * len(groups),
            "group": np.repeat(np.asarray(groups, dtype=object), n),
            "index": np.tile(index, len(groups)),
            "n_active": active.ravel(),
            "n_new": new.ravel(),
            "n_returning": returning.ravel(),
            "n_resurrecting": resurrecting.ravel(),
            # Who has not come in a period that goes on still can: who falls silent in it is not known yet.
            "n_dormant": pd.Series(dormant.ravel(), dtype="Int64").mask(np.tile(~complete, len(groups))),
            "quick_ratio": ratio,
            "low": low,
            "high": high,
            "state": np.tile(np.where(complete, "complete", "in_progress"), len(groups)),
            "complete_on": complete_on * len(groups),
            "touches_gap": np.tile(gap[1:] | gap[:-1], len(groups)),
        }
    )


def recent_periods(periods: pd.DataFrame, spec: LifecycleSpec, first_period: int) -> pd.DataFrame:
    """Keep the latest periods that may say whether the base grows.

    They are complete and touch no gap, and the period in which the data begin is none of them: there everybody is
    new at first sight.
    """
    fit = (periods["state"] == "complete") & ~periods["touches_gap"] & (periods["index"] > first_period)
    used = periods[fit]
    latest = used["index"].drop_duplicates().nlargest(RECENT[spec.period])
    return used[used["index"].isin(latest)]


def transition_moves(counts: pd.DataFrame, spec: LifecycleSpec, labels: Mapping[int, str]) -> pd.DataFrame:
    """Lay counts out as the moves of `Transitions`; everyone first, then each group.

    Parameters
    ----------
    counts : DataFrame
        grp, source, target, n.
    """
    keyed = counts.assign(grp=counts["grp"].fillna(NO_GROUP).astype("int64"))
    keys = keyed.groupby("grp")["n"].sum().sort_values(ascending=False, kind="stable").index.to_numpy()
    parts: list[tuple[str | None, pd.DataFrame]] = [(None, keyed)]
    if spec.by is not None:
        parts += [(name, keyed[keyed["grp"] == key]) for key, name in zip(keys, group_names(keys, labels), strict=True)]
    found = []
    for group, mine in parts:
        n = mine.groupby(["source", "target"])["n"].sum().to_dict()
        for source in SOURCES:
            size = sum(int(n.get((source, target), 0)) for target in MOVES[source])
            found += [
                (group, source, target, int(n.get((source, target), 0)), size if source != "unseen" else 0)
                for target in MOVES[source]
            ]
    frame = pd.DataFrame(found, columns=["group", "source", "target", "n", "size"])
    low, high = wilson(frame["n"], frame["size"])
    rate = np.where(frame["size"] > 0, frame["n"] / frame["size"].where(frame["size"] > 0), np.nan)
    frame["size"] = frame["size"].where(frame["source"] != "unseen", frame["n"])
    return frame.assign(rate=rate.astype(float), low=low, high=high)
