"""Hand out what the store holds of one user; the trace is left before anything leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from retention.profiles.answer import events_file, profile_file
from retention.profiles.spec import ProfileSpec
from retention.store import Store, Transaction
from retention.store.audit import record

ToBytes = Callable[[Any, str], bytes]


def export_profile(store: Store, spec: ProfileSpec, fmt: str, to_bytes: ToBytes) -> bytes:
    """Write one user's profile as a file; the audit row is committed before the bytes are returned.

    Parameters
    ----------
    fmt : {"csv", "xlsx", "parquet"}
    to_bytes : callable
        ``(frame, fmt) → bytes``: `retention.audiences.export.table_bytes`, whose room lies below this one.

    Notes
    -----
    The audit row does not say whose profile it was: rows of the trail are never taken out, and after an erasure
    nothing may be left that points to the user. The hash tells a file that turns up.
    """
    return _handed_out(store, spec, fmt, to_bytes, "profile", profile_file)


def export_events(store: Store, spec: ProfileSpec, fmt: str, to_bytes: ToBytes) -> bytes:
    """Write all that one user did as a file; audited as `export_profile` is."""
    return _handed_out(store, spec, fmt, to_bytes, "events", events_file)


def _handed_out(
    store: Store,
    spec: ProfileSpec,
    fmt: str,
    to_bytes: ToBytes,
    what: str,
    make: Callable[..., tuple[bytes, int]],
) -> bytes:
    def export(tx: Transaction) -> bytes:
        content, n_rows = make(tx, spec, fmt, to_bytes)
        record(
            tx,
            "export profile",
            {"what": f"{what} of one user", "format": fmt, "identity": "pseudonym"},
            n_rows=n_rows,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        return content

    return store.write(export)
