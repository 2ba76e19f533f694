"""What can be asked of a table of one's own: one row a user, and a column that says who left."""

from __future__ import annotations

from dataclasses import dataclass

from retention.churn.spec import BEST
from retention.errors import SpecError

OWN_MODELS = ("boosting", "logistic", "lasso", "ridge", "svm", "tree", "forest")
"""Models that need nothing but a table; the others need dated events."""
LEAST_ROWS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSpec:
    """How to learn from a table of one's own, and how to judge what was learned.

    Parameters
    ----------
    label : str
        The column that says who left.
    id_column : str, optional
        The column that tells users apart: never learned from, and no user may have two rows.
    positive : str, optional
        The value of `label` that means "left"; guessed where it is Yes, 1, true and the like.
    allowed : tuple of str
        Columns that look as if they were known only afterwards, and are not.
    left_out : tuple of str
        Columns not to learn from.
    model : str
        One of `OWN_MODELS`, or "best of": the cheapest whose ROC AUC is within 0.005 of the best.
    n_folds : int
        Parts of the cross-validation, from 2 to 10.
    seed : int

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    label: str
    id_column: str | None = None
    positive: str | None = None
    allowed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    model: str = "boosting"
    n_folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in (BEST, *OWN_MODELS):
            raise SpecError(
                f"`model` must be one of {BEST}, {', '.join(OWN_MODELS)}, not {self.model!r}.",
                hint="The other models need dated events: import those, and use the page At risk.",
            )
        for name, low, high in (("n_folds", 2, 10), ("seed", 0, 2**32 - 1)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(f"`{name}` must be from {low} to {high}, not {value}.")
        if self.label and self.label == self.id_column:
            raise SpecError("The column that says who left cannot be the one that tells users apart.")
