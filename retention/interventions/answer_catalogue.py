"""Answers about the catalogue of interventions."""

from __future__ import annotations

from retention.interventions import query_catalogue as query
from retention.interventions.catalogue import Measured, measured_of, settings_of, settings_text, with_own
from retention.interventions.spec import Intervention
from retention.store import Store

# What orders hand on and may not import from where it is made.
__all__ = ["catalogue", "own_interventions", "past_effects", "settings_text"]

def own_interventions(store: Store) -> tuple[Intervention, ...]:
    """Which interventions has the owner saved, the oldest first?"""
    return tuple(settings_of(str(text)) for text in store.read(query.own_interventions())["settings"])


def catalogue(store: Store) -> dict[str, Intervention]:
    """Which interventions are there, by name? The owner's stand where names are the same."""
    return with_own(own_interventions(store))


def past_effects(store: Store) -> tuple[Measured, ...]:
    """What were past campaigns found to change in who stays? The newest first."""
    return measured_of(store.read(query.measured_effects()).to_dict("records"))
