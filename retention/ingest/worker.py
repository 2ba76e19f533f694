"""Read one untrusted file in a process of its own: a job as JSON on stdin, progress and result as JSON lines out."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.errors import FileError, RetentionError
from retention.ingest.spec import ImportSpec

if TYPE_CHECKING:
    from retention.ingest.plan import Plan

Progress = Callable[[float, str], object]
_JSON_PRESETS = ("segment", "ga4")


def stage_here(spec: ImportSpec, folder: Path, progress: Progress) -> dict[str, Any]:
    """Do the work of `retention.ingest.read.stage` in this process."""
    from retention.ingest.columnar import load_parquet
    from retention.ingest.delimited import Records, header_of, load_delimited, prepare_text
    from retention.ingest.direct import land_directly
    from retention.ingest.engine import connect
    from retention.ingest.land import REJECTS, ROWS, land
    from retention.ingest.plan import mapping_for, plan_rows
    from retention.ingest.reshape import reshape_ga4
    from retention.ingest.sniff import refuse_markup
    from retention.ingest.unpack import head_of, unpack

    progress(0.0, "Reading")
    unpacked = unpack(spec.path.resolve(), folder, encoding=spec.encoding, tick=lambda f: progress(0.15 * f, "Reading"))
    samples: list[list[str | None]] = []
    done: tuple[Plan, dict[str, Any]] | None = None
    is_json = False
    if unpacked.is_parquet:
        if spec.preset == "segment":
            raise FileError("The file is Parquet; the preset segment reads JSON lines.", hint="Use the preset events.")
        con = connect(folder, unpacked.path)
        source = load_parquet(con, unpacked.path)
    else:
        start = head_of(unpacked.path)[:4096].decode("utf-8", errors="replace")
        is_json = spec.preset == "segment" or (spec.preset == "ga4" and start.lstrip("\ufeff \r\n\t")[:1] in {"{", "["})
        refuse_markup(start, is_json_wanted=is_json)
    if is_json:
        from retention.ingest.json_lines import load_json_lines
        from retention.ingest.trackers import flatten_ga4, flatten_segment

        con = connect(folder, unpacked.path)
        flatten = flatten_segment if spec.preset == "segment" else flatten_ga4
        source = load_json_lines(con, unpacked.path, flatten, lambda f: progress(0.15 + 0.35 * f, "Parsing"))
    elif not unpacked.is_parquet:
        text, newlines = prepare_text(unpacked.path, folder)
        header = header_of(text, delimiter=spec.delimiter)
        samples = [list(row) for row in header.rows]
        records = Records(text, header, newlines)
        records.check_last_quote()
        con = connect(folder, text)
        progress(0.2, "Parsing")
        if spec.preset in {"events", "order-lines"}:
            # A wrong name is told before the long work begins.
            mapping = mapping_for(spec, header.columns, samples)
            if spec.preset == "events":
                done = land_directly(con, text, header, records, mapping, spec)
        if done is None:
            source = load_delimited(con, text, header, records)
    if done is None:
        if spec.preset == "ga4" and not is_json:
            source = reshape_ga4(con, source)
        progress(0.5, "Checking")
        plan = plan_rows(con, source, mapping_for(spec, source.columns, samples), spec)
        progress(0.6, "Writing")
        done = plan, land(con, source, plan, spec.timezone)
    plan, landed = done
    con.close()
    keep = {ROWS, REJECTS} if landed["n_rejected"] else {ROWS}
    for path in folder.iterdir():
        if path.name not in keep and path.is_file():
            path.unlink()
    progress(1.0, "Checked")
    return landed | {
        "kind": plan.kind,
        "rows": str(folder / ROWS),
        "rejects": str(folder / REJECTS) if landed["n_rejected"] else None,
        "sha256": unpacked.sha256,
        "mapping": plan.mapping,
        "properties": [[p.name, p.kind] for p in plan.properties],
    }


def preview_here(spec: ImportSpec, folder: Path, n_rows: int) -> dict[str, Any]:
    """Do the work of `retention.ingest.read.preview` in this process."""
    from retention.ingest.preview import preview_file

    return preview_file(spec, folder, n_rows)


def _die_with_parent() -> None:
    """Leave at once when the other end of stdin is gone; a staged file without its caller is of no use."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Read the job, do it, write the outcome."""
    import duckdb

    job = json.loads(sys.stdin.buffer.readline())
    # What a library prints must not look like a message of ours.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    _die_with_parent()

    def tell(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    def progress(fraction: float, what: str) -> None:
        tell({"progress": [round(fraction, 4), what]})

    folder = Path(job["folder"])
    spec = ImportSpec(Path(job["path"]), **job["spec"])
    try:
        if job["action"] == "stage":
            tell({"result": stage_here(spec, folder, progress)})
        else:
            tell({"result": preview_here(spec, folder, job["n_rows"])})
    except RetentionError as error:
        tell({"error": [type(error).__name__, error.message, error.hint]})
    except duckdb.OutOfMemoryException:
        tell(
            {
                "error": [
                    "FileError",
                    "The file needs more memory or disk than the reader may use.",
                    "Split it into parts and import them one by one.",
                ]
            }
        )
    except (duckdb.IOException, duckdb.FatalException) as error:
        if "No space left" not in str(error):
            raise
        tell(_disk_full())
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.SerializationException) as error:
        tell(
            {
                "error": [
                    "FileError",
                    f"The file is damaged: {str(error).splitlines()[0][:200]}",
                    "Export it again; nothing was imported.",
                ]
            }
        )
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        tell(_disk_full())
    return 0


def _disk_full() -> dict[str, Any]:
    return {"error": ["FileError", "The disk is full.", "Free some space and import again; nothing was imported."]}


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Skips the interpreter's tear-down, which would wait for the thread that reads stdin.
    os._exit(code)
