"""The same days from the rollup, where its masks carry the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.churn.spec import LapseSpec
from retention.cohorts.query_duckdb import mask_of
from retention.store.sql import ACTIVITY_BIT, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def mask(spec: LapseSpec, catalogue: Catalogue) -> int | None:
    """Return the bits of the events that keep a user, or None where the rollup does not carry one."""
    return mask_of(catalogue.event_names(spec.events)) if spec.events else 1 << ACTIVITY_BIT


def user_days(spec: LapseSpec, catalogue: Catalogue) -> Sql:
    """One row per user and local day with an event that keeps the user."""
    return Sql(
        "select d.user_key, d.day from user_day as d where d.ev_mask & $kept <> 0", {"kept": mask(spec, catalogue)}
    )
