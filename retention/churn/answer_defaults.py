"""What should a lapse mean for these customers? Read-only."""

from __future__ import annotations

from retention.churn import query
from retention.churn.answer import days_sql, first_day
from retention.churn.model_defaults import LapseDefaults, defaults_of
from retention.churn.spec import LapseSpec
from retention.cohorts.answer import is_everybody, population
from retention.cohorts.spec import Condition
from retention.store import Sql, Store


def lapse_defaults(store: Store, events: tuple[str, ...] = (), where: tuple[Condition, ...] = ()) -> LapseDefaults:
    """Which horizon and look-back fit these customers?"""
    spec = LapseSpec(events=events, where=where)
    with store.snapshot() as snapshot:
        as_of_day = snapshot.catalogue.require_clock().as_of_day
        days = days_sql(snapshot, spec)
        if not is_everybody(where):
            who = population(snapshot.catalogue, where)
            days = Sql.ctes(everybody=days, population=who).select(
                "select d.user_key, d.day from everybody as d join population as p on p.user_key = d.user_key"
            )
        return defaults_of(snapshot.read(query.gap_counts(days, as_of_day)), as_of_day - first_day(snapshot), spec)
