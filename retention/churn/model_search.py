"""Other settings of a model, tried on a later cut-off than they learned from, as long as the budget lasts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention.churn.judgement import Ranked
from retention.churn.model_backtest import MOST_ROWS, fitted
from retention.churn.snapshots import CutoffTable, stacked
from retention.churn.spec import ChurnSpec
from retention.errors import SpecError

SETTINGS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "boosting": (
        {"max_leaf_nodes": 4}, {"learning_rate": 0.03, "max_iter": 250}, {"min_samples_leaf": 100}, {"max_leaf_nodes": 16},
        {"l2_regularization": 10.0}, {"max_leaf_nodes": 4, "max_iter": 300},
    ),
    "logistic": tuple({"logisticregression__C": c} for c in (0.01, 0.1, 10.0)),
    "lasso": tuple({"logisticregression__C": c} for c in (0.01, 0.2, 1.0)),
    "ridge": tuple({"calibratedclassifiercv__estimator__alpha": a} for a in (1.0, 100.0, 1000.0)),
    "svm": tuple({"calibratedclassifiercv__estimator__C": c} for c in (0.001, 0.1)),
    "tree": tuple({"max_leaf_nodes": n} for n in (8, 32, 64)),
    "forest": ({"min_samples_leaf": 50}, {"min_samples_leaf": 10}, {"max_features": 0.5}),
    "cox": tuple({"penalty": p} for p in (0.01, 1.0)),
}  # fmt: skip
"""Beside the tried-out settings; the likeliest to help first, for the budget may end."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was tried.

    Attributes
    ----------
    model : str
    params : mapping
        The best settings; empty where the tried-out ones are.
    log_loss, tried_out : float
        On the later cut-off: with the best settings, and with the tried-out ones.
    n_tried, n_settings : int
        Fewer than all where the budget ended.
    train_days : tuple of int
    validate_day : int
    """

    model: str
    params: Mapping[str, Any]
    log_loss: float
    tried_out: float
    n_tried: int
    n_settings: int
    train_days: tuple[int, ...]
    validate_day: int


def search(name: str, tables: Sequence[CutoffTable], spec: ChurnSpec, seconds: float) -> Search | None:
    """Try settings: learn from cut-offs whose outcomes were known at the latest one, and judge there.

    Parameters
    ----------
    tables : sequence of CutoffTable
        Those that may teach; the latest of them judges the settings.
    seconds : float
        No setting is begun after so long.

    Returns
    -------
    Search or None
        None where the model has no settings, or no cut-off is old enough.

    Notes
    -----
    Rows are never drawn at random into training and validation: the same users' later months would judge their earlier
    ones. The log-loss decides, because the score is used as a probability.
    """
    latest = max(tables, key=lambda table: table.cutoff_day)
    older = [table for table in tables if table.cutoff_day + spec.lapse.label_days <= latest.cutoff_day]
    choices = SETTINGS.get(name, ())
    if not older or not choices or latest.lapsed is None:
        return None
    rows, begun = stacked(older, MOST_ROWS, spec.seed), time.monotonic()
    losses: list[float] = []
    for params in ({}, *choices):
        if losses and time.monotonic() - begun > seconds:
            break
        try:
            model = fitted(name, rows, None, spec, params)
        except SpecError:
            return None
        losses.append(Ranked(latest.lapsed, model.scores(latest)).figures()["log_loss"])
    best = min(range(len(losses)), key=lambda i: (losses[i], i))
    return Search(
        name, dict(({}, *choices)[best]), losses[best], losses[0], len(losses), len(choices) + 1,
        tuple(table.cutoff_day for table in older), latest.cutoff_day,
    )  # fmt: skip
