"""Cast, judge and write: good rows to one Parquet file, the others with their reasons to another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from retention.ingest.engine import rows_of
from retention.ingest.plan import Plan
from retention.ingest.source import Source
from retention.ingest.zones import end_of_local_day, utc_sql
from retention.store.staged import RejectReason

if TYPE_CHECKING:
    import duckdb

ROWS, REJECTS = "rows.parquet", "rejects.parquet"
_EVENT_COLUMNS = ("user_id", "occurred_us", "event", "value", "quantity", "item", "item_name", "category", "text")
_ORDER_COLUMNS = ("user_id", "occurred_us", "event", "invoice", "item", "item_name", "quantity", "price")
_WRITE = "(format parquet, compression lz4, row_group_size 122880)"


def land(con: duckdb.DuckDBPyConnection, source: Source, plan: Plan, timezone: str) -> dict[str, object]:
    """Write ``rows.parquet`` and ``rejects.parquet`` and count what is in them.

    Returns
    -------
    dict
        The counts, reasons and instants of `Staged`.
    """
    create_judged(con, plan, timezone)
    _write_good(con, plan, "verdict is null")
    _number_copies(con)
    n_good, first_us, last_us = _totals(con)
    n_cast_away = source.n_rows - n_good
    n_rejected = n_cast_away + source.n_malformed
    reasons: tuple[RejectReason, ...] = ()
    if n_rejected:
        reasons = _write_rejects(con, source, plan, n_expected=n_rejected, has_cast_away=n_cast_away > 0)
    return {
        "n_records": source.n_rows + source.n_malformed,
        "n_good": n_good,
        "n_rejected": n_rejected,
        "reasons": [(r.reason, r.n, r.first_line) for r in reasons],
        "first_us": first_us,
        "last_us": last_us,
        "watermark_us": _watermark(con, plan, timezone, last_us),
    }


def land_flawless(
    con: duckdb.DuckDBPyConnection, plan: Plan, timezone: str, n_records: int
) -> dict[str, object] | None:
    """Do the same in one pass, or give up at the first row that would be rejected.

    Raises
    ------
    duckdb.Error
        At the first record that is malformed or would be rejected.
    """
    create_judged(con, plan, timezone)
    _write_good(con, plan, "case when verdict is null then true else error('a row to reject') end")
    n_good, first_us, last_us = _totals(con)
    if n_good != n_records:
        return None
    _number_copies(con)
    return {
        "n_records": n_good,
        "n_good": n_good,
        "n_rejected": 0,
        "reasons": [],
        "first_us": first_us,
        "last_us": last_us,
        "watermark_us": _watermark(con, plan, timezone, last_us),
    }


def _write_good(con: duckdb.DuckDBPyConnection, plan: Plan, condition: str) -> None:
    columns = list(_ORDER_COLUMNS if plan.kind == "order_lines" else _EVENT_COLUMNS)
    columns.append(f"digest({_joined(plan.identity)}) as row_hash")
    if plan.kind == "order_lines":
        columns.append("digest(concat_ws(chr(31), user_id, invoice, event, occurred_us::varchar)) as event_hash")
    columns += [f"p{i}" for i in range(len(plan.properties))]
    con.execute(f"copy (select {', '.join(columns)} from judged where {condition}) to '{ROWS}' {_WRITE}")


def _totals(con: duckdb.DuckDBPyConnection) -> tuple[int, int | None, int | None]:
    n, first_us, last_us = rows_of(con, f"select count(*), min(occurred_us), max(occurred_us) from '{ROWS}'")[0]
    return n, first_us, last_us


def create_judged(con: duckdb.DuckDBPyConnection, plan: Plan, timezone: str) -> None:
    """Make the view ``judged``: every row cast, with the number of the check that turns it away."""
    utc = utc_sql("local_us", timezone)
    is_local = plan.times.is_local
    placed = {"true": utc, "false": "local_us"}.get(is_local, f"case when is_local then {utc} else local_us end")
    verdict = " ".join(f"when {check.condition} then {i}" for i, check in enumerate(plan.checks))
    con.execute(f"""
        create or replace view judged as
        select placed.*, case {verdict} end as verdict
        from (select casts.*{_listed(plan.derived)}, {placed} as occurred_us
              from (select texts.*{_listed(plan.casts)}
                    from (select raw.record{_listed(plan.texts)} from raw) as texts) as casts) as placed
    """)


def _listed(expressions: dict[str, str]) -> str:
    return "".join(f", {sql} as {name}" for name, sql in expressions.items())


def _joined(identity: tuple[tuple[str, str], ...]) -> str:
    """Join every source column, labelled, absent ones left out, into the text that makes a row itself."""
    # Labels hold names of columns: quotes in them are doubled, and the separator cannot be typed.
    parts = [f"'{label.replace(chr(39), chr(39) * 2)}=' || {sql}" for label, sql in identity]
    return f"concat_ws(chr(31), {', '.join(parts)})"


def _number_copies(con: duckdb.DuckDBPyConnection) -> None:
    """Fold into the hash of the second and later copies of a row which copy it is."""
    con.execute(f"create temp table copied as select row_hash from '{ROWS}' group by row_hash having count(*) > 1")
    if not rows_of(con, "select count(*) from copied")[0][0]:
        return
    con.execute(f"""
        copy (
            select r.* from '{ROWS}' as r where r.row_hash not in (select c.row_hash from copied as c)
            union all
            select n.* exclude (copy)
                   replace (case when n.copy = 1 then n.row_hash
                                 else digest(n.row_hash::varchar || '#' || n.copy::varchar) end as row_hash)
            from (select r.*, row_number() over (partition by r.row_hash) as copy from '{ROWS}' as r
                  where r.row_hash in (select c.row_hash from copied as c)) as n
        ) to 'numbered.parquet' {_WRITE}
    """)
    os.replace("numbered.parquet", ROWS)


def _write_rejects(
    con: duckdb.DuckDBPyConnection, source: Source, plan: Plan, *, n_expected: int, has_cast_away: bool
) -> tuple[RejectReason, ...]:
    con.execute("create temp table checks (verdict integer, reason varchar, column_name varchar)")
    con.executemany(
        "insert into checks values (?, ?, ?)", [[i, check.reason, check.column] for i, check in enumerate(plan.checks)]
    )
    found = " ".join(f"when {i} then {check.raw}" for i, check in enumerate(plan.checks))
    if has_cast_away:
        import pyarrow as pa

        con.execute(f"""
            create temp table cast_away as
            select record, verdict, left(case verdict {found} end, 200) as value
            from judged where verdict is not null order by record
        """)
        records = con.execute("select record from cast_away order by record").fetchnumpy()["record"]
        records = np.asarray(records, dtype=np.int64)
        con.register("record_lines", pa.table({"record": records, "line": source.lines_of(records)}))
    else:
        con.execute("create temp table cast_away (record bigint, verdict integer, value varchar)")
        con.execute("create temp table record_lines (record bigint, line bigint)")
    con.execute(f"""
        copy (select m.line, m.column_name, m.value, m.reason from malformed as m
              union all
              select l.line, k.column_name, a.value, k.reason
              from cast_away as a join record_lines as l on l.record = a.record
                   join checks as k on k.verdict = a.verdict
              order by line)
        to '{REJECTS}' {_WRITE}
    """)
    reasons = tuple(
        RejectReason(reason=reason, n=n, first_line=line)
        for reason, n, line in rows_of(
            con, f"select reason, count(*) as n, min(line) from '{REJECTS}' group by reason order by n desc, reason"
        )
    )
    if sum(reason.n for reason in reasons) != n_expected:
        raise RuntimeError("rejected rows do not add up")
    return reasons


def _watermark(con: duckdb.DuckDBPyConnection, plan: Plan, timezone: str, last_us: int | None) -> int | None:
    if last_us is None:
        return None
    clock = plan.times.has_clock
    # Asked of the good rows only: a rejected one says nothing about the file's habit. The first is enough.
    has_clock = clock == "true" or bool(
        clock != "false" and rows_of(con, f"select 1 from judged where verdict is null and {clock} limit 1")
    )
    return last_us + 1 if has_clock else end_of_local_day(last_us, timezone)
