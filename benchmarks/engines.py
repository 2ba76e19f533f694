"""The others: the same questions in plain SQL over the raw events, in DuckDB and in embedded ClickHouse."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measure import Timing, cpu_ms, threads
from retention.store.store import MEMORY_LIMIT

Matrix = Mapping[tuple[int, str, int], int]
"""Users by (week of the cohort, group, age)."""
TYPES = {
    "user_id": "varchar", "occurred_at": "timestamp", "event": "varchar", "value": "decimal(18, 6)", "item": "varchar",
    "country": "varchar", "channel": "varchar",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A weekly matrix of first-ever cohorts, as an analyst would ask it of a table of events.

    Attributes
    ----------
    of_start, of_return : str
        Conditions on ``e`` for the events that start a cohort, and for those that count as coming back.
    group : str
        Column whose value is the group; empty for none.
    """

    of_start: str = ""
    of_return: str = ""
    group: str = ""


def duckdb_text(question: Question) -> str:
    """Write the question in DuckDB's SQL.

    Examples
    --------
    >>> "count(distinct e.user_id)" in duckdb_text(Question())
    True
    """
    return _text(question, "((epoch_us(e.occurred_at) // 86400000000 + 3) // 7)")


def clickhouse_text(question: Question) -> str:
    """Write the question in ClickHouse's SQL."""
    return _text(question, "intDiv(toUnixTimestamp(e.occurred_at) + 259200, 604800)")


def _text(question: Question, week: str) -> str:
    """Write it with weeks as whole numbers, which both engines answer faster than with `date_trunc`."""
    of_start = f"where {question.of_start}" if question.of_start else ""
    of_return = f"where {question.of_return}" if question.of_return else ""
    group = f"min(e.{question.group})" if question.group else "''"
    return f"""
with first as (
    select e.user_id, min({week}) as cohort, {group} as grp from events as e {of_start} group by e.user_id
)
select f.cohort, f.grp, {week} - f.cohort as age, count(distinct e.user_id) as n
from events as e join first as f on f.user_id = e.user_id
{of_return}
group by all"""


def connect(path: str) -> duckdb.DuckDBPyConnection:
    """Open a database with the settings of a store."""
    memory = os.environ.get("RETENTION_MEMORY", MEMORY_LIMIT)
    connection = duckdb.connect(path, config={"threads": str(threads()), "memory_limit": memory})
    connection.execute("set enable_progress_bar_print = false")
    return connection


def duckdb_load(csv: str, path: str) -> int:
    """Load a log into a table on disk, typed, and nothing else; return the number of rows."""
    Path(path).unlink(missing_ok=True)
    with connect(path) as connection:
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
        connection.execute(
            "create table events as select * from"
            f" read_csv($csv, auto_detect = false, header = true, columns = {{{columns}}})",
            {"csv": csv},
        )
        return int(connection.execute("select count(*) from events").fetchall()[0][0])


def duckdb_answers(path: str, texts: list[str]) -> list[tuple[list[tuple[Any, ...]], Timing]]:
    """Ask a loaded table several questions, warm; return the rows and the CPU time of each."""
    with connect(path) as connection:
        found = []
        for text in texts:
            rows = connection.execute(text).fetchall()
            found.append((rows, cpu_ms(lambda text=text: connection.execute(text).fetchall(), n_runs=5)))  # type: ignore[misc]
        return found


@contextmanager
def clickhouse(csv: str, folder: str) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    """Load a log into embedded ClickHouse and give what asks it.

    Notes
    -----
    A table as ClickHouse likes it: few distinct texts are dictionaries, and it is sorted by user and time, which
    helps these questions. Merges are over before the first question.
    """
    from chdb.session import Session

    shutil.rmtree(folder, ignore_errors=True)
    session = Session(folder)
    session.query(f"set max_threads = {threads()}")
    session.query("create database raw engine = Atomic")
    session.query("use raw")
    session.query("""
        create table events (user_id String, occurred_at DateTime64(3, 'UTC'), event LowCardinality(String),
            value Nullable(Decimal(18, 6)), item Nullable(String), country LowCardinality(String),
            channel LowCardinality(String))
        engine = MergeTree order by (user_id, occurred_at)""")
    source = csv.replace("\\", "\\\\").replace("'", "\\'")
    session.query(f"insert into events select * from file('{source}', 'CSVWithNames')")
    session.query("optimize table events final")
    session.query("system stop merges events")
    yield lambda text: [tuple(row) for row in json.loads(str(session.query(text, "JSONCompact")))["data"]]
    session.close()
    shutil.rmtree(folder, ignore_errors=True)


def clickhouse_answers(csv: str, folder: str, texts: list[str]) -> list[tuple[list[tuple[Any, ...]], Timing]]:
    """Ask embedded ClickHouse several questions of a log, warm."""
    with clickhouse(csv, folder) as ask:
        return [(ask(text), cpu_ms(lambda text=text: ask(text), n_runs=5)) for text in texts]  # type: ignore[misc]


def matrix_of(rows: list[tuple[Any, ...]]) -> dict[tuple[int, str, int], int]:
    """Index the rows of an answer."""
    return {(int(cohort), str(group), int(age)): int(n) for cohort, group, age, n in rows}
