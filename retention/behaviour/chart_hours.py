"""The hours of the week as a heatmap, and the usual hours of users as bars."""

from __future__ import annotations

from math import isnan

from retention.behaviour.week_hours import WEEKDAY_NAMES, UserHours, UsualHours, WeekHours
from retention.behaviour.words_hours import hour_words
from retention.cohorts.chart_frame import bars, layout
from retention.cohorts.chart_look import GROUPS, INKS, SHARES, Figure


def week_order(week_start: str) -> list[int]:
    """List the weekdays from the first day of the store's week.

    Examples
    --------
    >>> week_order("sunday")
    [6, 0, 1, 2, 3, 4, 5]
    """
    first = [name.lower() for name in WEEKDAY_NAMES].index(week_start)
    return [(first + i) % 7 for i in range(7)]


def week_heatmap(result: WeekHours, *, is_dark: bool = False) -> Figure:
    """Draw the counts of every hour of the week; squares over the cells take the clicks."""
    ink = INKS[is_dark]
    days = week_order(result.clock.week_start)
    names = [WEEKDAY_NAMES[d][:3] for d in days]
    hours = [f"{h:02d}" for h in range(24)]
    what = result.spec.counted
    total = result.n_events if what == "events" else result.n_users
    n = result.cells["n"].tolist()
    z = [[n[24 * d + h] for h in range(24)] for d in days]
    points = [(hours[h], names[i], d, h) for i, d in enumerate(days) for h in range(24)]
    texts = [
        f"{WEEKDAY_NAMES[d]} {hour_words(h)}: {n[24 * d + h]:,} of {total:,} {what}"
        + (f" ({n[24 * d + h] / total:.1%})" if total else "")
        for _, _, d, h in points
    ]
    heat = {
        "type": "heatmap",
        "x": hours,
        "y": names,
        "z": z,
        "zmin": 0,
        "colorscale": [[i / (len(SHARES[is_dark]) - 1), c] for i, c in enumerate(SHARES[is_dark])],
        "xgap": 1,
        "ygap": 1,
        "hoverinfo": "skip",
        "colorbar": {
            "title": {"text": what.capitalize(), "font": {"size": 12, "color": ink.faint}},
            "tickfont": {"size": 12, "color": ink.faint},
            "thickness": 10,
            "len": 0.9,
            "y": 0,
            "yanchor": "bottom",
            "outlinewidth": 0,
            "nticks": 4,
        },
    }
    # A heatmap never tells of clicks, so squares that nobody sees lie over it.
    clicks = {
        "type": "scatter",
        "mode": "markers",
        "x": [x for x, *_ in points],
        "y": [y for _, y, *_ in points],
        "marker": {"symbol": "square", "size": 22, "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        "unselected": {"marker": {"color": "rgba(0,0,0,0)", "opacity": 1}},
        "selected": {"marker": {"color": ink.pick, "opacity": 0.75}},
        "customdata": [[str(24 * d + h), text] for (_, _, d, h), text in zip(points, texts, strict=True)],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "showlegend": False,
    }
    return {
        "data": [heat, clicks],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Hour of the day ({result.clock.timezone})",
            height=320,
            hovermode="closest",
            margin={"l": 44, "r": 8, "t": 36, "b": 52},
            # The squares that take clicks are larger than points, for which plotly would leave room.
            xaxis={
                "type": "category",
                "showgrid": False,
                "tickvals": hours[::3],
                "tickangle": 0,
                "range": [-0.5, 23.5],
            },
            yaxis={"type": "category", "showgrid": False, "range": [6.5, -0.5]},
            showlegend=False,
        ),
    }


def week_alt(result: WeekHours, verdict: str) -> str:
    """Describe the week to somebody who does not see it."""
    return f"Heatmap of {result.spec.counted} by weekday and hour of the day ({result.clock.timezone}). {verdict}"


def usual_bars(result: UsualHours, *, is_dark: bool = False) -> Figure:
    """Draw how many users are usually active at each hour of the day."""
    frame = result.counts
    return {
        "data": [
            bars(
                "Users",
                [hour_words(h)[:2] for h in frame["hour"]],
                [None if isnan(r) else round(r, 5) for r in frame["rate"]],
                GROUPS[is_dark][0],
                hover="%{text}<extra></extra>",
                customdata=[[str(int(h))] for h in frame["hour"]],
                text=[
                    f"{hour_words(h)}: {n:,} of {result.n_users:,} users"
                    for h, n in zip(frame["hour"], frame["n_users"], strict=True)
                ],
                textposition="none",
            )
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Hour of the day ({result.clock.timezone})",
            y_title=f"Share of {result.n_users:,} users",
            y_format=".0%",
            height=280,
            hovermode="closest",
            showlegend=False,
            xaxis={"type": "category", "tickangle": 0},
            margin={"l": 56, "r": 12, "t": 12, "b": 52},
        ),
    }


def user_bars(result: UserHours, *, is_dark: bool = False) -> Figure:
    """Draw on how many days one user was active at each hour; the usual hours stand out."""
    colour, faint = GROUPS[is_dark][0], INKS[is_dark].line
    return {
        "data": [
            bars(
                "Days",
                [hour_words(h)[:2] for h in result.counts["hour"]],
                [int(n) for n in result.counts["n"]],
                colour,
                hover="%{x}:00: %{y} days<extra></extra>",
                marker={"color": [colour if h in result.usual else faint for h in result.counts["hour"]]},
            )
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Hour of the day ({result.clock.timezone})",
            y_title="Days active at that hour",
            height=240,
            hovermode="closest",
            showlegend=False,
            xaxis={"type": "category", "tickangle": 0},
            margin={"l": 56, "r": 12, "t": 12, "b": 52},
        ),
    }
