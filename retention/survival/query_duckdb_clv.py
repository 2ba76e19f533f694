"""The same list of buyers where it names very many patterns: they are bound as one value."""

from __future__ import annotations

from collections.abc import Sequence

from retention.store.sql import Sql
from retention.survival.query_clv import KEY_BASE


def of_patterns(buyers: Sql, keys: Sequence[int]) -> Sql:
    """One row per buyer whose pattern is one of `keys`."""
    return Sql.ctes(buyers=buyers).select(
        f"""
select b.user_key from buyers as b
where (b.x * {KEY_BASE} + b.t_x) * {KEY_BASE} + b.t in (select unnest($keys::bigint[]))""",
        keys=list(keys),
    )
