"""Send a list of users to a webhook, batch by batch; what the receiver confirms is written down at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from retention.audiences.answer_delivery import (
    Delivery,
    Reply,
    delivery_at,
    next_body,
    post,
    signed,
    wait_before,
    webhook_secret,
)
from retention.audiences.answer_file import has_file_ids
from retention.audiences.answer_sources import members_of, question_of, words_of
from retention.audiences.query import keys
from retention.audiences.spec_delivery import DeliverySpec, Patience, shown_url
from retention.errors import SpecError
from retention.store import Store, Transaction
from retention.store.audit import record

Progress = Callable[[float, str], object]


@dataclass(frozen=True, slots=True)
class Outside:
    """What sending takes from the world; tests bring their own.

    Attributes
    ----------
    now : callable
        Seconds since 1970.
    sleep : callable
    post : callable
        See `retention.audiences.delivery.post`.
    """

    now: Callable[[], float] = time.time
    sleep: Callable[[float], object] = time.sleep
    post: Callable[..., Reply] = post


USUAL, REAL = Patience(), Outside()


def send(
    store: Store,
    spec: DeliverySpec,
    patience: Patience = USUAL,
    progress: Progress = lambda share, text: None,
    outside: Outside = REAL,
) -> Delivery:
    """Begin a delivery and send it; what is not confirmed in the end stays listed, and can be sent again.

    Raises
    ------
    SpecError
        If nobody is on the list.
    """
    return resume(store, begin(store, spec).delivery_id, patience, progress, outside)


def begin(store: Store, spec: DeliverySpec) -> Delivery:
    """Freeze who is sent, and leave a trace, before anything leaves.

    Raises
    ------
    SpecError
        If nobody is on the list.
    """
    has_file_ids(spec.identity)

    def write(tx: Transaction) -> Delivery:
        ((delivery_id,),) = tx.rows("select coalesce(max(d.delivery_id), 0) + 1 from deliveries as d")
        members = keys(members_of(tx, spec.users))
        n_users = tx.count(
            "insert into delivery_users select $delivery as delivery_id, m.user_key, false, 0, null"
            f" from ({members.text}) as m",
            {**members.params, "delivery": delivery_id},
        )
        if not n_users:
            raise SpecError(
                "A delivery must have at least one user, and nobody is on this list.", hint="Choose another list."
            )
        definition = words_of(spec.users, tx.catalogue)
        tx.run(
            "insert into deliveries values ($delivery, $definition, $question, $url, $n, $made, null)",
            {
                "delivery": delivery_id, "definition": definition, "question": question_of(spec), "url": spec.url.strip(),
                "n": n_users, "made": time.time_ns() // 1000,
            },
        )  # fmt: skip
        detail = {
            "delivery": delivery_id,
            "definition": definition,
            "to": shown_url(spec.url),
            "identity": spec.identity,
        }
        record(tx, "send users", detail, n_rows=n_users)
        return delivery_at(tx, delivery_id)

    return store.write(write)


def resume(
    store: Store,
    delivery_id: int,
    patience: Patience = USUAL,
    progress: Progress = lambda share, text: None,
    outside: Outside = REAL,
) -> Delivery:
    """Send what is not confirmed of a delivery; it stops at the first batch that no try brought through.

    Notes
    -----
    At least once: a batch that arrived without our being told is sent again, each user under the same key, so a receiver
    that honours the keys has each user once.
    """
    with store.snapshot() as snapshot:
        delivery = delivery_at(snapshot, delivery_id)
    secret, chance = webhook_secret(store), random.Random()
    done = delivery.n_confirmed
    while True:
        users, body = next_body(store, delivery, secret)
        if not users:
            break
        progress(done / max(delivery.n_left, 1), f"{done:,} of {delivery.n_left:,} users confirmed")
        reply, n_tries = _tried(delivery, body, secret, patience, chance, outside)
        _write_down(store, delivery_id, users, reply, n_tries)
        if not reply.is_confirmed:
            break
        done += len(users)
    return _end(store, delivery_id)


def _tried(
    delivery: Delivery, body: bytes, secret: str, patience: Patience, chance: random.Random, outside: Outside
) -> tuple[Reply, int]:
    reply = Reply("it was not tried")
    for nth in range(1, patience.n_tries + 1):
        headers = signed(delivery, body, secret, int(outside.now()))
        reply = outside.post(delivery.spec.url, body, headers, patience.timeout_s)
        if reply.is_confirmed or reply.is_final or nth == patience.n_tries:
            return reply, nth
        outside.sleep(max(wait_before(nth, patience, chance), min(reply.wait_s, patience.most_wait_s)))
    return reply, patience.n_tries


def _write_down(store: Store, delivery_id: int, users: list[int], reply: Reply, n_tries: int) -> None:
    def write(tx: Transaction) -> None:
        tx.run(
            "update delivery_users set is_confirmed = $is_confirmed, n_tries = n_tries + $n_tries, fault = $fault"
            " where delivery_id = $delivery and user_key in (select unnest($users))",
            {
                "delivery": delivery_id, "users": users, "is_confirmed": reply.is_confirmed, "n_tries": n_tries,
                "fault": reply.fault or None,
            },
        )  # fmt: skip

    store.write(write)


def _end(store: Store, delivery_id: int) -> Delivery:
    def write(tx: Transaction) -> Delivery:
        delivery = delivery_at(tx, delivery_id)
        if not delivery.n_unconfirmed and delivery.ended_us is None:
            tx.run(
                "update deliveries set ended_us = $now where delivery_id = $delivery",
                {"now": time.time_ns() // 1000, "delivery": delivery_id},
            )
        detail = {"delivery": delivery_id, "unconfirmed": delivery.n_unconfirmed, "fault": delivery.fault}
        record(tx, "stop sending users", detail, n_rows=delivery.n_confirmed)
        return delivery_at(tx, delivery_id)

    return store.write(write)
