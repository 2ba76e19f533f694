"""What an experiment was found to do: against the hand, published examples, and libraries that share nothing with us."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.statistics import logrank_test
from lifelines.utils import restricted_mean_survival_time as lifelines_mean_stay

from retention.errors import SpecError
from retention.experiments.model_moments import Moments
from retention.experiments.model_readout import read_units
from retention.experiments.readout import AS_MEASURED, BOTH, CUPED, DO_NOT_READ, WINSORISED
from retention.experiments.spec import ReadSpec
from retention.experiments.units import Durations, Outcome, Units

# R's data set `sleep` (Student 1908): extra hours of sleep of ten patients under two drugs.
SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def rates(*counts: tuple[int, int], **more) -> Units:
    """Units of a rate: (how many did it, how many there are) of each group, the control first."""
    values = np.concatenate([np.repeat([1.0, 0.0], (x, n - x)) for x, n in counts])
    group = np.repeat(np.arange(len(counts)), [n for _, n in counts])
    names = ("control", *(f"arm {i}" for i in range(1, len(counts))))
    return Units(names, group, (Outcome("stayed", "rate", values),), **more)


def means(control, arm, before=None, **more) -> Units:
    values = np.array([*control, *arm], dtype=float)
    group = np.repeat([0, 1], [len(control), len(arm)])
    return Units(("control", "arm"), group, (Outcome("spend", "mean", values, before),), **more)


def test_rates_and_their_difference_are_counted():
    found = read_units(rates((1, 4), (3, 4)))
    assert found.by_group["value"].tolist() == [0.25, 0.75]
    row = found.effect("stayed", "arm 1")
    assert (row["n_control"], row["n_arm"], row["difference"]) == (4, 4, 0.5)
    assert row["relative"] == pytest.approx(2.0)  # three times as many: two more for each
    # Pooled z: 0.5 / sqrt(0.5 · 0.5 · (1/4 + 1/4)) = sqrt 2.
    assert row["statistic"] == pytest.approx(2**0.5)
    assert row["says"] == "cannot tell"


def test_the_interval_of_a_difference_of_rates_is_newcombes():
    """Newcombe (1998), table II: 56/70 against 48/80 is 0.0524 to 0.3339 by method 10."""
    row = read_units(rates((48, 80), (56, 70))).effect("stayed", "arm 1")
    assert (row["low"], row["high"]) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    assert row["says"] == "higher"
    wide = read_units(rates((48, 80), (56, 70)), ReadSpec(alpha=0.01)).effect("stayed", "arm 1")
    assert wide["low"] < row["low"] and wide["high"] > row["high"]


def test_means_are_compared_as_r_compares_the_drugs_of_sleep():
    """R: t.test(extra ~ group, sleep): t = -1.8608, p = 0.07939, 95 % from -3.3654832 to 0.2054832, means 0.75 and 2.33."""
    found = read_units(means(*SLEEP), ReadSpec(winsor=1))
    row = found.effect("spend", "arm")
    assert found.by_group["value"].tolist() == pytest.approx([0.75, 2.33])
    assert row["statistic"] == pytest.approx(1.8608, abs=5e-5)
    assert row["p"] == pytest.approx(0.07939, abs=5e-6)
    assert (row["low"], row["high"]) == (pytest.approx(-0.2054832, abs=1e-7), pytest.approx(3.3654832, abs=1e-7))


def a_shop(n: int = 4_000, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    before = rng.gamma(2.0, 10.0, n)
    group = rng.integers(0, 2, n)
    return group, 0.7 * before + rng.gamma(2.0, 8.0, n) + 1.0 * group, before


def test_cuped_is_the_analysis_of_covariance():
    group, spend, before = a_shop()
    units = Units(("control", "arm"), group, (Outcome("spend", "mean", spend, before),))
    row = read_units(units, ReadSpec(winsor=1)).effect("spend", "arm", CUPED)
    fit = sm.OLS(spend, sm.add_constant(np.column_stack([group, before]))).fit(cov_type="HC2")
    assert row["difference"] == pytest.approx(fit.params[1], rel=1e-10)
    assert row["standard_error"] == pytest.approx(fit.bse[1], rel=2e-3)
    # Var(0.7 before) of all: 0.49 · 200 against 0.49 · 200 + 128.
    assert row["variance_reduction"] == pytest.approx(98 / 226, abs=0.03)
    assert row["low"] < 1.0 < row["high"]


def test_tea_tasting_finds_the_same():
    tt = pytest.importorskip("tea_tasting")
    group, spend, before = a_shop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = pd.DataFrame({"variant": group, "spend": spend, "before": before, "bought": (spend > 40).astype(float)})
        theirs = tt.Experiment(
            plain=tt.Mean("spend"), cuped=tt.Mean("spend", "before"), bought=tt.Proportion("bought", correction=False),
            ratio=tt.SampleRatio(),
        ).analyze(table, control=0)  # fmt: skip
    outcomes = (Outcome("spend", "mean", spend, before), Outcome("bought", "rate", table["bought"].to_numpy()))
    found = read_units(Units(("control", "arm"), group, outcomes), ReadSpec(winsor=1))
    ours, they = found.effect("spend", "arm"), theirs["plain"]
    for name, other in (
        ("difference", they.effect_size), ("low", they.effect_size_ci_lower), ("high", they.effect_size_ci_upper),
        ("p", they.pvalue), ("statistic", they.statistic), ("relative", they.rel_effect_size),
    ):  # fmt: skip
        assert ours[name] == pytest.approx(other, rel=1e-9), name
    assert ours["relative_low"] == pytest.approx(they.rel_effect_size_ci_lower, abs=1e-4)  # their t is of other degrees
    ours, they = found.effect("spend", "arm", CUPED), theirs["cuped"]
    for name, other in (
        ("difference", they.effect_size),
        ("low", they.effect_size_ci_lower),
        ("high", they.effect_size_ci_upper),
    ):
        # Their slope is over all units, ours within the groups: the two differ by a part in thousands.
        assert ours[name] == pytest.approx(other, abs=0.01 * ours["standard_error"]), name
    assert found.effect("bought", "arm")["difference"] == pytest.approx(theirs["bought"].effect_size, rel=1e-9)
    assert found.ratio.p == pytest.approx(theirs["ratio"].pvalue, abs=0.02)  # theirs is binomial, ours its chi-square


def test_a_covariate_that_is_unknown_or_the_same_for_all_changes_nothing():
    before = np.array([5.0] * 20)
    found = read_units(means(*SLEEP, before=before), ReadSpec(winsor=1))
    assert found.effects["view"].tolist() == [AS_MEASURED]
    group, spend, before = a_shop()
    holes = np.where(np.arange(len(before)) % 7 == 0, np.nan, before)
    filled = np.where(np.isnan(holes), np.nanmean(holes), holes)
    one, two = (
        read_units(Units(("a", "b"), group, (Outcome("spend", "mean", spend, x),))).effect("spend", "b", CUPED)[
            "difference"
        ]
        for x in (holes, filled)
    )
    assert one == pytest.approx(two, rel=1e-12)


def test_amounts_are_cut_at_a_quantile_of_the_amounts_and_not_of_the_zeros():
    # 1,000 units a group, ten buyers each: the 99 % quantile of all values is 0.
    control = [0.0] * 990 + [10.0] * 10
    arm = [0.0] * 990 + [10.0] * 9 + [1_000.0]
    found = read_units(means(control, arm), ReadSpec(winsor=0.9))
    plain, cut = found.effect("spend", "arm"), found.effect("spend", "arm", WINSORISED)
    assert cut["cap"] == pytest.approx(10.0)  # nine tenths of the 20 amounts are at most 10
    assert cut["difference"] == pytest.approx(0.0)
    assert plain["difference"] == pytest.approx(0.99)
    assert np.isnan(cut["p_adjusted"])  # it decides nothing
    assert read_units(means(control, arm), ReadSpec(winsor=1)).effects["view"].tolist() == [AS_MEASURED]


def test_cutting_and_the_covariate_go_together():
    group, spend, before = a_shop()
    views = read_units(Units(("control", "arm"), group, (Outcome("spend", "mean", spend, before),)))
    assert views.effects["view"].tolist() == [AS_MEASURED, CUPED, WINSORISED, BOTH]
    errors = views.effects.set_index("view")["standard_error"]
    assert errors[BOTH] < errors[CUPED] < errors[AS_MEASURED] and errors[WINSORISED] < errors[AS_MEASURED]


def test_the_sizes_are_checked_against_the_shares_that_were_meant():
    """Cookie Cats: 44,700 against 45,489 is chi-square 6.90 and p = 0.0086 (published)."""
    found = read_units(rates((20_034, 44_700), (20_119, 45_489)))
    assert found.ratio.statistic == pytest.approx(6.90, abs=5e-3)
    assert found.ratio.p == pytest.approx(0.0086, abs=5e-5)
    assert found.ratio.is_mismatch and found.ratio.is_assumed
    assert set(found.effects["says"]) == {DO_NOT_READ}
    meant = read_units(rates((20_034, 44_700), (20_119, 45_489), expected_shares=(44.7, 45.489)))
    assert meant.ratio.p == pytest.approx(1.0) and not meant.ratio.is_mismatch and not meant.ratio.is_assumed


def test_many_comparisons_are_corrected_together():
    # Alone arm 1 has z = 0.03 / sqrt(0.115 · 0.885 · 2 / 1,000) = 2.1027, p = .0355, arms 2 and 3 nothing: of three .1065.
    found = read_units(rates((100, 1_000), (130, 1_000), (100, 1_000), (100, 1_000)))
    rows = found.as_measured().set_index("arm")
    assert rows.at["arm 1", "p"] == pytest.approx(0.0355, abs=5e-5)
    assert rows.at["arm 1", "p_adjusted"] == pytest.approx(3 * rows.at["arm 1", "p"])
    assert rows.at["arm 1", "low"] > 0 and rows.at["arm 1", "says"] == "cannot tell"
    assert read_units(rates((100, 1_000), (130, 1_000))).effect("stayed", "arm 1")["says"] == "higher"


def test_what_each_extra_unit_cost_is_the_interval_turned_over():
    # 1,000 a group: 600 against 500 is 100 extra; 500 of money for the arm and 100 for leaving the control alone.
    found = read_units(rates((500, 1_000), (600, 1_000), costs=(100.0, 500.0)))
    [row] = found.costs.to_dict("records")
    effect = found.effect("stayed", "arm 1")
    assert row["cost"] == 400 and row["extra"] == pytest.approx(100) and row["cost_per_extra"] == pytest.approx(4)
    assert row["cost_low"] == pytest.approx(400 / (1_000 * effect["high"]))
    assert row["cost_high"] == pytest.approx(400 / (1_000 * effect["low"]))
    [row] = read_units(rates((500, 1_000), (510, 1_000), costs=(0.0, 500.0))).costs.to_dict("records")
    assert row["cost_per_extra"] == pytest.approx(50) and np.isnan(row["cost_high"])  # it may be none at all
    [row] = read_units(rates((500, 1_000), (400, 1_000), costs=(0.0, 500.0))).costs.to_dict("records")
    assert np.isnan(row["cost_per_extra"]) and row["extra"] == pytest.approx(-100)


def test_the_effect_is_broken_down_and_the_parts_add_up():
    country = np.array(["France"] * 60 + ["Spain"] * 40 + ["France"] * 60 + ["Spain"] * 25 + [None] * 15, dtype=object)
    units = rates((50, 100), (70, 100), breakdowns={"country": country})
    found = read_units(units).breakdowns.set_index("value")
    assert list(found.index) == ["France", "Spain", "(unknown)"]
    assert found["n_arm"].sum() == 100 and found["n_control"].sum() == 100
    # The arm's first 70 stayed: all 60 in France, 10 of 25 in Spain; of the control 50 of 60 in France and nobody in Spain.
    assert found.at["France", "difference"] == pytest.approx(1 - 50 / 60)
    assert found.at["Spain", "difference"] == pytest.approx(10 / 25)
    assert np.isnan(found.at["(unknown)", "difference"])  # nobody of the control: no comparison, not 0
    assert found.at["(unknown)", "n_arm"] == 15 and found.at["(unknown)", "says"] == "cannot tell"


def test_small_values_of_a_breakdown_are_read_together():
    n = 2_000
    values = np.array([f"v{i % 30:02d}" if i % 30 < 15 else "large" for i in range(n)], dtype=object)
    found = read_units(rates((300, 1_000), (310, 1_000), breakdowns={"by": values})).breakdowns
    assert len(found) == 13 and found["value"].iloc[0] == "large" and found["value"].iloc[-1] == "(other)"
    assert found["n_arm"].sum() == 1_000


def test_whether_the_effect_differs_is_cochrans_q():
    by = np.array((["a"] * 500 + ["b"] * 500) * 2, dtype=object)
    values = np.concatenate([np.repeat([1.0, 0.0], (x, 500 - x)) for x in (100, 100, 150, 90)])
    units = Units(("c", "t"), np.repeat([0, 1], 1_000), (Outcome("stayed", "rate", values),), breakdowns={"by": by})
    [row] = read_units(units).spreads.to_dict("records")
    # +10 points and −2 points: Q = (d1 − d2)² / (v1 + v2) for two values.
    v1 = 0.2 * 0.8 / 499 + 0.3 * 0.7 / 499
    v2 = 0.2 * 0.8 / 499 + 0.18 * 0.82 / 499
    assert row["statistic"] == pytest.approx(0.12**2 / (v1 + v2), rel=1e-9)
    assert 0.0005 < row["p"] < 0.002 and row["n_values"] == 2


def test_how_long_groups_stay_is_what_lifelines_says():
    rng = np.random.default_rng(5)
    group = rng.integers(0, 2, 600)
    true = rng.exponential(np.where(group == 1, 60.0, 35.0)).astype(np.int64)
    last = rng.integers(40, 90, 600)
    days, observed = np.minimum(true, last), true <= last
    stay = read_units(Units(("control", "arm"), group, (), Durations(days, observed))).stay
    for place, row in enumerate(stay.groups.itertuples()):
        inside = group == place
        from lifelines import KaplanMeierFitter

        curve = KaplanMeierFitter().fit(days[inside], observed[inside])
        assert row.mean_stay == pytest.approx(lifelines_mean_stay(curve, stay.horizon_days), rel=1e-6)
        assert row.n == inside.sum() and row.n_lapsed == observed[inside].sum()
    theirs = logrank_test(days[group == 0], days[group == 1], observed[group == 0], observed[group == 1])
    [row] = stay.effects.to_dict("records")
    assert row["log_rank"] == pytest.approx(theirs.test_statistic, rel=1e-6)
    assert row["says"] == "longer" and row["low"] > 0
    assert row["difference"] == pytest.approx(stay.groups["mean_stay"].diff().iloc[1])


def test_units_that_had_fallen_silent_already_are_in_no_curve():
    days = np.array([-1, 3, 5, 8] * 30)
    stay = read_units(Units(("c", "a"), np.repeat([0, 1], 60), (), Durations(days, np.ones(120, dtype=bool)))).stay
    assert stay.groups["n"].tolist() == [45, 45]
    assert stay.effects["says"].tolist() == ["cannot tell"]


def test_an_outcome_that_is_not_known_counts_in_no_figure_of_it():
    values = np.array([1.0, 0.0, np.nan, 1.0, np.nan, np.nan])
    units = Units(("c", "a"), np.array([0, 0, 0, 1, 1, 1]), (Outcome("stayed", "rate", values),))
    found = read_units(units)
    assert found.by_group["n"].tolist() == [2, 1] and found.by_group["value"].tolist() == [0.5, 1.0]
    assert found.sizes == (3, 3)
    assert found.notes == ('3 units have no known "stayed" and are in no figure of it.',)


@pytest.mark.parametrize(("make", "said"), [
    (lambda: Units(("control",), np.zeros(3, dtype=int), ()), "a control and at least one other group"),
    (lambda: read_units(rates((0, 0), (0, 0), n_immature=12)), "the windows of 12 have not passed"),
    (lambda: read_units(rates((1, 4), (0, 0))), 'The group "arm 1" has no unit'),
    (lambda: Outcome("stayed", "rate", np.array([0.5])), "yes or no"),
    (lambda: Outcome("spend", "mean", np.array([np.inf])), "finite"),
    (lambda: rates((1, 4), (1, 4), costs=(1.0,)), "one number for each of 2 groups"),
    (lambda: rates((1, 4), (1, 4), expected_shares=(1.0, 0.0)), "more than 0"),
    (lambda: rates((1, 4), (1, 4), day=np.zeros(3, dtype=int)), "one value in each column"),
    (lambda: read_units(Units(("a", "b"), np.array([0, 1]), ())), "At least one outcome"),
    (lambda: ReadSpec(method="peeking"), "fixed horizon, sequential"),
    (lambda: ReadSpec(alpha=0), "`alpha`"),
    (lambda: ReadSpec(winsor=0.2), "`winsor`"),
    (lambda: ReadSpec(tuned_for=3), "`tuned_for`"),
])  # fmt: skip
def test_what_cannot_be_read_is_said_in_a_sentence(make, said):
    with pytest.raises(SpecError, match=said):
        make()


def test_a_group_where_everybody_or_nobody_did_it_has_an_interval():
    row = read_units(rates((0, 40), (40, 40))).effect("stayed", "arm 1")
    assert row["difference"] == 1 and row["high"] <= 1 and row["low"] > 0.8
    assert np.isnan(row["relative"])  # nothing to be a share of
    row = read_units(rates((0, 40), (0, 40))).effect("stayed", "arm 1")
    assert row["low"] < 0 < row["high"] and row["p"] == 1 and row["says"] == "cannot tell"
    row = read_units(means([5.0] * 30, [5.0] * 30)).effect("spend", "arm")
    assert np.isnan(row["difference"]) and row["says"] == "cannot tell"


amounts = st.lists(st.floats(-1e4, 1e4).map(lambda v: round(v, 2)), min_size=2, max_size=40)


@settings(max_examples=50, deadline=None)
@given(control=amounts, arm=amounts, seed=st.integers(0, 99))
def test_the_order_of_rows_and_which_group_is_called_the_control_change_only_what_they_must(control, arm, seed):
    units = means(control, arm)
    plain = read_units(units, ReadSpec(winsor=1)).effect("spend", "arm")
    order = np.random.default_rng(seed).permutation(units.n_units)
    shuffled = Units(units.groups, units.group[order], (Outcome("spend", "mean", units.outcomes[0].values[order]),))
    mixed = read_units(shuffled, ReadSpec(winsor=1)).effect("spend", "arm")
    other = read_units(means(arm, control), ReadSpec(winsor=1)).effect("spend", "arm")
    for name in ("difference", "low", "high", "p"):
        assert mixed[name] == pytest.approx(plain[name], rel=1e-6, abs=1e-6, nan_ok=True)
    assert other["difference"] == pytest.approx(-plain["difference"], rel=1e-6, abs=1e-6, nan_ok=True)
    assert other["low"] == pytest.approx(-plain["high"], rel=1e-6, abs=1e-6, nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=40),
    middle=st.sampled_from([0.0, 1e6]),
)
def test_sums_of_cells_are_those_of_a_plain_loop(rows, middle):
    cell = np.array([c for c, _, _ in rows])
    values, before = (np.array([row[i] for row in rows]) + middle for i in (1, 2))
    m = Moments.of(values, cell, 3, before)
    for place in range(3):
        mine = [(v, b) for c, v, b in zip(cell, values, before, strict=True) if c == place]
        assert m.n[place] == len(mine)
        if mine:
            mean, mean_before = (sum(row[i] for row in mine) / len(mine) for i in (0, 1))
            assert m.mean[place] == pytest.approx(mean, abs=1e-6)
            assert m.square[place] == pytest.approx(sum((v - mean) ** 2 for v, _ in mine), rel=1e-6, abs=1e-4)
            assert m.product[place] == pytest.approx(
                sum((v - mean) * (b - mean_before) for v, b in mine), rel=1e-6, abs=1e-4
            )
