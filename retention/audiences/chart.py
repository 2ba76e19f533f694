"""Pictures of saved lists: how large one was each time it was made, and how several overlap."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan
from typing import Any

from retention.audiences.membership import Overlap
from retention.cohorts.chart_frame import TICK_SIZE, layout, line
from retention.cohorts.chart_look import GROUPS, SHARES, Figure, ink_on, short_percent

MOST_TICKS = 4
MOST_LETTERS = 14
"""Of a list's name in the matrix; the hover and the table name it in full."""


def size_line(history: Any, days: Sequence[str], *, is_dark: bool = False) -> Figure:
    """Draw how many users a list had each time it was made.

    Parameters
    ----------
    history : DataFrame
        See `answer_lists.list_history`.
    days : sequence of str
        Up to when the data were complete each time, in words: the axis names them.

    Notes
    -----
    The times stand side by side, however far apart: a list may be made anew twice on the same data.
    """
    sizes = [int(n) for n in history["n_users"]]
    told = [
        f"{day}: {n:,} users, {int(joined):,} joined, {int(left):,} left"
        for day, n, joined, left in zip(days, sizes, history["n_joined"], history["n_left"], strict=True)
    ]
    places = list(range(1, len(sizes) + 1))
    named = places[:: -(-len(places) // MOST_TICKS)]
    drawn = line(
        "Users on the list", places, sizes, GROUPS[is_dark][0], customdata=told, hover="%{customdata}<extra></extra>",
        line={"color": GROUPS[is_dark][0], "width": 2.5, "shape": "hv"}, showlegend=False,
    )  # fmt: skip
    drawn["marker"] = {"size": 8}
    return {
        "data": [drawn],
        "layout": layout(
            is_dark=is_dark,
            x_title="Each time it was made<br>(the data were complete up to)",
            y_title="Users on the list",
            y_format=",",
            height=280,
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 36, "b": 64},
            xaxis={"tickangle": 0, "tickvals": named, "ticktext": [days[place - 1] for place in named], "range": [0.5, len(places) + 0.5]},
        ),
    }


def size_alt(history: Any, name: str) -> str:
    """Describe the line to somebody who does not see it."""
    sizes = [int(n) for n in history["n_users"]]
    times = f"{len(sizes)} times it was made" if len(sizes) > 1 else "one time it was made"
    return (
        f"Number of users on the list “{name}” at the {times}: {sizes[0]:,} at first, {sizes[-1]:,} at last, between"
        f" {min(sizes):,} and {max(sizes):,}."
    )


def overlap_matrix(found: Overlap, *, is_dark: bool = False) -> Figure:
    """Draw which share of each list (row) is also on each other one (column).

    Notes
    -----
    Lists are of different sizes, so the matrix is not symmetric; the counts in the hover are.
    """
    names = [escape(name) for name in found.names]
    places = list(range(1, len(names) + 1))
    shares = [
        [None if isnan(v) or i == j else round(float(v), 4) for j, v in enumerate(row)] for i, row in enumerate(found.shares)
    ]  # the diagonal would say 100 % of each
    scale = SHARES[is_dark]
    texts, notes = [], []
    for i, row in enumerate(shares):
        texts.append([_told(found, names, i, j, share) for j, share in enumerate(row)])
        for j, share in enumerate(row):
            if share is not None:
                notes.append(
                    {
                        "x": places[j], "y": places[i], "text": short_percent(share).rstrip("%"), "showarrow": False,
                        "font": {"size": TICK_SIZE - 1, "color": ink_on(scale, share)},
                    }
                )  # fmt: skip
    heat: Figure = {
        "type": "heatmap", "x": places, "y": places, "z": shares, "zmin": 0, "zmax": 1, "showscale": False,
        "colorscale": [[i / (len(scale) - 1), colour] for i, colour in enumerate(scale)], "xgap": 2, "ygap": 2,
        "customdata": texts, "hovertemplate": "%{customdata}<extra></extra>", "hoverongaps": False,
    }  # fmt: skip
    axis = {"tickvals": places, "showgrid": False}
    rows = [f"{escape(_short(name))}  <b>{place}</b>" for name, place in zip(found.names, places, strict=True)]
    return {
        "data": [heat],
        "layout": layout(
            is_dark=is_dark,
            x_title="… so many % are also on<br>the list of this number",
            y_title="Of the users of …",
            height=130 + 40 * len(names),
            hovermode="closest",
            annotations=notes,
            margin={"l": 24, "r": 12, "t": 36, "b": 64},
            xaxis={**axis, "ticktext": [f"<b>{place}</b>" for place in places], "range": [0.5, len(names) + 0.5]},
            yaxis={**axis, "ticktext": rows, "range": [len(names) + 0.5, 0.5]},
        ),
    }


def _told(found: Overlap, names: Sequence[str], i: int, j: int, share: float | None) -> str:
    size, both = int(found.counts[i, i]), int(found.counts[i, j])
    if share is None:
        return f"{names[i]} has no users"
    if i == j:
        return ""
    return f"{both:,} of the {size:,} users of {names[i]}<br>are also on {names[j]} ({short_percent(share)})"


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1].rstrip()}…"


def overlap_alt(found: Overlap) -> str:
    """Describe the matrix to somebody who does not see it."""
    pairs = [
        (int(found.counts[i, j]), found.names[i], found.names[j])
        for i in range(len(found.names))
        for j in range(i + 1, len(found.names))
    ]
    most = max(pairs)
    said = f"How {len(found.names)} saved lists overlap, as a share of the users of each."
    if not most[0]:
        return f"{said} No two of them share a user."
    return f"{said} “{most[1]}” and “{most[2]}” share the most users: {most[0]:,}."
