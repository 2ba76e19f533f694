"""Commands that fill a store: the sample shop and files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retention.cli.arguments import Add, instant, iso_or_none, progress, refresh_lists
from retention.errors import SpecError


def register(add: Add) -> None:
    """Add the commands."""
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


def _sample(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.ingest.order import build_sample
    from retention.ingest.sample import SampleSpec
    from retention.store import Store, store_path

    with Store.create_or_open(store_path(args.store)) as store:
        report = build_sample(store, SampleSpec(n_users=args.users, seed=args.seed), progress())
    result = {
        "new": report.n_new,
        "users": args.users,
        "seed": args.seed,
        "simulated": True,
        "as_of": iso_or_none(report.as_of_us),
    }
    return {
        **result,
        "data_version": report.data_version,
    }, f"Built a simulated shop of {args.users:,} users: {report.n_new:,} events."


def _import(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.alerts.order import evaluate_alerts
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
            complete_to = None if args.complete_to is None else instant(args.complete_to, timezone)
            reports.append(import_file(store, spec, complete_to_us=complete_to, progress=progress(path.name)))
        lists = refresh_lists(store)
        fired = evaluate_alerts(store).fired
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
        "as_of": iso_or_none(last.as_of_us),
        "data_version": last.data_version,
    }
    lines = [
        f"{result['new']:,} new, {result['duplicate']:,} duplicate, {result['rejected']:,} rejected."
        f" Data until {result['as_of']}."
    ]
    lines += [f"  {x['n']:>9,}  {x['reason']} (first at line {x['first_line']:,})" for x in result["reasons"]]
    if lists:
        result["lists"] = lists
        lines += lists
    if fired:
        result["alerts"] = [item.sentence for item in fired]
        lines += [f"alert: {item.sentence}" for item in fired]
    return result, "\n".join(lines)


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
