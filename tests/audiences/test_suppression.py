"""Whom to leave alone: each reason by hand, their counts, and what the store does not know."""

from __future__ import annotations

import pytest

from retention.audiences.answer_lists import opened_list
from retention.audiences.answer_sources import words_of
from retention.audiences.answer_suppression import knows_reachable, suppression, what_is_unknown
from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec, CampaignUsersSpec, SavedUsersSpec, SuppressedUsersSpec
from retention.churn.spec_list import AtRiskSpec
from retention.errors import SpecError
from retention.interventions.order_assign import assign, end_campaign
from retention.interventions.spec import Arm, CampaignSpec, Cost, Effect, Intervention
from retention.store import Store
from tests.audiences.lists import names_of, save_list
from tests.churn.test_list import scored_store
from tests.worlds import diary, store_of

MAIL = Intervention(name="Mail", kind="care", channel="e-mail", cost=Cost(), effect=Effect(low=0, high=0.1))
# The data end on 21 January. Contacts: ann on the 15th, dee's was a control; bob and eve took their permission back,
# eve gave it again; cyd never said.
WORLD = """
    ann: 5 15/campaign_sent?arm=mail
    bob: 5 6/unsubscribe
    cyd: 7
    dee: 8 16/campaign_sent?arm=control
    eve: 9 10/unsubscribe 11/subscribe 12
    fay: 6
"""
EVERYBODY = ["ann", "bob", "cyd", "dee", "eve", "fay"]


@pytest.fixture
def store() -> Store:
    made = store_of(diary(WORLD), as_of="2026-01-21")
    save_list(made, "everybody", EVERYBODY)
    return made


def less(**said: object) -> SuppressedUsersSpec:
    return SuppressedUsersSpec(users=SavedUsersSpec(audience_id=1), **said)


def campaign_of(store: Store, name: str, users: list[str], holdout: float = 0.0) -> int:
    number = save_list(store, f"for {name}", users)
    spec = CampaignSpec(
        name=name, users=SavedUsersSpec(audience_id=number), arms=(Arm(name="mail", intervention=MAIL),), holdout=holdout
    )
    return assign(store, spec).campaign_id


def test_whoever_was_contacted_is_left_alone_for_so_many_days(store):
    # Noon of the 15th lies 5.5 days before the end of the data.
    assert names_of(store, less(contacted_days=6)) == ["bob", "cyd", "dee", "eve", "fay"]
    assert names_of(store, less(contacted_days=5)) == EVERYBODY
    found = suppression(store, less(contacted_days=6))
    assert (found.n_before, found.reasons, found.n_after) == (6, (("contacted in the last 6 days", 1),), 5)


def test_a_contact_of_a_campaign_of_ours_counts_and_its_holdout_does_not(store):
    campaign = campaign_of(store, "spring", ["bob", "cyd"])
    assert names_of(store, less(contacted_days=1)) == ["ann", "dee", "eve", "fay"]
    store.write(lambda tx: tx.run("update exposures set arm_key = 0"))
    assert names_of(store, less(contacted_days=1)) == EVERYBODY
    # The exposure was at the end of the data; a day before that it lies outside of no days at all.
    store.write(lambda tx: tx.run("update exposures set arm_key = 1, exposed_us = exposed_us - 2 * 86400000000"))
    assert names_of(store, less(contacted_days=1)) == EVERYBODY
    assert names_of(store, less(contacted_days=2)) == ["ann", "dee", "eve", "fay"]
    assert names_of(store, CampaignUsersSpec(campaign_id=campaign)) == ["bob", "cyd"]


def test_whoever_took_the_permission_back_is_left_alone(store):
    assert names_of(store, less(is_reachable_only=True)) == ["ann", "cyd", "dee", "eve", "fay"]
    assert suppression(store, less(is_reachable_only=True)).reasons == (("may not be written to", 1),)


def test_whoever_is_in_a_running_campaign_is_left_alone_held_out_or_not(store):
    spring, summer = campaign_of(store, "spring", ["ann", "bob"], holdout=0.5), campaign_of(store, "summer", ["cyd"])
    assert names_of(store, less(is_out_of_campaigns=True)) == ["dee", "eve", "fay"]
    found = suppression(store, less(is_out_of_campaigns=True))
    assert found.reasons == (("in the campaign “spring”", 2), ("in the campaign “summer”", 1))
    assert found.words == "Of 6: 2 in the campaign “spring” and 1 in the campaign “summer”; 3 are left."
    end_campaign(store, spring)
    assert names_of(store, less(is_out_of_campaigns=True)) == ["ann", "bob", "dee", "eve", "fay"]
    end_campaign(store, summer)
    assert suppression(store, less(is_out_of_campaigns=True)).reasons == (("in a running campaign", 0),)


def test_a_user_with_two_reasons_is_taken_off_once(store):
    campaign_of(store, "spring", ["ann", "bob"])
    spec = less(contacted_days=6, is_reachable_only=True, is_out_of_campaigns=True)
    found = suppression(store, spec)
    # Contacted: ann by mail, and ann and bob by our campaign. bob may not be written to. Both are in the campaign.
    assert found.reasons == (("contacted in the last 6 days", 2), ("may not be written to", 1), ("in the campaign “spring”", 2))
    assert (found.n_before, found.n_after) == (6, 4)
    assert found.words.endswith("4 are left. Some are left out for more than one of these.")
    assert names_of(store, spec) == ["cyd", "dee", "eve", "fay"]
    saved = save_audience(store, AudienceSpec(name="left", users=spec))
    assert saved.n_users == found.n_after
    assert saved.definition == (
        "Users of the saved list “everybody”. Left out: users who were contacted in the last 6 days, may not be written to (as"
        " far as the store knows) or are in a running campaign."
    )


def test_a_list_knows_the_campaigns_that_were_assigned_from_it_also_less_some_users(store):
    spec = CampaignSpec(name="spring", users=less(contacted_days=6), arms=(Arm(name="mail", intervention=MAIL),))
    assign(store, spec)
    assert opened_list(store, 1).campaigns == ("spring",)


def test_nothing_said_leaves_everybody_on_the_list(store):
    found = suppression(store, less())
    assert (found.n_before, found.n_after, found.reasons) == (6, 6, ())
    assert "All 6 users stay" in found.words
    assert words_of(less(), store.catalogue()) == "Users of the saved list “everybody”."


def test_what_the_store_does_not_know_is_said():
    store = store_of(diary("ann: 5\nbob: 6"), as_of="2026-01-21")
    save_list(store, "both", ["ann", "bob"])
    assert not knows_reachable(store)
    assert len(what_is_unknown(store)) == 2
    found = suppression(store, less(contacted_days=30))
    assert found.n_after == 2  # nobody is known to have been contacted, which is said
    assert "no contacts of other tools" in found.unknown[0] and "who may be written to" in found.unknown[1]
    with pytest.raises(SpecError, match="does not know whom one may write to"):
        suppression(store, less(is_reachable_only=True))


def test_filters_of_the_definition_do_not_meet_those_of_the_suppression():
    store = scored_store()  # its definition has filters of the same kind, with days of its own
    riskiest = AtRiskSpec(scoring_key=1, is_reachable_only=True, not_contacted_days=1)
    assert names_of(store, riskiest) == ["ann", "cyd", "dee"]
    assert names_of(store, SuppressedUsersSpec(users=riskiest, contacted_days=2, is_reachable_only=True)) == ["cyd", "dee"]
    twice = SuppressedUsersSpec(users=SuppressedUsersSpec(users=riskiest, contacted_days=1), contacted_days=2)
    assert names_of(store, twice) == ["cyd", "dee"]


def test_the_days_have_bounds():
    with pytest.raises(SpecError, match=r"`contacted_days` must be from 0 to 365, not 400"):
        less(contacted_days=400)
