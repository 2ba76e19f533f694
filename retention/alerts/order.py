"""Make an alert, take one away, and read them all; each leaves a trace."""

from __future__ import annotations

import time
from dataclasses import asdict

from retention.alerts.answer import Readings, alert_readings, is_unread, read_alerts
from retention.alerts.spec import AlertSpec
from retention.errors import SpecError
from retention.store import Store, Transaction
from retention.store.audit import record


def add_alert(store: Store, rule: AlertSpec) -> int:
    """Watch a headline number from now on; returns the alert's number."""

    def add(tx: Transaction) -> int:
        ((alert_id,),) = tx.rows(
            "select greatest(coalesce(max(a.alert_id), 0), (select coalesce(max(r.alert_id), 0) from alert_readings as r))"
            " + 1 from alerts as a"
        )
        tx.run(
            "insert into alerts (alert_id, name, metric, operator, threshold, is_sure, created_us)"
            " values ($alert_id, $name, $metric, $operator, $threshold, $is_sure, $created_us)",
            {
                **asdict(rule),
                "name": " ".join(rule.name.split()),
                "alert_id": alert_id,
                "is_sure": int(rule.is_sure),
                "created_us": time.time_ns() // 1000,
            },
        )
        record(tx, "add alert", {"alert_id": alert_id, **asdict(rule)})
        return int(alert_id)

    return store.write(add)


def delete_alert(store: Store, alert_id: int) -> None:
    """Stop watching; what the alert read before goes with it."""

    def delete(tx: Transaction) -> None:
        if not tx.count("delete from alerts where alert_id = $alert", {"alert": alert_id}):
            raise SpecError(f"There is no alert {alert_id}.", hint="`python -m retention alerts list` shows them all.")
        tx.run("delete from alert_readings where alert_id = $alert", {"alert": alert_id})
        record(tx, "delete alert", {"alert_id": alert_id})

    store.write(delete)


def evaluate_alerts(store: Store) -> Readings:
    """Read every alert and keep what it read, once for each version of the data.

    Notes
    -----
    Keeping the readings is a write and makes a new version of its own; they are kept under that version, so that
    reading again right away keeps nothing new.
    """
    with store.snapshot() as snapshot:
        if not is_unread(snapshot):
            return read_alerts(snapshot)

    def keep(tx: Transaction) -> None:
        found = read_alerts(tx)
        if found.as_of_us is None:
            return
        tx.run("delete from alert_readings where data_version = $version", {"version": found.data_version + 1})
        for item in found.items:
            tx.run(
                "insert into alert_readings (alert_id, data_version, as_of_us, is_fired, value, low, high, sentence, read_us)"
                " values ($alert_id, $version, $as_of, $is_fired, $value, $low, $high, $sentence, $read_us)",
                {
                    "alert_id": item.alert_id,
                    "version": found.data_version + 1,
                    "as_of": found.as_of_us,
                    "is_fired": int(item.is_fired),
                    "value": item.value.value if item.value else None,
                    "low": item.value.low if item.value else None,
                    "high": item.value.high if item.value else None,
                    "sentence": item.sentence,
                    "read_us": time.time_ns() // 1000,
                },
            )

    if store.catalogue().clock is not None:
        store.write(keep)
    return alert_readings(store)
