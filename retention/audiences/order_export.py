"""Hand out a list of users as a file; the trace of it is committed before the file is there."""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from typing import IO

from retention.audiences.answer_file import (
    Identity,
    Written,
    check_rows,
    format_of,
    has_file_ids,
    list_parts,
    write_rows,
)
from retention.audiences.answer_sources import members_of, words_of
from retention.audiences.query import keys
from retention.errors import FileError
from retention.store import Store, Transaction
from retention.store.audit import record


def export_members(store: Store, spec: object, fmt: str, identity: Identity = "pseudonym") -> bytes:
    """Write the users that a definition names as a file in memory; the audit row is committed before it is returned.

    Parameters
    ----------
    fmt : {"csv", "xlsx", "parquet", "jsonl"}
    identity : {"pseudonym", "file ids"}
        The ids of the file are for the owner's own campaign tool.
    """
    out = io.BytesIO()
    _export(store, spec, fmt, identity, out)
    return out.getvalue()


def export_file(store: Store, spec: object, path: Path, identity: Identity = "pseudonym") -> Written:
    """Write the users that a definition names as a file on the disk, whole or not at all.

    Parameters
    ----------
    path : Path
        Its ending says the format.

    Raises
    ------
    SpecError
        If the format is not known, or XLSX cannot hold so many rows.
    FileError
        If the file cannot be written.

    Notes
    -----
    However long the list is, a part of it is held at a time. The file gets its name after the audit row is committed.
    """
    fmt = format_of(path)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with unfinished.open("xb") as out:
            written = _export(store, spec, fmt, identity, out)
        unfinished.replace(path)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}.", hint="Name another file.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _export(store: Store, spec: object, fmt: str, identity: Identity, out: IO[bytes]) -> Written:
    has_file_ids(identity)

    def export(tx: Transaction) -> Written:
        members = keys(members_of(tx, spec))
        n = tx.count(f"create or replace temp table exported as {members.text}", members.params)
        check_rows(fmt, n)
        written = write_rows(list_parts(tx, spec, identity), fmt, out, "users")
        tx.run("drop table temp.exported")
        record(
            tx,
            "export users",
            {"definition": words_of(spec, tx.catalogue), "format": fmt, "identity": identity},
            n_rows=written.n_rows,
            sha256=written.sha256,
        )
        return written

    return store.write(export)
