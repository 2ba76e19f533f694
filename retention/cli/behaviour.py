"""How often people come, and how long a silence must be before it counts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retention.behaviour.spec_interval import LONGEST_WINDOW
from retention.cli.arguments import Add, about, add_population, names, open_store, population, rows

if TYPE_CHECKING:
    from retention.behaviour.churn_window import ChurnWindow

SHOWN_WINDOWS = (7, 14, 21, 30, 45, 60, 90, 120, 150, 180)


def register(add: Add) -> None:
    """Add the commands of this module."""
    command = add("interval", _interval, "days between visits, and the churn window that suits the data")
    command.add_argument(
        "--events", default="", metavar="EVENT[,EVENT]", help="what counts as active (default: any activity)"
    )
    command.add_argument(
        "--follow-up",
        type=int,
        default=90,
        metavar="DAYS",
        help="a lapse was a mistake if the user was back so soon (90)",
    )
    command.add_argument(
        "--accept", type=float, default=10.0, metavar="PERCENT", help="accepted share of such mistakes (10)"
    )
    add_population(command)


def _interval(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.behaviour.answer_interval import false_lapses, usage_interval
    from retention.behaviour.spec_interval import IntervalSpec, WindowSpec
    from retention.behaviour.words_interval import (
        interval_definition,
        interval_verdict,
        window_definition,
        window_verdict,
    )
    from retention.errors import SpecError

    if not 0 < args.accept < 100:
        raise SpecError(f"`--accept` must be a share above 0 and below 100 %, not {args.accept:g}.")
    where, by = population(args)
    spec = IntervalSpec(events=names(args.events), where=where, by=by)
    window = WindowSpec(events=spec.events, follow_up_days=args.follow_up, where=where, by=by)
    with open_store(args) as store:
        usual, lapses = usage_interval(store, spec), false_lapses(store, window)
        catalogue = store.catalogue()
    accepted = args.accept / 100
    in_force = int(catalogue.settings.churn_window)
    groups = [None, *lapses.group_names]
    result = {
        **about(catalogue),
        "definition": interval_definition(spec, catalogue),
        "groups": rows(usual.groups),
        "distribution": rows(usual.counts),
        "gaps": rows(usual.gaps),
        "window": {
            "definition": window_definition(window, catalogue),
            "follow_up_days": window.follow_up_days,
            "accepted_rate": accepted,
            "in_force_days": in_force,
            "suggested_days": lapses.suggested(accepted),
            "suggested_by_group": [{"group": g, "days": lapses.suggested(accepted, g)} for g in groups],
            "rows": rows(lapses.rows),
        },
    }
    known = lapses.longest_known() or 0
    shown = sorted({in_force, *(days for days in SHOWN_WINDOWS if days <= known)})
    lines = [interval_verdict(usual), ""]
    if by:
        lines += [_group_line(row) for row in usual.groups.itertuples(index=False)] + [""]
    lines += [window_verdict(lapses, accepted, group) for group in groups]
    lines += ["", *_table(lapses, shown, in_force)]
    return result, "\n".join(lines)


def _table(lapses: ChurnWindow, shown: list[int], in_force: int) -> list[str]:
    from retention.cohorts.words import interval, percent

    lines = ["window X     judged  came back  share (95 % interval)     silent now"]
    for days in shown:
        if days > LONGEST_WINDOW:
            lines.append(f"{days:>4} days  longer than the windows that are tried  (in force)")
            continue
        row = lapses.row(days)
        known = (
            f"{percent(row['rate'])} ({interval(row['low'], row['high'])})" if row["n_silences"] else "not known yet"
        )
        lines.append(
            f"{days:>4} days {row['n_silences']:>9,}  {row['n_returned']:>9,}  {known:<24}{row['n_silent_now']:>12,}"
            + ("  (in force)" if days == in_force else "")
        )
    return lines


def _group_line(row: Any) -> str:
    if not row.n_users:
        return f"{row.group or 'everybody':<24} nobody with two active days"
    return (
        f"{row.group or 'everybody':<24} {row.n_users:>9,} users  median {row.median:g} days"
        f"  ({row.q25:g} to {row.q75:g} in the middle half)"
    )
