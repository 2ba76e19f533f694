"""The revenue part of the Growth page without a browser: its numbers, its pictures, its lists, its advice."""

from __future__ import annotations

import json
from datetime import date

import plotly.graph_objects as go
import pytest

from retention.cli import main
from retention.lifecycle.answer_revenue import repeat_purchases, revenue_over_time, revenue_retention, value_per_user
from retention.lifecycle.chart_revenue import (
    bars_alt,
    grid_alt,
    repeat_bars,
    revenue_bars,
    revenue_curves,
    revenue_heatmap,
    second_order_chart,
    value_lines,
)
from retention.lifecycle.spec_revenue import RepeatSpec, RevenueSpec
from retention.store import Store
from tests.pages.conftest import Open, texts
from tests.worlds import diary, store_of

# January: ann 100, bob 50 of which 20 are paid back in February; February: ann 150, cyd 10; March: bob 30.
WORLD = """
    ann: 2026-01-05/purchase?value=100&country=France 2026-02-10/purchase?value=150&country=France
    bob: 2026-01-06/purchase?value=50&country=<b>Spain 2026-02-11/refund?value=20 2026-03-01/purchase?value=30
    cyd: 2026-02-03/purchase?value=10&country=France
"""


@pytest.fixture
def shop() -> Store:
    return store_of(diary(WORLD), as_of="2026-04-10", min_cohort_size=1)


def test_the_page_says_what_a_hand_works_out(show: Open, shop: Store) -> None:
    at = show(shop, "growth", show="Revenue")
    said = texts(at)
    assert "March 2026 brought 30.00 net revenue from 1 order of 1 customer." in said
    # Month 2: bob's 30 of January's 100 + 30; cyd's February cohort has not completed it.
    assert "In month 2 after the first order, customers spend 23.1 % of what they spent in month 0" in said
    # Ann came back after 36 days, bob after 54; cyd could be watched for 66 only.
    assert "100 % of 2 customers ordered again within 90 days of their first order" in said


def test_the_bars_hold_each_months_revenue(show: Open, shop: Store) -> None:
    at = show(shop, "growth", show="Revenue", r_kind="gross")
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    earlier, first_time = figure["data"]
    assert earlier["x"] == ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]
    assert (earlier["y"], first_time["y"]) == ([0, 150, 30, 0], [150, 10, 0, 0])


def test_a_picked_bar_lists_its_customers(show: Open, shop: Store) -> None:
    at = show(shop, "growth", show="Revenue", r_buyers="2026-02-01")
    assert "2 users: with an order in February 2026" in texts(at)
    at.checkbox(key="growth_v_r_refunded").set_value(True).run()
    assert "0 users: refunded for orders in February 2026" in texts(at)


def test_a_picked_cell_lists_those_who_ordered_and_those_who_did_not(show: Open, shop: Store) -> None:
    at = show(shop, "growth", show="Revenue", r_view="Grid", r_cell="2026-01-01.1")
    assert "1 user: first order in January 2026, with an order in month 1" in texts(at)
    at.checkbox(key="growth_v_r_lost").set_value(True).run()
    assert "1 user: first order in January 2026, without an order in month 1" in texts(at)


def test_the_repeat_rate_lists_its_customers(show: Open, shop: Store) -> None:
    # Ann ordered again after 36 days, bob after 54; cyd never, and has been watched for 66.
    at = show(shop, "growth", show="Revenue", r_days="50", r_again="all")
    assert "33.3 % of 3 customers ordered again within 50 days" in texts(at)
    assert "1 user: ordered again within 50 days" in texts(at)


def test_a_table_and_every_view_can_be_opened(show: Open, shop: Store) -> None:
    views = {"r_time_view": "Table", "r_view": "Table", "r_value_view": "Table", "r_repeat_view": "Table"}
    at = show(shop, "growth", show="Revenue", by="country", **views)
    assert not at.exception
    assert [frame.value.shape[1] for frame in at.dataframe][:2] == [11, 11]


def test_a_store_without_revenue_gets_advice_and_the_rest_stands(show: Open) -> None:
    store = store_of(diary("ann: 5 6/order?value=3"))
    at = show(store, "growth", show="Revenue")
    assert "The store holds no revenue: none of its events is called" in texts(at)
    assert not at.exception


def test_every_picture_is_one_plotly_can_draw(shop: Store) -> None:
    for by in (None, "country"):
        spec = RevenueSpec(by=by, horizon=3)
        over_time, grid, values = (q(shop, spec) for q in (revenue_over_time, revenue_retention, value_per_user))
        again = repeat_purchases(shop, RepeatSpec(days=30, by=by))
        groups = ("France", "<b>Spain") if by else ()
        group = "France" if by else None
        for is_dark in (False, True):
            for figure in (
                revenue_bars(over_time, groups, is_dark=is_dark),
                revenue_curves(grid, "grr", groups, is_dark=is_dark),
                *(revenue_heatmap(grid, m, 20, group, is_dark=is_dark) for m in ("nrr", "grr", "value")),
                value_lines(values, (7, 30), group, is_dark=is_dark),
                repeat_bars(again, group, is_dark=is_dark),
                second_order_chart(again, groups, is_dark=is_dark),
            ):
                go.Figure(figure)
                assert "<b>Spain" not in json.dumps([trace.get("name") for trace in figure["data"]])
        assert "from January 2026 to April 2026" in bars_alt(over_time)
        assert "2 cohorts by month" in grid_alt(grid, "nrr")


def test_the_command_prints_the_numbers_of_the_page(shop: Store, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(shop.path)
    shop.close()
    asked = ("revenue", "--horizon", "3", "--within", "50", "--where", "country=France", "--store", path)
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(p["on"], p["net"], p["state"]) for p in found["periods"]] == [
        ("2026-01-01", 100.0, "complete"), ("2026-02-01", 160.0, "complete"), ("2026-03-01", 0.0, "complete"),
        ("2026-04-01", 0.0, "in_progress"),
    ]  # fmt: skip
    cells = {(c["cohort"], c["age"]): c for c in found["retention"]["cells"]}
    assert cells["2026-01-01", 1]["nrr"] == 1.5
    assert cells["2026-01-01", 1]["grr"] == 1.0
    assert cells["2026-02-01", 3]["revenue"] is None  # May has not begun
    assert found["repeat"]["total"][0]["n_repeated"] == 1
    assert found["as_of"] == "2026-04-10T00:00:00Z"
    assert "country=France" in found["definition"]
    assert main(asked) == 0
    assert "net revenue" in capsys.readouterr().out
    assert main(["revenue", "--kind", "profit", "--store", path]) == 2
    assert "`kind` must be one of net, gross, not 'profit'" in capsys.readouterr().err


def test_the_sql_of_the_numbers_can_be_read(shop: Store) -> None:
    from retention.lifecycle.answer_revenue import explain_revenue

    assert "from order_cells as c" in explain_revenue(shop, RevenueSpec())
    assert "$horizon = 12" in explain_revenue(shop, RevenueSpec(by="country"))
    assert "from customers as c" in explain_revenue(shop, RepeatSpec())
    assert date(2026, 1, 1) in set(revenue_retention(shop, RevenueSpec()).cells["cohort"])
