"""The Survival page: what it says, what its switches do, and who stands behind its numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from retention.store import Store
from retention.survival.answer import survival_curves
from retention.survival.answer_models import cox_model, hazard_weeks, lifetime_laws
from retention.survival.chart import hazard_figure, laws_figure, profile_figure, ratios_figure, survival_figure
from retention.survival.spec import CoxSpec, HazardSpec, SurvivalSpec
from tests.pages.conftest import texts
from tests.worlds import diary, store_of

Open = Callable[..., AppTest]
WORLD = """
    ann: 1?city=Aix
    bob: 1?city=Aix 2
    cyd: 1?city=Bonn 2
    dee: 1?city=Bonn 4
    eve: 1?city=Bonn 8 15
    fay: 19?city=Bonn
"""
TABS = (
    "How long they stay",
    "When they lapse",
    "What goes with it",
    "Laws of lifetime",
    "Grid and curve",
    "Customer value",
)


@pytest.fixture
def six() -> Store:
    """Return the world above with lapses after 10 days of silence: S = 4/5, 2/5, 1/5."""
    return store_of(diary(WORLD), as_of="2026-01-20", churn_window="10")


def figure(at: AppTest) -> dict:
    """Return the first chart of a page."""
    return json.loads(at.get("plotly_chart")[0].proto.spec)


def test_the_page_says_how_long_users_stay(show: Open, six: Store) -> None:
    at = show(six, "survival")
    said = texts(at)
    assert "Half of 5 users have lapsed after 1 day (95 % interval 0 to not reached)" in said
    assert "4 were seen to lapse, 1 were still active when last judged; 1 started too recently to be judged" in said
    [_, curve, risk] = figure(at)["data"]
    assert curve["x"] == [0, 0, 1, 3, 9] and curve["y"] == [1.0, 0.8, 0.4, 0.2, 0.2]
    assert risk["text"][:4] == ["5", "2", "1", "1"] and risk["x"][:4] == [0, 2, 4, 6]
    assert dict(at.query_params) == {}


def test_the_table_says_the_same_as_the_chart(show: Open, six: Store) -> None:
    at = show(six, "survival")
    at.session_state["survival_twin"] = "Table"
    at.run()
    twin = at.dataframe[0].value
    assert twin["Day"].tolist() == list(range(10))
    assert twin["Under observation"].tolist() == [5, 4, 2, 2, 1, 1, 1, 1, 1, 1]
    assert twin["Lapsed so far"].tolist() == [1, 3, 3, 4, 4, 4, 4, 4, 4, 4]
    assert twin["Still active"].tolist()[:4] == ["80.0 %", "40.0 %", "40.0 %", "20.0 %"]


def test_the_list_is_as_long_as_the_number_says(show: Open, six: Store) -> None:
    for value, title in (
        ("0.lapsed", "4 users: lapsed"),
        ("0.still-active", "1 user: not known to have lapsed"),
        ("0.left-out", "1 user: too recent to be judged"),
    ):
        at = show(six, "survival", users=value)
        assert title in [s.value for s in at.subheader]


def test_the_switches_are_in_the_address_and_the_address_restores_them(show: Open, six: Store) -> None:
    at = show(six, "survival", by="city", ends="last activity", window="12", users="1.lapsed")
    assert dict(at.query_params) == {"by": "city", "ends": "last activity", "window": "12", "users": "1.lapsed"}
    assert "Half of Aix have lapsed after 0 days, half of Bonn after 3 days" in texts(at)
    assert "2 users: lapsed, city Aix" in [s.value for s in at.subheader]
    names = [trace["name"] for trace in figure(at)["data"] if trace.get("name")]
    assert names == ["Bonn", "Aix"]


def test_an_address_that_cannot_be_read_is_said_and_defaults_stand_in(show: Open, six: Store) -> None:
    at = show(six, "survival", window="soon", by="town")
    assert "“window” must be a whole number from 1 to 3650, not “soon”" in at.warning[0].value
    assert "“by” cannot be “town”" in at.warning[0].value
    assert "Half of 5 users" in texts(at)


def test_a_window_longer_than_the_data_is_one_sentence_and_the_other_tabs_stand(show: Open, six: Store) -> None:
    at = show(six, "survival", window="300")
    [info] = [i.value for i in at.info]
    assert info.startswith("No silence of 300 days can have ended yet") and "Choose a shorter window" in info
    assert "Share this view" in [s.value for s in at.subheader]
    at = show(six, "survival", window="300", view="Grid and curve", grid_horizon="1")
    assert "Yes: they agree exactly at every age, for 5 users." in texts(at)


def test_every_tab_of_a_small_store_answers_or_says_why_not(show: Open, six: Store) -> None:
    why = {
        "When they lapse": "Too few users to say when they lapse.",
        "What goes with it": "Choose at least one attribute",
        "Laws of lifetime": "4 lapses are too few to tell one law from another",
        "Grid and curve": "No cohort has been watched for 8 whole weeks yet.",
    }
    for tab, sentence in why.items():
        assert sentence in texts(show(six, "survival", view=tab))


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_of_the_sample_shop_answers(show: Open, sample: Path, tab: str) -> None:
    at = show(sample, "survival", view=tab, attributes="channel", grid_horizon="6")
    said = texts(at)
    expected = {
        "How long they stay": "Half of ",
        "When they lapse": "The riskiest week is the 1st.",
        "What goes with it": "held equal",
        "Laws of lifetime": "law describes the lifetimes best",
        "Grid and curve": "Yes: they agree exactly at every age",
        "Customer value": "What buyers are worth",
    }[tab]
    assert expected in said, said


def test_a_click_on_a_week_lists_who_lapsed_in_it(show: Open, sample: Path) -> None:
    at = show(sample, "survival", view="When they lapse")
    at.session_state["hazard_chart"] = {"selection": {"points": [{"customdata": ["2"]}]}}
    at.run()
    [title] = [s.value for s in at.subheader if "lapsed in week 2" in s.value]
    weeks = next(d.value for d in at.dataframe if "Per 100 users and week" in d.value.columns)
    assert title.startswith(f"{weeks.set_index('Week').loc[2, 'Lapsed']} users")
    assert dict(at.query_params)["week"] == "2"


@pytest.mark.parametrize("is_dark", [False, True])
def test_plotly_accepts_every_figure(sample: Path, is_dark: bool) -> None:
    spec = SurvivalSpec(by="channel")
    with Store.open(sample) as store:
        drawn = [
            survival_figure(survival_curves(store, spec), is_dark=is_dark),
            hazard_figure(hazard_weeks(store, HazardSpec(survival=spec, group="ads")), is_dark=is_dark),
            laws_figure(lifetime_laws(store, HazardSpec(survival=spec)), is_dark=is_dark),
            ratios_figure(model := cox_model(store, CoxSpec(survival=spec, attributes=("channel",))), is_dark=is_dark),
            profile_figure(model, is_dark=is_dark),
        ]
    for content in drawn:
        go.Figure(content)
        layout = content["layout"]
        assert layout["yaxis"]["title"]["text"] or content is drawn[3]
