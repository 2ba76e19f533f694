"""Questions about lists that were sent to a webhook, as SQL."""

from __future__ import annotations

from retention.store.sql import Sql


def deliveries() -> Sql:
    """One row per delivery, the newest first, with how many of its users are confirmed; erased ones are not counted."""
    return Sql(
        """select d.delivery_id, d.definition, d.question, d.url, d.n_users, d.made_us, d.ended_us, count(u.user_key) as n_left,
    sum(case when u.is_confirmed then 1 else 0 end) as n_confirmed,
    max(case when u.is_confirmed then null else u.fault end) as fault
from deliveries as d left join delivery_users as u on u.delivery_id = d.delivery_id
group by d.delivery_id, d.definition, d.question, d.url, d.n_users, d.made_us, d.ended_us
order by d.delivery_id desc"""
    )


def unconfirmed(delivery_id: int, limit: int) -> Sql:
    """One row per user whose batch was not confirmed: what was tried least comes first."""
    return Sql(
        """select w.user_key, u.pseudonym, w.n_tries, w.fault
from delivery_users as w join users as u on u.user_key = w.user_key
where w.delivery_id = $delivery and not w.is_confirmed
order by w.n_tries, w.user_key limit $n_shown""",
        {"delivery": delivery_id, "n_shown": limit},
    )


def next_batch(delivery_id: int, limit: int) -> Sql:
    """One row per user of the batch that is sent next: user_key."""
    return Sql(
        """select w.user_key from delivery_users as w
where w.delivery_id = $delivery and not w.is_confirmed
order by w.n_tries, w.user_key limit $n_batch""",
        {"delivery": delivery_id, "n_batch": limit},
    )
