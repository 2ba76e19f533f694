"""What a store holds at one data version: its clock and the names a question may use."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from retention.errors import SpecError, StoreError, nearest
from retention.periods import Period, first_day, local_day, midnight_us, period_of
from retention.store.settings import Settings

Rows = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Clock:
    """The data watermark and the calendar of a store.

    Parameters
    ----------
    as_of_us : int
        The data is complete up to this instant (exclusive). Never the wall clock.
    timezone, week_start : str
    gaps : tuple of (from_us, to_us)
        Stretches that are marked missing, half-open.
    """

    as_of_us: int
    timezone: str
    week_start: str
    gaps: tuple[tuple[int, int], ...] = ()

    def start_us(self, index: int, period: Period) -> int:
        """Return the instant at which a calendar period begins."""
        return midnight_us(first_day(index, period, self.week_start), self.timezone)

    @property
    def as_of_day(self) -> int:
        """The local day of the watermark: the days before it are complete."""
        return local_day(self.as_of_us, self.timezone)

    def whole_until(self, period: Period) -> int:
        """Return the period that the watermark lies in: those before it are complete."""
        return int(period_of(self.as_of_day, period, self.week_start))

    def has_gap(self, from_us: int, to_us: int) -> bool:
        """Whether any instant of ``[from_us, to_us)`` is marked missing."""
        return any(start < to_us and from_us < end for start, end in self.gaps)

    def touches_gap(self, index: int, period: Period) -> bool:
        """Whether any instant of a calendar period is marked missing."""
        return bool(self.gaps) and self.has_gap(self.start_us(index, period), self.start_us(index + 1, period))


@dataclass(frozen=True, slots=True)
class EventName:
    """A kind of event, as the dictionary of the store knows it."""

    event_key: int
    event: str
    bit: int | None
    is_activity: bool


@dataclass(frozen=True, slots=True)
class PropertyName:
    """A property, with the column that holds its codes; few values are counted in the cells.

    A label (`kind` "label") was learned and came from no file: it has no column, but rows in ``user_labels``.
    """

    property_key: int
    name: str
    kind: str
    column: str
    has_cells: bool = False
    cutoff_us: int | None = None
    """Of a label: the moment as of which users were given its values, the latest there is."""


@dataclass(frozen=True, slots=True)
class CampaignName:
    """A campaign that was assigned, and what its groups are called: the holdout first, then the arms."""

    name: str
    groups: tuple[str, ...]
    is_running: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The names that a question may use; identifiers in SQL come from here and nowhere else."""

    data_version: int
    settings: Settings
    events: Mapping[str, EventName]
    properties: Mapping[str, PropertyName]
    clock: Clock | None
    is_simulated: bool
    labels: Mapping[str, PropertyName] = field(default_factory=dict)
    audiences: Mapping[int, str] = field(default_factory=dict)
    """The names of saved lists by their numbers."""
    campaigns: Mapping[int, CampaignName] = field(default_factory=dict)

    @property
    def attributes(self) -> tuple[str, ...]:
        """What users can be filtered and broken down by: properties, then labels."""
        return (*self.properties, *(name for name in self.labels if name not in self.properties))

    def require_clock(self) -> Clock:
        """Return the clock, or say that there is nothing to ask about yet."""
        if self.clock is None:
            raise StoreError(
                "The store holds no events yet.",
                hint="Import a file on the Data page, or build the sample shop.",
            )
        return self.clock

    def event_names(self, names: Iterable[str]) -> tuple[EventName, ...]:
        """Look event names up.

        Raises
        ------
        SpecError
            If the store has never seen one of them.
        """
        found = []
        for name in names:
            if name not in self.events:
                raise SpecError(f'The store holds no event "{name}".', hint=nearest(name, self.events))
            found.append(self.events[name])
        return tuple(found)

    def kinds(self, names: tuple[str, ...]) -> tuple[EventName, ...]:
        """Look event names up; none means every event that counts as activity."""
        if names:
            return self.event_names(names)
        return tuple(kind for kind in self.events.values() if kind.is_activity)

    def property_name(self, name: str) -> PropertyName:
        """Look a property or a label up.

        Raises
        ------
        SpecError
            If the store has never seen it.
        """
        found = self.properties.get(name) or self.labels.get(name)
        if found is None:
            raise SpecError(f'The store holds no property "{name}".', hint=nearest(name, self.attributes))
        return found


def load(rows: Rows) -> Catalogue:
    """Read the catalogue through `rows`, which runs a query inside the caller's transaction."""
    ((data_version, as_of_us),) = rows("select s.data_version, s.as_of_us from state as s")
    settings = Settings.of(dict(rows("select s.name, s.value from settings as s")))
    events = rows("select n.event, n.event_key, n.bit, n.is_activity from event_names as n order by n.event")
    properties = rows(
        "select p.property_key, p.name, p.kind, p.column_name,"
        " p.property_key in (select c.property_key from week_cohorts as c) as has_cells"
        " from properties as p order by p.name"
    )
    labels = rows(
        "select l.name, l.property_key, max(m.cutoff_us) from labels as l"
        " join labellings as m on m.property_key = l.property_key group by l.name, l.property_key order by l.name"
    )
    audiences = rows("select a.audience_id, a.name from audiences as a order by a.audience_id")
    campaigns = rows("select c.campaign_id, c.name, c.arms, c.is_running from campaigns as c order by c.campaign_id")
    gaps = rows("select g.from_us, g.to_us from gaps as g order by g.from_us, g.to_us")
    simulated = rows("select max(i.is_simulated) from imports as i")
    return Catalogue(
        data_version=data_version,
        settings=settings,
        events={event: EventName(key, event, bit, bool(active)) for event, key, bit, active in events},
        properties={row[1]: PropertyName(*row) for row in properties},
        clock=None if as_of_us is None else Clock(as_of_us, settings.timezone, settings.week_start, tuple(gaps)),
        is_simulated=bool(simulated[0][0]),
        labels={name: PropertyName(key, name, "label", "", cutoff_us=cutoff) for name, key, cutoff in labels},
        audiences=dict(audiences),
        campaigns={
            key: CampaignName(name, ("holdout", *(arm["name"] for arm in json.loads(arms))), is_running)
            for key, name, arms, is_running in campaigns
        },
    )
