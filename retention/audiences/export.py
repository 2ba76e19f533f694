"""Tables as files that a spreadsheet can open without running anything."""

from __future__ import annotations

import io
import re
from datetime import date
from typing import Any, Literal

import pandas as pd

from retention.errors import SpecError
from retention.periods import iso

Format = Literal["csv", "xlsx", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "xlsx", "parquet")
MIME = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
MAX_XLSX_ROWS = 1_048_575

# What a spreadsheet takes for a formula, also behind spaces and in full-width forms.
# A text that is escaped already is escaped once more, so that taking one apostrophe off at import gives it back.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@|%＝＋－＠｜％]|[\t\r\n])")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def escape(text: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run; leave numbers alone.

    Examples
    --------
    >>> escape("=1+1"), escape("-3.5"), escape("ann")
    ("'=1+1", '-3.5', 'ann')
    """
    if isinstance(text, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def table_bytes(frame: pd.DataFrame, fmt: str, sheet: str = "data") -> bytes:
    """Write a table as CSV (UTF-8 with a byte-order mark), XLSX or Parquet.

    Raises
    ------
    SpecError
        If the format is not known, or XLSX cannot hold so many rows.
    """
    if fmt not in FORMATS:
        raise SpecError(f"The format must be one of {', '.join(FORMATS)}, not {fmt!r}.")
    buffer = io.BytesIO()
    if fmt == "parquet":
        frame.to_parquet(buffer, index=False)  # Parquet holds no formulas: nothing to escape
        return buffer.getvalue()
    safe = frame.rename(columns=lambda name: str(escape(str(name))))
    texts = [
        c
        for c in safe.columns
        if not pd.api.types.is_numeric_dtype(safe[c]) and not pd.api.types.is_bool_dtype(safe[c])
    ]
    safe = safe.assign(**{c: safe[c].map(escape) for c in texts})
    if fmt == "csv":
        return safe.to_csv(index=False).encode("utf-8-sig")
    if len(safe) > MAX_XLSX_ROWS:
        raise SpecError(
            f"An XLSX sheet holds at most {MAX_XLSX_ROWS:,} rows, not {len(safe):,}.",
            hint="Export CSV or Parquet instead.",
        )
    options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(buffer, engine="xlsxwriter", engine_kwargs=options) as writer:
        safe.to_excel(writer, sheet_name=sheet[:31], index=False)
    return buffer.getvalue()


def member_table(users: pd.DataFrame) -> pd.DataFrame:
    """Write the instants of a list of users as text: what a campaign tool or a spreadsheet reads."""
    instants = {
        f"{name}_at": ["" if pd.isna(us) else iso(int(us)) for us in users[f"{name}_us"]] for name in ("first", "last")
    }
    return users.drop(columns=["first_us", "last_us"]).assign(**instants)


def json_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a frame into what JSON can hold, unrounded; what is not known is null."""
    found = []
    for row in frame.to_dict("records"):
        plain: dict[str, Any] = {}
        for name, value in row.items():
            if pd.isna(value):
                plain[str(name)] = None
            elif isinstance(value, date):
                plain[str(name)] = value.isoformat()
            else:
                plain[str(name)] = value.item() if hasattr(value, "item") else value
        found.append(plain)
    return found
