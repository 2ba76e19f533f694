"""Keep the orders true: who bought on which day, for how much, and what of it was paid back.

An order is all revenue events of a user at one instant. A refund is booked on the day of its order: the user's
last order at or before it with the same item, where the refund names an item that was ordered by then, else the
user's last order at or before it. Without one it stands on its own day, with no order beside it.

Files write refunds as positive or as negative amounts, so their size counts. A revenue event of less than nothing
is a refund too, whatever it is called, and no order: gross revenue is never negative. An order without a value
counts, with a value of 0. Where the lines of an invoice are known, each of them names its own item.
"""

from __future__ import annotations

from retention.store import order_cells
from retention.store.catalogue import Catalogue
from retention.store.sql import any_of
from retention.store.store import Transaction

TABLE = "user_orders"
TABLES = (TABLE, order_cells.TABLE)
_SAME_DAY = f"a.user_key = {TABLE}.user_key and a.day = {TABLE}.day"


def rebuild(tx: Transaction, catalogue: Catalogue) -> None:
    """Make the rows of every user anew from the events before the watermark."""
    for table in TABLES:
        tx.run(f"delete from {table}")
    if kinds := _kinds(catalogue):
        _write(tx, kinds, "1 = 1")
        order_cells.put(tx, catalogue, f"select o.*, 1 as sign from {TABLE} as o")


def fold_in(tx: Transaction, catalogue: Catalogue, is_new: str, params: dict[str, object]) -> None:
    """Fold the events of an import into the rows of a store that held events before.

    Parameters
    ----------
    is_new : str
        A condition of ours on ``events as e``, as in `rollups.fold_in`.
    params : dict
        Of `is_new`: among them the import, and the watermark `before` it.

    Notes
    -----
    Orders that come in after everything known only add to their days. Who is paid back something, or orders before
    what was known and has been paid back something, gets all rows made anew: another order may be the refund's now.
    """
    kinds = _kinds(catalogue)
    if not kinds:
        return
    _new_moves(tx, kinds, is_new, params)
    tx.run(
        """
        create or replace temp table mixed_users as
        select m.user_key from new_moves as m
        left join (select o.user_key, max(o.refunded) as refunded from user_orders as o
                   where o.user_key in (select n.user_key from new_moves as n) group by o.user_key) as k
            on k.user_key = m.user_key
        where m.is_refund or (k.refunded > 0 and m.occurred_us < $before)
        group by m.user_key
        union
        select o.user_key from order_lines as o where o.import_id = $import group by o.user_key
        """,
        {"before": params["before"], "import": params["import"]},
    )
    tx.run(
        "create or replace temp table order_users as select m.user_key from new_moves as m group by m.user_key"
        " union select u.user_key from mixed_users as u"
    )
    if tx.rows("select 1 from order_users limit 1"):
        theirs = f"from {TABLE} as o where o.user_key in (select u.user_key from order_users as u)"
        tx.run(f"create or replace temp table order_parts as select o.*, -1 as sign {theirs}")
        _change(tx, kinds)
        tx.run(f"insert into order_parts select o.*, 1 as sign {theirs}")
        order_cells.put(tx, catalogue, "select o.* from order_parts as o")
        order_cells.merge(tx)
        tx.run("drop table order_parts")
    for table in ("mixed_users", "order_users", "new_moves"):
        tx.run(f"drop table {table}")


def _change(tx: Transaction, kinds: dict[int, bool]) -> None:
    if tx.rows("select 1 from mixed_users limit 1"):
        is_whose = f"exists (select 1 from mixed_users as u where u.user_key = {TABLE}.user_key)"
        tx.run(f"delete from {TABLE} where {is_whose}")
        _write(tx, kinds, "e.user_key in (select u.user_key from mixed_users as u)")
        tx.run(
            "delete from new_moves where exists (select 1 from mixed_users as u where u.user_key = new_moves.user_key)"
        )
    if tx.rows("select 1 from new_moves limit 1"):
        _add_orders(tx, kinds)


def _new_moves(tx: Transaction, kinds: dict[int, bool], is_new: str, params: dict[str, object]) -> None:
    is_kind, of_kinds = any_of("e.event_key", "kind", sorted(kinds))
    is_refund, of_refunds = _is_refund(kinds)
    tx.run(
        f"""
        create or replace temp table new_moves as
        select e.user_key, e.occurred_us, e.day, {is_refund} as is_refund
        from events as e where {is_kind} and {is_new}
        """,
        {**params, **of_kinds, **of_refunds},
    )


def _add_orders(tx: Transaction, kinds: dict[int, bool]) -> None:
    """Make the days anew on which users have new orders, where no refund changes its place."""
    is_kind, of_kinds = any_of("e.event_key", "kind", sorted(kinds))
    is_refund, of_refunds = _is_refund(kinds)
    # The range of days comes first: it leaves out what was stored long ago without a look.
    ((first, last),) = tx.rows("select min(m.day), max(m.day) from new_moves as m")
    tx.run(
        f"""
        create or replace temp table added as
        with dates as (
            select m.user_key, m.day from new_moves as m group by m.user_key, m.day
        ), instants as (
            select e.user_key, e.day, e.occurred_us, sum(coalesce(e.value, 0)) as gross
            from events as e join dates as d on d.user_key = e.user_key and d.day = e.day
            where e.day between $first and $last and {is_kind} and not ({is_refund})
                and e.occurred_us < (select s.as_of_us from state as s)
            group by e.user_key, e.day, e.occurred_us
        ), known as (
            select o.user_key, min(o.first_day) as first_day from {TABLE} as o
            where o.user_key in (select d.user_key from dates as d) group by o.user_key
        ), days as (
            select i.user_key, i.day, count(*) as n_orders, min(i.occurred_us) as first_us,
                min(i.occurred_us, 2)[2] as second_us, sum(i.gross) as gross
            from instants as i group by i.user_key, i.day
        )
        select d.user_key, d.day, least(k.first_day, min(d.day) over (partition by d.user_key)) as first_day,
            d.n_orders, d.first_us, d.second_us, d.gross, coalesce(o.refunded, 0) as refunded
        from days as d
        left join known as k on k.user_key = d.user_key
        left join {TABLE} as o on o.user_key = d.user_key and o.day = d.day
        """,
        {"first": first, "last": last, **of_kinds, **of_refunds},
    )
    tx.run(f"delete from {TABLE} where exists (select 1 from added as a where {_SAME_DAY})")
    tx.run(
        f"""
        update {TABLE} set first_day = a.first_day
        from (select a.user_key, min(a.first_day) as first_day from added as a group by a.user_key) as a
        where a.user_key = {TABLE}.user_key and {TABLE}.first_day is distinct from a.first_day
        """
    )
    tx.run(
        f"""
        insert into {TABLE} (user_key, day, first_day, n_orders, first_us, second_us, gross, refunded)
        select a.user_key, a.day, a.first_day, a.n_orders, a.first_us, a.second_us, a.gross, a.refunded
        from added as a order by a.day, a.user_key
        """
    )
    tx.run("drop table added")


def forget(tx: Transaction, catalogue: Catalogue, user_key: int) -> None:
    """Take a user's orders out."""
    key = {"key": user_key}
    tx.run(
        f"create or replace temp table order_parts as select o.*, -1 as sign from {TABLE} as o where o.user_key = $key",
        key,
    )
    order_cells.put(tx, catalogue, "select o.* from order_parts as o")
    order_cells.merge(tx)
    tx.run("drop table order_parts")
    tx.run(f"delete from {TABLE} where user_key = $key", key)


def build_if_stale(tx: Transaction) -> None:
    """Make the rows of a store that held events before it had this table, once."""
    rebuild(tx, tx.catalogue)
    tx.run("update state set is_stale = 0")


def _kinds(catalogue: Catalogue) -> dict[int, bool]:
    """Return the keys of the events that are orders (False) or refunds (True)."""
    settings = catalogue.settings
    return {
        catalogue.events[name].event_key: is_refund
        for names, is_refund in ((settings.revenue_events, False), (settings.refund_events, True))
        for name in names
        if name in catalogue.events
    }


def _is_refund(kinds: dict[int, bool]) -> tuple[str, dict[str, object]]:
    """Write the condition that one of ``events as e`` is a refund."""
    is_named = "false"
    params: dict[str, object] = {}
    if refunds := sorted(key for key, is_one in kinds.items() if is_one):
        is_named, params = any_of("e.event_key", "refund", refunds)
    return f"({is_named} or coalesce(e.value < 0, false))", params


def _write(tx: Transaction, kinds: dict[int, bool], is_whose: str) -> None:
    """Write the rows of the users for whom `is_whose`, a condition of ours on ``events as e``, holds."""
    is_kind, params = any_of("e.event_key", "kind", sorted(kinds))
    is_refund, of_refunds = _is_refund(kinds)
    # Hashes do not compress: reading all of them costs several times the rest, so only what has lines is matched.
    row_hash = "e.row_hash" if tx.rows("select 1 from order_lines limit 1") else "null::ubigint"
    tx.run(
        f"""
        create or replace temp table moves as
        select e.user_key, e.occurred_us, e.day, e.item_key, e.value, {row_hash} as row_hash,
            {is_refund} as is_refund
        from events as e
        where {is_kind} and e.occurred_us < (select s.as_of_us from state as s) and {is_whose}
        """,
        {**params, **of_refunds},
    )
    tx.run(
        f"""
        insert into {TABLE} (user_key, day, first_day, n_orders, first_us, second_us, gross, refunded)
        with bought as (
            select m.user_key, m.day, count(distinct m.occurred_us) as n_orders, min(m.occurred_us) as first_us,
                sum(coalesce(m.value, 0)) as gross
            from moves as m where not m.is_refund group by m.user_key, m.day
        ), again as (
            select m.user_key, m.day, min(m.occurred_us) as second_us
            from moves as m join bought as b
                on b.user_key = m.user_key and b.day = m.day and b.n_orders > 1 and m.occurred_us > b.first_us
            where not m.is_refund group by m.user_key, m.day
        ), lines as (
            -- what is paid back, by item where the lines of an invoice are known; an invoice keeps its sum
            select m.user_key, m.occurred_us, m.day, m.is_refund, coalesce(o.item_key, m.item_key) as item_key,
                case when o.event_hash is null then abs(m.value)
                     when m.value < 0 then -(o.quantity * o.price)::decimal(18, 6)
                     else (o.quantity * o.price)::decimal(18, 6) end as amount
            from moves as m left join order_lines as o on o.event_hash = m.row_hash
            where m.user_key in (select r.user_key from moves as r where r.is_refund)
        ), ordered as (
            select l.user_key, l.occurred_us, l.day, l.item_key from lines as l where not l.is_refund
        ), booked as (
            select r.user_key, coalesce(same_item.day, latest.day, r.day) as day, r.amount
            from (select l.* from lines as l where l.is_refund and l.amount <> 0) as r
            asof left join (select d.* from ordered as d where d.item_key is not null) as same_item
                on same_item.user_key = r.user_key and same_item.item_key = r.item_key
                and r.occurred_us >= same_item.occurred_us
            asof left join ordered as latest
                on latest.user_key = r.user_key and r.occurred_us >= latest.occurred_us
        ), together as (
            select b.user_key, b.day, b.n_orders, b.first_us, b.gross, 0 as refunded from bought as b
            union all
            select r.user_key, r.day, 0, null, 0, r.amount from booked as r
        ), days as (
            select t.user_key, t.day, sum(t.n_orders) as n_orders, min(t.first_us) as first_us,
                sum(t.gross) as gross, sum(t.refunded) as refunded
            from together as t group by t.user_key, t.day
        )
        select d.user_key, d.day, min(case when d.n_orders > 0 then d.day end) over (partition by d.user_key),
            d.n_orders, d.first_us, a.second_us, d.gross, d.refunded
        from days as d left join again as a on a.user_key = d.user_key and a.day = d.day
        order by d.day, d.user_key
        """
    )
    tx.run("drop table moves")
