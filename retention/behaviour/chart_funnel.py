"""A funnel as bars: the share of the first step that each step keeps."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan

from retention.behaviour.funnel import Funnel
from retention.cohorts.chart_frame import bars, layout
from retention.cohorts.chart_look import GROUPS, INKS, Figure, short_percent

STEP_HEIGHT, GROUP_HEIGHT, FRAME_HEIGHT = 46, 16, 120
MARGIN = {"l": 8, "r": 12, "t": 56, "b": 52}
"""The names of the steps make their own room; on a phone there is none to spare."""


def step_names(funnel: Funnel) -> list[str]:
    """Name the steps for an axis, each once even where an event comes twice.

    Notes
    -----
    Long names are cut: an axis that takes half a phone's width leaves no room for the bars.
    """
    names = [str(name) for name in funnel.of()["events"]]
    return [f"{i} {escape(name if len(name) <= 24 else name[:23] + '…')}" for i, name in enumerate(names, 1)]


def funnel_bars(funnel: Funnel, groups: Sequence[str] = (), *, is_dark: bool = False) -> Figure:
    """Draw the share of the first step that each step keeps, of all users or of some groups, with intervals."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    names = step_names(funnel)
    traces = []
    for i, group in enumerate(groups or [None]):
        rows = funnel.of(group)
        rates = [None if isnan(r) else round(r, 5) for r in rows["from_first"]]
        texts = [
            f"{short_percent(r)} · {n:,}" if r is not None else "" for r, n in zip(rates, rows["n_users"], strict=True)
        ]
        hover = [
            f"{escape(group) + ': ' if group else ''}{n:,} of {first:,} users ({short_percent(r or 0)};"
            f" 95 % interval {low:.1%} to {high:.1%})<extra></extra>"
            for n, first, r, low, high in zip(
                rows["n_users"], rows["n_first"], rates, rows["from_first_low"], rows["from_first_high"], strict=True
            )
        ]
        colour = colours[i % len(colours)]
        up = [0.0 if r is None else max(high - r, 0) for r, high in zip(rates, rows["from_first_high"], strict=True)]
        down = [0.0 if r is None else max(r - low, 0) for r, low in zip(rates, rows["from_first_low"], strict=True)]
        trace = bars(
            escape(group or "All users"), rates, [], colour, hover="%{hovertext}",
            customdata=[[str(step)] for step in rows["step"]], hovertext=hover,
        )  # fmt: skip
        # Across, so that the names of the steps can be read; the number stands at the foot of its bar.
        trace |= {
            "orientation": "h", "x": rates, "y": names, "text": texts, "textposition": "inside",
            "insidetextanchor": "start", "constraintext": "none", "cliponaxis": False,
            "textfont": {"size": 13, "color": ink.text}, "marker": {"color": colour, "opacity": 0.55},
            "error_x": {
                "type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": ink.faint,
                "thickness": 1.2, "width": 3,
            },
        }  # fmt: skip
        traces.append(trace)
    n_groups = max(len(groups), 1)
    frame = layout(
        is_dark=is_dark,
        x_title="Share of the users of step 1",
        y_title="",
        height=FRAME_HEIGHT + len(names) * (STEP_HEIGHT + GROUP_HEIGHT * (n_groups - 1)),
        xaxis={"tickformat": ".0%", "range": [0, 1.02], "showgrid": True},
        yaxis={"type": "category", "autorange": "reversed", "rangemode": "normal"},
        showlegend=bool(groups),
        hovermode="closest",
        bargap=0.25,
        margin=MARGIN,
        barmode="group",
    )
    return {"data": traces, "layout": frame}
