"""Save a list of users, make it anew, forget it, and hand one out; all leave a trace before anything leaves."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from retention.audiences import query
from retention.audiences.answer import member_ids
from retention.audiences.answer_lists import Refreshed, at_now, fault_words, question_at, scoring_key_of
from retention.audiences.answer_sources import members_of, question_of, words_of
from retention.audiences.spec import AudienceSpec
from retention.errors import RetentionError, SpecError
from retention.store import Store, Transaction
from retention.store.audit import record

KEPT_CHANGES = 12
"""Of the latest so many refreshes of a list it is known who joined and left; of the others, how many."""


@dataclass(frozen=True, slots=True)
class Audience:
    """A list that has been frozen, with what made it."""

    audience_id: int
    name: str
    definition: str
    as_of_us: int
    data_version: int
    n_users: int
    scoring_key: int | None = None
    is_refreshed: bool = False


def save_audience(store: Store, spec: AudienceSpec) -> Audience:
    """Freeze the users that a definition names as a list; its count is the number that was clicked.

    Raises
    ------
    SpecError
        If there is a list of this name.
    """

    def save(tx: Transaction) -> Audience:
        name = spec.name.strip()
        if name in tx.catalogue.audiences.values():
            raise SpecError(f"There is a list “{name}” already.", hint="Choose another name, or delete the old list.")
        # A number is never given twice: campaigns and other lists may still name one that was deleted.
        ((audience_id,),) = tx.rows(
            "select greatest(coalesce(max(a.audience_id), 0), (select coalesce(max(h.audience_id), 0) from audience_history as h))"
            " + 1 from audiences as a"
        )
        members = query.keys(members_of(tx, spec.users))
        n_users = tx.count(
            f"insert into audience_members select $audience as audience_id, m.user_key from ({members.text}) as m",
            {**members.params, "audience": audience_id},
        )
        audience = Audience(
            audience_id=audience_id,
            name=name,
            definition=words_of(spec.users, tx.catalogue),
            as_of_us=tx.catalogue.require_clock().as_of_us,
            data_version=tx.catalogue.data_version,
            n_users=n_users,
            scoring_key=scoring_key_of(tx, spec.users),
            is_refreshed=spec.is_refreshed,
        )
        now_us = time.time_ns() // 1000
        tx.run(
            "insert into audiences (audience_id, name, definition, question, as_of_us, data_version, n_users, saved_us, scoring_key,"
            " is_refreshed) values ($audience, $name, $definition, $question, $as_of, $data_version, $n, $saved, $scoring,"
            " $is_refreshed)",
            {**_columns(audience, spec.users), "name": name, "saved": now_us, "is_refreshed": spec.is_refreshed},
        )
        _remember(tx, audience, n_joined=n_users, n_left=0, made_us=now_us)
        record(
            tx, "save audience", {"name": name, "definition": audience.definition, "is_refreshed": spec.is_refreshed},
            n_rows=n_users,
        )  # fmt: skip
        return audience

    return store.write(save)


def _columns(audience: Audience, users: object) -> dict[str, object]:
    return {
        "audience": audience.audience_id,
        "definition": audience.definition,
        "question": question_of(users),
        "as_of": audience.as_of_us,
        "data_version": audience.data_version,
        "n": audience.n_users,
        "scoring": audience.scoring_key,
    }


def _remember(tx: Transaction, audience: Audience, *, n_joined: int, n_left: int, made_us: int) -> None:
    tx.run(
        "insert into audience_history values ($audience, $data_version, $as_of, $n, $joined, $left, $made)",
        {
            "audience": audience.audience_id, "data_version": audience.data_version, "as_of": audience.as_of_us,
            "n": audience.n_users, "joined": n_joined, "left": n_left, "made": made_us,
        },
    )  # fmt: skip


def refresh_audience(store: Store, audience_id: int) -> Refreshed:
    """Make a list anew by its definition on the data as they stand; who joins and who leaves is kept.

    Raises
    ------
    SpecError
        If the list is gone, or its definition cannot be asked any more: the list stays as it is.
    """
    return store.write(lambda tx: _refreshed(tx, audience_id))


def refresh_audiences(store: Store) -> tuple[Refreshed, ...]:
    """Make every list anew that is to be refreshed with each import; those that cannot be stay as they are, and say why.

    Notes
    -----
    In the order in which they were saved: a combination is younger than the lists that it combines.
    """

    def refresh(tx: Transaction) -> tuple[Refreshed, ...]:
        wanted = tx.rows("select a.audience_id, a.name from audiences as a where a.is_refreshed order by a.audience_id")
        found = []
        for audience_id, name in wanted:
            try:
                found.append(_refreshed(tx, audience_id))
            except RetentionError as error:
                found.append(Refreshed(audience_id, name, 0, 0, 0, fault_words(error)))
        return tuple(found)

    with store.snapshot() as snapshot:
        is_needed = bool(snapshot.rows("select 1 from audiences as a where a.is_refreshed limit 1"))
    return store.write(refresh) if is_needed and store.catalogue().clock is not None else ()


def _refreshed(tx: Transaction, audience_id: int) -> Refreshed:
    users: Any = at_now(tx, question_at(tx, audience_id))
    members = query.keys(members_of(tx, users))
    name = tx.catalogue.audiences[audience_id]
    now_us = time.time_ns() // 1000
    told = {"audience": audience_id, "made": now_us}
    tx.run(f"create or replace temp table fresh_members as select m.user_key from ({members.text}) as m", members.params)
    old = "select l.user_key from audience_members as l where l.audience_id = $audience"
    n_joined = tx.count(
        "insert into audience_changes select $audience, $made, f.user_key, true from fresh_members as f"
        f" where f.user_key not in ({old})",
        told,
    )
    n_left = tx.count(
        f"insert into audience_changes select $audience, $made, o.user_key, false from ({old}) as o"
        " where o.user_key not in (select f.user_key from fresh_members as f)",
        told,
    )
    tx.run("delete from audience_members where audience_id = $audience", {"audience": audience_id})
    n_users = tx.count(
        "insert into audience_members select $audience, f.user_key from fresh_members as f", {"audience": audience_id}
    )
    tx.run("drop table fresh_members")
    audience = Audience(
        audience_id=audience_id,
        name=name,
        definition=words_of(users, tx.catalogue),
        as_of_us=tx.catalogue.require_clock().as_of_us,
        data_version=tx.catalogue.data_version,
        n_users=n_users,
        scoring_key=scoring_key_of(tx, users),
    )
    tx.run(
        "update audiences set definition = $definition, question = $question, as_of_us = $as_of, data_version = $data_version,"
        " n_users = $n, scoring_key = $scoring where audience_id = $audience",
        _columns(audience, users),
    )
    _remember(tx, audience, n_joined=n_joined, n_left=n_left, made_us=now_us)
    tx.run(
        "delete from audience_changes where audience_id = $audience and made_us not in (select h.made_us from audience_history as h"
        f" where h.audience_id = $audience order by h.made_us desc limit {KEPT_CHANGES})",
        {"audience": audience_id},
    )
    record(tx, "refresh audience", {"name": name, "joined": n_joined, "left": n_left}, n_rows=n_users)
    return Refreshed(audience_id, name, n_users, n_joined, n_left)


def keep_refreshed(store: Store, audience_id: int, *, is_refreshed: bool) -> None:
    """Say whether a list is made anew after each import from now on."""

    def keep(tx: Transaction) -> None:
        if not tx.count(
            "update audiences set is_refreshed = $is_refreshed where audience_id = $audience",
            {"audience": audience_id, "is_refreshed": is_refreshed},
        ):
            raise SpecError("This list is not there any more.", hint="Choose another one.")
        record(tx, "keep audience refreshed", {"audience_id": audience_id, "is_refreshed": is_refreshed})

    store.write(keep)


def delete_audience(store: Store, audience_id: int) -> None:
    """Forget a saved list; how large it was is kept, so that its number is not given again."""

    def delete(tx: Transaction) -> None:
        for table in ("audience_members", "audience_changes", "audiences"):
            tx.run(f"delete from {table} where audience_id = $audience", {"audience": audience_id})
        record(tx, "delete audience", {"audience_id": audience_id})

    store.write(delete)


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
