"""The report on a score: its figures beside the plain rules, and its curves, on users whom it has not learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.churn.judgement import (
    MIN_EACH,
    SHARES,
    Figure,
    Line,
    Ranked,
    calibration_line,
    calibration_table,
    draws,
    gains,
    judged,
)
from retention.intervals import Z95, wilson

Floats = NDArray[np.float64]
SHOWN = (
    "auc", "average_precision", "brier", "log_loss",
    *(f"{what}_{share * 100:.0f}" for what in ("lift", "recall", "precision") for share in SHARES),
)  # fmt: skip
"""Figures of a report; precision and recall at a threshold are found by `judgement.at_threshold`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A score at one held-back cut-off, beside the rules.

    Attributes
    ----------
    chosen : str
        The score that is reported on.
    n_users, n_lapsed : int
    beside : DataFrame
        One row a score, the chosen one first, the others by ROC AUC: score, is_chosen; for each of `SHOWN` its value,
        ``_low`` and ``_high``; ahead, ahead_low, ahead_high (ROC AUC of the chosen score less this one's, on the same users:
        by the paired bootstrap, of more than 5,000 users by DeLong's formula), ahead_says.
    line : Line
        Calibration of the chosen score.
    calibration : DataFrame
        See `judgement.calibration_table`.
    gains : DataFrame
        See `judgement.gains`; with a column score.
    thresholds : DataFrame
        threshold, n, chosen_rate, precision, recall, f1 of the chosen score; precision with precision_low, precision_high
        and recall with recall_low, recall_high (Wilson).
    """

    chosen: str
    n_users: int
    n_lapsed: int
    beside: pd.DataFrame
    line: Line
    calibration: pd.DataFrame
    gains: pd.DataFrame
    thresholds: pd.DataFrame

    @property
    def base_rate(self) -> float:
        """The share that lapsed."""
        return self.n_lapsed / self.n_users if self.n_users else float("nan")

    @property
    def is_known(self) -> bool:
        """Whether enough users lapsed, and stayed, for the figures to mean anything."""
        return min(self.n_lapsed, self.n_users - self.n_lapsed) >= MIN_EACH


MANY = 5_000
"""Of more users, differences are worked out by formula."""


def n_draws_for(n_users: int) -> int:
    """Choose how often to draw users anew: of many, fewer draws give as good an interval in the time a reader waits.

    Examples
    --------
    >>> n_draws_for(1000), n_draws_for(200_000), n_draws_for(1_000_000)
    (200, 100, 40)
    """
    return int(np.clip(20_000_000 // max(n_users, 1), 40, 200))


def standing(
    lapsed: ArrayLike,
    scores: Mapping[str, ArrayLike],
    chosen: str,
    known: Mapping[str, Mapping[str, Figure]] | None = None,
    *,
    seed: int = 0,
) -> Standing:
    """Judge a score beside others on the same users.

    Parameters
    ----------
    lapsed : array-like of {0, 1}, shape (n_users,)
    scores : mapping of name to array-like, shape (n_users,)
        The chosen score must be a calibrated probability; Brier score and log-loss of another one are empty where it is none.
    known : mapping of name to figures, optional
        Figures that were worked out before on these users, so that they need not be again.
    """
    y = np.asarray(lapsed, dtype=np.float64)
    values = {name: np.asarray(score, dtype=np.float64) for name, score in scores.items()}
    n_draws = n_draws_for(len(y))
    found: dict[str, Mapping[str, Figure]] = {}
    for name, score in values.items():
        is_probability = bool(len(score)) and bool(score.min() >= 0) and bool(score.max() <= 1)
        ready = (known or {}).get(name)
        found[name] = ready or judged(y, score, is_probability=is_probability, n_draws=n_draws, seed=seed)
    ahead = _ahead(y, values, chosen, n_draws, seed)
    names = sorted(values, key=lambda n: (n != chosen, -_or(found[n]["auc"].value, -1.0), n))
    rows = [_row(name, name == chosen, found[name], ahead.get(name)) for name in names]
    return Standing(
        chosen,
        len(y),
        int(y.sum()),
        pd.DataFrame(rows),
        calibration_line(y, values[chosen]),
        calibration_table(y, values[chosen]),
        pd.concat([gains(y, values[name]).assign(score=name) for name in names], ignore_index=True),
        threshold_table(y, values[chosen]),
    )


def _or(value: float, otherwise: float) -> float:
    return otherwise if np.isnan(value) else value


def _row(name: str, is_chosen: bool, figures: Mapping[str, Figure], ahead: Figure | None) -> dict[str, object]:
    row: dict[str, object] = {"score": name, "is_chosen": is_chosen}
    for figure in SHOWN:
        f = figures.get(figure, Figure(np.nan, np.nan, np.nan))
        row |= {figure: f.value, f"{figure}_low": f.low, f"{figure}_high": f.high}
    f = ahead or Figure(np.nan, np.nan, np.nan)
    return row | {"ahead": f.value, "ahead_low": f.low, "ahead_high": f.high, "ahead_says": "" if ahead is None else f.says}


def _ahead(y: Floats, scores: Mapping[str, Floats], chosen: str, n_draws: int, seed: int) -> dict[str, Figure]:
    """Say by how much the chosen score ranks better than each other one, on the same draws of users."""
    if len(np.unique(y)) < 2:
        return {}
    if len(y) > MANY:
        return {name: delong(y, scores[chosen], score) for name, score in scores.items() if name != chosen}
    ranked = {name: Ranked(y, score, is_probability=False) for name, score in scores.items()}
    whole = {name: auc_of(r) for name, r in ranked.items()}
    drawn: dict[str, list[float]] = {name: [] for name in scores}
    for weights in draws(len(y), n_draws, seed):
        for name, r in ranked.items():
            drawn[name].append(auc_of(r, weights))
    ours = np.array(drawn[chosen])
    found = {}
    for name in scores:
        if name == chosen:
            continue
        gaps = ours - np.array(drawn[name])
        low, high = np.nanquantile(gaps, [0.025, 0.975])
        value = whole[chosen] - whole[name]
        found[name] = Figure(value, float(min(low, value)), float(max(high, value)))
    return found


def delong(lapsed: ArrayLike, ours: ArrayLike, theirs: ArrayLike) -> Figure:
    """Say by how much one score's ROC AUC is above another's on the same users, by formula and not by drawing.

    Notes
    -----
    With many users the bootstrap gives the same interval in a hundred times the time.

    References
    ----------
    DeLong, E. R., DeLong, D. M. & Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated receiver
    operating characteristic curves. Biometrics 44.

    Examples
    --------
    >>> delong([1, 0, 1, 0], [0.9, 0.8, 0.3, 0.1], [0.9, 0.8, 0.3, 0.1]).value
    0.0
    """
    y = np.asarray(lapsed) == 1
    parts = [_placements(y, np.asarray(score, dtype=np.float64)) for score in (ours, theirs)]
    (up, over), (up_2, over_2) = parts
    value = float(up.mean() - up_2.mean())
    variance = float(np.var(up - up_2, ddof=1)) / len(up) + float(np.var(over - over_2, ddof=1)) / len(over)
    half = Z95 * float(np.sqrt(variance))
    return Figure(value, value - half, value + half)


def _placements(y: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """Say of each user who lapsed which share of the others scores lower, and of each other which share of them higher."""
    lapsed, stayed = np.sort(score[y]), np.sort(score[~y])

    def below(values: Floats, of: Floats) -> Floats:
        return np.asarray((np.searchsorted(of, values, side="left") + np.searchsorted(of, values, side="right")) / (2 * len(of)))

    return below(score[y], stayed), 1 - below(score[~y], lapsed)


def auc_of(ranked: Ranked, weights: Floats | None = None) -> float:
    """Compute the ROC AUC alone; NaN where nobody lapsed, or nobody stayed.

    Examples
    --------
    >>> auc_of(Ranked([1, 0, 1, 0], [0.9, 0.8, 0.3, 0.1]))
    0.75
    """
    w = np.ones(len(ranked.y)) if weights is None else weights[ranked.order]
    hits = np.cumsum(w * ranked.y)[ranked._ends]
    misses = np.cumsum(w)[ranked._ends] - hits
    if not (hits[-1] > 0 and misses[-1] > 0):
        return float("nan")
    up, over = np.diff(hits, prepend=0.0), np.diff(misses, prepend=0.0)
    return float(up @ (misses[-1] - misses + over / 2) / (hits[-1] * misses[-1]))


def threshold_table(lapsed: ArrayLike, probabilities: ArrayLike) -> pd.DataFrame:
    """Say what comes of each whole percentage as a threshold.

    Returns
    -------
    DataFrame
        threshold (0.01 to 0.99), n (users at or above it), chosen_rate, precision, recall, f1, and the Wilson intervals of
        precision and recall. Precision is empty where nobody is chosen.
    """
    y, p = np.asarray(lapsed, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    caught_from = np.append(np.cumsum(y[order][::-1])[::-1], 0.0)
    thresholds = np.arange(1, 100) / 100
    first = np.searchsorted(p[order], thresholds, side="left")
    n, hits, positives = len(p) - first, caught_from[first], y.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = hits / n, hits / positives
        f1 = 2 * hits / (n + positives)
        rate = n / len(p)
    precision_low, precision_high = wilson(hits, n)
    recall_low, recall_high = wilson(hits, np.full(len(n), positives))
    return pd.DataFrame(
        {
            "threshold": thresholds, "n": n, "chosen_rate": rate, "precision": precision, "precision_low": precision_low,
            "precision_high": precision_high, "recall": recall, "recall_low": recall_low, "recall_high": recall_high, "f1": f1,
        }
    )  # fmt: skip
