"""Who is new, who comes back, who falls silent; and how much of the base is there on a day."""

from __future__ import annotations

import argparse
from math import isnan
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, add_population, day_of, names, open_store, population, rows

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 12
"""Periods in the text; JSON holds all of them."""


def register(add: Add) -> None:
    """Add the commands."""
    lifecycle = add("lifecycle", _lifecycle, "new, returning, resurrecting and dormant users, and their moves")
    lifecycle.add_argument("--period", default="week", metavar="day|week|month")
    stickiness = add("stickiness", _stickiness, "daily, weekly and monthly users, DAU/MAU, active days")
    stickiness.add_argument("--period", default="month", metavar="week|month", help="of the active days")
    for parser in (lifecycle, stickiness):
        parser.add_argument(
            "--events", type=names, default=(), metavar="A,B", help="what counts (default: any activity)"
        )
        parser.add_argument("--from", dest="from_on", type=day_of, metavar="DAY", help="first day shown")
        parser.add_argument("--to", dest="to_on", type=day_of, metavar="DAY", help="first day left out")
        parser.add_argument("--last", type=int, metavar="N", help="the last N periods (or days) instead")
        add_population(parser)


def _lifecycle(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.errors import SpecError
    from retention.lifecycle.answer import lifecycle_frame, transitions_frame, user_lifecycle, user_transitions
    from retention.lifecycle.spec import LifecycleSpec, TransitionsSpec
    from retention.lifecycle.words import lifecycle_definition, transitions_verdict, verdict

    where, by = population(args)
    spec = LifecycleSpec(
        period=args.period,
        events=args.events,
        where=where,
        by=by,
        from_on=args.from_on,
        to_on=args.to_on,
        last=args.last,
    )
    with open_store(args) as store:
        catalogue = store.catalogue()
        found = user_lifecycle(store, spec)
        try:
            moves = user_transitions(store, TransitionsSpec(lifecycle=spec))
        except SpecError:  # the data hold no two complete periods
            moves = None
    result = {
        **about(catalogue),
        "definition": lifecycle_definition(spec, catalogue),
        "period": args.period,
        "periods": rows(lifecycle_frame(found)),
        "recent": rows(_dated(found.recent)),
        "transitions": [] if moves is None else rows(transitions_frame(moves)),
    }
    said = verdict(found)
    lines = [said.headline, said.detail, "", _table(found.of(), args.period)]
    if moves is not None:
        moved = transitions_verdict(moves)
        lines += ["", moved.headline, moved.detail]
    return result, "\n".join(lines)


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """Write the dates of a summary as text."""
    return frame.assign(
        **{
            name: [on and on.isoformat() for on in frame[name]]
            for name in ("from_on", "to_on", "newer_since")
            if name in frame
        }
    )


def _table(periods: pd.DataFrame, period: str) -> str:
    lines = [f"{period:<12}{'active':>9}{'new':>9}{'returning':>11}{'resurr.':>9}{'dormant':>9}  quick ratio"]
    for r in periods.tail(SHOWN).itertuples(index=False):
        ratio = "" if isnan(r.quick_ratio) else f"{r.quick_ratio:.2f} ({r.low:.2f}–{r.high:.2f})"
        mark = ("*" if r.state == "in_progress" else "") + ("†" if r.touches_gap else "")
        lines.append(
            f"{r.on.isoformat() + mark:<12}{r.n_active:>9,}{r.n_new:>9,}{r.n_returning:>11,}{r.n_resurrecting:>9,}"
            f"{f'{r.n_dormant:,}' if r.state == 'complete' else '':>9}  {ratio}".rstrip()
        )
    shown = periods.tail(SHOWN)
    if (shown["state"] == "in_progress").any():
        lines.append("* in progress, so far")
    if shown["touches_gap"].any():
        lines.append("† it, or the one before, touches a stretch marked missing")
    return "\n".join(lines)


def _stickiness(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.lifecycle.answer import active_days_frame, stickiness_frame, user_active_days, user_stickiness
    from retention.lifecycle.spec import ActiveDaysSpec, StickinessSpec
    from retention.lifecycle.words import (
        active_days_definition,
        active_days_verdict,
        stickiness_definition,
        stickiness_verdict,
    )

    where, by = population(args)
    spec = StickinessSpec(
        events=args.events, where=where, by=by, from_on=args.from_on, to_on=args.to_on, last=args.last
    )
    of_days = ActiveDaysSpec(period=args.period, events=args.events, where=where, by=by)
    with open_store(args) as store:
        catalogue = store.catalogue()
        found, days = user_stickiness(store, spec), user_active_days(store, of_days)
    result = {
        **about(catalogue),
        "definition": stickiness_definition(spec, catalogue),
        "days": rows(stickiness_frame(found)),
        "average": rows(_dated(found.summary)),
        "active_days": {
            "definition": active_days_definition(of_days, catalogue),
            "period": args.period,
            "shares": rows(active_days_frame(days)),
        },
    }
    lines = [
        text for said in (stickiness_verdict(found), active_days_verdict(days)) for text in (said.headline, said.detail)
    ]
    last = found.of()[found.of()["state"] == "complete"].tail(1)
    for row, missing in zip(last.to_dict("records"), last.isna().to_dict("records"), strict=True):
        shown = ", ".join(
            f"{words} {row[name]:,}"
            for name, words in (("dau", "daily"), ("wau", "weekly"), ("mau", "monthly"))
            if not missing[name]
        )
        lines.insert(2, f"On {row['on']}: {shown} users.")
    return result, "\n".join(text for text in lines if text)
