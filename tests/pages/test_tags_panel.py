"""The tab of tags: a rule is tried, saved, listed, counted anew and deleted; what cannot be is said in a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from retention.segments.order_tags import save_tag
from retention.segments.spec_tags import TagSpec
from retention.store import Store
from tests.pages.conftest import texts
from tests.rows import import_rows
from tests.worlds import diary, instant, rows_of, store_of

Open = Callable[..., AppTest]
WORLD = """
    ann: 1T23:30?channel=ads 2T23:50/purchase?channel=ads 4T01:00
    bob: 1T12:00?channel=mail 2T12:00
    cyd: 3T22:15
"""


@pytest.fixture
def three() -> Store:
    return store_of(diary(WORLD), as_of="2026-01-10")


def tags(show: Open, store: Store, **address: str) -> AppTest:
    return show(store, "segments", tab="Tags", **address)


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click()
    at.run()
    assert not at.exception
    return at


def name(at: AppTest, text: str) -> AppTest:
    next(box for box in at.text_input if box.label == "Name of the tag").set_value(text)
    return press(at, "Save the tag")


def test_a_rule_is_counted_before_it_is_saved_and_then_listed(show: Open, three: Store) -> None:
    at = tags(show, three)
    assert "There are no tags yet" in texts(at)
    # ann's three and cyd's one are all at night, bob's are not.
    assert "**2 users of 3 (66.7 %)**: Share at night ≥ 40 %" in texts(at)
    name(at, "night owl")
    assert "“night owl” is saved: 2 users have it." in texts(at)
    assert at.dataframe[0].value.iloc[0].tolist() == ["night owl", "Share at night ≥ 40 %", 2, "66.7 %", 3, "2026-01-10 00:00"]


def test_conditions_add_up_and_are_counted_each_by_itself(show: Open, three: Store) -> None:
    at = press(tags(show, three), "And one more condition")
    assert "**1 user of 3 (33.3 %)**: Share at night ≥ 40 % and Orders ≥ 1" in texts(at)
    assert at.dataframe[0].value.to_numpy().tolist() == [["Share at night ≥ 40 %", 2, 3], ["Orders ≥ 1", 1, 3]]
    at = press(at, "Without the last one")
    assert "**2 users of 3 (66.7 %)**" in texts(at)


def test_the_users_of_a_tag_are_as_many_as_it_counts(show: Open, three: Store) -> None:
    save_tag(three, TagSpec.parse("night owl: share_night >= 0.4"))
    at = tags(show, three, tag="tag:night owl=yes")
    assert "2 users: night owl" in [s.value for s in at.subheader]
    assert dict(at.query_params)["tag"] == "tag:night owl=yes"


def test_a_typed_rule_is_counted_and_a_mistake_in_it_is_one_sentence(show: Open, three: Store) -> None:
    at = tags(show, three)
    at.session_state["tags_how"] = "Type"
    at.run()
    for typed, said in (
        ("active_days >= 2 and share_night <= 10 %", "**1 user of 3 (33.3 %)**: Active days ≥ 2 and Share at night ≤ 10 %"),
        ("shoe_size > 3", 'There is no feature "shoe_size".'),
        ("night", "A condition must look like share_night ≥ 0.4"),
        ("stars_mean > 3", "Mean stars is not known"),
    ):
        next(box for box in at.text_input if box.label == "The rule").set_value(typed)
        at.run()
        assert not at.exception and said in texts(at)
        assert "Share this view" in texts(at)  # the rest of the page stands


@pytest.mark.parametrize(("typed", "said"), [
    ("", "A tag must have a name of 1 to 40 characters."),
    ("a=b", "must not hold =: filters use these signs."),
    ("night owl", 'There is a tag "night owl" already.'),
])  # fmt: skip
def test_a_name_that_cannot_be_is_refused(show: Open, three: Store, typed: str, said: str) -> None:
    save_tag(three, TagSpec.parse("night owl: share_night >= 0.4"))
    at = name(tags(show, three), typed)
    assert any(said in e.value for e in at.error)


def test_a_tag_that_the_data_have_overtaken_says_so_and_is_counted_anew(show: Open, three: Store) -> None:
    save_tag(three, TagSpec.parse("often: active_days >= 3"))
    import_rows(three, rows_of(diary("bob: 11 12")), complete_to_us=instant("2026-01-20"))
    at = tags(show, three, tag="tag:often=yes")
    assert "Counted as of 10 January 2026, 00:00 UTC; the data now reach 20 January 2026, 00:00 UTC" in texts(at)
    assert "1 user: often" in [s.value for s in at.subheader]
    at = press(at, "Count anew")
    assert "2 users: often" in [s.value for s in at.subheader] and "Counted as of" not in texts(at)


def test_a_deleted_tag_leaves_the_list_and_the_address(show: Open, three: Store) -> None:
    save_tag(three, TagSpec.parse("often: active_days >= 3"))
    at = press(tags(show, three, tag="tag:often=yes"), "Yes, delete it")
    assert "There are no tags yet" in texts(at) and "tag" not in dict(at.query_params)


def test_tags_together_are_counted(show: Open, three: Store) -> None:
    save_tag(three, TagSpec.parse("often: active_days >= 2"))
    save_tag(three, TagSpec.parse("owl: share_night >= 0.4"))
    at = tags(show, three)
    # ann has both, bob comes often, cyd comes at night.
    assert "2 users have 1 tag; 1 user has 2 tags." in texts(at)
    assert at.dataframe[-1].value.to_numpy().tolist() == [["often", 2, 1], ["owl", 1, 2]]


def test_a_tag_whose_feature_is_gone_is_listed_with_a_sentence(show: Open, three: Store) -> None:
    save_tag(three, TagSpec.parse("often: active_days >= 3"))
    three.write(lambda tx: tx.run("update tags set rule = $rule", {"rule": '[["shoe_size", ">", 44.0]]'}))
    at = tags(show, three, tag="tag:often=yes")
    assert any("rests on shoe_size" in w.value for w in at.warning)
    assert "1 user: often" in [s.value for s in at.subheader]
