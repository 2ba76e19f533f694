"""Put checked rows into the store: dictionaries, events, rollups and ledger, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retention.periods import sql_local_day
from retention.store import catalogue as catalogues
from retention.store import orders, rollups
from retention.store.catalogue import Catalogue
from retention.store.keys import pseudonyms
from retention.store.sql import MAX_BIT
from retention.store.staged import Property, Staged
from retention.store.store import Transaction

Progress = Callable[[float, str], object]
EVENT_COLUMNS = "user_key, occurred_us, day, event_key, value, quantity, item_key, text_key, row_hash, import_id"
REJECTS_KEPT = 100_000
"""Rejected rows kept word for word for each import; the counts by reason always cover all of them."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of the rows of one file."""

    import_id: int
    n_new: int
    n_duplicate: int
    as_of_us: int | None


def commit(
    tx: Transaction,
    staged: Staged,
    *,
    key: bytes,
    mapping: str,
    watermark_us: int | None,
    is_simulated: bool = False,
    progress: Progress = lambda share, text: None,
) -> Committed:
    """Add the rows that the store does not hold yet, and everything that follows from them.

    Parameters
    ----------
    tx : Transaction
    staged : Staged
        Its files lie in the store's scratch folder.
    key : bytes
        Key of the pseudonyms.
    mapping : str
        How the file's columns were read, for the ledger.
    watermark_us : int, optional
        Up to when this import says the data is complete (exclusive).
    """
    ((import_id,),) = tx.rows("select coalesce(max(i.import_id), 0) + 1 from imports as i")
    n_new = 0
    if staged.n_good:
        assert staged.first_us is not None and staged.last_us is not None
        _view(tx, "staged", staged.rows)
        progress(0.05, "Looking up users")
        columns = _learn_properties(tx, staged.properties)
        _learn_names(tx)
        _learn_users(tx, key)
        for column, prop in columns:
            _learn_values(tx, column, prop)
        _learn_items(tx, staged.kind)
        progress(0.25, "Adding events")
        settings = catalogues.load(tx.rows).settings
        day = sql_local_day("s.occurred_us", settings.timezone, staged.first_us, staged.last_us)
        if staged.kind == "order_lines":
            n_new = _add_lines(tx, import_id, day, columns, staged)
        else:
            n_new = _add_events(tx, import_id, day, columns, staged)
        tx.run("drop view temp.staged")
    _write_ledger(tx, import_id, staged, n_new, mapping, watermark_us, is_simulated)
    progress(0.6, "Updating the rollups")
    as_of_us = advance(tx, import_id)
    progress(1.0, "Saved")
    return Committed(import_id, n_new, staged.n_good - n_new, as_of_us)


def _view(tx: Transaction, name: str, path: Path) -> None:
    """Name the rows of a staged file.

    The engine reads the file itself and so knows how many rows it has: scanned through Arrow they look like
    few, and every join builds its hash table of all of them. A path cannot be bound; it is ours, and quoted.
    """
    quoted = str(path).replace("'", "''")
    tx.run(f"create or replace temp view {name} as select * from read_parquet('{quoted}')")


def watermark(tx: Transaction, settling_us: int) -> int | None:
    """Return the instant up to which the store's data is complete and settled."""
    ((latest,),) = tx.rows("select max(i.watermark_us) from imports as i")
    return None if latest is None else latest - settling_us


def advance(tx: Transaction, import_id: int) -> int | None:
    """Move the watermark to where the ledger says, and fold in what thereby counts."""
    catalogue = catalogues.load(tx.rows)
    ((before,),) = tx.rows("select s.as_of_us from state as s")
    now = watermark(tx, catalogue.settings.settling_us)
    if before is None or now is None:
        rollups.rebuild(tx, catalogue, now)
        return now
    tx.run("update state set as_of_us = $as_of", {"as_of": now})
    is_new = "(e.import_id = $import or e.occurred_us >= $before) and e.occurred_us < $as_of"
    which = {"import": import_id, "before": before, "as_of": now}
    rollups.fold_in(tx, catalogue, is_new, which)
    orders.fold_in(tx, catalogue, is_new, which)
    return now


def _learn_properties(tx: Transaction, properties: Sequence[Property]) -> list[tuple[str, tuple[int, str]]]:
    """Make a column for each property not met before; return (staged column, (key, store column))."""
    known = {
        name: (key, column, kind)
        for name, key, column, kind in tx.rows(
            "select p.name, p.property_key, p.column_name, p.kind from properties as p"
        )
    }
    found = []
    for i, prop in enumerate(properties):
        if prop.name not in known:
            key = len(known) + 1
            column = f"p{key}"
            tx.run(f"alter table events add column {column} integer")
            if prop.kind == "event":
                for table in rollups.ROLLUPS:  # which carry those of the user's first activity
                    tx.run(f"alter table {table} add column {column} integer")
            tx.run(
                "insert into properties values ($key, $name, $kind, $column)",
                {"key": key, "name": prop.name, "kind": prop.kind, "column": column},
            )
            known[prop.name] = (key, column, prop.kind)
        key, column, _ = known[prop.name]
        found.append((f"p{i}", (key, column)))
    return found


def _learn_names(tx: Transaction) -> None:
    settings = catalogues.load(tx.rows).settings
    new = tx.rows(
        "select distinct s.event from staged as s"
        " where s.event not in (select n.event from event_names as n) order by s.event"
    )
    ((top,),) = tx.rows("select coalesce(max(n.event_key), 0) from event_names as n")
    for key, (event,) in enumerate(new, start=top + 1):
        bit = key - 1 if key - 1 <= MAX_BIT else None
        tx.run(
            "insert into event_names values ($key, $event, $bit, $is_activity)",
            {"key": key, "event": event, "bit": bit, "is_activity": int(settings.is_activity(event))},
        )


def _learn_users(tx: Transaction, key: bytes) -> None:
    new = tx.cursor.execute(
        """
        select s.user_id, min(s.occurred_us) as first_us from staged as s
        where not exists (select 1 from identities as i where i.user_id = s.user_id)
        group by s.user_id order by first_us, s.user_id
        """
    ).fetchall()
    ((top,),) = tx.rows("select coalesce(max(u.user_key), 0) from users as u")
    ids = [user_id for user_id, _ in new]
    # As lists and not through Arrow, whose arrays import pandas: half a second where a day comes in.
    tx.run(
        """
        create or replace temp table new_users as
        select ($top + unnest(range(1, len($ids) + 1)))::integer as user_key, unnest($ids) as user_id,
            unnest($pseudonyms) as pseudonym
        """,
        {"top": top, "ids": ids, "pseudonyms": pseudonyms(key, ids)},
    )
    tx.run("insert into users select n.user_key, n.pseudonym, null, null, 0 from new_users as n order by n.user_key")
    tx.run("insert into identities select n.user_key, n.user_id from new_users as n order by n.user_key")
    tx.run("drop table new_users")


def _learn_values(tx: Transaction, column: str, prop: tuple[int, str]) -> None:
    tx.run(
        f"""
        insert into property_values
        select $key, (select coalesce(max(v.value_key), 0) from property_values as v where v.property_key = $key)
                + row_number() over (order by n.value), n.value,
            case when isfinite(try_cast(n.value as double)) then try_cast(n.value as double) end
        from (
            select distinct s.{column} as value from staged as s where s.{column} is not null
            except
            select v.value from property_values as v where v.property_key = $key
        ) as n
        """,
        {"key": prop[0]},
    )


def _learn_items(tx: Transaction, kind: str) -> None:
    category = "s.category" if kind == "events" else "null"
    tx.run(
        f"""
        insert into items
        select (select coalesce(max(i.item_key), 0) from items as i) + row_number() over (order by n.item),
            n.item, n.name, n.category
        from (select s.item, max(s.item_name) as name, max({category}) as category from staged as s
              where s.item is not null group by s.item) as n
        where not exists (select 1 from items as i where i.item = n.item)
        """
    )
    if kind == "events":
        tx.run(
            """
            insert into texts
            select (select coalesce(max(t.text_key), 0) from texts as t) + row_number() over (order by n.text), n.text
            from (select distinct s.text from staged as s where s.text is not null) as n
            where not exists (select 1 from texts as t where t.text = n.text)
            """
        )


def _coded(columns: list[tuple[str, tuple[int, str]]]) -> tuple[str, str, str]:
    """Return (target columns, selected codes, joins) that turn staged property values into codes."""
    target = "".join(f", {column}" for _, (_, column) in columns)
    codes = "".join(f", v{key}.value_key" for _, (key, _) in columns)
    joins = "".join(
        f"\nleft join property_values as v{key} on v{key}.property_key = {key} and v{key}.value = s.{staged}"
        for staged, (key, _) in columns
    )
    return target, codes, joins


def _add_events(
    tx: Transaction, import_id: int, day: str, columns: list[tuple[str, tuple[int, str]]], staged: Staged
) -> int:
    target, codes, joins = _coded(columns)
    # The anti-join looks only at the stretch of time that the file covers.
    return tx.count(
        f"""
        insert into events ({EVENT_COLUMNS}{target})
        select i.user_key, s.occurred_us, {day}, n.event_key, s.value, s.quantity, t.item_key, x.text_key,
            s.row_hash, $import{codes}
        from staged as s
        join identities as i on i.user_id = s.user_id
        join event_names as n on n.event = s.event
        left join items as t on t.item = s.item
        left join texts as x on x.text = s.text{joins}
        where not exists (
            select 1 from events as e where e.occurred_us between $first and $last and e.row_hash = s.row_hash)
        order by i.user_key, s.occurred_us, s.row_hash
        """,
        {"import": import_id, "first": staged.first_us, "last": staged.last_us},
    )


def _add_lines(
    tx: Transaction, import_id: int, day: str, columns: list[tuple[str, tuple[int, str]]], staged: Staged
) -> int:
    """Add the new lines, and one event for each invoice, kind and instant with the sum of its lines."""
    target, _, joins = _coded(columns)
    codes = "".join(f", min(v{key}.value_key)" for _, (key, _) in columns)
    n_new = tx.count(
        """
        insert into order_lines
        select i.user_key, s.occurred_us, n.event_key, s.invoice, t.item_key, s.quantity, s.price,
            s.row_hash, s.event_hash, $import
        from staged as s
        join identities as i on i.user_id = s.user_id
        join event_names as n on n.event = s.event
        left join items as t on t.item = s.item
        where not exists (
            select 1 from order_lines as o where o.occurred_us between $first and $last and o.row_hash = s.row_hash)
        order by i.user_key, s.occurred_us, s.row_hash
        """,
        {"import": import_id, "first": staged.first_us, "last": staged.last_us},
    )
    # A later file may bring further lines of an invoice that is known: its event grows.
    tx.run(
        """
        create or replace temp table grown as
        select o.event_hash, sum((o.quantity * o.price)::decimal(18, 6))::decimal(18, 6) as value,
            sum(o.quantity)::decimal(18, 6) as quantity
        from order_lines as o where o.import_id = $import group by o.event_hash
        """,
        {"import": import_id},
    )
    tx.run(
        """
        update events set value = events.value + g.value, quantity = events.quantity + g.quantity
        from grown as g
        where g.event_hash = events.row_hash and events.occurred_us between $first and $last
        """,
        {"first": staged.first_us, "last": staged.last_us},
    )
    tx.run(
        f"""
        insert into events ({EVENT_COLUMNS}{target})
        select a.* from (
            select i.user_key, s.occurred_us, {day} as day, n.event_key, g.value, g.quantity, null, null,
                s.event_hash, $import{codes}
            from staged as s
            join grown as g on g.event_hash = s.event_hash
            join identities as i on i.user_id = s.user_id
            join event_names as n on n.event = s.event{joins}
            group by i.user_key, s.occurred_us, {day}, n.event_key, g.value, g.quantity, s.event_hash
        ) as a
        where not exists (
            select 1 from events as e where e.occurred_us between $first and $last and e.row_hash = a.event_hash)
        order by a.user_key, a.occurred_us, a.event_hash
        """,
        {"import": import_id, "first": staged.first_us, "last": staged.last_us},
    )
    tx.run("drop table grown")
    return n_new


def _write_ledger(
    tx: Transaction,
    import_id: int,
    staged: Staged,
    n_new: int,
    mapping: str,
    watermark_us: int | None,
    is_simulated: bool,
) -> None:
    tx.run(
        """
        insert into imports values ($import_id, $source_name, $sha256, $preset, $mapping, $timezone, $n_records, $n_new,
            $n_duplicate, $n_rejected, $first_us, $last_us, $watermark_us, $is_simulated, $imported_us)
        """,
        {
            "import_id": import_id,
            "source_name": staged.source_name,
            "sha256": staged.sha256,
            "preset": staged.preset,
            "mapping": mapping,
            "timezone": staged.timezone,
            "n_records": staged.n_records,
            "n_new": n_new,
            "n_duplicate": staged.n_good - n_new,
            "n_rejected": staged.n_rejected,
            "first_us": staged.first_us,
            "last_us": staged.last_us,
            "watermark_us": watermark_us,
            "is_simulated": int(is_simulated),
            "imported_us": time.time_ns() // 1000,
        },
    )
    for reason in staged.reasons:
        tx.run(
            "insert into reject_reasons values ($import, $reason, $n, $line)",
            {"import": import_id, "reason": reason.reason, "n": reason.n, "line": reason.first_line},
        )
    if staged.rejects is not None and staged.n_rejected:
        _view(tx, "staged_rejects", staged.rejects)
        tx.run(
            "insert into rejects select $import, r.line, r.column_name, r.value, r.reason from staged_rejects as r"
            " order by r.line limit $kept",
            {"import": import_id, "kept": REJECTS_KEPT},
        )
        tx.run("drop view temp.staged_rejects")


def recompute_days(tx: Transaction, catalogue: Catalogue) -> None:
    """Place every event on its local day in the zone of the settings."""
    ((first, last),) = tx.rows("select min(e.occurred_us), max(e.occurred_us) from events as e")
    if first is not None:
        tx.run(
            f"update events set day = {sql_local_day('events.occurred_us', catalogue.settings.timezone, first, last)}"
        )
