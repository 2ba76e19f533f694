"""Back a store up and restore it, with its key."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from retention.errors import StoreError
from retention.store.audit import record
from retention.store.check import faults
from retention.store.keys import key_path, pseudonym_key, write_key
from retention.store.store import Store, sync


def backup(store: Store, target: Path) -> None:
    """Write a consistent copy of the store to `target`, and its pseudonym key beside it.

    Raises
    ------
    StoreError
        If `target` exists.
    """
    if target.exists():
        raise StoreError(f"{target} exists already.", hint="Choose another name, or remove the old backup first.")
    store.write(lambda tx: record(tx, "backup", {"target": target.name}))
    target.parent.mkdir(parents=True, exist_ok=True)
    store.copy_to(target)
    write_key(target, pseudonym_key(store.path))


def restore(source: Path, path: Path) -> None:
    """Put a backup in the place of the store at `path`, after checking it; the old store is kept beside it.

    Raises
    ------
    StoreError
        If the backup is missing or damaged, or the store is open elsewhere.
    """
    if not source.exists():
        raise StoreError(f"There is no backup at {source}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.restore")
    shutil.copyfile(source, fresh)
    try:
        with Store.open(fresh) as copy:
            found = faults(copy)
            if found:
                raise StoreError(f"{source} is damaged: {found[0]}.", hint="Use another backup.")
            copy.write(lambda tx: record(tx, "restore", {"source": source.name}))
        sync(fresh)
        if path.exists():
            Store.open(path).close()  # says so if another process holds it
            os.replace(path, path.with_name(path.name + ".before-restore"))
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
        if key_path(source).exists():
            write_key(path, bytes.fromhex(key_path(source).read_text(encoding="ascii").strip()))
        os.replace(fresh, path)
        sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)
        fresh.with_name(fresh.name + ".wal").unlink(missing_ok=True)
