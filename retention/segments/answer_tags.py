"""Answers about tags: read-only, each from one snapshot of the store."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from retention.errors import SpecError, nearest
from retention.features.answer import features_of
from retention.features.spec import FeatureSpec
from retention.features.table import FeatureTable
from retention.periods import from_us, zone
from retention.segments import query_tags as query
from retention.segments.spec_tags import HELD, PREFIX, TagSpec, TagUsersSpec, rule_of
from retention.segments.tags import Overlaps, SavedTag, TagPreview, overlaps_of, preview_of, saved_tags_of, tag_labels
from retention.store import Snapshot, Sql, Store
from retention.store.labels import labelled

if TYPE_CHECKING:
    import pandas as pd

    from retention.cohorts.spec import Condition
    from retention.store.catalogue import Catalogue

# What orders hand on and may not import from where it is made.
__all__ = ["SavedTag"]


def saved_tags(store: Store) -> tuple[SavedTag, ...]:
    """Which tags are there, and how many users had each at its latest count?"""
    with store.snapshot() as snapshot:
        return tags_in(snapshot)


def tags_in(snapshot: Snapshot) -> tuple[SavedTag, ...]:
    """Which tags are there, in a snapshot that is open?"""
    return saved_tags_of(snapshot.read(query.saved_tags()))


def saved_tag(store: Store, name: str) -> SavedTag:
    """What is known of one tag?

    Parameters
    ----------
    name : str
        "night shopper" or "tag:night shopper".

    Raises
    ------
    SpecError
        If there is none.
    """
    found = {tag.name: tag for tag in saved_tags(store)}
    wanted = name.removeprefix(PREFIX).strip()
    if wanted not in found:
        raise SpecError(f'There is no tag "{wanted}".', hint=nearest(wanted, found))
    return found[wanted]


def tag_preview(store: Store, spec: TagSpec, where: tuple[Condition, ...] = ()) -> TagPreview:
    """How many users would have a tag, as of the watermark?

    Raises
    ------
    SpecError
        If one of its features is not known of anybody.
    """
    with store.snapshot() as snapshot:
        return preview_of(features_of(snapshot, FeatureSpec(names=spec.features, where=where)), spec)


def label_values(store: Store) -> pd.DataFrame:
    """Which other labels have been learned, and how many users had each value at the latest count?

    Returns
    -------
    DataFrame
        label, value_key, value, cutoff_us, n_users, n.
    """
    return store.read(query.value_counts())


def tag_overlaps(store: Store) -> Overlaps:
    """How many users have two tags at once, and how many tags have users?"""
    with store.snapshot() as snapshot:
        return overlaps_of(snapshot.read(query.overlaps()), snapshot.read(query.users_by_count()))


def counted(
    snapshot: Snapshot, spec: TagSpec, cutoff: date | datetime | None = None
) -> tuple[pd.DataFrame, FeatureTable]:
    """Who has a tag as of a day? Only orders ask, to write it down."""
    table = features_of(snapshot, FeatureSpec(names=spec.features, cutoff=cutoff))
    return tag_labels(table, spec), table


def rule_in(snapshot: Snapshot, property_key: int) -> TagSpec:
    """What is the rule of a saved tag?

    Raises
    ------
    SpecError
        If there is no such tag, or its rule rests on a feature that is no more.
    """
    asked = query.tag(property_key)
    for name, rule in snapshot.rows(asked.text, asked.params):
        return rule_of(str(name), str(rule))
    raise SpecError("There is no such tag any more.", hint="Somebody deleted it in the meantime.")


# The users behind a tag ------------------------------------------------------------------------------


def tag_users(snapshot: Snapshot, spec: TagUsersSpec) -> Sql:
    """Who has the tag?"""
    key, cutoff_us = _moment(spec, snapshot.catalogue)
    asked = query.value_of(key, spec.value)
    for (value_key,) in snapshot.rows(asked.text, asked.params):
        return query.holders(labelled(key, cutoff_us), int(value_key))
    raise SpecError(f'"{spec.label}" has no value "{spec.value}".', hint="It may have got another name since.")


def tag_users_words(spec: TagUsersSpec, catalogue: Catalogue) -> str:
    """Say whose tag is meant."""
    _, cutoff_us = _moment(spec, catalogue)
    local = from_us(cutoff_us).astimezone(zone(catalogue.settings.timezone))
    value = "" if spec.value == HELD and spec.label.startswith(PREFIX) else f" “{spec.value}”"
    return f"Users with {spec.label}{value}, as counted from what had happened before {local:%Y-%m-%d %H:%M}."


def _moment(spec: TagUsersSpec, catalogue: Catalogue) -> tuple[int, int]:
    found = catalogue.labels.get(spec.label)
    if found is None or found.cutoff_us is None:
        raise SpecError(f'There is no "{spec.label}" any more.', hint=nearest(spec.label, catalogue.labels))
    return found.property_key, found.cutoff_us if spec.cutoff_us is None else spec.cutoff_us
