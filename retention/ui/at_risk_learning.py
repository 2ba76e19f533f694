"""How a sequence model learned: its learning curve, and whether learning without labels first was worth it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.churn.card import ModelCard
from retention.churn.chart_learning import learning_alt, learning_lines
from retention.churn.words_report import title_of
from retention.ui.answers import drawn
from retention.ui.behaviour import twin
from retention.ui.charts import chart, is_dark
from retention.ui.downloads import download
from retention.ui.words import many, plain

HOW = {
    "gru": "A GRU is a small neural network that reads what each user did one step after another and remembers what matters.",
    "lstm": "An LSTM is a small neural network that reads what each user did one step after another, with a longer memory.",
    "transformer": "A Transformer is a small neural network that looks at all that a user did before each step at once.",
}


def learning_part(card: ModelCard) -> None:
    """Draw the learning curve of a sequence model; nothing of other models."""
    curve: dict[str, Any] = card.report.get("curve") or {}
    if not curve.get("passes"):
        return
    st.subheader("How it learned")
    st.markdown(plain(f"{HOW.get(card.name, '')} It is told what happened, how much time lay between, and for how much."))
    figure = drawn("churn learning", (card.version, card.sha256, is_dark()), lambda: learning_lines(curve, is_dark=is_dark()))
    chart(figure, alt=learning_alt(curve), key="models_learning", file_name=f"learning-curve-v{card.version}")
    held = "those of the latest cut-off that may teach" if curve["held_back"] == "the latest cut-off" else "every fifth user"
    st.caption(
        plain(
            f"Log-loss is how far off the probabilities are, 0 = never. It learned in {many(len(curve['passes']), 'pass', 'passes')}"
            f" over {min(card.n_rows, curve['most_rows']):,} rows; the users held back, {held}, say when to stop, and pass {curve['best']} was kept. Other users"
            " lapse at another rate, so what counts is where a line still falls, not which one is lower."
            f" {pretraining_words(curve)}"
        )
    )
    rows = pd.DataFrame(curve["passes"], columns=["Users learned from", "Users held back"]).round(4)
    rows.insert(0, "Pass", range(1, len(rows) + 1))
    twin(rows, f"Log-loss of {title_of(card.name)} after each pass", "models_learning_twin")
    download(
        "the learning curve", f"learning-curve-v{card.version}", lambda fmt: table_bytes(rows, fmt, sheet="learning"),
        key="models_learning_file",
    )  # fmt: skip


def pretraining_words(curve: dict[str, Any]) -> str:
    """Say what became of learning without labels first; nothing where it was not tried."""
    if not curve.get("pretraining"):
        return ""
    first = (
        "It first learned, without knowing who lapsed, to foretell each next step of all users"
        f" (surprise {curve['pretraining'][0][1]:.2f} → {min(row[1] for row in curve['pretraining']):.2f} nats a step)"
    )
    if not curve.get("other"):
        return f"{first}."
    if curve["is_pretrained"]:
        return f"{first}; without that it told the users held back less well, so this was kept."
    return f"{first}; it told the users held back no better than without, so this was not kept."
