"""What can be asked of one user."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retention.errors import SpecError
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import REGISTRY

FEWEST_CHARACTERS = 6
"""So many first characters of a pseudonym may stand for all of it."""
LATEST_EVENTS = 200
LATEST_USERS = 20
COMPARED = FeatureSpec(names=tuple(name for name in REGISTRY if name != "sentiment"))
"""What a user is compared in. Judging the tone of every review of a shop takes seconds; a profile shows the reviews."""
MOST_ROWS = 100
"""Rows of a list on the screen: searches, reviews, contacts."""
@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileSpec:
    """One user, by what stands for them.

    Parameters
    ----------
    user : str
        The whole pseudonym; `answer.find_user` gives it.

    Raises
    ------
    SpecError
        If it is no pseudonym.
    """

    user: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{32}", self.user):
            raise no_such_user()


def pseudonym_start(text: str) -> str:
    """Return the beginning of a pseudonym that a text may be; nothing where it is too short or something else.

    Examples
    --------
    >>> pseudonym_start("9100E518"), pseudonym_start("9100"), pseudonym_start("ann@example.org")
    ('9100e518', '', '')
    """
    said = text.strip().casefold()
    return said if re.fullmatch(rf"[0-9a-f]{{{FEWEST_CHARACTERS},32}}", said) else ""


def no_such_user() -> SpecError:
    """Say that nobody is called so; what was typed is not said again: it may be an id, which points to a person."""
    return SpecError(
        "The store holds no such user.",
        hint=f"Give a pseudonym, or at least its first {FEWEST_CHARACTERS} characters, or the id exactly as it was in"
        " your file.",
    )
