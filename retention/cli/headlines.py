"""Commands about the headline numbers: how they stand, and why one moved."""

from __future__ import annotations

import argparse
from typing import Any

from retention.cli.arguments import Add, about, day_of, names, open_store, rows


def register(add: Add) -> None:
    """Add the commands."""
    headlines = add("headlines", _headlines, "the headline numbers and how they changed")
    headlines.add_argument("--metric", default="", metavar="NAME[,NAME]", help="default: all")
    headlines.add_argument(
        "--weeks", type=int, default=4, metavar="N", help="width of the window and of the one before"
    )

    explain = add("explain", _explain, "why a headline rate moved: mix and within, which add up exactly")
    explain.add_argument("--metric", required=True, metavar="NAME", help="for example week-1-retention")
    explain.add_argument(
        "--from", dest="from_on", type=day_of, metavar="D", help="a day of the earlier window's first week"
    )
    explain.add_argument("--to", dest="to_on", type=day_of, metavar="D", help="a day of the later window's first week")
    explain.add_argument("--by", metavar="PROPERTY", help="makes the groups (default: the one that most users have)")
    explain.add_argument("--weeks", type=int, default=4, metavar="N", help="width of each window")
    explain.add_argument("--groups", type=int, default=8, metavar="N", help="groups by name; the rest are one")


def _headlines(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.headlines.answer import headlines
    from retention.headlines.spec import HeadlinesSpec
    from retention.headlines.words import definition, finding

    spec = HeadlinesSpec(weeks=args.weeks, metrics=names(args.metric))
    with open_store(args) as store:
        found = headlines(store, spec)
        result = about(store.catalogue())
    items = []
    for item in found.items:
        said = definition(item.metric, found.clock, churn_window=found.churn_window, n_weeks=spec.weeks)
        items.append(
            {
                "metric": item.metric.name,
                "label": item.metric.label,
                "unit": item.metric.unit,
                **_value(item.now),
                "window": _window(item.window),
                "before": {**_value(item.before), "window": _window(item.window_before)} if item.before else None,
                "change": _change(item.change),
                "reason": item.reason,
                "definition": said,
                "history": rows(item.history),
            }
        )
    text = "\n".join(
        finding(item, spec.weeks) or f"{item.metric.label}: not known yet. {item.reason}" for item in found.items
    )
    result["definition"] = "Headline numbers over mature, gap-free weeks, each with its own definition."
    return {**result, "weeks": spec.weeks, "metrics": items}, text


def _explain(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.headlines.answer_explain import explain
    from retention.headlines.spec import ExplainSpec
    from retention.headlines.words import explain_definition, points, verdict_of

    spec = ExplainSpec(
        metric=args.metric, from_on=args.from_on, to_on=args.to_on, by=args.by, weeks=args.weeks, n_groups=args.groups
    )
    with open_store(args) as store:
        found = explain(store, spec)
        result = about(store.catalogue())
    result |= {
        "definition": explain_definition(found),
        "metric": spec.metric,
        "by": found.by,
        "from": {**_value(found.rate_from), "window": _window(found.window_from)},
        "to": {**_value(found.rate_to), "window": _window(found.window_to)},
        "change": _change(found.change),
        "mix": _part(found.split.mix),
        "within": _part(found.split.within),
        "groups": rows(found.split.groups),
        "verdict": verdict_of(found),
    }
    lines = [
        f"  {r.group:<24} mix {points(r.mix):>14}   within {points(r.within):>14}   {r.says}".rstrip()
        for r in found.split.groups.itertuples(index=False)
    ]
    return result, "\n".join([result["verdict"], *lines])


def _value(value: Any) -> dict[str, Any]:
    from math import isfinite

    if value is None:
        return {"value": None, "low": None, "high": None, "n": None}
    low, high = (v if isfinite(v) else None for v in (value.low, value.high))
    return {"value": value.value, "low": low, "high": high, "n": value.n}


def _window(window: Any) -> dict[str, Any] | None:
    if window is None:
        return None
    return {"from": window.from_on.isoformat(), "to": window.to_on.isoformat(), "n_weeks": len(window.weeks)}


def _change(change: Any) -> dict[str, Any] | None:
    if change is None:
        return None
    return {
        "kind": change.kind,
        "difference": change.difference,
        "low": change.low,
        "high": change.high,
        "says": change.says,
    }


def _part(part: Any) -> dict[str, Any]:
    from math import isfinite

    low, high = (v if isfinite(v) else None for v in (part.low, part.high))
    return {"value": part.value, "low": low, "high": high}
