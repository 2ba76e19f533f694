"""Read a file that somebody else made: a look at it first, then the whole of it, always in another process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention import errors
from retention.errors import FileError
from retention.ingest.spec import DEFAULT_EVENT, ImportSpec
from retention.store.staged import Property, RejectReason, Staged

if TYPE_CHECKING:
    import pandas as pd

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """The beginning of a file.

    Parameters
    ----------
    columns : tuple of str
        As the file names them.
    rows : pandas.DataFrame
        Its first rows, as text.
    mapping : dict
        Target to column, guessed where the spec says nothing; ready for `ImportSpec`.
    constant_event : str or None
        The name every event would have, where no column names it.
    content : {"csv", "parquet", "json"}
    encoding, delimiter : str
        Of text; empty otherwise.
    n_bytes : int
        Size of the file.
    notes : tuple of str
        What was assumed, in sentences.
    """

    columns: tuple[str, ...]
    rows: pd.DataFrame
    mapping: dict[str, str]
    constant_event: str | None
    content: str
    encoding: str
    delimiter: str
    n_bytes: int
    notes: tuple[str, ...]


def preview(spec: ImportSpec, n_rows: int = 20) -> Preview:
    """Read the beginning of a file and guess what its columns are.

    Parameters
    ----------
    spec : ImportSpec
    n_rows : int, default 20
        Rows shown.

    Raises
    ------
    FileError
        If the file is not a table, or a named column is not in it.
    """
    import pandas as pd

    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        found = _run({"action": "preview", "n_rows": n_rows}, spec, Path(folder), lambda fraction, what: None)
    mapping: dict[str, str] = found["mapping"]
    has_event = "event" in mapping or spec.preset != "events"
    return Preview(
        columns=tuple(found["columns"]),
        rows=pd.DataFrame(found["rows"], columns=found["columns"], dtype="object"),
        mapping=mapping,
        constant_event=None if has_event else spec.constant_event or DEFAULT_EVENT,
        content=found["content"],
        encoding=found["encoding"],
        delimiter=found["delimiter"],
        n_bytes=found["n_bytes"],
        notes=tuple(found["notes"]),
    )


def stage(
    spec: ImportSpec, folder: Path, progress: Callable[[float, str], object] = lambda fraction, what: None
) -> Staged:
    """Check and cast a whole file.

    Parameters
    ----------
    spec : ImportSpec
    folder : Path
        Where a folder of its own is made for the result; made if absent. The caller removes it.
    progress : callable
        Called with the share done and a word for what is being done.

    Returns
    -------
    Staged

    Raises
    ------
    FileError
        If the file cannot be read as a whole; nothing is left in `folder` then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="staged-", dir=folder.resolve()))
    try:
        found = _run({"action": "stage"}, spec, work, progress)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Staged(
        kind=found["kind"],
        rows=Path(found["rows"]),
        rejects=Path(found["rejects"]) if found["rejects"] else None,
        source_name=spec.path.name,
        sha256=found["sha256"],
        preset=spec.preset,
        mapping=found["mapping"],
        timezone=spec.timezone,
        n_records=found["n_records"],
        n_good=found["n_good"],
        n_rejected=found["n_rejected"],
        reasons=tuple(RejectReason(reason=r, n=n, first_line=line) for r, n, line in found["reasons"]),
        properties=tuple(Property(name=name, kind=kind) for name, kind in found["properties"]),
        watermark_us=found["watermark_us"],
        first_us=found["first_us"],
        last_us=found["last_us"],
    )


def _run(
    job: dict[str, Any], spec: ImportSpec, folder: Path, progress: Callable[[float, str], object]
) -> dict[str, Any]:
    """Run a job in a process of its own, and raise here what it raised there."""
    said = asdict(spec)
    said.pop("path")
    job |= {"path": str(spec.path.absolute()), "folder": str(folder), "spec": said}
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [sys.executable, "-m", "retention.ingest.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
        ) as worker,
    ):
        assert worker.stdin is not None and worker.stdout is not None
        try:
            # stdin stays open: the worker leaves when it closes, so it cannot outlive us.
            worker.stdin.write(json.dumps(job).encode() + b"\n")
            worker.stdin.flush()
            for line in worker.stdout:
                message = json.loads(line)
                if "progress" in message:
                    progress(*message["progress"])
                elif "error" in message:
                    name, text, hint = message["error"]
                    raise getattr(errors, name)(text, hint=hint)
                else:
                    return message["result"]
        except BrokenPipeError:
            pass
        finally:
            worker.kill()
            worker.wait()
            with_stdin_closed(worker)
        complaints.seek(0)
        last = complaints.read()[-2000:].decode("utf-8", errors="replace").strip().splitlines()
    raise FileError(
        "The file could not be read: the process that reads it stopped.",
        hint=f"It may be damaged or need too much memory. {last[-1] if last else ''}".strip(),
    )


def with_stdin_closed(worker: subprocess.Popen[bytes]) -> None:
    """Close the pipe to a worker that may be gone."""
    try:
        if worker.stdin is not None:
            worker.stdin.close()
    except BrokenPipeError:
        pass
