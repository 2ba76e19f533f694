"""Local time to UTC in SQL, from the zone's own transitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from retention.periods import FIRST_US, LAST_US, US_PER_DAY, offsets

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def local_breaks(timezone: str) -> tuple[list[int], list[int]]:
    """Where on the local clock the offset changes, and the offsets around.

    Returns
    -------
    breaks : list of int
        Local microseconds from which the next offset holds, ascending.
    offsets_us : list of int
        One more than `breaks`.

    Notes
    -----
    As PEP 495 has it with ``fold=0``: the first of an ambiguous pair, and in a gap the offset before the jump.
    Both say that an offset holds until the later of the two clock readings at the transition.
    """
    # A local clock can be a day ahead of or behind UTC.
    known = offsets(timezone, FIRST_US - 2 * US_PER_DAY, LAST_US + 2 * US_PER_DAY)
    shifts = [shift for _, shift in known]
    breaks = [from_us + max(before, after) for (from_us, after), before in zip(known[1:], shifts, strict=False)]
    return breaks, shifts


def utc_sql(local: str, timezone: str) -> str:
    """Write the expression that turns local microseconds into UTC: a balanced tree of comparisons."""
    breaks, shifts = local_breaks(timezone)

    def tree(first: int, last: int) -> str:
        if first == last:
            return str(shifts[first])
        middle = (first + last) // 2
        return f"case when {local} < {breaks[middle]} then {tree(first, middle)} else {tree(middle + 1, last)} end"

    return local if shifts == [0] else f"{local} - ({tree(0, len(breaks))})"


def end_of_local_day(last_us: int, timezone: str) -> int:
    """Give the instant at which the local day of an instant ends."""
    zone = ZoneInfo(timezone)
    local = (_EPOCH + timedelta(microseconds=last_us)).astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=1)
    return (midnight.astimezone(UTC) - _EPOCH) // _MICROSECOND
