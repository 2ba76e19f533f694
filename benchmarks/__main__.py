"""Print what the performance claims are made of: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Before anything imports numpy or scikit-learn, as the app does: idle threads that spin would be measured, too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.generate import Log, data_folder, event_log
from benchmarks.measure import alone
from benchmarks.report import Row, table, write_json

SECTIONS = ("import", "append", "headlines", "describe", "beside", "page", "features", "segments", "churn", "acting")
WITHOUT_LOG = {"segments", "churn", "acting"}
"""Sections that make what they need themselves."""
UNITS = {"k": 1_000, "m": 1_000_000}


def number_of_events(text: str) -> int:
    """Read a number of events.

    Examples
    --------
    >>> number_of_events("10M"), number_of_events("250k")
    (10000000, 250000)
    """
    match = re.fullmatch(r"(\d+)([kKmM]?)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"must look like 10M or 250k, not {text}")
    return int(match[1]) * UNITS.get(match[2].lower(), 1)


def section(text: str) -> str:
    """Read the name of a section.

    Examples
    --------
    >>> section("churn")
    'churn'
    """
    if text not in SECTIONS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(SECTIONS)}, not {text}")
    return text


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("sections", nargs="*", type=section, metavar="NAME", help="sections to run, as with --only")
    made.add_argument("--users", type=number_of_events, nargs="+", default=[100_000, 1_000_000], metavar="N",
                      help="users of churn and acting; default 100k and 1M")  # fmt: skip
    made.add_argument("--events", type=number_of_events, default=10_000_000, metavar="N",
                      help="1M, 10M or 100M; default 10M")  # fmt: skip
    made.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="NAME",
                      help=f"sections to run, of {', '.join(SECTIONS)}")  # fmt: skip
    made.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured there, too")
    made.add_argument("--resume", action="store_true",
                      help="keep imports that an earlier run measured, to go on after a break (100M)")  # fmt: skip
    return made


def of_log(
    log: Log, wanted: set[str], add: Callable[[list[Row]], None], tell: Callable[[str], None], *, is_resumed: bool
) -> None:
    """Measure what is asked of the log."""
    from benchmarks import grids, stores

    is_fresh = "import" in wanted and not is_resumed
    tell("plain load")
    raw = stores.raw_of(log, is_fresh=is_fresh)
    tell(f"import (the plain load: {raw[1]})")
    store = stores.store_of(log, is_fresh=is_fresh or ("append" in wanted and not is_resumed))
    tell(f"imported: {store[1]}")
    if "import" in wanted:
        add(stores.import_rows(log, store, raw))
    if "append" in wanted:
        tell("appending a day")
        add(stores.append_rows(log, store))
    if "headlines" in wanted:
        tell("headline questions")
        add(grids.headline_rows(log, store[0], raw[0]))
    if "describe" in wanted:
        from benchmarks import describe

        tell("growth, behaviour, survival")
        add(describe.question_rows(store[0], raw[0]))
        add(describe.curve_rows())
        add(describe.funnel_rows(log, store[0]))
    if "beside" in wanted:
        tell("other questions")
        add(alone(grids.beside_answers, str(store[0])).result)
    if "page" in wanted:
        from benchmarks.page import page_rows

        tell("the pages")
        add(page_rows(store[0]))
    if "features" in wanted:
        from benchmarks.features import feature_rows

        tell("features")
        add(feature_rows(log, store[0], raw[0]))


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for, section by section, and print one table; 1 if an answer was wrong."""
    said = parser().parse_args(argv)
    wanted = set(said.sections or said.only)
    begun = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True)

    rows: list[Row] = []

    def add(found: list[Row]) -> None:
        rows.extend(found)
        print(table(found), file=sys.stderr, flush=True)

    about: dict[str, object] = {"python": platform.python_version()}
    if wanted - WITHOUT_LOG:
        log = event_log(said.events)
        about |= {"events": log.n_events, "users": log.n_users}
        tell(f"the log of {said.events:,} events, in {data_folder()}")
        of_log(log, wanted, add, tell, is_resumed=said.resume)
        print(f"{log.n_events:,} events of {log.n_users:,} users.", end=" ")
    if "segments" in wanted:
        from benchmarks.features import segment_rows

        tell("segments")
        add(segment_rows())
    if "churn" in wanted:
        from benchmarks.churn import churn_rows

        add(churn_rows(tuple(said.users), tell))
    if "acting" in wanted:
        from benchmarks.acting import acting_rows

        add(acting_rows(tuple(said.users), tell))
    print("Times are CPU time of all threads unless said otherwise.")
    print("A ratio of a question says how much more the other takes; of an import or a floor, how much more we take.\n")
    print(table(rows))
    short = [row.what for row in rows if row.verdict == "FALLS SHORT"]
    wrong = [row.what for row in rows if row.is_wrong]
    n_targets = sum(row.target is not None for row in rows)
    print(f"\nOf {n_targets} targets {len(short)} fall short; {len(wrong)} answers are wrong.")
    if said.json:
        write_json(rows, about, said.json)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
