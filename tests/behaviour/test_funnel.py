"""Funnels: worlds worked out by hand, a plain loop, and laws."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.behaviour.answer_funnel import funnel, funnel_users
from retention.behaviour.funnel import best_attempts, step_masks, taken_at_once
from retention.behaviour.occurrences import Anchors, Groups, in_order
from retention.behaviour.query_duckdb_steps import step_rows
from retention.behaviour.query_steps import groups, log_size
from retention.behaviour.query_steps import step_rows as portable_rows
from retention.behaviour.spec_funnel import FunnelSpec, FunnelUsersSpec, length_text, parse_steps, parse_within
from retention.cohorts.answer import population
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.store import Store
from tests.behaviour.step_oracles import Walk, funnel_walks
from tests.oracles import DAY_US, Clock, Event
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, store_of

HOUR_US = DAY_US // 24
BUY = (("visit",), ("cart",), ("buy",))


def names(store: Store, spec: FunnelUsersSpec) -> set[str]:
    """Return the ids of the users behind a step."""
    with store.snapshot() as snapshot:
        keys = set(snapshot.read(funnel_users(snapshot, spec))["user_key"])
        return {str(i) for k, i in snapshot.rows("select i.user_key, i.user_id from identities as i") if k in keys}


# ann gets through in 2 h; bob needs too long for the last step; cyd carts before visiting, and then never again;
# dee visits twice, and only from the second visit on is there time for all; eve only visits.
FIVE = """
    ann: 5T10:00/visit 5T11:00/cart 5T12:00/buy
    bob: 5T10:00/visit 5T10:30/cart 9T10:00/buy
    cyd: 5T09:00/cart 5T10:00/visit
    dee: 5T10:00/visit 7T08:00/visit 7T09:00/cart 7T22:00/buy
    eve: 6T10:00/visit
"""


def test_a_funnel_worked_by_hand():
    found = funnel(store_of(diary(FIVE), as_of="2026-02-01"), FunnelSpec(steps=BUY, within_us=DAY_US))
    assert found.counts() == [5, 3, 2]
    rows = found.of()
    assert rows["n_dropped"].tolist()[:2] == [2, 1]
    assert rows["from_first"].tolist() == [1, 3 / 5, 2 / 5]
    assert rows["from_previous"].tolist()[1:] == [3 / 5, 2 / 3]
    # visit → cart: ann 1 h, bob ½ h, dee 1 h; cart → buy: ann 1 h, dee 13 h.
    assert rows["median_s"].tolist()[1:] == [3600, 7 * 3600]
    assert (rows["quarter_s"].iloc[1], rows["three_quarters_s"].iloc[1]) == (2700, 3600)
    assert rows["since_first_median_s"].iloc[2] == (2 + 14) / 2 * 3600
    # Wilson's interval of 2 in 5, worked out in the head with z² = 3.8415: (.4 + .38415 ± 1.96·√(.048 + .03841)) / 1.7683
    assert rows["from_first_low"].iloc[2] == pytest.approx(0.1176, abs=5e-4)
    assert rows["from_first_high"].iloc[2] == pytest.approx(0.7693, abs=5e-4)


def test_the_lists_hold_the_counted_users():
    store, spec = store_of(diary(FIVE), as_of="2026-02-01"), FunnelSpec(steps=BUY, within_us=DAY_US)
    assert names(store, FunnelUsersSpec(funnel=spec, step=2)) == {"ann", "bob", "dee"}
    assert names(store, FunnelUsersSpec(funnel=spec, step=3)) == {"ann", "dee"}
    assert names(store, FunnelUsersSpec(funnel=spec, step=1, kind="dropped")) == {"cyd", "eve"}
    assert names(store, FunnelUsersSpec(funnel=spec, step=2, kind="dropped")) == {"bob"}


def test_the_window_is_half_open():
    world = diary("ann: 5T10:00/visit 6T10:00/buy")
    steps = (("visit",), ("buy",))
    store = store_of(world, as_of="2026-02-01")
    assert funnel(store, FunnelSpec(steps=steps, within_us=DAY_US)).counts() == [1, 0]
    assert funnel(store, FunnelSpec(steps=steps, within_us=DAY_US + 60_000_000)).counts() == [1, 1]


def test_an_attempt_counts_once_its_window_has_ended():
    world = diary("""
        ann: 5T10:00/visit 5T11:00/buy
        bob: 5T10:00/visit 12T11:00/visit 12T12:00/buy
        cyd: 12T10:00/visit 12T11:00/buy
        dee: 12T00:00/visit
    """)
    steps = (("visit",), ("buy",))
    found = funnel(store_of(world, as_of="2026-01-13"), FunnelSpec(steps=steps, within_us=DAY_US))
    # bob's first visit can be judged, and led nowhere; dee's day ends with the data; cyd's has not ended.
    assert (found.counts(), found.n_open) == ([3, 1], 1)


def test_an_attempt_that_touches_a_gap_does_not_count():
    world = diary("""
        ann: 5T10:00/visit 5T11:00/buy
        bob: 6T10:00/visit
        cyd: 6T10:00/visit 9T10:00/visit 9T11:00/buy
    """)
    store = store_of(world, as_of="2026-02-01", gaps=[("2026-01-07", "2026-01-08")])
    found = funnel(store, FunnelSpec(steps=(("visit",), ("buy",)), within_us=DAY_US))
    assert (found.counts(), found.n_gap) == ([2, 2], 1)  # ann, and cyd by the visit of the 9th; bob only around it


def test_a_step_at_the_same_instant_needs_another_row():
    world = diary("""
        ann: 5/visit 5/buy
        bob: 5/visit
        cyd: 5/visit 5/visit?nth=2
        dee: 5/buy 5/visit 5/visit?nth=2
    """)
    store = store_of(world, as_of="2026-02-01")
    # Whatever order a file has them in: at one instant, each row does one step.
    assert funnel(store, FunnelSpec(steps=(("visit",), ("buy",)))).counts() == [4, 2]
    assert funnel(store, FunnelSpec(steps=(("visit",), ("visit",)))).counts() == [4, 2]
    assert funnel(store, FunnelSpec(steps=(("visit",), ("buy",), ("visit",)))).counts() == [4, 2, 1]
    assert funnel(store, FunnelSpec(steps=(("visit", "buy"), ("visit",)))).counts() == [4, 3]


def test_the_best_attempt_counts_and_of_those_the_earliest():
    # From the 5th it gets to cart; from the 7th to the end, and again from the 9th, faster.
    world = diary(
        "ann: 5T10:00/visit 5T11:00/cart 7T10:00/visit 7T11:00/cart 7T20:00/buy 9T10:00/visit 9T10:01/cart 9T10:02/buy"
    )
    found = funnel(store_of(world, as_of="2026-02-01"), FunnelSpec(steps=BUY, within_us=DAY_US))
    assert found.counts() == [1, 1, 1]
    assert found.of()["median_s"].tolist()[1:] == [3600, 9 * 3600]


def test_any_event_of_a_step_does_it():
    world = diary("""
        ann: 5/visit 6/buy
        bob: 5/visit 6/rent
        cyd: 5/visit 6/read
    """)
    spec = FunnelSpec(steps=parse_steps("visit, buy|rent"))
    assert funnel(store_of(world, as_of="2026-02-01"), spec).counts() == [3, 2]


def test_groups_are_as_of_the_first_activity():
    world = diary("""
        ann: 5/visit?city=Bonn 6/buy?city=Aix
        bob: 5/visit?city=Bonn
        cyd: 5/visit?city=Aix 6/buy?city=Aix
        dee: 5/visit 6/buy?city=Bonn
    """)
    store = store_of(world, as_of="2026-02-01")
    spec = FunnelSpec(steps=(("visit",), ("buy",)), by="city")
    found = funnel(store, spec)
    assert {name: found.counts(name) for name in found.groups} == {"Bonn": [2, 1], "Aix": [1, 1], "(none)": [1, 1]}
    assert found.counts() == [4, 3]
    assert names(store, FunnelUsersSpec(funnel=spec, step=2, group="Bonn")) == {"ann"}
    assert names(store, FunnelUsersSpec(funnel=spec, step=2, group="")) == {"dee"}
    only = FunnelSpec(steps=spec.steps, where=(Condition(name="city", values=("Aix",)),))
    assert funnel(store, only).counts() == [1, 1]
    with pytest.raises(SpecError, match='Nobody\'s first activity has city = "Boon"'):
        names(store, FunnelUsersSpec(funnel=spec, step=2, group="Boon"))


def test_days_bound_the_first_step_in_the_stores_zone():
    # 23:30 UTC of the 5th is the 6th in Paris.
    world = diary("""
        ann: 5T22:30/visit 6T10:00/buy
        bob: 5T23:30/visit 7T10:00/buy
        cyd: 7T10:00/visit 7T11:00/buy
    """)
    store = store_of(world, as_of="2026-02-01T00:00", timezone="Europe/Paris")
    spec = FunnelSpec(steps=(("visit",), ("buy",)), from_on=date(2026, 1, 6), to_on=date(2026, 1, 7))
    assert funnel(store, spec).counts() == [1, 1]


def test_a_step_that_never_follows_is_zero_and_an_unknown_one_is_refused():
    store = store_of(diary("ann: 5/visit 6/buy\nbob: 5/visit"), as_of="2026-02-01")
    found = funnel(store, FunnelSpec(steps=(("buy",), ("visit",))))
    assert found.counts() == [1, 0]
    assert np.isnan(found.of()["median_s"].iloc[1])
    with pytest.raises(SpecError, match=r'no event "vist"\. Did you mean "visit"\?'):
        funnel(store, FunnelSpec(steps=(("vist",), ("buy",))))


def test_nobody_is_not_zero_per_cent():
    store = store_of(diary("ann: 5/visit 6/buy"), as_of="2026-01-08")
    found = funnel(store, FunnelSpec(steps=(("visit",), ("buy",))))
    assert (found.counts(), found.n_open) == ([0, 0], 1)
    assert found.of()["from_first"].isna().all()


@pytest.mark.parametrize(
    ("text", "us"), [("7d", 7 * DAY_US), ("36h", 36 * HOUR_US), ("90m", 90 * 60_000_000), ("2 weeks", 14 * DAY_US)]
)
def test_a_window_is_read_as_people_type_it(text, us):
    assert parse_within(text) == us
    assert parse_within(length_text(us)) == us


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-3d", "7y", "1.5d", "999999d", "7d 3h", "٣d"])
def test_a_window_that_cannot_be_read_is_refused(text):
    with pytest.raises(SpecError, match="`within` must be a length of time"):
        parse_within(text)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"steps": (("a",),)}, "from 2 to 10 steps, not 1"),
        ({"steps": (("a",),) * 11}, "from 2 to 10 steps, not 11"),
        ({"steps": (("a",), ())}, "Each step of a funnel must name an event"),
        ({"steps": BUY, "within_us": 0}, "`within` must be a length of time"),
        ({"steps": BUY, "from_on": date(2026, 2, 1), "to_on": date(2026, 1, 1)}, "`from` must be before `to`"),
    ],
)
def test_a_funnel_that_cannot_be_asked_is_refused(asked, complaint):
    with pytest.raises(SpecError, match=complaint):
        FunnelSpec(**asked)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"step": 4}, "`step` must be from 1 to 3"),
        ({"step": 3, "kind": "dropped"}, "`step` must be from 1 to 2"),
        ({"step": 1, "kind": "lost"}, "`kind` must be one of"),
        ({"step": 1, "group": "x"}, "`group` needs a breakdown"),
    ],
)
def test_a_list_that_is_not_there_is_refused(asked, complaint):
    with pytest.raises(SpecError, match=complaint):
        FunnelUsersSpec(funnel=FunnelSpec(steps=BUY), **asked)


def test_a_step_needs_a_name():
    with pytest.raises(SpecError, match="Each step of a funnel must name an event"):
        parse_steps("visit,,buy")


# --- against a plain loop ------------------------------------------------------------------------------

LETTERS = "abcd"
moments = st.sampled_from([0, 1, 2, 3, 5, 8, 9, 13, 20, 21]).map(lambda hour: hour * HOUR_US)
logs = st.lists(
    st.builds(Event, st.sampled_from(["u", "v", "w"]), moments, st.sampled_from(LETTERS)), min_size=1, max_size=14
)
steps_of = st.lists(
    st.sets(st.sampled_from(LETTERS), min_size=1, max_size=2).map(lambda s: tuple(sorted(s))), min_size=2, max_size=4
).map(tuple)
windows = st.sampled_from([1, 2, 3, 8, 12, 24]).map(lambda hours: hours * HOUR_US)
clocks = st.builds(
    Clock,
    st.sampled_from([10, 21, 22, 50]).map(lambda hour: hour * HOUR_US),
    gaps=st.sampled_from([(), ((6 * HOUR_US, 7 * HOUR_US),), ((9 * HOUR_US, 9 * HOUR_US + 1),)]),
)


@settings(max_examples=300)
@given(events=logs, steps=steps_of, within_us=windows, clock=clocks, is_shuffled=st.booleans())
def test_the_kernel_agrees_with_a_plain_loop(events, steps, within_us, clock, is_shuffled):
    keys = {letter: place + 1 for place, letter in enumerate(LETTERS)}
    users = {"u": 0, "v": 1, "w": 2}
    rows = pd.DataFrame(
        {
            "user_key": np.array([users[e.user] for e in events], dtype=np.int32),
            "occurred_us": np.array([e.at_us for e in events], dtype=np.int64),
            "event_key": np.array([keys[e.event] for e in events], dtype=np.int16),
        }
    )
    rows = rows[rows["occurred_us"] < clock.as_of_us]
    rows = rows.iloc[::-1] if is_shuffled else rows.sort_values("user_key", kind="stable")
    masks = np.pad(step_masks([[keys[name] for name in step] for step in steps]), (0, 5))
    bounds = Anchors(-(2**62), clock.as_of_us, within_us, clock.as_of_us, clock.gaps)
    blocks = in_order(rows).blocks(size=3)
    found = {}
    for block in blocks:
        attempts = best_attempts(block, masks, len(steps), bounds, Groups())
        for user, reach, at_us in zip(attempts.user, attempts.reach, attempts.at_us.tolist(), strict=True):
            found[user] = {0: "open", -1: "gap"}.get(int(reach)) or Walk(tuple(us for us in at_us if us >= 0))
    assert found == {users[name]: w for name, w in funnel_walks(events, steps, within_us, clock).items()}


@settings(max_examples=15)
@given(events=logs, steps=steps_of, within_us=windows)
def test_the_answer_and_its_lists_agree_with_a_plain_loop(events, steps, within_us):
    known = {e.event for e in events}
    steps = tuple(tuple(name for name in step if name in known) for step in steps)
    if not all(steps):
        return
    clock = Clock(30 * HOUR_US)
    store = store_of(events, as_of=clock.as_of_us)
    spec = FunnelSpec(steps=steps, within_us=within_us)
    walks = funnel_walks(events, steps, within_us, clock)
    reach = {user: len(w.at_us) for user, w in walks.items() if isinstance(w, Walk)}
    found = funnel(store, spec)
    assert found.counts() == [sum(n >= i for n in reach.values()) for i in range(1, len(steps) + 1)]
    for i in range(1, len(steps) + 1):
        assert names(store, FunnelUsersSpec(funnel=spec, step=i)) == {u for u, n in reach.items() if n >= i}


@settings(max_examples=15)
@given(events=logs, steps=steps_of, within_us=windows, cut=st.integers(0, 14))
def test_counts_never_rise_and_a_file_in_two_halves_is_the_same_funnel(events, steps, within_us, cut):
    known = {e.event for e in events}
    steps = tuple(tuple(name for name in step if name in known) for step in steps)
    if not all(steps):
        return
    spec = FunnelSpec(steps=steps, within_us=within_us)
    unique = list({(e.user, e.at_us, e.event): e for e in events}.values())
    whole = funnel(store_of(unique, as_of=30 * HOUR_US), spec)
    halves = funnel(store_of(unique[cut:], parts=[unique[:cut]], as_of=30 * HOUR_US), spec)
    counts = whole.counts()
    assert counts == sorted(counts, reverse=True)
    pd.testing.assert_frame_equal(whole.steps, halves.steps)
    wider = funnel(store_of(unique, as_of=60 * HOUR_US), FunnelSpec(steps=steps, within_us=within_us + HOUR_US))
    assert all(a <= b for a, b in zip(whole.counts(), wider.counts(), strict=True))


def test_rows_of_one_instant_do_as_many_steps_as_they_can():
    # Rows: one fits steps 1 and 2, one only step 1; from step 1 on both steps are done, in either order.
    assert taken_at_once((0b01, 0b11), (1, 1), 2) == (2, 1)
    # Two rows that fit step 2 only: step 1 is not done.
    assert taken_at_once((0b10,), (2,), 2) == (0, 1)


# --- the texts -----------------------------------------------------------------------------------------


def test_the_texts_are_portable_and_the_faster_one_gives_the_same_rows():
    store = store_of(diary(FIVE), as_of="2026-02-01")
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        keys = [kind.event_key for kind in catalogue.event_names(("visit", "buy"))]
        asked = {"users": (0, 100), "from_us": 0, "to_us": catalogue.require_clock().as_of_us}
        for text in (portable_rows(keys, **asked), log_size(), groups(population(catalogue))):
            assert portability_faults(text.text) == []
        slow, fast = (
            sorted(map(tuple, snapshot.read(text(keys, **asked)).to_numpy().tolist()))
            for text in (portable_rows, step_rows)
        )
        assert slow == fast and len(slow) == 5 + 1 + 3
        assert step_rows([63], **asked).text == portable_rows([63], **asked).text
