"""Parquet into `raw`: the file is read where it lies, with its own types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retention.errors import FileError
from retention.ingest.engine import column_list, literal, rows_of
from retention.ingest.header import MAX_COLUMNS
from retention.ingest.source import MALFORMED, Source, same_number

if TYPE_CHECKING:
    import duckdb

MAX_ROWS = 200_000_000
# Real logs take 2 to 100 bytes a row; the densest real file measured took 6. A bomb takes a fiftieth of a byte.
MIN_BYTES_PER_ROW = 0.1
_ALWAYS_FINE_ROWS = 5_000_000


def load_parquet(con: duckdb.DuckDBPyConnection, path: Path) -> Source:
    """Open Parquet as the view ``raw``, its size checked from the footer first.

    Raises
    ------
    FileError
        If the file is damaged, has no rows, or claims more rows than a file of its size can hold.
    """
    import duckdb

    file = literal(str(path.resolve()))
    try:
        n_rows = int(rows_of(con, f"select num_rows from parquet_file_metadata({file})")[0][0])
        _check_size(n_rows, path.stat().st_size)
        described = rows_of(con, f"describe select * from read_parquet({file}, binary_as_string=true)")
    except duckdb.Error as error:
        raise FileError(
            "The Parquet file is damaged: its footer cannot be read.",
            hint="Copy or download it again; nothing was imported.",
        ) from error
    columns = tuple(str(row[0]).strip() for row in described)
    if len(columns) > MAX_COLUMNS:
        raise FileError(
            f"The file has {len(columns):,} columns; at most {MAX_COLUMNS:,} are read.",
            hint="Export only the columns that are needed.",
        )
    if not n_rows:
        raise FileError("The file has columns and no rows.", hint="Check the filter or the dates of the export.")
    tidied = ", ".join(f"tidy(c{i}) as c{i}" if row[1] == "VARCHAR" else f"c{i}" for i, row in enumerate(described))
    con.execute(f"""create view raw as
                    select {tidied}, record from read_parquet({file}, binary_as_string=true, file_row_number=true)
                    as t({column_list(len(columns))}, record)""")
    con.execute(MALFORMED)
    return Source(
        columns=columns,
        types=tuple(str(row[1]) for row in described),
        n_rows=n_rows,
        n_malformed=0,
        lines_of=same_number,
    )


def _check_size(n_rows: int, n_bytes: int) -> None:
    if n_rows > MAX_ROWS:
        raise FileError(
            f"The Parquet file has {n_rows:,} rows; at most {MAX_ROWS:,} are read at once.",
            hint="Split it by date and import the parts.",
        )
    if n_rows > _ALWAYS_FINE_ROWS and n_bytes < n_rows * MIN_BYTES_PER_ROW:
        raise FileError(
            f"The Parquet file claims {n_rows:,} rows in {n_bytes / 1e6:,.1f} MB, "
            f"more than {1 / MIN_BYTES_PER_ROW:.0f} rows a byte.",
            hint="It is damaged or made to harm; a real log of that many rows is far larger.",
        )
