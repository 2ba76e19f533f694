"""Who is meant by a pseudonym, and what users are called, as SQL."""

from __future__ import annotations

from collections.abc import Sequence

from retention.store.sql import Sql


def key_of(pseudonym: str) -> Sql:
    """One row where there is such a user: user_key."""
    return Sql("select u.user_key from users as u where u.pseudonym = $pseudonym", {"pseudonym": pseudonym})


def riskiest(scoring_key: int, n_users: int) -> Sql:
    """One row per user: user_key, pseudonym, probability; the likeliest to lapse, alike ones by their number."""
    return Sql(
        """select s.user_key, u.pseudonym, s.probability
from user_scores as s join users as u on u.user_key = s.user_key
where s.scoring_key = $scoring order by s.probability desc, s.user_key limit $most""",
        {"scoring": scoring_key, "most": n_users},
    )


def score_of(scoring_key: int, pseudonym: str) -> Sql:
    """One row where the user was scored: user_key, probability."""
    return Sql(
        """select s.user_key, s.probability
from user_scores as s join users as u on u.user_key = s.user_key
where s.scoring_key = $scoring and u.pseudonym = $pseudonym""",
        {"scoring": scoring_key, "pseudonym": pseudonym},
    )


def names_of(user_keys: Sequence[int]) -> Sql:
    """One row per user that is named, of a few: user_key, pseudonym."""
    params = {f"user_{place}": key for place, key in enumerate(user_keys)}
    named = ", ".join(f"${name}" for name in params) or "-1"
    return Sql(f"select u.user_key, u.pseudonym from users as u where u.user_key in ({named})", params)
