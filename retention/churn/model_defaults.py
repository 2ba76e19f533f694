"""What a lapse means for these customers: a horizon that nine of ten returns fit into."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from retention.churn.spec import LapseSpec
from retention.survival.curve import Histogram
from retention.survival.model import kaplan_meier

STILL_AWAY = 0.10
LONGEST, SHORTEST = 365, 7
LOOKBACKS = 2
"""A look-back of two horizons: who has been silent for longer is gone already and no longer at risk."""
MOST_LOOKBACK = 365


@dataclass(frozen=True, slots=True)
class LapseDefaults:
    """What the data suggest.

    Attributes
    ----------
    spec : LapseSpec
    why : str
        In a sentence or two.
    """

    spec: LapseSpec
    why: str


def horizon_of(gaps: pd.DataFrame) -> tuple[int | None, bool]:
    """Find the days within which nine of ten silences end.

    Parameters
    ----------
    gaps : DataFrame
        gap (days), is_over (0 or 1), n.

    Returns
    -------
    (days, is_reached)
        None where nobody ever came back. Where one silence in ten never ends, the days within which nine of ten of those
        end that do, and False.

    Notes
    -----
    Kaplan–Meier of the time from one visit to the next, the silences that have not ended censored: the smallest h with
    S(h) ≤ 0.10. Without the censored ones the slow would be left out, and h too short.

    Examples
    --------
    >>> horizon_of(pd.DataFrame({"gap": [5, 20, 30], "is_over": [1, 1, 0], "n": [80, 15, 5]}))
    (20, True)
    >>> horizon_of(pd.DataFrame({"gap": [5, 20, 30], "is_over": [1, 1, 0], "n": [10, 10, 80]}))
    (20, False)
    """
    over = gaps[gaps["is_over"] == 1]
    if not int(over["n"].sum()):
        return None, False
    durations = gaps["gap"].to_numpy(dtype=np.int64)
    histogram = Histogram(
        np.zeros(len(gaps), dtype=np.int64), durations, gaps["is_over"].to_numpy() == 1, gaps["n"].to_numpy(dtype=np.int64)
    )
    curve = kaplan_meier(histogram)
    low = curve[curve["survival"] <= STILL_AWAY]
    if len(low):
        return int(low["t"].iloc[0]), True
    ordered = over.sort_values("gap")
    reached = ordered["n"].cumsum() >= (1 - STILL_AWAY) * ordered["n"].sum()
    return int(ordered["gap"][reached].iloc[0]), False


def defaults_of(gaps: pd.DataFrame, span_days: int, spec: LapseSpec) -> LapseDefaults:
    """Choose horizon and look-back, shorter where the data are.

    Parameters
    ----------
    span_days : int
        Days that the data reach back.
    spec : LapseSpec
        Gap, events and filters are kept.
    """
    days, is_reached = horizon_of(gaps)
    if days is None:
        days, why = LapseSpec().horizon_days, "Nobody has come back yet, so there is nothing to learn a horizon from."
    elif is_reached:
        why = f"Of all silences, nine in ten end within {days} days."
    else:
        why = f"More than one silence in ten never ends; of those that do, nine in ten end within {days} days."
    horizon = min(max(days, SHORTEST), LONGEST)
    if horizon != days:
        why += f" A horizon is from {SHORTEST} to {LONGEST} days."
    # To be judged, a score needs a look-back, a horizon to learn from and a later one to be judged on.
    room = (span_days - 2 * spec.gap_days) // (2 + LOOKBACKS)
    if room < horizon:
        horizon = max(room, SHORTEST)
        why += f" The data reach back {span_days} days only, so the horizon is {horizon} days."
    lookback = min(LOOKBACKS * horizon, MOST_LOOKBACK)
    return LapseDefaults(replace(spec, horizon_days=horizon, lookback_days=max(lookback, SHORTEST)), why)
