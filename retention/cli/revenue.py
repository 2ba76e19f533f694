"""What comes in, what cohorts keep spending, what a customer brings, and who orders again."""

from __future__ import annotations

import argparse
from math import isnan
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, add_population, open_store, population, rows

if TYPE_CHECKING:
    import pandas as pd

    from retention.cohorts.words import Verdict


def register(add: Add) -> None:
    """Add the command."""
    parser = add("revenue", _revenue, "revenue over time and by cohort, value per customer, second orders")
    parser.add_argument("--period", default="month", metavar="day|week|month")
    parser.add_argument("--kind", default="net", metavar="net|gross", help="net of refunds (default) or gross")
    parser.add_argument("--horizon", type=int, default=12, metavar="K", help="last age of the grid (default: 12)")
    parser.add_argument("--within", type=int, default=90, metavar="DAYS", help="time for a second order (default: 90)")
    add_population(parser)


def _revenue(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.lifecycle.answer_revenue import (
        repeat_purchases,
        revenue_over_time,
        revenue_retention,
        value_per_user,
    )
    from retention.lifecycle.spec_revenue import SHOWN_DAYS, VALUE_DAYS, RepeatSpec, RevenueSpec
    from retention.lifecycle.words_revenue import (
        over_time_verdict,
        repeat_definition,
        repeat_verdict,
        retention_verdict,
        revenue_definition,
        value_verdict,
    )

    where, by = population(args)
    spec = RevenueSpec(period=args.period, kind=args.kind, horizon=args.horizon, where=where, by=by)
    repeat = RepeatSpec(days=args.within, period=args.period, where=where, by=by)
    with open_store(args) as store:
        catalogue = store.catalogue()
        over_time, grid = revenue_over_time(store, spec), revenue_retention(store, spec)
        values, again = value_per_user(store, spec), repeat_purchases(store, repeat)
    min_size = int(catalogue.settings.min_cohort_size)
    curve = again.curve[
        again.curve["days"].isin((*VALUE_DAYS, *SHOWN_DAYS, args.within)) & (again.curve["n_watched"] > 0)
    ]
    # One row for everybody or one a group; a group's name is null where there is no breakdown.
    groups = again.total["group"].tolist()
    result = {
        **about(catalogue),
        "definition": revenue_definition(spec, catalogue),
        "period": args.period,
        "kind": args.kind,
        "periods": rows(over_time.periods),
        "retention": {"cells": rows(grid.cells), "average": rows(grid.pooled)},
        "value_per_user": {"cohorts": rows(values.rows), "average": rows(values.pooled)},
        "repeat": {
            "definition": repeat_definition(repeat, catalogue),
            "within_days": args.within,
            "total": rows(again.total),
            "cohorts": rows(again.rows),
            "time_to_second": rows(curve),
            "median_days": [{"group": group, "days": again.median_days(group)} for group in groups],
        },
    }
    said = [over_time_verdict(over_time)]
    for group in groups or [None]:
        said += [
            _named(group, verdict)
            for verdict in (
                retention_verdict(grid, min_size, group),
                value_verdict(values, min_size, group),
                repeat_verdict(again, min_size, group),
            )
        ]
    text = "\n".join(dict.fromkeys(f"{v.headline} {v.detail}".strip() for v in said))
    return result, f"{text}\n\n{_table(over_time.periods)}\n\n{result['definition']}"


def _named(group: str | None, verdict: Verdict) -> Verdict:
    from dataclasses import replace

    return verdict if group is None else replace(verdict, headline=f"{group}: {verdict.headline}")


def _table(periods: pd.DataFrame, n_rows: int = 12) -> str:
    """Write the last periods as text."""
    lines = [f"{'from':<12}{'orders':>9}{'customers':>11}{'gross':>15}{'refunds':>13}{'net':>15}{'per order':>11}"]
    for r in periods.tail(n_rows).itertuples(index=False):
        value = "–" if isnan(r.order_value) else f"{r.order_value:,.2f}"
        mark = ("*" if r.state == "in_progress" else "") + ("°" if r.touches_gap else "")
        group = "" if r.group is None else f"  {r.group}"
        lines.append(
            f"{r.on.isoformat():<12}{r.n_orders:>9,}{r.n_buyers:>11,}{r.gross:>15,.2f}{r.refunded:>13,.2f}"
            f"{r.net:>15,.2f}{value:>11} {mark}{group}"
        )
    return "\n".join([*lines, "* still running, ° touches a stretch marked missing"])
