"""Retention over age as curves with bands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from retention.cohorts.chart_look import DASHES, GROUPS, INKS, Figure, GridLook, age_labels, cohort_label, modebar
from retention.cohorts.matrix import RetentionMatrix
from retention.cohorts.words import average_label
from retention.intervals import wilson


def retention_curves(
    matrix: RetentionMatrix, look: GridLook, cohorts: Sequence[date] = (), groups: Sequence[str] = ()
) -> Figure:
    """Draw the average with its 95 % band, chosen cohorts, and each chosen group of a breakdown."""
    ink, colours = INKS[look.is_dark], GROUPS[look.is_dark]
    traces: list[Figure] = []
    if groups:
        for i, name in enumerate(groups):
            mine = matrix.by_group[matrix.by_group["group"] == name]
            low, high = wilson(mine["retained"] / mine["size"] * mine["n_effective"], mine["n_effective"])
            rates = [r.retained / r.size for r in mine.itertuples(index=False)]
            traces += _banded(
                matrix,
                # Plotly reads a few tags in names; a name from data is not to hold any.
                escape(name),
                mine["age"].tolist(),
                rates,
                list(low),
                list(high),
                colours[i % len(colours)],
                DASHES[i % len(DASHES)],
            )
    else:
        rows = matrix.averages(look.average).dropna(subset=["rate"])
        traces += _banded(
            matrix,
            average_label(look.average).split(" (")[0],
            rows["age"].tolist(),
            rows["rate"].tolist(),
            rows["low"].tolist(),
            rows["high"].tolist(),
            colours[0],
            "solid",
        )
    for i, on in enumerate(cohorts, start=1):
        cells = matrix.of(on, look.group)
        known = cells[cells["state"] == "mature"]
        if len(known):
            traces.append(
                _line(
                    matrix,
                    cohort_label(on, matrix.spec.period),
                    known["age"].tolist(),
                    known["rate"].tolist(),
                    colours[i % len(colours)],
                    DASHES[i % len(DASHES)],
                    width=1.5,
                )
            )
    labels = age_labels(matrix)
    unit = matrix.spec.period
    axis = {
        "gridcolor": ink.line,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"size": 13, "color": ink.faint},
    }
    return {
        "data": traces,
        "layout": {
            "height": 360,
            "margin": {"l": 52, "r": 12, "t": 44, "b": 52},
            "hovermode": "x unified",
            "dragmode": False,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {
                "orientation": "h",
                "y": 1.02,
                "yanchor": "bottom",
                "x": 0,
                "font": {"size": 13, "color": ink.text},
            },
            "xaxis": {
                **axis,
                "showgrid": False,
                "tickvals": list(matrix.spec.shown_ages),
                "ticktext": labels,
                "title": {"text": f"{unit.capitalize()}s since the start", "font": {"size": 13, "color": ink.faint}},
            },
            "yaxis": {**axis, "tickformat": ".0%", "rangemode": "tozero"},
            "hoverlabel": {"font": {"size": 13}},
            "modebar": modebar(ink),
        },
    }


def _banded(
    matrix: RetentionMatrix,
    name: str,
    ages: list[int],
    rates: list[float],
    low: list[float],
    high: list[float],
    colour: str,
    dash: str,
) -> list[Figure]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": ages + ages[::-1],
        "y": [round(v, 4) for v in (*high, *low[::-1])],
        "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},0.16)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": name,
    }
    spans = [f"{a * 100:.1f}–{b * 100:.1f} %" for a, b in zip(low, high, strict=True)]
    line = _line(matrix, name, ages, rates, colour, dash, width=2.5)
    return [band, {**line, "customdata": spans, "hovertemplate": "%{y:.1%} (%{customdata})"}]


def _line(
    matrix: RetentionMatrix,
    name: str,
    ages: list[int],
    rates: list[float],
    colour: str,
    dash: str,
    *,
    width: float,
) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": name,
        "x": ages,
        "y": [round(r, 4) for r in rates],
        "line": {"color": colour, "width": width, "dash": dash},
        "marker": {"size": 5},
        "hovertemplate": "%{y:.1%}",
    }


def curves_alt(matrix: RetentionMatrix, groups: Sequence[str]) -> str:
    """Describe the curves to somebody who does not see them."""
    who = f"of {', '.join(groups)}" if groups else "on average"
    return f"Retention curve {who} by {matrix.spec.period} since the start, with 95 % bands."
