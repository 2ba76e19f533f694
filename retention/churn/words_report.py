"""What a report on a score says, in words that need no textbook."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import pandas as pd

from retention.churn.card import ModelCard
from retention.churn.card_compare import Compared
from retention.churn.drift import Drifted
from retention.churn.fairness import TELL, Fairness
from retention.churn.judgement import Choice, Figure, Line
from retention.churn.report import Standing
from retention.churn.spec import LapseSpec
from retention.churn.stability import Stability
from retention.cohorts.words import interval, percent
from retention.periods import date_of

TITLES = {
    "boosting": "Gradient boosting",
    "logistic": "Logistic regression",
    "lasso": "Lasso",
    "ridge": "Ridge",
    "svm": "Linear SVM",
    "tree": "Decision tree",
    "forest": "Random forest",
    "cox": "Cox regression",
    "bgnbd": "BG/NBD expected purchases",
    "recency": "Days since the last visit",
    "frequency": "Number of visits",
    "gru": "GRU",
    "lstm": "LSTM",
    "transformer": "Transformer",
    "best of": "Best of all",
}
ADVICE = {
    "reliable": "It may be used to rank users. Who is likely to fall silent is not yet who can be kept: only a test with"
    " a group that is left alone can tell that.",
    "no better": "Sort users by the rule: it is as good, costs nothing, and everybody understands it.",
    "too few": "Wait for more users, or choose a longer look-back or another horizon.",
}
FIGURES = {
    "auc": (
        "ROC AUC",
        "Of two users, one who lapsed and one who stayed: how often the right one is first. By lot 0.5.",
        "fine",
    ),
    "ahead": ("Ahead by (ROC AUC)", "By how much this score's ROC AUC is above that of the rule.", "fine"),
    "average_precision": (
        "Average precision",
        "Mean precision as one goes down the list. By lot it is the base rate.",
        "fine",
    ),
    "brier": ("Brier score", "Mean squared error of the probability. Less is better.", "fine"),
    "log_loss": ("Log-loss", "Punishes sure mistakes hard. Less is better.", "fine"),
    "lift_5": ("Lift, top 5 %", "Times as many lapse among the highest scores as among users drawn by lot.", "coarse"),
    "lift_10": ("Lift, top 10 %", "The same among the top tenth.", "coarse"),
    "lift_20": ("Lift, top 20 %", "The same among the top fifth.", "coarse"),
    "recall_5": ("Recall, top 5 %", "Of all who lapsed, the share among the highest scores.", "share"),
    "recall_10": ("Recall, top 10 %", "The same among the top tenth.", "share"),
    "recall_20": ("Recall, top 20 %", "The same among the top fifth.", "share"),
}
"""Figures of the table: title, meaning, and how they are written."""
CARD_FIGURES = {
    "base_rate": ("Base rate", "Share of the users held back that lapsed."),
    "auc": FIGURES["auc"][:2],
    "average_precision": FIGURES["average_precision"][:2],
    "brier": FIGURES["brier"][:2],
    "log_loss": FIGURES["log_loss"][:2],
    "lift_10": ("Lift, top 10 %", FIGURES["lift_5"][1]),
    "slope": ("Calibration slope", "1 is right; below 1 the probabilities are too sure of themselves."),
    "intercept": ("Calibration intercept", "0 is right; above 0 more lapse than is said."),
}
"""Figures of a model card: title and meaning."""
FAR = 0.1
MEASURES = {
    "chosen": ("Chosen", "Share of the group that scores at or above the threshold (selection rate)."),
    "caught": ("Caught", "Of those in the group who lapsed, the share at or above the threshold (true-positive rate)."),
    "bothered": ("Bothered", "Of those in the group who stayed, the share at or above the threshold (false-positive rate)."),
    "came": ("Lapsed", "Share of the group that lapsed, whatever the score said (base rate)."),
    "auc": ("Ranking", "Of two users of the group, one who lapsed and one who stayed, how often the score puts the right one"
            " first (ROC AUC)."),
}  # fmt: skip
"""What can be compared between groups."""


def title_of(name: str) -> str:
    """Name a model or a rule as people call it."""
    return TITLES.get(name, name)


def on(day: int) -> str:
    """Write a day that is counted from 1970.

    Examples
    --------
    >>> on(0)
    '1 January 1970'
    """
    date = date_of(day)
    return f"{date.day} {date:%B %Y}"


def lapse_sentence(lapse: LapseSpec) -> str:
    """Say what lapsed means and who could.

    Examples
    --------
    >>> lapse_sentence(LapseSpec(horizon_days=60, gap_days=0, lookback_days=180))
    'Lapsed: no activity within 60 days. Looked at: users active within 180 days before the cut-off.'
    """
    what = "no " + (" or ".join(lapse.events) if lapse.events else "activity")
    counted = "" if not lapse.gap_days else f", counted from {_days(lapse.gap_days)} after the cut-off"
    who = f"users active within {_days(lapse.lookback_days)} before the cut-off"
    if lapse.where:
        who += f" with {' and '.join(str(condition) for condition in lapse.where)}"
    return f"Lapsed: {what} within {_days(lapse.horizon_days)}{counted}. Looked at: {who}."


def _days(n: int) -> str:
    return f"{n:,} day{'' if n == 1 else 's'}"


def standing_sentence(found: Standing, cutoff_day: int) -> str:
    """Say on whom a score was judged."""
    return (
        f"Judged on {found.n_users:,} users as of {on(cutoff_day)} whom it had not learned from:"
        f" {found.n_lapsed:,} of them ({percent(found.base_rate)}) lapsed."
    )


def calibration_sentence(line: Line, table: pd.DataFrame) -> str:
    """Say whether the probabilities can be taken at their word."""
    slope, level = line.slope, line.intercept
    if isnan(level.value):
        return "Too few users lapsed, or stayed, to say whether the probabilities are right."
    faults = []
    if level.says != TELL:
        n = float(table["n"].sum())
        said, came = (float((table[c] * table["n"]).sum()) / n for c in ("said", "came"))
        faults.append(
            f"on the whole they say too {'little' if level.low > 0 else 'much'} ({percent(said)} said, {percent(came)} came)"
        )
    if not isnan(slope.value) and not slope.low <= 1 <= slope.high:
        faults.append(
            "they are too sure of themselves: high ones are too high and low ones too low"
            if slope.high < 1
            else "they are too timid: high ones are too low and low ones too high"
        )
    n_off = int(table["is_off"].sum())
    if not faults:
        held = "The probabilities can be taken at their word"
        return (
            f"{held}, as far as {int(table['n'].sum()):,} users can tell."
            if n_off <= 1
            else (f"{held} on the whole, but {n_off} of {len(table)} groups lie outside their interval.")
        )
    is_small = abs(level.value) <= FAR and (isnan(slope.value) or abs(slope.value - 1) <= FAR)
    much = "slightly " if is_small else ""
    return f"The probabilities are {much}off: {'; '.join(faults)}. The order of the users is not touched."


def line_sentence(line: Line) -> str:
    """Write slope and intercept for whoever knows them."""
    return f"Calibration slope {figure(line.slope)} (1 is right), intercept {figure(line.intercept)} (0 is right)."


def figure(found: Figure, digits: int = 2) -> str:
    """Write a figure with its interval; nothing where it is not known.

    Examples
    --------
    >>> figure(Figure(0.5, 0.4, 0.61)), figure(Figure(-0.1, -0.25, 0.05))
    ('0.50 (0.40 to 0.61)', '−0.10 (−0.25 to 0.05)')
    """
    if isnan(found.value):
        return "not known"
    value = f"{found.value:.{digits}f}"
    if not isnan(found.low):
        value += f" ({found.low:.{digits}f} to {found.high:.{digits}f})"
    return value.replace("-", "−")


def whole_percent(rate: float) -> str:
    """Write a threshold.

    Examples
    --------
    >>> whole_percent(0.67)
    '67 %'
    """
    return f"{rate * 100:.0f} %"


def threshold_sentence(choice: Choice, n_users: int, n_lapsed: int) -> str:
    """Say what comes of contacting everybody from a score on."""
    at = f"From {whole_percent(choice.threshold)} on"
    if not choice.n:
        return f"{at}, nobody is chosen."
    said = (
        f"{at}, {choice.n:,} of {n_users:,} users are chosen. {percent(choice.precision.value)} of them lapsed"
        f" ({interval(choice.precision.low, choice.precision.high)})"
    )
    if isnan(choice.recall.value):
        return f"{said}."
    return (
        f"{said}, which catches {percent(choice.recall.value)} of the {n_lapsed:,} who lapsed"
        f" ({interval(choice.recall.low, choice.recall.high)}). F1 is {choice.f1:.2f}."
    )


def stability_sentence(found: Stability) -> str:
    """Say whether a score holds over its cut-offs."""
    own = found.of(found.model)
    if own["auc"].notna().sum() < 2:
        return "It was judged at one cut-off only, so nothing can be said of how it holds."
    low, high = float(own["auc"].min()), float(own["auc"].max())
    said = f"At {found.n_cutoffs} cut-offs its ROC AUC lies between {low:.3f} and {high:.3f}"
    if len(found.of(found.rule)) and found.rule != found.model:
        said += f", above “{title_of(found.rule).lower()}” at {found.n_above} of them"
    change = found.latest
    if change.says == TELL:
        return f"{said}; whether the latest differs from those before it, the data cannot tell."
    word, advice = ("better", "") if change.low > 0 else ("worse", " Train it again.")
    return f"{said}; the latest is {word} than those before it ({figure(change, 3)}).{advice}"


def drift_sentence(found: Drifted) -> str:
    """Say how far the features have moved since a model was trained."""
    frame = found.features
    n_moved, much = int(frame["is_moved"].sum()), int(((frame["psi"] >= 0.25) & frame["is_moved"]).sum())
    if much:
        return f"{_features(much)} moved much since the model was trained: train it again."
    if n_moved:
        return f"{_features(n_moved)} of {len(frame)} moved more than chance would, none much."
    return "No feature has moved more than chance would move it."


def score_drift_sentence(found: Drifted) -> str:
    """Say whether the scores have moved; nothing where it is not known."""
    psi = found.score_psi
    if isnan(psi):
        return ""
    if not found.is_score_moved:
        return "The scores have not moved more than chance would move them."
    size = "hardly" if psi < 0.1 else "somewhat" if psi < 0.25 else "much"
    return f"The scores have moved {size} (PSI {psi:.3f})."


def _features(n: int) -> str:
    return f"{n} feature{'' if n == 1 else 's'}"


def fairness_sentence(found: Fairness) -> str:
    """Say which groups the score treats unlike the others, or that the data cannot tell."""
    if not found.is_telling:
        return "There are not two groups of at least 10 users to compare."
    rows = found.rows
    parts = []
    words = {"caught": "lapses are caught", "bothered": "users who stay are bothered"}
    for measure, what in words.items():
        for way in ("higher", "lower"):
            named = rows.loc[rows[f"{measure}_says"] == way, "group"].tolist()
            if named:
                parts.append(f"{what} {'more' if way == 'higher' else 'less'} often in {_listed(named)}")
    for way in ("too high", "too low"):
        named = rows.loc[rows["calibration_says"] == way, "group"].tolist()
        if named:
            parts.append(f"the probabilities are {way} in {_listed(named)}")
    if not parts:
        return f"By {found.by} the data cannot tell any difference in errors or calibration."
    return f"By {found.by}: {'; '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
    """Name some groups.

    Examples
    --------
    >>> _listed(["a", "b", "c"]), _listed(["a", "b", "c", "d", "e", "f"])
    ('“a”, “b” and “c”', '“a”, “b”, “c”, “d” and 2 more')
    """
    shown = [f"“{name}”" for name in names[:4]]
    if more := len(names) - len(shown):
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def limits_of(card: ModelCard) -> tuple[str, ...]:
    """List what a model cannot do, as its card knows it."""
    lapse = card.spec.lapse
    found = [
        f"It knows users who were active within {_days(lapse.lookback_days)} before the cut-off, and nobody else.",
        "It ranks by what goes with lapsing, not by what causes it, and not by whom a message would keep.",
        f"It was taught with {len(card.train_days)} cut-off{'' if len(card.train_days) == 1 else 's'} from"
        f" {on(card.train_days[0])} to {on(card.train_days[-1])}; a shop that has changed since is another one.",
    ]
    if card.calibrate_day is None:
        found.append("The data reach back too short to set its probabilities right on a cut-off of their own.")
    if card.word == "no better":
        found.append("It is no better than a plain rule.")
    if card.word == "too few":
        found.append("Too few users lapsed, or stayed, to tell how good it is.")
    if season := card.report.get("season"):
        found.append(str(season))
    if skipped := card.report.get("skipped"):
        found += [f"{title_of(name)} was left out: {reason}" for name, reason in skipped.items()]
    return tuple(found)


def compared_sentence(found: Compared) -> str:
    """Say whether the newer of two versions is better."""
    older, newer = f"version {found.one.version}", f"version {found.two.version}"
    if not found.is_same_question:
        return f"Version {found.one.version} and {newer} answer different questions, so their figures cannot be compared."
    if isnan(found.ahead.value):
        return "They were judged on other users, so a difference of the figures need not be one of the models."
    on_whom = f"on {found.n_shared:,} users whom both were judged on (ROC AUC {figure(found.ahead, 3)})"
    if found.ahead.low == found.ahead.high == 0:
        return f"{newer.capitalize()} puts the {found.n_shared:,} users whom both were judged on in the same order as {older}."
    if found.ahead.says == TELL:
        return f"Whether {newer} ranks better than {older}, the data cannot tell, {on_whom}."
    return f"{newer.capitalize()} ranks {'better' if found.ahead.low > 0 else 'worse'} than {older}, {on_whom}."
