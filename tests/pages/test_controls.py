"""Controls that a link restores, whatever tab is open."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from retention.ui.starting import store
from tests.worlds import diary, store_of

SCRIPT = '''
import streamlit as st
from retention.ui import address
from retention.ui.controls import Controls

address.begin("demo")
controls = Controls("demo")
st.text("unit " + controls.pills("unit", ("week", "month"), "week", "Unit"))
first, second = controls.tabs("tab", ("One", "Two"))
if first.open:
    with first:
        st.text(f"size {controls.number('size', 1, 9, 3, 'Size')}")
if second.open:
    with second:
        st.text(f"kinds {controls.many('kind', ('a', 'b', 'c'), (), 'Kinds')}")
        st.text(f"day {controls.day('day', 'Day')}")
        st.text(f"is on {controls.flag('on', 'On', default=True)}")
st.text(f"picked {controls.pick('cell', {'x': 'Cell x', 'y': 'Cell y'}, 'List', charts=('bars',))}")
controls.complain()
address.finish()
'''


@pytest.fixture
def demo(behind):
    """Run the controls with an address."""
    one = store_of(diary("ann: 5 12"))
    one.close()
    behind(one.path)

    def open_(**told):
        at = AppTest.from_string(SCRIPT)
        for name, value in told.items():
            at.query_params[name] = value
        return at.run()

    yield open_
    store()


def said(at):
    return [text.value for text in at.text]


def test_without_an_address_the_defaults_stand_and_nothing_is_written(demo):
    at = demo()
    assert said(at) == ["unit week", "size 3", "picked None"]
    assert dict(at.query_params) == {}


def test_a_link_sets_every_control_and_the_tab(demo):
    at = demo(unit="month", tab="Two", kind=["a", "c"], day="2026-01-31", on="0", cell="y")
    assert said(at) == ["unit month", "kinds ('a', 'c')", "day 2026-01-31", "is on False", "picked y"]
    assert not at.warning


def test_a_shut_tab_keeps_its_part_of_the_address_and_its_settings(demo):
    at = demo(kind="b")
    assert said(at)[1] == "size 3"
    assert at.query_params["kind"] == "b"
    at.session_state["demo_v_tab"] = "Two"
    assert "kinds ('b',)" in said(at.run())


def test_what_cannot_be_read_is_said_and_replaced_by_its_default(demo):
    at = demo(unit="wek", size="12", cell="z")
    assert said(at) == ["unit week", "size 3", "picked None"]
    [warning] = at.warning
    assert "“unit” cannot be “wek”" in warning.value
    assert "“size” must be a whole number from 1 to 9, not “12”" in warning.value


def test_a_click_in_a_chart_picks_once_and_the_list_can_pick_another(demo):
    at = demo()
    at.session_state["bars"] = {"selection": {"points": [{"customdata": ["x"]}]}}
    assert said(at.run())[-1] == "picked x"
    at.selectbox(key="demo_v_cell").select("y").run()
    # The chart still shows its old click: it does not win over the newer choice.
    assert said(at)[-1] == "picked y"
    assert at.query_params["cell"] == "y"


PEOPLE = '''
import streamlit as st
from retention.ui import address
from retention.ui.controls import Controls

address.begin("demo")
controls = Controls("demo")
where, by = controls.population()
st.text(f"{[str(c) for c in where]} by {by}")
controls.complain()
address.finish()
'''


@pytest.fixture
def people(behind):
    """Run the filters on users with an address."""
    one = store_of(diary("ann: 5/visit?country=France&plan=free\nbob: 6/visit?country=Spain&plan=paid"))
    one.close()
    behind(one.path)

    def open_(**told):
        at = AppTest.from_string(PEOPLE)
        for name, value in told.items():
            at.query_params[name] = value
        return at.run()

    return open_


def test_filters_and_the_breakdown_come_from_a_link_and_go_into_it(people):
    at = people(where=["country=France", "plan in free, paid"], by="plan")
    assert said(at) == ["['country=France', 'plan in free, paid'] by plan"]
    assert at.query_params["where"] == ["country=France", "plan in free, paid"]
    at.multiselect(key="demo_v_filter").set_value(["plan"]).run()
    assert said(at) == ["['plan in free, paid'] by plan"]


def test_a_filter_that_cannot_be_read_is_said(people):
    at = people(where=["contry=France", "plan>3", "nonsense"])
    assert said(at) == ["[] by None"]
    [warning] = at.warning
    for part in ("no property “contry”", "Did you mean", "“plan\\>3”", "must look like country=France"):
        assert part in warning.value


def test_a_filter_without_a_value_asks_nothing_yet(people):
    at = people()
    at.multiselect(key="demo_v_filter").set_value(["country"]).run()
    assert said(at) == ["[] by None"]
    at.multiselect(key="demo_v_is country").set_value(["Spain"]).run()
    assert said(at) == ["['country=Spain'] by None"]
