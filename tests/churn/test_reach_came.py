"""What the slider expected, and what then came: the simulated shop scored as of a day whose outcome is known; its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from retention.churn.answer import table_at
from retention.churn.answer_list import at_risk_reach, at_risk_users
from retention.churn.chart_reach import money_alt, money_figure, reach_alt, reach_figure, risk_alt, risk_figure
from retention.churn.listed import risk_counts, tier_counts
from retention.churn.money import Offer
from retention.churn.order_registry import train
from retention.churn.order_scores import score
from retention.churn.reach import reach_of
from retention.churn.scores import LABEL
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.churn.spec_list import AtRiskSpec
from retention.features.spec import FeatureSpec
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.periods import day_number
from retention.store import Store

AS_OF = date(2025, 10, 1)
SPEC = ChurnSpec(
    lapse=LapseSpec(horizon_days=60, gap_days=7, lookback_days=120), model="logistic", cutoff=AS_OF, n_backtests=1,
    features=FeatureSpec(presets=("rfm", "engagement")), step_days=60,
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Score a simulated shop as of 1 October; what its users did until January is known to the tests only."""
    path: Path = tmp_path_factory.mktemp("came") / "store.duckdb"
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec(n_users=1500))
        train(store, SPEC)
        score(store, cutoff=AS_OF)
        yield store


def test_what_the_slider_expected_is_what_came(shop: Store) -> None:
    with shop.snapshot() as snapshot:
        came = table_at(snapshot, SPEC, day_number(AS_OF))
    assert came.lapsed is not None
    lapsed = dict(zip(came.user_keys.tolist(), came.lapsed.tolist(), strict=True))
    reach = at_risk_reach(shop, AtRiskSpec(scoring_key=1))
    keys = at_risk_users(shop, AtRiskSpec(scoring_key=1, n=500)).users["user_key"].tolist()
    for n in (50, 100, 200, 300):
        caught = sum(lapsed[int(key)] for key in keys[:n])
        point = reach.at(n, Offer())
        assert point.caught.low <= caught <= point.caught.high, (n, caught, point.caught)
        assert point.bothered.low <= n - caught <= point.bothered.high
        # The share that came lies near what had been seen at the held-back cut-off, at the latest where both are sure.
        assert point.seen_precision.low - 0.15 <= caught / n <= point.seen_precision.high + 0.15


def test_a_label_can_be_a_column_of_the_list(shop: Store) -> None:
    shown = at_risk_users(shop, AtRiskSpec(scoring_key=1, columns=("tier", LABEL))).shown
    # The label was written by the scoring itself, the tier is worked out for the list: they must agree for each user.
    assert list(shown) == ["pseudonym", "tier", LABEL] and (shown["tier"] == shown[LABEL]).all() and len(shown) > 100


def test_pictures_show_the_curve_and_say_it_in_words() -> None:
    random = np.random.default_rng(3)
    p, v = random.random(400), random.gamma(2, 30, 400)
    reach, offer = reach_of(np.arange(400), p, v), Offer(contact_cost=2, incentive=3)
    curve, point = reach.curve(offer), reach.at(100, offer)
    for is_dark in (False, True):
        for draw, names in ((reach_figure, ("caught", "bothered")), (money_figure, ("brings", "cost", "net"))):
            figure = draw(curve, 100, 400, is_dark=is_dark)
            assert json.loads(json.dumps(figure, allow_nan=False)) == figure  # plain values, nothing that is not a number
            lines = [trace for trace in figure["data"] if trace.get("customdata")]
            for trace, name in zip(lines, names, strict=True):
                assert np.allclose(trace["y"], curve[name], atol=1e-3) and trace["x"] == curve["n"].tolist()
            assert "400" in figure["layout"]["xaxis"]["title"]["text"] and figure["layout"]["yaxis"]["title"]["text"]
            assert figure["layout"]["shapes"][0]["x0"] == 100
    assert f"{point.caught.value:,.0f}" in reach_alt(point, 400) and "100" in money_alt(point, 400)


def test_the_picture_of_the_risks_counts_everybody_once() -> None:
    p = np.array([0.0, 0.04, 0.05, 0.5, 0.95, 1.0])
    counts = risk_counts(p)
    assert counts["n"].sum() == 6 and counts["n"].iloc[[0, 1, 10, 19]].tolist() == [2, 1, 1, 2]
    figure = risk_figure(counts, (0.3, 0.6), 6)
    assert sum(figure["data"][0]["y"]) == 6 and [s["x0"] for s in figure["layout"]["shapes"]] == [0.3, 0.6]
    assert "2 high risk, 1 medium risk, 3 low risk" in risk_alt(counts, (0.3, 0.6), tier_counts(p, 0.6, 0.3))
