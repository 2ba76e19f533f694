"""Why are users scored as they are? Read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.churn import query, query_reasons
from retention.churn.answer_registry import card_at
from retention.churn.answer_scores import model_of, scoring_at, table_of
from retention.churn.model_reasons import Scored, user_reasons
from retention.churn.reasons import UserReasons
from retention.churn.scores import score_table
from retention.errors import SpecError
from retention.store import Store

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 50


def scored_users(store: Store, scoring_key: int | None = None) -> Scored:
    """What are the scores made of, of everybody who was scored?

    Raises
    ------
    SpecError
        If nobody was scored, or the model cannot be read any more.
    """
    with store.snapshot() as snapshot:
        scoring = scoring_at(snapshot, scoring_key)
        frame = snapshot.read(query.scores_of(scoring.scoring_key))
    spec = card_at(store, scoring.version).spec
    rows = score_table(frame, scoring, spec)
    fitted, table = model_of(store, scoring), table_of(store, scoring)
    gone = [name for name in fitted.features if name not in table.features]
    if gone:
        raise SpecError(
            f"The model looks at {', '.join(gone)}, which the store does not know any more.",
            hint="Train the model again.",
        )
    return Scored(scoring, fitted, table, spec.lapse.lookback_days, rows.user_keys, rows.probability)


def explained(store: Store, user_key: int, scoring_key: int | None = None) -> UserReasons:
    """Why is a user scored so?

    Raises
    ------
    SpecError
        If nobody was scored, or not this user.
    """
    return user_reasons(scored_users(store, scoring_key), user_key)


def riskiest(store: Store, scoring_key: int, most: int = SHOWN) -> pd.DataFrame:
    """Who is likeliest to lapse?

    Returns
    -------
    DataFrame
        user_key, pseudonym, probability; the highest first.
    """
    return store.read(query_reasons.riskiest(scoring_key, most))


def names_of(store: Store, user_keys: tuple[int, ...]) -> dict[int, str]:
    """What are some users called? Pseudonyms by key, in the order asked."""
    frame = store.read(query_reasons.names_of(user_keys))
    found = dict(zip(frame["user_key"].astype(int).tolist(), frame["pseudonym"].astype(str).tolist(), strict=True))
    return {key: found[key] for key in user_keys if key in found}


def key_of(store: Store, pseudonym: str) -> int:
    """Which user has this pseudonym?

    Raises
    ------
    SpecError
        If nobody has.
    """
    frame = store.read(query_reasons.key_of(pseudonym))
    if not len(frame):
        raise SpecError("There is no such user.", hint="Take the pseudonym from a list of users.")
    return int(frame["user_key"].iloc[0])


def score_of(store: Store, scoring_key: int, pseudonym: str) -> float | None:
    """How likely is a user to lapse, as it was last scored? None for who was not."""
    frame = store.read(query_reasons.score_of(scoring_key, pseudonym))
    return float(frame["probability"].iloc[0]) if len(frame) else None
