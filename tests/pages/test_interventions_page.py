"""The Interventions page: the preview, the budget, messages, assigning with a holdout, and what is said when there is nobody."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from retention.audiences.answer import users_of
from retention.audiences.order import save_audience
from retention.audiences.order_export import export_members
from retention.audiences.spec import AudienceSpec, CampaignUsersSpec
from retention.churn.answer_scores import latest_scoring
from retention.churn.order_registry import train
from retention.churn.order_scores import score
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.churn.spec_list import AtRiskSpec
from retention.churn.words import amount
from retention.experiments.answer_plan import plan
from retention.experiments.spec import PlanSpec
from retention.features.spec import FeatureSpec
from retention.interventions.answer_campaigns import campaigns, groups_of
from retention.interventions.answer_catalogue import own_interventions
from retention.interventions.answer_optimum import laid_out
from retention.interventions.answer_preview import preview
from retention.interventions.catalogue import KINDS, capped
from retention.interventions.spec import Arm
from retention.interventions.spec_preview import Terms
from retention.lifecycle.spec import ActiveUsersSpec, StickinessSpec
from retention.store import Store
from retention.ui import starting
from tests.pages.conftest import Open, texts

QUICK = ChurnSpec(
    lapse=LapseSpec(horizon_days=60, lookback_days=120), model="logistic", features=FeatureSpec(presets=("rfm",)),
    n_backtests=1, step_days=90,
)  # fmt: skip


def copy_of(store: Path, path: Path) -> Path:
    for ending in ("", ".key"):
        shutil.copy(f"{store}{ending}", f"{path}{ending}")
    if Path(f"{store}.models").exists():
        shutil.copytree(f"{store}.models", f"{path}.models")
    return path


@pytest.fixture(scope="module")
def scored_template(sample_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score the small simulated shop."""
    path = copy_of(sample_template, tmp_path_factory.mktemp("scored") / "shop.duckdb")
    with Store.open(path) as store:
        train(store, QUICK)
        score(store)
    return path


@pytest.fixture
def shop(scored_template: Path, tmp_path: Path) -> Path:
    return copy_of(scored_template, tmp_path / "scored.duckdb")


def read(path: Path, question: Callable[..., Any], *asked: Any) -> Any:
    with Store.open(path) as store:
        return question(store, *asked)


def riskiest(path: Path, n: int) -> AtRiskSpec:
    scoring = read(path, latest_scoring)
    return AtRiskSpec(scoring_key=scoring.scoring_key, n=n, columns=())


def metric(at: AppTest, label: str) -> str:
    return next(str(m.value) for m in at.metric if m.label == label)


def pressed(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def said_in_table(at: AppTest, column: str) -> list[Any]:
    return next(frame.value[column].tolist() for frame in at.dataframe if column in frame.value)


# Nobody to choose --------------------------------------------------------------------------------------


def test_with_no_scores_and_no_lists_the_page_says_what_to_do(show: Open, sample: Path) -> None:
    assert "There is nobody to choose yet" in texts(show(sample, "interventions"))
    assert "No campaign has been assigned yet" in texts(show(sample, "interventions", tab="Running"))


def kept(path: Path, name: str) -> int:
    """Keep the users seen in the four weeks to 15 December as a list; how many they are."""
    users = ActiveUsersSpec(stickiness=StickinessSpec(), on=date(2025, 12, 15), window=28)
    return int(read(path, save_audience, AudienceSpec(name=name, users=users)).n_users)


def test_without_scores_a_list_can_be_written_to_but_nothing_is_expected_of_it(show: Open, sample: Path) -> None:
    n = kept(sample, "![x](http://x)")
    assert "Nobody has been scored yet" in texts(show(sample, "interventions"))
    at = show(sample, "interventions", tab="Messages")
    said = texts(at)
    assert f"Of {n:,} users" in said and "![x](http" not in said, "a name is text, no picture"


# The preview -------------------------------------------------------------------------------------------


def test_the_preview_shows_what_the_answer_says_and_that_the_effect_is_assumed(show: Open, shop: Path) -> None:
    users = capped(riskiest(shop, 60), [KINDS["coupon"].usual])  # whom its contact cap forbids is in no figure
    found = read(shop, preview, users, KINDS["coupon"].usual, Terms(holdout=0.2, window_days=60, margin=0.4))
    at = show(shop, "interventions", n="60", holdout="20", window="60", margin="40")
    assert metric(at, "Stay without action") == f"{found.stay.value:,.0f}"
    assert metric(at, "Kept in addition") == f"{found.extra.value:,.0f}"
    assert (metric(at, "Cost"), metric(at, "Net value")) == (amount(found.cost.value), amount(found.net.value))
    said = texts(at)
    assert "nobody knows it for your shop without a test" in said
    assert "Risk alone does not say whom to treat" in said
    assert f"Contacting about {found.n_contacted:,} of them, with about {found.n_held:,} left alone" in said
    assert "the campaign is read after" not in said, "the score is about 60 days, too"


def test_what_is_set_is_reckoned_with_and_can_be_kept_as_ones_own(show: Open, shop: Path) -> None:
    at = show(shop, "interventions", n="60", **{"low.discount_coupon": "30", "high.discount_coupon": "40"})
    assert "of 100 users who would be lost, 35 (30 to 40) stay" in texts(at)
    next(field for field in at.text_input if "my own" in field.label).set_value("Strong coupon")
    at = pressed(at, "Keep")
    assert "“Strong coupon” is in your catalogue now." in texts(at)
    at.run()
    [mine] = read_of(at, own_interventions)
    assert (mine.name, mine.effect.low, mine.effect.high) == ("Strong coupon", 0.3, 0.4)
    at.session_state["interventions_v_do"] = "Strong coupon"
    assert "Your own assumption" in texts(at.run())


def read_of(at: AppTest, question: Callable[..., Any], *asked: Any) -> Any:
    """Ask the store that the app has open."""
    assert not at.exception
    return question(starting.store(), *asked)


def test_what_a_past_campaign_measured_can_be_chosen_and_is_named(show: Open, shop: Path) -> None:
    row = {
        "campaign_id": 7, "campaign": "winter *sale*", "arm_key": 1, "arm": "coupon", "intervention": "Discount coupon",
        "metric": "retained within 28 days", "window_days": 28, "effect": 0.03, "standard_error": 0.01, "low": 0.0104,
        "high": 0.0496, "method": "z", "n_arm": 900, "n_control": 100, "verdict": "higher", "learned": "Best in winter.",
        "as_of_us": 0, "made_us": 0,
    }  # fmt: skip
    with Store.open(shop) as store:
        names = ", ".join(row)
        store.write(lambda tx: tx.run(f"insert into measured_effects ({names}) values ({', '.join('$' + n for n in row)})", row))
    at = show(shop, "interventions", n="60", window="60", **{"effect.discount_coupon": "7"})
    said = texts(at)
    assert "Measured: of 100 users contacted, 1.04 to 4.96 more stay because of it" in said
    assert "read as of 1 January 1970" in said and "Best in winter." in said
    assert "of 100 users contacted, 3 (1.04 to 4.96) stay because of it" in said
    assert "measured over 28 days, and this campaign is read after 60" in said


def test_the_address_restores_the_preview_and_what_it_cannot_mean_is_said(show: Open, shop: Path) -> None:
    at = show(shop, "interventions", n="10", do="Care message", value="same", worth="250")
    assert "Care message" in texts(at) and at.number_input(key="interventions_v_worth").value == 250
    assert "could not be read in full" in texts(show(shop, "interventions", do="Magic"))


# The budget --------------------------------------------------------------------------------------------


def test_the_budget_is_divided_as_the_answer_says(show: Open, shop: Path) -> None:
    arms = tuple(Arm(name=KINDS[key].usual.name, intervention=KINDS[key].usual) for key in ("coupon", "care"))
    users = capped(riskiest(shop, 80), [arm.intervention for arm in arms])
    found = read(shop, laid_out, users, arms, Terms(value=300.0))
    given = found.at(40.0)
    at = show(
        shop, "interventions", tab="Budget", n="80", arms=[arm.name for arm in arms], value="same", worth="300", spend="40"
    )
    counts = said_in_table(at, "Who gets"), said_in_table(at, "Users")
    assert counts[0][:2] == ["Discount coupon", "Care message"]
    assert counts[1] == [*given.n_of_arm, given.n_beyond, given.n_worthless] and sum(counts[1]) == found.people.n_members
    at.slider(key="interventions_v_spend").set_value(1)
    assert "the budget is spent" in texts(at.run())


def test_where_no_arm_is_worth_its_cost_nobody_is_contacted(show: Open, shop: Path) -> None:
    at = show(shop, "interventions", tab="Budget", value="same", worth="0")
    assert "For nobody on this list is any of these arms worth its cost" in texts(at)


# Messages ----------------------------------------------------------------------------------------------


def test_an_unknown_field_is_refused_with_the_known_ones_and_chinese_is_written(show: Open, shop: Path) -> None:
    at = show(shop, "interventions", tab="Messages", n="30", language="Chinese")
    assert len(at.text) == 3 and all("送您一份心意" in element.value for element in at.text)
    at.text_area[0].set_value("Dear {name}")
    at.run()
    assert "cannot fill in {name}" in at.error[0].value and "{favourite_item}" in at.error[0].value
    at.text_area[0].set_value("*You* like {favourite_item}")
    at.text_area[1].set_value("")
    at.run()
    said = [element.value for element in at.text]
    assert not at.error and any(text.startswith("*You* like ") for text in said)
    which = said_in_table(at, "Which")
    assert len(which) == 20 and set(which) <= {"message", "no message"}


# Assigning ---------------------------------------------------------------------------------------------


def assigned(at: AppTest, name: str) -> AppTest:
    at.text_input(key="interventions_name").set_value(name)
    return pressed(at, "Assign")


def show_tab(at: AppTest, tab: str, **controls: str) -> AppTest:
    for name, value in {"tab": tab, **controls}.items():
        at.session_state[f"interventions_v_{name}"] = value
    return at.run()


def test_a_campaign_is_assigned_shown_with_its_groups_exported_and_ended(show: Open, shop: Path) -> None:
    at = show(shop, "interventions", tab="Assign", n="50", arms=["Ad retargeting"], holdout="20")
    assert "Nothing is sent from here" in texts(at)
    at = assigned(at, "spring *ads*")
    assert "is assigned: 50 users are in it, and nothing was sent" in texts(at)
    [one] = read_of(at, campaigns)
    sizes = read_of(at, groups_of, one)["n"].tolist()
    assert sum(sizes) == 50 == one.n_users and one.holdout == 0.2
    spec = CampaignUsersSpec(campaign_id=one.campaign_id)
    rows = list(csv.DictReader(read_of(at, export_members, spec, "csv").decode("utf-8-sig").splitlines()))
    assert [row["holdout"] for row in rows].count("yes") == sizes[0] and len(rows) == read_of(at, users_of, spec).count
    at.session_state["interventions_v_tab"] = "Running"
    at.run()
    assert said_in_table(at, "Group") == ["holdout", "Ad retargeting"]
    assert sizes in [frame.value["Users"].tolist() for frame in at.dataframe if "Users" in frame.value]
    written = show_tab(at, "Messages", who="campaign")
    assert f"Of {sizes[1]} users" in texts(written), "messages can be written to those who get something"
    at.session_state["interventions_v_tab"] = "Running"
    at = pressed(at.run(), "Yes, end it")
    assert "has ended" in texts(at) and not read_of(at, campaigns)[0].is_running


def test_what_it_is_to_find_out_is_kept_with_the_campaign(show: Open, shop: Path) -> None:
    at = show(
        shop, "interventions", tab="Assign", n="50", arms=["Ad retargeting"], holdout="50", window="14", effect="5", base="40"
    )
    wanted = PlanSpec(
        metric="retained within 14 days", baseline=0.4, effect=0.05, holdout=0.5, n_available=50, window_days=14
    )
    found = plan(wanted)
    assert f"It takes {found.n_total:,} users" in texts(at) and "There are only 50 users" in texts(at)
    [one] = read_of(assigned(at, "planned"), campaigns)
    assert one.plan == {**asdict(wanted), "n_total": found.n_total, "n_sequential": found.n_sequential}


def test_who_is_in_a_running_campaign_is_left_out_or_the_assignment_is_refused(show: Open, shop: Path) -> None:
    at = assigned(show(shop, "interventions", tab="Assign", n="50", arms=["Ad retargeting"]), "first")
    assert "nobody is left" in texts(at), "all of them are in the first one now"
    at.checkbox(key="interventions_v_free").uncheck().run()
    at = assigned(at, "second")
    assert "50 of the 50 are in “first”" in at.error[0].value and len(read_of(at, campaigns)) == 1
    at = assigned(at, "first")
    assert 'There is a campaign "first" already' in at.error[0].value


def test_a_budget_assigns_those_whom_it_is_worth_most_for(show: Open, shop: Path) -> None:
    at = show(
        shop, "interventions", tab="Assign", n="80", arms=["Care message"], way="budget", budget="1", value="same", worth="500",
        holdout="0",
    )  # fmt: skip
    assert "with nobody held out the effect stays unknown for good" in texts(at).lower()
    at = assigned(at, "thrifty")
    [one] = read_of(at, campaigns)
    assert one.n_users == 20, "a contact costs 0.05, and each is worth it"


def test_a_campaign_must_have_an_arm_and_a_name(show: Open, shop: Path) -> None:
    at = show(shop, "interventions", tab="Assign")
    at = assigned(at, "  ")
    assert "A campaign must have a name" in at.error[0].value
    at.multiselect(key="interventions_v_arms").set_value([]).run()
    assert "A campaign must have at least one arm" in texts(at)


# The catalogue -----------------------------------------------------------------------------------------


def test_ads_are_put_into_the_catalogue_by_channel_hour_and_frequency_and_can_be_deleted(show: Open, shop: Path) -> None:
    at = show(shop, "interventions", tab="Catalogue")
    assert said_in_table(at, "Intervention") == [kind.usual.name for kind in KINDS.values()]
    at = pressed(at, "Put them into my catalogue")
    assert "8 kinds of ads are in your catalogue now" in texts(at)  # 2 channels, 2 hours, 2 frequencies
    assert len(said_in_table(at, "Intervention")) == 16
    at.session_state["interventions_v_do"] = "Ads: search, 8:00, 1 a week"
    at = pressed(at.run(), "Yes, delete it")
    assert len(read_of(at, own_interventions)) == 7
