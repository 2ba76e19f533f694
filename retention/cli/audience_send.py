"""Lists of users to a webhook: send one, go on with what is not confirmed, list it, and show the secret."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retention.cli.arguments import Add, about, iso_or_none, open_store, progress, rows
from retention.errors import SpecError
from retention.periods import iso

if TYPE_CHECKING:
    from retention.audiences.sent import Delivery
    from retention.store import Store


def register_verbs(verb: Add) -> None:
    """Add the verbs to the command ``audience``."""
    send = verb(
        "send",
        _send,
        "send a list to a webhook in signed batches (audited), or go on with one; without a list: what was sent",
    )
    send.add_argument("name", nargs="?", metavar="LIST", help="a saved list")
    send.add_argument("--to", metavar="URL", help="https, or http on this machine")
    send.add_argument("--file-ids", action="store_true", help="the ids of your file, too, instead of pseudonyms alone")
    send.add_argument("--batch", type=int, default=100, metavar="N", help="users in a request (default: 100)")
    send.add_argument("--resume", type=int, metavar="ID", help="send what is not confirmed of a delivery")
    send.add_argument("--unconfirmed", type=int, metavar="ID", help="list whom nobody has confirmed")
    send.add_argument("--timeout", type=float, default=10, metavar="SECONDS", help="for one answer (default: 10)")
    send.add_argument("--tries", type=int, default=6, metavar="N", help="of one batch (default: 6)")
    verb("secret", _secret, "show by what requests are signed: the receiver needs it")


def _send(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    asked = [args.name is not None, args.resume is not None, args.unconfirmed is not None]
    if sum(asked) > 1:
        raise SpecError("`audience send` must be given one of a list, --resume and --unconfirmed.")
    if args.name is not None and not args.to:
        raise SpecError("`audience send` must be told where to.", hint="Add --to https://….")
    with open_store(args) as store:
        if args.unconfirmed is not None:
            return _listed(args, store)
        if args.name is None and args.resume is None:
            return _all(store)
        return _sent(args, store)


def _sent(args: argparse.Namespace, store: Store) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_delivery import sent_words
    from retention.audiences.answer_lists import list_named
    from retention.audiences.order_delivery import resume, send
    from retention.audiences.spec import SavedUsersSpec
    from retention.audiences.spec_delivery import DeliverySpec, Patience

    patience, watch = Patience(timeout_s=args.timeout, n_tries=args.tries), progress("sending")
    if args.resume is not None:
        done = resume(store, args.resume, patience, watch)
    else:
        spec = DeliverySpec(
            users=SavedUsersSpec(audience_id=list_named(store, args.name).audience_id),
            url=args.to,
            identity="file ids" if args.file_ids else "pseudonym",
            batch_size=args.batch,
        )
        done = send(store, spec, patience, watch)
    again = f"\nGo on with: audience send --resume {done.delivery_id}" if done.n_unconfirmed else ""
    result = {**about(store.catalogue()), **_told(done), "exit": 1 if done.n_unconfirmed else 0}
    return result, f"Delivery {done.delivery_id}: {sent_words(done)}{again}"


def _listed(args: argparse.Namespace, store: Store) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_delivery import delivery_at, unconfirmed

    with store.snapshot() as snapshot:
        delivery = delivery_at(snapshot, args.unconfirmed)
    users = unconfirmed(store, args.unconfirmed, max(delivery.n_unconfirmed, 1)).drop(columns="user_key")
    result = {**about(store.catalogue()), **_told(delivery), "users": rows(users)}
    text = f"{delivery.n_unconfirmed:,} users of delivery {delivery.delivery_id} are not confirmed."
    return result, "\n".join([text, *users["pseudonym"]])


def _all(store: Store) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_delivery import deliveries, sent_words

    found = deliveries(store)
    result = {**about(store.catalogue()), "deliveries": [_told(one) for one in found]}
    lines = [f"{one.delivery_id:>4}  {iso(one.made_us)[:16]}  {_told(one)['to']}  {sent_words(one)}" for one in found]
    return result, "\n".join(lines) or "Nothing has been sent yet."


def _told(delivery: Delivery) -> dict[str, Any]:
    from retention.audiences.spec_delivery import shown_url

    return {
        "delivery": delivery.delivery_id,
        "definition": delivery.definition,
        "to": shown_url(delivery.spec.url),
        "identity": delivery.spec.identity,
        "n_users": delivery.n_users,
        "n_left": delivery.n_left,
        "n_confirmed": delivery.n_confirmed,
        "n_unconfirmed": delivery.n_unconfirmed,
        "fault": delivery.fault or None,
        "begun_at": iso(delivery.made_us),
        "ended_at": iso_or_none(delivery.ended_us),
    }


def _secret(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from retention.audiences.answer_delivery import SIGNING, webhook_secret

    with open_store(args) as store:
        secret = webhook_secret(store)
    return {"secret": secret, "signing": SIGNING}, f"{secret}\n\n{SIGNING}"
