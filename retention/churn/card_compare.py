"""Two versions of a model beside each other: what was asked, what they read, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.card import ModelCard
from retention.churn.held_back import HeldBack
from retention.churn.judgement import Figure
from retention.churn.report import standing

Floats = NDArray[np.float64]
FIGURES = ("base_rate", "auc", "average_precision", "brier", "log_loss", "lift_10", "slope", "intercept")
BETTER = {"auc": 1, "average_precision": 1, "brier": -1, "log_loss": -1, "lift_10": 1}
"""Figures of which more, or less, is better."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions, the older first.

    Attributes
    ----------
    one, two : ModelCard
    figures : DataFrame
        figure, and for each version its value at its own held-back cut-off with low and high: one, one_low, one_high, two …
    gone, added : tuple of str
        Features that only the older, or only the newer, one reads.
    settings : tuple of (what, older, newer)
        What was asked differently.
    is_same_question : bool
        Whether both predict the same thing: otherwise their figures cannot be compared.
    n_shared : int
        Users whom both were judged on, at the same cut-off; 0 where there is none.
    ahead : Figure
        ROC AUC of the newer less that of the older, on the shared users (paired bootstrap); NaN where there are none.
    """

    one: ModelCard
    two: ModelCard
    figures: pd.DataFrame
    gone: tuple[str, ...]
    added: tuple[str, ...]
    settings: tuple[tuple[str, str, str], ...]
    is_same_question: bool
    n_shared: int
    ahead: Figure


def compared(one: ModelCard, two: ModelCard, held_one: HeldBack, held_two: HeldBack) -> Compared:
    """Compare two versions.

    Notes
    -----
    Only versions that answer the same question (the same lapse) at the same held-back cut-off were judged on the same
    users; only there the difference is one of the models. Otherwise the figures stand beside each other, each on its own users.
    """
    is_same = one.spec.lapse == two.spec.lapse
    n_shared, ahead = _ahead(held_one, held_two) if is_same else (0, _unknown())
    return Compared(
        one,
        two,
        _figures(one, two),
        tuple(name for name in one.features if name not in two.features),
        tuple(name for name in two.features if name not in one.features),
        tuple(_settings(one, two)),
        is_same,
        n_shared,
        ahead,
    )


def _unknown() -> Figure:
    return Figure(float("nan"), float("nan"), float("nan"))


def _ahead(one: HeldBack, two: HeldBack) -> tuple[int, Figure]:
    if one.cutoff_day != two.cutoff_day:
        return 0, _unknown()
    _, at_one, at_two = np.intersect1d(one.user_keys, two.user_keys, assume_unique=True, return_indices=True)
    lapsed = two.lapsed[at_two]
    # After late data a user may have another outcome in each: such users judge nobody.
    same = one.lapsed[at_one] == lapsed
    if min(lapsed[same].sum(), (1 - lapsed[same]).sum()) < 1:
        return int(same.sum()), _unknown()
    scores = {"two": two.probability[at_two][same], "one": one.probability[at_one][same]}
    row = standing(lapsed[same], scores, "two").beside.set_index("score").loc["one"]
    return int(same.sum()), Figure(float(row["ahead"]), float(row["ahead_low"]), float(row["ahead_high"]))


def latest_trial(card: ModelCard) -> Mapping[str, Any]:
    """Return the figures of a card's model at its held-back cut-off; nothing where they are not kept."""
    for trial in card.report.get("trials", ()):
        if trial["model"] == card.name and trial["test_day"] == card.held_back_day:
            found: Mapping[str, Any] = trial["figures"]
            return found
    return {}


def known_figure(told: Any) -> Figure:
    """Read a figure of a card; null is not known."""
    value, low, high = (float("nan") if v is None else float(v) for v in (told or (None, None, None)))
    return Figure(value, low, high)


def latest_figures(card: ModelCard) -> dict[str, dict[str, Figure]]:
    """Return the figures of every model of a card at its held-back cut-off."""
    return {
        str(trial["model"]): {name: known_figure(told) for name, told in trial["figures"].items()}
        for trial in card.report.get("trials", ())
        if trial["test_day"] == card.held_back_day
    }


def _figures(one: ModelCard, two: ModelCard) -> pd.DataFrame:
    rows = []
    for name in FIGURES:
        row: dict[str, object] = {"figure": name}
        for side, card in (("one", one), ("two", two)):
            f = known_figure(latest_trial(card).get(name))
            row |= {side: f.value, f"{side}_low": f.low, f"{side}_high": f.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _settings(one: ModelCard, two: ModelCard) -> list[tuple[str, str, str]]:
    found = []
    for what, read in _ASKED.items():
        older, newer = read(one), read(two)
        if older != newer:
            found.append((what, older, newer))
    return found


_ASKED = {
    "Model": lambda card: card.name,
    "Asked for": lambda card: card.spec.model,
    "Horizon, days": lambda card: str(card.spec.lapse.horizon_days),
    "Gap, days": lambda card: str(card.spec.lapse.gap_days),
    "Look-back, days": lambda card: str(card.spec.lapse.lookback_days),
    "Events that keep a user": lambda card: ", ".join(card.spec.lapse.events) or "any activity",
    "Only users with": lambda card: " and ".join(str(c) for c in card.spec.lapse.where) or "everybody",
    "Held-back cut-offs": lambda card: str(card.spec.n_backtests),
    "Days between cut-offs": lambda card: str(card.spec.step_days),
    "Seconds of tuning": lambda card: str(card.spec.tune_seconds),
    "Cut-offs that taught": lambda card: str(len(card.train_days)),
    "Users taught with": lambda card: f"{card.n_rows:,}",
}
