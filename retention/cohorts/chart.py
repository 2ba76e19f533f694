"""Cohort results as pictures: figures as plain dictionaries, small enough to send on every run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import isnan
from typing import Any

from retention.cohorts.chart_look import (
    INKS,
    SHARES,
    Figure,
    GridLook,
    age_labels,
    cohort_label,
    ink_on,
    modebar,
    short_percent,
    shown_cohorts,
)
from retention.cohorts.matrix import RetentionMatrix
from retention.cohorts.words import percent


def retention_heatmap(matrix: RetentionMatrix, look: GridLook) -> Figure:
    """Draw a grid: shares as colour, size beside, the average on top, what is not complete hatched.

    Notes
    -----
    A heatmap gives no click events, so transparent markers lie on top and carry the text. Bars carry the
    patterns, which heatmaps cannot. `customdata` of a marker: cohort, age, what the hover says.
    """
    ink, scale = INKS[look.is_dark], SHARES[look.is_dark]
    cohorts = shown_cohorts(matrix, look.group, look.n_rows)
    row_of = {on: y for y, on in enumerate(cohorts)}
    ages = matrix.spec.shown_ages
    column_of = {age: x for x, age in enumerate(ages)}
    labels, unit = age_labels(matrix), matrix.spec.period
    average = average_row(matrix, look)
    cells = matrix.cells
    mine = cells[cells["group"].isna()] if look.group is None else cells[cells["group"] == look.group]
    known = [rate for rate in (*mine.loc[mine["cohort"].isin(cohorts), "rate"], *average) if not isnan(rate)]
    top = max(known, default=1.0) if look.is_stretched else 1.0
    bottom = min(known, default=0.0) if look.is_stretched else 0.0

    shares, greys = ([[None] * len(ages) for _ in cohorts] for _ in range(2))
    hatched: list[tuple[int, int]] = []
    gaps: list[tuple[int, int]] = []
    xs: list[int] = []
    ys: list[int] = []
    texts: list[str] = []
    colours: list[str] = []
    hovers: list[list[object]] = []
    sizes: dict[date, int] = {}
    for c in mine.itertuples(index=False):
        if c.cohort not in row_of:
            continue
        x, y = column_of[c.age], row_of[c.cohort]
        sizes[c.cohort] = c.size
        is_small = c.size < look.min_size
        text, colour = "", ink.text
        if c.state == "mature":
            (greys if is_small else shares)[y][x] = round(c.rate, 3)
            text = short_percent(c.rate)
            colour = ink_on(list(ink.grey) if is_small else scale, (c.rate - bottom) / ((top - bottom) or 1))
        elif c.state == "in_progress":
            hatched.append((x, y))
            text = short_percent(c.retained / c.size) + "*"
        if c.touches_gap and c.state != "future":
            gaps.append((x, y))
        xs.append(x)
        ys.append(y)
        texts.append(text)
        colours.append(colour)
        where = f"{cohort_label(c.cohort, unit)}, {unit} {labels[x]}"
        hovers.append([c.cohort.isoformat(), int(c.age), f"{where}<br>{_hover(c, is_small, look.min_size)}"])
    picked = [
        i
        for i, (on, age, _) in enumerate(hovers)
        if look.picked and (on, age) == (look.picked[0].isoformat(), look.picked[1])
    ]

    selected = {"marker": {"color": ink.pick, "opacity": 1, "size": 27}, "textfont": {"color": ink.pick_text}}
    unselected = {"marker": {"color": "rgba(0,0,0,0)", "opacity": 1}}
    heat = {"type": "heatmap", "hoverinfo": "skip", "xgap": 2, "ygap": 2, "x0": 0, "dx": 1, "y0": 0, "dy": 1}
    grey_scale = [[0, ink.grey[0]], [1, ink.grey[1]]]
    figure: Figure = {
        "data": [
            {**heat, "z": shares, "coloraxis": "coloraxis"},
            {**heat, "z": greys, "colorscale": grey_scale, "showscale": False, "zmin": bottom, "zmax": top},
            {
                **heat,
                "z": [[None if isnan(rate) else round(rate, 3) for rate in average]],
                "y0": -1.25,
                "coloraxis": "coloraxis",
            },
            _bars(
                hatched,
                {"shape": "/", "fgcolor": ink.hatch, "bgcolor": "rgba(0,0,0,0)", "size": 7, "solidity": 0.12},
                ink.hatch,
                0.5,
            ),
            _bars(
                gaps,
                {
                    "shape": ".",
                    "fgcolor": ink.gap,
                    "bgcolor": "rgba(0,0,0,0)",
                    "fgopacity": 0.4,
                    "size": 9,
                    "solidity": 0.12,
                },
                ink.gap,
                2,
            ),
            {
                "type": "scatter",
                "mode": "text",
                "hoverinfo": "skip",
                "x": [-1] * len(cohorts) + [x for x, rate in enumerate(average) if not isnan(rate)],
                "y": [*range(len(cohorts))] + [-1.25 for rate in average if not isnan(rate)],
                "text": [f"{sizes.get(on, 0):,}" for on in cohorts]
                + [short_percent(r) for r in average if not isnan(r)],
                "textfont": {
                    "size": 13,
                    "color": [ink.faint if sizes.get(on, 0) < look.min_size else ink.text for on in cohorts]
                    + [ink_on(scale, (r - bottom) / ((top - bottom) or 1)) for r in average if not isnan(r)],
                },
                "selected": {"textfont": {"color": ink.text}},
            },
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": xs,
                "y": ys,
                "text": texts,
                "customdata": hovers,
                "textfont": {"size": 13, "color": colours},
                "hovertemplate": "%{customdata[2]}<extra></extra>",
                "marker": {"symbol": "square", "size": 27, "color": "rgba(0,0,0,0)"},
                "selected": selected,
                "unselected": unselected,
                **({"selectedpoints": picked} if picked else {}),
            },
        ],
        "layout": {
            "height": 104 + 29 * len(cohorts),
            "margin": {"l": 104, "r": 4, "t": 58, "b": 4},
            "showlegend": False,
            "dragmode": False,
            "clickmode": "event+select",
            "hovermode": "closest",
            "hoverdistance": 60,
            "barmode": "overlay",
            "bargap": 0,
            "coloraxis": {
                "cmin": bottom,
                "cmax": top,
                "showscale": False,
                "colorscale": [[i / 9, colour] for i, colour in enumerate(scale)],
            },
            "xaxis": {
                "side": "top",
                "range": [-1.55, len(ages) - 0.48],
                "tickvals": [-1, *range(len(ages))],
                "ticktext": ["Users", *labels],
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "ticks": "",
                "tickfont": {"size": 13, "color": ink.faint},
            },
            "annotations": [
                {
                    "text": f"{unit.capitalize()}s since the start",
                    "x": -0.5,
                    "xanchor": "left",
                    "y": 1,
                    "yref": "paper",
                    "yanchor": "bottom",
                    "yshift": 24,
                    "showarrow": False,
                    "font": {"size": 13, "color": ink.faint},
                }
            ],
            "yaxis": {
                "range": [len(cohorts) - 0.45, -1.85],
                "tickvals": [-1.25, *range(len(cohorts))],
                "ticktext": [
                    f"<b>Average</b><br>{look.average if look.group is None else 'pooled'}",
                    *(cohort_label(on, unit) for on in cohorts),
                ],
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "ticks": "",
                "tickfont": {"size": 13, "color": ink.text},
            },
            "hoverlabel": {"align": "left", "font": {"size": 13}},
            "modebar": modebar(ink),
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
        },
    }
    return figure


def average_row(matrix: RetentionMatrix, look: GridLook) -> list[float]:
    """Return one rate an age; of a group, the pooled one."""
    if look.group is None:
        return [float(rate) for rate in matrix.averages(look.average)["rate"]]
    mine = matrix.by_group[matrix.by_group["group"] == look.group]
    rates = {int(r.age): r.retained / r.size for r in mine.itertuples(index=False)}
    return [rates.get(age, float("nan")) for age in matrix.spec.shown_ages]


def _bars(places: Sequence[tuple[int, int]], pattern: dict[str, object], line: str, width: float) -> Figure:
    return {
        "type": "bar",
        "hoverinfo": "skip",
        "x": [x for x, _ in places],
        "base": [y - 0.46 for _, y in places],
        "y": [0.92] * len(places),
        "width": 0.96,
        "marker": {"color": "rgba(0,0,0,0)", "pattern": pattern, "line": {"color": line, "width": width}},
    }


def _hover(c: Any, is_small: bool, min_size: int) -> str:
    when = f"{c.complete_on.day} {c.complete_on:%b %Y}"
    if c.state == "future":
        return f"Not begun yet; complete on {when}"
    lines = [f"<b>{percent(c.retained / c.size)}</b> · {c.retained:,} of {c.size:,} users"]
    if c.state == "mature":
        lines.append(f"95 % interval {c.low * 100:.1f}–{c.high * 100:.1f} %")
    else:
        lines.append(f"In progress: so far, complete on {when}")
    if c.touches_gap:
        lines.append("Touches a stretch marked missing: in no average")
    if is_small:
        lines.append(f"Fewer than {min_size} users: read with care")
    return "<br>".join(lines)


def heatmap_alt(matrix: RetentionMatrix, look: GridLook) -> str:
    """Describe a grid to somebody who does not see it."""
    cohorts = shown_cohorts(matrix, look.group, look.n_rows)
    if not cohorts:
        return "Retention grid without cohorts."
    of = f" of {matrix.spec.by} {look.group}" if look.group is not None else ""
    unit = matrix.spec.period
    return (
        f"Retention grid{of}: {len(cohorts)} cohorts by {unit} from {cohort_label(cohorts[0], unit)} to"
        f" {cohort_label(cohorts[-1], unit)}, ages {age_labels(matrix)[0]} to {age_labels(matrix)[-1]}."
        " The table beside holds the same numbers."
    )
