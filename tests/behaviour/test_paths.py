"""Paths: worlds worked out by hand, a plain loop, and laws."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.behaviour.answer_paths import path_users, paths, sequence_users
from retention.behaviour.paths import Paths
from retention.behaviour.spec_paths import PathsSpec, PathUsersSpec, SequenceUsersSpec
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.store import Store
from tests.behaviour.step_oracles import by_user, path_of
from tests.oracles import DAY_US, Clock, Event
from tests.worlds import diary, store_of

HOUR_US = DAY_US // 24

FIVE = """
    ann: 4T10:00/ad 5T10:00/signup 5T11:00/view 5T12:00/view 5T13:00/buy 6T10:00/view
    bob: 5T10:00/signup 5T10:30/view 9T10:00/buy
    cyd: 5T10:00/signup
    dee: 5T10:00/view 6T10:00/signup 6T11:00/buy 8T10:00/signup 8T11:00/ad
    eve: 6T10:00/view
"""


def at_step(found: Paths, step: int) -> dict[str, int]:
    rows = found.steps[found.steps["step"] == step]
    return {e or k: n for k, e, n in zip(rows["kind"], rows["event"], rows["n_users"], strict=True) if n}


def names(store: Store, spec: PathUsersSpec | SequenceUsersSpec) -> set[str]:
    """Return the ids of the users of a list."""
    text = path_users if isinstance(spec, PathUsersSpec) else sequence_users
    with store.snapshot() as snapshot:
        keys = set(snapshot.read(text(snapshot, spec))["user_key"])
        return {str(i) for k, i in snapshot.rows("select i.user_key, i.user_id from identities as i") if k in keys}


def test_what_follows_worked_by_hand():
    store = store_of(diary(FIVE), as_of="2026-02-01")
    found = paths(store, PathsSpec(event="signup", n_steps=3, within_us=2 * DAY_US))
    assert found.n_users == 4  # eve never signs up
    # Two days from the first sign-up: ann view (view) buy view; bob view; cyd nothing; dee buy, and no more in time.
    assert at_step(found, 1) == {"view": 2, "buy": 1, "nothing": 1}
    assert at_step(found, 2) == {"buy": 1, "nothing": 3}
    assert at_step(found, 3) == {"view": 1, "nothing": 3}
    sequences = dict(zip(found.sequences["events"], found.sequences["n_users"], strict=True))
    assert sequences == {("view", "buy", "view"): 1, ("view",): 1, (): 1, ("buy",): 1}
    every = paths(store, PathsSpec(event="signup", n_steps=2, within_us=2 * DAY_US, is_collapsed=False))
    assert at_step(every, 2) == {"view": 1, "nothing": 3}


def test_what_precedes_worked_by_hand():
    store = store_of(diary(FIVE), as_of="2026-02-01")
    found = paths(store, PathsSpec(event="buy", direction="before", n_steps=2, within_us=None))
    # ann: view (twice), signup, ad; bob: view, signup; dee: signup, view.
    assert found.n_users == 3
    assert at_step(found, 1) == {"view": 2, "signup": 1}
    assert at_step(found, 2) == {"signup": 2, "view": 1}
    assert at_step(paths(store, PathsSpec(event="buy", direction="before", n_steps=3, within_us=None)), 3) == {
        "ad": 1, "nothing": 2,
    }  # fmt: skip


def test_the_lists_hold_the_counted_users():
    store = store_of(diary(FIVE), as_of="2026-02-01")
    spec = PathsSpec(event="signup", n_steps=1, n_top=1, within_us=2 * DAY_US)
    found = paths(store, spec)
    assert found.named == ["view"]
    assert at_step(found, 1) == {"view": 2, "other": 1, "nothing": 1}
    assert names(store, PathUsersSpec(paths=spec, step=1, event="view")) == {"ann", "bob"}
    assert names(store, PathUsersSpec(paths=spec, step=1, kind="other")) == {"dee"}
    assert names(store, PathUsersSpec(paths=spec, step=1, kind="nothing")) == {"cyd"}
    longer = PathsSpec(event="signup", n_steps=2, within_us=2 * DAY_US)
    assert names(store, SequenceUsersSpec(paths=longer, events=("view", "buy"))) == {"ann"}
    assert names(store, SequenceUsersSpec(paths=longer, events=("view",))) == {"bob"}
    assert names(store, SequenceUsersSpec(paths=longer, events=())) == {"cyd"}


def test_other_events_at_the_anchors_instant_count_on_both_sides():
    store = store_of(diary("ann: 4/old 5/signup 5/view 5/ad 6/buy"), as_of="2026-02-01")
    after = paths(store, PathsSpec(event="signup", n_steps=3))
    assert after.sequences["events"].tolist() == [("ad", "view", "buy")]  # in the order of the alphabet
    before = paths(store, PathsSpec(event="signup", direction="before", n_steps=3))
    assert before.sequences["events"].tolist() == [("ad", "view", "old")]


def test_an_event_left_out_is_as_if_it_had_not_happened():
    store = store_of(diary("ann: 5/signup 6/view 7/ad 8/view 9/buy"), as_of="2026-02-01")
    found = paths(store, PathsSpec(event="signup", n_steps=3, ignored=("ad",)))
    assert found.sequences["events"].tolist() == [("view", "buy")]


def test_who_cannot_be_judged_yet_is_left_out_and_counted():
    world = diary("ann: 5/signup 6/buy\nbob: 12/signup\ncyd: 8/signup")
    store = store_of(world, as_of="2026-01-16T12:00", gaps=[("2026-01-09", "2026-01-10")])
    found = paths(store, PathsSpec(event="signup", within_us=4 * DAY_US))
    # bob's four days end with the data; ann's touch the 9th only with their last half day; cyd's hold it.
    assert (found.n_users, found.n_open, found.n_gap) == (1, 0, 2)
    assert paths(store, PathsSpec(event="signup", within_us=5 * DAY_US)).n_open == 1
    assert paths(store, PathsSpec(event="signup", within_us=None)).n_users == 3


def test_dates_and_conditions_bound_the_anchor():
    world = diary("ann: 5/signup?city=Bonn 6/buy\nbob: 7/signup?city=Aix 8/view\ncyd: 9/signup?city=Aix 9T13:00/buy")
    store = store_of(world, as_of="2026-02-01")
    spec = PathsSpec(event="signup", n_steps=1, from_on=date(2026, 1, 5), to_on=date(2026, 1, 9))
    assert at_step(paths(store, spec), 1) == {"buy": 1, "view": 1}
    only = PathsSpec(event="signup", n_steps=1, where=(Condition(name="city", values=("Aix",)),))
    assert at_step(paths(store, only), 1) == {"buy": 1, "view": 1}


def test_an_unknown_event_is_refused_and_nobody_is_not_zero_per_cent():
    store = store_of(diary("ann: 5/signup 6/buy"), as_of="2026-01-07")
    with pytest.raises(SpecError, match='Did you mean "signup"'):
        paths(store, PathsSpec(event="sign_up"))
    found = paths(store, PathsSpec(event="signup"))
    assert (found.n_users, found.n_open) == (0, 1)
    assert found.steps["rate"].isna().all() and found.sequences.empty


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"event": ""}, "Paths must begin at an event"),
        ({"event": "a", "direction": "up"}, "`direction` must be after or before"),
        ({"event": "a", "n_steps": 6}, "`steps` must be from 1 to 5, not 6"),
        ({"event": "a", "n_top": 0}, "`top` must be from 1 to 12, not 0"),
        ({"event": "a", "within_us": 5}, "`within` must be a length of time"),
        ({"event": "a", "ignored": ("a",)}, "cannot be left out"),
    ],
)
def test_paths_that_cannot_be_asked_are_refused(asked, complaint):
    with pytest.raises(SpecError, match=complaint):
        PathsSpec(**asked)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"step": 4, "event": "a"}, "`step` must be from 1 to 3"),
        ({"step": 1}, "An event must be named"),
        ({"step": 1, "kind": "nothing", "event": "a"}, "An event must be named"),
        ({"step": 1, "kind": "else"}, "`kind` must be one of"),
    ],
)
def test_a_list_that_is_not_there_is_refused(asked, complaint):
    with pytest.raises(SpecError, match=complaint):
        PathUsersSpec(paths=PathsSpec(event="a"), **asked)


LETTERS = "abcd"
moments = st.sampled_from([0, 1, 2, 3, 5, 8, 9, 13, 20]).map(lambda hour: hour * HOUR_US)
logs = st.lists(
    st.builds(Event, st.sampled_from(["u", "v", "w", "x"]), moments, st.sampled_from(LETTERS)), min_size=1, max_size=18
)


@settings(max_examples=20)
@given(
    events=logs,
    is_before=st.booleans(),
    n_steps=st.integers(1, 4),
    n_top=st.integers(1, 3),
    hours=st.sampled_from([0, 1, 3, 8, 12]),
    is_collapsed=st.booleans(),
    ignored=st.sampled_from([(), ("d",), ("b", "c")]),
    gaps=st.sampled_from([(), ((4 * HOUR_US, 5 * HOUR_US),), ((9 * HOUR_US, 9 * HOUR_US + 1),)]),
    cut=st.integers(0, 18),
)
def test_paths_agree_with_a_plain_loop_and_add_up(
    events, is_before, n_steps, n_top, hours, is_collapsed, ignored, gaps, cut
):
    events = list({(e.user, e.at_us, e.event): e for e in events}.values())
    known = {e.event for e in events}
    if "a" not in known:
        return
    ignored = tuple(name for name in ignored if name in known)
    clock = Clock(20 * HOUR_US, gaps=gaps)
    # Cut in two files in whatever order: the same paths.
    store = store_of(events[cut:], parts=[events[:cut]], as_of=clock.as_of_us, gaps=gaps)
    spec = PathsSpec(
        event="a", direction="before" if is_before else "after", n_steps=n_steps, n_top=n_top,
        within_us=hours * HOUR_US or None, is_collapsed=is_collapsed, ignored=ignored,
    )  # fmt: skip
    found = paths(store, spec)
    truth = {
        user: path_of(
            rows,
            "a",
            clock,
            n_steps=n_steps,
            is_before=is_before,
            within_us=hours * HOUR_US,
            is_collapsed=is_collapsed,
            ignored=ignored,
        )
        for user, rows in by_user(events, clock).items()
    }
    walked = {user: path for user, path in truth.items() if isinstance(path, tuple)}
    assert (found.n_users, found.n_open, found.n_gap) == (
        len(walked), sum(p == "open" for p in truth.values()), sum(p == "gap" for p in truth.values()),
    )  # fmt: skip
    top = found.named
    for step in range(1, n_steps + 1):
        there = Counter(
            "nothing" if len(path) < step else path[step - 1] if path[step - 1] in top else "other"
            for path in walked.values()
        )
        assert at_step(found, step) == there
        assert found.steps.loc[found.steps["step"] == step, "n_users"].sum() == found.n_users
    listed = dict(zip(found.sequences["events"], found.sequences["n_users"], strict=True))
    whole = Counter(walked.values())
    assert all(whole[events_] == n for events_, n in listed.items())
    assert sum(listed.values()) + found.n_other == found.n_users and found.n_sequences == len(whole)
    for step in range(2, n_steps + 1):
        assert found.links.loc[found.links["step"] == step, "n_users"].sum() == found.n_users
    for path in walked.values():
        spec_ = SequenceUsersSpec(paths=spec, events=path)
        assert names(store, spec_) == {user for user, other in walked.items() if other == path}
        break
