"""Every feature against plain loops over the raw rows, as of any moment; and nothing after the moment counts."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.cohorts.spec import Condition
from retention.features.answer import user_features
from retention.features.formulas import FORMULAS
from retention.features.model_sentiment import judge_of
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import REGISTRY
from retention.features.table import FeatureTable
from retention.periods import from_us
from retention.store import Sql, Store
from tests.features import plain_features as plain
from tests.oracles import DAY_US, Event, first_instant, local_date, us_of
from tests.worlds import World, store_of, worlds

KINDS = ("visit", "visit", "purchase", "purchase", "refund", "search", "review", "campaign_sent")
DRAWN = {
    "value": (None, "10", "2.5", "0", "-3"),
    "item": (None, "a", "b"),
    "text": (None, "good", "bad  thing", "12"),
    "channel": (None, "ads", "mail"),
    "discount": (None, "yes", "no", "NO", "0", "0.10", "SPRING"),
    "device": (None, "phone", "desk"),
    "arm": (None, "treatment", "control"),
    "stars": (None, "4", "1.5", "many"),
}
#: Unlike the default: a campaign's message is no activity either.
ACTIVITY = "all but refund, campaign_sent"


@st.composite
def shops(draw: st.DrawFn) -> World:
    """Draw the log of a shop, with times around changes of the clock and up to half a year apart."""
    world = draw(worlds(period=draw(st.sampled_from(("day", "week", "month"))), with_gaps=False, max_events=14))
    events = []
    for event in world.events:
        drawn = {name: draw(st.sampled_from(values)) for name, values in DRAWN.items()}
        props = {name: value for name, value in drawn.items() if value is not None}
        events.append(Event(event.user, event.at_us, draw(st.sampled_from(KINDS)), props))
    return replace(world, events=tuple(events))


def open_shop(events: tuple[Event, ...], world: World) -> Store:
    return store_of(events, as_of=world.clock.as_of_us, timezone=world.clock.timezone, activity=ACTIVITY)


def rows_of(events: tuple[Event, ...], as_of_us: int) -> list[plain.Row]:
    rows = []
    for e in events:
        if e.at_us < as_of_us:
            value = float(e.props["value"]) if "value" in e.props else None
            item, text = e.props.get("item"), e.props.get("text")
            rows.append(plain.Row(e.user, e.at_us, e.event, value, item=item, text=text, props=e.props))
    return rows


def is_activity(event: str) -> bool:
    return event not in ("refund", "campaign_sent")


def english(text: str) -> float:
    judge = judge_of("English")
    assert judge is not None
    return judge(text)


@st.composite
def cutoffs(draw: st.DrawFn, world: World) -> datetime | date | None:
    """Draw a cut-off: on an event, just after it, on a local midnight, in the middle of a day, or the watermark."""
    at = draw(st.sampled_from([e.at_us for e in world.events]))
    day = local_date(at, world.clock.timezone)
    midnight = day + timedelta(days=draw(st.sampled_from((0, 1, 3, 8, 31))))
    us = draw(st.sampled_from((at, at + 1, at + DAY_US // 3, first_instant(midnight, world.clock.timezone))))
    if us >= world.clock.as_of_us or draw(st.integers(0, 4)) == 0:
        return None
    if us == first_instant(midnight, world.clock.timezone) and draw(st.booleans()):
        return midnight
    return from_us(us)


def us_of_cutoff(cutoff: datetime | date | None, world: World) -> int:
    if cutoff is None:
        return world.clock.as_of_us
    if isinstance(cutoff, datetime):
        return us_of(cutoff)
    return first_instant(cutoff, world.clock.timezone)


def by_user(store: Store, table: FeatureTable) -> dict[str, dict[str, plain.Value]]:
    """Read a table by the ids of the file: None where nothing is known, texts for categories."""
    ids = store.read(Sql("select i.user_key, i.user_id from identities as i"))
    called = dict(zip(ids["user_key"].tolist(), ids["user_id"].tolist(), strict=True))
    found = {}
    for row in table.frame.to_dict("records"):
        user = called[int(row.pop("user_key"))]
        found[user] = {
            str(name): None if math.isnan(v) else table.labels[str(name)][int(v)] if name in table.labels else v
            for name, v in row.items()
        }
    return found


def assert_same(store: Store, table: FeatureTable, truth: dict[str, dict[str, plain.Value]]) -> None:
    found = by_user(store, table)
    assert set(found) == set(truth)
    assert set(table.names) | set(table.absent) == set(table.spec.asked)
    for user, features in truth.items():
        for name, value in features.items():
            if name in table.absent:
                assert value in (None, 0), (user, name, value, table.absent[name])
                assert table.absent[name].endswith(".")
                continue
            ours = found[user][name]
            if isinstance(value, str) or value is None or ours is None:
                assert ours == value, (user, name, ours, value)
            elif name in ("weekday_mean", "hour_mean"):
                around = 7 if name == "weekday_mean" else 24
                apart = abs(float(ours) - value) % around
                assert min(apart, around - apart) < 1e-2, (user, name, ours, value)
            else:
                # Sines are read in millionths.
                near = 1e-5 if "concentration" in name else 1e-9
                assert ours == pytest.approx(value, abs=near), (user, name, ours, value)


def test_every_feature_has_a_formula_and_the_loops_know_it():
    row = plain.Row("ann", 0, "visit")
    (known,) = plain.features([row], 10, plain.Shop()).values()
    assert set(REGISTRY) == set(FORMULAS) == set(known)
    assert len(REGISTRY) >= 40


@given(data=st.data())
def test_every_feature_is_what_a_loop_over_the_rows_finds(data: st.DataObject) -> None:
    world = data.draw(shops())
    cutoff = data.draw(cutoffs(world))
    us = us_of_cutoff(cutoff, world)
    shop = plain.Shop(timezone=world.clock.timezone, activity=is_activity, tone=english)
    truth = plain.features(rows_of(world.events, world.clock.as_of_us), us, shop)
    store = open_shop(world.events, world)
    if not truth:
        return
    assert_same(store, user_features(store, FeatureSpec(cutoff=cutoff)), truth)


@given(data=st.data())
def test_what_happens_at_or_after_the_cutoff_changes_nothing(data: st.DataObject) -> None:
    world = data.draw(shops())
    cutoff = data.draw(cutoffs(world))
    us = us_of_cutoff(cutoff, world)
    before = tuple(e for e in world.events if e.at_us < us)
    if cutoff is None or not any(is_activity(e.event) for e in before):
        return
    whole, part = open_shop(world.events, world), open_shop(before, world)
    with_future = user_features(whole, FeatureSpec(cutoff=cutoff))
    without = user_features(part, FeatureSpec(cutoff=cutoff))
    assert by_user(whole, with_future) == by_user(part, without)
    # A property that only the future knows may change the words of a reason, never whether there is one.
    assert set(with_future.absent) == set(without.absent)
    assert with_future.labels == without.labels


@given(data=st.data())
def test_a_filter_leaves_users_out_and_changes_nobody(data: st.DataObject) -> None:
    world = data.draw(shops())
    known = {name for e in world.events for name in e.props}
    if "channel" not in known or not any(is_activity(e.event) and e.at_us < world.clock.as_of_us for e in world.events):
        return
    cutoff = data.draw(cutoffs(world))
    us = us_of_cutoff(cutoff, world)
    firsts: dict[str, list[Event]] = {}
    for e in world.events:
        if is_activity(e.event) and e.at_us < world.clock.as_of_us:
            firsts.setdefault(e.user, []).append(e)
    starts = {user: min(own, key=lambda e: e.at_us) for user, own in firsts.items()}
    tied = {u for u, own in firsts.items() if len({e.props.get("channel") for e in own if e.at_us == starts[u].at_us}) > 1}
    wanted = {u for u, e in starts.items() if e.props.get("channel") == "ads" and e.at_us < us}
    store = open_shop(world.events, world)
    if tied or not wanted:
        return
    where = (Condition(name="channel", values=("ads",)),)
    some = by_user(store, user_features(store, FeatureSpec(cutoff=cutoff, where=where)))
    everybody = by_user(store, user_features(store, FeatureSpec(cutoff=cutoff)))
    assert set(some) == wanted
    for user, features in some.items():
        assert {n: v for n, v in everybody[user].items() if n in features} == features
