"""Paths as stacked bars: what stands at each step, all users of a bar adding up to one."""

from __future__ import annotations

from html import escape
from math import isnan

from retention.behaviour.paths import Paths
from retention.behaviour.words_paths import place_words
from retention.cohorts.chart_frame import layout
from retention.cohorts.chart_look import GROUPS, INKS, Figure, short_percent

LEGEND_ROW = 18
NAMED_AT = 0.09
"""Parts at least so large carry their name."""


def path_key(step: int, kind: str, event: str | None) -> str:
    """Name a part of a bar, for clicks and for the list of what can be looked into.

    Examples
    --------
    >>> path_key(1, "event", "buy"), path_key(2, "nothing", None)
    ('1.event.buy', '2.nothing.')
    """
    return f"{step}.{kind}.{event or ''}"


def path_bars(paths: Paths, *, is_dark: bool = False) -> Figure:
    """Draw, for each step, the shares of the events that stand there."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    named = paths.named
    spec = paths.spec
    side = "after" if spec.direction == "after" else "before"
    traces = []
    parts = [("event", name) for name in named] + [("other", None), ("nothing", None)]
    for i, (kind, event) in enumerate(parts):
        rows = paths.steps[paths.steps["kind"] == kind]
        if event is not None:
            rows = rows[rows["event"] == event]
        label = escape(place_words(kind, event))
        marker: Figure = {"color": colours[i % len(colours)], "line": {"width": 1, "color": "rgba(0,0,0,0)"}}
        if i >= len(colours) and kind == "event":
            marker["pattern"] = {"shape": "/", "size": 5}
        if kind == "other":
            marker["color"] = ink.grey[1]
        if kind == "nothing":
            marker |= {"color": ink.grey[0], "line": {"width": 1, "color": ink.line}}
        rates = [None if isnan(r) else round(float(r), 5) for r in rows["rate"]]
        traces.append({
            "type": "bar", "orientation": "h", "name": label, "x": rates,
            "y": [f"Event {step}" for step in rows["step"]], "marker": marker,
            "text": [label if (r or 0) >= NAMED_AT else "" for r in rates], "textposition": "inside",
            "insidetextanchor": "middle", "textangle": 0,
            "textfont": {"size": 12} | ({"color": ink.faint} if kind == "nothing" else {}),
            "customdata": [[path_key(int(step), kind, event)] for step in rows["step"]],
            "hovertext": [
                f"{label}, event {step} {side}: {n:,} of {paths.n_users:,} users ({short_percent(r or 0)};"
                f" 95 % interval {low:.1%} to {high:.1%})"
                for step, n, r, low, high in zip(
                    rows["step"], rows["n_users"], rates, rows["low"], rows["high"], strict=True
                )
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    frame = layout(
        is_dark=is_dark,
        x_title=f"Share of {paths.n_users:,} users",
        y_title="",
        height=130 + 54 * spec.n_steps + LEGEND_ROW * (len(parts) // 2),
        margin={"l": 8, "r": 12, "t": 56, "b": 52},
        uniformtext={"minsize": 11, "mode": "hide"},
        xaxis={"tickformat": ".0%", "range": [0, 1], "showgrid": True},
        yaxis={"type": "category", "autorange": "reversed", "rangemode": "normal"},
        barmode="stack",
        hovermode="closest",
        bargap=0.2,
    )
    # In columns, so that on a phone it takes few rows.
    frame["legend"] |= {"traceorder": "normal", "entrywidth": 88, "entrywidthmode": "pixels"}
    return {"data": traces, "layout": frame}
