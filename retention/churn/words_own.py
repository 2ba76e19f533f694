"""What a score from a table of one's own says, in words that need no textbook."""

from __future__ import annotations

from math import isnan

from retention.churn.judgement import Figure
from retention.churn.own_table import OwnTable
from retention.cohorts.words import percent

FIGURES = {
    "auc": ("Ranking (ROC AUC)", "How often a user who left ranks above one who stayed; 0.5 is a coin."),
    "average_precision": ("Average precision", "Share of leavers down to each leaver, on average; by lot the share of all."),
    "lift_10": ("Lift at the top 10 %", "How many times as many leavers as by lot the highest tenth holds."),
    "log_loss": ("Log-loss", "How far the probabilities are off, sure mistakes weighing most; lower is better."),
    "brier": ("Brier score", "Mean squared distance of the probability from what came; lower is better."),
    "slope": ("Calibration slope", "1 where the probabilities are right; below 1 the score is too sure of itself."),
    "intercept": ("Calibration level", "0 where they are right on average; above 0 more left than it said."),
}


def number(figure: Figure) -> str:
    """Write a figure with its interval.

    Examples
    --------
    >>> number(Figure(0.8486, 0.8399, 0.8573)), number(Figure(-0.12, float("nan"), float("nan")))
    ('0.849 (0.840 to 0.857)', '−0.120')
    """
    if isnan(figure.value):
        return ""
    known = "" if isnan(figure.low) else f" ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure.value:.3f}{known}".replace("-", "−")


def who(table: OwnTable, n_users: int, n_left: int) -> str:
    """Say on whom the figures rest."""
    spec = table.spec
    unknown = (
        f" {table.n_unknown:,} more rows do not say: they are scored and teach nothing." if table.n_unknown else ""
    )
    return (
        f"{n_users:,} users, of whom {n_left:,} left ({percent(n_left / n_users)}): {spec.label} = {table.positive}. Learned from"
        f" {len(table.columns)} columns.{unknown}"
    )


def definition(table: OwnTable) -> str:
    """Say how the score was made and judged."""
    n = table.spec.n_folds
    return (
        f"The rows are dealt into {n} parts with the same share of leavers in each. A model learns from {n - 1} of them and scores"
        f" the one that is left, {n} times over, so that everybody's score comes from a model that has not seen the user. Numbers"
        " are learned from as they are (unknown ones stay unknown), each value of a text that at least 10 users have becomes a"
        " column of its own; both are found out anew without the part that is scored. Nobody is counted twice to make leavers"
        " look more frequent. Intervals are 95 % and come from drawing the users anew 200 times.\n\n"
        "A table is one moment: nothing in it says what was known before anybody left. A column that was written down"
        " afterwards (a reason for leaving, a refund, a last bill) makes a score look wonderful and work for nobody; a column that"
        " alone tells too well who left therefore stops the training. And a split by rows cannot show whether the score still"
        " holds next month. With dated events the page above judges by time instead: prefer that where you can.\n\n"
        "A high score goes with leaving; it does not say why, nor that anything would keep the user."
    )
