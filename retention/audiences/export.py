"""Tables as files that a spreadsheet can open without running anything."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import pandas as pd

from retention.errors import SpecError

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "xlsx", "parquet", "jsonl"]
FORMATS: tuple[Format, ...] = ("csv", "xlsx", "parquet")
LIST_FORMATS: tuple[Format, ...] = (*FORMATS, "jsonl")
"""Lists of users go to campaign tools, too, many of which read JSON a line."""
MIME = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "jsonl": "application/jsonl",
}
MAX_XLSX_ROWS = 1_048_575

# What a spreadsheet takes for a formula, also behind spaces and in full-width forms.
# A text that is escaped already is escaped once more, so that taking one apostrophe off at import gives it back.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@|%＝＋－＠｜％]|[\t\r\n])")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PERHAPS = "^[^0-9A-Za-z]"
"""How everything begins that `escape` changes, and some of what it leaves alone."""


def escape(text: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run; leave numbers alone.

    Examples
    --------
    >>> escape("=1+1"), escape("-3.5"), escape("ann")
    ("'=1+1", '-3.5', 'ann')
    """
    if isinstance(text, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def check_rows(fmt: str, n_rows: int) -> None:
    """Refuse more rows than a format can hold, before any is written.

    Raises
    ------
    SpecError
    """
    if fmt == "xlsx" and n_rows > MAX_XLSX_ROWS:
        raise SpecError(
            f"An XLSX sheet holds at most {MAX_XLSX_ROWS:,} rows, not {n_rows:,}.",
            hint="Export CSV or Parquet instead.",
        )


def table_bytes(frame: pd.DataFrame, fmt: str, sheet: str = "data") -> bytes:
    """Write a table as CSV (UTF-8 with a byte-order mark), XLSX or Parquet.

    Raises
    ------
    SpecError
        If the format is not known, or XLSX cannot hold so many rows.
    """
    if fmt not in FORMATS:
        raise SpecError(f"The format must be one of {', '.join(FORMATS)}, not {fmt!r}.")
    buffer = io.BytesIO()
    if fmt == "parquet":
        frame.to_parquet(buffer, index=False)  # Parquet holds no formulas: nothing to escape
        return buffer.getvalue()
    safe = frame.rename(columns=lambda name: str(escape(str(name))))
    texts = [
        c
        for c in safe.columns
        if not pd.api.types.is_numeric_dtype(safe[c]) and not pd.api.types.is_bool_dtype(safe[c])
    ]
    safe = safe.assign(**{c: safe[c].map(escape) for c in texts})
    if fmt == "csv":
        return safe.to_csv(index=False).encode("utf-8-sig")
    check_rows(fmt, len(safe))
    options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(buffer, engine="xlsxwriter", engine_kwargs=options) as writer:
        safe.to_excel(writer, sheet_name=sheet[:31], index=False)
    return buffer.getvalue()


def json_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a frame into what JSON can hold, unrounded; what is not known is null."""
    found = []
    for row in frame.to_dict("records"):
        plain: dict[str, Any] = {}
        for name, value in row.items():
            if pd.isna(value):
                plain[str(name)] = None
            elif isinstance(value, date):
                plain[str(name)] = value.isoformat()
            else:
                plain[str(name)] = value.item() if hasattr(value, "item") else value
        found.append(plain)
    return found


# Lists of any length ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """What has been written.

    Attributes
    ----------
    n_rows : int
    sha256 : str
        Of the bytes.
    """

    n_rows: int
    sha256: str


def format_of(path: Path) -> Format:
    """Read the format of a list from the ending of its file.

    Raises
    ------
    SpecError
        If it is none of ours.

    Examples
    --------
    >>> format_of(Path("spring.CSV"))
    'csv'
    """
    for fmt in LIST_FORMATS:
        if path.suffix.lower() == f".{fmt}":
            return fmt
    endings = ", ".join(f".{fmt}" for fmt in LIST_FORMATS)
    raise SpecError(f"The name of the file must end in one of {endings}, not {path.name!r}.")


def write_rows(parts: Iterable[pa.Table], fmt: str, out: IO[bytes], sheet: str = "data") -> Written:
    """Write a table that comes in parts, none of which is held once it is written.

    Parameters
    ----------
    parts : iterable of pyarrow.Table
        At least one; an empty one makes a file without rows.
    fmt : {"csv", "xlsx", "parquet", "jsonl"}
        CSV and XLSX hold no text that a spreadsheet would run; Parquet and JSON lines hold texts as they are, for they
        know no formulas.
    out : file open for writing bytes
    sheet : str
        Name of the sheet of XLSX.

    Raises
    ------
    SpecError
        If the format is not known.
    """
    writers = {"csv": _write_csv, "xlsx": _write_xlsx, "parquet": _write_parquet, "jsonl": _write_json_lines}
    if fmt not in writers:
        raise SpecError(f"The format must be one of {', '.join(LIST_FORMATS)}, not {fmt!r}.")
    counted, hashed = _Counted(parts), _Hashed(out)
    if fmt == "xlsx":
        _write_xlsx(counted, hashed, sheet)
    else:
        writers[fmt](counted, hashed)
    return Written(counted.n_rows, hashed.sha256)


class _Counted:
    """Parts that are counted as they go by."""

    def __init__(self, parts: Iterable[pa.Table]) -> None:
        self._parts = parts
        self.n_rows = 0

    def __iter__(self) -> Iterator[pa.Table]:
        for part in self._parts:
            self.n_rows += part.num_rows
            yield part


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is written, from its beginning to its end."""

    def __init__(self, out: IO[bytes]) -> None:
        super().__init__()
        self._out = out
        self._hash = hashlib.sha256()
        self._n_bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._n_bytes

    def write(self, data: Any) -> int:
        n_bytes = memoryview(data).nbytes
        self._out.write(data)
        self._hash.update(data)
        self._n_bytes += n_bytes
        return n_bytes

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def escaped(part: pa.Table) -> pa.Table:
    """Escape the texts and the names of a table as `escape` does one.

    Notes
    -----
    Arrow finds the few texts that might need it; `escape` alone decides.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for column in part.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = column.combine_chunks()  # a mask must not come in pieces
            is_suspect = pc.fill_null(pc.match_substring_regex(column, _PERHAPS), False)
            if pc.any(is_suspect).as_py():
                texts = [escape(text) for text in pc.filter(column, is_suspect).to_pylist()]
                column = pc.replace_with_mask(column, is_suspect, pa.array(texts, column.type))
        columns.append(column)
    return pa.table(columns, names=[str(escape(name)) for name in part.column_names])


def _write_csv(parts: Iterable[pa.Table], out: _Hashed) -> None:
    from pyarrow import csv

    out.write(b"\xef\xbb\xbf")  # by which spreadsheets know UTF-8
    writer = None
    for part in parts:
        safe = escaped(part)
        writer = writer or csv.CSVWriter(out, safe.schema)
        writer.write_table(safe)
    if writer is not None:
        writer.close()


def _write_parquet(parts: Iterable[pa.Table], out: _Hashed) -> None:
    from pyarrow import parquet

    writer = None
    for part in parts:
        writer = writer or parquet.ParquetWriter(out, part.schema)
        writer.write_table(part)
    if writer is not None:
        writer.close()


def _write_json_lines(parts: Iterable[pa.Table], out: _Hashed) -> None:
    for part in parts:
        names = part.column_names
        values = zip(*(column.to_pylist() for column in part.columns), strict=True)
        rows = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str) for row in values)
        out.write("".join(f"{row}\n" for row in rows).encode())


def _write_xlsx(parts: Iterable[pa.Table], out: _Hashed, sheet: str = "data") -> None:
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(out, options)
    page = book.add_worksheet(sheet[:31])
    a_day = book.add_format({"num_format": "yyyy-mm-dd"})
    nth = 0
    for part in parts:
        safe = escaped(part)
        if nth == 0:
            page.write_row(0, 0, safe.column_names)
        for row in zip(*(column.to_pylist() for column in safe.columns), strict=True):
            nth += 1
            for place, value in enumerate(row):
                if isinstance(value, str):
                    page.write_string(nth, place, value)
                elif isinstance(value, date) and not isinstance(value, datetime):
                    page.write_datetime(nth, place, value, a_day)
                elif value is not None:
                    page.write(nth, place, value)
    book.close()
