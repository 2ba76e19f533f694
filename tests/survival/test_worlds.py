"""Worlds written by hand: who lapsed when, who is not known to have, and who is left out."""

from __future__ import annotations

from datetime import date
from math import isnan

import pytest

from retention.audiences.answer import users_of
from retention.errors import SpecError
from retention.store.order import change_setting
from retention.survival.answer import survival_curves
from retention.survival.answer_models import cox_model, grid_and_curve, hazard_weeks, lifetime_laws
from retention.survival.spec import CoxSpec, HazardSpec, ReconcileSpec, SurvivalListSpec, SurvivalSpec
from retention.survival.words import definition, gap_note, median_words, riskiest_words, verdict
from tests.worlds import diary, store_of


def rows(group):
    """Return t, at_risk, events, censored of a curve."""
    return [tuple(row) for row in group.curve[["t", "at_risk", "events", "censored"]].itertuples(index=False)]


def test_a_user_silent_for_less_than_the_window_is_censored_a_window_before_the_end():
    # The data end on 31 January. The last event is 5 days before that and X = 14: censored at as_of − 14 = 17 January.
    [group] = survival_curves(store_of(diary("ann: 1 26"), as_of="2026-01-31"), SurvivalSpec(window=30)).groups
    assert (group.n, group.observed, group.censored) == (1, 0, 1)
    assert rows(group)[-1] == (0, 1, 0, 1)  # 31 − 30 = 1 January: day 0
    [group] = survival_curves(store_of(diary("ann: 1 8 15 26"), as_of="2026-01-31"), SurvivalSpec(window=14)).groups
    assert (group.observed, group.censored) == (0, 1)
    assert rows(group)[-1] == (16, 1, 0, 1)  # 17 January is 16 days after the 1st
    assert isnan(group.median) and median_words(group) == "not reached"


@pytest.mark.parametrize(("as_of", "observed"), [("2026-01-19", 1), ("2026-01-18", 0), ("2026-01-18T23:59", 0)])
def test_a_lapse_is_known_when_the_whole_window_has_passed(as_of, observed):
    # Last active on the 5th, X = 14: 5 + 14 = 19, so not before the data reach the 19th.
    store = store_of(diary("ann: 1 5"), as_of=as_of)
    [group] = survival_curves(store, SurvivalSpec(window=14)).groups
    assert group.observed == observed
    assert rows(group)[-1][0] == (4 if observed else 3)


def test_a_return_after_a_lapse_is_a_new_life_unless_lives_end_with_the_last_activity():
    # ann is silent from the 3rd to the 20th (17 days), comes back until the 22nd. bob stays away from the 2nd on.
    store = store_of(diary("ann: 1 3 20 22\nbob: 1 2"), as_of="2026-02-10")
    [first] = survival_curves(store, SurvivalSpec(window=10)).groups
    assert [(t, d) for t, _, d, _ in rows(first) if d] == [(1, 1), (2, 1)]
    [last] = survival_curves(store, SurvivalSpec(window=10, ends="last activity")).groups
    assert [(t, d) for t, _, d, _ in rows(last) if d] == [(1, 1), (21, 1)]
    [wide] = survival_curves(store, SurvivalSpec(window=18)).groups  # no silence of 18 days lies within
    assert [(t, d) for t, _, d, _ in rows(wide) if d] == [(1, 1), (21, 1)]


def test_a_gap_of_exactly_the_window_is_a_lapse():
    world = diary("ann: 1 11 21 28")
    for window, lapsed_at in ((10, 0), (11, 27)):
        [group] = survival_curves(store_of(world, as_of="2026-03-01"), SurvivalSpec(window=window)).groups
        assert [(t, d) for t, _, d, _ in rows(group) if d] == [(lapsed_at, 1)]


def test_users_who_started_within_the_window_are_left_out_and_counted():
    # as_of − X = 17 January: cyd starts on it and is followed for 0 days, dee a day later and is left out.
    store = store_of(diary("ann: 1\ncyd: 17\ndee: 18 20"), as_of="2026-01-31")
    curves = survival_curves(store, SurvivalSpec(window=14))
    [group] = curves.groups
    assert (group.n, group.observed, group.censored, group.left_out) == (2, 2, 0, 1)
    assert curves.last_known_on == date(2026, 1, 17)


def test_the_share_left_is_the_product_of_the_days_passed():
    # Lapses after 0, 1, 1 and 3 days; eve is still there after 9: S = 4/5, 2/5, 2/5, 1/5.
    store = store_of(diary("ann: 1\nbob: 1 2\ncyd: 1 2\ndee: 1 4\neve: 1 8 15"), as_of="2026-01-20")
    [group] = survival_curves(store, SurvivalSpec(window=10)).groups
    assert rows(group) == [(0, 5, 1, 0), (1, 4, 2, 0), (3, 2, 1, 0), (9, 1, 0, 1)]
    assert group.curve["survival"].tolist() == pytest.approx([0.8, 0.4, 0.2, 0.2])
    assert group.median == 1
    # The mean stay within 9 days is the area: 1 day at .8, 2 at .4, 6 at .2.
    found = survival_curves(store, SurvivalSpec(window=10, horizon=9)).groups[0]
    assert found.mean_stay == pytest.approx(0.8 + 2 * 0.4 + 6 * 0.2)
    assert isnan(survival_curves(store, SurvivalSpec(window=10, horizon=10)).groups[0].mean_stay)


def test_users_enter_late_when_the_follow_up_begins_later():
    # Followed from 10 January. ann (age 9) lapsed on the 5th: gone before. bob is 8 then and lapses at 14,
    # cyd lapses on the very day 9, dee starts later and lapses at 2.
    world = diary("ann: 1 5\nbob: 2 9 16\ncyd: 1 10\ndee: 12 14")
    curves = survival_curves(store_of(world, as_of="2026-02-10"), SurvivalSpec(window=10, entry_on=date(2026, 1, 10)))
    [group] = curves.groups
    assert (group.n, group.observed, group.gone_before) == (3, 3, 1)
    # dee alone is at risk at first and lapses at 2, and whoever joins later meets nobody: the curve ends there.
    assert rows(group) == [(0, 1, 0, 0), (2, 1, 1, 0)]
    assert "nobody was under observation" in group.note
    more = world + diary("eve: 11 15 20 25 30")
    [group] = survival_curves(
        store_of(more, as_of="2026-02-20"), SurvivalSpec(window=10, entry_on=date(2026, 1, 10))
    ).groups
    # At 2: dee, eve. At 9: bob, cyd, eve. At 14: bob, eve. At 19: eve.
    assert rows(group) == [(0, 2, 0, 0), (2, 2, 1, 0), (8, 2, 0, 0), (9, 3, 1, 0), (14, 2, 1, 0), (19, 1, 1, 0)]
    assert group.curve["survival"].tolist() == pytest.approx([1, 1 / 2, 1 / 2, 1 / 3, 1 / 6, 0])


def test_the_numbers_under_the_axis_are_those_at_risk_on_that_very_day():
    store = store_of(diary("ann: 1\nbob: 1 2\ncyd: 1 2\ndee: 1 4\neve: 1 8 15"), as_of="2026-01-20")
    [group] = survival_curves(store, SurvivalSpec(window=10)).groups
    assert group.at_risk([0, 1, 2, 3, 4, 9, 10]) == [5, 4, 2, 2, 1, 1, 0]


def test_only_the_chosen_events_keep_a_user_and_a_life_may_begin_elsewhere():
    world = diary("ann: 1/signup 3/buy 20 25/buy 28\nbob: 2/buy")
    store = store_of(world, as_of="2026-03-20")
    [bought] = survival_curves(store, SurvivalSpec(window=15, events=("buy",))).groups
    assert [(t, d) for t, _, d, _ in rows(bought) if d] == [(0, 2)]  # ann from the 3rd: 22 days without
    [signed] = survival_curves(store, SurvivalSpec(window=15, events=("buy",), start=("signup",))).groups
    assert (signed.n, [(t, d) for t, _, d, _ in rows(signed) if d]) == (1, [(2, 1)])
    [active] = survival_curves(store, SurvivalSpec(window=15, start=("buy",))).groups
    assert [(t, d) for t, _, d, _ in rows(active) if d] == [(0, 2)]  # 3rd to 20th: 17 days


def test_groups_are_those_of_the_start_and_the_smallest_are_put_together():
    world = diary("""
        ann: 1?city=Aix 2?city=Bonn
        bob: 1?city=Aix
        cyd: 1?city=Bonn
        dee: 1?city=Caen
        eve: 1
    """)
    curves = survival_curves(store_of(world, as_of="2026-03-01"), SurvivalSpec(window=10, by="city", max_groups=2))
    assert [(g.group, g.n) for g in curves.groups] == [("Aix", 2), ("(other)", 3)]
    assert curves.merged == ("(none)", "Bonn", "Caen")
    assert curves.groups[0].median == 0 and len(curves.comparisons) == 1
    assert curves.comparisons["says"].tolist() == ["cannot tell"]


def test_users_are_split_by_their_first_event_and_by_the_month_of_their_start():
    world = diary("ann: 2025-12-30/signup 3\nbob: 5\ncyd: 6/signup 7")
    store = store_of(world, as_of="2026-03-01")
    by_event = survival_curves(store, SurvivalSpec(window=10, by="first event"))
    assert [(g.group, g.n) for g in by_event.groups] == [("signup", 2), ("visit", 1)]
    by_month = survival_curves(store, SurvivalSpec(window=10, by="first month"))
    assert [(g.group, g.n) for g in by_month.groups] == [("2025-12", 1), ("2026-01", 2)]
    # The first event is that of all history, also where lives begin later.
    later = survival_curves(store, SurvivalSpec(window=10, by="first event", start=("visit",)))
    assert [(g.group, g.n) for g in later.groups] == [("signup", 2), ("visit", 1)]


def test_lists_hold_as_many_users_as_the_curve_counts():
    world = diary("""
        ann: 1?city=Aix 2
        bob: 1?city=Aix 8 15
        cyd: 1?city=Bonn
        dee: 18?city=Bonn
        eve: 1 4
    """)
    store = store_of(world, as_of="2026-01-25")
    spec = SurvivalSpec(window=10, by="city", entry_on=date(2026, 1, 2))
    curves = survival_curves(store, spec)
    for group in curves.groups:
        counts = {"lapsed": group.observed, "still active": group.censored, "left out": group.left_out,
                  "gone before": group.gone_before}  # fmt: skip
        for state, n in counts.items():
            assert users_of(store, SurvivalListSpec(survival=spec, state=state, group=group.group)).count == n
    assert sum(g.n + g.left_out + g.gone_before for g in curves.groups) == 5
    first_week = SurvivalListSpec(survival=SurvivalSpec(window=10), state="lapsed", week=1)
    assert users_of(store, first_week).count == 3
    with pytest.raises(SpecError, match='no group "Caen"'):
        users_of(store, SurvivalListSpec(survival=spec, state="lapsed", group="Caen"))


def test_the_window_is_the_store_s_unless_another_is_asked_for():
    store = store_of(diary("ann: 1 12"), as_of="2026-03-01", churn_window="10")
    curves = survival_curves(store, SurvivalSpec())
    assert curves.window_days == 10 and curves.groups[0].median == 0
    change_setting(store, "churn_window", "20")
    curves = survival_curves(store, SurvivalSpec())
    assert curves.window_days == 20 and curves.groups[0].median == 11
    assert "before the first 20 days without" in definition(SurvivalSpec(), store.catalogue())


def test_lapses_across_a_stretch_marked_missing_are_counted_and_said():
    # ann's silence runs from the 3rd on (10 days), bob's from the 20th; the 8th is marked missing.
    world = diary("ann: 1 2\nbob: 1 5 12 19")
    curves = survival_curves(
        store_of(world, as_of="2026-03-01", gaps=[("2026-01-08", "2026-01-09")]), SurvivalSpec(window=10)
    )
    assert curves.n_over_gaps == 1
    assert "8 January 2026" in gap_note(curves) and "Of 2 lapses, 1 rest" in gap_note(curves)
    for day, n in (("2026-01-03", 1), ("2026-01-11", 1), ("2026-01-12", 0), ("2026-01-02", 0)):
        gap = (f"{day}T06:00", f"{day}T07:00")
        found = survival_curves(store_of(world, as_of="2026-03-01", gaps=[gap]), SurvivalSpec(window=10))
        assert found.n_over_gaps == n, day


# ---- what cannot be answered is one kind sentence


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SurvivalSpec(window=300), "No silence of 300 days can have ended yet"),
        (SurvivalSpec(window=10, entry_on=date(2026, 2, 1)), "`entry_on` must be 2026-01-15 or earlier"),
        (SurvivalSpec(window=10, events=("buy",)), 'holds no event "buy"'),
        (SurvivalSpec(window=10, by="city"), 'holds no property "city"'),
    ],
)
def test_a_question_without_an_answer_says_what_must_hold(spec, message):
    store = store_of(diary("ann: 1\nbob: 2 9"), as_of="2026-01-25")
    with pytest.raises(SpecError, match=message):
        survival_curves(store, spec)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 0},
        {"horizon": 0},
        {"ends": "death"},
        {"entry": "recurring"},
        {"max_groups": 0},
    ],
)
def test_a_spec_refuses_what_lies_out_of_range(wrong):
    with pytest.raises(SpecError, match="`"):
        SurvivalSpec(**wrong)


def test_models_say_that_there_are_too_few_users():
    store = store_of(diary("ann: 1?city=Aix\nbob: 2?city=Bonn 9"), as_of="2026-01-30")
    survival = SurvivalSpec(window=10)
    curves = survival_curves(store, survival)
    assert "too few to tell much" in curves.groups[0].note
    assert verdict(curves)[0].startswith("Half of 2 users have lapsed after 0 days")
    assert riskiest_words(hazard_weeks(store, HazardSpec(survival=survival)))[0].startswith("Too few users")
    with pytest.raises(SpecError, match="2 lapses are too few to tell one law from another"):
        lifetime_laws(store, HazardSpec(survival=survival))
    with pytest.raises(SpecError, match="nothing to compare"):  # each value has one lapse: both are left out
        cox_model(store, CoxSpec(survival=survival, attributes=("city",)))
    with pytest.raises(SpecError, match="No cohort has been watched for 8 whole weeks"):
        grid_and_curve(store, ReconcileSpec(survival=survival, horizon=8))


def test_a_group_in_which_nobody_lapsed_has_a_curve_at_the_top():
    days = " ".join(str(day) for day in range(2, 31))
    world = diary(f"ann: 1?city=Aix {days}\nbob: 1?city=Bonn\ncyd: 1?city=Bonn 2")
    curves = survival_curves(store_of(world, as_of="2026-01-31"), SurvivalSpec(window=10, by="city"))
    aix = curves.of("Aix")
    assert aix.curve["survival"].tolist() == [1.0, 1.0] and isnan(aix.median)
    assert "has lapsed yet" in aix.note
    assert curves.of("Bonn").curve["survival"].iloc[-1] == 0


def test_grid_and_curve_reconcile_on_a_world_worked_out_by_hand():
    # Weeks begin on the 5th, 12th, 19th, 26th. ann comes back in week 3, bob in week 1, cyd never, dee in week 2.
    world = diary("ann: 5 28\nbob: 6 7 13\ncyd: 5\ndee: 12 13 27")
    found = grid_and_curve(store_of(world, as_of="2026-02-09"), ReconcileSpec(survival=SurvivalSpec(), horizon=3))
    assert found.n_users == 4 and found.is_exact
    assert found.ages["retained"].tolist() == [3, 2, 1]
    assert found.ages["curve"].tolist() == pytest.approx([3 / 4, 2 / 4, 1 / 4])
    # A week earlier the cohort of the 12th has not been watched for three weeks.
    found = grid_and_curve(store_of(world, as_of="2026-02-08"), ReconcileSpec(survival=SurvivalSpec(), horizon=3))
    assert found.n_users == 3 and found.ages["retained"].tolist() == [2, 1, 1]
