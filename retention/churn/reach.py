"""How far down the ranking to go: true lapsers caught, others bothered, cost, gain, each with its interval.

Everything a move of the slider needs is a sum over the riskiest users; the sums are made once, so that a move is arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.churn.judgement import LEAST, MIN_EACH, Figure
from retention.churn.money import Maximum, Offer, expected_maximum_profit
from retention.intervals import Z95, wilson

Floats = NDArray[np.float64]
MOST_POINTS = 200
MOST_PLACES = 1_000
"""Places between which the best one is looked for."""
# What is summed up, over users from the riskiest on: powers of the score p and of the value v, and p (1 − p) with the
# score's log-odds z, by which a mistake of the calibration moves the expectation.
SUMS = ("p", "pp", "q", "qz", "pv", "ppv", "pvv", "ppvv", "qv", "qzv", "known", "v")


@dataclass(frozen=True, slots=True)
class HeldBackGains:
    """What the riskiest users of the held-back cut-off were: how many of them lapsed.

    Attributes
    ----------
    caught : ndarray, shape (n_users + 1,)
        Users who lapsed among the riskiest 0, 1, 2 …; users with equal scores share.
    """

    caught: Floats

    @property
    def n_users(self) -> int:
        """How many users were held back."""
        return len(self.caught) - 1

    def among(self, share: float) -> tuple[Figure, Figure]:
        """Return precision and recall of the same share of the held-back users, with Wilson intervals."""
        n = share * self.n_users
        below = min(int(n), self.n_users - 1)
        hits = float(self.caught[below] + (n - below) * (self.caught[below + 1] - self.caught[below]))
        return _share(hits, n), _share(hits, float(self.caught[-1]))


def _share(x: float, n: float) -> Figure:
    if n <= 0:
        return Figure(np.nan, np.nan, np.nan)
    low, high = (float(v) for v in wilson(min(x, n), n))
    return Figure(min(x / n, 1.0), low, high)


@dataclass(frozen=True, slots=True)
class Point:
    """What can be expected of contacting the riskiest users; intervals are 95 %.

    Attributes
    ----------
    n : int
    threshold : float
        The lowest score among them.
    caught, bothered : Figure
        Users who would lapse, and users who would stay anyway.
    precision, recall : Figure
        Expected: the share of the contacted who would lapse; the share of all who would lapse that is contacted.
    at_risk : Figure
        Money: value of the contacted times their risk.
    cost, brings, net : Figure
        Money, at the offer's save rate; the intervals hold how unsure that rate is, too.
    n_valued : int
        Contacted users whose value is known; the others count in the cost only.
    seen_precision, seen_recall : Figure
        As it came at the held-back cut-off for the same share of users; NaN without one.
    """

    n: int
    threshold: float
    caught: Figure
    bothered: Figure
    precision: Figure
    recall: Figure
    at_risk: Figure
    cost: Figure
    brings: Figure
    net: Figure
    n_valued: int
    seen_precision: Figure
    seen_recall: Figure


@dataclass(frozen=True, slots=True)
class Reach:
    """Scored users, the riskiest first, with every sum that a slider asks for.

    Attributes
    ----------
    probability : ndarray, shape (n_users,)
        Descending.
    value : ndarray, shape (n_users,)
        NaN where no order is known.
    sums : mapping of name to ndarray, shape (n_users + 1,)
        See `SUMS`; of the first 0, 1, 2 … users.
    error : ndarray, shape (2, 2)
        Mean square of the mistake of the calibration: of its intercept and slope; see `calibration_error`.
    is_error_known : bool
        Whether a held-back cut-off told it; otherwise the intervals hold the luck of the draw only.
    seen : HeldBackGains or None
    """

    probability: Floats
    value: Floats
    sums: Mapping[str, Floats]
    error: Floats
    is_error_known: bool
    seen: HeldBackGains | None = None

    @property
    def n_users(self) -> int:
        """How many were scored."""
        return len(self.probability)

    @property
    def expected(self) -> float:
        """How many are expected to lapse."""
        return float(self.sums["p"][-1])

    @property
    def n_valued(self) -> int:
        """How many have a known value."""
        return int(self.sums["known"][-1])

    def within(self, n: int) -> int:
        """Return a number of users that there are."""
        return min(max(int(n), 0), self.n_users)

    def n_from(self, threshold: float) -> int:
        """Count the users with at least a score."""
        return int(np.searchsorted(-self.probability, -threshold, side="right"))

    def n_for(self, money: float, offer: Offer) -> int:
        """Count the riskiest users whom a budget reaches: contacts and the expected incentives."""
        low, high = 0, self.n_users + 1  # the first is affordable, the last is not
        while high - low > 1:
            middle = (low + high) // 2
            is_affordable = float(self._cost(np.array([middle]), offer)[0]) <= money * (1 + 1e-12)
            low, high = (middle, high) if is_affordable else (low, middle)
        return low

    def best(self, offer: Offer) -> Maximum:
        """Say how many users to contact for the largest expected profit: EMP over the unsure save rate.

        Notes
        -----
        The outcome is not known, so the expected number of lapsers stands for it; each user has the own value, unless
        the offer names one for all.
        """
        n = self._places(MOST_PLACES)
        own = self._money(n, offer)
        gain = own["pv"] - offer.incentive * self.sums["p"][n]
        cost = n * offer.contact_cost + offer.incentive * (n - self.sums["p"][n])
        return expected_maximum_profit(gain, cost, offer.saving, n)

    def curve(self, offer: Offer) -> pd.DataFrame:
        """Lay the slider out in at most 200 places.

        Returns
        -------
        DataFrame
            n, share, threshold, and for each of caught, bothered, precision, recall, at_risk, cost, brings, net the
            value with _low and _high; seen_precision, seen_recall.
        """
        n = self._places(MOST_POINTS)
        found = self._figures(n, offer)
        columns: dict[str, Floats | NDArray[np.int64]] = {"n": n, "share": n / max(self.n_users, 1)}
        columns["threshold"] = np.append([np.nan], self.probability[n[1:] - 1])
        for name, (value, low, high) in found.items():
            columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
        seen = [self.seen.among(share) if self.seen else None for share in columns["share"]]
        for i, name in enumerate(("seen_precision", "seen_recall")):
            columns[name] = np.array([np.nan if pair is None else pair[i].value for pair in seen])
        return pd.DataFrame(columns)

    def at(self, n: int, offer: Offer) -> Point:
        """Say what contacting the riskiest `n` users means."""
        n = self.within(n)
        found = {name: Figure(*(float(v[0]) for v in three)) for name, three in self._figures(np.array([n]), offer).items()}
        nothing = Figure(np.nan, np.nan, np.nan)
        precision, recall = (nothing, nothing) if self.seen is None or not n else self.seen.among(n / self.n_users)
        return Point(
            n=n,
            threshold=float(self.probability[n - 1]) if n else np.nan,
            n_valued=n if offer.value is not None else int(self.sums["known"][n]),
            seen_precision=precision,
            seen_recall=recall,
            **found,
        )

    # Sums of the first n users --------------------------------------------------------------------------------

    def _places(self, most: int) -> NDArray[np.int64]:
        return np.unique(np.round(np.linspace(0, self.n_users, min(most, self.n_users + 1))).astype(np.int64))

    def _money(self, n: NDArray[np.int64], offer: Offer) -> dict[str, Floats]:
        s, v = self.sums, offer.value
        if v is None:
            return {name: s[name][n] for name in ("pv", "ppv", "pvv", "ppvv", "qv", "qzv")}
        return {
            "pv": v * s["p"][n], "ppv": v * s["pp"][n], "pvv": v * v * s["p"][n], "ppvv": v * v * s["pp"][n],
            "qv": v * s["q"][n], "qzv": v * s["qz"][n],
        }  # fmt: skip

    def _cost(self, n: NDArray[np.int64], offer: Offer) -> Floats:
        caught = self.sums["p"][n]
        return np.asarray(n * offer.contact_cost + offer.incentive * (n - caught + offer.saving.mean * caught))

    def _figures(self, n: NDArray[np.int64], offer: Offer) -> dict[str, tuple[Floats, Floats, Floats]]:
        """Return value, low and high of everything at some places.

        Notes
        -----
        A user with score p lapses or not, by luck: a variance of p (1 − p). The calibration may be off for all alike:
        its mean square error goes through the derivative p (1 − p) (1, z). Of money, the save rate is unsure, too. The
        three are independent; the sums are near normal (Lyapunov).
        """
        s, rate = self.sums, offer.saving
        p, pp, q, qz = s["p"][n], s["pp"][n], s["q"][n], s["qz"][n]
        m, d = self._money(n, offer), offer.incentive
        every = s["p"][-1]
        caught = _spread(p, q + self._moved(q, qz), 0.0, n)
        # Recall: those beyond n lapse or not on their own, and a mistake of the calibration moves both.
        rest, rest_q = every - p, s["q"][-1] - q
        with np.errstate(invalid="ignore", divide="ignore"):
            share = p / every
            luck = (rest**2 * q + p**2 * rest_q) / every**4
            moved = self._moved((q * rest - p * rest_q) / every**2, (qz * rest - p * (s["qz"][-1] - qz)) / every**2)
            recall = _spread(share, luck + moved, 0.0, 1.0)
            precision = tuple(np.where(n > 0, side / n, np.nan) for side in caught)
        # What one user brings, and costs, given the save rate γ: saved with pγ, takes the incentive with 1 − p + pγ.
        g = rate.mean
        brings = g * m["pv"]
        brings_error = g * m["pvv"] - g * g * m["ppvv"] + self._moved(g * m["qv"], g * m["qzv"]) + rate.spread**2 * m["pv"] ** 2
        taker = n - (1 - g) * p
        takers = (1 - g) * p - (1 - g) ** 2 * pp
        cost = n * offer.contact_cost + d * taker
        cost_error = d * d * (takers + self._moved((g - 1) * q, (g - 1) * qz) + rate.spread**2 * p**2)
        # Net of one user: v − d where saved, −d where staying anyway, nothing where lost; less the contact.
        saved, gradient = m["pv"] - d * p, (g * m["qv"] + (1 - g) * d * q, g * m["qzv"] + (1 - g) * d * qz)
        square = g * (m["pvv"] - 2 * d * m["pv"] + d * d * p) + d * d * (n - p)
        a, b = g, d * (1 - g)  # the mean of a user: p (g v + b) − d
        mean_square = a * a * m["ppvv"] + 2 * a * b * m["ppv"] + b * b * pp - 2 * d * (a * m["pv"] + b * p) + d * d * n
        net_error = square - mean_square + self._moved(*gradient) + rate.spread**2 * saved**2
        return {
            "caught": caught,
            "bothered": (n - caught[0], n - caught[2], n - caught[1]),
            "precision": (precision[0], precision[1], precision[2]),
            "recall": recall,
            "at_risk": _spread(m["pv"], self._moved(m["qv"], m["qzv"]) + m["pvv"] - m["ppvv"], 0.0, np.inf),
            "cost": _spread(cost, cost_error, n * offer.contact_cost, n * (offer.contact_cost + d)),
            "brings": _spread(brings, brings_error, 0.0, np.inf),
            "net": _spread(brings - cost, net_error, -np.inf, np.inf),
        }

    def _moved(self, by_intercept: Floats, by_slope: Floats) -> Floats:
        """Return the mean square of a sum's mistake, from its derivatives by the calibration's intercept and slope."""
        e = self.error
        return np.asarray(e[0, 0] * by_intercept**2 + 2 * e[0, 1] * by_intercept * by_slope + e[1, 1] * by_slope**2)


def _spread(value: Floats, variance: Floats, least: ArrayLike, most: ArrayLike) -> tuple[Floats, Floats, Floats]:
    half = Z95 * np.sqrt(np.maximum(variance, 0.0))
    return np.asarray(value, dtype=np.float64), np.maximum(value - half, least), np.minimum(value + half, most)


def reach_of(
    user_keys: ArrayLike,
    probability: ArrayLike,
    value: ArrayLike,
    *,
    lapsed: ArrayLike | None = None,
    held_back_scores: ArrayLike | None = None,
    level_mistakes: Sequence[float] = (),
) -> Reach:
    """Sum scored users up, the riskiest first; users with equal scores by their key, as the list has them.

    Parameters
    ----------
    value : array-like, shape (n_users,)
        Money per user; NaN where no order is known.
    lapsed, held_back_scores : array-like, optional
        Of the users of the held-back cut-off: what came, and the calibrated score.
    level_mistakes : sequence of float
        By how much the log-odds were off, on average, at each of the held-back cut-offs, the latest first.
    """
    keys, p = np.asarray(user_keys, dtype=np.int64), np.asarray(probability, dtype=np.float64)
    order = np.lexsort((keys, -p))
    p, v = p[order], np.asarray(value, dtype=np.float64)[order]
    # Money that was given back is no value that could be lost.
    is_known = ~np.isnan(v)
    worth = np.where(is_known, np.maximum(v, 0.0), 0.0)
    inner = np.clip(p, LEAST, 1 - LEAST)
    z, q = np.log(inner) - np.log1p(-inner), p * (1 - p)
    terms = {
        "p": p, "pp": p * p, "q": q, "qz": q * z, "pv": p * worth, "ppv": p * p * worth, "pvv": p * worth**2,
        "ppvv": (p * worth) ** 2, "qv": q * worth, "qzv": q * z * worth, "known": is_known.astype(np.float64), "v": worth,
    }  # fmt: skip
    sums = {name: np.concatenate([[0.0], np.cumsum(terms[name])]) for name in SUMS}
    error, seen = None, None
    if lapsed is not None and held_back_scores is not None:
        error = calibration_error(lapsed, held_back_scores, level_mistakes)
        seen = _gains(np.asarray(lapsed, dtype=np.float64), np.asarray(held_back_scores, dtype=np.float64))
    return Reach(p, v, sums, np.zeros((2, 2)) if error is None else error, error is not None, seen)


def _gains(lapsed: Floats, scores: Floats) -> HeldBackGains | None:
    if not len(lapsed):
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, [True]))
    caught = np.interp(
        np.arange(len(lapsed) + 1), np.concatenate([[0], ends + 1]), np.concatenate([[0.0], np.cumsum(lapsed[order])[ends]])
    )
    return HeldBackGains(caught)


def calibration_error(lapsed: ArrayLike, scores: ArrayLike, level_mistakes: Sequence[float] = ()) -> Floats | None:
    """Say how far a calibration may be off next time: mean square of its intercept's and slope's mistake.

    Parameters
    ----------
    lapsed, scores : array-like
        Of the latest held-back cut-off.
    level_mistakes : sequence of float
        Of all held-back cut-offs, the latest first.

    Returns
    -------
    ndarray, shape (2, 2), or None
        None where too few lapsed, or stayed, or all scores are the same.

    Notes
    -----
    The outcome of the held-back users is regressed on the log-odds of their score: of a perfect score the intercept is
    0 and the slope 1. What was found there may come again, so its square is added to the covariance of the estimate. Where
    the level was further off at earlier cut-offs than at the latest, the mean square over all of them counts.
    """
    y = np.asarray(lapsed, dtype=np.float64)
    p = np.clip(np.asarray(scores, dtype=np.float64), LEAST, 1 - LEAST)
    if min(y.sum(), (1 - y).sum()) < MIN_EACH:
        return None
    z = np.log(p) - np.log1p(-p)
    if np.ptp(z) < 1e-9:
        return None
    x, b = np.column_stack([np.ones_like(z), z]), np.array([0.0, 1.0])
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-np.clip(x @ b, -35, 35)))
        information = (x * (fitted * (1 - fitted))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(information, x.T @ (y - fitted))
        b += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    mistake = b - np.array([0.0, 1.0])
    error = np.linalg.inv(information) + np.outer(mistake, mistake)
    known = [m for m in level_mistakes if np.isfinite(m)]
    if known:
        error[0, 0] += max(float(np.mean(np.square(known))) - known[0] ** 2, 0.0)
    return np.asarray(error)
