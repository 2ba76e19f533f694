"""A backtest as plain values for a model card, and the users it was judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from retention.churn.held_back import RULE_COLUMNS, HeldBack
from retention.churn.model_backtest import Backtest
from retention.churn.model_drift import drift_basis
from retention.churn.model_search import Search
from retention.churn.snapshots import Rows

SCORE = "score"
"""What the score itself is called among the features whose drift is watched."""


def held_back_users(backtest: Backtest) -> HeldBack:
    """Return the users of the latest held-back cut-off with what was said of them."""
    table = backtest.held_back
    assert table is not None and table.lapsed is not None
    scores = {name: backtest.scores[name] for name in (*RULE_COLUMNS, backtest.chosen) if name in backtest.scores}
    return HeldBack(table.cutoff_day, backtest.chosen, table.user_keys, table.lapsed, scores)


def basis_of(rows: Rows, backtest: Backtest) -> dict[str, dict[str, Any]]:
    """Keep how the features of the users who taught spread, and the score over those held back: what drift is held against."""
    said = backtest.scores[backtest.chosen][:, None]
    return {**drift_basis(rows.values, rows.features), **drift_basis(said, (SCORE,))}


def report_of(
    backtest: Backtest, searched: Mapping[str, Search], worth: pd.DataFrame, basis: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Say all that was found out, in plain values; see `card.ModelCard.report`."""
    return {
        "table": backtest.table().to_dict("records"),
        "trials": [
            {
                "model": trial.model, "test_day": trial.test_day, "n_users": trial.n_users, "seconds": trial.seconds,
                "figures": {name: [f.value, f.low, f.high] for name, f in trial.figures.items()},
            }
            for trial in backtest.trials
        ],
        "word": backtest.word,
        "sentence": backtest.sentence,
        "skipped": dict(backtest.skipped),
        "importance": worth.to_dict("records"),
        "tuned": {name: asdict(found) for name, found in searched.items()},
        "drift": dict(basis),
    }  # fmt: skip
