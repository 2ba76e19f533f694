"""Churn scores on real shops: who could lapse and who did, counted by hand; better than the rule where something can be learned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retention.churn.answer import churn_backtest
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.store import Store
from tests.worlds import fresh_path

LAPSE = LapseSpec(horizon_days=90, gap_days=0, lookback_days=365, events=("purchase",))


def opened(spec: ImportSpec) -> Iterator[Store]:
    store = Store.create_or_open(fresh_path())
    try:
        import_file(store, spec)
        yield store
    finally:
        store.close()


@pytest.fixture(scope="module")
def shop(real_data: Path) -> Iterator[Store]:
    yield from opened(ImportSpec(real_data / "online_retail_ii/online_retail_ii.parquet", preset="order-lines"))


@pytest.fixture(scope="module")
def members(real_data: Path) -> Iterator[Store]:
    path = real_data / "groceries_members/groceries_dataset.csv.gz"
    named = {"user": "Member_number", "time": "Date", "item": "itemDescription"}
    yield from opened(ImportSpec(path, mapping=named, constant_event="purchase"))


def counted(lines: pd.DataFrame, cutoff: date) -> tuple[int, int]:
    """Count who bought in the year before a day, and how many of them did not in the 90 days from it on."""
    day = pd.Timestamp(cutoff)
    before = lines[(lines["at"] >= day - pd.Timedelta(days=365)) & (lines["at"] < day)]
    after = lines[(lines["at"] >= day) & (lines["at"] < day + pd.Timedelta(days=90))]
    eligible = set(before["user"])
    return len(eligible), len(eligible - set(after["user"]))


def auc(found, model: str) -> list[float]:
    return [trial.figures["auc"].value for trial in found.trials if trial.model == model]


def test_online_retail_ii_is_ranked_better_than_by_recency(shop, real_data):
    cutoffs = (date(2011, 5, 1), date(2011, 7, 1), date(2011, 9, 1))
    found = churn_backtest(shop, ChurnSpec(lapse=LAPSE), cutoffs)
    lines = pd.read_parquet(real_data / "online_retail_ii/online_retail_ii.parquet")
    lines = lines[lines["Customer ID"].notna() & (lines["Quantity"] > 0) & (lines["Price"] > 0)]
    lines = lines[~lines["Invoice"].astype(str).str.startswith("C")].rename(columns={"Customer ID": "user", "InvoiceDate": "at"})
    for plan, cutoff in zip(sorted(found.schedules, key=lambda s: s.test_day), cutoffs, strict=True):
        n, n_lapsed = counted(lines, cutoff)
        (own,) = (t for t in found.trials if t.test_day == plan.test_day and t.model == "boosting")
        assert own.n_users == n
        assert own.figures["base_rate"].value == pytest.approx(n_lapsed / n)
        # Nothing that teaches or calibrates was known later than the judged day.
        assert all(day + 90 <= plan.test_day for day in (*plan.train_days, plan.calibrate_day))
    # Over seven cut-offs others found .785 by boosting and .730 by recency; see also python -m benchmarks churn.
    assert np.mean(auc(found, "boosting")) >= 0.77
    assert np.mean(auc(found, "boosting")) >= np.mean(auc(found, "recency")) + 0.03
    assert found.word == "reliable"


def test_members_whose_purchases_were_dealt_at_random_are_ranked_no_better_than_by_the_rule(members):
    spec = ChurnSpec(lapse=LapseSpec(horizon_days=90, gap_days=7, lookback_days=365))
    found = churn_backtest(members, spec, (date(2015, 8, 1), date(2015, 9, 1)))
    assert found.word == "no better"
    # Nor does the score claim to know: it says about the same of everybody, and about what comes.
    latest = max(t.test_day for t in found.trials)
    (own,) = (t for t in found.trials if t.test_day == latest and t.model == "boosting")
    assert 0.45 < own.figures["auc"].value < 0.55
    assert own.figures["log_loss"].value < 0.7
