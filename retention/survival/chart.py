"""Pictures of how long users stay: curves with the numbers at risk, the weekly rate, laws, ratios."""

from __future__ import annotations

from html import escape
from math import isnan

from retention.cohorts.chart_frame import TICK_SIZE, band, bars, layout, line
from retention.cohorts.chart_look import DASHES, GROUPS, INKS, Figure
from retention.cohorts.words import percent
from retention.survival.curve import SurvivalCurves, SurvivalGroup
from retention.survival.hazard import HazardWeeks
from retention.survival.laws import LifetimeLaws
from retention.survival.ratios import CoxModel
from retention.survival.words import days, median_words

STEPS = (1, 2, 7, 14, 30, 60, 90, 120, 180, 360, 720, 1440)
MAX_TICKS = 7
MAX_POINTS = 240
ROW_PX = 22


def ticks(last: int) -> list[int]:
    """Return at most seven round ages from 0 on: whole days, weeks or months of thirty days.

    Examples
    --------
    >>> ticks(10), ticks(100)
    ([0, 2, 4, 6, 8, 10], [0, 30, 60, 90])
    """
    step = next((step for step in STEPS if last // step <= MAX_TICKS - 1), STEPS[-1])
    return list(range(0, last + 1, step))


def survival_figure(curves: SurvivalCurves, *, is_dark: bool = False) -> Figure:
    """Draw the curves with their 95 % bands, and how many are at risk under the axis."""
    groups = [group for group in curves.groups if group.n]
    colours = GROUPS[is_dark]
    traces: list[Figure] = []
    for i, group in enumerate(groups):
        traces += _curve(group, colours[i % len(colours)], DASHES[i % len(DASHES)])
    at = ticks(max((group.last_age for group in groups), default=0))
    ink = INKS[is_dark]
    for i, group in enumerate(groups):
        traces.append(
            {
                "type": "scatter",
                "mode": "text",
                "x": at,
                "y": [i] * len(at),
                "yaxis": "y2",
                "text": [f"{n:,}" for n in group.at_risk(at)],
                "textfont": {"size": TICK_SIZE - 1, "color": ink.text},
                "cliponaxis": False,
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    below = ROW_PX * (len(groups) + 1)
    height = 380 + below
    inner = height - 44 - 30
    foot = below / inner
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            y_title="Share of users still active",
            y_format=".0%",
            height=height,
            margin={"l": 56, "r": 24, "t": 44, "b": 30},
            xaxis={"tickvals": at, "anchor": "y", "range": [-0.02 * (at[-1] or 1), None], "autorange": "max"},
            yaxis={"domain": [foot + 76 / inner, 1], "range": [0, 1.02]},
            yaxis2={
                "domain": [0, foot - ROW_PX * 0.6 / inner],
                "range": [len(groups) - 0.5, -0.5],
                "tickvals": list(range(len(groups))),
                "ticktext": [escape(_short(group.name)) for group in groups],
                "tickfont": {"size": TICK_SIZE - 1, "color": ink.faint},
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "automargin": True,
            },
            annotations=[
                {
                    "text": "Days since the start<br>Users under observation:",
                    "x": 0.5,
                    "xref": "paper",
                    "xanchor": "center",
                    "y": foot,
                    "yref": "paper",
                    "yanchor": "middle",
                    "yshift": 10,
                    "showarrow": False,
                    "font": {"size": TICK_SIZE, "color": ink.faint},
                }
            ],
        ),
    }


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"


def _curve(group: SurvivalGroup, colour: str, dash: str) -> list[Figure]:
    name = escape(group.name)
    rows = group.curve
    if len(rows) > MAX_POINTS:  # a screen has no more columns to show them in
        step = max(group.last_age // MAX_POINTS, 1)
        rows = rows[(rows["t"] // step != (rows["t"].shift(-1) // step)) | (rows["t"] == 0)]
    known = rows.dropna(subset=["low", "high"])
    spans = ["", *(_span(low, high) for low, high in zip(rows["low"], rows["high"], strict=True))]
    return [
        band(
            name,
            known["t"].tolist(),
            [round(v, 4) for v in known["low"]],
            [round(v, 4) for v in known["high"]],
            colour,
            shape="hv",
        ),
        line(
            name,
            [0, *rows["t"].tolist()],
            [1.0, *(round(v, 4) for v in rows["survival"])],
            colour,
            dash=dash,
            is_marked=False,
            hover="%{y:.1%} (%{customdata})",
            customdata=spans,
        )
        | {"line": {"color": colour, "width": 2.5, "dash": dash, "shape": "hv"}},
    ]


def _span(low: float, high: float) -> str:
    return "interval not known" if isnan(low) else f"{low * 100:.1f}–{high * 100:.1f} %"


def survival_alt(curves: SurvivalCurves) -> str:
    """Describe the curves to somebody who does not see them."""
    parts = [f"{group.name}: median {median_words(group)}" for group in curves.groups if group.n]
    return "Survival curves with 95 % bands, and users at risk under the axis. " + "; ".join(parts) + "."


def hazard_figure(hazard: HazardWeeks, *, is_dark: bool = False) -> Figure:
    """Draw the rate of lapsing week by week as bars with intervals, and the smoothed rate over them."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    weeks = hazard.weeks
    per_100 = {name: [round(v * 100, 2) for v in weeks[name]] for name in ("hazard", "low", "high", "smoothed")}
    numbers = weeks["week"].tolist()
    top = hazard.riskiest
    return {
        "data": [
            bars(
                "Lapses per 100 users",
                numbers,
                per_100["hazard"],
                colours[0],
                hover="Week %{x}: %{y:.1f} lapses per 100 users, smoothed %{customdata[1]}<extra></extra>",
                customdata=[[str(week), f"{v:.1f}"] for week, v in zip(numbers, per_100["smoothed"], strict=True)],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [round(h - v, 2) for h, v in zip(per_100["high"], per_100["hazard"], strict=True)],
                    "arrayminus": [round(v - low, 2) for v, low in zip(per_100["hazard"], per_100["low"], strict=True)],
                    "color": ink.faint,
                    "thickness": 1,
                    "width": 2,
                },
            )
            | {
                "showlegend": False,
                "marker": {"color": [colours[1] if week == top else colours[0] for week in numbers]},
                "opacity": 0.85,
            },
            line(
                "Smoothed",
                numbers,
                per_100["smoothed"],
                ink.text,
                dash="dot",
                width=2,
                is_marked=False,
                hoverinfo="skip",  # or it would take the clicks that are meant for the bars
            )
            | {"hovertemplate": None},
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Week since the start",
            y_title="Lapses per 100 users and week",
            height=360,
            hovermode="closest",
        ),
    }


def hazard_alt(hazard: HazardWeeks) -> str:
    """Describe the weekly rate to somebody who does not see it."""
    top = "cannot tell which is highest" if hazard.riskiest is None else f"highest in week {hazard.riskiest}"
    return f"Lapses per 100 users by week since the start with 95 % intervals, over {len(hazard.weeks)} weeks; {top}."


def laws_figure(laws: LifetimeLaws, *, is_dark: bool = False) -> Figure:
    """Draw each law's quantiles against those observed: a law that fits lies on the diagonal."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    traces: list[Figure] = []
    last = float(laws.quantiles["observed"].max()) if len(laws.quantiles) else 1.0
    for i, name in enumerate(dict.fromkeys(laws.quantiles["law"])):
        mine = laws.quantiles[(laws.quantiles["law"] == name) & (laws.quantiles["expected"] <= 2 * last)]
        traces.append(
            line(
                str(name),
                [round(v, 1) for v in mine["expected"]],
                [round(v, 1) for v in mine["observed"]],
                colours[i % len(colours)],
                dash=DASHES[i % len(DASHES)],
                width=2,
                is_marked=False,
                hover="%{y:.0f} days observed, %{x:.0f} by the law",
            )
        )
    diagonal = line("Perfect fit", [0, last], [0, last], ink.faint, dash="dot", width=1.5, is_marked=False)
    return {
        "data": [{**diagonal, "hoverinfo": "skip", "hovertemplate": None}, *traces],
        "layout": layout(
            is_dark=is_dark,
            x_title="Days by the law until the same share is left",
            y_title="Days observed",
            height=380,
            hovermode="closest",
            xaxis={"range": [0, 1.5 * last]},
        ),
    }


def laws_alt(laws: LifetimeLaws) -> str:
    """Describe the quantile plot to somebody who does not see it."""
    names = ", ".join(laws.laws.loc[laws.laws["is_fitted"], "law"])
    return f"Quantiles observed against those of the fitted laws, best first: {names}. On the diagonal a law fits."


def ratios_figure(model: CoxModel, *, is_dark: bool = False) -> Figure:
    """Draw the hazard ratios with their intervals; 1 is the reference."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    rows = model.ratios[~model.ratios["is_reference"]].iloc[::-1]
    names = [escape(f"{row.attribute}: {_short(row.value)}") for row in rows.itertuples(index=False)]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [round(v, 3) for v in rows["ratio"]],
                "y": names,
                "marker": {"size": 10, "color": colours[0]},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(v, 3) for v in rows["high"] - rows["ratio"]],
                    "arrayminus": [round(v, 3) for v in rows["ratio"] - rows["low"]],
                    "color": colours[0],
                    "thickness": 2,
                    "width": 5,
                },
                "hovertemplate": "%{y}: %{x:.2f} times the rate<extra></extra>",
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Rate against the reference (log scale)",
            height=110 + 34 * len(rows),
            hovermode="closest",
            margin={"l": 56, "r": 12, "t": 20, "b": 52},
            xaxis={"type": "log", "showgrid": True, "tickvals": [0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10],
                   "ticktext": ["0.1", "0.2", "0.5", "0.7", "1", "1.5", "2", "3", "5", "10"]},
            yaxis={"rangemode": "normal", "type": "category"},
            shapes=[
                {
                    "type": "line", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": ink.faint, "width": 1.5, "dash": "dot"},
                }
            ],
        ),
    }  # fmt: skip


def ratios_alt(model: CoxModel) -> str:
    """Describe the ratios to somebody who does not see them."""
    rows = model.ratios[~model.ratios["is_reference"]]
    parts = [
        f"{r.attribute} {r.value} {r.ratio:.2f} ({r.low:.2f} to {r.high:.2f})" for r in rows.itertuples(index=False)
    ]
    return "Hazard ratios with 95 % intervals: " + "; ".join(parts) + "."


def profile_figure(model: CoxModel, *, is_dark: bool = False) -> Figure:
    """Draw the survival of the chosen profile."""
    rows = model.curve
    name = escape(", ".join(model.profile))
    return {
        "data": [
            line(
                name,
                rows["t"].tolist(),
                [round(v, 4) for v in rows["survival"]],
                GROUPS[is_dark][0],
                is_marked=False,
                hover="%{y:.1%}",
                showlegend=True,
            )
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Days since the start",
            y_title="Share still active, by the model",
            y_format=".0%",
            height=320,
            yaxis={"range": [0, 1.02]},
        ),
    }


def profile_alt(model: CoxModel) -> str:
    """Describe the survival of the profile to somebody who does not see it."""
    half = model.curve.loc[model.curve["survival"] <= 0.5, "t"]
    reached = "not reached" if half.empty else days(float(half.iloc[0]))
    end = percent(float(model.curve["survival"].iloc[-1])) if len(model.curve) else "–"
    return f"Survival of {', '.join(model.profile)} by the model: median {reached}, {end} left at the end."
