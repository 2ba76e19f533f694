"""Questions about lists of users."""

from __future__ import annotations

from retention.store.sql import Sql


def saved_audiences() -> Sql:
    """One row per saved list, the newest first."""
    return Sql(
        """select a.audience_id, a.name, a.definition, a.as_of_us, a.data_version, a.n_users,
    count(m.user_key) as n_left, a.saved_us
from audiences as a left join audience_members as m on m.audience_id = a.audience_id
group by a.audience_id, a.name, a.definition, a.as_of_us, a.data_version, a.n_users, a.saved_us
order by a.saved_us desc, a.audience_id"""
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


def member_rows(members: Sql, *, has_ids: bool) -> Sql:
    """One row per member for a file: pseudonym (and the file's id), first and last event, how many."""
    ids = "i.user_id, " if has_ids else ""
    join = "\njoin identities as i on i.user_key = u.user_key" if has_ids else ""
    return Sql.ctes(members=members).select(
        f"""
select {ids}u.pseudonym, u.first_us, u.last_us, u.n_events
from users as u join members as m on m.user_key = u.user_key{join}
order by u.pseudonym"""
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
