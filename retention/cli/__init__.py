"""The command line: the same answers and orders as the pages, for scripts and for large files."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from retention.cli.arguments import Command
from retention.errors import RetentionError

TOPICS = (
    "files",
    "owner",
    "cohorts",
    "lifecycle",
    "behaviour",
    "steps",
    "revenue",
    "survival",
    "clv",
    "headlines",
    "alerts",
    "forecast",
    "features",
    "segments",
    "tags",
    "churn",
    "profile",
    "audience",
    "campaigns",
    "preview",
    "experiment",
)
"""The modules of this package that bring commands, in the order in which the help lists them."""


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

    for topic in TOPICS:
        import_module(f"retention.cli.{topic}").register(add)
    return parser
