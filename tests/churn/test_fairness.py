"""Scores by group: rates by hand, differences that were planted and differences that were not, and what must stay hidden."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_auc_score

from retention.churn.fairness import LEAST_USERS, OTHERS, RATES, TELL, fairness_by


def world(n: int, *, gap: float = 0.0, off: float = 0.0, seed: int = 0):
    """Draw two groups of users: `gap` raises the true log-odds of the second, `off` what is said of it only."""
    random = np.random.default_rng(seed)
    second = random.random(n) < 0.4
    z = random.normal(-0.5, 1.0, n) + gap * second
    y = (random.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    return ["b" if s else "a" for s in second], y, 1 / (1 + np.exp(-(z + off * second)))


def test_the_rates_of_a_small_world_by_hand():
    # a: ten users, four lapse, of whom three are chosen, and of the six who stay two are. b: ten, two lapse, none chosen.
    groups = ["a"] * 10 + ["b"] * 10
    y = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    p = [0.9, 0.8, 0.7, 0.2, 0.6, 0.5, 0.1, 0.1, 0.1, 0.1] + [0.1] * 10
    found = fairness_by("kind", groups, y, p, 0.5)
    a, b = (found.rows.set_index("group").loc[name] for name in ("a", "b"))
    assert (a["came"], a["chosen"], a["caught"], a["bothered"]) == (0.4, 0.5, 0.75, pytest.approx(2 / 6))
    assert (b["came"], b["chosen"], b["caught"], b["bothered"]) == (0.2, 0.0, 0.0, 0.0)
    assert (a["n_lapsed"], a["n_chosen"], a["n_caught"], a["n_bothered"]) == (4, 5, 3, 2)
    assert a["said"] == pytest.approx(np.mean(p[:10]))
    # Wilson of 5 of 10, from the paper's formula: 0.2366 to 0.7634.
    assert (a["chosen_low"], a["chosen_high"]) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    # Fewer than ten who lapsed rank nothing.
    assert np.isnan(a["auc"])
    # Of ten users each, 5 chosen against 0 holds (Newcombe), 4 lapses against 2 does not.
    assert (a["chosen_says"], b["chosen_says"]) == ("higher", "lower")
    assert a["came_says"] == b["came_says"] == TELL


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 10)), min_size=30, max_size=120),
       st.integers(0, 10))  # fmt: skip
def test_rates_are_those_of_scikit_learns_confusion_matrix(rows, at):
    groups, y, p = zip(*rows, strict=True)
    found = fairness_by("kind", groups, y, np.array(p) / 10, at / 10)
    assert found.rows["n"].sum() + found.n_hidden_users == found.n_users == len(rows)
    for row in found.rows.itertuples(index=False):
        inside = [i for i, g in enumerate(groups) if g == row.group]
        chosen = [int(p[i] / 10 >= at / 10) for i in inside]
        (tn, fp), (fn, tp) = confusion_matrix([y[i] for i in inside], chosen, labels=[0, 1])
        assert row.n == len(inside) >= LEAST_USERS
        assert row.chosen == pytest.approx((tp + fp) / row.n)
        assert row.caught == pytest.approx(tp / (tp + fn)) if tp + fn else np.isnan(row.caught)
        assert row.bothered == pytest.approx(fp / (fp + tn)) if fp + tn else np.isnan(row.bothered)


def test_a_group_that_lapses_more_is_found_and_its_calibration_is_not_blamed():
    found = fairness_by("kind", *world(6000, gap=0.8, seed=3), 0.5)
    rows = found.rows.set_index("group")
    assert rows.loc["b", ["came_says", "chosen_says", "caught_says"]].tolist() == ["higher"] * 3
    assert rows["calibration_says"].tolist() == [TELL, TELL]


def test_a_group_of_whom_too_much_is_said_is_found():
    groups, y, p = world(6000, off=0.5, seed=2)
    rows = fairness_by("kind", groups, y, p, 0.5).rows.set_index("group")
    assert rows.loc["b", "calibration_says"] == "too high"
    assert (rows.loc["a", "calibration_says"], rows.loc["b", "came_says"]) == (TELL, TELL)
    # The shift does not change the order within the group.
    inside = np.array(groups) == "b"
    assert rows.loc["b", "auc"] == pytest.approx(roc_auc_score(y[inside], p[inside]))
    assert rows.loc["b", "auc_low"] < rows.loc["b", "auc"] < rows.loc["b", "auc_high"]


def test_groups_that_are_alike_are_seldom_told_apart():
    # Eight groups by lot, five things looked at in each: corrected together, about three worlds of 60 tell anything at all.
    n_told = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        p = random.beta(2, 3, 800)
        y = (random.random(800) < p).astype(int)
        rows = fairness_by("lot", [str(g) for g in random.integers(0, 8, 800)], y, p, 0.4, n_draws=2).rows
        n_told += any((rows[f"{name}_says"] != TELL).any() for name in (*RATES, "calibration"))
    assert n_told <= 9  # ten or more of 60 come once in two thousand times at 5 %


def test_small_groups_are_hidden_and_counted():
    groups = ["many"] * 30 + ["few"] * 9
    found = fairness_by("kind", groups, [0, 1, 0] * 13, [0.5] * 39, 0.5)
    assert found.rows["group"].tolist() == ["many"]
    assert (found.n_hidden_groups, found.n_hidden_users, found.is_telling) == (1, 9, False)


def test_of_many_values_the_rarer_stand_together():
    groups = [f"v{i}" for i in range(20) for _ in range(12 + (i < 11))]
    found = fairness_by("kind", groups, [0, 1] * (len(groups) // 2) + [0] * (len(groups) % 2), [0.5] * len(groups), 0.6, n_draws=2)
    names = found.rows["group"].tolist()
    assert len(names) == 12 and names[-1] == OTHERS and found.n_merged == 9
    assert found.rows["n"].iloc[-1] == 9 * 12 and found.rows["n"].sum() == len(groups)


def test_nobody_to_tell_of_is_empty_and_not_zero():
    rows = fairness_by("kind", ["a"] * 12, [0] * 12, [0.3] * 12, 0.9).rows
    assert np.isnan(rows["caught"][0]) and np.isnan(rows["caught_low"][0])
    assert rows["chosen"][0] == 0 and rows["caught_says"][0] == TELL
    empty = fairness_by("kind", [], [], [], 0.5)
    assert len(empty.rows) == 0 and not empty.is_telling
    with pytest.raises(ValueError, match="2 groups, 1 outcomes"):
        fairness_by("kind", ["a", "b"], [1], [0.5], 0.5)
