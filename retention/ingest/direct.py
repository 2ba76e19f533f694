"""One pass over a text in which nothing is wrong: planned from its first rows, given up at the first surprise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retention.errors import FileError
from retention.ingest.amounts import is_plain
from retention.ingest.delimited import Records, sample_delimited, scan_sql, tidied
from retention.ingest.engine import rows_of
from retention.ingest.header import Header
from retention.ingest.land import create_judged, land_flawless
from retention.ingest.plan import Plan, plan_rows
from retention.ingest.spec import ImportSpec

if TYPE_CHECKING:
    import duckdb


def land_directly(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    header: Header,
    records: Records,
    mapping: dict[str, str],
    spec: ImportSpec,
) -> tuple[Plan, dict[str, object]] | None:
    """Cast a text straight into ``rows.parquet``, or do nothing and return None.

    Notes
    -----
    The result is the one of the long way, because a plan made from the first rows is only trusted where the whole
    file could not have changed it: every time has a shape seen there and reads in the order of day and month
    proved there, every amount is a plain number, and no row is malformed or rejected.
    """
    import duckdb

    plan = _plan_of_sample(con, header, mapping, spec)
    if plan is None:
        return None
    con.execute(f"""create or replace view raw as select {tidied(len(header.columns))}, 0::bigint as record
                    from {scan_sql(path, header, has_rejects=False)}""")
    try:
        landed = land_flawless(con, plan, spec.timezone, records.count())
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        return None
    return None if landed is None else (plan, landed)


def _plan_of_sample(
    con: duckdb.DuckDBPyConnection, header: Header, mapping: dict[str, str], spec: ImportSpec
) -> Plan | None:
    if any(len(row) != len(header.columns) for row in header.rows):
        return None
    source = sample_delimited(con, header)
    try:
        plan = plan_rows(con, source, mapping, spec, is_sample=True)
    except FileError:
        return None  # Mixed zones, say: the long way counts them over the whole file.
    if plan.notes or not all(is_plain(plan.casts[name]) for name in ("value", "quantity")):
        return None
    create_judged(con, plan, spec.timezone)
    n_rejected = rows_of(con, "select count(*) from judged where verdict is not null")[0][0]
    return plan if not n_rejected else None
