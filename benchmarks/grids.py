"""Cohort questions of a store, each checked against the same question asked in another way, then timed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.engines import Question, clickhouse_answers, clickhouse_text, duckdb_answers, duckdb_text, matrix_of
from benchmarks.generate import Log
from benchmarks.measure import Timing, alone, cpu_ms
from benchmarks.report import Row, Target, ms
from retention.cohorts.answer import CohortSql, cohort_retention, cohort_sql, portable_cohort_sql, read_matrix
from retention.cohorts.spec import CohortSpec, Condition
from retention.store import Snapshot, Sql, Store

HORIZON = 52
Cells = dict[tuple[int, str, int], int]


@dataclass(frozen=True, slots=True)
class Headline:
    """A question that has targets, as a spec and as an analyst would write it."""

    name: str
    spec: CohortSpec
    question: Question


@dataclass(frozen=True, slots=True)
class Asked:
    """What our side of a question took, and what it answered."""

    name: str
    source: str
    sql: Timing
    whole: Timing
    floor: Timing
    columns: tuple[str, ...]
    cells: Cells = field(repr=False)


FRANCE = Condition(name="country", values=("France",))
HEADLINES = (
    Headline("weekly matrix", CohortSpec(horizon=HORIZON), Question()),
    Headline("filtered by country", CohortSpec(horizon=HORIZON, where=(FRANCE,)),
             Question("e.country = 'France'", "e.country = 'France'")),
    Headline("return event purchase", CohortSpec(horizon=HORIZON, returns=("purchase",)),
             Question(of_return="e.event = 'purchase'")),
)  # fmt: skip
BESIDE = (
    ("breakdown by country", CohortSpec(horizon=HORIZON, by="country")),
    ("breakdown by channel", CohortSpec(horizon=HORIZON, by="channel")),
    ("three return events", CohortSpec(horizon=HORIZON, returns=("purchase", "review", "wishlist"))),
    ("first purchase, back at all", CohortSpec(horizon=HORIZON, start=("purchase",))),
    ("first purchase, purchase again", CohortSpec(horizon=HORIZON, start=("purchase",), returns=("purchase",))),
    ("elapsed ages", CohortSpec(horizon=HORIZON, ages="elapsed")),
    ("recurring entry", CohortSpec(horizon=12, entry="recurring")),
    ("on or after", CohortSpec(horizon=HORIZON, mode="on-or-after")),
    ("brackets", CohortSpec(mode="bracket", brackets=((0, 0), (1, 1), (2, 4), (5, 12)))),
    ("at least 2 returns", CohortSpec(horizon=HORIZON, at_least=2)),
    ("months", CohortSpec(horizon=11, period="month")),
    ("days", CohortSpec(horizon=104, period="day")),
)


def headline_answers(store_path: str) -> list[Asked]:
    """Ask the headline questions of a store; each whole grid is checked against the events first."""
    with Store.open(Path(store_path)) as store:
        return [_asked(store, headline) for headline in HEADLINES]


def _asked(store: Store, headline: Headline) -> Asked:
    with store.snapshot() as snapshot:
        sql = cohort_sql(headline.spec, snapshot.catalogue)
        reads = _reads(sql)
        sizes, counts = (snapshot.read(read) for read in reads)
        floors = [floor for read in reads for floor in scan_and_sum(snapshot, read)]
        timing = cpu_ms(lambda: [snapshot.read(read) for read in reads])
        floor = cpu_ms(lambda: [snapshot.rows(text) for text, _ in floors])
    whole = cpu_ms(lambda: cohort_retention(store, headline.spec))
    cells = {(int(r.cohort), "", 0): int(r.n_users) for r in sizes.itertuples()}
    cells |= {(int(r.cohort), "", int(r.age)): int(r.n_users) for r in counts.itertuples() if r.age > 0}
    columns = tuple(name for _, names in floors for name in names)
    return Asked(headline.name, sql.source, timing, whole, floor, columns, cells)


def scan_and_sum(snapshot: Snapshot, read: Sql) -> Iterator[tuple[str, list[str]]]:
    """Write, for each scan of a table in a query's plan, the sum of the columns that it reads."""
    plan = json.loads(snapshot.rows(f"explain (format json) {read.text}", read.params)[0][1])
    for table, columns in scans(plan):
        # Small dictionaries cost less than the clock can tell.
        if snapshot.rows(f"select count(*) from {table}")[0][0] >= 1000:
            sums = ", ".join(f"sum({column})" for column in columns) or "count(*)"
            yield f"select {sums} from {table}", [f"{table}.{column}" for column in columns]


def scans(plan: Any) -> Iterator[tuple[str, list[str]]]:
    """Find the scans in a plan: the table and its columns, filtered ones included."""
    for node in plan if isinstance(plan, list) else [plan]:
        extra = node.get("extra_info", {})
        if node.get("name", "").strip() == "SEQ_SCAN":
            projected = extra.get("Projections", [])
            names = [projected] if isinstance(projected, str) else list(projected)
            filters = extra.get("Filters", [])
            for text in [filters] if isinstance(filters, str) else filters:
                names += re.findall(r"^\(*(?:\w+\()?([a-z]\w*)", text.strip())
            columns = [name for name in dict.fromkeys(names) if re.fullmatch(r"[a-z]\w*", name)]
            yield str(extra["Table"]).rpartition(".")[2], columns
        yield from scans(node.get("children", []))


def headline_rows(log: Log, store_path: Path, raw_path: Path) -> list[Row]:
    """Compare our rollups with plain SQL over the raw events, and with the floor of the engine."""
    ours = alone(headline_answers, str(store_path)).result
    texts = [headline.question for headline in HEADLINES]
    plain = alone(duckdb_answers, str(raw_path), [duckdb_text(q) for q in texts]).result
    folder = str(log.folder / "clickhouse")
    house = alone(clickhouse_answers, str(log.csv), folder, [clickhouse_text(q) for q in texts]).result
    rows = []
    for asked, in_duckdb, in_clickhouse in zip(ours, plain, house, strict=True):
        rows += _against(asked, in_duckdb, "DuckDB, raw events, text ids, count(distinct)", 40)
        rows += _against(asked, in_clickhouse, "chDB, raw events, text ids, count(distinct)", 20)
        note = f"sum of {', '.join(asked.columns)}"
        rows.append(Row(f"{asked.name}, above the floor", ms(asked.sql.least), ms(asked.floor.least),
                        asked.sql.least / asked.floor.least, Target("at most", 6), note))
        note = "with rates, intervals and averages; DuckDB as above"
        rows.append(Row(f"{asked.name}, the whole answer", ms(asked.whole.least), ms(in_duckdb[1].least),
                        in_duckdb[1].least / asked.whole.least, None, note))
    return rows  # fmt: skip


def _against(asked: Asked, other: tuple[list[tuple[Any, ...]], Timing], note: str, bound: float) -> list[Row]:
    rows, timing = other
    # Age 0 is the size where the return event is any activity; our own age 0 needs the order of events.
    theirs = {cell: n for cell, n in matrix_of(rows).items() if cell[2] > 0}
    sizes = {cell: n for cell, n in matrix_of(rows).items() if cell[2] == 0}
    mine = {cell: n for cell, n in asked.cells.items() if cell[2] > 0}
    wrong = sum(theirs.get(cell) != mine.get(cell) for cell in theirs.keys() | mine.keys())
    if "purchase" not in asked.name:
        wrong += sum(asked.cells.get(cell) != n for cell, n in sizes.items())
    if wrong or not mine:
        note = f"{wrong} cells differ from {note}"
        return [Row(asked.name, ms(asked.sql.least), ms(timing.least), note=note, is_wrong=True)]
    figures: dict[str, object] = {"ours": asked.sql, "whole": asked.whole, "other": timing, "reads": asked.source}
    return [Row(asked.name, ms(asked.sql.least), ms(timing.least), timing.least / asked.sql.least,
                Target("at least", bound), note, figures=figures)]  # fmt: skip


def beside_answers(store_path: str) -> list[Row]:
    """Ask more questions of a store, each against the portable text over its events (integer ids, sorted by user)."""
    rows = []
    with Store.open(Path(store_path)) as store:
        for name, spec in (*((h.name, h.spec) for h in HEADLINES), *BESIDE):
            print(f"        {name}", file=sys.stderr, flush=True)
            with store.snapshot() as snapshot:
                ours = cohort_sql(spec, snapshot.catalogue)
                portable = portable_cohort_sql(spec, snapshot.catalogue)
                wrong = _n_differing(snapshot, spec, ours, portable)
                mine = cpu_ms(lambda ours=ours, snapshot=snapshot: _read(snapshot, ours), n_runs=7, seconds=6)  # type: ignore[misc]
                theirs = None
                if ours.source != "events":
                    theirs = cpu_ms(lambda portable=portable, snapshot=snapshot: _read(snapshot, portable),  # type: ignore[misc]
                                    n_runs=3, seconds=6)  # fmt: skip
            whole = cpu_ms(lambda spec=spec: cohort_retention(store, spec), n_runs=5, seconds=6)  # type: ignore[misc]
            note = f"portable SQL over the store's events; ours reads {ours.source}; the whole answer {ms(whole.least)}"
            if wrong:
                rows.append(Row(name, ms(mine.least), note=f"{wrong} cells differ from the events", is_wrong=True))
            elif theirs is None:
                note = f"ours reads {ours.source}; the whole answer {ms(whole.least)}"
                rows.append(Row(name, ms(mine.least), note=note))
            else:
                rows.append(Row(name, ms(mine.least), ms(theirs.least), theirs.least / mine.least, None, note))
    return [Row(f"beside: {r.what}", r.ours, r.other, r.found, None, r.note, r.is_wrong) for r in rows]


def _read(snapshot: Snapshot, sql: CohortSql) -> Sequence[pd.DataFrame]:
    return [snapshot.read(read) for read in _reads(sql)]


def _reads(sql: CohortSql) -> tuple[Sql, Sql]:
    return sql.sizes, sql.counts


def _n_differing(snapshot: Snapshot, spec: CohortSpec, ours: CohortSql, portable: CohortSql) -> int:
    if ours.source == "events":
        return 0  # the same text
    mine, theirs = (read_matrix(snapshot, spec, sql).cells for sql in (ours, portable))
    if mine.shape != theirs.shape or not len(mine):
        return max(len(mine), len(theirs), 1)
    same = np.ones(len(mine), dtype=bool)
    for column in ("cohort", "group", "age", "size", "retained", "state"):
        a, b = mine[column].astype("string").fillna(""), theirs[column].astype("string").fillna("")
        same &= (a == b).to_numpy(dtype=bool)
    return int((~same).sum())
