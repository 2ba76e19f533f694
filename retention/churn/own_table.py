"""A table of one's own: read as text, its columns' types guessed, and what it cannot teach left out with the reason."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.spec_own import LEAST_ROWS, OwnSpec
from retention.errors import SpecError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_BYTES = 500_000_000
MOST_COLUMNS = 500
ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
"""A file that is none of the first two is taken as Western European, which every sequence of bytes can be."""
DELIMITERS = (",", ";", "\t", "|")
MISSING = frozenset(("", "na", "n/a", "nan", "null"))
NO_NUMBER = MISSING | {"none", "-", "?"}
"""Signs that stand for an unknown number; among words they may be an answer of their own."""
YES = frozenset(("yes", "y", "true", "t", "1", "1.0", "churned", "churn", "lapsed", "left", "cancelled", "canceled", "是"))
MOST_DISTINCT = 0.5
"""Where more of the values are different from each other, a text tells users apart and groups none."""
MANY_ROWS = 100
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?)?")
ID_NAME = re.compile(r"(^|[_\- ])(id|key|uuid|guid|no|nr|number)$|[a-z](ID|Id|Key)$|^(id|uid|user|customer|member)$", re.ASCII)

LABEL_NAME = re.compile(r"churn|lapse|attrit|exited|cancel|(^|[_ ])left([_ ]|$)|流失", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that can be learned from.

    Attributes
    ----------
    name : str
    kind : {"number", "day", "text"}
        A day is learned from as a number; each value of a text that is frequent enough becomes a column.
    n_missing, n_distinct : int
    """

    name: str
    kind: str
    n_missing: int
    n_distinct: int


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A table that is fit to learn from.

    Attributes
    ----------
    name : str
        Of the file.
    spec : OwnSpec
    columns : tuple of Column
    values : DataFrame
        Numbers as float (NaN where unknown), texts as str (None where unknown), one row a row of the file.
    labels : ndarray of {0, 1, -1}, shape (n_rows,)
        1 for users who left; −1 where the file does not say.
    ids : tuple of str or None
    positive, negative : str
        The two values of the label.
    left_out : tuple of (name, reason)
    """

    name: str
    spec: OwnSpec
    columns: tuple[Column, ...]
    values: pd.DataFrame
    labels: Ints
    ids: tuple[str, ...] | None
    positive: str
    negative: str
    left_out: tuple[tuple[str, str], ...]

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which rows say who left."""
        return np.asarray(self.labels >= 0)

    @property
    def n_unknown(self) -> int:
        """How many rows do not say it: they are scored, and teach nothing."""
        return int((self.labels < 0).sum())


def text_of(content: bytes) -> str:
    """Decode a file, gzipped or not.

    Raises
    ------
    SpecError
        If it is empty, too large or no text.
    """
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            raise SpecError("The file ends before it is whole, or is no gzip file.", hint="Save it again.") from None
    if len(content) > MOST_BYTES:
        raise SpecError(f"The file must hold at most {MOST_BYTES // 10**6} MB of text.", hint="Take fewer rows or columns.")
    if not content.strip():
        raise SpecError("The file is empty.", hint="It takes a row of names, and a row for each user.")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ENCODINGS
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SpecError("The file is no text.", hint="Save the table as CSV.")


def read_table(content: bytes) -> pd.DataFrame:
    """Read a delimited file, every cell as text without the spaces around it.

    Returns
    -------
    DataFrame
        One column a column of the file, in its order.

    Raises
    ------
    SpecError
        If the file holds no table: empty, no row beneath the names, two columns of one name, or rows of another width.
    """
    text = text_of(content)
    head = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                if rows and len(row) != len(rows[0]):
                    _check_names([name.strip() for name in rows[0]], 1, delimiter)
                    raise SpecError(
                        f"Line {reader.line_num:,} of the file has {len(row)} columns and the names are {len(rows[0])}.",
                        hint="Put cells that hold the separator into quotation marks.",
                    )
                rows.append(row)
    except csv.Error:
        raise SpecError(
            f"The file is no table: line {reader.line_num:,} holds a quotation mark that is never closed, or closed too early."
        ) from None
    names = [name.strip() for name in rows[0]]
    _check_names(names, len(rows) - 1, delimiter)
    return pd.DataFrame(rows[1:], columns=pd.Index(names), dtype=object).apply(lambda column: column.str.strip())


def _check_names(names: Sequence[str], n_rows: int, delimiter: str) -> None:
    if not n_rows:
        raise SpecError("The file has a row of names and nothing beneath it.", hint="It takes a row for each user.")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice == "":
        raise SpecError("More than one column has no name.", hint="Name every column in the first row.")
    if twice is not None:
        raise SpecError(f"Two columns are called {twice}.", hint="Rename one of them.")
    if len(names) < 2:
        said = "tab" if delimiter == "\t" else delimiter
        raise SpecError(
            f"The file has one column only ({names[0]}).",
            hint=f"Columns must be separated by a comma, semicolon, tab or bar; the first row holds no {said}.",
        )
    if len(names) > MOST_COLUMNS:
        raise SpecError(f"The file must have at most {MOST_COLUMNS} columns, not {len(names):,}.", hint="Leave some out.")


def own_table(frame: pd.DataFrame, spec: OwnSpec, name: str = "table") -> OwnTable:
    """Find out what each column is, and which can be learned from.

    Parameters
    ----------
    frame : DataFrame of str
        See `read_table`.

    Raises
    ------
    SpecError
        If the label is not there, or has not two values; if a user has two rows; or if nothing is left to learn from.
    """
    for role, column in (("label", spec.label), ("id", spec.id_column), *(("column", n) for n in (*spec.allowed, *spec.left_out))):
        if column is not None and column not in frame.columns:
            raise SpecError(
                f"The file has no {role if role != 'id' else 'id column'} {column!r}." if role != "column"
                else f"The file has no column {column!r}.",
                hint=f"Its columns are {', '.join(frame.columns[:30])}{', …' if len(frame.columns) > 30 else ''}.",
            )  # fmt: skip
    labels, positive, negative = _labels(frame[spec.label], spec)
    ids = _ids(frame, spec)
    columns, left_out, values = [], [], {}
    for column in frame.columns:
        if column in (spec.label, spec.id_column):
            continue
        if column in spec.left_out:
            left_out.append((column, "left out as asked"))
            continue
        kind, cells = _typed(frame[column])
        is_missing = pd.isna(cells)
        n_distinct = int(cells[~is_missing].nunique())
        if reason := _no_use(column, kind, cells[~is_missing], n_distinct, int(is_missing.sum())):
            left_out.append((column, reason))
            continue
        columns.append(Column(column, kind, int(is_missing.sum()), n_distinct))
        values[column] = cells
    if not columns:
        said = "; ".join(f"{name}: {reason}" for name, reason in left_out) or "there is none beside the label"
        raise SpecError(f"No column is left to learn from ({said}).")
    return OwnTable(name, spec, tuple(columns), pd.DataFrame(values), labels, ids, positive, negative, tuple(left_out))


def two_values(frame: pd.DataFrame) -> list[str]:
    """List the columns that could say who left, the likeliest first: those with two values beside the unknown."""
    found = [name for name in frame.columns if frame[name][~frame[name].str.lower().isin(MISSING)].nunique() == 2]
    return sorted(found, key=lambda name: not LABEL_NAME.search(name))


def likely_id(frame: pd.DataFrame) -> str | None:
    """Guess the column that tells users apart: the first that differs in every row and is called like one."""
    return next((name for name in frame.columns if ID_NAME.search(name) and frame[name].is_unique), None)


def _labels(cells: pd.Series, spec: OwnSpec) -> tuple[Ints, str, str]:
    is_known = ~cells.str.lower().isin(MISSING).to_numpy()
    found = sorted(cells[is_known].unique())
    if len(found) != 2:
        shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        if not found:
            raise SpecError(f"The label {spec.label} is empty in every row.", hint="Choose the column that says who left.")
        if len(found) == 1:
            raise SpecError(
                f"The label {spec.label} has one value only ({shown}): there is nobody to tell apart.",
                hint="It takes users who left and users who stayed.",
            )
        raise SpecError(
            f"The label {spec.label} must have two values, not {len(found):,} ({shown}).",
            hint="Choose the column that says who left, yes or no.",
        )
    if spec.positive is not None:
        if spec.positive not in found:
            raise SpecError(f"The label {spec.label} has no value {spec.positive!r}, only {' and '.join(found)}.")
        positive = spec.positive
    else:
        likely = [value for value in found if value.lower() in YES]
        if len(likely) != 1:
            raise SpecError(
                f"Which value of {spec.label} means that a user left, {found[0]} or {found[1]}?",
                hint=f"Say it: --positive {found[1]!r}.",
            )
        (positive,) = likely
    negative = next(value for value in found if value != positive)
    labels = np.where(is_known, (cells == positive).to_numpy().astype(np.int64), -1)
    n_left, n_stayed = int((labels == 1).sum()), int((labels == 0).sum())
    if n_left + n_stayed < LEAST_ROWS or min(n_left, n_stayed) < 2 * spec.n_folds:
        raise SpecError(
            f"Too few users to learn from: {n_left:,} left and {n_stayed:,} stayed; it takes {LEAST_ROWS} users, and"
            f" {2 * spec.n_folds} of each kind."
        )
    return labels, positive, negative


def _ids(frame: pd.DataFrame, spec: OwnSpec) -> tuple[str, ...] | None:
    if spec.id_column is None:
        return None
    cells = frame[spec.id_column]
    is_again = cells.duplicated()
    if is_again.any():
        raise SpecError(
            f"{int(is_again.sum()):,} rows repeat a {spec.id_column} that an earlier row has, the first of them"
            f" {cells[is_again].iloc[0]!r}.",
            hint="A user must have one row, or the model would be judged on users whom it knows.",
        )
    return tuple(cells)


def _typed(cells: pd.Series) -> tuple[str, pd.Series]:
    """Guess what a column holds: numbers, days, or words."""
    low = cells.str.lower()
    is_unknown = low.isin(NO_NUMBER)
    known = cells[~is_unknown]
    if len(known):
        # A number that begins with a zero is a code: 01067 is a place.
        has_codes = known.str.fullmatch(r"0\d+").any()
        numbers = pd.to_numeric(known, errors="coerce")
        if not has_codes and not numbers.isna().any():
            out = pd.Series(np.nan, index=cells.index, dtype=np.float64)
            out[~is_unknown] = numbers.astype(np.float64).where(np.isfinite(numbers.astype(np.float64)))
            return "number", out
        if known.str.fullmatch(ISO_DAY).all():
            days = pd.to_datetime(known.str[:10], errors="coerce", format="%Y-%m-%d")
            if not days.isna().any():
                out = pd.Series(np.nan, index=cells.index, dtype=np.float64)
                out[~is_unknown] = (days - pd.Timestamp(1970, 1, 1)).dt.days.astype(np.float64)
                return "day", out
    return "text", cells.astype(object).where(~low.isin(MISSING), None)


def _no_use(name: str, kind: str, known: pd.Series, n_distinct: int, n_missing: int) -> str:
    """Say why a column cannot be learned from, if so."""
    n = len(known)
    if not n:
        return "empty in every row"
    if n_distinct == 1 and not n_missing:
        return "the same in every row"
    is_each = n_distinct == n and n > 1
    if kind == "text":
        if is_each:
            return "different in every row, like an id"
        if n_distinct > MOST_DISTINCT * n:
            return f"{n_distinct:,} different texts in {n:,} rows, so that it groups nobody"
    elif kind == "number" and is_each and bool((known == known.round()).all()) and (n >= MANY_ROWS or ID_NAME.search(name)):
        return "a different whole number in every row, like an id"
    return ""
