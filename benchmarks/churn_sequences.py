"""Models that read events: what the order of events is worth where it matters, and learning without labels first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.measure import alone
from benchmarks.report import Row
from retention.churn.answer import table_at
from retention.churn.judgement import differences
from retention.churn.model_backtest import fitted
from retention.churn.model_sequence_worth import label_curve
from retention.churn.snapshots import CutoffTable, Rows, stacked
from retention.churn.spec import ChurnSpec, LapseSpec, schedule
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.periods import day_number
from retention.sequences.model_net import has_torch
from retention.sequences.spec import ADVICE
from retention.store import Store

SPEC = ChurnSpec(lapse=LapseSpec(horizon_days=60, gap_days=0, lookback_days=30), model="gru")
N_USERS, PLANTED = 9_000, 50.0


def shop_tables(order_effect: float) -> tuple[Rows, CutoffTable]:
    """Simulate a shop and read what teaches, and a held-back cut-off."""
    with tempfile.TemporaryDirectory() as folder, Store.create_or_open(Path(folder) / "shop.duckdb") as store:
        build_sample(store, SampleSpec(n_users=N_USERS, order_effect=order_effect))
        with store.snapshot() as snapshot:
            test_day = snapshot.catalogue.require_clock().as_of_day - SPEC.lapse.label_days
            plan = schedule(SPEC, day_number(date(2024, 1, 1)), test_day)
            train = stacked([table_at(snapshot, SPEC, day) for day in plan.train_days], 10**6)
            return train, table_at(snapshot, SPEC, test_day)


def gain_of_order(order_effect: float) -> dict[str, Any]:
    """Judge events against features on one simulated shop."""
    train, test = shop_tables(order_effect)
    models = {name: fitted(name, train, None, SPEC) for name in ("gru", "boosting")}
    said = {name: model.scores(test) for name, model in models.items()}
    assert test.lapsed is not None
    gain = differences(test.lapsed, said["gru"], said["boosting"])
    return {
        "gain": (gain.value, gain.low, gain.high), "n": test.n_users, "base_rate": test.base_rate,
        "seconds": {name: model.seconds for name, model in models.items()},
    }  # fmt: skip


def pretraining_gain(cell: str) -> list[dict[str, Any]]:
    """Measure what learning without labels first is worth at 5, 20 and 100 % of the labels."""
    train, test = shop_tables(1.0)
    return label_curve(cell, train, test).to_dict("records")


def sequence_rows(tell: Callable[[str], None]) -> list[Row]:
    """Measure on simulated shops, where it is known whether the order of events matters."""
    if not has_torch():
        return [Row("churn: sequence models", "–", note=f"torch is not installed ({ADVICE})")]
    rows = []
    for effect in (PLANTED, 1.0):
        tell(f"churn: events against features, order effect {effect:g}")
        found = alone(gain_of_order, effect).result
        value, low, high = found["gain"]
        is_wrong = low <= 0 if effect > 1 else low > 0
        rows.append(Row(
            f"GRU above boosting, {'the order matters' if effect > 1 else 'the order does not matter'}",
            f"{value:+.4f} ({low:+.4f} to {high:+.4f})", "", None, None,
            f"ROC AUC; n = {found['n']:,}, {found['base_rate']:.1%} lapsed; {found['seconds']['gru']:.0f} s CPU to learn,"
            f" boosting {found['seconds']['boosting']:.1f} s", is_wrong=is_wrong, figures=found,
        ))  # fmt: skip
    tell("churn: learning without labels first")
    for row in alone(pretraining_gain, "transformer").result:
        rows.append(Row(
            f"  Transformer, pre-trained, {row['share']:.0%} of the labels", f"{row['auc_with']:.4f}",
            f"{row['auc_without']:.4f}", None, None,
            f"without; gain {row['gain']:+.4f} ({row['gain_low']:+.4f} to {row['gain_high']:+.4f}), {row['n_rows']:,} rows of"
            f" whom {row['n_lapsed']:,} lapsed", figures=row,
        ))  # fmt: skip
    return rows
