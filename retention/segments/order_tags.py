"""Write a tag down, count anew who has it, and forget it; each leaves a trace."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, datetime

from retention.errors import SpecError
from retention.segments.answer_tags import SavedTag, counted, rule_in, tags_in
from retention.segments.spec_tags import HELD, TagSpec, rule_text
from retention.store import Store, Transaction
from retention.store.audit import record
from retention.store.labels import add_label, drop_label, put_labelling


def save_tag(store: Store, spec: TagSpec) -> SavedTag:
    """Keep a tag, with the users who have it as of the watermark.

    Raises
    ------
    SpecError
        If the name is taken, or one of the features is not known of anybody.
    """

    def save(tx: Transaction) -> SavedTag:
        if spec.label in tx.catalogue.labels:
            raise SpecError(
                f'There is a tag "{_name(spec)}" already.', hint="Choose another name, or delete the old one first."
            )
        key = add_label(tx, spec.label, [HELD])
        tx.run(
            "insert into tags values ($key, $name, $rule, $saved)",
            {"key": key, "name": _name(spec), "rule": rule_text(spec), "saved": time.time_ns() // 1000},
        )
        return _count(tx, key, spec, None, "save tag")

    return store.write(save)


def count_tag(store: Store, property_key: int, cutoff: date | datetime | None = None) -> SavedTag:
    """Count anew who has a tag.

    Parameters
    ----------
    cutoff : date or datetime, optional
        As of when; by default the watermark. What was counted as of another moment stays.

    Returns
    -------
    SavedTag
        With the count just made; filters use the one as of the latest moment.

    Raises
    ------
    SpecError
        If there is no such tag, or one of its features is not known any more; the tag stays as it is.
    """
    return store.write(lambda tx: _count(tx, property_key, rule_in(tx, property_key), cutoff, "count tag"))


def delete_tag(store: Store, property_key: int) -> None:
    """Forget a tag, and who had it."""

    def delete(tx: Transaction) -> None:
        names = [tag.label for tag in tags_in(tx) if tag.property_key == property_key]
        if not names:
            raise SpecError("There is no such tag any more.", hint="Somebody deleted it in the meantime.")
        drop_label(tx, property_key)
        record(tx, "delete tag", {"label": names[0]})

    store.write(delete)


def _name(spec: TagSpec) -> str:
    return " ".join(spec.name.split())


def _count(tx: Transaction, key: int, spec: TagSpec, cutoff: date | datetime | None, action: str) -> SavedTag:
    labels, table = counted(tx, spec, cutoff)
    n = put_labelling(tx, key, table.cutoff_us, labels, n_users=table.n_users)
    record(tx, action, {"label": spec.label, "rule": rule_text(spec), "cutoff_us": table.cutoff_us}, n_rows=n)
    (found,) = (tag for tag in tags_in(tx) if tag.property_key == key)
    # As of an earlier moment than the latest, this count is not the one that filters use; it is the one asked for.
    return replace(found, n=n, n_users=table.n_users, cutoff_us=table.cutoff_us)
