"""What can be asked of event sequences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from retention.errors import SpecError

MAX_EVENTS = 64
MOST_USERS = 200_000
"""Reading the events of more users takes gigabytes, and learning from them minutes: sequence models are not for them."""
CELLS = ("gru", "lstm", "transformer")
ADVICE = "pip install -r requirements-deep.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceSpec:
    """Which events of each user to read, and what learns from their order.

    Parameters
    ----------
    cutoff : date, optional
        Only what happened before the beginning of this day is looked at; by default the last day that has begun when
        the data end.
    max_events : int, default 64
        The latest so many steps of each user, from 2 to 64. What a user does of one kind at one instant is one step.
    cell : {"gru", "lstm", "transformer"}
    width : int, default 32
        Numbers that describe a user in an embedding, a multiple of 4 from 4 to 128.
    n_epochs : int, default 8
        Passes over the sequences at most, from 1 to 50.
    seed : int

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    cutoff: date | None = None
    max_events: int = MAX_EVENTS
    cell: str = "transformer"
    width: int = 32
    n_epochs: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise SpecError(f"`cell` must be one of {', '.join(CELLS)}, not {self.cell!r}.")
        limits = (("max_events", 2, MAX_EVENTS), ("width", 4, 128), ("n_epochs", 1, 50), ("seed", 0, 2**32 - 1))
        for name, low, high in limits:
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(f"`{name}` must be from {low} to {high}, not {value}.")
        if self.width % 4:
            raise SpecError(f"`width` must be a multiple of 4, not {self.width}.")
