"""What makes an audience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retention.errors import SpecError


@dataclass(frozen=True, kw_only=True, slots=True)
class AudienceSpec:
    """A list of users to keep.

    Parameters
    ----------
    name : str
        From 1 to 80 characters.
    users : object
        The frozen definition of who is in it: the cell of a retention grid, a bar of a chart, a step of a funnel …
    """

    name: str
    users: Any

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= 80:
            raise SpecError("An audience must have a name of 1 to 80 characters.")
