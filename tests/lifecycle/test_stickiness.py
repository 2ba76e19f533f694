"""Daily, weekly and monthly users and active days in worlds worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from retention.audiences.answer_sources import words_of
from retention.errors import SpecError
from retention.lifecycle.answer import user_active_days, user_stickiness
from retention.lifecycle.spec import ActiveDaysCellSpec, ActiveDaysSpec, ActiveUsersSpec, StickinessSpec
from retention.lifecycle.stickiness import Stickiness, trailing
from retention.lifecycle.words import active_days_verdict, stickiness_verdict
from retention.store import Store
from tests.lifecycle.test_lifecycle import members
from tests.oracles import Event
from tests.worlds import diary, instant, store_of

DAY_US = 86_400_000_000
# ann on the 1st, 5th and 28th of January; bob on the 8th. 28 January is the first day with 28 days of data.
WORLD = """
    ann: 1 5 28
    bob: 8
"""


def on_day(found: Stickiness, day: int) -> list[int | None]:
    """Return daily, weekly and monthly users of a day of January 2026."""
    rows = found.of()
    [row] = rows[rows["on"] == date(2026, 1, day)].to_dict("records")
    return [None if pd.isna(row[name]) else row[name] for name in ("dau", "wau", "mau")]


def test_windows_hold_their_last_day_and_each_user_once():
    found = user_stickiness(store_of(diary(WORLD), as_of="2026-02-10"), StickinessSpec())
    assert on_day(found, 1) == [1, None, None]
    assert on_day(found, 6) == [0, None, None]
    assert on_day(found, 7) == [0, 1, None]  # the 1st to the 7th: ann, on two days
    assert on_day(found, 8) == [1, 2, None]
    assert on_day(found, 12) == [0, 1, None]  # ann's 5th is out, bob's 8th in
    assert on_day(found, 15) == [0, 0, None]
    assert on_day(found, 27) == [0, 0, None]
    assert on_day(found, 28) == [1, 1, 2]  # the 1st to the 28th
    assert on_day(found, 29) == [0, 1, 2]


def test_stickiness_is_the_mean_of_the_days_ratios_where_the_data_reach_back_so_far():
    # As of 31 January: the 28th has 1 of 2, the 29th and the 30th 0 of 2.
    found = user_stickiness(store_of(diary(WORLD), as_of="2026-01-31"), StickinessSpec())
    rates = found.of()["rate"].dropna().tolist()
    assert rates == [1 / 2, 0, 0]
    summary = found.summed_up()
    assert summary["rate"] == pytest.approx(1 / 6)
    assert (summary["n_days"], summary["n_left_out"]) == (3, 27)
    assert "no interval" in stickiness_verdict(found).headline


def test_the_day_in_progress_enters_no_mean():
    found = user_stickiness(store_of(diary(WORLD), as_of="2026-01-30T15:00"), StickinessSpec())
    assert found.of()["state"].tolist()[-1] == "in_progress"
    assert found.summed_up()["rate"] == pytest.approx(1 / 4)


def test_days_whose_window_touches_a_gap_are_marked_and_left_out():
    # 4 February is missing: from then on every window of 28 days touches it.
    store = store_of(diary(WORLD), as_of="2026-02-10", gaps=[("2026-02-04", "2026-02-05")])
    found = user_stickiness(store, StickinessSpec())
    rows = found.of().set_index("on")
    assert rows.index[rows["touches_gap"]].tolist() == [date(2026, 2, 4)]
    assert rows.index[rows["window_touches_gap"]].tolist() == [date(2026, 2, day) for day in range(4, 10)]
    assert found.summed_up()["n_days"] == 7  # 28 January to 3 February
    assert rows["rate"].notna().sum() == 7


def test_every_day_lists_its_users():
    store = store_of(diary(WORLD), as_of="2026-02-10")
    for day, window, names in ((8, 1, ["bob"]), (8, 7, ["ann", "bob"]), (12, 7, ["bob"]), (28, 28, ["ann", "bob"])):
        cell = ActiveUsersSpec(stickiness=StickinessSpec(), on=date(2026, 1, day), window=window)
        assert members(store, cell) == names
    assert "in the 7 days up to 8 January 2026" in words_of(
        ActiveUsersSpec(stickiness=StickinessSpec(), on=date(2026, 1, 8), window=7), store.catalogue()
    )
    early = ActiveUsersSpec(stickiness=StickinessSpec(), on=date(2026, 1, 27), window=28)
    with pytest.raises(SpecError, match="reach back 28 days"):
        members(store, early)
    with pytest.raises(SpecError, match="no data on 2027"):
        members(store, replace(early, on=date(2027, 1, 1)))


def test_the_range_changes_what_is_shown_and_no_number():
    store = store_of(diary(WORLD), as_of="2026-02-10")
    whole = user_stickiness(store, StickinessSpec()).of().set_index("on")
    cut = user_stickiness(store, StickinessSpec(from_on=date(2026, 1, 20), to_on=date(2026, 2, 2))).of().set_index("on")
    assert list(cut.index) == [date(2026, 1, 20) + timedelta(days=i) for i in range(13)]
    pd.testing.assert_frame_equal(cut, whole.loc[cut.index])
    with pytest.raises(SpecError, match="reach from 2026-01-01"):
        user_stickiness(store, StickinessSpec(from_on=date(2026, 3, 1)))


def _daily(n_days: int, shares: list[tuple[int, int]]) -> Store:
    """Return a store in which, of 28 users, so many are there on a day; each pair is (days, users a day)."""
    events, day = [], 0
    for length, users in shares:
        for _ in range(length):
            # Who is there moves on by one user a day, so that every user comes within 28 days.
            events += [Event(f"u{(day + i) % 28}", instant("2025-01-01T12:00") + day * DAY_US) for i in range(users)]
            day += 1
    assert day == n_days
    return store_of(events, as_of=instant("2025-01-01") + n_days * DAY_US)


def test_a_base_that_comes_more_often_is_called_stickier():
    # All 28 users come within every 28 days: 7 a day are 25 %, 14 a day are 50 %.
    steady = user_stickiness(_daily(27 + 112, [(139, 7)]), StickinessSpec())
    assert steady.summed_up()["rate"] == pytest.approx(0.25)
    assert steady.summed_up()["n_blocks"] == 4
    assert "25.0 % of the users of the last 28 days" in stickiness_verdict(steady).headline
    assert "as if each of them came on 7.0 of 28 days" in stickiness_verdict(steady).detail
    rising = user_stickiness(_daily(27 + 112, [(27 + 56, 7), (56, 14)]), StickinessSpec())
    assert rising.summed_up()["change"] == pytest.approx(0.25)
    assert rising.summed_up()["says"] == "higher"
    assert "stickier" in stickiness_verdict(rising).detail


def test_active_days_are_counted_exactly_and_at_least():
    # In the week of 5 January: ann on 3 days (twice on one of them), bob on 1, cyd on 3; dee not at all.
    world = diary("ann: 5 5T18:00 6 11\nbob: 7\ncyd: 5 6 7\ndee: 12")
    store = store_of(world, as_of="2026-01-20")
    asked = ActiveDaysSpec(period="week", on=date(2026, 1, 8))
    found = user_active_days(store, asked)
    shares = found.of()
    assert shares["n_exactly"].tolist() == [1, 0, 2, 0, 0, 0, 0]
    assert shares["n_at_least"].tolist() == [3, 2, 2, 0, 0, 0, 0]
    assert shares["rate_exactly"].tolist()[:3] == [1 / 3, 0, 2 / 3]
    assert set(shares["size"]) == {3}
    assert (found.state, found.on, found.to_on) == ("complete", date(2026, 1, 5), date(2026, 1, 12))
    assert "Half of them were there on 3 days or more" in active_days_verdict(found).detail
    cell = ActiveDaysCellSpec(active_days=asked, on=found.on, n_days=3)
    assert members(store, cell) == ["ann", "cyd"]
    assert members(store, replace(cell, n_days=1)) == ["bob"]
    assert members(store, replace(cell, n_days=1, is_at_least=True)) == ["ann", "bob", "cyd"]
    assert "at least 3 days of the week of 5 January 2026" in words_of(
        replace(cell, is_at_least=True), store.catalogue()
    )


def test_active_days_take_the_last_complete_period_and_say_when_one_is_running():
    store = store_of(diary("ann: 5 12 13"), as_of="2026-01-14T12:00", gaps=[("2026-01-06", "2026-01-07")])
    last = user_active_days(store, ActiveDaysSpec(period="week"))
    assert (last.on, last.state, last.has_gap) == (date(2026, 1, 5), "complete", True)
    running = user_active_days(store, ActiveDaysSpec(period="week", on=date(2026, 1, 12)))
    assert (running.state, running.has_gap) == ("in_progress", False)
    assert "so far" in active_days_verdict(running).headline
    with pytest.raises(SpecError, match="no data in the week of 2026-02-01"):
        user_active_days(store, ActiveDaysSpec(period="week", on=date(2026, 2, 1)))
    with pytest.raises(SpecError, match="`period` must be one of week, month"):
        ActiveDaysSpec(period="day")


def test_a_group_that_is_named_twice_or_missing_keeps_its_own_rows():
    world = diary("ann: 5?country=France 6\nbob: 5?country=Spain\ncyd: 6")
    store = store_of(world, as_of="2026-01-12")
    found = user_stickiness(store, StickinessSpec(by="country"))
    assert sorted(found.groups) == ["(none)", "France", "Spain"]
    assert found.of("France")["dau"].tolist()[:2] == [1, 1]
    assert found.of("(none)")["dau"].tolist()[:2] == [0, 1]
    assert found.of()["dau"].tolist()[:2] == [2, 2]
    days = user_active_days(store, ActiveDaysSpec(period="week", by="country"))
    assert sum(int(days.of(g)["size"].iloc[0]) for g in days.groups) == int(days.of()["size"].iloc[0]) == 3


def test_steps_up_and_down_count_each_user_once():
    # One user on days 0, 2 and 12 (pauses: none, 2, 10), in windows of 7 days: days 0 to 8, and 12 to 18.
    pauses = [np.zeros((1, 24), dtype=np.int64) for _ in range(28)]
    pauses[27][0, 0] = pauses[1][0, 2] = pauses[9][0, 12] = 1
    expected = [1] * 9 + [0] * 3 + [1] * 7 + [0] * 5
    assert trailing(pauses, 7, 24).tolist() == [expected]
