"""When people are active: by hand, in every zone against a plain loop, on the sample shop."""

from __future__ import annotations

from collections import Counter
from datetime import date
from math import cos, isnan, pi, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.audiences.answer import users_of
from retention.behaviour import query_hours
from retention.behaviour.answer_hours import activity_hours, hours_sql, user_hours, usual_hours
from retention.behaviour.spec_hours import CellUsersSpec, HoursSpec, HourUsersSpec, UserHoursSpec
from retention.behaviour.week_hours import WeekHours
from retention.behaviour.words_hours import (
    hours_verdict,
    hours_words,
    missing_note,
    user_verdict,
    usual_verdict,
)
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.ingest import sample_laws as laws
from retention.ingest.order import build_sample
from retention.ingest.sample import ACTIVITY, SampleSpec
from retention.store import Store
from tests.behaviour.interval_oracle import hour_of_week
from tests.behaviour.interval_oracle import usual_hours as usual_by_loop
from tests.cohorts.test_laws import some
from tests.ingest.sample_shops import usual_shop
from tests.oracles import Clock, Event
from tests.test_sql_portable import portability_faults
from tests.worlds import CLOCK_CHANGES, ZONES, World, diary, fresh_path, instant, store_of, worlds

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)


def counted(result: WeekHours) -> dict[tuple[int, int], int]:
    """Return the cells that hold something."""
    return {(int(r.weekday), int(r.hour)): int(r.n) for r in result.cells.itertuples() if r.n}


# ---- the week


def test_events_and_users_are_counted_by_weekday_and_hour():
    # 5 January 2026 was a Monday.
    world = diary("ann: 5T20:00 5T20:59 12T20:30 6T09:00\nbob: 5T20:15 5T21:00")
    store = store_of(world, as_of="2026-02-02")
    events = activity_hours(store, HoursSpec())
    assert counted(events) == {(MONDAY, 20): 4, (MONDAY, 21): 1, (TUESDAY, 9): 1}
    users = activity_hours(store, HoursSpec(counted="users"))
    assert counted(users) == {(MONDAY, 20): 2, (MONDAY, 21): 1, (TUESDAY, 9): 1}
    assert (events.n_events, events.n_users) == (users.n_events, users.n_users) == (6, 2)
    assert events.busiest == (MONDAY, 20)
    assert hours_verdict(events).startswith("Busiest: Monday 20:00, with 4 of 6 events (66.7 %)")
    assert hours_verdict(users).startswith("Busiest: Monday 20:00, with 2 of 2 users (100 %)")


def test_the_hour_is_the_one_on_the_clocks_of_the_stores_zone():
    world = [Event("ann", instant("2026-01-05T20:00", "UTC"))]
    for zone, cell in {
        "Asia/Kolkata": (TUESDAY, 1),  # 01:30
        "Asia/Kathmandu": (TUESDAY, 1),  # 01:45
        "America/New_York": (MONDAY, 15),
        "Asia/Shanghai": (TUESDAY, 4),
        "Pacific/Honolulu": (MONDAY, 10),
    }.items():
        assert counted(activity_hours(store_of(world, as_of="2026-02-02", timezone=zone), HoursSpec())) == {cell: 1}


def test_clocks_that_change_move_no_event_to_another_hour():
    # Paris: 30 March 2025 has no hour 2, and 26 October 2025 has it twice; both are Sundays.
    world = [
        Event("ann", instant(moment))
        for moment in (
            "2025-03-30T00:30+00:00",  # 01:30
            "2025-03-30T01:00+00:00",  # 03:00
            "2025-10-26T00:30+00:00",  # 02:30, the first time
            "2025-10-26T01:30+00:00",  # 02:30, the second time
            "2025-10-26T02:00+00:00",  # 03:00
        )
    ]
    result = activity_hours(store_of(world, as_of="2025-12-01", timezone="Europe/Paris"), HoursSpec())
    assert counted(result) == {(SUNDAY, 1): 1, (SUNDAY, 2): 2, (SUNDAY, 3): 2}


def test_only_the_chosen_events_days_and_users_are_counted():
    world = diary("ann: 5T08:00?city=Aix 6T09:00/buy 7T10:00\nbob: 6T11:00?city=Bonn\ncyd: 5T12:00/refund")
    store = store_of(world, as_of="2026-02-02")
    assert counted(activity_hours(store, HoursSpec(events=("buy",)))) == {(TUESDAY, 9): 1}
    assert counted(activity_hours(store, HoursSpec())) == {  # a refund is no activity
        (MONDAY, 8): 1, (TUESDAY, 9): 1, (WEDNESDAY, 10): 1, (TUESDAY, 11): 1,
    }  # fmt: skip
    some_days = HoursSpec(from_on=date(2026, 1, 6), to_on=date(2026, 1, 7))
    assert counted(activity_hours(store, some_days)) == {(TUESDAY, 9): 1, (TUESDAY, 11): 1}
    in_bonn = HoursSpec(where=(Condition(name="city", values=("Bonn",)),))
    assert counted(activity_hours(store, in_bonn)) == {(TUESDAY, 11): 1}


def test_events_at_or_after_the_watermark_do_not_count():
    result = activity_hours(store_of(diary("ann: 5T08:00 6T08:00"), as_of="2026-01-06T08:00"), HoursSpec())
    assert counted(result) == {(MONDAY, 8): 1}


def test_the_days_that_a_gap_touches_are_said():
    store = store_of(
        diary("ann: 5 12"), as_of="2026-02-02", gaps=[("2026-01-06T18:00", "2026-01-08"), ("2026-01-30", "2026-01-31")]
    )
    result = activity_hours(store, HoursSpec())
    assert result.missing == (date(2026, 1, 6), date(2026, 1, 7))  # the 30th is behind the last event
    assert "Tuesday 6 Jan 2026, Wednesday 7 Jan 2026" in missing_note(result)
    assert missing_note(activity_hours(store_of(diary("ann: 5"), as_of="2026-02-02"), HoursSpec())) == ""


def test_where_nothing_happened_one_sentence_says_so():
    store = store_of(diary("ann: 5"), as_of="2026-02-02")
    result = activity_hours(store, HoursSpec(from_on=date(2026, 1, 20)))
    assert result.busiest is None and result.cells["rate"].isna().all()
    assert "Nothing happened here" in hours_verdict(result)


def test_bad_settings_are_refused_in_one_sentence():
    with pytest.raises(SpecError, match="`from` must be before `to`"):
        HoursSpec(from_on=date(2026, 1, 5), to_on=date(2026, 1, 5))
    with pytest.raises(SpecError, match="`counted` must be one of events, users"):
        HoursSpec(counted="days")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="`hour` must be from 0 to 23"):
        HourUsersSpec(hours=HoursSpec(), hour=24)
    with pytest.raises(SpecError, match="`cell` must be from 0 to 167"):
        CellUsersSpec(hours=HoursSpec(), cell=168)
    with pytest.raises(SpecError, match="Name a user"):
        UserHoursSpec(user=" ")


# ---- usual hours

# ann is active in 4 days' hour 20, one hour 21 and two hours 8: half of 7 is 4 hours at 20.
# bob is active in hours 9, 10, 11, 12, 13, once each: the first three hold 3 of 5.
THREE = """
    ann: 5T20:00 5T20:30 6T20:00 7T20:00 8T20:00 5T21:00 5T08:00 6T08:00
    bob: 5T09:00 5T10:00 6T11:00 6T12:00 7T13:00
    cyd: 5T20:00 6T20:00
"""


def test_usual_hours_are_the_fewest_that_hold_half_of_the_active_hours():
    store = store_of(diary(THREE), as_of="2026-02-02")
    result = usual_hours(store, HoursSpec())
    told = {int(r.hour): int(r.n_users) for r in result.counts.itertuples() if r.n_users}
    assert told == {20: 1, 9: 1, 10: 1, 11: 1}
    assert (result.n_users, result.n_all) == (2, 3)  # cyd has two active hours only
    assert "1 of 3 users have fewer than 5 active hours" in usual_verdict(result)
    assert [users_of(store, HourUsersSpec(hours=HoursSpec(), hour=h)).count for h in (8, 9, 20)] == [0, 1, 1]
    assert users_of(store, CellUsersSpec(hours=HoursSpec(), cell=24 * MONDAY + 20)).count == 2  # ann and cyd


def test_a_user_is_found_by_pseudonym_or_by_the_id_of_the_file():
    store = store_of(diary(THREE), as_of="2026-02-02")
    found = user_hours(store, UserHoursSpec(user="ann"))
    assert user_hours(store, UserHoursSpec(user=found.pseudonym)).usual == found.usual == (20,)
    assert found.n_active == 7
    # The middles of the hours as angles: 4 at 20:30, 1 at 21:30, 2 at 8:30.
    angles = [2 * pi * h / 24 for h in (20.5,) * 4 + (21.5,) + (8.5,) * 2]
    x, y = sum(map(cos, angles)) / 7, sum(map(sin, angles)) / 7
    assert found.concentration == pytest.approx((x * x + y * y) ** 0.5)
    # 7 · 0.45² is 1.4: as much as chance alone makes, so no mean hour is told.
    assert isnan(found.mean_hour) and "spread around the clock" in user_verdict(found)
    with pytest.raises(SpecError, match="no such user"):
        user_hours(store, UserHoursSpec(user="eve"))


def test_the_mean_of_hours_around_midnight_is_midnight():
    # Middles at 23:30 and 00:30, in equal numbers.
    world = diary("ann: 5T23:00 6T00:00 7T23:00 8T00:00 9T23:00 10T00:00")
    found = user_hours(store_of(world, as_of="2026-02-02"), UserHoursSpec(user="ann"))
    assert found.mean_hour % 24 == pytest.approx(0, abs=1e-9) or found.mean_hour == pytest.approx(24)
    # Two unit arrows 15 degrees apart: their mean is cos(7.5 degrees) long.
    assert found.concentration == pytest.approx(cos(pi / 24))
    assert found.usual == (0,)  # of equally frequent hours the earlier one
    assert "on average around 00:00" in user_verdict(found)


def test_a_user_with_few_active_hours_is_told_nothing_of():
    found = user_hours(store_of(diary(THREE), as_of="2026-02-02"), UserHoursSpec(user="cyd"))
    assert found.usual == () and isnan(found.mean_hour)
    assert "Active in 2 hours only: too few" in user_verdict(found)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ([20], "20:00–21:00"),
        ([8, 9, 10], "08:00–11:00"),
        ([22, 23, 0, 5], "05:00–06:00 and 22:00–01:00"),
        ([23], "23:00–00:00"),
        (range(24), "all day"),
    ],
)
def test_hours_are_written_as_ranges(hours, said):
    assert hours_words(hours) == said


# ---- against the plain loop


def check(world: World, kinds: tuple[str, ...]) -> None:
    clock = world.clock
    known = [e for e in world.events if e.at_us < clock.as_of_us and (not kinds or e.event in kinds)]
    local = [(e.user, *hour_of_week(e.at_us, clock.timezone)) for e in known]
    with world.open() as store:
        events = activity_hours(store, HoursSpec(events=kinds))
        users = activity_hours(store, HoursSpec(events=kinds, counted="users"))
        usual = usual_hours(store, HoursSpec(events=kinds))
        one = {
            user: user_hours(store, UserHoursSpec(user=user, events=kinds)).usual for user in {e.user for e in known}
        }
    assert counted(events) == Counter((weekday, hour) for _, _, weekday, hour in local)
    assert counted(users) == Counter((w, h) for _, w, h in {(user, w, h) for user, _, w, h in local})
    assert (events.n_events, events.n_users) == (len(local), len({user for user, *_ in local}))
    expected: Counter[int] = Counter()
    for user in {user for user, *_ in local}:
        active = {(day, hour) for who, day, _, hour in local if who == user}
        # An hour that comes twice has one number: the same day and hour.
        mine = usual_by_loop(active) if len(active) >= 5 else set()
        assert set(one[user]) == mine
        expected.update(mine)
    assert {int(r.hour): int(r.n_users) for r in usual.counts.itertuples() if r.n_users} == expected


@pytest.mark.parametrize("timezone", ZONES)
@some(0.4)
@given(data=st.data())
def test_every_zone_agrees_with_the_plain_loop(timezone, data):
    world = data.draw(worlds(period="day", zones=(timezone,), max_events=24))
    check(world, data.draw(st.sampled_from([(), *sorted({(e.event,) for e in world.events})])))


@pytest.mark.parametrize("timezone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_every_half_hour_around_a_clock_change_agrees_with_the_plain_loop(timezone):
    events = []
    for on in CLOCK_CHANGES[timezone]:
        noon = instant(f"{on}T12:00", timezone)
        events += [Event(f"u{i % 3}", noon + (i - 60) * 1_800_000_000, "open") for i in range(96)]
    check(World(tuple(events), Clock(max(e.at_us for e in events) + 1, timezone)), ())


def test_every_text_is_portable():
    store = store_of(diary("ann: 5?city=Aix 12/buy"), as_of="2026-02-02", timezone="Europe/Paris")
    where = (Condition(name="city", values=("Aix",)),)
    with store.snapshot() as snapshot:
        for spec in (
            HoursSpec(),
            HoursSpec(events=("buy",), where=where, from_on=date(2026, 1, 1), to_on=date(2026, 2, 1)),
        ):
            hours = hours_sql(snapshot, spec)
            usual = query_hours.usual_hours(hours)
            texts = [
                query_hours.first_instant(),
                query_hours.cell_events(hours),
                query_hours.cell_users(hours),
                query_hours.totals(hours),
                query_hours.cell_members(hours, CellUsersSpec(hours=spec, cell=3)),
                query_hours.usual_hour_counts(usual),
                query_hours.usual_user_count(usual),
                query_hours.usual_members(usual, HourUsersSpec(hours=spec, hour=3)),
                query_hours.user_key("ann"),
                query_hours.hours_of(hours, 1),
            ]
            for sql in texts:
                assert portability_faults(sql.text) == []
                snapshot.rows(sql.text, sql.params)


# ---- the sample shop


def test_the_habits_of_the_sample_shop_are_recovered():
    shop, rows = usual_shop()
    with Store.create_or_open(fresh_path()) as store:
        build_sample(store, SampleSpec())
        week = activity_hours(store, HoursSpec())
        usual = {
            user: user_hours(store, UserHoursSpec(user=user)).usual
            for user in rows["user_id"].value_counts().index[:40]
        }
    active = rows[rows["event"].isin(ACTIVITY)]
    at = active["occurred_us"].to_numpy() // 3_600_000_000
    expected = np.bincount((at + 72) % 168, minlength=168)
    assert week.cells["n"].tolist() == expected.tolist()
    # Two whole days are lost: 10 June 2025 was a Tuesday.
    assert week.missing == (date(2025, 6, 10), date(2025, 6, 11))
    # Who came often enough is usually active at an hour that is likely under the habit that the simulator gave.
    habit = dict(zip(shop.truth.user_id, shop.truth.habit, strict=True))
    right = [laws.HABIT_HOURS[habit[user]][list(hours)].mean() > 1 / 24 for user, hours in usual.items()]
    assert np.mean(right) > 0.9
