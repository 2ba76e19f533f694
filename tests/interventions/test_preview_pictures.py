"""The pictures of the preview and of the budget: what their axes, marks and words say."""

from __future__ import annotations

from dataclasses import replace

from retention.interventions.chart_preview import budget_alt, budget_figure, effect_alt, effect_figure
from retention.interventions.model_preview import money_of, previewed
from retention.interventions.optimum import optimum
from retention.interventions.people import people_of
from retention.interventions.spec import Arm, Cost, Effect, Intervention
from retention.interventions.spec_preview import Terms

COUPON = Intervention(name="coupon", kind="coupon", channel="e-mail", cost=Cost(contact=1.0), effect=Effect(low=0.1, high=0.3))
PEOPLE = people_of([1, 2, 3, 4], [0.8, 0.5, 0.2, 0.5], [10.0, 10.0, 10.0, 10.0])
TERMS = Terms(holdout=0.0)


def test_the_net_is_drawn_by_the_size_of_the_effect_with_where_it_begins_to_pay():
    found, curve = previewed(PEOPLE, COUPON, TERMS), money_of(PEOPLE, COUPON, TERMS).curve()
    figure = effect_figure(curve, found)
    # Four contacts are 4; each point of the save rate brings 2 · 10: it pays from 20 of 100 on, which is reckoned with.
    uprights = [shape["x0"] for shape in figure["layout"]["shapes"] if shape["type"] == "line"]
    assert uprights == [20.0, 20.0]
    assert "of 100 users who would be lost" in figure["layout"]["xaxis"]["title"]["text"]
    assert "currency" in figure["layout"]["yaxis"]["title"]["text"]
    assert "it pays from 20 on; at 20, which is reckoned with" in effect_alt(found)
    nets = dict(zip(figure["data"][1]["x"], figure["data"][1]["y"], strict=True))
    assert nets[0.0] == -4.0 and abs(nets[20.0]) < 1e-6
    assert {"effect", "net", "net_low", "net_high"} <= set(curve.columns) and curve["effect"].is_monotonic_increasing
    dear = previewed(PEOPLE, replace(COUPON, cost=Cost(contact=99.0)), TERMS)
    assert "at no size of the effect" in effect_alt(dear) and effect_figure(curve, dear, is_dark=True)["layout"]["shapes"]


def test_the_net_is_drawn_by_budget_with_yours_and_where_more_brings_nothing():
    found = optimum(PEOPLE, (Arm(name="coupon", intervention=replace(COUPON, effect=Effect(low=0.3, high=0.3))),), TERMS)
    given = found.at(2.0)
    # 0.3 · 10 · risk is 2.4, 1.5, 1.5 and 0.6: three users are worth the 1 that each costs.
    figure = budget_figure(found.curve(), found, given)
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [2.0, 3.0]
    assert "A budget of 2 leaves 1.90 net; more than 3 brings nothing" in budget_alt(found, given)
    assert all("currency" in figure["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis"))
