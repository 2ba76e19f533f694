"""Answers about how long users stay: read-only, each from one snapshot of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.answer import group_labels, population
from retention.errors import SpecError, nearest
from retention.periods import date_of, local_day
from retention.store import Catalogue, Snapshot, Sql, Store
from retention.survival import query, query_duckdb
from retention.survival.curve import (
    FEW,
    Histogram,
    SurvivalCurves,
    SurvivalGroup,
    mean_stay,
    median_of,
    safe_horizon,
)
from retention.survival.groups import Grouping, grouping, rows_of
from retention.survival.model import kaplan_meier, pairwise
from retention.survival.spec import FIRST_EVENT, RESERVED, SurvivalListSpec, SurvivalSpec

if TYPE_CHECKING:
    import pandas as pd


def people_sql(spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """Write the select of the users with their start and group."""
    by = None if spec.by in RESERVED else spec.by
    found = population(catalogue, spec.where, by, start=spec.starts, entry=spec.entry)
    return query.people(found, spec, catalogue)


def durations_sql(spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """Choose the text of the lives: over the day rows where they carry the events, over the events otherwise."""
    catalogue.require_clock()
    catalogue.event_names((*spec.events, *spec.start))
    if query_duckdb.is_one_table(spec, catalogue):
        return query.durations(query_duckdb.lives(spec, catalogue), spec, catalogue)
    people = people_sql(spec, catalogue)
    carries = query_duckdb.sign_mask(spec, catalogue) is not None
    later = (query_duckdb if carries else query).later_days(people, spec, catalogue)
    return query.durations(query.lives(people, later, spec, catalogue), spec, catalogue)


def portable_durations_sql(spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """Write the lives over the events only."""
    people = people_sql(spec, catalogue)
    later = query.later_days(people, spec, catalogue)
    return query.durations(query.lives(people, later, spec, catalogue), spec, catalogue)


def labels_of(snapshot: Snapshot, spec: SurvivalSpec) -> dict[int, str]:
    """What are the codes of the breakdown called?"""
    if spec.by == FIRST_EVENT:
        return {kind.event_key: kind.event for kind in snapshot.catalogue.events.values()}
    return {} if spec.by in RESERVED else group_labels(snapshot, spec.by)


def read_histogram(snapshot: Snapshot, spec: SurvivalSpec) -> tuple[pd.DataFrame, Grouping]:
    """Read the counts of durations, and how their codes make groups.

    Raises
    ------
    SpecError
        If nobody is there to be followed.
    """
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    window = query.window_days(spec, catalogue)
    last_known = date_of(clock.as_of_day - window)
    if spec.entry_on is not None and spec.entry_on > last_known:
        raise SpecError(
            f"`entry_on` must be {last_known} or earlier, not {spec.entry_on}: later than that nobody's silence of"
            f" {window} days has ended.",
            hint="Choose an earlier day, or a shorter window.",
        )
    rows = snapshot.read(query.histogram(durations_sql(spec, catalogue)))
    if rows.empty:
        raise SpecError("Nobody matches these settings.", hint="Remove a filter, or choose another start event.")
    if not (rows["status"] == query.FOLLOWED).any():
        raise SpecError(
            f"No silence of {window} days can have ended yet: every user started after {last_known}, or had lapsed"
            " before the follow-up began.",
            hint="Choose a shorter window.",
        )
    return rows, grouping(rows, spec, labels_of(snapshot, spec))


def survival_curves(store: Store, spec: SurvivalSpec) -> SurvivalCurves:
    """How long do users stay, and do groups differ?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        window = query.window_days(spec, catalogue)
        rows, chosen = read_histogram(snapshot, spec)
        gaps = tuple(
            (local_day(low, clock.timezone), local_day(high - 1, clock.timezone) + 1) for low, high in clock.gaps
        )
        n_over_gaps = 0
        if gaps:
            over = query.silences_over(durations_sql(spec, catalogue), window, gaps)
            n_over_gaps = int(snapshot.read(over)["n"].iloc[0])
    found = []
    for name, keys in chosen.keys.items():
        mine = rows_of(rows, keys, has_groups=spec.by is not None)
        histogram = Histogram.of(mine)
        whole, hole = histogram.joined_up()
        found.append((name, mine, histogram, whole, hole, kaplan_meier(whole)))
    curves = [curve for *_, curve in found if len(curve)]
    horizon = spec.horizon or safe_horizon(curves)
    groups = tuple(_group(name, mine, all_, hole, curve, horizon) for name, mine, all_, _, hole, curve in found)
    compared = [(str(name), whole.table) for name, _, _, whole, _, _ in found if whole.size]
    return SurvivalCurves(
        spec=spec,
        clock=clock,
        data_version=catalogue.data_version,
        window_days=window,
        horizon_days=horizon,
        last_known_on=date_of(clock.as_of_day - window),
        groups=groups,
        comparisons=pairwise([name for name, _ in compared], [table for _, table in compared]),
        merged=chosen.merged,
        n_over_gaps=n_over_gaps,
        has_followed_from=spec.entry_on,
    )


def _group(
    name: str | None, rows: pd.DataFrame, histogram: Histogram, hole: int | None, curve: pd.DataFrame, horizon: int
) -> SurvivalGroup:
    n, n_observed = histogram.size, histogram.n_observed
    notes = []
    if n == 0:
        notes.append("Nobody of this group has been followed yet.")
    elif n < FEW:
        notes.append(f"Only {n} users: too few to tell much.")
    if n and n_observed == 0:
        notes.append("Nobody of this group has lapsed yet.")
    if n and (first := int(histogram.entry.min())):
        notes.append(
            f"Nobody was under observation before day {first}: the curve is of those who had stayed that long."
        )
    if hole is not None:
        notes.append(
            f"After day {hole} nobody was under observation before later users joined, so the curve ends there."
        )
    return SurvivalGroup(
        name,
        n,
        n_observed,
        n - n_observed,
        int(rows.loc[rows["status"] == query.LEFT_OUT, "n"].sum()),
        int(rows.loc[rows["status"] == query.GONE_BEFORE, "n"].sum()),
        *median_of(curve),
        *mean_stay(curve, horizon),
        curve,
        " ".join(notes),
    )


def group_keys(snapshot: Snapshot, spec: SurvivalSpec, group: str | None) -> tuple[int | None, ...] | None:
    """Which codes make a group as the curve calls it? None means everyone."""
    if spec.by is None or group is None:
        return None
    _, chosen = read_histogram(snapshot, spec)
    if group not in chosen.keys:
        raise SpecError(f'There is no group "{group}" of {spec.by}.', hint=nearest(group, map(str, chosen.keys)))
    return chosen.keys[group]


def members_sql(snapshot: Snapshot, spec: SurvivalListSpec) -> Sql:
    """Write the select of the users of a list: those that the curve counts."""
    catalogue = snapshot.catalogue
    keys = group_keys(snapshot, spec.survival, spec.group)
    return query.members(durations_sql(spec.survival, catalogue), spec, keys)


def explain_survival(store: Store, spec: SurvivalSpec) -> str:
    """Which SQL gives these numbers?"""
    with store.snapshot() as snapshot:
        sql = query.histogram(durations_sql(spec, snapshot.catalogue))
    values = "\n".join(f"-- ${name} = {value!r}" for name, value in sorted(sql.params.items()))
    return f"{values}\n{sql.text}"
