"""Answers about audiences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from retention.audiences import query
from retention.audiences.answer_sources import members_of, own_table
from retention.audiences.export import member_table, table_bytes
from retention.errors import SpecError
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

Identity = Literal["pseudonym", "file ids"]
SHOWN_MEMBERS = 500
SHOWN_EVENTS = 200


def audiences(store: Store) -> pd.DataFrame:
    """Which lists have been saved, and what made them?

    Returns
    -------
    DataFrame
        audience_id, name, definition, as_of_us, data_version, n_users (frozen), n_left (after erasures), saved_us.
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


def member_file(snapshot: Snapshot, spec: object, fmt: str, identity: Identity) -> tuple[bytes, int]:
    """What is the file of the users that a definition names, and how many rows has it? Only orders ask."""
    if identity not in ("pseudonym", "file ids"):
        raise SpecError(f'`identity` must be "pseudonym" or "file ids", not {identity!r}.')
    select = members_of(snapshot, spec)
    rows = snapshot.read(query.member_rows(select, has_ids=identity == "file ids"))
    own = own_table(snapshot, spec)
    if own is None:
        table = member_table(rows)
    else:  # in its own order, with nothing beside the columns that were chosen
        names = [name for name in ("user_id", "pseudonym") if name in rows]
        table = own.merge(rows[names], on="pseudonym", how="left")[[*names, *own.columns.drop("pseudonym")]]
    return table_bytes(table, fmt, sheet="users"), len(table)
