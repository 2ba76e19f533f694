"""The Profile page: one user by pseudonym, found without leaving an id anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from retention.features.answer import user_features
from retention.profiles.answer import find_user, latest_seen, user_profile, user_standing
from retention.profiles.chart import category_bars, standing_dots, timeline_bars, weekday_bars
from retention.profiles.profile import timeline
from retention.profiles.spec import COMPARED
from retention.segments.order_tags import save_tag
from retention.segments.spec_tags import TagSpec
from retention.store import Store
from retention.ui import starting
from tests.pages.conftest import texts
from tests.worlds import diary, store_of

Open = Callable[..., AppTest]
WORLD = """
    ann-07: 5T20:00?channel=ads 5T20:05/purchase?value=30&item=tea 6T21:30/review?stars=5&text=lovely&item=tea
    ann-07: 20T20:10/purchase?value=50&item=mug 21T09:00/refund?value=50 22T10:00/campaign_sent?campaign=spring
    bob-07: 7T09:00
    cyd-07: 30T23:00
"""


@pytest.fixture
def three() -> Store:
    return store_of(diary(WORLD), as_of="2026-02-01", churn_window="10", activity="all but refund, campaign_sent")


def everything(at: AppTest) -> str:
    """Return all that a page says and shows, its tables, links and address, too."""
    parts = [texts(at), *(e.value for e in at.code), str(dict(at.query_params)), *(d.value.to_csv() for d in at.dataframe)]
    parts += [f.proto.spec for f in at.get("plotly_chart")] + [str(t.value) for t in at.text_input]
    return "\n".join(parts)


def search(at: AppTest, typed: str) -> AppTest:
    at.text_input[0].set_value(typed)
    next(button for button in at.button if button.label == "Open the profile").click()
    at.run()
    assert not at.exception
    return at


def test_without_a_user_those_seen_last_are_offered(show: Open, three: Store) -> None:
    at = show(three, "profile")
    [table] = [d.value for d in at.dataframe]
    assert table["Last seen"].tolist() == ["2026-01-30 23:00", "2026-01-22 10:00", "2026-01-07 09:00"]
    assert "The 3 users seen last" in texts(at)


def test_a_row_of_the_list_opens_the_profile_and_close_leads_back(show: Open, three: Store) -> None:
    user = find_user(three, "bob-07").user
    at = show(three, "profile")
    at.session_state["profile_latest"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    at.run()
    assert dict(at.query_params) == {"user": user} and f"User {user[:12]}" in texts(at)
    at.button(key="profile_close").click()
    at.run()
    assert dict(at.query_params) == {} and "The 3 users seen last" in texts(at)


def test_an_id_is_looked_up_and_left_nowhere(show: Open, three: Store) -> None:
    user = find_user(three, "ann-07").user
    at = search(show(three, "profile"), "ann-07")
    assert dict(at.query_params) == {"user": user}
    said = everything(at)
    assert f"User {user[:12]}" in said and user in [c.value for c in at.code]
    assert "ann-07" not in said
    assert "ann-07" not in repr(at.session_state)


def test_the_page_tells_the_whole_story_a_tab_at_a_time(show: Open, three: Store) -> None:
    user = find_user(three, "ann-07").user
    at = show(three, "profile", user=user[:8])
    said = texts(at)
    assert dict(at.query_params) == {"user": user}
    assert "Lapsed: last active on 20 January 2026, 12 days before the end of the data" in said
    assert "No segments or tags have been saved yet" in said
    assert [m.value for m in at.metric] == ["27 days", "12 days", "3", "2", "30.00"]
    first = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert first["layout"]["yaxis"]["title"]["text"] == "Events a week"
    told: list[str] = []
    for tab, expected in (
        ("Among all users", "features in which this user is farthest from the middle"),
        ("Interests and hours", "Active in 3 hours only: too few to tell a usual hour (at least 5)."),
        ("Orders, words, contacts", "2 orders for 80.00; 50.00 of it paid back, 30.00 left."),
    ):
        at.session_state["profile_v_part"] = tab
        at.run()
        assert not at.exception and expected in texts(at)
        told += [h.value for h in at.header]
        assert dict(at.query_params) == {"user": user, "part": tab}
    assert "Written to once." in texts(at)
    assert told == [
        f"User {user[:12]}", "Where this user stands", "Take it along",
        f"User {user[:12]}", "Interests", "Usual hours", "Take it along",
        f"User {user[:12]}", "Orders", "Reviews and searches", "Last contacts", "Take it along",
    ]  # fmt: skip


@pytest.mark.parametrize("typed", ["nobody@example.org", "", "abc"])
def test_a_user_who_is_not_there_gets_one_sentence_and_the_page_stands(show: Open, three: Store, typed: str) -> None:
    at = search(show(three, "profile"), typed)
    [error] = at.error
    assert error.value.startswith("Name a user" if not typed else "The store holds no such user.")
    assert "nobody@example" not in everything(at)
    assert len(at.dataframe) == 1  # those seen last are still offered


def test_an_id_in_the_address_is_taken_out_of_it(show: Open, three: Store) -> None:
    at = show(three, "profile", user="ann-07")
    assert [e.value.split(".")[0] for e in at.error] == ["The store holds no such user"]
    assert "ann-07" not in everything(at) and dict(at.query_params) == {}


def test_a_store_without_data_says_what_to_do(show: Open, tmp_path: Path) -> None:
    store = store_of([])
    store.write(lambda tx: tx.run("insert into imports values (1, 'x', 'x', 'x', '{}', 'UTC', 0, 0, 0, 0, null, null, null, 0, 0)"))
    at = show(store, "profile")
    assert "The store holds no events yet." in texts(at)


def test_the_pictures_are_valid(sample: Path) -> None:
    with Store.open(sample) as store:
        spec = find_user(store, str(latest_seen(store)["pseudonym"].iloc[0]))
        profile = user_profile(store, spec)
        among = user_standing(user_features(store, COMPARED), profile)
    assert among is not None
    for is_dark in (False, True):
        for figure in (
            timeline_bars(timeline(profile), "UTC", is_dark=is_dark),
            standing_dots(among, 12, is_dark=is_dark),
            weekday_bars(profile, [0, 1, 2, 3, 4, 5, 6], is_dark=is_dark),
            category_bars(["Kitchen"], [1], [2], is_dark=is_dark),
        ):
            go.Figure(figure)  # refuses a property that plotly does not know
    dots = standing_dots(among, 12)["data"][2]
    assert dots["x"] == [round(p, 4) for p in among.remarkable(12)["place"]][::-1]


def test_opening_a_profile_leaves_no_trace_and_a_label_is_told(show: Open, three: Store) -> None:
    save_tag(three, TagSpec.parse("buyer: orders >= 1"))
    user, version = find_user(three, "ann-07").user, three.data_version
    at = show(three, "profile", user=user)
    tables = [d.value for d in at.dataframe if "Kind" in d.value]
    assert tables[0].iloc[0].tolist() == ["Tag", "buyer", "yes", "2026-02-01 00:00", 3]
    with _again(three) as store:
        assert store.data_version == version


def _again(store: Store) -> Store:
    """Open the store that the app holds, once the app has let it go."""
    starting.store().close()
    starting.open_store.clear()
    return Store.open(store.path)
