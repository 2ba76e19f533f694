"""Users at a cut-off: what was known of them, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.spec import LapseSpec
from retention.features.table import FeatureTable
from retention.sequences.table import SequenceTable, joined

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CutoffTable:
    """The users who could lapse at a cut-off.

    Attributes
    ----------
    cutoff_day : int
        Days since 1970; what happened on it or later is not in the features.
    user_keys : ndarray of int, shape (n_users,)
        Ascending.
    features : tuple of str
    values : ndarray, shape (n_users, n_features)
        NaN where a feature is not known.
    lapsed : ndarray of {0, 1} or None
        None where the horizon has not ended.
    days_until : ndarray or None
        Days from the end of the gap to the first event; the whole horizon for those who lapsed.
    sequences : SequenceTable or None
        What all users did before the cut-off, also those who could not lapse; read only for the models that need it.
    """

    cutoff_day: int
    user_keys: Ints
    features: tuple[str, ...]
    values: Floats
    lapsed: Ints | None = None
    days_until: Floats | None = None
    sequences: SequenceTable | None = None

    @property
    def n_users(self) -> int:
        """How many users could lapse."""
        return len(self.user_keys)

    @property
    def base_rate(self) -> float:
        """Which share did; NaN where it is not known yet."""
        return float(self.lapsed.mean()) if self.lapsed is not None and len(self.lapsed) else float("nan")

    def column(self, name: str) -> Floats:
        """Return one feature of all users."""
        return self.values[:, self.features.index(name)]

    def at(self, places: Ints) -> CutoffTable:
        """Return some of the users."""
        return replace(
            self, user_keys=self.user_keys[places], values=self.values[places],
            lapsed=None if self.lapsed is None else self.lapsed[places],
            days_until=None if self.days_until is None else self.days_until[places],
        )  # fmt: skip


def cutoff_table(
    table: FeatureTable, outcomes: pd.DataFrame, lapse: LapseSpec, cutoff_day: int, *, is_known: bool
) -> CutoffTable:
    """Join what was known with what came.

    Parameters
    ----------
    outcomes : DataFrame
        user_key, n_after, first_after: users who could lapse.
    is_known : bool
        Whether the horizon has ended, so that the outcomes are final.
    """
    rows = outcomes.sort_values("user_key")
    keys = rows["user_key"].to_numpy(dtype=np.int64)
    place = np.searchsorted(table.user_keys, keys)
    if len(keys) and (place.max(initial=0) >= table.n_users or (table.user_keys[place] != keys).any()):
        raise ValueError("a user who could lapse has no features")
    names = table.numeric
    values = table.frame[list(names)].to_numpy(dtype=np.float64)[place]
    if not is_known:
        return CutoffTable(cutoff_day, keys, names, values)
    lapsed = (rows["n_after"].to_numpy() == 0).astype(np.int64)
    first = rows["first_after"].to_numpy(dtype=np.float64)
    return CutoffTable(cutoff_day, keys, names, values, lapsed, np.where(lapsed == 1, float(lapse.horizon_days), first))


def sampled(table: CutoffTable, most: int) -> CutoffTable:
    """Keep about `most` users, the same ones at every cut-off.

    Notes
    -----
    By a multiplicative hash of the user's number (Knuth), so that who is drawn depends on no order and no other user.
    """
    if table.n_users <= most:
        return table
    place = (table.user_keys.astype(np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    return table.at(np.flatnonzero(place < np.uint64(2**32 * most / table.n_users)))


@dataclass(frozen=True, slots=True)
class Rows:
    """Users of several cut-offs, one under the other."""

    features: tuple[str, ...]
    values: Floats
    lapsed: Ints
    days_until: Floats
    sequences: SequenceTable | None = None
    unlabelled: SequenceTable | None = None
    """What all users had done by the latest of the cut-offs, with or without an outcome."""

    @property
    def n_rows(self) -> int:
        """How many, a user once for each cut-off."""
        return len(self.lapsed)


def stacked(tables: Sequence[CutoffTable], most: int, seed: int = 0) -> Rows:
    """Put the users of several cut-offs under each other, at most `most`, drawn at random.

    Notes
    -----
    Features that one of the cut-offs does not know are left out. Rows are put in the order of what they say: some models
    give other scores when the rows come in another order, and users are numbered as they come in the file.
    """
    names = tuple(name for name in tables[0].features if all(name in table.features for table in tables))
    known = [table for table in tables if table.lapsed is not None and table.days_until is not None]
    if len(known) != len(tables):
        raise ValueError("a cut-off whose outcomes are not known cannot teach")
    values = np.concatenate([table.values[:, [table.features.index(n) for n in names]] for table in known])
    lapsed = np.concatenate([table.lapsed for table in known if table.lapsed is not None])
    days = np.concatenate([table.days_until for table in known if table.days_until is not None])
    read = [table.sequences.of(table.user_keys) for table in known if table.sequences is not None]
    sequences = joined(read) if len(read) == len(known) else None
    order = np.lexsort((days, lapsed, *values.T))
    if len(lapsed) > most:
        order = order[np.sort(np.random.default_rng(seed).choice(len(lapsed), most, replace=False))]
    values, lapsed, days = values[order], lapsed[order], days[order]
    sequences = None if sequences is None else sequences.taken(order)
    return Rows(names, values, lapsed, days, sequences, max(known, key=lambda table: table.cutoff_day).sequences)
