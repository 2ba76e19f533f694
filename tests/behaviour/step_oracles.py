"""Funnels, paths and drivers by plain loops, straight from their definitions; shares nothing with the product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tests.oracles import Clock, Event, local_date


@dataclass(frozen=True)
class Walk:
    """What one user's best attempt did: the instants of its steps."""

    at_us: tuple[int, ...]


def by_user(events: Iterable[Event], clock: Clock) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.at_us < clock.as_of_us:
            found.setdefault(event.user, []).append(event)
    return found


def _chains(
    rows: Sequence[Event], used: tuple[int, ...], steps: Sequence[Sequence[str]], end: int
) -> list[tuple[int, ...]]:
    """Every way on from the rows used so far, one row a step, never back in time, all before `end`."""
    found = [used]
    if len(used) < len(steps):
        for i, row in enumerate(rows):
            if i not in used and row.event in steps[len(used)] and rows[used[-1]].at_us <= row.at_us < end:
                found += _chains(rows, (*used, i), steps, end)
    return found


def walk(
    rows: Sequence[Event],
    steps: Sequence[Sequence[str]],
    within_us: int,
    clock: Clock,
    first_on: date | None = None,
    before_on: date | None = None,
) -> Walk | str | None:
    """Return a user's best attempt, "open" or "gap" if none can be judged, or None if there is none."""
    best: tuple[int, ...] = ()
    seen = set()
    for i, row in enumerate(rows):
        on = local_date(row.at_us, clock.timezone)
        if row.event not in steps[0] or (first_on and on < first_on) or (before_on and on >= before_on):
            continue
        end = row.at_us + within_us
        if end > clock.as_of_us:
            seen.add("open")
            continue
        if any(low < end and row.at_us < high for low, high in clock.gaps):
            seen.add("gap")
            continue
        for chain in _chains(rows, (i,), steps, end):
            times = tuple(rows[j].at_us for j in chain)
            # Furthest; then the earliest start; then each step as early as can be.
            if len(times) > len(best) or (len(times) == len(best) and times < best):
                best = times
    if best:
        return Walk(best)
    return "open" if "open" in seen else "gap" if seen else None


def funnel_walks(
    events: Iterable[Event], steps: Sequence[Sequence[str]], within_us: int, clock: Clock, **days: date | None
) -> dict[str, Walk | str]:
    """Return what became of each user who began."""
    walks = {user: walk(rows, steps, within_us, clock, **days) for user, rows in by_user(events, clock).items()}
    return {user: found for user, found in walks.items() if found is not None}


def path_of(
    rows: Sequence[Event],
    anchor: str,
    clock: Clock,
    *,
    n_steps: int,
    is_before: bool = False,
    within_us: int = 0,
    is_collapsed: bool = False,
    ignored: Sequence[str] = (),
) -> tuple[str, ...] | str | None:
    """Return what followed (or preceded) the first `anchor` of a user, "open" or "gap", or None."""
    firsts = [row for row in rows if row.event == anchor]
    if not firsts:
        return None
    at_us = min(row.at_us for row in firsts)
    own = next(i for i, row in enumerate(rows) if row.event == anchor and row.at_us == at_us)
    if within_us and not is_before and at_us + within_us > clock.as_of_us:
        return "open"
    low, high = (at_us - within_us, at_us) if is_before else (at_us, at_us + within_us)
    for start, end in clock.gaps:
        # An anchor backwards watches (at − within, at]; forwards [at, at + within).
        touches = start <= high and low < end if is_before else start < high and low < end
        if within_us and touches:
            return "gap"
    watched = []
    for i, row in enumerate(rows):
        if i == own or row.event in ignored:
            continue
        far = row.at_us - at_us if not is_before else at_us - row.at_us
        if far >= 0 and (not within_us or far < within_us):
            watched.append((far, row.event))
    watched.sort()  # the nearest first; at one instant in the order of the alphabet
    names = [name for _, name in watched]
    if is_collapsed:
        names = [name for i, name in enumerate(names) if name != (names[i - 1] if i else anchor)]
    return tuple(names[:n_steps])


@dataclass(frozen=True)
class Tables:
    """2 × 2 tables by (event, n): did and retained, did and not, did not and retained, neither; and who is left out."""

    cells: Mapping[tuple[str, int], tuple[int, int, int, int]]
    n_users: int
    n_retained: int
    n_open: int
    n_gap: int


def driver_tables(
    events: Iterable[Event],
    clock: Clock,
    *,
    first_days: int,
    n_most: int,
    from_day: int,
    to_day: int,
    passive: Sequence[str] = ("refund",),
) -> Tables:
    """Count, for each event and each n, who did it so often in the first days and who was active later."""
    cells: Counter[tuple[str, int, bool, bool]] = Counter()
    n_open = n_gap = n_users = n_retained = 0
    events = list(events)
    kinds = sorted({e.event for e in events})
    for rows in by_user(events, clock).values():
        active = [row for row in rows if row.event not in passive]
        if not active:
            continue
        start_us = min(row.at_us for row in active)
        start = local_date(start_us, clock.timezone)
        last = start + timedelta(days=to_day)
        if last >= local_date(clock.as_of_us, clock.timezone):
            n_open += 1
            continue
        watched = [start + timedelta(days=k) for k in range(to_day + 1)]
        missing = {
            on
            for on in watched
            for low, high in clock.gaps
            if low < high and local_date(low, clock.timezone) <= on <= local_date(high - 1, clock.timezone)
        }
        if missing:
            n_gap += 1
            continue
        days = [(local_date(row.at_us, clock.timezone) - start).days for row in rows]
        is_kept = any(
            from_day <= day <= to_day and row.event not in passive for day, row in zip(days, rows, strict=True)
        )
        n_users += 1
        n_retained += is_kept
        for kind in kinds:
            count = sum(
                row.event == kind and row.at_us >= start_us and day < first_days
                for day, row in zip(days, rows, strict=True)
            )
            for n in range(1, n_most + 1):
                cells[kind, n, count >= n, is_kept] += 1
    tables = {
        (kind, n): tuple(cells[kind, n, did, kept] for did in (True, False) for kept in (True, False))
        for kind in kinds
        for n in range(1, n_most + 1)
    }
    return Tables(tables, n_users, n_retained, n_open, n_gap)  # type: ignore[arg-type]
