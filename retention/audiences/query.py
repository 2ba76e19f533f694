"""Questions about lists of users."""

from __future__ import annotations

from retention.store.sql import Sql


def saved_audiences() -> Sql:
    """One row per saved list, the newest first."""
    return Sql(
        """select a.audience_id, a.name, a.definition, a.question, a.as_of_us, a.data_version, a.scoring_key, s.version,
    coalesce(a.is_refreshed, false) as is_refreshed, a.n_users, coalesce(m.n, 0) as n_left, a.saved_us,
    coalesce(h.made_us, a.saved_us) as made_us, coalesce(h.n_made, 1) as n_made
from audiences as a
left join (select l.audience_id, count(*) as n from audience_members as l group by l.audience_id) as m
    on m.audience_id = a.audience_id
left join (
    select t.audience_id, max(t.made_us) as made_us, count(*) as n_made from audience_history as t group by t.audience_id
) as h on h.audience_id = a.audience_id
left join scorings as s on s.scoring_key = a.scoring_key
order by a.saved_us desc, a.audience_id desc"""
    )


def history(audience_id: int) -> Sql:
    """One row for each time a list was made, the earliest first."""
    return Sql(
        """select h.made_us, h.as_of_us, h.data_version, h.n_users, h.n_joined, h.n_left,
    case when c.n is null then false else true end as has_names
from audience_history as h
left join (
    select x.made_us, count(*) as n from audience_changes as x where x.audience_id = $audience group by x.made_us
) as c on c.made_us = h.made_us
where h.audience_id = $audience
order by h.made_us, h.data_version""",
        {"audience": audience_id},
    )


def campaigns_of(audience_id: int) -> Sql:
    """One row per campaign that was assigned from a list: its name."""
    return Sql(
        "select c.name from campaigns as c where c.audience_id = $audience order by c.campaign_id",
        {"audience": audience_id},
    )


def shared_with(audience_id: int) -> Sql:
    """One row per other list: its users, and how many of them are on this one, too."""
    return Sql(
        """select a.audience_id, a.name, count(l.user_key) as n_users, count(o.user_key) as n_both
from audiences as a
left join audience_members as l on l.audience_id = a.audience_id
left join audience_members as o on o.audience_id = $audience and o.user_key = l.user_key
where a.audience_id <> $audience
group by a.audience_id, a.name
order by n_both desc, a.name, a.audience_id""",
        {"audience": audience_id},
    )


def keys(members: Sql) -> Sql:
    """One row per member: the key."""
    return Sql.ctes(members=members).select("select m.user_key from members as m")


def member_ids(members: Sql) -> Sql:
    """One row per member: the id of the file; only for the owner's exports, which are audited."""
    return Sql.ctes(members=members).select(
        """
select i.user_id from identities as i join members as m on m.user_key = i.user_key order by i.user_id"""
    )


def user_rows(members: Sql, limit: int) -> Sql:
    """One row per member, the most recently seen first."""
    return Sql.ctes(members=members).select(
        """
select u.user_key, u.pseudonym, u.first_us, u.last_us, u.n_events
from users as u join members as m on m.user_key = u.user_key
order by u.last_us desc, u.user_key limit $limit""",
        limit=limit,
    )


def member_count(members: Sql) -> Sql:
    """One row: how many members."""
    return Sql.ctes(members=members).select("select count(*) as n from members as m")


def user_timeline(user_key: int, limit: int) -> Sql:
    """One row per event of a user, the newest first."""
    return Sql(
        """select e.occurred_us, n.event, e.value, e.quantity, t.item, t.name as item_name, x.text
from events as e
join event_names as n on n.event_key = e.event_key
left join items as t on t.item_key = e.item_key
left join texts as x on x.text_key = e.text_key
where e.user_key = $user
order by e.occurred_us desc, e.row_hash limit $limit""",
        {"user": user_key, "limit": limit},
    )
