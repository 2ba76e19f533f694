"""Drivers as dots with intervals: how many times as likely users are to be active later."""

from __future__ import annotations

from html import escape
from math import inf, log10

from retention.behaviour.drivers import FEW, LESS, MORE, UNCLEAR, Drivers
from retention.behaviour.words_drivers import days_words, ratio_words, times_words
from retention.cohorts.chart_frame import layout
from retention.cohorts.chart_look import GROUPS, INKS, Figure, short_percent

SHOWN = 12
SYMBOLS = {MORE: "circle", LESS: "diamond", UNCLEAR: "circle-open", FEW: "x-thin-open"}
SAYS_WORDS = {
    MORE: "goes with more activity",
    LESS: "goes with less activity",
    UNCLEAR: "cannot tell",
    FEW: "too few users",
}
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def driver_key(event: str, n: int) -> str:
    """Name a behaviour, for clicks and for the list of what can be looked into.

    Examples
    --------
    >>> driver_key("buy", 2)
    '2.buy'
    """
    return f"{n}.{event}"


def lift_dots(drivers: Drivers, *, is_dark: bool = False) -> Figure:
    """Draw the lift of each event at the number of times that goes with being active the most clearly."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    inks = {MORE: colours[0], LESS: colours[1], UNCLEAR: ink.faint, FEW: ink.faint}
    rows = drivers.best.head(SHOWN)
    rows = rows[(rows["lift"] > 0) & (rows["lift"] < inf)]
    names = {
        place: f"{escape(row.event if len(row.event) <= 20 else row.event[:19] + '…')}{'' if row.n == 1 else f' ×{row.n}'}"
        for place, row in enumerate(rows.itertuples())
    }
    known = [v for v in (*rows["lift_low"], *rows["lift_high"], *rows["lift"]) if 0 < v < inf] or [1.0]
    least, most = min(*known, 0.5) / 1.15, max(*known, 2.0) * 1.15
    later = days_words(drivers.spec)[1]
    traces = []
    for says in (MORE, LESS, UNCLEAR, FEW):
        mine = [(place, row) for place, row in enumerate(rows.itertuples()) if row.says == says]
        if not mine:
            continue
        traces.append({
            "type": "scatter", "mode": "markers", "name": says,
            "x": [round(row.lift, 4) for _, row in mine], "y": [names[place] for place, _ in mine],
            "marker": {"color": inks[says], "size": 11, "symbol": SYMBOLS[says], "line": {"width": 2, "color": inks[says]}},
            "error_x": {
                "type": "data", "symmetric": False, "color": inks[says], "thickness": 2, "width": 4,
                "array": [min(row.lift_high, most) - row.lift for _, row in mine],
                "arrayminus": [row.lift - max(row.lift_low, least) for _, row in mine],
            },
            "customdata": [[driver_key(row.event, row.n)] for _, row in mine],
            "hovertext": [
                f"{escape(row.event)} {times_words(row.n)}: {short_percent(row.rate_did)} of"
                f" {row.did_retained + row.did_lost:,} active on {later}, of the others {short_percent(row.rate_not)}"
                f" of {row.not_retained + row.not_lost:,}; lift {ratio_words(row.lift)}"
                f" ({ratio_words(row.lift_low)} to {ratio_words(row.lift_high)})"
                for _, row in mine
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    ticks = [t for t in TICKS if least <= t <= most]
    frame = layout(
        is_dark=is_dark,
        margin={"l": 8, "r": 12, "t": 56, "b": 52},
        x_title="Lift: those who did ÷ the others",
        y_title="",
        height=130 + 34 * max(len(names), 1),
        xaxis={
            "type": "log", "range": [log10(least), log10(most)], "tickvals": ticks, "ticktext": [f"{t:g}×" for t in ticks],
            "showgrid": True,
        },
        yaxis={
            "type": "category", "autorange": "reversed", "rangemode": "normal", "categoryorder": "array",
            "categoryarray": list(names.values()), "showgrid": False,
        },
        hovermode="closest",
        shapes=[{
            "type": "line", "xref": "x", "yref": "paper", "x0": 1, "x1": 1, "y0": 0, "y1": 1,
            "line": {"color": ink.faint, "width": 1.5, "dash": "dash"},
        }],
    )  # fmt: skip
    return {"data": traces, "layout": frame}
