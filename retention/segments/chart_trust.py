"""Pictures of how sure segments are: each one's stability, and what other numbers of segments would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isnan

from retention.cohorts.chart_frame import TICK_SIZE, layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.segments.chart import segment_colour
from retention.segments.sweep import NOISE, STABLE, KSweep, Trust


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to compare numbers of segments.

    Attributes
    ----------
    title, meaning, axis : str
    columns : tuple of str
        Of `KSweep.table`, each a line.
    lines : tuple of str
        What the lines are called.
    """

    title: str
    meaning: str
    axis: str
    columns: tuple[str, ...]
    lines: tuple[str, ...]


MEASURES = {
    "stability": Measure(
        "Stability",
        "How much of a segment is found again when the users are drawn anew (Jaccard similarity): from 0.75 on a segment counts"
        " as stable, below 0.6 it may be noise. A number of segments holds only if its least stable one does.",
        "Share found again (0 to 1)",
        ("stability", "least_stability"),
        ("Mean of the segments", "The least stable one"),
    ),
    "gap": Measure(
        "Gap statistic",
        "How much tighter the segments are than the same number of segments in evenly spread users, with its standard error:"
        " the higher, the more structure.",
        "Gap (difference of logarithms)",
        ("gap",),
        ("Gap",),
    ),
    "silhouette": Measure(
        "Silhouette",
        "How much nearer users are to their own segment than to the next: 1 is clearly apart, 0 is on the border. The higher,"
        " the better.",
        "Mean silhouette (−1 to 1)",
        ("silhouette",),
        ("Silhouette",),
    ),
    "davies_bouldin": Measure(
        "Davies–Bouldin index",
        "How wide segments are against the distance to the most alike one. The lower, the better.",
        "Davies–Bouldin index (0 = best)",
        ("davies_bouldin",),
        ("Davies–Bouldin",),
    ),
}


def trust_dots(trust: Trust, names: Sequence[str], *, is_dark: bool = False) -> Figure:
    """Draw the stability of each segment against the two borders, the first segment on top."""
    ink = INKS[is_dark]
    places = list(range(len(trust.stability)))[::-1]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [None if isnan(trust.stability[i]) else round(trust.stability[i], 3) for i in places],
                "y": [escape(_short(names[i])) for i in places],
                "marker": {
                    "size": 14,
                    "color": [segment_colour(i, is_dark=is_dark) for i in places],
                    "symbol": ["circle" if trust.stability[i] >= STABLE and trust.is_structured else "circle-open" for i in places],
                    "line": {"width": 2, "color": [segment_colour(i, is_dark=is_dark) for i in places]},
                },
                "customdata": [trust.verdicts[i] for i in places],
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
                "cliponaxis": False,
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Share found again (0 to 1)",
            height=150 + 34 * len(places),
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 58, "b": 52},
            xaxis={"range": [0, 1.08], "showgrid": True},
            yaxis={"rangemode": "normal", "type": "category", "tickfont": {"size": TICK_SIZE, "color": ink.text}},
            shapes=[
                {
                    "type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": ink.faint, "width": 1.5, "dash": "dot"},
                }
                for at in (NOISE, STABLE)
            ],
            annotations=[
                {
                    "x": at, "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": anchor, "text": text, "showarrow": False,
                    "font": {"size": TICK_SIZE - 1, "color": ink.faint},
                }
                for at, anchor, text in ((NOISE, "right", "may be noise"), (STABLE, "left", "stable"))
            ],
        ),
    }  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def trust_alt(trust: Trust, names: Sequence[str]) -> str:
    """Describe the dots to somebody who does not see them."""
    said = "; ".join(f"{name} {word}" for name, word in zip(names, trust.verdicts, strict=True))
    return f"Stability of each segment, from 0 to 1: {said}."


def sweep_line(sweep: KSweep, measure: str, *, is_dark: bool = False) -> Figure:
    """Draw one measure over the numbers of segments; the number that holds best is marked."""
    ink, colours, about = INKS[is_dark], GROUPS[is_dark], MEASURES[measure]
    table = sweep.table()
    ks = [int(k) for k in table["k"]]
    traces: list[Figure] = []
    for i, (column, name) in enumerate(zip(about.columns, about.lines, strict=True)):
        values = [None if isnan(v) else round(float(v), 4) for v in table[column]]
        trace = line(name, ks, values, colours[i], dash=("solid", "dash")[i], hover="%{y:.2f}")
        trace["showlegend"] = len(about.columns) > 1
        if column == "gap":
            trace["error_y"] = {
                "type": "data", "array": [round(float(v), 4) for v in table["gap_error"]], "color": ink.faint,
                "thickness": 1.5, "width": 4,
            }  # fmt: skip
        traces.append(trace)
    shapes: list[Figure] = []
    notes: list[Figure] = []
    if measure == "stability":
        shapes += [_level(at, ink.faint) for at in (NOISE, STABLE)]
        notes += [_on_level(at, text, ink.faint) for at, text in ((NOISE, "noise below"), (STABLE, "stable above"))]
    if sweep.best is not None:
        shapes.append(
            {
                "type": "rect", "x0": sweep.best - 0.35, "x1": sweep.best + 0.35, "y0": 0, "y1": 1, "yref": "paper",
                "fillcolor": ink.pick, "opacity": 0.14, "line": {"width": 0}, "layer": "below",
            }
        )  # fmt: skip
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Number of segments",
            y_title=about.axis,
            height=280,
            margin={"l": 56, "r": 12, "t": 36, "b": 48},
            xaxis={"dtick": 1, "range": [ks[0] - 0.5, ks[-1] + 0.5] if ks else None},
            yaxis={"range": [0, 1.04]} if measure == "stability" else {"rangemode": "normal"},
            shapes=shapes,
            annotations=notes,
        ),
    }


def _level(at: float, colour: str) -> Figure:
    return {
        "type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": at, "y1": at,
        "line": {"color": colour, "width": 1.5, "dash": "dot"},
    }  # fmt: skip


def _on_level(at: float, text: str, colour: str) -> Figure:
    is_above = at == STABLE
    return {
        "x": 0.01, "xref": "paper", "xanchor": "left", "y": at, "yanchor": "bottom" if is_above else "top", "text": text,
        "showarrow": False, "font": {"size": TICK_SIZE - 2, "color": colour},
    }  # fmt: skip


def sweep_alt(sweep: KSweep, measure: str) -> str:
    """Describe a measure to somebody who does not see it."""
    about = MEASURES[measure]
    table = sweep.table()
    said = "; ".join(
        f"{name}: " + ", ".join(f"{int(k)} segments {v:.2f}" for k, v in zip(table["k"], table[column], strict=True))
        for column, name in zip(about.columns, about.lines, strict=True)
    )
    return f"{about.title} by number of segments. {said}."
