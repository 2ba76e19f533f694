"""How lists of users overlap: arithmetic on their keys, which are small whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.audiences.spec import CombinedUsersSpec

Keys = NDArray[np.int32]
Flags = NDArray[np.bool_]


def _flags(lists: Mapping[int, Keys]) -> dict[int, Flags]:
    size = 1 + max((int(keys.max()) for keys in lists.values() if len(keys)), default=0)
    found = {}
    for name, keys in lists.items():
        flags = np.zeros(size, dtype=np.bool_)
        flags[keys] = True
        found[name] = flags
    return found


def combined_size(lists: Mapping[int, Keys], spec: CombinedUsersSpec) -> int:
    """Count the users of a combination.

    Examples
    --------
    >>> lists = {1: np.array([1, 2, 3]), 2: np.array([2, 3]), 3: np.array([3])}
    >>> combined_size(lists, CombinedUsersSpec(all_of=(1, 2), none_of=(3,)))
    1
    """
    flags = _flags(lists)
    parts = [flags[name] for name in spec.all_of]
    if spec.any_of:
        parts.append(np.logical_or.reduce([flags[name] for name in spec.any_of]))
    kept = np.logical_and.reduce(parts)
    for name in spec.none_of:
        kept &= ~flags[name]
    return int(np.count_nonzero(kept))


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many users each two of some lists share.

    Attributes
    ----------
    names : tuple of str
    counts : ndarray of int, shape (n_lists, n_lists)
        Users on both; on the diagonal, on the list.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of the users of the list of the row, the share that is also on the list of the column; NaN of an empty list."""
        sizes = np.diag(self.counts)[:, None].astype(np.float64)
        return np.divide(self.counts, sizes, out=np.full(self.counts.shape, np.nan), where=sizes > 0)

    @property
    def table(self) -> pd.DataFrame:
        """One row per pair of different lists: list, users, other, n_both, share."""
        k = len(self.names)
        rows = [
            (self.names[i], int(self.counts[i, i]), self.names[j], int(self.counts[i, j]), float(self.shares[i, j]))
            for i in range(k)
            for j in range(k)
            if i != j
        ]
        return pd.DataFrame(rows, columns=["list", "n_users", "other", "n_both", "share"])


def overlap_of(lists: Mapping[int, Keys], names: Mapping[int, str]) -> Overlap:
    """Count the users that each two of the lists share.

    Examples
    --------
    >>> overlap_of({1: np.array([1, 2, 3]), 2: np.array([3, 4])}, {1: "a", 2: "b"}).counts.tolist()
    [[3, 1], [1, 2]]
    """
    flags = list(_flags(lists).values())
    k = len(flags)
    counts = np.zeros((k, k), dtype=np.int64)
    for i in range(k):
        for j in range(i, k):
            counts[i, j] = counts[j, i] = np.count_nonzero(flags[i] & flags[j])
    return Overlap(tuple(names[name] for name in lists), counts)
