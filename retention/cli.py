"""The command line: the same answers and orders as the pages, for scripts and for large files."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from retention.errors import RetentionError, SpecError
from retention.periods import day_number, iso, midnight_us, to_us, zone

Command = Callable[[argparse.Namespace], tuple[dict[str, Any], str]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0 on success, 1 when `check` finds a fault, 2 on a mistake that the reader can fix.
    """
    args = _parser().parse_args(argv)
    try:
        result, text = args.command(args)
    except RetentionError as error:
        print(f"retention: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    try:
        print(json.dumps(result, ensure_ascii=False) if args.json else text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(result.get("exit", 0))


# Commands --------------------------------------------------------------------------------------------


def _sample(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.ingest.order import build_sample
    from retention.ingest.sample import SampleSpec
    from retention.store import Store, store_path

    with Store.create_or_open(store_path(args.store)) as store:
        report = build_sample(store, SampleSpec(n_users=args.users, seed=args.seed), _progress())
    result = {
        "new": report.n_new,
        "users": args.users,
        "seed": args.seed,
        "simulated": True,
        "as_of": _iso(report.as_of_us),
    }
    return {
        **result,
        "data_version": report.data_version,
    }, f"Built a simulated shop of {args.users:,} users: {report.n_new:,} events."


def _import(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.ingest.order import import_file
    from retention.ingest.spec import ImportSpec
    from retention.store import Store, store_path

    files = list(_files(args.files))
    mapping = _mapping(args.map)
    reports = []
    with Store.create_or_open(store_path(args.store)) as store:
        timezone = args.timezone or store.catalogue().settings.timezone
        for path in files:
            spec = ImportSpec(
                path, preset=args.preset, mapping=mapping, constant_event=args.event, timezone=timezone,
                delimiter=args.delimiter, encoding=args.encoding, has_explicit_timezone=args.timezone is not None,
            )  # fmt: skip
            complete_to = None if args.complete_to is None else _instant(args.complete_to, timezone)
            reports.append(import_file(store, spec, complete_to_us=complete_to, progress=_progress(path.name)))
    last = reports[-1]
    result: dict[str, Any] = {
        "new": sum(r.n_new for r in reports),
        "duplicate": sum(r.n_duplicate for r in reports),
        "rejected": sum(r.n_rejected for r in reports),
        "reasons": [
            {
                "reason": x.reason,
                "n": x.n,
                "first_line": x.first_line,
                **({"file": p.name} if len(files) > 1 else {}),
            }
            for p, r in zip(files, reports, strict=True)
            for x in r.reasons
        ],
        "as_of": _iso(last.as_of_us),
        "data_version": last.data_version,
    }
    lines = [
        f"{result['new']:,} new, {result['duplicate']:,} duplicate, {result['rejected']:,} rejected."
        f" Data until {result['as_of']}."
    ]
    lines += [f"  {x['n']:>9,}  {x['reason']} (first at line {x['first_line']:,})" for x in result["reasons"]]
    return result, "\n".join(lines)


def _cohorts(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.export import json_rows
    from retention.cohorts.answer import cohort_retention, explain_sql
    from retention.cohorts.words import definition, question_hash, verdict

    spec = _cohort_spec(args)
    with _open(args) as store:
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
    with _open(args) as store:
        ids = list_member_ids(store, cell)
    return {"count": len(ids), "users": ids}, "\n".join([f"{len(ids):,} users", *ids])


def _status(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from dataclasses import asdict

    from retention.audiences.export import json_rows
    from retention.ingest.answer import data_status

    with _open(args) as store:
        status = data_status(store)
        size = store.path.stat().st_size
    result = {
        "store": str(store.path),
        "bytes": size,
        "users": status.n_users,
        "events": status.n_events,
        "waiting": status.n_waiting,
        "first": _iso(status.first_us),
        "last": _iso(status.last_us),
        "as_of": _iso(status.as_of_us),
        "data_version": status.data_version,
        "simulated": status.is_simulated,
        "settings": asdict(status.settings),
        "imports": json_rows(status.imports),
        "gaps": [
            {"from": iso(r["from_us"]), "to": iso(r["to_us"]), "note": r["note"]}
            for r in status.gaps.to_dict("records")
        ],
        "suspected": [day.isoformat() for day in status.suspected["day"]],
        "event_names": status.events["event"].tolist(),
        "properties": [name for name, _ in status.properties],
    }
    lines = [
        f"{status.n_users:,} users, {status.n_events:,} events{' (simulated shop)' if status.is_simulated else ''}",
        f"data from {result['first'] or '–'} until {result['as_of'] or '–'},"
        f" version {status.data_version}, {size / 1e6:,.1f} MB",
        f"time zone {status.settings.timezone}, weeks from {status.settings.week_start},"
        f" activity: {status.settings.activity}",
        f"{len(status.gaps)} gaps marked, {len(status.suspected)} days suspected",
    ]
    return result, "\n".join(lines)


def _check(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store.check import faults

    with _open(args) as store:
        found = faults(store)
    text = "The store is sound." if not found else "\n".join(f"fault: {fault}" for fault in found)
    return {"ok": not found, "faults": found, "exit": int(bool(found))}, text


def _backup(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store.backup import backup

    with _open(args) as store:
        backup(store, args.file)
    return {
        "backup": str(args.file),
        "bytes": args.file.stat().st_size,
    }, f"Wrote {args.file} and its key {args.file}.key; keep both."


def _restore(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store import store_path
    from retention.store.backup import restore

    path = store_path(args.store)
    restore(args.file, path)
    return {"restored": str(path), "from": str(args.file)}, f"Restored {path} from {args.file}."


def _erase(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store.order import erase_user

    with _open(args) as store:
        n_events = erase_user(store, args.user)
    return {"erased": 1, "events": n_events}, (
        f"Erased the user and {n_events:,} events, and rewrote the store."
        " Backups and files exported before still hold them."
    )


def _settings(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from dataclasses import asdict

    from retention.store import Store, store_path
    from retention.store.order import change_setting

    with Store.create_or_open(store_path(args.store)) as store:
        settings = change_setting(store, args.key, args.value, _progress())
        version = store.data_version
    return {"settings": asdict(settings), "data_version": version}, f"{args.key} is set."


def _sql(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.cohorts.answer import explain_sql

    with _open(args) as store:
        text = explain_sql(store, _cohort_spec(args))
    return {"sql": text}, text


def _gap(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store.order import mark_gap

    with _open(args) as store:
        timezone = store.catalogue().settings.timezone
        from_us, to_us = _instant(args.from_, timezone), _instant(args.to, timezone)
        mark_gap(store, from_us, to_us, args.note)
    return {"from": iso(from_us), "to": iso(to_us)}, f"Marked {iso(from_us)} to {iso(to_us)} as missing."


# Reading arguments -----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m retention", description="Retention answers without a browser.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument(
            "--store", metavar="PATH", help="the store (default: $RETENTION_STORE, else data/holdfast.duckdb)"
        )
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(command=command)
        return sub

    sample = add("sample", _sample, "build the simulated shop")
    sample.add_argument("--users", type=int, default=5000)
    sample.add_argument("--seed", type=int, default=7)

    file = add("import", _import, "import files or folders of files")
    file.add_argument("files", nargs="+", type=Path, metavar="FILE")
    file.add_argument("--preset", default="events", metavar="events|order-lines|ga4|segment")
    file.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="user=COL,time=COL,…",
        help="columns; others become properties",
    )
    file.add_argument("--event", metavar="NAME", help="the event of every row")
    file.add_argument("--timezone", metavar="TZ", help="zone of times without an offset (default: the store's)")
    file.add_argument("--complete-to", metavar="T", help="the data is complete up to here (exclusive)")
    file.add_argument("--delimiter")
    file.add_argument("--encoding")

    _add_cohort_arguments(add("cohorts", _cohorts, "how much of each cohort comes back, and when"))
    members = add("members", _members, "the users behind a cell, with the ids of the file (audited)")
    _add_cohort_arguments(members)
    members.add_argument("--cohort", type=_date, required=True, metavar="D", help="first day of the cohort's period")
    members.add_argument("--age", type=int, required=True, metavar="K")
    members.add_argument("--group", help="value of --by")
    members.add_argument("--lost", action="store_true", help="those who did not come back")
    _add_cohort_arguments(add("sql", _sql, "print the SQL of a cohort question"))

    add("status", _status, "what the store holds")
    add("check", _check, "check that the store is whole and its rollups true")
    add("backup", _backup, "write a consistent copy").add_argument("file", type=Path, metavar="FILE")
    add("restore", _restore, "put a backup in the store's place").add_argument("file", type=Path, metavar="FILE")
    add("erase", _erase, "erase everything held of a user").add_argument("user", metavar="USER")
    gap = add("gap", _gap, "mark a stretch of the data as missing")
    gap.add_argument("--from", dest="from_", required=True, metavar="T")
    gap.add_argument("--to", required=True, metavar="T")
    gap.add_argument("--note", default="")

    settings = add("settings", _settings, "change a setting")
    settings.add_argument("verb", choices=["set"])
    settings.add_argument("key", metavar="KEY")
    settings.add_argument("value", metavar="VALUE")
    return parser


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
    parser.add_argument("--from", dest="from_on", type=_date, metavar="D")
    parser.add_argument("--to", dest="to_on", type=_date, metavar="D")


def _cohort_spec(args: argparse.Namespace) -> Any:
    from retention.cohorts.spec import CohortSpec, Condition, parse_brackets

    return CohortSpec(
        entry=args.entry,
        start=_names(args.start),
        returns=_names(args.returns),
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


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _mapping(given: Sequence[str]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in (pair for text in given for pair in text.split(",") if pair.strip()):
        target, sign, column = pair.partition("=")
        if not sign or not target.strip() or not column.strip():
            raise SpecError(f"`--map` must look like user=COL,time=COL, not {pair!r}.")
        if target.strip() in mapping:
            raise SpecError(f"`--map` names {target.strip()} twice.")
        mapping[target.strip()] = column.strip()
    return mapping


def _files(given: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        inside = (
            sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
            if path.is_dir()
            else [path]
        )
        if not inside:
            raise SpecError(f"The folder {path} holds no files.")
        found.extend(inside)
    return found


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day must look like 2026-01-31, not {text!r}") from None


def _instant(text: str, timezone: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SpecError(f"A moment must look like 2026-01-31 or 2026-01-31T18:00, not {text!r}.") from None
    if len(text) == 10:
        return midnight_us(day_number(moment.date()), timezone)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone)))


def _open(args: argparse.Namespace) -> Any:
    from retention.store import Store, store_path

    return Store.open(store_path(args.store))


# Writing answers -------------------------------------------------------------------------------------


def _progress(name: str = "") -> Callable[[float, str], None]:
    """Write progress to standard error, on one line, if a person is watching."""
    if not sys.stderr.isatty():
        return lambda share, text: None

    def show(share: float, text: str) -> None:
        print(f"\r{name} {share:4.0%} {text:<40}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)

    return show


def _iso(us: int | None) -> str | None:
    return None if us is None else iso(us)


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
