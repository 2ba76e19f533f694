"""Who is at risk, in order, and what is known of them, as portable SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from retention.churn.spec_list import AtRiskSpec
from retention.store.sql import ACTIVITY_BIT, Sql, any_of

if TYPE_CHECKING:
    from retention.store.catalogue import EventName, PropertyName

DAY_US = 86_400_000_000


def _of(kinds: Collection[EventName], name: str) -> tuple[str, dict[str, object]]:
    """Write that an event is one of some kinds; none is never."""
    if not kinds:
        return "1 = 0", {}
    return any_of("e.event_key", name, sorted(kind.event_key for kind in kinds))


def scoring(scoring_key: int) -> Sql:
    """One row where there is such a scoring: its cut-off and its tiers."""
    return Sql(
        "select s.version, s.cutoff_day, s.cutoff_us, s.high, s.medium, s.n_users from scorings as s"
        " where s.scoring_key = $scoring",
        {"scoring": scoring_key},
    )


def probabilities(scoring_key: int) -> Sql:
    """One row per scored user, whoever passes the filters."""
    return Sql("select s.probability from user_scores as s where s.scoring_key = $scoring", {"scoring": scoring_key})


def held_back(version: int) -> Sql:
    """One row per user of the cut-off that judged a model: whether the user lapsed, and what the model had said."""
    return Sql(
        "select h.lapsed, h.probability from held_back_scores as h where h.version = $version", {"version": version}
    )


def sent_only(arm: PropertyName | None, controls: Sequence[str]) -> tuple[str, dict[str, object]]:
    """Write the further condition on ``events as e`` that a contact was none of a control group, which got nothing."""
    if arm is None:
        return "", {}
    is_control, params = any_of("v.value", "control", controls)
    return (
        f"\n    and (e.{arm.column} is null or e.{arm.column} not in (select v.value_key from property_values as v\n"
        f"        where v.property_key = $arm and {is_control}))",
        {**params, "arm": arm.property_key},
    )


def contacted(
    kinds: Collection[EventName], arm: PropertyName | None, controls: Sequence[str], as_of_us: int, days: int
) -> Sql:
    """One row per user whom a campaign wrote to within so many days; a control group got nothing."""
    is_kind, params = _of(kinds, "contact")
    is_sent, of_arm = sent_only(arm, controls)
    return Sql(
        f"""select e.user_key from events as e
where {is_kind} and e.occurred_us < $as_of and e.occurred_us >= $contacted_since{is_sent}
group by e.user_key""",
        {**params, **of_arm, "as_of": as_of_us, "contacted_since": as_of_us - days * DAY_US},
    )


def saying(prop: PropertyName, values: Sequence[str], name: str, as_of_us: int) -> Sql:
    """One row per user whose latest value of a property is one of some."""
    is_value, params = any_of("v.value", name, values)
    return Sql(
        f"""select o.user_key from (
    select e.user_key, e.{prop.column} as value_key,
        row_number() over (partition by e.user_key order by e.occurred_us desc, e.row_hash desc) as nth
    from events as e where e.{prop.column} is not null and e.occurred_us < $as_of
) as o
where o.nth = 1 and o.value_key in (
    select v.value_key from property_values as v where v.property_key = ${name} and {is_value}
)""",
        {**params, name: prop.property_key, "as_of": as_of_us},
    )


def gone(left: Collection[EventName], came_back: Collection[EventName], as_of_us: int) -> Sql:
    """One row per user who took the permission back, and has not given it again since."""
    is_left, params = _of(left, "left")
    is_back, more = _of(came_back, "back")
    return Sql(
        f"""select w.user_key from (
    select e.user_key, max(case when {is_left} then e.occurred_us else -1 end) as left_us,
        max(case when {is_back} then e.occurred_us else -1 end) as back_us
    from events as e where e.occurred_us < $as_of and ({is_left} or {is_back})
    group by e.user_key
) as w
where w.left_us >= w.back_us""",
        {**params, **more, "as_of": as_of_us},
    )


def ranked(spec: AtRiskSpec, *, population: Sql | None, only: Sequence[Sql] = (), without: Sequence[Sql] = ()) -> Sql:
    """One row per scored user who passes the filters, the riskiest first: user_key, probability, value.

    The slider, the count, the list, the audience and the file share it.

    Parameters
    ----------
    population : Sql, optional
        Users who satisfy the conditions on attributes.
    only, without : sequence of Sql
        Users who must, or must not, be among those of each.
    """
    parts: dict[str, Sql] = {}
    texts = ["s.scoring_key = $scoring"]
    params: dict[str, object] = {"scoring": spec.scoring_key}
    join = ""
    if population is not None:
        parts["population"] = population
        join = "\njoin population as p on p.user_key = s.user_key"
    for word, several in (("in", only), ("not in", without)):
        for number, part in enumerate(several):
            name = f"{'only' if word == 'in' else 'without'}_{number}"
            parts[name] = part
            texts.append(f"s.user_key {word} (select x.user_key from {name} as x)")
    for field, value, text in (
        ("min_value", spec.min_value, "s.value >= $min_value"),
        ("threshold", spec.threshold, "s.probability >= $threshold"),
    ):
        if value is not None:
            texts.append(text)
            params[field] = value
    end = ""
    if spec.n is not None:
        end, params["n_riskiest"] = " limit $n_riskiest", spec.n
    conditions = " and ".join(texts)
    return Sql.ctes(**parts).select(
        f"""
select s.user_key, s.probability, s.value
from user_scores as s{join}
where {conditions}
order by s.probability desc, s.user_key{end}""",
        **params,
    )


def keys(ranked: Sql) -> Sql:
    """One row per user of the list."""
    return Sql.ctes(at_risk=ranked).select("select r.user_key from at_risk as r")


def count(ranked: Sql) -> Sql:
    """One row: how many users."""
    return Sql.ctes(at_risk=ranked).select("select count(*) as n from at_risk as r")


def rows(ranked: Sql, cutoff_day: int, labels: Sequence[PropertyName], limit: int | None) -> Sql:
    """One row per user of the list, the riskiest first, with what is known of them and the value of each label.

    Columns: user_key, pseudonym, probability, value, last_day (before the cut-off), first_us, last_us, n_events, and
    label_0, label_1 … in the order of `labels`.
    """
    texts = joins = ""
    params: dict[str, object] = {"cutoff_day": cutoff_day, "active": 1 << ACTIVITY_BIT}
    for number, label in enumerate(labels):
        texts += f", v_{number}.value as label_{number}"
        joins += (
            f"\nleft join user_labels as l_{number} on l_{number}.user_key = s.user_key"
            f" and l_{number}.property_key = $label_{number} and l_{number}.cutoff_us = $label_{number}_us"
            f"\nleft join property_values as v_{number} on v_{number}.property_key = l_{number}.property_key"
            f" and v_{number}.value_key = l_{number}.value_key"
        )
        params |= {f"label_{number}": label.property_key, f"label_{number}_us": label.cutoff_us}
    end = ""
    if limit is not None:
        end, params["n_shown"] = " limit $n_shown", limit
    return Sql.ctes(
        at_risk=ranked,
        shown=Sql(
            f"select r.user_key, r.probability, r.value from at_risk as r order by r.probability desc, r.user_key{end}"
        ),
        last_days=Sql(
            """select d.user_key, max(d.day) as last_day from user_day as d
where d.day < $cutoff_day and d.ev_mask & $active <> 0 and d.user_key in (select s.user_key from shown as s)
group by d.user_key"""
        ),
    ).select(
        f"""
select s.user_key, u.pseudonym, s.probability, s.value, d.last_day, u.first_us, u.last_us, u.n_events{texts}
from shown as s
join users as u on u.user_key = s.user_key
left join last_days as d on d.user_key = s.user_key{joins}
order by s.probability desc, s.user_key""",
        **params,
    )
