"""What users do step by step: funnels, paths, and which early behaviours go with staying."""

from __future__ import annotations

import argparse
from typing import Any

from retention.cli.arguments import Add, about, add_population, day_of, names, open_store, population, rows


def register(add: Add) -> None:
    """Add the commands of this module."""
    command = add("funnel", _funnel, "how many users take some steps in order and in time")
    command.add_argument(
        "--steps", required=True, metavar="A,B|C,D", help="events in order; a bar where one of several will do"
    )
    command.add_argument("--within", default="7d", metavar="7d", help="time from the first step to the last (7d)")
    _add_dates(command, "first steps")
    add_population(command)

    command = add("paths", _paths, "what users do right after, or before, an event")
    command.add_argument("--event", required=True, metavar="EVENT", help="each user's first of it")
    command.add_argument("--direction", choices=("after", "before"), default="after", help="(after)")
    command.add_argument("--steps", type=int, default=3, metavar="N", help="events looked at, 1 to 5 (3)")
    command.add_argument("--top", type=int, default=6, metavar="N", help="events named, 1 to 12 (6)")
    command.add_argument("--within", default="7d", metavar="7d", help='time watched (7d), or "all"')
    command.add_argument("--repeats", action="store_true", help="the same event in a row counts every time")
    command.add_argument("--ignore", default="", metavar="EVENT[,EVENT]", help="events left out")
    _add_dates(command, "the event")
    _add_where(command)

    command = add("drivers", _drivers, "which early behaviours go with being active later")
    command.add_argument("--first", type=int, default=7, metavar="DAYS", help="the first days, from day 0 (7)")
    command.add_argument("--later", default=None, metavar="A-B", help="active later: from day A to day B (7-34)")
    command.add_argument("--times", type=int, default=5, metavar="N", help="done at least 1 to N times (5)")
    command.add_argument("--returns", default="", metavar="EVENT[,EVENT]", help="what being active means")
    _add_dates(command, "first activities")
    _add_where(command)


def _add_dates(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--from", dest="from_on", type=day_of, metavar="DAY", help=f"{what} from this day on")
    command.add_argument("--to", dest="to_on", type=day_of, metavar="DAY", help=f"{what} before this day")


def _add_where(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--where", action="append", default=[], metavar="country=France", help="only users whose first activity has it"
    )
    command.set_defaults(by=None)


def _funnel(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.behaviour.answer_funnel import funnel
    from retention.behaviour.spec_funnel import FunnelSpec, length_text, parse_steps, parse_within
    from retention.behaviour.words_funnel import comparison, definition, duration_words, finding, left_out
    from retention.cohorts.words import interval, percent

    where, by = population(args)
    spec = FunnelSpec(
        steps=parse_steps(args.steps), within_us=parse_within(args.within), where=where, by=by,
        from_on=args.from_on, to_on=args.to_on,
    )  # fmt: skip
    with open_store(args) as store:
        found = funnel(store, spec)
        catalogue = store.catalogue()
    result = {
        **about(catalogue),
        "definition": definition(spec, catalogue),
        "within": length_text(spec.within_us),
        "n_open": found.n_open,
        "n_gap": found.n_gap,
        "steps": rows(found.steps),
    }
    said = finding(found)
    lines = [said.headline, said.detail, ""]
    for group in (None, *found.groups):
        if group is not None:
            lines += ["", f"{by} {group}"]
        for row in found.of(group).itertuples():
            share = (
                ""
                if row.from_first != row.from_first
                else f"{percent(row.from_first)} ({interval(row.from_first_low, row.from_first_high)})"
            )
            wait = duration_words(row.median_s)
            lines.append(
                f"{row.step:>2} {row.events:<32} {row.n_users:>10,}  {share:<26} {wait and f'median {wait}'}".rstrip()
            )
    lines += ["", *(text for text in (comparison(found), left_out(found)) if text)]
    return result, "\n".join(lines)


def _paths(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.behaviour.answer_paths import paths
    from retention.behaviour.spec_funnel import parse_within
    from retention.behaviour.spec_paths import PathsSpec
    from retention.behaviour.words_paths import definition, finding, left_out, place_words
    from retention.cohorts.words import interval, percent

    where, _ = population(args)
    spec = PathsSpec(
        event=args.event, direction=args.direction, n_steps=args.steps, n_top=args.top,
        within_us=None if args.within == "all" else parse_within(args.within),
        is_collapsed=not args.repeats, ignored=names(args.ignore), where=where, from_on=args.from_on, to_on=args.to_on,
    )  # fmt: skip
    with open_store(args) as store:
        found = paths(store, spec)
        catalogue = store.catalogue()
    sequences = found.sequences.drop(columns=["events"])
    result = {
        **about(catalogue),
        "definition": definition(spec, catalogue),
        "n_users": found.n_users,
        "n_open": found.n_open,
        "n_gap": found.n_gap,
        "steps": rows(found.steps),
        "links": rows(found.links),
        "sequences": [
            {"events": list(events), **row}
            for events, row in zip(found.sequences["events"], rows(sequences), strict=True)
        ],
        "n_sequences": found.n_sequences,
        "n_other": found.n_other,
    }
    said = finding(found)
    lines = [said.headline, said.detail]
    for row in found.steps.itertuples() if found.n_users else ():
        if row.Index % (found.steps["step"] == 1).sum() == 0:
            lines += ["", f"event {row.step} {spec.direction}"]
        share = f"{percent(row.rate)} ({interval(row.low, row.high)})"
        lines.append(f"   {place_words(row.kind, row.event):<32} {row.n_users:>10,}  {share}")
    lines += ["", left_out(found)]
    return result, "\n".join(lines)


def _drivers(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.behaviour.answer_drivers import drivers
    from retention.behaviour.spec_drivers import DriversSpec
    from retention.behaviour.words_drivers import (
        CAUTION,
        definition,
        finding,
        left_out,
        ratio_words,
        skipped_words,
        times_words,
    )
    from retention.cohorts.words import percent

    where, _ = population(args)
    from_day, to_day = _days(args.later, args.first)
    spec = DriversSpec(
        first_days=args.first, from_day=from_day, to_day=to_day, n_most=args.times, returns=names(args.returns),
        where=where, from_on=args.from_on, to_on=args.to_on,
    )  # fmt: skip
    with open_store(args) as store:
        found = drivers(store, spec)
        catalogue = store.catalogue()
    finite = found.table.replace({float("inf"): None})  # JSON has no infinity
    result = {
        **about(catalogue),
        "definition": definition(spec, catalogue),
        "caution": CAUTION,
        "n_users": found.n_users,
        "n_retained": found.n_retained,
        "n_open": found.n_open,
        "n_gap": found.n_gap,
        "drivers": rows(finite),
        "skipped": rows(found.skipped),
    }
    said = finding(found)
    lines = [said.headline, said.detail, ""]
    for row in found.best.itertuples():
        lines.append(
            f"{f'{row.event} {times_words(row.n)}':<36} {percent(row.rate_did):>8} against {percent(row.rate_not):>8}"
            f"   lift {ratio_words(row.lift)} ({ratio_words(row.lift_low)} to {ratio_words(row.lift_high)})"
            f"   phi {row.phi:+.2f}   {row.says}"
        )
    lines += ["", *(text for text in (skipped_words(found), left_out(found), CAUTION) if text)]
    return result, "\n".join(lines)


def _days(text: str | None, first: int) -> tuple[int, int]:
    """Read a stretch of days; by default the 28 days after the first ones."""
    import re

    from retention.errors import SpecError

    if text is None:
        return first, first + 27
    match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", text)
    if not match:
        raise SpecError(f"`--later` must look like 7-34, not {text!r}.")
    return int(match[1]), int(match[2] or match[1])
