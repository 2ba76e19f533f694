"""A small line without axes, drawn as an image: ten of them cost a browser nothing, and each says what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite
from urllib.parse import quote

WIDTH, HEIGHT, MARGIN = 200, 44, 4


def sparkline(values: Sequence[float], colour: str, label: str) -> str:
    """Draw values in order; where one is not known the line has a hole.

    Parameters
    ----------
    colour : str
    label : str
        What it shows, for those who do not see it.

    Examples
    --------
    >>> sparkline([1.0, 2.0, float("nan"), 3.0], "#000000", "Users by week").count("polyline")
    2
    >>> sparkline([float("nan")], "#000000", "Users by week")
    ''
    """
    known = [value for value in values if isfinite(value)]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    step = (WIDTH - 2 * MARGIN) / max(len(values) - 1, 1)

    def place(i: int, value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{MARGIN + i * step:.1f},{HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN):.1f}"

    runs: list[list[str]] = [[]]
    for i, value in enumerate(values):
        if isfinite(value):
            runs[-1].append(place(i, value))
        elif runs[-1]:
            runs.append([])
    # A value alone between two holes is a dot: a line from a point to itself with round ends.
    lines = "".join(
        f'<polyline points="{" ".join(run if len(run) > 1 else run * 2)}" fill="none" stroke="{colour}"'
        ' stroke-width="2" stroke-linecap="round" stroke-linejoin="round" vector-effect="non-scaling-stroke"/>'
        for run in runs
        if run
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{lines}</svg>'
    # An image and not inline SVG, which Streamlit takes out of what it is given.
    return (
        f'<img alt="{escape(label)}" src="data:image/svg+xml,{quote(svg)}"'
        f' style="display:block;width:100%;height:{HEIGHT}px">'
    )
