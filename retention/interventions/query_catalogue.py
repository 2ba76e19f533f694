"""Questions about the owner's interventions and what past campaigns were found to change, as SQL."""

from __future__ import annotations

from retention.store.sql import Sql


def own_interventions() -> Sql:
    """One row per intervention of the owner, the oldest first: its settings as JSON."""
    return Sql("select i.name, i.settings, i.saved_us from interventions as i order by i.saved_us, i.name")


def measured_effects() -> Sql:
    """One row per arm and metric of a past campaign whose effect was kept, the newest first."""
    return Sql(
        """select m.campaign_id, m.campaign, m.arm, m.intervention, m.metric, m.window_days, m.effect, m.standard_error,
    m.low, m.high, m.method, m.learned, m.as_of_us
from measured_effects as m
order by m.as_of_us desc, m.campaign_id desc, m.arm_key"""
    )
