"""The estimates against published ones: R's survival package, textbooks, and lifelines' own documentation."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from lifelines import datasets
from lifelines.statistics import proportional_hazard_test
from scipy.optimize import minimize

from retention.survival.curve import Histogram, mean_stay, median_of
from retention.survival.model import kaplan_meier, log_rank, nelson_aalen, pairwise
from retention.survival.model_cox import cox_regression, fit_cox
from retention.survival.model_parametric import fit_law
from tests.survival.lives import Life, product_limit


def histogram(durations, observed, entry=0, *, unit: int = 1) -> Histogram:
    """Return the counts of rows; `unit` makes whole numbers of tenths."""
    rows = pd.DataFrame({"entry_day": entry, "age": np.round(np.asarray(durations) * unit).astype(int)})
    return Histogram.of(rows.assign(is_lapsed=np.asarray(observed).astype(int), status=0, n=1))


def loaded(name: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(datasets, f"load_{name}")()


# Miller (1981), acute myelogenous leukaemia: R's `aml`. A plus marks a censored time.
AML = {
    "Maintained": "9 13 13+ 18 23 28+ 31 34 45+ 48 161+",
    "Nonmaintained": "5 5 8 8 12 16+ 23 27 30 33 43 45",
}
# summary(survfit(Surv(time, status) ~ x, aml)): time, n.risk, n.event, survival, std.err
AML_TABLES = {
    "Maintained": """
        9 11 1 0.909 0.0867
        13 10 1 0.818 0.1163
        18 8 1 0.716 0.1397
        23 7 1 0.614 0.1526
        31 5 1 0.491 0.1642
        34 4 1 0.368 0.1627
        48 2 1 0.184 0.1535""",
    "Nonmaintained": """
        5 12 2 0.8333 0.1076
        8 10 2 0.6667 0.1361
        12 8 1 0.5833 0.1423
        23 6 1 0.4861 0.1481
        27 5 1 0.3889 0.1470
        30 4 1 0.2917 0.1387
        33 3 1 0.1944 0.1219
        43 2 1 0.0972 0.0919
        45 1 1 0.0000 NaN""",
}


def aml(group: str) -> Histogram:
    times = AML[group].split()
    return histogram([int(t.rstrip("+")) for t in times], [not t.endswith("+") for t in times])


@pytest.mark.parametrize("group", AML)
def test_the_curve_and_those_at_risk_are_r_s(group):
    curve = kaplan_meier(aml(group))
    found = curve[curve["events"] > 0].reset_index(drop=True)
    for row, line in zip(found.itertuples(index=False), AML_TABLES[group].strip().splitlines(), strict=True):
        time, n, d, share, error = line.split()
        assert (row.t, row.at_risk, row.events) == (int(time), int(n), int(d))
        assert row.survival == pytest.approx(float(share), abs=6e-4)
        if error == "NaN":  # nobody is left: R gives no interval
            assert np.isnan(row.low) and np.isnan(row.high)
            continue
        # conf.type = "log-log": S ^ exp(± 1.96 se / (S log S)), se being R's std.err
        spread = 1.959964 * float(error) / (float(share) * np.log(float(share)))
        assert row.low == pytest.approx(float(share) ** np.exp(-spread), abs=3e-3)
        assert row.high == pytest.approx(float(share) ** np.exp(spread), abs=3e-3)


def test_the_medians_of_the_leukaemia_groups_are_r_s():
    # print(survfit(Surv(time, status) ~ x, aml)): medians 31 and 23.
    assert [median_of(kaplan_meier(aml(group)))[0] for group in AML] == [31, 23]


def test_the_log_rank_test_of_the_leukaemia_groups_is_r_s():
    # survdiff(Surv(time, status) ~ x, aml): Chisq = 3.4 on 1 degrees of freedom, p = 0.0653
    statistic, p, excess = log_rank([aml(group).table for group in AML])
    assert statistic == pytest.approx(3.4, abs=0.05) and p == pytest.approx(0.0653, abs=5e-5)
    assert excess < 0  # fewer relapses than expected among the maintained


def test_freireich_s_remission_times():
    # Freireich et al. (1963), 6-MP against placebo; Kaplan–Meier of 6-MP as in Cox & Oakes (1984), Lawless (1982).
    rows = loaded("leukemia")
    six_mp, placebo = (histogram(g["t"], g["status"]) for _, g in rows.groupby("Rx"))
    curve = kaplan_meier(six_mp)
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    found = curve[curve["events"] > 0].set_index("t")["survival"].round(3).to_dict()
    assert found == pytest.approx(published, abs=6e-4)
    assert median_of(curve)[0] == 23 and median_of(kaplan_meier(placebo))[0] == 8
    # survdiff(Surv(time, cens) ~ treat, gehan): Chisq = 16.8 on 1 degrees of freedom, p = 4.17e-05
    statistic, p, _ = log_rank([six_mp.table, placebo.table])
    assert statistic == pytest.approx(16.79, abs=0.01) and p == pytest.approx(4.17e-05, rel=0.01)


def test_the_lung_trial_has_r_s_median_mean_and_test():
    # print(survfit(Surv(time, status) ~ 1, lung), print.rmean = TRUE): 228 records, 165 events, rmean 376.3,
    # se(rmean) 19.7, median 310 (limit 1022); by sex medians 270 and 426; survdiff: Chisq = 10.3, p = 0.00131.
    rows = loaded("lung")
    everyone = histogram(rows["time"], rows["status"])
    curve = kaplan_meier(everyone)
    assert (everyone.size, everyone.n_observed, median_of(curve)[0]) == (228, 165, 310)
    mean, low, high = mean_stay(curve, 1022)
    assert mean == pytest.approx(376.3, abs=0.05)
    assert (high - low) / 2 / 1.959964 == pytest.approx(19.7, abs=0.05)
    groups = [histogram(g["time"], g["status"]) for _, g in rows.groupby("sex")]
    assert [median_of(kaplan_meier(g))[0] for g in groups] == [270, 426]
    found = pairwise(["male", "female"], [g.table for g in groups]).iloc[0]
    assert found["statistic"] == pytest.approx(10.3, abs=0.05) and found["p"] == pytest.approx(0.00131, abs=5e-6)
    assert found["says"] == "shorter"


def test_the_waltons_and_the_heavily_tied_dictators_are_as_documented():
    rows = loaded("waltons")
    assert median_of(kaplan_meier(histogram(rows["T"], rows["E"])))[0] == 56
    rows = loaded("dd")
    groups = [histogram(g["duration"], g["observed"]) for _, g in rows.groupby("democracy")]
    assert [median_of(kaplan_meier(g))[0] for g in groups] == [3, 6]
    assert log_rank([g.table for g in groups])[0] == pytest.approx(260.47, abs=0.005)


def test_the_share_of_late_entrants_is_the_product_over_those_under_observation():
    # Woolson (1981), psychiatric patients: under observation from the age at admission, so on the interval
    # (age, age + years] as R's Surv(age, age + years, death) has it; at risk from the year after admission on.
    rows = loaded("psychiatric_patients")
    start, stop = rows["Age"].to_numpy(), (rows["Age"] + rows["T"]).to_numpy()
    curve = kaplan_meier(histogram(stop, rows["C"], start + 1))
    lives = [
        Life(None, "followed", int(a) + 1, int(b), bool(c)) for a, b, c in zip(start, stop, rows["C"], strict=True)
    ]
    limit = product_limit(lives)
    assert len(curve) and int(curve["t"].max()) == max(limit)
    for row in curve.itertuples(index=False):
        by_r = sum(a < row.t <= b for a, b in zip(start, stop, strict=True))
        assert row.at_risk == by_r == limit[row.t][0]
        assert row.survival == pytest.approx(float(limit[row.t][2]), abs=1e-12)


def test_nelson_aalen_is_the_sum_of_lapses_over_those_at_risk():
    days = nelson_aalen(aml("Maintained"))
    sums = {9: Fraction(1, 11), 13: Fraction(1, 10), 18: Fraction(1, 8), 23: Fraction(1, 7), 31: Fraction(1, 5)}
    total = Fraction(0)
    for age, step in sums.items():
        total += step
        assert days.set_index("t").loc[age, "cumulative_hazard"] == pytest.approx(float(total))


def test_cox_on_rossi_has_the_published_coefficients():
    # Allison (1995); Fox & Weisberg (2002), Cox proportional-hazards regression for survival data in R: mod.allison.
    published = {
        "fin": (-0.37942, 0.19138), "age": (-0.05744, 0.02200), "race": (0.31390, 0.30799),
        "wexp": (-0.14980, 0.21222), "mar": (-0.43370, 0.38187), "paro": (-0.08487, 0.19576),
        "prio": (0.09150, 0.02865),
    }  # fmt: skip
    rows = loaded("rossi")
    users = rows.rename(columns={"week": "days", "arrest": "lapsed"}).assign(entry=0.0)
    fitter, _ = fit_cox(users)
    for name, (coefficient, error) in published.items():
        assert fitter.summary.loc[name, "coef"] == pytest.approx(coefficient, abs=6e-6)
        assert fitter.summary.loc[name, "se(coef)"] == pytest.approx(error, abs=6e-6)
    # stack.md's figure, and R's summary: Concordance = 0.64
    assert fitter.concordance_index_ == pytest.approx(0.640, abs=5e-4)
    # cox.zph(mod.allison.4) of fin + age + prio: age 6.54 (p .0105), fin .005, prio .77: only age changes.
    three = users[["days", "lapsed", "entry", "fin", "age", "prio"]]
    fitter, p = fit_cox(three)
    assert p["age"] == pytest.approx(0.0105, abs=0.003) and p["fin"] > 0.9 and 0.3 < p["prio"] < 0.45
    theirs = proportional_hazard_test(fitter, three.drop(columns=["entry"]), time_transform="km")
    assert p == pytest.approx(dict(zip(theirs.name, theirs.p_value, strict=True)), rel=1e-6)


def cox_of(rows: pd.DataFrame, attribute: str, time: str, event: str, unit: int = 1) -> pd.DataFrame:
    table = pd.DataFrame({"a_0": rows[attribute].astype(str), "entry_day": 0, "is_lapsed": rows[event].astype(int)})
    table["age"] = np.round(rows[time] * unit).astype(int)
    counts = (
        table.groupby(["a_0", "entry_day", "age", "is_lapsed"], as_index=False).size().rename(columns={"size": "n"})
    )
    return cox_regression(counts, [attribute])["ratios"].set_index("value")


def test_cox_from_counts_with_ties_is_r_s():
    # coxph(Surv(time, cens) ~ treat, gehan), Efron: exp(1.572) = 4.82; se .412 (Therneau & Grambsch 2000).
    ratios = cox_of(loaded("leukemia"), "Rx", "t", "status")
    [ratio] = ratios.loc[~ratios["is_reference"], ["ratio", "low", "high"]].to_numpy()
    coefficient = np.log(ratio[0] if ratios.loc["0", "is_reference"] else 1 / ratio[0])
    assert coefficient == pytest.approx(1.572, abs=6e-4)
    assert np.log(ratio[2] / ratio[1]) / 2 / 1.959964 == pytest.approx(0.4124, abs=1e-4)
    # coxph(Surv(time, status) ~ sex, lung): coef -0.5310, exp(coef) 0.5880, se 0.1672, p 0.00149
    ratios = cox_of(loaded("lung"), "sex", "time", "status")
    assert ratios.loc["1", "is_reference"]
    assert ratios.loc["2", "ratio"] == pytest.approx(0.5880, abs=5e-5)
    assert ratios.loc["2", "p"] == pytest.approx(0.00149, abs=5e-6)
    # larynx, coxph(Surv(time, delta) ~ factor(stage)): 0.06481, 0.61481, 1.73490 against stage I.
    rows = loaded("larynx")
    rows["stage"] = 1 + rows["Stage_II"] + 2 * rows["Stage_III"] + 3 * rows["Stage_IV"]
    ratios = cox_of(rows, "stage", "time", "death", unit=10)
    coefficients = np.log(ratios["ratio"] / 1.0)
    assert ratios.loc["1", "is_reference"]
    assert coefficients[["2", "3", "4"]].tolist() == pytest.approx([0.06481, 0.61481, 1.73490], abs=1e-4)


def test_weibull_on_the_lung_trial_is_r_s():
    # survreg(Surv(time, status) ~ 1, lung): intercept 6.0349, scale 0.759, log-likelihood -1153.9. A day is an
    # interval here, half a day later on average: nothing against 418 days.
    rows = loaded("lung")
    fitted = fit_law(histogram(rows["time"], rows["status"]), "weibull")
    assert fitted.parameters["lambda"][0] == pytest.approx(np.exp(6.0349), rel=0.003)
    assert fitted.parameters["rho"][0] == pytest.approx(1 / 0.759, rel=0.006)
    assert fitted.log_likelihood == pytest.approx(-1153.9, abs=0.15)


def test_the_exponential_law_of_whole_days_has_a_closed_form():
    # Every day a user lapses with one chance q = 1 − exp(−1/λ): q is lapses over days lived, today's included.
    found = histogram([0, 0, 1, 3, 8, 8, 12], [1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 2, 3, 0])
    days_lived = 1 + 1 + 2 + 4 + (9 - 2) + (9 - 3) + 13
    scale = -1 / np.log(1 - 5 / days_lived)
    assert fit_law(found, "exponential").parameters["lambda"][0] == pytest.approx(scale, rel=1e-4)


@pytest.mark.parametrize("law", ["weibull", "log-normal", "log-logistic"])
def test_each_law_is_the_most_likely_one_of_its_kind(law):
    from scipy import stats

    rng = np.random.default_rng(3)
    late = rng.integers(0, 5, 400) * rng.integers(0, 2, 400)
    true_days = rng.weibull(0.7, 400) * 40 + late * 0
    end = rng.uniform(5, 120, 400)
    day = np.floor(np.minimum(true_days, end)).astype(int)
    observed = true_days < end
    kept = day >= late
    day, observed, late = day[kept], observed[kept], late[kept]

    def survival(params, t):
        a, b = np.exp(params[0]), np.exp(params[1])
        return {
            "weibull": lambda: stats.weibull_min.sf(t, b, scale=a),
            "log-normal": lambda: stats.lognorm.sf(t, b, scale=a),
            "log-logistic": lambda: stats.fisk.sf(t, b, scale=a),
        }[law]()

    def unlikely(params):
        ended = np.where(observed, survival(params, day) - survival(params, day + 1), survival(params, day + 1))
        return -(np.log(np.maximum(ended, 1e-300)) - np.log(survival(params, late))).sum()

    best = minimize(unlikely, [3.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9, "maxiter": 4000})
    fitted = fit_law(histogram(day, observed, late), law)
    assert fitted.log_likelihood == pytest.approx(-best.fun, abs=1e-3)
    scale, shape = (value for value, _, _ in fitted.parameters.values())
    scale = np.exp(scale) if law == "log-normal" else scale
    assert (scale, shape) == pytest.approx(tuple(np.exp(best.x)), rel=5e-3)
