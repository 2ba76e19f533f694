"""Small tables of counts above the week and month rows: a grid in a few thousand rows.

They hold how many users of each cohort of first activity were back at each age, for every kind of activity, and
for any activity split by each property of the first activity that has few values. They are made anew from the week
and month rows with every import, which costs a fraction of a second, so that nothing has to be kept in step.
"""

from __future__ import annotations

from retention.periods import Period, sql_period
from retention.store.catalogue import Catalogue
from retention.store.sql import ACTIVITY_BIT
from retention.store.store import Transaction

CELLS = ("week_cells", "week_cohorts", "month_cells", "month_cohorts")
MAX_VALUES = 64
"""A property with more values is counted from the week and month rows."""
PERIODS: tuple[Period, ...] = ("week", "month")


def refresh(tx: Transaction, catalogue: Catalogue) -> None:
    """Count the cells anew."""
    for table in CELLS:
        tx.run(f"delete from {table}")
    few = {
        key
        for key, n in tx.rows("select v.property_key, count(*) from property_values as v group by v.property_key")
        if n <= MAX_VALUES
    }
    splits = [(0, "0")] + [
        (p.property_key, f"u.{p.column}")
        for p in catalogue.properties.values()
        if p.kind == "event" and p.property_key in few
    ]
    for period in PERIODS:
        _count_kinds(tx, period)
        index = sql_period("u.day", period, catalogue.settings.week_start)
        for key, column in splits:
            tx.run(
                f"""
                insert into {period}_cells
                select $key, {column}, 0, u.first_period, u.period - u.first_period, count(*)
                from user_{period} as u where u.back_mask & (1::bigint << {ACTIVITY_BIT}) <> 0 and u.first_period is not null
                group by all
                order by all
                """,
                {"key": key},
            )
            tx.run(
                f"""
                insert into {period}_cohorts
                select $key, {column}, {index}, count(*), min(u.first_us), max(u.first_us)
                from user_first as u where u.event_key = 0
                group by all
                order by all
                """,
                {"key": key},
            )


def _count_kinds(tx: Transaction, period: Period) -> None:
    """Count every kind of activity in one pass over the rows."""
    kinds = tx.rows("select n.event_key, n.bit from event_names as n where n.is_activity = 1 and n.bit is not null")
    if not kinds:
        return
    sums = "".join(f", sum((u.back_mask >> {bit}) & 1)::bigint as n_{key}" for key, bit in kinds)
    tx.run(
        f"""
        create or replace temp table by_kind as
        select u.first_period, u.period - u.first_period as age{sums}
        from user_{period} as u where u.first_period is not null group by u.first_period, u.period - u.first_period
        """
    )
    for key, _ in kinds:
        tx.run(
            f"insert into {period}_cells select 0, 0, {key}, k.first_period, k.age, k.n_{key}"
            f" from by_kind as k where k.n_{key} > 0 order by all"
        )
    tx.run("drop table by_kind")
