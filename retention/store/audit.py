"""The audit trail: who did what, chained so that a removed or altered row shows."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import time
from collections.abc import Mapping

from retention.store.store import Snapshot, Transaction

GENESIS = "0" * 64


def record(
    tx: Transaction,
    action: str,
    detail: Mapping[str, object],
    *,
    n_rows: int | None = None,
    sha256: str | None = None,
) -> None:
    """Add a row to the audit trail, in the transaction of what it records."""
    last = tx.rows("select a.audit_id, a.hash from audit as a order by a.audit_id desc limit 1")
    previous_id, previous = last[0] if last else (0, GENESIS)
    row = {
        "audit_id": previous_id + 1,
        "at_us": time.time_ns() // 1000,
        "who": who(),
        "action": action,
        "detail": json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str),
        "n_rows": n_rows,
        "sha256": sha256,
        "previous_hash": previous,
    }
    tx.run(
        "insert into audit values ($audit_id, $at_us, $who, $action, $detail, $n_rows, $sha256, $previous_hash, $hash)",
        {**row, "hash": chained(row)},
    )


def chained(row: Mapping[str, object]) -> str:
    """Return the hash of an audit row, which covers the row before it."""
    return hashlib.sha256(json.dumps(row, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def faults(snapshot: Snapshot) -> list[str]:
    """List what is wrong with the audit trail; an intact one gives nothing."""
    names = ("audit_id", "at_us", "who", "action", "detail", "n_rows", "sha256", "previous_hash")
    previous, found = GENESIS, []
    rows = snapshot.rows(
        "select a.audit_id, a.at_us, a.who, a.action, a.detail, a.n_rows, a.sha256, a.previous_hash, a.hash"
        " from audit as a order by a.audit_id"
    )
    for number, (*values, digest) in enumerate(rows, start=1):
        row = dict(zip(names, values, strict=True))
        if row["audit_id"] != number or row["previous_hash"] != previous or chained(row) != digest:
            found.append(f"audit row {row['audit_id']} does not follow from the one before it")
        previous = digest
    return found


def who() -> str:
    """Name who acts: the account that runs the program, or RETENTION_USER."""
    try:
        return os.environ.get("RETENTION_USER") or getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return "unknown"
