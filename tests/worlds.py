"""Small worlds for tests: diaries written by hand, random logs that hit the borders, and stores holding them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.oracles import (
    DAY_US,
    ELAPSED_US,
    WEEKDAYS,
    Clock,
    Event,
    Question,
    first_instant,
    is_ambiguous,
    us_of,
)

if TYPE_CHECKING:
    from retention.cohorts.spec import CohortSpec
    from retention.store import Store

# --- worlds written by hand ----------------------------------------------------------------------------


def instant(text: str, timezone: str = "UTC") -> int:
    """Return the instant (µs) of an ISO date or local time; a date alone is its midnight.

    Examples
    --------
    >>> instant("1970-01-02") == DAY_US
    True
    """
    moment = datetime.fromisoformat(text)
    return us_of(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone)))


def diary(text: str, timezone: str = "UTC", event: str = "visit") -> list[Event]:
    """Read who did something when, one user a line.

    A token is a day of January 2026 (at noon) or a date or a time, then perhaps the kind of event after a
    slash and properties after a question mark.

    Examples
    --------
    >>> [e.at_us - instant("2026-01-05") for e in diary("ann: 5T00:00 5 6T00:01")] == [
    ...     0, DAY_US // 2, DAY_US + 60_000_000]
    True
    >>> diary("ann: 2026-02-03T10:00/buy?browser=Chrome&stars=4")
    [ann 2026-02-03T10:00:00+00:00 buy {'browser': 'Chrome', 'stars': '4'}]
    """
    events = []
    for line in text.strip().splitlines():
        user, _, tokens = line.strip().partition(":")
        for token in tokens.split():
            when, _, rest = token.partition("?")
            when, _, kind = when.partition("/")
            day, _, clock_time = when.partition("T")
            if "-" not in day:
                day = f"2026-01-{int(day):02d}"
            props = dict(pair.split("=", 1) for pair in rest.split("&")) if rest else {}
            at_us = instant(f"{day}T{clock_time or '12:00'}", timezone)
            events.append(Event(user, at_us, kind or event, props))
    return events


# --- stores --------------------------------------------------------------------------------------------

_numbers = count()
_open: list[Store] = []
_empty: dict[tuple[tuple[str, str], ...], Path] = {}


@cache
def _root() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="worlds-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def fresh_path() -> Path:
    """Return a path for one more store; all of them are deleted when the tests end."""
    folder = _root() / str(next(_numbers))
    folder.mkdir()
    return folder / "store.duckdb"


def _copy_of_empty(settings: dict[str, object]) -> Path:
    """Return a new empty store with these settings; copying one is several times faster than making it."""
    from retention.store import Store
    from retention.store.order import change_setting

    key = tuple(sorted((name, str(value)) for name, value in settings.items()))
    if key not in _empty:
        _empty[key] = fresh_path()
        with Store.create_or_open(_empty[key]) as store:
            for name, value in key:
                if (name, value) not in (("timezone", "UTC"), ("week_start", "monday")):
                    change_setting(store, name, value)
    path = fresh_path()
    shutil.copy(_empty[key], path)
    return path


def close_stores() -> None:
    """Close every store that `store_of` opened."""
    while _open:
        _open.pop().close()


atexit.register(close_stores)


def rows_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return events as the rows `import_rows` takes."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        {"user": e.user, "time": epoch + timedelta(microseconds=e.at_us), "event": e.event, **e.props} for e in events
    ]


def store_of(
    world: Iterable[Event],
    *,
    as_of: str | int | None = None,
    timezone: str = "UTC",
    week_start: str = "monday",
    gaps: Sequence[tuple[str | int, str | int]] = (),
    parts: Sequence[Iterable[Event]] = (),
    user_properties: Iterable[str] = (),
    **settings: object,
) -> Store:
    """Return a new store that holds a world.

    Parameters
    ----------
    world : iterable of Event
    as_of : str or int, optional
        Local time or instant up to which the data are complete; by default just after the last event.
    gaps : sequence of (from, to)
        Stretches marked missing, half-open.
    parts : sequence of iterables of Event
        More files, imported after the first one.
    user_properties : iterable of str
        Properties that belong to the user from then on, not to the one event.
    **settings
        Further settings of the store.
    """
    from retention.store import Store
    from retention.store.order import mark_gap
    from tests.rows import import_rows

    def us(moment: str | int) -> int:
        return instant(moment, timezone) if isinstance(moment, str) else moment

    store = Store.open(_copy_of_empty({"timezone": timezone, "week_start": week_start, **settings}))
    _open.append(store)
    for part in (world, *parts):
        rows = rows_of(part)
        if rows:
            complete_to_us = None if as_of is None else us(as_of)
            import_rows(store, rows, complete_to_us=complete_to_us, user_properties=user_properties)
    for low, high in gaps:
        mark_gap(store, us(low), us(high), "marked by a test")
    return store


@dataclass(frozen=True)
class World:
    """A log with its clock."""

    events: tuple[Event, ...]
    clock: Clock

    def open(self, parts: Sequence[Iterable[Event]] | None = None) -> Store:
        """Return a new store that holds the log, or the parts into which a test has cut it."""
        first, *others = [self.events] if parts is None else parts
        return store_of(
            first,
            as_of=self.clock.as_of_us,
            timezone=self.clock.timezone,
            week_start=self.clock.week_start,
            gaps=self.clock.gaps,
            parts=others,
            user_properties=USER_PROPERTIES,
        )


def spec_of(question: Question) -> CohortSpec:
    """Return the product's spec of an oracle's question."""
    from retention.cohorts.spec import CohortSpec, Condition

    return CohortSpec(
        entry=question.entry,
        start=question.start,
        returns=question.returns,
        mode=question.mode,
        brackets=question.brackets,
        period=question.period,
        ages=question.ages,
        horizon=question.horizon,
        at_least=question.at_least,
        is_open_ended=question.is_open_ended,
        where=tuple(Condition(name=n, operator=op, values=values) for n, op, values in question.where),
        by=question.by,
        from_on=question.from_on,
        to_on=question.to_on,
    )


# --- random worlds -------------------------------------------------------------------------------------

# Days on which something happens to the clock of the zone, or to the calendar.
CLOCK_CHANGES = {
    "UTC": (),
    "Europe/Paris": (date(2025, 3, 30), date(2025, 10, 26)),
    "America/New_York": (date(2025, 3, 9), date(2025, 11, 2)),
    "Asia/Kolkata": (),
    "Asia/Shanghai": (),
    "Australia/Lord_Howe": (date(2025, 4, 6), date(2025, 10, 5)),  # half an hour
    "America/Sao_Paulo": (date(2018, 2, 18), date(2018, 11, 4)),  # at midnight
}
ZONES = tuple(CLOCK_CHANGES)
CALENDAR_DAYS = (date(2024, 2, 28), date(2025, 2, 28), date(2025, 12, 31), date(2026, 1, 5))
TIMES = (
    time(0, 0),
    time(12, 0),
    time(23, 59, 59, 999_999),
    time(0, 0, 0, 1),
    time(0, 1),
    time(0, 30),
    time(1, 30),
    time(2, 0),
    time(2, 15),
    time(3, 0),
    time(17, 59),
    time(23, 45),
)
DAYS_LATER = {
    "day": (0, 1, 2, 3, 4, 5, -1),
    "week": (0, 7, 1, 6, 8, 13, 14, 20, 21, 28, 27, -1, -7),
    "month": (0, 30, 31, 1, 28, 29, 59, 60, 61, 89, 90, 92, 120, -1, -31),
}
BROWSERS = (None, "Chrome", "Firefox")
STARS = (None, "4", "1", "4.5", "many")
PLANS = (None, None, "free", "paid")
USER_PROPERTIES = frozenset({"plan"})
KINDS = ("open", "buy", "read")
STARTS = ((), ("open",), ("buy",), ("open", "buy"))
RETURNS = ((), ("buy",), ("open",), ("buy", "read"))
CONDITIONS = (
    (),
    (),
    (("browser", "=", ("Chrome",)),),
    (("browser", "!=", ("Chrome",)),),
    (("browser", "=", ("Chrome", "Firefox")), ("stars", ">=", ("4",))),
    (("stars", "<", ("4.5",)),),
    (("stars", ">", ("1",)),),
    (("stars", "<=", ("4",)), ("browser", "!=", ("Firefox",))),
    (("plan", "=", ("paid",)),),
    (("plan", "!=", ("free",)),),
)


def _wall(day: date, at: time, timezone: str, fold: int) -> int:
    return us_of(datetime.combine(day, at, tzinfo=ZoneInfo(timezone)).replace(fold=fold))


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    period: str = "week",
    zones: Sequence[str] = ZONES,
    week_starts: Sequence[str] = WEEKDAYS,
    with_gaps: bool = True,
    max_events: int = 16,
) -> World:
    """Draw a small log around a day on which something happens to the clock or to the calendar.

    Events lie on ends of days, on exact multiples of the period after one another, and at the same instant;
    `as_of` lies on, just before or just after a border. Events of a user at one instant have equal
    properties, else the definitions leave the anchor open.
    """
    timezone = draw(st.sampled_from(zones))
    centre = draw(st.sampled_from((*CLOCK_CHANGES[timezone], *CALENDAR_DAYS)))
    width = ELAPSED_US[period]
    moments: list[tuple[str, int]] = []
    for _ in range(draw(st.integers(1, max_events))):
        user = draw(st.sampled_from(("ann", "bob", "cyd", "dee")))
        if moments and draw(st.booleans()):
            user, before = draw(st.sampled_from(moments))
            step = draw(st.sampled_from((0, 1, 2, 3))) * width + draw(st.sampled_from((0, -1, 1, DAY_US // 3)))
            moments.append((user, before + step))
        else:
            day = centre + timedelta(days=draw(st.sampled_from(DAYS_LATER[period])))
            moments.append((user, _wall(day, draw(st.sampled_from(TIMES)), timezone, draw(st.integers(0, 1)))))

    events: list[Event] = []
    tied: dict[tuple[str, int], dict[str, str]] = {}
    for user, at_us in moments:
        drawn = {
            name: draw(st.sampled_from(values))
            for name, values in (("browser", BROWSERS), ("stars", STARS), ("plan", PLANS))
        }
        props = tied.setdefault((user, at_us), {k: v for k, v in drawn.items() if v is not None})
        events.append(Event(user, at_us, draw(st.sampled_from(KINDS)), props))

    latest = max(e.at_us for e in events)
    near = draw(st.sampled_from([e.at_us for e in events]))
    step = draw(st.integers(1, 6))
    border = first_instant(centre + timedelta(days=step * width // DAY_US), timezone)
    as_of_us = draw(st.sampled_from((latest + 1, latest + 5 * width, near + step * width, border, near)))
    as_of_us += draw(st.sampled_from((0, -1, 1)))

    gaps = []
    for _ in range(draw(st.integers(0, 2)) if with_gaps else 0):
        low = first_instant(centre + timedelta(days=draw(st.integers(-2, 3 * width // DAY_US))), timezone)
        low += draw(st.sampled_from((0, -1, 1)))
        gaps.append((low, low + draw(st.sampled_from((1, DAY_US, 2 * DAY_US, DAY_US // 2)))))
    return World(tuple(events), Clock(as_of_us, timezone, draw(st.sampled_from(week_starts)), tuple(gaps)))


def logs(*, period: str = "week", max_events: int = 16) -> st.SearchStrategy[list[Event]]:
    """Draw the events of a small world in UTC."""
    return worlds(period=period, zones=("UTC",), max_events=max_events).map(lambda world: list(world.events))


@st.composite
def questions(
    draw: st.DrawFn,
    world: World,
    *,
    entry: str = "first-ever",
    mode: str = "on",
    ages: str = "calendar",
    period: str = "week",
) -> Question:
    """Draw a question about a world whose answer the definitions fix; the named settings are given."""
    kinds = {e.event for e in world.events}
    known = {name for e in world.events for name in e.props}  # a store refuses names it has never seen
    days = sorted({datetime.fromtimestamp(e.at_us // 1_000_000, tz=UTC).date() for e in world.events})
    from_on = draw(st.none() | st.sampled_from(days))
    to_on = draw(st.none() | st.sampled_from([d + timedelta(days=1) for d in days]))
    pairs = [
        (start, returns)
        for start, returns in product(STARTS, RETURNS)
        if kinds >= {*start, *returns} and not is_ambiguous(world.events, start, returns)
    ]
    start, returns = draw(st.sampled_from(pairs))
    question = Question(
        entry=entry,
        mode=mode,
        ages=ages,
        period=period,
        start=start,
        returns=returns,
        horizon=draw(st.integers(1, 4)),
        at_least=draw(st.sampled_from((1, 1, 2))),
        where=draw(st.sampled_from([w for w in CONDITIONS if known >= {name for name, _, _ in w}])),
        by=draw(st.sampled_from([by for by in (None, "browser", "plan") if by is None or by in known])),
        from_on=None if from_on and to_on and from_on >= to_on else from_on,
        to_on=to_on,
        user_properties=USER_PROPERTIES,
    )
    if mode == "bracket":
        brackets = draw(st.sampled_from((((0, 0), (1, 1), (2, 4)), ((1, 2),), ((0, 1), (3, 3)), ((2, 4), (5, 5)))))
        question = replace(question, brackets=brackets, horizon=max(b for _, b in brackets))
    if mode == "on-or-after":
        question = replace(question, is_open_ended=draw(st.booleans()))
    return question
