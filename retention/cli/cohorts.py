"""The cohort grid, its users and its SQL."""

from __future__ import annotations

import argparse
import math
from typing import Any

from retention.cli.arguments import Add, day_of, names, open_store
from retention.periods import iso


def register(add: Add) -> None:
    """Add the commands."""
    _add_cohort_arguments(add("cohorts", _cohorts, "how much of each cohort comes back, and when"))
    members = add("members", _members, "the users behind a cell, with the ids of the file (audited)")
    _add_cohort_arguments(members)
    members.add_argument("--cohort", type=day_of, required=True, metavar="D", help="first day of the cohort's period")
    members.add_argument("--age", type=int, required=True, metavar="K")
    members.add_argument("--group", help="value of --by")
    members.add_argument("--lost", action="store_true", help="those who did not come back")
    _add_cohort_arguments(add("sql", _sql, "print the SQL of a cohort question"))


def _cohorts(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.export import json_rows
    from retention.cohorts.answer import cohort_retention, explain_sql
    from retention.cohorts.words import definition, question_hash, verdict

    spec = _cohort_spec(args)
    with open_store(args) as store:
        matrix = cohort_retention(store, spec)
        catalogue = store.catalogue()
        result = {
            "as_of": iso(matrix.as_of_us),
            "timezone": matrix.clock.timezone,
            "week_start": matrix.clock.week_start,
            "data_version": matrix.data_version,
            "definition": definition(spec, catalogue),
            "hash": question_hash(spec, catalogue),
            "sql": explain_sql(store, spec),
            "cells": json_rows(matrix.cells),
            "average": json_rows(matrix.average),
        }
        said = verdict(matrix, int(catalogue.settings.min_cohort_size))
    if spec.is_open_ended:
        result["follow_up"] = json_rows(matrix.rows)
    return result, f"{said.headline} {said.detail}\n\n{_grid(matrix)}\n\n{result['definition']}"


def _members(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.order import list_member_ids
    from retention.cohorts.spec import CellSpec

    cell = CellSpec(cohorts=_cohort_spec(args), cohort=args.cohort, age=args.age, group=args.group, is_lost=args.lost)
    with open_store(args) as store:
        ids = list_member_ids(store, cell)
    return {"count": len(ids), "users": ids}, "\n".join([f"{len(ids):,} users", *ids])


def _sql(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.cohorts.answer import explain_sql

    with open_store(args) as store:
        text = explain_sql(store, _cohort_spec(args))
    return {"sql": text}, text


def _add_cohort_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--entry", default="first-ever", metavar="first-ever|first-matching|recurring")
    parser.add_argument("--start", default="", metavar="EVENT[,EVENT]", help="default: any activity")
    parser.add_argument("--return", dest="returns", default="", metavar="EVENT[,EVENT]", help="default: any activity")
    parser.add_argument("--mode", default="on", metavar="on|on-or-after|on-or-before|streak|bracket")
    parser.add_argument("--brackets", default="", metavar="0,1,2-4")
    parser.add_argument("--period", default="week", metavar="day|week|month")
    parser.add_argument("--ages", default="calendar", metavar="calendar|elapsed")
    parser.add_argument("--open-ended", action="store_true")
    parser.add_argument("--horizon", type=int, default=12, metavar="K")
    parser.add_argument("--at-least", type=int, default=1, metavar="M")
    parser.add_argument("--where", action="append", default=[], metavar="country=France")
    parser.add_argument("--by", metavar="PROPERTY")
    parser.add_argument("--from", dest="from_on", type=day_of, metavar="D")
    parser.add_argument("--to", dest="to_on", type=day_of, metavar="D")


def _cohort_spec(args: argparse.Namespace) -> Any:
    from retention.cohorts.spec import CohortSpec, Condition, parse_brackets

    return CohortSpec(
        entry=args.entry,
        start=names(args.start),
        returns=names(args.returns),
        mode=args.mode,
        brackets=parse_brackets(args.brackets) if args.brackets else (),
        period=args.period,
        ages=args.ages,
        horizon=args.horizon,
        at_least=args.at_least,
        is_open_ended=args.open_ended,
        where=tuple(Condition.parse(text) for text in args.where),
        by=args.by,
        from_on=args.from_on,
        to_on=args.to_on,
    )


def _grid(matrix: Any) -> str:
    """Draw the grid as text: rates of mature cells, an asterisk for those in progress, nothing for the future."""
    ages = matrix.spec.shown_ages
    lines = [" ".join(["cohort".ljust(10), "size".rjust(8), *(str(a).rjust(6) for a in ages)])]
    for (cohort, group), row in matrix.cells.groupby(["cohort", "group"], dropna=False, sort=False):
        shown = [
            f"{rate:6.1%}" if state == "mature" else ("*" if state == "in_progress" else "").rjust(6)
            for rate, state in zip(row["rate"], row["state"], strict=True)
        ]
        name = f"  {group}" if matrix.spec.by else ""
        lines.append(" ".join([cohort.isoformat(), f"{row['size'].iloc[0]:8,}", *shown]) + name)
    pooled = matrix.averages("pooled")
    rates = ["".rjust(6) if math.isnan(rate) else f"{rate:6.1%}" for rate in pooled["rate"]]
    lines.append(" ".join(["pooled".ljust(10), "".rjust(8), *rates]))
    return "\n".join(lines)
