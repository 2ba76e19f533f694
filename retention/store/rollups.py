"""Keep the rollups true: fold new events in, or build everything anew; both give the same rows.

The day rows are mergeable (masks are or-ed, counts added), so a late file, a file in any order and a
rebuild agree exactly; everything that looks across days is recomputed for the touched users from their
day rows and never from the events.
"""

from __future__ import annotations

from retention.periods import sql_period
from retention.store import cells, orders
from retention.store.catalogue import Catalogue
from retention.store.sql import ACTIVITY_BIT, NO_DAY
from retention.store.store import Transaction

ACTIVE = f"(1::bigint << {ACTIVITY_BIT})"
ROLLUPS = ("user_day", "user_week", "user_month", "user_first")


def rebuild(tx: Transaction, catalogue: Catalogue, as_of_us: int | None) -> None:
    """Build every rollup from the events before `as_of_us`."""
    for table in (*ROLLUPS, *cells.CELLS):
        tx.run(f"delete from {table}")
    tx.run("update users set first_us = null, last_us = null, n_events = 0")
    tx.run("update state set as_of_us = $as_of", {"as_of": as_of_us})
    if as_of_us is not None:
        fold_in(tx, catalogue, "e.occurred_us < $as_of", {"as_of": as_of_us})
    orders.rebuild(tx, catalogue)


def fold_in(tx: Transaction, catalogue: Catalogue, is_new: str, params: dict[str, object]) -> None:
    """Fold the events for which `is_new` holds, none of them folded in before, into the rollups.

    Parameters
    ----------
    is_new : str
        A condition of ours on ``events as e`` (never a person's text), with its `params`.
    """
    tx.run(
        f"""
        create or replace temp table new_kind_days as
        select e.user_key, e.day, e.event_key, count(*) as n,
            min(e.occurred_us) as first_us, max(e.occurred_us) as last_us
        from events as e where {is_new} group by e.user_key, e.day, e.event_key
        """,
        params,
    )
    tx.run(
        """
        create or replace temp table touched as
        select d.user_key, min(d.first_us) as first_us, max(d.last_us) as last_us, sum(d.n)::bigint as n
        from new_kind_days as d group by d.user_key
        """
    )
    tx.run(
        """
        update users set
            first_us = least(coalesce(users.first_us, t.first_us), t.first_us),
            last_us = greatest(coalesce(users.last_us, t.last_us), t.last_us),
            n_events = users.n_events + t.n
        from touched as t where t.user_key = users.user_key
        """
    )
    _fold_in_firsts(tx, catalogue, is_new, params)
    _fold_in_days(tx, catalogue)
    for table, period in (("user_week", "week"), ("user_month", "month")):
        _derive(tx, catalogue, table, sql_period("d.day", period, catalogue.settings.week_start))  # type: ignore[arg-type]
    for table in ("new_kind_days", "touched", "days"):
        tx.run(f"drop table {table}")
    cells.refresh(tx, catalogue)


def _fold_in_firsts(tx: Transaction, catalogue: Catalogue, is_new: str, params: dict[str, object]) -> None:
    carried = [p.column for p in catalogue.properties.values() if p.kind == "event"]
    columns = "".join(f", {c}" for c in carried)
    of_event = "".join(f", e.{c}" for c in carried)
    # A new event is a candidate when it is not later than the first one known so far.
    tx.run(
        """
        create or replace temp table earlier as
        select c.user_key, c.event_key, c.first_us
        from (select d.user_key, d.event_key, min(d.first_us) as first_us from new_kind_days as d
              group by d.user_key, d.event_key) as c
        left join user_first as f on f.user_key = c.user_key and f.event_key = c.event_key
        where f.first_us is null or c.first_us <= f.first_us
        """
    )
    tx.run(
        f"""
        create or replace temp table winners as
        select * from (
            select e.user_key, e.event_key, e.occurred_us as first_us, e.row_hash as first_hash, e.day,
                e.event_key as first_event_key{of_event}
            from events as e join earlier as c
                on c.user_key = e.user_key and c.event_key = e.event_key and c.first_us = e.occurred_us
            where {is_new}
            union all
            select f.user_key, f.event_key, f.first_us, f.first_hash, f.day, f.first_event_key{columns}
            from user_first as f semi join earlier as c on c.user_key = f.user_key and c.event_key = f.event_key
        )
        qualify row_number() over (partition by user_key, event_key order by first_us, first_hash) = 1
        """,
        params,
    )
    tx.run(
        """
        delete from user_first where exists (
            select 1 from earlier as c where c.user_key = user_first.user_key and c.event_key = user_first.event_key)
        """
    )
    target = f"(user_key, event_key, first_us, first_hash, day, first_event_key{columns})"
    tx.run(f"insert into user_first {target} select * from winners order by event_key, user_key")
    tx.run(
        "delete from user_first where event_key = 0"
        " and exists (select 1 from earlier as c where c.user_key = user_first.user_key)"
    )
    tx.run(
        f"""
        insert into user_first {target}
        select user_key, 0, first_us, first_hash, day, first_event_key{columns} from (
            select f.* from user_first as f semi join earlier as c on c.user_key = f.user_key
            where f.event_key in (select n.event_key from event_names as n where n.is_activity = 1)
        )
        qualify row_number() over (partition by user_key order by first_us, first_hash) = 1
        order by user_key
        """
    )
    tx.run("drop table earlier")
    tx.run("drop table winners")


def _back_mask(row: str, is_first: str) -> str:
    """Write the mask of what a row holds besides the user's first activity, which is on the row of its period only.

    The first activity takes one event of its kind away; what is left is another kind, or that kind a second time.
    """
    return (
        f"case when {is_first} then {row}.twice_mask"
        f" | ({row}.ev_mask & ~({ACTIVE} | case when n.bit is null then 0 else 1::bigint << n.bit end))"
        f" else {row}.ev_mask end"
    )


def _carried(catalogue: Catalogue) -> tuple[str, str]:
    """Return the columns of the first activity's own properties, and their values from ``user_first as f``."""
    columns = [p.column for p in catalogue.properties.values() if p.kind == "event"]
    return "".join(f", {c}" for c in columns), "".join(f", f.{c}" for c in columns)


def _fold_in_days(tx: Transaction, catalogue: Catalogue) -> None:
    tx.run(
        f"""
        create or replace temp table days as
        with fresh as (
            select d.user_key, d.day,
                bit_or(case when n.bit is not null then 1::bigint << n.bit else 0 end)
                    | case when sum(n.is_activity) > 0 then {ACTIVE} else 0 end as ev_mask,
                bit_or(case when n.bit is not null and d.n > 1 then 1::bigint << n.bit else 0 end)
                    | case when sum(d.n * n.is_activity) > 1 then {ACTIVE} else 0 end as twice_mask,
                sum(d.n)::integer as n_events
            from new_kind_days as d join event_names as n on n.event_key = d.event_key
            group by d.user_key, d.day
        ), joined as (
            select f.user_key, f.day, f.ev_mask, f.twice_mask, f.n_events from fresh as f
            union all
            select u.user_key, u.day, u.ev_mask, u.twice_mask, u.n_events
            from user_day as u semi join touched as t on t.user_key = u.user_key
        ), merged as (
            -- at most two rows a day, the old and the new: what both hold has happened twice
            select user_key, day, bit_or(ev_mask) as ev_mask,
                bit_or(twice_mask) | case when count(*) = 2 then bit_and(ev_mask) else 0 end as twice_mask,
                sum(n_events)::integer as n_events
            from joined group by user_key, day
        ), seen as (
            select m.*, case when m.ev_mask & {ACTIVE} <> 0 then m.day end as active_day from merged as m
        )
        select s.user_key, s.day,
            min(s.active_day) over (partition by s.user_key) as first_day,
            case when s.active_day is not null then coalesce(max(s.active_day) over (
                partition by s.user_key order by s.day rows between unbounded preceding and 1 preceding), {NO_DAY})
            end as prev_day,
            s.ev_mask, s.twice_mask, s.n_events
        from seen as s
        """
    )
    tx.run("delete from user_day where exists (select 1 from touched as t where t.user_key = user_day.user_key)")
    columns, values = _carried(catalogue)
    tx.run(
        f"""
        insert into user_day (user_key, day, first_day, prev_day, ev_mask, twice_mask, back_mask, n_events{columns})
        select d.user_key, d.day, d.first_day, d.prev_day, d.ev_mask, d.twice_mask,
            {_back_mask("d", "d.day = d.first_day")}, d.n_events{values}
        from days as d
        left join user_first as f on f.user_key = d.user_key and f.event_key = 0
        left join event_names as n on n.event_key = f.first_event_key
        order by d.day, d.user_key
        """
    )


def _derive(tx: Transaction, catalogue: Catalogue, table: str, period: str) -> None:
    """Make the week or month rows of the touched users from their day rows."""
    columns, values = _carried(catalogue)
    tx.run(f"delete from {table} where exists (select 1 from touched as t where t.user_key = {table}.user_key)")
    tx.run(
        f"""
        insert into {table} (user_key, period, first_period, ev_mask, twice_mask, back_mask{columns})
        with placed as (
            select d.user_key, d.day, {period} as period,
                case when d.first_day is not null then {period.replace("d.day", "d.first_day")} end as first_period,
                d.ev_mask, d.twice_mask
            from days as d
        ), chained as (
            -- a kind that an earlier day of the period holds already has happened twice
            select p.*, coalesce(bit_or(p.ev_mask) over (
                partition by p.user_key, p.period order by p.day
                rows between unbounded preceding and 1 preceding), 0) as before
            from placed as p
        ), rolled as (
            select c.user_key, c.period, c.first_period, bit_or(c.ev_mask) as ev_mask,
                bit_or(c.twice_mask | (c.ev_mask & c.before)) as twice_mask
            from chained as c group by c.user_key, c.period, c.first_period
        )
        select r.user_key, r.period, r.first_period, r.ev_mask, r.twice_mask,
            {_back_mask("r", "r.period = r.first_period")}{values}
        from rolled as r
        left join user_first as f on f.user_key = r.user_key and f.event_key = 0
        left join event_names as n on n.event_key = f.first_event_key
        order by r.period, r.user_key
        """
    )
