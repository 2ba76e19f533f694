"""The versions of a model that there are, and each ready to score: read-only.

A version is there as soon as the store has a row of it; its files lie beside the store and are checked against that row. So
a training that was cut short has left files that nobody reads, and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from retention.churn import query
from retention.churn.card import ModelCard, card_of
from retention.churn.held_back import HeldBack, held_back_of
from retention.churn.model_backtest import Fitted
from retention.churn.model_files import digest, model_of, probe_array, require_same
from retention.errors import SpecError, StoreError
from retention.store import Snapshot, Store

MODEL, MANIFEST = "model.skops", "manifest.json"
AGAIN = "Train the model again, or put another version in service."


def folder(store: Store) -> Path:
    """Return where the models of a store lie: beside it."""
    return store.path.with_name(f"{store.path.name}.models")


def version_folder(store: Store, version: int) -> Path:
    """Return where a version lies."""
    return folder(store) / f"v{version:04d}"


def versions(store: Store) -> tuple[int, ...]:
    """Which versions are there, the newest first, whether or not their files are whole?"""
    with store.snapshot() as snapshot:
        return tuple(int(v) for (v,) in snapshot.rows("select m.version from churn_models as m order by m.version desc"))


def models(store: Store) -> tuple[ModelCard, ...]:
    """What is known of each version whose manifest is whole, the newest first?"""
    return tuple(card for card in _cards(store).values() if isinstance(card, ModelCard))


def lost_models(store: Store) -> dict[int, str]:
    """Which versions have lost their manifest, and why?"""
    return {version: card for version, card in _cards(store).items() if isinstance(card, str)}


def _cards(store: Store) -> dict[int, ModelCard | str]:
    """Read every card; where that cannot be done, the reason stands in its place."""
    found: dict[int, ModelCard | str] = {}
    for version in versions(store):
        try:
            found[version] = card_at(store, version)
        except StoreError as error:
            found[version] = error.message
    return found


def serving_version(snapshot: Snapshot) -> int | None:
    """Which version scores?"""
    rows = snapshot.rows("select m.version from churn_models as m where m.is_serving")
    return int(rows[0][0]) if rows else None


def serving(store: Store) -> ModelCard | None:
    """Which version scores, and what is known of it?"""
    with store.snapshot() as snapshot:
        version = serving_version(snapshot)
    return None if version is None else card_at(store, version)


def card_at(store: Store, version: int) -> ModelCard:
    """What is known of a version?

    Raises
    ------
    SpecError
        If there is no such version.
    StoreError
        If its files are gone, or are not those that were written.
    """
    with store.snapshot() as snapshot:
        rows = snapshot.rows("select m.manifest_sha256 from churn_models as m where m.version = $version", {"version": version})
    if not rows:
        raise SpecError(f"There is no version {version} of the churn model.", hint="Choose one that is listed, or train one.")
    data = _bytes(store, version, MANIFEST)
    if digest(data) != rows[0][0]:
        raise StoreError(f"The manifest of version {version} is not the one that was written.", hint=AGAIN)
    return card_of(data.decode())


def load(store: Store, version: int) -> Fitted:
    """How does a version score?

    Raises
    ------
    SpecError
        If there is no such version.
    StoreError
        If its files are gone, are not those that were written, hold more than a model, or do not say any more what they said.
    """
    card = card_at(store, version)
    data = _bytes(store, version, MODEL)
    if digest(data) != card.sha256:
        raise StoreError(f"The file of version {version} is not the one that was written.", hint=AGAIN)
    model: Any = model_of(data)
    fitted = Fitted(card.name, card.features, model, card.slope, card.intercept, card.seconds)
    require_same(fitted, probe_array(card.probe["values"]), card.probe["log_odds"], card.libraries)
    return fitted


def fitted_at(store: Store, version: int, intercept: float) -> Fitted:
    """How did a version score at a day, its level moved to the season of that day?"""
    return replace(load(store, version), intercept=intercept)


def held_back(store: Store, version: int) -> HeldBack:
    """On whom was a version judged, and what came of them?"""
    card = card_at(store, version)
    return held_back_of(store.read(query.held_back_of(version)), card.held_back_day, card.name)


def _bytes(store: Store, version: int, name: str) -> bytes:
    path = version_folder(store, version) / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StoreError(
            f"Version {version} of the churn model is not in {path.parent}.",
            hint=f"Copy the folder {folder(store).name} along with the store, or train the model again.",
        ) from None
