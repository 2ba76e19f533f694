"""The frame that every picture but the grid shares: ground, axes, legend, lines, bands and bars as plain dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retention.cohorts.chart_look import INKS, Figure, modebar

TICK_SIZE = 13


def layout(
    *,
    is_dark: bool,
    x_title: str = "",
    y_title: str = "",
    y_format: str = "",
    is_time: bool = False,
    height: int = 340,
    **more: Any,
) -> Figure:
    """Lay a picture out.

    Parameters
    ----------
    x_title, y_title : str
        What the axes say, with their units.
    y_format : str
        In d3's words: ``.0%`` for shares.
    is_time : bool
        Whether x holds dates (ISO texts of local days), over which notes on the charts can be laid.
    **more
        Further parts of plotly's layout; ``xaxis`` and ``yaxis`` are merged with those made here.
    """
    ink = INKS[is_dark]
    axis = {
        "gridcolor": ink.line,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
        "tickfont": {"size": TICK_SIZE, "color": ink.faint},
    }
    title = {"size": TICK_SIZE, "color": ink.faint}
    x_axis = {**axis, "showgrid": False, "title": {"text": x_title, "font": title}}
    if is_time:
        x_axis["type"] = "date"
    y_axis = {**axis, "title": {"text": y_title, "font": title}, "rangemode": "tozero"}
    if y_format:
        y_axis["tickformat"] = y_format
    return {
        "height": height,
        "margin": {"l": 56, "r": 12, "t": 44, "b": 52},
        "hovermode": "x unified",
        "dragmode": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": ink.text},
        "legend": {
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "font": {"size": TICK_SIZE, "color": ink.text},
        },
        "hoverlabel": {"font": {"size": TICK_SIZE}},
        "modebar": modebar(ink),
        **more,
        "xaxis": {**x_axis, **more.get("xaxis", {})},
        "yaxis": {**y_axis, **more.get("yaxis", {})},
    }


def tint(colour: str, share: float) -> str:
    """Return a colour that lets so much of the ground through.

    Examples
    --------
    >>> tint("#0072b2", 0.16)
    'rgba(0,114,178,0.16)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def line(
    name: str,
    x: Sequence[Any],
    y: Sequence[float | None],
    colour: str,
    *,
    dash: str = "solid",
    width: float = 2.5,
    is_marked: bool = True,
    hover: str = "%{y}",
    **more: Any,
) -> Figure:
    """Draw a line; None leaves a hole in it."""
    return {
        "type": "scatter",
        "mode": "lines+markers" if is_marked else "lines",
        "name": name,
        "legendgroup": name,
        "x": list(x),
        "y": list(y),
        "connectgaps": False,
        "line": {"color": colour, "width": width, "dash": dash},
        "marker": {"size": 5},
        "hovertemplate": hover,
        **more,
    }


def band(
    name: str, x: Sequence[Any], low: Sequence[float], high: Sequence[float], colour: str, *, shape: str = "linear"
) -> Figure:
    """Draw the band of a line; `x` must not hold holes."""
    if shape == "hv":  # a step keeps its height up to the next one
        x, low, high = _stairs(x, low, high)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*x, *list(x)[::-1]],
        "y": [*high, *list(low)[::-1]],
        "fill": "toself",
        "fillcolor": tint(colour, 0.16),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": name,
    }


def _stairs(
    x: Sequence[Any], low: Sequence[float], high: Sequence[float]
) -> tuple[list[Any], list[float], list[float]]:
    places: list[Any] = []
    lows: list[float] = []
    highs: list[float] = []
    for i, here in enumerate(x):
        if i:
            places.append(here)
            lows.append(low[i - 1])
            highs.append(high[i - 1])
        places.append(here)
        lows.append(low[i])
        highs.append(high[i])
    return places, lows, highs


def bars(
    name: str,
    x: Sequence[Any],
    y: Sequence[float | None],
    colour: str,
    *,
    hover: str = "%{y}",
    customdata: Sequence[Any] | None = None,
    **more: Any,
) -> Figure:
    """Draw bars; `customdata` says what a click on each of them means."""
    found = {
        "type": "bar",
        "name": name,
        "x": list(x),
        "y": list(y),
        "marker": {"color": colour},
        "hovertemplate": hover,
        **more,
    }
    if customdata is not None:
        found["customdata"] = list(customdata)
    return found
