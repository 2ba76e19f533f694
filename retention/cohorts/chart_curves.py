"""Retention over age as curves with bands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from retention.cohorts.chart_frame import band, layout, line
from retention.cohorts.chart_look import DASHES, GROUPS, Figure, GridLook, age_labels, cohort_label
from retention.cohorts.matrix import RetentionMatrix
from retention.cohorts.words import average_label
from retention.intervals import wilson


def retention_curves(
    matrix: RetentionMatrix, look: GridLook, cohorts: Sequence[date] = (), groups: Sequence[str] = ()
) -> Figure:
    """Draw the average with its 95 % band, chosen cohorts, and each chosen group of a breakdown."""
    colours = GROUPS[look.is_dark]
    traces: list[Figure] = []
    if groups:
        for i, name in enumerate(groups):
            mine = matrix.by_group[matrix.by_group["group"] == name]
            low, high = wilson(mine["retained"] / mine["size"] * mine["n_effective"], mine["n_effective"])
            rates = [r.retained / r.size for r in mine.itertuples(index=False)]
            traces += _banded(
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
                line(
                    cohort_label(on, matrix.spec.period),
                    known["age"].tolist(),
                    _rounded(known["rate"].tolist()),
                    colours[i % len(colours)],
                    dash=DASHES[i % len(DASHES)],
                    width=1.5,
                    hover="%{y:.1%}",
                )
            )
    unit = matrix.spec.period
    return {
        "data": traces,
        "layout": layout(
            is_dark=look.is_dark,
            x_title=f"{unit.capitalize()}s since the start",
            y_title="Share of users retained",
            y_format=".0%",
            height=360,
            xaxis={"tickvals": list(matrix.spec.shown_ages), "ticktext": age_labels(matrix)},
        ),
    }


def _banded(
    name: str, ages: list[int], rates: list[float], low: list[float], high: list[float], colour: str, dash: str
) -> list[Figure]:
    spans = [f"{a * 100:.1f}–{b * 100:.1f} %" for a, b in zip(low, high, strict=True)]
    return [
        band(name, ages, _rounded(low), _rounded(high), colour),
        line(name, ages, _rounded(rates), colour, dash=dash, hover="%{y:.1%} (%{customdata})", customdata=spans),
    ]


def _rounded(rates: Sequence[float]) -> list[float]:
    return [round(rate, 4) for rate in rates]


def curves_alt(matrix: RetentionMatrix, groups: Sequence[str]) -> str:
    """Describe the curves to somebody who does not see them."""
    who = f"of {', '.join(groups)}" if groups else "on average"
    return f"Retention curve {who} by {matrix.spec.period} since the start, with 95 % bands."
