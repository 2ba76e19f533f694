"""The catalogue: eight kinds, each honest about its effect, and the owner's own beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.audiences.spec import SavedUsersSpec, SuppressedUsersSpec
from retention.errors import SpecError
from retention.interventions.answer_catalogue import catalogue, own_interventions, past_effects
from retention.interventions.catalogue import (
    ADS,
    KINDS,
    ad_variants,
    capped,
    fitting,
    named,
    settings_of,
    settings_text,
    with_own,
)
from retention.interventions.messages import TEMPLATES
from retention.interventions.order_catalogue import delete_intervention, save_interventions
from retention.interventions.spec import Cost, Effect, Intervention
from retention.interventions.words_catalogue import effect_words, measured_words, origin_words, waiting_words
from retention.periods import date_of
from retention.store import Store
from retention.store.audit import faults
from tests.oracles import DAY_US
from tests.worlds import diary, store_of

COUPON = KINDS["coupon"].usual


@pytest.fixture
def store() -> Iterator[Store]:
    yield store_of(diary("ann: 5 6"), as_of="2026-02-01")


def test_there_are_the_eight_kinds_each_with_its_templates_in_both_languages() -> None:
    assert len(KINDS) == 8
    assert set(TEMPLATES) == set(KINDS)
    assert all(set(told) == {"English", "Chinese"} for told in TEMPLATES.values())


@pytest.mark.parametrize("key", KINDS)
def test_an_effect_of_the_catalogue_is_said_to_be_an_assumption(key: str) -> None:
    kind = KINDS[key]
    assert not kind.usual.effect.is_measured
    assert effect_words(kind.usual).startswith("Assumed: of 100 users who would be lost")
    assert "nobody knows it for your shop without a test" in origin_words(kind.usual, is_own=False)


def test_what_the_owner_saves_stands_beside_the_catalogue_and_before_what_has_its_name(store: Store) -> None:
    dear, letter = replace(COUPON, cost=Cost(contact=1.0)), replace(COUPON, name="Coupon by letter", channel="letter")
    save_interventions(store, (dear, letter))
    found = catalogue(store)
    assert len(found) == 9 and found["Discount coupon"] == dear and found["Coupon by letter"] == letter
    save_interventions(store, (replace(letter, channel="card"),))
    assert [one.channel for one in own_interventions(store)] == ["e-mail", "card"], "one of the same name gives way"
    delete_intervention(store, "Discount coupon")
    assert catalogue(store)["Discount coupon"] == COUPON
    with store.snapshot() as snapshot:
        actions = [action for (action,) in snapshot.rows("select a.action from audit as a order by a.audit_id")]
        assert actions[-4:] == ["save intervention"] * 3 + ["delete intervention"]
        assert faults(snapshot) == []


def test_what_was_never_saved_cannot_be_deleted(store: Store) -> None:
    with pytest.raises(SpecError, match="You have saved no intervention"):
        delete_intervention(store, "Discount coupon")


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60).filter(lambda text: text.strip())
shares = st.floats(0, 1).map(lambda value: round(value, 6))


@given(names, names, st.tuples(shares, shares).map(sorted), st.floats(0, 1e6), st.integers(0, 23) | st.none())
def test_an_intervention_is_read_as_it_was_written(name: str, offer: str, effect: list[float], money: float, hour: int | None) -> None:
    one = Intervention(
        name=name, kind="coupon", channel="e-mail", cost=Cost(contact=money), effect=Effect(low=effect[0], high=effect[1]),
        offer=offer, hour=hour,
    )  # fmt: skip
    assert settings_of(settings_text(one)) == one


def test_ads_are_every_channel_with_every_hour_and_frequency_and_cost_by_how_often_they_are_shown() -> None:
    made = ad_variants(KINDS[ADS].usual, ["search", "video"], [8, 20], [1, 5], 0.1)
    assert {(one.channel, one.hour, one.per_week) for one in made} == {
        (channel, hour, times) for channel in ("search", "video") for hour in (8, 20) for times in (1, 5)
    }
    # Four weeks: once a week is 4 showings of 0.1, five times a week 20.
    assert {(one.per_week, round(one.cost.contact, 10)) for one in made} == {(1, 0.4), (5, 2.0)}
    assert len({one.name for one in made}) == 8


@pytest.mark.parametrize(("channels", "hours"), [([], [8]), (["search"], range(13))])
def test_ads_of_no_kind_or_of_too_many_are_refused(channels: list[str], hours: Any) -> None:
    with pytest.raises(SpecError, match="Ads must be of 1 to 12 kinds"):
        ad_variants(KINDS[ADS].usual, channels, hours, [1], 0.1)


def test_an_intervention_is_found_by_its_name_and_by_its_kind_and_a_slip_is_put_right() -> None:
    known = with_own([replace(COUPON, name="Mine")])
    assert named(known, " mine ").name == "Mine"
    assert named(known, "care").name == "Care message"
    with pytest.raises(SpecError, match="There is no intervention") as caught:
        named(known, "Discount cupon")
    assert "Discount coupon" in caught.value.hint


def test_the_longest_contact_cap_of_the_arms_holds_for_all_of_them() -> None:
    weekly, monthly = KINDS["recommendation"].usual, COUPON  # 7 and 28 days
    users = SavedUsersSpec(audience_id=1)
    assert capped(users, [weekly, monthly]) == SuppressedUsersSpec(users=users, contacted_days=28)
    assert capped(users, [KINDS[ADS].usual]) == users, "ads have no cap"
    asked = SuppressedUsersSpec(users=users, contacted_days=60, is_out_of_campaigns=True)
    assert capped(asked, [weekly, monthly]) == asked, "what was asked for is stricter"
    assert capped(replace(asked, contacted_days=0), [weekly]) == replace(asked, contacted_days=7)


def kept_effect(store: Store, **more: Any) -> None:
    """Write a finding into the archive as it stands there."""
    row = {
        "campaign_id": 3, "campaign": "spring", "arm_key": 1, "arm": "coupon", "intervention": "Discount coupon",
        "metric": "retained within 28 days", "window_days": 28, "effect": 0.021, "standard_error": 0.008, "low": 0.005,
        "high": 0.037, "method": "z", "n_arm": 900, "n_control": 100, "rate_arm": 0.4, "rate_control": 0.379,
        "cost_per_kept": None, "verdict": "higher", "learned": "It works on new users.", "as_of_us": 31 * DAY_US, "made_us": 1,
    } | more  # fmt: skip
    columns = ", ".join(row)
    store.write(lambda tx: tx.run(f"insert into measured_effects ({columns}) values ({', '.join('$' + c for c in row)})", row))


def test_what_a_campaign_measured_can_stand_for_an_assumption_and_names_its_campaign(store: Store) -> None:
    kept_effect(store)
    kept_effect(store, campaign_id=4, campaign="older", as_of_us=DAY_US)
    kept_effect(store, metric="revenue within 28 days", campaign="of money")
    kept_effect(store, intervention="Care message", campaign="of another")
    found = fitting(past_effects(store), replace(COUPON, name="DISCOUNT coupon "))
    assert [one.campaign for one in found] == ["spring", "older"], "the newest first; only of who stays, and of this one"
    effect = found[0].as_effect
    assert (effect.low, effect.high, effect.unit, effect.campaign_id) == (0.005, 0.037, "points", 3)
    assert effect_words(replace(COUPON, effect=effect)).startswith("Measured: of 100 users contacted, 0.5 to 3.7 more stay")
    said = measured_words(found[0], date_of(31))
    assert said == (
        "Measured by “spring” (coupon), read as of 1 February 1970: +2.1 points of the users stay within 28 days, 95 % interval"
        " 0.5 to 3.7."
    )
    assert "assumption" not in origin_words(replace(COUPON, effect=effect), is_own=False)


def test_a_measured_interval_beyond_what_a_share_can_be_is_cut(store: Store) -> None:
    kept_effect(store, low=-1.2, high=0.4)
    [one] = past_effects(store)
    assert (one.as_effect.low, one.as_effect.high) == (-1.0, 0.4)


def test_one_waits_for_whole_days_of_data_until_the_window_has_passed() -> None:
    class Campaign:
        exposed_us, window_days = 100 * DAY_US, 28

    on = date_of(128)
    assert waiting_words(Campaign, 128 * DAY_US, on) == "complete since 9 May 1970"
    assert waiting_words(Campaign, 128 * DAY_US - 1, on) == "complete on 9 May 1970: 1 more day of data"
    assert waiting_words(Campaign, 126 * DAY_US, on) == "complete on 9 May 1970: 2 more days of data"
