"""The split of a campaign: it follows from the key alone, it is uniform, and no campaign tells of another."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pytest
from scipy import stats

from retention.interventions.assignment import draws, split

KEY = "5f" * 16
MILLION = [str(i) for i in range(1_000_000)]


@pytest.fixture(scope="module")
def spring() -> np.ndarray:
    return draws(KEY, "spring", MILLION)


def test_the_draw_is_the_hash_that_its_notes_name():
    digest = hmac.new(bytes.fromhex(KEY), b"spring\0ann", hashlib.sha256).digest()
    first, second = (int.from_bytes(digest[i : i + 8], "big") >> 11 for i in (0, 8))
    assert draws(KEY, "spring", ["ann"]).tolist() == [[first / 2**53, second / 2**53]]


def test_a_user_is_drawn_alike_in_any_order_and_company():
    alone = draws(KEY, "spring", ["bob"])[0]
    among = draws(KEY, "spring", ["ann", "bob", "cid"])
    back = draws(KEY, "spring", ["cid", "bob", "ann"])
    assert (among[1] == alone).all() and (back[::-1] == among).all()


def test_another_key_or_campaign_draws_otherwise():
    ours = draws(KEY, "spring", MILLION[:1000])
    assert not (draws("60" * 16, "spring", MILLION[:1000]) == ours).any()
    assert not (draws(KEY, "autumn", MILLION[:1000]) == ours).any()


@pytest.mark.parametrize("column", [0, 1])
def test_a_million_ids_fall_evenly(spring, column):
    # Ids that count up are the worst case of a weak hash. The draw is fixed, so the test is no lottery.
    counts = np.bincount((spring[:, column] * 1000).astype(int), minlength=1000)
    assert stats.chisquare(counts).pvalue > 0.001
    assert spring.min() >= 0 and spring.max() < 1


def test_campaigns_and_the_two_draws_are_independent(spring):
    autumn = draws(KEY, "autumn", MILLION)
    for one, other in ((spring[:, 0], autumn[:, 0]), (spring[:, 1], autumn[:, 1]), (spring[:, 0], spring[:, 1])):
        table = np.histogram2d(one, other, bins=10, range=[[0, 1], [0, 1]])[0]
        assert stats.chi2_contingency(table).pvalue > 0.001


def test_a_tenth_is_held_out_and_the_others_divided_by_their_shares(spring):
    arm, propensity = split(spring, 0.1, (1, 3))
    shares = np.array([0.1, 0.9 / 4, 0.9 * 3 / 4])
    counts = np.bincount(arm, minlength=3)
    assert stats.chisquare(counts, shares * len(arm)).pvalue > 0.001
    np.testing.assert_allclose(propensity, shares[arm], rtol=1e-12)
    # Each user weighs 1 / propensity: the sums over a group estimate the whole.
    assert abs((1 / propensity[arm == 1]).sum() / len(arm) - 1) < 0.01


def test_a_larger_holdout_keeps_whoever_was_in_the_smaller_one(spring):
    small, _ = split(spring, 0.05, (1,))
    large, _ = split(spring, 0.2, (1,))
    assert (large[small == 0] == 0).all()


@pytest.mark.parametrize(("holdout", "held"), [(0.0, 0), (0.9, 3)])
def test_the_ends(holdout, held):
    arm, _ = split(np.array([[0.0, 0.0], [0.5, 0.5], [0.899, 0.999]]), holdout, (1,))
    assert (arm == 0).sum() == held
