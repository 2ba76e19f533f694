"""Pictures of the slider: whom the riskiest users hold, and what contacting them costs and brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from retention.churn.reach import Point
from retention.churn.words import amount, money, part, share, whole
from retention.cohorts.chart_frame import band, layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure

MARGIN = {"l": 56, "r": 12, "t": 76, "b": 64}
"""Room above for the legend and the buttons of the picture, which a phone puts on top of each other."""


def _marker(n: int, colour: str) -> list[Figure]:
    return [
        {
            "type": "line", "x0": n, "x1": n, "y0": 0, "y1": 1, "yref": "paper",
            "line": {"color": colour, "width": 1.5, "dash": "dot"},
        }
    ]  # fmt: skip


def _range(curve: Any, name: str) -> tuple[list[float], list[float], list[float]]:
    return tuple([round(float(v), 4) for v in curve[column]] for column in (name, f"{name}_low", f"{name}_high"))  # type: ignore[return-value]


def _lines(
    curve: Any, told: Sequence[tuple[str, str, str, str]], write: Callable[[float], str], *, banded: Sequence[str]
) -> list[Figure]:
    """Draw columns of the curve: name, title, colour and dash of each; those that are `banded` with their interval."""
    x = [int(v) for v in curve["n"]]
    traces: list[Figure] = []
    for name, title, colour, dash in told:
        value, low, high = _range(curve, name)
        if name in banded:
            traces.append(band(title, x, low, high, colour))
        words = [f"{write(a)} ({write(b)} to {write(c)})" for a, b, c in zip(value, low, high, strict=True)]
        traces.append(line(title, x, value, colour, dash=dash, is_marked=False, customdata=words, hover="%{customdata}"))
    return traces


def reach_figure(curve: Any, n: int, n_users: int, *, is_dark: bool = False) -> Figure:
    """Draw the expected lapsers and the others among the riskiest users, for every number of them.

    Parameters
    ----------
    curve : DataFrame
        Of `Reach.curve`.
    n : int
        Where the slider stands.
    n_users : int
        How many it goes over.
    """
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    lines = (("caught", "Would lapse", colours[1], "solid"), ("bothered", "Would stay anyway", colours[0], "dash"))
    return {
        "data": _lines(curve, lines, "{:,.0f}".format, banded=("caught", "bothered")),
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Users contacted, the riskiest first<br>(of {n_users:,})",
            y_title="Expected users",
            y_format=",.0f",
            shapes=_marker(n, ink.text),
            margin=MARGIN,
            xaxis={"tickformat": ",", "rangemode": "tozero"},
        ),
    }


def money_figure(curve: Any, n: int, n_users: int, *, is_dark: bool = False) -> Figure:
    """Draw cost, gain and what is left of them, for every number of the riskiest users."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    lines = (
        ("brings", "Brings", colours[2], "dash"), ("cost", "Costs", colours[0], "dot"), ("net", "Net", colours[1], "solid")
    )  # fmt: skip
    return {
        "data": _lines(curve, lines, amount, banded=("net",)),
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Users contacted, the riskiest first<br>(of {n_users:,})",
            y_title="Money (currency of your file)",
            y_format=",.0f",
            shapes=_marker(n, ink.text),
            margin=MARGIN,
            xaxis={"tickformat": ",", "rangemode": "tozero"},
            yaxis={"rangemode": "normal", "zeroline": True, "zerolinecolor": ink.faint},
        ),
    }


def reach_alt(point: Point, n_users: int) -> str:
    """Describe the first picture to somebody who does not see it."""
    return (
        f"Expected users who would lapse and who would stay anyway, by the number of users contacted, the riskiest first, of"
        f" {n_users:,}. The slider stands at {point.n:,}: {whole(point.caught)} would lapse, {whole(point.bothered)} would stay,"
        f" {part(point.recall)} of all who would lapse."
    )


def money_alt(point: Point, n_users: int) -> str:
    """Describe the second picture to somebody who does not see it."""
    return (
        f"Cost, gain and net by the number of users contacted, the riskiest first, of {n_users:,}. The slider stands at"
        f" {point.n:,}: costs {money(point.cost)}, brings {money(point.brings)}, net {money(point.net)}."
    )


def risk_figure(counts: Any, bounds: tuple[float, float], n_users: int, *, is_dark: bool = False) -> Figure:
    """Draw how many users have which risk, with the bounds of the tiers.

    Parameters
    ----------
    counts : DataFrame
        from_, to (of the probability), n.
    bounds : (float, float)
        From which probability on a risk is called medium, and high.
    """
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    middle = [(a + b) / 2 for a, b in zip(counts["from_"], counts["to"], strict=True)]
    told = [
        f"{share(a)} to {share(b)}: {int(n):,} users"
        for a, b, n in zip(counts["from_"], counts["to"], counts["n"], strict=True)
    ]
    bar: Figure = {
        "type": "bar", "x": [round(v, 4) for v in middle], "y": [int(v) for v in counts["n"]], "customdata": told,
        "hovertemplate": "%{customdata}<extra></extra>", "marker": {"color": colours[0]}, "showlegend": False,
    }  # fmt: skip
    shapes = [_marker(0, ink.text)[0] | {"x0": bound, "x1": bound} for bound in bounds]
    return {
        "data": [bar],
        "layout": layout(
            is_dark=is_dark,
            x_title="Risk of lapsing (probability)<br>Dotted: medium and high begin",
            y_title=f"Users (of {n_users:,})",
            y_format=",",
            height=260,
            hovermode="closest",
            bargap=0.05,
            shapes=shapes,
            margin={"l": 56, "r": 12, "t": 36, "b": 64},
            xaxis={"tickformat": ".0%", "range": [0, 1]},
        ),
    }


def risk_alt(counts: Any, bounds: tuple[float, float], tiers: Any) -> str:
    """Describe the picture of the risks to somebody who does not see it.

    Parameters
    ----------
    tiers : mapping of tier to number of users
    """
    fullest = counts.loc[counts["n"].idxmax()]
    said = ", ".join(f"{int(n):,} {tier}" for tier, n in tiers.items())
    return (
        f"Number of users by risk. Most of them, {int(fullest['n']):,}, have a risk of {share(float(fullest['from_']))} to"
        f" {share(float(fullest['to']))}. High from {share(bounds[1])}, medium from {share(bounds[0])} on: {said}."
    )
