"""Answers about webhooks: what was sent, what of it is confirmed, and by which secret requests are signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retention.audiences import query_delivery as query
from retention.audiences.answer_file import rows_of
from retention.audiences.answer_sources import SOURCES
from retention.audiences.delivery import (
    DELIVERY,
    SIGNATURE,
    SIGNING,
    TIMESTAMP,
    Reply,
    body_of,
    post,
    signature,
    wait_before,
)
from retention.audiences.delivery import webhook_secret as derived
from retention.audiences.question import understood
from retention.audiences.sent import Delivery, delivery_of, sent_words
from retention.audiences.spec_delivery import DeliverySpec
from retention.errors import SpecError
from retention.periods import iso
from retention.store import Snapshot, Store
from retention.store.keys import pseudonym_key

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SIGNING", "Delivery", "Reply", "deliveries", "delivery_at", "next_body", "post", "sent_words", "signed", "unconfirmed",
           "wait_before", "webhook_secret"]  # fmt: skip

SHOWN_UNCONFIRMED = 500


def webhook_secret(store: Store) -> str:
    """By which secret does a receiver know that a request is ours?"""
    return derived(pseudonym_key(store.path))


def deliveries(store: Store) -> tuple[Delivery, ...]:
    """Which lists were sent, and how much of each is confirmed? The newest first."""
    with store.snapshot() as snapshot:
        return _deliveries(snapshot)


def _deliveries(snapshot: Snapshot) -> tuple[Delivery, ...]:
    rows = snapshot.read(query.deliveries()).to_dict("records")
    return tuple(delivery_of(row, understood(row["question"], (*SOURCES, DeliverySpec))) for row in rows)


def delivery_at(snapshot: Snapshot, delivery_id: int) -> Delivery:
    """Which delivery has this number?

    Raises
    ------
    SpecError
        If none has.
    """
    known = _deliveries(snapshot)
    for delivery in known:
        if delivery.delivery_id == delivery_id:
            return delivery
    said = ", ".join(str(delivery.delivery_id) for delivery in known[:12])
    raise SpecError(
        f"There is no delivery {delivery_id}.", hint=f"There are: {said}." if said else "Send a list first."
    )


def unconfirmed(store: Store, delivery_id: int, limit: int = SHOWN_UNCONFIRMED) -> pd.DataFrame:
    """Which users of a delivery has nobody confirmed? user_key, pseudonym, n_tries, fault; as many as are asked for."""
    with store.snapshot() as snapshot:
        delivery_at(snapshot, delivery_id)
        return snapshot.read(query.unconfirmed(delivery_id, limit))


def next_body(store: Store, delivery: Delivery, secret: str) -> tuple[list[int], bytes]:
    """What is sent next of a delivery: whose keys, and the body of the request? Nobody once all is confirmed."""
    with store.snapshot() as snapshot:
        batch = query.next_batch(delivery.delivery_id, delivery.spec.batch_size)
        keys = [int(key) for (key,) in snapshot.rows(batch.text, batch.params)]
        if not keys:
            return [], b""
        # The columns of a file, and the reason as it was when the delivery began, whatever became of the list since.
        rows = rows_of(snapshot, delivery.spec.users, delivery.spec.identity, batch, why=delivery.definition)
        about: dict[str, Any] = {
            "delivery": delivery.delivery_id,
            "list": delivery.definition,
            "as_of": iso(snapshot.catalogue.require_clock().as_of_us),
            "n_users": delivery.n_users,
        }
        return keys, body_of(about, rows.to_pylist(), secret, delivery.key)


def signed(delivery: Delivery, body: bytes, secret: str, timestamp: int) -> dict[str, str]:
    """Which headers say that a request is ours, and when it was made?"""
    return {
        DELIVERY: str(delivery.delivery_id),
        TIMESTAMP: str(timestamp),
        SIGNATURE: f"sha256={signature(secret, timestamp, body)}",
    }
