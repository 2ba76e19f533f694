"""Questions about what a store holds."""

from __future__ import annotations

from retention.store.sql import Sql


def totals() -> Sql:
    """One row: users and events that count, and all events kept."""
    return Sql(
        """select (select count(*) from users as u where u.n_events > 0) as n_users,
    (select coalesce(sum(u.n_events), 0) from users as u) as n_events,
    (select count(*) from events as e) as n_kept,
    (select min(u.first_us) from users as u) as first_us,
    (select max(u.last_us) from users as u) as last_us"""
    )


def imports() -> Sql:
    """One row per import, the newest first."""
    return Sql(
        """select i.import_id, i.source_name, i.preset, i.timezone, i.n_records, i.n_new, i.n_duplicate, i.n_rejected,
    i.first_us, i.last_us, i.watermark_us, i.imported_us
from imports as i order by i.import_id desc"""
    )


def rejects(import_id: int) -> Sql:
    """One row per rejected row of an import, in the order of the file."""
    return Sql(
        """select r.line, r.column_name, r.value, r.reason from rejects as r
where r.import_id = $import order by r.line""",
        {"import": import_id},
    )


def gaps() -> Sql:
    """One row per stretch that is marked missing."""
    return Sql("select g.gap_id, g.from_us, g.to_us, g.note from gaps as g order by g.from_us, g.gap_id")


def users_by_day() -> Sql:
    """One row per day with rows: how many users it saw."""
    return Sql("select u.day, count(*) as n_users from user_day as u group by u.day order by u.day")


def events_by_name() -> Sql:
    """One row per kind of event: how many users did it, and whether it counts as activity."""
    return Sql(
        """select n.event, count(f.user_key) as n_users, n.is_activity
from event_names as n left join user_first as f on f.event_key = n.event_key
group by n.event, n.is_activity order by n.event"""
    )
