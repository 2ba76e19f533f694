"""Write a small file, stage it in this process, and look at what came out as plain rows."""

from __future__ import annotations

import gzip
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from retention.ingest.spec import ImportSpec
from retention.ingest.worker import stage_here

_NUMBERS = itertools.count()
DAY = 86_400_000_000


@dataclass(frozen=True)
class Result:
    """What became of a file."""

    rows: list[dict[str, Any]]
    rejects: list[tuple[int, str | None, str | None, str]]
    found: dict[str, Any]

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.found["n_records"], self.found["n_good"], self.found["n_rejected"]

    @property
    def reasons(self) -> dict[str, tuple[int, int]]:
        """Reason to how many and the first line."""
        return {reason: (n, line) for reason, n, line in self.found["reasons"]}

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    @property
    def hashes(self) -> list[int]:
        return sorted(self.column("row_hash"))


def write(folder: Path, content: str | bytes, name: str = "log.csv") -> Path:
    """Write a file; the line ends are exactly those given."""
    path = folder / f"{next(_NUMBERS)}-{name}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def staged(folder: Path, content: str | bytes | Path, **said: Any) -> Result:
    """Stage a content or a file as `ImportSpec` says, and check that its counts add up."""
    path = content if isinstance(content, Path) else write(folder, content)
    work = folder / f"work-{next(_NUMBERS)}"
    work.mkdir()
    with _same_folder():
        found = stage_here(ImportSpec(path, **said), work, lambda fraction, what: None)
    rows = pq.read_table(found["rows"]).to_pylist()
    rejects = []
    if found["rejects"] is not None:
        rejects = [
            (r["line"], r["column_name"], r["value"], r["reason"]) for r in pq.read_table(found["rejects"]).to_pylist()
        ]
    assert found["n_records"] == found["n_good"] + found["n_rejected"]
    assert (len(rows), len(rejects)) == (found["n_good"], found["n_rejected"])
    assert len({row["row_hash"] for row in rows}) == len(rows)
    return Result(rows=rows, rejects=rejects, found=found)


@contextmanager
def _same_folder() -> Iterator[None]:
    """The worker changes its folder, as a process of its own may."""
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)


def zipped(content: str | bytes) -> bytes:
    """Compress as gzip does, always to the same bytes."""
    return gzip.compress(content.encode() if isinstance(content, str) else content, mtime=0)
