"""What a preview in money rests on beside the users and the intervention."""

from __future__ import annotations

from dataclasses import dataclass

from retention.errors import SpecError
from retention.interventions.spec import MAX_WINDOW_DAYS

MOST_HELD = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Who is left alone, for how long one waits, and what a user who stays is worth.

    Parameters
    ----------
    holdout : float
        Share of the users who get nothing, drawn at random.
    window_days : int
        Days after the exposure within which a user counts as staying.
    margin : float
        The share of a user's value that is left after the cost of what is sold; 1 counts all revenue as gain.
    value : float, optional
        What a user who stays is worth, the same for all; by default each user's own value, per horizon of the score.

    Raises
    ------
    SpecError
        If one of them is out of its range.
    """

    holdout: float = 0.1
    window_days: int = 28
    margin: float = 1.0
    value: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.holdout <= MOST_HELD:
            raise SpecError(
                f"`holdout` must be a share from 0 to {MOST_HELD}, not {self.holdout:g}.", hint="A tenth, 0.1, is usual."
            )
        if not 1 <= self.window_days <= MAX_WINDOW_DAYS:
            raise SpecError(f"`window_days` must be from 1 to {MAX_WINDOW_DAYS}, not {self.window_days}.")
        if not 0 < self.margin <= 1:
            raise SpecError(
                f"`margin` must be a share of more than 0 and at most 1, not {self.margin:g}.",
                hint="Of 100 in revenue, what is left after the goods are paid for? 0.4 for 40.",
            )
        if self.value is not None and not 0 <= self.value < 1e12:
            raise SpecError(f"`value` must be an amount of money from 0 on, not {self.value:g}.")
