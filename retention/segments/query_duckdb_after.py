"""Users that were found in memory, as a select: very many keys are bound as one value."""

from __future__ import annotations

from collections.abc import Sequence

from retention.store.sql import Sql


def users(keys: Sequence[int]) -> Sql:
    """One row per user that is named: user_key."""
    return Sql(
        "select u.user_key from users as u where u.user_key in (select unnest($keys::bigint[]))", {"keys": list(keys)}
    )
