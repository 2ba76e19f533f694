"""What can be asked of the list of users at risk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from retention.cohorts.spec import Condition
from retention.errors import SpecError

COLUMNS = ("probability", "percentile", "tier", "days_since_last", "value", "value_at_risk", "first_seen", "last_seen", "events")
"""What a list may show of each user, beside the labels that the store has."""
USUAL_COLUMNS = ("probability", "percentile", "tier", "days_since_last", "value", "value_at_risk")
MAX_QUIET_DAYS = 365


@dataclass(frozen=True, kw_only=True, slots=True)
class AtRiskSpec:
    """The riskiest users of a scoring who pass the filters; users with equal scores by their key.

    Parameters
    ----------
    scoring_key : int
        Which scoring.
    n : int, optional
        At most so many.
    threshold : float, optional
        Only those with at least this probability of lapsing.
    where : tuple of Condition
        On segments, tags and properties, as on every page.
    min_value : float, optional
        Only users who brought at least so much money per horizon; those whose value is not known are left out.
    is_reachable_only : bool
        Only users of whom the store knows that they may be written to.
    not_contacted_days : int
        Only users whom no campaign wrote to within so many days before the data end; 0 = whenever.
    columns : tuple of str
        What the list shows of each user: names of `COLUMNS`, or labels.

    Raises
    ------
    SpecError
        If a number is out of its range.
    """

    scoring_key: int
    n: int | None = None
    threshold: float | None = None
    where: tuple[Condition, ...] = ()
    min_value: float | None = None
    is_reachable_only: bool = False
    not_contacted_days: int = 0
    columns: tuple[str, ...] = USUAL_COLUMNS

    def __post_init__(self) -> None:
        if self.n is not None and self.n < 0:
            raise SpecError(f"`n` must be 0 or more users, not {self.n}.")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise SpecError(f"`threshold` must be a probability from 0 to 1, not {self.threshold:g}.")
        if not 0 <= self.not_contacted_days <= MAX_QUIET_DAYS:
            raise SpecError(f"`not_contacted_days` must be from 0 to {MAX_QUIET_DAYS}, not {self.not_contacted_days}.")
        if len(set(self.columns)) < len(self.columns):
            raise SpecError("Each column of the list must be named once.")

    @property
    def everybody(self) -> AtRiskSpec:
        """The same filters without an end of the list: whom the slider goes over."""
        return replace(self, n=None, threshold=None, columns=())
