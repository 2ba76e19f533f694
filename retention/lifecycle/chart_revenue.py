"""Orders and money as pictures: figures as plain dictionaries, small enough to send on every run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from math import isnan
from typing import Any

from retention.cohorts.chart_frame import band, bars, layout, line, tint
from retention.cohorts.chart_look import DASHES, GROUPS, INKS, SHARES, Figure, cohort_label, ink_on, modebar
from retention.lifecycle.repeat import RepeatPurchases
from retention.lifecycle.revenue import RevenueGrid, RevenueOverTime, ValuePerUser
from retention.lifecycle.words_revenue import money, period_words

MAX_GROUPS = 6
SHOWN_ROWS = 18
RATES = {"nrr": "Net revenue retention", "grr": "Kept revenue (GRR)"}


def revenue_bars(result: RevenueOverTime, groups: Sequence[str] = (), *, is_dark: bool) -> Figure:
    """Draw revenue by period, split by groups or by whether it was the customers' first period; running ones hatched.

    Notes
    -----
    `customdata` of a bar: the first day of its period.
    """
    spec, colours, ink = result.spec, GROUPS[is_dark], INKS[is_dark]
    frame = result.periods
    traces = []
    parts: list[tuple[str, Any, str]]
    if groups:
        parts = [(name, frame[frame["group"] == name], spec.kind) for name in groups[:MAX_GROUPS]]
    else:
        total = frame.groupby("on", as_index=False).agg(
            {
                "net": "sum", "gross": "sum", "of_first": "sum", "n_orders": "sum", "n_buyers": "sum",
                "state": "first", "touches_gap": "first",
            }
        )  # fmt: skip
        total["earlier"] = total[spec.kind] - total["of_first"]
        parts = [("Earlier customers", total, "earlier"), ("First-time customers", total, "of_first")]
    for i, (name, rows, column) in enumerate(parts):
        shapes = [
            "/" if state == "in_progress" else "." if gap else ""
            for state, gap in zip(rows["state"], rows["touches_gap"], strict=True)
        ]
        said = [
            f"{money(r[column])} · {int(r['n_orders']):,} orders of {int(r['n_buyers']):,} customers in all"
            + (" · so far" if r["state"] == "in_progress" else "")
            + (" · touches a stretch marked missing" if r["touches_gap"] else "")
            for r in rows.to_dict("records")
        ]
        traces.append(
            bars(
                escape(name),
                [on.isoformat() for on in rows["on"]],
                [round(float(v), 2) for v in rows[column]],
                colours[i % len(colours)],
                hover="%{customdata[1]}",
                customdata=[[on.isoformat(), text] for on, text in zip(rows["on"], said, strict=True)],
                marker={
                    "color": colours[i % len(colours)],
                    "pattern": {
                        "shape": shapes,
                        "fgcolor": ink.text,
                        "fillmode": "overlay",
                        "solidity": 0.3,
                        "size": 7,
                    },
                },
            )
        )
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{spec.period.capitalize()} of the order",
            y_title=f"{spec.kind.capitalize()} revenue",
            y_format="~s",
            is_time=True,
            barmode="relative",
            bargap=0.15,
            clickmode="event+select",
        ),
    }


def revenue_curves(grid: RevenueGrid, measure: str = "nrr", groups: Sequence[str] = (), *, is_dark: bool) -> Figure:
    """Draw revenue retention over age with bands: both measures of everybody, or one measure of each group."""
    colours = GROUPS[is_dark]
    if groups:
        parts = [(escape(name), grid.of(measure, name)) for name in groups[:MAX_GROUPS]]
    else:
        parts = [(RATES[name], grid.of(name)) for name in ("nrr", "grr")]
    traces: list[Figure] = []
    for i, (name, rows) in enumerate(parts):
        known = rows[rows["rate"].notna()]
        colour, dash = colours[i % len(colours)], DASHES[i % len(DASHES)]
        sure = known[known["low"].notna()]
        traces.append(band(name, sure["age"].tolist(), _rounded(sure["low"]), _rounded(sure["high"]), colour))
        said = [_rate_words(r) for r in known.to_dict("records")]
        traces.append(
            line(
                name, known["age"].tolist(), _rounded(known["rate"]), colour, dash=dash, hover="%{customdata}",
                customdata=said,
            )
        )  # fmt: skip
    unit = grid.spec.period
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{unit.capitalize()}s since the first order",
            y_title=f"Share of {unit} 0’s {grid.spec.kind} revenue",
            y_format=".0%",
            xaxis={"dtick": 1 if grid.spec.horizon <= 24 else 6},
        ),
    }


def _rate_words(row: dict[str, Any]) -> str:
    spread = "" if isnan(row["low"]) else f" ({row['low'] * 100:.1f}–{row['high'] * 100:.1f} %)"
    return f"{row['rate'] * 100:.1f} %{spread} of {int(row['n_users']):,} customers, {int(row['n_cohorts'])} cohorts"


def _rounded(numbers: Sequence[float]) -> list[float]:
    return [round(float(v), 4) for v in numbers]


def _cell_text(measure: str, value: float) -> str:
    if measure != "value":
        return f"{value:.0%}"
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def revenue_heatmap(
    grid: RevenueGrid, measure: str, min_size: int, group: str | None = None, *, is_dark: bool, n_rows: int = SHOWN_ROWS
) -> Figure:
    """Draw cohorts by age: one measure as colour, size beside; what is not complete is starred, small cohorts grey.

    Notes
    -----
    A heatmap gives no click events, so transparent markers lie on top and carry the text. `customdata` of a marker:
    cohort and age as the page's pick has them, and what the hover says.
    """
    ink, scale = INKS[is_dark], SHARES[is_dark]
    cells = grid.cells
    mine = cells[cells["group"].isna()] if group is None else cells[cells["group"] == group]
    cohorts = sorted(set(mine["cohort"]))[-n_rows:]
    place = {on: y for y, on in enumerate(cohorts)}
    n_ages = grid.spec.horizon + 1
    # Age 0 is 100 % by definition and would wash the rest out.
    known = [
        float(v) for on, age, v in zip(mine["cohort"], mine["age"], mine[measure], strict=True)
        if on in place and not isnan(v) and (age > 0 or measure == "value")
    ]  # fmt: skip
    top, bottom = max(known, default=1.0), min([*known, 0.0])
    colours: list[list[float | None]] = [[None] * n_ages for _ in cohorts]
    greys: list[list[float | None]] = [[None] * n_ages for _ in cohorts]
    xs, ys, texts, inks, said = [], [], [], [], []
    sizes: dict[date, int] = {}
    for c in mine.itertuples(index=False):
        if c.cohort not in place:
            continue
        sizes[c.cohort] = int(c.size)
        y, is_small = place[c.cohort], c.size < min_size
        value = float(getattr(c, measure))
        text, colour = "", ink.faint
        if not isnan(value):
            depth = min(max((value - bottom) / ((top - bottom) or 1), 0.0), 1.0)
            (greys if is_small else colours)[y][c.age] = round(depth, 3)
            text, colour = _cell_text(measure, value), ink_on(list(ink.grey) if is_small else scale, depth)
        elif c.state == "in_progress":
            text = "*"
        if c.touches_gap and c.state != "future":
            text += "°"
        xs.append(c.age)
        ys.append(y)
        texts.append(text)
        inks.append(colour)
        said.append([f"{c.cohort.isoformat()}.{c.age}", _cell_hover(c, grid, measure, is_small, min_size)])
    heat = {"type": "heatmap", "hoverinfo": "skip", "xgap": 2, "ygap": 2, "zmin": 0, "zmax": 1, "showscale": False}
    unit = grid.spec.period
    axis = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    return {
        "data": [
            {**heat, "z": colours, "colorscale": [[i / 9, colour] for i, colour in enumerate(scale)]},
            {**heat, "z": greys, "colorscale": [[0, ink.grey[0]], [1, ink.grey[1]]]},
            {
                "type": "scatter", "mode": "text", "hoverinfo": "skip", "x": [-1] * len(cohorts),
                "y": list(range(len(cohorts))), "text": [f"{sizes[on]:,}" for on in cohorts],
                "textfont": {"size": 13, "color": ink.text}, "selected": {"textfont": {"color": ink.text}},
            },
            {
                "type": "scatter", "mode": "markers+text", "x": xs, "y": ys, "text": texts, "customdata": said,
                "textfont": {"size": 13, "color": inks}, "hovertemplate": "%{customdata[1]}<extra></extra>",
                "marker": {"symbol": "square", "size": 27, "color": "rgba(0,0,0,0)"},
                "selected": {
                    "marker": {"color": ink.pick, "opacity": 1, "size": 27}, "textfont": {"color": ink.pick_text},
                },
                "unselected": {"marker": {"color": "rgba(0,0,0,0)", "opacity": 1}},
            },
        ],
        "layout": {
            "height": 84 + 29 * len(cohorts),
            "margin": {"l": 104, "r": 4, "t": 58, "b": 4},
            "showlegend": False, "dragmode": False, "clickmode": "event+select", "hovermode": "closest",
            "hoverdistance": 60, "hoverlabel": {"align": "left", "font": {"size": 13}}, "modebar": modebar(ink),
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": {
                **axis, "side": "top", "range": [-1.55, n_ages - 0.48], "tickvals": [-1, *range(n_ages)],
                "ticktext": ["Customers", *map(str, range(n_ages))], "tickfont": {"size": 13, "color": ink.faint},
            },
            "yaxis": {
                **axis, "range": [len(cohorts) - 0.45, -0.6], "tickvals": list(range(len(cohorts))),
                "ticktext": [cohort_label(on, unit) for on in cohorts], "tickfont": {"size": 13, "color": ink.text},
            },
            "annotations": [
                {
                    "text": f"{unit.capitalize()}s since the first order", "x": -0.5, "xanchor": "left", "y": 1,
                    "yref": "paper", "yanchor": "bottom", "yshift": 24, "showarrow": False,
                    "font": {"size": 13, "color": ink.faint},
                }
            ],
        },
    }  # fmt: skip


def _cell_hover(c: Any, grid: RevenueGrid, measure: str, is_small: bool, min_size: int) -> str:
    unit = grid.spec.period
    lines = [f"First order in {period_words(c.cohort, unit)}, {unit} {c.age}"]
    when = f"{c.complete_on.day} {c.complete_on:%b %Y}"
    if c.state == "future":
        return f"{lines[0]}<br>Not begun yet; complete on {when}"
    if c.state == "in_progress":
        lines.append(f"In progress: complete on {when}")
    elif measure == "value":
        lines.append(f"<b>{money(c.value)}</b> per customer so far, of {c.size:,}")
    else:
        low, high = getattr(c, f"{measure}_low"), getattr(c, f"{measure}_high")
        spread = "" if isnan(low) else f" (95 % interval {low * 100:.1f}–{high * 100:.1f} %)"
        lines.append(f"<b>{getattr(c, measure) * 100:.1f} %</b> of {unit} 0’s revenue{spread}")
    lines.append(f"{money(c.revenue)} from {int(c.buyers):,} of {c.size:,} customers")
    if c.touches_gap:
        lines.append("Touches a stretch marked missing: in no average")
    if is_small:
        lines.append(f"Fewer than {min_size} customers: read with care")
    return "<br>".join(lines)


def value_lines(result: ValuePerUser, days: Sequence[int], group: str | None = None, *, is_dark: bool) -> Figure:
    """Draw the N-day value of each cohort over time, one line with its band for each N."""
    colours = GROUPS[is_dark]
    rows = result.rows
    mine = rows[rows["group"].isna()] if group is None else rows[rows["group"] == group]
    traces: list[Figure] = []
    for i, n in enumerate(days):
        known = mine[(mine["days"] == n) & mine["value"].notna()]
        name, colour = f"First {n} days", colours[i % len(colours)]
        x = [on.isoformat() for on in known["cohort"]]
        sure = known[known["low"].notna()]
        traces.append(
            band(name, [on.isoformat() for on in sure["cohort"]], _money(sure["low"]), _money(sure["high"]), colour)
        )
        said = [
            f"{money(r['value'])} ({money(r['low'])} to {money(r['high'])}), {int(r['n_users']):,} customers"
            + (" · touches a stretch marked missing" if r["touches_gap"] else "")
            for r in known.to_dict("records")
        ]
        traces.append(
            line(name, x, _money(known["value"]), colour, dash=DASHES[i % len(DASHES)], hover="%{customdata}",
                 customdata=said)
        )  # fmt: skip
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{result.spec.period.capitalize()} of the first order",
            y_title=f"{result.spec.kind.capitalize()} revenue per customer",
            y_format=",~r",
            is_time=True,
        ),
    }


def _money(numbers: Sequence[float]) -> list[float]:
    return [round(float(v), 2) for v in numbers]


def repeat_bars(result: RepeatPurchases, group: str | None = None, *, is_dark: bool) -> Figure:
    """Draw the repeat purchase rate of each cohort over time with its band.

    Notes
    -----
    `customdata` of a point: the first day of the cohort's period.
    """
    rows = result.rows
    mine = rows[rows["group"].isna()] if group is None else rows[rows["group"] == group]
    known = mine[mine["rate"].notna()]
    colour = GROUPS[is_dark][0]
    x = [on.isoformat() for on in known["cohort"]]
    said = [
        f"{r['rate'] * 100:.1f} % ({r['low'] * 100:.1f}–{r['high'] * 100:.1f} %), {int(r['n_repeated']):,} of"
        f" {int(r['n_watched']):,} customers" + (" · touches a stretch marked missing" if r["touches_gap"] else "")
        for r in known.to_dict("records")
    ]
    name = f"Ordered again within {result.spec.days} days"
    return {
        "data": [
            band(name, x, _rounded(known["low"]), _rounded(known["high"]), colour),
            line(
                name, x, _rounded(known["rate"]), colour, hover="%{customdata[1]}",
                customdata=[[on, text] for on, text in zip(x, said, strict=True)],
            ),
        ],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"{result.spec.period.capitalize()} of the first order",
            y_title="Share of customers",
            y_format=".0%",
            is_time=True,
            clickmode="event+select",
        ),
    }  # fmt: skip


def second_order_chart(result: RepeatPurchases, groups: Sequence[str] = (), *, is_dark: bool) -> Figure:
    """Draw the share of customers who have ordered again by each day after the first order."""
    colours, ink = GROUPS[is_dark], INKS[is_dark]
    parts = [(escape(name), result.of(name)) for name in groups[:MAX_GROUPS]] or [("All customers", result.of())]
    traces: list[Figure] = []
    for i, (name, rows) in enumerate(parts):
        known = rows[rows["n_watched"] > 0]
        colour = colours[i % len(colours)]
        x = known["days"].tolist()
        traces.append(band(name, x, _rounded(known["low"]), _rounded(known["high"]), colour))
        said = [
            f"{r * 100:.1f} % of {int(n):,} customers" for r, n in zip(known["rate"], known["n_watched"], strict=True)
        ]
        traces.append(
            line(name, x, _rounded(known["rate"]), colour, dash=DASHES[i % len(DASHES)], is_marked=False,
                 hover="%{customdata}", customdata=said)
        )  # fmt: skip
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Days since the first order",
            y_title="Share with a second order",
            y_format=".0%",
            xaxis={"tickvals": [0, 30, 60, 90, 180, 270, 365], "hoverformat": "d"},
            shapes=[
                {
                    "type": "line", "xref": "x", "yref": "paper", "x0": result.spec.days, "x1": result.spec.days,
                    "y0": 0, "y1": 1, "line": {"color": tint(ink.text, 0.5), "width": 1, "dash": "dot"},
                }
            ],
        ),
    }  # fmt: skip


def bars_alt(result: RevenueOverTime) -> str:
    """Describe revenue over time to somebody who does not see it."""
    on = result.periods["on"]
    unit = result.spec.period
    span = f" from {period_words(min(on), unit)} to {period_words(max(on), unit)}" if len(on) else ""
    return f"{result.spec.kind.capitalize()} revenue by {unit}{span}. The table beside holds the same numbers."


def grid_alt(grid: RevenueGrid, measure: str) -> str:
    """Describe the revenue grid to somebody who does not see it."""
    what = "Cumulative revenue per customer" if measure == "value" else RATES[measure]
    return (
        f"{what} of {grid.cells['cohort'].nunique()} cohorts by {grid.spec.period} of the first order, ages 0 to"
        f" {grid.spec.horizon}. The table beside holds the same numbers."
    )
