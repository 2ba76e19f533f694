"""Answers about lists together: how they overlap, and how many users a combination of them has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.audiences import query, query_lists
from retention.audiences.answer_users import require_lists
from retention.audiences.membership import Keys, Overlap, combined_size, overlap_of
from retention.audiences.spec import CombinedUsersSpec
from retention.errors import SpecError
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

MOST_LISTS = 12
"""A matrix of more cannot be read."""


def combined_count(store: Store, spec: CombinedUsersSpec) -> int:
    """How many users does a combination of saved lists have?

    Notes
    -----
    The same number as that of its list, in a fraction of the time: the users' keys are small whole numbers, so each list is
    a row of flags, and and / or / not are what they are called.

    Raises
    ------
    SpecError
        If one of the lists is gone.
    """
    with store.snapshot() as snapshot:
        require_lists(snapshot, spec.audience_ids)
        return combined_size(_keys(snapshot, spec.audience_ids), spec)


def overlap(store: Store, audience_ids: tuple[int, ...]) -> Overlap:
    """How many users do each two of some lists share?

    Raises
    ------
    SpecError
        If there are fewer than two or more than twelve of them, or one is gone.
    """
    if not 2 <= len(audience_ids) <= MOST_LISTS:
        raise SpecError(f"From 2 to {MOST_LISTS} lists must be compared, not {len(audience_ids)}.", hint="Choose others.")
    with store.snapshot() as snapshot:
        require_lists(snapshot, audience_ids)
        return overlap_of(_keys(snapshot, audience_ids), snapshot.catalogue.audiences)


def _keys(snapshot: Snapshot, audience_ids: tuple[int, ...]) -> dict[int, Keys]:
    return {number: snapshot.table(query_lists.saved_members(number))["user_key"].to_numpy() for number in audience_ids}


def shared_with(store: Store, audience_id: int) -> pd.DataFrame:
    """Which other lists are the users of a list on?

    Returns
    -------
    DataFrame
        audience_id, name, n_users, n_both: one row per other list, those that share the most first.
    """
    return store.read(query.shared_with(audience_id))
