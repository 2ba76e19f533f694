"""Answers about whom to leave alone."""

from __future__ import annotations

from dataclasses import replace

from retention.audiences import query, query_lists
from retention.audiences.answer_sources import members_of
from retention.audiences.spec import SuppressedUsersSpec
from retention.audiences.suppression import Suppression
from retention.churn.reachable import reachable
from retention.store import Snapshot, Sql, Store


def suppression(store: Store, spec: SuppressedUsersSpec) -> Suppression:
    """How many users does each reason leave out, and how many stay on the list?

    Raises
    ------
    SpecError
        If only users who may be written to are wanted, and the store does not know who that is.
    """
    with store.snapshot() as snapshot:
        plain = replace(spec, contacted_days=0, is_reachable_only=False, is_out_of_campaigns=False)
        n_before = _count(snapshot, members_of(snapshot, plain))
        days = "day" if spec.contacted_days == 1 else f"{spec.contacted_days} days"
        reasons = []
        for wanted, alone, words in (
            (spec.contacted_days, {"contacted_days": spec.contacted_days}, f"contacted in the last {days}"),
            (spec.is_reachable_only, {"is_reachable_only": True}, "may not be written to"),
        ):
            if wanted:
                reasons.append((words, n_before - _count(snapshot, members_of(snapshot, replace(plain, **alone)))))
        if spec.is_out_of_campaigns:
            found = snapshot.read(query_lists.running_campaigns_of(members_of(snapshot, plain)))
            reasons += [(f"in the campaign “{row.name}”", int(row.n)) for row in found.itertuples(index=False)]
            if not len(found):
                reasons.append(("in a running campaign", 0))
        n_after = _count(snapshot, members_of(snapshot, spec))
        return Suppression(n_before, tuple(reasons), n_after, _unknown(snapshot, spec))


def what_is_unknown(store: Store) -> tuple[str, ...]:
    """What can the store not tell of whom to leave alone? A sentence each."""
    with store.snapshot() as snapshot:
        return _unknown(snapshot, SuppressedUsersSpec(users=None, contacted_days=1))


def knows_reachable(store: Store) -> bool:
    """Does the store know whom one may write to?"""
    return reachable(store.catalogue()).is_known


def _unknown(snapshot: Snapshot, spec: SuppressedUsersSpec) -> tuple[str, ...]:
    known = reachable(snapshot.catalogue)
    said = []
    if spec.contacted_days and not known.contacts:
        said.append(
            "The store holds no contacts of other tools (no event such as campaign_sent), so only campaigns that were assigned"
            " here count as contacts."
        )
    if not known.is_known:
        said.append(
            "The store does not know who may be written to (no property such as opt_in, no event such as unsubscribe): check it"
            " in your mailing tool."
        )
    return tuple(said)


def _count(snapshot: Snapshot, members: Sql) -> int:
    return int(snapshot.read(query.member_count(members))["n"].iloc[0])
