"""The oracle itself, on the golden cases, so that it can be trusted where it judges the product."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import (
    DAY_US,
    ENTRIES,
    MODES,
    Answer,
    Clock,
    Question,
    first_instant,
    local_date,
    next_period,
    period_begin,
    retention,
)
from tests.worlds import diary, instant, questions, worlds

JAN_5 = date(2026, 1, 5)


def clock(as_of: str, **settings: object) -> Clock:
    return Clock(instant(as_of, str(settings.get("timezone", "UTC"))), **settings)  # type: ignore[arg-type]


def retained(answer: Answer, cohort: date, group: str | None = None) -> list[int | None]:
    """Counts of the mature cells of a row, None for the others."""
    row = sorted((age, cell) for (c, g, age), cell in answer.cells.items() if (c, g) == (cohort, group))
    return [cell.retained if cell.state == "mature" else None for _, cell in row]


def states(answer: Answer, cohort: date) -> list[str]:
    return [cell.state for (c, _, _), cell in sorted(answer.cells.items()) if c == cohort]


def test_the_example_of_the_house():
    world = diary("""
        ann: 5 12 26
        bob: 6 7
        cyd: 5 19
        dee: 13 20
    """)
    answer = retention(world, clock("2026-02-02"), Question())
    # Weeks begin on 5, 12, 19 and 26 January.
    assert answer.cells[JAN_5, None, 0].size == 3
    assert retained(answer, JAN_5) == [1, 1, 1, 1]  # bob again | ann | cyd | ann
    assert retained(answer, date(2026, 1, 12)) == [0, 1, 0, None]
    assert answer.cells[JAN_5, None, 2].came_back == {"cyd"}
    assert answer.cells[JAN_5, None, 2].lost == {"ann", "bob"}


@pytest.mark.parametrize(
    ("line", "calendar", "elapsed"),
    [("ann: 5T23:45 6T00:01", [0, 1], [1, 0]), ("ann: 5T17:59 6T17:00", [0, 1], [1, 0])],
)
def test_a_return_on_the_next_day_within_24_hours(line, calendar, elapsed):
    at = clock("2026-01-20")
    assert retained(retention(diary(line), at, Question(period="day", horizon=1)), JAN_5) == calendar
    assert retained(retention(diary(line), at, Question(period="day", horizon=1, ages="elapsed")), JAN_5) == elapsed


def test_exactly_one_event_is_the_anchor():
    at = clock("2026-01-20")
    assert retained(retention(diary("ann: 5"), at, Question(horizon=1)), JAN_5) == [0, 0]
    assert retained(retention(diary("ann: 5 5"), at, Question(horizon=1)), JAN_5) == [1, 0]
    other = Question(horizon=1, start=("open",), returns=("buy",))
    assert retained(retention(diary("ann: 5/open 5/buy"), at, other), JAN_5) == [1, 0]
    assert retained(retention(diary("ann: 5T11:00/buy 5/open"), at, other), JAN_5) == [0, 0]  # before the start


def test_the_averages_of_a_grid_worked_by_hand():
    # Weeks of 5 and 12 January; at age 1 one of two came back, then two of three; the week of 19 January is
    # in progress at age 1 on the 27th.
    world = diary("""
        a: 5 12
        b: 5
        c: 13 19
        d: 13 20
        e: 13
        f: 19 26
    """)
    answer = retention(world, clock("2026-01-27"), Question(horizon=1))
    assert states(answer, date(2026, 1, 19)) == ["mature", "in_progress"]
    assert answer.cells[date(2026, 1, 19), None, 1].retained == 1
    assert answer.cells[date(2026, 1, 19), None, 1].complete_on == date(2026, 2, 2)
    assert answer.averages["pooled", 1] == (3 / 5, 2)
    assert answer.averages["simple", 1] == (pytest.approx((1 / 2 + 2 / 3) / 2), 2)
    assert answer.averages["common cohorts", 0] == (0 / 5, 2)
    assert answer.averages["pooled", 0] == (0 / 6, 3)


def test_a_user_who_enters_three_times_is_counted_once_when_deduplicated():
    answer = retention(diary("ann: 5 12 19"), clock("2026-02-02"), Question(entry="recurring", horizon=1))
    assert [c for c, _, age in answer.cells if age == 0] == [JAN_5, date(2026, 1, 12), date(2026, 1, 19)]
    assert answer.averages["pooled", 1] == (2 / 3, 3)
    assert answer.averages["deduplicated", 1] == (1.0, 1)


def test_every_mode_on_one_row():
    # Two returns at age 1, one at age 3.
    world, at = diary("ann: 5 12 13 26"), clock("2026-03-02")
    assert retained(retention(world, at, Question(mode="on")), JAN_5) == [0, 1, 0, 1]
    assert retained(retention(world, at, Question(mode="on-or-after")), JAN_5) == [1, 1, 1, 1]
    assert retained(retention(world, at, Question(mode="on-or-after", horizon=2)), JAN_5) == [1, 1, 0]
    assert retained(retention(world, at, Question(mode="on-or-before")), JAN_5) == [0, 1, 1, 1]
    assert retained(retention(world, at, Question(mode="streak")), JAN_5) == [1, 0, 0]
    bracket = Question(mode="bracket", brackets=((0, 0), (1, 2), (3, 3)), horizon=3)
    assert retained(retention(world, at, bracket), JAN_5) == [0, 1, 1]
    assert retained(retention(world, at, Question(mode="on", at_least=2)), JAN_5) == [0, 1, 0, 0]
    assert retained(retention(world, at, Question(mode="on-or-before", at_least=3)), JAN_5) == [0, 0, 0, 1]
    assert retained(retention(world, at, Question(mode="on-or-after", at_least=2)), JAN_5) == [1, 1, 0, 0]


def test_a_bracket_is_in_progress_until_its_last_day_ends():
    # Age 4 of the week of 5 January is 2 to 8 February.
    question = Question(mode="bracket", brackets=((2, 4),), horizon=4)
    for as_of, state in [
        ("2026-02-02", "future"),
        ("2026-02-02T00:00:00.000001", "in_progress"),
        ("2026-02-08T23:59:59.999999", "in_progress"),
        ("2026-02-09", "mature"),
    ]:
        assert states(retention(diary("ann: 5"), clock(as_of), question), JAN_5) == [state]


def test_elapsed_ages_ripen_with_the_latest_start_of_the_row():
    # Starts at 5 January noon and 7 January 18:00; age 0 is over on 14 January at 18:00.
    world, question = diary("ann: 5\nbob: 7T18:00"), Question(ages="elapsed", horizon=1)
    answer = retention(world, clock("2026-01-14T18:00"), question)
    assert states(answer, JAN_5) == ["mature", "in_progress"]
    assert answer.cells[JAN_5, None, 0].complete_on == date(2026, 1, 15)
    assert answer.cells[JAN_5, None, 1].complete_on == date(2026, 1, 22)
    assert states(retention(world, clock("2026-01-12"), question), JAN_5) == ["in_progress", "future"]


def test_entry_looks_at_all_history_before_the_range():
    world = diary("ann: 2025-12-01?browser=Chrome 5?browser=Firefox 13?browser=Chrome")
    at, january = clock("2026-03-01"), {"from_on": date(2026, 1, 1), "horizon": 1}
    firefox = (("browser", "=", ("Firefox",)),)
    assert retention(world, at, Question(**january)).cells == {}
    assert retention(world, at, Question(where=firefox)).cells == {}
    assert retained(retention(world, at, Question(entry="first-matching", where=firefox, **january)), JAN_5) == [0, 1]
    assert retention(world, at, Question(entry="first-matching", to_on=date(2025, 12, 1))).cells == {}


def test_the_group_is_the_one_of_the_start():
    world = diary("ann: 5?browser=Chrome 12?browser=Firefox\nbob: 5")
    answer = retention(world, clock("2026-03-01"), Question(by="browser", horizon=1))
    assert retained(answer, JAN_5, "Chrome") == [0, 1]
    assert retained(answer, JAN_5, "(none)") == [0, 0]
    as_of_start = Question(by="browser", horizon=1, start=("buy",), user_properties=frozenset({"browser"}))
    later = diary("ann: 4?browser=Chrome 5/buy 6?browser=Firefox")
    assert retained(retention(later, clock("2026-03-01"), as_of_start), JAN_5, "Chrome") == [1, 0]


def test_a_gap_is_marked_and_left_out_of_the_averages():
    # 14 January lies in age 1 of the week of 5 January and in age 0 of the week of 12 January.
    world, at = diary("ann: 5 12\nbob: 12"), clock("2026-03-01", gaps=((instant("2026-01-14"), instant("2026-01-15")),))
    answer = retention(world, at, Question(horizon=1))
    marked = {key for key, cell in answer.cells.items() if cell.touches_gap}
    assert marked == {(JAN_5, None, 1), (date(2026, 1, 12), None, 0)}
    assert all(cell.state == "mature" for cell in answer.cells.values())
    assert answer.averages["pooled", 1] == (0.0, 1)
    assert answer.averages["common cohorts", 1] == (None, 0)


def test_local_days_begin_where_the_zone_says():
    assert first_instant(date(2025, 10, 27), "Europe/Paris") - first_instant(date(2025, 10, 26), "Europe/Paris") == (
        25 * DAY_US // 24
    )
    assert first_instant(date(2018, 11, 4), "America/Sao_Paulo") == instant("2018-11-04T03:00+00:00")  # skipped
    assert local_date(instant("2026-01-04T18:30+00:00"), "Asia/Kolkata") == JAN_5
    assert period_begin(date(2026, 1, 10), "week", "sunday") == date(2026, 1, 4)
    assert next_period(date(2024, 1, 1), "month", 2) == date(2024, 3, 1)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=15)
@given(data=st.data())
def test_the_oracle_keeps_the_laws(entry, mode, data):
    world = data.draw(worlds())
    question = data.draw(questions(world, entry=entry, mode=mode))
    answer = retention(world.events, world.clock, question)
    for cell in answer.cells.values():
        assert len(cell.came_back) + len(cell.lost) == cell.size > 0
        assert cell.retained in (None, len(cell.came_back))
    for (here, left), (there, right) in pairwise(sorted(answer.cells.items(), key=lambda c: (str(c[0][:2]), c[0][2]))):
        if here[:2] == there[:2] and mode in ("on-or-after", "streak"):
            assert left.came_back >= right.came_back
        if here[:2] == there[:2] and mode == "on-or-before":
            assert left.came_back <= right.came_back
