"""What the buyers so far are expected to buy."""

from __future__ import annotations

import argparse
import math
from typing import Any

from retention.cli.arguments import Add, about, day_of, open_store, rows


def register(add: Add) -> None:
    """Add the command."""
    parser = add("clv", _clv, "how often the buyers so far will order, and what they will spend")
    parser.add_argument("--unit", default="week", metavar="day|week|month", help="1, 7 or 30 days (default: week)")
    parser.add_argument("--horizon", type=int, default=12, metavar="N", help="units ahead (default: 12)")
    parser.add_argument(
        "--calibrate-to", type=day_of, metavar="D", help="fit up to the end of this day and check on the later ones"
    )
    parser.add_argument("--money", default="gross", metavar="gross|net", help="before or after refunds")
    parser.add_argument(
        "--where", action="append", default=[], metavar="country=France", help="only users whose first activity has it"
    )


def _clv(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.cohorts.spec import Condition
    from retention.survival.answer_clv import customer_value
    from retention.survival.result_clv import cautions, check_words, definition, headline
    from retention.survival.spec_clv import ClvSpec

    spec = ClvSpec(
        unit=args.unit,
        horizon=args.horizon,
        calibrate_to=args.calibrate_to,
        money=args.money,
        where=tuple(Condition.parse(text) for text in args.where),
    )
    with open_store(args) as store:
        clv = customer_value(store, spec)
        catalogue = store.catalogue()
    held = clv.holdout
    result: dict[str, Any] = {
        **about(catalogue),
        "definition": definition(spec, catalogue),
        "unit": spec.unit,
        "calibrated_to": clv.last_on.isoformat(),
        "n_buyers": clv.n_buyers,
        "n_repeat": clv.n_repeat,
        "bgnbd": dict(clv.bgnbd),
        "gamma_gamma": None if clv.gamma_gamma is None else dict(clv.gamma_gamma),
        "spend_correlation": _known(clv.spend_correlation),
        "expected": {
            "horizon": spec.horizon,
            "orders": clv.expected,
            "low": clv.low,
            "high": clv.high,
            "value": _known(clv.value),
        },
        "holdout": None
        if held is None
        else {
            "n_days": held.n_days,
            "predicted": held.predicted,
            "actual": held.actual,
            "correlation": _known(held.correlation),
            "by_unit": rows(held.by_unit),
        },
        "by_unit": rows(clv.by_unit),
        "by_repeat_orders": rows(clv.by_x),
        "bands": rows(clv.bands),
        "cautions": cautions(clv),
    }
    figures = ", ".join(f"{name} {clv.bgnbd[name]:.3f}" for name in ("r", "alpha", "a", "b"))
    lines = [headline(clv), check_words(clv), f"BG/NBD: {figures}, log-likelihood {clv.bgnbd['log_likelihood']:.1f}"]
    if clv.gamma_gamma is not None:
        lines.append("Gamma-Gamma: " + ", ".join(f"{name} {clv.gamma_gamma[name]:.2f}" for name in ("p", "q", "v")))
    return result, "\n".join([*lines, *cautions(clv)])


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
