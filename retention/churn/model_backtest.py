"""Models learned at earlier cut-offs and judged at later ones, side by side with the plain rules."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from retention.churn.judgement import LEAST, MIN_EACH, Figure, calibration_line, judged, verdict
from retention.churn.model_zoo import estimator
from retention.churn.snapshots import CutoffTable, Rows, stacked
from retention.churn.spec import BEST, MODELS, RULES, ChurnSpec, Schedule
from retention.errors import SpecError

Floats = NDArray[np.float64]
MOST_ROWS = 200_000
"""More rows teach these models nothing that can be measured, and cost minutes."""
NEAR_BEST = 0.005
MANY_LAPSES = 1_000
Part = tuple[Schedule, Sequence[CutoffTable], CutoffTable | None, CutoffTable]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that has learned, with its calibration.

    Attributes
    ----------
    name : str
    features : tuple of str
    model : estimator
    slope, intercept : float
        Of the log-odds: what the calibrating cut-off says of them.
    seconds : float
        CPU time of learning.
    """

    name: str
    features: tuple[str, ...]
    model: Any
    slope: float
    intercept: float
    seconds: float

    def scores(self, table: CutoffTable) -> Floats:
        """Return the probability of lapsing of each user of a table.

        Raises
        ------
        SpecError
            If the table lacks a feature that the model has learned from.
        """
        gone = [name for name in self.features if name not in table.features]
        if gone:
            raise SpecError(
                f"The model needs {', '.join(gone)}, which the store does not know at this cut-off.",
                hint="Train the model again.",
            )
        values = table.values[:, [table.features.index(name) for name in self.features]]
        p = np.clip(self.model.predict_proba(values)[:, 1], LEAST, 1 - LEAST)
        logit = self.intercept + self.slope * (np.log(p) - np.log1p(-p))
        return np.asarray(1 / (1 + np.exp(-np.clip(logit, -35, 35))))


def fitted(name: str, train: Rows, calibrate: CutoffTable | None, spec: ChurnSpec) -> Fitted:
    """Teach a model, and set its probabilities right on a later cut-off.

    Raises
    ------
    SpecError
        If too few lapsed, or stayed, to learn from.
    """
    n_lapsed = int(train.lapsed.sum())
    if min(n_lapsed, train.n_rows - n_lapsed) < MIN_EACH:
        raise SpecError(
            f"Too few users to learn from: {n_lapsed:,} lapsed and {train.n_rows - n_lapsed:,} stayed; it takes"
            f" {MIN_EACH} of each.",
            hint="Choose another horizon, or a longer look-back.",
        )
    begun = time.process_time()
    model = estimator(name, train.features, spec.lapse.horizon_days, spec.seed)
    with warnings.catch_warnings():
        # A penalised model that stops a step early ranks the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if name == "cox":
            model.fit(train.values, train.lapsed, days_until=train.days_until)
        else:
            model.fit(train.values, train.lapsed)
    raw = Fitted(name, train.features, model, 1.0, 0.0, time.process_time() - begun)
    if calibrate is None or calibrate.lapsed is None:
        return raw
    p = raw.scores(calibrate)
    line = calibration_line(calibrate.lapsed, p)
    if not np.isfinite(line.intercept.value):
        return raw
    # A slope from few lapses is mostly noise; the level alone is worth setting right.
    slope = line.slope.value if min(calibrate.lapsed.sum(), (1 - calibrate.lapsed).sum()) >= MANY_LAPSES else 1.0
    slope = min(max(slope, 0.25), 4.0) if np.isfinite(slope) else 1.0
    scaled = 1 / (1 + np.exp(-slope * (np.log(p) - np.log1p(-p))))
    shift = calibration_line(calibrate.lapsed, scaled).intercept.value
    return Fitted(name, train.features, model, slope, shift, raw.seconds)


@dataclass(frozen=True, slots=True)
class Trial:
    """One model at one held-back cut-off.

    Attributes
    ----------
    model : str
    test_day : int
    n_users : int
    figures : dict of str to Figure
        See `judgement.Ranked.figures`; and slope, intercept of the calibration.
    seconds : float
    """

    model: str
    test_day: int
    n_users: int
    figures: dict[str, Figure]
    seconds: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """All models at all held-back cut-offs, the latest first.

    Attributes
    ----------
    spec : ChurnSpec
    schedules : tuple of Schedule
    trials : tuple of Trial
    chosen : str
        The model that scores: the one asked for, or the best of all.
    word, sentence : str
        The verdict on it at the latest cut-off; see `judgement.verdict`.
    skipped : mapping of model to reason
        Models that these data cannot teach.
    """

    spec: ChurnSpec
    schedules: tuple[Schedule, ...]
    trials: tuple[Trial, ...]
    chosen: str
    word: str
    sentence: str
    skipped: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """Lay the models out, the means over the cut-offs.

        Returns
        -------
        DataFrame
            model, is_rule, is_chosen, auc, auc_low, auc_high (latest cut-off), auc_mean, average_precision, brier, log_loss,
            lift_10, seconds; the best mean AUC first.
        """
        latest = max(t.test_day for t in self.trials)
        rows = []
        for name in dict.fromkeys(t.model for t in self.trials):
            own = [t for t in self.trials if t.model == name]
            (last,) = (t for t in own if t.test_day == latest)
            f = last.figures
            rows.append({
                "model": name, "is_rule": name in RULES, "is_chosen": name == self.chosen, "auc": f["auc"].value,
                "auc_low": f["auc"].low, "auc_high": f["auc"].high,
                "auc_mean": float(np.mean([t.figures["auc"].value for t in own])),
                "average_precision": f["average_precision"].value, "brier": f["brier"].value,
                "log_loss": f["log_loss"].value, "lift_10": f["lift_10"].value,
                "seconds": float(np.mean([t.seconds for t in own])),
            })  # fmt: skip
        return pd.DataFrame(rows).sort_values(["auc_mean", "model"], ascending=[False, True], ignore_index=True)


def models_asked(spec: ChurnSpec) -> tuple[str, ...]:
    """List the models to try: the one asked for, or all; the rules always."""
    return MODELS if spec.model == BEST else tuple(dict.fromkeys((spec.model, *RULES)))


def backtest_of(parts: Sequence[Part], spec: ChurnSpec) -> Backtest:
    """Teach each model before each cut-off, and judge it there."""
    trials: list[Trial] = []
    latest_scores, skipped = dict[str, Floats](), dict[str, str]()
    for place, (plan, train, calibrate, test) in enumerate(parts):
        if test.lapsed is None:
            raise ValueError("a cut-off whose outcomes are not known cannot judge")
        rows = stacked(train, MOST_ROWS, spec.seed)
        for name in models_asked(spec):
            if name in skipped:
                continue
            try:
                model = fitted(name, rows, calibrate, spec)
            except SpecError as error:
                # What was asked for must be said; of several, the others can still be compared.
                if name == spec.model:
                    raise
                skipped[name] = error.message
                trials = [t for t in trials if t.model != name]
                continue
            scores = model.scores(test)
            line = calibration_line(test.lapsed, scores)
            figures = judged(test.lapsed, scores, seed=spec.seed) | {"slope": line.slope, "intercept": line.intercept}
            trials.append(Trial(name, plan.test_day, test.n_users, figures, model.seconds))
            if place == 0:
                latest_scores[name] = scores
    if not latest_scores:
        raise SpecError(f"No model could learn from these data. {' '.join(dict.fromkeys(skipped.values()))}")
    chosen = best_of(trials) if spec.model == BEST else spec.model
    lapsed = parts[0][3].lapsed
    assert lapsed is not None
    words = {"recency": "days since the last visit", "frequency": "the number of visits", "bgnbd": "BG/NBD"}
    rules = {words[name]: latest_scores[name] for name in ("recency", "frequency") if name in latest_scores and name != chosen}
    word, sentence = verdict(lapsed, latest_scores[chosen], rules, seed=spec.seed)
    return Backtest(spec, tuple(part[0] for part in parts), tuple(trials), chosen, word, sentence, skipped)


def best_of(trials: Sequence[Trial]) -> str:
    """Choose the cheapest model whose mean ROC AUC is within 0.005 of the best; rules and all."""
    names = dict.fromkeys(t.model for t in trials)
    mean = {n: float(np.mean([t.figures["auc"].value for t in trials if t.model == n])) for n in names}
    cost = {n: float(np.mean([t.seconds for t in trials if t.model == n])) for n in names}
    near = [n for n in names if mean[n] >= max(mean.values()) - NEAR_BEST]
    return min(near, key=lambda n: (n not in RULES, cost[n]))
