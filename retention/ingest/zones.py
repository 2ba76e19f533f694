"""Local time to UTC in SQL, from the zone's own transitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=4)  # No zone has changed its offset and back within so short a time since 1970.
_MICROSECOND = timedelta(microseconds=1)


def _offset_us(zone: ZoneInfo, instant: datetime) -> int:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND


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
    zone = ZoneInfo(timezone)
    low, end = datetime(1970, 12, 30, tzinfo=UTC), datetime(2100, 1, 3, tzinfo=UTC)
    breaks: list[int] = []
    offsets = [_offset_us(zone, low)]
    while low < end:
        high = low + _STEP
        after = _offset_us(zone, high)
        if after != offsets[-1]:
            while high - low > timedelta(seconds=1):
                middle = low + ((high - low) // 2 // timedelta(seconds=1)) * timedelta(seconds=1)
                low, high = (middle, high) if _offset_us(zone, middle) == offsets[-1] else (low, middle)
            after = _offset_us(zone, high)
            breaks.append((high - _EPOCH) // _MICROSECOND + max(offsets[-1], after))
            offsets.append(after)
        low = high
    return breaks, offsets


def utc_sql(local: str, timezone: str) -> str:
    """Write the expression that turns local microseconds into UTC: a balanced tree of comparisons."""
    breaks, offsets = local_breaks(timezone)

    def tree(first: int, last: int) -> str:
        if first == last:
            return str(offsets[first])
        middle = (first + last) // 2
        return f"case when {local} < {breaks[middle]} then {tree(first, middle)} else {tree(middle + 1, last)} end"

    return local if offsets == [0] else f"{local} - ({tree(0, len(breaks))})"


def end_of_local_day(last_us: int, timezone: str) -> int:
    """Give the instant at which the local day of an instant ends."""
    zone = ZoneInfo(timezone)
    local = (_EPOCH + timedelta(microseconds=last_us)).astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=1)
    return (midnight.astimezone(UTC) - _EPOCH) // _MICROSECOND
