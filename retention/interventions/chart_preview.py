"""Pictures of what an intervention may bring: net against the effect, and net against the budget."""

from __future__ import annotations

from math import isnan
from typing import Any

from retention.churn.words import amount, money
from retention.cohorts.chart_frame import band, layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.interventions.optimum import Allocation, Optimum
from retention.interventions.preview import Preview
from retention.interventions.words_preview import OF_UNIT

FAR = 0.65
MARGIN = {"l": 56, "r": 12, "t": 76, "b": 64}
"""Room above for the legend and the buttons of the picture, which a phone puts on top of each other."""


def _upright(x: float, colour: str, dash: str) -> Figure:
    return {
        "type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
        "line": {"color": colour, "width": 1.5, "dash": dash},
    }  # fmt: skip


def _noted(x: float, text: str, colour: str, *, y: float, is_far: bool) -> Figure:
    side, shift = ("right", -4) if is_far else ("left", 4)  # beside its line, where there is room
    return {
        "x": x, "y": y, "yref": "paper", "text": text, "showarrow": False, "xanchor": side, "yanchor": "top", "xshift": shift,
        "font": {"size": 12, "color": colour},
    }  # fmt: skip


def effect_figure(curve: Any, preview: Preview, *, is_dark: bool = False) -> Figure:
    """Draw the net value for one size of the effect after another, with the break-even point.

    Parameters
    ----------
    curve : DataFrame
        Of `Money.curve`.
    """
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    x = [round(float(v) * 100, 4) for v in curve["effect"]]
    net, low, high = ([round(float(v), 2) for v in curve[name]] for name in ("net", "net_low", "net_high"))
    told = [f"{amount(a)} ({amount(b)} to {amount(c)})" for a, b, c in zip(net, low, high, strict=True)]
    effect = preview.effect
    reckoned = {
        "type": "rect", "x0": max(effect.low * 100, x[0]), "x1": min(effect.high * 100, x[-1]), "y0": 0, "y1": 1,
        "yref": "paper", "fillcolor": ink.line, "opacity": 0.5, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip
    marks = [(effect.value * 100, "reckoned with", ink.faint, "dot", 0.98)]
    if not isnan(preview.break_even) and preview.break_even * 100 <= x[-1]:
        marks.append((preview.break_even * 100, "pays from here", ink.text, "dash", 0.86))
    far = x[0] + FAR * (x[-1] - x[0])
    shapes = [reckoned, *(_upright(at, colour, dash) for at, _, colour, dash, _ in marks)]
    notes = [_noted(at, text, colour, y=y, is_far=at > far) for at, text, colour, _, y in marks]
    return {
        "data": [
            band("Net", x, low, high, colours[1]),
            line("Net", x, net, colours[1], is_marked=False, customdata=told, hover="%{customdata}"),
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Users who stay because of it,<br>of 100 {OF_UNIT[preview.unit]} (grey: the range reckoned with)",
            y_title="Net (currency of your file)",
            y_format=",.0f",
            shapes=shapes,
            annotations=notes,
            margin=MARGIN,
            xaxis={"tickformat": "~g"},
            yaxis={"rangemode": "normal", "zeroline": True, "zerolinecolor": ink.faint},
        ),
    }


def effect_alt(preview: Preview) -> str:
    """Describe the picture to somebody who does not see it."""
    pays = "at no size of the effect" if isnan(preview.break_even) else f"from {preview.break_even * 100:.3g} on"
    return (
        f"Net by the size of the effect, in users who stay because of it of 100 {OF_UNIT[preview.unit]}: it pays {pays}; at"
        f" {preview.effect.value * 100:.3g}, which is reckoned with, the net is {money(preview.net)}."
    )


def budget_figure(curve: Any, found: Optimum, given: Allocation, *, is_dark: bool = False) -> Figure:
    """Draw the net value for one budget after another, the best division of each.

    Parameters
    ----------
    curve : DataFrame
        Of `Optimum.curve`.
    """
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    x, net = ([round(float(v), 2) for v in curve[name]] for name in ("budget", "net"))
    told = [f"{amount(a)} net, {int(n):,} users" for a, n in zip(net, curve["users"], strict=True)]
    shapes = [_upright(min(given.budget, x[-1]), ink.text, "dot"), _upright(found.stops_paying, ink.faint, "dash")]
    return {
        "data": [line("Net", x, net, colours[1], is_marked=False, customdata=told, hover="%{customdata}")],
        "layout": layout(
            is_dark=is_dark,
            x_title="Budget (currency of your file)<br>Dotted: yours. Dashed: more brings nothing",
            y_title="Expected net (currency of your file)",
            y_format=",.0f",
            shapes=shapes,
            margin=MARGIN,
            showlegend=False,
            xaxis={"tickformat": ",.0f", "rangemode": "tozero"},
        ),
    }


def budget_alt(found: Optimum, given: Allocation) -> str:
    """Describe the picture to somebody who does not see it."""
    return (
        f"Expected net by budget, each divided over {found.people.n_users:,} users as well as can be. A budget of"
        f" {amount(given.budget)} leaves {amount(given.net)} net; more than {amount(found.stops_paying)} brings nothing."
    )
