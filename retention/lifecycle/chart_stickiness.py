"""Daily, weekly and monthly actives, stickiness and active days as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import isnan
from typing import Any

from retention.cohorts.chart_frame import bars, layout, line, tint
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.lifecycle.chart import level
from retention.lifecycle.stickiness import MONTH, ActiveDays, Stickiness
from retention.lifecycle.words import WINDOW_WORDS, period_label

LINES = (("mau", MONTH, "window_touches_gap"), ("wau", 7, "week_touches_gap"), ("dau", 1, "touches_gap"))
"""From the top down: the column, its days, and what says that it touches a missing stretch."""


def active_lines(found: Stickiness, *, is_dark: bool = False, group: str | None = None) -> Figure:
    """Draw daily, weekly and monthly active users; days in progress, or that touch a missing stretch, are holes.

    Notes
    -----
    `customdata` of a point: the value of the drill-down, such as ``2026-01-05.7``.
    """
    rows = found.of(group)
    x = [on.isoformat() for on in rows["on"]]
    whole = [state == "complete" for state in rows["state"]]
    traces = []
    for i, (name, window, gap) in enumerate(LINES):
        fit = [a and not b for a, b in zip(whole, rows[gap], strict=True)]
        users = [None if n is None or not ok else int(n) for n, ok in zip(_known(rows[name]), fit, strict=True)]
        traces.append(
            line(
                WINDOW_WORDS[window],
                x,
                users,
                GROUPS[is_dark][i],
                width=2,
                hover="%{fullData.name}: %{y:,d}<br>%{x|%-d %b %Y}<extra></extra>",
                customdata=[[f"{on}.{window}"] for on in x],
                marker={"size": 4},
            )
        )
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Day ({found.clock.timezone})",
            y_title="Active users",
            is_time=True,
            height=360,
            hovermode="closest",  # a click means the line under the pointer
            shapes=_gap_stripes(rows["on"], rows["touches_gap"], is_dark=is_dark),
            yaxis={"tickformat": ",d"},
        ),
    }


def _known(values: Any) -> list[int | None]:
    return [None if missing else int(n) for n, missing in zip(values.fillna(0), values.isna(), strict=True)]


def _gap_stripes(days: Sequence[date], has_gap: Sequence[bool], *, is_dark: bool) -> list[Figure]:
    """Shade the days that touch a stretch marked missing."""
    colour = tint(INKS[is_dark].gap, 0.18)
    return [
        {
            "type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "fillcolor": colour,
            "x0": f"{(on - timedelta(days=1)).isoformat()} 12:00", "x1": f"{on.isoformat()} 12:00", "layer": "below",
        }
        for on, gap in zip(days, has_gap, strict=True)
        if gap
    ]  # fmt: skip


def active_alt(found: Stickiness, group: str | None = None) -> str:
    """Describe the lines to somebody who does not see them."""
    rows = found.of(group)
    last = rows[rows["state"] == "complete"].tail(1)
    said = ""
    for row, missing in zip(last.to_dict("records"), last.isna().to_dict("records"), strict=True):
        parts = [
            f"{words.lower()} {int(row[name]):,}"
            for name, words in (("dau", "Daily"), ("wau", "Weekly"), ("mau", "Monthly"))
            if not missing[name]
        ]
        said = f" On {period_label(row['on'], 'day')}: {', '.join(parts)}."
    return f"Daily, weekly (7 days) and monthly (28 days) active users by day.{said}"


def stickiness_line(found: Stickiness, *, is_dark: bool = False, group: str | None = None) -> Figure:
    """Draw the daily share of the month's users, with the average over the days that count."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    rows, summary = found.of(group), found.summed_up(group)
    x = [on.isoformat() for on in rows["on"]]
    rates = [None if isnan(rate) else round(rate, 5) for rate in rows["rate"]]
    traces = [line("Stickiness", x, rates, colour, width=2, hover="%{y:.1%}", marker={"size": 4})]
    mean = float(summary["rate"])
    if not isnan(mean):
        traces.append(level(f"Average {mean:.1%}", x, round(mean, 5), ink.text))
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Day ({found.clock.timezone})",
            y_title=f"Day ÷ {MONTH} days",
            y_format=".0%",
            is_time=True,
            height=280,
            shapes=_gap_stripes(rows["on"], rows["touches_gap"], is_dark=is_dark),
        ),
    }


def active_days_bars(
    found: ActiveDays, *, is_dark: bool = False, group: str | None = None, is_at_least: bool = False
) -> Figure:
    """Draw the share of a period's users who were active on so many days, with 95 % intervals.

    Notes
    -----
    `customdata` of a bar: the number of days, as text.
    """
    rows, how = found.of(group), "at_least" if is_at_least else "exactly"
    colour, ink = GROUPS[is_dark][0], INKS[is_dark]
    known = [not isnan(rate) for rate in rows[f"rate_{how}"]]
    rows = rows[known]
    rates, low, high = (rows[f"{name}_{how}"].tolist() for name in ("rate", "low", "high"))
    pattern = "/" if found.state == "in_progress" else "x" if found.has_gap else ""
    said = [
        [str(int(n)), f"{users:,} of {size:,} users ({a:.1%}–{b:.1%})"]
        for n, users, size, a, b in zip(rows["n_days"], rows[f"n_{how}"], rows["size"], low, high, strict=True)
    ]
    unit = found.spec.period
    return {
        "data": [
            bars(
                "At least so many days" if is_at_least else "Exactly so many days",
                [int(n) for n in rows["n_days"]],
                [round(rate, 5) for rate in rates],
                colour,
                customdata=said,
                hover="%{y:.1%}: %{customdata[1]}<extra></extra>",
                marker={"color": colour, "pattern": {"shape": pattern, "fillmode": "overlay", "fgopacity": 0.5}},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [round(b - r, 5) for r, b in zip(rates, high, strict=True)],
                    "arrayminus": [round(r - a, 5) for r, a in zip(rates, low, strict=True)],
                    "color": ink.faint,
                    "thickness": 1,
                    "width": 2,
                },
            )
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{'At least so many' if is_at_least else 'Exactly so many'} active days in {_when(found)}",
            y_title=f"Share of the {unit}'s active users",
            y_format=".0%",
            height=340,
            showlegend=False,
            hovermode="closest",
            bargap=0.15,
            xaxis={"dtick": 1, "tickangle": 0},
        ),
    }


def _when(found: ActiveDays) -> str:
    return period_label(found.on, found.spec.period)


def active_days_alt(found: ActiveDays, group: str | None = None, *, is_at_least: bool = False) -> str:
    """Describe the distribution to somebody who does not see it."""
    rows, how = found.of(group), "at_least" if is_at_least else "exactly"
    parts = [
        f"{int(n)}: {rate:.1%}"
        for n, rate in zip(rows["n_days"], rows[f"rate_{how}"], strict=True)
        if not isnan(rate) and rate
    ]
    words = "at least" if is_at_least else "exactly"
    return f"Share of the users of {_when(found)} by active days, {words} so many: {', '.join(parts)}."
