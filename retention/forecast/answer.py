"""Answers about the future: read-only, from one snapshot of the store."""

from __future__ import annotations

from retention.cohorts.answer import is_everybody, population
from retention.forecast import query
from retention.forecast.history import history
from retention.forecast.model_forecast import forecast_of
from retention.forecast.result import Basis, Forecast
from retention.forecast.spec import ForecastSpec
from retention.store import Store


def forecast(store: Store, spec: ForecastSpec) -> Forecast:
    """How many users, or how much revenue, is to be expected, and how far can that be trusted?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        until = clock.whole_until(spec.period)
        people = None if is_everybody(spec.where) else population(catalogue, spec.where)
        if spec.metric == "active users":
            sql = query.active_cells(spec, until, people)
        else:
            sql = query.order_cells(spec, until, clock.week_start, people)
        seen = history(snapshot.read(sql), spec, clock)
        return forecast_of(seen, spec, Basis(clock, catalogue.data_version))
