"""Small sums above the orders: revenue by cohort and age in a few hundred rows.

They hold what the grid of everybody needs, by week and by month. A user's part in them is taken out before the
user's orders change and put back after, so an append costs no more than the users it touches. All sums are exact
decimals: what is taken out leaves nothing behind, and the sums are those of a rebuild.
"""

from __future__ import annotations

from retention.periods import Period, sql_period
from retention.store.catalogue import Catalogue
from retention.store.store import Transaction

TABLE = "order_cells"
PERIODS: tuple[Period, ...] = ("week", "month")
SUMS = ("kept", "floor", "yy", "xy", "kk", "kx", "xx", "ff", "fx")
COLUMNS = (
    "n_rows", "n_buyers", "n_orders", "gross", "refunded", *(f"{kind}_{s}" for kind in ("net", "gross") for s in SUMS),
)  # fmt: skip
MOST = 1_000_000_000
"""In squares and products an amount of a user and period counts for no more, so that their sums fit."""


def put(tx: Transaction, catalogue: Catalogue, rows: str) -> None:
    """Add the part that some rows have in the sums.

    Parameters
    ----------
    rows : str
        A select of ours: all columns of ``user_orders`` and a `sign`, 1 to put the row's part in, -1 to take it out.
        It holds either none of a user's rows or all of them.
    """
    sums = ", ".join(f"sum(p.sign * p.{name})" for name in COLUMNS)
    tx.run(
        f"insert into {TABLE} select p.period, p.cohort, p.age, {sums} from ({_parts(catalogue, rows)}) as p"
        " group by p.period, p.cohort, p.age order by p.period, p.cohort, p.age"
    )


def merge(tx: Transaction) -> None:
    """Add up what was put in and taken out."""
    sums = ", ".join(f"sum(c.{name}) as {name}" for name in COLUMNS)
    tx.run(
        f"create or replace temp table merged as select c.period, c.cohort, c.age, {sums} from {TABLE} as c"
        " group by c.period, c.cohort, c.age having sum(c.n_rows) > 0"
    )
    tx.run(f"delete from {TABLE}")
    tx.run(f"insert into {TABLE} select * from merged as m order by m.period, m.cohort, m.age")
    tx.run("drop table merged")


def _parts(catalogue: Catalogue, rows: str) -> str:
    """One row per user, width of the periods and age: what it adds to each sum.

    Each stage names what the next one uses more than once: a text that repeated it would take the engine longer to
    read than to run.
    """
    week_start = catalogue.settings.week_start
    placed = " union all ".join(
        f"""select o.user_key, o.sign, '{period}' as period, {sql_period("o.day", period, week_start)} as here,
                {sql_period("o.first_day", period, week_start)} as cohort,
                coalesce(o.day >= o.first_day, false) as is_own, o.n_orders, o.gross, o.refunded
            from ({rows}) as o"""
        for period in PERIODS
    )
    kinds = (("net", "s.gross - s.refunded", "t.gross - t.refunded"), ("gross", "s.gross", "t.gross"))
    amounts = ", ".join(
        f"{now} as {kind}_now, coalesce({then}, 0) as {kind}_then, {_capped(now)} as {kind}_y,"
        f" coalesce({_capped(then)}, 0) as {kind}_x"
        for kind, now, then in kinds
    )
    kept = ", ".join(
        f"least(a.{kind}_now, a.{kind}_then) - least(a.{kind}_then, 0) as {kind}_kept,"
        f" least(a.{kind}_then, 0) as {kind}_floor, least(a.{kind}_y, a.{kind}_x) as {kind}_k,"
        f" least(a.{kind}_x, 0) as {kind}_f"
        for kind, _, _ in kinds
    )
    products = ", ".join(
        f"k.{kind}_y * k.{kind}_y as {kind}_yy, k.{kind}_y * k.{kind}_x as {kind}_xy,"
        f" k.{kind}_k * k.{kind}_k - k.{kind}_f * k.{kind}_f as {kind}_kk,"
        f" (k.{kind}_k - k.{kind}_f) * k.{kind}_x as {kind}_kx, k.{kind}_x * k.{kind}_x as {kind}_xx,"
        f" k.{kind}_f * k.{kind}_f as {kind}_ff, k.{kind}_f * k.{kind}_x as {kind}_fx"
        for kind, _, _ in kinds
    )
    return f"""
        with placed as (
            {placed}
        ), spent as (
            select o.user_key, o.sign, o.period, case when o.is_own then o.cohort else o.here end as cohort,
                case when o.is_own then o.here - o.cohort else -1 end as age,
                sum(o.n_orders) as n_orders, sum(o.gross) as gross, sum(o.refunded) as refunded
            from placed as o group by all
        ), amounts as (
            select s.sign, s.period, s.cohort, s.age, s.n_orders, s.gross, s.refunded, {amounts}
            from spent as s left join spent as t
                on t.user_key = s.user_key and t.sign = s.sign and t.period = s.period and t.age = 0 and s.age >= 0
        ), kept as (
            select a.*, {kept} from amounts as a
        )
        select k.*, 1 as n_rows, case when k.n_orders > 0 then 1 else 0 end as n_buyers, {products} from kept as k"""


def _capped(amount: str) -> str:
    return f"least(greatest({amount}, -{MOST}), {MOST})::decimal(38, 6)"
