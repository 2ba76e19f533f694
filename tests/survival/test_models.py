"""From counts as from rows: the same numbers that lifelines gives for one row a user, and what is said of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter, NelsonAalenFitter, WeibullFitter
from lifelines.statistics import logrank_test
from lifelines.utils import restricted_mean_survival_time

from retention.errors import SpecError
from retention.survival.answer_models import cox_model, hazard_weeks, lifetime_laws
from retention.survival.curve import Histogram, mean_stay, safe_horizon
from retention.survival.hazard import riskiest_week, weekly
from retention.survival.model import kaplan_meier, log_rank, nelson_aalen, pairwise
from retention.survival.model_cox import cox_regression
from retention.survival.model_parametric import fit_law, fit_laws
from retention.survival.spec import CoxSpec, HazardSpec, SurvivalSpec
from retention.survival.words import cox_words, ordinal, proportional_words, riskiest_words
from tests.oracles import Event
from tests.survival.test_reference import histogram
from tests.worlds import instant, store_of


@pytest.fixture(scope="module")
def users():
    """2,000 users in whole days, one row each, some entering late."""
    rng = np.random.default_rng(5)
    days, end = rng.weibull(0.6, 2000) * 50, rng.uniform(0, 200, 2000)
    rows = pd.DataFrame({"age": np.floor(np.minimum(days, end)).astype(int), "is_lapsed": (days < end).astype(int)})
    rows["entry_day"] = np.where(rng.random(2000) < 0.3, rng.integers(0, 30, 2000), 0)
    rows["group"] = rng.choice(["a", "b", "c"], 2000)
    return rows[rows["age"] >= rows["entry_day"]].assign(status=0, n=1).reset_index(drop=True)


def test_counts_give_the_curve_of_the_rows(users):
    early = users[users["entry_day"] == 0]
    fitter = KaplanMeierFitter().fit(early["age"], early["is_lapsed"])
    curve = kaplan_meier(Histogram.of(early)).set_index("t")
    at = [t for t in curve.index if curve.loc[t, "survival"] > 0]
    np.testing.assert_allclose(curve.loc[at, "survival"], fitter.survival_function_.iloc[:, 0].loc[at], rtol=1e-12)
    np.testing.assert_allclose(curve.loc[at, ["low", "high"]], fitter.confidence_interval_.loc[at], rtol=1e-12)
    hazard = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(early["age"], early["is_lapsed"])
    days = nelson_aalen(Histogram.of(early)).set_index("t")["cumulative_hazard"]
    np.testing.assert_allclose(days.loc[at], hazard.cumulative_hazard_.iloc[:, 0].loc[at], rtol=1e-12)
    mean, _, _ = mean_stay(kaplan_meier(Histogram.of(early)), 60)
    assert mean == pytest.approx(restricted_mean_survival_time(fitter, 60), rel=1e-9)


def test_counts_give_the_curve_of_the_rows_with_late_entry(users):
    fitter = KaplanMeierFitter().fit(users["age"], users["is_lapsed"], entry=users["entry_day"] - 0.5)
    curve = kaplan_meier(Histogram.of(users)).set_index("t")
    at = [t for t in curve.index if curve.loc[t, "survival"] > 0 and t in fitter.survival_function_.index]
    np.testing.assert_allclose(curve.loc[at, "survival"], fitter.survival_function_.iloc[:, 0].loc[at], rtol=1e-12)
    assert len(at) > 50


def test_counts_give_the_log_rank_test_of_the_rows(users):
    early = users[users["entry_day"] == 0]
    one, two = (early[early["group"] == name] for name in "ab")
    theirs = logrank_test(one["age"], two["age"], one["is_lapsed"], two["is_lapsed"])
    statistic, p, _ = log_rank([Histogram.of(one).table, Histogram.of(two).table])
    assert (statistic, p) == (pytest.approx(theirs.test_statistic), pytest.approx(theirs.p_value))


def test_counts_give_the_law_of_the_rows(users):
    lower = users["age"] + np.where(users["is_lapsed"] == 1, 0.0, 1.0)
    upper = np.where(users["is_lapsed"] == 1, users["age"] + 1.0, np.inf)
    theirs = WeibullFitter().fit_interval_censoring(lower, upper, entry=users["entry_day"])
    ours = fit_law(Histogram.of(users), "weibull")
    assert ours.parameters["lambda"][0] == pytest.approx(theirs.lambda_, rel=1e-3)
    assert ours.parameters["rho"][0] == pytest.approx(theirs.rho_, rel=1e-3)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood_, abs=1e-3)


def test_counts_give_the_ratios_of_the_rows_ties_and_late_entry_included(users):
    table = pd.get_dummies(users["group"], dtype=float)
    rows = table.assign(days=users["age"] + 1, lapsed=users["is_lapsed"], entry=users["entry_day"])
    largest = users["group"].value_counts().index[0]
    theirs = CoxPHFitter().fit(rows.drop(columns=[largest]), "days", "lapsed", entry_col="entry")
    counts = users.groupby(["group", "entry_day", "age", "is_lapsed"], as_index=False)["n"].sum()
    counts = counts.rename(columns={"group": "a_0"})
    ours = cox_regression(counts, ["group"])
    ratios = ours["ratios"].set_index("value")
    for name in theirs.params_.index:
        assert ratios.loc[name, "ratio"] == pytest.approx(np.exp(theirs.params_[name]), rel=1e-6)
        assert ratios.loc[name, "p"] == pytest.approx(theirs.summary.loc[name, "p"], rel=1e-5)
    assert ours["concordance"] == pytest.approx(theirs.concordance_index_, abs=1e-12)
    shuffled = cox_regression(counts.sample(frac=1, random_state=1), ["group"])
    assert shuffled["ratios"].equals(ours["ratios"])


def test_the_fitted_laws_are_ranked_and_the_true_one_is_found():
    rng = np.random.default_rng(8)
    days, end = rng.weibull(0.6, 6000) * 40, rng.uniform(0, 300, 6000)
    found = histogram(np.floor(np.minimum(days, end)), days < end)
    laws, quantiles, curves = fit_laws(found, kaplan_meier(found))
    assert laws["law"].iloc[0] == "weibull" and laws["aic"].is_monotonic_increasing
    assert laws["distance"].iloc[0] < 0.02
    mine = quantiles[(quantiles["law"] == "Weibull") & quantiles["survival"].between(0.2, 0.8)]
    assert (mine["expected"] / mine["observed"]).between(0.75, 1.25).all()
    true = np.exp(-(((curves["t"] + 1) / 40) ** 0.6))
    assert (curves["survival"] - true)[curves["law"] == "Weibull"].abs().max() < 0.02


def test_a_group_alone_in_its_way_of_lapsing_is_told_from_the_others():
    rng = np.random.default_rng(2)
    tables = {
        name: histogram(rng.geometric(rate, 300) - 1, np.ones(300)).table
        for name, rate in (("slow", 0.01), ("usual", 0.03), ("same", 0.03))
    }
    tables["tiny"] = histogram([1, 2], [1, 1]).table
    found = pairwise(list(tables), list(tables.values())).set_index(["first", "second"])
    assert found.loc[("slow", "usual"), "says"] == "longer"
    assert found.loc[("usual", "same"), "says"] == "cannot tell"
    assert found.loc[("slow", "tiny"), "says"] == "cannot tell" and np.isnan(found.loc[("slow", "tiny"), "p"])
    # Three tests: the largest p stays, the others grow (Benjamini–Hochberg).
    known = found["p"].dropna().sort_values()
    assert found.loc[known.index[-1], "p_adjusted"] == known.iloc[-1]
    assert found.loc[known.index[0], "p_adjusted"] >= known.iloc[0]


def test_the_mean_stay_looks_as_far_as_every_group_is_well_observed():
    long = kaplan_meier(histogram(np.arange(200), np.ones(200)))  # at risk at t: 200 − t
    short = kaplan_meier(histogram(np.arange(100), np.ones(100)))
    assert safe_horizon([long]) == 190  # 10 are left
    assert safe_horizon([long, short]) == 90
    assert safe_horizon([long, kaplan_meier(histogram([3, 4], [1, 1]))]) == 190  # two users tell nothing anyway
    assert safe_horizon([long, kaplan_meier(histogram([3] * 50, [0] * 50))]) == 190  # too young to be followed
    assert safe_horizon([kaplan_meier(histogram([0], [1]))]) == 1


# ---- when they lapse


def test_the_rate_of_a_week_is_the_sum_of_its_days():
    # 1,000 users; 100 lapse on day 0, 90 on day 8; the rest stays for 21 days.
    found = Histogram(
        np.zeros(3, dtype=int), np.array([0, 8, 20]), np.array([True, True, False]), np.array([100, 90, 810])
    )
    weeks = weekly(nelson_aalen(found))
    assert weeks["week"].tolist() == [1, 2, 3]
    assert weeks["hazard"].tolist() == pytest.approx([100 / 1000, 90 / 900, 0])
    assert weeks["at_risk"].tolist() == [1000, 900, 810] and weeks["events"].tolist() == [100, 90, 0]
    assert weeks["low"].iloc[2] == 0 and weeks["high"].iloc[2] == pytest.approx(3 / 810)  # the rule of three
    # Weights 1, 8/9, 5/9 by distance 0, 1, 2.
    assert weeks["smoothed"].iloc[0] == pytest.approx((0.1 + 0.1 * 8 / 9) / (1 + 8 / 9 + 5 / 9))
    assert riskiest_week(weeks)[0] is None  # weeks 1 and 2 are alike, and they are more than half


def lapsing(by_week: dict[int, int], rest: int, n_weeks: int = 10) -> pd.DataFrame:
    days = [7 * (week - 1) + 3 for week in by_week] + [7 * n_weeks - 1]
    observed = np.array([True] * len(by_week) + [False])
    found = Histogram(np.zeros(len(days), dtype=int), np.array(days), observed, np.array([*by_week.values(), rest]))
    return weekly(nelson_aalen(found))


def test_the_riskiest_week_is_named_only_when_it_can_be_told():
    clear = lapsing({1: 20, 2: 20, 3: 20, 4: 20, 5: 90, 6: 20, 7: 20, 8: 20}, 1000)
    assert riskiest_week(clear) == (5, (5,))
    near = lapsing({1: 20, 2: 20, 3: 20, 4: 85, 5: 90, 6: 20, 7: 20, 8: 20}, 1000)
    assert riskiest_week(near) == (5, (4, 5))
    level = lapsing(dict.fromkeys(range(1, 11), 20), 1000)
    assert riskiest_week(level)[0] is None and len(riskiest_week(level)[1]) == 10
    assert riskiest_week(lapsing({1: 0}, 100)) == (None, ())


def test_ranks_are_written_in_words():
    assert [ordinal(n) for n in (1, 2, 3, 5, 11, 22)] == ["1st", "2nd", "3rd", "5th", "11th", "22nd"]


# ---- through the store


def shop(n=60):
    """Users of Aix visit for two days, those of Bonn for a week; half of each by phone. Nobody of Caen lapses."""
    events = []
    for i in range(n):
        for city, days in (("Aix", 1 + i % 6), ("Bonn", 3 + i % 7), ("Caen", 40)):
            props = {"city": city, "n": "phone" if i % 2 else "desk"}
            events += [Event(f"{city}{i}", instant(f"2026-01-{1 + i % 7:02} 10:00") + day * 86_400_000_000, "visit", props)
                       for day in range(days)]  # fmt: skip
    return store_of(events, as_of="2026-02-15")


def test_a_model_leaves_out_values_without_a_ratio_and_says_so():
    store = shop()
    model = cox_model(store, CoxSpec(survival=SurvivalSpec(window=14), attributes=("city", "n")))
    assert model.dropped == (
        "None of the 60 users with city = Caen lapsed: no ratio can be given, and they are left out.",
    )
    assert (model.n, model.n_observed, model.n_population) == (120, 120, 180)
    ratios = model.ratios.set_index(["attribute", "value"])
    assert ratios.loc[("city", "Aix"), "is_reference"] and ratios.loc[("n", "desk"), "is_reference"]
    assert ratios.loc[("n", "phone"), "n"] == 60
    assert model.levels == {"city": ("Aix", "Bonn"), "n": ("desk", "phone")}


def test_a_value_that_decides_everything_has_no_finite_ratio():
    # All of Aix lapse on the first day, all of Bonn later: the likelihood grows without end.
    rows = pd.DataFrame(
        {"a_0": ["Aix"] * 2 + ["Bonn"] * 2, "entry_day": 0, "age": [0, 1, 30, 31], "is_lapsed": 1, "n": 30}
    )
    with pytest.raises(SpecError, match="cannot be told apart"):
        cox_regression(rows, ["city"])


def test_what_a_model_says_is_what_it_found():
    rng = np.random.default_rng(4)
    parts = []
    for value, rate in (("slow", 0.02), ("fast", 0.06)):
        ages = rng.geometric(rate, 800) - 1
        parts.append(pd.DataFrame({"a_0": value, "entry_day": 0, "age": ages, "is_lapsed": 1, "n": 1}))
    found = cox_regression(pd.concat(parts, ignore_index=True), ["kind"], ["fast"])
    row = found["ratios"].set_index("value")
    reference = row.index[row["is_reference"]][0]
    ratio = row.loc["fast", "ratio"] if reference == "slow" else 1 / row.loc["slow", "ratio"]
    # −ln(.94) / −ln(.98): the ratio of the rates that make such days.
    assert ratio == pytest.approx(np.log(0.94) / np.log(0.98), rel=0.15)
    assert found["is_proportional"]
    at = found["curve"].set_index("t")["survival"]
    assert at.loc[20] == pytest.approx(0.94**21, abs=0.03)


def test_ratios_that_change_with_age_are_called_averages():
    rng = np.random.default_rng(6)
    level = pd.DataFrame({"a_0": "level", "age": rng.geometric(0.03, 1500) - 1})
    early = pd.DataFrame({"a_0": "early", "age": np.floor(rng.weibull(0.5, 1500) * 33).astype(int)})
    rows = pd.concat([level, early], ignore_index=True).assign(entry_day=0, is_lapsed=1, n=1)
    assert not cox_regression(rows, ["kind"])["is_proportional"]


def test_sentences_of_the_models():
    store = shop()
    survival = SurvivalSpec(window=14)
    model = cox_model(store, CoxSpec(survival=survival, attributes=("n",)))
    assert cox_words(model).startswith("None of these values goes with lapsing sooner or later")
    assert proportional_words(model).startswith("There is no sign")
    hazard = hazard_weeks(store, HazardSpec(survival=survival))
    assert hazard.weeks["events"].tolist()[0] + hazard.weeks["events"].tolist()[1] == 120
    assert riskiest_words(hazard)[0] == f"The riskiest week is the {ordinal(hazard.riskiest)}."
    laws = lifetime_laws(store, HazardSpec(survival=SurvivalSpec(window=14, by="city"), group="Bonn"))
    assert laws.n == 60 and laws.laws["is_fitted"].all()
    with pytest.raises(SpecError, match='no group "Rome"'):
        hazard_weeks(store, HazardSpec(survival=SurvivalSpec(window=14, by="city"), group="Rome"))
    with pytest.raises(SpecError, match='No user has n = "fax" here'):
        cox_model(store, CoxSpec(survival=survival, attributes=("n",), profile=("fax",)))


def test_a_large_shop_is_modelled_on_a_random_share_of_its_users(monkeypatch):
    import retention.survival.answer_models as answers

    store = shop(100)
    monkeypatch.setattr(answers, "MAX_USERS", 150)
    spec = CoxSpec(survival=SurvivalSpec(window=14), attributes=("n",))
    model = cox_model(store, spec)
    # 150 of 300 expected, each drawn by its key: 4 standard deviations.
    assert model.n_population == 300 and abs(model.n - 150) < 4 * np.sqrt(300 / 4)
    assert cox_model(store, spec).ratios.equals(model.ratios)
