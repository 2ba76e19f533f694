"""Answers about churn scores: read-only."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from retention.churn import query, query_duckdb
from retention.churn.model_backtest import Backtest, backtest_of
from retention.churn.model_zoo import ALWAYS_READ
from retention.churn.snapshots import CutoffTable, cutoff_table
from retention.churn.spec import ChurnSpec, LapseSpec, Schedule, schedule
from retention.cohorts.answer import is_everybody, population
from retention.errors import SpecError
from retention.features.answer import features_of
from retention.features.spec import FeatureSpec
from retention.periods import date_of, day_number
from retention.store import Snapshot, Sql, Store


def features_asked(spec: ChurnSpec, cutoff_day: int) -> FeatureSpec:
    """Return the features to read as of a cut-off: those that were chosen, and what the rules need."""
    names = tuple(dict.fromkeys((*spec.features.asked, *ALWAYS_READ)))
    return FeatureSpec(cutoff=date_of(cutoff_day), names=names, where=spec.lapse.where)


def outcomes_sql(snapshot: Snapshot, lapse: LapseSpec, cutoff_day: int) -> Sql:
    """Choose the text of who could lapse and who did: from the rollup where it carries the events."""
    catalogue = snapshot.catalogue
    is_carried = query_duckdb.mask(lapse, catalogue) is not None
    days = (query_duckdb if is_carried else query).user_days(lapse, catalogue)
    who = None if is_everybody(lapse.where) else population(catalogue, lapse.where)
    return query.outcomes(days, lapse, cutoff_day, who)


def table_at(snapshot: Snapshot, spec: ChurnSpec, cutoff_day: int) -> CutoffTable:
    """Who could lapse at a cut-off, what was known of them, and, where it is over, what came?

    Raises
    ------
    SpecError
        If nobody was active in the look-back.
    """
    rows = snapshot.read(outcomes_sql(snapshot, spec.lapse, cutoff_day))
    if not len(rows):
        raise SpecError(
            f"Nobody was active within {spec.lapse.lookback_days} days before {date_of(cutoff_day)}.",
            hint="Choose a longer look-back, or another cut-off.",
        )
    is_known = cutoff_day + spec.lapse.label_days <= snapshot.catalogue.require_clock().as_of_day
    features = features_of(snapshot, features_asked(spec, cutoff_day))
    return cutoff_table(features, rows, spec.lapse, cutoff_day, is_known=is_known)


def schedule_of(snapshot: Snapshot, spec: ChurnSpec, cutoff_day: int | None = None) -> Schedule:
    """Which cut-offs may teach the score for a day? By default for the one that the spec scores."""
    clock = snapshot.catalogue.require_clock()
    if cutoff_day is None:
        cutoff_day = clock.as_of_day if spec.cutoff is None else day_number(spec.cutoff)
    if cutoff_day > clock.as_of_day:
        raise SpecError(
            f"The cut-off must not be later than {date_of(clock.as_of_day)}, up to when the data are complete,"
            f" not {date_of(cutoff_day)}."
        )
    ((first,),) = snapshot.rows("select min(d.day) from user_day as d")
    return schedule(spec, int(first), cutoff_day)


def churn_backtest(store: Store, spec: ChurnSpec, cutoffs: tuple[date, ...] = ()) -> Backtest:
    """How good are the models at cut-offs whose outcomes are known?

    Parameters
    ----------
    cutoffs : tuple of date, optional
        By default the latest whose outcomes are known, and those `step_days` before, as many as the spec says.

    Raises
    ------
    SpecError
        If the data are too short for one.
    """
    with store.snapshot() as snapshot:
        clock = snapshot.catalogue.require_clock()
        latest = clock.as_of_day - spec.lapse.label_days
        days = [day_number(on) for on in cutoffs] or [latest - i * spec.step_days for i in range(spec.n_backtests)]
        tables: dict[int, CutoffTable] = {}

        def table(day: int) -> CutoffTable:
            if day not in tables:
                tables[day] = table_at(snapshot, spec, day)
            return tables[day]

        plans = []
        for i, day in enumerate(sorted(days, reverse=True)):
            try:
                plans.append(schedule_of(snapshot, spec, day))
            except SpecError:
                if i == 0:
                    raise
                break  # the data reach back far enough for the later ones only
        return backtest_of([(plan, [table(d) for d in plan.train_days],
                             None if plan.calibrate_day is None else table(plan.calibrate_day), table(plan.test_day))
                            for plan in plans], spec)  # fmt: skip


def of_rule(spec: ChurnSpec, name: str) -> ChurnSpec:
    """Return the same question for another model."""
    return replace(spec, model=name)
