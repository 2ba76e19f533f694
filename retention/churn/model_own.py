"""A score learned from a table of one's own, judged by cross-validation; a column that gives the answer away blocks it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold

from retention.churn.judgement import Ranked, calibration_line, calibration_table, judged, verdict
from retention.churn.model_backtest import NEAR_BEST
from retention.churn.model_guard import LEAST_AUC, MOST_AHEAD, MOST_AUC
from retention.churn.model_zoo import estimator
from retention.churn.own_score import Clue, OwnReport
from retention.churn.own_table import OwnTable
from retention.churn.spec import BEST
from retention.churn.spec_own import OWN_MODELS
from retention.errors import SpecError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[float, str], object]
FEWEST_OF_A_VALUE = 10
MOST_VALUES = 50
BINS = 20
PRIOR = 10.0


class OwnEncoder(TransformerMixin, BaseEstimator):
    """Turn the columns of a table into numbers: a text becomes one column for each of its frequent values.

    Attributes
    ----------
    values_ : dict of str to tuple of str
        The values of each text that became columns; all others are none of them.
    has_gaps_ : dict of str to bool
        Whether a text was missing in some rows, which then is a column, too.
    names_ : tuple of str

    Notes
    -----
    Learned inside each fold, so that a row that is judged has no say in what becomes a column. Unknown numbers stay NaN: the
    models fill them, or take them as they are.
    """

    def fit(self, X: pd.DataFrame, y: Any = None) -> OwnEncoder:
        """Find the frequent values."""
        self.values_, self.has_gaps_ = dict[str, tuple[str, ...]](), dict[str, bool]()
        names: list[str] = []
        for name in X.columns:
            if X[name].dtype.kind == "f":
                names.append(str(name))
                continue
            counts = X[name].value_counts()
            often = counts[counts >= FEWEST_OF_A_VALUE].index[:MOST_VALUES]
            self.values_[name] = tuple(sorted(often))
            self.has_gaps_[name] = bool(X[name].isna().sum() >= FEWEST_OF_A_VALUE)
            names += [f"{name} = {value}" for value in self.values_[name]]
            names += [f"{name} is not known"] * self.has_gaps_[name]
        self.names_ = tuple(names)
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """Return the numbers, shape (n_rows, n_names)."""
        parts: list[Any] = []
        for name in X.columns:
            if name not in self.values_:
                parts.append(X[name].to_numpy(dtype=np.float64))
                continue
            cells = X[name].to_numpy(dtype=object)
            parts += [(cells == value).astype(np.float64) for value in self.values_[name]]
            if self.has_gaps_[name]:
                parts.append(X[name].isna().to_numpy().astype(np.float64))
        return np.column_stack(parts) if parts else np.zeros((len(X), 0))


def _groups(cells: pd.Series) -> Ints:
    """Divide rows by what a column says: equal groups of a number, the values of a text; unknown is a group, too."""
    if cells.dtype.kind != "f":
        return np.asarray(pd.factorize(cells)[0] + 1, dtype=np.int64)
    values = cells.to_numpy()
    known = ~np.isnan(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, BINS + 1))) if known.any() else np.zeros(1)
    # A group for each edge that many share, so that 0 and 1 are never in one.
    place = np.searchsorted(edges, values, side="left") + np.searchsorted(edges, values, side="right")
    return np.where(known, place + 1, 0)


def _clue_scores(cells: pd.Series, y: Ints, folds: Sequence[tuple[Ints, Ints]]) -> Floats:
    """Score each row by the share that left among the rows of its group in the other folds."""
    group = _groups(cells)
    scores = np.zeros(len(y))
    for train, test in folds:
        n = np.bincount(group[train], minlength=group.max() + 1)
        left = np.bincount(group[train], weights=y[train], minlength=group.max() + 1)
        share = (left + PRIOR * y[train].mean()) / (n + PRIOR)
        # Each fold around its own mean, or folds with other base rates would be told apart.
        scores[test] = share[group[test]] - y[train].mean()
    return scores


def clues(table: OwnTable) -> tuple[tuple[Clue, ...], dict[str, Floats]]:
    """Say how well each column alone ranks the users, and which one is too good to be true.

    Notes
    -----
    Suspect as in `model_guard`: a ROC AUC above 0.90, or 0.10 above the next best and at least 0.75. A number counts with the
    better of its order and its groups, so that a column that is filled in only for those who left is found as well.
    """
    y = table.labels[table.is_known]
    folds = _folds(y, table.spec.n_folds, table.spec.seed)
    found, scores = [], {}
    for column in table.columns:
        cells = table.values[column.name][table.is_known].reset_index(drop=True)
        own = _clue_scores(cells, y, folds)
        auc = Ranked(y, own, is_probability=False).figures()["auc"]
        if column.kind != "text":
            filled = cells.fillna(cells.median()).to_numpy()
            straight = Ranked(y, filled, is_probability=False).figures()["auc"]
            if max(straight, 1 - straight) > auc:
                auc, own = max(straight, 1 - straight), filled if straight >= 0.5 else -filled
        found.append((column.name, column.kind, float(auc)))
        scores[column.name] = own
    found.sort(key=lambda row: (-row[2], row[0]))
    bad = {name for name, _, auc in found if auc > MOST_AUC}
    others = [row for row in found if row[0] not in bad]
    if len(others) > 1 and others[0][2] >= max(others[1][2] + MOST_AHEAD, LEAST_AUC):
        bad.add(others[0][0])
    return tuple(Clue(*row, row[0] in bad) for row in found), scores


def _folds(y: Ints, n_folds: int, seed: int) -> list[tuple[Ints, Ints]]:
    return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(np.zeros(len(y)), y))


def _said(name: str, x: pd.DataFrame, y: Ints, asked: pd.DataFrame, seed: int) -> Floats:
    """Learn from some rows and score others."""
    encoder = OwnEncoder().fit(x)
    model = estimator(name, encoder.names_, 90, seed)
    with warnings.catch_warnings():
        # A penalised model that stops a step early ranks the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(encoder.transform(x), y)
    return np.asarray(model.predict_proba(encoder.transform(asked))[:, 1], dtype=np.float64)


def own_report(table: OwnTable, progress: Progress = lambda share, text: None) -> OwnReport:
    """Learn, and judge by stratified cross-validation: every user by a model that has not seen the user.

    Raises
    ------
    SpecError
        If a column gives the answer away, with its name; see `clues`.
    """
    spec = table.spec
    progress(0.0, "Looking at each column alone")
    found, alone = clues(table)
    refuse_leaks(found, spec.allowed)
    is_known = table.is_known
    x, y = table.values[is_known].reset_index(drop=True), table.labels[is_known]
    folds = _folds(y, spec.n_folds, spec.seed)
    names = OWN_MODELS if spec.model == BEST else (spec.model,)
    scores = {name: np.zeros(len(y)) for name in names}
    rows = []
    for i, name in enumerate(names):
        for k, (train, test) in enumerate(folds):
            progress((i + k / len(folds)) / len(names) * 0.9, f"{name}: part {k + 1} of {len(folds)}")
            begun = time.process_time()
            scores[name][test] = _said(name, x.iloc[train], y[train], x.iloc[test], spec.seed)
            seconds = time.process_time() - begun
            f = Ranked(y[test], scores[name][test]).figures()
            rows.append((name, k + 1, len(test), int(y[test].sum()), *(f[n] for n in ("base_rate", "auc", "log_loss", "brier")), seconds))
    every = pd.DataFrame(
        rows, columns=["model", "fold", "n", "n_left", "base_rate", "auc", "log_loss", "brier", "seconds"]
    )  # fmt: skip
    chosen = _best(every) if spec.model == BEST else spec.model
    progress(0.9, "Judging")
    own = scores[chosen]
    best = found[0].name
    word, sentence = verdict(y, own, {f"{best} alone": alone[best]}, seed=spec.seed)
    sentence = sentence.replace("lapsed", "left")  # what the owner's column says
    out = np.empty(len(table.labels))
    out[is_known] = own
    if table.n_unknown:
        out[~is_known] = _said(chosen, x, y, table.values[~is_known], spec.seed)
    report = OwnReport(
        table, chosen, len(y), int(y.sum()), judged(y, own, seed=spec.seed), calibration_line(y, own),
        calibration_table(y, own), every[every["model"] == chosen].drop(columns="model").reset_index(drop=True),
        _models(every, chosen), found, word, sentence, out,
    )  # fmt: skip
    progress(1.0, "Done")
    return report


def refuse_leaks(found: Sequence[Clue], allowed: Sequence[str] = ()) -> None:
    """Stop where a column gives the answer away.

    Raises
    ------
    SpecError
        With the names of the columns.
    """
    suspects = [clue for clue in found if clue.is_suspect and clue.name not in allowed]
    if not suspects:
        return
    it, was, tells = ("it", "it was", "tells") if len(suspects) == 1 else ("them", "they were", "tell")
    said = ", ".join(f"{clue.name} (ROC AUC {clue.auc:.3f})" for clue in suspects)
    others = max((clue.auc for clue in found if not clue.is_suspect), default=0.5)
    raise SpecError(
        f"{said} alone {tells} too well who left, the next column {others:.3f}: probably {was} written down afterwards, and a"
        " score made with such a column is worth nothing.",
        hint=f"Leave {it} out; or allow {it}, if known before anybody left.",
    )


def _best(every: pd.DataFrame) -> str:
    """Choose the cheapest model whose mean ROC AUC is within 0.005 of the best."""
    mean = every.groupby("model")[["auc", "seconds"]].mean()
    near = mean[mean["auc"] >= mean["auc"].max() - NEAR_BEST]
    return str(near["seconds"].idxmin())


def _models(every: pd.DataFrame, chosen: str) -> pd.DataFrame:
    by = every.groupby("model")
    means = by[["auc", "log_loss", "brier", "seconds"]].mean().assign(auc_sd=by["auc"].std()).reset_index()
    means.insert(1, "is_chosen", means["model"] == chosen)
    order = ["model", "is_chosen", "auc", "auc_sd", "log_loss", "brier", "seconds"]
    return means[order].sort_values(["auc", "model"], ascending=[False, True], ignore_index=True)
