"""The Behaviour page without a browser: its sentences, its lists, the window that it stores."""

from __future__ import annotations

import json
from datetime import date

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from retention.behaviour.answer_hours import activity_hours, user_hours, usual_hours
from retention.behaviour.answer_interval import false_lapses, usage_interval
from retention.behaviour.chart_hours import user_bars, usual_bars, week_heatmap
from retention.behaviour.chart_interval import interval_bars, interval_steps, window_curves
from retention.behaviour.spec_hours import HoursSpec, UserHoursSpec
from retention.behaviour.spec_interval import IntervalSpec, WindowSpec
from retention.store import Store
from retention.ui import starting
from tests.pages.conftest import Open, texts
from tests.worlds import Event, diary, instant, store_of

FOUR = """
    ann: 5T20:00?city=Aix 12T20:00 26T20:30
    bob: 6T20:00?city=Bonn 7T09:00
    cyd: 5T20:00?city=Bonn 19T08:00
    dee: 13T20:00
"""


@pytest.fixture
def four() -> Store:
    return store_of(diary(FOUR), as_of="2026-02-02", min_cohort_size=1)


@pytest.fixture
def lapsing() -> Store:
    """Return 200 users of the 1st; 40 of them, all of Aix, once more on the 21st."""
    world = [
        Event(f"u{i}", instant("2026-01-01T10:00"), "visit", {"city": "Aix" if i < 100 else "Bonn"}) for i in range(200)
    ]
    world += [Event(f"u{i}", instant("2026-01-21T10:00"), "visit", {"city": "Bonn"}) for i in range(40)]
    return store_of(world, as_of="2026-12-01")


def figure(at: AppTest, number: int = 0) -> dict:
    return json.loads(at.get("plotly_chart")[number].proto.spec)


def click(at: AppTest, key: str, value: str) -> AppTest:
    at.session_state[key] = {"selection": {"points": [{"customdata": [value]}]}}
    return at.run()


def lists(at: AppTest) -> list[str]:
    return [s.value for s in at.subheader if " user" in s.value]


def test_the_usual_interval_is_said_with_those_left_out(show: Open, four: Store) -> None:
    at = show(four, "behaviour")
    said = texts(at)
    assert "Half of 3 users come back every 10.5 days or more often" in said
    assert "25.0 % of 4 users (1) were active on one day only and are left out" in said
    [bars] = figure(at)["data"]
    assert {x: y for x, y in zip(bars["x"], bars["y"], strict=True) if y} == {1: 0.33333, 11: 0.33333, 14: 0.33333}


def test_a_click_on_a_bar_lists_as_many_users_as_it_counts(show: Open, four: Store) -> None:
    at = show(four, "behaviour")
    click(at, "interval_bars", "14")
    assert lists(at) == ["1 user: usual interval of more than 13 and at most 14 days"]
    assert dict(at.query_params)["interval"] == "14"


def test_groups_are_shown_with_their_own_medians(show: Open, four: Store) -> None:
    at = show(four, "behaviour", by="city")
    table = at.dataframe[0].value
    assert table[["Group", "Users", "Median"]].to_numpy().tolist() == [
        ["Everybody", 3, "10.5 days"],
        ["Bonn", 2, "7.5 days"],
        ["(none)", 0, ""],
        ["Aix", 1, "10.5 days"],
    ]
    at.selectbox(key="behaviour_v_of").set_value("Bonn").run()
    at.selectbox(key="behaviour_v_interval").set_value("14").run()
    assert lists(at) == ["1 user: usual interval of more than 13 and at most 14 days, city Bonn"]


def test_the_suggested_window_is_put_in_force_with_one_button(show: Open, lapsing: Store) -> None:
    at = show(lapsing, "behaviour", tab="Churn window")
    said = texts(at)
    assert "After 21 days of silence, 0 % of 200 users came back within 90 days" in said
    assert "In force now: a user counts as lapsed after 60 days of silence." in said
    at.button(key="use_suggested").click().run()
    assert "In force now: a user counts as lapsed after 21 days of silence." in texts(at)
    assert not [b for b in at.button if b.key == "use_suggested"]
    store = starting.store()
    assert store.catalogue().settings.churn_window == "21"
    with store.snapshot() as snapshot:
        ((action, detail),) = snapshot.rows(
            "select a.action, a.detail from audit as a order by a.audit_id desc limit 1"
        )
    assert action == "change setting" and json.loads(detail) == {"name": "churn_window", "value": "21"}


def test_any_window_can_be_looked_at_and_put_in_force(show: Open, lapsing: Store) -> None:
    at = show(lapsing, "behaviour", tab="Churn window", x="20")
    assert "X = 20 days: of 200 users whose first silence of that length can be judged, 40 came back" in texts(at)
    at.button(key="use_chosen").click().run()
    assert starting.store().catalogue().settings.churn_window == "20"
    at.selectbox(key="behaviour_v_silence").set_value("returned").run()
    assert lists(at) == ["40 users: whose first silence of 20 days could be judged and who came back within 90 days"]
    at.selectbox(key="behaviour_v_silence").set_value("silent now").run()
    assert lists(at) == ["200 users: silent for 20 days or more at the end of the data"]


def test_the_chooser_suggests_for_a_group_of_the_first_activity(show: Open, lapsing: Store) -> None:
    at = show(lapsing, "behaviour", tab="Churn window", by="city", of="Bonn")
    # Nobody of Bonn came back: 0 of 100, interval up to 3.7 %.
    assert "For city Bonn: After 1 day of silence, 0 % of 100 users came back" in texts(at)
    assert {trace["name"] for trace in figure(at)["data"] if "name" in trace} >= {"Everybody", "Aix", "Bonn"}


def test_accepting_nothing_that_can_be_had_is_answered_kindly(show: Open, four: Store) -> None:
    at = show(four, "behaviour", tab="Churn window", follow="5", accept="5")
    assert "No window up to 21 days keeps the false lapses at 5 % or less for sure" in texts(at)


def test_data_too_short_for_the_follow_up_are_one_kind_sentence(show: Open, four: Store) -> None:
    at = show(four, "behaviour", tab="Churn window")
    assert "The data are too short for this" in texts(at)
    assert not at.get("plotly_chart") and "Share this view" in texts(at)


def test_the_busiest_hour_is_said_and_its_users_are_listed(show: Open, four: Store) -> None:
    at = show(four, "behaviour", tab="Hours")
    # Mondays at 20: ann on the 5th, 12th and 26th, cyd on the 5th.
    assert "Busiest: Monday 20:00, with 4 of 8 events (50.0 %)" in texts(at)
    click(at, "week", "20")
    assert lists(at) == ["2 users: active on a Monday between 20:00 and 21:00"]
    at.button_group(key="behaviour_v_cells").set_value("users").run()
    assert "Busiest: Monday 20:00, with 2 of 4 users (50.0 %)" in texts(at)
    assert "No user has 5 active hours yet" in texts(at)


def test_dates_that_contradict_are_said_and_the_page_stands(show: Open, four: Store) -> None:
    at = show(four, "behaviour", tab="Hours", hours_from="2026-01-12", hours_to="2026-01-05")
    assert "`from` must be before `to`" in texts(at) and "Share this view" in texts(at)


def test_one_users_hours_are_found_and_their_id_stays_out_of_the_address(show: Open) -> None:
    world = diary("ann: 5T20:00 6T20:00 7T20:00 8T21:00 9T08:00")
    at = show(store_of(world, as_of="2026-02-02"), "behaviour", tab="Hours")
    at.text_input(key="hours_user").set_value("ann").run()
    assert "Usually active at 20:00–21:00 (at least half of 5 active hours)" in texts(at)
    assert "ann" not in str(dict(at.query_params))
    at.text_input(key="hours_user").set_value("eve").run()
    assert "The store holds no such user." in texts(at) and "Busiest" in texts(at)


def test_only_the_open_tab_asks(show: Open, four: Store) -> None:
    at = show(four, "behaviour", tab="Hours")
    assert [h.value for h in at.header] == ["Hours of the week", "Usual hours of users", "One user"]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ({"tab": "Moods"}, "“tab” cannot be “Moods”"),
        ({"by": "planet"}, "“by” cannot be “planet”"),
        ({"events": "vist"}, "“events” cannot be “vist”"),
        ({"interval": "x"}, "“interval” cannot be “x”"),
        ({"tab": "Churn window", "follow": "0"}, "“follow” must be a whole number from 1 to 365"),
        ({"tab": "Hours", "hours_from": "soon"}, "“hours_from” must be a date such as 2026-01-31"),
    ],
)
def test_an_address_that_cannot_be_read_gives_advice_and_the_default(
    show: Open, four: Store, address, complaint
) -> None:
    at = show(four, "behaviour", **address)
    assert complaint in texts(at) and not at.exception


def test_every_picture_is_a_figure_that_plotly_accepts_on_either_ground() -> None:
    store = store_of(diary(FOUR), as_of="2026-06-02", timezone="Europe/Paris", week_start="sunday")
    interval = usage_interval(store, IntervalSpec(by="city"))
    window = false_lapses(store, WindowSpec(by="city", follow_up_days=7))
    for is_dark in (False, True):
        for drawn in (
            interval_bars(interval, is_dark=is_dark),
            interval_bars(interval, counted="gaps", is_dark=is_dark),
            interval_steps(interval, ["Aix", "Bonn", "(none)"], is_dark=is_dark),
            window_curves(
                window, window.group_names, marks={"in force": 60, "suggested": 21}, accepted_rate=0.1, is_dark=is_dark
            ),
            week_heatmap(activity_hours(store, HoursSpec()), is_dark=is_dark),
            usual_bars(usual_hours(store, HoursSpec(from_on=date(2026, 1, 1))), is_dark=is_dark),
            user_bars(user_hours(store, UserHoursSpec(user="ann")), is_dark=is_dark),
        ):
            go.Figure(drawn)
    heat = week_heatmap(activity_hours(store, HoursSpec()))["data"][0]
    assert heat["y"] == ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    # Two Mondays at 21 in Paris: ann and cyd on the 5th, ann on the 12th and 26th.
    assert heat["z"][1][21] == 4
