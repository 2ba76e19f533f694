"""Is a score as good for every group of users as for the others? Rates at a threshold, calibration and ranking by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.churn.judgement import LEAST, MIN_EACH, Figure, judged
from retention.cohorts.compare import benjamini_hochberg
from retention.intervals import newcombe, two_sided_p, wilson

Floats = NDArray[np.float64]
LEAST_USERS = 10
"""Smaller groups are not shown: their rates say nothing of a group and too much of its users."""
MOST_GROUPS = 12
ALPHA = 0.05
OTHERS = "All other values"
UNKNOWN = "Not known"
TELL = "cannot tell"
RATES = ("chosen", "caught", "bothered", "came")
"""Rates that are compared: selection, true positives, false positives, and the base rate itself."""


@dataclass(frozen=True, slots=True)
class Fairness:
    """A score by group of users.

    Attributes
    ----------
    by : str
        The attribute that divides the users.
    threshold : float
        Who scores so high or higher is chosen.
    rows : DataFrame
        One row a group, the largest first: group, n, n_lapsed, n_chosen; came (base rate), chosen (selection rate), caught
        (true-positive rate: of those who lapsed, the share chosen), bothered (false-positive rate: of those who stayed, the
        share chosen), each with ``_low``, ``_high`` (Wilson) and ``_says`` (against all other users: "higher", "lower" or
        "cannot tell"); said (mean score) and calibration_says ("too high", "too low" or "cannot tell"); auc, auc_low,
        auc_high. NaN where there is nobody to tell of.
    n_users : int
    n_hidden_groups, n_hidden_users : int
        Groups of fewer than 10 users, which are not shown.
    n_merged : int
        Values that stand together as "All other values".
    """

    by: str
    threshold: float
    rows: pd.DataFrame
    n_users: int
    n_hidden_groups: int
    n_hidden_users: int
    n_merged: int

    @property
    def is_telling(self) -> bool:
        """Whether there are two groups to compare."""
        return len(self.rows) > 1


def fairness_by(
    by: str,
    groups: Sequence[str],
    lapsed: ArrayLike,
    scores: ArrayLike,
    threshold: float,
    *,
    n_draws: int = 100,
    seed: int = 0,
) -> Fairness:
    """Judge a score in each group of users.

    Parameters
    ----------
    by : str
        What the attribute is called.
    groups : sequence of str, shape (n_users,)
        The group of each user.
    lapsed, scores : array-like, shape (n_users,)
        What came, and the calibrated probability that was said.
    threshold : float

    Notes
    -----
    Each group is compared with all other users by Newcombe's interval; "higher" and "lower" need a p-value that survives
    the Benjamini–Hochberg correction over all rates of all groups. Calibration is tested by the number of lapses against
    its expectation under the scores, Σp, whose variance is Σp(1 − p), and corrected along with them. Where the base rates
    of groups differ, no score can be calibrated in each and have equal error rates in all (Kleinberg, Mullainathan &
    Raghavan 2016): which of them matters is a choice and not a matter of statistics.

    References
    ----------
    Hardt, M., Price, E. & Srebro, N. (2016). Equality of opportunity in supervised learning. NeurIPS.
    Spiegelhalter, D. J. (1986). Probabilistic prediction in patient management. Statistics in Medicine 5.
    """
    y, p = np.asarray(lapsed, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if not len(y) == len(p) == len(groups):
        raise ValueError(f"{len(groups)} groups, {len(y)} outcomes and {len(p)} scores")
    names, place = _shown(groups)
    counts = np.bincount(place[place >= 0], minlength=len(names))
    hidden = [i for i, n in enumerate(counts) if n < LEAST_USERS]
    shown = sorted(
        (i for i in range(len(names)) if i not in hidden), key=lambda i: (_is_last(names[i]), -counts[i], names[i])
    )
    n_merged = len(set(groups) - set(names)) if OTHERS in names else 0
    rows = [_row(names[i], place == i, y, p, threshold, n_draws, seed) for i in shown]
    frame = _compared(pd.DataFrame(rows, columns=list(_COLUMNS)), y, p >= threshold)
    return Fairness(by, threshold, frame, len(y), len(hidden), int(sum(counts[i] for i in hidden)), n_merged)


def groups_of(user_keys: NDArray[np.int64], rows: pd.DataFrame, names: Mapping[int, str]) -> list[str]:
    """Name the group of each user.

    Parameters
    ----------
    user_keys : ndarray of int, shape (n_users,)
    rows : DataFrame
        user_key, grp (key of a value, or nothing).
    names : mapping of key to text

    Examples
    --------
    >>> groups_of(np.array([1, 2, 5]), pd.DataFrame({"user_key": [2, 1], "grp": [7, None]}), {7: "web"})
    ['Not known', 'web', 'Not known']
    """
    named = rows[rows["grp"].notna()]
    known = dict(zip(named["user_key"].to_numpy(dtype=np.int64).tolist(), named["grp"].astype(int).tolist(), strict=True))
    return [names.get(known.get(key, -1), UNKNOWN) for key in user_keys.tolist()]


def _is_last(name: str) -> int:
    return {OTHERS: 1, UNKNOWN: 2}.get(name, 0)


def _shown(groups: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Name the groups, the rarest of many together, and say in which each user is."""
    values, place, counts = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    large = [i for i in np.argsort(-counts, kind="stable") if counts[i] >= LEAST_USERS]
    if len(large) <= MOST_GROUPS:
        return [str(v) for v in values], place.ravel().astype(np.int64)
    kept = large[: MOST_GROUPS - 1]
    names = [str(values[i]) for i in kept] + [OTHERS]
    new = np.full(len(values), len(kept))
    new[kept] = np.arange(len(kept))
    return names, new[place.ravel()].astype(np.int64)


_COLUMNS = ("group", "n", "n_lapsed", "n_chosen", "n_caught", "n_bothered", "said", "spread", "auc", "auc_low", "auc_high")


def _row(
    name: str, inside: NDArray[np.bool_], y: NDArray[np.int64], p: Floats, threshold: float, n_draws: int, seed: int
) -> tuple[object, ...]:
    own_y, own_p = y[inside], p[inside]
    is_chosen = own_p >= threshold
    n_lapsed = int(own_y.sum())
    auc = Figure(np.nan, np.nan, np.nan)
    if min(n_lapsed, len(own_y) - n_lapsed) >= MIN_EACH:
        auc = judged(own_y, own_p, is_probability=False, n_draws=n_draws, seed=seed)["auc"]
    safe = np.clip(own_p, LEAST, 1 - LEAST)
    return (
        name, len(own_y), n_lapsed, int(is_chosen.sum()), int(own_y[is_chosen].sum()), int((1 - own_y)[is_chosen].sum()),
        float(own_p.mean()), float(np.sqrt((safe * (1 - safe)).sum())), auc.value, auc.low, auc.high,
    )  # fmt: skip


def _compared(rows: pd.DataFrame, y: NDArray[np.int64], is_chosen: NDArray[np.bool_]) -> pd.DataFrame:
    """Add the rates with their intervals, and what each says against all other users."""
    n, lapsed = rows["n"].to_numpy(dtype=float), rows["n_lapsed"].to_numpy(dtype=float)
    whole = float(len(y)), float(y.sum())
    parts = {  # hits and users of the group; hits and users of everybody
        "came": (lapsed, n, whole[1], whole[0]),
        "chosen": (rows["n_chosen"].to_numpy(dtype=float), n, float(is_chosen.sum()), whole[0]),
        "caught": (rows["n_caught"].to_numpy(dtype=float), lapsed, float(y[is_chosen].sum()), whole[1]),
        "bothered": (
            rows["n_bothered"].to_numpy(dtype=float), n - lapsed, float((1 - y)[is_chosen].sum()), whole[0] - whole[1],
        ),
    }  # fmt: skip
    gaps, chances = {}, []
    for name, (hits, of, all_hits, all_of) in parts.items():
        rows[f"{name}_low"], rows[f"{name}_high"] = wilson(hits, of)
        with np.errstate(divide="ignore", invalid="ignore"):
            rows[name] = hits / of
            gaps[name] = newcombe(hits, of, all_hits - hits, all_of - of)
            chances.append(two_sided_p(hits, of, all_hits - hits, all_of - of))
    off = lapsed - n * rows["said"].to_numpy(dtype=float)
    chances.append(_normal_p(off / rows["spread"].to_numpy(dtype=float)))
    # Who looks at every rate of every group finds something by chance, unless all are corrected together.
    p = np.concatenate(chances)
    clear = (benjamini_hochberg(p) <= ALPHA).reshape(len(chances), len(rows)) if len(p) else np.zeros((len(chances), 0), dtype=bool)
    for (name, (low, high)), is_clear in zip(gaps.items(), clear[:-1], strict=True):
        rows[f"{name}_says"] = np.where(is_clear & (low > 0), "higher", np.where(is_clear & (high < 0), "lower", TELL))
    says = np.where(clear[-1] & (off < 0), "too high", np.where(clear[-1] & (off > 0), "too low", TELL))
    rows["calibration_says"] = says
    return rows.drop(columns=["spread"])


def _normal_p(z: Floats) -> Floats:
    """Two-sided p-values of normal deviates, by the error function's continued approximation.

    References
    ----------
    Abramowitz, M. & Stegun, I. A. (1964). Handbook of Mathematical Functions, 7.1.26 (error below 1.5e-7).

    Examples
    --------
    >>> _normal_p(np.array([0.0, 1.959963984540054])).round(6).tolist()
    [1.0, 0.05]
    """
    x = np.abs(z) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * x)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(series * np.exp(-(x**2)))
