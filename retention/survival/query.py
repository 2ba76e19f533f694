"""Lives as SQL over the events: portable texts, each a value; nothing is run here.

Days are local days, whole numbers. A life begins on the day of the start; its duration is the number of days from
there to the last activity before the silence that ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.query import of_kind
from retention.periods import day_number, sql_period
from retention.store.sql import Sql
from retention.survival.spec import FIRST_EVENT, FIRST_MONTH, ReconcileSpec, SurvivalListSpec, SurvivalSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

ALL_OF_THE_PAST = -(2**31) + 1
FOLLOWED, LEFT_OUT, GONE_BEFORE = 0, 1, 2
"""What a life is for the curve: followed; started too late to be judged; over before the follow-up began."""


def window_days(spec: SurvivalSpec, catalogue: Catalogue) -> int:
    """Return the days of silence that count as a lapse."""
    return spec.window or int(catalogue.settings.churn_window)


def people(population: Sql, spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """One row per user: user_key, start_day, grp (of a breakdown that is no property, too)."""
    if spec.by == FIRST_MONTH:
        month = sql_period("p.start_day", "month", catalogue.settings.week_start)
        return Sql.ctes(population=population).select(
            f"select p.user_key, p.start_day, {month} as grp from population as p"
        )
    if spec.by == FIRST_EVENT:
        return Sql.ctes(population=population).select(
            """
select p.user_key, p.start_day, f.first_event_key as grp
from population as p left join user_first as f on f.user_key = p.user_key and f.event_key = 0"""
        )
    return Sql.ctes(population=population).select("select p.user_key, p.start_day, p.grp from population as p")


def later_days(people: Sql, spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """One row per user and later day with a qualifying event: user_key, start_day, day, prev_day."""
    is_sign, params = of_kind("e.event_key", "sign", spec.events)
    return Sql.ctes(
        people=people,
        signs=Sql(
            f"""select p.user_key, p.start_day, e.day
from people as p join events as e on e.user_key = p.user_key
where {is_sign} and e.occurred_us < $as_of and e.day > p.start_day
group by p.user_key, p.start_day, e.day""",
            {**params, "as_of": catalogue.require_clock().as_of_us},
        ),
    ).select(
        """
select s.user_key, s.start_day, s.day,
    lag(s.day, 1, s.start_day) over (partition by s.user_key order by s.day) as prev_day
from signs as s"""
    )


def lives(people: Sql, later_days: Sql, spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """One row per user: user_key, grp, start_day, end_day (of the last activity before the silence that counts)."""
    ends = "coalesce(l.last_day, p.start_day)"
    if spec.ends == "first lapse":
        ends = f"coalesce(l.lapsed_day, {ends})"
    return Sql.ctes(
        people=people,
        later_days=later_days,
        last_days=Sql(
            """select d.user_key, max(d.day) as last_day,
    min(case when d.day - d.prev_day >= $window then d.prev_day end) as lapsed_day
from later_days as d group by d.user_key""",
            {"window": window_days(spec, catalogue)},
        ),
    ).select(
        f"""
select p.user_key, p.grp, p.start_day, {ends} as end_day
from people as p left join last_days as l on l.user_key = p.user_key"""
    )


def durations(lives: Sql, spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """One row per user: user_key, grp, entry_age, duration (days), is_observed, status, end_day.

    Notes
    -----
    A silence is known to have lasted `window` days only if it began by ``as_of − window``; whoever was active
    later is censored there, the last moment at which everybody's status is known.
    """
    return Sql.ctes(
        lives=lives,
        measured=Sql(
            """select l.user_key, l.grp, l.start_day, l.end_day,
    case when l.start_day < $entry_day then $entry_day - l.start_day else 0 end as entry_age,
    least(l.end_day, $last_known) - l.start_day as duration,
    case when l.end_day <= $last_known then 1 else 0 end as is_observed
from lives as l""",
            {
                "last_known": catalogue.require_clock().as_of_day - window_days(spec, catalogue),
                "entry_day": ALL_OF_THE_PAST if spec.entry_on is None else day_number(spec.entry_on),
            },
        ),
    ).select(
        f"""
select m.user_key, m.grp, m.entry_age, m.duration, m.is_observed, m.end_day,
    case when m.start_day > $last_known then {LEFT_OUT}
        when m.duration < m.entry_age then {GONE_BEFORE} else {FOLLOWED} end as status
from measured as m"""
    )


def histogram(durations: Sql) -> Sql:
    """One row per group, status, age at entry, duration and outcome: how many users. All that a curve needs."""
    return Sql.ctes(durations=durations).select(
        f"""
select d.grp, d.status,
    case when d.status = {FOLLOWED} then d.entry_age else 0 end as entry_day,
    case when d.status = {FOLLOWED} then d.duration else 0 end as age,
    case when d.status = {FOLLOWED} then d.is_observed else 0 end as is_lapsed,
    count(*) as n
from durations as d
group by d.grp, d.status,
    case when d.status = {FOLLOWED} then d.entry_age else 0 end,
    case when d.status = {FOLLOWED} then d.duration else 0 end,
    case when d.status = {FOLLOWED} then d.is_observed else 0 end"""
    )


def silences_over(durations: Sql, window: int, gaps: tuple[tuple[int, int], ...]) -> Sql:
    """One row: how many observed lapses rest on a silence that overlaps one of the stretches of days ``[from, to)``."""
    overlaps = " or ".join(
        f"(d.end_day + 1 < $gap_to_{i} and d.end_day + $silence > $gap_from_{i})" for i in range(len(gaps))
    )
    bounds = {
        f"gap_{side}_{i}": day for i, gap in enumerate(gaps) for side, day in zip(("from", "to"), gap, strict=True)
    }
    return Sql.ctes(durations=durations).select(
        f"""
select count(*) as n from durations as d
where d.status = {FOLLOWED} and d.is_observed = 1 and ({overlaps})""",
        silence=window,
        **bounds,
    )


def followed(durations: Sql) -> Sql:
    """One row: how many users are followed."""
    return Sql.ctes(durations=durations).select(f"select count(*) as n from durations as d where d.status = {FOLLOWED}")


def patterns(durations: Sql, attributes: tuple[Sql, ...], share: float) -> Sql:
    """One row per values of the attributes, age at entry, duration and outcome: how many users.

    Parameters
    ----------
    attributes : tuple of Sql
        Each with one row per user: user_key, grp.
    share : float
        Share of the users to draw, the same ones every time: by a multiplicative hash of the key.

    References
    ----------
    Knuth, D. E. (1998). The art of computer programming, vol. 3, section 6.4.
    """
    names = [f"a_{i}" for i in range(len(attributes))]
    columns = "".join(f", {name}.grp as {name}_key" for name in names)
    joins = "".join(f"\nleft join {name} on {name}.user_key = d.user_key" for name in names)
    kept = "" if share >= 1 else "\n    and (d.user_key * 2654435761) % 4294967296 < $drawn"
    keys = "".join(f"{name}.grp, " for name in names)
    # An attribute's own text has its common tables inside, so that the names of several do not meet.
    parts = {name: Sql(sql.text, sql.params) for name, sql in zip(names, attributes, strict=True)}
    return Sql.ctes(durations=durations, **parts).select(
        f"""
select d.entry_age as entry_day, d.duration as age, d.is_observed as is_lapsed{columns}, count(*) as n
from durations as d{joins}
where d.status = {FOLLOWED}{kept}
group by {keys}d.entry_age, d.duration, d.is_observed""",
        **({} if share >= 1 else {"drawn": int(share * 2**32)}),
    )


def members(durations: Sql, spec: SurvivalListSpec, group_keys: tuple[int | None, ...] | None) -> Sql:
    """One row per user of a list: user_key.

    Parameters
    ----------
    group_keys : tuple of int or None, optional
        Codes of the groups that are meant, None among them for a missing value; everyone if there is no tuple.
    """
    conditions = [f"d.status = {LEFT_OUT if spec.state == 'left out' else GONE_BEFORE}"]
    params: dict[str, object] = {}
    if spec.state in ("lapsed", "still active"):
        conditions = [f"d.status = {FOLLOWED}", f"d.is_observed = {1 if spec.state == 'lapsed' else 0}"]
    if spec.week is not None:
        conditions.append("d.duration >= $from_age and d.duration < $to_age")
        params.update(from_age=7 * (spec.week - 1), to_age=7 * spec.week)
    if group_keys is not None:
        known = [key for key in group_keys if key is not None]
        texts = ["d.grp is null"] if None in group_keys else []
        if known:
            texts.append(f"d.grp in ({', '.join(f'$grp_{i}' for i in range(len(known)))})")
            params.update({f"grp_{i}": key for i, key in enumerate(known)})
        conditions.append(f"({' or '.join(texts)})")
    return Sql.ctes(durations=durations).select(
        f"select d.user_key from durations as d where {' and '.join(conditions)}", **params
    )


def last_ages(people: Sql, later_days: Sql, spec: ReconcileSpec, catalogue: Catalogue) -> Sql:
    """One row per last age within the horizon at which users came back (0 if never): how many users.

    Only users whose cohort has been watched for the whole horizon; ages are differences of calendar periods.
    """
    week_start = catalogue.settings.week_start
    started = sql_period("p.start_day", spec.period, week_start)
    came = sql_period("d.day", spec.period, week_start)
    begun = sql_period("d.start_day", spec.period, week_start)
    return Sql.ctes(
        people=people,
        later_days=later_days,
        last_back=Sql(
            f"""select d.user_key, max({came} - {begun}) as age
from later_days as d where {came} - {begun} <= $reconciled group by d.user_key""",
            {"reconciled": spec.horizon},
        ),
    ).select(
        f"""
select coalesce(b.age, 0) as last_age, count(*) as n
from people as p left join last_back as b on b.user_key = p.user_key
where {started} + $reconciled < $whole_until
group by coalesce(b.age, 0)""",
        whole_until=catalogue.require_clock().whole_until(spec.period),
    )
