"""Models of the time until users lapse: Weibull lives, and the regressions that can learn from observed lapses only."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

from retention.churn.when import GROUP_NAMES, QUANTILES, Flags, Lives, RiskGroup, quarters
from retention.errors import SpecError
from retention.segments.model_scale import FeatureScaler
from retention.survival.curve import Histogram
from retention.survival.model import kaplan_meier

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_ROWS = 10_000
MOST_JUDGED = 2_000
"""Users that the concordance is measured on: it looks at every two of them."""
N_DRAWS = 100
MIN_OBSERVED = 50
PENALTY = 0.05
N_STEPS = 60
LEAST_CHANCE = 1e-9


class Times(Protocol):
    """What is asked of a model of lives."""

    def fit(self, rows: Floats, days: Floats, is_observed: Flags) -> Any: ...

    def ended(self, rows: Floats, days: Floats) -> Floats:
        """Return the chance that a life has ended before the given days have passed, one row a user; 0 days are none."""


class WeibullLives:
    """Weibull regression of the days, a day being an interval.

    Notes
    -----
    S(t | x) = exp(−(t / λ(x))^ρ), log λ linear in the features, by lifelines with a small ridge penalty. Who was last seen
    on day t lived for at least t and less than t + 1 days; who is censored there for at least t + 1.

    References
    ----------
    Kalbfleisch, J. D. & Prentice, R. L. (2002). The statistical analysis of failure time data, chapter 3.
    """

    def fit(self, rows: Floats, days: Floats, is_observed: Flags) -> WeibullLives:
        """Learn the scale's coefficients and the shape."""
        from lifelines import WeibullAFTFitter
        from lifelines.exceptions import ConvergenceError

        self.kept_ = np.flatnonzero(rows.std(axis=0) > LEAST_CHANCE)
        # A mean near 1 keeps the search well scaled.
        self.unit_ = max(float(days.mean()), 1.0)
        frame = pd.DataFrame(rows[:, self.kept_], columns=[f"x{j}" for j in self.kept_])
        frame["lower"] = np.where(is_observed, days, days + 1) / self.unit_
        frame["upper"] = np.where(is_observed, (days + 1) / self.unit_, np.inf)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fitter = WeibullAFTFitter(penalizer=PENALTY).fit_interval_censoring(frame, "lower", "upper")
            except ConvergenceError as error:
                raise SpecError(
                    "No Weibull law could be fitted to how long these users stayed.",
                    hint="Choose other features, or a longer look-back.",
                ) from error
        scale = fitter.params_["lambda_"]
        self.intercept_ = float(scale["Intercept"])
        self.coefficients_ = np.array([float(scale[f"x{j}"]) for j in self.kept_])
        self.shape_ = float(np.exp(fitter.params_["rho_"]["Intercept"]))
        return self

    def scale(self, rows: Floats) -> Floats:
        """Return λ of each user, in days."""
        return np.asarray(
            self.unit_ * np.exp(np.clip(self.intercept_ + rows[:, self.kept_] @ self.coefficients_, -30, 30))
        )

    def ended(self, rows: Floats, days: Floats) -> Floats:
        """Return F(t | x)."""
        return -np.expm1(-((np.maximum(days, 0.0) / self.scale(rows)) ** self.shape_))


class TwoPartLives:
    """First whether anything comes any more, then a Weibull regression of the days of those of whom something does.

    Notes
    -----
    Many users have been for the last time when they are looked at: days of 0, which no Weibull law gives together with the
    lives of the others. So S(t | x) = (1 − π(x)) S_W(t − 1 | x) for t ≥ 1, with π by logistic regression.

    References
    ----------
    Cragg, J. G. (1971). Some statistical models for limited dependent variables. Econometrica 39.
    """

    def fit(self, rows: Floats, days: Floats, is_observed: Flags) -> TwoPartLives:
        """Learn both parts."""
        is_gone = is_observed & (days == 0)
        self.chance_ = float(is_gone.mean())
        self.model_ = None
        if 0 < is_gone.sum() < len(is_gone):
            self.model_ = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200).fit(rows, is_gone)
        stays = ~is_gone
        if (is_observed & stays).sum() < MIN_OBSERVED:
            raise SpecError(
                f"Too few lives were seen to end: {int((is_observed & stays).sum())}, and it takes {MIN_OBSERVED}.",
                hint="Choose a shorter horizon, or a longer look-back.",
            )
        # Who is censored on day 0 may have gone: nothing is known of that day's end.
        self.rest_ = WeibullLives().fit(rows[stays], np.maximum(days[stays] - 1, 0), is_observed[stays])
        return self

    def gone(self, rows: Floats) -> Floats:
        """Return π: the chance that the last visit has been already."""
        return np.full(len(rows), self.chance_) if self.model_ is None else self.model_.predict_proba(rows)[:, 1]

    def ended(self, rows: Floats, days: Floats) -> Floats:
        """Return F(t | x); within the first day it rises evenly to π."""
        gone = self.gone(rows)
        later = gone + (1 - gone) * self.rest_.ended(rows, days - 1)
        return np.where(days < 1, gone * np.clip(days, 0, 1), later)

    def reached(self, rows: Floats, share: float) -> Floats:
        """Return the day on which a share of such lives will have ended; 0 where so many have already."""
        gone = self.gone(rows)
        left = np.clip((1 - share) / np.maximum(1 - gone, LEAST_CHANCE), 0, 1)
        later = 1 + self.rest_.scale(rows) * (-np.log(np.maximum(left, LEAST_CHANCE))) ** (1 / self.rest_.shape_)
        return np.where(gone >= share, 0.0, later)


class LogTimes:
    """Penalised linear regression of log(1 + days), on observed lapses only.

    Parameters
    ----------
    is_lasso : bool
    is_weighted : bool
        Whether each observed lapse also stands for those who would have lapsed as late but were not seen to.

    Notes
    -----
    What articles name as the simple way. Lives that have not ended cannot be in it, so it takes users for shorter-lived
    than they are. Inverse-censoring weights 1 / G(t), G the Kaplan–Meier curve of the censoring, mend what lies within the
    days that were followed, and nothing beyond. What is said of a user's distribution is that of the residuals.

    References
    ----------
    Robins, J. M. & Rotnitzky, A. (1992). Recovery of information and adjustment for dependent censoring. AIDS
    Epidemiology.
    """

    def __init__(self, *, is_lasso: bool = False, is_weighted: bool = False) -> None:
        self.is_lasso = is_lasso
        self.is_weighted = is_weighted

    def fit(self, rows: Floats, days: Floats, is_observed: Flags) -> LogTimes:
        """Learn the line, and how far lives lie from it."""
        weights = censoring_weights(days, is_observed) if self.is_weighted else np.ones(len(days))
        seen = is_observed & (weights > 0)
        y, w = np.log1p(days[seen]), weights[seen]
        model = Lasso(alpha=0.02) if self.is_lasso else Ridge(alpha=10.0)
        self.model_ = model.fit(rows[seen], y, sample_weight=w)
        left = y - self.model_.predict(rows[seen])
        order = np.argsort(left)
        self.left_, self.share_ = left[order], np.cumsum(w[order]) / w.sum()
        return self

    def ended(self, rows: Floats, days: Floats) -> Floats:
        """Return the share of the residuals below."""
        off = np.log1p(np.maximum(days - 1, 0)) - self.model_.predict(rows)
        share = np.concatenate([[0.0], self.share_])[np.searchsorted(self.left_, off, side="right")]
        return np.where(days < 1, share * np.clip(days, 0, 1), share)


class SameForAll:
    """The Kaplan–Meier curve of everybody: no feature plays a part."""

    def fit(self, rows: Floats, days: Floats, is_observed: Flags) -> SameForAll:
        """Learn the curve."""
        curve = kaplan_meier(histogram(days, is_observed))
        self.days_, self.ended_ = curve["t"].to_numpy(dtype=float), 1 - curve["survival"].to_numpy(dtype=float)
        return self

    def ended(self, rows: Floats, days: Floats) -> Floats:
        """Return 1 − S(t), between the ends of two days in a straight line."""
        return np.interp(days, np.concatenate([[0.0], self.days_ + 1]), np.concatenate([[0.0], self.ended_]))


MODELS: dict[str, tuple[str, str, Callable[[], Times]]] = {
    "two-part": ("Gone already, else Weibull", "everybody", TwoPartLives),
    "weibull": ("Weibull", "everybody", WeibullLives),
    "weighted ridge": (
        "Log time, ridge, weighted", "observed lapses only, weighted for those not seen",
        lambda: LogTimes(is_weighted=True),
    ),
    "ridge": ("Log time, ridge", "observed lapses only", LogTimes),
    "lasso": ("Log time, lasso", "observed lapses only", lambda: LogTimes(is_lasso=True)),
    "kaplan-meier": ("The same for all (Kaplan–Meier)", "everybody, no features", SameForAll),
}  # fmt: skip
"""Name → (title, whom it learns from, how it is made); the first is what users are told."""
CHOSEN = "two-part"
COLUMNS = ["model", "title", "teaches", "concordance", "low", "high", "by_median", "by_median_low", "by_median_high",
           "n_users", "seconds"]  # fmt: skip


def histogram(days: Floats | Ints, is_observed: Flags) -> Histogram:
    """Count lives that are all followed from their beginning."""
    days = np.asarray(days, dtype=np.int64)
    return Histogram(np.zeros_like(days), days, is_observed, np.ones_like(days))


def censoring_weights(days: Floats | Ints, is_observed: Flags) -> Floats:
    """Weigh each observed lapse by how many such lives were watched for as long; 0 for who is not observed.

    Notes
    -----
    1 / G(t−), G the Kaplan–Meier curve of being still watched. A life that ends on the day it would have been censored is
    counted as seen before the censoring.
    """
    days = np.asarray(days, dtype=np.int64)
    curve = kaplan_meier(histogram(days, ~is_observed))
    # Among users of a day the lapses come first: who lapses on it is not at risk of being censored on it any more.
    n_lapsed = np.bincount(days[is_observed], minlength=int(days.max(initial=0)) + 1)
    at_risk, censored = (curve[c].to_numpy(dtype=float) for c in ("at_risk", "events"))
    at = curve["t"].to_numpy(dtype=np.int64)
    left = at_risk - n_lapsed[at]
    watched = np.cumprod(np.where(left > 0, 1 - censored / np.maximum(left, 1), 1.0))
    before = np.concatenate([[1.0], watched])[np.searchsorted(at, days, side="left")]
    return np.where(is_observed & (before > 0), 1 / np.maximum(before, LEAST_CHANCE), 0.0)


class FittedTimes:
    """A model of lives that has learned, with the scale of its features.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    seed : int
        Of the draw where there are more than 10,000 lives.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name
        self.seed = seed

    def fit(self, lives: Lives) -> FittedTimes:
        """Learn from lives.

        Raises
        ------
        SpecError
            If fewer than 50 were seen to end.
        """
        begun = time.process_time()
        if int(lives.is_observed.sum()) < MIN_OBSERVED:
            raise SpecError(
                f"Too few lives were seen to end: {int(lives.is_observed.sum())}, and it takes {MIN_OBSERVED}.",
                hint="Choose a shorter horizon, or a longer look-back.",
            )
        some = np.arange(lives.n_users)
        if lives.n_users > MOST_ROWS:
            some = np.sort(np.random.default_rng(self.seed).choice(lives.n_users, MOST_ROWS, replace=False))
        self.features_ = lives.features
        self.scaler_ = FeatureScaler().fit(lives.values[some])
        self.model_ = MODELS[self.name][2]()
        self.model_.fit(
            self.scaler_.transform(lives.values[some]), lives.days[some].astype(float), lives.is_observed[some]
        )
        self.seconds_ = time.process_time() - begun
        return self

    def rows(self, lives: Lives) -> Floats:
        """Return the features on the scale that was learned.

        Raises
        ------
        SpecError
            If a feature is not known at the cut-off.
        """
        gone = [name for name in self.features_ if name not in lives.features]
        if gone:
            raise SpecError(
                f"The store does not know {', '.join(gone)} at this cut-off.", hint="Choose other features."
            )
        return self.scaler_.transform(lives.values[:, [lives.features.index(name) for name in self.features_]])

    def ended(self, lives: Lives, days: Floats | float) -> Floats:
        """Return the chance that each life has ended before so many days have passed."""
        return self.model_.ended(self.rows(lives), np.broadcast_to(np.asarray(days, dtype=float), (lives.n_users,)))

    def expected(self, lives: Lives, follow_days: int) -> Floats:
        """Return the mean days of each life within the days followed: the area under its curve."""
        rows = self.rows(lives)
        steps = np.linspace(0, follow_days, N_STEPS + 1)
        left = [1 - self.model_.ended(rows, np.full(len(rows), t)) for t in steps]
        return np.asarray(np.trapezoid(np.array(left), steps, axis=0))


def concordance(
    expected: Floats, days: Ints, is_observed: Flags, *, n_draws: int = N_DRAWS, seed: int = 0
) -> tuple[float, float, float]:
    """Say how often, of two users, the one expected to stay longer did: value and bootstrap interval.

    Notes
    -----
    Of every two lives of which it is known which one ended first, the share that was put in the right order; the same
    expectation counts half. Of more than 2,000 users so many are drawn.

    References
    ----------
    Harrell, F., Califf, R., Pryor, D., Lee, K. & Rosati, R. (1982). Evaluating the yield of medical tests. JAMA 247.
    """
    random = np.random.default_rng(seed)
    if len(days) > MOST_JUDGED:
        some = np.sort(random.choice(len(days), MOST_JUDGED, replace=False))
        expected, days, is_observed = expected[some], days[some], is_observed[some]
    # Row: who ended first. On the same day a lapse comes before who is only known to have lasted as long.
    ends_first = is_observed[:, None] & (
        (days[:, None] < days[None, :]) | ((days[:, None] == days[None, :]) & ~is_observed[None, :])
    )
    is_right = ends_first * ((expected[:, None] < expected[None, :]) + 0.5 * (expected[:, None] == expected[None, :]))
    pairs, right = ends_first.astype(np.float32), is_right.astype(np.float32)
    n = len(days)
    if not pairs.any():
        return float("nan"), float("nan"), float("nan")
    draws = np.array([np.bincount(random.integers(0, n, n), minlength=n) for _ in range(n_draws)], dtype=np.float32)
    over = ((draws @ right) * draws).sum(axis=1)
    under = ((draws @ pairs) * draws).sum(axis=1)
    value = float(right.sum(dtype=np.float64) / pairs.sum(dtype=np.float64))
    low, high = np.quantile(over[under > 0] / under[under > 0], (0.025, 0.975))
    return value, float(min(low, value)), float(max(high, value))


def ended_by(fitted: FittedTimes, lives: Lives, share: float = 0.5, seed: int = 0) -> tuple[float, float, float]:
    """Say how many lives had ended by the day on which that share was said to have: right is the share itself.

    Notes
    -----
    Each life is placed on the scale of what was said of it, between the chances of having ended at the beginning and at the
    end of its last day (drawn evenly, as a day is one step); a life that has not ended lies beyond its place. On that scale
    Kaplan–Meier of a right model is a straight line. The interval is its log(−log) band.

    References
    ----------
    Czado, C., Gneiting, T. & Held, L. (2009). Predictive model assessment for count data. Biometrics 65.
    """
    rows, days = fitted.rows(lives), lives.days.astype(float)
    start, end = (fitted.model_.ended(rows, days + more) for more in (0.0, 1.0))
    place = np.where(lives.is_observed, start + np.random.default_rng(seed).random(len(days)) * (end - start), end)
    # The estimator takes whole steps; a millionth is none that matters.
    steps = np.floor(place * 10_000).astype(np.int64)
    curve = kaplan_meier(histogram(steps, lives.is_observed))
    upto = curve[curve["t"] < share * 10_000]
    if upto.empty or int(upto["events"].sum()) == 0 or not len(curve[curve["t"] >= share * 10_000]):
        return float("nan"), float("nan"), float("nan")
    last = upto.iloc[-1]
    return 1 - float(last["survival"]), 1 - float(last["high"]), 1 - float(last["low"])


def judged_times(lives: Lives, teaching: Lives, follow_days: int, seed: int = 0) -> tuple[pd.DataFrame, FittedTimes]:
    """Teach every model, and judge it on later lives; columns as in `LapseTimes.models`, and the chosen model."""
    rows, chosen = [], None
    for name, (title, teaches, _) in MODELS.items():
        fitted = FittedTimes(name, seed).fit(teaching)
        chosen = fitted if name == CHOSEN else chosen
        value = concordance(fitted.expected(lives, follow_days), lives.days, lives.is_observed, seed=seed)
        rows.append((name, title, teaches, *value, *ended_by(fitted, lives, seed=seed), lives.n_users, fitted.seconds_))
    assert chosen is not None
    return pd.DataFrame(rows, columns=COLUMNS), chosen


def unjudged() -> pd.DataFrame:
    """List the model that speaks where the data are too short to judge any; columns as in `LapseTimes.models`."""
    title, teaches, _ = MODELS[CHOSEN]
    return pd.DataFrame([(CHOSEN, title, teaches, *[np.nan] * 6, 0, np.nan)], columns=COLUMNS)


def risk_groups(fitted: FittedTimes, lives: Lives, follow_days: int) -> tuple[RiskGroup, ...]:
    """Lay what was said beside what came, in four groups by the expected length of life."""
    places, steps = quarters(fitted.expected(lives, follow_days)), np.linspace(0, follow_days, N_STEPS + 1)
    rows = fitted.rows(lives)
    said = np.array([1 - fitted.model_.ended(rows, np.full(len(rows), t)) for t in steps])
    found = []
    for place, name in enumerate(GROUP_NAMES):
        inside = places == place
        if not inside.any():
            continue
        curve = kaplan_meier(histogram(lives.days[inside], lives.is_observed[inside]))
        found.append(
            RiskGroup(
                name, int(inside.sum()), int(lives.is_observed[inside].sum()),
                pd.DataFrame({"t": steps, "survival": said[:, inside].mean(axis=1)}),
                # What happens on a day is seen at its end.
                curve[["t", "at_risk", "survival", "low", "high"]].assign(t=curve["t"] + 1),
            )
        )  # fmt: skip
    return tuple(found)


def told(fitted: FittedTimes, lives: Lives, follow_days: int) -> pd.DataFrame:
    """Say when each user is expected to have been for the last time; columns as in `LapseTimes.users`."""
    model = fitted.model_
    if not isinstance(model, TwoPartLives):
        raise ValueError(f"users are told by {CHOSEN!r} lives")
    rows = fitted.rows(lives)
    low, median, high = (model.reached(rows, share) for share in QUANTILES)
    return pd.DataFrame(
        {
            "user_key": lives.user_keys,
            "days_since_last": lives.values[:, lives.features.index("days_since_last")],
            "gone": model.gone(rows),
            **{
                name: np.where(days > follow_days, np.nan, days)
                for name, days in (("low", low), ("median", median), ("high", high))
            },
            "lasting": 1 - model.ended(rows, np.full(len(rows), float(follow_days))),
        }
    )
