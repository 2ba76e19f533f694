"""The Growth page without a browser: its numbers, its tabs, its address, its lists."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from retention.lifecycle.answer import user_active_days, user_lifecycle, user_stickiness, user_transitions
from retention.lifecycle.chart import lifecycle_alt, lifecycle_bars, quick_ratio_line, transition_alt, transition_sankey
from retention.lifecycle.chart_stickiness import (
    active_alt,
    active_days_alt,
    active_days_bars,
    active_lines,
    stickiness_line,
)
from retention.lifecycle.spec import ActiveDaysSpec, LifecycleSpec, StickinessSpec, TransitionsSpec
from retention.store import Store
from retention.ui.growth import TABS
from tests.pages.conftest import Open, texts
from tests.worlds import diary, store_of

# Weeks begin on 5, 12, 19 and 26 January 2026.
WORLD = """
    ann: 5?country=France 12 26
    bob: 6?country=Spain 7
    cyd: 5?country=France 19
    dee: 13?country=Spain 20
"""


@pytest.fixture
def world() -> Store:
    return store_of(diary(WORLD), as_of="2026-02-02", min_cohort_size=1)


def figure(at: AppTest, number: int = 0) -> dict[str, Any]:
    """Return a figure of the page, the first one first."""
    return json.loads(at.get("plotly_chart")[number].proto.spec)


def bars(at: AppTest) -> dict[str, int]:
    """Return the height of each bar by what a click on it means; who fell silent is below the line."""
    return {
        place: height
        for trace in figure(at)["data"]
        for (place, _), height in zip(trace["customdata"], trace["y"], strict=True)
    }


def listed(at: AppTest) -> str:
    """Return what the list of users calls itself."""
    return next(element.value for element in at.subheader if "user" in element.value)


def test_the_bars_are_what_a_hand_counts(show: Open, world: Store) -> None:
    found = bars(show(world, "growth"))
    assert [found[f"2026-01-12.{state}"] for state in ("new", "returning", "resurrecting", "dormant")] == [1, 1, 0, -2]
    assert [found[f"2026-01-26.{state}"] for state in ("new", "returning", "resurrecting", "dormant")] == [0, 0, 1, -2]


def test_a_click_on_a_bar_lists_as_many_users(show: Open, world: Store) -> None:
    at = show(world, "growth")
    at.session_state["lifecycle"] = {"selection": {"points": [{"customdata": ["2026-01-12.dormant", "2"]}]}}
    at.run()
    assert listed(at) == "2 users: active in the week before and silent in the week of 12 January 2026"
    assert at.query_params["pick"] == "2026-01-12.dormant"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ({"pick": "2026-01-12.new"}, "1 user: active for the first time in the week of 12 January 2026"),
        ({"pick": "2026-01-26.resurrecting"}, "1 user: back after a break in the week of 26 January 2026"),
        ({"pick": "2026-01-05.new", "by": "country", "group": "Spain"},
         "1 user: active for the first time in the week of 5 January 2026, country Spain"),
        ({"show": "Flow", "from_period": "2026-01-12", "move": "dormant.resurrecting"},
         "1 user: “fell silent” in the week of 12 January 2026 and “back after a break” in the week after"),
        ({"show": "Stickiness", "day": "2026-01-12.7"}, "2 users: active in the 7 days up to 12 January 2026"),
        ({"show": "Active days", "of": "week", "in": "2026-01-05", "days": "2"},
         "1 user: active on exactly 2 days of the week of 5 January 2026"),
        ({"show": "Active days", "of": "week", "in": "2026-01-05", "days": "1", "how": "at least"},
         "3 users: active on at least 1 day of the week of 5 January 2026"),
    ],
)  # fmt: skip
def test_a_link_restores_the_tab_the_settings_and_the_list(
    show: Open, world: Store, address: dict[str, str], says: str
) -> None:
    at = show(world, "growth", **address)
    assert listed(at) == says
    assert dict(at.query_params) == address
    assert not at.warning


def test_a_filter_and_a_range_hold_on_every_tab(show: Open, world: Store) -> None:
    at = show(world, "growth", where="country=France")
    found = bars(at)
    assert [found[f"2026-01-05.{state}"] for state in ("new", "dormant")] == [2, 0]  # ann and cyd
    assert found["2026-01-12.new"] == 0
    at = show(world, "growth", where="country=Spain", show="Flow", from_period="2026-01-05")
    assert "0 of the 1 users active in the week of 5 January 2026" in texts(at)


def test_only_the_open_tab_asks(show: Open, world: Store) -> None:
    for tab, header in (
        ("Lifecycle", "New, returning, back and silent"),
        ("Flow", "From one period to the next"),
        ("Stickiness", "Daily, weekly and monthly users"),
        ("Active days", "Active days"),
    ):
        at = show(world, "growth", **({} if tab == TABS[0] else {"show": tab}))
        assert [h.value for h in at.header] == [header]


def test_revenue_and_forecast_stand_on_the_page(show: Open, world: Store) -> None:
    for tab in ("Revenue", "Forecast"):
        at = show(world, "growth", show=tab)
        assert not at.exception
        assert at.header


def test_what_cannot_be_answered_is_said_and_the_rest_stands(show: Open, world: Store) -> None:
    at = show(world, "growth", show="Flow", period="month")
    assert any("two complete months" in info.value for info in at.info)
    assert any("Share this view" in sub.value for sub in at.subheader)
    at = show(world, "growth", **{"from": "2027-01-01"})
    assert any("The data reach from 2026-01-05" in info.value for info in at.info)
    at = show(world, "growth", period="fortnight")
    assert "cannot be “fortnight”" in at.warning[0].value


@pytest.mark.parametrize("is_dark", [False, True])
def test_every_figure_is_one_that_plotly_knows(is_dark: bool) -> None:
    gap = [("2026-01-14", "2026-01-15")]
    store = store_of(diary(WORLD), as_of="2026-02-05", gaps=gap)
    found = user_lifecycle(store, LifecycleSpec(by="country"))
    moved = user_transitions(store, TransitionsSpec(on=date(2026, 1, 12)))
    sticky, days = user_stickiness(store, StickinessSpec()), user_active_days(store, ActiveDaysSpec(period="week"))
    for group in (None, "France"):
        go.Figure(lifecycle_bars(found, is_dark=is_dark, group=group))
        go.Figure(quick_ratio_line(found, is_dark=is_dark, group=group))
    go.Figure(transition_sankey(moved, is_dark=is_dark))
    go.Figure(active_lines(sticky, is_dark=is_dark))
    go.Figure(stickiness_line(sticky, is_dark=is_dark))
    for is_at_least in (False, True):
        go.Figure(active_days_bars(days, is_dark=is_dark, is_at_least=is_at_least))
        assert active_days_alt(days, is_at_least=is_at_least)
    for alt in (lifecycle_alt(found), transition_alt(moved), active_alt(sticky)):
        assert alt.endswith(".")


def test_what_is_not_known_is_not_drawn() -> None:
    # The week of the 26th is in progress: hatched, and no point of the ratio. The gap of the 14th breaks the line.
    store = store_of(diary(WORLD), as_of="2026-01-29", gaps=[("2026-01-14", "2026-01-15")])
    found = user_lifecycle(store, LifecycleSpec())
    drawn = lifecycle_bars(found)["data"][0]["marker"]["pattern"]["shape"]
    assert drawn == ["", "x", "x", "/"]
    line = next(
        trace for trace in quick_ratio_line(found)["data"] if trace.get("name") == "Quick ratio" and "fill" not in trace
    )
    assert line["y"] == [None, None, None, None]
    monthly, weekly, daily = active_lines(user_stickiness(store, StickinessSpec()))["data"]
    assert set(monthly["y"]) == {None}  # 25 days of data
    assert daily["y"][8:11] == [1, None, 0]  # the 13th, the missing 14th, the 15th
    assert weekly["y"][15] is None and weekly["y"][16] == 2  # the window of the 20th holds the 14th, the next does not
