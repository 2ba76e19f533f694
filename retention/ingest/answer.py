"""Answers about what a store holds and what became of its imports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.ingest import query
from retention.periods import date_of, local_day, midnight_us
from retention.store import Store
from retention.store.catalogue import Clock
from retention.store.settings import Settings

NEIGHBOURS = 4
IMPROBABLE = 0.001


@dataclass(frozen=True, slots=True)
class DataStatus:
    """What a store holds.

    Attributes
    ----------
    n_users, n_events : int
        Those before the watermark.
    n_waiting : int
        Events at or after the watermark: kept, not counted.
    first_us, last_us, as_of_us : int or None
    data_version : int
    is_simulated : bool
    settings : Settings
    imports : DataFrame
        The ledger, newest first.
    gaps : DataFrame
        gap_id, from_us, to_us, note.
    suspected : DataFrame
        Days without rows that the same weekday's neighbours make improbable: day (date), expected (users),
        from_us, to_us.
    events : DataFrame
        event, n_users, is_activity.
    properties : tuple of (name, kind)
    """

    n_users: int
    n_events: int
    n_waiting: int
    first_us: int | None
    last_us: int | None
    as_of_us: int | None
    data_version: int
    is_simulated: bool
    settings: Settings
    imports: pd.DataFrame
    gaps: pd.DataFrame
    suspected: pd.DataFrame
    events: pd.DataFrame
    properties: tuple[tuple[str, str], ...]


def data_status(store: Store) -> DataStatus:
    """What does the store hold, up to when, and where may something be missing?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        totals = snapshot.read(query.totals()).iloc[0]
        days = snapshot.read(query.users_by_day())
        return DataStatus(
            n_users=int(totals["n_users"]),
            n_events=int(totals["n_events"]),
            n_waiting=int(totals["n_kept"]) - int(totals["n_events"]),
            first_us=_whole(totals["first_us"]),
            last_us=_whole(totals["last_us"]),
            as_of_us=catalogue.clock.as_of_us if catalogue.clock else None,
            data_version=catalogue.data_version,
            is_simulated=catalogue.is_simulated,
            settings=catalogue.settings,
            imports=snapshot.read(query.imports()),
            gaps=snapshot.read(query.gaps()),
            suspected=suspected_days(days, catalogue.clock),
            events=snapshot.read(query.events_by_name()),
            properties=tuple((p.name, p.kind) for p in catalogue.properties.values()),
        )


def import_rejects(store: Store, import_id: int) -> pd.DataFrame:
    """Which rows of an import were rejected, and why?"""
    return store.read(query.rejects(import_id))


def suspected_days(days: pd.DataFrame, clock: Clock | None) -> pd.DataFrame:
    """List the days without rows that are improbable for their weekday.

    Parameters
    ----------
    days : DataFrame
        day (number), n_users; only days with rows.

    Notes
    -----
    If users came independently, a day that expects λ of them stays empty with probability exp(−λ). λ is
    the median of the four same weekdays before and the four after, so a shop that is closed on Saturdays is
    not suspected of having lost every Saturday. Days that a gap covers are known and left out.
    """
    columns = ["day", "expected", "from_us", "to_us"]
    if days.empty or clock is None:
        return pd.DataFrame(columns=columns)
    first, last = int(days["day"].min()), local_day(clock.as_of_us - 1, clock.timezone)
    n_users = np.zeros(last - first + 1)
    inside = days[days["day"] <= last]
    n_users[inside["day"].to_numpy(dtype=int) - first] = inside["n_users"]
    found = []
    for i in np.flatnonzero(n_users == 0).tolist():
        around = [j for j in range(i - 7 * NEIGHBOURS, i + 7 * NEIGHBOURS + 1, 7) if j != i and 0 <= j < len(n_users)]
        expected = float(np.median(n_users[around])) if around else 0.0
        from_us, to_us = (midnight_us(first + i + k, clock.timezone) for k in (0, 1))
        if np.exp(-expected) < IMPROBABLE and not clock.has_gap(from_us, to_us):
            found.append((date_of(first + i), expected, from_us, to_us))
    return pd.DataFrame(found, columns=columns)


def _whole(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]
