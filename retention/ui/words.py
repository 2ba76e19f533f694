"""Numbers and moments as people read them."""

from __future__ import annotations

import re
from datetime import date

from retention.periods import from_us, zone


def moment(us: int, timezone: str) -> str:
    """Write an instant in a zone.

    Examples
    --------
    >>> moment(0, "UTC")
    '1 January 1970, 00:00 UTC'
    """
    local = from_us(us).astimezone(zone(timezone))
    return f"{local.day} {local:%B %Y, %H:%M} {local.tzname() if timezone == 'UTC' else timezone}"


def short_moment(us: int, timezone: str) -> str:
    """Write an instant for a table, sortable as text.

    Examples
    --------
    >>> short_moment(0, "Asia/Kolkata")
    '1970-01-01 05:30'
    """
    return f"{from_us(us).astimezone(zone(timezone)):%Y-%m-%d %H:%M}"


def day(on: date) -> str:
    """Write a date.

    Examples
    --------
    >>> day(date(2026, 3, 1))
    '1 March 2026'
    """
    return f"{on.day} {on:%B %Y}"


def many(n: int, one: str, several: str = "") -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> many(1, "user"), many(1200, "user")
    ('1 user', '1,200 users')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def file_size(n_bytes: int) -> str:
    """Write a size in bytes.

    Examples
    --------
    >>> file_size(900), file_size(21_300_000)
    ('900 bytes', '21.3 MB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.1f} {name}"
    return f"{n_bytes} bytes"


def plain(text: str) -> str:
    """Keep what comes from data or was typed from being read as markup: no links, no pictures from elsewhere.

    Examples
    --------
    >>> plain("![a](b)") == "!" + chr(92) + "[a" + chr(92) + "](b)"
    True
    """
    return re.sub(r"([\\*\[\]<>~$])", r"\\\1", text)
