"""The worker's own DuckDB: in memory, on a leash, and a few words that the casts are written in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "900MB"
TEMP_LIMIT = "100GB"
FIRST_US = 31_536_000_000_000  # 1971-01-01
END_US = 4_102_444_800_000_000  # 2100-01-01
DAY_US = 86_400_000_000

# A no-break and a wide space are blanks too. Most text has none around it, and to see that is cheaper than to trim.
_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288)"
_WORDS = (
    # Text without the blanks around it; nothing left is null.
    "create macro tidy(x) as nullif(case when x < '!' or x[-1] <= ' ' or contains(x, chr(160))"
    f" or contains(x, chr(12288)) then trim(x, {_BLANKS}) else x end, '')",
    # Our own CSV puts an apostrophe before a text that a spreadsheet would run: it is taken off again.
    r"create macro unescaped(x) as case when starts_with(x, chr(39)) and"
    r" regexp_matches(x, '^\x27+\s*[=+\-@|%＝＋－＠｜％]') then x[2:] else x end",
    # What databases and data frames write for "no value".
    "create macro present(x) as case when x in ('NULL', 'null', 'Null', 'NaN', 'nan', 'None', '<NA>', 'N/A', '\\N')"
    " then null else x end",
    # For amounts NaN is no missing value but a wrong one.
    "create macro stated(x) as case when x in ('NULL', 'null', 'Null', '<NA>', 'N/A', '\\N') then null else x end",
    # The lower 64 bits of MD5: the same in every version of every engine.
    "create macro digest(x) as (md5_number(x) & 18446744073709551615::uhugeint)::ubigint",
    # A value with every digit turned into 0. The commonest shapes of times are told without translating.
    r"create macro shape(x) as case when regexp_full_match(x, '\d{4}-\d\d-\d\d') then '0000-00-00'"
    r" when regexp_full_match(x, '\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?') then '0000-00-00 00:00:00'"
    r" when regexp_full_match(x, '\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z') then '0000-00-00 00:00:00Z'"
    " else translate(left(x, 48), '0123456789', '0000000000') end",
)


def connect(folder: Path, *sources: Path) -> duckdb.DuckDBPyConnection:
    """Open an engine that may read `sources` and write in `folder`, and nothing else.

    Notes
    -----
    The process changes into `folder`, so that SQL names files by constants.
    """
    import duckdb

    folder = folder.resolve()
    os.chdir(folder)
    con = duckdb.connect(":memory:")
    for word in _WORDS:
        con.execute(word)
    n_threads = max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))
    settings: dict[str, object] = {
        "threads": n_threads,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(folder / "spill"),
        "max_temp_directory_size": TEMP_LIMIT,
        "TimeZone": "UTC",
        "enable_progress_bar": False,
        "allow_community_extensions": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
        "allowed_directories": [f"{folder}/"],
        "allowed_paths": [str(path.resolve()) for path in sources],
        "enable_external_access": False,
        "lock_configuration": True,
    }
    for name, value in settings.items():
        con.execute(f"set {name} = {_constant(value)}")
    return con


def _constant(value: object) -> str:
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_constant(v) for v in value)}]"
    return literal(str(value))


def literal(text: str) -> str:
    """Write text as an SQL constant, where the grammar allows no parameter."""
    return "'" + text.replace("'", "''") + "'"


def column_list(n: int) -> str:
    """Name the columns of a source by position, whatever the file calls them.

    Examples
    --------
    >>> column_list(3)
    'c0, c1, c2'
    """
    return ", ".join(f"c{i}" for i in range(n))


def rows_of(con: duckdb.DuckDBPyConnection, sql: str, params: Sequence[object] = ()) -> list[tuple]:
    """Run one statement and fetch what it gives."""
    return con.execute(sql, list(params)).fetchall()
