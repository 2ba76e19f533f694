"""Sequences of many users in a few long columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SECOND_US = 1_000_000
DAY_S = 86_400
LONGEST_S = 60 * 365 * DAY_S
"""Older steps are this old: so that an age fits into four bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class SequenceTable:
    """What each user did before a cut-off, the earliest step first.

    Attributes
    ----------
    user_keys : ndarray of int, shape (n_users,)
        Ascending as the store gives them; after `taken` in the order asked for.
    cutoff_days : ndarray of int, shape (n_users,)
        Days since 1970: nothing of that day or later is in the sequence.
    offsets : ndarray of int, shape (n_users + 1,)
        The steps of the i-th user are those from ``offsets[i]`` to ``offsets[i + 1]``.
    kinds : ndarray of int16, shape (n_steps,)
        Place of the kind of event in `vocabulary`.
    ages : ndarray of int32, shape (n_steps,)
        Seconds from the step to the beginning of the cut-off day.
    amounts : ndarray of float16, shape (n_steps,)
        ``sign(v) log(1 + |v|)`` of the value of the step; NaN where it has none.
    sizes : ndarray of float16, shape (n_steps,)
        ``log n`` of the rows that are one step.
    n_before : ndarray of float, shape (n_users,)
        Steps of the whole history, however many of them are kept.
    days_known : ndarray of float, shape (n_users,)
        Days from the first step of all to the cut-off.
    vocabulary : tuple of str
    """

    user_keys: Ints
    cutoff_days: Ints
    offsets: Ints
    kinds: NDArray[np.int16]
    ages: NDArray[np.int32]
    amounts: NDArray[np.float16]
    sizes: NDArray[np.float16]
    n_before: Floats
    days_known: Floats
    vocabulary: tuple[str, ...]

    @property
    def n_users(self) -> int:
        """How many sequences there are; a user has one for each cut-off."""
        return len(self.user_keys)

    @property
    def lengths(self) -> Ints:
        """Return how many steps each has."""
        return np.diff(self.offsets)

    def taken(self, rows: NDArray[np.int64]) -> SequenceTable:
        """Return some of the sequences, in the order of `rows`."""
        rows = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        steps = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return SequenceTable(
            self.user_keys[rows], self.cutoff_days[rows], offsets, self.kinds[steps], self.ages[steps], self.amounts[steps],
            self.sizes[steps], self.n_before[rows], self.days_known[rows], self.vocabulary,
        )  # fmt: skip

    def of(self, user_keys: Ints) -> SequenceTable:
        """Return the sequences of some users of one cut-off.

        Raises
        ------
        ValueError
            If one of them has none.
        """
        place = np.searchsorted(self.user_keys, user_keys)
        if len(place) and (place.max() >= self.n_users or (self.user_keys[place] != user_keys).any()):
            raise ValueError("a user has no sequence")
        return self.taken(place)


def sequence_table(
    steps: pd.DataFrame, vocabulary: Mapping[int, str], cutoff_day: int, cutoff_us: int
) -> SequenceTable:
    """Lay out the rows that `query.user_steps` gives.

    Parameters
    ----------
    vocabulary : mapping of int to str
        The name of each kind of event, by its key.
    """
    names = tuple(sorted(vocabulary.values()))
    place = {key: names.index(name) for key, name in vocabulary.items()}
    of_key = np.zeros(max(place, default=0) + 1, dtype=np.int16)
    for key, at in place.items():
        of_key[key] = at
    user = steps["user_key"].to_numpy(dtype=np.int64)
    keys, first = np.unique(user, return_index=True)
    at_us = steps["occurred_us"].to_numpy(dtype=np.int64)
    value = steps["value"].to_numpy(dtype=np.float64)
    return SequenceTable(
        keys,
        np.full(len(keys), cutoff_day, dtype=np.int64),
        np.append(first, len(user)).astype(np.int64),
        of_key[steps["event_key"].to_numpy(dtype=np.int64)],
        np.clip((cutoff_us - at_us) // SECOND_US, 0, LONGEST_S).astype(np.int32),
        (np.sign(value) * np.log1p(np.abs(value))).astype(np.float16),
        np.log(steps["n"].to_numpy(dtype=np.float64)).astype(np.float16),
        steps["n_steps"].to_numpy(dtype=np.float64)[first],
        (cutoff_us - steps["first_us"].to_numpy(dtype=np.int64)[first]) / (SECOND_US * DAY_S),
        names,
    )


def joined(tables: Sequence[SequenceTable]) -> SequenceTable:
    """Put the sequences of several cut-offs under each other.

    Raises
    ------
    ValueError
        If they do not name the same kinds of events.
    """
    if len({table.vocabulary for table in tables}) != 1:
        raise ValueError("the sequences name different kinds of events")
    lengths = np.concatenate([table.lengths for table in tables])
    return SequenceTable(
        np.concatenate([table.user_keys for table in tables]),
        np.concatenate([table.cutoff_days for table in tables]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([table.kinds for table in tables]),
        np.concatenate([table.ages for table in tables]),
        np.concatenate([table.amounts for table in tables]),
        np.concatenate([table.sizes for table in tables]),
        np.concatenate([table.n_before for table in tables]),
        np.concatenate([table.days_known for table in tables]),
        tables[0].vocabulary,
    )
