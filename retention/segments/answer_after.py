"""What did users do after they were put into segments? Read-only, each from one snapshot of the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from retention.errors import SpecError, nearest
from retention.features.answer import features_of
from retention.features.spec import FeatureSpec
from retention.features.table import FeatureTable
from retention.periods import date_of, day_number, local_day
from retention.segments.after import (
    After,
    Ints,
    Lives,
    compared,
    has_done,
    is_known_lapse,
    lapse_curves,
    lives_of,
    places_of,
    revenue_table,
    sizes_of,
    week_table,
)
from retention.segments.answer_saved import label_of, model_in
from retention.segments.model_after import lapse_groups
from retention.segments.model_segments import features_asked, scored, segmented
from retention.segments.query_after import activity_after, revenue_after
from retention.segments.query_duckdb_after import users
from retention.segments.segmentation import Segmentation
from retention.segments.spec_after import AfterSpec, AfterUsersSpec
from retention.segments.words_after import users_words
from retention.store import Catalogue, Snapshot, Sql, Store

if TYPE_CHECKING:
    from retention.store.catalogue import Clock


def segments_after(store: Store, spec: AfterSpec, known: FeatureTable | None = None) -> After:
    """What did users of each segment do after the segments were fixed?

    Parameters
    ----------
    spec : AfterSpec
    known : FeatureTable, optional
        The features that `features_wanted` names, where somebody has them already; read anew if the data have moved on.

    Raises
    ------
    SpecError
        If no week after the day is over yet, or the segments cannot be made as of it.

    Notes
    -----
    Users are labelled by what was known at the beginning of the day `at`; only what came from then on is counted. So the
    answer is not circular: a segment of frequent visitors is not made of the visits that it is judged by.
    """
    with store.snapshot() as snapshot:
        followed = _followed(snapshot, spec, known)
        at_day = day_number(followed.at_on)
        has_orders = _has_orders(snapshot.catalogue)
        revenue = snapshot.read(revenue_after(at_day, at_day + 7 * followed.n_weeks)) if has_orders else None
    clock, found, lives, at_on = followed.clock, followed.found, followed.lives, followed.at_on
    places, names, segments = followed.places, followed.names, followed.segments
    weeks = week_table(places, names, segments, lives.active, at_on, clock)
    week, pairs = compared(weeks)
    curves = None
    if is_known_lapse(lives, at_on, followed.window, clock):
        estimated = lapse_groups(lives, places, names)
        curves = lapse_curves(lives, estimated, at_on, followed.window, clock, found.data_version)
    return After(
        spec=spec,
        clock=clock,
        data_version=found.data_version,
        at_on=at_on,
        window_days=followed.window,
        names=names,
        sizes=sizes_of(places, len(names)),
        weeks=weeks,
        n_weeks=followed.n_weeks,
        pairs=pairs,
        compared_week=week,
        curves=curves,
        known_from=at_on + timedelta(days=followed.window),
        revenue=None if revenue is None else revenue_table(found.user_keys, places, names, segments, revenue),
        learned_on=None if followed.learned_us is None else date_of(local_day(followed.learned_us, clock.timezone)),
        n_left_out=found.n_left_out,
        notes=found.notes,
        label=followed.label,
    )


@dataclass(frozen=True, slots=True)
class _Followed:
    """The labelled users, and what became of each."""

    clock: Clock
    at_on: date
    n_weeks: int
    window: int
    found: Segmentation
    places: Ints
    names: tuple[str, ...]
    segments: tuple[int, ...]
    lives: Lives
    label: str
    learned_us: int | None


def _followed(snapshot: Snapshot, spec: AfterSpec, known: FeatureTable | None = None) -> _Followed:
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    kept, label, learned_us = None, "", None
    if spec.property_key is not None:
        kept, learned_us = model_in(snapshot, spec.property_key)
        label = label_of(snapshot, spec.property_key)
    at_on, n_weeks = _weeks_over(spec, clock.as_of_day)
    at_day, window = day_number(at_on), int(catalogue.settings.churn_window)
    fitted = kept.spec if kept else spec.fitted_on(at_on)
    assert fitted is not None  # the spec holds one of the two
    asked = replace(features_asked(fitted), cutoff=at_on)
    is_known = known is not None and known.spec == asked and known.data_version == catalogue.data_version
    table = known if known is not None and is_known else features_of(snapshot, asked)
    activity = snapshot.read(activity_after(at_day, window, n_weeks))
    found = scored(table, kept) if kept else segmented(table, fitted)
    places, names, segments = places_of(found.labels, found.names)
    lives = lives_of(found.user_keys, activity, at_day, window, clock.as_of_day, n_weeks)
    return _Followed(clock, at_on, n_weeks, window, found, places, names, segments, lives, label, learned_us)


def after_users(snapshot: Snapshot, spec: AfterUsersSpec) -> Sql:
    """Who is behind a number of what came after?

    Raises
    ------
    SpecError
        If there is no such segment, or the week is not over yet.
    """
    followed = _followed(snapshot, spec.after)
    if spec.segment not in followed.names:
        raise SpecError(f'There is no segment "{spec.segment}".', hint=nearest(spec.segment, followed.names))
    if spec.week is not None and spec.week >= followed.n_weeks:
        raise SpecError(f"Week {spec.week} is not over yet.", hint="Choose an earlier week.")
    is_meant = has_done(followed.lives, spec.did, spec.week) & (followed.places == followed.names.index(spec.segment))
    return users(followed.found.user_keys[is_meant].tolist())


def after_users_words(spec: AfterUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users a list holds."""
    label = next((p.name for p in catalogue.labels.values() if p.property_key == spec.after.property_key), "")
    assert spec.after.at is not None  # or there is no such spec
    return users_words(spec, label, int(catalogue.settings.churn_window))


def features_wanted(catalogue: Catalogue, spec: AfterSpec) -> FeatureSpec | None:
    """Which features make the segments of a question? A saved model knows its own."""
    at_on, _ = _weeks_over(spec, catalogue.require_clock().as_of_day)
    fitted = spec.fitted_on(at_on)
    return None if fitted is None else replace(features_asked(fitted), cutoff=at_on)


def _weeks_over(spec: AfterSpec, as_of_day: int) -> tuple[date, int]:
    """Return the day of the fixing, and how many of the weeks asked for have ended."""
    at_on = spec.at or date_of(as_of_day - 7 * spec.weeks)
    n_weeks = min(spec.weeks, (as_of_day - day_number(at_on)) // 7)
    if n_weeks < 1:
        raise SpecError(
            f"No week from {at_on} on is over yet: the data are complete up to {date_of(as_of_day)}.",
            hint=f"Choose {date_of(as_of_day - 7)} or an earlier day.",
        )
    return at_on, n_weeks


def _has_orders(catalogue: Catalogue) -> bool:
    return any(name in catalogue.events for name in catalogue.settings.revenue_events)
