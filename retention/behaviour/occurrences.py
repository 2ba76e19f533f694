"""Events of a log in the order of users and time, as arrays: what the kernels of funnels and paths walk over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.periods import midnight_us

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]

BLOCK_ROWS = 100_000
"""Rows walked over at once: what is made of them stays in the processor's cache."""
READ_ROWS = 4_000_000
"""Events read from the store at once, so that memory holds a part of the log and not all of it."""


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Events in order of user and instant.

    Attributes
    ----------
    user, us, kind : ndarray of shape (n,)
        User key, instant in microseconds, event key.
    """

    user: Ints
    us: Ints
    kind: Ints

    def __len__(self) -> int:
        return len(self.user)

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[Occurrences]:
        """Cut into blocks of about `size` rows, never within a user."""
        ends = np.unique(np.searchsorted(self.user, self.user[size::size]))
        begin = 0
        for end in (*ends, len(self)):
            if end > begin:
                part = slice(begin, end)
                yield Occurrences(self.user[part], self.us[part], self.kind[part])
            begin = int(end)


def in_order(rows: pd.DataFrame) -> Occurrences:
    """Put events in order of user and instant.

    Notes
    -----
    A store keeps each import in this order, and a scan mostly returns it: so that is looked at first, then whether
    sorting by user alone will do (imports that follow one another in time), and only then both are sorted.
    """
    user, us, kind = (rows[name].to_numpy() for name in ("user_key", "occurred_us", "event_key"))
    if not bool((user[1:] >= user[:-1]).all()):
        order = np.argsort(user, kind="stable")
        user, us, kind = user[order], us[order], kind[order]
    if not bool(((user[1:] != user[:-1]) | (us[1:] >= us[:-1])).all()):
        order = np.lexsort((us, user))
        user, us, kind = user[order], us[order], kind[order]
    return Occurrences(user, us, kind)


def user_ranges(last_key: int, n_events: int) -> list[tuple[int, int]]:
    """Cut the users into ranges of keys that are read one after another.

    Examples
    --------
    >>> user_ranges(9, 6_000_000)
    [(0, 5), (5, 10)]
    """
    n = max(1, -(-n_events // READ_ROWS))
    edges = [(last_key + 1) * i // n for i in range(n + 1)]
    return [(low, high) for low, high in pairwise(edges) if low < high] or [(0, 1)]


@dataclass(frozen=True, slots=True)
class Groups:
    """Which users a question is about, and the group of each.

    Attributes
    ----------
    labels : tuple of str
        Names of the groups, in the order of their codes; one nameless group without a breakdown.
    code : ndarray of int32, optional
        By user key: the place in `labels`, or −1 for who is not asked about; None means everybody.
    """

    labels: tuple[str | None, ...] = (None,)
    code: Ints | None = None

    def of(self, user: Ints) -> Ints:
        """Return the code of each user."""
        if self.code is None:
            return np.zeros(len(user), dtype=np.int32)
        return self.code[user]


def groups_of(
    population: pd.DataFrame, last_key: int, labels: Mapping[int, str], none_label: str, *, is_split: bool
) -> Groups:
    """Look up the group of each user of a population (user_key, grp).

    Parameters
    ----------
    labels : mapping of int to str
        Words of the groups' keys.
    none_label : str
        What a missing value is called.
    is_split : bool
        Whether there is a breakdown.
    """
    code = np.full(last_key + 1, -1, dtype=np.int32)
    users = population["user_key"].to_numpy()
    if not is_split:
        code[users] = 0
        return Groups((None,), code)
    names = population["grp"].map(labels).astype(object)
    names = names.where(names.notna(), none_label)
    known = sorted(set(names), key=lambda name: (name == none_label, name))
    code[users] = names.map({name: place for place, name in enumerate(known)}).to_numpy(dtype=np.int32)
    return Groups(tuple(known), code)


@dataclass(frozen=True, slots=True)
class Anchors:
    """Which instants may begin what is watched.

    Attributes
    ----------
    from_us, to_us : int
        Range of the beginning, half-open.
    within_us : int
        What follows is watched for so long; 0 if there is no such limit.
    as_of_us : int
    gaps : tuple of (int, int)
        Stretches marked missing, half-open.
    is_backward : bool
        What came before is watched.
    """

    from_us: int
    to_us: int
    within_us: int
    as_of_us: int
    gaps: tuple[tuple[int, int], ...] = ()
    is_backward: bool = False

    def in_range(self, us: Ints) -> Bools:
        """Whether an instant lies in the range."""
        return (us >= self.from_us) & (us < self.to_us)

    def is_open(self, us: Ints) -> Bools:
        """Whether what is watched has not ended by the watermark."""
        if self.is_backward:
            return np.zeros(len(us), dtype=bool)
        return us + self.within_us > self.as_of_us

    def touches_gap(self, us: Ints) -> Bools:
        """Whether what is watched touches a stretch marked missing; without a limit nothing is said to."""
        found = np.zeros(len(us), dtype=bool)
        for start, end in self.gaps if self.within_us else ():
            if self.is_backward:
                found |= (us >= start) & (us - self.within_us < end)
            else:
                found |= (us < end) & (us + self.within_us > start)
        return found


def anchors(
    clock: Clock, within_us: int, from_day: int | None, to_day: int | None, *, is_backward: bool = False
) -> Anchors:
    """Bound the beginnings by local days of the store's zone."""
    first, beyond = -(2**62), clock.as_of_us
    if from_day is not None:
        first = midnight_us(from_day, clock.timezone)
    if to_day is not None:
        beyond = min(beyond, midnight_us(to_day, clock.timezone))
    return Anchors(first, beyond, within_us, clock.as_of_us, clock.gaps, is_backward)


def first_of_each(user: Ints) -> Ints:
    """Return where each user's rows begin, users being in order."""
    is_first = np.empty(len(user), dtype=bool)
    is_first[:1] = True
    np.not_equal(user[1:], user[:-1], out=is_first[1:])
    return np.flatnonzero(is_first)


def quartiles(values: NDArray[np.number]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile; NaN of nothing."""
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    low, middle, high = np.quantile(np.asarray(values, dtype=float), (0.25, 0.5, 0.75))
    return float(low), float(middle), float(high)


def user_bits(users: Ints, last_key: int) -> str:
    """Write a list of users as one bit a key.

    Examples
    --------
    >>> user_bits(np.array([1, 3]), 4)
    '01010'
    """
    bits = np.full(last_key + 1, ord("0"), dtype=np.uint8)
    bits[users] = ord("1")
    return bits.tobytes().decode("ascii")
