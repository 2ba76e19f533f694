"""Answers about segments: read-only, each from one snapshot of the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from retention.features.answer import user_features
from retention.segments.model_segments import (
    SavedModel,
    features_asked,
    scored,
    segment_map,
    segmented,
    sweep_of,
    trust_of,
)
from retention.segments.model_sweep import Progress
from retention.segments.model_tree import TreeWords, tree_words
from retention.segments.plane import SegmentMap
from retention.segments.segmentation import Segmentation
from retention.segments.spec import SegmentSpec, SweepSpec
from retention.segments.sweep import KSweep, Trust
from retention.store import Store


def user_segments(store: Store, spec: SegmentSpec) -> Segmentation:
    """Which users are alike?"""
    return segmented(user_features(store, features_asked(spec)), spec)


def segment_sweep(store: Store, spec: SweepSpec, progress: Progress = lambda share, text: None) -> KSweep:
    """How many segments are there?"""
    return sweep_of(user_segments(store, spec.segments), spec, progress)


def segment_trust(store: Store, spec: SegmentSpec, progress: Progress = lambda share, text: None) -> Trust:
    """Are the segments real?"""
    return trust_of(user_segments(store, spec), progress=progress)


def segment_words(store: Store, spec: SegmentSpec) -> TreeWords:
    """Who is in which segment, in words?"""
    found = user_segments(store, spec)
    return tree_words(found.values, found.labels, seed=spec.seed)


def segment_plane(store: Store, spec: SegmentSpec) -> SegmentMap:
    """Where do the segments lie?"""
    return segment_map(user_segments(store, spec))


def segments_at(store: Store, kept: SavedModel, cutoff: date | datetime | None = None) -> Segmentation:
    """Who is in which segment of a saved model at another date?"""
    asked = features_asked(kept.spec)
    return scored(user_features(store, replace(asked, cutoff=cutoff)), kept)
