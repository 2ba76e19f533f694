"""What users did before a cut-off, step by step, as portable SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.store.sql import Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def user_steps(catalogue: Catalogue, cutoff_day: int, max_events: int) -> Sql:
    """One row per step, the latest of each user: user_key, occurred_us, event_key, n, value, n_steps, first_us.

    What a user does of one kind at one instant is one step: `n` rows worth `value` together, null where none of them
    has one. `n_steps` and `first_us` are those of the whole history, also where it is longer than what is read.

    Parameters
    ----------
    cutoff_day : int
        Local days before it are known.
    """
    steps = Sql(
        """select e.user_key, e.occurred_us, e.event_key, count(*) as n, sum(e.value) as value
from events as e
where e.day < $cutoff and e.occurred_us < $as_of
group by e.user_key, e.occurred_us, e.event_key""",
        {"cutoff": cutoff_day, "as_of": catalogue.require_clock().as_of_us},
    )
    return Sql.ctes(
        steps=steps,
        ranked=Sql(
            """select s.user_key, s.occurred_us, s.event_key, s.n, s.value,
    row_number() over (partition by s.user_key order by s.occurred_us desc, s.event_key desc) as place,
    count(*) over (partition by s.user_key) as n_steps, min(s.occurred_us) over (partition by s.user_key) as first_us
from steps as s"""
        ),
    ).select(
        """
select r.user_key, r.occurred_us, r.event_key, r.n, r.value, r.n_steps, r.first_us
from ranked as r
where r.place <= $max_events
order by r.user_key, r.occurred_us, r.event_key""",
        max_events=max_events,
    )


def users_before(cutoff_day: int) -> Sql:
    """One row: how many users did anything before a cut-off."""
    return Sql(
        "select count(distinct d.user_key) as n from user_day as d where d.day < $cutoff", {"cutoff": cutoff_day}
    )
