"""Who was in a campaign, from when on, and in which group; each text is a value and runs nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from retention.churn.query_list import sent_only
from retention.store.sql import Sql, any_of

if TYPE_CHECKING:
    from retention.store.catalogue import EventName, PropertyName

DAY_US = 86_400_000_000


def assigned(campaign_id: int, *, is_pooled: bool = False) -> Sql:
    """One row per user of a campaign that was assigned here: user_key, grp, arm_key, exposed_us.

    Parameters
    ----------
    is_pooled : bool
        Whether all arms are one group, 1; otherwise each is its own.
    """
    group = "case when x.arm_key > 0 then 1 else 0 end" if is_pooled else "x.arm_key"
    return Sql(
        f"select x.user_key, {group} as grp, x.arm_key, x.exposed_us from exposures as x where x.campaign_id = $campaign",
        {"campaign": campaign_id},
    )


def contacts(
    kinds: Collection[EventName], campaign: PropertyName | None, arm: PropertyName | None, name: str, as_of_us: int
) -> Sql:
    """One row per contact of a campaign that came in as events: user_key, grp (the arm's code), occurred_us, row_hash.

    Parameters
    ----------
    kinds : collection of EventName
        Of which it is made.
    campaign : PropertyName or None
        Where the name stands; without it a campaign is called as its event.
    """
    is_kind, params = any_of("e.event_key", "contact", sorted(kind.event_key for kind in kinds))
    is_named = ""
    if campaign is not None:
        is_named = (
            f" and e.{campaign.column} in (select v.value_key from property_values as v"
            " where v.property_key = $named and v.value = $campaign)"
        )
        params |= {"named": campaign.property_key, "campaign": name}
    group = "null" if arm is None else f"e.{arm.column}"
    return Sql(
        f"""select e.user_key, {group} as grp, e.occurred_us, e.row_hash
from events as e
where {is_kind} and e.occurred_us < $as_of{is_named}""",
        {**params, "as_of": as_of_us},
    )


def first_contacts(contacts: Sql) -> Sql:
    """One row per user: user_key, grp, arm_key (the same), exposed_us.

    The first contact that says a group counts; who was contacted twice stays in the first group.
    """
    return Sql.ctes(contacts=contacts).select(
        """
select o.user_key, o.grp, o.grp as arm_key, o.exposed_us from (
    select c.user_key, c.grp, c.occurred_us as exposed_us,
        row_number() over (partition by c.user_key order by c.occurred_us, c.row_hash) as nth
    from contacts as c where c.grp is not null
) as o
where o.nth = 1"""
    )


def faults(contacts: Sql) -> Sql:
    """One row: contacts without a group, users contacted more than once, and users who were in more than one group."""
    return Sql.ctes(contacts=contacts).select(
        """
select coalesce(sum(case when u.n_known = 0 then 1 else 0 end), 0) as n_without,
    coalesce(sum(case when u.n_known > 1 then 1 else 0 end), 0) as n_twice,
    coalesce(sum(case when u.n_groups > 1 then 1 else 0 end), 0) as n_moved
from (
    select c.user_key, count(c.grp) as n_known, count(distinct c.grp) as n_groups
    from contacts as c group by c.user_key
) as u"""
    )


def campaigns_seen(
    kinds: Collection[EventName], campaign: PropertyName | None, arm: PropertyName | None, as_of_us: int
) -> Sql:
    """One row per campaign and group that came in as events: campaign, event, grp, n_users, first_us, last_us."""
    is_kind, params = any_of("e.event_key", "contact", sorted(kind.event_key for kind in kinds))
    columns, joins = [], ""
    for name, prop in (("campaign", campaign), ("grp", arm)):
        columns.append("null" if prop is None else f"{name}s.value")
        if prop is not None:
            params[name] = prop.property_key
            joins += (
                f"\nleft join property_values as {name}s on {name}s.property_key = ${name}"
                f" and {name}s.value_key = e.{prop.column}"
            )
    return Sql(
        f"""select s.campaign, s.event, s.grp, count(distinct s.user_key) as n_users, min(s.occurred_us) as first_us,
    max(s.occurred_us) as last_us
from (
    select {columns[0]} as campaign, n.event, {columns[1]} as grp, e.user_key, e.occurred_us
    from events as e join event_names as n on n.event_key = e.event_key{joins}
    where {is_kind} and e.occurred_us < $as_of
) as s
group by s.campaign, s.event, s.grp
order by s.campaign, s.event, s.grp""",
        {**params, "as_of": as_of_us},
    )


def values(property_key: int) -> Sql:
    """One row per value of a property: value_key, value."""
    return Sql(
        "select v.value_key, v.value from property_values as v where v.property_key = $property", {"property": property_key}
    )


# Overlaps ----------------------------------------------------------------------------------------------


def in_other_campaigns(exposed: Sql, campaign_id: int, window_days: int) -> Sql:
    """One row per other campaign assigned here and group: users whom both had within the window; a holdout got nothing."""
    return Sql.ctes(exposed=exposed).select(
        """
select c.name as campaign, x.grp, count(distinct x.user_key) as n
from exposed as x
join exposures as o on o.user_key = x.user_key
join campaigns as c on c.campaign_id = o.campaign_id
where o.campaign_id <> $this and o.arm_key > 0
    and o.exposed_us < x.exposed_us + $window_us and o.exposed_us > x.exposed_us - $window_us
group by c.name, x.grp""",
        this=campaign_id,
        window_us=window_days * DAY_US,
    )


def in_other_contacts(
    exposed: Sql,
    kinds: Collection[EventName],
    campaign: PropertyName,
    arm: PropertyName | None,
    controls: Sequence[str],
    this: str,
    window_days: int,
) -> Sql:
    """One row per other campaign that came in as events and group: users whom both had within the window."""
    is_kind, params = any_of("e.event_key", "other_kind", sorted(kind.event_key for kind in kinds))
    is_sent, of_arm = sent_only(arm, controls)
    return Sql.ctes(exposed=exposed).select(
        f"""
select c.value as campaign, x.grp, count(distinct x.user_key) as n
from exposed as x
join events as e on e.user_key = x.user_key
join property_values as c on c.property_key = $other and c.value_key = e.{campaign.column}
where {is_kind} and c.value <> $this{is_sent}
    and e.occurred_us < x.exposed_us + $window_us and e.occurred_us > x.exposed_us - $window_us
group by c.value, x.grp""",
        **params,
        **of_arm,
        other=campaign.property_key,
        this=this,
        window_us=window_days * DAY_US,
    )
