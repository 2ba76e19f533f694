"""The list of users at risk as a table: what a list shows of each, unrounded; what is not known is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.churn.scores import TIERS
from retention.churn.spec_list import COLUMNS, AtRiskSpec
from retention.periods import iso


@dataclass(frozen=True, slots=True)
class AtRiskList:
    """The users at risk who are asked for.

    Attributes
    ----------
    spec : AtRiskSpec
    count : int
        How many there are, shown or not.
    n_candidates : int
        How many pass the filters, however low their risk.
    n_scored : int
        How many were scored at all.
    users : DataFrame
        At most so many as were asked for, the riskiest first: user_key, pseudonym, first_us, last_us, n_events.
    shown : DataFrame
        The same users with the chosen columns; see `listed`.
    """

    spec: AtRiskSpec
    count: int
    n_candidates: int
    n_scored: int
    users: pd.DataFrame
    shown: pd.DataFrame


def percentiles(probabilities: ArrayLike, everybody: ArrayLike) -> NDArray[np.int64]:
    """Say than which share of all scored users a user is riskier, in whole percent.

    Examples
    --------
    >>> percentiles([0.9, 0.5], [0.1, 0.5, 0.5, 0.9]).tolist()
    [75, 25]
    """
    ordered = np.sort(np.asarray(everybody, dtype=np.float64))
    below = np.searchsorted(ordered, np.asarray(probabilities, dtype=np.float64), side="left")
    return np.asarray(100 * below // max(len(ordered), 1), dtype=np.int64)


def tier_of(probabilities: ArrayLike, high: float, medium: float) -> list[str]:
    """Name the tier of each probability.

    Examples
    --------
    >>> tier_of([0.7, 0.5, 0.2], 0.6, 0.3)
    ['high risk', 'medium risk', 'low risk']
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return [TIERS[0] if v >= high else TIERS[1] if v >= medium else TIERS[2] for v in p]


def risk_counts(probabilities: ArrayLike, n_bins: int = 20) -> pd.DataFrame:
    """Count the users with each risk.

    Returns
    -------
    DataFrame
        from_, to (of the probability), n.

    Examples
    --------
    >>> risk_counts([0.1, 0.5, 0.6, 1.0], 2)["n"].tolist()
    [1, 3]
    """
    edges = np.arange(n_bins + 1) / n_bins
    n, _ = np.histogram(np.asarray(probabilities, dtype=np.float64), bins=edges)
    return pd.DataFrame({"from_": edges[:-1], "to": edges[1:], "n": n})


def tier_counts(probabilities: ArrayLike, high: float, medium: float) -> dict[str, int]:
    """Count the users of each tier.

    Examples
    --------
    >>> tier_counts([0.7, 0.5, 0.2, 0.1], 0.6, 0.3)
    {'high risk': 1, 'medium risk': 1, 'low risk': 2}
    """
    p = np.asarray(probabilities, dtype=np.float64)
    n_high, n_medium = int((p >= high).sum()), int(((p >= medium) & (p < high)).sum())
    return {TIERS[0]: n_high, TIERS[1]: n_medium, TIERS[2]: len(p) - n_high - n_medium}


def listed(
    rows: pd.DataFrame,
    spec: AtRiskSpec,
    everybody: ArrayLike,
    *,
    cutoff_day: int,
    tiers: tuple[float, float],
    labels: Sequence[str],
) -> pd.DataFrame:
    """Lay the list out with the columns that were chosen.

    Parameters
    ----------
    rows : DataFrame
        Of `query_list.rows`.
    everybody : array-like
        The probabilities of all scored users.
    tiers : (float, float)
        From which probability on a risk is called high, and medium.
    labels : sequence of str
        Names of the labels that were read, in order.

    Returns
    -------
    DataFrame
        pseudonym, then the chosen columns: probability (0 to 1), percentile (whole %), tier, days_since_last, value and
        value_at_risk (money per horizon), first_seen, last_seen (ISO instants), events, and labels by their names.
    """
    p = rows["probability"].to_numpy(dtype=np.float64)
    value = rows["value"].to_numpy(dtype=np.float64)
    last = rows["last_day"].to_numpy(dtype=np.float64)
    made = {
        "probability": lambda: p,
        "percentile": lambda: percentiles(p, everybody),
        "tier": lambda: tier_of(p, *tiers),
        "days_since_last": lambda: pd.array(cutoff_day - 1 - last, dtype="Int64"),
        "value": lambda: value,
        "value_at_risk": lambda: p * np.maximum(value, 0.0),
        "first_seen": lambda: [iso(int(us)) for us in rows["first_us"]],
        "last_seen": lambda: [iso(int(us)) for us in rows["last_us"]],
        "events": lambda: rows["n_events"].to_numpy(dtype=np.int64),
    }
    columns = {name: made[name]() for name in COLUMNS if name in spec.columns}
    of_labels = {name: rows[f"label_{number}"].to_numpy() for number, name in enumerate(labels)}
    chosen = {name: columns.get(name, of_labels.get(name)) for name in spec.columns}
    return pd.DataFrame({"pseudonym": rows["pseudonym"].to_numpy(), **chosen})
