"""Answers of the models: when users lapse, by which law, with which attributes; and whether grid and curve agree."""

from __future__ import annotations

from retention.cohorts.answer import cohort_retention, group_labels, population
from retention.cohorts.spec import CohortSpec
from retention.errors import SpecError, nearest
from retention.store import Snapshot, Sql, Store
from retention.survival import query, query_duckdb
from retention.survival.answer import durations_sql, people_sql, read_histogram
from retention.survival.curve import Histogram
from retention.survival.groups import labelled, rows_of
from retention.survival.hazard import HazardWeeks, riskiest_week, weekly
from retention.survival.laws import LifetimeLaws
from retention.survival.model import kaplan_meier, nelson_aalen
from retention.survival.model_cox import MAX_USERS, cox_regression, merged_levels
from retention.survival.model_parametric import MIN_OBSERVED, fit_laws
from retention.survival.ratios import CoxModel
from retention.survival.reconcile import Reconciliation, reconciliation
from retention.survival.spec import FIRST_EVENT, FIRST_MONTH, CoxSpec, HazardSpec, ReconcileSpec, SurvivalSpec


def _histogram(snapshot: Snapshot, spec: HazardSpec) -> Histogram:
    survival = spec.survival if spec.group is not None else spec.survival.of_everyone()
    rows, chosen = read_histogram(snapshot, survival)
    if spec.group not in chosen.keys:
        raise SpecError(
            f'There is no group "{spec.group}" of {survival.by}.', hint=nearest(str(spec.group), map(str, chosen.keys))
        )
    mine = rows_of(rows, chosen.keys[spec.group], has_groups=survival.by is not None)
    whole, _ = Histogram.of(mine).joined_up()
    if not whole.size:
        raise SpecError("Nobody of this group has been followed yet.", hint="Choose another group.")
    return whole


def hazard_weeks(store: Store, spec: HazardSpec) -> HazardWeeks:
    """When do users lapse, and which week is the riskiest?"""
    with store.snapshot() as snapshot:
        histogram = _histogram(snapshot, spec)
        catalogue = snapshot.catalogue
    weeks = weekly(nelson_aalen(histogram))
    return HazardWeeks(
        spec, catalogue.require_clock(), catalogue.data_version, histogram.n_observed, weeks, *riskiest_week(weeks)
    )


def lifetime_laws(store: Store, spec: HazardSpec) -> LifetimeLaws:
    """Which law describes how long users stay?

    Raises
    ------
    SpecError
        If too few users lapsed to tell.
    """
    with store.snapshot() as snapshot:
        histogram = _histogram(snapshot, spec)
        catalogue = snapshot.catalogue
    if histogram.n_observed < MIN_OBSERVED:
        raise SpecError(
            f"{histogram.n_observed} lapses are too few to tell one law from another; at least {MIN_OBSERVED} are needed.",
            hint="Choose a larger group, or a shorter window.",
        )
    return LifetimeLaws(
        spec,
        catalogue.require_clock(),
        catalogue.data_version,
        histogram.size,
        histogram.n_observed,
        *fit_laws(histogram, kaplan_meier(histogram)),
    )


def cox_model(store: Store, spec: CoxSpec) -> CoxModel:
    """Which attributes go with lapsing sooner, each with the others held equal?"""
    survival = spec.survival.of_everyone()
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        durations = durations_sql(survival, catalogue)
        n_population = int(snapshot.read(query.followed(durations))["n"].iloc[0])
        if not n_population:
            raise SpecError("No user can be judged yet.", hint="Choose a shorter window.")
        attributes = tuple(_attribute(snapshot, survival, name) for name in spec.attributes)
        rows = snapshot.read(query.patterns(durations, attributes, MAX_USERS / n_population))
        labels = {name: _labels(snapshot, name) for name in spec.attributes}
    rows = merged_levels(labelled(rows, labels), len(spec.attributes), spec.max_levels)
    for i, value in enumerate(spec.profile):
        known = set(rows[f"a_{i}"])
        if value not in known:
            raise SpecError(f'No user has {spec.attributes[i]} = "{value}" here.', hint=nearest(value, known))
    return CoxModel(
        spec=spec,
        clock=clock,
        data_version=catalogue.data_version,
        n_population=n_population,
        **cox_regression(rows, spec.attributes, spec.profile),
    )


def _attribute(snapshot: Snapshot, spec: SurvivalSpec, name: str) -> Sql:
    """Write the select of one attribute of every user, as of the start."""
    catalogue = snapshot.catalogue
    if name == FIRST_MONTH:
        raise SpecError(
            "The month of the start cannot be an attribute of this model.", hint="Break the curves down by it instead."
        )
    if name == FIRST_EVENT:
        found = population(catalogue, spec.where, None, start=spec.starts, entry=spec.entry)
        return query.people(found, SurvivalSpec(by=FIRST_EVENT), catalogue)
    return population(catalogue, spec.where, name, start=spec.starts, entry=spec.entry)


def _labels(snapshot: Snapshot, name: str) -> dict[int, str]:
    if name == FIRST_EVENT:
        return {kind.event_key: kind.event for kind in snapshot.catalogue.events.values()}
    return group_labels(snapshot, name)


def grid_and_curve(store: Store, spec: ReconcileSpec) -> Reconciliation:
    """Do the retention grid and the survival curve tell the same?

    Notes
    -----
    With L = the last age up to K with a return event (0 if none) of users whose cohort was watched for K periods,
    the share who came back at age k or later is P(L ≥ k) = S(k − 1): the grid counts it from its own texts, the curve
    is Kaplan–Meier of L, all of them observed.
    """
    survival = spec.survival.of_everyone()
    grid = cohort_retention(
        store,
        CohortSpec(
            entry=survival.entry,
            start=survival.starts,
            returns=survival.events,
            mode="on-or-after",
            period=spec.period,
            horizon=spec.horizon,
            where=survival.where,
        ),
    )
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        people = people_sql(survival, catalogue)
        carries = query_duckdb.sign_mask(survival, catalogue) is not None
        later = (query_duckdb if carries else query).later_days(people, survival, catalogue)
        rows = snapshot.read(query.last_ages(people, later, spec, catalogue))
    if rows.empty:
        raise SpecError(
            f"No cohort has been watched for {spec.horizon} whole {spec.period}s yet.",
            hint="Choose a shorter horizon.",
        )
    last_ages = Histogram.of(rows.rename(columns={"last_age": "age"}).assign(status=0, entry_day=0, is_lapsed=1))
    return reconciliation(spec, grid, kaplan_meier(last_ages))
