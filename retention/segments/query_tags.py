"""Questions about tags: which there are, and who has them. The latest count of each is meant."""

from __future__ import annotations

from retention.store.sql import Sql


def latest_counts() -> Sql:
    """One row per label: the latest moment as of which users were counted, and how many moments there are."""
    return Sql(
        "select m.property_key, max(m.cutoff_us) as cutoff_us, count(*) as n_labellings"
        " from labellings as m group by m.property_key"
    )


def saved_tags() -> Sql:
    """One row per tag, by name, with its latest count."""
    return Sql.ctes(latest=latest_counts()).select(
        """
select t.property_key, a.name as label, t.name, t.rule, t.saved_us, g.cutoff_us, g.data_version, g.n_users,
    l.n_labellings, count(u.user_key) as n
from tags as t
join labels as a on a.property_key = t.property_key
join latest as l on l.property_key = t.property_key
join labellings as g on g.property_key = t.property_key and g.cutoff_us = l.cutoff_us
left join user_labels as u on u.property_key = t.property_key and u.cutoff_us = l.cutoff_us
group by t.property_key, a.name, t.name, t.rule, t.saved_us, g.cutoff_us, g.data_version, g.n_users, l.n_labellings
order by t.name"""
    )


def tag(property_key: int) -> Sql:
    """One row where there is such a tag: its name and its rule."""
    return Sql("select t.name, t.rule from tags as t where t.property_key = $tag", {"tag": property_key})


def _held() -> Sql:
    """One row per tag and user who has it."""
    return Sql.ctes(latest=latest_counts()).select(
        """
select u.property_key, u.user_key
from user_labels as u
join tags as t on t.property_key = u.property_key
join latest as l on l.property_key = u.property_key and l.cutoff_us = u.cutoff_us"""
    )


def overlaps() -> Sql:
    """One row per two tags that a user has at once, each with itself, too: how many users."""
    return Sql.ctes(held=_held()).select(
        """
select a.name as one, b.name as other, count(*) as n
from held as h
join held as k on k.user_key = h.user_key
join labels as a on a.property_key = h.property_key
join labels as b on b.property_key = k.property_key
group by a.name, b.name"""
    )


def users_by_count() -> Sql:
    """One row per number of tags that a user has: how many users have so many."""
    return Sql.ctes(
        held=_held(),
        per_user=Sql("select h.user_key, count(*) as n_tags from held as h group by h.user_key"),
    ).select("select p.n_tags, count(*) as n_users from per_user as p group by p.n_tags order by p.n_tags")


def value_counts() -> Sql:
    """One row per value of a label that is no tag, with its latest count."""
    return Sql.ctes(latest=latest_counts()).select(
        """
select a.name as label, v.value_key, v.value, g.cutoff_us, g.n_users, count(u.user_key) as n
from labels as a
join latest as l on l.property_key = a.property_key
join labellings as g on g.property_key = a.property_key and g.cutoff_us = l.cutoff_us
join property_values as v on v.property_key = a.property_key
left join user_labels as u
    on u.property_key = a.property_key and u.cutoff_us = l.cutoff_us and u.value_key = v.value_key
where a.property_key not in (select t.property_key from tags as t)
group by a.name, v.value_key, v.value, g.cutoff_us, g.n_users
order by a.name, v.value_key"""
    )


def value_of(property_key: int, value: str) -> Sql:
    """One row where a label has such a value: its number."""
    return Sql(
        "select v.value_key from property_values as v where v.property_key = $label_key and v.value = $value",
        {"label_key": property_key, "value": value},
    )


def holders(labelled: Sql, value_key: int) -> Sql:
    """One row per user who has a value of a label."""
    return Sql.ctes(labelled=labelled).select(
        "select l.user_key from labelled as l where l.value_key = $value_key", value_key=value_key
    )
