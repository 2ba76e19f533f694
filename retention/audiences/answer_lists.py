"""Answers about saved lists: which there are, what made each, and whether it can be made anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from retention.audiences import query
from retention.audiences.answer_sources import members_of, spec_of
from retention.audiences.saved import Refreshed, SavedList, list_of, lists_in
from retention.audiences.spec import SuppressedUsersSpec
from retention.churn.answer_scores import scoring_at, scorings_in
from retention.churn.spec_list import AtRiskSpec
from retention.errors import RetentionError, SpecError, nearest
from retention.segments.spec_saved import SegmentUsersSpec
from retention.segments.spec_tags import TagUsersSpec
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Refreshed", "SavedList", "lists_in"]


def saved_lists(store: Store) -> tuple[SavedList, ...]:
    """Which lists have been saved? The newest first."""
    with store.snapshot() as snapshot:
        return _lists(snapshot)


def _lists(snapshot: Snapshot) -> tuple[SavedList, ...]:
    return tuple(list_of(row) for row in snapshot.read(query.saved_audiences()).to_dict("records"))


def list_named(store: Store, name: str) -> SavedList:
    """Which saved list has this name?

    Raises
    ------
    SpecError
        If none has.
    """
    known = saved_lists(store)
    for one in known:  # the newest first: earlier versions allowed a name twice
        if one.name == name.strip():
            return one
    raise SpecError(f'There is no saved list "{name}".', hint=nearest(name, [one.name for one in known]))


@dataclass(frozen=True, slots=True)
class OpenedList:
    """A saved list, and what hangs on it.

    Attributes
    ----------
    saved : SavedList
    users : object or None
        Its definition, as it would be asked today; None where it is not understood any more.
    fault : str
        Why it cannot be made anew; empty where it can.
    made_of, used_in : tuple of str
        Names of the lists that it is combined from, and of those that are combined from it.
    campaigns : tuple of str
        That were assigned from it.
    """

    saved: SavedList
    users: object | None
    fault: str
    made_of: tuple[str, ...]
    used_in: tuple[str, ...]
    campaigns: tuple[str, ...]


def opened_list(store: Store, audience_id: int) -> OpenedList:
    """What made a saved list, and could it be made anew?

    Raises
    ------
    SpecError
        If it is gone.
    """
    with store.snapshot() as snapshot:
        known = _lists(snapshot)
        saved = next((one for one in known if one.audience_id == audience_id), None)
        if saved is None:
            raise SpecError("This list is not there any more.", hint="Choose another one.")
        users, fault = None, ""
        try:
            users = at_now(snapshot, spec_of(saved.question))
            members_of(snapshot, users)
        except RetentionError as error:
            fault = fault_words(error)
        names = snapshot.catalogue.audiences
        return OpenedList(
            saved,
            users,
            fault,
            made_of=tuple(names.get(number, f"list {number}, which is gone") for number in _parts(saved.question)),
            used_in=tuple(one.name for one in known if audience_id in _parts(one.question)),
            campaigns=tuple(snapshot.read(query.campaigns_of(audience_id))["name"]),
        )


def _parts(question: str) -> tuple[int, ...]:
    try:
        return lists_in(spec_of(question))
    except RetentionError:  # it is not understood any more, so nobody can say
        return ()


def list_history(store: Store, audience_id: int) -> pd.DataFrame:
    """How large was a list each time it was made, the earliest first?

    Returns
    -------
    DataFrame
        made_us, as_of_us, data_version, n_users, n_joined, n_left, has_names (of who joined and left).
    """
    return store.read(query.history(audience_id))


def question_at(snapshot: Snapshot, audience_id: int) -> Any:
    """What was asked when a list was saved?

    Raises
    ------
    SpecError
        If the list is gone, or its definition is not understood any more.
    """
    rows = snapshot.rows(
        "select a.question from audiences as a where a.audience_id = $audience", {"audience": audience_id}
    )
    if not rows:
        raise SpecError("This list is not there any more.", hint="Choose another one.")
    return spec_of(rows[0][0])


def at_now(snapshot: Snapshot, spec: Any) -> Any:
    """Ask what a list asks of the newest labels and scores, in place of those that stood when it was saved."""
    if isinstance(spec, TagUsersSpec | SegmentUsersSpec):
        return replace(spec, cutoff_us=None)
    if isinstance(spec, AtRiskSpec):
        return replace(spec, scoring_key=scoring_at(snapshot).scoring_key)
    if isinstance(spec, SuppressedUsersSpec):
        return replace(spec, users=at_now(snapshot, spec.users))
    return spec


def scoring_key_of(snapshot: Snapshot, spec: object) -> int | None:
    """Which scores stood when users were looked for? Those that a definition names, else the latest."""
    if isinstance(spec, AtRiskSpec):
        return spec.scoring_key
    if isinstance(spec, SuppressedUsersSpec):
        return scoring_key_of(snapshot, spec.users)
    return next((scoring.scoring_key for scoring in scorings_in(snapshot)), None)


def fault_words(error: RetentionError) -> str:
    """Say why a list cannot be made anew."""
    return f"{error.message} {error.hint}".strip()
