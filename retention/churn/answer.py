"""Answers about churn scores: read-only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from retention.churn import query, query_duckdb
from retention.churn.model_backtest import MOST_ROWS, Backtest, Part, backtest_of
from retention.churn.model_zoo import ALWAYS_READ
from retention.churn.season import YEAR, seasonal_rate
from retention.churn.snapshots import CutoffTable, cutoff_table, sampled
from retention.churn.spec import BEST, MAX_TRAIN, SEQUENCE_MODELS, ChurnSpec, LapseSpec, Schedule, schedule
from retention.cohorts.answer import is_everybody, population
from retention.errors import SpecError
from retention.features.answer import features_of
from retention.features.spec import FeatureSpec
from retention.periods import date_of, day_number
from retention.sequences.answer import sequences_at
from retention.sequences.model_net import has_torch, torch_or_advice
from retention.sequences.table import SequenceTable
from retention.store import Snapshot, Sql, Store

Progress = Callable[[float, str], object]


def features_asked(spec: ChurnSpec, cutoff_day: int) -> FeatureSpec:
    """Return the features to read as of a cut-off: those that were chosen, and what the rules need."""
    names = tuple(dict.fromkeys((*spec.features.asked, *ALWAYS_READ)))
    return FeatureSpec(cutoff=date_of(cutoff_day), names=names, where=spec.lapse.where)


def days_sql(snapshot: Snapshot, lapse: LapseSpec) -> Sql:
    """Choose the text of who was active when: from the rollup where it carries the events."""
    is_carried = query_duckdb.mask(lapse, snapshot.catalogue) is not None
    return (query_duckdb if is_carried else query).user_days(lapse, snapshot.catalogue)


def outcomes_sql(snapshot: Snapshot, lapse: LapseSpec, cutoff_day: int) -> Sql:
    """Choose the text of who could lapse and who did."""
    who = None if is_everybody(lapse.where) else population(snapshot.catalogue, lapse.where)
    return query.outcomes(days_sql(snapshot, lapse), lapse, cutoff_day, who)


def first_day(snapshot: Snapshot) -> int:
    """Return the first day of the data."""
    ((first,),) = snapshot.rows("select min(d.day) from user_day as d")
    return int(first)


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
    table = cutoff_table(features, rows, spec.lapse, cutoff_day, is_known=is_known)
    return replace(table, sequences=sequences_asked(snapshot, spec, cutoff_day))


def sequences_asked(snapshot: Snapshot, spec: ChurnSpec, cutoff_day: int) -> SequenceTable | None:
    """What did all users do before a cut-off? None where no model asks, or of several models those that do cannot learn.

    Raises
    ------
    SpecError
        If a sequence model was asked for by name and cannot learn: torch is not installed, or there are too many users.
    """
    if spec.model in SEQUENCE_MODELS:
        torch_or_advice()
        return sequences_at(snapshot, cutoff_day)
    if spec.model == BEST and has_torch():
        try:
            return sequences_at(snapshot, cutoff_day)
        except SpecError:
            return None  # `fitted` says why
    return None


def score_day(snapshot: Snapshot, cutoff: date | None) -> int:
    """Return the day that is scored: by default the one that the data end with.

    Raises
    ------
    SpecError
        If the data do not reach it.
    """
    as_of_day = snapshot.catalogue.require_clock().as_of_day
    day = as_of_day if cutoff is None else day_number(cutoff)
    if day > as_of_day:
        raise SpecError(
            f"The cut-off must not be later than {date_of(as_of_day)}, up to when the data are complete, not {cutoff}."
        )
    return day


def expected_rate(snapshot: Snapshot, lapse: LapseSpec, cutoff_day: int) -> tuple[float | None, str]:
    """Which share should lapse at this time of the year, as far as is known at the cut-off?"""
    matured = cutoff_day - lapse.label_days
    asked = {"matured": matured, "then": cutoff_day - YEAR, "matured_then": matured - YEAR}
    if lapse.label_days > YEAR or asked["matured_then"] < first_day(snapshot) + lapse.lookback_days:
        return seasonal_rate(None, cutoff_day)
    rates = {
        name: snapshot.rows(sql.text, sql.params)[0]
        for name, day in asked.items()
        for sql in [query.base_rate(outcomes_sql(snapshot, lapse, day))]
    }
    return seasonal_rate(rates, cutoff_day)


class Tables:
    """The users at each cut-off, read once.

    Parameters
    ----------
    snapshot : Snapshot
    spec : ChurnSpec
    progress : callable, optional
        Told before each is read.
    """

    def __init__(self, snapshot: Snapshot, spec: ChurnSpec, progress: Progress = lambda share, text: None) -> None:
        self.snapshot, self.spec, self.progress = snapshot, spec, progress
        self._read: dict[int, CutoffTable] = {}
        ((n_users,),) = snapshot.rows("select count(*) from users")
        # With many users two cut-offs teach all that can be learned; with few, a year of them.
        self.most_train = min(max(-(-2 * MOST_ROWS // max(int(n_users), 1)), 2), MAX_TRAIN)

    def at(self, day: int) -> CutoffTable:
        """Read one, at most as many users as a model learns from."""
        if day not in self._read:
            self.progress(len(self._read), f"reading users as of {date_of(day)}")
            self._read[day] = sampled(table_at(self.snapshot, self.spec, day), MOST_ROWS)
        return self._read[day]

    def schedule(self, cutoff_day: int) -> Schedule:
        """Which cut-offs may teach the score for a day?"""
        return schedule(self.spec, first_day(self.snapshot), cutoff_day, self.most_train)

    def part(self, plan: Schedule) -> Part:
        """Read what one held-back cut-off takes."""
        calibrate = None if plan.calibrate_day is None else self.at(plan.calibrate_day)
        rate, _ = expected_rate(self.snapshot, self.spec.lapse, plan.test_day)
        return Part(plan, [self.at(day) for day in plan.train_days], calibrate, self.at(plan.test_day), rate)

    def held_back(self, cutoffs: tuple[date, ...] = (), until_day: int | None = None) -> list[Schedule]:
        """Plan the held-back cut-offs, the latest first: fewer than asked for where the data do not reach back.

        Raises
        ------
        SpecError
            If the data are too short for one.
        """
        spec = self.spec
        end = self.snapshot.catalogue.require_clock().as_of_day if until_day is None else until_day
        latest = end - spec.lapse.label_days
        days = [day_number(on) for on in cutoffs] or [latest - i * spec.step_days for i in range(spec.n_backtests)]
        plans: list[Schedule] = []
        for day in sorted(days, reverse=True):
            if day > latest:
                raise SpecError(
                    f"A held-back cut-off must not be later than {date_of(latest)}, not {date_of(day)}: what came after it"
                    " must be known."
                )
            try:
                plans.append(self.schedule(day))
            except SpecError:
                if not plans:
                    raise
                break
        return plans


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
        tables = Tables(snapshot, spec)
        return backtest_of([tables.part(plan) for plan in tables.held_back(cutoffs)], spec)
