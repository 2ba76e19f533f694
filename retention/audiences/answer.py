"""Answers about audiences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retention.audiences import query
from retention.audiences.answer_sources import members_of
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

SHOWN_MEMBERS = 500
SHOWN_EVENTS = 200


def audiences(store: Store) -> pd.DataFrame:
    """Which lists have been saved, and what made them?

    Returns
    -------
    DataFrame
        audience_id, name, definition, question, as_of_us, data_version, scoring_key, version (of the model), is_refreshed,
        n_users (when it was made), n_left (after erasures), saved_us, made_us, n_made; see `saved.SavedList`.
    """
    return store.read(query.saved_audiences())


@dataclass(frozen=True, slots=True)
class Members:
    """The users that a definition names.

    Attributes
    ----------
    spec : object
        The definition.
    count : int
        How many there are; equal to the number that was clicked.
    users : DataFrame
        At most 500 of them, the latest seen first: user_key, pseudonym, first_us, last_us, n_events.
    data_version : int
    """

    spec: object
    count: int
    users: pd.DataFrame
    data_version: int


def users_of(store: Store, spec: object) -> Members:
    """Who is behind a number?"""
    with store.snapshot() as snapshot:
        select = members_of(snapshot, spec)
        count = int(snapshot.read(query.member_count(select))["n"].iloc[0])
        users = snapshot.read(query.user_rows(select, SHOWN_MEMBERS))
        return Members(spec, count, users, snapshot.catalogue.data_version)


def user_events(store: Store, user_key: int) -> pd.DataFrame:
    """What did a user do, the latest first?"""
    return store.read(query.user_timeline(user_key, SHOWN_EVENTS))


def member_ids(snapshot: Snapshot, spec: object) -> list[str]:
    """What are the users that a definition names called in the file? Only orders ask, for they leave a trace."""
    frame = snapshot.read(query.member_ids(members_of(snapshot, spec)))
    return [str(user_id) for user_id in frame["user_id"]]
