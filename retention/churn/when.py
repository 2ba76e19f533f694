"""When users lapse, not only whether: lives from a cut-off on, and what was said of them beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.snapshots import Floats, Ints
from retention.churn.spec import ChurnSpec
from retention.errors import SpecError
from retention.features.table import FeatureTable

Flags = NDArray[np.bool_]
LEAST_FOLLOWED = 28
"""Days that a life must be followed to say anything of its length."""
MOST_FOLLOWED = 365
N_TEACHING = 3
QUANTILES = (0.1, 0.5, 0.9)
"""The median, and the ends of an interval that holds four lives in five."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which cut-offs teach and which judge; days since 1970.

    Attributes
    ----------
    follow_days : int
        Days for which lives are followed, the silence that ends them not counted.
    train_days : tuple of int
        Cut-offs that teach what is said as of `cutoff_day`.
    cutoff_day : int
    judge_train_days : tuple of int
        Cut-offs that teach what is judged; empty where the data are too short to judge.
    judge_day : int or None
        The cut-off at which it is judged; what came later than it teaches nothing there.
    """

    follow_days: int
    train_days: tuple[int, ...]
    cutoff_day: int
    judge_train_days: tuple[int, ...]
    judge_day: int | None


def plan_of(first_day: int, lookback_days: int, window: int, cutoff_day: int) -> Plan:
    """Share the days of the data out between teaching and judging.

    Parameters
    ----------
    window : int
        Days of silence that count as a lapse.

    Raises
    ------
    SpecError
        If no life could be followed long enough.

    Notes
    -----
    A life that is followed for W days needs the window on top before its end is known. Where the data allow, one stretch
    of W teaches and a later one judges. Three cut-offs teach, followed for W, 2 W / 3 and W / 3 days: with one alone
    everybody would be censored on the same day, and weighing the observed lapses would change nothing.

    Examples
    --------
    >>> plan_of(0, 100, 50, 600)
    Plan(follow_days=200, train_days=(350, 417, 484), cutoff_day=600, judge_train_days=(100, 167, 234), judge_day=350)
    >>> plan_of(0, 100, 50, 220)
    Plan(follow_days=70, train_days=(100, 124, 147), cutoff_day=220, judge_train_days=(), judge_day=None)
    """
    room = cutoff_day - first_day - lookback_days
    follow = min(MOST_FOLLOWED, (room - 2 * window) // 2)
    can_judge = follow >= LEAST_FOLLOWED
    if not can_judge:
        follow = min(MOST_FOLLOWED, room - window)
    if follow < LEAST_FOLLOWED:
        needed = lookback_days + window + LEAST_FOLLOWED
        raise SpecError(
            f"The data must reach back {needed} days before the cut-off to say when users lapse, not"
            f" {cutoff_day - first_day}.",
            hint="Choose a shorter look-back or horizon, or a later cut-off.",
        )

    def before(day: int) -> tuple[int, ...]:
        return tuple(day - window - follow * k // N_TEACHING for k in range(N_TEACHING, 0, -1))

    judge_day = cutoff_day - window - follow if can_judge else None
    return Plan(follow, before(cutoff_day), cutoff_day, () if judge_day is None else before(judge_day), judge_day)


@dataclass(frozen=True, slots=True)
class Lives:
    """Users at a cut-off who had not been silent for the window, and how long they stayed.

    Attributes
    ----------
    user_keys : ndarray of int, shape (n_users,)
        Ascending.
    features : tuple of str
    values : ndarray, shape (n_users, n_features)
        What was known at the cut-off.
    days : ndarray of int
        Days from the cut-off to the last activity before the first silence that counts; 0 where nothing came any more.
    is_observed : ndarray of bool
        Whether that silence is known to have lasted; otherwise the life is known to be longer.
    n_silent : int
        Users of the look-back who had been silent for the window already; they are left out.
    """

    user_keys: Ints
    features: tuple[str, ...]
    values: Floats
    days: Ints
    is_observed: Flags
    n_silent: int

    @property
    def n_users(self) -> int:
        """How many are followed."""
        return len(self.user_keys)


def lives_of(table: FeatureTable, rows: pd.DataFrame, at_day: int, until_day: int, window: int) -> Lives:
    """Join what was known of users with how long they stayed.

    Parameters
    ----------
    rows : DataFrame
        Of `query_when.lives`.
    until_day : int
        Days from this one on are not known.

    Notes
    -----
    Censored is who was active later than ``until − window``, the last day on which everybody's status is known.
    """
    rows = rows.sort_values("user_key")
    before = rows["before_day"].to_numpy(dtype=np.int64)
    is_silent = at_day - before >= window
    end = rows["lapsed_day"].fillna(rows["last_day"]).to_numpy(dtype=np.int64)[~is_silent]
    keys = rows["user_key"].to_numpy(dtype=np.int64)[~is_silent]
    last_known = until_day - window
    return Lives(
        user_keys=keys,
        features=table.numeric,
        values=table.frame[list(table.numeric)].to_numpy(dtype=np.float64)[np.searchsorted(table.user_keys, keys)],
        days=np.maximum(np.minimum(end, last_known) - at_day, 0),
        is_observed=end <= last_known,
        n_silent=int(is_silent.sum()),
    )


def drawn_lives(lives: Lives, most: int, seed: int = 0) -> Lives:
    """Draw at most so many users; who had been silent already are counted as before."""
    if lives.n_users <= most:
        return lives
    some = np.sort(np.random.default_rng(seed).choice(lives.n_users, most, replace=False))
    return Lives(
        lives.user_keys[some],
        lives.features,
        lives.values[some],
        lives.days[some],
        lives.is_observed[some],
        lives.n_silent,
    )


def stacked_lives(parts: Sequence[Lives], asked: Lives) -> Lives:
    """Put the lives of several cut-offs under each other.

    Parameters
    ----------
    asked : Lives
        Of whom something will be said: features that are not known of them, or at one of the cut-offs, are left out.
    """
    names = tuple(name for name in asked.features if all(name in part.features for part in parts))
    return Lives(
        np.concatenate([part.user_keys for part in parts]),
        names,
        np.concatenate([part.values[:, [part.features.index(n) for n in names]] for part in parts]),
        np.concatenate([part.days for part in parts]),
        np.concatenate([part.is_observed for part in parts]),
        sum(part.n_silent for part in parts),
    )


@dataclass(frozen=True, slots=True)
class RiskGroup:
    """Users of the judged cut-off who were expected to stay about as long.

    Attributes
    ----------
    name : str
    n, n_observed : int
    said : DataFrame
        t (days), survival: the mean of what was said of each.
    came : DataFrame
        t, at_risk, survival, low, high: Kaplan–Meier, with its 95 % band.
    """

    name: str
    n: int
    n_observed: int
    said: pd.DataFrame
    came: pd.DataFrame


@dataclass(frozen=True, slots=True)
class LapseTimes:
    """When users are expected to lapse.

    Attributes
    ----------
    spec : ChurnSpec
    plan : Plan
    data_version : int
    cutoff_on : date
    follow_days : int
        Nothing is said of later days: no life was followed longer.
    window_days : int
        Days of silence that count as a lapse.
    n_rows, n_observed : int
        Lives that taught (a user once for each cut-off), and how many of them were seen to end.
    models : DataFrame
        One row a model: model, title, teaches ("everybody", "observed lapses only", …), concordance, low, high (95 %),
        by_median, by_median_low, by_median_high (share of the lives that had ended by the day that was said to be the
        middle: 50 % is right), n_users, seconds. Figures are empty where the data are too short to judge.
    groups : tuple of RiskGroup
    n_judged, n_judged_silent : int
        Users that it was judged on (at most 20,000, drawn at random), and those left out there.
    users : DataFrame
        user_key, days_since_last, gone (chance that the last visit has been already), low, median, high (days from the
        cut-off to the last visit: the middle 80 % of the lives; NaN = not within `follow_days`), lasting (chance of
        lasting longer than that).
    n_silent : int
        Users of the look-back left out: silent for the window already.
    """

    spec: ChurnSpec
    plan: Plan
    data_version: int
    cutoff_on: date
    follow_days: int
    window_days: int
    n_rows: int
    n_observed: int
    models: pd.DataFrame
    groups: tuple[RiskGroup, ...]
    n_judged: int
    n_judged_silent: int
    users: pd.DataFrame
    n_silent: int

    @property
    def n_users(self) -> int:
        """How many users something is said of."""
        return len(self.users)

    def of_user(self, user_key: int) -> pd.Series | None:
        """Return the row of a user, or None where nothing is said of them."""
        found = self.users[self.users["user_key"] == user_key]
        return None if found.empty else found.iloc[0]


GROUP_NAMES = ("Shortest expected", "Shorter than most", "Longer than most", "Longest expected")


def quarters(expected: Floats) -> Ints:
    """Put users into four groups of about the same size, the shortest expected life first; equal ones stay together.

    Examples
    --------
    >>> quarters(np.array([5.0, 1.0, 1.0, 9.0])).tolist()
    [2, 0, 0, 3]
    """
    edges = np.quantile(expected, (0.25, 0.5, 0.75)) if len(expected) else np.zeros(3)
    return np.searchsorted(edges, expected, side="left").astype(np.int64)
