"""How a file writes its amounts: plain, with thousands separators, or with a decimal comma."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from retention.ingest.engine import rows_of

if TYPE_CHECKING:
    import duckdb

NUMBER_TYPES = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "FLOAT",
    "DOUBLE",
}
_THOUSANDS = re.compile(r"[-+]?0{1,3}(?:,000)+\.0+|[-+]?0{1,3}(?:,000){2,}")
_DECIMAL_COMMA = re.compile(r"[-+]?0*,(?:0{1,2}|0{4,})|[-+]?0{1,3}(?:\.000)+,0+|[-+]?0{4,},0+")
_EITHER = re.compile(r"[-+]?0{1,3},000")
_DECIMAL_POINT = re.compile(r"[-+]?0*\.(?:0{1,2}|0{4,})")


def amount_sql(con: duckdb.DuckDBPyConnection, column: str, type_: str, name: str) -> tuple[str, str, str]:
    """Write SQL for an amount: its raw text, the value to cast, and the number, null where it is none.

    Parameters
    ----------
    name : str
        The number is written in terms of the column ``{name}_value``, which holds `value`.

    Returns
    -------
    raw, value, number : str
        A row whose `raw` is not null and whose `number` is null is to be rejected.

    Notes
    -----
    A separator is understood only if the file leaves no doubt: 1,234.50 anywhere makes the comma a thousands
    separator, 12,5 anywhere makes it a decimal comma, both or neither leave ``1,234`` unread.
    """
    value = f"{name}_value"
    if is_number(type_):
        return f"{column}::varchar", column, f"try_cast({value} as decimal(18, 6))"
    text = f"stated({column})" if type_ == "VARCHAR" else f"{column}::varchar"
    shapes = [
        row[0]
        for row in rows_of(
            con,
            f"""
        select distinct shape(ltrim(r.t, '$€£¥ ')) as s from (select {text} as t from raw) as r
        where r.t is not null and try_cast(r.t as decimal(18, 6)) is null limit 20000
    """,
        )
    ]
    number = value
    if any("0" in shape for shape in shapes):
        number = _with_separators(con, text, shapes, f"ltrim({value}, '$€£¥ ')")
    # DuckDB reads 1_000 as a number; a file that writes it does not mean one.
    return text, text, f"case when not contains({value}, '_') then try_cast({number} as decimal(18, 6)) end"


def _with_separators(con: duckdb.DuckDBPyConnection, text: str, shapes: list[str], bare: str) -> str:
    has_thousands = any(_THOUSANDS.fullmatch(s) for s in shapes)
    has_decimal = any(_DECIMAL_COMMA.fullmatch(s) for s in shapes)
    has_point = _has_decimal_point(con, text)
    if not has_decimal and (has_thousands or has_point):
        return (
            f"case when regexp_full_match({bare}, '[-+]?\\d{{1,3}}(,\\d{{3}})+(\\.\\d+)?')"
            f" then replace({bare}, ',', '') else {bare} end"
        )
    if has_decimal and not has_thousands and not has_point:
        return (
            f"case when regexp_full_match({bare}, '[-+]?\\d*,\\d+') then replace({bare}, ',', '.')"
            f" when regexp_full_match({bare}, '[-+]?\\d{{1,3}}(\\.\\d{{3}})+(,\\d+)?')"
            f" then replace(replace({bare}, '.', ''), ',', '.') else {bare} end"
        )
    return bare


def is_plain(number: str) -> bool:
    """Whether the SQL of a number from `amount_sql` knows no separators and no signs of currencies."""
    return "ltrim(" not in number


def is_number(type_: str) -> bool:
    """Whether a type of the engine is a number."""
    return type_ in NUMBER_TYPES or type_.startswith("DECIMAL")


def _has_decimal_point(con: duckdb.DuckDBPyConnection, text: str) -> bool:
    """Whether some amount has a point that can only be a decimal one."""
    return any(
        _DECIMAL_POINT.fullmatch(row[0])
        for row in rows_of(
            con,
            f"""
        select distinct shape(r.t) from (select {text} as t from raw) as r
        where contains(r.t, '.') and not contains(r.t, ',') limit 20000
    """,
        )
    )
