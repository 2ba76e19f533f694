"""What an owner tells a store: settings, gaps, saved views, and an end to what it holds of a user."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from datetime import date

from retention.errors import SpecError
from retention.periods import day_number
from retention.store import catalogue as catalogues
from retention.store import cells, orders, rollups
from retention.store.audit import record
from retention.store.commit import recompute_days, watermark
from retention.store.keys import KEY_BYTES, rename_all, write_key
from retention.store.settings import REBUILDING, Settings
from retention.store.store import Store, Transaction

Progress = Callable[[float, str], object]
USER_TABLES = ("user_labels", "user_scores", "held_back_scores", "audience_members", "audience_changes", "exposures", "delivery_users", "order_lines", "events", *rollups.ROLLUPS, "identities", "users")


def change_setting(store: Store, name: str, value: str, progress: Progress = lambda share, text: None) -> Settings:
    """Change a setting and rebuild what depends on it.

    Parameters
    ----------
    name, value : str
        One of the fields of `Settings`, or ``pseudonym_key`` with ``new`` or hexadecimal digits.
    """
    if name == "pseudonym_key":
        return _change_key(store, value)

    def change(tx: Transaction) -> Settings:
        before = catalogues.load(tx.rows)
        settings = before.settings.changed(name, value)
        tx.run("delete from settings where name = $name", {"name": name})
        tx.run("insert into settings values ($name, $value)", {"name": name, "value": getattr(settings, name)})
        record(tx, "change setting", {"name": name, "value": getattr(settings, name)})
        if settings != before.settings and name in (*REBUILDING, "settling_delay"):
            progress(0.1, "Placing the events on their days")
            _apply(tx, name)
            progress(0.4, "Rebuilding the rollups")
            rollups.rebuild(tx, catalogues.load(tx.rows), watermark(tx, settings.settling_us))
        progress(1.0, "Saved")
        return settings

    return store.write(change)


def _apply(tx: Transaction, name: str) -> None:
    catalogue = catalogues.load(tx.rows)
    if name == "timezone":
        recompute_days(tx, catalogue)
    if name == "activity":
        for event in catalogue.events.values():
            tx.run(
                "update event_names set is_activity = $is_activity where event_key = $key",
                {"key": event.event_key, "is_activity": int(catalogue.settings.is_activity(event.event))},
            )


def _change_key(store: Store, value: str) -> Settings:
    if value == "new":
        key = secrets.token_bytes(KEY_BYTES)
    elif re.fullmatch(r"(?:[0-9a-fA-F]{2}){16,64}", value):
        key = bytes.fromhex(value)
    else:
        raise SpecError('`pseudonym_key` must be "new" or at least 32 hexadecimal digits.')

    def change(tx: Transaction) -> Settings:
        rename_all(tx, key)
        record(tx, "change pseudonym key", {})
        # Before the commit: a key that is not in use yet does no harm, pseudonyms without their key would.
        write_key(store.path, key)
        return catalogues.load(tx.rows).settings

    return store.write(change)


def mark_gap(store: Store, from_us: int, to_us: int, note: str = "") -> None:
    """Mark the stretch ``[from_us, to_us)`` as missing or partial."""
    if from_us >= to_us:
        raise SpecError("A gap must begin before it ends.", hint="The end is the first instant that is complete again.")

    def mark(tx: Transaction) -> None:
        tx.run(
            "insert into gaps select coalesce(max(g.gap_id), 0) + 1, $from, $to, $note from gaps as g",
            {"from": from_us, "to": to_us, "note": note},
        )
        record(tx, "mark gap", {"from_us": from_us, "to_us": to_us, "note": note})

    store.write(mark)


def unmark_gap(store: Store, gap_id: int) -> None:
    """Take a marked gap back."""

    def unmark(tx: Transaction) -> None:
        tx.run("delete from gaps where gap_id = $gap", {"gap": gap_id})
        record(tx, "unmark gap", {"gap_id": gap_id})

    store.write(unmark)


def save_view(store: Store, name: str, page: str, address: str) -> None:
    """Keep the address of a page under a name; the same name again replaces it."""
    name = name.strip()
    if not 1 <= len(name) <= 80:
        raise SpecError("A view must have a name of 1 to 80 characters.")

    def save(tx: Transaction) -> None:
        tx.run("delete from views where name = $name and page = $page", {"name": name, "page": page})
        tx.run(
            "insert into views values ($name, $page, $address, $saved)",
            {"name": name, "page": page, "address": address, "saved": time.time_ns() // 1000},
        )

    store.write(save)


def delete_view(store: Store, name: str, page: str) -> None:
    """Forget a saved view."""
    store.write(
        lambda tx: tx.run("delete from views where name = $name and page = $page", {"name": name, "page": page})
    )


def add_annotation(store: Store, on: date, text: str) -> None:
    """Keep a note on a day, to be shown on every chart over time."""
    text = " ".join(text.split())
    if not 1 <= len(text) <= 80:
        raise SpecError("A note must have 1 to 80 characters.", hint="For example: new checkout.")

    def add(tx: Transaction) -> None:
        tx.run(
            "insert into annotations select coalesce(max(a.annotation_id), 0) + 1, $day, $text from annotations as a",
            {"day": day_number(on), "text": text},
        )
        record(tx, "add annotation", {"on": on.isoformat(), "text": text})

    store.write(add)


def delete_annotation(store: Store, annotation_id: int) -> None:
    """Take a note off the charts."""

    def delete(tx: Transaction) -> None:
        tx.run("delete from annotations where annotation_id = $annotation", {"annotation": annotation_id})
        record(tx, "delete annotation", {"annotation_id": annotation_id})

    store.write(delete)


def erase_user(store: Store, user: str) -> int:
    """Erase everything held of a user, then rewrite the file so that nothing is left in it.

    Parameters
    ----------
    user : str
        The id as it was in the file, or the pseudonym.

    Returns
    -------
    int
        Number of events erased.

    Notes
    -----
    A database keeps deleted bytes in its file until it is copied, so the store is copied without them and
    the copy takes its place. The audit trail keeps that an erasure happened, not whose. Backups made
    before hold the user still: they are outside the store, and the caller is told so.
    """

    def erase(tx: Transaction) -> int:
        found = tx.rows(
            "select i.user_key, i.user_id from identities as i join users as u on u.user_key = i.user_key"
            " where i.user_id = $user or u.pseudonym = $user",
            {"user": user},
        )
        if not found:
            raise SpecError(
                f'The store holds no user "{user}".',
                hint="Give the id as it is in the file, or the pseudonym.",
            )
        ((key, user_id),) = found
        n_events = tx.count("delete from events where user_key = $key", {"key": key})
        orders.forget(tx, catalogues.load(tx.rows), key)
        for table in USER_TABLES:
            tx.run(f"delete from {table} where user_key = $key", {"key": key})
        # The frozen count of a list stays what it was; what is left of it is counted when it is opened.
        tx.run(
            "delete from texts where text_key not in (select e.text_key from events as e where e.text_key is not null)"
        )
        for prop in catalogues.load(tx.rows).properties.values():
            tx.run(
                "delete from property_values where property_key = $key and value_key not in"
                f" (select e.{prop.column} from events as e where e.{prop.column} is not null)",
                {"key": prop.property_key},
            )
        # Rejected rows are raw lines of the file and may name anyone: those that mention the id go.
        tx.run("delete from rejects where value is not null and contains(value, $user_id)", {"user_id": user_id})
        cells.refresh(tx, catalogues.load(tx.rows))
        record(tx, "erase user", {}, n_rows=n_events)
        return n_events

    n_events = store.write(erase)
    store.compact()
    return n_events
