"""Users from whom a plan starts, and the archive of what was learned; each text is a value and runs nothing."""

from __future__ import annotations

from retention.store.sql import ACTIVITY_BIT, Sql


def active_between(from_day: int, until_day: int) -> Sql:
    """One row per user active on a day of ``[from_day, until_day)``: user_key."""
    return Sql(
        "select d.user_key from user_day as d where d.day >= $from_day and d.day < $until_day and d.ev_mask & $lively <> 0"
        " group by d.user_key",
        {"from_day": from_day, "until_day": until_day, "lively": 1 << ACTIVITY_BIT},
    )


def since(members: Sql, at_us: int) -> Sql:
    """One row per member, as if all had been exposed at one moment: user_key, grp, exposed_us."""
    return Sql.ctes(members=members).select(
        "select m.user_key, 0 as grp, cast($at as bigint) as exposed_us from members as m", at=at_us
    )


def count(exposed: Sql) -> Sql:
    """One row: how many users."""
    return Sql.ctes(exposed=exposed).select("select count(*) as n from exposed as x")


def lessons() -> Sql:
    """One row per arm and metric of a past experiment that was kept, the newest first."""
    return Sql(
        """select m.campaign_id, m.campaign, m.arm_key, m.arm, m.intervention, m.metric, m.window_days, m.effect,
    m.standard_error, m.low, m.high, m.method, m.n_arm, m.n_control, m.rate_arm, m.rate_control, m.cost_per_kept,
    m.verdict, m.learned, m.as_of_us, m.made_us
from measured_effects as m
order by m.made_us desc, m.campaign_id desc, m.metric desc, m.arm_key"""
    )
