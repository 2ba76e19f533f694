"""Whom a preview is about, as SQL."""

from __future__ import annotations

from retention.store.sql import Sql


def scored_members(members: Sql, scoring_key: int) -> Sql:
    """One row per member with a score: user_key, probability, value."""
    return Sql.ctes(members=members).select(
        """
select s.user_key, s.probability, s.value
from user_scores as s join members as m on m.user_key = s.user_key
where s.scoring_key = $preview_scoring""",
        preview_scoring=scoring_key,
    )
