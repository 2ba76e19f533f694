"""Stores made from the log: by the full import, by appending a day, and what they weigh."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd  # noqa: F401  (loaded before the clock starts, as in the app)
import pyarrow.dataset  # noqa: F401

import retention.store
from benchmarks.engines import duckdb_load
from benchmarks.generate import Log
from benchmarks.measure import Alone, alone
from benchmarks.report import Row, Target
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.store import Store
from retention.store.check import faults

BLOCK = 262_144
"""Bytes of a block of DuckDB's file."""
GIGABYTE = 1e9
N_APPENDS = 3
"""The append is short, so the least of some runs counts; the import from scratch runs once."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step used."""

    cpu_s: float
    wall_s: float
    peak_bytes: int
    n_rows: int

    @classmethod
    def of(cls, done: Alone, n_rows: int) -> Cost:
        """Take the cost from a measured step."""
        return cls(done.cpu_s, done.wall_s, done.peak_bytes, n_rows)

    def __str__(self) -> str:
        return f"{self.cpu_s:,.1f} s CPU, {self.wall_s:,.1f} s"


def import_csv(store_path: str, csv: str) -> tuple[int, int, int]:
    """Take a file into a store as the running app does; return new, duplicate and rejected rows.

    Notes
    -----
    The process that reads the file is started for each import and counts whole; what the app has loaded long
    before, pandas and Arrow, does not.
    """
    with Store.create_or_open(Path(store_path)) as store:
        done = import_file(store, ImportSpec(Path(csv)))
        return done.n_new, done.n_duplicate, done.n_rejected


def faults_of(store_path: str) -> list[str]:
    """Compare the rollups of a store with a rebuild, and check the rest of it."""
    with Store.open(Path(store_path)) as store:
        return faults(store)


def code_version() -> str:
    """Tell the code that makes stores apart from other code."""
    root = Path(retention.store.__file__).parents[1]
    digest = hashlib.sha256()
    for room in ("store", "ingest"):
        for path in sorted((root / room).rglob("*.*")):
            if path.suffix in (".py", ".sql"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def store_of(log: Log, *, is_fresh: bool) -> tuple[Path, Cost]:
    """Import the log, or take the store that the same code made of it before.

    Parameters
    ----------
    is_fresh : bool
        Import again even if there is such a store, so that its cost was measured in this run.
    """
    folder = log.folder / f"store-{code_version()}"
    path, about = folder / "holdfast.duckdb", folder / "cost.json"
    if about.exists() and not is_fresh:
        return path, Cost(**json.loads(about.read_text(encoding="utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    for old in log.folder.glob("store-*"):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    done = alone(import_csv, str(path), str(log.csv))
    n_new, n_duplicate, n_rejected = done.result
    if (n_new, n_duplicate, n_rejected) != (log.n_events, 0, 0):
        raise RuntimeError(f"{log.n_events} rows became {n_new} new, {n_duplicate} duplicate, {n_rejected} rejected")
    cost = Cost.of(done, n_new)
    about.write_text(json.dumps(asdict(cost)), encoding="utf-8")
    return path, cost


def raw_of(log: Log, *, is_fresh: bool) -> tuple[Path, Cost]:
    """Load the log plainly, or take the table loaded before; see `store_of`."""
    path, about = log.folder / "raw.duckdb", log.folder / "raw.json"
    if about.exists() and not is_fresh:
        return path, Cost(**json.loads(about.read_text(encoding="utf-8")))
    done = alone(duckdb_load, str(log.csv), str(path))
    cost = Cost.of(done, done.result)
    about.write_text(json.dumps(asdict(cost)), encoding="utf-8")
    return path, cost


def import_rows(log: Log, store: tuple[Path, Cost], raw: tuple[Path, Cost]) -> list[Row]:
    """Compare the import with the plain load, and weigh the store."""
    path, ours = store
    raw_path, plain = raw
    n_bytes = path.stat().st_size / ours.n_rows
    figures: dict[str, object] = {"ours": asdict(ours), "plain": asdict(plain)}
    note = "DuckDB's plain load of the same CSV"
    parts = bytes_by_table(path)
    rows = [
        Row("import, CPU", f"{ours.cpu_s:,.1f} s", f"{plain.cpu_s:,.1f} s", ours.cpu_s / plain.cpu_s,
            Target("at most", 6), note, figures=figures),
        Row("import, wall", f"{ours.wall_s:,.1f} s", f"{plain.wall_s:,.1f} s", ours.wall_s / plain.wall_s,
            Target("at most", 6), f"{note}; {ours.n_rows / ours.wall_s / 1e6:.2f} M rows/s against"
            f" {plain.n_rows / plain.wall_s / 1e6:.2f}"),
        Row("import, peak memory", f"{ours.peak_bytes / GIGABYTE:.2f} GB", f"{plain.peak_bytes / GIGABYTE:.2f} GB",
            ours.peak_bytes / GIGABYTE, Target("at most", 3, "GB"), "both processes together; the plain load"),
        Row("store, bytes an event", f"{n_bytes:.1f} B", f"{raw_path.stat().st_size / plain.n_rows:.1f} B", n_bytes,
            Target("at most", 30, "B"), "the plain table", figures={"blocks": parts}),
    ]  # fmt: skip
    whole = sum(parts.values())
    for name, used in parts.items():
        if used >= 0.005 * whole:
            rows.append(Row(f"  {name}", f"{used / ours.n_rows:.1f} B"))
    free = path.stat().st_size - whole
    return [*rows, Row("  free and metadata", f"{free / ours.n_rows:.1f} B")]


def bytes_by_table(path: Path) -> dict[str, int]:
    """Measure tables, and the columns of ``events``, from where their segments lie in the file.

    Notes
    -----
    A segment reaches from its offset to the next segment of its block, or to the block's end.
    """
    import duckdb

    with duckdb.connect(str(path)) as connection:
        tables = [t for (t,) in connection.execute("select t.table_name from duckdb_tables() as t").fetchall()]
        parts = " union all ".join(f"select '{t}' as owner, * from pragma_storage_info('{t}')" for t in tables)
        found = connection.execute(f"""
            with segments as (
                select case when s.owner = 'events' then 'events.' || s.column_name else s.owner end as owner,
                    s.block_id, s.block_offset, coalesce(len(s.additional_block_ids), 0) as n_more
                from ({parts}) as s where s.persistent and s.block_id >= 0
            ), reaching as (
                select s.owner, s.n_more, coalesce(lead(s.block_offset) over (
                    partition by s.block_id order by s.block_offset), {BLOCK}) - s.block_offset as used
                from (select s.owner, s.block_id, s.block_offset, max(s.n_more) as n_more from segments as s
                      group by s.owner, s.block_id, s.block_offset) as s
            )
            select r.owner, sum(r.used + r.n_more * {BLOCK}) as used
            from reaching as r group by r.owner order by used desc
        """).fetchall()
    return {owner: int(used) for owner, used in found}


def append_rows(log: Log, store: tuple[Path, Cost]) -> list[Row]:
    """Append the last day through the full import, against importing everything from scratch."""
    path, rebuild = store
    folder = log.folder / "appended"
    target = folder / path.name
    runs = []
    for _ in range(N_APPENDS):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(path.parent, folder)
        runs.append(alone(import_csv, str(target), str(log.day)))
    done = min(runs, key=lambda run: run.cpu_s)
    n_new = done.result[0]
    found = alone(faults_of, str(target)).result
    what = f"append one day ({n_new:,} events)"
    shutil.rmtree(folder)
    if found or n_new != log.n_day:
        note = "; ".join(found) or f"{n_new} rows of {log.n_day}"
        return [Row(what, f"{done.cpu_s:.2f} s", is_wrong=True, note=note)]
    note = f"importing everything from scratch; least of {N_APPENDS}; all rollups equal a rebuild"
    cost = Cost.of(done, n_new)
    return [
        Row(f"{what}, CPU", f"{done.cpu_s:.2f} s", f"{rebuild.cpu_s:,.1f} s", 100 * done.cpu_s / rebuild.cpu_s,
            Target("at most", 3, "%"), note, figures={"append": asdict(cost), "rebuild": asdict(rebuild)}),
        Row(f"{what}, wall", f"{done.wall_s:.2f} s", f"{rebuild.wall_s:,.1f} s",
            note=f"{100 * done.wall_s / rebuild.wall_s:.2f} %"),
    ]  # fmt: skip
