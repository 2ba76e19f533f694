"""Later activity from the day rows, where their masks carry the events that count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.behaviour.spec_drivers import DriversSpec
from retention.cohorts.query_duckdb import mask_of
from retention.store.sql import ACTIVITY_BIT, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def later_mask(spec: DriversSpec, catalogue: Catalogue) -> int | None:
    """Return the mask of the events that count as active later, or None if one has no bit."""
    return mask_of(catalogue.event_names(spec.returns)) if spec.returns else 1 << ACTIVITY_BIT


def kept(judged: Sql, spec: DriversSpec, mask: int) -> Sql:
    """One row per user who was active in the later window, as `query_drivers.kept` gives it."""
    return Sql.ctes(judged=judged).select(
        """
select distinct j.user_key
from judged as j join user_day as d on d.user_key = j.user_key
where d.day between j.start_day + $later_from and j.start_day + $later_to and d.ev_mask & $later <> 0""",
        later_from=spec.from_day,
        later_to=spec.to_day,
        later=mask,
    )
