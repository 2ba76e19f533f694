"""The picture of how a sequence model learned, pass by pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retention.cohorts.chart_frame import layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure


def learning_lines(curve: Mapping[str, Any], *, is_dark: bool = False) -> Figure:
    """Draw the loss after each pass, on the users learned from and on those held back; a ring around the pass kept.

    Parameters
    ----------
    curve : mapping
        See `model_sequence.learning_curve`.
    """
    ink, (blue, orange, *_) = INKS[is_dark], GROUPS[is_dark]
    passes = list(range(1, len(curve["passes"]) + 1))
    learned, held = ([round(float(row[k]), 5) for row in curve["passes"]] for k in (0, 1))
    best = int(curve["best"])
    return {
        "data": [
            line("Users learned from", passes, learned, orange, dash="dot", hover="pass %{x}: %{y:.4f}"),
            line("Users held back", passes, held, blue, hover="pass %{x}: %{y:.4f}"),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "Kept",
                "x": [best],
                "y": [held[best - 1]],
                "marker": {"size": 15, "symbol": "circle-open", "color": ink.text, "line": {"width": 2}},
                "hovertemplate": "kept: pass %{x}<extra></extra>",
            },
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Pass over the users",
            y_title="Log-loss a user (nats)",
            height=320,
            xaxis={"dtick": 1 if len(passes) <= 20 else None, "tickformat": "d"},
            yaxis={"rangemode": "normal", "tickformat": ".3f"},
        ),
    }


def learning_alt(curve: Mapping[str, Any]) -> str:
    """Describe the lines to somebody who does not see them."""
    rows, best = curve["passes"], int(curve["best"])
    return (
        f"Log-loss after each of {len(rows)} passes: on the users learned from it goes from {rows[0][0]:.3f} to"
        f" {rows[-1][0]:.3f}, on those held back from {rows[0][1]:.3f} to {rows[best - 1][1]:.3f} at pass {best}, which was kept."
    )
