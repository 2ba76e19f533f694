"""The events of funnels and paths as DuckDB reads them fastest, and lists of users that a kernel found."""

from __future__ import annotations

from collections.abc import Sequence

from retention.behaviour import query_steps
from retention.store.sql import Sql

MAX_BIT = 62


def step_rows(event_keys: Sequence[int], *, users: tuple[int, int], from_us: int | None = None, to_us: int) -> Sql:
    """One row per event of some kinds, as `query_steps.step_rows` gives them.

    Notes
    -----
    A list of keys becomes a hash join, which costs twice as much and gives the rows in another order than they
    lie in; a mask of bits is a plain filter. Keys beyond the 62nd have no bit.
    """
    portable = query_steps.step_rows(event_keys, users=users, from_us=from_us, to_us=to_us)
    if max(event_keys) > MAX_BIT:
        return portable
    listed = ", ".join(f"$step_{i}" for i in range(len(event_keys)))
    params = {name: value for name, value in portable.params.items() if not name.startswith("step_")}
    return Sql(
        portable.body.replace(f"e.event_key in ({listed})", "($steps >> e.event_key::bigint) & 1 = 1"),
        {**params, "steps": sum(1 << key for key in event_keys)},
    )


def users_of(bits: str) -> Sql:
    """One row per user whose bit is set; the user with key k has bit k, counted from the left."""
    return Sql(
        """select u.user_key from users as u
where u.user_key < $n_bits and get_bit($members::bit, u.user_key) = 1  -- found by walking over the events""",
        {"members": bits, "n_bits": len(bits)},
    )
