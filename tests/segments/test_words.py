"""Segments in words, their profiles and names, movements and drift: by hand, by loops, and by their own laws."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.segments.model_drift import bins_of, power_of, psi
from retention.segments.model_tree import Bound, tree_words, words
from retention.segments.segmentation import (
    LIKENESSES,
    NOT_AFTER,
    NOT_BEFORE,
    NOWHERE,
    moved,
    profile,
    suggested_names,
)

# The tree ---------------------------------------------------------------------------------------------------


def grid_of_users() -> pd.DataFrame:
    """One user for each number of orders from 0 to 9 and each number of days from 0 to 39."""
    return pd.DataFrame([{"orders": o, "days_since_last": d} for o in range(10) for d in range(40)], dtype=float)


def test_a_planted_rule_is_found_word_for_word():
    frame = grid_of_users()
    labels = ((frame["orders"] >= 3) & (frame["days_since_last"] <= 20)).astype(int).to_numpy()
    found = tree_words(frame, labels)
    rule = {r.segment: r for r in found.rules}[1]
    assert rule.text in (
        "≥ 3 orders and last seen within 20 days", "last seen within 20 days and ≥ 3 orders"
    )  # fmt: skip
    assert (rule.precision, rule.coverage, rule.n) == (1.0, 1.0, 7 * 21)
    assert found.fidelity == 1.0


def test_precision_coverage_and_fidelity_are_those_of_the_words():
    # One in four of those who order is in the other group: no tree of this depth can know.
    frame = pd.DataFrame({"orders": [0.0] * 100 + [5.0] * 100})
    labels = np.array([0] * 100 + [1] * 75 + [0] * 25)
    found = tree_words(frame, labels)
    by = {r.segment: r for r in found.rules}
    assert (by[1].precision, by[1].coverage) == (0.75, 1.0)
    assert (by[0].precision, by[0].coverage) == (1.0, 0.8)
    assert found.fidelity == 0.875


def test_users_in_no_segment_and_missing_values_are_no_trouble():
    frame = pd.DataFrame({"orders": [0.0, 0, 0, 9, 9, 9, np.nan], "gap_mean": [np.nan] * 7})
    found = tree_words(frame, np.array([0, 0, 0, 1, 1, 1, -1]))
    assert found.fidelity == 1.0
    assert {r.text for r in found.rules} == {"no orders", "≥ 1 order"} or found.n_leaves == 2


@pytest.mark.parametrize(("bounds", "text"), [
    ([Bound("days_since_last", 30.0, math.inf)], "last seen more than 30 days ago"),
    ([Bound("days_since_last_order", 7.0, 30.0)], "last order 8 to 30 days ago"),
    ([Bound("orders", 0.0, math.inf)], "≥ 1 order"),
    ([Bound("orders", -math.inf, 0.0)], "no orders"),
    ([Bound("share_weekend", -math.inf, 0.305)], "share at weekends ≤ 30.5 %"),
    ([Bound("net", 12_345.0, math.inf)], "revenue less refunds > 12,345"),
    ([Bound("gap_mean", 2.5, 10.0)], "usual gap above 2.5 and up to 10"),
    ([], "everybody"),
])  # fmt: skip
def test_bounds_read_as_a_person_would_say_them(bounds, text):
    assert words(bounds) == text


# Profiles and names -------------------------------------------------------------------------------------------


def test_a_profile_is_counted_in_standard_deviations():
    frame = pd.DataFrame({"orders": [1.0, 3.0, 5.0, 7.0], "net": [np.nan, np.nan, 10.0, 10.0]})
    found = profile(frame, np.array([0, 0, 1, 1]), ("few", "many")).set_index(["name", "feature"])
    # Mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
    assert found.loc[("few", "orders"), "difference"] == pytest.approx(-2 / 5**0.5)
    # Within the group 1 and 3: standard deviation √2, of the mean √2 / √2 = 1, in standard deviations 1 / √5.
    half = 1.959963984540054 / 5**0.5
    assert found.loc[("few", "orders"), "low"] == pytest.approx(-2 / 5**0.5 - half)
    assert found.loc[("many", "orders"), "median"] == 6.0
    assert found.loc[("few", "net"), "n_known"] == 0
    assert math.isnan(found.loc[("few", "net"), "mean"]) and math.isnan(found.loc[("many", "net"), "difference"])


def differences(**groups: dict[str, float]) -> pd.DataFrame:
    rows = [(i, f, v) for i, own in enumerate(groups.values()) for f, v in own.items()]
    return pd.DataFrame(rows, columns=["segment", "feature", "difference"])


def test_names_go_to_the_groups_that_are_most_like_them():
    profiles = differences(
        best={"orders": 1.5, "net": 1.6, "days_since_last": -0.8, "share_night": 0.1, "discount_share": -0.2},
        owls={"orders": 0.0, "net": 0.1, "days_since_last": 0.0, "share_night": 2.4, "discount_share": 0.0},
        hunters={"orders": 0.1, "net": -0.2, "days_since_last": 0.1, "share_night": 0.0, "discount_share": 1.4},
        plain={"orders": 0.0, "net": 0.0, "days_since_last": 0.1, "share_night": -0.1, "discount_share": 0.1},
    )
    assert suggested_names(profiles, 4) == ("Champions", "Night shoppers", "Bargain hunters", "Segment 4")


def test_no_name_goes_twice():
    twins = differences(a={"share_night": 2.0}, b={"share_night": 1.9})
    assert suggested_names(twins, 2) == ("Night shoppers", "Segment 2")


def test_each_name_is_told_by_features_that_exist():
    from retention.features.spec_registry import REGISTRY

    for needed, weights in LIKENESSES.values():
        assert set(weights) <= set(REGISTRY)
        assert set(needed) <= set(weights)


# Movements ----------------------------------------------------------------------------------------------------


def test_movements_are_counted_by_hand():
    found = moved(
        np.array([1, 2, 3, 4]), np.array([0, 0, 1, -1]), ("a", "b"),
        np.array([2, 3, 4, 5]), np.array([0, 0, 1, 1]), ("a", "b"),
    )  # fmt: skip
    rows = {(r.before, r.after): (r.n, r.share) for r in found.itertuples()}
    assert rows == {
        ("a", "a"): (1, 0.5), ("a", NOT_AFTER): (1, 0.5), ("b", "a"): (1, 1.0), (NOWHERE, "b"): (1, 1.0),
        (NOT_BEFORE, "b"): (1, 1.0),
    }  # fmt: skip
    assert found["before"].tolist() == ["a", "a", "b", NOWHERE, NOT_BEFORE]


users = st.dictionaries(st.integers(1, 30), st.integers(-1, 2), max_size=20)


@given(before=users, after=users)
def test_movements_add_up_to_all_users(before, after):
    if not before and not after:
        return
    old, new = (np.array(list(d), dtype=np.int64) for d in (before, after))
    found = moved(
        old, np.array(list(before.values()), dtype=np.int64), ("a", "b", "c"),
        new, np.array(list(after.values()), dtype=np.int64), ("a", "b", "c"),
    )  # fmt: skip
    assert found["n"].sum() == len(set(before) | set(after))
    stayed = sum(before[u] == after[u] for u in set(before) & set(after))
    assert found.loc[(found["before"] == found["after"]), "n"].sum() == stayed


# Drift --------------------------------------------------------------------------------------------------------


def test_psi_by_hand():
    # Two values: 50 : 50 before, 80 : 20 after. (0.3) ln 1.6 + (−0.3) ln 0.4 = 0.3 ln 4.
    found = psi(np.array([1.0] * 50 + [2.0] * 50), np.array([1.0] * 80 + [2.0] * 20))
    assert found.n_bins == 2
    assert found.psi == pytest.approx(0.3 * math.log(4))
    # One degree of freedom: 3.841 · (1/100 + 1/100).
    assert found.by_chance == pytest.approx(3.841459 * 0.02, rel=1e-6)
    assert found.is_moved and found.words.startswith("Has moved much")


def test_the_same_users_have_not_moved_and_nobody_is_no_answer():
    x = np.random.default_rng(0).normal(size=500)
    same = psi(x, x)
    assert same.psi == 0.0 and not same.is_moved
    assert psi(x, np.empty(0)).words.startswith("Not known")


def test_what_became_unknown_has_moved():
    x = np.arange(1000.0)
    lost = np.where(x < 300, np.nan, x)
    assert psi(x, lost).is_moved


def test_tenths_are_fewer_where_values_are_equal():
    assert len(bins_of(np.arange(100.0))) == 9
    assert bins_of(np.array([0.0] * 90 + [1.0] * 10)).tolist() == [0.0]
    assert len(bins_of(np.full(50, 3.0))) == 0


def test_one_case_in_twenty_moves_by_chance():
    random = np.random.default_rng(1)
    n_moved = sum(psi(random.normal(size=600), random.normal(size=400)).is_moved for _ in range(400))
    # Binomial with p = .05: 20 expected, standard deviation 4.4. The tenths are cut from one of the samples.
    assert 8 <= n_moved <= 36


def test_the_trades_bound_of_a_tenth_is_chance_for_few_users():
    # (1/n + 1/m) χ²(9) = 0.1 at 16.92 (2/n): about 340 users a side.
    random = np.random.default_rng(2)
    assert psi(random.normal(size=100), random.normal(size=100)).by_chance > 0.1
    assert psi(random.normal(size=1000), random.normal(size=1000)).by_chance < 0.1
    assert power_of(0.1, 200, 200) < power_of(0.1, 2000, 2000)
