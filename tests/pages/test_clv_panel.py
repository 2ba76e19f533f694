"""What buyers are worth, on the Survival page: its numbers, its controls, its lists."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.store import Store
from retention.survival.answer_clv import customer_value
from retention.survival.result_clv import ALIVE_CAVEAT, Clv
from retention.survival.spec_clv import ClvSpec
from tests.pages.conftest import Open, texts
from tests.survival.test_clv import orders, shop
from tests.worlds import diary, store_of

TAB = {"view": "Customer value"}


@pytest.fixture(scope="module")
def shop_path() -> Path:
    store = shop(orders(300, seed=5))
    store.close()
    return store.path


def asked(path: Path, **spec: object) -> Clv:
    """Ask the store itself, as the page must."""
    with Store.open(path) as store:
        return customer_value(store, ClvSpec(**spec))


def metrics(at: AppTest) -> dict[str, str]:
    return {element.label: element.value for element in at.metric}


def figures(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def test_the_numbers_are_those_of_the_answer(show: Open, shop_path: Path) -> None:
    clv = asked(shop_path)
    at = show(shop_path, "survival", **TAB)
    assert metrics(at)["Buyers so far"] == "300"
    assert metrics(at)["Orders expected in 12 weeks"] == f"{clv.expected:,.0f}"
    assert metrics(at)["Their expected value"] == f"{clv.value:,.0f}"
    assert ALIVE_CAVEAT in texts(at)
    orders_to_come, by_frequency, bands = figures(at)
    assert sum(orders_to_come["data"][0]["y"]) == pytest.approx(clv.expected, abs=0.1)
    assert by_frequency["data"][0]["y"] == pytest.approx(clv.by_x["expected"].tolist(), abs=1e-3)
    assert sum(bands["data"][0]["y"]) == pytest.approx(1, abs=1e-3)


def test_every_control_changes_the_numbers(show: Open, shop_path: Path) -> None:
    expected = asked(shop_path, horizon=4).expected
    at = show(shop_path, "survival", **TAB)
    at.number_input(key="survival_v_clv_ahead").set_value(4).run()
    assert metrics(at)["Orders expected in 4 weeks"] == f"{expected:,.0f}"
    at.selectbox(key="survival_v_clv_unit").set_value("day").run()
    assert "Orders expected in 4 days" in metrics(at)
    at.selectbox(key="survival_v_clv_check").set_value("half").run()
    assert "days held back" in texts(at) and "Expected and seen in the days held back" in texts(at)
    assert [trace["name"] for trace in figures(at)[0]["data"]] == ["Came", "Expected"]


def test_a_link_restores_the_check_and_the_list(show: Open, shop_path: Path) -> None:
    until = date(2025, 11, 30)
    clv = asked(shop_path, calibrate_to=until)
    address = {"clv_check": "after", "clv_until": until.isoformat(), "clv_band": "top-5"}
    at = show(shop_path, "survival", **TAB, **address)
    said = texts(at)
    assert f"{clv.holdout.predicted:,.0f} orders were expected and {clv.holdout.actual:,} came" in said
    n = int(clv.bands.set_index("band").loc["top-5", "n"])
    assert f"{n} users: the next 4 %" in said
    assert dict(at.query_params) == {**TAB, **address}


def test_a_click_on_a_band_lists_its_buyers(show: Open, shop_path: Path) -> None:
    clv = asked(shop_path)
    at = show(shop_path, "survival", **TAB)
    at.session_state["clv_bands"] = {"selection": {"points": [{"customdata": ["top-10", ""]}]}}
    at.run()
    n = int(clv.bands.set_index("band").loc["top-10", "n"])
    assert f"{n} users: the next 5 %" in texts(at)


def test_tables_ranking_and_meaning_open_on_demand(show: Open, shop_path: Path) -> None:
    at = show(shop_path, "survival", **TAB)
    n_tables = len(at.dataframe)
    for key in ("clv_tables", "clv_ranking", "clv_meaning"):
        at.session_state[key] = True
    at.run()
    assert not at.exception
    assert len(at.dataframe) == n_tables + 3
    assert "The first 300 of 300 buyers" in texts(at)
    assert "BG/NBD: r " in texts(at) and "Gamma-Gamma: p " in texts(at)


@pytest.mark.parametrize(("world", "said"), [
    ("ann: 5/purchase?value=3 7/purchase?value=4", "at least 20 buyers who came back, not 1"),
    ("ann: 5/visit 7/visit", "There are no orders yet"),
])  # fmt: skip
def test_too_few_buyers_is_one_sentence_and_the_page_stands(show: Open, world: str, said: str) -> None:
    at = show(store_of(diary(world), as_of="2026-02-02"), "survival", **TAB)
    assert any(said in info.value for info in at.info)
    assert at.title[0].value == "Survival"


def test_an_address_that_cannot_be_read_is_said(show: Open, shop_path: Path) -> None:
    at = show(shop_path, "survival", **TAB, clv_unit="fortnight")
    assert any("“clv_unit” cannot be “fortnight”" in warning.value for warning in at.warning)
    assert "Orders expected in 12 weeks" in metrics(at)
