"""Pictures of why a score is what it is: what features are worth, one user's reasons, and how the score goes with a feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import isnan, log
from textwrap import wrap
from typing import Any

from retention.churn.reasons import Dependence, UserReasons, chance, title_of
from retention.churn.words_reasons import percent, reason_words, strength, value_words
from retention.cohorts.chart_frame import TICK_SIZE, band, layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.features.spec_registry import REGISTRY

MOST_FEATURES = 12
MOST_REASONS = 8
MOST_TICKS = 5
RISKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99)
OTHERS = "All others together"


def _short(name: str, most: int = 20) -> str:
    """Break a name over two lines, so that it is whole and a telephone has room for the points."""
    return "<br>".join(escape(part) for part in wrap(name, most, max_lines=2, placeholder=" …"))


def _odds(share: float) -> float:
    return log(share / (1 - share))


def importance_dots(rows: Sequence[Mapping[str, Any]], *, is_dark: bool = False) -> Figure:
    """Draw what each feature is worth with its 95 % interval, the largest on top; hollow where it may be nothing."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    shown = list(rows)[:MOST_FEATURES][::-1]
    values, lows, highs = ([float(row[c]) for row in shown] for c in ("value", "low", "high"))
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [round(v, 5) for v in values],
                "y": [_short(title_of(str(row["feature"]))) for row in shown],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(high - v, 5) for v, high in zip(values, highs, strict=True)],
                    "arrayminus": [round(v - low, 5) for v, low in zip(values, lows, strict=True)],
                    "color": ink.faint,
                    "thickness": 1.5,
                    "width": 4,
                },
                "marker": {
                    "size": 11,
                    "color": colour,
                    "symbol": ["circle" if low > 0 else "circle-open" for low in lows],
                    "line": {"width": 2, "color": colour},
                },
                "customdata": [
                    f"{v:.4f} ({low:.4f} to {high:.4f})" for v, low, high in zip(values, lows, highs, strict=True)
                ],
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="ROC AUC lost without it",
            height=110 + 30 * len(shown),
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 16, "b": 60},
            xaxis={"showgrid": True, "zeroline": True, "zerolinecolor": ink.faint, "tickformat": ".3~f"},
            yaxis={"rangemode": "normal", "type": "category", "tickfont": {"size": TICK_SIZE, "color": ink.text}},
        ),
    }


def importance_alt(rows: Sequence[Mapping[str, Any]]) -> str:
    """Describe the dots to somebody who does not see them."""
    said = "; ".join(
        f"{title_of(str(r['feature']))} {float(r['value']):.3f} ({float(r['low']):.3f} to {float(r['high']):.3f})"
        for r in list(rows)[:MOST_FEATURES]
    )
    return f"ROC AUC lost on held-back users when a feature is dealt out at random, with 95 % intervals: {said}."


def steps_of(found: UserReasons, most: int = MOST_REASONS) -> list[tuple[str, str, float, float]]:
    """List the bars of a user's reasons: name, words, where it starts and where it ends, in log-odds.

    The weightiest first, and what is left in one bar, so that they lead from the base to the score.
    """
    at, steps = found.base, []
    # One reason left over is drawn as itself.
    n_own = most if len(found.reasons) > most + 1 else len(found.reasons)
    for reason in found.reasons[:n_own]:
        steps.append((reason.title, reason_words(reason, found.values), at, at + reason.part))
        at += reason.part
    rest = found.reasons[n_own:]
    if rest:
        words = ", ".join(reason.title.lower() for reason in rest[:6]) + (" …" if len(rest) > 6 else "")
        steps.append((OTHERS, words, at, at + sum(reason.part for reason in rest)))
    return steps


def reason_bars(found: UserReasons, *, is_dark: bool = False) -> Figure:
    """Draw how the score comes about: from the base to the score, one bar a reason, the weightiest on top."""
    ink, (blue, orange, *_) = INKS[is_dark], GROUPS[is_dark]
    steps = steps_of(found)
    names = [_short(name) for name, *_ in steps]
    score = found.base + sum(end - start for _, _, start, end in steps)
    ends = [found.base, score, *(v for _, _, start, end in steps for v in (start, end))]
    room = 0.08 * (max(ends) - min(ends)) + 0.1
    low, high = min(ends) - room, max(ends) + room
    shown = [share for share in RISKS if low <= _odds(share) <= high]
    ticks = shown if len(shown) <= MOST_TICKS else shown[:: -(-len(shown) // MOST_TICKS)]
    traces: list[Figure] = []
    for title, colour, is_up in (("Raises the risk", orange, True), ("Lowers the risk", blue, False)):
        places = [i for i, (_, _, start, end) in enumerate(steps) if (end > start) == is_up]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": title,
                "y": [names[i] for i in places],
                "base": [round(steps[i][2], 6) for i in places],
                "x": [round(steps[i][3] - steps[i][2], 6) for i in places],
                "marker": {"color": colour, "pattern": {"shape": "" if is_up else "/", "solidity": 0.25}},
                "customdata": [
                    f"{escape(steps[i][1])}<br>from {percent(chance(steps[i][2]))} to {percent(chance(steps[i][3]))}"
                    for i in places
                ],
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Risk of lapsing",
            height=170 + 34 * len(steps),
            hovermode="closest",
            bargap=0.3,
            barmode="overlay",
            margin={"l": 56, "r": 20, "t": 84, "b": 52},
            xaxis={
                "range": [low, high], "showgrid": True, "tickangle": 0, "tickvals": [_odds(share) for share in ticks],
                "ticktext": [percent(share) for share in ticks],
            },
            yaxis={
                "rangemode": "normal", "type": "category", "categoryorder": "array", "categoryarray": names[::-1],
                "tickfont": {"size": TICK_SIZE, "color": ink.text},
            },
            shapes=[
                {
                    "type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": ink.faint, "width": 1.5, "dash": dash},
                }
                for at, dash in ((found.base, "dot"), (score, "solid"))
            ],
            annotations=[
                {
                    # One above the other, each kept inside the picture.
                    "x": at, "y": 1, "yref": "paper", "yanchor": "bottom", "yshift": shift, "text": text, "showarrow": False,
                    "xanchor": "left" if at < low + (high - low) / 3 else "right" if at > high - (high - low) / 3 else "center",
                    "font": {"size": TICK_SIZE - 1, "color": ink.text},
                }
                for at, shift, text in (
                    (found.base, 0, f"usual {percent(chance(found.base))}"), (score, 15, f"this user {percent(chance(score))}"),
                )
            ],
        ),
    }  # fmt: skip


def reason_alt(found: UserReasons) -> str:
    """Describe the bars to somebody who does not see them."""
    said = "; ".join(
        f"{r.title} ({reason_words(r, found.values)}) {strength(r.part)}" for r in found.reasons[:MOST_REASONS]
    )
    return f"How the risk of {percent(found.probability)} comes about, from {percent(chance(found.base))} as is usual: {said}."


def dependence_line(found: Dependence, at: float | None = None, *, is_dark: bool = False) -> Figure:
    """Draw the mean score over the values of a feature, with the middle 80 % of the users, and one user's value."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    curve = found.curve
    x = [float(v) for v in curve["value"]]
    mean, low, high = ([round(float(v), 4) for v in curve[c]] for c in ("mean", "low", "high"))
    said = [f"{value_words(found.feature, v)}: mean {percent(m)}, eight users in ten {percent(a)} to {percent(b)}"
            for v, m, a, b in zip(x, mean, low, high, strict=True)]  # fmt: skip
    unit = REGISTRY[found.feature].unit if found.feature in REGISTRY else ""
    unit = "" if unit in ("share", "") or unit in title_of(found.feature).lower() else f" ({unit})"
    name = "Mean of the users"
    traces = [
        band("Eight users in ten", x, low, high, colour) | {"showlegend": True, "name": "Eight users in ten"},
        line(name, x, mean, colour, hover="%{customdata}<extra></extra>", customdata=said),
    ]
    is_marked = at is not None and not isnan(at)
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{escape(title_of(found.feature))}{unit}",
            y_title="Risk of lapsing",
            y_format=".0%",
            height=340,
            hovermode="closest",
            xaxis={"tickformat": ".0%"} if REGISTRY.get(found.feature) and REGISTRY[found.feature].unit == "share" else {},
            yaxis={"range": [0, min(1.0, 1.1 * max([*high, 0.1]))]},
            shapes=[
                {
                    "type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": ink.pick, "width": 2, "dash": "dot"},
                }
            ] if is_marked else [],
            annotations=[
                {
                    "x": at, "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left", "text": " this user", "showarrow": False,
                    "font": {"size": TICK_SIZE - 1, "color": ink.text},
                }
            ] if is_marked else [],
        ),
    }  # fmt: skip


def dependence_alt(found: Dependence) -> str:
    """Describe the line to somebody who does not see it."""
    rows = found.curve.iloc[:: max(1, len(found.curve) // 6)]
    said = "; ".join(
        f"{value_words(found.feature, float(r['value']))}: {percent(float(r['mean']))}" for _, r in rows.iterrows()
    )
    return f"Mean risk of lapsing by “{title_of(found.feature)}”, the other features as they are: {said}."
