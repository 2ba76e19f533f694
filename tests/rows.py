"""Put rows made in a test into a store, without a file and without the process that reads files."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from retention.store.staged import Property, Staged

if TYPE_CHECKING:
    from retention.ingest.order import ImportReport
    from retention.store import Store

FIXED = ("user", "time", "event", "value", "item", "text")


def import_rows(
    store: Store,
    rows: Iterable[Mapping[str, Any]],
    complete_to_us: int | None = None,
    user_properties: Iterable[str] = (),
) -> ImportReport:
    """Commit rows of user, time, event, value?, item?, text? and properties (``user_properties`` of the user)."""
    from retention.ingest.order import commit_staged

    with tempfile.TemporaryDirectory(dir=store.scratch) as folder:
        staged = staged_rows(Path(folder), list(rows), tuple(user_properties))
        return commit_staged(store, staged, complete_to_us=complete_to_us)


def staged_rows(folder: Path, rows: list[Mapping[str, Any]], user_properties: tuple[str, ...] = ()) -> Staged:
    """Write rows as a reader of files would hand them over."""
    names = sorted({name for row in rows for name in row if name not in FIXED})
    seen: Counter[str] = Counter()
    hashes = []
    for row in rows:
        content = repr(sorted((k, str(v)) for k, v in row.items() if v is not None))
        seen[content] += 1
        digest = hashlib.md5(f"{content}#{seen[content]}".encode(), usedforsecurity=False).digest()
        hashes.append(int.from_bytes(digest[:8], "little"))
    times = [_us(row["time"]) for row in rows]

    def text(name: str) -> pa.Array:
        return pa.array([None if row.get(name) is None else str(row[name]) for row in rows], pa.string())

    n = len(rows)
    table = pa.table(
        {
            "user_id": text("user"),
            "occurred_us": pa.array(times, pa.int64()),
            "event": text("event"),
            "value": pa.array(
                [None if row.get("value") is None else Decimal(str(row["value"])) for row in rows],
                pa.decimal128(18, 6),
            ),
            "quantity": pa.nulls(n, pa.decimal128(18, 6)),
            "item": text("item"),
            "item_name": pa.nulls(n, pa.string()),
            "category": pa.nulls(n, pa.string()),
            "text": text("text"),
            "row_hash": pa.array(hashes, pa.uint64()),
            **{f"p{i}": text(name) for i, name in enumerate(names)},
        }
    )
    path = folder / "rows.parquet"
    pq.write_table(table, path)
    return Staged(
        kind="events",
        rows=path,
        rejects=None,
        source_name="rows of a test",
        sha256=hashlib.sha256(repr(hashes).encode()).hexdigest(),
        preset="events",
        mapping={},
        timezone="UTC",
        n_records=n,
        n_good=n,
        n_rejected=0,
        reasons=(),
        properties=tuple(Property(name=name, kind="user" if name in user_properties else "event") for name in names),
        watermark_us=max(times) + 1 if times else None,
        first_us=min(times, default=None),
        last_us=max(times, default=None),
    )


def _us(moment: str | datetime) -> int:
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
