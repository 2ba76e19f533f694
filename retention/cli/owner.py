"""Commands of the store's owner: what it holds, whether it is sound, copies, settings, erasure, gaps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from retention.cli.arguments import Add, day_of, instant, iso_or_none, open_store, progress
from retention.errors import SpecError
from retention.periods import date_of, iso


def register(add: Add) -> None:
    """Add the commands."""
    add("status", _status, "what the store holds")
    add("check", _check, "check that the store is whole and its rollups true")
    add("backup", _backup, "write a consistent copy").add_argument("file", type=Path, metavar="FILE")
    add("restore", _restore, "put a backup in the store's place").add_argument("file", type=Path, metavar="FILE")
    add("erase", _erase, "erase everything held of a user").add_argument("user", metavar="USER")
    gap = add("gap", _gap, "mark a stretch of the data as missing")
    gap.add_argument("--from", dest="from_", required=True, metavar="T")
    gap.add_argument("--to", required=True, metavar="T")
    gap.add_argument("--note", default="")

    notes = add("notes", _notes, "the notes that stand on the charts over time")
    notes.add_argument("verb", nargs="?", choices=["list", "add", "delete"], default="list")
    notes.add_argument("text", nargs="?", metavar="TEXT|NUMBER", help="what happened; of a note to delete, its number")
    notes.add_argument("--on", type=day_of, metavar="D", help="the day of a new note")

    settings = add("settings", _settings, "change a setting")
    settings.add_argument("verb", choices=["set"])
    settings.add_argument("key", metavar="KEY")
    settings.add_argument("value", metavar="VALUE")


def _status(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from dataclasses import asdict

    from retention.audiences.export import json_rows
    from retention.ingest.answer import data_status

    with open_store(args) as store:
        status = data_status(store)
        size = store.path.stat().st_size
    result = {
        "store": str(store.path),
        "bytes": size,
        "users": status.n_users,
        "events": status.n_events,
        "waiting": status.n_waiting,
        "first": iso_or_none(status.first_us),
        "last": iso_or_none(status.last_us),
        "as_of": iso_or_none(status.as_of_us),
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

    with open_store(args) as store:
        found = faults(store)
    text = "The store is sound." if not found else "\n".join(f"fault: {fault}" for fault in found)
    return {"ok": not found, "faults": found, "exit": int(bool(found))}, text


def _backup(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store.backup import backup

    with open_store(args) as store:
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

    with open_store(args) as store:
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
        settings = change_setting(store, args.key, args.value, progress())
        version = store.data_version
    return {"settings": asdict(settings), "data_version": version}, f"{args.key} is set."


def _gap(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store.order import mark_gap

    with open_store(args) as store:
        timezone = store.catalogue().settings.timezone
        from_us, to_us = instant(args.from_, timezone), instant(args.to, timezone)
        mark_gap(store, from_us, to_us, args.note)
    return {"from": iso(from_us), "to": iso(to_us)}, f"Marked {iso(from_us)} to {iso(to_us)} as missing."


def _notes(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.store.answer import chart_notes
    from retention.store.order import add_annotation, delete_annotation

    with open_store(args) as store:
        if args.verb == "add":
            if args.on is None or not args.text:
                raise SpecError(
                    "A note needs its day and its text.", hint='Write notes add --on 2026-01-31 "new checkout".'
                )
            add_annotation(store, args.on, args.text)
        elif args.verb == "delete":
            known = [number for number, _, _ in chart_notes(store)]
            if not (args.text or "").isdecimal() or int(args.text) not in known:
                numbers = ", ".join(map(str, known)) or "none"
                raise SpecError(f"There is no note {args.text or ''}".rstrip() + ".", hint=f"Known: {numbers}.")
            delete_annotation(store, int(args.text))
        found = [
            {"number": number, "on": date_of(day).isoformat(), "text": text} for number, day, text in chart_notes(store)
        ]
    lines = [f"{note['number']:>4}  {note['on']}  {note['text']}" for note in found]
    return {"notes": found}, "\n".join(lines) or "There is no note."
