"""Look at the beginning of a file: its columns, some rows, and what the columns are taken for."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from retention.errors import FileError
from retention.ingest.columnar import load_parquet
from retention.ingest.columns import guess_mapping
from retention.ingest.delimited import SAMPLE_ROWS, sample_delimited
from retention.ingest.engine import connect, rows_of
from retention.ingest.header import read_header
from retention.ingest.json_lines import first_objects
from retention.ingest.plan import mapping_for, plan_rows
from retention.ingest.reshape import reshape_ga4
from retention.ingest.sniff import content_of, encoding_from_mark, guess_encoding, refuse_markup
from retention.ingest.source import Source
from retention.ingest.spec import ImportSpec
from retention.ingest.trackers import flatten_ga4, flatten_segment
from retention.ingest.unpack import head_of, inflated_head, size_of, unpack


def preview_file(spec: ImportSpec, folder: Path, n_rows: int) -> dict[str, Any]:
    """Read the head of the file in this process; see `retention.ingest.read.preview`."""
    path = spec.path.resolve()
    n_bytes = size_of(path)
    head = head_of(path)
    content = content_of(head)
    if content == "gzip":
        head = inflated_head(path)
        content = content_of(head)
        if content == "gzip":
            raise FileError("The file is compressed twice.", hint="Unpack it once and import the result.")
        if content == "parquet":
            path = unpack(path, folder, encoding=None, tick=lambda _: None).path
    if content == "parquet":
        found = _preview_parquet(spec, path, folder, n_rows)
    else:
        found = _preview_text(spec, head, folder, n_rows)
    return {"n_bytes": n_bytes} | found


def _preview_parquet(spec: ImportSpec, path: Path, folder: Path, n_rows: int) -> dict[str, Any]:
    con = connect(folder, path)
    source = load_parquet(con, path)
    texts = ", ".join(f"c{i}::varchar" for i in range(len(source.columns)))
    rows = [list(row) for row in rows_of(con, f"select {texts} from raw limit {max(int(n_rows), 100)}")]
    columns = source.columns
    con.execute("alter view raw rename to whole")
    con.execute(f"create view raw as select * from whole limit {SAMPLE_ROWS}")
    if spec.preset == "ga4":
        source = reshape_ga4(con, source)
    mapping, notes = _mapping_and_notes(con, source, spec, rows)
    return {
        "columns": columns,
        "rows": rows[:n_rows],
        "mapping": mapping,
        "notes": notes,
        "content": "parquet",
        "encoding": "",
        "delimiter": "",
    }


def _preview_text(spec: ImportSpec, head: bytes, folder: Path, n_rows: int) -> dict[str, Any]:
    encoding = spec.encoding or encoding_from_mark(head) or _encoding_of_head(head)
    try:
        text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head).removeprefix("\ufeff")
    except UnicodeError as error:
        raise FileError(
            f"The file is not {encoding} text.", hint="Leave the encoding out to have it detected."
        ) from error
    is_json = spec.preset == "segment" or (spec.preset == "ga4" and text.lstrip()[:1] in {"{", "["})
    refuse_markup(text[:4096], is_json_wanted=is_json)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FileError(f"Line {line} holds a NUL byte; the file is damaged or is not text.", hint="Export it again.")
    if is_json:
        flats = first_objects(text, flatten_segment if spec.preset == "segment" else flatten_ga4, n_rows)
        names = list(dict.fromkeys(name for flat in flats for name in flat if not name.startswith("ignore:")))
        if not names:
            raise FileError(
                "No line at the beginning of the file is an event of this preset.",
                hint="Check that the preset fits: segment for JSON lines, ga4 for a BigQuery export.",
            )
        return {
            "columns": names,
            "rows": [[flat.get(name) for name in names] for flat in flats],
            "mapping": {name: name for name in names},
            "notes": [],
            "content": "json",
            "encoding": encoding,
            "delimiter": "",
        }
    header = read_header(text, delimiter=spec.delimiter, n_rows=SAMPLE_ROWS)
    con = connect(folder)
    source = sample_delimited(con, header)
    if spec.preset == "ga4":
        source = reshape_ga4(con, source)
    mapping, notes = _mapping_and_notes(con, source, spec, [list(row) for row in header.rows])
    width = len(header.columns)
    rows = [[*row[:width], *[None] * (width - len(row))] for row in header.rows[:n_rows]]
    return {
        "columns": header.columns,
        "rows": rows,
        "mapping": mapping,
        "notes": notes,
        "content": "csv",
        "encoding": encoding,
        "delimiter": header.delimiter,
    }


def _mapping_and_notes(
    con: Any, source: Source, spec: ImportSpec, rows: list[list[str | None]]
) -> tuple[dict[str, str], list[str]]:
    """A file whose user or time cannot be guessed is still shown, so that a person can say which they are."""
    if spec.preset == "events" and not spec.mapping:
        guessed = guess_mapping(source.columns, rows)
        if "user" not in guessed or "time" not in guessed:
            missing = [target for target in ("user", "time") if target not in guessed]
            return guessed, [f"No column looks like the {' or the '.join(missing)}: choose one."]
    mapping = mapping_for(spec, source.columns, rows)
    return mapping, list(plan_rows(con, source, mapping, spec).notes)


def _encoding_of_head(head: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return guess_encoding(b"\n".join(line for line in head.split(b"\n") if not line.isascii()))
    return "utf-8"
