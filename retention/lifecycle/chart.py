"""Growth as pictures: figures as plain dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import isnan

from retention.cohorts.chart_frame import band, bars, layout, line, tint
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.lifecycle.lifecycle import Lifecycle, Transitions
from retention.lifecycle.spec import MOVES
from retention.lifecycle.words import STATE_WORDS, period_label

ORDER = ("returning", "resurrecting", "new", "dormant")
"""From the ground up; who fell silent hangs below it."""
COLOURS = {"returning": 0, "resurrecting": 1, "new": 2, "dormant": 3}
"""Places in `GROUPS`: one colour a state in every picture of the page."""
MOST_RATIO = 4.0
"""A quick ratio of more is off the picture."""


def state_colour(state: str, *, is_dark: bool) -> str:
    """Return the colour of a state; grey where there is none."""
    return GROUPS[is_dark][COLOURS[state]] if state in COLOURS else INKS[is_dark].faint


def lifecycle_bars(found: Lifecycle, *, is_dark: bool = False, group: str | None = None) -> Figure:
    """Draw who was new, returned, came back and fell silent in each period, the last below the line.

    Notes
    -----
    `customdata` of a bar: the value of the drill-down, such as ``2026-01-05.new``. What is in progress, or touches
    a stretch marked missing, is hatched.
    """
    rows = found.of(group)
    x = [on.isoformat() for on in rows["on"]]
    pattern = [
        "/" if state == "in_progress" else "x" if gap else ""
        for state, gap in zip(rows["state"], rows["touches_gap"], strict=True)
    ]
    marks = [{"/": "<br>so far", "x": "<br>rests on a missing stretch", "": ""}[shape] for shape in pattern]
    unit = found.spec.period
    traces = []
    for state in ORDER:
        sign = -1 if state == "dormant" else 1
        # Nothing is drawn for those who fell silent in a period that goes on: nobody knows them yet.
        counts = [int(n) for n in rows[f"n_{state}"].fillna(0)]
        colour = state_colour(state, is_dark=is_dark)
        traces.append(
            bars(
                STATE_WORDS[state],
                x,
                [sign * n for n in counts],
                colour,
                customdata=[
                    [f"{day}.{state}", f"{STATE_WORDS[state]}: {n:,} of {active:,} active<br>{heading(on, unit)}{mark}"]
                    if state != "dormant"
                    else [f"{day}.{state}", f"{STATE_WORDS[state]}: {n:,}<br>{heading(on, unit)}{mark}"]
                    for day, on, n, active, mark in zip(x, rows["on"], counts, rows["n_active"], marks, strict=True)
                ],
                hover="%{customdata[1]}<extra></extra>",
                marker={"color": colour, "pattern": {"shape": pattern, "fillmode": "overlay", "fgopacity": 0.5}},
            )
        )
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{unit.capitalize()} (its first day, {found.clock.timezone})",
            y_title=f"Users a {unit}",
            is_time=True,
            height=380,
            barmode="relative",
            bargap=0.15,
            # A click means the bar under the pointer; "x unified" would take it for the whole period.
            hovermode="closest",
            yaxis={"rangemode": "normal", "zeroline": True, "zerolinecolor": INKS[is_dark].text, "tickformat": ",d"},
        ),
    }


def lifecycle_alt(found: Lifecycle, group: str | None = None) -> str:
    """Describe the bars to somebody who does not see them."""
    rows = found.of(group)
    last = rows[rows["state"] == "complete"].tail(1)
    said = ""
    for row in last.itertuples(index=False):
        said = (
            f" In {period_label(row.on, found.spec.period)}: {row.n_new:,} new, {row.n_returning:,} returning,"
            f" {row.n_resurrecting:,} back after a break, {row.n_dormant:,} fell silent."
        )
    return f"Users by {found.spec.period}: stacked bars, those who fell silent below the line.{said}"


def quick_ratio_line(found: Lifecycle, *, is_dark: bool = False, group: str | None = None) -> Figure:
    """Draw the quick ratio of each complete period with its 95 % band; above 1 the base grows."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    rows = found.of(group)
    known = [not isnan(ratio) and not gap for ratio, gap in zip(rows["quick_ratio"], rows["touches_gap"], strict=True)]
    x = [on.isoformat() for on in rows["on"]]
    ratios, low, high = (rows[name].tolist() for name in ("quick_ratio", "low", "high"))
    traces = [
        band("Quick ratio", x[a:b], low[a:b], [min(v, 2 * MOST_RATIO) for v in high[a:b]], colour)
        for a, b in _runs(known)
    ]
    spans = [f"{a:.2f}–{b:.2f}" for a, b in zip(low, high, strict=True)]
    traces.append(
        line(
            "Quick ratio",
            x,
            [round(v, 4) if fit else None for v, fit in zip(ratios, known, strict=True)],
            colour,
            hover="%{y:.2f} (%{customdata})",
            customdata=spans,
        )
    )
    traces.append(level("1 = the base keeps its size", x, 1, ink.text))
    top = max([1.5, *(min(v * 1.25, MOST_RATIO) for v, fit in zip(ratios, known, strict=True) if fit)])
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{found.spec.period.capitalize()} (its first day, {found.clock.timezone})",
            y_title="Quick ratio",
            is_time=True,
            height=300,
            yaxis={"range": [0, top], "tickformat": ".1f"},
        ),
    }


def level(name: str, x: Sequence[str], height: float, colour: str) -> Figure:
    """Draw a dashed line across the picture, named in the legend so that no text lies over the data."""
    ends = [x[0], x[-1]] if len(x) else []
    drawn = line(name, ends, [height] * len(ends), colour, dash="dash", width=1.5, is_marked=False)
    return {**drawn, "hoverinfo": "skip", "hovertemplate": None}


def _runs(known: Sequence[bool]) -> list[tuple[int, int]]:
    """Return where stretches of True begin and end.

    Examples
    --------
    >>> _runs([True, True, False, True])
    [(0, 2), (3, 4)]
    """
    found, begin = [], None
    for i, fit in enumerate([*known, False]):
        if fit and begin is None:
            begin = i
        elif not fit and begin is not None:
            found.append((begin, i))
            begin = None
    return found


def transition_sankey(found: Transitions, *, is_dark: bool = False, group: str | None = None) -> Figure:
    """Draw from which state to which the users went; those who stay away are left out, for they would cover the rest."""
    ink = INKS[is_dark]
    rows = [r for r in found.of(group).itertuples(index=False) if r.n and (r.source, r.target) != ("away", "away")]
    sources = [
        s for s in ("unseen", "new", "returning", "resurrecting", "dormant", "away") if any(r.source == s for r in rows)
    ]
    targets = [t for t in ("new", "returning", "resurrecting", "dormant", "away") if any(r.target == t for r in rows)]
    place = {("from", s): i for i, s in enumerate(sources)}
    place |= {("to", t): len(sources) + i for i, t in enumerate(targets)}
    sent = {s: sum(int(r.n) for r in rows if r.source == s) for s in sources}
    got = {t: sum(int(r.n) for r in rows if r.target == t) for t in targets}
    unit = found.spec.lifecycle.period
    shares = ["" if isnan(r.rate) else f"{r.rate:.1%} of {r.size:,}" for r in rows]
    return {
        "data": [
            {
                "type": "sankey",
                "arrangement": "snap",
                "textfont": {"size": 13, "color": ink.text, "shadow": "none"},
                "node": {
                    "label": [f"{STATE_WORDS[s]}: {sent[s]:,}" for s in sources]
                    + [f"{STATE_WORDS[t]}: {got[t]:,}" for t in targets],
                    "color": [state_colour(s, is_dark=is_dark) for s in (*sources, *targets)],
                    "line": {"width": 0},
                    "pad": 22,
                    "thickness": 16,
                    "hovertemplate": "%{label}<extra></extra>",
                },
                "link": {
                    "source": [place["from", r.source] for r in rows],
                    "target": [place["to", r.target] for r in rows],
                    "value": [int(r.n) for r in rows],
                    "color": [tint(state_colour(r.source, is_dark=is_dark), 0.35) for r in rows],
                    "customdata": shares,
                    "hovertemplate": "%{source.label} → %{target.label}<br>%{value:,d} users %{customdata}<extra></extra>",
                },
            }
        ],
        "layout": {
            **layout(is_dark=is_dark, height=420),
            "margin": {"l": 8, "r": 8, "t": 64, "b": 12},
            "annotations": [
                {
                    "xref": "paper", "yref": "paper", "x": x, "y": 1.0, "xanchor": anchor, "yanchor": "bottom",
                    "text": text, "showarrow": False, "font": {"size": 13, "color": ink.faint},
                }
                for x, anchor, text in (
                    (0, "left", heading(found.on, unit)),
                    (1, "right", heading(found.next_on, unit)),
                )
            ],
        },
    }  # fmt: skip


def heading(on: date, unit: str) -> str:
    """Name a period as short as it fits over one end of a phone's picture."""
    if unit == "month":
        return f"{on:%b %Y}"
    return f"{'Week of ' if unit == 'week' else ''}{on.day} {on:%b %Y}"


def transition_alt(found: Transitions, group: str | None = None) -> str:
    """Describe the flow to somebody who does not see it."""
    moves, unit = found.of(group), found.spec.lifecycle.period
    parts = [
        f"{STATE_WORDS[source].lower()} to {STATE_WORDS[target].lower()} {int(n):,}"
        for source, target, n in zip(moves["source"], moves["target"], moves["n"], strict=True)
        if n and target in MOVES[source]
    ]
    return (
        f"Flow of users from {period_label(found.on, unit)} to {period_label(found.next_on, unit)}: {'; '.join(parts)}."
    )
