"""The slider: against the plain definition, against luck drawn many times, and what it costs to move."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.churn.money import Offer
from retention.churn.reach import MOST_POINTS, calibration_error, reach_of

USERS = ([3, 1, 2, 4], [0.5, 0.8, 0.5, 0.1], [100.0, 50.0, float("nan"), 10.0])
OFFER = Offer(contact_cost=2.0, incentive=10.0, save_rate=0.3)


def test_the_riskiest_come_first_and_ties_by_their_key():
    reach = reach_of(*USERS)
    # 1 (0.8), then 2 and 3 (0.5 each, the smaller key first), then 4 (0.1).
    assert reach.probability.tolist() == [0.8, 0.5, 0.5, 0.1]
    assert np.nan_to_num(reach.value, nan=-1).tolist() == [50, -1, 100, 10]
    assert [reach.n_from(t) for t in (0.81, 0.8, 0.5, 0.11, 0.1, 0.0)] == [0, 1, 3, 3, 4, 4]


def test_a_point_is_what_the_hand_says():
    point = reach_of(*USERS).at(3, OFFER)
    assert point.n == 3 and point.threshold == 0.5
    assert point.caught.value == pytest.approx(1.8) and point.bothered.value == pytest.approx(1.2)
    assert point.precision.value == pytest.approx(0.6) and point.recall.value == pytest.approx(1.8 / 1.9)
    # User 2's value is not known: it is in the cost, and in nothing else.
    assert point.n_valued == 2
    assert point.at_risk.value == pytest.approx(0.8 * 50 + 0.5 * 100)
    assert point.brings.value == pytest.approx(0.3 * 90)
    # The incentive goes to 1.2 who stay anyway and to 0.3 · 1.8 who are saved.
    assert point.cost.value == pytest.approx(3 * 2 + 10 * (1.2 + 0.54))
    assert point.net.value == pytest.approx(27 - 23.4)


def test_one_value_for_all_needs_no_orders():
    point = reach_of(*USERS).at(3, Offer(contact_cost=2.0, incentive=10.0, value=50.0))
    assert point.n_valued == 3 and point.at_risk.value == pytest.approx(1.8 * 50)


def test_nobody_and_everybody_are_the_ends():
    reach = reach_of(*USERS)
    nobody, all_ = reach.at(0, OFFER), reach.at(99, OFFER)
    assert (nobody.n, nobody.caught.value, nobody.cost.value, nobody.net.value) == (0, 0, 0, 0)
    assert np.isnan(nobody.precision.value) and np.isnan(nobody.threshold)
    assert all_.n == 4 and all_.recall.value == pytest.approx(1) and all_.recall.low == pytest.approx(1)
    assert reach_of([], [], []).at(5, OFFER).n == 0
    assert len(reach_of([], [], []).curve(OFFER)) == 1


def test_the_spread_of_luck_is_that_of_all_outcomes():
    # Without a mistake of the calibration and with (nearly) no doubt of the save rate left, by walking through all
    # 2³ ways in which the users may lapse and 2³ in which the contacts may save: the exact variances.
    p, v, offer = [0.8, 0.5, 0.1], [50.0, 100.0, 10.0], OFFER
    reach = reach_of([1, 2, 3], p, v)
    point, g = reach.at(2, offer), offer.saving.mean
    found = dict.fromkeys(("caught", "brings", "cost", "net", "recall"), 0.0)
    moments = {name: np.zeros(3) for name in found}
    for lapse, save in product(product((0, 1), repeat=3), product((0, 1), repeat=2)):
        chance = np.prod([pi if li else 1 - pi for pi, li in zip(p, lapse, strict=True)])
        chance *= np.prod([g if si else 1 - g for si in save])
        caught = sum(lapse[:2])
        brings = sum(v[i] for i in range(2) if lapse[i] and save[i])
        takers = sum(1 for i in range(2) if not lapse[i] or save[i])
        cost = 2 * offer.contact_cost + offer.incentive * takers
        for name, value in (("caught", caught), ("brings", brings), ("cost", cost), ("net", brings - cost)):
            moments[name] += chance * np.array([1, value, value**2])
    a = p[0] * v[0] + p[1] * v[1]
    doubt = {"caught": 0.0, "brings": a, "cost": offer.incentive * (p[0] + p[1]), "net": a - offer.incentive * (p[0] + p[1])}
    for name in ("caught", "brings", "cost", "net"):
        whole, mean, square = moments[name]
        variance = square - mean**2 + offer.saving.spread**2 * doubt[name] ** 2
        figure = getattr(point, name)
        assert whole == pytest.approx(1) and figure.value == pytest.approx(mean)
        # One end may stop at what is possible; the other one shows the half width.
        half = max(figure.high - figure.value, figure.value - figure.low)
        least, most = {"caught": (0, 2), "brings": (0, np.inf), "cost": (4, 24), "net": (-np.inf, np.inf)}[name]
        assert half == pytest.approx(
            max(min(1.959964 * variance**0.5, most - mean), min(1.959964 * variance**0.5, mean - least)), rel=1e-6
        )


def test_intervals_hold_what_comes_nineteen_times_in_twenty():
    random = np.random.default_rng(5)
    inside, n_worlds = {"caught": 0, "recall": 0}, 400
    for _ in range(n_worlds):
        # A score that is right on average, but off by a common 0.15 of the log-odds from season to season.
        z = random.normal(-0.5, 1.0, 800)
        held, now = (1 / (1 + np.exp(-(z + random.normal(0, 0.15)))) for _ in range(2))
        p = 1 / (1 + np.exp(-z))
        reach = reach_of(
            np.arange(800), p, np.ones(800), lapsed=random.random(800) < held, held_back_scores=p
        )  # fmt: skip
        came = random.random(800) < now
        riskiest = np.argsort(-p, kind="stable")[:200]
        point = reach.at(200, OFFER)
        inside["caught"] += point.caught.low <= came[riskiest].sum() <= point.caught.high
        inside["recall"] += point.recall.low <= came[riskiest].sum() / came.sum() <= point.recall.high
    # 95 % of 400 is 380, give or take 9 for two standard errors; an honest interval may hold a little more.
    assert inside["caught"] >= 366 and inside["recall"] >= 366, inside


def test_a_calibration_that_was_off_widens_the_interval():
    random = np.random.default_rng(2)
    z = random.normal(0, 1, 4000)
    p = 1 / (1 + np.exp(-z))
    right = random.random(4000) < p
    wrong = random.random(4000) < 1 / (1 + np.exp(-(z + 1)))
    keys = np.arange(4000)
    narrow, wide = (
        reach_of(keys, p, p, lapsed=lapsed, held_back_scores=p).at(1000, OFFER).caught for lapsed in (right, wrong)
    )
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    # An earlier cut-off that was off by 1 adds half of its square to the latest, which was off by nothing.
    one, two = (calibration_error(right, p, levels) for levels in ((0.0,), (0.0, 1.0)))
    assert one is not None and two is not None
    assert two[0, 0] - one[0, 0] == pytest.approx(0.5) and (two[1] == one[1]).all()
    assert calibration_error(right[:5], p[:5]) is None  # too few to tell
    assert calibration_error(right, np.full(4000, 0.4)) is None  # nothing to tell apart
    assert not reach_of(keys, p, p).is_error_known


def test_precision_and_recall_seen_at_the_held_back_cut_off_are_counts():
    # Held back: 5 users by falling score, lapsed 1 1 0 1 0. Of 4 users, the riskiest 2 are half; half of 5 is 2.5:
    # the first two lapsed, and the third, who stayed, counts half.
    reach = reach_of([1, 2, 3, 4], [0.9, 0.8, 0.3, 0.2], [1.0] * 4, lapsed=[1, 0, 1, 1, 0],
                     held_back_scores=[0.9, 0.5, 0.8, 0.4, 0.1])  # fmt: skip
    point = reach.at(2, OFFER)
    assert point.seen_precision.value == pytest.approx(2 / 2.5) and point.seen_recall.value == pytest.approx(2 / 3)
    assert point.seen_precision.low < 0.8 < point.seen_precision.high


@given(
    users=st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(-10, 500) | st.none()), min_size=1, max_size=300),
    contact=st.floats(0, 20), incentive=st.floats(0, 50), money=st.floats(0, 5000),
)  # fmt: skip
def test_laws_of_the_slider(users, contact, incentive, money):
    offer = Offer(contact_cost=contact, incentive=incentive)
    p = [user[0] for user in users]
    v = [float("nan") if user[1] is None else user[1] for user in users]
    reach = reach_of(range(len(users)), p, v)
    curve = reach.curve(offer)
    assert len(curve) <= MOST_POINTS and curve["n"].iloc[0] == 0 and curve["n"].iloc[-1] == len(users)
    for name in ("caught", "bothered", "recall", "at_risk", "cost", "brings"):
        steps = curve[name].to_numpy()
        assert (np.diff(steps) >= -1e-9).all(), name  # going further never catches, costs or brings less
        assert (curve[f"{name}_low"] <= steps + 1e-9).all() and (steps <= curve[f"{name}_high"] + 1e-9).all()
    assert np.allclose(curve["caught"] + curve["bothered"], curve["n"])
    assert np.allclose(curve["brings"] - curve["cost"], curve["net"])
    # A budget is never overspent, and one more user would do so.
    n = reach.n_for(money, offer)
    assert reach.at(n, offer).cost.value <= money * (1 + 1e-9) + 1e-9
    if n < len(users):
        assert reach.at(n + 1, offer).cost.value >= money * (1 - 1e-9)
    # No number of users is expected to bring more than the best one where the save rate is as assumed.
    assert reach.best(offer).profit >= curve["net"].max() - 1e-6 - 0.02 * abs(curve["net"].max())


def test_a_move_takes_a_fraction_of_a_tenth_of_a_second():
    random = np.random.default_rng(0)
    reach = reach_of(np.arange(100_000), random.random(100_000), random.gamma(2, 50, 100_000))
    begun = time.perf_counter()
    for n in range(0, 100_000, 10_000):
        reach.at(n, OFFER)
        reach.curve(OFFER)
    assert (time.perf_counter() - begun) / 10 < 0.1
