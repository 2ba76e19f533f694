"""What commands share: reading arguments, opening the store, writing answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from retention.errors import SpecError
from retention.periods import day_number, iso, midnight_us, to_us, zone

if TYPE_CHECKING:
    import pandas as pd

    from retention.cohorts.spec import Condition
    from retention.store import Store
    from retention.store.catalogue import Catalogue

Command = Callable[[argparse.Namespace], tuple[dict[str, Any], str]]
Add = Callable[[str, Command, str], argparse.ArgumentParser]


def add_verb(verbs: Any, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    """Add a verb of a command, which takes the options of every command, too."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    # Given before the verb or after it; a default here would undo what was said before.
    parser.add_argument("--store", metavar="PATH", default=argparse.SUPPRESS, help="the store")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser.set_defaults(command=command)
    return parser


def open_store(args: argparse.Namespace) -> Store:
    """Open the store that a command names."""
    from retention.store import Store, store_path

    return Store.open(store_path(args.store))


def names(text: str) -> tuple[str, ...]:
    """Read a list with commas.

    Examples
    --------
    >>> names("visit, purchase")
    ('visit', 'purchase')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


def day_of(text: str) -> date:
    """Read a day, as an argparse type."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day must look like 2026-01-31, not {text!r}") from None


def instant(text: str, timezone: str) -> int:
    """Read a moment in a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SpecError(f"A moment must look like 2026-01-31 or 2026-01-31T18:00, not {text!r}.") from None
    if len(text) == 10:
        return midnight_us(day_number(moment.date()), timezone)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone)))


def add_population(parser: argparse.ArgumentParser) -> None:
    """Add the filters on users and the breakdown; both look at the user's first activity."""
    parser.add_argument(
        "--where", action="append", default=[], metavar="country=France", help="only users whose first activity has it"
    )
    parser.add_argument("--by", metavar="PROPERTY", help="break down by the value at the first activity, or by a label")


def population(args: argparse.Namespace) -> tuple[tuple[Condition, ...], str | None]:
    """Read the filters and the breakdown."""
    from retention.cohorts.spec import Condition

    return tuple(Condition.parse(text) for text in args.where), args.by


def about(catalogue: Catalogue) -> dict[str, Any]:
    """Say on which data an answer rests; every answer's JSON begins with it."""
    clock = catalogue.require_clock()
    return {"as_of": iso(clock.as_of_us), "timezone": clock.timezone, "data_version": catalogue.data_version}


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a frame into what JSON can hold; what is not known is null."""
    from retention.audiences.export import json_rows

    return json_rows(frame)


def progress(name: str = "") -> Callable[[float, str], None]:
    """Write progress to standard error, on one line, if a person is watching."""
    if not sys.stderr.isatty():
        return lambda share, text: None

    def show(share: float, text: str) -> None:
        print(f"\r{name} {share:4.0%} {text:<40}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)

    return show


def refresh_lists(store: Store) -> list[str]:
    """Make the lists anew that are to be refreshed, and say what became of each."""
    from retention.audiences.order import refresh_audiences
    from retention.audiences.words import refreshed_words

    return [refreshed_words(done) for done in refresh_audiences(store)]


def iso_or_none(us: int | None) -> str | None:
    """Write an instant, where there is one."""
    return None if us is None else iso(us)
