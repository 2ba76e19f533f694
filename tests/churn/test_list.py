"""The list of users at risk: slider = count = list = audience = file, each filter by hand, and what nobody knows."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from retention.audiences.answer import users_of
from retention.audiences.order import save_audience
from retention.audiences.order_export import export_members
from retention.audiences.spec import AudienceSpec
from retention.churn import query_list
from retention.churn.answer_list import (
    at_risk_members,
    at_risk_reach,
    at_risk_users,
    at_risk_words,
    known_reachable,
    ranked_sql,
)
from retention.churn.listed import tier_of
from retention.churn.money import Offer
from retention.churn.spec_list import AtRiskSpec
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.store import Store, Transaction
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, store_of

# Day 20 is the cut-off. Scores: bob .9, ann and dee .6, cyd .3, eve .1; dee has brought nothing that is known.
WORLD = """
    ann: 5?plan=paid 12 18T09:00/campaign_sent?opt_in=yes&arm=mail
    bob: 6?opt_in=no 7
    cyd: 5?plan=paid&opt_in=no 19?opt_in=YES
    dee: 13?opt_in=yes 15/campaign_sent?arm=control
    eve: 14?opt_in=yes 16/unsubscribe 2T12:00/subscribe
"""
SCORES = {"ann": (0.6, 80.0), "bob": (0.9, 20.0), "cyd": (0.3, 200.0), "dee": (0.6, None), "eve": (0.1, -5.0)}


def scored_store(world: str = WORLD, scores: dict[str, tuple[float, float | None]] = SCORES) -> Store:
    store = store_of(diary(world), as_of="2026-01-20", activity="visit", user_properties=("plan", "opt_in"))
    keys = keys_of(store)

    def put(tx: Transaction) -> None:
        tx.run(
            "insert into scorings (scoring_key, version, cutoff_day, cutoff_us, property_key, high, medium, last_import,"
            " as_of_us, n_users, mean, intercept, season, made_us) values (1, 1, $day, $us, 0, 0.5, 0.25, 1, $us, $n, 0.5, 0, '', 0)",
            {"day": 20473, "us": 20473 * 86_400_000_000, "n": len(scores)},  # 20 January 2026
        )
        for name, (probability, value) in scores.items():
            tx.run(
                "insert into user_scores values (1, $key, $p, $v)", {"key": keys[name], "p": probability, "v": value}
            )
        for number, (lapsed, probability) in enumerate([(True, 0.8), (False, 0.7), (True, 0.4), (False, 0.2)]):
            tx.run(
                "insert into held_back_scores (version, user_key, lapsed, probability) values (1, $key, $lapsed, $p)",
                {"key": number + 1, "lapsed": lapsed, "p": probability},
            )

    store.write(put)
    return store


def keys_of(store: Store) -> dict[str, int]:
    with store.snapshot() as snapshot:
        return {str(name): int(key) for key, name in snapshot.rows("select i.user_key, i.user_id from identities as i")}


def names(store: Store, spec: AtRiskSpec) -> list[str]:
    by_key = {key: name for name, key in keys_of(store).items()}
    return [by_key[int(key)] for key in at_risk_users(store, spec).users["user_key"]]


@pytest.fixture(scope="module")
def store() -> Store:
    return scored_store()


def test_the_riskiest_come_first_and_ties_by_their_key(store):
    keys = keys_of(store)
    tied = sorted(("ann", "dee"), key=keys.get)
    assert names(store, AtRiskSpec(scoring_key=1)) == ["bob", *tied, "cyd", "eve"]
    assert names(store, AtRiskSpec(scoring_key=1, n=2)) == ["bob", tied[0]]
    assert names(store, AtRiskSpec(scoring_key=1, n=0)) == []
    # A threshold holds whoever has just that much.
    assert names(store, AtRiskSpec(scoring_key=1, threshold=0.6)) == ["bob", *tied]
    assert names(store, AtRiskSpec(scoring_key=1, threshold=0.6, n=2)) == ["bob", tied[0]]


@pytest.mark.parametrize(("asked", "found"), [
    # cyd said no and later YES; bob said no; eve said yes and left on day 16, after she had subscribed on day 2.
    ({"is_reachable_only": True}, {"ann", "cyd", "dee"}),
    # ann was written to on day 18; dee was in the control group, which got nothing.
    ({"not_contacted_days": 2}, {"bob", "cyd", "dee", "eve"}),
    ({"not_contacted_days": 1}, {"ann", "bob", "cyd", "dee", "eve"}),
    # dee's value is not known, eve's is below 0.
    ({"min_value": 20.0}, {"ann", "bob", "cyd"}),
    ({"min_value": 20.5}, {"ann", "cyd"}),
    ({"where": (Condition(name="plan", values=("paid",)),)}, {"ann", "cyd"}),
    ({"where": (Condition(name="plan", values=("paid",)),), "is_reachable_only": True, "not_contacted_days": 7}, {"cyd"}),
])  # fmt: skip
def test_filters_leave_out_whom_the_hand_leaves_out(store, asked, found):
    assert set(names(store, AtRiskSpec(scoring_key=1, **asked))) == found


@pytest.mark.parametrize("asked", [
    {"n": 3}, {"threshold": 0.6}, {"n": 4, "min_value": 1.0, "not_contacted_days": 30}, {"is_reachable_only": True}, {"n": 0},
])  # fmt: skip
def test_slider_count_list_audience_and_file_are_one_number(asked):
    store = scored_store()
    spec = AtRiskSpec(scoring_key=1, columns=("probability", "tier"), **asked)
    reach = at_risk_reach(store, spec)
    slider = reach.n_users if spec.n is None and spec.threshold is None else (
        reach.n_from(spec.threshold) if spec.threshold is not None else reach.within(spec.n)
    )  # fmt: skip
    found = at_risk_users(store, spec)
    rows = list(csv.DictReader(export_members(store, spec, "csv").decode("utf-8-sig").splitlines()))
    saved = save_audience(store, AudienceSpec(name="Risky", users=spec))
    assert slider == found.count == len(found.users) == users_of(store, spec).count == saved.n_users == len(rows)
    assert found.n_candidates == reach.n_users and found.n_scored == 5
    # The order is the list's, and the chosen columns are there and no others.
    assert [row["pseudonym"] for row in rows] == found.users["pseudonym"].tolist() == found.shown["pseudonym"].tolist()
    assert not rows or list(rows[0]) == ["pseudonym", "probability", "tier", "campaign", "arm", "holdout", "reason"]
    with store.snapshot() as snapshot:
        actions = [action for (action,) in snapshot.rows("select a.action from audit as a order by a.audit_id")]
        ((question,),) = snapshot.rows("select a.question from audiences as a")
    assert actions[-2:] == ["export users", "save audience"]
    assert json.loads(question)["kind"] == "AtRiskSpec" and json.loads(question)["settings"]["scoring_key"] == 1


def test_the_file_can_carry_the_ids_of_the_file_they_came_in(store):
    spec = AtRiskSpec(scoring_key=1, n=1, columns=("probability",))
    rows = list(csv.DictReader(export_members(store, spec, "csv", "file ids").decode("utf-8-sig").splitlines()))
    assert [row["user_id"] for row in rows] == ["bob"] and float(rows[0]["probability"]) == 0.9


def test_the_list_shows_what_is_known_and_nothing_else(store):
    every = ("probability", "percentile", "tier", "days_since_last", "value", "value_at_risk", "first_seen", "events")
    shown = at_risk_users(store, AtRiskSpec(scoring_key=1, columns=every)).shown
    assert list(shown) == ["pseudonym", *every]
    by_name = dict(zip(names(store, AtRiskSpec(scoring_key=1)), shown.to_dict("records"), strict=True))
    bob, cyd, dee, eve = (by_name[name] for name in ("bob", "cyd", "dee", "eve"))
    # bob: last seen on day 7; looked at up to day 19. Four of five are less at risk: 80 %.
    assert (bob["days_since_last"], bob["percentile"], bob["tier"]) == (12, 80, "high risk")
    assert bob["value_at_risk"] == pytest.approx(18.0) and bob["first_seen"].startswith("2026-01-06T12:00")
    # cyd: active on the last day. The campaign's mail to ann on day 18 is no activity of hers: day 12 was.
    assert (cyd["days_since_last"], cyd["percentile"], cyd["tier"]) == (0, 20, "medium risk")
    assert by_name["ann"]["days_since_last"] == 7 and by_name["ann"]["percentile"] == dee["percentile"] == 40
    # What is not known stays empty; money that was given back is no value at risk.
    assert np.isnan(dee["value"]) and np.isnan(dee["value_at_risk"])
    assert (eve["value"], eve["value_at_risk"], eve["tier"]) == (-5.0, 0.0, "low risk")


def test_the_slider_goes_over_the_users_who_pass_the_filters(store):
    reach = at_risk_reach(store, AtRiskSpec(scoring_key=1, n=1, threshold=0.9, min_value=20.0))
    assert reach.probability.tolist() == [0.9, 0.6, 0.3] and reach.n_valued == 3
    point = reach.at(2, Offer(contact_cost=1, incentive=0))
    assert point.caught.value == pytest.approx(1.5) and point.at_risk.value == pytest.approx(18 + 48)
    # Two of three are two thirds; of the four held back that is 2.67 users: lapsed, stayed, and .67 of one who lapsed.
    assert point.seen_precision.value == pytest.approx((1 + 2 / 3) / (8 / 3))
    assert not reach.is_error_known  # two who lapsed say nothing of the calibration


def test_what_the_store_does_not_know_is_said_and_not_guessed():
    plain = scored_store("ann: 5 12\n bob: 6", {"ann": (0.2, None), "bob": (0.5, None)})
    known = known_reachable(plain)
    assert not known.is_known and known.contacts == ()
    with pytest.raises(SpecError, match="does not know whom one may write to"):
        at_risk_users(plain, AtRiskSpec(scoring_key=1, is_reachable_only=True))
    with pytest.raises(SpecError, match="no contacts by campaigns"):
        at_risk_users(plain, AtRiskSpec(scoring_key=1, not_contacted_days=3))
    with pytest.raises(SpecError, match="not there any more"):
        at_risk_users(plain, AtRiskSpec(scoring_key=7))
    with pytest.raises(SpecError, match='cannot show "segment:None"'):
        at_risk_users(plain, AtRiskSpec(scoring_key=1, columns=("segment:None",)))


def test_what_tells_whom_one_may_write_to_is_named(store):
    known = known_reachable(store)
    assert (known.opt_in, known.opt_out, known.left) == ("opt_in", None, ("unsubscribe",))
    assert known.came_back == ("subscribe",) and known.contacts == ("campaign_sent",) and known.arm == "arm"
    assert known.words == "the property “opt_in” and the event “unsubscribe”"


def test_the_definition_says_who_they_are_and_never_whom_to_target(store):
    spec = AtRiskSpec(
        scoring_key=1, n=500, threshold=0.35, min_value=20, is_reachable_only=True, not_contacted_days=14,
        where=(Condition(name="plan", values=("paid",)),),
    )  # fmt: skip
    said = at_risk_words(spec, store.catalogue())
    assert said.startswith("The 500 riskiest users with a risk of lapsing of at least 35 %, with plan=paid, worth at least 20")
    assert "no campaign wrote to in the last 14 days" in said and "which does not say whom a contact would keep" in said
    assert at_risk_words(AtRiskSpec(scoring_key=1), store.catalogue()).startswith("All scored users")


def test_every_select_is_portable(store):
    spec = AtRiskSpec(scoring_key=1, n=9, threshold=0.1, min_value=1, is_reachable_only=True, not_contacted_days=3,
                      where=(Condition(name="plan", values=("paid",)),))  # fmt: skip
    with store.snapshot() as snapshot:
        ranked = ranked_sql(snapshot, spec)
        for sql in (ranked, at_risk_members(snapshot, spec), query_list.count(ranked), query_list.rows(ranked, 20473, [], 5),
                    query_list.scoring(1), query_list.probabilities(1), query_list.held_back(1)):  # fmt: skip
            assert portability_faults(sql.text) == []


@pytest.mark.parametrize(("asked", "said"), [
    ({"n": -1}, "`n` must be 0 or more"), ({"threshold": 1.2}, "`threshold` must be a probability"),
    ({"not_contacted_days": 400}, "`not_contacted_days` must be from 0 to 365"), ({"columns": ("tier", "tier")}, "named once"),
])  # fmt: skip
def test_a_list_out_of_range_is_refused(asked, said):
    with pytest.raises(SpecError, match=said):
        AtRiskSpec(scoring_key=1, **asked)


def test_tiers_begin_at_their_threshold():
    assert tier_of([0.5, 0.49, 0.25, 0.2], 0.5, 0.25) == ["high risk", "medium risk", "medium risk", "low risk"]
