"""Pictures of where a score holds: over cut-offs, between groups of users, and as its features move."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan

from retention.churn.drift import Drifted
from retention.churn.fairness import TELL, Fairness
from retention.churn.stability import Stability
from retention.churn.words_report import MEASURES, title_of
from retention.cohorts.chart_frame import TICK_SIZE, layout, line
from retention.cohorts.chart_look import DASHES, GROUPS, INKS, Figure
from retention.cohorts.words import interval, percent
from retention.periods import date_of

MOST_DRIFT = 15
NAME_LENGTH = 26


def stability_figure(found: Stability, *, is_dark: bool = False) -> Figure:
    """Draw the ROC AUC at each cut-off with its interval, beside the rule."""
    colours = GROUPS[is_dark]
    names = list(dict.fromkeys((found.model, found.rule)))
    traces: list[Figure] = []
    for i, name in enumerate(names):
        rows = found.of(name)
        if not len(rows):
            continue
        values = [_number(v) for v in rows["auc"]]
        trace = line(
            title_of(name), [date_of(int(day)).isoformat() for day in rows["test_day"]], values, colours[i], dash=DASHES[i],
            hover="%{y:.3f} (%{customdata})",
            customdata=[f"{a:.3f} to {b:.3f}, {int(n):,} users" for a, b, n in
                        zip(rows["auc_low"], rows["auc_high"], rows["n_users"], strict=True)],
        )  # fmt: skip
        trace["error_y"] = {
            "type": "data", "symmetric": False, "color": colours[i], "thickness": 1.5, "width": 5,
            "array": [_number(h - v) for h, v in zip(rows["auc_high"], rows["auc"], strict=True)],
            "arrayminus": [_number(v - w) for w, v in zip(rows["auc_low"], rows["auc"], strict=True)],
        }  # fmt: skip
        trace["marker"] = {"size": 9, "symbol": "circle" if i == 0 else "circle-open"}
        traces.append(trace)
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Held-back cut-off",
            y_title="ROC AUC (0.5 = by lot)",
            is_time=True,
            height=320,
            xaxis={
                "tickvals": [date_of(int(d)).isoformat() for d in sorted(set(found.rows["test_day"]))],
                "tickformat": "%-d %b %Y",
            },
            yaxis={"rangemode": "normal", "tickformat": ".2f"},
        ),
    }


def stability_alt(found: Stability) -> str:
    """Describe the cut-offs to somebody who does not see them."""
    said = []
    for name in dict.fromkeys((found.model, found.rule)):
        rows = found.of(name)
        values = ", ".join(f"{date_of(int(d))} {_three(_number(v))}" for d, v in zip(rows["test_day"], rows["auc"], strict=True))
        said.append(f"{title_of(name)}: {values}")
    return f"ROC AUC at each held-back cut-off. {'; '.join(said)}."


def fairness_figure(found: Fairness, measure: str, *, is_dark: bool = False) -> Figure:
    """Draw a measure of each group with its interval, the largest group on top; filled where it differs from the others."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    rows = found.rows.iloc[::-1]
    value, low, high = ([_number(v) for v in rows[c]] for c in (measure, f"{measure}_low", f"{measure}_high"))
    says = list(rows[f"{measure}_says"]) if measure != "auc" else [TELL] * len(rows)
    write = _three if measure == "auc" else _share
    title, _ = MEASURES[measure]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": value,
                "y": _labels([str(name) for name in rows["group"]]),
                "error_x": {
                    "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 4,
                    "array": [_gap(h, v) for h, v in zip(high, value, strict=True)],
                    "arrayminus": [_gap(v, w) for w, v in zip(low, value, strict=True)],
                },
                "marker": {
                    "size": 11, "color": colour, "symbol": ["circle-open" if s == TELL else "circle" for s in says],
                    "line": {"width": 2, "color": colour},
                },
                "customdata": [
                    f"{write(v)}, {int(n):,} users, {'cannot tell it from the others' if s == TELL else f'{s} than the others'}"
                    for v, n, s in zip(value, rows["n"], says, strict=True)
                ],
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
                "cliponaxis": False,
                "showlegend": False,
            }
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{title}: {'ROC AUC' if measure == 'auc' else 'share'}, 95 % interval",
            height=110 + 32 * max(len(rows), 1),
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 12, "b": 52},
            xaxis={"showgrid": True, "tickformat": ".2f" if measure == "auc" else ".0%"},
            yaxis={"type": "category", "rangemode": "normal", "tickfont": {"size": TICK_SIZE, "color": ink.text}},
        ),
    }  # fmt: skip


def fairness_alt(found: Fairness, measure: str) -> str:
    """Describe a measure of each group to somebody who does not see it."""
    title, meaning = MEASURES[measure]
    said = []
    for _, row in found.rows.iterrows():
        v, low, high = (float(row[c]) for c in (measure, f"{measure}_low", f"{measure}_high"))
        if isnan(v):
            said.append(f"{row['group']} not known")
        elif measure == "auc":
            said.append(f"{row['group']} {v:.3f} ({low:.3f} to {high:.3f})")
        else:
            said.append(f"{row['group']} {percent(v)} ({interval(low, high)}), {row[f'{measure}_says']}")
    return f"{title} by {found.by}. {meaning} {'; '.join(said)}."


def drift_figure(found: Drifted, titles: dict[str, str], *, is_dark: bool = False) -> Figure:
    """Draw how far the features that moved most have moved, each beside what chance alone would hardly exceed."""
    ink, colour = INKS[is_dark], GROUPS[is_dark][0]
    rows = found.features[found.features["psi"].notna()].head(MOST_DRIFT).iloc[::-1]
    names = _labels([titles.get(str(n), str(n)) for n in rows["feature"]])
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "name": "Moved (PSI)", "y": names,
                "x": [_number(v) for v in rows["psi"]],
                "marker": {"color": [colour if moved else ink.grey[1] for moved in rows["is_moved"]]},
                "customdata": list(rows["words"]), "hovertemplate": "%{y}: %{customdata}<extra></extra>", "showlegend": False,
            },
            {
                "type": "scatter", "mode": "markers", "name": "Chance alone hardly exceeds", "y": names,
                "x": [_number(v) for v in rows["by_chance"]],
                "marker": {"symbol": "line-ns-open", "size": 16, "color": ink.text, "line": {"width": 2}},
                "hovertemplate": "By chance up to %{x:.3f}<extra></extra>",
            },
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title="Population stability index (below 0.1 hardly, above 0.25 much)",
            height=120 + 26 * max(len(rows), 1),
            hovermode="closest",
            margin={"l": 56, "r": 16, "t": 40, "b": 52},
            xaxis={"showgrid": True, "rangemode": "tozero"},
            yaxis={"type": "category", "rangemode": "normal", "tickfont": {"size": TICK_SIZE, "color": ink.text}},
            bargap=0.35,
        ),
    }  # fmt: skip


def drift_alt(found: Drifted, titles: dict[str, str]) -> str:
    """Describe the drift to somebody who does not see it."""
    rows = found.features[found.features["psi"].notna()].head(MOST_DRIFT)
    said = "; ".join(
        f"{titles.get(str(r.feature), str(r.feature))} {r.psi:.3f} (by chance up to {r.by_chance:.3f})"
        for r in rows.itertuples(index=False)
    )
    return f"Population stability index of each feature since the model was trained. {said}."


def _labels(names: Sequence[str]) -> list[str]:
    """Shorten names for an axis, unless two would be the same place on it.

    Examples
    --------
    >>> _labels(["Short", "A name that goes on and on and on"])
    ['Short', 'A name that goes on and o…']
    >>> _labels(["x" * 30 + "a", "x" * 30 + "b"]) == ["x" * 30 + "a", "x" * 30 + "b"]
    True
    """
    short = [name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…" for name in names]
    return [escape(name) for name in (short if len(set(short)) == len(set(names)) else names)]


def _number(value: float) -> float | None:
    return None if value is None or isnan(value) else round(float(value), 4)


def _gap(high: float | None, low: float | None) -> float | None:
    return None if high is None or low is None else round(high - low, 4)


def _share(value: float | None) -> str:
    return "not known" if value is None else percent(value)


def _three(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
