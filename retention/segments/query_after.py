"""What users did from a day on, as SQL over the day rows and the order rows; each text is a value and runs nothing."""

from __future__ import annotations

from retention.store.sql import ACTIVITY_BIT, NO_DAY, Sql

_BITS = " ".join(f"when {k} then {1 << k}" for k in range(8))
_BYTES = " ".join(f"when {k} then {1 << 8 * k}" for k in range(7))
BIT = f"(case (d.day - $at) // 7 // 8 {_BYTES} end) * (case (d.day - $at) // 7 % 8 {_BITS} end)"
"""Two to the power of the week in which a day lies; the subset of SQL that every engine has knows no shift."""


def activity_after(at_day: int, window: int, weeks: int) -> Sql:
    """One row per user active in the days ``(at − window, as_of]``.

    Parameters
    ----------
    at_day : int
        Local day at whose beginning the segments are fixed.
    window : int
        Days of silence that count as a lapse.
    weeks : int
        Weeks of seven days from `at_day` on, at most 52.

    Notes
    -----
    Columns: user_key, before_day (the last active day before `at_day`; missing where there is none within the window,
    which is who was silent already), lapsed_day (the last active day before the first silence of `window` days that
    ended from `at_day` on), last_day (the last active day of all), weeks (a mask: bit k where the user was active in week
    k). A day is the first of its week if the active day before it lies before the week: so every week counts once.
    """
    return Sql(
        f"""select d.user_key,
    max(case when d.day < $at then d.day end) as before_day,
    min(case when d.day >= $at and d.prev_day > {NO_DAY} and d.day - d.prev_day >= $window then d.prev_day end) as lapsed_day,
    max(d.day) as last_day,
    cast(sum(case when d.day >= $at and d.day < $until and d.prev_day < $at + (d.day - $at) // 7 * 7
        then {BIT} else 0 end) as bigint) as weeks
from user_day as d
where d.ev_mask & $active <> 0 and d.day > $at - $window
group by d.user_key""",
        {"at": at_day, "until": at_day + 7 * weeks, "window": window, "active": 1 << ACTIVITY_BIT},
    )


def revenue_after(at_day: int, until_day: int) -> Sql:
    """One row per user with an order, or a refund booked, in the days ``[at_day, until_day)``: orders and money."""
    return Sql(
        """select o.user_key, cast(sum(o.n_orders) as bigint) as n_orders, sum(o.gross) as gross, sum(o.refunded) as refunded
from user_orders as o where o.day >= $at and o.day < $until
group by o.user_key""",
        {"at": at_day, "until": until_day},
    )
