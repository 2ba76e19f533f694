"""What to expect, on the Growth page: its numbers, its controls, its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.forecast.answer import forecast
from retention.forecast.result import Forecast, headline, verdict
from retention.forecast.spec import ForecastSpec
from retention.store import Store
from tests.forecast.worlds_of_cohorts import weeks_of
from tests.pages.conftest import Open, texts
from tests.worlds import diary, store_of

TAB = {"show": "Forecast"}


@pytest.fixture(scope="module")
def path() -> Path:
    store = store_of(weeks_of(8, 26, 20, event="purchase", value="4"), as_of="2025-07-07")
    store.close()
    return store.path


def asked(path: Path, **spec: object) -> Forecast:
    """Ask the store itself, as the page must."""
    with Store.open(path) as store:
        return forecast(store, ForecastSpec(**spec))


def lines(at: AppTest) -> dict[str, dict]:
    """Return the lines of the chart, by name."""
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    return {trace["name"]: trace for trace in figure["data"] if "name" in trace}


def test_the_numbers_are_those_of_the_answer(show: Open, path: Path) -> None:
    found = asked(path)
    at = show(path, "growth", **TAB)
    assert headline(found) in texts(at) and verdict(found) in texts(at)
    drawn = lines(at)
    assert drawn["Came"]["y"] == found.seen["actual"].tolist()
    assert drawn["Forecast"]["y"] == pytest.approx(found.ahead["expected"].tolist(), abs=0.01)
    assert drawn["Simple guess: as last"]["y"] == found.ahead["last"].tolist()
    assert drawn["Forecast"]["x"][0] == "2025-07-07"


def test_every_control_changes_the_numbers(show: Open, path: Path) -> None:
    revenue = asked(path, metric="revenue", horizon=3)
    at = show(path, "growth", **TAB)
    at.number_input(key="growth_v_forecast_ahead").set_value(3).run()
    assert len(lines(at)["Forecast"]["y"]) == 3
    at.segmented_control(key="growth_v_forecast_of").set_value("revenue").run()
    assert headline(revenue) in texts(at)


def test_a_link_restores_everything(show: Open, path: Path) -> None:
    address = {"forecast_of": "revenue", "forecast_ahead": "5"}
    found = asked(path, metric="revenue", horizon=5)
    at = show(path, "growth", **TAB, **address)
    assert headline(found) in texts(at)
    assert dict(at.query_params) == {**TAB, **address}


def test_the_tables_open_on_demand(show: Open, path: Path) -> None:
    at = show(path, "growth", **TAB)
    assert not at.dataframe
    at.session_state["forecast_more"] = True
    at.run()
    assert not at.exception
    ahead, tried = (element.value for element in at.dataframe)
    assert len(ahead) == 12 and {"Expected", "At least (95 %)", "Simple guess"} <= set(ahead.columns)
    assert len(tried) <= 500 and "Came" in tried.columns
    assert "Every week's newcomers are a cohort" in texts(at)


def test_too_little_history_is_one_sentence_and_the_page_stands(show: Open) -> None:
    at = show(store_of(diary("ann: 5 12\nbob: 6"), as_of="2026-02-02"), "growth", **TAB)
    assert any("at least 12 complete weeks" in info.value for info in at.info)
    assert at.title[0].value == "Growth"
