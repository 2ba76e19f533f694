"""The sample shop: the curves recover what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from retention.ingest import sample_laws as laws
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.periods import US_PER_DAY
from retention.store import Store
from retention.survival.answer import survival_curves
from retention.survival.answer_models import cox_model, grid_and_curve
from retention.survival.curve import Histogram
from retention.survival.model import kaplan_meier
from retention.survival.spec import CoxSpec, ReconcileSpec, SurvivalSpec
from retention.survival.words import definition
from tests.ingest.sample_shops import us, usual_shop
from tests.worlds import fresh_path

AGES = (7, 30, 60, 90, 150, 240, 330)


@pytest.fixture(scope="module")
def store():
    with Store.create_or_open(fresh_path()) as found:
        build_sample(found, SampleSpec())  # the shop of `usual_shop`
        yield found


def law_of_last_visit(truth, age):
    """Return the chance that each user is active later than `age` days after the day of sign-up, by the laws.

    The user must live that long, and visit once more in the rest of the life; visits are Poisson given the rate.
    """
    next_day = truth.signup_us // US_PER_DAY * US_PER_DAY + (age + 1) * US_PER_DAY
    return 1.0 - np.exp(-truth.visit_mean(next_day, truth.death_us))


def test_the_curve_is_within_its_band_of_the_known_law(store):
    # Joiners of the year 2024 are watched for at least a year, so the law of the last visit needs no end of the data.
    truth = usual_shop()[0].truth
    is_2024 = truth.signup_us < us("2025-01-01")
    spec = SurvivalSpec(ends="last activity", by="first month", max_groups=100, window=30)
    groups = [g for g in survival_curves(store, spec).groups if str(g.group) < "2025"]
    assert sum(g.n for g in groups) == is_2024.sum()
    parts = [
        (g.curve["t"].to_numpy(), np.full(len(g.curve), is_lapse), g.curve[column].to_numpy())
        for g in groups
        for column, is_lapse in (("events", True), ("censored", False))
    ]
    ages, observed, n = (np.concatenate(part) for part in zip(*parts, strict=True))
    curve = kaplan_meier(Histogram(np.zeros_like(ages), ages, observed, n)).set_index("t")
    curve = curve.reindex(range(int(curve.index.max()) + 1)).ffill()
    for age in AGES:
        law = float(law_of_last_visit(truth, age)[is_2024].mean())
        half = (curve.loc[age, "high"] - curve.loc[age, "low"]) / 2
        # The 99.9 % band, for it is looked at seven times.
        assert abs(curve.loc[age, "survival"] - law) < half * 3.29 / 1.96, age


def test_a_recurring_lapser_is_counted_by_the_rule_on_the_card(store):
    # Whoever was silent for 30 days and came back: lapsed at that silence by the one rule, alive after it by the other.
    rows = usual_shop()[1]
    rows = rows[~rows["event"].isin(("refund", "campaign_sent"))]
    days = (rows["occurred_us"] // US_PER_DAY).groupby(rows["u"]).agg(lambda d: sorted(set(d)))
    first_lapses, last_lapses = [], []
    end = laws.END_US // US_PER_DAY
    for mine in days:
        if mine[0] > end - 30:
            continue
        silent = [a for a, b in zip(mine, [*mine[1:], end], strict=True) if b - a >= 30]
        if silent:
            first_lapses.append(silent[0] - mine[0])
        if end - mine[-1] >= 30:
            last_lapses.append(mine[-1] - mine[0])
    for ends, truth in (("first lapse", first_lapses), ("last activity", last_lapses)):
        spec = SurvivalSpec(ends=ends, window=30)
        [group] = survival_curves(store, spec).groups
        found = group.curve.loc[group.curve["events"] > 0].set_index("t")["events"].to_dict()
        assert found == dict(zip(*np.unique(truth, return_counts=True), strict=True))
        said = definition(spec, store.catalogue())
        assert ("a return after that is a new life" in said) == (ends == "first lapse")
        assert ("a return takes a lapse back" in said) == (ends == "last activity")
    assert len(first_lapses) > len(last_lapses) + 300


def test_the_order_of_the_channels_is_recovered(store):
    # Hazard ratios 0.6 (email) < 1 (organic) < 1.5 (social) < 2.2 (ads).
    curves = survival_curves(store, SurvivalSpec(by="channel"))
    stays = {g.group: g.mean_stay for g in curves.groups}
    assert sorted(stays, key=stays.get) == ["ads", "social", "organic", "email"]
    assert (curves.comparisons["says"] != "cannot tell").all()
    model = cox_model(store, CoxSpec(survival=SurvivalSpec(), attributes=("channel", "country")))
    ratio = model.ratios.set_index(["attribute", "value"])["ratio"]
    assert ratio["channel", "email"] < 1 < ratio["channel", "social"] < ratio["channel", "ads"]
    assert ratio["country", "Brazil"] > 1.15 and ratio["country", "China"] < 1


def test_grid_and_curve_reconcile(store):
    for period, horizon in (("week", 12), ("month", 6)):
        found = grid_and_curve(store, ReconcileSpec(survival=SurvivalSpec(), period=period, horizon=horizon))
        assert found.is_exact and len(found.ages) == horizon
    bought = SurvivalSpec(events=("purchase",), by="country")
    assert grid_and_curve(store, ReconcileSpec(survival=bought)).is_exact
