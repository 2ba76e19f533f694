"""Hand the table of features out; the trace is left before anything leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from retention.features.answer import feature_file
from retention.features.spec import FeatureSpec
from retention.periods import iso
from retention.store import Store, Transaction
from retention.store.audit import record


def export_features(
    store: Store, spec: FeatureSpec, fmt: str, to_bytes: Callable[[Any, str], bytes]
) -> tuple[bytes, Any]:
    """Write one row a user as a file; the audit row is committed before the bytes are returned.

    Parameters
    ----------
    fmt : {"csv", "xlsx", "parquet"}
    to_bytes : callable
        ``(frame, fmt) → bytes``: `retention.audiences.export.table_bytes`, whose room lies above this one.

    Returns
    -------
    (bytes, FeatureTable)
    """

    def export(tx: Transaction) -> tuple[bytes, Any]:
        content, table = feature_file(tx, spec, fmt, to_bytes)
        record(
            tx,
            "export features",
            {"as_of": iso(table.cutoff_us), "features": table.names, "where": [str(c) for c in spec.where], "format": fmt},
            n_rows=table.n_users,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        return content, table

    return store.write(export)
