"""The picture of who moved from which segment to which between two dates."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan
from typing import Any

from retention.cohorts.chart_frame import TICK_SIZE, layout, tint
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.segments.segmentation import NOT_BEFORE, NOWHERE

LINK_INK = 0.35
SAID_MOVES = 8
LABEL = 22


def segment_colour(name: str, names: Sequence[str], *, is_dark: bool = False) -> str:
    """Return the colour of a segment, the same in every picture; who is in none is grey."""
    if name not in names:
        return INKS[is_dark].grey[1]
    colours = GROUPS[is_dark]
    return colours[names.index(name) % len(colours)]


def movement_figure(moves: Any, names: Sequence[str], before_on: str, after_on: str, *, is_dark: bool = False) -> Figure:
    """Draw from which segment to which the users went, in widths that are numbers of users.

    Parameters
    ----------
    moves : DataFrame
        See `saved.movements_of`.
    names : sequence of str
        All segments, the largest first.
    before_on, after_on : str
        The two dates in words.
    """
    ink = INKS[is_dark]
    rows = list(moves.itertuples(index=False))
    sources = [name for name in (*names, NOWHERE, NOT_BEFORE) if any(r.before == name for r in rows)]
    targets = [name for name in (*names, NOWHERE) if any(r.after == name for r in rows)]
    place = {("from", name): i for i, name in enumerate(sources)}
    place |= {("to", name): len(sources) + i for i, name in enumerate(targets)}
    sent = {name: sum(int(r.n) for r in rows if r.before == name) for name in sources}
    got = {name: sum(int(r.n) for r in rows if r.after == name) for name in targets}
    shares = ["" if isnan(r.share) else f"({r.share:.1%} of {sent[r.before]:,})" for r in rows]
    return {
        "data": [
            {
                "type": "sankey",
                "arrangement": "snap",
                "textfont": {"size": TICK_SIZE, "color": ink.text, "shadow": "none"},
                "node": {
                    "label": [f"{_short(name)}: {n:,}" for ends in (sent, got) for name, n in ends.items()],
                    "customdata": [escape(name) for ends in (sent, got) for name in ends],
                    "color": [segment_colour(name, names, is_dark=is_dark) for name in (*sources, *targets)],
                    "line": {"width": 0},
                    "pad": 16,
                    "thickness": 16,
                    "hovertemplate": "%{customdata}: %{value:,d} users<extra></extra>",
                },
                "link": {
                    "source": [place["from", r.before] for r in rows],
                    "target": [place["to", r.after] for r in rows],
                    "value": [int(r.n) for r in rows],
                    "color": [tint(segment_colour(r.before, names, is_dark=is_dark), LINK_INK) for r in rows],
                    "customdata": shares,
                    "hovertemplate": "%{source.customdata} → %{target.customdata}<br>%{value:,d} users %{customdata}<extra></extra>",
                },
            }
        ],
        "layout": {
            **layout(is_dark=is_dark, height=max(380, 48 * max(len(sources), len(targets)) + 90)),
            "margin": {"l": 8, "r": 8, "t": 64, "b": 12},
            "annotations": [
                {
                    "xref": "paper", "yref": "paper", "x": x, "y": 1.0, "xanchor": anchor, "yanchor": "bottom",
                    "text": f"Users as of<br>{escape(on)}", "align": anchor, "showarrow": False,
                    "font": {"size": TICK_SIZE, "color": ink.faint},
                }
                for x, anchor, on in ((0, "left", before_on), (1, "right", after_on))
            ],
        },
    }  # fmt: skip


def _short(name: str) -> str:
    return escape(name if len(name) <= LABEL else f"{name[: LABEL - 1]}…")


def movement_alt(moves: Any, before_on: str, after_on: str) -> str:
    """Describe the flow to somebody who does not see it: the largest ways first."""
    rows = sorted(moves.itertuples(index=False), key=lambda r: -int(r.n))
    said = "; ".join(f"{r.before} to {r.after} {int(r.n):,}" for r in rows[:SAID_MOVES])
    more = "" if len(rows) <= SAID_MOVES else f"; {len(rows) - SAID_MOVES} smaller ways are in the table"
    return f"Flow of users between segments from {before_on} to {after_on}: {said}{more}."
