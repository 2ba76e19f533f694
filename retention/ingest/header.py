"""Read the header of a delimited text file ourselves: the engine matches columns by position only."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass

from retention.errors import FileError

DELIMITERS = (",", ";", "\t", "|")
MAX_COLUMNS = 2_000
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", " ": "space"}
_SAMPLE_ROWS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The first record of a delimited file.

    Parameters
    ----------
    columns : tuple of str
        Names, trimmed, none empty, none twice.
    delimiter : str
    n_skipped : int
        Physical lines before the header: blank ones, or Excel's ``sep=;``.
    rows : tuple of tuples
        The first rows after it, as text.
    """

    columns: tuple[str, ...]
    delimiter: str
    n_skipped: int
    rows: tuple[tuple[str, ...], ...]


def read_header(text: str, *, delimiter: str | None, n_rows: int = _SAMPLE_ROWS) -> Header:
    """Find the delimiter and read the header and some rows from the beginning of a file.

    Parameters
    ----------
    text : str
        The first characters of the file, without a byte-order mark; may end in the middle of a row.
    delimiter : str, optional
        Detected when not given.
    n_rows : int
        Rows wanted.

    Raises
    ------
    FileError
        If there is one column only, a name occurs twice, or there are no rows.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    n_skipped = next((i for i, line in enumerate(lines) if line), 0)
    if len(lines[n_skipped]) == 5 and lines[n_skipped].casefold().startswith("sep="):
        delimiter = delimiter or lines[n_skipped][4]
        n_skipped += 1
    body = "\n".join(lines[n_skipped:])
    found = delimiter or _delimiter_of(body)
    records = _records(body, found, n_rows + 2)
    columns = [name.strip() for name in records[0]]
    if len(columns) < 2:
        raise _one_column(body, columns[0], delimiter)
    if len(columns) > MAX_COLUMNS:
        raise FileError(
            f"The header has {len(columns):,} columns; at most {MAX_COLUMNS:,} are read.",
            hint="Export only the columns that are needed.",
        )
    columns = [name or f"column {i}" for i, name in enumerate(columns, start=1)]
    twice = [name for name, n in Counter(columns).items() if n > 1]
    if twice:
        places = ", ".join(str(i) for i, name in enumerate(columns, start=1) if name == twice[0])
        raise FileError(
            f'The header names the column "{twice[0]}" more than once (columns {places}).',
            hint="Rename one of them in the file.",
        )
    rows = [tuple(record) for record in records[1:] if record]
    if not rows:
        raise FileError("The file has a header and no rows.", hint="Check the filter or the dates of the export.")
    return Header(columns=tuple(columns), delimiter=found, n_skipped=n_skipped, rows=tuple(rows[:n_rows]))


def _records(body: str, delimiter: str, n: int) -> list[list[str]]:
    records: list[list[str]] = []
    csv.field_size_limit(1 << 28)
    for record in csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, skipinitialspace=True):
        if record:
            records.append(record)
        if len(records) >= n:
            break
    return records


def _delimiter_of(body: str) -> str:
    """Prefer the delimiter that cuts the header into several parts and the rows into as many."""
    best, best_score = ",", (0.0, 0)
    for candidate in DELIMITERS:
        records = _records(body, candidate, _SAMPLE_ROWS)
        n = len(records[0])
        if n < 2:
            continue
        agree = sum(1 for record in records if len(record) == n) / len(records)
        if (round(agree, 1), n) > best_score:
            best, best_score = candidate, (round(agree, 1), n)
    return best


def _one_column(body: str, name: str, delimiter: str | None) -> FileError:
    shown = name if len(name) <= 60 else name[:57] + "…"
    better = next((c for c in DELIMITERS if c != delimiter and len(_records(body, c, 1)[0]) > 1), None)
    if delimiter is not None and better is not None:
        return FileError(
            f'With the delimiter "{_NAMES.get(delimiter, delimiter)}" the header is one column, "{shown}".',
            hint=f"It looks delimited by a {_NAMES[better]}.",
        )
    return FileError(
        f'The header is one column, "{shown}"; no comma, semicolon, tab or vertical bar divides it.',
        hint="Name the delimiter, or check that the file is a table.",
    )
