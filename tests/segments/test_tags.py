"""Tags: rules as a person types them, and who has them."""

from __future__ import annotations

import pytest

from retention.errors import SpecError
from retention.features.answer import user_features
from retention.features.spec import FeatureSpec
from retention.segments.spec_tags import FeatureCondition, TagSpec
from retention.segments.tags import tag_counts, tagged
from retention.store import Sql, Store
from tests.worlds import diary, store_of

WORLD = """
    ann: 1T23:30?channel=ads 2T23:50/purchase?channel=ads 4T01:00
    bob: 1T12:00?channel=mail 2T12:00
    cyd: 3T22:15 5T09:00/purchase?channel=ads
"""


@pytest.fixture
def store() -> Store:
    return store_of(diary(WORLD))


def who(store: Store, text: str) -> set[str]:
    tag = TagSpec.parse(text)
    table = user_features(store, FeatureSpec(names=tag.features))
    ids = store.read(Sql("select i.user_key, i.user_id from identities as i")).set_index("user_key")["user_id"]
    return set(ids.loc[tagged(table, tag)])


@pytest.mark.parametrize(("text", "users"), [
    ("night shopper: share_night ≥ 0.4", {"ann", "cyd"}),
    ("night shopper: share_night > 50 %", {"ann"}),
    ("buying owl: share_night >= 0.4 and orders >= 1", {"ann", "cyd"}),
    ("from ads: channel_last = ads", {"ann", "cyd"}),
    ("not from ads: channel_last != ads", {"bob"}),
    ("from nowhere: channel_last = tv", set()),
    ("fell silent: days_since_last >= 1", {"ann", "bob"}),
    # bob never ordered: how long ago is not known, and what is not known satisfies nothing.
    ("ordered of late: days_since_last_order <= 99", {"ann", "cyd"}),
    ("not of late: days_since_last_order > 0", {"ann"}),
])  # fmt: skip
def test_a_tag_names_whom_the_rule_fits(store, text, users):
    assert who(store, text) == users


def test_one_user_may_have_several_tags(store):
    tags = [TagSpec.parse("a: share_night > 0.4"), TagSpec.parse("b: orders >= 1"), TagSpec.parse("c: orders >= 9")]
    table = user_features(store, FeatureSpec(names=("share_night", "orders")))
    counts = tag_counts(table, tags).set_index("name")
    assert counts["n"].to_dict() == {"a": 2, "b": 2, "c": 0}
    assert counts.loc["a", "share"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(("text", "said"), [
    ("share_night > 1", "must look like"),
    ("x: ", "at least one condition"),
    (": share_night > 1", "a name of 1 to 40"),
    ("x: shoe_size > 3", 'There is no feature "shoe_size"'),
    ("x: orders > many", "compared with a number"),
    ("x: orders > nan", "finite"),
    ("x: channel_last > ads", "is a text"),
    ("x: orders ~ 3", "must look like"),
])  # fmt: skip
def test_a_rule_that_cannot_be_read_says_so(text, said):
    with pytest.raises(SpecError, match=said):
        TagSpec.parse(text)


def test_a_feature_that_is_not_known_says_why(store):
    tag = TagSpec("kind", (FeatureCondition("stars_mean", ">=", 4.0),))
    table = user_features(store, FeatureSpec(names=(*tag.features, "orders")))
    with pytest.raises(SpecError, match="Mean stars is not known: The store holds no event"):
        tagged(table, tag)
