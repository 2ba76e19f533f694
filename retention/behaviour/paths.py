"""Paths: the events next to each user's first occurrence of an event, and how many users have each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.behaviour.occurrences import Anchors, Groups, Ints, Occurrences, first_of_each
from retention.behaviour.spec_paths import PathsSpec, PathUsersSpec
from retention.intervals import wilson

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

NOTHING = 0
"""Stands for "no further event" where an event key does (they begin at 1)."""
OTHER = -1
SHOWN_SEQUENCES = 10
STEP_COLUMNS = ("step", "kind", "event", "n_users", "n_all", "rate", "low", "high")
LINK_COLUMNS = ("step", "from_kind", "from_event", "to_kind", "to_event", "n_users")
SEQUENCE_COLUMNS = ("events", "n_users", "n_all", "rate", "low", "high")


@dataclass(frozen=True, slots=True)
class Walks:
    """What lay next to the anchor of each user.

    Attributes
    ----------
    user : ndarray of shape (n_users,)
    codes : ndarray of shape (n_users, n_steps)
        Event keys in order of their distance from the anchor; 0 where nothing more happened.
    n_open, n_gap : int
        Users left out: what is watched has not ended, or touches a stretch marked missing.
    """

    user: Ints
    codes: Ints
    n_open: int
    n_gap: int


@dataclass(frozen=True, slots=True)
class Paths:
    """What follows, or precedes, an event.

    Attributes
    ----------
    spec : PathsSpec
    clock : Clock
    data_version : int
    n_users, n_open, n_gap : int
        Users counted; and those left out because what is watched has not ended, or touches a gap.
    steps : DataFrame
        One row a step and event: step, kind ("event", "other" or "nothing"), event, n_users, n_all (users counted),
        rate with Wilson 95 % bounds. The rows of a step add up to `n_users`.
    links : DataFrame
        One row a pair of neighbouring steps: step (of the second), from_kind, from_event, to_kind, to_event, n_users.
    sequences : DataFrame
        The most frequent whole sequences: events (a tuple, shorter where nothing more happened), n_users, rates.
    n_sequences, n_other : int
        How many different sequences there are, and how many users have one that is not listed.
    """

    spec: PathsSpec
    clock: Clock
    data_version: int
    n_users: int
    n_open: int
    n_gap: int
    steps: pd.DataFrame
    links: pd.DataFrame
    sequences: pd.DataFrame
    n_sequences: int
    n_other: int

    @property
    def as_of_us(self) -> int:
        """The watermark."""
        return self.clock.as_of_us

    def count(self, step: int, event: str) -> int:
        """Return how many users have an event at a step."""
        rows = self.steps
        return int(
            rows.loc[(rows["step"] == step) & (rows["kind"] == "event") & (rows["event"] == event), "n_users"].sum()
        )

    @property
    def named(self) -> list[str]:
        """The events that are named, the most frequent first."""
        rows = self.steps[(self.steps["step"] == 1) & (self.steps["kind"] == "event")]
        return [str(name) for name in rows["event"]]


def alphabet(names: Mapping[int, str], anchor: int) -> NDArray[np.int32]:
    """Rank event keys by name, the anchor before all others: the order of events at one instant."""
    ranks = np.zeros(max(names) + 1, dtype=np.int32)
    for rank, key in enumerate(sorted(names, key=lambda key: names[key]), 1):
        ranks[key] = rank
    ranks[anchor] = 0
    return ranks


def walks(
    rows: Occurrences,
    anchor: int,
    ranks: NDArray[np.int32],
    spec: PathsSpec,
    anchors: Anchors,
    groups: Groups,
) -> Walks:
    """Look at what lies next to each user's first `anchor` (an event key)."""
    sign = -1 if anchors.is_backward else 1
    user, us, kind = (values[::sign] for values in (rows.user, rows.us, rows.kind))
    kind = _ordered_at_instants(user, us, kind, ranks)
    found = np.flatnonzero(kind == anchor)
    firsts = first_of_each(user[found])
    earliest = np.minimum.reduceat(us[found], firsts) if len(found) else us[:0]
    found = found[us[found] == np.repeat(earliest, np.diff(firsts, append=len(found)))]
    found = found[first_of_each(user[found])]
    found = found[anchors.in_range(us[found]) & (groups.of(user[found]) >= 0)]
    is_open, has_gap = anchors.is_open(us[found]), anchors.touches_gap(us[found])
    n_open, n_gap = int(is_open.sum()), int((has_gap & ~is_open).sum())
    found = found[~is_open & ~has_gap]
    # The rows that count as steps: all of them, or the first of each run of the same event.
    is_step = np.ones(len(rows), dtype=bool)
    if spec.is_collapsed:
        is_step[1:] = (user[1:] != user[:-1]) | (kind[1:] != kind[:-1])
    places = np.flatnonzero(is_step)
    next_step = np.cumsum(is_step)[found]
    codes = np.zeros((len(found), spec.n_steps), dtype=np.int32)
    for step in range(spec.n_steps if len(places) else 0):
        there = next_step + step
        row = places[np.minimum(there, len(places) - 1)]
        is_there = (there < len(places)) & (user[row] == user[found])
        if anchors.within_us:
            is_there &= np.abs(us[row] - us[found]) < anchors.within_us
        codes[:, step] = np.where(is_there, kind[row], NOTHING)
    return Walks(user[found], codes, n_open, n_gap)


def _ordered_at_instants(user: Ints, us: Ints, kind: Ints, ranks: NDArray[np.int32]) -> Ints:
    """Put the events of each instant in the order of their ranks."""
    is_again = np.zeros(len(user) + 1, dtype=bool)
    is_again[1:-1] = (us[1:] == us[:-1]) & (user[1:] == user[:-1])
    crowd = np.flatnonzero(is_again[:-1] | is_again[1:])
    if len(crowd):
        instant = np.cumsum(~is_again[crowd])
        kind = kind.copy()
        kind[crowd] = kind[crowd][np.lexsort((ranks[kind[crowd]], instant))]
    return kind


def joined(parts: Sequence[Walks], n_steps: int) -> Walks:
    """Put the walks of different users together."""
    if not parts:
        return Walks(np.empty(0, np.int32), np.empty((0, n_steps), np.int32), 0, 0)
    return Walks(
        np.concatenate([part.user for part in parts]),
        np.concatenate([part.codes for part in parts]),
        sum(part.n_open for part in parts),
        sum(part.n_gap for part in parts),
    )


def top_keys(found: Walks, names: Mapping[int, str], n_top: int) -> list[int]:
    """Return the events that stand at most places, the most frequent first; equals in the order of the alphabet."""
    counts = np.bincount(found.codes.ravel(), minlength=max(names) + 1)
    keys = [key for key in names if counts[key]]
    return sorted(keys, key=lambda key: (-int(counts[key]), names[key]))[:n_top]


def paths_of(found: Walks, spec: PathsSpec, clock: Clock, data_version: int, names: Mapping[int, str]) -> Paths:
    """Count the users of each event at each step, of each pair of neighbours and of each whole sequence."""
    n_users = len(found.user)
    top = top_keys(found, names, spec.n_top)
    codes = np.where(np.isin(found.codes, [*top, NOTHING]), found.codes, OTHER)
    places = [*top, OTHER, NOTHING]
    steps = pd.DataFrame(
        [
            (step + 1, *_place(code, names), int((codes[:, step] == code).sum()), n_users)
            for step in range(spec.n_steps)
            for code in places
        ],
        columns=list(STEP_COLUMNS[:5]),
    )
    links = [
        (step + 1, *_place(one, names), *_place(two, names), n)
        for step in range(1, spec.n_steps)
        for one in places
        for two in places
        if (n := int(((codes[:, step - 1] == one) & (codes[:, step] == two)).sum()))
    ]
    sequences, n_sequences = _sequences(found, names)
    n_listed = int(sequences["n_users"].sum())
    return Paths(
        spec, clock, data_version, n_users, found.n_open, found.n_gap, _with_rates(steps),
        pd.DataFrame(links, columns=list(LINK_COLUMNS)), _with_rates(sequences), n_sequences, n_users - n_listed,
    )  # fmt: skip


def _place(code: int, names: Mapping[int, str]) -> tuple[str, str | None]:
    if code == NOTHING:
        return "nothing", None
    return ("other", None) if code == OTHER else ("event", names[code])


def _with_rates(rows: pd.DataFrame) -> pd.DataFrame:
    n = rows["n_all"].where(rows["n_all"] > 0).astype(float)
    low, high = wilson(rows["n_users"], n)
    return rows.assign(rate=rows["n_users"] / n, low=low, high=high)


def _sequences(found: Walks, names: Mapping[int, str]) -> tuple[pd.DataFrame, int]:
    columns = list(SEQUENCE_COLUMNS[:3])
    if not len(found.user):
        return pd.DataFrame([], columns=columns).astype({"n_users": int, "n_all": int}), 0
    different, counts = np.unique(found.codes, axis=0, return_counts=True)
    rows = [
        (tuple(names[int(code)] for code in codes if code != NOTHING), int(n), len(found.user))
        for codes, n in zip(different, counts, strict=True)
    ]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return pd.DataFrame(rows[:SHOWN_SEQUENCES], columns=columns), len(rows)


def users_at(found: Walks, spec: PathUsersSpec, names: Mapping[int, str], key: int | None) -> Ints:
    """Return the keys of the users with an event (its key), an unnamed one or nothing at a step."""
    here = found.codes[:, spec.step - 1]
    if spec.kind == "event":
        return found.user[here == key]
    if spec.kind == "nothing":
        return found.user[here == NOTHING]
    return found.user[~np.isin(here, [*top_keys(found, names, spec.paths.n_top), NOTHING])]


def users_with(found: Walks, keys: Sequence[int]) -> Ints:
    """Return the keys of the users whose whole sequence is this one."""
    whole = np.full(found.codes.shape[1], NOTHING)
    whole[: len(keys)] = keys
    return found.user[(found.codes == whole).all(axis=1)]
