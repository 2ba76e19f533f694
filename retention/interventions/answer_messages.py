"""Answers about messages: what would users read?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retention.audiences.answer_sources import members_of
from retention.errors import SpecError, nearest
from retention.interventions import query_messages as query
from retention.interventions.messages import Messages, joined, messages_of, patterns_of
from retention.interventions.spec_message import MessageSpec
from retention.store import Snapshot, Sql, Store
from retention.store.labels import labelled

if TYPE_CHECKING:
    import pandas as pd

Recommend = Callable[[Snapshot, Sql, str | None], "pd.DataFrame"]
"""The seam for recommendations: ``recommend(snapshot, users, segmentation)``, where `users` is a select of user_key and
`segmentation` a label or None, returns a frame: user_key, favourite_item, favourite_category, segment_item (texts, empty where
nothing can be said). `favourites` is the one there is; a recommendation model brings another."""


def favourites(snapshot: Snapshot, users: Sql, segmentation: str | None = None) -> pd.DataFrame:
    """What does each user like best, and what goes well among users alike? Told by what was bought and looked at.

    Raises
    ------
    SpecError
        If there is no such segmentation.
    """
    catalogue = snapshot.catalogue
    as_of_us = catalogue.require_clock().as_of_us
    lively = [kind for kind in catalogue.events.values() if kind.is_activity]
    revenue = [catalogue.events[name] for name in catalogue.settings.revenue_events if name in catalogue.events]
    segments = None
    if segmentation is not None:
        label = catalogue.labels.get(segmentation)
        if label is None or label.cutoff_us is None:
            raise SpecError(f'There is no "{segmentation}" any more.', hint=nearest(segmentation, catalogue.labels))
        segments = labelled(label.property_key, label.cutoff_us)
    return snapshot.read(query.favourites(users, query.touched(lively, revenue, as_of_us), segments))


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the users of a list that a message may fill in.

    Attributes
    ----------
    n_users : int
    shown : DataFrame
        Of a few of them: user_key, pseudonym, and what each field stands for but the offer.
    patterns : DataFrame
        n, and has_<field>: of how many users what is known.
    """

    n_users: int
    shown: pd.DataFrame
    patterns: pd.DataFrame


def known_of(
    store: Store, users: object, segmentation: str | None = None, n_shown: int = 20, recommend: Recommend = favourites
) -> Known:
    """What is known of the users of a list that a message may fill in?"""
    with store.snapshot() as snapshot:
        members = members_of(snapshot, users)
        as_of_day = snapshot.catalogue.require_clock().as_of_day
        table = joined(recommend(snapshot, members, segmentation), snapshot.read(query.last_days(members, as_of_day)), as_of_day)
        few = snapshot.read(query.shown(members, n_shown))
        return Known(len(table), few.merge(table, on="user_key", how="left"), patterns_of(table))


def messages(store: Store, spec: MessageSpec, recommend: Recommend = favourites) -> Messages:
    """What would users read, and who would get no message?

    Parameters
    ----------
    recommend : callable
        Fills in the items: see `Recommend`.

    Raises
    ------
    SpecError
        If the list is gone, or the segmentation.
    """
    return written(known_of(store, spec.users, spec.segmentation, spec.n_shown, recommend), spec)


def written(known: Known, spec: MessageSpec) -> Messages:
    """Write the messages of users of whom one knows what to fill in."""
    return messages_of(known.shown, spec, known.n_users, known.patterns)
