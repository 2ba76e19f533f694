"""Bring a Google Analytics 4 table, nested Parquet or flattened CSV, to the columns its JSON lines would have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retention.errors import FileError
from retention.ingest.columns import find_column, missing_column
from retention.ingest.engine import rows_of
from retention.ingest.plan import text_sql
from retention.ingest.source import Source
from retention.ingest.trackers import GA4_PROPERTIES

if TYPE_CHECKING:
    import duckdb


def reshape_ga4(con: duckdb.DuckDBPyConnection, source: Source) -> Source:
    """Replace the view ``raw`` by one whose columns are named by what they are mapped to.

    Raises
    ------
    FileError
        If the file has no `event_timestamp`, `event_name`, or user.
    """
    for needed in ("event_timestamp", "event_name"):
        if find_column(source.columns, needed) is None:
            raise missing_column(needed, source.columns, role="")
    if find_column(source.columns, "user_id") is None and find_column(source.columns, "user_pseudo_id") is None:
        raise FileError(
            "The file has neither a column user_id nor user_pseudo_id.",
            hint="Both are columns of the BigQuery export of Google Analytics 4.",
        )
    shapes: dict[str, str | None] = {
        "user": _either(source, "user_id", "user_pseudo_id"),
        "time": _flat(source, "event_timestamp"),
        "event": _flat(source, "event_name"),
        "value": _either(source, "event_value_in_usd", _nested(con, source, "ecommerce.purchase_revenue") or ""),
    }
    for target, key in (
        ("item", "item_id"),
        ("item_name", "item_name"),
        ("category", "item_category"),
        ("quantity", "quantity"),
    ):
        shapes[target] = _item(con, source, key)
    for path in GA4_PROPERTIES:
        shapes[f"event:{path}"] = _nested(con, source, path)
    shapes |= {f"ignore:{column}": text_sql(source, column) for column in source.columns}
    wanted = {name: sql for name, sql in shapes.items() if sql is not None}
    con.execute("alter view raw rename to nested")
    con.execute(
        "create view raw as select "
        + ", ".join(f"{sql} as c{i}" for i, sql in enumerate(wanted.values()))
        + ", record from nested"
    )
    types = tuple(row[1] for row in rows_of(con, "describe raw"))[:-1]
    return replace(source, columns=tuple(wanted), types=types)


def _flat(source: Source, name: str) -> str | None:
    found = find_column(source.columns, name)
    return None if found is None else text_sql(source, found)


def _either(source: Source, *names: str) -> str | None:
    found = [_flat(source, name) or (name if "(" in name or "." in name else None) for name in names if name]
    parts = [sql for sql in found if sql is not None]
    return f"coalesce({', '.join(parts)})" if parts else None


def _nested(con: duckdb.DuckDBPyConnection, source: Source, path: str) -> str | None:
    """Find ``device.category`` as a column of its own, or inside the column ``device``."""
    flat = _flat(source, path)
    outer, _, inner = path.partition(".")
    if flat is not None or not inner or outer not in source.columns:
        return flat
    return _if_valid(con, f"struct_extract({source.at(outer)}, '{inner}')::varchar")


def _item(con: duckdb.DuckDBPyConnection, source: Source, key: str) -> str | None:
    for spelling in (f"items.{key}", f"items[0].{key}", f"items.0.{key}", key):
        flat = _flat(source, spelling)
        if flat is not None:
            return flat
    if "items" not in source.columns:
        return None
    return _if_valid(con, f"struct_extract(list_extract({source.at('items')}, 1), '{key}')::varchar")


def _if_valid(con: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    import duckdb

    try:
        con.execute(f"select {sql} from raw limit 0")
    except duckdb.BinderException:
        return None
    return sql
