"""Pictures of the headline numbers: two curves a year apart, and what a change is made of."""

from __future__ import annotations

from html import escape

from retention.cohorts.chart_frame import band, bars, layout, line
from retention.cohorts.chart_look import DASHES, GROUPS, Figure
from retention.headlines.curves import YearCurves, span
from retention.headlines.decompose import Explanation


def year_curves_chart(curves: YearCurves, *, is_dark: bool = False) -> Figure:
    """Draw the two pooled retention curves with their 95 % bands."""
    traces: list[Figure] = []
    for i, (suffix, window) in enumerate((("now", curves.now), ("before", curves.before))):
        if window is None:
            continue
        frame, colour = curves.frame, GROUPS[is_dark][i]
        name = f"Started {span(window)}"
        ages = frame["age"].tolist()
        rates, low, high = (frame[f"{column}_{suffix}"].tolist() for column in ("rate", "low", "high"))
        traces.append(band(name, ages, low, high, colour))
        said = [
            f"{a * 100:.1f}–{b * 100:.1f} % of {n:,}" for a, b, n in zip(low, high, frame[f"n_{suffix}"], strict=True)
        ]
        hover = "%{y:.1%} (%{customdata})"
        traces.append(line(name, ages, rates, colour, dash=DASHES[i], hover=hover, customdata=said))
    ages = curves.frame["age"].tolist()
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Weeks since the start",
            y_title="Share of the users who started, %",
            y_format=".0%",
            xaxis={"tickvals": ages, "ticktext": [str(age) for age in ages]},
        ),
    }


def year_curves_alt(curves: YearCurves) -> str:
    """Describe the curves to somebody who does not see them."""
    return f"Retention by week since the start with 95 % bands. {curves.sentence}"


def parts_chart(explanation: Explanation, *, is_dark: bool = False) -> Figure:
    """Draw the mix and the within part of each group, in percentage points, the largest group at the top."""
    groups = explanation.split.groups.iloc[::-1]
    names = [escape(str(name)) for name in groups["group"]]
    colours = GROUPS[is_dark]
    traces = []
    for column, label, colour, pattern in (
        ("within", "Rates inside the groups", colours[0], ""),
        ("mix", "Mix of the groups", colours[1], "/"),
    ):
        values = [round(v * 100, 4) for v in groups[column]]
        hover = f"{label}: %{{x:+.2f}} points<extra></extra>"
        marker = {"color": colour, "pattern": {"shape": pattern, "size": 6}}
        traces.append(
            {
                **bars(label, names, values, colour, hover=hover, orientation="h"),
                "x": values,
                "y": names,
                "marker": marker,
            }
        )
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Part of the change, percentage points",
            y_title=explanation.by,
            height=140 + 38 * len(names),
            barmode="relative",
            hovermode="closest",
            xaxis={"zeroline": True, "showgrid": True},
            yaxis={"type": "category", "showgrid": False},
        ),
    }


def parts_alt(explanation: Explanation) -> str:
    """Describe the parts to somebody who does not see them."""
    parts = ", ".join(f"{r.group} {r.total * 100:+.2f}" for r in explanation.split.groups.itertuples(index=False))
    return f"Contribution of each {explanation.by} to the change, in percentage points: {parts}."
