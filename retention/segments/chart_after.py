"""Pictures of what users did after the segments were fixed: who came back, who lapsed, who bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from math import isnan

from retention.cohorts.chart_frame import TICK_SIZE, band, layout, line, tint
from retention.cohorts.chart_look import DASHES, INKS, Figure
from retention.cohorts.words import interval, percent
from retention.segments.after import After
from retention.segments.chart import segment_colour
from retention.segments.words_after import money
from retention.survival.chart import survival_alt, survival_figure
from retention.survival.curve import SurvivalCurves

USUAL, MOST = 5, 8
"""So many lines are drawn unless others are chosen; more than eight could not be told apart."""


def shown_names(after: After, chosen: Sequence[str] = ()) -> tuple[str, ...]:
    """List the groups that are drawn, in the order of the segments: those chosen, else the largest five."""
    sizes = dict(zip(after.names, after.sizes, strict=True))
    kept = [name for name in chosen if sizes.get(name)][:MOST]
    kept = kept or sorted((n for n in after.names if sizes[n]), key=lambda n: -sizes[n])[:USUAL]
    return tuple(name for name in after.names if name in kept)


def cut_words(after: After, shown: Sequence[str]) -> str:
    """Say which groups are not drawn; nothing where all are."""
    left = [name for name, n in zip(after.names, after.sizes, strict=True) if n and name not in shown]
    return f"Not drawn, but in the table: {', '.join(left)}." if left else ""


def _looks(after: After, shown: Sequence[str], *, is_dark: bool) -> dict[str, tuple[str, str]]:
    """Choose colour and dash of each line: those of the segment in every picture, or by place where two would be alike."""
    segments = dict(zip(after.weeks["name"], after.weeks["segment"], strict=True))
    colours = [segment_colour(int(segments[name]), is_dark=is_dark) for name in shown]
    if len(set(colours)) < len(colours):
        colours = [segment_colour(place, is_dark=is_dark) for place in range(len(shown))]
    return {name: (colour, DASHES[i % len(DASHES)]) for i, (name, colour) in enumerate(zip(shown, colours, strict=True))}


def return_lines(after: After, shown: Sequence[str], *, is_dark: bool = False) -> Figure:
    """Draw the share of each segment that was active in each week, with 95 % bands; weeks over a gap are hollow."""
    ink, looks = INKS[is_dark], _looks(after, shown, is_dark=is_dark)
    traces: list[Figure] = []
    for name in shown:
        rows = after.weeks[after.weeks["name"] == name]
        colour, dash = looks[name]
        weeks, has_gap = [int(w) for w in rows["week"]], [bool(g) for g in rows["touches_gap"]]
        rates, low, high = ([round(float(v), 4) for v in rows[c]] for c in ("rate", "low", "high"))
        said = [
            f"{int(x):,} of {int(n):,}, {interval(a, b)}{', rests on a missing stretch' if gap else ''}"
            for x, n, a, b, gap in zip(rows["retained"], rows["n"], low, high, has_gap, strict=True)
        ]
        markers = {"size": 7, "color": [tint(colour, 0) if gap else colour for gap in has_gap], "line": {"color": colour, "width": 1.5}}
        label = escape(name)
        traces += [
            band(label, weeks, low, high, colour),
            line(label, weeks, rates, colour, dash=dash, hover="%{y:.1%} (%{customdata})", customdata=said)
            | {"marker": markers},
        ]
    last = after.n_weeks - 1
    n_rows = -(-len(traces) // 6)
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Week after {after.at_on.day} {after.at_on:%b %Y} (0 = first 7 days)",
            y_title="Share active in the week",
            y_format=".0%",
            height=360 + 22 * n_rows,
            margin={"l": 56, "r": 12, "t": 24 + 22 * n_rows, "b": 52},
            xaxis={"dtick": max(1, -(-(last + 1) // 12)), "range": [-0.3, last + 0.3]},
            shapes=[
                {
                    "type": "rect", "x0": week - 0.5, "x1": week + 0.5, "y0": 0, "y1": 1, "yref": "paper",
                    "fillcolor": tint(ink.gap, 0.18), "line": {"width": 0}, "layer": "below",
                }
                for week in sorted({int(w) for w in after.weeks.loc[after.weeks["touches_gap"].astype(bool), "week"]})
            ],
        ),
    }  # fmt: skip


def return_alt(after: After, shown: Sequence[str]) -> str:
    """Describe the lines to somebody who does not see them."""
    last = after.weeks[after.weeks["week"] == after.n_weeks - 1]
    shown = shown_names(after)
    rates = dict(zip(last["name"], last["rate"], strict=True))
    said = "; ".join(f"{name} {percent(rates[name])}" for name in shown)
    return f"Share of each segment active by week after {after.at_on}, with 95 % bands. In week {after.n_weeks - 1}: {said}."


def lapse_figure(after: After, shown: Sequence[str], *, is_dark: bool = False) -> Figure:
    """Draw which share had not lapsed so many days after the segments were fixed, with the users at risk."""
    curves = after.curves
    assert curves is not None  # the page says so and draws nothing
    figure = survival_figure(_shown(curves, shown), is_dark=is_dark)
    looks = {escape(name): look for name, look in _looks(after, shown, is_dark=is_dark).items()}
    for trace in figure["data"]:
        if trace.get("legendgroup") in looks:
            _recolour(trace, *looks[trace["legendgroup"]])
    figure["layout"]["yaxis"]["title"]["text"] = "Share not lapsed"
    title = f"Days after {after.at_on.day} {after.at_on:%b %Y}<br>Users under observation:"
    figure["layout"]["annotations"] = [{**note, "text": title} for note in figure["layout"]["annotations"]]
    return figure


def _recolour(trace: Figure, colour: str, dash: str) -> None:
    if "fillcolor" in trace:
        trace["fillcolor"] = tint(colour, 0.16)
    else:
        trace["line"] = {**trace["line"], "color": colour, "dash": dash}


def _shown(curves: SurvivalCurves, shown: Sequence[str]) -> SurvivalCurves:
    return replace(curves, groups=tuple(group for group in curves.groups if group.name in shown))


def lapse_alt(after: After, shown: Sequence[str]) -> str:
    """Describe the curves to somebody who does not see them."""
    assert after.curves is not None
    return f"Days after {after.at_on} until users fell silent. {survival_alt(_shown(after.curves, shown))}"


def revenue_bars(after: After, *, is_dark: bool = False) -> Figure:
    """Draw what each segment brought in per user, with the 95 % interval, the first segment on top."""
    rows = after.revenue
    assert rows is not None
    rows = rows[rows["n"] > 0].iloc[::-1]
    ink = INKS[is_dark]
    found: list[Mapping[str, object]] = rows.to_dict("records")
    said = [
        f"{money(_number(r, 'net_per_user'), _number(r, 'low'), _number(r, 'high'))} per user<br>"
        f"{int(_number(r, 'n_buyers')):,} of {int(_number(r, 'n')):,} users bought"
        + ("" if isnan(_number(r, "value_share")) else f"<br>{percent(_number(r, 'value_share'))} of the revenue of all")
        for r in found
    ]
    means, low, high = (rows[c].tolist() for c in ("net_per_user", "low", "high"))
    has_interval = [not isnan(v) for v in low]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [round(v, 2) for v in means],
                "y": [escape(_short(str(r["name"]))) for r in found],
                "marker": {"color": [segment_colour(int(_number(r, "segment")), is_dark=is_dark) for r in found], "opacity": 0.75},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(h - m, 2) if ok else 0 for h, m, ok in zip(high, means, has_interval, strict=True)],
                    "arrayminus": [round(m - a, 2) if ok else 0 for a, m, ok in zip(low, means, has_interval, strict=True)],
                    "color": ink.text,
                    "thickness": 1.5,
                    "width": 4,
                },
                "customdata": said,
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Revenue less refunds per user",
            height=100 + 36 * len(rows),
            hovermode="closest",
            bargap=0.35,
            margin={"l": 56, "r": 16, "t": 16, "b": 52},
            xaxis={"showgrid": True, "tickformat": ",.4~g"},
            yaxis={"rangemode": "normal", "type": "category", "tickfont": {"size": TICK_SIZE, "color": ink.text}},
        ),
    }


def _number(row: Mapping[str, object], name: str) -> float:
    return float(row[name])  # type: ignore[arg-type]


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def revenue_alt(after: After) -> str:
    """Describe the bars to somebody who does not see them."""
    assert after.revenue is not None
    said = "; ".join(
        f"{r['name']} {money(r['net_per_user'], r['low'], r['high'])}"
        for r in after.revenue[after.revenue["n"] > 0].to_dict("records")
    )
    return f"Revenue less refunds per user from {after.at_on} to {after.last_on}: {said}."
