"""Answers about event sequences: read-only."""

from __future__ import annotations

from retention.errors import SpecError
from retention.periods import date_of, day_number, midnight_us
from retention.sequences import query
from retention.sequences.embedding import SequenceEmbedding
from retention.sequences.model_encoder import EventEncoder
from retention.sequences.spec import MAX_EVENTS, MOST_USERS, SequenceSpec
from retention.sequences.table import SequenceTable, sequence_table
from retention.store import Snapshot, Store


def sequences_at(snapshot: Snapshot, cutoff_day: int, max_events: int = MAX_EVENTS) -> SequenceTable:
    """What did every user do before a cut-off, step by step?

    Raises
    ------
    SpecError
        If nobody did anything, or there are more users than sequence models can take.
    """
    counted = query.users_before(cutoff_day)
    ((n_users,),) = snapshot.rows(counted.text, counted.params)
    if n_users > MOST_USERS:
        raise SpecError(
            f"Sequence models read the events of up to {MOST_USERS:,} users; there are {n_users:,} before"
            f" {date_of(cutoff_day)}.",
            hint="Choose another model.",
        )
    if not n_users:
        raise SpecError(f"Nobody did anything before {date_of(cutoff_day)}.", hint="Choose a later cut-off.")
    catalogue = snapshot.catalogue
    steps = snapshot.read(query.user_steps(catalogue, cutoff_day, max_events))
    names = {kind.event_key: kind.event for kind in catalogue.events.values()}
    at_us = midnight_us(cutoff_day, catalogue.require_clock().timezone)
    return sequence_table(steps, names, cutoff_day, at_us)


def sequence_embedding(store: Store, spec: SequenceSpec) -> SequenceEmbedding:
    """Which users do alike things in a like order and rhythm?

    Raises
    ------
    SpecError
        If torch is not installed, the cut-off is later than the data, or there are too few users.
    """
    with store.snapshot() as snapshot:
        latest = snapshot.catalogue.require_clock().as_of_day
        cutoff_day = latest if spec.cutoff is None else day_number(spec.cutoff)
        if cutoff_day > latest:
            raise SpecError(
                f"The cut-off must not be later than {date_of(latest)}, up to when the data are complete, not"
                f" {date_of(cutoff_day)}."
            )
        table = sequences_at(snapshot, cutoff_day, spec.max_events)
    encoder = EventEncoder(spec.cell, spec.width, n_epochs=spec.n_epochs, random_state=spec.seed).fit(table)
    return SequenceEmbedding(spec, cutoff_day, table.user_keys, encoder.transform(table), encoder.curve_)
