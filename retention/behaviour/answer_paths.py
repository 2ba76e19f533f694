"""Answers about paths: read-only, each from one snapshot of the store."""

from __future__ import annotations

from retention.behaviour.answer_steps import asked_groups, members_of, occurrences
from retention.behaviour.occurrences import anchors
from retention.behaviour.paths import Paths, Walks, alphabet, joined, paths_of, users_at, users_with, walks
from retention.behaviour.spec_paths import PathsSpec, PathUsersSpec, SequenceUsersSpec
from retention.behaviour.words_paths import definition, sequence_words, users_words
from retention.periods import day_number
from retention.store import Catalogue, Snapshot, Sql, Store


def paths(store: Store, spec: PathsSpec) -> Paths:
    """What do users do after, or before, an event?

    Raises
    ------
    SpecError
        If the store has never seen one of the events or properties.
    """
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        return paths_of(read_walks(snapshot, spec), spec, clock, catalogue.data_version, event_names(catalogue))


def event_names(catalogue: Catalogue) -> dict[int, str]:
    """What is each event key called?"""
    return {kind.event_key: name for name, kind in catalogue.events.items()}


def read_walks(snapshot: Snapshot, spec: PathsSpec) -> Walks:
    """What lay next to the anchor of each user? The counts, the lists and the exports are all read from it."""
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    (anchor,) = catalogue.event_names((spec.event,))
    ignored = {kind.event_key for kind in catalogue.event_names(spec.ignored)}
    names = event_names(catalogue)
    groups = asked_groups(snapshot, spec.where, None)
    from_day, to_day = (None if on is None else day_number(on) for on in (spec.from_on, spec.to_on))
    is_backward = spec.direction == "before"
    begin = anchors(clock, spec.within_us or 0, from_day, to_day, is_backward=is_backward)
    ranks = alphabet(names, anchor.event_key)
    rows = occurrences(snapshot, sorted(set(names) - ignored), to_us=clock.as_of_us)
    parts = [walks(block, anchor.event_key, ranks, spec, begin, groups) for block in rows]
    return joined(parts, spec.n_steps)


def path_users(snapshot: Snapshot, spec: PathUsersSpec) -> Sql:
    """Who has an event, an unnamed one or nothing at a step? One row a user."""
    key = snapshot.catalogue.event_names((spec.event,))[0].event_key if spec.event else None
    names = event_names(snapshot.catalogue)
    return members_of(snapshot, users_at(read_walks(snapshot, spec.paths), spec, names, key))


def sequence_users(snapshot: Snapshot, spec: SequenceUsersSpec) -> Sql:
    """Who has a whole sequence? One row a user."""
    keys = [kind.event_key for kind in snapshot.catalogue.event_names(spec.events)]
    return members_of(snapshot, users_with(read_walks(snapshot, spec.paths), keys))


def path_users_words(spec: PathUsersSpec, catalogue: Catalogue) -> str:
    """Whose users stand at a step?"""
    return users_words(spec, catalogue)


def sequence_users_words(spec: SequenceUsersSpec, catalogue: Catalogue) -> str:
    """Whose users have a sequence?"""
    return sequence_words(spec, catalogue)


def paths_words(store: Store, spec: PathsSpec) -> str:
    """What do the numbers of paths mean?"""
    return definition(spec, store.catalogue())
