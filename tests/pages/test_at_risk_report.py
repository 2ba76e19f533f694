"""The tabs “Can I trust it?” and “Models”: what they say of a version, and what can be done with versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.churn.answer_registry import held_back, models, serving
from retention.churn.judgement import at_threshold
from retention.churn.order_registry import train
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.features.spec import FeatureSpec
from retention.store import Store
from tests.pages.conftest import texts
from tests.pages.test_at_risk_page import copy_of

Open = Callable[..., AppTest]
TRUST = "Can I trust it?"
SPEC = ChurnSpec(
    lapse=LapseSpec(horizon_days=60, lookback_days=120), model="logistic", features=FeatureSpec(presets=("rfm",)), n_backtests=2,
    step_days=90,
)  # fmt: skip


@pytest.fixture(scope="module")
def two_versions(sample_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two versions on the small simulated shop; the second reads a feature more, and scores."""
    path = tmp_path_factory.mktemp("versions") / "shop.duckdb"
    copy_of(sample_template, path)
    with Store.open(path) as store:
        train(store, SPEC)
        train(store, replace(SPEC, features=FeatureSpec(presets=("rfm",), names=("active_days_30",))))
    return path


@pytest.fixture
def shop(two_versions: Path, tmp_path: Path) -> Path:
    path = tmp_path / "versions.duckdb"
    copy_of(two_versions, path)
    return path


def table(at: AppTest, column: str):
    """Return the table that has a column of that name."""
    return next(t.value for t in at.dataframe if column in t.value.columns)


def press(at: AppTest, label: str) -> AppTest:
    next(b for b in at.button if b.label == label).click()
    return at.run()


def test_without_a_model_both_tabs_say_what_to_do(show: Open, sample: Path) -> None:
    for tab in (TRUST, "Models"):
        at = show(sample, "at_risk", tab=tab)
        assert "No model has been trained yet." in at.info[0].value


def test_the_report_says_on_whom_it_was_judged_before_any_figure(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        card, held = serving(store), held_back(store, 2)
    at = show(shop, "at_risk", tab=TRUST)
    said = texts(at)
    assert card.sentence.split(":")[0] in said
    assert f"Judged on {held.n_users:,} users as of" in said and f"{int(held.lapsed.sum()):,} of them" in said
    assert "no activity within 60 days, counted from 7 days after the cut-off" in said
    figures = table(at, "Figure").set_index("Figure")
    auc = next(t for t in card.report["trials"] if t["model"] == card.name and t["test_day"] == card.held_back_day)["figures"]["auc"]
    assert figures.loc["ROC AUC", "Logistic regression (this score)"] == f"{auc[0]:.3f} ({auc[1]:.3f} to {auc[2]:.3f})"
    assert "Days since the last visit" in figures.columns and figures.loc["Ahead by (ROC AUC)"].iloc[0] == ""
    assert len(at.get("plotly_chart")) == 3  # gains, calibration, thresholds: only the open tab is drawn
    assert "target" not in said.lower()


def test_a_threshold_is_counted_on_the_users_held_back(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        held = held_back(store, 2)
    choice = at_threshold(held.lapsed, held.probability, 0.4)
    at = show(shop, "at_risk", tab=TRUST, at="40")
    assert f"From 40 % on, {choice.n:,} of {held.n_users:,} users are chosen." in texts(at)
    assert {m.label: m.value for m in at.metric}["Recall"] == f"{choice.recall.value * 100:.1f} %"
    wrong = show(shop, "at_risk", tab=TRUST, at="140")
    assert "“at” must be a whole number from 1 to 99, not “140”." in wrong.warning[0].value


@pytest.mark.parametrize(("look", "sentence", "column"), [
    ("Over time", "At 2 cut-offs its ROC AUC lies between", None),
    ("All models", "Logistic regression was asked for.", "Seconds to train"),
    ("Drift", "The population stability index (PSI)", None),
])  # fmt: skip
def test_each_closer_look_says_its_finding_and_draws_it(show: Open, shop: Path, look: str, sentence: str, column: str | None) -> None:
    at = show(shop, "at_risk", tab=TRUST, look=look)
    assert sentence in texts(at)
    assert len(at.get("plotly_chart")) == 3
    if column:
        assert set(table(at, column)["Model"]) >= {"Logistic regression (taken)", "Days since the last visit"}


def test_groups_are_asked_for_and_small_ones_stay_hidden(show: Open, shop: Path) -> None:
    assert "Choose what divides the users" in texts(show(shop, "at_risk", tab=TRUST, look="Groups of users"))
    at = show(shop, "at_risk", tab=TRUST, look="Groups of users", groups_by="country", at="30")
    said = texts(at)
    assert "country is that of each user's first activity." in said and "Kleinberg" in said
    groups = table(at, "Group")
    assert groups["Users"].min() >= 10 and len(groups) > 1
    figure = json.loads(at.get("plotly_chart")[-1].proto.spec)
    assert figure["data"][0]["y"] == groups["Group"].tolist()[::-1]
    ranked = show(shop, "at_risk", tab=TRUST, look="Groups of users", groups_by="country", groups_show="auc")
    assert "how often the score puts the right one first" in texts(ranked)


def test_another_version_can_be_looked_at(show: Open, shop: Path) -> None:
    at = show(shop, "at_risk", tab=TRUST, report_version="1")
    assert "version 1." in texts(at)
    gone = show(shop, "at_risk", tab=TRUST, report_version="9")
    assert "“report_version” cannot be “9”." in gone.warning[0].value


def test_a_card_says_what_a_version_was_taught_and_where_its_limits_are(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        card = serving(store)
    at = show(shop, "at_risk", tab="Models")
    versions = table(at, "In service")
    assert versions["Version"].tolist() == [2, 1] and versions["In service"].tolist() == ["yes", ""]
    said = texts(at)
    assert "Model card: version 2" in said and f"{card.n_rows:,} rows, a user once a cut-off" in said
    assert "not by what causes it" in said
    assert card.sha256[:12] in said


def test_two_versions_stand_beside_each_other(show: Open, shop: Path) -> None:
    at = show(shop, "at_risk", tab="Models", model_version="1")
    said = texts(at)
    assert "users whom both were judged on" in said
    assert "Only the newer one reads: Active days, last 30." in said
    assert {"Version 1", "Version 2"} <= set(table(at, "Version 1").columns)


def test_an_older_version_is_put_back_in_service_only_when_confirmed(show: Open, shop: Path) -> None:
    at = press(show(shop, "at_risk", tab="Models", model_version="1"), "Put in service")
    assert "Tick the box to confirm. Nothing was changed." in at.error[0].value
    next(c for c in at.checkbox if c.label == "Yes, let version 1 score").check()
    press(at, "Put in service")
    assert at.success[0].value == "Version 1 is in service."
    assert table(at, "In service").set_index("Version").loc[1, "In service"] == "yes"


def test_a_version_is_deleted_only_when_confirmed_and_the_other_scores(show: Open, shop: Path) -> None:
    at = press(show(shop, "at_risk", tab="Models"), "Delete")
    assert "Nothing was deleted." in at.error[0].value
    next(c for c in at.checkbox if c.label == "Yes, delete version 2").check()
    press(at, "Delete")
    assert at.success[0].value == "Version 2 is deleted." and not at.exception
    assert table(at, "In service")["Version"].tolist() == [1]
    assert "Two versions beside each other" not in texts(at)


def test_files_that_are_gone_are_said_and_the_page_stands(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        assert len(models(store)) == 2
    for file in shop.with_name(f"{shop.name}.models").glob("v0002/*"):
        file.unlink()
    at = show(shop, "at_risk", tab=TRUST)
    assert any("Version 2 of the churn model is not in" in i.value for i in at.info)
    # The other version can still be looked at, and the lost one be forgotten.
    at = show(shop, "at_risk", tab="Models")
    assert "Version 2 of the churn model is not in" in texts(at) and "Model card: version 1" in texts(at)
    at.button(key="models_forget_2").click().run()
    assert not at.exception and "is not in" not in texts(at)
