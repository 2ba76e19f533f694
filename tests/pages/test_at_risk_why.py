"""The tabs “Why” and “When”, and the note on a profile: what they say of a user is what the answers say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.churn.answer_reasons import explained, names_of, riskiest, scored_users
from retention.churn.answer_scores import scored
from retention.churn.model_reasons import what_if
from retention.churn.order_registry import train
from retention.churn.order_scores import score
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.churn.words_reasons import because, percent
from retention.features.spec import FeatureSpec
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.store import Store
from tests.pages.conftest import texts
from tests.pages.test_at_risk_page import copy_of

Open = Callable[..., AppTest]
SPEC = ChurnSpec(
    lapse=LapseSpec(horizon_days=30, lookback_days=60), features=FeatureSpec(presets=("rfm",), names=("gap_mean", "share_night")),
    model="logistic", n_backtests=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score 1,000 simulated users."""
    path = tmp_path_factory.mktemp("why") / "shop.duckdb"
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec(n_users=1000))
        train(store, SPEC)
        score(store)
    return path


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "why.duckdb"
    copy_of(template, path)
    return path


def figures(at: AppTest) -> list[dict]:
    return [json.loads(found.proto.spec) for found in at.get("plotly_chart")]


def test_without_a_score_the_tab_says_what_to_do(show: Open, sample: Path) -> None:
    assert "press Score on the first tab" in show(sample, "at_risk", tab="Why").info[0].value


def test_the_tab_says_why_a_user_is_scored_so_and_the_bars_add_up(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        table = scored(store)
        user = riskiest(store, table.scoring.scoring_key, 1)
        found = explained(store, int(user["user_key"].iloc[0]))
    name = str(user["pseudonym"].iloc[0])
    at = show(shop, "at_risk", tab="Why", user=name)
    said = texts(at)
    assert because(found) in said.replace("\\", "")
    assert percent(float(table.probability.max())) in because(found)
    bars, importance, line = figures(at)
    steps = sum(x for trace in bars["data"] for x in trace["x"])
    assert found.base + steps == pytest.approx(sum(r.part for r in found.reasons) + found.base, abs=1e-4)
    assert len(importance["data"][0]["y"]) == len(found.values)
    assert "target" not in said.lower()
    assert name in at.query_params["user"]
    # Every chart has a table twin and files.
    assert len([e for e in at.expander if e.label == "The same as a table"]) == 3
    assert line["layout"]["yaxis"]["title"]["text"] == "Risk of lapsing"


def test_another_value_is_tried_and_what_cannot_be_is_said(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        users = scored_users(store)
        key = int(users.table.user_keys[0])
        name = names_of(store, (key,))[key]
        expected = what_if(users, key, {"days_since_last": 700.0})
    at = show(shop, "at_risk", tab="Why", user=name)
    (change,) = [m for m in at.multiselect if m.label == "Change"]
    change.set_value(["days_since_last"]).run()
    (days,) = [n for n in at.number_input if n.label == "Days since last activity"]
    days.set_value(700.0).run()
    assert not at.exception
    said = texts(at)
    assert percent(expected.after) in said and "instead of" in said
    assert "Only users who were active within 60 days are scored." in at.warning[0].value
    assert "the model guesses there" in said


def test_a_user_is_looked_up_by_the_first_characters_and_a_stranger_is_not_repeated(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        last = riskiest(store, 1, 10_000).iloc[-1]
    at = show(shop, "at_risk", tab="Why")
    assert "Choose one of the users with the highest risk" in texts(at)
    at.text_input(key="at_risk_typed_0").input(last["pseudonym"][:12])
    next(b for b in at.button if b.label == "Show").click()
    at.run()
    assert last["pseudonym"] in at.query_params["user"]
    assert f"Risk of lapsing {percent(last['probability'])}" in texts(at)
    at.text_input(key="at_risk_typed_1").input("jane@example.org")
    next(b for b in at.button if b.label == "Show").click()
    at.run()
    assert at.error and "jane" not in texts(at) + str(dict(at.query_params))


def test_when_is_worked_out_on_a_click_only_and_kept(show: Open, shop: Path) -> None:
    at = show(shop, "at_risk", tab="When")
    assert not figures(at)
    at.button(key="when_work_out").click().run()
    assert not at.exception
    said = texts(at)
    assert "Judged on" in said and "Nothing is said beyond" not in said
    (lines,) = figures(at)
    assert len(lines["data"]) == 12  # four groups: a band, what came and what was said
    at.run()
    assert not [b for b in at.button if b.key == "when_work_out"]
    # Who is expected soonest stands first, with what is said of them.
    (choice,) = [s for s in at.selectbox if s.label.startswith("User (the 50")]
    soonest = [int(option.split("half gone in ")[1].split(" day")[0]) for option in choice.options]
    assert len(soonest) == 50 and soonest == sorted(soonest)
    choice.select(choice.options[0]).run()
    assert not at.exception and "The last visit is expected around" in texts(at)


def test_a_profile_says_the_risk_and_why(show: Open, shop: Path) -> None:
    with Store.open(shop) as store:
        user = riskiest(store, 1, 1).iloc[0]
        found = explained(store, int(user["user_key"]))
    said = texts(show(shop, "profile", user=user["pseudonym"])).replace("\\", "")
    assert f"**{because(found)}** As of 1 January 2026." in said


def test_a_profile_without_a_score_says_nothing_of_risk(show: Open, sample: Path) -> None:
    with Store.open(sample) as store, store.snapshot() as snapshot:
        ((name,),) = snapshot.rows("select min(u.pseudonym) from users as u where u.n_events > 0")
    assert "Risk of lapsing" not in texts(show(sample, "profile", user=name))

