"""What features are made of, as portable SQL: one row a user, sums of whole numbers over the rollups.

A row of a rollup is safe as of a cut-off only where nothing after the cut-off can have changed it. The day rows
before the cut-off's day are: their counts, and `prev_day`, look backwards only. The part of the cut-off's own day
is counted from its events. The refunds of `user_orders` are not safe, because a refund changes the row of its order;
as of an earlier cut-off they are read from the events.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from retention.behaviour.query_hours import sql_local_hour
from retention.features.spec import Moment
from retention.features.spec_registry import CIRCLE, GAP_BASE, NIGHT_FROM, NIGHT_TO
from retention.store.sql import ACTIVITY_BIT, Ctes, Sql, any_of

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue, EventName, PropertyName

NO_DAY = -400
UNDISCOUNTED = ("", "0", "n", "no", "none", "false", "off", "null", "nan")
NOT_CONTACTED = ("control", "holdout", "hold-out")


def people(everybody: Sql | None, moment: Moment) -> Sql:
    """One row per user of the population who was active before the cut-off."""
    if everybody is None:
        return Sql(
            "select f.user_key from user_first as f where f.event_key = 0 and f.first_us < $cutoff",
            {"cutoff": moment.us},
        )
    return Sql.ctes(everybody=everybody).select(
        "select b.user_key from everybody as b where b.start_us < $cutoff", cutoff=moment.us
    )


def first_seen() -> Sql:
    """One row per kind of event: when it happened first; key 0 stands for any activity."""
    return Sql("select f.event_key, min(f.first_us) as first_us from user_first as f group by f.event_key")


def _of(kinds: Collection[EventName], name: str, column: str = "e.event_key") -> tuple[str, dict[str, object]]:
    return any_of(column, name, sorted(kind.event_key for kind in kinds))


def _only(people: Sql | None, column: str) -> str:
    return "" if people is None else f"\n    and {column} in (select p.user_key from people as p)"


def _spellings(words: Collection[str]) -> list[str]:
    """List words in small letters, in capitals, and with a capital: what a file may hold."""
    return sorted({spelt for word in words for spelt in (word, word.upper(), word.capitalize())})


def _over(people: Sql | None, **parts: Sql) -> Ctes:
    return Sql.ctes(**({} if people is None else {"people": people}), **parts)


# Activity: the day rows ------------------------------------------------------------------------------


def _days(moment: Moment, catalogue: Catalogue, people: Sql | None) -> dict[str, Sql]:
    """One row per user and day: whether active, the active day before it, and how much activity."""
    quiet = [kind for kind in catalogue.events.values() if not kind.is_activity]
    active = {"active": 1 << ACTIVITY_BIT}
    parts: dict[str, Sql] = {}
    # The rows count every event; those that are no activity are taken off again where there are such kinds.
    is_active = "case when d.ev_mask & $active <> 0 then 1 else 0 end" if quiet else "1"
    needed = "" if quiet else " and d.ev_mask & $active <> 0"
    text = (
        f"select d.user_key, d.day, {is_active} as is_active, coalesce(d.prev_day, {NO_DAY}) as prev_day, d.n_events as n\n"
        f"from user_day as d where d.day < $whole_before{needed}{_only(people, 'd.user_key')}"
    )
    params: dict[str, object] = {**active, "whole_before": moment.whole_before}
    if quiet:
        is_quiet, more = _of(quiet, "quiet")
        text += (
            f"\nunion all\nselect e.user_key, e.day, 0 as is_active, {NO_DAY} as prev_day, -1 as n\n"
            f"from events as e where {is_quiet} and e.day < $whole_before and e.occurred_us < $cutoff"
            f"{_only(people, 'e.user_key')}"
        )
        params |= {**more, "cutoff": moment.us}
    if moment.has_part:
        lively = [kind for kind in catalogue.events.values() if kind.is_activity]
        is_lively, more = _of(lively, "lively")
        parts["part"] = Sql(
            "select e.user_key, e.day, count(*) as n\n"
            f"from events as e where {is_lively} and e.day = $last_day and e.occurred_us < $cutoff"
            f"{_only(people, 'e.user_key')}\ngroup by e.user_key, e.day",
            {**more, "last_day": moment.day, "cutoff": moment.us},
        )
        parts["before"] = Sql(
            "select d.user_key, max(d.day) as day from user_day as d\n"
            "where d.day < $last_day and d.ev_mask & $active <> 0\n"
            "    and d.user_key in (select t.user_key from part as t) group by d.user_key",
            {**active, "last_day": moment.day},
        )
        text += (
            f"\nunion all\nselect t.user_key, t.day, 1 as is_active, coalesce(b.day, {NO_DAY}) as prev_day, t.n\n"
            "from part as t left join before as b on b.user_key = t.user_key"
        )
    return {**parts, "days": Sql(text, params)}


def _around(position: str, n: int, function: str) -> str:
    """Write the sine or cosine of a place on a circle of `n` places, in millionths, at the middle of the place."""
    shift = 0.0 if n == 7 else 0.5
    turn = math.cos if function == "cos" else math.sin
    cases = " ".join(f"when {k} then {round(CIRCLE * turn(2 * math.pi * (k + shift) / n))}" for k in range(n))
    return f"case {position} {cases} else 0 end"


WEEKDAY = "(d.day + 3) % 7"
"""Monday is 0: 1970-01-01 was a Thursday."""
ACTIVITY = {
    "first_day": "min(case when d.is_active = 1 then d.day end)",
    "last_day": "max(case when d.is_active = 1 then d.day end)",
    "active_days": "sum(d.is_active)",
    "events": "sum(d.n)",
    "gap_squares": "cast(sum(case when d.is_active = 1 and d.prev_day > {none}"
    " then cast((d.day - d.prev_day) * (d.day - d.prev_day) as bigint) else 0 end) as bigint)",
    "last_gap": "max(case when d.is_active = 1 then cast(d.day as bigint) * {base}"
    " + case when d.prev_day > {none} then d.day - d.prev_day else 0 end end)",
    "weekend_days": "sum(case when d.is_active = 1 and {weekday} >= 5 then 1 else 0 end)",
    "weekday_cos": "cast(sum(case when d.is_active = 1 then {cos} else 0 end) as bigint)",
    "weekday_sin": "cast(sum(case when d.is_active = 1 then {sin} else 0 end) as bigint)",
}


def activity(moment: Moment, catalogue: Catalogue, people: Sql | None, columns: Collection[str]) -> Sql:
    """One row per user: the asked of `ACTIVITY`, and of ``active_days_N`` and ``events_N``."""
    said, params = [], {}
    for column in sorted(columns):
        if column in ACTIVITY:
            text = ACTIVITY[column].format(
                none=NO_DAY, base=GAP_BASE, weekday=WEEKDAY, cos=_around(WEEKDAY, 7, "cos"), sin=_around(WEEKDAY, 7, "sin")
            )
        else:
            what, _, window = column.rpartition("_")
            value = "d.is_active" if what == "active_days" else "d.n"
            text = f"sum(case when d.day > $after_{window} then {value} else 0 end)"
            params[f"after_{window}"] = moment.end_day - int(window)
        said.append(f"{text if 'bigint' in text else f'cast({text} as integer)'} as {column}")
    return _over(people, **_days(moment, catalogue, people)).select(
        "select d.user_key,\n    " + ",\n    ".join(said) + "\nfrom days as d group by d.user_key", **params
    )


def kinds(moment: Moment, catalogue: Catalogue, people: Sql | None) -> Sql:
    """One row per user: how many kinds of activity there were."""
    lively = [kind for kind in catalogue.events.values() if kind.is_activity]
    is_lively, params = _of(lively, "lively", "f.event_key")
    return _over(people).select(
        f"select f.user_key, count(*) as n_kinds from user_first as f\n"
        f"where {is_lively} and f.first_us < $cutoff{_only(people, 'f.user_key')} group by f.user_key",
        cutoff=moment.us,
        **params,
    )


# Orders: the order rows ------------------------------------------------------------------------------

ORDERS = {
    "first_day": "cast(min(case when o.n_orders > 0 then o.day end) as integer)",
    "last_day": "cast(max(case when o.n_orders > 0 then o.day end) as integer)",
    "order_days": "cast(sum(case when o.n_orders > 0 then 1 else 0 end) as integer)",
    "orders": "cast(sum(o.n_orders) as integer)",
    "gross": "sum(o.gross)",
    "refunded": "sum(o.refunded)",
}


def orders(
    moment: Moment, people: Sql | None, columns: Collection[str], revenue: Collection[EventName]
) -> Sql:
    """One row per user with orders: the asked of `ORDERS`, and of ``orders_N`` and ``gross_N``."""
    said, params = [], {}
    for column in sorted(columns):
        text = ORDERS.get(column, "")
        if not text:
            what, _, window = column.rpartition("_")
            value = "o.n_orders" if what == "orders" else "o.gross"
            text = f"sum(case when o.day > $after_{window} then {value} else 0 end)"
            text = f"cast({text} as integer)" if what == "orders" else text
            params[f"after_{window}"] = moment.end_day - int(window)
        said.append(f"{text} as {column}")
    days = (
        "select o.user_key, o.day, o.n_orders, o.gross, o.refunded from user_orders as o\n"
        f"where o.day < $whole_before{_only(people, 'o.user_key')}"
    )
    bound: dict[str, object] = {"whole_before": moment.whole_before}
    if moment.has_part and revenue:
        is_revenue, more = _of(revenue, "revenue")
        days += (
            "\nunion all\nselect e.user_key, e.day, count(distinct e.occurred_us) as n_orders,\n"
            "    sum(coalesce(e.value, 0)) as gross, 0 as refunded\n"
            f"from events as e where {is_revenue} and e.day = $last_day and e.occurred_us < $cutoff\n"
            f"    and (e.value is null or e.value >= 0){_only(people, 'e.user_key')}\ngroup by e.user_key, e.day"
        )
        bound |= {**more, "last_day": moment.day, "cutoff": moment.us}
    return _over(people, order_days=Sql(days, bound)).select(
        "select o.user_key,\n    " + ",\n    ".join(said) + "\nfrom order_days as o group by o.user_key", **params
    )


def refunds(
    moment: Moment, people: Sql | None, revenue: Collection[EventName], refund: Collection[EventName]
) -> Sql:
    """One row per user with refunds before the cut-off: how much was paid back, from the events."""
    texts: list[str] = []
    params: dict[str, object] = {}
    if refund:
        text, more = _of(refund, "refund")
        texts.append(text)
        params |= more
    if revenue:
        text, more = _of(revenue, "revenue")
        texts.append(f"({text} and e.value < 0)")
        params |= more
    return _over(people).select(
        f"select e.user_key, sum(abs(coalesce(e.value, 0))) as refunded from events as e\n"
        f"where ({' or '.join(texts) or '1 = 0'}) and e.occurred_us < $cutoff{_only(people, 'e.user_key')}\n"
        "group by e.user_key",
        cutoff=moment.us,
        **params,
    )


def basket(
    moment: Moment, people: Sql | None, revenue: Collection[EventName], discount: PropertyName | None
) -> Sql:
    """One row per buyer: pieces, and purchases with a known and with a positive discount."""
    is_revenue, params = _of(revenue, "revenue")
    n_known, n_off = "0", "0"
    if discount is not None:
        none, more = any_of("v.value", "none", _spellings(UNDISCOUNTED))
        params |= {**more, "discount": discount.property_key}
        n_known = f"sum(case when e.{discount.column} is null then 0 else 1 end)"
        n_off = (
            f"sum(case when e.{discount.column} in (select v.value_key from property_values as v\n"
            f"        where v.property_key = $discount and not {none} and (v.number is null or v.number <> 0)) then 1 else 0 end)"
        )
    return _over(people).select(
        "select e.user_key, sum(coalesce(e.quantity, 1)) as pieces,\n"
        f"    cast({n_known} as integer) as n_known, cast({n_off} as integer) as n_off\n"
        f"from events as e where {is_revenue} and (e.value is null or e.value >= 0) and e.occurred_us < $cutoff"
        f"{_only(people, 'e.user_key')}\ngroup by e.user_key",
        cutoff=moment.us,
        **params,
    )


def items(moment: Moment, people: Sql | None, revenue: Collection[EventName]) -> Sql:
    """One row per buyer: different items, and different categories of those that have one."""
    of_events, params = _of(revenue, "revenue")
    of_lines, _ = _of(revenue, "revenue", "l.event_key")
    return _over(
        people,
        bought=Sql(
            f"select e.user_key, e.item_key from events as e\nwhere {of_events} and e.item_key is not null\n"
            f"    and (e.value is null or e.value >= 0) and e.occurred_us < $cutoff{_only(people, 'e.user_key')}\n"
            f"union\nselect l.user_key, l.item_key from order_lines as l\nwhere {of_lines} and l.item_key is not null\n"
            f"    and (l.quantity is null or l.quantity >= 0) and l.occurred_us < $cutoff{_only(people, 'l.user_key')}",
            {**params, "cutoff": moment.us},
        ),
    ).select(
        "select b.user_key, count(*) as n_items, count(distinct i.category) as n_categories\n"
        "from bought as b join items as i on i.item_key = b.item_key group by b.user_key"
    )


# What only the events tell ---------------------------------------------------------------------------


def seen(moment: Moment, catalogue: Catalogue, people: Sql | None) -> Sql:
    """One row per user: different items that activity names."""
    lively = [kind for kind in catalogue.events.values() if kind.is_activity]
    is_lively, params = _of(lively, "lively")
    return _over(
        people,
        named=Sql(
            f"select e.user_key, e.item_key from events as e\nwhere {is_lively} and e.item_key is not null"
            f" and e.occurred_us < $cutoff{_only(people, 'e.user_key')}\ngroup by e.user_key, e.item_key",
            {**params, "cutoff": moment.us},
        ),
    ).select("select n.user_key, count(*) as n_seen from named as n group by n.user_key")


def hours(moment: Moment, catalogue: Catalogue, people: Sql | None, first_us: int) -> Sql:
    """One row per user: activity by the local hour of the day, as sums on a circle, and at night."""
    lively = [kind for kind in catalogue.events.values() if kind.is_activity]
    is_lively, params = _of(lively, "lively")
    hour = sql_local_hour("e.occurred_us", catalogue.settings.timezone, min(first_us, moment.us), moment.us)
    return _over(
        people,
        local=Sql(
            f"select e.user_key, {hour} % 24 as h from events as e\nwhere {is_lively} and e.occurred_us < $cutoff"
            f"{_only(people, 'e.user_key')}",
            {**params, "cutoff": moment.us},
        ),
        by_hour=Sql("select l.user_key, l.h, count(*) as n from local as l group by l.user_key, l.h"),
    ).select(
        "select b.user_key, cast(sum(b.n) as bigint) as n,\n"
        f"    cast(sum(case when b.h >= {NIGHT_FROM} or b.h < {NIGHT_TO} then b.n else 0 end) as bigint) as n_night,\n"
        f"    cast(sum(b.n * {_around('b.h', 24, 'cos')}) as bigint) as hour_cos,\n"
        f"    cast(sum(b.n * {_around('b.h', 24, 'sin')}) as bigint) as hour_sin\n"
        "from by_hour as b group by b.user_key"
    )


def values(moment: Moment, catalogue: Catalogue, people: Sql | None, prop: PropertyName) -> Sql:
    """One row per user: how many different values activity named, and the first and the last of them.

    A value is told by its place in the alphabet among all values, which also settles a tie at one instant.
    """
    lively = [kind for kind in catalogue.events.values() if kind.is_activity]
    is_lively, params = _of(lively, "lively")
    return _over(
        people,
        ranked=Sql(
            "select v.value_key, row_number() over (order by v.value) as place\n"
            "from property_values as v where v.property_key = $property",
            {"property": prop.property_key},
        ),
        named=Sql(
            f"select e.user_key, e.{prop.column} as value_key, min(e.occurred_us) as first_us, max(e.occurred_us) as last_us\n"
            f"from events as e where {is_lively} and e.{prop.column} is not null and e.occurred_us < $cutoff"
            f"{_only(people, 'e.user_key')}\ngroup by e.user_key, e.{prop.column}",
            {**params, "cutoff": moment.us},
        ),
        placed=Sql(
            "select n.user_key, n.first_us, n.last_us, r.place,\n"
            "    row_number() over (partition by n.user_key order by n.first_us, r.place) as nth,\n"
            "    row_number() over (partition by n.user_key order by n.last_us desc, r.place) as nth_last\n"
            "from named as n join ranked as r on r.value_key = n.value_key"
        ),
    ).select(
        "select p.user_key, count(*) as n_values, max(case when p.nth = 1 then p.place else 0 end) as first_place,\n"
        "    max(case when p.nth_last = 1 then p.place else 0 end) as last_place\nfrom placed as p group by p.user_key"
    )


def value_texts(prop: PropertyName) -> Sql:
    """One row per value of a property, with its place in the alphabet."""
    return Sql(
        "select row_number() over (order by v.value) as place, v.value\n"
        "from property_values as v where v.property_key = $property",
        {"property": prop.property_key},
    )


def voices(moment: Moment, people: Sql | None, kinds: Collection[EventName], stars: PropertyName | None) -> Sql:
    """One row per user with events of some kinds: how many, and how many stars they give."""
    is_kind, params = _of(kinds, "kind")
    join, n_stars, total = "", "0", "0"
    if stars is not None:
        join = f"\nleft join property_values as v on v.property_key = $stars and v.value_key = e.{stars.column}"
        n_stars, total = "count(v.number)", "sum(v.number)"
        params["stars"] = stars.property_key
    return _over(people).select(
        f"select e.user_key, count(*) as n, {n_stars} as n_stars, {total} as stars from events as e{join}\n"
        f"where {is_kind} and e.occurred_us < $cutoff{_only(people, 'e.user_key')} group by e.user_key",
        cutoff=moment.us,
        **params,
    )


def written(moment: Moment, people: Sql | None, kinds: Collection[EventName]) -> Sql:
    """One row per user and text that events of some kinds carry: how often."""
    is_kind, params = _of(kinds, "kind")
    return _over(people).select(
        f"select e.user_key, e.text_key, count(*) as n from events as e\n"
        f"where {is_kind} and e.text_key is not null and e.occurred_us < $cutoff{_only(people, 'e.user_key')}\n"
        "group by e.user_key, e.text_key",
        cutoff=moment.us,
        **params,
    )


def texts(written: Sql) -> Sql:
    """One row per different text."""
    return Sql.ctes(written=written).select(
        "select t.text_key, t.text from texts as t where t.text_key in (select w.text_key from written as w)"
    )


def contacts(moment: Moment, people: Sql | None, kinds: Collection[EventName], arm: PropertyName | None) -> Sql:
    """One row per user whom a campaign wrote to: how often, and the last day."""
    is_kind, params = _of(kinds, "kind")
    is_sent = ""
    if arm is not None:
        control, more = any_of("v.value", "control", _spellings(NOT_CONTACTED))
        params |= {**more, "arm": arm.property_key}
        is_sent = (
            f"\n    and (e.{arm.column} is null or e.{arm.column} not in (select v.value_key from property_values as v\n"
            f"        where v.property_key = $arm and {control}))"
        )
    return _over(people).select(
        "select e.user_key, count(*) as n, cast(max(e.day) as integer) as last_day,\n"
        "    cast(sum(case when e.day > $after_30 then 1 else 0 end) as integer) as n_30\n"
        f"from events as e where {is_kind} and e.occurred_us < $cutoff{is_sent}{_only(people, 'e.user_key')}\n"
        "group by e.user_key",
        cutoff=moment.us,
        after_30=moment.end_day - 30,
        **params,
    )


def pseudonyms() -> Sql:
    """One row per user: the name that stands for them in files."""
    return Sql("select u.user_key, u.pseudonym from users as u")
