"""Cohort results as pictures: figures as plain dictionaries, small enough to send on every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from retention.cohorts.matrix import RetentionMatrix
from retention.cohorts.words import average_label, percent
from retention.intervals import wilson

Figure = dict[str, Any]

# One hue from little to much ink on either ground; the same steps as the theme's.
_SHARES = {
    False: [
        "#f1f7fa",
        "#dcebf2",
        "#c3dde9",
        "#a6ccde",
        "#86b9d1",
        "#64a3c1",
        "#448cae",
        "#2c7598",
        "#1b5e7b",
        "#10455c",
    ],
    True: [
        "#16222a",
        "#193341",
        "#1c4559",
        "#205872",
        "#296c8b",
        "#3a82a3",
        "#5699b8",
        "#79b0ca",
        "#a2c9dc",
        "#cfe4ee",
    ],
}
# Okabe and Ito (2008).
_GROUPS = {
    False: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b38600", "#56b4e9", "#000000", "#8f8300"],
    True: ["#56b4e9", "#e69f00", "#1fbf92", "#cc79a7", "#f0e442", "#f0702a", "#9fb3c1", "#3f9fd8"],
}
_DASHES = ["solid", "dash", "dot", "dashdot"]


@dataclass(frozen=True, slots=True)
class _Ink:
    """Colours that depend on the ground."""

    text: str
    faint: str
    line: str
    grey: tuple[str, str]
    hatch: str
    gap: str
    pick: str
    pick_text: str


_INKS = {
    False: _Ink(
        "#10181e", "#56646e", "#dbe2e7", ("#f4f5f6", "#8d979e"), "#8b98a1", "#a35200", "#a84300", "#ffffff"
    ),
    True: _Ink(
        "#e8edf1", "#a3b0b9", "#2e3a43", ("#1b2227", "#6f7a82"), "#71808a", "#f0a35e", "#f0a35e", "#12181d"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GridLook:
    """How a grid is to be drawn.

    Parameters
    ----------
    is_dark : bool
    is_stretched : bool
        Colours over the range of the shown values instead of 0 to 100 %.
    average : str
        Kind of the average row.
    min_size : int
        Cohorts with fewer users are greyed.
    group : str, optional
        Value of the breakdown to show.
    n_rows : int, optional
        Only the latest so many cohorts.
    picked : tuple of (date, int), optional
        Cohort and age of the cell that is marked from the beginning.
    """

    is_dark: bool = False
    is_stretched: bool = False
    average: str = "pooled"
    min_size: int = 20
    group: str | None = None
    n_rows: int | None = None
    picked: tuple[date, int] | None = None


def cohort_label(on: date, period: str) -> str:
    """Write a cohort as a reader names it.

    Examples
    --------
    >>> cohort_label(date(2010, 12, 1), "month"), cohort_label(date(2026, 1, 5), "week")
    ('Dec 2010', '5 Jan 2026')
    """
    return f"{on:%b %Y}" if period == "month" else f"{on.day} {on:%b %Y}"


def age_labels(matrix: RetentionMatrix) -> list[str]:
    """Write the ages of a grid's columns; a bracket as its range."""
    spec = matrix.spec
    if spec.mode == "bracket":
        return [f"{a}" if a == b else f"{a}–{b}" for a, b in spec.brackets]
    if spec.mode == "on-or-after":
        return [f"{age}+" for age in spec.shown_ages]
    if spec.mode == "on-or-before":
        return [f"≤{age}" for age in spec.shown_ages]
    return [str(age) for age in spec.shown_ages]


def short_percent(rate: float) -> str:
    """Write a rate as it fits a cell.

    Examples
    --------
    >>> short_percent(0.4449), short_percent(0.042), short_percent(0.0004), short_percent(0.0)
    ('44%', '4.2%', '<0.1%', '0%')
    """
    if 0 < rate < 0.0005:
        return "<0.1%"
    return f"{rate:.1%}" if 0 < rate < 0.0995 else f"{rate:.0%}"


def shown_cohorts(matrix: RetentionMatrix, group: str | None, n_rows: int | None) -> list[date]:
    """List the cohorts that a grid shows, the oldest first."""
    rows = matrix.rows
    mine = rows[rows["group"].isna()] if group is None else rows[rows["group"] == group]
    found = sorted(set(mine["cohort"]))
    return found[-n_rows:] if n_rows else found


def retention_heatmap(matrix: RetentionMatrix, look: GridLook) -> Figure:
    """Draw a grid: shares as colour, size beside, the average on top, what is not complete hatched.

    Notes
    -----
    A heatmap gives no click events, so transparent markers lie on top and carry the text. Bars carry the
    patterns, which heatmaps cannot. `customdata` of a marker: cohort, age, what the hover says.
    """
    ink, scale = _INKS[look.is_dark], _SHARES[look.is_dark]
    cohorts = shown_cohorts(matrix, look.group, look.n_rows)
    row_of = {on: y for y, on in enumerate(cohorts)}
    ages = matrix.spec.shown_ages
    column_of = {age: x for x, age in enumerate(ages)}
    labels, unit = age_labels(matrix), matrix.spec.period
    average = average_row(matrix, look)
    cells = matrix.cells
    mine = cells[cells["group"].isna()] if look.group is None else cells[cells["group"] == look.group]
    known = [rate for rate in (*mine.loc[mine["cohort"].isin(cohorts), "rate"], *average) if rate == rate]  # noqa: PLR0124
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
            colour = _ink_on(list(ink.grey) if is_small else scale, (c.rate - bottom) / ((top - bottom) or 1))
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
            {**heat, "z": [[None if rate != rate else round(rate, 3) for rate in average]], "y0": -1.25, "coloraxis": "coloraxis"},
            _bars(hatched, {"shape": "/", "fgcolor": ink.hatch, "bgcolor": "rgba(0,0,0,0)", "size": 7, "solidity": 0.12}, ink.hatch, 0.5),
            _bars(gaps, {"shape": ".", "fgcolor": ink.gap, "bgcolor": "rgba(0,0,0,0)", "fgopacity": 0.4, "size": 9, "solidity": 0.12}, ink.gap, 2),
            {
                "type": "scatter", "mode": "text", "hoverinfo": "skip",
                "x": [-1] * len(cohorts) + [x for x, rate in enumerate(average) if rate == rate],  # noqa: PLR0124
                "y": [*range(len(cohorts))] + [-1.25 for rate in average if rate == rate],  # noqa: PLR0124
                "text": [f"{sizes.get(on, 0):,}" for on in cohorts] + [short_percent(r) for r in average if r == r],  # noqa: PLR0124
                "textfont": {
                    "size": 13,
                    "color": [ink.faint if sizes.get(on, 0) < look.min_size else ink.text for on in cohorts]
                    + [_ink_on(scale, (r - bottom) / ((top - bottom) or 1)) for r in average if r == r],  # noqa: PLR0124
                },
                "selected": {"textfont": {"color": ink.text}},
            },
            {
                "type": "scatter", "mode": "markers+text", "x": xs, "y": ys, "text": texts, "customdata": hovers,
                "textfont": {"size": 13, "color": colours}, "hovertemplate": "%{customdata[2]}<extra></extra>",
                "marker": {"symbol": "square", "size": 27, "color": "rgba(0,0,0,0)"},
                "selected": selected, "unselected": unselected, **({"selectedpoints": picked} if picked else {}),
            },
        ],
        "layout": {
            "height": 104 + 29 * len(cohorts),
            "margin": {"l": 104, "r": 4, "t": 58, "b": 4},
            "showlegend": False, "dragmode": False, "clickmode": "event+select", "hovermode": "closest", "hoverdistance": 60,
            "barmode": "overlay", "bargap": 0,
            "coloraxis": {"cmin": bottom, "cmax": top, "showscale": False,
                          "colorscale": [[i / 9, colour] for i, colour in enumerate(scale)]},
            "xaxis": {
                "side": "top", "range": [-1.55, len(ages) - 0.48], "tickvals": [-1, *range(len(ages))],
                "ticktext": ["Users", *labels], "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": "",
                "tickfont": {"size": 13, "color": ink.faint},
            },
            "annotations": [{
                "text": f"{unit.capitalize()}s since the start", "x": -0.5, "xanchor": "left", "y": 1, "yref": "paper", "yanchor": "bottom",
                "yshift": 24, "showarrow": False, "font": {"size": 13, "color": ink.faint},
            }],
            "yaxis": {
                "range": [len(cohorts) - 0.45, -1.85], "tickvals": [-1.25, *range(len(cohorts))],
                "ticktext": [f"<b>Average</b><br>{look.average if look.group is None else 'pooled'}", *(cohort_label(on, unit) for on in cohorts)],
                "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": "", "tickfont": {"size": 13, "color": ink.text},
            },
            "hoverlabel": {"align": "left", "font": {"size": 13}}, "modebar": _modebar(ink),
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        },
    }  # fmt: skip
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
        "type": "bar", "hoverinfo": "skip", "x": [x for x, _ in places], "base": [y - 0.46 for _, y in places],
        "y": [0.92] * len(places), "width": 0.96,
        "marker": {"color": "rgba(0,0,0,0)", "pattern": pattern, "line": {"color": line, "width": width}},
    }  # fmt: skip


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


def retention_curves(
    matrix: RetentionMatrix, look: GridLook, cohorts: Sequence[date] = (), groups: Sequence[str] = ()
) -> Figure:
    """Draw the average with its 95 % band, chosen cohorts, and each chosen group of a breakdown."""
    ink, colours = _INKS[look.is_dark], _GROUPS[look.is_dark]
    traces: list[Figure] = []
    if groups:
        for i, name in enumerate(groups):
            mine = matrix.by_group[matrix.by_group["group"] == name]
            low, high = wilson(mine["retained"] / mine["size"] * mine["n_effective"], mine["n_effective"])
            rates = [r.retained / r.size for r in mine.itertuples(index=False)]
            traces += _banded(
                matrix,
                name,
                mine["age"].tolist(),
                rates,
                list(low),
                list(high),
                colours[i % len(colours)],
                _DASHES[i % len(_DASHES)],
            )
    else:
        rows = matrix.averages(look.average).dropna(subset=["rate"])
        traces += _banded(
            matrix, average_label(look.average, matrix).split(" (")[0], rows["age"].tolist(), rows["rate"].tolist(),
            rows["low"].tolist(), rows["high"].tolist(), colours[0], "solid",
        )  # fmt: skip
    for i, on in enumerate(cohorts, start=1):
        cells = matrix.of(on, look.group)
        known = cells[cells["state"] == "mature"]
        if len(known):
            traces.append(
                _line(matrix, cohort_label(on, matrix.spec.period), known["age"].tolist(), known["rate"].tolist(),
                      colours[i % len(colours)], _DASHES[i % len(_DASHES)], width=1.5)
            )  # fmt: skip
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
            "height": 360, "margin": {"l": 52, "r": 12, "t": 44, "b": 52}, "hovermode": "x unified", "dragmode": False,
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 13, "color": ink.text}},
            "xaxis": {**axis, "showgrid": False, "tickvals": list(matrix.spec.shown_ages), "ticktext": labels,
                      "title": {"text": f"{unit.capitalize()}s since the start", "font": {"size": 13, "color": ink.faint}}},
            "yaxis": {**axis, "tickformat": ".0%", "rangemode": "tozero"},
            "hoverlabel": {"font": {"size": 13}}, "modebar": _modebar(ink),
        },
    }  # fmt: skip


@cache
def _luminance(colour: str) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)))  # fmt: skip
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _ink_on(scale: Sequence[str], depth: float) -> str:
    """Return the text colour that contrasts more with a colour of a scale (WCAG 2.2: the turn is at 0.179)."""
    place = min(max(depth, 0.0), 1.0) * (len(scale) - 1)
    low = int(place)
    pair = scale[low], scale[min(low + 1, len(scale) - 1)]
    mixed = [round(int(pair[0][i : i + 2], 16) + (place - low) * (int(pair[1][i : i + 2], 16) - int(pair[0][i : i + 2], 16)))
             for i in (1, 3, 5)]  # fmt: skip
    return "#ffffff" if _luminance("#" + "".join(f"{part:02x}" for part in mixed)) < 0.179 else "#000000"


def _modebar(ink: _Ink) -> dict[str, str]:
    return {"bgcolor": "rgba(0,0,0,0)", "color": ink.faint, "activecolor": ink.text}


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
        "type": "scatter", "mode": "lines", "x": ages + ages[::-1], "y": [round(v, 4) for v in (*high, *low[::-1])],
        "fill": "toself", "fillcolor": f"rgba({red},{green},{blue},0.16)", "line": {"width": 0}, "hoverinfo": "skip",
        "showlegend": False, "legendgroup": name,
    }  # fmt: skip
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
        "type": "scatter", "mode": "lines+markers", "name": name, "legendgroup": name, "x": ages, "y": [round(r, 4) for r in rates],
        "line": {"color": colour, "width": width, "dash": dash}, "marker": {"size": 5}, "hovertemplate": "%{y:.1%}",
    }  # fmt: skip


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


def curves_alt(matrix: RetentionMatrix, groups: Sequence[str]) -> str:
    """Describe the curves to somebody who does not see them."""
    who = f"of {', '.join(groups)}" if groups else "on average"
    return f"Retention curve {who} by {matrix.spec.period} since the start, with 95 % bands."
