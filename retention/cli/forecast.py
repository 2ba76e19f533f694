"""What to expect of the coming periods."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from typing import Any

from retention.cli.arguments import Add, about, open_store, rows


def register(add: Add) -> None:
    """Add the command."""
    parser = add("forecast", _forecast, "active users or revenue of the coming periods, beside a naive forecast")
    parser.add_argument("--metric", default="active users", metavar='"active users"|revenue')
    parser.add_argument("--period", default="week", metavar="week|month")
    parser.add_argument("--horizon", type=int, default=12, metavar="N", help="periods ahead (default: 12)")
    parser.add_argument(
        "--where", action="append", default=[], metavar="country=France", help="only users whose first activity has it"
    )


def _forecast(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.cohorts.spec import Condition
    from retention.forecast.answer import forecast
    from retention.forecast.result import definition, headline, interval_words, verdict
    from retention.forecast.spec import ForecastSpec

    spec = ForecastSpec(
        metric=args.metric,
        period=args.period,
        horizon=args.horizon,
        where=tuple(Condition.parse(text) for text in args.where),
    )
    with open_store(args) as store:
        found = forecast(store, spec)
        catalogue = store.catalogue()
    trial = {name: _known(value) for name, value in asdict(found.trial).items()}
    result: dict[str, Any] = {
        **about(catalogue),
        "definition": definition(spec, catalogue),
        "metric": spec.metric,
        "period": spec.period,
        "verdict": verdict(found),
        "interval": interval_words(found),
        "ahead": rows(found.ahead),
        "trial": trial,
        "tried": rows(found.tried),
        "seen": rows(found.seen),
        "curve": found.curve,
        "inflow": found.inflow,
    }
    lines = [headline(found), verdict(found), interval_words(found), ""]
    lines += [
        f"{row.from_on}  {row.expected:12,.0f}  ({row.low:,.0f}–{row.high:,.0f})"
        for row in found.ahead.itertuples(index=False)
    ]
    return result, "\n".join(lines)


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
