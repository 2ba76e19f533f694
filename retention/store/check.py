"""Check that a store is whole: every byte readable, every count explained, every rollup true."""

from __future__ import annotations

import contextlib

import duckdb

from retention.store import audit, cells, orders, rollups
from retention.store.store import Snapshot, Store, Transaction


class _Undo(BaseException):
    """Leaves a transaction without keeping what it did."""


def faults(store: Store) -> list[str]:
    """List what is wrong with a store; a sound one gives nothing.

    Notes
    -----
    A damaged block is found only when it is read, so every table is read whole. The rollups are compared
    with ones built anew in a transaction that is then undone.
    """
    with store.snapshot() as snapshot:
        found = _unreadable(snapshot)
        if found:
            return found
        found = [*_unexplained(snapshot), *audit.faults(snapshot)]
    return found + _stale(store)


def _unreadable(snapshot: Snapshot) -> list[str]:
    found = []
    for table in _tables(snapshot):
        try:
            snapshot.rows(f'select bit_xor(hash(t)) from "{table}" as t')
        except duckdb.Error as error:
            found.append(f"the table {table} cannot be read ({str(error).splitlines()[0]})")
    return found


def _tables(snapshot: Snapshot) -> list[str]:
    return [name for (name,) in snapshot.rows("select t.table_name from duckdb_tables() as t order by t.table_name")]


def _unexplained(snapshot: Snapshot) -> list[str]:
    wrong = {
        "an import whose counts do not add up": """
            select count(*) from imports as i where i.n_records <> i.n_new + i.n_duplicate + i.n_rejected""",
        "an import whose rejects do not add up": """
            select count(*) from imports as i where i.n_rejected <> coalesce(
                (select sum(r.n) from reject_reasons as r where r.import_id = i.import_id), 0)""",
        "an event of an import that the ledger does not know": """
            select count(*) from events as e where e.import_id not in (select i.import_id from imports as i)""",
        "a row that is held twice": """
            select count(*) from (select e.row_hash from events as e group by e.row_hash having count(*) > 1)""",
        "an event of an unknown user": """
            select count(*) from events as e where e.user_key not in (select u.user_key from users as u)""",
        "a user without an id": """
            select count(*) from users as u where u.user_key not in (select i.user_key from identities as i)""",
        "an event with an unknown name": """
            select count(*) from events as e where e.event_key not in (select n.event_key from event_names as n)""",
    }
    return [f"{what} ({n:,})" for what, text in wrong.items() if (n := snapshot.rows(text)[0][0])]


def _stale(store: Store) -> list[str]:
    """Compare the rollups with a rebuild."""
    tables = (*rollups.ROLLUPS, *orders.TABLES, *cells.CELLS, "users")
    found: list[str] = []

    def compare(tx: Transaction) -> None:
        before = {table: _fingerprint(tx, table) for table in tables}
        rollups.rebuild(tx, tx.catalogue, tx.catalogue.clock.as_of_us if tx.catalogue.clock else None)
        found.extend(
            f"the rollup {table} differs from a rebuild" for table in tables if _fingerprint(tx, table) != before[table]
        )
        raise _Undo

    with contextlib.suppress(_Undo):
        store.write(compare)
    return found


def _fingerprint(tx: Transaction, table: str) -> tuple[object, ...]:
    return tx.rows(f"select count(*), bit_xor(hash(t)), sum(hash(t)::hugeint) from {table} as t")[0]
