"""What the pictures of cohorts share: colours on either ground, labels, and what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from retention.cohorts.matrix import RetentionMatrix

Figure = dict[str, Any]

# One hue from little to much ink on either ground; the same steps as the theme's.
SHARES = {
    False: [
        "#f1f7fa",
        "#dcebf2",
        "#c3dde9",
        "#a6ccde",
        "#86b9d1",
        "#64a3c1",
        "#448cae",
        "#2c7598",
        "#1b5e7b",
        "#10455c",
    ],
    True: [
        "#16222a",
        "#193341",
        "#1c4559",
        "#205872",
        "#296c8b",
        "#3a82a3",
        "#5699b8",
        "#79b0ca",
        "#a2c9dc",
        "#cfe4ee",
    ],
}
# Okabe and Ito (2008).
GROUPS = {
    False: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b38600", "#56b4e9", "#000000", "#8f8300"],
    True: ["#56b4e9", "#e69f00", "#1fbf92", "#cc79a7", "#f0e442", "#f0702a", "#9fb3c1", "#3f9fd8"],
}
DASHES = ["solid", "dash", "dot", "dashdot"]


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours that depend on the ground."""

    text: str
    faint: str
    line: str
    grey: tuple[str, str]
    hatch: str
    gap: str
    pick: str
    pick_text: str


INKS = {
    False: Ink("#10181e", "#56646e", "#dbe2e7", ("#f4f5f6", "#8d979e"), "#8b98a1", "#a35200", "#a84300", "#ffffff"),
    True: Ink("#e8edf1", "#a3b0b9", "#2e3a43", ("#1b2227", "#6f7a82"), "#71808a", "#f0a35e", "#f0a35e", "#12181d"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GridLook:
    """How a grid is to be drawn.

    Parameters
    ----------
    is_dark : bool
    is_stretched : bool
        Colours over the range of the shown values instead of 0 to 100 %.
    average : str
        Kind of the average row.
    min_size : int
        Cohorts with fewer users are greyed.
    group : str, optional
        Value of the breakdown to show.
    n_rows : int, optional
        Only the latest so many cohorts.
    picked : tuple of (date, int), optional
        Cohort and age of the cell that is marked from the beginning.
    """

    is_dark: bool = False
    is_stretched: bool = False
    average: str = "pooled"
    min_size: int = 20
    group: str | None = None
    n_rows: int | None = None
    picked: tuple[date, int] | None = None


def cohort_label(on: date, period: str) -> str:
    """Write a cohort as a reader names it.

    Examples
    --------
    >>> cohort_label(date(2010, 12, 1), "month"), cohort_label(date(2026, 1, 5), "week")
    ('Dec 2010', '5 Jan 2026')
    """
    return f"{on:%b %Y}" if period == "month" else f"{on.day} {on:%b %Y}"


def age_labels(matrix: RetentionMatrix) -> list[str]:
    """Write the ages of a grid's columns; a bracket as its range."""
    spec = matrix.spec
    if spec.mode == "bracket":
        return [f"{a}" if a == b else f"{a}–{b}" for a, b in spec.brackets]
    if spec.mode == "on-or-after":
        return [f"{age}+" for age in spec.shown_ages]
    if spec.mode == "on-or-before":
        return [f"≤{age}" for age in spec.shown_ages]
    return [str(age) for age in spec.shown_ages]


def short_percent(rate: float) -> str:
    """Write a rate as it fits a cell.

    Examples
    --------
    >>> short_percent(0.4449), short_percent(0.042), short_percent(0.0004), short_percent(0.0)
    ('44%', '4.2%', '<0.1%', '0%')
    """
    if 0 < rate < 0.0005:
        return "<0.1%"
    return f"{rate:.1%}" if 0 < rate < 0.0995 else f"{rate:.0%}"


def shown_cohorts(matrix: RetentionMatrix, group: str | None, n_rows: int | None) -> list[date]:
    """List the cohorts that a grid shows, the oldest first."""
    rows = matrix.rows
    mine = rows[rows["group"].isna()] if group is None else rows[rows["group"] == group]
    found = sorted(set(mine["cohort"]))
    return found[-n_rows:] if n_rows else found


@cache
def _luminance(colour: str) -> float:
    linear = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def ink_on(scale: Sequence[str], depth: float) -> str:
    """Return the text colour that contrasts more with a colour of a scale (WCAG 2.2: the turn is at 0.179)."""
    place = min(max(depth, 0.0), 1.0) * (len(scale) - 1)
    low = int(place)
    pair = scale[low], scale[min(low + 1, len(scale) - 1)]
    mixed = [
        round(int(pair[0][i : i + 2], 16) + (place - low) * (int(pair[1][i : i + 2], 16) - int(pair[0][i : i + 2], 16)))
        for i in (1, 3, 5)
    ]
    return "#ffffff" if _luminance("#" + "".join(f"{part:02x}" for part in mixed)) < 0.179 else "#000000"


def modebar(ink: Ink) -> dict[str, str]:
    """Colour the camera button and its neighbours."""
    return {"bgcolor": "rgba(0,0,0,0)", "color": ink.faint, "activecolor": ink.text}
