"""Questions about one user, as portable SQL. Only what happened before the data's watermark is counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retention.features.query import NOT_CONTACTED
from retention.store.sql import Sql, any_of

if TYPE_CHECKING:
    from retention.store.catalogue import EventName, PropertyName

AFTER_HEX = "g"
"""The letter after the last that a pseudonym is made of."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whose events are meant, and before which instant."""

    user_key: int
    as_of_us: int

    @property
    def params(self) -> dict[str, object]:
        """The values that every text here is bound to."""
        return {"user": self.user_key, "as_of": self.as_of_us}


# Finding a user --------------------------------------------------------------------------------------


def by_pseudonym(start: str) -> Sql:
    """One row: how many users' pseudonyms begin so, and the first of them."""
    return Sql(
        "select count(*) as n, min(u.pseudonym) as pseudonym from users as u"
        " where u.pseudonym >= $start and u.pseudonym < $after",
        {"start": start, "after": start + AFTER_HEX},
    )


def by_file_id(user_id: str) -> Sql:
    """One row where a user has this id in the file: the pseudonym."""
    return Sql(
        "select u.pseudonym from identities as i join users as u on u.user_key = i.user_key where i.user_id = $user_id",
        {"user_id": user_id},
    )


def key_of(pseudonym: str) -> Sql:
    """One row: the key of a user."""
    return Sql("select u.user_key from users as u where u.pseudonym = $pseudonym", {"pseudonym": pseudonym})


def latest_users(as_of_us: int, limit: int) -> Sql:
    """One row per user, the most recently seen first."""
    return Sql(
        "select u.pseudonym, u.first_us, u.last_us, u.n_events from users as u"
        " where u.last_us < $as_of order by u.last_us desc, u.user_key limit $limit",
        {"as_of": as_of_us, "limit": limit},
    )


# What a user did -------------------------------------------------------------------------------------


def days(person: Person) -> Sql:
    """One row per local day and kind of event: how often, and the first and last instant."""
    return Sql(
        """select e.day, n.event, n.is_activity, count(*) as n, min(e.occurred_us) as first_us, max(e.occurred_us) as last_us
from events as e join event_names as n on n.event_key = e.event_key
where e.user_key = $user and e.occurred_us < $as_of
group by e.day, n.event, n.is_activity order by e.day, n.event""",
        person.params,
    )


def later(person: Person) -> Sql:
    """One row: how many events lie at or after the watermark, where nothing is counted yet."""
    return Sql("select count(*) as n from events as e where e.user_key = $user and e.occurred_us >= $as_of", person.params)


def latest(person: Person, limit: int | None) -> Sql:
    """One row per event, the newest first."""
    return Sql(
        """select e.occurred_us, n.event, e.value, e.quantity, t.item, t.name as item_name, t.category, x.text
from events as e
join event_names as n on n.event_key = e.event_key
left join items as t on t.item_key = e.item_key
left join texts as x on x.text_key = e.text_key
where e.user_key = $user and e.occurred_us < $as_of
order by e.occurred_us desc, e.row_hash"""
        + ("" if limit is None else " limit $limit"),
        {**person.params, **({} if limit is None else {"limit": limit})},
    )


def orders(person: Person) -> Sql:
    """One row per local day with an order or with a refund that has none: orders, gross, refunded."""
    return Sql(
        "select o.day, o.n_orders, o.gross, o.refunded from user_orders as o where o.user_key = $user order by o.day",
        {"user": person.user_key},
    )


def items(person: Person, lively: Collection[EventName], revenue: Collection[EventName]) -> Sql:
    """One row per item that activity names: how often, how often bought, and when last."""
    is_lively, params = _of(lively, "lively")
    is_bought, more = _of(revenue, "revenue")
    is_line, _ = _of(revenue, "revenue", "l.event_key")
    return Sql.ctes(
        touched=Sql(
            f"""select e.item_key, e.occurred_us, case when {is_bought} then 1 else 0 end as is_bought
from events as e
where e.user_key = $user and e.occurred_us < $as_of and {is_lively} and e.item_key is not null
    and (e.value is null or e.value >= 0)
union all
select l.item_key, l.occurred_us, 1 as is_bought from order_lines as l
where l.user_key = $user and l.occurred_us < $as_of and {is_line} and l.item_key is not null
    and (l.quantity is null or l.quantity >= 0)""",
            {**person.params, **params, **more},
        )
    ).select(
        """
select i.item, i.name, i.category, count(*) as n, cast(sum(t.is_bought) as bigint) as n_bought,
    max(t.occurred_us) as last_us
from touched as t join items as i on i.item_key = t.item_key
group by i.item, i.name, i.category order by n_bought desc, n desc, i.item"""
    )


def attributes(person: Person, properties: Sequence[PropertyName], lively: Collection[EventName]) -> Sql:
    """One row per property and value that activity names: the first and the last instant."""
    is_lively, params = _of(lively, "lively")
    texts = []
    for i, prop in enumerate(properties):
        params[f"property_{i}"] = prop.property_key
        texts.append(
            f"select v.value, $property_{i} as property_key, min(e.occurred_us) as first_us, max(e.occurred_us) as last_us\n"
            f"from events as e join property_values as v on v.property_key = $property_{i} and v.value_key = e.{prop.column}\n"
            f"where e.user_key = $user and e.occurred_us < $as_of and {is_lively} group by v.value"
        )
    return Sql("\nunion all\n".join(texts), {**person.params, **params})


def no_attributes() -> Sql:
    """No row: what `attributes` gives of a store without properties."""
    return Sql(
        "select v.value, v.property_key, v.value_key as first_us, v.value_key as last_us"
        " from property_values as v where 1 = 0"
    )


# What a user said, and was told ----------------------------------------------------------------------


def searches(person: Person, kinds: Collection[EventName]) -> Sql:
    """One row per text that was searched for: how often, and when last."""
    is_kind, params = _of(kinds, "kind")
    return Sql(
        f"""select x.text, count(*) as n, max(e.occurred_us) as last_us
from events as e join texts as x on x.text_key = e.text_key
where e.user_key = $user and e.occurred_us < $as_of and {is_kind}
group by x.text order by n desc, last_us desc, x.text""",
        {**person.params, **params},
    )


def reviews(person: Person, kinds: Collection[EventName], stars: PropertyName | None) -> Sql:
    """One row per review, the newest first: the stars and the text, where there are any."""
    is_kind, params = _of(kinds, "kind")
    given, join = "null", ""
    if stars is not None:
        given, params["stars"] = "v.value", stars.property_key
        join = f"\nleft join property_values as v on v.property_key = $stars and v.value_key = e.{stars.column}"
    return Sql(
        f"""select e.occurred_us, t.item, t.name as item_name, {given} as stars, x.text
from events as e
left join items as t on t.item_key = e.item_key
left join texts as x on x.text_key = e.text_key{join}
where e.user_key = $user and e.occurred_us < $as_of and {is_kind}
order by e.occurred_us desc, e.row_hash""",
        {**person.params, **params},
    )


def contacts(
    person: Person, kinds: Collection[EventName], campaign: PropertyName | None, arm: PropertyName | None
) -> Sql:
    """One row per contact by a campaign, the newest first; `is_sent` is 0 in a control group, which got nothing."""
    is_kind, params = _of(kinds, "kind")
    columns, joins, is_sent = {"campaign": "null", "arm": "null"}, "", "1"
    for name, prop in (("campaign", campaign), ("arm", arm)):
        if prop is not None:
            columns[name] = f"{name}s.value"
            params[name] = prop.property_key
            joins += (
                f"\nleft join property_values as {name}s"
                f" on {name}s.property_key = ${name} and {name}s.value_key = e.{prop.column}"
            )
    if arm is not None:
        spelt = sorted({text for word in NOT_CONTACTED for text in (word, word.upper(), word.capitalize())})
        is_control, more = any_of("arms.value", "control", spelt)
        params |= more
        is_sent = f"case when {is_control} then 0 else 1 end"
    return Sql(
        f"""select e.occurred_us, n.event, {columns["campaign"]} as campaign, {columns["arm"]} as arm, {is_sent} as is_sent
from events as e
join event_names as n on n.event_key = e.event_key{joins}
where e.user_key = $user and e.occurred_us < $as_of and {is_kind}
order by e.occurred_us desc, e.row_hash""",
        {**person.params, **params},
    )


# What was learned of a user --------------------------------------------------------------------------


def labels(user_key: int) -> Sql:
    """One row per label and moment at which users were labelled: the user's value, or null where they had none."""
    return Sql(
        """select a.name, g.cutoff_us, g.n_users, v.value
from labels as a
join labellings as g on g.property_key = a.property_key
left join user_labels as u on u.property_key = g.property_key and u.cutoff_us = g.cutoff_us and u.user_key = $user
left join property_values as v on v.property_key = u.property_key and v.value_key = u.value_key
order by a.name, g.cutoff_us""",
        {"user": user_key},
    )


def _of(kinds: Collection[EventName], name: str, column: str = "e.event_key") -> tuple[str, dict[str, object]]:
    """Write that an event is one of some kinds; none is never."""
    if not kinds:
        return "1 = 0", {}
    return any_of(column, name, sorted(kind.event_key for kind in kinds))
