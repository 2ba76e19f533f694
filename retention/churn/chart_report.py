"""Pictures of how good a score is: whom it finds, whether its probabilities are right, and what a threshold does."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, Protocol

from retention.churn.report import Standing
from retention.churn.words_report import title_of
from retention.cohorts.chart_frame import TICK_SIZE, band, layout, line
from retention.cohorts.chart_look import DASHES, GROUPS, INKS, Figure
from retention.cohorts.words import interval, percent

LINES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
TOPS = (0.05, 0.1, 0.2, 0.5)


def _order(found: Standing) -> list[str]:
    return [str(name) for name in found.beside["score"]]


def _curves(found: Standing, column: str, *, is_dark: bool, hover: str) -> list[Figure]:
    colours = GROUPS[is_dark]
    traces = []
    for i, name in enumerate(_order(found)):
        rows = found.gains[found.gains["score"] == name]
        values = [None if isnan(v) else round(float(v), 4) for v in rows[column]]
        x = [round(float(v), 4) for v in rows["share"]]
        traces.append(
            line(
                title_of(name), x, values, colours[i % len(colours)], dash=DASHES[i % len(DASHES)],
                width=3.5 if name == found.chosen else 2, is_marked=False, hover=hover,
            )
        )  # fmt: skip
    return traces


def gain_figure(found: Standing, *, is_dark: bool = False) -> Figure:
    """Draw which share of those who lapse is among the users with the highest scores; by lot it would be the diagonal."""
    ink = INKS[is_dark]
    chance = line("By lot", [0, 1], [0, 1], ink.faint, dash="dot", width=1.5, is_marked=False, hover="%{y:.0%}")
    return {
        "data": [*_curves(found, "recall", is_dark=is_dark, hover="%{y:.1%}"), chance],
        "layout": layout(
            is_dark=is_dark,
            x_title="Share of users, the highest scores first",
            y_title=f"Share of the {found.n_lapsed:,} who lapsed",
            y_format=".0%",
            height=380,
            margin={"l": 56, "r": 16, "t": 72, "b": 52},
            xaxis={"range": [0, 1], "dtick": 0.25, "tickformat": ".0%", "hoverformat": ".0%"},
            yaxis={"range": [0, 1.02]},
        ),
    }


def lift_figure(found: Standing, *, is_dark: bool = False) -> Figure:
    """Draw how many times as many of those who lapse the highest scores hold as a lot would."""
    ink = INKS[is_dark]
    highest = max((float(v) for v in found.gains.loc[found.gains["n"] > 0, "lift"] if not isnan(v)), default=1.0)
    chance = line("By lot", [0, 1], [1, 1], ink.faint, dash="dot", width=1.5, is_marked=False, hover="%{y:.1f}")
    return {
        "data": [*_curves(found, "lift", is_dark=is_dark, hover="%{y:.2f} times"), chance],
        "layout": layout(
            is_dark=is_dark,
            x_title="Share of users, the highest scores first",
            y_title="Times as many as by lot",
            height=380,
            margin={"l": 56, "r": 16, "t": 72, "b": 52},
            xaxis={"range": [0, 1], "dtick": 0.25, "tickformat": ".0%", "hoverformat": ".0%"},
            yaxis={"range": [0, highest * 1.08]},
        ),
    }


def gain_alt(found: Standing) -> str:
    """Describe the gains to somebody who does not see them."""
    said = []
    for name in _order(found):
        rows = found.gains[found.gains["score"] == name]
        at = [rows.iloc[(rows["share"] - top).abs().argmin()] for top in TOPS]
        said.append(
            f"{title_of(name)}: "
            + ", ".join(f"the top {percent(float(r['share']))} hold {_share(float(r['recall']))}" for r in at)
        )
    return f"Share of those who lapsed among the users with the highest scores. {'; '.join(said)}."


class Calibrated(Protocol):
    """A report with a calibration table; see `judgement.calibration_table`."""

    @property
    def calibration(self) -> Any: ...


def _share(value: float) -> str:
    return "an unknown share" if isnan(value) else percent(value)


def calibration_figure(found: Calibrated, *, did: str = "lapsed", is_dark: bool = False) -> Figure:
    """Draw what came against what the score said, in groups of about as many users; right scores lie on the diagonal.

    Parameters
    ----------
    found : Calibrated
        Whatever has a calibration table.
    did : str
        What came, as a word.
    """
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    rows = found.calibration
    said, came = ([round(float(v), 4) for v in rows[c]] for c in ("said", "came"))
    top = min(1.0, max([0.1, *said, *(float(v) for v in rows["high"])]) * 1.06)
    words = [
        f"{int(r.n):,} users: said {percent(r.said)}, came {percent(r.came)} ({interval(r.low, r.high)})"
        for r in rows.itertuples(index=False)
    ]
    return {
        "data": [
            line("Right", [0, top], [0, top], ink.faint, dash="dot", width=1.5, is_marked=False, hover="")
            | {"hoverinfo": "skip", "hovertemplate": None},
            {
                "type": "scatter",
                "mode": "markers",
                "name": "What came, 95 % interval",
                "x": said,
                "y": came,
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [round(float(h - c), 4) for h, c in zip(rows["high"], rows["came"], strict=True)],
                    "arrayminus": [round(float(c - v), 4) for v, c in zip(rows["low"], rows["came"], strict=True)],
                    "color": colour,
                    "thickness": 1.5,
                    "width": 5,
                },
                "marker": {
                    "size": 10,
                    "color": colour,
                    "symbol": ["circle-open" if off else "circle" for off in rows["is_off"]],
                    "line": {"width": 2, "color": colour},
                },
                "customdata": words,
                "hovertemplate": "%{customdata}<extra></extra>",
            },
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Mean probability said",
            y_title=f"Share that {did}",
            y_format=".0%",
            height=380,
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 44, "b": 52},
            # A little more than the whole, so that points at the ends are not cut in half.
            xaxis={"range": [-0.02 * top, 1.03 * top], "tickformat": ".0%", "showgrid": True},
            yaxis={"range": [-0.02 * top, 1.03 * top]},
        ),
    }


def calibration_alt(found: Calibrated) -> str:
    """Describe the calibration to somebody who does not see it."""
    said = "; ".join(
        f"said {percent(r.said)}, came {percent(r.came)} ({interval(r.low, r.high)})"
        for r in found.calibration.itertuples(index=False)
    )
    return f"What the score said against what came, in groups of users. {said}."


def threshold_figure(found: Standing, threshold: float, *, is_dark: bool = False) -> Figure:
    """Draw precision, recall and F1 over all thresholds; the chosen one is marked."""
    ink, colours = INKS[is_dark], GROUPS[is_dark]
    rows = found.thresholds
    x = [round(float(v), 2) for v in rows["threshold"]]
    traces: list[Figure] = []
    for i, (column, name) in enumerate(LINES.items()):
        values = [None if isnan(v) else round(float(v), 4) for v in rows[column]]
        if column != "f1":
            known = [k for k, v in enumerate(values) if v is not None]
            low, high = ([round(float(rows[f"{column}_{end}"].iloc[k]), 4) for k in known] for end in ("low", "high"))
            traces.append(band(name, [x[k] for k in known], low, high, colours[i]))
        traces.append(
            line(
                name,
                x,
                values,
                colours[i],
                dash=DASHES[i],
                is_marked=False,
                hover="%{y:.1%}" if column != "f1" else "%{y:.2f}",
            )
        )
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Threshold: contacted from this probability on",
            y_title="Share (F1: from 0 to 1)",
            y_format=".0%",
            height=340,
            xaxis={"range": [0, 1], "dtick": 0.25, "tickformat": ".0%", "hoverformat": ".0%"},
            yaxis={"range": [0, 1.02]},
            shapes=[
                {
                    "type": "line", "x0": threshold, "x1": threshold, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": ink.pick, "width": 2},
                }
            ],
        ),
    }  # fmt: skip


def threshold_alt(found: Standing, thresholds: Sequence[float] = (0.25, 0.5, 0.75)) -> str:
    """Describe the thresholds to somebody who does not see them."""
    rows = found.thresholds.set_index(found.thresholds["threshold"].round(2))
    said = []
    for at in thresholds:
        row = rows.loc[round(at, 2)]
        words = ", ".join(f"{what.lower()} {'empty' if isnan(row[c]) else f'{row[c]:.2f}'}" for c, what in LINES.items())
        said.append(f"from {percent(at)} on: {words}")
    return f"Precision, recall and F1 by threshold. {'; '.join(said)}."


def zoo_figure(rows: Sequence[dict[str, object]], *, is_dark: bool = False) -> Figure:
    """Draw the ROC AUC of each model at the latest held-back cut-off, the best on top; rules are hollow."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    shown = sorted(rows, key=lambda r: _number(r["auc"]) or 0.0)
    value, low, high = ([_number(r[c]) for r in shown] for c in ("auc", "auc_low", "auc_high"))
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": value,
                "y": [f"<b>{title_of(str(r['model']))}</b>" if r["is_chosen"] else title_of(str(r["model"])) for r in shown],
                "error_x": {
                    "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 4,
                    "array": [_gap(h, v) for h, v in zip(high, value, strict=True)],
                    "arrayminus": [_gap(v, w) for w, v in zip(low, value, strict=True)],
                },
                "marker": {
                    "size": 11, "color": colour, "symbol": ["circle-open" if r["is_rule"] else "circle" for r in shown],
                    "line": {"width": 2, "color": colour},
                },
                "customdata": [f"{v:.3f} ({a:.3f} to {b:.3f})" if v is not None and a is not None and b is not None else "not known"
                               for v, a, b in zip(value, low, high, strict=True)],
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
                "cliponaxis": False,
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="ROC AUC at the latest held-back cut-off (0.5 = by lot, 1 = perfect)",
            height=110 + 30 * len(shown),
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 12, "b": 52},
            xaxis={"showgrid": True, "tickformat": ".2f"},
            yaxis={"type": "category", "rangemode": "normal", "tickfont": {"size": TICK_SIZE, "color": ink.text}},
        ),
    }  # fmt: skip


def _number(value: object) -> float | None:
    return None if value is None or not isinstance(value, (int, float)) or isnan(value) else round(float(value), 4)


def _gap(high: float | None, low: float | None) -> float | None:
    return None if high is None or low is None else round(high - low, 4)


def zoo_alt(rows: Sequence[dict[str, object]]) -> str:
    """Describe the models to somebody who does not see them."""
    said = "; ".join(f"{title_of(str(r['model']))} {_three(_number(r['auc']))}" for r in rows)
    return f"ROC AUC of each model at the latest held-back cut-off. {said}."


def _three(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
