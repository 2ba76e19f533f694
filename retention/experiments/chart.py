"""Pictures of an experiment: effects with their intervals, retention by age, the looks of a sequential reading, stays."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan
from textwrap import wrap
from typing import Any

from retention.cohorts.chart_frame import band, layout, line
from retention.cohorts.chart_look import DASHES, GROUPS, INKS, Figure
from retention.cohorts.words import interval, percent
from retention.experiments.plan import Plan
from retention.experiments.readout import Readout
from retention.experiments.words import signed
from retention.periods import date_of
from retention.survival.chart import survival_figure
from retention.survival.curve import SurvivalCurves

ROW_PX = 40
LINE_LETTERS, LONGEST_LABEL = 17, 34
SAID = {"higher": 2, "lower": 1, "cannot tell": 0, "do not read": 0}
"""Which colour of the palette a verdict has."""


def unit_of(kind: str) -> str:
    """Name the unit of a difference."""
    return "percentage points" if kind == "rate" else "amount per user"


def _told(row: Any, kind: str) -> str:
    """Write a difference with its interval."""
    said = [signed(float(row[name]), "rate" if kind == "rate" else "mean") for name in ("difference", "low", "high")]
    return f"{said[0]} ({said[1]} to {said[2]})"


def _short(label: str) -> str:
    """Write a label in at most two lines that a phone has room for."""
    cut = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
    lines = wrap(cut, LINE_LETTERS, max_lines=2, placeholder=" …")
    return "<br>".join(escape(line) for line in lines)


def effect_figure(
    rows: Any, labels: Sequence[str], kind: str, control: str, level: str, *, is_dark: bool = False
) -> Figure:
    """Draw differences to the control with their intervals, one below the other; a line marks "no difference".

    Parameters
    ----------
    rows : DataFrame
        Of `Readout.effects` or `Readout.breakdowns`.
    labels : sequence of str
        Of the rows.
    kind : {"rate", "mean"}
    level : str
        Of the intervals: "95 % intervals".
    """
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    scale = 100.0 if kind == "rate" else 1.0
    places = list(range(len(labels)))
    found = rows.to_dict("records")
    known = [place for place in places if not isnan(found[place]["difference"])]
    x = [round(float(found[k]["difference"]) * scale, 4) for k in known]
    ends = [[abs(float(found[k][side]) - float(found[k]["difference"])) * scale for k in known] for side in ("high", "low")]
    said = [
        f"{escape(labels[k])}: {_told(found[k], kind)},"
        f" {found[k]['says']}"
        for k in known
    ]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": x,
                "y": known,
                "marker": {
                    "size": 10,
                    "color": [colours[SAID.get(str(found[k]["says"]), 0)] for k in known],
                    "symbol": ["circle" if found[k]["says"] in ("higher", "lower") else "circle-open" for k in known],
                    "line": {"width": 2},
                },
                "error_x": {
                    "type": "data", "symmetric": False, "array": [_finite(v) for v in ends[0]],
                    "arrayminus": [_finite(v) for v in ends[1]], "color": ink.faint, "thickness": 2, "width": 5,
                },
                "customdata": said,
                "hovertemplate": "%{customdata}<extra></extra>",
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Difference to {escape(control[:LINE_LETTERS])},<br>{unit_of(kind)}<br>({level})",
            height=130 + ROW_PX * max(len(labels), 2),
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 36, "b": 80},
            xaxis={"zeroline": True, "zerolinecolor": ink.text, "zerolinewidth": 1.5, "showgrid": True, "rangemode": "tozero"},
            yaxis={
                "tickvals": places, "ticktext": [_short(label) for label in labels], "showgrid": False,
                "range": [len(labels) - 0.5, -0.5], "rangemode": "normal",
            },
        ),
    }  # fmt: skip


def effect_alt(rows: Any, labels: Sequence[str], kind: str, control: str) -> str:
    """Describe the differences to somebody who does not see them."""
    said = [
        f"{label} {_told(row, kind)}, {row['says']}"
        for label, row in zip(labels, rows.to_dict("records"), strict=True)
    ]
    return f"Difference to {control} in {unit_of(kind)}, with intervals. {'; '.join(said)}."


def _finite(value: float) -> float | None:
    return None if isnan(value) else round(value, 4)


def age_figure(by_age: Readout, period: str, n_days: int, *, is_dark: bool = False) -> Figure:
    """Draw the share of each group that came back at each age, with 95 % bands."""
    colours = GROUPS[is_dark]
    rows, metrics = by_age.by_group, by_age.metrics
    ages = list(range(len(metrics)))
    traces: list[Figure] = []
    for place, group in enumerate(by_age.groups):
        own = rows[rows["group"] == group]
        value, low, high = ([round(float(v), 4) for v in own[name]] for name in ("value", "low", "high"))
        said = [
            f"{round(x):,} of {int(n):,}, {interval(a, b)}"
            for x, n, a, b in zip(own["total"], own["n"], low, high, strict=True)
        ]
        label, colour = escape(group), colours[place % len(colours)]
        traces += [
            band(label, ages, low, high, colour),
            line(
                label, ages, value, colour, dash=DASHES[place % len(DASHES)], hover="%{y:.1%} (%{customdata})", customdata=said
            ),
        ]
    length = "24 hours" if n_days == 1 else f"{n_days} days"
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{period.capitalize()} after the exposure (0 = the first {length})",
            y_title="Share of the group that came back",
            y_format=".0%",
            height=380,
            margin={"l": 56, "r": 12, "t": 76, "b": 52},
            xaxis={"dtick": max(1, -(-len(ages) // 12)), "range": [-0.3, len(ages) - 0.7]},
        ),
    }


def age_alt(by_age: Readout) -> str:
    """Describe the ages to somebody who does not see them."""
    last = by_age.by_group[by_age.by_group["metric"] == by_age.metrics[-1]]
    said = "; ".join(f"{group} {percent(float(rate))}" for group, rate in zip(last["group"], last["value"], strict=True))
    return f"Share of each group that came back, by age, with 95 % bands. {by_age.metrics[-1].capitalize()}: {said}."


def path_figure(path: Any, arms: Sequence[str], kind: str, *, is_dark: bool = False) -> Figure:
    """Draw how the difference of each arm stood on each day, with the interval that holds at every look.

    Parameters
    ----------
    path : DataFrame
        Rows of `Readout.path` of one metric.
    """
    colours, ink = GROUPS[is_dark], INKS[is_dark]
    scale = 100.0 if kind == "rate" else 1.0
    traces: list[Figure] = []
    for place, arm in enumerate(arms):
        own = path[(path["arm"] == arm) & path["low"].notna()]
        days = [date_of(int(day)).isoformat() for day in own["day"]]
        value, low, high = ([round(float(v) * scale, 4) for v in own[name]] for name in ("difference", "low", "high"))
        said = [
            f"{_told(row, kind)}, {int(row['n_arm'] + row['n_control']):,} users" for row in own.to_dict("records")
        ]
        label, colour = escape(arm), colours[(place + 1) % len(colours)]
        traces += [
            band(label, days, low, high, colour),
            line(label, days, value, colour, is_marked=len(days) < 40, hover="%{customdata}", customdata=said),
        ]
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            is_time=True,
            x_title="Day up to which outcomes were known",
            y_title=f"Difference,<br>{unit_of(kind)}",
            height=360,
            margin={"l": 64, "r": 12, "t": 56, "b": 52},
            yaxis={"rangemode": "normal", "zeroline": True, "zerolinecolor": ink.text, "zerolinewidth": 1.5},
        ),
    }


def path_alt(path: Any, arms: Sequence[str], kind: str) -> str:
    """Describe the looks to somebody who does not see them."""
    said = []
    for arm in arms:
        own = path[(path["arm"] == arm) & path["low"].notna()]
        if len(own):
            last = own.iloc[-1]
            said.append(f"{arm} at the end {_told(last, kind)}")
    return f"Difference to the control by day, with intervals that hold at every look. {'; '.join(said)}."


def stay_figure(curves: SurvivalCurves, *, is_dark: bool = False) -> Figure:
    """Draw which share of each group had not lapsed so many days after the exposure, with the users at risk."""
    figure = survival_figure(curves, is_dark=is_dark)
    figure["layout"]["yaxis"]["title"]["text"] = "Share not lapsed"
    title = "Days after the exposure<br>Users under observation:"
    figure["layout"]["annotations"] = [{**note, "text": title} for note in figure["layout"]["annotations"]]
    return figure


def plan_figure(plan: Plan, *, is_dark: bool = False) -> Figure:
    """Draw which effect so many users can find, and mark the plan."""
    colours, ink = GROUPS[is_dark], INKS[is_dark]
    kind = plan.spec.kind
    scale = 100.0 if kind == "rate" else 1.0
    known = plan.curve[plan.curve["detectable"].notna()]
    n, smallest = [int(v) for v in known["n_total"]], [abs(float(v)) for v in known["detectable"]]
    said = [f"{size:,} users: {signed(value, kind)} or more" for size, value in zip(n, known["detectable"], strict=True)]
    at = {"type": "line", "y0": 0, "y1": 1, "yref": "paper"}
    marks = [{**at, "x0": plan.n_total, "x1": plan.n_total, "line": {"color": ink.text, "width": 1.5, "dash": "dot"}}]
    is_left = plan.spec.n_available is None or plan.spec.n_available >= plan.n_total
    note = {"y": 1, "yref": "paper", "yanchor": "top", "showarrow": False, "xshift": 4, "xanchor": "left"}
    other = {**note, "xshift": -4, "xanchor": "right"}
    notes = [{**(other if is_left else note), "x": plan.n_total, "text": "planned"}]
    if plan.spec.n_available is not None and n and n[0] <= plan.spec.n_available <= n[-1]:
        there = plan.spec.n_available
        marks.append({**at, "x0": there, "x1": there, "line": {"color": colours[1], "width": 1.5, "dash": "dash"}})
        notes.append({**(note if is_left else other), "x": there, "text": "there are"})
    return {
        "data": [
            line(
                "Smallest effect", n, [round(value * scale, 4) for value in smallest], colours[0], is_marked=False,
                hover="%{customdata}<extra></extra>", customdata=said, showlegend=False,
            )
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Users in all groups together",
            y_title=f"Smallest effect that is found,<br>{unit_of(kind)}",
            height=340,
            margin={"l": 64, "r": 16, "t": 44, "b": 52},
            xaxis={"tickformat": ",", "rangemode": "tozero"},
            shapes=marks,
            annotations=notes,
            hovermode="closest",
        ),
    }  # fmt: skip


def plan_alt(plan: Plan) -> str:
    """Describe the sizes to somebody who does not see them."""
    known = plan.curve[plan.curve["detectable"].notna()]
    ends = [
        f"{int(row['n_total']):,} users find {signed(float(row['detectable']), plan.spec.kind)}"
        for row in (known.iloc[0], known.iloc[-1])
    ] if len(known) else []
    return f"Smallest effect that so many users find, in {unit_of(plan.spec.kind)}: {'; '.join(ends)}. Planned: {plan.n_total:,}."
