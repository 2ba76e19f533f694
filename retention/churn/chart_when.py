"""Pictures of when users lapse: what was said of groups of them beside what came, and how sure the models are."""

from __future__ import annotations

from html import escape

from retention.churn.when import LapseTimes, RiskGroup
from retention.churn.words_reasons import percent
from retention.cohorts.chart_frame import band, layout, line
from retention.cohorts.chart_look import GROUPS, Figure
from retention.periods import date_of
from retention.survival.chart import ticks

MAX_POINTS = 120


def group_lines(found: LapseTimes, *, is_dark: bool = False) -> Figure:
    """Draw, for each group, which share was still to come: what came in full with its band, what was said dotted."""
    colours = GROUPS[is_dark]
    traces: list[Figure] = []
    for i, group in enumerate(found.groups):
        colour, name = colours[i], escape(group.name)
        rows = group.came
        if len(rows) > MAX_POINTS:
            rows = rows.iloc[:: -(-len(rows) // MAX_POINTS)]
        known = rows.dropna(subset=["low", "high"])
        x = [0, *(int(t) for t in rows["t"])]
        came = [1.0, *(round(float(v), 4) for v in rows["survival"])]
        traces += [
            band(
                name, [int(t) for t in known["t"]], [round(float(v), 4) for v in known["low"]],
                [round(float(v), 4) for v in known["high"]], colour, shape="hv",
            ),
            line(
                name, x, came, colour, is_marked=False, hover=f"{name}: %{{y:.0%}} still to come<extra></extra>",
                line={"color": colour, "width": 2.5, "shape": "hv"},
            ),
            line(
                f"{name}, said", [round(float(t), 2) for t in group.said["t"]],
                [round(float(v), 4) for v in group.said["survival"]], colour, dash="dot", is_marked=False,
                hover=f"{name}: %{{y:.0%}} was said<extra></extra>", showlegend=False,
            ),
        ]  # fmt: skip
    start = date_of(found.plan.judge_day or 0)
    at = ticks(found.follow_days)
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Days after {start.day} {start:%b %Y}",
            y_title="Share still to come again",
            y_format=".0%",
            height=420,
            margin={"l": 56, "r": 16, "t": 64, "b": 52},
            hovermode="closest",
            xaxis={"tickvals": at, "range": [0, found.follow_days]},
            yaxis={"range": [0, 1.02]},
        ),
    }


def _at(group: RiskGroup, days: int) -> tuple[float, float]:
    said = group.said.iloc[(group.said["t"] - days).abs().argmin()]
    came = group.came[group.came["t"] <= days]
    return float(said["survival"]), float(came["survival"].iloc[-1]) if len(came) else 1.0


def group_alt(found: LapseTimes) -> str:
    """Describe the lines to somebody who does not see them."""
    half = found.follow_days // 2
    told = [(group, *_at(group, half)) for group in found.groups]
    said = "; ".join(f"{g.name} ({g.n:,} users): said {percent(s)}, came {percent(c)}" for g, s, c in told)
    return f"Share of users still to come again, {half} days after {date_of(found.plan.judge_day or 0)}: {said}."
