"""Why a model scores as it does: what it loses without a feature, and what each feature adds to one user's score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from retention.churn.judgement import MIN_EACH
from retention.churn.model_backtest import Fitted
from retention.churn.reasons import (
    Contributions,
    Dependence,
    UserReasons,
    Values,
    WhatIf,
    chance,
    followed,
    impossible,
    reasons_of,
)
from retention.churn.scores import Scoring
from retention.churn.snapshots import CutoffTable
from retention.churn.spec import SEQUENCE_MODELS
from retention.errors import SpecError
from retention.intervals import Z95
from retention.segments.model_scale import FeatureScaler

Floats = NDArray[np.float64]
MOST_SHUFFLED = 2_000
"""Users that importance is measured on: the interval of what a feature is worth is narrow enough with them."""
N_PERMUTATIONS = 256
EXACT = 1e-6
"""Reasons that do not add up to the score within this are not shown; the sum is checked on every call."""
MOST_ROWS = 400_000
"""Rows scored at a time."""
MOST_BACKGROUND = 5_000
N_GRID = 20
MOST_LINES = 500


class Scorer(Protocol):
    """What is asked of a model: `model_backtest.Fitted` is one."""

    @property
    def features(self) -> tuple[str, ...]: ...

    def log_odds(self, values: Floats) -> Floats: ...


def values_for(features: tuple[str, ...], table: CutoffTable) -> Floats:
    """Return the columns that a model looks at, in its order."""
    return table.values[:, [table.features.index(name) for name in features]]


def importance(fitted: Scorer, table: CutoffTable, *, n_repeats: int = 5, seed: int = 0) -> pd.DataFrame:
    """Measure how much ROC AUC is lost on users who taught nothing when a feature's values are dealt out at random.

    Parameters
    ----------
    table : CutoffTable
        A held-back cut-off whose outcomes are known; of more than 2,000 users, so many are drawn.
    n_repeats : int
        How often each feature is dealt out anew.

    Returns
    -------
    DataFrame
        feature, value, low, high (95 %); the largest loss first. Empty figures where fewer than 10 lapsed or stayed; no rows of
        a sequence model, which looks at no features.

    Notes
    -----
    The interval covers both what dealing out anew changes and what other users would have changed: the variance of the
    mean over the repeats, plus that of a paired difference of AUC by its structural components, the mean over the
    repeats. Features that say the same stand in for each other, so each of them alone may lose little.

    References
    ----------
    Breiman, L. (2001). Random forests. Machine Learning 45.
    DeLong, E., DeLong, D. & Clarke-Pearson, D. (1988). Comparing the areas under two or more correlated receiver
    operating characteristic curves. Biometrics 44.
    """
    if table.lapsed is None:
        raise ValueError("importance needs a cut-off whose outcomes are known")
    columns = ["feature", "value", "low", "high"]
    if getattr(fitted, "name", "") in SEQUENCE_MODELS:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in columns})
    values, lapsed = values_for(fitted.features, table), table.lapsed == 1
    random = np.random.default_rng(seed)
    if len(values) > MOST_SHUFFLED:
        drawn = np.sort(random.choice(len(values), MOST_SHUFFLED, replace=False))
        values, lapsed = values[drawn], lapsed[drawn]
    n = len(values)
    if min(lapsed.sum(), n - lapsed.sum()) < MIN_EACH:
        return pd.DataFrame([(name, np.nan, np.nan, np.nan) for name in fitted.features], columns=columns)
    whole = _components(fitted.log_odds(values), lapsed)
    rows = []
    for j, name in enumerate(fitted.features):
        orders = [random.permutation(n) for _ in range(n_repeats)]
        dealt = np.tile(values, (n_repeats, 1))
        dealt[:, j] = np.concatenate([values[order, j] for order in orders])
        scores = _in_parts(fitted, dealt).reshape(n_repeats, n)
        lost = [tuple(a - b for a, b in zip(whole, _components(s, lapsed), strict=True)) for s in scores]
        losses = np.array([of_lapsed.mean() for of_lapsed, _ in lost])
        sampling = sum(np.mean([part[k] for part in lost], axis=0).var(ddof=1) / len(lost[0][k]) for k in (0, 1))
        dealing = losses.var(ddof=1) / n_repeats if n_repeats > 1 else 0.0
        half = Z95 * float(np.sqrt(sampling + dealing))
        rows.append((name, float(losses.mean()), float(losses.mean()) - half, float(losses.mean()) + half))
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["value", "feature"], ascending=[False, True], ignore_index=True)


def _components(scores: Floats, lapsed: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Of each user the share of users of the other outcome that stand where they should; both means are the AUC."""
    rank = rankdata(scores)
    within = np.empty_like(rank)
    for group in (lapsed, ~lapsed):
        within[group] = rankdata(scores[group])
    over = rank - within
    n_lapsed, n_stayed = int(lapsed.sum()), int((~lapsed).sum())
    return over[lapsed] / n_stayed, 1 - over[~lapsed] / n_lapsed


def _in_parts(fitted: Scorer, values: Floats) -> Floats:
    return np.concatenate([fitted.log_odds(values[i : i + MOST_ROWS]) for i in range(0, len(values), MOST_ROWS)])


def contributions(
    fitted: Scorer, values: Floats, background: Floats, *, n_permutations: int = N_PERMUTATIONS, seed: int = 0
) -> Contributions:
    """Say what each feature adds to the calibrated log-odds of each user, against users as they are.

    Parameters
    ----------
    values : ndarray, shape (n_users, n_features)
        In the order of the model's features.
    background : ndarray, shape (n_background, n_features)
        The users that a score is compared with: those who are scored.
    n_permutations : int
        Orders in which the features are put in, each also backwards; as many users of the background stand for it.

    Returns
    -------
    Contributions
        ``base + values.sum(axis=1)`` is the log-odds of each user, within 1e-6.

    Raises
    ------
    AssertionError
        If the parts do not add up.

    Notes
    -----
    A regression on the log-odds of each feature by itself is taken apart exactly: β (z − mean z). Every other model is
    asked: a user of the background is turned into the user in question one feature at a time, and what each step
    changes is the feature's; the mean over the orders is its Shapley value of the game in which a feature that is out
    has the value of somebody else. Each order is also walked backwards, which halves the noise, and the same users of
    the background serve everybody, so that the parts add up without rounding anything. They are chosen evenly from
    the lowest score to the highest. Features that say the same share what they say.

    References
    ----------
    Štrumbelj, E. & Kononenko, I. (2014). Explaining prediction models and individual predictions with feature
    contributions. Knowledge and Information Systems 41.
    Mitchell, R., Cooper, J., Frank, E. & Holmes, G. (2022). Sampling permutations for Shapley value estimation. JMLR 23.
    """
    values, background = np.atleast_2d(np.asarray(values, dtype=np.float64)), np.asarray(background, dtype=np.float64)
    whole = fitted.log_odds(values)
    found = _linear(fitted, values, background)
    if found is None or np.abs(found.log_odds - whole).max(initial=0.0) > EXACT:
        found = _sampled(fitted, values, background, n_permutations, seed)
    off = float(np.abs(found.log_odds - whole).max(initial=0.0))
    if not off <= EXACT:
        raise AssertionError(f"the reasons add up to a score that is {off:g} off")
    return found


def _linear(fitted: Any, values: Floats, background: Floats) -> Contributions | None:
    """Take a logistic regression apart, where the model is one."""
    model = getattr(fitted, "model", None)
    if not (isinstance(model, Pipeline) and len(model) == 2):
        return None
    scaler, last = model[0], model[1]
    if not (isinstance(scaler, FeatureScaler) and isinstance(last, LogisticRegression)):
        return None
    weights = fitted.slope * last.coef_[0]
    centre = scaler.transform(background).mean(axis=0)
    # What the calibration adds does not depend on the features: it is what is left of the score.
    parts = (scaler.transform(values) - centre) * weights
    base = float(np.mean(fitted.log_odds(background)))
    return Contributions(fitted.features, base, parts, np.zeros_like(parts))


def _sampled(fitted: Scorer, values: Floats, background: Floats, n_permutations: int, seed: int) -> Contributions:
    random = np.random.default_rng(seed)
    n_used = min(n_permutations, len(background))
    used = _stand_ins(fitted, background, n_used, random)
    n, d = values.shape
    # Every user of the background serves equally often, else the parts would add up to another base.
    n_each = -(-n_permutations // n_used)
    orders = np.array([random.permutation(d) for _ in range(n_used * n_each)])
    orders = np.concatenate([orders, orders[:, ::-1]])
    who = np.tile(np.arange(n_used), 2 * n_each)
    place = np.empty_like(orders)
    np.put_along_axis(place, orders, np.broadcast_to(np.arange(d), orders.shape), axis=1)
    # At step k of an order the k features that stand first are the user's own, the others the stranger's.
    own = place[:, None, :] < np.arange(d + 1)[None, :, None]
    strangers = used[who][:, None, :]
    per_user = len(orders) * (d + 1)
    parts, errors = np.empty((n, d)), np.empty((n, d))
    n_at_once = max(1, MOST_ROWS // per_user)
    for begin in range(0, n, n_at_once):
        some = values[begin : begin + n_at_once]
        mixed = np.where(own[None], some[:, None, None, :], strangers[None]).reshape(-1, d)
        steps = np.diff(_in_parts(fitted, mixed).reshape(len(some), len(orders), d + 1), axis=2)
        by_feature = np.take_along_axis(steps, np.broadcast_to(place, (len(some), *place.shape)), axis=2)
        pairs = by_feature.reshape(len(some), 2, -1, d).mean(axis=1)
        parts[begin : begin + len(some)] = by_feature.mean(axis=1)
        errors[begin : begin + len(some)] = (
            pairs.std(axis=1, ddof=1) / np.sqrt(pairs.shape[1]) if pairs.shape[1] > 1 else np.nan
        )
    return Contributions(fitted.features, float(fitted.log_odds(used).mean()), parts, errors)


def _stand_ins(fitted: Scorer, background: Floats, n_used: int, random: np.random.Generator) -> Floats:
    """Choose users who stand for all: evenly from the lowest score to the highest, so that the base is nearly that of all."""
    if len(background) <= n_used:
        return background
    some = background
    if len(background) > MOST_BACKGROUND:
        some = background[np.sort(random.choice(len(background), MOST_BACKGROUND, replace=False))]
    order = np.argsort(_in_parts(fitted, some), kind="stable")
    return some[order[((np.arange(n_used) + 0.5) * len(some) / n_used).astype(int)]]


def dependence(fitted: Scorer, feature: str, values: Floats, *, n_grid: int = N_GRID, seed: int = 0) -> Dependence:
    """Say how the score goes with one feature, the others left as they are.

    Parameters
    ----------
    values : ndarray, shape (n_users, n_features)
        Users as they are; at most 500 of them are drawn.
    n_grid : int
        At most so many values are tried: quantiles of those that occur.

    Notes
    -----
    The mean over users is the partial dependence; the band holds the middle 80 % of the users' own curves, so that a mean
    that speaks for nobody shows. A value may not be possible for somebody with the other values.

    References
    ----------
    Friedman, J. (2001). Greedy function approximation. Annals of Statistics 29.
    Goldstein, A., Kapelner, A., Bleich, J. & Pitkin, E. (2015). Peeking inside the black box. JCGS 24.
    """
    place = fitted.features.index(feature)
    column = values[:, place]
    known = column[~np.isnan(column)]
    unknown_rate = float(np.isnan(column).mean()) if len(column) else np.nan
    grid = np.unique(np.quantile(known, np.linspace(0.01, 0.99, n_grid), method="nearest")) if len(known) else known
    if len(values) > MOST_LINES:
        drawn = np.random.default_rng(seed).choice(len(values), MOST_LINES, replace=False)
        values = values[np.sort(drawn)]
    tried = np.tile(values, (len(grid), 1))
    tried[:, place] = np.repeat(grid, len(values))
    scores = _chance(_in_parts(fitted, tried) if len(tried) else np.zeros(0)).reshape(len(grid), len(values))
    low, middle, high = np.quantile(scores, [0.1, 0.5, 0.9], axis=1) if len(grid) else (np.zeros(0),) * 3
    frame = pd.DataFrame({"value": grid, "mean": scores.mean(axis=1), "low": low, "median": middle, "high": high})
    return Dependence(feature, frame, len(values), unknown_rate)


def _chance(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


# --- the users who were scored ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """The users of a scoring with all that their scores are made of.

    Attributes
    ----------
    scoring : Scoring
    fitted : Fitted
        Its level moved to the season of the day.
    table : CutoffTable
        As they were at the cut-off.
    lookback_days : int
    stored : ndarray, shape (n_stored,)
        Probabilities as they were written, of `stored_keys`.
    stored_keys : ndarray of int
        Ascending.
    """

    scoring: Scoring
    fitted: Fitted
    table: CutoffTable
    lookback_days: int
    stored_keys: NDArray[np.int64]
    stored: Floats

    @cached_property
    def values(self) -> Floats:
        """What the model looks at, one row a user."""
        return values_for(self.fitted.features, self.table)

    @cached_property
    def medians(self) -> dict[str, float]:
        """The middle of each feature, of those for whom it is known."""
        known = [column[~np.isnan(column)] for column in self.values.T]
        return {
            name: float(np.median(column)) if len(column) else float("nan")
            for name, column in zip(self.fitted.features, known, strict=True)
        }

    def place(self, user_key: int) -> int:
        """Return the row of a user.

        Raises
        ------
        SpecError
            If the user was not scored.
        """
        place = int(np.searchsorted(self.table.user_keys, user_key))
        if place == self.table.n_users or self.table.user_keys[place] != user_key:
            raise SpecError(
                f"This user has no score: not active within {self.lookback_days} days before {self.scoring.cutoff}.",
                hint="Choose a user from the list of those at risk.",
            )
        return place

    def values_of(self, user_key: int) -> dict[str, float]:
        """Return what was known of a user."""
        row = self.values[self.place(user_key)]
        return dict(zip(self.fitted.features, (float(v) for v in row), strict=True))


def user_reasons(scored: Scored, user_key: int, *, n_permutations: int = N_PERMUTATIONS) -> UserReasons:
    """Say why a user is scored so; see `contributions`."""
    place = scored.place(user_key)
    parts = contributions(scored.fitted, scored.values[place : place + 1], scored.values, n_permutations=n_permutations)
    at = int(np.searchsorted(scored.stored_keys, user_key))
    is_stored = at < len(scored.stored_keys) and scored.stored_keys[at] == user_key
    probability = chance(float(parts.log_odds[0]))
    return UserReasons(
        scoring=scored.scoring,
        model=scored.fitted.name,
        user_key=user_key,
        probability=probability,
        stored=float(scored.stored[at]) if is_stored else float("nan"),
        base=parts.base,
        reasons=reasons_of(parts, 0),
        values=scored.values_of(user_key),
        medians=scored.medians,
        n_compared=scored.table.n_users,
        parts=dict(zip(parts.features, (float(v) for v in parts.values[0]), strict=True)),
    )


def what_if(scored: Scored, user_key: int, changes: Values) -> WhatIf:
    """Say what a user's score would be with other values.

    Raises
    ------
    SpecError
        If the model does not look at a feature.
    """
    strange = [name for name in changes if name not in scored.fitted.features]
    if strange:
        raise SpecError(f"The model does not look at {', '.join(strange)}.", hint="Choose a feature of the model.")
    before = scored.values_of(user_key)
    after, follow = followed(before, changes)
    rows = np.array([[values[name] for name in scored.fitted.features] for values in (before, after)])
    chances = [chance(float(v)) for v in scored.fitted.log_odds(rows)]
    seen = {
        name: (np.nanmin(column), np.nanmax(column))
        for name, column in zip(scored.fitted.features, scored.values.T, strict=True)
        if not np.isnan(column).all()
    }
    # What is strange about a user as they are is not the change's fault.
    known = set(impossible(before, scored.lookback_days))
    return WhatIf(
        before=chances[0],
        after=chances[1],
        values=after,
        follow=follow,
        impossible=tuple(text for text in impossible(after, scored.lookback_days) if text not in known),
        unseen=tuple(name for name in changes if name in seen and not seen[name][0] <= after[name] <= seen[name][1]),
    )
