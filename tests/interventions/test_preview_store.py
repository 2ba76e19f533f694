"""The preview and the budget from a store: who is in the figures, what an assignment gives out, and the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from retention.churn.reach import calibration_error
from retention.churn.spec_list import AtRiskSpec
from retention.cli import main
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError
from retention.interventions.answer_campaigns import groups_of
from retention.interventions.answer_catalogue import past_effects
from retention.interventions.answer_optimum import laid_out
from retention.interventions.answer_preview import people, preview
from retention.interventions.assignment import draws
from retention.interventions.order_assign import assign
from retention.interventions.people import people_of
from retention.interventions.spec import Arm, CampaignSpec, Cost, Effect, Intervention
from retention.interventions.spec_preview import Terms
from retention.interventions.words_preview import budget_sentences, cautions, detection_words, preview_sentences
from retention.store import Store
from retention.store.check import faults
from tests.rows import import_rows
from tests.worlds import fresh_path, instant

N, N_SCORED = 40, 30
EVERYBODY = CellSpec(cohorts=CohortSpec(period="week"), cohort=date(2026, 1, 5), age=0)
TERMS = Terms(holdout=0.0)


def scores() -> list[tuple[float, float | None]]:
    """Users u00 to u29: a risk that rises, and a value of 0, 20, 40, 60, 80 in turn; every tenth without an order."""
    return [((i + 1) / 40, None if i % 10 == 9 else 20.0 * (i % 5)) for i in range(N_SCORED)]


@pytest.fixture(scope="module")
def template() -> Path:
    """Forty users who came twice in the first week, thirty of whom were scored by hand."""
    rows = [{"user": f"u{i:02d}", "time": f"2026-01-0{day}", "event": "visit"} for i in range(N) for day in (5, 6)]
    path = fresh_path()
    with Store.create_or_open(path) as made:
        import_rows(made, rows, complete_to_us=instant("2026-02-10"))

        def score(tx: Any) -> None:
            as_of_us = tx.catalogue.require_clock().as_of_us
            tx.run(
                "insert into scorings values (1, 1, 20000, $us, 0, 0.66, 0.33, 0, '', 1, $us, 30, 0.4, $us)", {"us": as_of_us}
            )
            keys = [key for (key,) in tx.rows("select i.user_key from identities as i order by i.user_id")]
            for key, (p, value) in zip(keys, scores(), strict=False):
                tx.run("insert into user_scores values (1, $key, $p, $value)", {"key": key, "p": p, "value": value})
            for i in range(100):
                tx.run(
                    "insert into held_back_scores values (1, $i, $lapsed, $p, null, null, null)",
                    {"i": i, "lapsed": i % 3 == 0, "p": 0.2 + 0.004 * i},
                )

        made.write(score)
    return path


@pytest.fixture
def path(template: Path) -> Path:
    """A copy of it."""
    made = fresh_path()
    for ending in ("", ".key"):
        shutil.copy(f"{template}{ending}", f"{made}{ending}")
    return made


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """The copy, open."""
    with Store.open(path) as made:
        yield made


def arm(name: str, contact: float, rate: float, incentive: float = 0.0) -> Arm:
    return Arm(name=name, intervention=Intervention(
        name=name, kind="coupon", channel="e-mail", cost=Cost(contact=contact, incentive=incentive),
        effect=Effect(low=rate, high=rate)))  # fmt: skip


def user_ids(store: Store) -> dict[int, str]:
    with store.snapshot() as snapshot:
        return dict(snapshot.rows("select i.user_key, i.user_id from identities as i"))


def test_those_without_a_score_are_counted_and_left_out(store):
    found = people(store, EVERYBODY)
    assert (found.n_members, found.n_users, found.n_unscored, found.n_valued) == (40, 30, 10, 27)
    ids = user_ids(store)
    assert [ids[int(key)] for key in found.user_keys] == [f"u{i:02d}" for i in range(30)], "the risk rises with the name"
    assert found.probability.tolist() == [p for p, _ in scores()]
    assert [None if isnan(v) else v for v in found.value] == [v for _, v in scores()]
    told = calibration_error([i % 3 == 0 for i in range(100)], [0.2 + 0.004 * i for i in range(100)])
    assert found.error.tolist() == told.tolist() and found.is_error_known and found.is_current
    riskiest = people(store, AtRiskSpec(scoring_key=1, n=3))
    assert riskiest.probability.tolist() == [28 / 40, 29 / 40, 30 / 40] and riskiest.n_members == 3


def test_without_scores_there_is_no_preview_and_it_says_what_to_do(store):
    store.write(lambda tx: tx.run("delete from scorings"))
    with pytest.raises(SpecError, match="Nobody has been scored yet"):
        people(store, EVERYBODY)


def test_the_preview_of_a_list_says_what_it_leaves_out(store):
    found = preview(store, EVERYBODY, arm("coupon", 1.0, 0.2, 5.0).intervention, Terms(holdout=0.2))
    # Risks of 1/40 … 30/40 sum up to 11.625; of thirty users 18.375 stay.
    assert found.stay.value == pytest.approx(18.375) and found.extra.value == pytest.approx(0.8 * 0.2 * 11.625)
    assert (found.n_contacted, found.n_held) == (24, 6)
    said = " ".join([*preview_sentences(found), detection_words(found), *cautions(found)])
    for words in (
        "18 (", "of the 30 users are expected to stay", "Contacting about 24 of them, with about 6 left alone",
        "10 of the 40 users on the list have no score", "The value of 3 users is not known",
        "of 100 users who would be lost, 20 (20 to 20) stay because of it", "users who would have stayed anyway",
    ):  # fmt: skip
        assert words in said, words


def test_an_effect_from_the_archive_is_taken_with_its_standard_error_and_its_window_is_compared(store):
    store.write(lambda tx: tx.run(
        "insert into measured_effects values (7, 'spring', 1, 'coupon', 'coupon', 'retained within 14 days', 14, 0.05, 0.01, 0.028,"
        " 0.071,"
        " 'Newcombe', 500, 100, 0.6, 0.55, null, 'higher', '', 0, 0)"))  # fmt: skip
    (past,) = past_effects(store)
    one = Intervention(name="coupon", kind="coupon", channel="e-mail", cost=Cost(), effect=past.as_effect)
    found = preview(store, EVERYBODY, one, TERMS)
    assert found.unit == "points" and found.effect.value == 0.05
    assert found.effect.high - found.effect.value == pytest.approx(1.959963984540054 * 0.01)
    assert found.extra.value == pytest.approx(0.05 * 30)
    assert any("measured over 14 days, and this campaign is read after 28" in text for text in cautions(found, past))


def test_scores_of_older_data_are_said_to_be_old(store):
    import_rows(store, [{"user": "u00", "time": "2026-02-11", "event": "visit"}])
    assert any("score again" in text for text in cautions(preview(store, EVERYBODY, arm("a", 0, 0.1).intervention, TERMS)))


def test_sentences_for_what_cannot_be_said():
    one = arm("coupon", 1.0, 0.2).intervention
    from retention.interventions.model_preview import previewed

    nobody = preview_sentences(previewed(people_of([], [], []), one, Terms()))
    assert nobody == ["Nobody is on this list: choose another one, or leave fewer users out."]
    unscored = preview_sentences(previewed(people_of([], [], [], n_members=7), one, Terms()))
    assert len(unscored) == 1 and unscored[0].startswith("None of the 7 users on this list has a score")
    unvalued = previewed(people_of([1, 2], [0.5, 0.5], [float("nan")] * 2), one, Terms(holdout=0.0))
    assert any("no order of these users is known" in text for text in preview_sentences(unvalued))
    assert "will never be known" in detection_words(unvalued)
    few = previewed(people_of([1, 2], [0.5, 0.5], [10.0, 10.0]), one, Terms(holdout=0.5))
    assert "there are too few users" in detection_words(few)


# Assigning within a budget ----------------------------------------------------------------------------


def rows_of(store: Store) -> dict[str, tuple[int, float]]:
    with store.snapshot() as snapshot:
        found = snapshot.rows(
            "select i.user_id, e.arm_key, e.propensity from exposures as e join identities as i on i.user_key = e.user_key"
        )
    return {user: (arm_key, propensity) for user, arm_key, propensity in found}


def test_a_campaign_with_a_budget_gives_each_user_what_is_worth_most_and_holds_out_by_lot(store):
    arms = (arm("note", 0.5, 0.1), arm("call", 6.0, 0.5))
    best = laid_out(store, EVERYBODY, arms, Terms(holdout=0.3))
    ids = user_ids(store)
    meant = {ids[key]: arm_key for key, arm_key in best.rows(40.0).itertuples(index=False)}
    campaign = assign(store, CampaignSpec(name="spring", users=EVERYBODY, arms=arms, holdout=0.3, budget=40.0))
    given = rows_of(store)
    assert 0 < len(given) < N_SCORED and set(given) == set(meant), "nobody without an arm is in the campaign"
    held = dict(zip(sorted(meant), draws(campaign.hash_key, "spring", sorted(meant))[:, 0] < 0.3, strict=True))
    for user, (arm_key, propensity) in given.items():
        assert (arm_key, propensity) == ((0, 0.3) if held[user] else (meant[user], 0.7)), user
    assert campaign.n_users == len(meant) == groups_of(store, campaign)["n"].sum()
    assert faults(store) == []
    assert campaign.is_by_budget and campaign.plan == {"budget": 40.0, "margin": 1.0, "value": None}
    # By hand, 0.7 being contacted: what the chosen cost is within the budget.
    costs = {1: 0.5, 2: 6.0}
    assert sum(0.7 * costs[arm_key] for arm_key in meant.values()) <= 40.0


@pytest.mark.parametrize(("arms", "budget", "said"), [
    ((arm("gold", 500.0, 0.2),), 100.0, "An arm must be worth its cost for somebody on this list, and none is"),
    ((arm("call", 6.0, 0.5),), 0.5, "The budget must pay for at least one user, and 0.50 does not"),
])  # fmt: skip
def test_a_budget_that_buys_nothing_assigns_nothing(store, arms, budget, said):
    with pytest.raises(SpecError, match=said):
        assign(store, CampaignSpec(name="spring", users=EVERYBODY, arms=arms, budget=budget))
    assert rows_of(store) == {}


def test_one_value_for_all_and_the_margin_reach_the_assignment(store):
    # Of u00 the risk is 1/40: worth 1,000 at a margin of 0.1, half of it kept is 1.25, more than the 1.0 of a contact.
    spec = CampaignSpec(
        name="spring", users=EVERYBODY, arms=(arm("a", 1.0, 0.5),), holdout=0.0, budget=1e6, value=1000.0, margin=0.1
    )
    with pytest.raises(SpecError, match="`margin` must be a share"):
        assign(store, replace(spec, margin=2.0))
    assign(store, spec)
    assert len(rows_of(store)) == N_SCORED


def test_sentences_of_a_budget_say_who_gets_what_and_where_it_stops_paying(store):
    found = laid_out(store, EVERYBODY, (arm("note", 0.5, 0.1), arm("call", 6.0, 0.5)), TERMS)
    little, much = (" ".join(budget_sentences(found, found.at(budget))) for budget in (10.0, 1e6))
    assert "more would be worth an arm, but the budget is spent" in little and "more stops paying at" in little
    assert "get nothing, for no arm is worth its cost" in much and "brings nothing" in much
    none = laid_out(store, EVERYBODY, (arm("gold", 500.0, 0.2),), TERMS)
    assert budget_sentences(none, none.at(5.0)) == [
        "For nobody on this list is any of these arms worth its cost, so nobody should be contacted."
    ]


# The command line -------------------------------------------------------------------------------------


def asked(path: Path, capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main([*argv, "--store", str(path), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_the_command_line_previews_as_the_page_does(path, capsys):
    argv = ("preview", "--riskiest", "20", "--do", "coupon", "--effect", "0.1,0.3", "--contact-cost", "1", "--holdout", "0.25")
    told = asked(path, capsys, *argv)
    one = Intervention(
        name="Discount coupon", kind="coupon", channel="e-mail", cost=Cost(contact=1.0, incentive=5.0, redemption=0.6),
        effect=Effect(low=0.1, high=0.3),
    )  # fmt: skip
    with Store.open(path) as store:
        found = preview(store, AtRiskSpec(scoring_key=1, n=20), one, Terms(holdout=0.25))
    assert told["as_of"] == "2026-02-10T00:00:00Z" and told["n_members"] == 20 and told["n_held"] == 5
    for name in ("stay", "extra", "cost", "wasted", "value_kept", "net"):
        assert told[name]["value"] == pytest.approx(getattr(found, name).value), name
    assert told["break_even"] == (None if isnan(found.break_even) else pytest.approx(found.break_even))
    assert told["sentences"][:1] == preview_sentences(found)[:1] and len(told["curve"]) > 50
    assert main([*argv, "--store", str(path)]) == 0
    assert "Risk alone does not say whom to treat" in capsys.readouterr().out


def test_the_command_line_divides_a_budget(path, capsys):
    told = asked(path, capsys, "optimise", "--riskiest", "30", "--arm", "care", "--arm", "coupon", "--budget", "20")
    assert [one["arm"] for one in told["arms"]] == ["Care message", "Discount coupon"]
    assert sum(one["n"] for one in told["arms"]) + told["n_worthless"] + told["n_beyond"] == told["n_users"] == 30
    assert 0 < told["cost"] <= 20 and 0 <= told["gap"] < 1 and told["net"] <= told["bound"]


@pytest.mark.parametrize(("argv", "said"), [
    (("optimise", "--riskiest", "9", "--arm", "care", "--budget", "0"), "without money nobody is contacted"),
    (("optimise", "--riskiest", "9", "--budget", "9"), "at least one arm"),
    (("optimise", "--riskiest", "0", "--arm", "care", "--budget", "9"), "nobody on this list has a score"),
    (("preview", "--riskiest", "9", "--do", "magic"), 'no intervention "magic"'),
    (("preview", "--riskiest", "9", "--do", "care", "--margin", "0"), "`margin` must be a share"),
])  # fmt: skip
def test_the_command_line_refuses_with_a_sentence(path, capsys, argv, said):
    assert main([*argv, "--store", str(path)]) == 2
    assert said in capsys.readouterr().err
