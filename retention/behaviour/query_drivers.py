"""Early behaviour against later activity, as portable SQL over the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.behaviour.spec_drivers import DriversSpec, DriverUsersSpec
from retention.cohorts.query import of_kind
from retention.periods import day_number, local_day
from retention.store.sql import Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

COUNTS, OPEN, GAP = 0, 1, 2
"""Why a user counts or is left out: see `users`."""


def users(population: Sql, spec: DriversSpec, catalogue: Catalogue) -> Sql:
    """One row per user of a population who started in the dates, with why the user counts or is left out."""
    clock = catalogue.require_clock()
    params: dict[str, object] = {"as_of_day": clock.as_of_day, "later_to": spec.to_day}
    dates = ["1 = 1"]
    for name, on, comparison in (("from_on", spec.from_on, ">="), ("to_on", spec.to_on, "<")):
        if on is not None:
            dates.append(f"p.start_day {comparison} ${name}")
            params[name] = day_number(on)
    gaps = []
    for i, (from_us, to_us) in enumerate(clock.gaps):
        gaps.append(f"(p.start_day <= $gap_last_{i} and p.start_day + $later_to >= $gap_first_{i})")
        params[f"gap_first_{i}"] = local_day(from_us, clock.timezone)
        params[f"gap_last_{i}"] = local_day(to_us - 1, clock.timezone)
    touches = f"\n        when {' or '.join(gaps)} then {GAP}" if gaps else ""
    return Sql.ctes(population=population).select(
        f"""
select p.user_key, p.start_us, p.start_day,
    case when p.start_day + $later_to >= $as_of_day then {OPEN}{touches} else {COUNTS} end as why
from population as p where {" and ".join(dates)}""",
        **params,
    )


def states(users: Sql) -> Sql:
    """One row per reason: how many users count, or are left out."""
    return Sql.ctes(users_asked=users).select(
        "select u.why, count(*) as n from users_asked as u group by u.why order by u.why"
    )


def judged(users: Sql) -> Sql:
    """One row per user who counts."""
    return Sql.ctes(users_asked=users).select(
        f"select u.user_key, u.start_us, u.start_day from users_asked as u where u.why = {COUNTS}"
    )


def done(judged: Sql, spec: DriversSpec, catalogue: Catalogue) -> Sql:
    """One row per user and kind of event in the early window: how often."""
    return Sql.ctes(judged=judged).select(
        """
select j.user_key, e.event_key, count(*) as n
from judged as j join events as e on e.user_key = j.user_key
where e.occurred_us >= j.start_us and e.occurred_us < $as_of and e.day < j.start_day + $first_days
group by j.user_key, e.event_key""",
        first_days=spec.first_days,
        as_of=catalogue.require_clock().as_of_us,
    )


def kept(judged: Sql, spec: DriversSpec, catalogue: Catalogue) -> Sql:
    """One row per user who was active in the later window."""
    is_return, returns = of_kind("e.event_key", "return", spec.returns)
    return Sql.ctes(judged=judged).select(
        f"""
select j.user_key
from judged as j join events as e on e.user_key = j.user_key
where e.day >= j.start_day + $later_from and e.day <= j.start_day + $later_to and e.occurred_us < $as_of
    and {is_return}
group by j.user_key""",
        later_from=spec.from_day,
        later_to=spec.to_day,
        as_of=catalogue.require_clock().as_of_us,
        **returns,
    )


def totals(judged: Sql, kept: Sql) -> Sql:
    """One row: how many users count, and how many of them were active later."""
    return Sql.ctes(judged=judged, kept=kept).select(
        """
select count(*) as n_users, sum(case when k.user_key is null then 0 else 1 end) as n_retained
from judged as j left join kept as k on k.user_key = j.user_key"""
    )


def tables(done: Sql, kept: Sql, spec: DriversSpec) -> Sql:
    """One row per kind of event and how often it was done (the most one asks for stands for more): users, retained."""
    return Sql.ctes(
        done=done,
        kept=kept,
        capped=Sql(
            "select d.user_key, d.event_key, least(d.n, $n_most) as times from done as d", {"n_most": spec.n_most}
        ),
    ).select(
        """
select c.event_key, c.times, count(*) as n_users, sum(case when k.user_key is null then 0 else 1 end) as n_retained
from capped as c left join kept as k on k.user_key = c.user_key
group by c.event_key, c.times"""
    )


def members(judged: Sql, done: Sql, kept: Sql, cell: DriverUsersSpec, event_key: int) -> Sql:
    """One row per user who did, or did not do, something so often."""
    did = Sql.ctes(done=done).select(
        "select d.user_key from done as d where d.event_key = $driver and d.n >= $at_least",
        driver=event_key,
        at_least=cell.n,
    )
    conditions = [f"d.user_key is {'not ' if cell.has_done else ''}null"]
    if cell.is_retained is not None:
        conditions.append(f"k.user_key is {'not ' if cell.is_retained else ''}null")
    return Sql.ctes(judged=judged, kept=kept, did=did).select(
        f"""
select j.user_key from judged as j
left join did as d on d.user_key = j.user_key
left join kept as k on k.user_key = j.user_key
where {" and ".join(conditions)}"""
    )
