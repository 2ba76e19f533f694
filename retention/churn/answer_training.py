"""Teach a score and judge it: everything that a version of a model consists of, worked out and not yet kept. Read-only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from retention.churn.answer import Progress, Tables, expected_rate, score_day
from retention.churn.card import ModelCard
from retention.churn.held_back import HeldBack
from retention.churn.model_backtest import MOST_ROWS, Backtest, Fitted, backtest_of, fitted, models_asked
from retention.churn.model_files import digest, libraries, model_bytes, probe_of
from retention.churn.model_guard import require_no_suspect
from retention.churn.model_reasons import importance
from retention.churn.model_report import basis_of, held_back_users, report_of
from retention.churn.model_search import Search, search
from retention.churn.model_sequence import learning_curve
from retention.churn.model_sequence_worth import importance_of_parts
from retention.churn.snapshots import CutoffTable, stacked
from retention.churn.spec import SEQUENCE_MODELS, ChurnSpec
from retention.features.spec_registry import REGISTRY
from retention.periods import date_of
from retention.store import Store

PART_READ, PART_TAUGHT = 0.45, 0.9
"""About how much of the time reading takes, and teaching after it."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and all that is known of it.

    Attributes
    ----------
    card : ModelCard
        Its version is 0: it gets one when it is kept.
    model : Fitted
    data : bytes
        The estimator's file.
    held_back : HeldBack
    backtest : Backtest
    """

    card: ModelCard
    model: Fitted
    data: bytes
    held_back: HeldBack
    backtest: Backtest


def own_days() -> tuple[str, ...]:
    """Name the features that are made of the days of activity alone.

    The lapse is silence, so with a long look-back they may tell nearly all of it honestly; that they do not look past the
    cut-off is proved by tests and not guessed from how well they tell.
    """
    return tuple(name for name, feature in REGISTRY.items() if feature.group == "activity")


def churn_training(store: Store, spec: ChurnSpec, progress: Progress = lambda share, text: None) -> Trained:
    """What can be learned of who will lapse, and how good is it on users it has not learned from?

    Raises
    ------
    SpecError
        If the data are too short for one held-back cut-off, too few users lapsed, or a feature tells too much.
    """
    begun = time.monotonic()
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        cutoff_day = score_day(snapshot, spec.cutoff)
        n_read = [0]

        def reading(_: float, text: str) -> None:
            n_read[0] += 1
            progress(PART_READ * n_read[0] / (n_read[0] + 4), text)

        tables = Tables(snapshot, spec, reading)
        plans = tables.held_back(until_day=cutoff_day)
        own = tables.schedule(cutoff_day)
        parts = [tables.part(plan) for plan in plans]
        teaching = [tables.at(day) for day in own.train_days]
        require_no_suspect(parts[0].train[-1], own_days())
        # What teaches the earliest held-back cut-off was known at each of them: settings chosen there help none to cheat.
        searched = _searched(spec, parts[-1].train, _within(progress, PART_READ, 0.6))
        params = {name: found.params for name, found in searched.items()}
        backtest = backtest_of(parts, spec, params, _within(progress, 0.6, PART_TAUGHT))
        progress(PART_TAUGHT, f"teaching {backtest.chosen} for {date_of(cutoff_day)}")
        rows = stacked(teaching, MOST_ROWS, spec.seed)
        calibrate = None if own.calibrate_day is None else tables.at(own.calibrate_day)
        model = fitted(backtest.chosen, rows, calibrate, spec, params.get(backtest.chosen))
        rate, season = expected_rate(snapshot, spec.lapse, cutoff_day)
    progress(0.95, "measuring what each feature is worth")
    assert backtest.model is not None and backtest.held_back is not None
    measured = importance_of_parts if backtest.chosen in SEQUENCE_MODELS else importance
    worth = measured(backtest.model, backtest.held_back, seed=spec.seed)
    basis = basis_of(rows, backtest)
    data = model_bytes(model)
    probe = probe_of({name: part["edges"] for name, part in basis.items()}, model.features, spec.seed)
    card = ModelCard(
        version=0, name=backtest.chosen, spec=spec, features=model.features, train_days=own.train_days,
        calibrate_day=own.calibrate_day, held_back_day=plans[0].test_day, cutoff_day=cutoff_day, n_rows=rows.n_rows,
        base_rate=float(rows.lapsed.mean()), slope=model.slope, intercept=model.intercept, data_version=catalogue.data_version,
        as_of_us=catalogue.require_clock().as_of_us, made_us=time.time_ns() // 1000, seconds=time.monotonic() - begun,
        sha256=digest(data), libraries=libraries(),
        probe={"values": probe.tolist(), "log_odds": model.of_nobody(probe).tolist()},
        report=report_of(backtest, searched, worth, basis) | {"season": season, "expected_rate": rate, "curve": learning_curve(model.model)},
    )  # fmt: skip
    progress(1.0, "trained")
    return Trained(card, model, data, held_back_users(backtest), backtest)


def _searched(spec: ChurnSpec, tables: Sequence[CutoffTable], progress: Progress) -> dict[str, Search]:
    asked = models_asked(spec) if spec.tune_seconds else ()
    found = {}
    for number, name in enumerate(asked):
        progress(number / len(asked), f"trying settings of {name}")
        one = search(name, tables, spec, spec.tune_seconds / len(asked))
        if one is not None:
            found[name] = one
    return found


def _within(progress: Progress, low: float, high: float) -> Progress:
    return lambda share, text: progress(low + (high - low) * share, text)
