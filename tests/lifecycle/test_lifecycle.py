"""Lifecycle in worlds worked out by hand: what is new, what returns, what is marked, what a list holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.audiences.answer import users_of
from retention.audiences.answer_sources import words_of
from retention.cohorts.spec import Condition
from retention.errors import SpecError, StoreError
from retention.lifecycle.answer import explain_sql, user_lifecycle, user_transitions
from retention.lifecycle.lifecycle import Lifecycle, quick_ratio
from retention.lifecycle.model_averages import difference_of_means, mean_of_blocks, ratio_of_totals
from retention.lifecycle.spec import (
    MOVES,
    STATES,
    LifecycleCellSpec,
    LifecycleSpec,
    State,
    StickinessSpec,
    TransitionCellSpec,
    TransitionsSpec,
)
from retention.lifecycle.words import lifecycle_definition, transitions_verdict, verdict
from retention.store import Store
from tests.oracles import Event
from tests.worlds import diary, instant, store_of

JAN_5, JAN_12, JAN_19, JAN_26 = (date(2026, 1, day) for day in (5, 12, 19, 26))
# Weeks begin on 5, 12, 19 and 26 January.
WORLD = """
    ann: 5 12 26
    bob: 6 7
    cyd: 5 19
    dee: 13 20
"""


def row(found: Lifecycle, on: date, group: str | None = None) -> list[int | None]:
    """Return new, returning, resurrecting and dormant of a period; None for what is not known."""
    rows = found.of(group)
    [mine] = rows[rows["on"] == on].to_dict("records")
    return [None if pd.isna(mine[f"n_{state}"]) else mine[f"n_{state}"] for state in STATES]


def members(store: Store, spec: object) -> list[str]:
    """Return the ids of the file behind a number, having checked that the list is as long as it says."""
    from retention.store import Sql

    found = users_of(store, spec)
    assert found.count == len(found.users)
    identities = store.read(Sql("select i.user_key, i.user_id from identities as i"))
    names = dict(zip(identities["user_key"], identities["user_id"], strict=True))
    return sorted(names[key] for key in found.users["user_key"])


def test_each_week_says_who_came_who_came_back_and_who_fell_silent():
    found = user_lifecycle(store_of(diary(WORLD), as_of="2026-02-02"), LifecycleSpec())
    assert row(found, JAN_5) == [3, 0, 0, 0]  # ann bob cyd
    assert row(found, JAN_12) == [1, 1, 0, 2]  # dee | ann | – | bob cyd
    assert row(found, JAN_19) == [0, 1, 1, 1]  # – | dee | cyd | ann
    assert row(found, JAN_26) == [0, 0, 1, 2]  # – | – | ann | cyd dee
    assert list(found.of()["on"]) == [JAN_5, JAN_12, JAN_19, JAN_26]
    assert set(found.of()["state"]) == {"complete"}


def test_the_quick_ratio_is_who_came_over_who_fell_silent_and_empty_where_nobody_did():
    found = user_lifecycle(store_of(diary(WORLD), as_of="2026-02-02"), LifecycleSpec())
    ratios = found.of()["quick_ratio"].tolist()
    assert np.isnan(ratios[0])
    assert ratios[1:] == [1 / 2, 1 / 1, 1 / 2]
    # The weeks after the first: 1 + 1 + 1 came or came back, 2 + 1 + 2 fell silent.
    recent = found.recently()
    assert (recent["n_periods"], recent["n_gained"], recent["n_lost"]) == (3, 3, 5)
    assert recent["quick_ratio"] == pytest.approx(3 / 5)


def test_every_bar_lists_its_users():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    expected: dict[State, list[str]] = {
        "new": ["dee"], "returning": ["ann"], "resurrecting": [], "dormant": ["bob", "cyd"],
    }  # fmt: skip
    for state, names in expected.items():
        cell = LifecycleCellSpec(lifecycle=LifecycleSpec(), on=JAN_12, state=state)
        assert members(store, cell) == names
        # Any day of the week names it, and the dates that a page shows do not matter.
        ranged = LifecycleSpec(from_on=JAN_19, to_on=JAN_26)
        assert members(store, replace(cell, on=date(2026, 1, 18), lifecycle=ranged)) == names
    assert members(store, LifecycleCellSpec(lifecycle=LifecycleSpec(), on=JAN_12, state="active")) == ["ann", "dee"]


def test_who_was_there_before_the_range_is_never_new():
    # Golden: ann's first event is in December; from January on she is back, not new.
    world = diary("ann: 2025-12-01 5 12\nbob: 6")
    found = user_lifecycle(store_of(world, as_of="2026-02-02"), LifecycleSpec(from_on=JAN_5))
    assert found.of()["on"].iloc[0] == JAN_5
    assert row(found, JAN_5) == [1, 0, 1, 0]
    # A range that begins in the middle of a week shows the whole week.
    cut = user_lifecycle(store_of(world, as_of="2026-02-02"), LifecycleSpec(from_on=date(2026, 1, 7), to_on=JAN_12))
    assert list(cut.of()["on"]) == [JAN_5]
    assert row(cut, JAN_5) == [1, 0, 1, 0]


def test_a_filter_chooses_users_and_makes_nobody_new():
    # ann's first event was in Chrome; that she comes with Firefox later neither lets her in nor makes her new.
    world = diary("""
        ann: 5?browser=Chrome 12?browser=Firefox 19?browser=Chrome
        bob: 12?browser=Firefox 19?browser=Chrome
        cyd: 12
    """)
    store = store_of(world, as_of="2026-02-02")
    for browser, expected in (("Chrome", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
                              ("Firefox", [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])):  # fmt: skip
        spec = LifecycleSpec(where=(Condition(name="browser", values=(browser,)),))
        assert [row(user_lifecycle(store, spec), on) for on in (JAN_5, JAN_12, JAN_19, JAN_26)] == expected
    split = user_lifecycle(store, LifecycleSpec(by="browser"))
    assert split.groups == ["Chrome", "Firefox", "(none)"]
    assert row(split, JAN_12) == [2, 1, 0, 0]
    assert row(split, JAN_12, "Firefox") == [1, 0, 0, 0]
    assert row(split, JAN_19, "(none)") == [0, 0, 0, 1]
    cell = LifecycleCellSpec(lifecycle=LifecycleSpec(by="browser"), on=JAN_12, state="new", group="(none)")
    assert members(store, cell) == members(store, replace(cell, group="")) == ["cyd"]
    assert members(store, replace(cell, group="Firefox")) == ["bob"]


def test_with_events_named_new_is_the_first_of_these_in_all_history():
    # ann visits in the week of the 5th and buys first in the week of the 12th; bob buys, is away, buys again.
    world = diary("ann: 5 12/buy 19/buy\nbob: 5/buy 13 20/buy\ncyd: 12 19")
    store = store_of(world, as_of="2026-02-02")
    found = user_lifecycle(store, LifecycleSpec(events=("buy",)))
    assert [row(found, on) for on in (JAN_5, JAN_12, JAN_19, JAN_26)] == [
        [1, 0, 0, 0],  # bob
        [1, 0, 0, 1],  # ann | bob, who only visited
        [0, 1, 1, 0],  # ann | bob
        [0, 0, 0, 2],
    ]  # fmt: skip


def test_what_is_no_activity_makes_nobody_active_and_counts_where_it_is_named():
    # A refund is booked by the shop: it is no sign of life, unless it is asked for.
    world = diary("ann: 5/buy 13/refund\nbob: 13/refund")
    store = store_of(world, as_of="2026-01-26")
    assert row(user_lifecycle(store, LifecycleSpec()), JAN_12) == [0, 0, 0, 1]
    refunds = LifecycleSpec(events=("refund",))
    assert row(user_lifecycle(store, refunds), JAN_12) == [2, 0, 0, 0]
    # bob did nothing that counts as activity: no filter can look at his first activity.
    kept = replace(refunds, where=(Condition(name="n", operator="!=", values=("1",)),))
    with pytest.raises(SpecError, match="no property"):
        user_lifecycle(store, kept)


@pytest.mark.parametrize(
    ("week_start", "expected"),
    [("monday", {JAN_5: [1, 0, 0, 0], JAN_12: [0, 1, 0, None]}), ("sunday", {date(2026, 1, 11): [1, 0, 0, 0]})],
)
def test_weeks_begin_where_the_store_says(week_start, expected):
    # Sunday the 11th and Monday the 12th: two weeks, the second not over on the 18th, or one.
    found = user_lifecycle(store_of(diary("ann: 11 12"), as_of="2026-01-18", week_start=week_start), LifecycleSpec())
    assert {on: row(found, on) for on in expected} == expected


def test_days_are_those_of_the_zone_also_when_they_have_23_or_25_hours():
    # 29 March 2026 has 23 hours in Paris, 26 October 2025 has 25.
    for days, as_of in ((("2026-03-28", "2026-03-29", "2026-03-30"), "2026-04-01"),
                        (("2025-10-25", "2025-10-26", "2025-10-27"), "2025-10-29")):  # fmt: skip
        world = diary(f"ann: {days[0]}T23:59 {days[1]}T23:59 {days[2]}T00:00", "Europe/Paris")
        store = store_of(world, as_of=as_of, timezone="Europe/Paris")
        found = user_lifecycle(store, LifecycleSpec(period="day"))
        on = [date.fromisoformat(day) for day in days]
        assert [row(found, day) for day in on] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    kolkata = store_of([Event("ann", instant("2026-01-04T18:30+00:00"))], as_of="2026-01-06", timezone="Asia/Kolkata")
    assert user_lifecycle(kolkata, LifecycleSpec(period="day")).of()["on"].iloc[0] == JAN_5


def test_the_period_in_progress_has_its_numbers_so_far_and_no_ratio():
    found = user_lifecycle(store_of(diary(WORLD), as_of="2026-01-27T12:00"), LifecycleSpec())
    last = found.of().iloc[-1]
    assert (last["on"], last["state"], last["complete_on"]) == (JAN_26, "in_progress", date(2026, 2, 2))
    assert row(found, JAN_26) == [0, 0, 1, None]  # who has not come yet still can
    assert np.isnan(last["quick_ratio"])
    assert found.recently()["n_periods"] == 2  # the weeks of the 12th and of the 19th


def test_a_period_without_anybody_is_zero_and_the_time_after_the_watermark_is_not_there():
    found = user_lifecycle(store_of(diary("ann: 5 26"), as_of="2026-02-09"), LifecycleSpec())
    assert [row(found, on) for on in found.of()["on"]] == [
        [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
    ]  # fmt: skip


def test_a_missing_day_marks_its_period_and_the_one_after_it_which_rests_on_it():
    store = store_of(diary(WORLD), as_of="2026-02-02", gaps=[("2026-01-14", "2026-01-15")])
    found = user_lifecycle(store, LifecycleSpec())
    assert found.of()["touches_gap"].tolist() == [False, True, True, False]
    assert found.recently()["n_periods"] == 1
    assert found.recently()["says"] == "cannot tell"


def test_several_periods_of_growth_are_called_growth_and_of_loss_a_leak():
    # Each week two come for each one that falls silent, and the other way round.
    def world(come: int, go: int) -> list[Event]:
        events, active, n = [], [], 0
        for week in range(12):
            if week < 2 or come > go or active:
                fresh = [f"u{n + i}" for i in range(40 if not week else come)]
                n += len(fresh)
                active = active[go:] + fresh if week else fresh
            events += [Event(u, instant("2026-01-05T12:00") + week * 7 * 86_400_000_000) for u in active]
        return events

    for come, go, says, words in ((4, 2, "growing", "is growing: 200"), (2, 3, "leaking", "is leaking: 67"),
                                  (3, 3, "cannot tell", "cannot tell: 100")):  # fmt: skip
        found = user_lifecycle(store_of(world(come, go), as_of="2026-03-30"), LifecycleSpec())
        assert found.recently()["says"] == says
        assert words in verdict(found).headline


def test_moves_follow_each_user_and_rows_add_up():
    store = store_of(diary(WORLD + "    eve: 2025-12-01\n    fay: 19\n"), as_of="2026-02-02")
    asked = TransitionsSpec(lifecycle=LifecycleSpec(), on=JAN_12)
    found = user_transitions(store, asked)
    # In the week of the 12th: dee new, ann returning, bob and cyd silent, eve away; then dee again, cyd back, fay new.
    expected = {
        ("new", "returning"): ["dee"], ("returning", "dormant"): ["ann"], ("dormant", "resurrecting"): ["cyd"],
        ("dormant", "away"): ["bob"], ("away", "away"): ["eve"], ("unseen", "new"): ["fay"],
    }  # fmt: skip
    for source, targets in MOVES.items():
        for target in targets:
            names = expected.get((source, target), [])
            assert found.n(source, target) == len(names)
            cell = TransitionCellSpec(lifecycle=LifecycleSpec(), on=JAN_12, source=source, target=target)
            assert members(store, cell) == names
    moves = found.of()
    assert moves.loc[moves["source"] == "dormant", "rate"].tolist() == [1 / 2, 1 / 2]
    assert moves.loc[moves["source"] == "unseen", "rate"].isna().all()  # nobody knows how many have not come yet
    assert "1 of the 2 users active" in transitions_verdict(found).headline


def test_moves_begin_with_the_last_period_whose_next_one_is_complete():
    store = store_of(diary(WORLD), as_of="2026-01-27")
    assert user_transitions(store, TransitionsSpec()).on == JAN_12
    running = user_transitions(store, TransitionsSpec(on=JAN_19))
    assert (running.next_on, running.state) == (JAN_26, "in_progress")
    for on in (JAN_26, date(2025, 12, 29)):
        with pytest.raises(SpecError, match="cannot be known"):
            user_transitions(store, TransitionsSpec(on=on))
    with pytest.raises(SpecError, match="two complete months"):
        user_transitions(store, TransitionsSpec(lifecycle=LifecycleSpec(period="month")))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"period": "year"}, "`period` must be one of day, week, month"),
        ({"last": 0}, "`last` must be from 1 to 1100"),
        ({"last": 5, "from_on": JAN_5}, "cannot both be given"),
        ({"from_on": JAN_12, "to_on": JAN_5}, "`from` must be before `to`"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(settings, words):
    with pytest.raises(SpecError, match=words):
        LifecycleSpec(**settings)


def test_ranges_and_names_that_the_store_does_not_hold_are_refused():
    store = store_of(diary("ann: 5?country=France"), as_of="2026-02-02")
    for spec, words in (
        (LifecycleSpec(from_on=date(2027, 1, 1)), "reach from 2026-01-05 to 2026-02-01"),
        (LifecycleSpec(events=("visitt",)), "visit"),
        (LifecycleSpec(by="contry"), "country"),
        (LifecycleSpec(where=(Condition.parse("contry=France"),)), "country"),
    ):
        with pytest.raises(SpecError, match=words):
            user_lifecycle(store, spec)
    cell = LifecycleCellSpec(lifecycle=LifecycleSpec(by="country"), on=JAN_5, state="new", group="Frence")
    with pytest.raises(SpecError, match="Frence"):
        users_of(store, cell)
    with pytest.raises(SpecError, match="2026-01-05"):
        users_of(store, replace(cell, group=None, on=date(2025, 1, 1)))
    with pytest.raises(SpecError, match="breakdown"):
        replace(cell, lifecycle=LifecycleSpec())
    with pytest.raises(StoreError, match="before its watermark"):
        user_lifecycle(store_of(diary("ann: 5"), as_of="2026-01-01"), LifecycleSpec())


def test_what_a_person_types_is_a_value_and_never_sql():
    nasty = "x'); drop table events; --"
    world = [replace(e, props={"country": nasty}, event=nasty) for e in diary("ann: 5 12")]
    store = store_of(world, as_of="2026-01-19")
    spec = LifecycleSpec(events=(nasty,), by="country", where=(Condition(name="country", values=(nasty,)),))
    assert row(user_lifecycle(store, spec), JAN_12, nasty) == [0, 1, 0, 0]
    assert members(store, LifecycleCellSpec(lifecycle=spec, on=JAN_12, state="returning", group=nasty)) == ["ann"]


def test_the_bounds_of_a_ratio_of_two_counts_solve_the_score_equation():
    # (g − r d)² = z² r (g + d), the definition of the score bounds of a ratio of Poisson rates.
    gained, lost = np.array([30, 7, 1, 200]), np.array([20, 11, 4, 150])
    ratio, low, high = quick_ratio(gained, lost)
    assert ratio == pytest.approx(gained / lost)
    for bound in (low, high):
        assert (gained - bound * lost) ** 2 == pytest.approx(1.959963984540054**2 * bound * (gained + lost))
    assert (low < ratio).all() and (ratio < high).all()


def test_the_interval_of_a_pooled_ratio_is_cochrans():
    # By hand: r = 60/50 = 1.2; residuals 10−12, 20−18, 30−30: squares 8; se(log r) = √(3/2 · 8) / 60 = 0.05774;
    # t(2) = 4.3027 (a printed table), so half a width of 0.24841.
    ratio, low, high = ratio_of_totals([10, 20, 30], [10, 15, 25])
    assert ratio == pytest.approx(1.2)
    assert (low, high) == pytest.approx((1.2 * np.exp(-0.24841), 1.2 * np.exp(0.24841)), rel=1e-4)
    assert np.isnan(ratio_of_totals([1, 2], [0, 0])).all()
    assert np.isnan(ratio_of_totals([5], [4])[1])


def test_the_interval_of_a_mean_of_blocks_is_students():
    # Blocks of two, from the end: (2 + 4) / 2, (4 + 6) / 2, (6 + 8) / 2 = 3, 5, 7; the first value fills none.
    mean, low, high, n = mean_of_blocks([9, 2, 4, 4, 6, 6, 8], 2)
    assert (mean, n) == (pytest.approx(39 / 7), 3)
    assert (high - low) / 2 == pytest.approx(4.3027 * 2 / np.sqrt(3), rel=1e-4)  # t(2); standard deviation 2
    assert np.isnan(mean_of_blocks([1, 2, 3, 4], 2)[1])


def test_welchs_interval_is_the_published_one():
    # Welch's test of R's `sleep` data, extra ~ group: difference −1.58, 95 % interval −3.3654832 to 0.2054832.
    one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    assert difference_of_means(one, two) == pytest.approx((-1.58, -3.3654832, 0.2054832), abs=1e-6)


def test_the_definition_says_what_was_asked():
    store = store_of(diary("ann: 5/buy?country=France"), as_of="2026-02-02")
    known = store.catalogue()
    spec = LifecycleSpec(events=("buy",), where=(Condition.parse("country=France"),), by="country", period="month")
    said = lifecycle_definition(spec, known)
    for words in ("“buy”", "country=France", "makes nobody new", "Split by country", "calendar month"):
        assert words in said
    cell = LifecycleCellSpec(lifecycle=spec, on=JAN_5, state="dormant", group="France")
    assert "silent in January 2026, country France" in words_of(cell, known)


def test_the_wall_clock_changes_no_number(monkeypatch):
    import time

    store = store_of(diary(WORLD), as_of="2026-02-02")
    before = user_lifecycle(store, LifecycleSpec()).periods
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert user_lifecycle(store, LifecycleSpec()).periods.equals(before)


def test_the_sql_behind_the_numbers_is_shown_with_its_values():
    store = store_of(diary("ann: 5/buy?country=France"), as_of="2026-02-02")
    for spec in (LifecycleSpec(), LifecycleSpec(events=("buy",), by="country"), StickinessSpec()):
        text = explain_sql(store, spec)
        assert text.startswith("-- $")
        assert "from user_" in text
