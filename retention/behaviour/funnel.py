"""Funnels: the attempts of each user followed step by step, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.behaviour.occurrences import Anchors, Bools, Groups, Ints, Occurrences, first_of_each, quartiles
from retention.behaviour.spec_funnel import FunnelSpec, FunnelUsersSpec, step_label
from retention.intervals import wilson

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

STILL_OPEN, TOUCHES_GAP = 0, -1
"""What stands in `Attempts.reach` for users none of whose attempts can be counted."""
STEP_COLUMNS = (
    "group", "step", "events", "n_users", "n_first", "n_previous", "n_dropped", "from_first", "from_first_low",
    "from_first_high", "from_previous", "from_previous_low", "from_previous_high", "quarter_s", "median_s",
    "three_quarters_s", "since_first_median_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempt that counts, of each user who began one.

    Attributes
    ----------
    user : ndarray of shape (n_users,)
    reach : ndarray of shape (n_users,)
        Steps taken, from 1; 0 where every attempt is still open, −1 where every closed one touches a gap.
    at_us : ndarray of shape (n_users, n_steps)
        Instant of each step; −1 where it was not reached.
    """

    user: Ints
    reach: Ints
    at_us: Ints


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many users took each step.

    Attributes
    ----------
    spec : FunnelSpec
    clock : Clock
    data_version : int
    steps : DataFrame
        One row a group and step; `group` is empty in the rows of all users together. Counts n_users, n_first (who
        took the first step), n_previous, n_dropped (who took this step and not the next); rates from_first and
        from_previous with Wilson 95 % bounds; seconds since the step before (quarter_s, median_s,
        three_quarters_s) and since the first (since_first_median_s), of those who took the step.
    n_open, n_gap : int
        Users left out: all their attempts are still open, or touch a stretch marked missing.
    """

    spec: FunnelSpec
    clock: Clock
    data_version: int
    steps: pd.DataFrame
    n_open: int
    n_gap: int

    @property
    def as_of_us(self) -> int:
        """The watermark."""
        return self.clock.as_of_us

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the rows of one group, or of all users together."""
        rows = self.steps
        return rows[rows["group"].isna() if group is None else rows["group"] == group]

    def counts(self, group: str | None = None) -> list[int]:
        """Return how many users took each step."""
        return [int(n) for n in self.of(group)["n_users"]]

    @property
    def groups(self) -> list[str]:
        """The groups of the breakdown, the largest first."""
        rows = self.steps[self.steps["group"].notna() & (self.steps["step"] == 1)]
        return [str(name) for name in rows.sort_values("n_users", ascending=False, kind="stable")["group"]]


def step_masks(steps: Sequence[Sequence[int]]) -> NDArray[np.uint16]:
    """Look up which steps an event key does: bit i stands for step i + 1.

    Examples
    --------
    >>> step_masks([[1], [2, 3], [1]]).tolist()
    [0, 5, 2, 2]
    """
    masks = np.zeros(max(key for step in steps for key in step) + 1, dtype=np.uint16)
    for place, step in enumerate(steps):
        for key in step:
            masks[key] |= 1 << place
    return masks


class _Instants:
    """Rows of a log, each with the steps that can be taken at its instant.

    Several rows can lie at one instant, and each does one step only. The first of them then stands for all, and
    `ahead` knows how many steps in a row they do together.
    """

    def __init__(self, rows: Occurrences, masks: NDArray[np.uint16], n_steps: int, within_us: int) -> None:
        self.user, self.us, self.fits = rows.user, rows.us, masks[rows.kind]
        # One number for user and instant: a later user lies beyond the window of every earlier one, so that one
        # comparison says "the same user, and in time".
        origin = int(rows.us.min(initial=0))
        span = int(rows.us.max(initial=0)) - origin + within_us + 1
        place = rows.user - rows.user[0]
        if (int(place[-1]) + 1) * span >= 2**63:
            place = np.cumsum(np.diff(rows.user, prepend=rows.user[0]) != 0)
        self.when = place * np.int64(span)
        self.when += self.us
        self._shares = np.zeros(0, dtype=bool)
        again = np.flatnonzero((rows.us[1:] == rows.us[:-1]) & (rows.user[1:] == rows.user[:-1])) + 1
        self.is_crowded = len(again) > 0
        if not self.is_crowded:
            return
        # The rows of one instant lie together: those again at it follow its first.
        leads = np.append(True, np.diff(again) > 1)
        self._first = again[leads] - 1
        place = np.cumsum(leads) - 1
        crowd = np.concatenate([self.fits[self._first], self.fits[again]])
        place = np.concatenate([np.arange(len(self._first)), place])
        kinds, column = np.unique(crowd, return_inverse=True)
        counts = np.bincount(place * len(kinds) + column, minlength=len(self._first) * len(kinds))
        # No kind of row is of use more often than it has steps to do.
        most = np.array([int(kind).bit_count() for kind in kinds])
        counts = np.minimum(counts.reshape(-1, len(kinds)), most)
        patterns, which = np.unique(counts, axis=0, return_inverse=True)
        found = [taken_at_once(tuple(kinds.tolist()), tuple(pattern), n_steps) for pattern in patterns.tolist()]
        self._ahead = np.array(found, dtype=np.int8)[which.reshape(-1)]
        self._shares = np.zeros(len(rows), dtype=bool)
        self._shares[self._first] = True
        self.fits[self._first] = np.bitwise_or.reduce(np.where(counts > 0, kinds, 0), axis=1)
        self.fits[again] = 0

    def shares(self, places: Ints) -> Bools:
        """Return which of some rows stand for several."""
        return self._shares[places] if self.is_crowded else np.zeros(len(places), dtype=bool)

    def ahead(self, places: Ints, step: int) -> Ints:
        """Return how many steps from `step` (from 0) on are taken at each of some rows that fit it."""
        found = np.ones(len(places), dtype=np.int8)
        if self.is_crowded:
            shared = np.flatnonzero(self._shares[places])
            found[shared] = self._ahead[np.searchsorted(self._first, places[shared]), step]
        return found


@lru_cache(maxsize=4096)
def taken_at_once(kinds: tuple[int, ...], counts: tuple[int, ...], n_steps: int) -> tuple[int, ...]:
    """Return, for each step, how many steps from it on the rows of one instant do, each row doing one.

    Parameters
    ----------
    kinds, counts : tuple of int
        Masks of steps, and how many rows have each.

    Examples
    --------
    >>> taken_at_once((0b011, 0b001), (1, 1), 3)  # one row does step 1 or 2, the other only step 1
    (2, 1, 0)
    """

    def is_seated(step: int, holders: list[list[int]], tried: set[int]) -> bool:
        # Kuhn's augmenting paths: a row that is taken is freed if its step finds another.
        for kind, mask in enumerate(kinds):
            if not mask >> step & 1 or kind in tried:
                continue
            tried.add(kind)
            if len(holders[kind]) < counts[kind]:
                holders[kind].append(step)
                return True
            for i, other in enumerate(holders[kind]):
                if is_seated(other, holders, tried):
                    holders[kind][i] = step
                    return True
        return False

    found = []
    for first in range(n_steps):
        holders: list[list[int]] = [[] for _ in kinds]
        step = first
        while step < n_steps and is_seated(step, holders, set()):
            step += 1
        found.append(step - first)
    return tuple(found)


def best_attempts(
    rows: Occurrences, masks: NDArray[np.uint16], n_steps: int, anchors: Anchors, groups: Groups
) -> Attempts:
    """Follow every attempt of every user, and keep the one of each that gets furthest, the earliest of those.

    Notes
    -----
    All attempts take a step together: the next row that fits, found by counting how many there are up to here.
    To take a step at its first occurrence is never worse, so the reach of an attempt is exact.
    """
    at = _Instants(rows, masks, n_steps, anchors.within_us)
    start = np.flatnonzero((at.fits & 1) != 0)
    us = at.us[start]
    is_asked = anchors.in_range(us)
    if groups.code is not None:
        is_asked &= groups.of(at.user[start]) >= 0
    if not is_asked.all():
        start, us = start[is_asked], us[is_asked]
    user = at.user[start]
    begun = user[first_of_each(user)]
    is_open, has_gap = anchors.is_open(us), anchors.touches_gap(us)
    reach = np.full(len(begun), TOUCHES_GAP, dtype=np.int8)
    reach[np.isin(begun, user[is_open])] = STILL_OPEN
    at_us = np.full((len(begun), n_steps), -1, dtype=np.int64)
    is_usable = ~(is_open | has_gap)
    if not is_usable.all():
        start, user = start[is_usable], user[is_usable]
    if len(start):
        best, path = _furthest(at, start, user, n_steps, anchors.within_us)
        where = np.searchsorted(begun, at.user[path[0]])
        reach[where] = best
        at_us[where] = np.where(path >= 0, at.us[path], -1).T
    return Attempts(begun, reach, at_us)


def _furthest(at: _Instants, start: Ints, user: Ints, n_steps: int, within_us: int) -> tuple[Ints, Ints]:
    """Return how far the best attempt of each user gets, and the row of each of its steps (−1 where none).

    Notes
    -----
    Attempts that begin before the same next row of step 2 go the same way, and the last of them has the most time
    left: only that one is followed. The earliest that gets as far is then found from where it ended.
    """
    nexts = [_next_places(at, step) for step in range(1, n_steps)]
    then = nexts[0][1][start]
    shares = at.shares(start)
    is_last = np.ones(len(start), dtype=bool)
    is_last[:-1] = (then[1:] != then[:-1]) | (user[1:] != user[:-1]) | shares[1:] | shares[:-1]
    last = np.flatnonzero(is_last)
    level = _follow(at, nexts, start[last], within_us)
    user = user[last]
    first = first_of_each(user)
    best = np.maximum.reduceat(level, first)
    is_best = np.flatnonzero(level == np.repeat(best, np.diff(first, append=len(last))))
    chosen = is_best[first_of_each(user[is_best])]
    path = np.full((n_steps, len(chosen)), -1, dtype=np.int64)
    _follow(at, nexts, start[last[chosen]], within_us, path)
    run_begin = np.where(chosen > 0, last[chosen - 1] + 1, 0)
    end = at.when[path[best - 1, np.arange(len(chosen))]]
    in_time = np.searchsorted(at.when[start], end - within_us, side="right")
    earliest = np.where(best > 1, np.maximum(run_begin, in_time), run_begin)
    path[0] = start[np.minimum(earliest, last[chosen])]
    return best, path


def _next_places(at: _Instants, step: int) -> tuple[Ints, Ints]:
    """Return the rows that fit a step, and how many of them there are up to each row: the place of the next."""
    fits = (at.fits & (1 << step)) != 0
    return np.flatnonzero(fits), np.cumsum(fits, dtype=np.int32)


def _follow(
    at: _Instants, nexts: Sequence[tuple[Ints, Ints]], start: Ints, within_us: int, path: Ints | None = None
) -> Ints:
    """Return how many steps each attempt takes, and write down in `path` where."""
    level = at.ahead(start, 0)
    if path is not None:
        for step in range(int(level.max(initial=0))):
            path[step, level > step] = start[level > step]
    alive, now, end = np.arange(len(start)), start, at.when[start] + within_us
    for step, (places, n_before) in enumerate(nexts, 1):
        if not len(places):
            break
        then = places[np.minimum(n_before[now], len(places) - 1)]
        goes_on = at.when[then] < end
        goes_on &= then > now
        if at.is_crowded:
            # Who took several steps at one instant waits there until the others have taken them, too.
            waits = level[alive] > step
            then = np.where(waits, now, then)
            goes_on |= waits
            moved = (goes_on & ~waits)[goes_on]
        alive, now, end = alive[goes_on], then[goes_on], end[goes_on]
        if not at.is_crowded:
            level[alive] = step + 1
            if path is not None:
                path[step, alive] = now
            continue
        ahead = at.ahead(now[moved], step)
        movers = alive[moved]
        level[movers] += ahead
        if path is not None:
            for more in range(int(ahead.max(initial=0))):
                path[step + more, movers[ahead > more]] = now[moved][ahead > more]
    return level


def joined(parts: Sequence[Attempts], n_steps: int) -> Attempts:
    """Put the attempts of different users together."""
    if not parts:
        return Attempts(np.empty(0, np.int32), np.empty(0, np.int8), np.empty((0, n_steps), np.int64))
    return Attempts(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("user", "reach", "at_us")))


def funnel_of(attempts: Attempts, spec: FunnelSpec, clock: Clock, data_version: int, groups: Groups) -> Funnel:
    """Count the users of each step, with rates, their intervals, and the time that the steps took."""
    rows = _step_rows(attempts, spec, None)
    if spec.by is not None:
        code = groups.of(attempts.user)
        for place, label in enumerate(groups.labels):
            mine = code == place
            if (attempts.reach[mine] > 0).any():
                part = Attempts(attempts.user[mine], attempts.reach[mine], attempts.at_us[mine])
                rows += _step_rows(part, spec, label)
    frame = pd.DataFrame(rows, columns=list(STEP_COLUMNS))
    left_out = [int((attempts.reach == kind).sum()) for kind in (STILL_OPEN, TOUCHES_GAP)]
    return Funnel(spec, clock, data_version, frame, *left_out)


def _step_rows(attempts: Attempts, spec: FunnelSpec, group: str | None) -> list[tuple[object, ...]]:
    n_steps = len(spec.steps)
    n = [int((attempts.reach >= step).sum()) for step in range(1, n_steps + 1)]
    before = [n[0], *n[:-1]]
    low, high = wilson(n, [n[0]] * n_steps)
    low_before, high_before = wilson(n, before)
    rows: list[tuple[object, ...]] = []
    for i in range(n_steps):
        took = attempts.at_us[attempts.reach > i]
        waits = quartiles((took[:, i] - took[:, i - 1]) / 1e6) if i else (np.nan,) * 3
        since = quartiles((took[:, i] - took[:, 0]) / 1e6)[1] if i else np.nan
        rows.append((
            group, i + 1, step_label(spec.steps[i]), n[i], n[0], before[i],
            n[i] - n[i + 1] if i + 1 < n_steps else None,
            _rate(n[i], n[0]), low[i], high[i],
            _rate(n[i], before[i]) if i else np.nan, low_before[i] if i else np.nan, high_before[i] if i else np.nan,
            *waits, since,
        ))  # fmt: skip
    return rows


def _rate(x: int, n: int) -> float:
    return x / n if n else float("nan")


def users_at(attempts: Attempts, spec: FunnelUsersSpec, groups: Groups, code: int | None) -> Ints:
    """Return the keys of the users (of the group with this code) who reached a step, or reached it and no further."""
    taken = attempts.reach >= spec.step if spec.kind == "reached" else attempts.reach == spec.step
    if code is not None:
        taken = taken & (groups.of(attempts.user) == code)
    return attempts.user[taken]
