"""Users with the score that they were given at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.spec import ChurnSpec
from retention.errors import SpecError
from retention.periods import date_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LABEL = "risk"
TIERS = ("high risk", "medium risk", "low risk")
HIGH, MEDIUM = 2 / 3, 1 / 3


@dataclass(frozen=True, slots=True)
class Scoring:
    """Users were scored as of a moment.

    Attributes
    ----------
    scoring_key : int
    version : int
        Of the model.
    cutoff_day, cutoff_us : int
        What happened on this day or later was not looked at.
    property_key : int
        The label that holds the tiers.
    high, medium : float
        From which probability on a risk is called so.
    intercept : float
        Of the calibration, moved to the season of the day.
    season : str
        What is known of that, in a sentence.
    last_import : int
        The last import whose rows were looked at.
    as_of_us : int
        Up to when the data were complete.
    n_users : int
    mean : float
        Expected share of lapses.
    made_us : int
    is_current : bool
        Whether the data are still the same.
    """

    scoring_key: int
    version: int
    cutoff_day: int
    cutoff_us: int
    property_key: int
    high: float
    medium: float
    intercept: float
    season: str
    last_import: int
    as_of_us: int
    n_users: int
    mean: float
    made_us: int
    is_current: bool

    @property
    def cutoff(self) -> date:
        """The day at whose beginning users were scored."""
        return date_of(self.cutoff_day)


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """One row a user who was scored.

    Attributes
    ----------
    scoring : Scoring
    spec : ChurnSpec
        What the score says: see its lapse.
    user_keys : ndarray of int, shape (n_users,)
        Ascending.
    probability : ndarray, shape (n_users,)
        Of lapsing, calibrated.
    value : ndarray, shape (n_users,)
        Money that a user's orders of the look-back brought per horizon, less refunds; NaN without an order.
    """

    scoring: Scoring
    spec: ChurnSpec
    user_keys: Ints
    probability: Floats
    value: Floats

    @property
    def n_users(self) -> int:
        """How many were scored."""
        return len(self.user_keys)

    def order(self) -> Ints:
        """Return the places of the users, the highest risk first; alike ones by their number."""
        return np.lexsort((self.user_keys, -self.probability))


def score_table(frame: pd.DataFrame, scoring: Scoring, spec: ChurnSpec) -> ScoreTable:
    """Read the rows of a scoring: user_key, probability, value."""
    return ScoreTable(
        scoring, spec, frame["user_key"].to_numpy(dtype=np.int64), frame["probability"].to_numpy(dtype=np.float64),
        frame["value"].to_numpy(dtype=np.float64, na_value=np.nan),
    )  # fmt: skip


def score_rows(user_keys: Ints, probability: Floats, paid: pd.DataFrame, spec: ChurnSpec) -> pd.DataFrame:
    """Lay out the rows of a scoring.

    Parameters
    ----------
    paid : DataFrame
        user_key, net: orders of the look-back.

    Returns
    -------
    DataFrame
        user_key, probability, value.
    """
    net = pd.Series(paid["net"].to_numpy(dtype=np.float64), index=paid["user_key"].to_numpy())
    share = spec.lapse.horizon_days / spec.lapse.lookback_days
    value = net.reindex(user_keys).to_numpy() * share
    return pd.DataFrame({"user_key": user_keys, "probability": probability, "value": value})


def tier_rows(frame: pd.DataFrame, high: float, medium: float) -> pd.DataFrame:
    """Say which tier each user is in: user_key, value_key (1 high, 2 medium, 3 low)."""
    p = frame["probability"].to_numpy(dtype=np.float64)
    key = np.where(p >= high, 1, np.where(p >= medium, 2, 3))
    return pd.DataFrame({"user_key": frame["user_key"].to_numpy(), "value_key": key})


def require_tiers(high: float, medium: float) -> None:
    """Check the bounds of the tiers.

    Raises
    ------
    SpecError
        If they are not in order within 0 and 1.
    """
    if not 0 < medium < high < 1:
        raise SpecError(
            f"The bounds of the tiers must be 0 < medium < high < 1, not medium {medium:g} and high {high:g}.",
            hint="For example medium 0.33 and high 0.67.",
        )


def scoring_of(row: dict[str, Any], *, last_import: int, as_of_us: int) -> Scoring:
    """Read a row of the scorings; `last_import` and `as_of_us` are those of the data now."""
    return Scoring(**row, is_current=row["last_import"] == last_import and row["as_of_us"] == as_of_us)
