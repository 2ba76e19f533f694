"""What a reader hands to the store: good rows, rejected rows, and the counts that join them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PropertyKind = Literal["event", "user"]
StagedKind = Literal["events", "order_lines"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    """A property of events or of users that a file carries.

    Parameters
    ----------
    name : str
        The name a person filters by.
    kind : {"event", "user"}
        Whether the value belongs to the one event or to its user from then on.
    """

    name: str
    kind: PropertyKind


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectReason:
    """Why some rows of a file were turned away.

    Parameters
    ----------
    reason : str
        One phrase, the same for every row it covers.
    n : int
        Rows.
    first_line : int
        Physical line of the first of them, the header being line 1; for Parquet the row's number from 1.
    """

    reason: str
    n: int
    first_line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A checked file, ready to be committed by the store.

    Parameters
    ----------
    kind : {"events", "order_lines"}
        Whether a row is an event, or a line of an order whose events the store forms.
    rows : Path
        Parquet of the good rows. Property `i` is the column ``p{i}`` (text, null where absent).
    rejects : Path or None
        Parquet of ``line``, ``column_name``, ``value``, ``reason``; None when nothing was rejected.
    source_name : str
        Name of the file as the person knows it.
    sha256 : str
        Of the file's own bytes, compressed or not.
    preset : str
        How the columns were understood.
    mapping : Mapping[str, str]
        Target to source column, as used, guesses included.
    timezone : str
        Zone of the file's times that carry no offset.
    n_records, n_good, n_rejected : int
        Rows; the first is the sum of the other two.
    reasons : tuple of RejectReason
        Why rows were rejected, most frequent first.
    properties : tuple of Property
        In the order of the columns ``p0``, ``p1``, ….
    watermark_us : int or None
        Microseconds since 1970 UTC up to which the file is complete by default (exclusive):
        just after its last good row, or the end of its last local day where no time carries a time of day.
    first_us, last_us : int or None
        First and last instant among the good rows.
    """

    kind: StagedKind
    rows: Path
    rejects: Path | None
    source_name: str
    sha256: str
    preset: str
    mapping: Mapping[str, str]
    timezone: str
    n_records: int
    n_good: int
    n_rejected: int
    reasons: tuple[RejectReason, ...]
    properties: tuple[Property, ...]
    watermark_us: int | None
    first_us: int | None
    last_us: int | None
