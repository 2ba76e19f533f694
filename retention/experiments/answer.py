"""Answers about experiments: what a campaign was found to do, what users do without one, and what was learned before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retention.audiences.answer_sources import members_of, words_of
from retention.errors import SpecError
from retention.experiments import query, query_outcomes
from retention.experiments.answer_exposed import campaigns_seen, overlaps_of
from retention.experiments.answer_units import exposed_of, signs_of_life, units_in
from retention.experiments.archive import Baseline, Learned, baseline_of, learned_of, lessons_of, plain_row
from retention.experiments.experiment import DAY_US, Experiment, age_names, joined_overlaps, sizes_of
from retention.experiments.model_readout import read_units
from retention.experiments.spec_store import BaselineSpec, ExperimentSpec
from retention.experiments.units import Units
from retention.periods import date_of, local_day
from retention.store import Snapshot, Sql, Store

if TYPE_CHECKING:
    from datetime import date

# What orders hand on and may not import from where it is made.
__all__ = ["Learned", "baseline", "campaigns_seen", "experiment", "lessons", "lessons_of", "plain_row"]


def experiment(store: Store, spec: ExperimentSpec) -> Experiment:
    """What did a campaign do? Read only for those whose window has passed.

    Raises
    ------
    SpecError
        If there is no such campaign, or nobody was left alone.
    """
    with store.snapshot() as snapshot:
        clock = snapshot.catalogue.require_clock()
        exposed = exposed_of(snapshot, spec)
        n_mature = int(exposed.is_mature.sum())
        units = units_in(snapshot, spec, exposed) if n_mature else None
        overlaps = overlaps_of(snapshot, exposed.seen, exposed.sql, exposed.window_days)
        version, lapse_days = snapshot.catalogue.data_version, int(snapshot.catalogue.settings.churn_window)
    first_us, last_us = int(exposed.exposed_us.min()), int(exposed.exposed_us.max())
    sizes = sizes_of(exposed.group, len(exposed.seen.groups))
    ages = age_names(spec.period, exposed.window_days)

    read = replace(spec.read, tuned_for=spec.read.tuned_for or exposed.seen.plan.get("n_sequential"))

    def day(us: int) -> date:
        return date_of(local_day(us, clock.timezone))

    return Experiment(
        spec=spec,
        seen=exposed.seen,
        clock=clock,
        data_version=version,
        window_days=exposed.window_days,
        lapse_days=lapse_days,
        n_units=len(exposed.user_keys),
        n_mature=n_mature,
        first_on=day(first_us),
        last_on=day(last_us),
        complete_on=day(last_us + exposed.window_days * DAY_US),
        sizes=sizes,
        overlaps=joined_overlaps(overlaps, exposed.seen, sizes),
        readout=None if units is None else read_units(_only(units, ages, is_ages=False), read),
        by_age=None if units is None or not ages else read_units(_only(units, ages, is_ages=True), replace(read, by=())),
        notes=exposed.notes if units is None else units.notes,
    )


def _only(units: Units, ages: tuple[str, ...], *, is_ages: bool) -> Units:
    """Take the ages, or all but them: a family of comparisons of its own, so that neither is corrected for the other."""
    kept = replace(units, outcomes=tuple(outcome for outcome in units.outcomes if (outcome.metric in ages) == is_ages))
    return replace(kept, durations=None, breakdowns={}, costs=None, notes=()) if is_ages else kept


def baseline(store: Store, spec: BaselineSpec) -> Baseline:
    """What do users do without a campaign? The starting point of a plan.

    Notes
    -----
    Everybody who was active in the look-back before ``as_of − window`` is followed for the window; so is a list, though its
    users were chosen by what was known at the end: of a list of silent users fewer come back later than this says, or
    more, and it is said.
    """
    with store.snapshot() as snapshot:
        catalogue, clock = snapshot.catalogue, snapshot.catalogue.require_clock()
        at_us = clock.as_of_us - spec.window_days * DAY_US
        exposed = query.since(_population(snapshot, spec, at_us), at_us)
        kinds = signs_of_life(snapshot, spec.events)
        window, moments = spec.window_days, (at_us, at_us)
        returns = snapshot.read(query_outcomes.returns(exposed, kinds, window, window, 1, moments, clock.as_of_us))
        n_users = int(snapshot.read(query.count(exposed))["n"].iloc[0])
        if not n_users:
            raise SpecError("Nobody is on this list, so there is nothing to start from.", hint="Choose another one.")
        placed = query_outcomes.placed(exposed, 0, spec.window_days, clock.timezone, at_us, at_us)
        sales = [catalogue.events[name] for name in catalogue.settings.revenue_events if name in catalogue.events]
        ends = snapshot.read(query_outcomes.money_at_the_ends(placed, sales)) if sales else None
        whole = snapshot.read(query_outcomes.money(placed)) if sales else None
        definition = "" if spec.users is None else words_of(spec.users, catalogue)
    return baseline_of(
        spec, n_users, len(returns), whole, ends, definition,
        first_on=date_of(local_day(at_us, clock.timezone)), last_on=date_of(clock.as_of_day),
    )  # fmt: skip


def _population(snapshot: Snapshot, spec: BaselineSpec, at_us: int) -> Sql:
    if spec.users is not None:
        return members_of(snapshot, spec.users)
    day = local_day(at_us, snapshot.catalogue.require_clock().timezone)
    return query.active_between(day - spec.lookback_days, day)


def lessons(store: Store) -> tuple[Learned, ...]:
    """What was learned from past experiments? The newest first."""
    return learned_of(store.read(query.lessons()))
