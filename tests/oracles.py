"""Retention counted by plain loops, straight from the definitions.

Shares nothing with the product: the standard library only, no SQL, no arrays, and slow on purpose. One
event is looked at after the other, one period stepped after the other, and a local day is found by asking
the time-zone database about instants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ENTRIES = ("first-ever", "first-matching", "recurring")
MODES = ("on", "on-or-after", "on-or-before", "streak", "bracket")
AVERAGES = ("pooled", "simple", "deduplicated", "common cohorts")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NO_VALUE = "(none)"
DAY_US = 24 * 60 * 60 * 1_000_000
ELAPSED_US = {"day": DAY_US, "week": 7 * DAY_US, "month": 30 * DAY_US}


@dataclass(frozen=True)
class Event:
    """Something a user did at an instant (microseconds since 1970-01-01 UTC)."""

    user: str
    at_us: int
    event: str = "visit"
    props: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        moment = moment_of(self.at_us).isoformat()
        return f"{self.user} {moment} {self.event} {dict(self.props)}"


@dataclass(frozen=True)
class Clock:
    """How far the data reach, how days and weeks are cut, and which stretches ``[from, to)`` are missing."""

    as_of_us: int
    timezone: str = "UTC"
    week_start: str = "monday"
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked; empty `start` or `returns` mean any event."""

    entry: str = "first-ever"
    start: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    mode: str = "on"
    brackets: tuple[tuple[int, int], ...] = ()
    period: str = "week"
    ages: str = "calendar"
    horizon: int = 3
    at_least: int = 1
    is_open_ended: bool = False
    where: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    by: str | None = None
    from_on: date | None = None
    to_on: date | None = None
    user_properties: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cell:
    """One cell of the grid, with the users behind it (None where the cell is future)."""

    to_age: int
    size: int
    retained: int | None
    state: str
    complete_on: date
    touches_gap: bool
    came_back: frozenset[str]
    lost: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """Cells by (cohort, group, age), and averages (rate or None, number of rows in it) by (kind, age)."""

    cells: dict[tuple[date, str | None, int], Cell]
    averages: dict[tuple[str, int], tuple[float | None, int]]


@dataclass(frozen=True)
class _Start:
    user: str
    cohort: date
    group: str | None
    anchor: Event


# --- instants, days and periods ------------------------------------------------------------------------


def moment_of(us: int) -> datetime:
    """Return an instant as an aware moment in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def us_of(moment: datetime) -> int:
    """Return an aware moment in microseconds since 1970-01-01 UTC."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def local_date(us: int, timezone: str) -> date:
    """Return the date on a wall calendar in the zone at an instant."""
    return moment_of(us).astimezone(ZoneInfo(timezone)).date()


@lru_cache(maxsize=65_536)
def first_instant(day: date, timezone: str) -> int:
    """Return the first instant of a local day, by bisection over all instants near it."""
    low = us_of(datetime(day.year, day.month, day.day, tzinfo=UTC)) - 2 * DAY_US
    high = low + 4 * DAY_US
    while high - low > 1:  # local_date(low) < day <= local_date(high)
        middle = (low + high) // 2
        if local_date(middle, timezone) < day:
            low = middle
        else:
            high = middle
    return high


def period_begin(day: date, period: str, week_start: str = "monday") -> date:
    """Return the first day of the day, week or month in which a day lies."""
    if period == "month":
        return day.replace(day=1)
    if period == "week":
        while WEEKDAYS[day.weekday()] != week_start:
            day -= timedelta(days=1)
    return day


def next_period(begin: date, period: str, n: int = 1) -> date:
    """Return the first day of the period `n` periods later."""
    for _ in range(n):
        if period == "month":
            begin = (begin + timedelta(days=31)).replace(day=1)
        else:
            begin += timedelta(days=7 if period == "week" else 1)
    return begin


def periods_between(begin: date, later: date, period: str) -> int:
    """Count the steps from one period to a later one."""
    n = 0
    while begin < later:
        begin = next_period(begin, period)
        n += 1
    return n


# --- who enters, who comes back ------------------------------------------------------------------------


def _value(name: str, anchor: Event, history: Sequence[Event], question: Question) -> str | None:
    if name not in question.user_properties:
        return anchor.props.get(name)
    known = [e for e in history if e.at_us <= anchor.at_us and e.props.get(name) is not None]
    return max(known, key=lambda e: e.at_us).props[name] if known else None


def _holds(value: str | None, operator: str, wanted: tuple[str, ...]) -> bool:
    if operator == "=":
        return value in wanted
    if operator == "!=":
        return value not in wanted
    try:
        number = float(value) if value is not None else None
    except ValueError:
        number = None
    if number is None:
        return False
    for text in wanted:
        bound = float(text)
        if operator == ">=" and number >= bound:
            return True
        if operator == "<=" and number <= bound:
            return True
        if operator == ">" and number > bound:
            return True
        if operator == "<" and number < bound:
            return True
    return False


def _matches(event: Event, history: Sequence[Event], question: Question) -> bool:
    return all(_holds(_value(name, event, history, question), op, values) for name, op, values in question.where)


def _anchors(history: Sequence[Event], question: Question, clock: Clock) -> list[Event]:
    """List a user's entries; `history` holds the user's counted events in order of time."""
    starts = [e for e in history if not question.start or e.event in question.start]
    if question.entry == "first-ever":
        return [e for e in starts[:1] if _matches(e, history, question)]
    matching = [e for e in starts if _matches(e, history, question)]
    if question.entry == "first-matching":
        return matching[:1]
    anchors: list[Event] = []
    seen: set[date] = set()
    for event in matching:
        cohort = period_begin(local_date(event.at_us, clock.timezone), question.period, clock.week_start)
        if cohort not in seen:
            seen.add(cohort)
            anchors.append(event)
    return anchors


def _starts(histories: Mapping[str, list[Event]], question: Question, clock: Clock) -> list[_Start]:
    found = []
    for user, history in histories.items():
        for anchor in _anchors(history, question, clock):
            day = local_date(anchor.at_us, clock.timezone)
            if question.from_on is not None and day < question.from_on:
                continue
            if question.to_on is not None and day >= question.to_on:
                continue
            group = None
            if question.by is not None:
                value = _value(question.by, anchor, history, question)
                group = NO_VALUE if value is None else value
            cohort = period_begin(day, question.period, clock.week_start)
            found.append(_Start(user, cohort, group, anchor))
    return found


def _ages_of_returns(start: _Start, history: Sequence[Event], question: Question, clock: Clock) -> list[int]:
    """List the age of every return event that counts for this entry."""
    ages = []
    is_anchor_taken = False
    for event in history:
        if question.returns and event.event not in question.returns:
            continue
        if event.at_us < start.anchor.at_us:
            continue
        if event == start.anchor and not is_anchor_taken:
            is_anchor_taken = True  # exactly one event is the anchor; its copies count
            continue
        if question.ages == "elapsed":
            ages.append((event.at_us - start.anchor.at_us) // ELAPSED_US[question.period])
        else:
            begin = period_begin(local_date(event.at_us, clock.timezone), question.period, clock.week_start)
            ages.append(periods_between(start.cohort, begin, question.period))
    return ages


def is_ambiguous(events: Iterable[Event], start: Sequence[str], returns: Sequence[str]) -> bool:
    """Tell whether the definitions leave open which of several simultaneous events is the anchor.

    They do where start events of one user at one instant differ in their properties, or where one of
    them is a return event and another is not.
    """
    tied: dict[tuple[str, int], list[Event]] = {}
    for e in events:
        if not start or e.event in start:
            tied.setdefault((e.user, e.at_us), []).append(e)
    for group in tied.values():
        if len({not returns or e.event in returns for e in group}) > 1:
            return True
        if len({tuple(sorted(e.props.items())) for e in group}) > 1:
            return True
    return False


# --- the grid ------------------------------------------------------------------------------------------


def _shown(question: Question) -> list[tuple[int, int]]:
    """List (age, to_age) of every cell of a row."""
    if question.mode == "bracket":
        return list(question.brackets)
    first = 1 if question.mode == "streak" else 0
    return [(k, k) for k in range(first, question.horizon + 1)]


def _window(question: Question, age: int, to_age: int) -> tuple[int, int]:
    """Return the first and the last age of the periods that decide a cell."""
    if question.mode == "on-or-after" and not question.is_open_ended:
        return age, question.horizon
    if question.mode == "on-or-before":
        return 0, age
    if question.mode == "streak":
        return 1, age
    return age, to_age


def _came_back(ages: Sequence[int], question: Question, first: int, last: int) -> bool:
    if question.mode == "streak":
        return all(sum(a == k for a in ages) >= question.at_least for k in range(first, last + 1))
    if question.is_open_ended:
        return sum(a >= first for a in ages) >= question.at_least
    return sum(first <= a <= last for a in ages) >= question.at_least


def _span(row: Sequence[_Start], question: Question, clock: Clock, first: int, last: int) -> tuple[int, int, int]:
    """Return the instants at which a cell's window begins, its last period begins for anybody, and it is complete."""
    if question.ages == "elapsed":
        width = ELAPSED_US[question.period]
        earliest = min(s.anchor.at_us for s in row)
        latest = max(s.anchor.at_us for s in row)
        return earliest + first * width, earliest + last * width, latest + (last + 1) * width
    borders = [next_period(row[0].cohort, question.period, n) for n in (first, last, last + 1)]
    opens, begins, ends = (first_instant(day, clock.timezone) for day in borders)
    return opens, begins, ends


def retention(events: Iterable[Event], clock: Clock, question: Question) -> Answer:
    """Count every cell of a retention grid, and its averages, one event at a time.

    Interpretations of the definitions that this fixes: an event at or after `as_of` is not counted; a cell
    is in progress once the first instant of its last period lies before `as_of` for somebody in the row
    (a row is a cohort, or a group of one); the range is applied after the anchor was found; the open-ended
    window runs to `as_of`, or to the end of period k where that is later; an average of any kind takes its
    cells from the grid that is shown.
    """
    histories: dict[str, list[Event]] = {}
    for event in events:
        if event.at_us < clock.as_of_us:
            histories.setdefault(event.user, []).append(event)
    for history in histories.values():
        history.sort(key=lambda e: e.at_us)

    rows: dict[tuple[date, str | None], list[_Start]] = {}
    for start in _starts(histories, question, clock):
        rows.setdefault((start.cohort, start.group), []).append(start)

    cells: dict[tuple[date, str | None, int], Cell] = {}
    for (cohort, group), row in rows.items():
        returned = {s.user: _ages_of_returns(s, histories[s.user], question, clock) for s in row}
        for age, to_age in _shown(question):
            first, last = _window(question, age, to_age)
            opens, begins, ends = _span(row, question, clock, first, last)
            state = "mature" if ends <= clock.as_of_us else "in_progress" if begins < clock.as_of_us else "future"
            complete_on = local_date(ends, clock.timezone)
            if first_instant(complete_on, clock.timezone) != ends:
                complete_on += timedelta(days=1)
            closes = max(ends, clock.as_of_us) if question.is_open_ended else ends
            came_back = frozenset(u for u, ages in returned.items() if _came_back(ages, question, first, last))
            cells[cohort, group, age] = Cell(
                to_age=to_age,
                size=len(row),
                retained=None if state == "future" else len(came_back),
                state=state,
                complete_on=complete_on,
                touches_gap=any(low < closes and high > opens for low, high in clock.gaps),
                came_back=came_back,
                lost=frozenset(returned) - came_back,
            )
    return Answer(cells=cells, averages=_averages(cells, rows, [a for a, _ in _shown(question)]))


def _averages(
    cells: Mapping[tuple[date, str | None, int], Cell],
    rows: Mapping[tuple[date, str | None], Sequence[_Start]],
    ages: Sequence[int],
) -> dict[tuple[str, int], tuple[float | None, int]]:
    first_entry: dict[str, _Start] = {}
    for row in rows.values():
        for start in row:
            if start.user not in first_entry or start.anchor.at_us < first_entry[start.user].anchor.at_us:
                first_entry[start.user] = start

    averages: dict[tuple[str, int], tuple[float | None, int]] = {}
    for age in ages:
        usable = [key for key in rows if _is_usable(cells[*key, age])]
        common = [key for key in rows if all(_is_usable(cells[*key, a]) for a in ages)]
        counts = [(len(cells[*key, age].came_back), cells[*key, age].size) for key in usable]
        averages["pooled", age] = _pooled(counts)
        averages["simple", age] = (sum(x / n for x, n in counts) / len(counts) if counts else None, len(counts))
        once = []
        for key in usable:
            members = {s.user for s in rows[key] if first_entry[s.user] is s}
            if members:
                once.append((len(members & cells[*key, age].came_back), len(members)))
        averages["deduplicated", age] = _pooled(once)
        averages["common cohorts", age] = _pooled(
            [(len(cells[*key, age].came_back), cells[*key, age].size) for key in common]
        )
    return averages


def _is_usable(cell: Cell) -> bool:
    return cell.state == "mature" and not cell.touches_gap


def _pooled(counts: Sequence[tuple[int, int]]) -> tuple[float | None, int]:
    if not counts:
        return None, 0
    return sum(x for x, _ in counts) / sum(n for _, n in counts), len(counts)
