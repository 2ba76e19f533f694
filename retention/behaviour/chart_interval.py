"""Usual intervals as bars or steps, and the churn-window chooser as curves with bands."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from math import isnan

from retention.behaviour.churn_window import ChurnWindow
from retention.behaviour.usage_interval import UsageInterval
from retention.cohorts.chart_frame import band, bars, layout, line
from retention.cohorts.chart_look import DASHES, GROUPS, INKS, Figure

LAST_BIN = 60


def bin_label(up_to: int, last_bin: int = LAST_BIN) -> str:
    """Write a bin of days.

    Examples
    --------
    >>> bin_label(7), bin_label(61)
    ('7', '>60')
    """
    return f">{last_bin}" if up_to > last_bin else str(up_to)


def interval_bars(result: UsageInterval, *, counted: str = "users", is_dark: bool = False) -> Figure:
    """Draw how the usual intervals of everybody are distributed, with the quartiles of the users."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    frame = result.binned(counted=counted, last_bin=LAST_BIN)
    total = int(frame["n"].sum())
    what = "users" if counted == "users" else "gaps"
    hover = [
        f"{'more than ' + str(LAST_BIN) if d > LAST_BIN else d} day{'' if d == 1 else 's'}: {n:,} of {total:,} {what} ({rate:.1%})"
        for d, n, rate in zip(frame["up_to"], frame["n"], frame["rate"].fillna(0), strict=True)
    ]
    trace = bars(
        what.capitalize(),
        frame["up_to"].tolist(),
        [None if isnan(r) else round(r, 5) for r in frame["rate"]],
        colour,
        hover="%{text}<extra></extra>",
        customdata=[[str(int(d))] for d in frame["up_to"]],
        text=hover,
        textposition="none",
    )
    shapes, notes = [], []
    row = result.row()
    if counted == "users" and row["n_users"]:
        for name, label in (("q25", "25 %"), ("median", "median"), ("q75", "75 %")):
            at = min(float(row[name]), LAST_BIN + 1)
            shapes.append(
                {
                    "type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
                    "line": {"color": ink.faint, "width": 1.5, "dash": "solid" if name == "median" else "dot"},
                }
            )  # fmt: skip
            notes.append(f"{label}: {row[name]:g}")
    ticks = [1, 7, 14, 21, 28, 35, 42, 49, 56, LAST_BIN + 1]
    figure_layout = layout(
        is_dark=is_dark,
        x_title="Days from one active day to the next" if counted == "gaps" else "Median days between active days",
        y_title=f"Share of {total:,} {what}",
        y_format=".0%",
        xaxis={"tickvals": ticks, "ticktext": [bin_label(d) for d in ticks], "range": [0, LAST_BIN + 2]},
        showlegend=False,
        hovermode="closest",
        bargap=0.15,
        shapes=shapes,
        annotations=[
            {
                "text": " · ".join(notes) + " days", "xref": "paper", "yref": "paper", "x": 0, "y": 1.02, "xanchor": "left",
                "yanchor": "bottom", "showarrow": False, "font": {"size": 13, "color": ink.text},
            }
        ]
        if notes
        else [],
    )  # fmt: skip
    return {"data": [trace], "layout": figure_layout}


def interval_steps(
    result: UsageInterval, groups: list[str], *, counted: str = "users", is_dark: bool = False
) -> Figure:
    """Draw for each group the share whose interval is at most so many days."""
    traces = []
    what = "users" if counted == "users" else "gaps"
    for i, group in enumerate(groups):
        frame = result.binned(group, counted=counted, last_bin=LAST_BIN)
        if not frame["n"].sum():
            continue
        shown = frame[frame["up_to"] <= LAST_BIN]
        name = escape(group)
        traces.append(
            line(
                name,
                shown["up_to"].tolist(),
                [round(v, 5) for v in shown["within_rate"]],
                GROUPS[is_dark][i % len(GROUPS[is_dark])],
                dash=DASHES[i % len(DASHES)],
                is_marked=False,
                hover="%{y:.1%}",
            )
        )
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Median days, at most" if counted == "users" else "Days to the next active day, at most",
            y_title=f"Share of the group's {what}",
            y_format=".0%",
            xaxis={"tickvals": [1, 7, 14, 21, 28, 35, 42, 49, 56], "range": [0, LAST_BIN + 1]},
            yaxis={"range": [0, 1.02]},
        ),
    }


def window_curves(
    result: ChurnWindow,
    groups: list[str],
    *,
    marks: Mapping[str, int],
    accepted_rate: float,
    is_dark: bool = False,
) -> Figure:
    """Draw the share of false lapses against the window, with bands and the accepted share.

    Parameters
    ----------
    groups : list of str
        Drawn beside everybody.
    marks : mapping of words to days
        Windows of interest: the one in force, the one that is suggested, …
    """
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    traces: list[Figure] = []
    for i, group in enumerate([None, *groups]):
        known = result.of(group)
        known = known[known["n_silences"] > 0]
        if not len(known):
            continue
        name, colour = "Everybody" if group is None else escape(group), colours[i % len(colours)]
        days = known["days"].tolist()
        if group is None or len(groups) <= 2:
            traces.append(band(name, days, known["low"].round(5).tolist(), known["high"].round(5).tolist(), colour))
        spans = [
            f"{x:,} of {n:,}, {a * 100:.1f}–{b * 100:.1f} %"
            for x, n, a, b in zip(known["n_returned"], known["n_silences"], known["low"], known["high"], strict=True)
        ]
        traces.append(
            line(
                name, days, known["rate"].round(5).tolist(), colour, dash=DASHES[i % len(DASHES)],
                width=2.5 if group is None else 1.8, is_marked=False, hover="%{y:.1%} (%{customdata})", customdata=spans,
            )
        )  # fmt: skip
    shapes = [
        {
            "type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": accepted_rate, "y1": accepted_rate,
            "line": {"color": ink.faint, "width": 1, "dash": "dash"},
        }
    ]  # fmt: skip
    notes = [
        {
            "text": f"accepted: {accepted_rate:.0%}", "xref": "paper", "x": 1, "y": accepted_rate, "xanchor": "right",
            "yanchor": "bottom", "showarrow": False, "font": {"size": 12, "color": ink.faint},
        }
    ]  # fmt: skip
    last = int(result.rows["days"].max())
    for place, days in enumerate(sorted(set(marks.values()))):
        if days > last:
            continue
        words = ", ".join(label for label, on in marks.items() if on == days)
        shapes.append(
            {
                "type": "line", "xref": "x", "yref": "paper", "x0": days, "x1": days, "y0": 0, "y1": 1,
                "line": {"color": ink.pick, "width": 1.5, "dash": "dot"},
            }
        )  # fmt: skip
        notes.append(
            {
                "text": f"{words}: {days}", "xref": "x", "yref": "paper", "x": days, "y": 1 - 0.09 * place,
                "xanchor": "left" if days < last * 0.6 else "right", "yanchor": "top", "showarrow": False,
                "font": {"size": 12, "color": ink.text},
            }
        )  # fmt: skip
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Window X, days of silence",
            y_title=f"Back within {result.spec.follow_up_days} days",
            y_format=".0%",
            shapes=shapes,
            annotations=notes,
            xaxis={"range": [0, last + 2], "tickvals": [1, *range(30, last + 1, 30)]},
        ),
    }
