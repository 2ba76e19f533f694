"""The events of a log in which the steps of users are looked for, as portable SQL."""

from __future__ import annotations

from collections.abc import Sequence

from retention.store.sql import Sql, any_of


def log_size() -> Sql:
    """One row: the highest user key, and how many events there are about."""
    return Sql("select coalesce(max(u.user_key), 0) as last_key, coalesce(sum(u.n_events), 0) as n from users as u")


def step_rows(event_keys: Sequence[int], *, users: tuple[int, int], from_us: int | None = None, to_us: int) -> Sql:
    """One row per event of some kinds, of the users with keys in a range, in whatever order they lie.

    Parameters
    ----------
    event_keys : sequence of int
    users : (int, int)
        First key, and the first beyond.
    from_us, to_us : int
        Instants, half-open.
    """
    is_step, params = any_of("e.event_key", "step", event_keys)
    since = "" if from_us is None else " and e.occurred_us >= $from_us"
    if from_us is not None:
        params["from_us"] = from_us
    return Sql(
        f"""select e.user_key, e.occurred_us, e.event_key
from events as e
where {is_step} and e.occurred_us < $to_us{since}
    and e.user_key >= $first_user and e.user_key < $beyond_user""",
        {**params, "to_us": to_us, "first_user": users[0], "beyond_user": users[1]},
    )


def groups(population: Sql) -> Sql:
    """One row per user of a population: its group."""
    return Sql.ctes(population=population).select("select p.user_key, p.grp from population as p")
