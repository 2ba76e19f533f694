"""What messages fill in: favourites, and what goes well in a segment, as portable SQL. Only what came before the watermark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from retention.audiences.query_lists import apart
from retention.store.sql import ACTIVITY_BIT, Sql, any_of

if TYPE_CHECKING:
    from retention.store.catalogue import EventName

MOST_CANDIDATES = 10
"""So many of a segment's items are tried for a user, who may have bought the first ones already."""


def these(user_keys: Sequence[int]) -> Sql:
    """One row per user of a few."""
    is_one, params = any_of("u.user_key", "user", list(user_keys))
    return Sql(f"select u.user_key from users as u where {is_one}", params)


def shown(members: Sql, limit: int) -> Sql:
    """One row per user of a few of a list, in the order of the pseudonyms, which is as good as by lot."""
    return Sql.ctes(listed=apart(members, "listed")).select(
        """
select u.user_key, u.pseudonym from users as u join listed as m on m.user_key = u.user_key
order by u.pseudonym limit $n_shown""",
        n_shown=limit,
    )


def last_days(members: Sql, as_of_day: int) -> Sql:
    """One row per member with activity on a whole day: the last such day."""
    return Sql.ctes(listed=apart(members, "listed")).select(
        """
select d.user_key, max(d.day) as last_day
from user_day as d join listed as m on m.user_key = d.user_key
where d.day < $as_of_day and d.ev_mask & $active <> 0
group by d.user_key""",
        as_of_day=as_of_day,
        active=1 << ACTIVITY_BIT,
    )


def _of(kinds: Collection[EventName], name: str, column: str) -> tuple[str, dict[str, object]]:
    """Write that an event is one of some kinds; none is never."""
    if not kinds:
        return "1 = 0", {}
    return any_of(column, name, sorted(kind.event_key for kind in kinds))


def touched(lively: Collection[EventName], revenue: Collection[EventName], as_of_us: int) -> Sql:
    """One row per user and item that activity names: how often, how often bought, and when last; refunds are neither."""
    is_lively, params = _of(lively, "lively", "e.event_key")
    is_bought, more = _of(revenue, "revenue", "e.event_key")
    is_line, _ = _of(revenue, "revenue", "l.event_key")
    return Sql.ctes(
        touches=Sql(
            f"""select e.user_key, e.item_key, e.occurred_us, case when {is_bought} then 1 else 0 end as is_bought
from events as e
where e.occurred_us < $as_of and {is_lively} and e.item_key is not null and (e.value is null or e.value >= 0)
union all
select l.user_key, l.item_key, l.occurred_us, 1 as is_bought from order_lines as l
where l.occurred_us < $as_of and {is_line} and l.item_key is not null and (l.quantity is null or l.quantity >= 0)""",
            {**params, **more, "as_of": as_of_us},
        )
    ).select(
        """
select t.user_key, t.item_key, count(*) as n, cast(sum(t.is_bought) as bigint) as n_bought, max(t.occurred_us) as last_us
from touches as t group by t.user_key, t.item_key"""
    )


def favourites(members: Sql, touched: Sql, labelled: Sql | None) -> Sql:
    """One row per member: the favourite item and category, and what goes well in the segment; null where not known.

    Parameters
    ----------
    touched : Sql
        See `touched`; of all users, for others say what goes well.
    labelled : Sql, optional
        The segment of each user, value_key; without, all users are one.

    Notes
    -----
    The favourite is what was bought most, then named most, then named last. What goes well is the item that most users of
    the segment bought, then named, and that the user has not bought and is not the user's favourite.
    """
    segments = Sql("select u.user_key, 0 as value_key from users as u where 1 = 0") if labelled is None else labelled
    return Sql.ctes(
        listed=apart(members, "listed"),
        touched=touched,
        labelled=segments,
        own=Sql(
            """select t.user_key, t.item_key, t.n, t.n_bought, t.last_us, i.item, coalesce(i.name, i.item) as said, i.category
from touched as t join items as i on i.item_key = t.item_key join listed as m on m.user_key = t.user_key"""
        ),
        ranked_items=Sql(
            """select o.user_key, o.item_key, o.said,
    row_number() over (partition by o.user_key order by o.n_bought desc, o.n desc, o.last_us desc, o.item) as nth
from own as o"""
        ),
        own_categories=Sql(
            """select o.user_key, o.category, sum(o.n_bought) as n_bought, sum(o.n) as n, max(o.last_us) as last_us
from own as o where o.category is not null group by o.user_key, o.category"""
        ),
        ranked_categories=Sql(
            """select c.user_key, c.category,
    row_number() over (partition by c.user_key order by c.n_bought desc, c.n desc, c.last_us desc, c.category) as nth
from own_categories as c"""
        ),
        liked=Sql(
            """select coalesce(l.value_key, 0) as value_key, t.item_key,
    sum(case when t.n_bought > 0 then 1 else 0 end) as n_buyers, count(*) as n_users
from touched as t left join labelled as l on l.user_key = t.user_key
group by coalesce(l.value_key, 0), t.item_key"""
        ),
        candidates=Sql(
            """select k.value_key, k.item_key, k.said, k.place from (
    select w.value_key, w.item_key, coalesce(i.name, i.item) as said,
        row_number() over (partition by w.value_key order by w.n_buyers desc, w.n_users desc, i.item) as place
    from liked as w join items as i on i.item_key = w.item_key
) as k where k.place <= $most_candidates""",
            {"most_candidates": MOST_CANDIDATES},
        ),
        offered=Sql(
            """select m.user_key, c.said,
    row_number() over (partition by m.user_key order by c.place) as nth
from listed as m
left join labelled as l on l.user_key = m.user_key
join candidates as c on c.value_key = coalesce(l.value_key, 0)
left join own as o on o.user_key = m.user_key and o.item_key = c.item_key
left join ranked_items as f on f.user_key = m.user_key and f.item_key = c.item_key and f.nth = 1
where coalesce(o.n_bought, 0) = 0 and f.user_key is null"""
        ),
    ).select(
        """
select m.user_key, f.said as favourite_item, c.category as favourite_category, s.said as segment_item
from listed as m
left join ranked_items as f on f.user_key = m.user_key and f.nth = 1
left join ranked_categories as c on c.user_key = m.user_key and c.nth = 1
left join offered as s on s.user_key = m.user_key and s.nth = 1
order by m.user_key"""
    )
