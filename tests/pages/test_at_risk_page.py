"""The At risk page: scoring on demand, the slider with its list, tiers, and what is said when something does not fit."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from retention.audiences.order_export import export_members
from retention.churn.answer_defaults import lapse_defaults
from retention.churn.answer_scores import latest_scoring, scored
from retention.churn.order_registry import train
from retention.churn.order_scores import score
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.churn.spec_list import AtRiskSpec
from retention.features.spec import FeatureSpec
from retention.store import Store
from retention.store.order import change_setting
from retention.ui import starting
from tests.pages.conftest import Open, texts

QUICK = ChurnSpec(
    lapse=LapseSpec(horizon_days=60, lookback_days=120), model="logistic", features=FeatureSpec(presets=("rfm",)),
    n_backtests=1, step_days=90,
)  # fmt: skip
ASKED = {"horizon": "60", "lookback": "120", "model": "logistic", "features": "rfm", "cutoffs": "1", "step": "90"}


@pytest.fixture(scope="module")
def scored_template(sample_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score the small simulated shop."""
    path = tmp_path_factory.mktemp("scored") / "shop.duckdb"
    copy_of(sample_template, path)
    with Store.open(path) as store:
        train(store, QUICK)
        score(store)
    return path


def copy_of(store: Path, path: Path) -> None:
    shutil.copy(store, path)
    shutil.copy(store.with_name(store.name + ".key"), path.with_name(path.name + ".key"))
    models = store.with_name(store.name + ".models")
    if models.exists():
        shutil.copytree(models, path.with_name(path.name + ".models"))


@pytest.fixture
def shop(scored_template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "scored.duckdb"
    copy_of(scored_template, path)
    return path


def metric(at: AppTest, label: str) -> str:
    return next(str(m.value) for m in at.metric if m.label == label)


def risks(path: Path) -> np.ndarray:
    """Read the probabilities, the riskiest first."""
    with Store.open(path) as store:
        return np.sort(scored(store).probability)[::-1]


def read(path: Path, question: Callable[..., Any], *asked: Any) -> Any:
    with Store.open(path) as store:
        return question(store, *asked)


def test_before_anything_is_scored_the_page_suggests_what_fits_the_data(show: Open, sample: Path):
    suggested = read(sample, lapse_defaults)
    at = show(sample, page="at_risk")
    said = texts(at)
    assert "Nobody has been scored yet" in said and suggested.why[1:] in said
    numbers = {n.label: n.value for n in at.number_input}
    assert numbers["Lapsed: so many days silent"] == suggested.spec.horizon_days
    assert numbers["Who counts: active in the last days"] == suggested.spec.lookback_days
    assert not [b for b in at.button if b.key == "at_risk_again"]


def test_score_teaches_and_scores_and_the_same_spec_stays_on_the_page(show: Open, sample: Path):
    at = show(sample, page="at_risk", **ASKED)
    at.button(key="at_risk_score").click().run(timeout=120)
    assert not at.exception
    said = texts(at)
    assert "Scored:" in said and "is in service now" not in said and "other settings" not in said
    # The base rate, the number of users and the age stand beside the verdict.
    at.run()
    assert metric(at, "Users scored") == f"{latest_scoring(starting.store()).n_users:,}" and metric(at, "Lapsed when last known")
    assert "what happened on that day or later was not looked at" in said
    # The page never tells whom to target.
    assert "risk is not persuadability" in said and "target" not in said.lower()


def test_the_slider_the_list_and_the_file_have_the_same_number(show: Open, shop: Path):
    p = risks(shop)
    at = show(shop, page="at_risk", n="25")
    assert metric(at, "Users contacted") == "25" and "25 users: the riskiest" in texts(at)
    expected = float(p[:25].sum())
    assert metric(at, "Would lapse") == f"{expected:,.0f}" and metric(at, "Bothered without need") == f"{25 - expected:,.0f}"
    at.slider(key="at_risk_v_n").set_value(7).run()
    assert metric(at, "Users contacted") == "7" and "7 users: the riskiest" in texts(at)
    assert list(at.query_params["n"]) == ["7"]
    rows = export_members(starting.store(), AtRiskSpec(scoring_key=1, n=7), "csv").decode("utf-8-sig").splitlines()
    assert len(list(csv.DictReader(rows))) == 7


@pytest.mark.parametrize("address", [
    {"end": "risk", "risk": "30"}, {"end": "budget", "budget": "55", "contact": "3", "incentive": "0"},
    {"end": "profit", "value": "same", "worth": "500", "incentive": "1"},
])  # fmt: skip
def test_the_list_ends_by_risk_by_budget_or_by_profit(show: Open, shop: Path, address: dict[str, str]):
    p = risks(shop)
    at = show(shop, page="at_risk", **address)
    n = int(metric(at, "Users contacted").replace(",", ""))
    if address["end"] == "risk":
        assert n == (p >= 0.3).sum() > 0
    elif address["end"] == "budget":
        assert n == 55 // 3
    else:
        # A saved user is worth 500 and the rest costs 2 at most: everybody whose risk is more than about 2 / (0.3 · 500).
        assert n >= (p > 0.05).sum()
        assert "expected maximum profit, EMP" in texts(at)
    assert f"{n:,} user" in texts(at).partition("Who are the ")[2] or n == 1
    assert f"**Export {n:,} user" in texts(at)


def test_other_settings_than_those_of_the_scores_are_said(show: Open, shop: Path):
    assert "other settings" not in texts(show(shop, page="at_risk"))
    at = show(shop, page="at_risk", horizon="45", model="recency")
    assert "horizon 45 days (now 60)" in texts(at) and "days since the last visit (now logistic regression)" in texts(at)


def test_scores_say_that_the_data_have_changed_since(show: Open, shop: Path):
    read(shop, change_setting, "settling_delay", "2d")
    at = show(shop, page="at_risk")
    assert "The data have changed since, and now reach" in texts(at) and "Score again to bring them up to date" in texts(at)
    at.button(key="at_risk_again").click().run(timeout=60)
    assert "Scored again:" in texts(at) and "The data have changed since" not in texts(at)


def test_moved_bounds_move_the_tiers(show: Open, shop: Path):
    p = risks(shop)
    at = show(shop, page="at_risk")
    at.number_input(key="at_risk_medium_1").set_value(10)
    at.number_input(key="at_risk_high_1").set_value(25)
    next(b for b in at.button if b.label == "Move").click()
    at.run()
    n_high, n_low = int((p >= 0.25).sum()), int((p < 0.1).sum())
    said = texts(at)
    assert f"**{n_high:,} users are at high risk**" in said and f"{n_low:,} at low risk" in said
    # Nonsense is refused where it was asked.
    at.number_input(key="at_risk_medium_1").set_value(40)
    next(b for b in at.button if b.label == "Move").click()
    assert "The bounds of the tiers must be" in texts(at.run())


def test_a_model_whose_files_are_gone_leaves_the_scores(show: Open, shop: Path):
    shutil.rmtree(shop.with_name(shop.name + ".models"))
    at = show(shop, page="at_risk", n="5")
    assert metric(at, "Users contacted") == "5" and "is not in" in texts(at)


def test_columns_are_chosen_and_those_of_labels_are_there(show: Open, shop: Path):
    at = show(shop, page="at_risk", n="3", columns=["tier", "last_seen"])
    table = next(frame.value for frame in at.dataframe if "User (pseudonym)" in frame.value)
    assert list(table) == ["User (pseudonym)", "Tier", "Last seen"] and len(table) == 3


def test_an_address_that_cannot_be_read_is_said(show: Open, shop: Path):
    at = show(shop, page="at_risk", n="many", contact="-4")
    assert "“n” must be a whole number" in texts(at) and "“contact” must be a number" in texts(at)


def test_data_too_short_to_learn_from_are_said_and_nothing_changes(show: Open, shop: Path):
    at = show(shop, page="at_risk", horizon="400")
    at.button(key="at_risk_score").click().run(timeout=60)
    assert "The data must reach back" in texts(at) and metric(at, "Users scored") != "–"


def test_the_list_keeps_to_the_filters_of_every_page(show: Open, shop: Path):
    at = show(shop, page="at_risk", where="risk=high risk", end="risk", risk="0")
    p = risks_of_open()
    assert metric(at, "Users contacted") == f"{(p >= 2 / 3).sum():,}"
    at = show_again(at, quiet="365")
    assert int(metric(at, "Users contacted").replace(",", "")) <= (p >= 2 / 3).sum()


def risks_of_open() -> np.ndarray:
    return scored(starting.store()).probability


def show_again(at: AppTest, **numbers: str) -> AppTest:
    for name, value in numbers.items():
        at.number_input(key=f"at_risk_v_{name}").set_value(int(value))
    return at.run()


def test_some_users_and_events_can_be_learned_from(show: Open, shop: Path):
    at = show(shop, page="at_risk", among="channel", among_is="email", events="purchase")
    said = texts(at)
    assert "other events that keep a user, other users" in said and "with channel=email" in said
    assert "no purchase within" in said and "Your data suggest" in said
