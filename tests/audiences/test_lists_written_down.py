"""A definition that is written down is the same definition when it is read, whatever kind it is of."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.audiences.answer_sources import SOURCES, question_of, spec_of
from retention.audiences.spec import (
    CampaignUsersSpec,
    ChangedUsersSpec,
    CombinedUsersSpec,
    SavedUsersSpec,
    SuppressedUsersSpec,
)
from retention.behaviour.spec_drivers import DriversSpec, DriverUsersSpec
from retention.behaviour.spec_funnel import FunnelSpec, FunnelUsersSpec
from retention.behaviour.spec_hours import CellUsersSpec, HoursSpec, HourUsersSpec
from retention.behaviour.spec_interval import IntervalSpec, IntervalUsersSpec, SilentUsersSpec, WindowSpec
from retention.behaviour.spec_paths import PathsSpec, PathUsersSpec, SequenceUsersSpec
from retention.churn.spec_list import AtRiskSpec
from retention.cohorts.spec import CellSpec, CohortSpec, Condition
from retention.errors import SpecError
from retention.features.spec import FeatureSpec
from retention.headlines.spec import QuietSpec
from retention.lifecycle.spec import (
    ActiveDaysCellSpec,
    ActiveDaysSpec,
    ActiveUsersSpec,
    LifecycleCellSpec,
    LifecycleSpec,
    StickinessSpec,
    TransitionCellSpec,
)
from retention.lifecycle.spec_revenue import BuyersSpec, RepeatListSpec, RepeatSpec, RevenueCellSpec, RevenueSpec
from retention.segments.spec import SegmentSpec
from retention.segments.spec_after import AfterSpec, AfterUsersSpec
from retention.segments.spec_saved import MovedUsersSpec, SegmentUsersSpec
from retention.segments.spec_tags import TagUsersSpec
from retention.survival.spec import SurvivalListSpec, SurvivalSpec
from retention.survival.spec_clv import BuyerListSpec, ClvSpec

WHERE = (Condition(name="plan", values=("paid", "gratis “é” 顾客")), Condition(name="stars", operator=">=", values=("4",)))
ON = date(2026, 1, 5)
BY = {"where": WHERE, "by": "plan"}

EXAMPLES: list[Any] = [
    CellSpec(cohorts=CohortSpec(mode="bracket", brackets=((0, 0), (1, 3)), horizon=3, start=("buy",), from_on=ON, **BY),
             cohort=ON, age=1, group="paid", is_lost=True),
    IntervalUsersSpec(interval=IntervalSpec(events=("buy",), **BY), above=3.0, up_to=7.5, group="paid"),
    IntervalUsersSpec(interval=IntervalSpec(), above=0.0),
    SilentUsersSpec(window=WindowSpec(follow_up_days=30, **BY), days=14, kind="stayed away", group="paid"),
    CellUsersSpec(hours=HoursSpec(counted="users", from_on=ON, where=WHERE), cell=30),
    HourUsersSpec(hours=HoursSpec(events=("buy",)), hour=23),
    FunnelUsersSpec(funnel=FunnelSpec(steps=(("open",), ("buy", "read")), within_us=3_600_000_000, **BY), step=1, kind="dropped",
                    group="paid"),
    PathUsersSpec(paths=PathsSpec(event="open", direction="before", n_steps=3, within_us=60_000_000, ignored=("ping",)),
                  step=2, kind="event", event="buy"),
    SequenceUsersSpec(paths=PathsSpec(event="open", from_on=ON), events=("buy", "read")),
    DriverUsersSpec(drivers=DriversSpec(returns=("buy",), where=WHERE, to_on=ON), event="buy", n=2, has_done=False, is_retained=True),
    LifecycleCellSpec(lifecycle=LifecycleSpec(period="month", last=6, **BY), on=ON, state="resurrecting", group="paid"),
    TransitionCellSpec(lifecycle=LifecycleSpec(), on=ON, source="new", target="dormant"),
    ActiveUsersSpec(stickiness=StickinessSpec(**BY), on=ON, window=28, group="paid"),
    ActiveDaysCellSpec(active_days=ActiveDaysSpec(period="week", on=ON), on=ON, n_days=3, is_at_least=True),
    BuyerListSpec(clv=ClvSpec(unit="week", horizon=12, calibrate_to=ON, money="gross", where=WHERE), band="top-5"),
    RevenueCellSpec(revenue=RevenueSpec(kind="gross", **BY), cohort=ON, age=2, group="paid", is_lost=True),
    BuyersSpec(revenue=RevenueSpec(period="month"), on=ON, is_refunded=True),
    RepeatListSpec(repeat=RepeatSpec(days=60, **BY), has_repeated=False, cohort=ON, group="paid"),
    SurvivalListSpec(survival=SurvivalSpec(window=30, entry_on=ON, **BY), state="lapsed", group="paid", week=3),
    TagUsersSpec("tag:often", "yes", 1_700_000_000_000_000),
    TagUsersSpec("tag:often"),
    QuietSpec(min_days=20),
    SegmentUsersSpec("segment:Habits v1", "Rare", 1_700_000_000_000_000),
    MovedUsersSpec("segment:Habits v1", "Rare", "Often", 1, 2),
    AfterUsersSpec(after=AfterSpec(segments=SegmentSpec(features=FeatureSpec(cutoff=ON, names=("orders",)), winsorise=0.05), at=ON),
                   segment="Rare", did="not active", week=2),
    AfterUsersSpec(after=AfterSpec(segments=SegmentSpec(features=FeatureSpec(cutoff=datetime(2026, 1, 5, 12, tzinfo=UTC))), at=ON),
                   segment="Rare", did="lapsed"),
    AtRiskSpec(scoring_key=3, n=50, threshold=0.4, where=WHERE, min_value=2.5, is_reachable_only=True, not_contacted_days=7,
               columns=("probability",)),
    SavedUsersSpec(audience_id=4),
    CombinedUsersSpec(all_of=(1, 2), any_of=(3,), none_of=(5, 6)),
    CampaignUsersSpec(campaign_id=2, arm_key=0),
    ChangedUsersSpec(audience_id=4, made_us=17, has_joined=False),
    SuppressedUsersSpec(users=TagUsersSpec("tag:often"), contacted_days=14, is_reachable_only=True, is_out_of_campaigns=True),
    SuppressedUsersSpec(users=SuppressedUsersSpec(users=SilentUsersSpec(window=WindowSpec(), days=9, kind="returned"))),
]  # fmt: skip


def test_every_kind_of_definition_has_an_example_here():
    assert {type(example) for example in EXAMPLES} == set(SOURCES)


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: type(spec).__name__)
def test_a_definition_written_down_and_read_is_the_same(spec):
    text = question_of(spec)
    assert json.loads(text)["kind"] == type(spec).__name__
    assert spec_of(text) == spec
    assert repr(spec_of(text)) == repr(spec)  # also the types: 3.0 is not 3, a moment is not a date
    assert question_of(spec_of(text)) == text


@pytest.mark.parametrize(
    "spec", [e for e in EXAMPLES if not isinstance(e, SuppressedUsersSpec)], ids=lambda spec: type(spec).__name__
)  # earlier versions had no definitions of any kind within others
def test_what_an_earlier_version_wrote_is_read(spec):
    before = json.dumps({"kind": type(spec).__name__, **asdict(spec)}, default=str, sort_keys=True)
    assert spec_of(before) == spec


@given(name=st.text(min_size=1), values=st.lists(st.text(), min_size=1), on=st.dates(), above=st.floats(0, 1e300))
def test_any_text_date_and_number_comes_back(name, values, on, above):
    where = (Condition(name=name, values=tuple(values)),)
    for spec in (
        CellSpec(cohorts=CohortSpec(where=where, by=name), cohort=on, age=0, group=values[0]),
        SuppressedUsersSpec(users=IntervalUsersSpec(interval=IntervalSpec(where=where, by=name), above=above, group=values[0])),
    ):
        assert spec_of(question_of(spec)) == spec


@pytest.mark.parametrize("text", [
    "", "null", "[]", '{"kind": "NoSuchSpec", "settings": {}}', '{"kind": "SavedUsersSpec", "settings": {"colour": 1}}',
    '{"kind": "SavedUsersSpec"}', '{"settings": {}}', '{"kind": "CellSpec", "settings": {"cohorts": 4, "cohort": "x", "age": 1}}',
])  # fmt: skip
def test_what_cannot_be_read_is_said_in_a_sentence(text):
    with pytest.raises(SpecError, match=r"not understood any more|not known any more"):
        spec_of(text)
