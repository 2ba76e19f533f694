"""Models learned at earlier cut-offs and judged at later ones, side by side with the plain rules."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from retention.churn.judgement import LEAST, MIN_EACH, Figure, calibration_line, judged, verdict
from retention.churn.model_sequence import made_up, require_sequences, sequences_of
from retention.churn.model_zoo import estimator
from retention.churn.snapshots import CutoffTable, Rows, stacked
from retention.churn.spec import BEST, MODELS, RULES, SEQUENCE_MODELS, ChurnSpec, Schedule
from retention.errors import SpecError

Floats = NDArray[np.float64]
MOST_ROWS = 200_000
"""More rows teach these models nothing that can be measured, and cost minutes."""
NEAR_BEST = 0.005
RULE_WORDS = {"recency": "days since the last visit", "frequency": "the number of visits"}
MANY_LAPSES = 200
"""With so many of each kind a slope is known to about ± 0.2, which is worth having."""
MOST_ODDS = 35.0
"""Log-odds are kept this far from 0, so that a probability is never exactly 0 or 1."""
Progress = Callable[[float, str], object]


@dataclass(frozen=True, slots=True)
class Part:
    """The users of one held-back cut-off, and of those that may teach it.

    Attributes
    ----------
    plan : Schedule
    train : sequence of CutoffTable
    calibrate : CutoffTable or None
    test : CutoffTable
    expected_rate : float or None
        What share is expected to lapse at this time of the year; None where the data know no such time.
    """

    plan: Schedule
    train: Sequence[CutoffTable]
    calibrate: CutoffTable | None
    test: CutoffTable
    expected_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that has learned, with its calibration.

    Attributes
    ----------
    name : str
    features : tuple of str
        None of a sequence model, which reads the events themselves.
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
        return probability(self.table_log_odds(table))

    def table_log_odds(self, table: CutoffTable) -> Floats:
        """Return the calibrated log-odds of each user of a table; see `scores`."""
        if self.name in SEQUENCE_MODELS:
            return self.calibrated(self.model.log_odds(sequences_of(table)))
        gone = [name for name in self.features if name not in table.features]
        if gone:
            raise SpecError(
                f"The model needs {', '.join(gone)}, which the store does not know at this cut-off.",
                hint="Train the model again.",
            )
        return self.log_odds(table.values[:, [table.features.index(name) for name in self.features]])

    def log_odds(self, values: Floats) -> Floats:
        """Return the calibrated log-odds of lapsing.

        Parameters
        ----------
        values : ndarray, shape (n_users, n_features)
            In the order of `features`.
        """
        if self.name in SEQUENCE_MODELS:
            raise SpecError(
                "A sequence model reads the events themselves, so its score is not made of features.",
                hint="Choose another model to see what each feature adds.",
            )
        p = np.clip(self.model.predict_proba(values)[:, 1], LEAST, 1 - LEAST)
        return self.calibrated(np.log(p) - np.log1p(-p))

    def calibrated(self, log_odds: Floats) -> Floats:
        """Set right what the estimator says."""
        return np.asarray(self.intercept + self.slope * log_odds)

    def of_nobody(self, probe: Floats) -> Floats:
        """Return the log-odds of users made up: what a model is recognised by when it is read again.

        Parameters
        ----------
        probe : ndarray, shape (n_users, n_features)
            Not looked at by a sequence model, which has made-up users of its own.
        """
        if self.name in SEQUENCE_MODELS:
            return self.calibrated(self.model.log_odds(made_up(self.model.names_)))
        return self.log_odds(probe)

    def in_season(self, table: CutoffTable, expected_rate: float | None) -> tuple[Fitted, Floats]:
        """Move the level, so that the mean score of a table is the share that is expected to lapse, and score the table.

        Returns
        -------
        (Fitted, ndarray)
            The model at that level, and the probabilities.

        Notes
        -----
        Base rates follow the season: a calibration of spring says too much or too little in autumn. The shift moves
        everybody's log-odds alike, so the order of the users stays.
        """
        log_odds = self.table_log_odds(table)
        if expected_rate is None or not table.n_users:
            return self, probability(log_odds)
        low, high = -MOST_ODDS, MOST_ODDS
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if probability(log_odds + middle).mean() < expected_rate else (low, middle)
        shift = (low + high) / 2
        return replace(self, intercept=self.intercept + shift), probability(log_odds + shift)


def probability(log_odds: Floats) -> Floats:
    """Turn log-odds into probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -MOST_ODDS, MOST_ODDS))))


def fitted(
    name: str, train: Rows, calibrate: CutoffTable | None, spec: ChurnSpec, params: Mapping[str, Any] | None = None
) -> Fitted:
    """Teach a model, and set its probabilities right on a later cut-off.

    Parameters
    ----------
    params : mapping, optional
        Settings other than the tried-out ones; see `model_search`.

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
    if name in SEQUENCE_MODELS:
        require_sequences(train)
    model = estimator(name, train.features, spec.lapse.horizon_days, spec.seed).set_params(**(params or {}))
    with warnings.catch_warnings():
        # A penalised model that stops a step early ranks the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if name == "cox":
            model.fit(train.values, train.lapsed, days_until=train.days_until)
        elif name in SEQUENCE_MODELS:
            model.fit(train.sequences, train.lapsed, unlabelled=train.unlabelled)
        else:
            model.fit(train.values, train.lapsed)
    features = () if name in SEQUENCE_MODELS else train.features
    raw = Fitted(name, features, model, 1.0, 0.0, time.process_time() - begun)
    if calibrate is None or calibrate.lapsed is None:
        return raw
    p = raw.scores(calibrate)
    line = calibration_line(calibrate.lapsed, p)
    if not np.isfinite(line.intercept.value):
        return raw
    # A slope from few lapses is mostly noise; the level alone is worth setting right.
    slope = line.slope.value if min(calibrate.lapsed.sum(), (1 - calibrate.lapsed).sum()) >= MANY_LAPSES else 1.0
    slope = min(max(slope, 0.25), 4.0) if np.isfinite(slope) else 1.0
    scaled = probability(slope * (np.log(p) - np.log1p(-p)))
    shift = calibration_line(calibrate.lapsed, scaled).intercept.value
    return replace(raw, slope=slope, intercept=shift)


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
    scores : mapping of model to ndarray
        What each said at the latest cut-off.
    held_back : CutoffTable or None
        The users of the latest cut-off.
    model : Fitted or None
        The chosen model as it was judged there.
    """

    spec: ChurnSpec
    schedules: tuple[Schedule, ...]
    trials: tuple[Trial, ...]
    chosen: str
    word: str
    sentence: str
    skipped: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Floats] = field(default_factory=dict)
    held_back: CutoffTable | None = None
    model: Fitted | None = None

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


def backtest_of(
    parts: Sequence[Part],
    spec: ChurnSpec,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress = lambda share, text: None,
) -> Backtest:
    """Teach each model before each cut-off, and judge it there.

    Parameters
    ----------
    parts : sequence of Part
        The latest cut-off first.
    params : mapping of model to settings, optional
    """
    trials: list[Trial] = []
    latest, scores_of, skipped = dict[str, Fitted](), dict[str, Floats](), dict[str, str]()
    asked = models_asked(spec)
    for place, part in enumerate(parts):
        test = part.test
        if test.lapsed is None:
            raise ValueError("a cut-off whose outcomes are not known cannot judge")
        rows = stacked(part.train, MOST_ROWS, spec.seed)
        for number, name in enumerate(asked):
            if name in skipped:
                continue
            progress(
                (place + number / len(asked)) / len(parts),
                f"teaching and judging {name} (cut-off {place + 1} of {len(parts)})",
            )
            try:
                model = fitted(name, rows, part.calibrate, spec, (params or {}).get(name))
                model, scores = model.in_season(test, part.expected_rate)
            except SpecError as error:
                # What was asked for must be said; of several, the others can still be compared.
                if name == spec.model:
                    raise
                skipped[name] = error.message
                trials = [t for t in trials if t.model != name]
                continue
            line = calibration_line(test.lapsed, scores)
            figures = judged(test.lapsed, scores, seed=spec.seed) | {"slope": line.slope, "intercept": line.intercept}
            trials.append(Trial(name, part.plan.test_day, test.n_users, figures, model.seconds))
            if place == 0:
                latest[name], scores_of[name] = model, scores
    if not scores_of:
        raise SpecError(f"No model could learn from these data. {' '.join(dict.fromkeys(skipped.values()))}")
    chosen = best_of(trials) if spec.model == BEST else spec.model
    held_back = parts[0].test
    assert held_back.lapsed is not None
    rules = {RULE_WORDS[name]: scores_of[name] for name in RULE_WORDS if name in scores_of and name != chosen}
    word, sentence = verdict(held_back.lapsed, scores_of[chosen], rules, seed=spec.seed)
    plans = tuple(part.plan for part in parts)
    return Backtest(
        spec, plans, tuple(trials), chosen, word, sentence, skipped, scores_of, held_back, latest[chosen]
    )  # fmt: skip


def best_of(trials: Sequence[Trial]) -> str:
    """Choose the cheapest model whose mean ROC AUC is within 0.005 of the best; rules and all."""
    names = dict.fromkeys(t.model for t in trials)
    mean = {n: float(np.mean([t.figures["auc"].value for t in trials if t.model == n])) for n in names}
    cost = {n: float(np.mean([t.seconds for t in trials if t.model == n])) for n in names}
    near = [n for n in names if mean[n] >= max(mean.values()) - NEAR_BEST]
    return min(near, key=lambda n: (n not in RULES, cost[n]))
