"""Questions about campaigns, as SQL."""

from __future__ import annotations

from retention.store.sql import Sql

CAMPAIGN = """c.campaign_id, c.name, c.hash_key, c.audience_id, c.definition, c.question, c.arms, c.plan, c.holdout,
    c.window_days, c.exposed_us, c.as_of_us, c.data_version, c.scoring_key, c.n_users, c.is_running, c.made_us, c.ended_us"""


def campaigns() -> Sql:
    """One row per campaign, the newest first."""
    return Sql(f"select {CAMPAIGN}\nfrom campaigns as c order by c.campaign_id desc")


def group_sizes(campaign_id: int) -> Sql:
    """One row per group of a campaign: how many users it was given, erased ones not counted."""
    return Sql(
        "select e.arm_key, count(*) as n from exposures as e where e.campaign_id = $campaign group by e.arm_key"
        " order by e.arm_key",
        {"campaign": campaign_id},
    )


def with_ids(members: Sql) -> Sql:
    """One row per member: the key and the id of the file, from which the draw follows."""
    return Sql.ctes(members=members).select(
        """
select i.user_key, i.user_id from identities as i join members as m on m.user_key = i.user_key order by i.user_key"""
    )
