"""What a file of users holds, in parts that are made as they are written. Only orders ask, for a file leaves a trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from retention.audiences import query_file
from retention.audiences.answer_sources import own_table, words_of
from retention.audiences.export import Written, check_rows, format_of, write_rows
from retention.audiences.list_rows import beside, list_rows
from retention.audiences.spec import CampaignUsersSpec, SavedUsersSpec, SuppressedUsersSpec
from retention.errors import SpecError
from retention.store import Snapshot, Sql

if TYPE_CHECKING:
    from pyarrow import Table

__all__ = [
    "Identity", "Written", "check_rows", "format_of", "has_file_ids", "list_parts", "rows_of", "write_rows",
]  # fmt: skip

Identity = Literal["pseudonym", "file ids"]
PART = 50_000
"""Rows of a part: so many are held at a time, however long the list is."""


def has_file_ids(identity: str) -> bool:
    """Which of the two names do users go by?"""
    if identity not in ("pseudonym", "file ids"):
        raise SpecError(f'`identity` must be "pseudonym" or "file ids", not {identity!r}.')
    return identity == "file ids"


def list_parts(snapshot: Snapshot, spec: object, identity: Identity) -> Iterator[Table]:
    """What does the file of the users hold whose keys an order has put into the table ``exported``?

    Returns
    -------
    iterator of pyarrow.Table
        At least one; see `retention.audiences.list_rows.list_rows` for the columns. A definition that names columns of its
        own has those instead of what is known of every user, all in one part.
    """
    own = own_table(snapshot, spec)
    if own is not None:
        yield beside(own, rows_of(snapshot, spec, identity, query_file.exported(0, query_file.LAST_KEY)))
        return
    after = -1
    while True:
        end = query_file.end_of_part(after, PART)
        ((last,),) = snapshot.rows(end.text, end.params)
        if last is not None or after < 0:  # a list of nobody has a part, too: its header
            yield rows_of(snapshot, spec, identity, query_file.exported(after + 1, last or 0))
        if last is None:
            return
        after = last


def rows_of(snapshot: Snapshot, spec: object, identity: Identity, members: Sql, *, why: str = "") -> Table:
    """What does a file say of some users of a list?

    Parameters
    ----------
    members : Sql
        One row per user: user_key.
    why : str
        Why they are on it; by default what the definition says of itself now.
    """
    campaign_id = spec.campaign_id if isinstance(spec, CampaignUsersSpec) else None
    said, scoring_key = _about(snapshot, spec)
    rows = snapshot.table(
        query_file.member_rows(
            members, campaign_id=campaign_id, scoring_key=scoring_key, has_ids=has_file_ids(identity)
        )
    )
    return list_rows(rows, snapshot.catalogue, (why or said) if campaign_id is None else None)


def _about(snapshot: Snapshot, spec: object) -> tuple[str, int | None]:
    """Why are users on a list, and which scores belong to it?"""
    if isinstance(spec, SavedUsersSpec):
        made = query_file.audience(spec.audience_id)
        for name, definition, scoring_key in snapshot.rows(made.text, made.params):
            return f"On the saved list “{name}”: {definition}", scoring_key
    inner = spec.users if isinstance(spec, SuppressedUsersSpec) else spec
    if inner is not spec:
        return words_of(spec, snapshot.catalogue), _about(snapshot, inner)[1]
    return words_of(spec, snapshot.catalogue), getattr(spec, "scoring_key", None)
