"""What buyers are expected to buy, as pictures."""

from __future__ import annotations

from math import isnan

from retention.cohorts.chart_frame import bars, layout, line
from retention.cohorts.chart_look import GROUPS, INKS, Figure
from retention.survival.result_clv import Clv, units


def orders_figure(clv: Clv, *, is_dark: bool) -> Figure:
    """Draw the orders of the held-back units beside what was expected of them, or those of the units to come."""
    colours, ink, spec = GROUPS[is_dark], INKS[is_dark], clv.spec
    unit = f"per {units(1, spec.unit)}"
    held = clv.holdout
    if held is not None and len(held.by_unit):
        frame = held.by_unit
        dates = [on.isoformat() for on in frame["from_on"]]
        traces = [
            bars("Came", dates, frame["actual"].tolist(), ink.grey[1], hover="%{y:,} orders came"),
            line(
                "Expected",
                dates,
                [round(v, 2) for v in frame["predicted"]],
                colours[0],
                is_marked=False,
                hover="%{y:,.0f} expected",
            ),
        ]
    else:
        frame = clv.by_unit
        traces = [
            bars(
                "Expected",
                [on.isoformat() for on in frame["from_on"]],
                [round(v, 2) for v in frame["expected"]],
                colours[0],
                hover="%{y:,.0f} orders expected",
            )
        ]
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            is_time=True,
            x_title=f"First day of each {units(1, spec.unit)}",
            y_title=f"Orders {unit}, of {clv.n_buyers:,} buyers",
            y_format=",",
            showlegend=len(traces) > 1,
        ),
    }


def orders_alt(clv: Clv) -> str:
    """Describe the orders to somebody who does not see them."""
    if clv.holdout is not None and len(clv.holdout.by_unit):
        return (
            f"Orders that came in each {units(1, clv.spec.unit)} held back as bars, with the expected ones as a line:"
            f" {clv.holdout.predicted:,.0f} expected, {clv.holdout.actual:,} came."
        )
    return (
        f"Orders expected in each of the next {units(clv.spec.horizon, clv.spec.unit)}, of the {clv.n_buyers:,} buyers"
        f" so far: {clv.expected:,.0f} in all."
    )


def frequency_figure(clv: Clv, *, is_dark: bool) -> Figure:
    """Draw the expected orders a buyer by how often buyers have come back; with a check, what came, too."""
    colours, frame = GROUPS[is_dark], clv.by_x
    labels = frame["label"].tolist()
    n = [f"{count:,} buyers" for count in frame["n"]]
    if clv.holdout is None:
        ahead = f"{units(clv.spec.horizon, clv.spec.unit)}"
        y, traces = frame["expected"].tolist(), []
    else:
        ahead = f"{clv.holdout.n_days} days"
        y = frame["predicted"].tolist()
        traces = [
            bars(
                "Came",
                labels,
                [round(v, 4) for v in frame["actual"]],
                INKS[is_dark].grey[1],
                hover="%{y:.2f} came",
            )
        ]
    traces.append(
        bars("Expected", labels, [round(v, 4) for v in y], colours[0], hover="%{y:.2f} expected · %{text}", text=n)
    )
    traces[-1]["textposition"] = "none"
    return {
        "data": traces,
        "layout": layout(
            is_dark=is_dark,
            x_title="Repeat orders so far (days with an order after the first one)",
            y_title=f"Orders per buyer in {ahead}",
            xaxis={"type": "category"},
            barmode="group",
            showlegend=len(traces) > 1,
        ),
    }


def frequency_alt(clv: Clv) -> str:
    """Describe the orders by frequency to somebody who does not see them."""
    name = "expected" if clv.holdout is None else "predicted"
    said = "; ".join(f"{row.label}: {getattr(row, name):.2f}" for row in clv.by_x.itertuples(index=False))
    return f"Expected orders per buyer by the number of repeat orders so far: {said}."


def bands_figure(clv: Clv, *, is_dark: bool) -> Figure:
    """Draw which share of the expected orders each band of buyers brings; a click picks the band."""
    frame = clv.bands[clv.bands["band"] != "quiet"]
    texts = [
        f"{row.n:,} buyers, {row.expected:,.0f} orders" + ("" if isnan(row.value) else f", value {row.value:,.0f}")
        for row in frame.itertuples(index=False)
    ]
    trace = bars(
        "Share of expected orders",
        frame["words"].tolist(),
        [round(v, 4) for v in frame["share"]],
        GROUPS[is_dark][0],
        hover="%{y:.0%} of expected orders · %{customdata[1]}",
        customdata=[list(pair) for pair in zip(frame["band"], texts, strict=True)],
    )
    return {
        "data": [trace],
        "layout": layout(
            is_dark=is_dark,
            x_title=f"Buyers, ranked by expected orders (of {clv.n_buyers:,})",
            y_title="Share of all expected orders",
            y_format=".0%",
            showlegend=False,
            hovermode="closest",
            clickmode="event+select",
            xaxis={"type": "category"},
        ),
    }


def bands_alt(clv: Clv) -> str:
    """Describe the bands to somebody who does not see them."""
    frame = clv.bands[clv.bands["band"] != "quiet"]
    said = "; ".join(f"{row.words.lower()} {row.share * 100:.0f} %" for row in frame.itertuples(index=False))
    return f"Share of the expected orders by band of buyers: {said}."
