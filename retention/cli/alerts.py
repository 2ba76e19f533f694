"""The command about alerts: read them all, and the orders that make them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, iso_or_none, open_store
from retention.errors import SpecError

if TYPE_CHECKING:
    from retention.alerts.reading import Readings


def register(add: Add) -> None:
    """Add the command."""
    alerts = add("alerts", _alerts, "read every alert: exit status 1 and one line each when something fired")
    alerts.add_argument("verb", nargs="?", choices=["check", "list", "add", "delete"], default="check")
    alerts.add_argument("alert", nargs="?", type=int, metavar="NUMBER", help="of the alert to delete")
    alerts.add_argument("--metric", metavar="NAME", help="a headline number, such as week-1-retention")
    beyond = alerts.add_mutually_exclusive_group()
    beyond.add_argument("--below", metavar="T", help="fire when it is below: 0.4 or 40%%")
    beyond.add_argument("--above", metavar="T", help="fire when it is above")
    alerts.add_argument(
        "--unsure", action="store_true", help="fire even where the interval reaches across the threshold"
    )
    alerts.add_argument("--name", default="", help="what to call it")


def _alerts(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.alerts.answer import alert_readings
    from retention.alerts.order import delete_alert, evaluate_alerts

    if args.verb == "add":
        return _add(args)
    with open_store(args) as store:
        if args.verb == "delete":
            if args.alert is None:
                raise SpecError("Name the alert to delete.", hint="`python -m retention alerts list` numbers them.")
            delete_alert(store, args.alert)
            return {"deleted": args.alert}, f"Alert {args.alert} is deleted."
        if args.verb == "list":
            found = alert_readings(store)
            lines = [
                f"{item.alert_id}  {'FIRED' if item.is_fired else 'quiet'}  {item.sentence}" for item in found.items
            ]
            return _said(found), "\n".join(lines) or "There is no alert."
        found = evaluate_alerts(store)
    text = "\n".join(item.sentence for item in found.fired) or (
        f"{len(found.items)} alert{'' if len(found.items) == 1 else 's'}, none fired." if found.items else "There is no alert."
    )
    return {**_said(found), "exit": int(bool(found.fired))}, text


def _add(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.alerts.order import add_alert
    from retention.alerts.spec import AlertSpec, Operator, parse_threshold

    if args.metric is None or (args.below is None and args.above is None):
        raise SpecError(
            "An alert needs --metric, and --below or --above.", hint="alerts add --metric stickiness --below 10%"
        )
    operator: Operator = "above" if args.below is None else "below"
    threshold = parse_threshold(args.above if args.below is None else args.below)
    rule = AlertSpec(
        metric=args.metric, operator=operator, threshold=threshold, is_sure=not args.unsure, name=args.name
    )
    with open_store(args) as store:
        number = add_alert(store, rule)
    return {"alert": number}, f"Alert {number} watches {args.metric}."


def _said(found: Readings) -> dict[str, Any]:
    from math import isfinite

    def number(value: float) -> float | None:
        return value if isfinite(value) else None

    return {
        "as_of": iso_or_none(found.as_of_us),
        "timezone": found.timezone,
        "data_version": found.data_version,
        "definition": "Rules on headline numbers over mature data; a number that cannot be computed yet does not fire.",
        "alerts": [
            {
                "alert": item.alert_id,
                "metric": item.rule.metric,
                "operator": item.rule.operator,
                "threshold": item.rule.threshold,
                "sure": item.rule.is_sure,
                "fired": item.is_fired,
                "value": item.value.value if item.value else None,
                "low": number(item.value.low) if item.value else None,
                "high": number(item.value.high) if item.value else None,
                "sentence": item.sentence,
            }
            for item in found.items
        ],
    }
