"""Campaigns of the store as experiments: who was exposed, who is complete, and what became of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError
from retention.experiments import query as archive_query
from retention.experiments import query_exposed as exposed_query
from retention.experiments import query_outcomes as outcomes_query
from retention.experiments.answer import baseline, campaigns_seen, experiment
from retention.experiments.answer_units import units_of
from retention.experiments.experiment import Experiment
from retention.experiments.spec import ReadSpec
from retention.experiments.spec_store import BaselineSpec, ExperimentSpec
from retention.experiments.units import Units
from retention.ingest import sample_laws as laws
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec, simulate
from retention.interventions.answer_campaigns import campaigns
from retention.interventions.order_assign import assign, end_campaign
from retention.interventions.query import group_sizes
from retention.interventions.spec import Arm, CampaignSpec, Cost, Effect, Intervention
from retention.store import Store
from retention.store.labels import add_label, drop_label, put_labelling
from retention.store.order import erase_user, mark_gap
from tests.oracles import DAY_US, Event
from tests.rows import import_rows
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, instant, store_of

ACTIVITY = "all but refund, campaign_sent"
CLOCK_US = instant("2026-01-26")
SPRING = "campaign_sent?campaign=spring&arm="


def outcome(units: Units, metric: str) -> np.ndarray:
    return next(o for o in units.outcomes if o.metric == metric).values


def keys_of(store: Store) -> dict[str, int]:
    with store.snapshot() as snapshot:
        return dict(snapshot.rows("select i.user_id, i.user_key from identities as i"))


# A world by hand -----------------------------------------------------------------------------------------

HAND = f"""
    ann: 1 10T09:00/{SPRING}coupon 10T08:59 10T09:00 24T08:59
    bob: 1 9 10T09:00/{SPRING}control 24T09:00
    cyd: 1 10T09:00/{SPRING}coupon 17T09:00 17T10:00
    dee: 1 2 3 12T09:00/{SPRING}control 18
    eve: 1 20T09:00/{SPRING}coupon 21
"""


@pytest.fixture
def hand() -> Store:
    """Five users; the data end on 26 January at noon, so that fourteen days have passed for four of them."""
    return store_of(diary(HAND), as_of="2026-01-26T12:00", activity=ACTIVITY, churn_window=8)


def test_only_what_happens_from_the_exposure_on_and_within_the_window_counts(hand):
    units = units_of(hand, ExperimentSpec(campaign="spring", window_days=14))
    assert units.groups == ("control", "coupon")
    # In the order of their first import: ann bob cyd dee; eve's window ends on 3 February.
    assert units.group.tolist() == [1, 0, 1, 0]
    assert units.n_immature == 1
    # ann at the very instant of the exposure; bob's return is one instant too late; cyd and dee within it.
    assert outcome(units, "retained within 14 days").tolist() == [1, 0, 1, 1]
    assert outcome(units, "retention at week 0").tolist() == [1, 0, 0, 1]     # dee: 6 days and 3 hours later
    assert outcome(units, "retention at week 1").tolist() == [1, 0, 1, 0]     # cyd: exactly 7 days later is age 1


def test_active_days_before_the_exposure_are_the_covariate(hand):
    units = units_of(hand, ExperimentSpec(campaign="spring", window_days=14))
    # Whole days from 27 December (dee: 29 December) up to the day before the exposure; ann's of the very day are in neither.
    assert units.outcomes[0].before.tolist() == [1, 2, 1, 3]


def test_a_stay_ends_with_the_last_activity_before_a_silence_that_lasted(hand):
    units = units_of(hand, ExperimentSpec(campaign="spring", window_days=14))
    # Eight days of silence are known up to 18 January. ann: nothing from 10 to 24, so 0 days; bob too; cyd: active on 17,
    # then silent for 9 days: 7 days; dee: 18 January, silent for 8 days: 6 days after the 12th.
    assert units.durations.days.tolist() == [0, 0, 7, 6]
    assert units.durations.observed.tolist() == [True, True, True, True]
    later = store_of(diary(HAND + "\n    dee: 22"), as_of="2026-01-26T12:00", activity=ACTIVITY, churn_window=8)
    units = units_of(later, ExperimentSpec(campaign="spring", window_days=14))
    assert units.durations.days[3] == 6 and not units.durations.observed[3], "censored at the last day that is known"


def test_outcomes_become_known_on_the_day_on_which_the_window_ends(hand):
    units = units_of(hand, ExperimentSpec(campaign="spring", window_days=14))
    first = date(2026, 1, 24).toordinal() - date(1970, 1, 1).toordinal()
    assert units.day.tolist() == [first, first, first, first + 2]


def test_what_is_in_progress_is_counted_with_its_date(hand):
    found = experiment(hand, ExperimentSpec(campaign="spring", window_days=14))
    assert (found.n_units, found.n_mature, found.sizes) == (5, 4, (2, 3))
    assert (found.first_on, found.last_on, found.complete_on) == (date(2026, 1, 10), date(2026, 1, 20), date(2026, 2, 3))
    assert found.readout.n_immature == 1
    assert set(found.readout.metrics).isdisjoint(found.by_age.metrics)
    nobody = experiment(hand, ExperimentSpec(campaign="spring", window_days=60))
    assert nobody.readout is None and nobody.by_age is None and nobody.n_mature == 0
    with pytest.raises(SpecError, match="60 days have passed yet"):
        units_of(hand, ExperimentSpec(campaign="spring", window_days=60))


def test_events_before_the_exposure_never_change_an_outcome(hand):
    spec = ExperimentSpec(campaign="spring", window_days=14)
    was = units_of(hand, spec)
    more = store_of(
        diary(HAND + "\n ann: 5 6 10T08:00\n bob: 10T08:59\n dee: 11"), as_of="2026-01-26T12:00", activity=ACTIVITY, churn_window=8
    )
    now = units_of(more, spec)
    for one, two in zip(was.outcomes, now.outcomes, strict=True):
        assert one.values.tolist() == two.values.tolist()
    assert was.durations.days.tolist() == now.durations.days.tolist()
    assert was.outcomes[0].before.tolist() != now.outcomes[0].before.tolist()


def test_who_was_contacted_twice_stays_in_the_first_group():
    store = store_of(
        diary(f"""
            ann: 1 10/{SPRING}control 11/{SPRING}coupon 12
            bob: 1 10/{SPRING}coupon 13/{SPRING}coupon
            cyd: 1 10/campaign_sent?campaign=spring
            dee: 1 10/{SPRING}control
        """),
        as_of="2026-02-26", activity=ACTIVITY,
    )  # fmt: skip
    units = units_of(store, ExperimentSpec(campaign="spring", window_days=7))
    assert units.group.tolist() == [0, 1, 0]
    said = " ".join(units.notes)
    assert "2 users were contacted more than once" in said
    assert "1 user was in more than one group" in said
    assert "1 user was contacted without a group" in said


def test_a_campaign_in_which_nobody_was_left_alone_has_no_numbers():
    store = store_of(diary(f"ann: 1 10/{SPRING}coupon 12\n bob: 1 10/{SPRING}letter"), as_of="2026-02-26", activity=ACTIVITY)
    with pytest.raises(SpecError, match="no control group: its effect stays unknown") as error:
        experiment(store, ExperimentSpec(campaign="spring"))
    assert "coupon, letter" in error.value.hint
    named = units_of(store, ExperimentSpec(campaign="spring", control="letter", window_days=7))
    assert named.groups == ("letter", "coupon") and named.group.tolist() == [1, 0]
    with pytest.raises(SpecError, match='no group "post"'):
        units_of(store, ExperimentSpec(campaign="spring", control="post"))


def test_a_campaign_that_nobody_knows_is_refused_with_the_nearest_name(hand):
    with pytest.raises(SpecError, match='no campaign "sprnig"') as error:
        units_of(hand, ExperimentSpec(campaign="sprnig"))
    assert "spring" in error.value.hint
    with pytest.raises(SpecError, match="knows of no campaign"):
        units_of(store_of(diary("ann: 1 2")), ExperimentSpec(campaign="spring"))


def test_overlapping_campaigns_are_found_and_counted_by_group():
    other = "campaign_sent?campaign=sale&arm="
    store = store_of(
        diary(f"""
            ann: 1 10/{SPRING}coupon 12/{other}letter
            bob: 1 10/{SPRING}control 12/{other}letter
            cyd: 1 10/{SPRING}control 12/{other}control
            dee: 1 3/{other}letter 10/{SPRING}coupon
            eve: 1 10/{SPRING}coupon
        """),
        as_of="2026-02-26", activity=ACTIVITY,
    )  # fmt: skip
    found = experiment(store, ExperimentSpec(campaign="spring", window_days=7))
    # A control got nothing, so cyd is in no two campaigns; dee was written to exactly seven days before: outside.
    assert found.overlaps[["campaign", "group", "n"]].to_numpy().tolist() == [["sale", "control", 1], ["sale", "coupon", 1]]
    assert found.overlaps["share"].tolist() == [0.5, pytest.approx(1 / 3)]
    wider = experiment(store, ExperimentSpec(campaign="spring", window_days=8))
    assert wider.overlaps["n"].tolist() == [1, 2]


def test_money_is_net_of_refunds_and_of_the_window_alone():
    rows = [
        {"user": "ann", "time": "2026-01-08T10:00", "event": "purchase", "value": 7},     # before: the covariate
        {"user": "ann", "time": "2026-01-10T08:00", "event": "purchase", "value": 30},    # the same day, but before
        {"user": "ann", "time": "2026-01-10T10:00", "event": "purchase", "value": 10},
        {"user": "ann", "time": "2026-01-12T10:00", "event": "purchase", "value": 20},
        {"user": "ann", "time": "2026-01-15T10:00", "event": "refund", "value": 5},       # of the order of the 12th
        {"user": "ann", "time": "2026-01-17T08:59", "event": "purchase", "value": 100},   # the last minute of the window
        {"user": "ann", "time": "2026-01-17T09:00", "event": "purchase", "value": 1000},  # one instant too late
        {"user": "bob", "time": "2026-01-10T11:00", "event": "purchase", "value": 40},
        {"user": "bob", "time": "2026-01-20T11:00", "event": "refund", "value": -40},     # after it, of an order within it
    ]
    for user, arm in (("ann", "coupon"), ("bob", "control")):
        rows.append({"user": user, "time": "2026-01-10T09:00", "event": "campaign_sent", "campaign": "spring", "arm": arm})
    store = store_of([], activity=ACTIVITY)
    import_rows(store, rows, complete_to_us=instant("2026-03-01"))
    units = units_of(store, ExperimentSpec(campaign="spring", window_days=7))
    money = units.outcomes[-1]
    assert money.metric == "net revenue within 7 days"
    assert money.values.tolist() == [125.0, 0.0]                                          # 10 + 20 − 5 + 100; 40 − 40
    assert money.before.tolist() == [37.0, 0.0]                                           # 7 + 30


def test_a_window_over_a_missing_stretch_is_said(hand):
    assert "marked missing" not in " ".join(units_of(hand, ExperimentSpec(campaign="spring", window_days=14)).notes)
    mark_gap(hand, instant("2026-01-13"), instant("2026-01-14"), "lost")
    assert "marked missing" in " ".join(units_of(hand, ExperimentSpec(campaign="spring", window_days=14)).notes)


def test_users_are_broken_down_by_what_they_were_before():
    store = store_of(
        diary(f"""
            ann: 1T10:00/visit?device=phone 5T10:00/visit?device=desktop 10/{SPRING}coupon
            bob: 1T10:00/visit?device=desktop 10/{SPRING}control 12/visit?device=phone
            cyd: 10T09:00/{SPRING}control 12/visit?device=phone
        """),
        as_of="2026-02-26", activity=ACTIVITY,
    )  # fmt: skip
    units = units_of(store, ExperimentSpec(campaign="spring", window_days=7, read=ReadSpec(by=("device",))))
    assert units.breakdowns["device"].tolist() == ["phone", "desktop", None], "what came after is an outcome"


def test_a_label_counts_as_of_the_last_time_before_the_exposure_and_never_later(hand):
    keys = keys_of(hand)

    def label(tx, first: str, then: str) -> None:
        key = add_label(tx, "segment:Guests", ["Regular", "Guest"])
        for at, value in ((first, 1), (then, 2)):
            rows = pd.DataFrame({"user_key": [keys["ann"], keys["bob"]], "value_key": [value, value]})
            put_labelling(tx, key, instant(at), rows, n_users=2)

    spec = ExperimentSpec(campaign="spring", window_days=14, read=ReadSpec(by=("segment:Guests",)))
    hand.write(lambda tx: label(tx, "2026-01-08", "2026-01-11"))
    units = units_of(hand, spec)
    assert units.breakdowns["segment:Guests"].tolist() == ["Regular", "Regular", None, None]
    assert any("as of 8 January 2026, before the exposure" in note for note in units.notes)
    hand.write(lambda tx: drop_label(tx, hand.catalogue().labels["segment:Guests"].property_key))
    hand.write(lambda tx: label(tx, "2026-01-11", "2026-01-12"))
    with pytest.raises(SpecError, match="made after the campaign had begun, so its values may be an effect of it"):
        units_of(hand, spec)


# A plain loop --------------------------------------------------------------------------------------------


def by_loop(events: list[Event], window: int, as_of_us: int, silence: int) -> dict[str, tuple[float, ...]]:
    """Follow each user by hand: group, retained, weeks, days active before, and the stay."""
    by_user = defaultdict(list)
    for event in sorted(events, key=lambda e: e.at_us):
        if event.at_us < as_of_us:
            by_user[event.user].append(event)
    found = {}
    for user, own in by_user.items():
        sent = [e for e in own if e.event == "campaign_sent"]
        if not sent or sent[0].at_us + window * DAY_US > as_of_us:
            continue
        at = sent[0].at_us
        visits = [e.at_us for e in own if e.event != "campaign_sent"]
        ages = {(us - at) // (7 * DAY_US) for us in visits if at <= us < at + window * DAY_US}
        day, days = at // DAY_US, sorted({us // DAY_US for us in visits})
        n_before = sum(day - window <= d < day for d in days)
        end, last_known = day, as_of_us // DAY_US - silence
        for d in (d for d in days if d > day):
            if d - end >= silence:
                break
            end = d
        stay = (-1, None) if day > last_known else (min(end, last_known) - day, end <= last_known)
        found[user] = (sent[0].props["arm"], bool(ages), *(k in ages for k in range(window // 7)), n_before, *stay)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_units_are_those_of_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    start = instant("2026-01-01")
    events = []
    for number in range(14):
        user = f"u{number}"
        n = rng.integers(0, 12)
        events += [Event(user, start + int(us), "visit", {}) for us in rng.integers(0, 60 * DAY_US, n)]
        for _ in range(rng.integers(0, 3)):
            at = start + int(rng.choice([20, 21, 40])) * DAY_US + int(rng.choice([0, 1, DAY_US // 3]))
            arm = str(rng.choice(["control", "coupon"]))
            events.append(Event(user, at, "campaign_sent", {"campaign": "spring", "arm": arm}))
    firsts = {"u98": "control", "u99": "coupon"}  # both groups are there, whatever was drawn
    events += [Event(u, start + 20 * DAY_US, "campaign_sent", {"campaign": "spring", "arm": a}) for u, a in firsts.items()]
    # Two contacts at one instant would have no first one.
    sent = {(e.user, e.at_us): e for e in events if e.event == "campaign_sent"}
    events = [e for e in events if e.event == "visit"] + list(sent.values())
    as_of_us = start + int(rng.choice([41, 50, 61])) * DAY_US + int(rng.choice([0, DAY_US // 2]))
    window, silence = int(rng.choice([7, 14, 16])), int(rng.choice([5, 9]))
    store = store_of(events, as_of=as_of_us, activity=ACTIVITY, churn_window=silence)
    units = units_of(store, ExperimentSpec(campaign="spring", window_days=window))
    truth = by_loop(events, window, as_of_us, silence)
    keys = keys_of(store)
    users = sorted(truth, key=keys.__getitem__)
    assert [units.groups[g] for g in units.group] == [truth[user][0] for user in users]
    n_weeks = window // 7
    for place, metric in enumerate([f"retained within {window} days", *(f"retention at week {k}" for k in range(n_weeks))]):
        assert outcome(units, metric).tolist() == [float(truth[user][1 + place]) for user in users]
    assert units.outcomes[0].before.tolist() == [float(truth[user][2 + n_weeks]) for user in users]
    stays = [truth[user][3 + n_weeks :] for user in users]
    if units.durations is None:
        assert all(days == -1 for days, _ in stays)
    else:
        assert units.durations.days.tolist() == [days for days, _ in stays]
        kept = [k for k, (days, _) in enumerate(stays) if days >= 0]
        assert [bool(units.durations.observed[k]) for k in kept] == [stays[k][1] for k in kept]


# The sample shop, whose truth is known ----------------------------------------------------------------


@cache
def shop() -> tuple[Store, object]:
    asked = SampleSpec(n_users=1500)
    store = store_of([])
    build_sample(store, asked)
    return store, simulate(asked).truth


def read(name: str, **more: object) -> Experiment:
    return experiment(shop()[0], ExperimentSpec(campaign=name, window_days=14, events=("visit",), **more))


@pytest.mark.parametrize("number", range(len(laws.CAMPAIGNS)))
def test_the_read_back_of_the_sample_shop_is_what_happened_there(number):
    truth, campaign = shop()[1], laws.CAMPAIGNS[number]
    found = read(campaign.name, expected=(1 - campaign.propensity, campaign.propensity))
    arm = truth.arm[:, number]
    row = found.readout.effect(found.metric, "treatment")
    assert (row["n_control"], row["n_arm"]) == ((arm == 0).sum(), (arm == 1).sum())
    assert row["value_control"] == pytest.approx(truth.retained_if_control[arm == 0, number].mean())
    assert row["value_arm"] == pytest.approx(truth.retained_if_treated[arm == 1, number].mean())
    assert not found.readout.ratio.is_mismatch


def test_the_intervals_of_the_sample_shop_cover_the_true_effect():
    # The truth is the mean uplift of those who were eligible; four intervals of 95 % miss two of them in 1.4 % of shops.
    truth, missed = shop()[1], 0
    for number, campaign in enumerate(laws.CAMPAIGNS):
        row = read(campaign.name).readout.effect("retained within 14 days", "treatment")
        true = np.nanmean(truth.uplift[:, number])
        missed += not row["low"] <= true <= row["high"]
    assert missed <= 1


def test_shares_that_nobody_named_are_assumed_equal_and_that_is_said():
    found = read("new year coupon")  # meant to be 30 : 70
    assert found.readout.ratio.is_assumed and found.readout.ratio.is_mismatch
    assert set(found.readout.as_measured()["says"]) == {"do not read"}


def test_the_baseline_is_the_share_that_came_back_in_the_last_days():
    store = store_of(diary("ann: 1 20\n bob: 2\n cyd: 3 10\n dee: 12 13"), as_of="2026-01-29")
    start = baseline(store, BaselineSpec(window_days=14, lookback_days=10))
    # Fourteen days before the end is 15 January; in the ten days before were bob? no (2nd), cyd (10th) and dee (12th, 13th).
    assert (start.n_users, start.n_retained) == (2, 0)
    start = baseline(store, BaselineSpec(window_days=14, lookback_days=14))
    assert (start.n_users, start.n_retained, start.rate) == (4, 1, 0.25)
    assert np.isnan(start.revenue)


# Campaigns that were assigned here ---------------------------------------------------------------------

COUPON = Intervention(
    name="Coupon", kind="coupon", channel="e-mail", cost=Cost(contact=0.5, incentive=10, redemption=0.5),
    effect=Effect(low=0.05, high=0.15),
)  # fmt: skip
FIRST_WEEK = CellSpec(cohorts=CohortSpec(period="week"), cohort=date(2026, 1, 5), age=0)


@pytest.fixture
def assigned() -> Iterator[tuple[Store, dict[str, int]]]:
    """Sixty users, half of them held out; some come back in the ten days that are imported afterwards."""
    rows = [{"user": f"u{i:02d}", "time": f"2026-01-0{day}T10:00", "event": "visit"} for i in range(60) for day in (5, 6)]
    store = store_of([], churn_window=7)
    import_rows(store, rows, complete_to_us=instant("2026-01-10"))
    assign(
        store,
        CampaignSpec(name="care", users=FIRST_WEEK, arms=(Arm(name="coupon", intervention=COUPON),), holdout=0.5, window_days=10),
    )
    with store.snapshot() as snapshot:
        groups = dict(
            snapshot.rows(
                "select i.user_id, e.arm_key from exposures as e join identities as i on i.user_key = e.user_key"
            )
        )
    yield store, groups


def test_a_campaign_assigned_here_is_read_once_its_outcomes_are_imported(assigned):
    store, groups = assigned
    with pytest.raises(SpecError, match="10 days have passed yet"):
        units_of(store, ExperimentSpec(campaign="care"))
    back = [user for k, user in enumerate(sorted(groups)) if k % 3 == 0]
    rows = [{"user": user, "time": "2026-01-12T10:00", "event": "visit"} for user in back]
    import_rows(store, [*rows, {"user": "new", "time": "2026-01-19T10:00", "event": "visit"}], complete_to_us=instant("2026-01-20"))
    units = units_of(store, ExperimentSpec(campaign="care"))
    keys = keys_of(store)
    users = sorted(groups, key=keys.__getitem__)
    assert units.groups == ("holdout", "coupon")
    assert units.group.tolist() == [groups[user] for user in users]
    assert outcome(units, "retained within 10 days").tolist() == [float(user in back) for user in users]
    assert units.expected_shares == (0.5, 0.5)
    n = sum(groups.values())
    kept = sum(groups[user] for user in back)
    assert units.costs == (0.0, pytest.approx(0.5 * n + 10 * 0.5 * kept))
    [seen] = campaigns_seen(store)
    assert (seen.source, seen.groups, seen.n_users) == ("assigned", ("holdout", "coupon"), 60)


def test_who_was_erased_is_said_and_counts_nowhere(assigned):
    store, _ = assigned
    erase_user(store, "u07")
    import_rows(store, [{"user": "u01", "time": "2026-01-25T10:00", "event": "visit"}], complete_to_us=instant("2026-01-26"))
    units = units_of(store, ExperimentSpec(campaign="care"))
    assert units.n_units == 59
    assert any("1 user was erased since, of 60" in note for note in units.notes)


def test_a_campaign_assigned_without_a_holdout_has_no_numbers(assigned):
    store, _ = assigned
    end_campaign(store, campaigns(store)[0].campaign_id)
    assign(store, CampaignSpec(name="all", users=FIRST_WEEK, arms=(Arm(name="coupon", intervention=COUPON),), holdout=0.0))
    with pytest.raises(SpecError, match="“all” has no control group"):
        experiment(store, ExperimentSpec(campaign="all"))


def test_arms_that_were_chosen_for_each_user_are_read_as_one(assigned):
    store, _ = assigned
    end_campaign(store, campaigns(store)[0].campaign_id)
    dear = replace(COUPON, name="Visit", cost=Cost(contact=8))
    arms = (Arm(name="coupon", intervention=COUPON), Arm(name="visit", intervention=dear))
    made = assign(store, CampaignSpec(name="best", users=FIRST_WEEK, arms=arms, holdout=0.2, window_days=10))
    # As a budget leaves it: who gets which arm was chosen, only the holdout was drawn.
    store.write(lambda tx: tx.run("update campaigns set plan = '{\"budget\": 100}' where name = 'best'"))
    import_rows(store, [{"user": "new", "time": "2026-01-25T10:00", "event": "visit"}], complete_to_us=instant("2026-01-26"))
    sizes = dict(store.read(group_sizes(made.campaign_id)).itertuples(index=False))
    units = units_of(store, ExperimentSpec(campaign="best"))
    assert units.groups == ("holdout", "any arm") and units.sizes == (sizes[0], sizes[1] + sizes[2])
    assert units.expected_shares == (0.2, 0.8)
    assert units.costs == (0.0, pytest.approx(0.5 * sizes[1] + 8 * sizes[2])), "nobody stayed, so no incentive was given"
    assert any("the arms differ by whom they have" in note for note in units.notes)


def test_every_text_is_portable_sql():
    # One text for every engine: what is not known to be portable is refused by the lint.
    store = store_of(diary(HAND.replace("campaign_sent?", "campaign_sent?device=phone&")), as_of="2026-01-26", activity=ACTIVITY)
    with store.snapshot() as snapshot:
        seen = next(iter(campaigns_seen(store)))
        catalogue = snapshot.catalogue
        kinds, properties = [catalogue.events["campaign_sent"]], catalogue.properties
        visits = [catalogue.events["visit"]]
        campaign, arm = properties["campaign"], properties["arm"]
        contacts = exposed_query.contacts(kinds, campaign, arm, "spring", CLOCK_US)
        exposed = exposed_query.first_contacts(contacts)
        placed = outcomes_query.placed(exposed, -14, 14, "Europe/Berlin", seen.first_us, seen.last_us)
        texts = [
            exposed_query.assigned(1), exposed_query.assigned(1, is_pooled=True), exposed, exposed_query.faults(contacts),
            exposed_query.values(1), exposed_query.campaigns_seen(kinds, campaign, arm, CLOCK_US),
            exposed_query.campaigns_seen(kinds, None, None, CLOCK_US),
            exposed_query.in_other_campaigns(exposed, 1, 14),
            exposed_query.in_other_contacts(exposed, kinds, campaign, arm, ["control"], "spring", 14),
            outcomes_query.returns(exposed, visits, 14, 7, 2, (0, 1), CLOCK_US), outcomes_query.active_days(placed),
            outcomes_query.money(placed), outcomes_query.money_at_the_ends(placed, visits), outcomes_query.lives(placed, 14),
            outcomes_query.first_values(exposed, properties["device"]), outcomes_query.label_moments(1, CLOCK_US),
            outcomes_query.label_values(exposed, 1, CLOCK_US), archive_query.active_between(1, 2),
            archive_query.since(archive_query.active_between(1, 2), CLOCK_US), archive_query.count(exposed), archive_query.lessons(),
        ]  # fmt: skip
        for sql in texts:
            assert portability_faults(sql.text) == [], sql.text
            snapshot.read(sql)
