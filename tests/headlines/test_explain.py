"""Why a rate moved: mix and within add up exactly, by hand, as a law, and where the two point apart."""

from __future__ import annotations

from datetime import date
from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import SpecError
from retention.headlines.answer_explain import explain
from retention.headlines.chart import parts_alt, parts_chart
from retention.headlines.decompose import fold, split, totals
from retention.headlines.spec import RATES, ExplainSpec
from retention.headlines.words import explain_definition, verdict_of
from retention.intervals import newcombe
from retention.store import Store
from tests.worlds import diary, store_of

COLUMNS = ["group", "x_from", "n_from", "x_to", "n_to"]


def table(*rows: tuple[str, int, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def test_kitagawas_parts_worked_out_by_hand():
    # Shares .5/.5 -> .2/.8; rates .6/.2 -> .5/.3.
    found = split(table(("a", 30, 50, 10, 20), ("b", 10, 50, 24, 80)))
    # Change: .34 - .40 = -.06. Mix: -.3 x .55 + .3 x .25 = -.09. Within: -.1 x .35 + .1 x .65 = +.03.
    assert found.mix.value == pytest.approx(-0.09)
    assert found.within.value == pytest.approx(0.03)
    groups = found.groups.set_index("group")
    # Against the mean rate .37: a falls by .3 at .55 - .37, b grows by .3 at .25 - .37.
    assert groups.loc["a", "mix"] == pytest.approx(-0.3 * 0.18)
    assert groups.loc["b", "mix"] == pytest.approx(0.3 * -0.12)
    assert groups.loc["a", "within"] == pytest.approx(-0.1 * 0.35)


def test_simpsons_world_every_group_rises_and_the_whole_falls():
    found = split(table(("loyal", 400, 500, 90, 100), ("curious", 50, 500, 135, 900)))
    before, after, change = totals(table(("loyal", 400, 500, 90, 100), ("curious", 50, 500, 135, 900)))
    assert (before.value, after.value) == (0.45, 0.225)
    assert change.says == "lower"
    assert (found.groups["rate_to"] > found.groups["rate_from"]).all()  # .8 -> .9 and .1 -> .15
    assert found.within.says == "up" and found.mix.says == "down"
    assert found.mix.value + found.within.value == pytest.approx(-0.225)


def test_a_group_of_one_window_only_is_all_mix():
    found = split(table(("old", 40, 100, 20, 50), ("fresh", 0, 0, 40, 50)))
    fresh = found.groups.set_index("group").loc["fresh"]
    assert fresh["within"] == 0.0
    assert isnan(fresh["rate_from"]) and fresh["says"] == ""
    assert found.within.value == 0.0  # old: .4 and .4
    assert found.mix.value == pytest.approx(0.6 - 0.4)


GROUPS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6
)


@given(rows=GROUPS)
def test_mix_and_within_are_the_change_exactly(rows):
    counts = table(*[(f"g{i}", x0, x0 + y0, x1, x1 + y1) for i, (x0, y0, x1, y1) in enumerate(rows)])
    counts = counts[(counts["n_from"] > 0) | (counts["n_to"] > 0)]
    if counts["n_from"].sum() == 0 or counts["n_to"].sum() == 0:
        return
    _, _, change = totals(counts)
    found = split(counts)
    assert found.mix.value + found.within.value == pytest.approx(change.difference, abs=1e-12)
    assert found.groups["total"].sum() == pytest.approx(change.difference, abs=1e-12)


@given(rows=GROUPS, n_groups=st.integers(1, 6))
def test_folding_small_groups_together_loses_nobody(rows, n_groups):
    counts = table(*[(f"g{i}", x0, x0 + y0, x1, x1 + y1) for i, (x0, y0, x1, y1) in enumerate(rows)])
    folded, n_other = fold(counts, n_groups)
    assert folded[COLUMNS[1:]].sum().tolist() == counts[COLUMNS[1:]].sum().tolist()
    assert len(folded) <= n_groups + 1
    assert n_other == 0 or folded["group"].iloc[-1] == f"{n_other} other groups"


def test_swapping_the_windows_turns_the_parts_round():
    there = split(table(("a", 30, 50, 10, 20), ("b", 10, 50, 24, 80), ("c", 5, 60, 0, 0)))
    back = split(table(("a", 10, 20, 30, 50), ("b", 24, 80, 10, 50), ("c", 0, 0, 5, 60)))
    for name in ("mix", "within"):
        one, two = getattr(there, name), getattr(back, name)
        assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low))


def test_with_one_group_the_within_part_has_the_interval_of_a_difference_of_two_rates():
    found = split(table(("all", 300, 1000, 420, 1200)))
    wald = 1.959963984540054 * sqrt(0.3 * 0.7 / 1000 + 0.35 * 0.65 / 1200)
    assert found.mix.value == 0.0
    assert found.within.high - found.within.value == pytest.approx(wald)
    low, high = newcombe(420, 1200, 300, 1000)
    assert (found.within.low, found.within.high) == pytest.approx((float(low), float(high)), abs=1e-3)


def test_few_users_have_parts_but_no_intervals():
    found = split(table(("a", 3, 9, 4, 9), ("b", 1, 9, 5, 9)))
    assert isnan(found.mix.low) and isnan(found.within.high)
    assert found.within.says == "cannot tell"


@pytest.mark.parametrize("n_worlds", [400, pytest.param(4000, marks=pytest.mark.slow)])
def test_the_intervals_of_the_parts_cover(n_worlds):
    rng = np.random.default_rng(5)
    s0, r0 = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.3, 0.1])
    s1, r1 = np.array([0.3, 0.3, 0.4]), np.array([0.55, 0.4, 0.15])
    true_mix = ((s1 - s0) * (r0 + r1) / 2).sum()
    true_within = ((r1 - r0) * (s0 + s1) / 2).sum()
    hits = np.zeros(2)
    for _ in range(n_worlds):
        n0, n1 = rng.multinomial(400, s0), rng.multinomial(500, s1)
        x0, x1 = rng.binomial(n0, r0), rng.binomial(n1, r1)
        found = split(table(*zip("abc", x0, n0, x1, n1, strict=True)))
        hits += [
            found.mix.low <= true_mix <= found.mix.high, found.within.low <= true_within <= found.within.high
        ]  # fmt: skip
    # The standard error of a share of .95 is .011 over 400 worlds, .0034 over 4,000.
    slack = 0.033 if n_worlds == 400 else 0.0115
    assert np.abs(hits / n_worlds - 0.95).max() < slack


# From a store --------------------------------------------------------------------------------------------

# Weeks begin on 5, 12, 19 January. Cohort of the 5th: 3 of ads (1 back), 1 of mail (1 back); of the 12th: 1 of ads (0),
# 3 of mail (2 back).
WORLD = """
    a1: 5?channel=ads 12
    a2: 5?channel=ads
    a3: 6?channel=ads
    m1: 6?channel=mail 13
    a4: 12?channel=ads
    m2: 12?channel=mail 19
    m3: 13?channel=mail 20?channel=ads
    m4: 14?channel=mail
"""


def world(**more: object) -> Store:
    return store_of(diary(WORLD), as_of="2026-01-26", **more)


def test_a_change_of_retention_is_split_by_the_value_at_the_start():
    found = explain(world(), ExplainSpec(metric="week-1-retention", weeks=1))
    assert found.by == "channel"
    assert (found.window_from.from_on, found.window_to.from_on) == (date(2026, 1, 5), date(2026, 1, 12))
    assert (found.rate_from.value, found.rate_to.value) == (2 / 4, 2 / 4)
    groups = found.split.groups.set_index("group")
    assert groups.loc["ads", ["n_from", "n_to"]].tolist() == [3, 1]
    assert groups.loc["mail", "rate_to"] == pytest.approx(2 / 3)
    # Mix: (1/4 - 3/4)(1/3 + 0)/2 + (3/4 - 1/4)(1 + 2/3)/2 = -1/12 + 5/12. Within: -1/3 x 1/2 - 1/3 x 1/2.
    assert found.split.mix.value == pytest.approx(4 / 12)
    assert found.split.within.value == pytest.approx(-4 / 12)
    assert "goes with" in verdict_of(found) and "cause" not in verdict_of(found)
    assert "not said to cause" in explain_definition(found)


def test_the_windows_may_be_named():
    spec = ExplainSpec(
        metric="week-1-retention", weeks=1, from_on=date(2026, 1, 7), to_on=date(2026, 1, 18), by="channel"
    )
    found = explain(world(), spec)
    assert (found.window_from.from_on, found.window_to.from_on) == (date(2026, 1, 5), date(2026, 1, 12))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"from_on": date(2026, 1, 5), "to_on": date(2026, 1, 19)},
            "not complete yet: for this number the data reach to",
        ),
        ({"from_on": date(2025, 1, 5), "to_on": date(2026, 1, 12)}, "The data begin with the week of 2026-01-05"),
        ({"from_on": date(2026, 1, 5), "to_on": date(2026, 1, 6)}, "overlap"),
        ({"by": "chanel"}, 'no property "chanel". Did you mean "channel"?'),
        ({"weeks": 4}, "It takes four complete weeks"),
    ],
)
def test_what_cannot_be_explained_is_one_kind_sentence(more, says):
    with pytest.raises(SpecError, match=says):
        explain(world(), ExplainSpec(metric="week-1-retention", **{"weeks": 1, **more}))


def test_a_week_that_a_gap_touches_is_named_and_not_counted():
    store = world(gaps=[("2026-01-13", "2026-01-14")])
    spec = ExplainSpec(metric="week-1-retention", weeks=1, from_on=date(2026, 1, 5), to_on=date(2026, 1, 12))
    with pytest.raises(SpecError, match="touches a gap"):
        explain(store, spec)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"metric": "stickiness"}, "must be a share of users"),
        ({"metric": "retention"}, 'no headline number "retention"'),
        ({"metric": "lapse-rate", "weeks": 0}, "`weeks` must be from 1 to 26, not 0."),
        ({"metric": "lapse-rate", "n_groups": 0}, "`n_groups` must be from 1 to 20, not 0."),
        ({"metric": "lapse-rate", "from_on": date(2026, 1, 5)}, "must be given together"),
        (
            {"metric": "lapse-rate", "from_on": date(2026, 1, 5), "to_on": date(2026, 1, 5)},
            "`from` must be before `to`",
        ),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(more, says):
    with pytest.raises(SpecError, match=says):
        ExplainSpec(**more)


def test_a_store_without_properties_says_what_is_missing():
    store = store_of(diary("ann: 5 12\nbob: 12 19"), as_of="2026-01-26")
    with pytest.raises(SpecError, match="No property makes groups"):
        explain(store, ExplainSpec(metric="week-1-retention", weeks=1))


def test_the_lapse_rate_and_the_repeat_rate_split_like_the_headline():
    text = """
        ann: 5/purchase?channel=ads 7/purchase?channel=ads
        bob: 6/purchase?channel=mail
        cyd: 12/purchase?channel=ads 13/purchase?channel=ads
        dee: 13/purchase?channel=ads
        eve: 14/purchase?channel=mail 16/purchase?channel=mail
    """
    store = store_of(diary(text), as_of="2026-04-20", churn_window=8)
    found = explain(
        store, ExplainSpec(metric="repeat-purchase", weeks=1, from_on=date(2026, 1, 5), to_on=date(2026, 1, 12))
    )
    assert (found.rate_from.value, found.rate_to.value) == (1 / 2, 2 / 3)
    groups = found.split.groups.set_index("group")
    assert groups["n_to"].to_dict() == {"ads": 2, "mail": 1}
    # bob (6th) lapses on the 14th, ann (7th) on the 15th; cyd and dee (13th) on the 21st, eve (16th) on the 24th.
    found = explain(
        store, ExplainSpec(metric="lapse-rate", weeks=1, from_on=date(2026, 1, 12), to_on=date(2026, 1, 19))
    )
    groups = found.split.groups.set_index("group")
    assert groups["n_from"].to_dict() == {"ads": 1, "mail": 1}  # at risk on the 12th: ann, bob
    assert groups["n_to"].to_dict() == {"ads": 2, "mail": 1}
    assert (found.rate_from.value, found.rate_to.value) == (1.0, 1.0)


def test_the_picture_shows_each_group_and_is_valid():
    import plotly.graph_objects as go

    found = explain(world(), ExplainSpec(metric=RATES[0], weeks=1))
    for is_dark in (False, True):
        figure = parts_chart(found, is_dark=is_dark)
        go.Figure(figure)
        assert [len(trace["y"]) for trace in figure["data"]] == [2, 2]
    assert "ads" in parts_alt(found)
