"""Pictures of a score from a table of one's own: what each column tells alone, and whether the probabilities are right."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from retention.churn.own_score import Clue, OwnReport
from retention.cohorts.chart_frame import layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.cohorts.words import interval, percent

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


def calibration_dots(found: OwnReport, *, is_dark: bool = False) -> Figure:
    """Draw what came against what the score said, in groups of about as many users; right scores lie on the diagonal."""
    ink, colour, rows = INKS[is_dark], GROUPS[is_dark][0], found.calibration
    said, came, low, high = ([round(float(v), 4) for v in rows[c]] for c in ("said", "came", "low", "high"))
    top = min(1.0, max([0.1, *said, *high]) * 1.06)
    words = [
        f"{int(r.n):,} users: said {percent(r.said)}, came {percent(r.came)} ({interval(r.low, r.high)})"
        for r in rows.itertuples(index=False)
    ]
    return {
        "data": [
            line("Right", [0, top], [0, top], ink.faint, dash="dot", width=1.5, is_marked=False) | {"hoverinfo": "skip", "hovertemplate": None},
            {
                "type": "scatter",
                "mode": "markers",
                "name": "What came, 95 % interval",
                "x": said,
                "y": came,
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(h - c, 4) for h, c in zip(high, came, strict=True)],
                    "arrayminus": [round(c - v, 4) for v, c in zip(low, came, strict=True)],
                    "color": colour,
                    "thickness": 1.5,
                    "width": 5,
                },
                "marker": {
                    "size": 10,
                    "color": colour,
                    "symbol": ["circle-open" if off else "circle" for off in rows["is_off"]],
                    "line": {"width": 2, "color": colour},
                },
                "customdata": words,
                "hovertemplate": "%{customdata}<extra></extra>",
            },
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Mean probability said",
            y_title="Share that left",
            y_format=".0%",
            height=380,
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 44, "b": 52},
            xaxis={"range": [0, top], "tickformat": ".0%", "showgrid": True},
            yaxis={"range": [0, top]},
        ),
    }  # fmt: skip


def calibration_words(found: OwnReport) -> str:
    """Describe the dots to somebody who does not see them."""
    said = "; ".join(
        f"said {percent(r.said)}, came {percent(r.came)} ({interval(r.low, r.high)})" for r in found.calibration.itertuples(index=False)
    )
    return f"What the score said against what came, in groups of users. {said}."
