"""A forecast as a picture."""

from __future__ import annotations

from math import isnan

from retention.cohorts.chart_frame import band, layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.forecast.result import Forecast

SHOWN_BACK = 52
"""Complete periods drawn before the forecast."""


def forecast_figure(found: Forecast, *, is_dark: bool) -> Figure:
    """Draw what came, what is expected with its interval, and the naive guess beside it."""
    colours, ink, spec = GROUPS[is_dark], INKS[is_dark], found.spec
    seen, ahead = found.seen.tail(SHOWN_BACK), found.ahead
    before = [on.isoformat() for on in seen["from_on"]]
    coming = [on.isoformat() for on in ahead["from_on"]]
    actual = [None if gap else round(value, 2) for value, gap in zip(seen["actual"], seen["touches_gap"], strict=True)]
    naive = found.trial.naive
    guess = [None if isnan(value) else round(value, 2) for value in ahead[naive]]
    spans = [f"{low:,.0f}–{high:,.0f}" for low, high in zip(ahead["low"], ahead["high"], strict=True)]
    traces = [
        band(
            "Forecast",
            coming,
            [round(v, 2) for v in ahead["low"]],
            [round(v, 2) for v in ahead["high"]],
            colours[0],
        ),
        line("Came", before, actual, ink.text, hover="%{y:,.0f} came"),
        line(
            "Forecast",
            coming,
            [round(v, 2) for v in ahead["expected"]],
            colours[0],
            hover="%{y:,.0f} expected (95 % %{customdata})",
            customdata=spans,
        ),
        line(
            "Simple guess: as last" if naive == "last" else "Simple guess: as a year before",
            coming,
            guess,
            colours[1],
            dash="dot",
            is_marked=False,
            hover="%{y:,.0f} by the simple guess",
        ),
    ]
    what = "Active users" if spec.metric == "active users" else "Revenue before refunds"
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            is_time=True,
            x_title=f"First day of the {spec.period}",
            y_title=f"{what} per {spec.period}",
            y_format=",",
        ),
    }


def forecast_alt(found: Forecast) -> str:
    """Describe the forecast to somebody who does not see it."""
    first, last = found.ahead.iloc[0], found.ahead.iloc[-1]
    what = "active users" if found.spec.metric == "active users" else "revenue"
    return (
        f"{what.capitalize()} per {found.spec.period}: what came as a line, then the forecast with a 95 % band,"
        f" {first.expected:,.0f} in the first {found.spec.period} and {last.expected:,.0f} in the last,"
        f" beside a simple guess of {first[found.trial.naive]:,.0f}."
    )
