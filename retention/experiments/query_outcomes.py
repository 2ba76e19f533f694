"""What users did after their exposure, and before it; each text is a value and runs nothing.

Every one begins with `exposed`: one row per user with user_key, grp and exposed_us. Only what happened at or after the
exposure is an outcome; the same length before it serves as a covariate, never as an outcome.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from retention.periods import sql_local_day
from retention.store.sql import ACTIVITY_BIT, Sql, any_of

if TYPE_CHECKING:
    from retention.store.catalogue import EventName, PropertyName

DAY_US = 86_400_000_000


def returns(
    exposed: Sql, kinds: Collection[EventName], window_days: int, period_days: int, n_ages: int, moments: tuple[int, int],
    as_of_us: int,
) -> Sql:  # fmt: skip
    """One row per user who came back within the window: user_key, age_0, age_1 … (1: in that period, counted from 0).

    Parameters
    ----------
    moments : tuple of int
        The first and the last exposure: what lies outside of all windows is not looked at.

    Notes
    -----
    Ages are of 24 hours from the exposure on, as the definitions have them: an event belongs to age k if it lies within
    ``[exposed + k·P, exposed + (k + 1)·P)``.
    """
    is_kind, params = any_of("e.event_key", "sign", sorted(kind.event_key for kind in kinds))
    ages = ",\n    ".join(
        f"max(case when e.occurred_us >= x.exposed_us + {k} * $period_us"
        f" and e.occurred_us < x.exposed_us + {k + 1} * $period_us then 1 else 0 end) as age_{k}"
        for k in range(n_ages)
    )
    return Sql.ctes(exposed=exposed).select(
        f"""
select x.user_key{"," if ages else ""}
    {ages}
from exposed as x join events as e on e.user_key = x.user_key
where {is_kind} and e.occurred_us >= $first_us and e.occurred_us < $until_us
    and e.occurred_us >= x.exposed_us and e.occurred_us < x.exposed_us + $window_us
group by x.user_key""",
        **params,
        period_us=period_days * DAY_US,
        window_us=window_days * DAY_US,
        first_us=moments[0],
        until_us=min(moments[1] + window_days * DAY_US, as_of_us),
    )


def placed(exposed: Sql, from_days: int, to_days: int, timezone: str, first_us: int, last_us: int) -> Sql:
    """One row per user: a stretch of whole 24 hours beside the exposure, with the local days that it begins and ends on.

    Parameters
    ----------
    from_days, to_days : int
        Of the stretch, counted from the exposure: −28 and 0 are the four weeks before it.
    first_us, last_us : int
        Of the exposures.
    """
    low, high = first_us + from_days * DAY_US, last_us + to_days * DAY_US
    return Sql.ctes(exposed=exposed).select(
        f"""
select s.user_key, s.from_us, s.until_us, {sql_local_day("s.from_us", timezone, low, high)} as from_day,
    {sql_local_day("s.until_us", timezone, low, high)} as until_day
from (
    select x.user_key, x.exposed_us + $from_days * $day_us as from_us, x.exposed_us + $to_days * $day_us as until_us
    from exposed as x
) as s""",
        from_days=from_days,
        to_days=to_days,
        day_us=DAY_US,
    )


def active_days(placed: Sql) -> Sql:
    """One row per user: on how many of the whole days of a stretch there was activity."""
    return Sql.ctes(placed=placed).select(
        """
select p.user_key, count(*) as n_days
from placed as p join user_day as d on d.user_key = p.user_key
where d.day >= p.from_day and d.day < p.until_day and d.ev_mask & $active <> 0
group by p.user_key""",
        active=1 << ACTIVITY_BIT,
    )


def money(placed: Sql) -> Sql:
    """One row per user with orders on the whole days inside a stretch: gross, refunded."""
    return Sql.ctes(placed=placed).select(
        """
select p.user_key, sum(o.gross) as gross, sum(o.refunded) as refunded
from placed as p join user_orders as o on o.user_key = p.user_key
where o.day > p.from_day and o.day < p.until_day
group by p.user_key"""
    )


def money_at_the_ends(placed: Sql, kinds: Collection[EventName]) -> Sql:
    """One row per user and day on which a stretch begins or ends: what was sold inside it, and that day's gross and refunded.

    Parameters
    ----------
    kinds : collection of EventName
        Whose value is revenue.
    """
    is_kind, params = any_of("e.event_key", "sale", sorted(kind.event_key for kind in kinds))
    return Sql.ctes(placed=placed).select(
        f"""
select i.user_key, i.day, i.inside, o.gross, o.refunded
from (
    select p.user_key, e.day, sum(coalesce(e.value, 0)) as inside
    from placed as p join events as e on e.user_key = p.user_key and (e.day = p.from_day or e.day = p.until_day)
    where {is_kind} and e.occurred_us >= p.from_us and e.occurred_us < p.until_us and coalesce(e.value, 0) >= 0
    group by p.user_key, e.day
) as i
join user_orders as o on o.user_key = i.user_key and o.day = i.day""",
        **params,
    )


def lives(placed: Sql, window: int) -> Sql:
    """One row per user: from_day, lapsed_day (the last active day before the first silence that lasted), last_day.

    Parameters
    ----------
    placed : Sql
        Whose stretches begin with the exposure.
    window : int
        Days of silence that count as a lapse.

    Notes
    -----
    The silence is counted from the exposure on: whoever did nothing for `window` days after it lapsed on day 0, however
    long the silence before it was.
    """
    return Sql.ctes(placed=placed).select(
        """
select p.user_key, p.from_day,
    min(case when d.day - greatest(d.prev_day, p.from_day) >= $silence then greatest(d.prev_day, p.from_day) end) as lapsed_day,
    max(d.day) as last_day
from placed as p left join user_day as d
    on d.user_key = p.user_key and d.day > p.from_day and d.ev_mask & $active <> 0
group by p.user_key, p.from_day""",
        silence=window,
        active=1 << ACTIVITY_BIT,
    )


def first_values(exposed: Sql, prop: PropertyName) -> Sql:
    """One row per user: the value of a property at the first activity, where that lies before the exposure."""
    return Sql.ctes(exposed=exposed).select(
        f"""
select x.user_key, v.value
from exposed as x
join user_first as f on f.user_key = x.user_key and f.event_key = 0 and f.first_us < x.exposed_us
join property_values as v on v.property_key = $property and v.value_key = f.{prop.column}""",
        property=prop.property_key,
    )


def label_moments(property_key: int, before_us: int) -> Sql:
    """One row: the last moment, not after a moment, as of which a label was given."""
    return Sql(
        "select max(g.cutoff_us) as cutoff_us from labellings as g where g.property_key = $label and g.cutoff_us <= $before",
        {"label": property_key, "before": before_us},
    )


def label_values(exposed: Sql, property_key: int, cutoff_us: int) -> Sql:
    """One row per user: the value of a label as of one of its moments."""
    return Sql.ctes(exposed=exposed).select(
        """
select x.user_key, v.value
from exposed as x
join user_labels as l on l.user_key = x.user_key and l.property_key = $label and l.cutoff_us = $label_us
join property_values as v on v.property_key = l.property_key and v.value_key = l.value_key""",
        label=property_key,
        label_us=cutoff_us,
    )
