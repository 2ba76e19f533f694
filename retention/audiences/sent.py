"""A list that was sent to a webhook, as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from retention.audiences.spec_delivery import DeliverySpec


@dataclass(frozen=True, slots=True)
class Delivery:
    """A list of users on its way to a webhook, or there.

    Attributes
    ----------
    delivery_id : int
    spec : DeliverySpec
    definition : str
        Whose users they are, in words.
    n_users : int
        When it began.
    n_left : int
        Of those, who have not been erased since.
    n_confirmed : int
        Whose batch the receiver has confirmed.
    fault : str
        What went wrong at last with those who are not; empty where nothing did.
    made_us : int
    ended_us : int or None
        When everybody was confirmed.
    """

    delivery_id: int
    spec: DeliverySpec
    definition: str
    n_users: int
    n_left: int
    n_confirmed: int
    fault: str
    made_us: int
    ended_us: int | None

    @property
    def n_unconfirmed(self) -> int:
        """Who may have been sent, or not: nobody has said so."""
        return self.n_left - self.n_confirmed

    @property
    def key(self) -> str:
        """What the keys of its users are made with; a number alone comes again after an old backup is restored."""
        return f"{self.delivery_id}.{self.made_us}"


def delivery_of(row: Mapping[str, Any], spec: DeliverySpec) -> Delivery:
    """Read a row of the deliveries."""
    fault, ended_us = row["fault"], row["ended_us"]
    return Delivery(
        delivery_id=int(row["delivery_id"]),
        spec=spec,
        definition=str(row["definition"]),
        n_users=int(row["n_users"]),
        n_left=int(row["n_left"]),
        n_confirmed=int(row["n_confirmed"]),
        fault=fault if isinstance(fault, str) else "",
        made_us=int(row["made_us"]),
        ended_us=None if pd.isna(ended_us) else int(ended_us),
    )


def sent_words(delivery: Delivery) -> str:
    """Say how far a delivery has come."""
    n, done = delivery.n_left, delivery.n_confirmed
    if not delivery.n_unconfirmed:
        return f"All {n:,} users are confirmed by the receiver." if n else "Nobody was on this list."
    why = f" At the last try {delivery.fault}." if delivery.fault else ""
    return (
        f"{done:,} of {n:,} users are confirmed; {delivery.n_unconfirmed:,} are not, though the receiver may have some of"
        f" them.{why}"
    )
