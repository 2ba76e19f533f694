"""The preview: by hand, user by user, and against campaigns that were played many times."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from math import isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.churn.judgement import Figure
from retention.errors import SpecError
from retention.interventions.catalogue import Measured
from retention.interventions.effects import Points, SaveRate, Uplift, measured_for, uplift_of, user_uplifts
from retention.interventions.model_preview import money_of, previewed
from retention.interventions.people import people_of
from retention.interventions.preview import Money, Preview
from retention.interventions.spec import Cost, Effect, Intervention
from retention.interventions.spec_preview import Terms
from retention.interventions.words_preview import net_words

FOUR = ([11, 12, 13, 14], [0.8, 0.5, 0.2, 0.5], [100.0, nan, 10.0, 60.0])
COST = Cost(contact=1.0, incentive=4.0, redemption=0.5)


def coupon(low: float = 0.2, high: float = 0.2, unit: str = "save rate", cost: Cost = COST) -> Intervention:
    effect = Effect(low=low, high=high, unit=unit)
    return Intervention(name="Coupon", kind="coupon", channel="e-mail", cost=cost, effect=effect)


def of_four(intervention: Intervention, **terms: float) -> Preview:
    return previewed(people_of(*FOUR), intervention, Terms(**{"holdout": 0.0, **terms}))


def half(figure: Figure) -> float:
    return (figure.high - figure.low) / 2 / 1.959963984540054


def test_a_share_of_the_would_be_lapsers_is_what_the_hand_says():
    found = of_four(coupon(), margin=0.5)
    # 0.8 + 0.5 + 0.2 + 0.5 would lapse; a fifth of them is kept.
    assert found.stay.value == pytest.approx(2.0) and found.extra.value == pytest.approx(0.4)
    # Four contacts; 2.4 stay, and half of them take the 4.
    assert found.cost.value == pytest.approx(4 + 4.8) and found.wasted.value == pytest.approx(4.0)
    # Kept: 0.16 of 100, 0.04 of 10, 0.1 of 60; half of it is margin.
    assert found.value_kept.value == pytest.approx((16 + 0.4 + 6) / 2)
    assert found.net.value == pytest.approx(11.2 - 8.8)
    # Each point of the save rate brings 0.5 (80 + 2 + 30) - 2 · 2 = 52, and 4 + 4 are spent without it.
    assert found.break_even == pytest.approx(8 / 52)
    assert (found.n_contacted, found.n_held) == (4, 0)


def test_percentage_points_are_what_the_hand_says():
    found = of_four(coupon(0.3, 0.3, "points"), margin=0.5)
    # 1.2 in all, but the third can only gain 0.2; the others have a third of the remaining 1.0 each.
    assert found.extra.value == pytest.approx(1.2)
    assert found.value_kept.value == pytest.approx((100 / 3 + 0.2 * 10 + 60 / 3) / 2)
    assert found.cost.value == pytest.approx(4 + 2 * (2 + 1.2))
    level = Points(0.3).of_users(people_of(*FOUR))
    assert level == pytest.approx([0.2, 1 / 3, 1 / 3, 1 / 3])


def test_a_part_that_is_left_alone_is_in_no_cost_and_no_gain():
    all_, most = of_four(coupon(), margin=0.5), of_four(coupon(), margin=0.5, holdout=0.25)
    for name in ("extra", "cost", "wasted", "value_kept", "net"):
        assert getattr(most, name).value == pytest.approx(0.75 * getattr(all_, name).value), name
    assert most.stay == all_.stay and most.break_even == pytest.approx(all_.break_even)
    assert (most.n_contacted, most.n_held) == (3, 1)


def test_one_value_for_all_needs_no_orders():
    found = of_four(coupon(), margin=0.5, value=50.0)
    assert found.value_kept.value == pytest.approx(0.4 * 25)
    assert previewed(people_of([1], [0.5], [nan]), coupon(), Terms(value=50.0)).is_money_known


def outcomes(p: float, u: float, value: float, cost: Cost, holdout: float) -> list[tuple[float, float, float, float]]:
    """Every way in which it can go with one user: probability, extra, cost, net. Nobody who would stay is driven away."""
    c, d, r = cost.contact, cost.incentive, cost.redemption
    found = [(holdout, 0.0, 0.0, 0.0)]
    for state, is_taken in product(("stays anyway", "kept", "lost"), (True, False)):
        chance = {"stays anyway": 1 - p, "kept": u, "lost": p - u}[state] * (r if is_taken else 1 - r)
        paid = c + d * (is_taken and state != "lost")
        found.append(((1 - holdout) * chance, float(state == "kept"), paid, value * (state == "kept") - paid))
    return found


@pytest.mark.parametrize("holdout", [0.0, 0.3])
@pytest.mark.parametrize("unit", ["save rate", "points", "users"])
def test_luck_is_that_of_every_way_in_which_it_can_go(unit, holdout):
    people, terms = people_of(*FOUR), Terms(holdout=holdout, margin=0.5)
    given_u = np.array([0.1, 0.05, 0.3, 0.2])
    uplift: Uplift = {"save rate": SaveRate(0.2), "points": Points(0.1), "users": user_uplifts(people, given_u)}[unit]
    found = Money(people, uplift, COST, terms)
    u = uplift.of_users(people)
    means, variances = np.zeros(3), np.zeros(3)
    for p, one, worth in zip(people.probability, u, [10.0, 0.0, 60.0, 100.0], strict=True):
        ways = np.array(outcomes(p, one, 0.5 * worth, COST, holdout))
        mean = ways[:, 0] @ ways[:, 1:]
        means += mean
        variances += ways[:, 0] @ ways[:, 1:] ** 2 - mean**2
    extra, cost, net = found.extra(), found.spent(), found.net()[0]
    assert [extra.value, cost.value, net.value] == pytest.approx(means.tolist())
    spreads = [sqrt(v) * 1.959963984540054 for v in variances]
    for figure, spread in ((extra, spreads[0]), (cost, spreads[1])):  # one end may be cut: no more can stay than there are
        assert max(figure.high - figure.value, figure.value - figure.low) == pytest.approx(spread)
    assert half(net) * 1.959963984540054 == pytest.approx(spreads[2])
    assert found.net()[1] == pytest.approx(0.5 * math.erfc(-net.value / sqrt(variances[2]) / sqrt(2)))


def test_users_who_are_driven_away_cost_what_they_are_worth():
    people = people_of([1, 2], [0.4, 0.3], [50.0, 20.0])
    found = Money(people, user_uplifts(people, [-0.1, -0.2]), Cost(contact=1.0), Terms(holdout=0.0))
    # In the order of the risk: the second user first. −0.1 of 20 and −0.2 of 50, and two contacts.
    assert found.extra().value == pytest.approx(-0.3) and found.net()[0].value == pytest.approx(-2 - 10 - 2)
    # Each is lost with probability 0.1 and 0.2, whatever else: a Bernoulli's variance.
    assert half(found.net()[0]) == pytest.approx(sqrt(0.1 * 0.9 * 20**2 + 0.2 * 0.8 * 50**2))


# How unsure the effect and the score are --------------------------------------------------------------


def test_an_unsure_effect_moves_everybody_together():
    sure, unsure = of_four(coupon(0.2, 0.2), margin=0.5), of_four(coupon(0.1, 0.3), margin=0.5)
    assert unsure.net.value == pytest.approx(sure.net.value)
    error = 0.1 / 1.959963984540054
    assert half(unsure.net) ** 2 - half(sure.net) ** 2 == pytest.approx((52 * error) ** 2)
    assert (unsure.effect.low, unsure.effect.high) == pytest.approx((0.1, 0.3))


def test_points_that_are_unsure_move_those_who_have_more_to_lose():
    people = people_of(*FOUR)
    # One standard error of 0.01 is 0.04 users more: the third has all there is, so that the others get 0.04 / 3 each.
    moved = Points(0.3, 0.01).moved(people, 1)
    assert moved.tolist() == pytest.approx([0.04 / 3 * (100 + 60 + 0)])
    assert Points(0.3, 0.01).moved(people, 0).tolist() == pytest.approx([0.04])
    assert Points(0.9, 0.01).moved(people, 0).tolist() == [0.0], "more than there is to lose keeps everybody"


def test_a_mistake_of_the_score_moves_what_rests_on_it():
    error = np.array([[0.04, 0.01], [0.01, 0.09]])
    people = people_of(*FOUR, error=error)
    money = Money(people, SaveRate(0.2), COST, Terms(holdout=0.0, margin=0.5))
    blind = Money(people_of(*FOUR), SaveRate(0.2), COST, Terms(holdout=0.0, margin=0.5))
    p, worth = people.probability, np.array([10.0, 0.0, 60.0, 100.0])
    z = np.log(p / (1 - p))

    def at(a: float, b: float) -> np.ndarray:  # the means if the log-odds were off by a + b z
        q = 1 / (1 + np.exp(-(z + a + b * z)))
        return np.array([(1 - q).sum(), 0.2 * q.sum(), 0.1 * (q * worth).sum() - 4 - 2 * (1 - 0.8 * q).sum()])

    step = 1e-5
    gradient = np.array([(at(step, 0) - at(-step, 0)) / (2 * step), (at(0, step) - at(0, -step)) / (2 * step)])
    more = [gradient[:, i] @ error @ gradient[:, i] for i in range(3)]
    for i, name in ((1, "extra"), (2, "net")):
        known, unknown = (getattr(m, name)() for m in (money, blind))
        known, unknown = (f[0] if isinstance(f, tuple) else f for f in (known, unknown))
        assert (known.high - known.value) ** 2 - (unknown.high - unknown.value) ** 2 == pytest.approx(
            more[i] * 1.959963984540054**2, rel=1e-4
        ), name


def test_uplifts_of_single_users_stand_for_the_effect_with_their_covariance():
    people = people_of(*FOUR)
    u, own = np.array([0.1, 0.05, 0.3, 0.2]), np.full(4, 0.04)
    common = np.array([[0.01, 0.02, 0.0, -0.01], [0.0, 0.03, 0.01, 0.0]])
    covariance = common.T @ common + np.diag(own**2)
    worth = np.array([10.0, 0.0, 60.0, 100.0])
    weights = 0.8 * (0.5 * worth - 2.0)  # of the margin on a user who is kept, less the incentive that half of them take
    sure = previewed(people, coupon(), Terms(holdout=0.2, margin=0.5), uplift=user_uplifts(people, u))
    unsure = previewed(people, coupon(), Terms(holdout=0.2, margin=0.5), uplift=user_uplifts(people, u, common, own))
    assert unsure.extra.value == pytest.approx(0.8 * 0.65) and unsure.unit == "points"
    assert half(unsure.net) ** 2 - half(sure.net) ** 2 == pytest.approx(weights @ covariance @ weights)
    assert half(unsure.effect) == pytest.approx(sqrt(np.ones(4) @ covariance @ np.ones(4)) / 4)
    # All scaled alike, the net is 0 at the break-even point.
    even = Money(people, user_uplifts(people, u).at(sure.break_even), COST, Terms(holdout=0.2, margin=0.5))
    assert even.net()[0].value == pytest.approx(0, abs=1e-9)
    with pytest.raises(SpecError, match="for each of the 4 users, not 3"):
        user_uplifts(people, u[:3])
    with pytest.raises(SpecError, match="must be a number"):
        user_uplifts(people, [0.1, nan, 0.1, 0.1])


def test_an_effect_that_was_measured_stands_with_its_own_standard_error():
    past = Measured(
        campaign_id=7, campaign="spring", arm="coupon", intervention="Coupon", metric="retained", window_days=28, effect=0.031,
        standard_error=0.004, low=0.02, high=0.04, method="Newcombe", learned="", as_of_us=0,
    )  # fmt: skip
    taken = past.as_effect
    assert measured_for(taken, [past]) is past and measured_for(Effect(low=0.02, high=0.04, unit="points"), [past]) is None
    assert uplift_of(taken, [past]) == Points(0.031, 0.004)
    assert uplift_of(taken) == Points(0.03, pytest.approx(0.01 / 1.959963984540054)), "else its range is all there is"


# Laws ------------------------------------------------------------------------------------------------

RISKS = st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=12)


@given(RISKS, st.floats(0, 1), st.data())
def test_points_are_shared_out_up_to_what_there_is_to_lose(risks, wanted, data):
    worth = data.draw(st.lists(st.floats(0, 100), min_size=len(risks), max_size=len(risks)))
    people = people_of(range(len(risks)), risks, worth)
    u = Points(wanted).of_users(people)
    assert (u <= people.probability + 1e-9).all()
    assert u.mean() == pytest.approx(min(wanted, people.probability.mean()), abs=1e-9)
    below = u < people.probability - 1e-9
    assert np.ptp(u[below]) < 1e-9 if below.any() else True, "whoever does not gain all gains the same"
    for a, b, w in product(range(3), repeat=3):
        if b + w > 2:
            continue
        straight = (people.worth**a * people.probability**b * u**w).sum()
        assert Points(wanted).sum(people, a, b, w) == pytest.approx(straight, abs=1e-6)
        assert user_uplifts(people, u).sum(people, a, b, w) == pytest.approx(straight, abs=1e-6)


@given(RISKS, st.floats(0.0, 0.5), st.floats(0.0, 0.3), st.sampled_from(["save rate", "points"]), st.floats(0, 0.9))
def test_at_the_break_even_point_nothing_is_left_and_below_it_nothing_is_won(risks, low, more, unit, holdout):
    people = people_of(range(len(risks)), risks, [40.0] * len(risks))
    money = money_of(people, coupon(low, low + more, unit), Terms(holdout=holdout))
    even = money.break_even()
    nets = [money.at(size).net()[0].value for size in np.linspace(0, money.most, 21)]
    if isnan(even):
        assert max(nets) <= 1e-6
    else:
        assert money.at(even).net()[0].value == pytest.approx(0, abs=1e-6)
        assert all(net <= 1e-6 for net, size in zip(nets, np.linspace(0, money.most, 21), strict=True) if size < even - 1e-9)


@given(RISKS, st.floats(0, 0.9), st.sampled_from([Cost(), COST, Cost(contact=0.1), Cost(incentive=100.0)]))
def test_every_interval_holds_its_figure(risks, holdout, cost):
    people = people_of(range(len(risks)), risks, [40.0] * len(risks), error=np.eye(2) * 0.01)
    for effect in (coupon(0.0, 0.3, cost=cost), coupon(-0.1, 0.3, "points", cost=cost)):
        found = previewed(people, effect, Terms(holdout=holdout))
        for name in ("stay", "extra", "cost", "wasted", "value_kept", "net"):
            figure = getattr(found, name)
            assert figure.low <= figure.value + 1e-9 and figure.value <= figure.high + 1e-9, name
        assert 0 <= found.gain_probability <= 1
        assert found.net.value == pytest.approx(found.value_kept.value - found.cost.value, abs=1e-6)


def test_nobody_and_nothing_are_the_ends():
    nobody = previewed(people_of([], [], [], n_members=3), coupon(), Terms())
    assert (nobody.n_contacted, nobody.stay.value, nobody.cost.value) == (0, 0, 0)
    assert isnan(nobody.net.value) and isnan(nobody.break_even) and nobody.people.n_unscored == 3
    unvalued = previewed(people_of([1, 2], [0.5, 0.5], [nan, nan]), coupon(), Terms())
    assert not unvalued.is_money_known and isnan(unvalued.value_kept.value) and unvalued.cost.value > 0
    free = previewed(people_of([1, 2], [0.5, 0.5], [10, 10]), coupon(cost=Cost()), Terms())
    assert free.break_even == 0.0
    dear = previewed(people_of([1, 2], [0.5, 0.5], [10, 10]), coupon(cost=Cost(contact=100.0)), Terms())
    assert isnan(dear.break_even) and dear.gain_probability < 1e-3


@pytest.mark.parametrize(("told", "said"), [
    ({"holdout": 1.0}, "holdout"), ({"window_days": 0}, "window_days"), ({"margin": 0.0}, "margin"),
    ({"value": -1.0}, "value"),
])  # fmt: skip
def test_terms_that_cannot_be_are_refused(told, said):
    with pytest.raises(SpecError, match=said):
        Terms(**told)


@pytest.mark.parametrize(
    ("net", "verdict"),
    [((5, 1, 9), "It pays: "), ((-5, -9, -1), "It does not pay: "), ((1, -2, 4), "Cannot tell whether it pays: ")],
)
def test_the_verdict_is_the_interval_of_the_net_in_words(net, verdict):
    assert net_words(replace(of_four(coupon()), net=Figure(*net))).startswith(verdict)
