"""Saved lists as the store keeps them, and what became of them when they were made anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retention.audiences.spec import CombinedUsersSpec, SavedUsersSpec, SuppressedUsersSpec


@dataclass(frozen=True, slots=True)
class SavedList:
    """A list of users that is kept, with what made it.

    Attributes
    ----------
    audience_id : int
    name : str
    definition : str
    question : str
        The definition, for `answer_sources.spec_of`.
    as_of_us : int
        How far the data reached when its users were last looked for.
    data_version : int
        Of the data in which they were looked for.
    scoring_key : int or None
        The scores that stood then.
    version : int or None
        Of the model that made them; None without scores, or where they are gone.
    is_refreshed : bool
        Whether it is made anew after each import.
    n_users : int
        When it was made.
    n_left : int
        Still there, erased users taken off.
    saved_us : int
    made_us : int
        When its users were last looked for.
    n_made : int
        How often they were.
    """

    audience_id: int
    name: str
    definition: str
    question: str
    as_of_us: int
    data_version: int
    scoring_key: int | None
    version: int | None
    is_refreshed: bool
    n_users: int
    n_left: int
    saved_us: int
    made_us: int
    n_made: int

    @property
    def n_erased(self) -> int:
        """How many of its users have been erased from the store since."""
        return self.n_users - self.n_left


def list_of(row: Mapping[Any, Any]) -> SavedList:
    """Read a row of the saved lists."""
    told = {str(name): value for name, value in row.items()}
    for name in ("scoring_key", "version"):
        told[name] = None if told[name] != told[name] or told[name] is None else int(told[name])
    for name in ("audience_id", "as_of_us", "data_version", "n_users", "n_left", "saved_us", "made_us", "n_made"):
        told[name] = int(told[name])
    return SavedList(**{**told, "is_refreshed": bool(told["is_refreshed"])})


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of a list when it was made anew.

    Attributes
    ----------
    audience_id : int
    name : str
    n_users, n_joined, n_left : int
    fault : str
        Why it could not be made anew, and stays as it is; empty when it was.
    """

    audience_id: int
    name: str
    n_users: int
    n_joined: int
    n_left: int
    fault: str = ""


def lists_in(spec: object) -> tuple[int, ...]:
    """Return the numbers of the saved lists that a definition is made of."""
    if isinstance(spec, SavedUsersSpec):
        return (spec.audience_id,)
    if isinstance(spec, CombinedUsersSpec):
        return spec.audience_ids
    return lists_in(spec.users) if isinstance(spec, SuppressedUsersSpec) else ()
