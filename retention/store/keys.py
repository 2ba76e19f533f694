"""Pseudonyms: what stands for a user's id everywhere but in the owner's own exports."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from retention.errors import StoreError
from retention.store.store import Transaction, sync

KEY_BYTES = 32


def key_path(store_path: Path) -> Path:
    """Return where the key of a store lies: beside the database, never inside it."""
    return store_path.with_name(store_path.name + ".key")


def pseudonym_key(store_path: Path) -> bytes:
    """Read the key of a store, making one the first time."""
    path = key_path(store_path)
    if not path.exists():
        write_key(store_path, secrets.token_bytes(KEY_BYTES))
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) < 16:
        raise StoreError(
            f"{path} must hold at least 32 hexadecimal digits.", hint="Restore the key file from your backup."
        )
    return key


def write_key(store_path: Path, key: bytes) -> None:
    """Put a key in place, whole or not at all, readable by its owner only."""
    path = key_path(store_path)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    sync(path.parent)


def pseudonyms(key: bytes, user_ids: Iterable[str]) -> list[str]:
    """Return ``HMAC-SHA256(key, id)`` of each id, cut to 128 bits and written in hexadecimal.

    Examples
    --------
    >>> pseudonyms(b"k" * 32, ["ann"]) == pseudonyms(b"k" * 32, ["ann"])
    True
    >>> len(pseudonyms(b"k" * 32, ["ann"])[0])
    32
    """
    return [hmac.digest(key, user_id.encode(), "sha256")[:16].hex() for user_id in user_ids]


def rename_all(tx: Transaction, key: bytes) -> None:
    """Give every user the pseudonym that belongs to `key`."""
    known = tx.rows("select i.user_key, i.user_id from identities as i order by i.user_key")
    tx.run(
        """
        update users set pseudonym = r.pseudonym
        from (select unnest($keys) as user_key, unnest($pseudonyms) as pseudonym) as r
        where r.user_key = users.user_key
        """,
        {"keys": [k for k, _ in known], "pseudonyms": pseudonyms(key, (user_id for _, user_id in known))},
    )
