"""How long users stayed from a cut-off on, as portable SQL."""

from __future__ import annotations

from retention.store.sql import NO_DAY, Sql


def lives(days: Sql, population: Sql | None, at_day: int, until_day: int, lookback_days: int, window: int) -> Sql:
    """One row per user who was active in the look-back: user_key, before_day, lapsed_day, last_day.

    `before_day` is the last active day before the cut-off; `lapsed_day` the last active day before the first silence of
    `window` days that an activity from the cut-off on ended, null where there is none; `last_day` the last active day.

    Parameters
    ----------
    days : Sql
        One row per user and local day with an event that keeps the user.
    population : Sql or None
        Who is asked about; None for everybody.
    at_day : int
        The cut-off: users are followed from the beginning of this day.
    until_day : int
        Days from this one on are not known.
    """
    who = "" if population is None else "\njoin population as p on p.user_key = d.user_key"
    parts = {"days": days} if population is None else {"days": days, "population": population}
    stays = Sql(
        f"""select d.user_key, d.day, lag(d.day, 1, {NO_DAY}) over (partition by d.user_key order by d.day) as prev_day
from days as d{who}
where d.day >= $seen_from and d.day < $until""",
        {"seen_from": at_day - lookback_days, "until": until_day},
    )
    return Sql.ctes(**parts, stays=stays).select(
        f"""
select s.user_key, max(case when s.day < $at then s.day else null end) as before_day,
    min(case when s.day >= $at and s.prev_day > {NO_DAY} and s.day - s.prev_day >= $window then s.prev_day else null end)
        as lapsed_day,
    max(s.day) as last_day
from stays as s
group by s.user_key
having min(s.day) < $at""",
        at=at_day,
        window=window,
    )
