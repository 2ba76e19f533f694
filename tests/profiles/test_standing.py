"""Where a user stands among all: against hand-worked ranks, a plain loop, and the law of mid-ranks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.features.answer import user_features
from retention.features.spec import FeatureSpec
from retention.features.table import FeatureTable
from retention.profiles.answer import find_user, user_profile
from retention.profiles.profile import Standing, standing
from retention.profiles.words import place_words, remarkable_sentences, standing_definition, value_words
from tests.worlds import diary, store_of


def table(**columns: list[float]) -> FeatureTable:
    """Return a table of features with users 1, 2, 3 …"""
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame({"user_key": np.arange(1, n + 1), **columns})
    return FeatureTable(FeatureSpec(names=tuple(columns)), frame, 0, 20_000, 1, {}, {})


def placed(found: Standing | None) -> dict[str, tuple[float, float, float]]:
    assert found is not None
    rows = found.table.itertuples(index=False)
    return {row.name: (row.below, row.equal, row.place) for row in rows}


def test_a_place_counts_half_of_those_who_have_the_same() -> None:
    orders = [0.0, 0.0, 1.0, 5.0, math.nan]
    # Of the four who are known: nobody has fewer than none, two have none; so the middle of those two is at 1/4.
    assert placed(standing(table(orders=orders), 1))["orders"] == (0.0, 0.5, 0.25)
    assert placed(standing(table(orders=orders), 3))["orders"] == (0.5, 0.25, 0.625)
    assert placed(standing(table(orders=orders), 4))["orders"] == (0.75, 0.25, 0.875)


def test_what_is_not_known_has_no_place() -> None:
    found = standing(table(orders=[0.0, 1.0, math.nan], net=[1.0, 2.0, 3.0]), 3)
    assert all(math.isnan(v) for v in placed(found)["orders"])
    assert found is not None
    assert found.table.set_index("name").loc["orders", "median"] == 0.5
    assert list(found.remarkable(5)["name"]) == ["net"]


def test_nobody_has_more_of_an_hour_than_another() -> None:
    found = standing(table(hour_mean=[23.0, 1.0], share_night=[0.5, 0.25]), 1)
    assert math.isnan(placed(found)["hour_mean"][2]) and placed(found)["share_night"][2] == 0.75


def test_a_user_who_is_not_in_the_table_stands_nowhere() -> None:
    assert standing(table(orders=[1.0]), 2) is None and standing(table(orders=[1.0]), 0) is None


@given(values=st.lists(st.sampled_from([0.0, 1.0, 2.0, 7.5, math.nan]), min_size=1, max_size=12))
def test_places_agree_with_a_plain_loop_and_lie_around_the_middle(values: list[float]) -> None:
    features = table(orders=values)
    known = [v for v in values if not math.isnan(v)]
    places = []
    for i, value in enumerate(values):
        below, equal, place = placed(standing(features, i + 1))["orders"]
        if math.isnan(value):
            assert math.isnan(place)
            continue
        assert below == sum(v < value for v in known) / len(known)
        assert equal == sum(v == value for v in known) / len(known)
        places.append(place)
    if places:  # the mid-ranks of all users add up to half their number
        assert sum(places) == pytest.approx(len(places) / 2)


def test_users_of_a_store_are_told_in_what_they_stand_out() -> None:
    lines = [f"u{i}: 5/purchase?value=10" for i in range(19)] + ["ann: 5T23:00/purchase?value=500 6T23:30 7T23:15"]
    store = store_of(diary("\n".join(lines)), as_of="2026-01-08")
    profile = user_profile(store, find_user(store, "ann"))
    found = standing(user_features(store, FeatureSpec(names=("net", "share_night", "active_days"))), profile.user_key)
    assert found is not None and found.n_users == 20
    # 19 of 20 have less of each: 95 %.
    assert remarkable_sentences(found) == [
        "Active days: 3 days, more than 95.0 % of 20 users (the middle user: 1 day).",
        "Revenue less refunds: 500.00, more than 95.0 % of 20 users (the middle user: 10.00).",
        "Share at night: 100 %, more than 95.0 % of 20 users (the middle user: 0 %).",
    ]
    assert standing_definition(found).startswith("Every feature is as of 7 January 2026")
    other = standing(user_features(store, FeatureSpec(names=("net",))), user_profile(store, find_user(store, "u3")).user_key)
    assert other is not None and remarkable_sentences(other) == []


def test_all_but_one_are_not_all() -> None:
    assert place_words(4999 / 5000, 1 / 5000, 5000) == "more than 99.9 % of 5,000 users"
    assert place_words(0.0, 1 / 5000, 5000) == "less than 99.9 % of 5,000 users"


@pytest.mark.parametrize(("value", "unit", "said"), [
    (-3.25, "money", "−3.25"), (0.005, "share", "0.50 %"), (1.0, "categories", "1 category"), (2.0, "categories", "2 categories"),
    (-0.5, "from −1 to 1", "−0.50"), (1234567.0, "events", "1,234,567 events"), (6.6, "weekday", "Monday"), (1.5, "times", "1.5 times"),
    (1.0, "searches", "1 search"), (1.0, "days", "1 day"),
])  # fmt: skip
def test_values_are_written_with_their_unit(value: float, unit: str, said: str) -> None:
    assert value_words(value, unit) == said
