"""Laws: the product agrees with the plain-loop oracle on every world, and with itself however a file comes in."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.store import Store
from retention.store.order import change_setting
from tests.cohorts.grids import as_plain, averages_plain, members_of, oracle_averages, oracle_plain
from tests.oracles import DAY_US, ENTRIES, MODES, NO_VALUE, WEEKDAYS, Event, Question, retention
from tests.rows import import_rows
from tests.worlds import ZONES, World, questions, rows_of, spec_of, worlds

AGES = ("calendar", "elapsed")
PERIODS = ("day", "week", "month")


def some(share: float) -> settings:
    """Return settings for a share of the profile's examples, without shrinking: every example makes stores."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    return settings(max_examples=max(2, round(settings.default.max_examples * share)), phases=phases)


def check(store: Store, world: World, question: Question) -> None:
    """Put a matrix beside the oracle's, cell for cell and average for average."""
    matrix, truth = cohort_retention(store, spec_of(question)), retention(world.events, world.clock, question)
    assert as_plain(matrix) == oracle_plain(truth), question
    assert averages_plain(matrix) == oracle_averages(truth), question


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("ages", AGES)
@some(0.4)
@given(data=st.data())
def test_every_entry_and_mode_agrees_with_the_plain_loop(ages, period, data):
    world = data.draw(worlds(period=period))
    with world.open() as store:
        for entry, mode in product(ENTRIES, MODES):
            check(store, world, data.draw(questions(world, entry=entry, mode=mode, ages=ages, period=period)))


@pytest.mark.parametrize("timezone", ZONES)
@some(0.25)
@given(data=st.data())
def test_every_zone_agrees_with_the_plain_loop(timezone, data):
    period = data.draw(st.sampled_from(("day", "week", "month")))
    world = data.draw(worlds(period=period, zones=(timezone,)))
    with world.open() as store:
        for ages in AGES:
            check(store, world, Question(entry="recurring", period=period, ages=ages))


@pytest.mark.parametrize("week_start", WEEKDAYS)
@some(0.2)
@given(data=st.data())
def test_every_week_start_agrees_with_the_plain_loop(week_start, data):
    world = data.draw(worlds(week_starts=(week_start,)))
    with world.open() as store:
        check(store, world, Question())
        check(store, world, Question(entry="recurring", mode="on-or-before"))


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("ages", AGES)
@some(0.25)
@given(data=st.data())
def test_the_list_behind_a_cell_is_the_cell(entry, ages, data):
    world = data.draw(worlds())
    question = data.draw(questions(world, entry=entry, ages=ages, mode=data.draw(st.sampled_from(MODES))))
    truth, spec = retention(world.events, world.clock, question), spec_of(question)
    with world.open() as store:
        observed = [(key, cell) for key, cell in sorted(truth.cells.items(), key=str) if cell.state != "future"]
        for (cohort, group, age), cell in observed[:4]:
            asked = CellSpec(cohorts=spec, cohort=cohort, age=age, group="" if group == NO_VALUE else group)
            for users, one in ((cell.came_back, asked), (cell.lost, replace(asked, is_lost=True))):
                assert members_of(store, one) == sorted(users)


@pytest.mark.parametrize("ages", AGES)
@some(0.4)
@given(data=st.data())
def test_retained_is_at_most_the_size_and_the_modes_are_ordered(ages, data):
    world = data.draw(worlds())
    base = data.draw(questions(world, entry=data.draw(st.sampled_from(ENTRIES)), ages=ages))
    with world.open() as store:
        by_mode = {
            mode: cohort_retention(store, spec_of(replace(base, mode=mode))).cells
            for mode in ("on", "on-or-after", "on-or-before")
        }
    for cells in by_mode.values():
        known = cells[cells["retained"].notna()]
        assert (known["retained"] <= known["size"]).all()
        assert known.loc[known["state"] == "mature", "rate"].between(0, 1).all()
        assert cells.loc[cells["state"] != "mature", ["rate", "low", "high"]].isna().all(axis=None)
        assert cells.loc[cells["state"] == "future", "retained"].isna().all()
    for _, row in by_mode["on-or-after"].groupby(["cohort", "group"], dropna=False):
        assert all(a >= b for a, b in pairwise(row.sort_values("age")["retained"].dropna()))
    both = by_mode["on"].merge(by_mode["on-or-before"], on=["cohort", "group", "age"], suffixes=("", "_before"))
    both = both[both["retained"].notna()]
    assert (both["retained"] <= both["retained_before"]).all()


def answers(store: Store, events: tuple[Event, ...]) -> list[object]:
    """Return what a few questions of different kinds answer."""
    by = "browser" if any("browser" in e.props for e in events) else None
    specs = (
        CohortSpec(horizon=3),
        CohortSpec(horizon=2, entry="recurring", ages="elapsed", period="day", by=by),
        CohortSpec(horizon=2, mode="on-or-after", period="month", start=(events[0].event,)),
    )
    matrices = [cohort_retention(store, spec) for spec in specs]
    return [(as_plain(m), averages_plain(m)) for m in matrices]


@some(0.4)
@given(world=worlds(), data=st.data())
def test_a_file_in_any_order_is_the_same_file(world, data):
    shuffled = data.draw(st.permutations(world.events))
    with world.open() as one, world.open(parts=[shuffled]) as other:
        assert answers(one, world.events) == answers(other, world.events)


@some(0.4)
@given(world=worlds(), cut=st.integers(0, 16))
def test_a_file_imported_in_two_parts_or_late_is_the_same_file(world, cut):
    # Copies of a row stay together: the cut lies between distinct rows.
    kinds = sorted({repr(e) for e in world.events})
    left = [e for e in world.events if repr(e) in kinds[:cut]]
    right = [e for e in world.events if repr(e) not in kinds[:cut]]
    with world.open() as whole, world.open(parts=[left, right]) as split, world.open(parts=[right, left]) as late:
        assert answers(whole, world.events) == answers(split, world.events) == answers(late, world.events)


@some(0.4)
@given(world=worlds())
def test_a_file_imported_twice_is_the_same_file(world):
    with world.open() as once, world.open(parts=[world.events, world.events]) as twice:
        assert answers(once, world.events) == answers(twice, world.events)


@some(0.6)
@given(world=worlds(), late=worlds(), data=st.data())
def test_a_late_file_gives_what_the_oracle_and_a_rebuild_give(world, late, data):
    # Events of a user at the instant of an earlier one are left out: copies would be duplicates of it.
    taken = {(e.user, e.at_us) for e in world.events}
    added = [e for e in late.events if (e.user, e.at_us) not in taken]
    both = World((*world.events, *added), world.clock)
    with both.open() as rebuilt, world.open(parts=[world.events, added]) as appended:
        assert answers(rebuilt, both.events) == answers(appended, both.events)
        entry, mode = data.draw(st.sampled_from(ENTRIES)), data.draw(st.sampled_from(MODES))
        check(appended, both, data.draw(questions(both, entry=entry, mode=mode)))


@some(0.4)
@given(world=worlds(with_gaps=False), later=st.integers(1, 20))
def test_events_beyond_as_of_count_as_soon_as_a_later_file_moves_it(world, later):
    # zoe's only event is what moves the watermark: to just after it.
    moved_to = max(max(e.at_us for e in world.events), world.clock.as_of_us) + later * DAY_US
    zoe = Event("zoe", moved_to - 1, world.events[0].event)
    grown = World((*world.events, zoe), replace(world.clock, as_of_us=moved_to))
    with world.open() as store:
        check(store, world, Question(entry="recurring"))
        import_rows(store, rows_of([zoe]))
        for entry in ENTRIES:
            check(store, grown, Question(entry=entry, period="day"))


@some(0.4)
@given(world=worlds(), timezone=st.sampled_from(ZONES), week_start=st.sampled_from(WEEKDAYS))
def test_a_changed_zone_or_week_start_is_as_if_it_had_always_been_so(world, timezone, week_start):
    with world.open() as store:
        change_setting(store, "timezone", timezone)
        change_setting(store, "week_start", week_start)
        moved = replace(world, clock=replace(world.clock, timezone=timezone, week_start=week_start))
        question = Question(entry="recurring", period="day")
        check(store, moved, question)
        check(store, moved, replace(question, period="week"))
        check(store, moved, replace(question, period="month", entry="first-ever"))
