"""Answers about saved segmentations, and the drafts that orders write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from retention.errors import SpecError, nearest
from retention.features.answer import features_of
from retention.features.spec_registry import REGISTRY
from retention.periods import from_us, iso
from retention.segments import query_saved as query
from retention.segments.model_segments import SavedModel, drift_of, features_asked, saved, scored, segmented, trust_of
from retention.segments.model_sweep import Progress
from retention.segments.model_tree import tree_words
from retention.segments.saved import (
    Draft,
    Labelling,
    SavedSegmentation,
    about_of,
    labels_of,
    movements_of,
    quality_of,
    saved_of,
    segment_texts,
    sizes_of,
)
from retention.segments.segmentation import NOT_BEFORE, NOWHERE, Segmentation
from retention.segments.spec import SegmentSpec
from retention.segments.spec_saved import MovedUsersSpec, MovementSpec, SegmentUsersSpec, spec_of
from retention.store import Snapshot, Sql, Store
from retention.store.labels import labelled

if TYPE_CHECKING:
    import pandas as pd

    from retention.store.catalogue import Catalogue

# What orders hand on and may not import from where it is made.
__all__ = ["Draft", "Labelling", "SavedSegmentation"]
N_BOOTSTRAPS = 20
FEWEST = 20
"""Segments of fewer users are not judged: drawn anew, a handful of users says nothing."""


def saved_segmentations(store: Store) -> tuple[SavedSegmentation, ...]:
    """Which segmentations have been saved, and as of when do they have labels? The newest first."""
    with store.snapshot() as snapshot:
        return _saved(snapshot)


def _saved(snapshot: Snapshot) -> tuple[SavedSegmentation, ...]:
    return saved_of(
        snapshot.read(query.saved_segmentations()), snapshot.read(query.labellings()), snapshot.read(query.segment_names())
    )


def saved_segmentation(store: Store, wanted: int | str) -> SavedSegmentation:
    """What is known of one saved segmentation?

    Parameters
    ----------
    wanted : int or str
        Its key, its label ("segment:Shoppers v2", or "Shoppers v2"), or its name for the latest version.

    Raises
    ------
    SpecError
        If there is none.
    """
    found = saved_segmentations(store)
    for one in found:  # the newest first
        if wanted in (one.property_key, one.label, one.label.partition(":")[2]):
            return one
    versions = [one for one in found if one.name == wanted]
    if versions:
        return max(versions, key=lambda one: one.version)
    if not found:
        raise SpecError("No segmentation has been saved yet.", hint="Make one and save it under a name.")
    labels = [one.label for one in found]
    if isinstance(wanted, int):
        raise _gone()
    raise SpecError(f'There is no segmentation "{wanted}".', hint=nearest(wanted, labels))


def saved_model(store: Store, property_key: int) -> SavedModel:
    """What has a saved segmentation learned?

    Raises
    ------
    SpecError
        If it is not there any more.
    """
    with store.snapshot() as snapshot:
        return model_in(snapshot, property_key)[0]


def model_in(snapshot: Snapshot, property_key: int) -> tuple[SavedModel, int]:
    """What has a saved segmentation learned, and before which moment did it look?"""
    rows = snapshot.read(query.saved_model(property_key))
    if not len(rows):
        raise _gone()
    ((spec_text, features_text, state, cutoff_us),) = rows.itertuples(index=False)
    features = tuple(json.loads(features_text))
    spec = spec_of(spec_text)
    # Its own features and no preset: what a preset holds may change from version to version.
    known = tuple(name for name in features if name in REGISTRY)
    spec = replace(spec, features=replace(spec.features, names=known, presets=()))
    names = tuple(snapshot.read(query.label_values(property_key))["value"])
    return SavedModel(spec, features, names, json.loads(state)), int(cutoff_us)


def labelled_sizes(store: Store, property_key: int, cutoff_us: int) -> pd.DataFrame:
    """How many users were in each segment as of a moment? See `saved.sizes_of`.

    Raises
    ------
    SpecError
        If the users were not labelled as of it.
    """
    with store.snapshot() as snapshot:
        names, moments = _label(snapshot, property_key)
        _check_moment(moments, cutoff_us)
        return sizes_of(snapshot.read(query.segment_sizes(labelled(property_key, cutoff_us))), names, moments[cutoff_us])


def movements_between(store: Store, spec: MovementSpec) -> pd.DataFrame:
    """Who moved from which segment to which between two moments? See `saved.movements_of`.

    Raises
    ------
    SpecError
        If the users were not labelled as of one of them.
    """
    with store.snapshot() as snapshot:
        names, moments = _label(snapshot, spec.property_key)
        _check_moment(moments, spec.before_us)
        _check_moment(moments, spec.after_us)
        return movements_of(snapshot.read(query.move_counts(query.moves(spec))), names)


def drift_between(store: Store, spec: MovementSpec) -> pd.DataFrame:
    """How far have the features of a saved segmentation moved between two moments? See `model_segments.drift_of`."""
    with store.snapshot() as snapshot:
        kept, _ = model_in(snapshot, spec.property_key)
        before, after = (_scored(snapshot, kept, from_us(us)) for us in (spec.before_us, spec.after_us))
        return drift_of(before, after)


def _label(snapshot: Snapshot, property_key: int) -> tuple[tuple[str, ...], dict[int, int]]:
    """Read the names of the segments, and how many users were looked at as of which moments."""
    names = tuple(snapshot.read(query.label_values(property_key))["value"])
    moments = snapshot.read(query.label_moments(property_key))
    return names, {int(row.cutoff_us): int(row.n_users) for row in moments.itertuples(index=False)}


def _check_moment(moments: Mapping[int, int], cutoff_us: int) -> None:
    if not moments:
        raise _gone()
    if cutoff_us not in moments:
        raise SpecError(
            f"The users were not put into segments as of {iso(cutoff_us)}.",
            hint=f"Known: {', '.join(map(iso, moments))}. Score the segmentation as of that date first.",
        )


def _gone() -> SpecError:
    return SpecError("The segmentation is not there any more.", hint="Choose another one, or make it again.")


# Lists of users ----------------------------------------------------------------------------------------------------


def segment_users(snapshot: Snapshot, spec: SegmentUsersSpec) -> Sql:
    """Who is in a segment?"""
    key, names, moments = _named(snapshot, spec.label)
    cutoff_us = max(moments) if spec.cutoff_us is None else spec.cutoff_us
    _check_moment(moments, cutoff_us)
    return query.segment_users(labelled(key, cutoff_us), _place(spec.segment, names, spec.label))


def moved_users(snapshot: Snapshot, spec: MovedUsersSpec) -> Sql:
    """Who moved from one segment to another?"""
    key, names, moments = _named(snapshot, spec.label)
    _check_moment(moments, spec.before_us)
    _check_moment(moments, spec.after_us)
    others = {NOWHERE: 0, NOT_BEFORE: query.NOBODY_YET}
    before = others[spec.before] if spec.before in others else _place(spec.before, names, spec.label)
    after = 0 if spec.after == NOWHERE else _place(spec.after, names, spec.label)
    return query.moved_users(query.moves(MovementSpec(key, spec.before_us, spec.after_us)), before, after)


def _named(snapshot: Snapshot, label: str) -> tuple[int, tuple[str, ...], dict[int, int]]:
    known = snapshot.catalogue.labels
    if label not in known:
        raise SpecError(f'The segmentation "{label}" is not there any more.', hint=nearest(label, known))
    key = known[label].property_key
    return key, *_label(snapshot, key)


def _place(segment: str, names: Sequence[str], label: str) -> int:
    if segment not in names:
        raise SpecError(f'"{label}" has no segment "{segment}".', hint=nearest(segment, names))
    return names.index(segment) + 1


def segment_users_words(spec: SegmentUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users they are."""
    cutoff_us = spec.cutoff_us
    if cutoff_us is None and spec.label in catalogue.labels:
        cutoff_us = catalogue.labels[spec.label].cutoff_us
    when = "" if cutoff_us is None else f" as of {iso(cutoff_us)}, from what they did before then"
    return f"Users in “{spec.segment}” of {spec.label}{when}."


def moved_users_words(spec: MovedUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users they are."""
    return (
        f"Users of {spec.label}: “{spec.before}” as of {iso(spec.before_us)}, “{spec.after}” as of {iso(spec.after_us)}."
    )


# Drafts ------------------------------------------------------------------------------------------------------------


def _scored(snapshot: Snapshot, kept: SavedModel, cutoff: date | datetime | None) -> Segmentation:
    return scored(features_of(snapshot, replace(features_asked(kept.spec), cutoff=cutoff)), kept)


def judged_segments(
    store: Store, spec: SegmentSpec, progress: Progress = lambda share, text: None
) -> tuple[Segmentation, dict[str, Any]]:
    """Which users are alike, and how far can that be trusted? See `saved.quality_of`."""
    found = _made(store, spec, progress)
    return found, _quality(found, None, progress)


def drafted(
    store: Store,
    spec: SegmentSpec,
    names: Sequence[str] | None,
    quality: Mapping[str, Any] | None,
    progress: Progress = lambda share, text: None,
) -> Draft:
    """What is a segmentation made of, ready to be saved? Only orders ask.

    Raises
    ------
    SpecError
        If it cannot be made, nobody is in a segment, or the names do not fit.
    """
    found = _made(store, spec, progress)
    if not (found.labels >= 0).any():
        raise SpecError("Nobody is in a segment, so there is nothing to save.", hint="Choose another method or features.")
    chosen = found.names if names is None else segment_texts(names, found.names)
    return Draft(
        data_version=found.data_version,
        cutoff_us=found.cutoff_us,
        n_users=found.n_users,
        labels=labels_of(found),
        about=about_of(found),
        names=chosen,
        features=found.features,
        state=json.dumps(saved(found).state),
        quality=json.dumps(_quality(found, quality, progress), ensure_ascii=False),
    )


def _made(store: Store, spec: SegmentSpec, progress: Progress) -> Segmentation:
    progress(0.0, "Reading the features")
    with store.snapshot() as snapshot:
        return segmented(features_of(snapshot, features_asked(spec)), spec)


def _quality(found: Segmentation, known: Mapping[str, Any] | None, progress: Progress) -> dict[str, Any]:
    """Judge a segmentation, unless a verdict is known already."""
    if known is not None and "verdict" in known:
        judged: Any = known
    elif found.n_users < FEWEST:
        judged = {"verdict": f"Not judged: {found.n_users} users are too few to tell segments from chance."}
    else:
        judged = trust_of(found, N_BOOTSTRAPS, lambda share, text: progress(0.1 + 0.8 * share, text))
    progress(0.9, "Putting the segments in words")
    if not (found.labels >= 0).any():
        return quality_of(found, judged, float("nan"), ())
    tree = tree_words(found.values, found.labels, seed=found.spec.seed)
    return quality_of(found, judged, tree.fidelity, tree.rules)


def rescored(store: Store, property_key: int, cutoff: date | datetime | None) -> Draft:
    """Who is in which segment of a saved model as of another moment, ready to be written down? Only orders ask.

    Raises
    ------
    SpecError
        If the segmentation is gone, or one of its features is not known as of the moment.
    """
    with store.snapshot() as snapshot:
        kept, made_us = model_in(snapshot, property_key)
        found = _scored(snapshot, kept, cutoff)
        moved = None if found.cutoff_us == made_us else drift_of(_scored(snapshot, kept, from_us(made_us)), found)
    return Draft(found.data_version, found.cutoff_us, found.n_users, labels_of(found), about_of(found, moved))


def next_version(snapshot: Snapshot, name: str) -> int:
    """Which version would a segmentation of this name be? Only orders ask."""
    return int(max(snapshot.read(query.versions(name))["version"], default=0)) + 1


def label_of(snapshot: Snapshot, property_key: int) -> str:
    """What is a saved segmentation called among the labels? Only orders ask.

    Raises
    ------
    SpecError
        If it is not there any more.
    """
    for one in _saved(snapshot):
        if one.property_key == property_key:
            return one.label
    raise _gone()


def renamed_texts(
    snapshot: Snapshot, property_key: int, names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What are the segments of a saved segmentation called, and what shall they be? Only orders ask.

    Raises
    ------
    SpecError
        If the segmentation is not there any more, or the names do not fit.
    """
    old, moments = _label(snapshot, property_key)
    if not moments:
        raise _gone()
    return old, segment_texts(names, old)
