"""Models that can be asked who will lapse, behind one contract: ``fit(X, y)`` and ``predict_proba(X)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from lifelines import CoxPHFitter
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from retention.churn.model_sequence import SequenceClassifier
from retention.segments.model_scale import FeatureScaler
from retention.survival.model_bgnbd import BgNbd, rank_bgnbd

Floats = NDArray[np.float64]
LEAST = 1e-9
MOST_COX_ROWS = 20_000
PENALTY = 0.1
BGNBD_FEATURES = ("active_days", "days_since_first", "days_since_last")
RULE_FEATURES = {"recency": ("days_since_last", 1.0), "frequency": ("active_days", -1.0)}
ALWAYS_READ = tuple(dict.fromkeys((*BGNBD_FEATURES, *(name for name, _ in RULE_FEATURES.values()))))
"""What the rules need, whether or not somebody has chosen it."""


class RankRule(ClassifierMixin, BaseEstimator):
    """A plain rule: one column ranks the users, and a logistic curve over it gives the probability.

    Parameters
    ----------
    column : int, default 0
    sign : float, default 1.0
        −1.0 where a high value speaks against a lapse.
    """

    def __init__(self, column: int = 0, sign: float = 1.0) -> None:
        self.column = column
        self.sign = sign

    def __sklearn_tags__(self) -> Any:
        """Say that missing values are allowed, that there are two classes, and that one column cannot do everything."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class, tags.classifier_tags.poor_score = False, True
        return tags

    def fit(self, X: Any, y: Any) -> RankRule:
        """Learn the curve."""
        values, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        self.classes_ = _two_classes(y)
        self.curve_ = _Curve().fit(self._rank(values), y == self.classes_[1])
        return self

    def _rank(self, values: Floats) -> Floats:
        column = self.sign * values[:, self.column]
        return np.where(np.isnan(column), 0.0, column)

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of staying and of lapsing."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return self.curve_.both(self._rank(values))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likelier class."""
        lapsed = self.predict_proba(X)[:, 1]
        return np.asarray(self.classes_[(lapsed > 0.5).astype(int)])


class ExpectedPurchases(ClassifierMixin, BaseEstimator):
    """BG/NBD over active days: whoever is expected to come least is likeliest to lapse.

    Parameters
    ----------
    horizon_days : float, default 90.0
    columns : tuple of int, default (0, 1, 2)
        Where the active days, the days since the first and the days since the last activity stand.

    Notes
    -----
    Ranks by the expected number of active days within the horizon and never by P(alive), which is 1 for everybody who
    came once. Fitted without labels; a logistic curve over log(expected) gives the probability.
    """

    def __init__(self, horizon_days: float = 90.0, columns: tuple[int, ...] = (0, 1, 2)) -> None:
        self.horizon_days = horizon_days
        self.columns = columns

    def fit(self, X: Any, y: Any) -> ExpectedPurchases:
        """Fit the model to all patterns, each counted as often as it occurs."""
        x, t_x, length = self._patterns(np.asarray(X, dtype=np.float64))
        pattern, weight = np.unique(np.column_stack([x, t_x, length]), axis=0, return_counts=True)
        self.parameters_ = astuple(rank_bgnbd(pattern[:, 0], pattern[:, 1], pattern[:, 2], weight))
        self.classes_ = _two_classes(np.asarray(y))
        self.curve_ = _Curve().fit(self._rank(X), np.asarray(y) == self.classes_[1])
        return self

    def _patterns(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        active, first, last = (np.nan_to_num(values[:, column]) for column in self.columns)
        x = np.maximum(active - 1, 0)
        # A day is the unit: whoever came on one day only has no time between visits.
        return x, np.where(x > 0, np.maximum(first - last, 0), 0.0), np.maximum(first, 1.0)

    def _rank(self, X: Any) -> Floats:
        x, t_x, length = self._patterns(np.asarray(X, dtype=np.float64))
        pattern, place = np.unique(np.column_stack([x, t_x, length]), axis=0, return_inverse=True)
        expected = BgNbd(*self.parameters_).conditional_purchases(self.horizon_days, *pattern.T)
        return -np.log(np.maximum(expected, LEAST))[place.ravel()]

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of staying and of lapsing."""
        check_is_fitted(self)
        return self.curve_.both(self._rank(X))


class CoxReturn(ClassifierMixin, BaseEstimator):
    """Cox regression of the days until a user comes back: lapsed is who has not within the horizon.

    Parameters
    ----------
    penalty : float, default 0.1
    seed : int, default 0
        Of the draw where there are more than 20,000 rows.
    """

    def __init__(self, penalty: float = PENALTY, seed: int = 0) -> None:
        self.penalty = penalty
        self.seed = seed

    def fit(self, X: Any, y: Any, days_until: Any = None) -> CoxReturn:
        """Fit the hazard of coming back.

        Parameters
        ----------
        days_until : array-like, optional
            Days until the first event, the whole horizon for those who lapsed; without, everybody who came back did so
            on the same day.
        """
        import pandas as pd

        lapsed = np.asarray(y)
        self.classes_ = _two_classes(lapsed)
        is_lapsed = lapsed == self.classes_[1]
        days = np.where(is_lapsed, 2.0, 1.0) if days_until is None else np.asarray(days_until, dtype=float) + 0.5
        self.scaler_ = FeatureScaler().fit(X)
        rows = self.scaler_.transform(X)
        self.kept_ = np.flatnonzero(rows.std(axis=0) > LEAST)
        frame = pd.DataFrame(rows[:, self.kept_]).assign(days=days, came=~is_lapsed)
        if len(frame) > MOST_COX_ROWS:
            frame = frame.iloc[np.sort(np.random.default_rng(self.seed).choice(len(frame), MOST_COX_ROWS, replace=False))]
        fitter = CoxPHFitter(penalizer=self.penalty).fit(frame, "days", "came")
        self.coefficients_ = fitter.params_.to_numpy()
        self.centre_ = frame[frame.columns[:-2]].mean().to_numpy()
        self.hazard_ = float(fitter.baseline_cumulative_hazard_.iloc[-1, 0])
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of staying and of lapsing: S(H | x) = exp(−H₀(H) exp(β (x − mean)))."""
        check_is_fitted(self)
        rows = self.scaler_.transform(X)[:, self.kept_]
        lapsed = np.exp(-self.hazard_ * np.exp(np.clip((rows - self.centre_) @ self.coefficients_, -30, 30)))
        return np.column_stack([1 - lapsed, lapsed])


class _Curve:
    """A logistic curve over one column, which keeps its order."""

    def fit(self, rank: Floats, y: NDArray[np.bool_]) -> _Curve:
        self.centre, spread = float(rank.mean()), float(rank.std())
        self.spread = spread if spread > 0 else 1.0
        fitted = LogisticRegression(C=1e6).fit(self._scaled(rank), y)
        self.slope, self.shift = max(float(fitted.coef_[0, 0]), 0.0), float(fitted.intercept_[0])
        return self

    def _scaled(self, rank: Floats) -> Floats:
        return ((rank - self.centre) / self.spread)[:, None]

    def both(self, rank: Floats) -> Floats:
        lapsed = 1 / (1 + np.exp(-np.clip(self.slope * self._scaled(rank)[:, 0] + self.shift, -35, 35)))
        return np.column_stack([1 - lapsed, lapsed])


def _two_classes(y: NDArray[Any]) -> NDArray[Any]:
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) != 2:
        raise ValueError(f"Only binary classification is supported. y holds {len(classes)} class(es); it must hold 2 classes.")
    return classes


def estimator(name: str, features: Sequence[str], horizon_days: int, seed: int = 0) -> Any:
    """Make a model that has learned nothing yet.

    Parameters
    ----------
    name : str
        One of `spec.MODELS`.
    features : sequence of str
        The columns that it will be given.

    Notes
    -----
    Small boosted trees: the library's defaults learn a table of a few thousand users by heart. No class weights and no
    resampling: both ruin probabilities.
    """
    place = {feature: i for i, feature in enumerate(features)}
    if name in RULE_FEATURES:
        feature, sign = RULE_FEATURES[name]
        return RankRule(place[feature], sign)
    if name == "bgnbd":
        return ExpectedPurchases(float(horizon_days), tuple(place[feature] for feature in BGNBD_FEATURES))
    match name:
        case "boosting":
            return HistGradientBoostingClassifier(
                learning_rate=0.05, max_iter=150, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=1.0,
                early_stopping=False, random_state=seed,
            )  # fmt: skip
        case "logistic":
            return make_pipeline(FeatureScaler(), LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200))
        case "lasso":
            return make_pipeline(
                FeatureScaler(), LogisticRegression(l1_ratio=1.0, C=0.05, solver="liblinear", random_state=seed)
            )
        case "ridge":
            return make_pipeline(FeatureScaler(), CalibratedClassifierCV(RidgeClassifier(alpha=10.0), cv=3))
        case "svm":
            return make_pipeline(
                FeatureScaler(), CalibratedClassifierCV(LinearSVC(C=0.01, random_state=seed), cv=3)
            )
        case "tree":
            return DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=50, random_state=seed)
        case "forest":
            return RandomForestClassifier(
                200, min_samples_leaf=20, max_samples=0.5, n_jobs=1, random_state=seed
            )
        case "cox":
            return CoxReturn(seed=seed)
        case "gru" | "lstm" | "transformer":
            if name == "transformer":  # which learns twice, and each pass takes three times as long
                return SequenceClassifier(
                    name, n_epochs=6, patience=2, pretraining="if better", max_fit_rows=12_000, random_state=seed
                )
            return SequenceClassifier(name, random_state=seed)
    raise ValueError(f"no model is called {name!r}")
