"""How good a score is on users it has not learned from: figures with intervals, and whether it beats a plain rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.intervals import Z95, wilson

Floats = NDArray[np.float64]
N_DRAWS = 200
LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1, or one sure mistake would make the log-loss infinite."""
SHARES = (0.05, 0.1, 0.2)
MIN_EACH = 10
"""Fewer users who lapsed, or who stayed, say nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def says(self) -> str:
        """Of a difference: which way it goes, if that can be told."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "cannot tell"


class Ranked:
    """Scores in order, so that every figure of every draw takes one pass over them.

    Parameters
    ----------
    lapsed : array-like of {0, 1}, shape (n_users,)
    scores : array-like, shape (n_users,)
        The higher, the likelier the lapse; a probability, or a mere rank.
    is_probability : bool
        Whether Brier score and log-loss mean something.
    """

    def __init__(self, lapsed: ArrayLike, scores: ArrayLike, *, is_probability: bool = True) -> None:
        y = np.asarray(lapsed, dtype=np.float64)
        p = np.asarray(scores, dtype=np.float64)
        if y.shape != p.shape or y.ndim != 1:
            raise ValueError(f"{y.shape} outcomes for {p.shape} scores")
        self.order = np.argsort(-p, kind="stable")
        self.y, self.p = y[self.order], p[self.order]
        self.is_probability = is_probability
        # Users with the same score are one step: what is said of a rank must not depend on their order.
        is_last = np.append(np.diff(self.p) != 0, [True]) if len(p) else np.zeros(0, dtype=bool)
        self._ends = np.flatnonzero(is_last)

    @cached_property
    def _losses(self) -> tuple[Floats, Floats]:
        p = np.clip(self.p, LEAST, 1 - LEAST)
        return (self.p - self.y) ** 2, -(self.y * np.log(p) + (1 - self.y) * np.log1p(-p))

    def figures(self, weights: Floats | None = None) -> dict[str, float]:
        """Compute every figure, each user counted as often as `weights` says (in the order of the input).

        Returns
        -------
        dict
            base_rate, auc, average_precision, lift_5, recall_5, precision_5 and so on for the top 10 and 20 %; brier and
            log_loss of probabilities.

        Notes
        -----
        Ties share: half a pair in the AUC (Mann and Whitney 1947), and a top share that ends inside a tie takes the same
        part of all in it.
        """
        w = np.ones(len(self.y)) if weights is None else weights[self.order]
        found = {"base_rate": float(w @ self.y / w.sum())}
        hits, all_ = np.cumsum(w * self.y)[self._ends], np.cumsum(w)[self._ends]
        positives, negatives = hits[-1], all_[-1] - hits[-1]
        up, over = np.diff(hits, prepend=0.0), np.diff(all_ - hits, prepend=0.0)
        below = negatives - (all_ - hits)
        has_both = positives > 0 and negatives > 0
        found["auc"] = float(up @ (below + over / 2) / (positives * negatives)) if has_both else np.nan
        precision = np.divide(hits, all_, out=np.zeros_like(hits), where=all_ > 0)
        found["average_precision"] = float(up @ precision / positives) if positives > 0 else np.nan
        reach = np.concatenate([[0.0], all_])
        for share in SHARES:
            caught = float(np.interp(share * all_[-1], reach, np.concatenate([[0.0], hits])))
            name = f"{share * 100:.0f}"
            recall = caught / positives if positives > 0 else np.nan
            found |= {
                f"recall_{name}": recall, f"lift_{name}": recall / share, f"precision_{name}": caught / (share * all_[-1]),
            }  # fmt: skip
        if self.is_probability:
            brier, log_loss = self._losses
            found |= {"brier": float(w @ brier / w.sum()), "log_loss": float(w @ log_loss / w.sum())}
        return found


def draws(n: int, n_draws: int = N_DRAWS, seed: int = 0) -> Iterator[Floats]:
    """Draw users anew, with replacement: how often each comes."""
    random = np.random.default_rng(seed)
    for _ in range(n_draws):
        yield np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)


def _figure(value: float, drawn: Sequence[float]) -> Figure:
    known = np.asarray(drawn)[~np.isnan(drawn)]
    if np.isnan(value) or not len(known):
        return Figure(value, np.nan, np.nan)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(value, float(min(low, value)), float(max(high, value)))


def judged(
    lapsed: ArrayLike, scores: ArrayLike, *, is_probability: bool = True, n_draws: int = N_DRAWS, seed: int = 0
) -> dict[str, Figure]:
    """Say how good a score is, each figure with its bootstrap interval.

    Parameters
    ----------
    lapsed, scores
        See `Ranked`.

    References
    ----------
    Efron, B. & Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 13 (percentile interval).
    """
    ranked = Ranked(lapsed, scores, is_probability=is_probability)
    whole = ranked.figures()
    drawn = [ranked.figures(w) for w in draws(len(ranked.y), n_draws, seed)]
    return {name: _figure(value, [d[name] for d in drawn]) for name, value in whole.items()}


def differences(
    lapsed: ArrayLike, ours: ArrayLike, theirs: ArrayLike, *, metric: str = "auc", n_draws: int = N_DRAWS, seed: int = 0
) -> Figure:
    """Say by how much one score beats another on the same users: both see the same draws.

    Notes
    -----
    Scores of the same users go together, so the interval of the difference is much narrower than the two intervals
    beside each other suggest.
    """
    one, two = (Ranked(lapsed, scores, is_probability=False) for scores in (ours, theirs))
    drawn = [one.figures(w)[metric] - two.figures(w)[metric] for w in draws(len(one.y), n_draws, seed)]
    return _figure(one.figures()[metric] - two.figures()[metric], drawn)


@dataclass(frozen=True, slots=True)
class Line:
    """Calibration in two figures: of a perfect probability the slope is 1 and the intercept 0.

    Attributes
    ----------
    slope : Figure
        Below 1 the score is too sure of itself.
    intercept : Figure
        Of the log-odds, the slope held at 1: above 0 more lapse than the score says.
    """

    slope: Figure
    intercept: Figure


def calibration_line(lapsed: ArrayLike, probabilities: ArrayLike) -> Line:
    """Fit the log-odds of lapsing on the log-odds of the score.

    References
    ----------
    Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika 45.
    """
    y = np.asarray(lapsed, dtype=np.float64)
    p = np.clip(np.asarray(probabilities, dtype=np.float64), LEAST, 1 - LEAST)
    z = np.log(p) - np.log1p(-p)
    nothing = Figure(np.nan, np.nan, np.nan)
    if y.sum() < MIN_EACH or (1 - y).sum() < MIN_EACH:
        return Line(nothing, nothing)
    both = _logistic(np.column_stack([np.ones_like(z), z]), y, np.zeros_like(z)) if np.ptp(z) > 0 else None
    alone = _logistic(np.ones((len(z), 1)), y, z)
    slope = nothing if both is None else _wald(both[0][1], both[1][1])
    return Line(slope, _wald(alone[0][0], alone[1][0]))


def _wald(value: float, error: float) -> Figure:
    return Figure(float(value), float(value - Z95 * error), float(value + Z95 * error))


def _logistic(x: Floats, y: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Fit a logistic regression of one or two columns by Newton's steps: coefficients and standard errors."""
    b = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ b + offset, -35, 35)))
        information = (x * (p * (1 - p))[:, None]).T @ x
        step = np.linalg.solve(information, x.T @ (y - p))
        b += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return b, np.sqrt(np.diag(np.linalg.inv(information)))


def calibration_table(lapsed: ArrayLike, probabilities: ArrayLike, n_bins: int = 10) -> pd.DataFrame:
    """Compare what the score says with what came, in groups of about the same number of users.

    Returns
    -------
    DataFrame
        from_, to (of the score), n, said (mean score), came (share that lapsed), low, high (Wilson), is_off (whether the
        mean score lies outside the interval).
    """
    y, p = np.asarray(lapsed, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1))) if len(p) else np.zeros(0)
    rows = []
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(len(edges) - 2, 0))
    for i in range(max(len(edges) - 1, 1) if len(p) else 0):
        inside = place == i
        if not inside.any():
            continue
        n, x, said = int(inside.sum()), int(y[inside].sum()), float(p[inside].mean())
        low, high = (float(v) for v in wilson(x, n))
        rows.append((float(p[inside].min()), float(p[inside].max()), n, said, x / n, low, high, not low <= said <= high))
    return pd.DataFrame(rows, columns=["from_", "to", "n", "said", "came", "low", "high", "is_off"])


def gains(lapsed: ArrayLike, scores: ArrayLike, n_points: int = 100) -> pd.DataFrame:
    """Say which share of those who lapse is among the users with the highest scores.

    Returns
    -------
    DataFrame
        share (of the users, from 0 to 1), n, caught (who lapsed among them), recall, precision, lift (0 users: empty).
    """
    ranked = Ranked(lapsed, scores, is_probability=False)
    n = len(ranked.y)
    counts = np.unique(np.round(np.linspace(0, n, min(n_points, n) + 1)).astype(int))
    reach = np.concatenate([[0], ranked._ends + 1])
    caught = np.interp(counts, reach, np.concatenate([[0.0], np.cumsum(ranked.y)[ranked._ends]]))
    positives = ranked.y.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = caught / positives, caught / counts
        return pd.DataFrame(
            {
                "share": counts / n, "n": counts, "caught": caught, "recall": recall, "precision": precision,
                "lift": precision / (positives / n),
            }
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """What comes of treating everybody from a score on.

    Attributes
    ----------
    threshold : float
    n : int
        Users at or above it.
    precision, recall : Figure
        Wilson intervals.
    f1 : float
    """

    threshold: float
    n: int
    precision: Figure
    recall: Figure
    f1: float


def at_threshold(lapsed: ArrayLike, scores: ArrayLike, threshold: float) -> Choice:
    """Judge one threshold."""
    y, chosen = np.asarray(lapsed, dtype=np.int64), np.asarray(scores, dtype=np.float64) >= threshold
    hits, n, positives = int(y[chosen].sum()), int(chosen.sum()), int(y.sum())

    def share(x: int, of: int) -> Figure:
        if not of:
            return Figure(np.nan, np.nan, np.nan)
        low, high = (float(v) for v in wilson(x, of))
        return Figure(x / of, low, high)

    f1 = 2 * hits / (n + positives) if n + positives else np.nan
    return Choice(threshold, n, share(hits, n), share(hits, positives), f1)


def verdict(lapsed: ArrayLike, scores: ArrayLike, rules: Mapping[str, ArrayLike], *, seed: int = 0) -> tuple[str, str]:
    """Say in a sentence whether a score may be trusted to rank users, beside the plain rules.

    Returns
    -------
    (word, sentence)
        word: "reliable", "no better" or "too few".

    Notes
    -----
    "Better" only where the paired bootstrap interval of the difference in ROC AUC excludes zero, for every rule.
    """
    y = np.asarray(lapsed)
    n, n_lapsed = len(y), int(y.sum())
    if min(n_lapsed, n - n_lapsed) < MIN_EACH:
        return "too few", f"Too few users to tell (n = {n:,}, of whom {n_lapsed:,} lapsed)."
    for name, rule in rules.items():
        found = differences(y, scores, rule, seed=seed)
        if found.low <= 0:
            return "no better", (
                f"No better than {name}: use the rule. (ROC AUC {found.value:+.3f}, 95 % interval {found.low:+.3f} to"
                f" {found.high:+.3f}, on {n:,} users.)"
            ).replace("-", "−")
    auc = judged(y, scores, is_probability=False, seed=seed)["auc"]
    return "reliable", (
        f"Reliable enough to rank: of two users, one who lapsed and one who stayed, it puts the right one first in"
        f" {auc.value:.1%} of cases (95% interval {auc.low:.1%} to {auc.high:.1%}), more often than"
        f" {' or '.join(rules)}.".replace("%", " %")
    )
