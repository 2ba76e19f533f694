"""Assigning a campaign: who is written down, what is refused, and what is left when a user is erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest

from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError
from retention.interventions.answer_campaigns import campaign_named, campaigns, groups_of
from retention.interventions.assignment import draws
from retention.interventions.order_assign import assign, end_campaign
from retention.interventions.spec import Arm, CampaignSpec, Cost, Effect, Intervention
from retention.periods import day_number
from retention.store import Store
from retention.store.check import faults
from retention.store.order import erase_user
from tests.rows import import_rows
from tests.worlds import fresh_path, instant

MONDAY = date(2026, 1, 5)
COUPON = Intervention(
    name="Coupon", kind="coupon", channel="e-mail", cost=Cost(contact=0.1, incentive=5), effect=Effect(low=0.05, high=0.15)
)


def week_of(day: date) -> CellSpec:
    """Everybody whose first visit was in a week and who came again in it."""
    return CellSpec(cohorts=CohortSpec(period="week"), cohort=day, age=0)


@pytest.fixture
def store() -> Iterator[Store]:
    """Forty users who came twice in the first week, and the data end on 10 February at noon."""
    rows = [{"user": f"u{i:02d}", "time": f"2026-01-0{day}", "event": "visit"} for i in range(40) for day in (5, 6)]
    with Store.create_or_open(fresh_path()) as made:
        import_rows(made, rows, complete_to_us=instant("2026-02-10T12:00"))
        yield made


def spring(**said: object) -> CampaignSpec:
    told = {"name": "spring", "users": week_of(MONDAY), "arms": (Arm(name="coupon", intervention=COUPON),), **said}
    return CampaignSpec(**told)


def exposures(store: Store) -> list[tuple]:
    with store.snapshot() as snapshot:
        return snapshot.rows(
            "select i.user_id, e.arm_key, e.propensity, e.exposed_us from exposures as e"
            " join identities as i on i.user_key = e.user_key order by i.user_id"
        )


def test_everybody_on_the_list_is_written_down_as_the_key_says(store):
    campaign = assign(store, spring(holdout=0.25))
    rows = exposures(store)
    assert [user for user, *_ in rows] == [f"u{i:02d}" for i in range(40)]
    held = draws(campaign.hash_key, "spring", [user for user, *_ in rows])[:, 0] < 0.25
    assert [arm for _, arm, *_ in rows] == np.where(held, 0, 1).tolist()
    assert [p for _, _, p, _ in rows] == np.where(held, 0.25, 0.75).tolist()
    assert {us for *_, us in rows} == {instant("2026-02-10T12:00")}, "outcomes count from where the data end"
    assert campaign.n_users == 40 and campaign.groups == ("holdout", "coupon")
    assert campaigns(store) == (campaign,)
    assert groups_of(store, campaign)["n"].sum() == 40


def test_a_campaign_is_read_back_as_it_was_meant(store):
    arms = (Arm(name="coupon", intervention=COUPON, share=3), Arm(name="care", intervention=COUPON))
    assign(store, spring(arms=arms, plan={"metric": "retention", "smallest": 0.05}, window_days=14))
    with store.snapshot() as snapshot:
        back = campaign_named(snapshot, "spring")
    assert back.arms == arms and back.window_days == 14 and back.plan == {"metric": "retention", "smallest": 0.05}
    assert back.expected_shares == pytest.approx((0.1, 0.675, 0.225))


def test_two_campaigns_never_share_a_key(store):
    first = assign(store, spring())
    end_campaign(store, first.campaign_id)
    assert assign(store, spring(name="summer")).hash_key != first.hash_key


def test_users_of_a_running_campaign_are_refused_until_it_ends(store):
    first = assign(store, spring())
    with pytest.raises(SpecError, match=r"40 of the 40 are in “spring”"):
        assign(store, spring(name="summer"))
    end_campaign(store, first.campaign_id)
    assert assign(store, spring(name="summer")).n_users == 40
    with pytest.raises(SpecError, match="not running"):
        end_campaign(store, first.campaign_id)


def test_a_day_that_has_passed_is_refused_and_a_later_one_begins_at_its_midnight(store):
    with pytest.raises(SpecError, match="not on 9 February 2026, for the data reach 10 February 2026"):
        assign(store, spring(exposed_on=date(2026, 2, 9)))
    today = assign(store, spring(exposed_on=date(2026, 2, 10)))
    assert today.exposed_us == instant("2026-02-10T12:00"), "what the data hold of that day was before the campaign"
    end_campaign(store, today.campaign_id)
    later = assign(store, spring(name="later", exposed_on=date(2026, 2, 20)))
    assert later.exposed_us == day_number(date(2026, 2, 20)) * 86_400_000_000


def test_nobody_is_refused_and_nothing_is_written(store):
    with pytest.raises(SpecError, match="nobody is on this list"):
        assign(store, spring(users=week_of(date(2026, 1, 12))))
    assert campaigns(store) == () and exposures(store) == []


def test_a_name_is_taken_once(store):
    end_campaign(store, assign(store, spring()).campaign_id)
    with pytest.raises(SpecError, match='There is a campaign "spring" already'):
        assign(store, spring(name=" spring "))


def test_the_assignment_is_in_the_audit_trail(store):
    campaign = assign(store, spring())
    n_held = int(groups_of(store, campaign).set_index("arm_key")["n"].get(0, 0))
    with store.snapshot() as snapshot:
        ((detail, n),) = snapshot.rows("select a.detail, a.n_rows from audit as a where a.action = 'assign campaign'")
    assert n == 40 and f'"held_out": {n_held}' in detail
    assert faults(store) == []


def test_an_erased_user_leaves_the_exposures(store):
    campaign = assign(store, spring())
    erase_user(store, "u07")
    assert groups_of(store, campaign)["n"].sum() == 39
    assert "u07" not in {user for user, *_ in exposures(store)}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"name": "  "}, "name of 1 to 80"),
        ({"arms": ()}, "from 1 to 12 arms"),
        ({"arms": (Arm(name="a", intervention=COUPON), Arm(name="A ", intervention=COUPON))}, "same name"),
        ({"holdout": 0.95}, "from 0 to 0.9"),
        ({"holdout": -0.1}, "from 0 to 0.9"),
        ({"window_days": 0}, "from 1 to 365"),
        ({"budget": 0.0}, "more than 0, not 0"),
        ({"budget": float("inf")}, "more than 0"),
    ],
)
def test_what_cannot_be_a_campaign_is_refused(said, message):
    with pytest.raises(SpecError, match=message):
        spring(**said)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cost(contact=-1), "0 or more"),
        (lambda: Cost(incentive=float("nan")), "0 or more"),
        (lambda: Cost(redemption=1.1), "from 0 to 1"),
        (lambda: Effect(low=0.2, high=0.1), "lower end first"),
        (lambda: Effect(low=-0.1, high=0.1), "from 0 to 1"),
        (lambda: Effect(low=-0.1, high=0.1, unit="euros"), "save rate, points"),
        (lambda: Arm(name="Holdout", intervention=COUPON), 'other than "holdout"'),
        (lambda: Arm(name="a", intervention=COUPON, share=0), "more than 0"),
        (lambda: Intervention(name="", kind="x", channel="x", cost=Cost(), effect=Effect(low=0, high=0)), "1 to 60"),
    ],
)
def test_what_cannot_be_an_intervention_is_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_points_may_do_harm():
    assert Effect(low=-0.02, high=0.01, unit="points").mean == pytest.approx(-0.005)
