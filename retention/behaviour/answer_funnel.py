"""Answers about funnels: read-only, each from one snapshot of the store."""

from __future__ import annotations

from retention.behaviour.answer_steps import asked_groups, group_code, members_of, occurrences
from retention.behaviour.funnel import Attempts, Funnel, best_attempts, funnel_of, joined, step_masks, users_at
from retention.behaviour.occurrences import Groups, anchors
from retention.behaviour.spec_funnel import FunnelSpec, FunnelUsersSpec
from retention.behaviour.words_funnel import definition, users_words
from retention.periods import day_number
from retention.store import Catalogue, Snapshot, Sql, Store


def funnel(store: Store, spec: FunnelSpec) -> Funnel:
    """How many users take the steps, in order and in time?

    Raises
    ------
    SpecError
        If the store has never seen one of the events or properties.
    """
    with store.snapshot() as snapshot:
        attempts, groups = read_attempts(snapshot, spec)
        catalogue = snapshot.catalogue
        return funnel_of(attempts, spec, catalogue.require_clock(), catalogue.data_version, groups)


def read_attempts(snapshot: Snapshot, spec: FunnelSpec) -> tuple[Attempts, Groups]:
    """Which attempt of each user counts? The counts, the lists and the exports are all read from it."""
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    steps = [[kind.event_key for kind in catalogue.event_names(step)] for step in spec.steps]
    groups = asked_groups(snapshot, spec.where, spec.by)
    from_day, to_day = (None if on is None else day_number(on) for on in (spec.from_on, spec.to_on))
    begin = anchors(clock, spec.within_us, from_day, to_day)
    masks = step_masks(steps)
    rows = occurrences(
        snapshot,
        sorted({key for step in steps for key in step}),
        to_us=min(clock.as_of_us, begin.to_us + spec.within_us),
        from_us=None if spec.from_on is None else begin.from_us,
    )
    parts = [best_attempts(block, masks, len(steps), begin, groups) for block in rows]
    return joined(parts, len(steps)), groups


def funnel_users(snapshot: Snapshot, spec: FunnelUsersSpec) -> Sql:
    """Who took a step, or took it and no further? One row a user."""
    attempts, groups = read_attempts(snapshot, spec.funnel)
    return members_of(snapshot, users_at(attempts, spec, groups, group_code(groups, spec.group, spec.funnel.by)))


def funnel_users_words(spec: FunnelUsersSpec, catalogue: Catalogue) -> str:
    """Whose users does a step hold?"""
    return users_words(spec, catalogue)


def funnel_words(store: Store, spec: FunnelSpec) -> str:
    """What do the numbers of a funnel mean?"""
    return definition(spec, store.catalogue())
