"""Pictures of a score from a table of one's own: what each column tells alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from retention.churn.own_score import Clue
from retention.cohorts.chart_frame import layout
from retention.cohorts.chart_look import GROUPS, INKS, Figure

MOST_BARS = 15


def clue_bars(clues: Sequence[Clue], *, is_dark: bool = False) -> Figure:
    """Draw how well each column alone ranks the users, the best on top; those that tell too well are hatched."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    shown = list(clues)[:MOST_BARS][::-1]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [round(clue.auc - 0.5, 4) for clue in shown],
                "base": 0.5,
                "y": [escape(_short(clue.name)) for clue in shown],
                "text": [f"{clue.auc:.2f}" for clue in shown],
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {
                    "color": [colours[1] if clue.is_suspect else colours[0] for clue in shown],
                    "pattern": {"shape": ["/" if clue.is_suspect else "" for clue in shown]},
                },
                "hovertemplate": "%{y}: %{text}<extra></extra>",
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="ROC AUC alone (0.5 = a coin)",
            height=118 + 27 * len(shown),
            hovermode="closest",
            margin={"l": 12, "r": 36, "t": 44, "b": 52},
            xaxis={"range": [0.5, max(0.8, *(clue.auc + 0.03 for clue in shown))], "showgrid": True, "dtick": 0.1},
            yaxis={"type": "category", "showgrid": False, "tickfont": {"size": 13, "color": ink.text}},
            showlegend=False,
        ),
    }


def clue_alt(clues: Sequence[Clue]) -> str:
    """Describe the bars to somebody who does not see them."""
    said = "; ".join(f"{clue.name} {clue.auc:.2f}{' (too good)' if clue.is_suspect else ''}" for clue in clues[:MOST_BARS])
    return f"How well each column alone ranks the users, as ROC AUC. {said}."


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"
