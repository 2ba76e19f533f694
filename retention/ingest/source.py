"""A file's rows as the view `raw` of the worker's engine, whatever the file was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The view ``raw`` (``c0``, ``c1``, …, ``record`` from 0) and the table ``malformed``.

    Parameters
    ----------
    columns : tuple of str
        Names in the file, of ``c0`` and so on.
    types : tuple of str
        The engine's types of those columns.
    n_rows, n_malformed : int
        Rows of ``raw``; records that are no rows.
    lines_of : callable
        Physical lines of some records of ``raw``, given ascending.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    n_rows: int
    n_malformed: int
    lines_of: Callable[[Ints], Ints]

    def at(self, column: str) -> str:
        """Give the column's name in ``raw``."""
        return f"c{self.columns.index(column)}"

    def type_of(self, column: str) -> str:
        """Give the column's type in ``raw``."""
        return self.types[self.columns.index(column)]


def same_number(records: Ints) -> Ints:
    """Count records from 1, for files without lines."""
    return records + 1


MALFORMED = "create table malformed (line bigint, column_name varchar, value varchar, reason varchar)"
RAW_FILE = Path("raw.parquet")
