"""Save a list of users, and hand one out; both leave a trace before anything leaves."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass

from retention.audiences import query
from retention.audiences.answer import Identity, member_file, member_ids
from retention.audiences.answer_sources import members_of, words_of
from retention.audiences.spec import AudienceSpec
from retention.store import Store, Transaction
from retention.store.audit import record


@dataclass(frozen=True, slots=True)
class Audience:
    """A list that has been frozen, with what made it."""

    audience_id: int
    name: str
    definition: str
    as_of_us: int
    data_version: int
    n_users: int


def save_audience(store: Store, spec: AudienceSpec) -> Audience:
    """Freeze the users that a definition names as a list; its count is the number that was clicked."""

    def save(tx: Transaction) -> Audience:
        catalogue = tx.catalogue
        ((audience_id,),) = tx.rows("select coalesce(max(a.audience_id), 0) + 1 from audiences as a")
        members = query.keys(members_of(tx, spec.users))
        n_users = tx.count(
            f"insert into audience_members select $audience as audience_id, m.user_key from ({members.text}) as m",
            {**members.params, "audience": audience_id},
        )
        audience = Audience(
            audience_id=audience_id,
            name=spec.name.strip(),
            definition=words_of(spec.users, catalogue),
            as_of_us=catalogue.require_clock().as_of_us,
            data_version=catalogue.data_version,
            n_users=n_users,
        )
        tx.run(
            "insert into audiences values"
            " ($audience_id, $name, $definition, $question, $as_of_us, $data_version, $n_users, $saved_us)",
            {
                **asdict(audience),
                "question": json.dumps({"kind": type(spec.users).__name__, **asdict(spec.users)}, default=str, sort_keys=True),
                "saved_us": time.time_ns() // 1000,
            },
        )
        record(tx, "save audience", {"name": audience.name, "definition": audience.definition}, n_rows=n_users)
        return audience

    return store.write(save)


def delete_audience(store: Store, audience_id: int) -> None:
    """Forget a saved list."""

    def delete(tx: Transaction) -> None:
        tx.run("delete from audience_members where audience_id = $audience", {"audience": audience_id})
        tx.run("delete from audiences where audience_id = $audience", {"audience": audience_id})
        record(tx, "delete audience", {"audience_id": audience_id})

    store.write(delete)


def export_members(store: Store, spec: object, fmt: str, identity: Identity = "pseudonym") -> bytes:
    """Write the users that a definition names as a file; the audit row is committed before the bytes are returned.

    Parameters
    ----------
    fmt : {"csv", "xlsx", "parquet"}
    identity : {"pseudonym", "file ids"}
        The ids of the file are for the owner's own campaign tool.
    """

    def export(tx: Transaction) -> bytes:
        content, n_rows = member_file(tx, spec, fmt, identity)
        record(
            tx,
            "export users",
            {"definition": words_of(spec, tx.catalogue), "format": fmt, "identity": identity},
            n_rows=n_rows,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        return content

    return store.write(export)


def list_member_ids(store: Store, spec: object) -> list[str]:
    """Return the ids of the file of the users that a definition names, in order; audited."""

    def export(tx: Transaction) -> list[str]:
        ids = member_ids(tx, spec)
        record(
            tx,
            "list user ids",
            {"definition": words_of(spec, tx.catalogue)},
            n_rows=len(ids),
            sha256=hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        )
        return ids

    return store.write(export)
