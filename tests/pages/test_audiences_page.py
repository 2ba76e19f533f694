"""The Audiences page: lists as objects, refreshed or not, combined, compared, and who on them is left alone."""

from __future__ import annotations

import pytest

from retention.audiences.answer_lists import saved_lists
from retention.audiences.order import refresh_audience, save_audience
from retention.audiences.spec import AudienceSpec
from retention.headlines.spec import QuietSpec
from retention.segments.spec_tags import TagUsersSpec
from retention.store import Store
from retention.store.labels import FIRST_KEY, drop_label
from retention.ui import starting
from tests.audiences.lists import label_users, save_list
from tests.pages.conftest import Open, texts
from tests.worlds import diary, store_of

NAMES = ("ann", "bob", "cyd", "dee")
WORLD = "ann: 5 12 15/campaign_sent?arm=mail\nbob: 5 6/unsubscribe\ncyd: 6 13\ndee: 7"


@pytest.fixture
def lists() -> Store:
    """Two lists that overlap in bob."""
    store = store_of(diary(WORLD), as_of="2026-01-21")
    save_list(store, "first", ["ann", "bob", "cyd"])
    save_list(store, "second", ["bob", "dee"])
    return store


def test_without_a_list_the_page_says_how_to_make_one(show: Open):
    at = show(store_of(diary(WORLD)), page="audiences")
    assert "No list has been saved yet" in texts(at)
    assert len(at.get("page_link")) >= 3


def test_the_newest_list_is_opened_and_says_what_made_it(show: Open, lists: Store):
    version = lists.data_version
    at = show(lists, page="audiences")
    said = texts(at)
    assert "2 users." in said and "tag:second" in said and "Static:" in said
    (listed, *_) = at.dataframe
    assert listed.value["List"].tolist() == ["second", "first"] and listed.value["Users"].tolist() == [2, 3]
    assert "Data complete up to: **21 January 2026, 00:00 UTC**" in said
    assert f"Version of the data: **{version - 1:,} (now {version:,})**" in said
    assert "Scores that stood: **No scores stood then**" in said
    assert "2 users on “second”" in said
    (beside,) = [frame.value for frame in at.dataframe if "Other list" in frame.value]
    assert beside[["Other list", "On both", "Share of this list"]].values.tolist() == [["first", 1, "50.0 %"]]


def test_a_list_is_opened_by_its_address(show: Open, lists: Store):
    at = show(lists, page="audiences", list="1")
    assert "3 users on “first”" in texts(at)
    at = show(lists.path, page="audiences", list="77")
    assert "“list” cannot be “77”" in texts(at) and "on “second”" in texts(at)


def test_whoever_is_left_alone_is_counted_by_reason_and_not_listed(show: Open, lists: Store):
    at = show(lists, page="audiences", list="1", contacted="14", reachable="1")
    said = texts(at)
    assert "Of 3: 1 contacted in the last 14 days and 1 may not be written to; 1 is left." in said
    assert "1 user left of “first”" in said
    at.checkbox(key="audiences_v_reachable").uncheck().run()
    assert "2 users left of “first”" in texts(at)


def test_a_list_is_set_to_be_refreshed_made_anew_and_shows_who_joined_and_left(show: Open, lists: Store):
    label_users(lists, "tag:second", ["ann"], cutoff_us=2)
    at = show(lists, page="audiences")
    assert "It was made once" in texts(at)
    at.button(key="audience_refreshed").click().run()
    assert not at.exception and "Refreshed: after each import" in texts(at)
    at.button(key="audience_anew").click().run()
    said = texts(at)
    assert "“second” was made anew: 1 joined, 2 left; it now has 1 user." in said
    assert "Made 2 times." in said and "1 user on “second”" in said
    changes = at.selectbox(key="audiences_v_change")
    assert [option.split(" when")[0] for option in changes.options] == ["1 user joined", "2 users left"]
    changes.select(changes.options[1]).run()
    assert "2 users: left when it was made" in texts(at)
    at.button(key="audience_static").click().run()
    assert "Static:" in texts(at)
    assert not saved_lists(starting.store())[0].is_refreshed


def test_a_list_that_cannot_be_made_anew_says_so(show: Open, lists: Store):
    lists.write(lambda tx: drop_label(tx, FIRST_KEY))
    at = show(lists, page="audiences", list="1")
    assert "cannot be made anew, so it stays as it is" in texts(at)
    assert at.button(key="audience_anew").disabled and at.button(key="audience_refreshed").disabled
    assert "3 users on “first”" in texts(at)


def test_a_list_is_deleted_after_a_second_question(show: Open, lists: Store):
    at = show(lists, page="audiences")
    at.button(key="audience_delete_yes").click().run()
    assert not at.exception
    assert [frame.value["List"].tolist() for frame in at.dataframe if "List" in frame.value] == [["first"]]


def test_lists_are_combined_counted_and_kept(show: Open, lists: Store):
    at = show(lists, page="audiences", tab="Combine", all="1", none="2")
    said = texts(at)
    assert "2 users who are on “first”, and not on “second”." in said and "2 users: on the combination" in said
    next(field for field in at.text_input if field.label == "Name of the audience").set_value("only first")
    at.button(key="FormSubmitter:combined_members_save_audience-Save 2 users").click().run()
    assert "“only first” holds 2 users" in texts(at)
    at = show(lists.path, page="audiences", tab="Combine")
    assert "Choose at least one list" in texts(at)


def test_the_overlap_of_lists_is_drawn_and_told(show: Open, lists: Store):
    at = show(lists, page="audiences", tab="Overlap")
    chart = at.get("plotly_chart")[0]
    assert "“second” and “first” share the most users: 1." in chart.proto.alt
    at.multiselect(key="audiences_v_lists").unselect("1").run()
    assert "Choose two lists or more" in texts(at)


def test_one_list_alone_cannot_be_combined(show: Open):
    store = store_of(diary(WORLD), as_of="2026-01-21")
    save_list(store, "first", ["ann"])
    for tab in ("Combine", "Overlap"):
        assert "There must be two saved lists" in texts(show(store if tab == "Combine" else store.path, page="audiences", tab=tab))


def test_a_list_with_nobody_is_a_list(show: Open):
    store = store_of(diary(WORLD), as_of="2026-01-21")
    save_audience(store, AudienceSpec(name="quiet", users=QuietSpec()))
    at = show(store, page="audiences")
    assert "0 users." in texts(at) and "Nobody is in this list" in texts(at)


def test_what_a_list_is_called_is_no_markup(show: Open):
    store = store_of(diary(WORLD), as_of="2026-01-21")
    label_users(store, "tag:x", ["ann"])
    number = save_audience(store, AudienceSpec(name="![a](http://b) <b>*", users=TagUsersSpec("tag:x", "yes"))).audience_id
    refresh_audience(store, number)
    assert "![a](http" not in texts(show(store, page="audiences"))
