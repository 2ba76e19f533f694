"""Answers about the value of buyers: read-only, each from one snapshot of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.answer import is_everybody, population
from retention.errors import SpecError
from retention.periods import date_of, day_number
from retention.store import Snapshot, Sql, Store
from retention.survival import query_clv, query_duckdb_clv
from retention.survival.model_clv import (
    PATTERN,
    FittedBuyers,
    buyer_value,
    buyers_of_band,
    fitted_buyers,
    highest,
    ranking,
)
from retention.survival.result_clv import Clv, Watch
from retention.survival.spec_clv import BuyerListSpec, ClvSpec

if TYPE_CHECKING:
    import pandas as pd

SHOWN_BUYERS = 500


def customer_value(store: Store, spec: ClvSpec) -> Clv:
    """How often will the buyers so far buy, and what will they spend?"""
    with store.snapshot() as snapshot:
        watch = _watch(snapshot, spec)
        found = _fitted(snapshot, spec, watch)
        after = None
        if spec.calibrate_to is not None:
            sql = query_clv.orders_after(watch.last_day, watch.end_day, _population(snapshot, spec))
            after = snapshot.read(sql)
        return buyer_value(found, after, spec, watch)


def order_days(store: Store) -> tuple[int, int]:
    """Which days have orders: the first of them, and the first day that is not complete?"""
    with store.snapshot() as snapshot:
        return _order_days(snapshot)


def ranked_buyers(store: Store, spec: ClvSpec) -> pd.DataFrame:
    """Of whom are the most orders expected? At most 500, whole patterns of buying."""
    with store.snapshot() as snapshot:
        watch = _watch(snapshot, spec)
        found = _fitted(snapshot, spec, watch)
        buyers = _buyers(snapshot, spec, watch)
        chosen = query_duckdb_clv.of_patterns(buyers, _keys(highest(found.patterns, SHOWN_BUYERS)))
        return ranking(snapshot.read(query_clv.ranked(buyers, chosen, SHOWN_BUYERS)), found, spec)


def buyers_sql(snapshot: Snapshot, spec: BuyerListSpec) -> Sql:
    """Write the select of the user keys of a list."""
    watch = _watch(snapshot, spec.clv)
    found = _fitted(snapshot, spec.clv, watch)
    keys = _keys(buyers_of_band(found.patterns, spec.band))
    return query_duckdb_clv.of_patterns(_buyers(snapshot, spec.clv, watch), keys)


def _keys(patterns: pd.DataFrame) -> list[int]:
    rows = patterns[PATTERN].astype("int64").itertuples(index=False)
    return sorted({query_clv.pattern_key(*row) for row in rows})


def _fitted(snapshot: Snapshot, spec: ClvSpec, watch: Watch) -> FittedBuyers:
    buyers = _buyers(snapshot, spec, watch)
    return fitted_buyers(snapshot.read(query_clv.patterns(buyers)), snapshot.read(query_clv.spends(buyers)), spec)


def _buyers(snapshot: Snapshot, spec: ClvSpec, watch: Watch) -> Sql:
    return query_clv.buyers(spec, watch.last_day, watch.end_day, _population(snapshot, spec))


def _population(snapshot: Snapshot, spec: ClvSpec) -> Sql | None:
    return None if is_everybody(spec.where) else population(snapshot.catalogue, spec.where)


def _watch(snapshot: Snapshot, spec: ClvSpec) -> Watch:
    """Return the days to fit and to hold back: whole ones only."""
    clock = snapshot.catalogue.require_clock()
    first, end_day = _order_days(snapshot)
    last_day = end_day - 1
    if spec.calibrate_to is not None:
        last_day = day_number(spec.calibrate_to)
        if not first < last_day < end_day - 1:
            raise SpecError(
                f"`calibrate_to` must lie between the first order, {date_of(first)}, and the last complete day,"
                f" {date_of(end_day - 1)}, not on {spec.calibrate_to}.",
                hint="Leave some days after it, for the check.",
            )
    from_us, to_us = clock.start_us(first, "day"), clock.start_us(end_day, "day")
    return Watch(clock, snapshot.catalogue.data_version, last_day, end_day, clock.has_gap(from_us, to_us))


def _order_days(snapshot: Snapshot) -> tuple[int, int]:
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    known = snapshot.read(query_clv.order_span())["first_day"].dropna().astype("int64").tolist()
    end_day = clock.as_of_day
    if not known or known[0] >= end_day:
        events = " or ".join(f'"{name}"' for name in catalogue.settings.revenue_events)
        raise SpecError(
            f"There are no orders yet: an order is an event called {events}.",
            hint="The setting `revenue` names the events that are orders.",
        )
    return known[0], end_day
