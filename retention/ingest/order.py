"""Take a file, or the sample shop, into the store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retention.errors import StoreError
from retention.ingest.read import stage
from retention.ingest.sample import SampleSpec, stage_sample
from retention.ingest.spec import ImportSpec
from retention.store import Store, Transaction
from retention.store.audit import record
from retention.store.cells import CELLS
from retention.store.commit import commit
from retention.store.keys import pseudonym_key
from retention.store.labels import ACTING, LABELS, SCORES
from retention.store.orders import TABLES as ORDERS
from retention.store.rollups import ROLLUPS
from retention.store.staged import RejectReason, Staged

Progress = Callable[[float, str], object]
SAMPLE_ACTIVITY = "all but refund, campaign_sent"
DATA_TABLES = (
    "events", "order_lines", "users", "identities", "items", "texts", "event_names", "property_values", "properties",
    "imports", "reject_reasons", "rejects", "gaps", "views",
    "annotations", "alerts", "alert_readings", *LABELS, *SCORES, *ACTING, *ROLLUPS, *CELLS, *ORDERS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file; new, duplicate and rejected rows add up to its records.

    Attributes
    ----------
    import_id, n_new, n_duplicate, n_rejected : int
    reasons : sequence of RejectReason
        Why rows were rejected, how many, and the first physical line.
    as_of_us : int or None
        The watermark of the store after the import.
    data_version : int
    """

    import_id: int
    n_new: int
    n_duplicate: int
    n_rejected: int
    reasons: Sequence[RejectReason]
    as_of_us: int | None
    data_version: int

    @property
    def n_records(self) -> int:
        """Rows of the file."""
        return self.n_new + self.n_duplicate + self.n_rejected


def import_file(
    store: Store,
    spec: ImportSpec,
    *,
    complete_to_us: int | None = None,
    progress: Progress = lambda share, text: None,
) -> ImportReport:
    """Check a file and add what is new in it; all of it or nothing.

    Parameters
    ----------
    complete_to_us : int, optional
        Up to when the data is complete (exclusive); by default just after the file's last row.

    Raises
    ------
    FileError
        If the file as a whole cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="import-", dir=store.scratch) as folder:
        staged = stage(spec, Path(folder), lambda share, text: progress(share * 0.5, text))
        return commit_staged(
            store,
            staged,
            complete_to_us=complete_to_us,
            progress=lambda share, text: progress(0.5 + share * 0.5, text),
        )


def commit_staged(
    store: Store,
    staged: Staged,
    *,
    complete_to_us: int | None = None,
    progress: Progress = lambda share, text: None,
) -> ImportReport:
    """Add the rows of a checked file. The first real file takes the place of the simulated shop."""
    key = pseudonym_key(store.path)

    def add(tx: Transaction) -> ImportReport:
        if tx.catalogue.is_simulated:
            _clear(tx)
            record(tx, "remove simulated shop", {})
        done = commit(
            tx,
            staged,
            key=key,
            mapping=json.dumps(dict(staged.mapping), ensure_ascii=False),
            watermark_us=staged.watermark_us if complete_to_us is None else complete_to_us,
            progress=progress,
        )
        return _report(tx, staged, done.import_id, done.n_new, done.as_of_us)

    return store.write(add)


def build_sample(store: Store, spec: SampleSpec, progress: Progress = lambda share, text: None) -> ImportReport:
    """Fill the store with the simulated shop.

    Raises
    ------
    StoreError
        If it holds imported data.
    """
    catalogue = store.catalogue()
    if catalogue.clock is not None and not catalogue.is_simulated:
        raise StoreError(
            "The store holds imported data, and a simulated shop must not mix with it.",
            hint="Name another store with --store.",
        )
    key = pseudonym_key(store.path)
    progress(0.0, "Simulating the shop")
    with tempfile.TemporaryDirectory(prefix="sample-", dir=store.scratch) as folder:
        staged, (gap_from_us, gap_to_us) = stage_sample(
            spec, Path(folder), lambda share: progress(share * 0.5, "Simulating the shop")
        )

        def add(tx: Transaction) -> ImportReport:
            _clear(tx)
            tx.run("insert into settings values ('activity', $activity)", {"activity": SAMPLE_ACTIVITY})
            tx.run(
                "insert into gaps values (1, $from, $to, 'simulated: two days that were never loaded')",
                {"from": gap_from_us, "to": gap_to_us},
            )
            done = commit(
                tx, staged, key=key, mapping="{}", watermark_us=staged.watermark_us, is_simulated=True,
                progress=lambda share, text: progress(0.5 + share * 0.5, text),
            )  # fmt: skip
            record(tx, "build simulated shop", {"n_users": spec.n_users, "seed": spec.seed}, n_rows=done.n_new)
            return _report(tx, staged, done.import_id, done.n_new, done.as_of_us)

        return store.write(add)


def _report(tx: Transaction, staged: Staged, import_id: int, n_new: int, as_of_us: int | None) -> ImportReport:
    ((version,),) = tx.rows("select s.data_version from state as s")
    # The transaction counts the version up as it commits.
    return ImportReport(
        import_id,
        n_new,
        staged.n_good - n_new,
        staged.n_rejected,
        tuple(staged.reasons),
        as_of_us,
        version + 1,
    )


def _clear(tx: Transaction) -> None:
    """Empty the store of data and of what was made from it; settings of the clock and the audit trail stay."""
    for prop in tx.catalogue.properties.values():
        tx.run(f"alter table events drop column {prop.column}")
        if prop.kind == "event":
            for table in ROLLUPS:
                tx.run(f"alter table {table} drop column {prop.column}")
    for table in DATA_TABLES:
        tx.run(f"delete from {table}")
    tx.run("delete from settings where name in ('activity', 'churn_window')")
    tx.run("update state set as_of_us = null")
