"""JSON lines into `raw`: an object a line, flattened by the preset; a line that is none is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retention.errors import FileError
from retention.ingest.engine import literal
from retention.ingest.source import MALFORMED, Ints, Source

if TYPE_CHECKING:
    import duckdb

MAX_LINE_BYTES = 16 << 20
MAX_PROPERTIES = 1_000
_BATCH = 50_000

Flat = dict[str, str]
Flatten = Callable[[Mapping[str, Any]], "Flat | str"]


def load_json_lines(
    con: duckdb.DuckDBPyConnection, path: Path, flatten: Flatten, tick: Callable[[float], object]
) -> Source:
    """Flatten an object a line into the view ``raw``, whose columns are named by what they are mapped to.

    Parameters
    ----------
    flatten : callable
        Gives targets and texts of an object, or the reason why it is no event.

    Raises
    ------
    FileError
        If there is no object at all, or too many different properties.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    con.execute(MALFORMED)
    names: dict[str, int] = {}
    rows: list[Flat] = []
    lines: list[int] = []
    all_lines: list[Ints] = []
    bad: list[tuple[int, str, str]] = []
    n_parts = 0

    def flush() -> None:
        nonlocal n_parts
        table = {f"c{i}": pa.array([row.get(name) for row in rows], pa.string()) for name, i in names.items()}
        table["line"] = pa.array(lines, pa.int64())
        pq.write_table(pa.table(table), f"part-{n_parts:06}.parquet", compression="lz4")
        all_lines.append(np.asarray(lines, dtype=np.int64))
        n_parts += 1
        rows.clear()
        lines.clear()

    size = max(1, path.stat().st_size)
    for number, raw, at in _lines_of(path):
        found = _object_of(raw, flatten)
        if isinstance(found, str):
            bad.append((number, raw[:200].decode("utf-8", errors="replace").strip(), found))
            continue
        for name in found:
            if name not in names:
                names[name] = len(names)
        if len(names) > MAX_PROPERTIES:
            raise FileError(
                f"The file has more than {MAX_PROPERTIES:,} different properties.",
                hint="Leave out properties whose names hold ids or times.",
            )
        rows.append(found)
        lines.append(number)
        if len(rows) >= _BATCH:
            flush()
            tick(at / size)
    if not n_parts and not rows:
        if not bad:
            raise FileError("The file is empty.", hint="Export it again; it should hold an object a line.")
        raise FileError(
            f"No line of the file is an event of this preset; line {bad[0][0]}: {bad[0][2]}.",
            hint="Check that the preset fits: segment for JSON lines, ga4 for a BigQuery export.",
        )
    flush()
    numbers = np.concatenate(all_lines)
    columns = ", ".join(f"c{i}" for i in range(len(names)))
    con.execute(f"""create view raw as select {columns}, row_number() over (order by line) - 1 as record
                    from read_parquet('part-*.parquet', union_by_name=true)""")
    con.execute(f"copy (select * from raw) to 'raw.parquet' (format parquet, compression {literal('lz4')})")
    con.execute("create or replace view raw as select * from read_parquet('raw.parquet')")
    if bad:
        con.register(
            "bad_lines",
            pa.table({"line": [b[0] for b in bad], "value": [b[1] for b in bad], "reason": [b[2] for b in bad]}),
        )
        con.execute("insert into malformed select line, null, value, reason from bad_lines")
        con.unregister("bad_lines")
    return Source(
        columns=tuple(names),
        types=("VARCHAR",) * len(names),
        n_rows=len(numbers),
        n_malformed=len(bad),
        lines_of=lambda records: numbers[records],
    )


def first_objects(text: str, flatten: Flatten, n: int) -> list[Flat]:
    """Flatten the first objects of a text, for a preview."""
    found = (_object_of(line.encode(), flatten) for line in text.splitlines()[: n * 3] if line.strip())
    return [row for row in found if not isinstance(row, str)][:n]


def _lines_of(path: Path) -> Iterator[tuple[int, bytes, int]]:
    number = at = 0
    with path.open("rb") as stream:
        while raw := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            at += len(raw)
            if len(raw) > MAX_LINE_BYTES:
                raise FileError(
                    f"Line {number} is longer than {MAX_LINE_BYTES >> 20} MB.",
                    hint="JSON lines have one object a line; nothing was imported.",
                )
            if b"\0" in raw:
                raise FileError(
                    f"Line {number} holds a NUL byte; the file is damaged or is not text.",
                    hint="Export it again; nothing was imported.",
                )
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.strip():
                yield number, raw, at


def _object_of(raw: bytes, flatten: Flatten) -> Flat | str:
    try:
        found = json.loads(raw)
    except UnicodeDecodeError:
        return "not valid UTF-8"
    except (ValueError, RecursionError):
        return "malformed JSON"
    if not isinstance(found, dict):
        return "not a JSON object"
    flat = flatten(found)
    if not isinstance(flat, str):
        # The whole object is part of the row's identity, whatever of it is kept.
        flat["ignore:object"] = json.dumps(found, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return flat
