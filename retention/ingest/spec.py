"""What a person can say about a file that is to come in."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from retention.errors import SpecError, nearest

PRESETS = ("events", "order-lines", "ga4", "segment")
TARGETS = ("user", "time", "event", "value", "item", "item_name", "category", "quantity", "text")
ORDER_TARGETS = ("invoice", "price")
DEFAULT_EVENT = "event"
PREFIXES = ("event:", "user:", "ignore:")


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """Which file to read, and how to understand its columns.

    Parameters
    ----------
    path : Path
        The file: CSV, CSV.gz, Parquet or JSON lines, told apart by content.
    preset : {"events", "order-lines", "ga4", "segment"}, default "events"
        How the columns are understood.
    mapping : Mapping[str, str], optional
        Target to source column. Targets are ``user``, ``time``, ``event``, ``value``, ``item``, ``item_name``,
        ``category``, ``quantity``, ``text``, ``event:NAME`` and ``user:NAME`` for properties, and ``ignore:COL``;
        ``invoice`` and ``price`` besides, for order lines. With the `events` preset every column that is not
        named becomes an event property. Empty: the columns are guessed.
    constant_event : str, optional
        Name of the event of every row, for a file without such a column.
    timezone : str, default "UTC"
        Zone of the times that carry no offset.
    delimiter : str, optional
        One character; detected when not given.
    encoding : str, optional
        Detected when not given.
    has_explicit_timezone : bool, default False
        Whether the person chose `timezone`; a file that mixes times with and without an offset is then read, the
        latter in that zone, instead of being refused.

    Raises
    ------
    SpecError
        If a name is not known, or an event is given twice.

    Examples
    --------
    >>> ImportSpec(Path("log.csv"), timezone="Europe/Pris")
    Traceback (most recent call last):
    ...
    retention.errors.SpecError: `timezone` "Europe/Pris" is not known. Use a name such as Europe/Paris or UTC.
    """

    path: Path
    _: KW_ONLY
    preset: str = "events"
    mapping: Mapping[str, str] = field(default_factory=dict)
    constant_event: str | None = None
    timezone: str = "UTC"
    delimiter: str | None = None
    encoding: str | None = None
    has_explicit_timezone: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path):
            object.__setattr__(self, "path", Path(self.path))
        object.__setattr__(
            self,
            "mapping",
            {
                target: column or target.removeprefix("ignore:") if target.startswith("ignore:") else column
                for target, column in self.mapping.items()
            },
        )
        if self.preset not in PRESETS:
            raise SpecError(f'`preset` "{self.preset}" is not known.', hint=nearest(self.preset, PRESETS))
        self._check_mapping()
        if self.constant_event is not None and not self.constant_event.strip():
            raise SpecError("`constant_event` must not be empty.", hint="Name the event, for example purchase.")
        if self.constant_event is not None and "event" in self.mapping:
            raise SpecError("The event is given twice: as a column and as a constant.", hint="Give one of them.")
        _check_zone(self.timezone)
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n\0'):
            raise SpecError(
                f"`delimiter` must be one character, not {self.delimiter!r}.", hint="Usual ones are , ; | and a tab."
            )
        if self.encoding is not None:
            _check_encoding(self.encoding)

    def _check_mapping(self) -> None:
        targets = TARGETS + (ORDER_TARGETS if self.preset == "order-lines" else ())
        for target, column in self.mapping.items():
            prefix = next((p for p in PREFIXES if target.startswith(p)), None)
            if prefix is not None and target != prefix:
                continue
            if target not in targets:
                raise SpecError(
                    f'"{target}" is not something a column can be mapped to.',
                    hint=nearest(target, (*targets, "event:NAME", "user:NAME", "ignore:COLUMN")),
                )
            if not column:
                raise SpecError(f'The column for "{target}" has no name.', hint="Write it as target=column.")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SpecError(f'`timezone` "{name}" is not known.', hint="Use a name such as Europe/Paris or UTC.") from error


def _check_encoding(name: str) -> None:
    try:
        codec = codecs.lookup(name)
    except LookupError as error:
        raise SpecError(f'`encoding` "{name}" is not known.', hint="Use utf-8, utf-16, latin-1 or gbk.") from error
    if not codec._is_text_encoding:
        raise SpecError(
            f'`encoding` "{name}" does not turn bytes into text.', hint="Use utf-8, utf-16, latin-1 or gbk."
        )
