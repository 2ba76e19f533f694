"""Funnels, paths and drivers on the Behaviour page, without a browser; and by the command line."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from retention.audiences.answer import users_of
from retention.behaviour.answer_drivers import drivers
from retention.behaviour.answer_funnel import funnel
from retention.behaviour.answer_paths import paths
from retention.behaviour.chart_drivers import lift_dots
from retention.behaviour.chart_funnel import funnel_bars
from retention.behaviour.chart_paths import path_bars
from retention.behaviour.spec_drivers import DriversSpec
from retention.behaviour.spec_funnel import FunnelSpec, FunnelUsersSpec
from retention.behaviour.spec_paths import PathsSpec
from retention.cli import main
from retention.store import Store
from tests.pages.conftest import Open, texts
from tests.worlds import diary, store_of

# Within a day: ann gets through, bob carts, cyd and dee only visit.
FOUR = """
    ann: 5T10:00/visit?city=Aix 5T11:00/cart 5T12:00/purchase 9/visit
    bob: 5T10:00/visit?city=Aix 5T10:30/cart 8/purchase 8T13:00/visit
    cyd: 5T10:00/visit?city=Bonn
    dee: 6T10:00/visit?city=Bonn
"""


@pytest.fixture
def four() -> Store:
    return store_of(diary(FOUR), as_of="2026-03-01", min_cohort_size=1)


def figure(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(at.get("plotly_chart")[0].proto.spec)
    return found


def click(at: AppTest, key: str, value: str) -> AppTest:
    at.session_state[key] = {"selection": {"points": [{"customdata": [value]}]}}
    return at.run()


def lists(at: AppTest) -> list[str]:
    return [s.value for s in at.subheader if " user" in s.value]


FUNNEL = {"tab": "Funnel", "steps": ["visit", "cart", "purchase"], "within": "1d"}


def test_the_funnel_says_what_a_hand_counts(show: Open, four: Store) -> None:
    at = show(four, "behaviour", **FUNNEL)
    assert "25.0 % of 4 users get from “visit” to “purchase” within 1 day" in texts(at)
    assert "Most are lost between “visit” and “cart”: 50.0 % of 4 users go no further." in texts(at)
    assert figure(at)["data"][0]["x"] == [1, 0.5, 0.25]
    assert "share this view" in texts(at).casefold()


def test_a_click_on_a_step_lists_its_users(show: Open, four: Store) -> None:
    at = show(four, "behaviour", **FUNNEL)
    click(at, "funnel_bars", "2")
    assert lists(at) == ["2 users: reached step 2, cart"]
    at.selectbox(key="behaviour_v_step").set_value("lost 1").run()
    assert lists(at) == ["2 users: lost after step 1, visit"]


def test_a_link_restores_the_funnel_its_groups_and_its_list(show: Open, four: Store) -> None:
    at = show(four, "behaviour", **FUNNEL, by="city", step="lost 1", step_group="Bonn")
    assert lists(at) == ["2 users: lost after step 1, visit, city Bonn"]
    assert {trace["name"]: trace["x"] for trace in figure(at)["data"]} == {"Aix": [1, 1, 0.5], "Bonn": [1, 0, 0]}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"within": "soon"}, "`within` must be a length of time from 1m to 731d, not 'soon'."),
        ({"typed": "vist,cart"}, 'The store holds no event "vist". Did you mean "visit"?'),
        ({"typed": "visit"}, "A funnel must have from 2 to 10 steps, not 1."),
        ({"typed": "visit,,cart"}, "Each step of a funnel must name an event."),
        ({"steps": ["cart", "visit"], "within": "30m"}, "Nobody reached step 2 (“visit”) in time"),
        ({"within": "90d"}, "Too early to tell: no user's 90 days after “visit” can be judged yet."),
        ({"from_": "2026-01-20"}, "Nobody did “visit” within these settings."),
        ({"from_": "2026-01-20", "to": "2026-01-20"}, "`from` must be before `to`"),
    ],
)
def test_what_cannot_be_answered_is_said_and_the_page_stands(show: Open, four: Store, address, said) -> None:
    at = show(four, "behaviour", **{**FUNNEL, **address})
    assert said in texts(at)
    assert "share this view" in texts(at).casefold()


def test_the_paths_say_what_a_hand_counts(show: Open, four: Store) -> None:
    at = show(four, "behaviour", tab="Paths", event="visit", path_within="1d", path_steps="2")
    assert "After their first “visit”, 50.0 % of 4 users do “cart” next within 1 day" in texts(at)
    assert "50.0 % do nothing more within 1 day." in texts(at)
    assert {trace["name"]: trace["x"] for trace in figure(at)["data"]} == {
        "cart": [0.5, 0], "purchase": [0, 0.25], "other events": [0, 0], "nothing more": [0.5, 0.75],
    }  # fmt: skip
    click(at, "path_bars", "2.event.purchase")
    assert lists(at) == ["1 user: Step 2: purchase, after the first visit"]
    at.selectbox(key="behaviour_v_place").set_value("sequence 1").run()
    assert lists(at) == ["2 users: nothing more"]


def test_paths_that_cannot_be_judged_are_said(show: Open, four: Store) -> None:
    at = show(four, "behaviour", tab="Paths", event="visit", path_within="100d")
    assert "Too early to tell" in texts(at) and "Share this view" in texts(at)
    at = show(four, "behaviour", tab="Paths", event="vist")
    assert "cannot be “vist”" in texts(at)


def test_the_drivers_say_what_goes_with_what_and_never_what_causes(show: Open) -> None:
    # 30 of 40 who buy on the first day come back in the second week, 10 of 40 who do not.
    world = diary("\n".join(
        f"u{i}: 5T10:00/visit {'5T11:00/purchase ' if i < 40 else ''}{'13/visit' if i < 30 or 40 <= i < 50 else ''}"
        for i in range(80)
    ))  # fmt: skip
    at = show(store_of(world, as_of="2026-03-01"), "behaviour", tab="Drivers")
    assert (
        "Doing “purchase” at least once in the first 7 days goes with more activity on days 7 to 34:"
        " 75.0 % against 25.0 % of the others." in texts(at)
    )
    assert "Lift 3.00" in texts(at)
    assert "everybody did “visit” at least once" in texts(at)
    assert "“Goes with” is not “leads to”" in texts(at)
    assert "cause" not in texts(at).casefold()
    click(at, "lift_dots", "1.purchase")
    assert lists(at) == ["40 users: did it: purchase at least once in the first 7 days"]
    at.selectbox(key="behaviour_v_who").set_value("not kept").run()
    assert lists(at) == ["10 users: did not, and were active later: purchase at least once in the first 7 days"]


def test_drivers_without_contrast_are_said(show: Open, four: Store) -> None:
    assert "Nobody of 4 users was active on days 30 to 34" in texts(show(four, "behaviour", tab="Drivers", later="30"))
    assert "Too early to tell" in texts(show(four, "behaviour", tab="Drivers", last="300"))


def test_the_pictures_are_figures_in_light_and_dark(four: Store) -> None:
    split = funnel(four, FunnelSpec(steps=(("visit",), ("cart",)), by="city"))
    walked = paths(four, PathsSpec(event="visit"))
    tables = drivers(four, DriversSpec(first_days=1, from_day=1, to_day=4))
    nobody = paths(four, PathsSpec(event="visit", within_us=100 * 86_400_000_000))
    for is_dark in (False, True):
        for picture in (
            funnel_bars(split, is_dark=is_dark), funnel_bars(split, split.groups, is_dark=is_dark),
            path_bars(walked, is_dark=is_dark), path_bars(nobody, is_dark=is_dark), lift_dots(tables, is_dark=is_dark),
        ):  # fmt: skip
            go.Figure(picture)
    assert users_of(four, FunnelUsersSpec(funnel=split.spec, step=2)).count == 2


def test_the_command_line_answers_the_same(four: Store, capsys: pytest.CaptureFixture[str]) -> None:
    four.close()
    there = ["--store", str(four.path), "--json"]
    assert main(["funnel", "--steps", "visit,cart,purchase", "--within", "1d", *there]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["n_users"] for row in said["steps"]] == [4, 2, 1]
    assert said["steps"][0]["median_s"] is None and said["as_of"] == "2026-03-01T00:00:00Z" and said["definition"]
    assert main(["paths", "--event", "visit", "--steps", "1", "--within", "1d", *there]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {row["event"] or row["kind"]: row["n_users"] for row in said["steps"]} == {
        "cart": 2,
        "other": 0,
        "nothing": 2,
    }
    assert {tuple(row["events"]): row["n_users"] for row in said["sequences"]} == {("cart",): 2, (): 2}
    assert main(["drivers", "--first", "1", "--later", "1-4", "--times", "1", *there]) == 0
    said = json.loads(capsys.readouterr().out)
    table = {
        row["event"]: [row[k] for k in ("did_retained", "did_lost", "not_retained", "not_lost")]
        for row in said["drivers"]
    }
    assert table == {"cart": [2, 0, 0, 2], "purchase": [1, 0, 1, 2]}
    assert next(row for row in said["drivers"] if row["event"] == "cart")["lift"] is None  # infinite: JSON has no word
    for words in (
        ["funnel", "--steps", "visit,cart,purchase", "--by", "city"],
        ["paths", "--event", "purchase", "--direction", "before", "--within", "all"],
        ["drivers", "--first", "1", "--later", "1-4"],
    ):
        assert main([*words, "--store", str(four.path)]) == 0
        assert "of " in capsys.readouterr().out
    for words, complaint in (
        (["funnel", "--steps", "visit,byu"], 'holds no event "byu"'),
        (["funnel", "--steps", "visit,cart", "--within", "7"], "`within` must be"),
        (["paths", "--event", "visit", "--steps", "9"], "`steps` must be from 1 to 5"),
        (["drivers", "--later", "soon"], "`--later` must look like 7-34"),
        (["drivers", "--later", "3-9"], "must begin on day 7 or later"),
    ):
        assert main([*words, "--store", str(four.path)]) == 2
        assert complaint in capsys.readouterr().err
