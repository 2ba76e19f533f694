"""What is learned of users, as attributes in the store: a label, its values, and who had which when."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retention.errors import SpecError
from retention.store.sql import Sql

if TYPE_CHECKING:
    import pandas as pd

    from retention.store.store import Transaction

LABELS = ("labels", "labellings", "user_labels", "segmentations", "tags")
SCORES = ("churn_models", "scorings", "user_scores", "held_back_scores")
ACTING = (
    "audiences", "audience_members", "audience_history", "audience_changes", "interventions", "campaigns", "exposures",
    "measured_effects", "deliveries", "delivery_users",
)  # fmt: skip
FIRST_KEY = 1_000_001
"""Properties that come from files have smaller keys, so that both can share the table of values."""


def add_label(tx: Transaction, name: str, texts: Sequence[str]) -> int:
    """Make an attribute of users; its values are numbered from 1 in the order of `texts`.

    Raises
    ------
    SpecError
        If the name is taken or cannot stand in a filter, or two values have the same text.
    """
    if re.search(r"[=<>!]|\sin\s", name):
        raise SpecError(
            f'A name must do without = < > ! and the word "in", by which filters are read, not "{name}".',
            hint="Choose another name.",
        )
    if tx.rows("select 1 from labels as l where l.name = $name", {"name": name}):
        raise SpecError(f'There is a label "{name}" already.', hint="Choose another name, or delete the old one.")
    ((key,),) = tx.rows(
        "select coalesce(max(l.property_key), $first - 1) + 1 from labels as l", {"first": FIRST_KEY}
    )
    tx.run("insert into labels values ($key, $name)", {"key": key, "name": name})
    _put_values(tx, key, texts)
    return int(key)


def rename_values(tx: Transaction, property_key: int, texts: Sequence[str]) -> None:
    """Give the values of a label other texts, in the order of their numbers.

    Raises
    ------
    SpecError
        If two are alike, one is empty, or there are more or fewer than before.
    """
    ((n,),) = tx.rows(
        "select count(*) from property_values as v where v.property_key = $key", {"key": property_key}
    )
    if n != len(texts):
        raise SpecError(f"There must be a name for each of the {n} groups, not {len(texts)}.")
    tx.run("delete from property_values where property_key = $key", {"key": property_key})
    _put_values(tx, property_key, texts)


def _put_values(tx: Transaction, key: int, texts: Sequence[str]) -> None:
    said = [text.strip() for text in texts]
    if "" in said:
        raise SpecError("Each group must have a name.", hint="Write one, or keep the one that was suggested.")
    twice = sorted({text for text in said if said.count(text) > 1})
    if twice:
        raise SpecError(f'Two groups are called "{twice[0]}".', hint="Give each a name of its own.")
    for number, text in enumerate(said, start=1):
        tx.run(
            "insert into property_values values ($key, $number, $text, null)",
            {"key": key, "number": number, "text": text},
        )


def put_labelling(
    tx: Transaction,
    property_key: int,
    cutoff_us: int,
    labels: pd.DataFrame,
    *,
    n_users: int,
    about: Mapping[str, Any] | None = None,
) -> int:
    """Write down who has which value as of a moment; what was there for this moment is replaced.

    Parameters
    ----------
    labels : DataFrame
        user_key, value_key: one row a user who has a value.
    n_users : int
        How many users were looked at.
    about : mapping, optional
        Whatever else is known of it, as JSON can hold it.

    Returns
    -------
    int
        Users who have a value.
    """
    which = {"key": property_key, "cutoff": cutoff_us}
    for table in ("labellings", "user_labels"):
        tx.run(f"delete from {table} where property_key = $key and cutoff_us = $cutoff", which)
    tx.cursor.register("new_labels", labels[["user_key", "value_key"]])
    tx.run(
        "insert into user_labels select $key, $cutoff, n.user_key::integer, n.value_key::integer from new_labels as n", which
    )
    tx.cursor.unregister("new_labels")
    tx.run(
        "insert into labellings values ($key, $cutoff, $data_version, $n_users, $about, $made_us)",
        {
            **which,
            "data_version": tx.catalogue.data_version,
            "n_users": n_users,
            "about": json.dumps(dict(about or {}), sort_keys=True),
            "made_us": time.time_ns() // 1000,
        },
    )
    return len(labels)


def drop_label(tx: Transaction, property_key: int) -> None:
    """Forget a label with its values and everybody who had one."""
    for table in (*LABELS, "property_values"):
        tx.run(f"delete from {table} where property_key = $key", {"key": property_key})


def labelled(property_key: int, cutoff_us: int) -> Sql:
    """One row per user who had a value of a label as of a moment: user_key, value_key."""
    return Sql(
        "select l.user_key, l.value_key from user_labels as l"
        " where l.property_key = $label_key and l.cutoff_us = $label_cutoff",
        {"label_key": property_key, "label_cutoff": cutoff_us},
    )
