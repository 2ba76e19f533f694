"""The portable texts give the same rows on a second engine: embedded ClickHouse, translated by SQLGlot."""

from __future__ import annotations

import json
from datetime import date

import pytest
import sqlglot

from retention.audiences import query as audiences_query
from retention.cohorts import query
from retention.cohorts.answer import portable_cohort_sql
from retention.cohorts.spec import CellSpec, CohortSpec, Condition
from tests.rows import import_rows
from tests.test_sql_portable import portability_faults
from tests.worlds import store_of

TABLES = ("events", "event_names", "property_values", "users")
FRANCE = Condition(name="country", values=("France",))
CHEAP = Condition(name="price", operator="<=", values=("10",))
NOT_PAID = Condition(name="plan", operator="!=", values=("paid",))
SPECS = {
    "any activity by week": CohortSpec(horizon=4),
    "by month, on or after": CohortSpec(period="month", mode="on-or-after", horizon=2),
    "open-ended": CohortSpec(mode="on-or-after", is_open_ended=True, horizon=3),
    "on or before, twice": CohortSpec(mode="on-or-before", at_least=2, horizon=4),
    "on or after, twice": CohortSpec(mode="on-or-after", at_least=2, horizon=4),
    "streak by day": CohortSpec(mode="streak", period="day", horizon=5),
    "brackets": CohortSpec(mode="bracket", brackets=((0, 0), (1, 2), (3, 6))),
    "recurring, one event": CohortSpec(entry="recurring", start=("buy",), returns=("buy",), horizon=4),
    "elapsed": CohortSpec(ages="elapsed", period="day", horizon=9),
    "first matching, filtered": CohortSpec(entry="first-matching", where=(FRANCE, CHEAP), by="country", horizon=4),
    "a property of the user": CohortSpec(where=(NOT_PAID,), by="plan", horizon=4),
    "a range of days": CohortSpec(from_on=date(2026, 1, 7), to_on=date(2026, 1, 20), horizon=2),
}


@pytest.fixture(scope="module")
def store():
    countries, plans, kinds = ("France", "Spain", None), ("free", "paid", None), ("visit", "buy", "refund")
    store = store_of([])
    import_rows(
        store,
        [
            {
                "user": f"u{i * 7 % 23}",
                "time": f"2026-{1 + i % 3:02d}-{1 + i * 5 % 28:02d}T{i * 11 % 24:02d}:30",
                "event": kinds[i * i % 3],
                "country": countries[i % 3],
                "price": (None, "9.5", "12", "many")[i % 4],
                "plan": plans[i * i % 7 % 3],
            }
            for i in range(400)
        ],
        user_properties=("plan",),
    )
    return store


@pytest.fixture(scope="module")
def clickhouse(store):
    """A session of ClickHouse with the same tables."""
    from chdb import session

    chdb = session.Session()
    chdb.query("create database if not exists twin")
    with store.snapshot() as snapshot:
        for table in TABLES:
            columns = snapshot.rows(
                f"select c.column_name, c.data_type from (describe {table}) as c(column_name, data_type, a, b, c, d)"
            )
            rows = snapshot.rows(f"select * from {table}")
            types = ", ".join(f"{name} Nullable({_type(kind)})" for name, kind in columns)
            chdb.query(f"create table twin.{table} ({types}) engine = Memory")
            values = "\n".join(
                json.dumps(dict(zip((n for n, _ in columns), row, strict=True)), default=str) for row in rows
            )
            chdb.query(f"insert into twin.{table} format JSONEachRow {values}")
    yield chdb
    chdb.close()


def _type(kind: str) -> str:
    return {"VARCHAR": "String", "DOUBLE": "Float64", "UBIGINT": "UInt64"}.get(
        kind, "Int64" if "INT" in kind else "String"
    )


def rows_of_clickhouse(chdb, sql) -> list[tuple]:
    """Translate a question, bind its values as text of the right kind, and run it."""
    text = sqlglot.transpile(sql.text, read="duckdb", write="clickhouse")[0]
    for name, value in sorted(sql.params.items(), key=lambda pair: -len(pair[0])):
        literal = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
        text = text.replace(f"{{{name}: }}", literal).replace(f"${name}", literal).replace(f"{{{name}}}", literal)
    chdb.query("use twin")
    answer = str(chdb.query(text, "JSONCompactEachRow"))
    return sorted((tuple(json.loads(line)) for line in answer.splitlines() if line), key=repr)


@pytest.mark.parametrize("name", SPECS)
def test_the_portable_text_gives_the_same_rows_on_clickhouse(name, store, clickhouse):
    spec = SPECS[name]
    with store.snapshot() as snapshot:
        sql = portable_cohort_sql(spec, snapshot.catalogue)
        cell = CellSpec(cohorts=spec, cohort=date(2026, 1, 12), age=spec.shown_ages[0], is_lost=True)
        for question in (
            query.cohort_sizes(sql.starts),
            query.cohort_counts(sql.marks),
            audiences_query.member_count(query.cell_members(sql.starts, sql.marks, cell, "monday", None)),
        ):
            assert portability_faults(question.text) == []
            here = [
                tuple(None if v is None else int(v) for v in row)
                for row in snapshot.rows(question.text, question.params)
            ]
            there = [
                tuple(None if v is None else int(v) for v in row) for row in rows_of_clickhouse(clickhouse, question)
            ]
            assert sorted(here, key=repr) == sorted(there, key=repr)
            assert here or question is not query.cohort_sizes
