"""Orders, refunds and what cohorts spend, counted by plain loops straight from the definitions.

Shares nothing with the product: the standard library and the other oracle's calendar only. Amounts are fractions,
so sums are exact. One event is looked at after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.oracles import DAY_US, Clock, Event, first_instant, local_date, next_period, period_begin, periods_between


@dataclass(frozen=True)
class Day:
    """What a user ordered on a local day, and what of it was paid back."""

    user: str
    on: date
    first_order_on: date | None
    n_orders: int
    first_us: int | None
    second_us: int | None
    gross: Fraction
    refunded: Fraction


def _amount(event: Event) -> Fraction | None:
    return Fraction(event.props["value"]) if "value" in event.props else None


def order_days(
    events: Iterable[Event],
    clock: Clock,
    revenue: tuple[str, ...] = ("purchase",),
    refunds: tuple[str, ...] = ("refund",),
) -> list[Day]:
    """Return one row a user and local day with orders, or with refunds that belong to no order."""
    by_user: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.at_us < clock.as_of_us and event.event in (*revenue, *refunds):
            by_user[event.user].append(event)
    found = []
    for user, theirs in by_user.items():
        bought, paid_back = [], []
        for event in theirs:
            is_refund = event.event in refunds or (_amount(event) or 0) < 0
            (paid_back if is_refund else bought).append(event)
        gross: dict[date, Fraction] = defaultdict(Fraction)
        refunded: dict[date, Fraction] = defaultdict(Fraction)
        instants: dict[date, set[int]] = defaultdict(set)
        for event in bought:
            on = local_date(event.at_us, clock.timezone)
            gross[on] += _amount(event) or 0
            instants[on].add(event.at_us)
        for event in paid_back:
            amount = abs(_amount(event) or Fraction(0))
            if not amount:
                continue
            before = [b for b in bought if b.at_us <= event.at_us]
            item = event.props.get("item")
            same = [b for b in before if item is not None and b.props.get("item") == item]
            order = max(same or before, key=lambda b: b.at_us, default=event)
            refunded[local_date(order.at_us, clock.timezone)] += amount
        first_on = min(instants, default=None)
        for on in sorted({*instants, *refunded}):
            times = sorted(instants.get(on, ()))
            found.append(
                Day(
                    user, on, first_on, len(times), times[0] if times else None, times[1] if len(times) > 1 else None,
                    gross.get(on, Fraction(0)), refunded.get(on, Fraction(0)),
                )
            )  # fmt: skip
    return sorted(found, key=lambda d: (d.on, d.user))


# --- what the days add up to ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """What a cohort spent at an age; rates are None where nothing was spent first."""

    size: int
    buyers: int
    revenue: Fraction
    nrr: Fraction | None
    grr: Fraction | None
    value: Fraction
    state: str
    touches_gap: bool


def _state(begin: date, period: str, clock: Clock) -> str:
    if first_instant(next_period(begin, period), clock.timezone) <= clock.as_of_us:
        return "mature"
    return "in_progress" if first_instant(begin, clock.timezone) < clock.as_of_us else "future"


def _touches_gap(begin: date, end: date, clock: Clock) -> bool:
    low, high = first_instant(begin, clock.timezone), first_instant(end, clock.timezone)
    return any(start < high and low < stop for start, stop in clock.gaps)


def _amount_of(day: Day, kind: str) -> Fraction:
    return day.gross if kind == "gross" else day.gross - day.refunded


def periods(days: list[Day], clock: Clock, period: str) -> dict[date, tuple[int, int, Fraction, Fraction]]:
    """Return orders, buyers, gross and refunds of each period that has any."""
    found: dict[date, tuple[int, int, Fraction, Fraction]] = {}
    begins = {period_begin(d.on, period, clock.week_start) for d in days}
    for begin in begins:
        here = [d for d in days if period_begin(d.on, period, clock.week_start) == begin]
        buyers = {d.user for d in here if d.n_orders}
        found[begin] = (
            sum(d.n_orders for d in here), len(buyers), sum((d.gross for d in here), Fraction(0)),
            sum((d.refunded for d in here), Fraction(0)),
        )  # fmt: skip
    return found


def spent(days: list[Day], clock: Clock, period: str, kind: str) -> dict[date, dict[str, dict[int, list[Day]]]]:
    """Return by cohort, user and age the days of it."""
    found: dict[date, dict[str, dict[int, list[Day]]]] = {}
    for day in days:
        if day.first_order_on is None or day.on < day.first_order_on:
            continue
        cohort = period_begin(day.first_order_on, period, clock.week_start)
        age = periods_between(cohort, period_begin(day.on, period, clock.week_start), period)
        found.setdefault(cohort, {}).setdefault(day.user, {}).setdefault(age, []).append(day)
    return found


def cells(days: list[Day], clock: Clock, period: str, kind: str, horizon: int) -> dict[tuple[date, int], Cell]:
    """Return every cell of the revenue grid."""
    found = {}
    for cohort, users in spent(days, clock, period, kind).items():
        total = Fraction(0)
        for age in range(horizon + 1):
            begin = next_period(cohort, period, age)
            now = {u: sum((_amount_of(d, kind) for d in by.get(age, [])), Fraction(0)) for u, by in users.items()}
            then = {u: sum((_amount_of(d, kind) for d in by.get(0, [])), Fraction(0)) for u, by in users.items()}
            total += sum(now.values())
            first = sum(then.values())
            kept = sum(min(now[u], then[u]) for u in users)
            found[cohort, age] = Cell(
                size=len(users),
                buyers=sum(any(d.n_orders for d in by.get(age, [])) for by in users.values()),
                revenue=sum(now.values(), Fraction(0)),
                nrr=sum(now.values(), Fraction(0)) / first if first > 0 else None,
                grr=kept / first if first > 0 else None,
                value=total / len(users),
                state=_state(begin, period, clock),
                touches_gap=_touches_gap(begin, next_period(begin, period), clock)
                or _touches_gap(cohort, next_period(cohort, period), clock),
            )
    return found


def pooled(
    days: list[Day], clock: Clock, period: str, kind: str, horizon: int
) -> dict[tuple[str, int], tuple[Fraction, float | None, int]]:
    """Return each pooled rate by measure and age, with half the width of its interval and the users behind it."""
    grid = cells(days, clock, period, kind, horizon)
    found = {}
    for age in range(horizon + 1):
        pairs: dict[str, list[tuple[Fraction, Fraction]]] = {"nrr": [], "grr": []}
        for cohort, users in spent(days, clock, period, kind).items():
            if grid[cohort, age].state != "mature" or grid[cohort, age].touches_gap:
                continue
            for by in users.values():
                now = sum((_amount_of(d, kind) for d in by.get(age, [])), Fraction(0))
                then = sum((_amount_of(d, kind) for d in by.get(0, [])), Fraction(0))
                pairs["nrr"].append((then, now))
                pairs["grr"].append((then, min(now, then)))
        for measure, both in pairs.items():
            x = sum((a for a, _ in both), Fraction(0))
            if x <= 0:
                continue
            rate, n = sum((b for _, b in both), Fraction(0)) / x, len(both)
            squares = sum((b - rate * a) ** 2 for a, b in both)
            half = 1.959963984540054 * float(Fraction(n, n - 1) * squares) ** 0.5 / float(x) if n > 1 else None
            found[measure, age] = (rate, half, n)
    return found


def day_values(
    days: list[Day], clock: Clock, period: str, kind: str, lengths: tuple[int, ...]
) -> dict[tuple[date, int], tuple[int, Fraction, bool, bool]]:
    """Return by cohort and N: customers, the mean N-day value, whether it is mature, whether it touches a gap."""
    found = {}
    for cohort, users in spent(days, clock, period, kind).items():
        last = next_period(cohort, period) - timedelta(days=1)
        for n in lengths:
            total = Fraction(0)
            for by in users.values():
                for day in (d for theirs in by.values() for d in theirs):
                    assert day.first_order_on is not None
                    if day.on < day.first_order_on + timedelta(days=n):
                        total += _amount_of(day, kind)
            end = last + timedelta(days=n)
            is_mature = first_instant(end, clock.timezone) <= clock.as_of_us
            found[cohort, n] = (len(users), total / len(users), is_mature, _touches_gap(cohort, end, clock))
    return found


def second_orders(events: Iterable[Event], clock: Clock) -> dict[str, tuple[int, int | None, int]]:
    """Return each customer's first and second order, and until when both could be seen."""
    instants: dict[str, set[int]] = defaultdict(set)
    for event in events:
        if event.event == "purchase" and (_amount(event) or 0) >= 0 and event.at_us < clock.as_of_us:
            instants[event.user].add(event.at_us)
    found = {}
    for user, times in instants.items():
        first, *later = sorted(times)
        until = clock.as_of_us
        for start, stop in clock.gaps:
            if first < stop:
                until = min(until, start)
        found[user] = (first, later[0] if later else None, until)
    return found


def repeat_rate(
    events: Iterable[Event], clock: Clock, n_days: int, period: str = "month"
) -> tuple[tuple[int, int], dict[date, tuple[int, int, int]]]:
    """Return (watched, repeated) in all, and (customers, watched, repeated) by cohort of the first order."""
    by_cohort: dict[date, tuple[int, int, int]] = {}
    for first, second, until in second_orders(events, clock).values():
        is_watched = first + n_days * DAY_US <= until
        has_repeated = is_watched and second is not None and second <= first + n_days * DAY_US
        cohort = period_begin(local_date(first, clock.timezone), period, clock.week_start)
        n, watched, repeated = by_cohort.get(cohort, (0, 0, 0))
        by_cohort[cohort] = (n + 1, watched + is_watched, repeated + has_repeated)
    total = (sum(w for _, w, _ in by_cohort.values()), sum(r for _, _, r in by_cohort.values()))
    return total, by_cohort
