"""Answers about alerts: what each reads in the data as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.alerts import query
from retention.alerts.reading import Reading, Readings, read_rule
from retention.alerts.spec import AlertSpec
from retention.errors import RetentionError
from retention.headlines.answer import read_headlines
from retention.headlines.spec import METRICS, HeadlinesSpec
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

SHOWN_READINGS = 20


def alert_readings(store: Store) -> Readings:
    """Which alerts are there, and which of them fire on the data as they stand?"""
    with store.snapshot() as snapshot:
        return read_alerts(snapshot)


def read_alerts(snapshot: Snapshot) -> Readings:
    """What do the alerts read in a snapshot? A number that cannot be computed does not fire."""
    catalogue = snapshot.catalogue
    rules = _rules(snapshot)
    as_of_us = catalogue.clock.as_of_us if catalogue.clock else None
    items: tuple[Reading, ...] = ()
    if rules:
        wanted = tuple(sorted({rule.metric for _, rule in rules}))
        try:
            found = read_headlines(snapshot, HeadlinesSpec(metrics=wanted, n_history=2))
        except RetentionError as error:  # no events yet, or none that count
            items = tuple(
                Reading(
                    number, rule, None, False, False, f"{METRICS[rule.metric].label}: cannot be computed yet. {error}"
                )
                for number, rule in rules
            )
        else:
            items = tuple(read_rule(number, rule, found.of(rule.metric)) for number, rule in rules)
    return Readings(as_of_us, catalogue.settings.timezone, catalogue.data_version, items)


def is_unread(snapshot: Snapshot) -> bool:
    """Is there an alert without a reading of this version of the data?"""
    return bool(snapshot.read(query.unread(snapshot.catalogue.data_version))["n"].iloc[0])


def past_readings(store: Store, alert_id: int) -> pd.DataFrame:
    """What did an alert read before, the newest first?"""
    return store.read(query.history(alert_id, SHOWN_READINGS))


def _rules(snapshot: Snapshot) -> list[tuple[int, AlertSpec]]:
    return [
        (
            int(r.alert_id),
            AlertSpec(
                metric=str(r.metric),
                operator=r.operator,
                threshold=float(r.threshold),
                is_sure=bool(r.is_sure),
                name=str(r.name),
            ),
        )
        for r in snapshot.read(query.rules()).itertuples(index=False)
        if r.metric in METRICS  # a number that a later version of the program no longer has watches nothing
    ]
