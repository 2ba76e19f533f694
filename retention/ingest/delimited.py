"""Delimited text into `raw`: every field as text, every record that is no row with its line and reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retention.errors import FileError
from retention.ingest.engine import column_list, literal, rows_of
from retention.ingest.header import Header, read_header
from retention.ingest.scan import (
    Ints,
    Newlines,
    StrayQuote,
    starts_by_parity,
    starts_by_parser,
    survey,
    unify_newlines,
)
from retention.ingest.source import MALFORMED, RAW_FILE, Source, same_number
from retention.ingest.unpack import head_of

if TYPE_CHECKING:
    import duckdb

SAMPLE_ROWS = 2_000
_REASONS = {
    "MISSING COLUMNS": "missing columns",
    "TOO MANY COLUMNS": "too many columns",
    "UNQUOTED VALUE": "bad quoting",
    "INVALID ENCODING": "not valid UTF-8",
    "LINE SIZE OVER MAXIMUM": "line too long",
    "INVALID STATE": "bad quoting",
}


def prepare_text(path: Path, folder: Path) -> tuple[Path, Newlines]:
    """Check the bytes of a text and give it uniform line ends."""
    newlines = survey(path)
    if newlines.are_uniform:
        return path, newlines
    return unify_newlines(path, folder / "unified", newlines), newlines


def header_of(path: Path, *, delimiter: str | None) -> Header:
    """Read the header of a text on disk, and rows enough to guess from."""
    text = head_of(path).decode("utf-8", errors="replace").removeprefix("\ufeff")
    return read_header(text, delimiter=delimiter, n_rows=SAMPLE_ROWS)


def sample_delimited(con: duckdb.DuckDBPyConnection, header: Header) -> Source:
    """Make the rows that came with the header the view ``raw``, without those that have too few or many fields."""
    width = len(header.columns)
    whole = [row for row in header.rows if len(row) == width]
    # As a parameter and not through Arrow, whose arrays import pandas: half a second in a process of its own.
    columns = ", ".join(f"row[{i + 1}] as c{i}" for i in range(width))
    con.execute(
        f"create or replace table sample as select {columns} from (select unnest($rows::varchar[][]) as row)",
        {"rows": whole},
    )
    con.execute(f"create or replace view raw as select {tidied(width)}, row_number() over () - 1 as record from sample")
    return Source(
        columns=header.columns, types=("VARCHAR",) * width, n_rows=len(whole), n_malformed=0, lines_of=same_number
    )


def tidied(n_columns: int) -> str:
    """List the columns of a source, each without the blanks around its texts."""
    return ", ".join(f"unescaped(tidy(c{i})) as c{i}" for i in range(n_columns))


def scan_sql(path: Path, header: Header, *, has_rejects: bool) -> str:
    """Write the table function that parses a text; without rejects the first malformed record is an error."""
    columns = "{" + ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(header.columns))) + "}"
    # The path is ours or the person's own, never the file's content; COPY and views take no parameters.
    return f"""read_csv({literal(str(path.resolve()))}, auto_detect=false, columns={columns}, header=true,
        skip={header.n_skipped}, delim={literal(header.delimiter)}, quote='"', escape='"', strict_mode=true,
        encoding='utf-8'{", store_rejects=true, rejects_limit=0" if has_rejects else ""})"""


def load_delimited(con: duckdb.DuckDBPyConnection, path: Path, header: Header, record_starts: Records) -> Source:
    """Parse delimited text into the view ``raw``.

    Raises
    ------
    FileError
        If records cannot be accounted for.
    """
    n_columns = len(header.columns)
    con.execute(f"""
        copy (select {tidied(n_columns)} from {scan_sql(path, header, has_rejects=True)})
        to '{RAW_FILE}' (format parquet, compression lz4, row_group_size 122880)
    """)
    con.execute(f"""create or replace view raw as select * from read_parquet('{RAW_FILE}', file_row_number=true)
                    as t({column_list(n_columns)}, record)""")
    n_rows = rows_of(con, "select count(*) from raw")[0][0]
    n_malformed = rows_of(con, "select count(distinct line_byte_position) from reject_errors")[0][0]
    n_records = record_starts.count()
    if n_records != n_rows + n_malformed:
        record_starts.use_parser()
        n_records = record_starts.count()
    if n_records != n_rows + n_malformed:
        raise FileError(
            f"The file's {n_records:,} records do not agree with the {n_rows + n_malformed:,} that were parsed.",
            hint="Its quotes are probably damaged; nothing was imported.",
        )
    con.execute(MALFORMED)
    if n_malformed:
        _name_malformed(con, header, record_starts)
    return Source(
        columns=header.columns,
        types=("VARCHAR",) * n_columns,
        n_rows=n_rows,
        n_malformed=n_malformed,
        lines_of=record_starts.lines_of,
    )


def _name_malformed(con: duckdb.DuckDBPyConnection, header: Header, records: Records) -> None:
    import pyarrow as pa

    firsts = con.execute("""
        select line_byte_position as begins, min_by(error_type::varchar, byte_position) as error,
               min_by(column_idx, byte_position) as column_idx, left(min(csv_line), 200) as csv_line
        from reject_errors group by line_byte_position order by begins
    """).fetchnumpy()
    begins = np.asarray(firsts["begins"], dtype=np.int64)
    lines = records.lines_at(begins)
    records.set_malformed(lines)
    names = [
        header.columns[i - 1] if e == "INVALID ENCODING" and 0 < i <= len(header.columns) else None
        for i, e in zip(firsts["column_idx"].tolist(), firsts["error"].tolist(), strict=True)
    ]
    table = pa.table(
        {
            "line": pa.array(lines),
            "column_name": pa.array(names, pa.string()),
            "value": pa.array([str(v).strip("\r\n") for v in firsts["csv_line"]], pa.string()),
            "reason": pa.array([_REASONS.get(e, "unreadable") for e in firsts["error"]], pa.string()),
        }
    )
    con.register("malformed_rows", table)
    con.execute("insert into malformed select line, column_name, value, reason from malformed_rows")
    con.unregister("malformed_rows")


class Records:
    """The records of a text in order: where they start, and which of them are rows."""

    def __init__(self, path: Path, header: Header, newlines: Newlines) -> None:
        self._path = path
        self._header = header
        self._newlines = newlines
        self._has_stray_quotes = False
        self._malformed_lines: Ints = np.empty(0, dtype=np.int64)

    def use_parser(self) -> None:
        """Trust Python's parser instead of counting quotes."""
        self._has_stray_quotes = True

    def check_last_quote(self) -> None:
        """Refuse a quote that swallows the rest of the file."""
        if self._newlines.n_quotes % 2:
            # Either a quote never closes or one stands inside a field; only the parser can tell.
            self.use_parser()
            self.count()

    def starts(self) -> Iterator[tuple[Ints, Ints]]:
        """Offsets and lines of the records after the header."""
        skipped = self._header.n_skipped
        if self._has_stray_quotes:
            blocks = starts_by_parser(self._path, delimiter=self._header.delimiter, n_skipped=skipped)
        else:
            blocks = starts_by_parity(self._path, n_skipped=skipped)
        is_first = True
        for offsets, lines in blocks:
            if is_first and len(offsets):
                offsets, lines, is_first = offsets[1:], lines[1:], False
            yield offsets, lines

    def count(self) -> int:
        """Count the records after the header."""
        if not self._has_stray_quotes:
            try:
                return sum(len(offsets) for offsets, _ in self.starts())
            except StrayQuote:
                self.use_parser()
        return sum(len(offsets) for offsets, _ in self.starts())

    def set_malformed(self, lines: Ints) -> None:
        """Say on which lines the records begin that are no rows."""
        self._malformed_lines = lines

    def lines_at(self, wanted: Ints) -> Ints:
        """Lines of the records that contain these byte offsets, ascending."""
        found = np.zeros(len(wanted), dtype=np.int64)
        n_done = 0
        last = (0, 1)
        for offsets, lines in self.starts():
            if not len(offsets):
                continue
            n_here = int(np.searchsorted(wanted, offsets[-1], side="right"))
            here = wanted[n_done:n_here]
            positions = np.searchsorted(offsets, here, side="right") - 1
            found[n_done:n_here] = np.where(positions < 0, last[1], lines[positions])
            n_done, last = n_here, (int(offsets[-1]), int(lines[-1]))
        found[n_done:] = last[1]
        return found

    def lines_of(self, wanted: Ints) -> Ints:
        """Lines of rows numbered from 0 in the order of the file, malformed records not counted, ascending."""
        found = np.zeros(len(wanted), dtype=np.int64)
        n_done = n_rows = 0
        for _, lines in self.starts():
            if n_done == len(wanted):
                break
            if len(self._malformed_lines):
                lines = lines[~np.isin(lines, self._malformed_lines)]
            n_here = int(np.searchsorted(wanted, n_rows + len(lines), side="left"))
            found[n_done:n_here] = lines[wanted[n_done:n_here] - n_rows]
            n_done, n_rows = n_here, n_rows + len(lines)
        if n_done != len(wanted):
            raise RuntimeError("a row has no line")
        return found
