"""What makes users alike: the controls of the Segments page, and the segments that they ask for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from retention.cohorts.spec import Condition
from retention.features.answer import user_features
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import PRESETS, REGISTRY, of_presets
from retention.features.table import FeatureTable
from retention.segments.model_segments import features_asked, segmented
from retention.segments.segmentation import Segmentation
from retention.segments.spec import (
    LOGS,
    MAX_K,
    METHODS,
    RECOMMENDED,
    REDUCTIONS,
    RFM_FEATURES,
    SCALES,
    SegmentSpec,
)
from retention.ui.answers import catalogue
from retention.ui.controls import Controls
from retention.ui.starting import open_store, store
from retention.ui.words import plain

T = TypeVar("T")
OWN = "own"
ENOUGH_HABITS = 3
"""Fewer features that tell users apart say little of their habits; then what they buy or do is the default."""
ENOUGH_USERS = 200
"""The recommended number of active days is the default where so many users have it."""
PRESET_WORDS = {"habits": "Habits", "rfm": "Recency, frequency, money", "engagement": "Engagement",
                "commerce": "Commerce", OWN: "My own choice"}  # fmt: skip
METHOD_WORDS = {"kmeans": "K-means", "mixture": "Mixture", "hdbscan": "HDBSCAN", "rfm": "RFM grid"}
METHOD_HELP = (
    "K-means: every user goes to the nearest of k typical users. Mixture: the same with segments of any width and"
    " slant. HDBSCAN: finds dense crowds and their number by itself; who lies between them is in no segment. RFM grid:"
    " scores from 1 to 5 for how lately, how often and for how much users buy, and the eleven usual names."
)
LOG_WORDS = {"auto": "Where the tail is long", "all": "Wherever possible", "none": "Never"}
SCALE_WORDS = {
    "standard": "Mean and standard deviation", "robust": "Median and quartiles", "quantile": "Ranks", "none": "As it is",
}  # fmt: skip
REDUCTION_WORDS = {"none": "None", "pca": "Principal components", "autoencoder": "Autoencoder"}
GROUP_WORDS = {
    "activity": "Activity", "orders": "Orders and money", "basket": "Basket", "items": "Range bought",
    "seen": "Range looked at", "hours": "Hours", "channel": "Channel", "device": "Device", "reviews": "Reviews",
    "searches": "Searches", "contacts": "Campaigns",
}  # fmt: skip
NUMBERS = tuple(name for name, feature in REGISTRY.items() if feature.kind == "number")


# What the controls ask for, remembered ---------------------------------------------------------------


# Tables of a million users are large, so only the last few are kept.
@st.cache_resource(show_spinner=False, max_entries=3)
def _table(path: str, said: str, data_version: int, _spec: FeatureSpec) -> FeatureTable:
    return user_features(open_store(path), _spec)


@st.cache_resource(show_spinner=False, max_entries=3)
def _divided(path: str, said: str, data_version: int, _make: Callable[[], Segmentation]) -> Segmentation:
    return _make()


@st.cache_resource(show_spinner=False, max_entries=64)
def _described(path: str, name: str, said: str, data_version: int, _make: Callable[[], Any]) -> Any:
    return _make()


def features_table(spec: FeatureSpec) -> FeatureTable:
    """Read the features that are asked for, or take them from memory."""
    return _table(str(store().path), repr(spec), catalogue().data_version, spec)


def tuned(spec: SegmentSpec) -> Segmentation:
    """Divide the users; the features are read anew only where other features, users or a date are asked for."""
    table = features_table(features_asked(spec))
    with st.spinner("Dividing the users …"):
        return _divided(str(store().path), repr(spec), table.data_version, lambda: segmented(table, spec))


def of_tuned(name: str, spec: SegmentSpec, make: Callable[[Segmentation], T]) -> T:
    """Remember what is made of the segments that are asked for; something small."""
    found = tuned(spec)
    made: T = _described(str(store().path), name, repr(spec), found.data_version, lambda: make(found))
    return made


def recommended_preset() -> str:
    """Return the features to begin with: habits where the store knows enough of them, else what is bought, or done."""

    def found() -> str:
        (habits,) = RECOMMENDED.features.presets
        frame = features_table(features_asked(RECOMMENDED)).frame
        known = [name for name in of_presets((habits,)) if name in frame]
        if sum(bool(frame[name].max() > frame[name].min()) for name in known) >= ENOUGH_HABITS:
            return habits
        return "commerce" if set(catalogue().settings.revenue_events) & set(catalogue().events) else "engagement"

    said: str = _described(str(store().path), "preset", "", catalogue().data_version, found)
    return said


def least_active_days(features: FeatureSpec, method: str) -> int:
    """Return the recommended number of active days.

    Notes
    -----
    Habits are shares of days, and shares of a few days are mostly chance; but where hardly anybody has been there for
    long, and for everything that is counted or measured at once, one day is enough.
    """
    if method == "rfm" or features.presets != RECOMMENDED.features.presets:
        return 1
    days = features_table(FeatureSpec(names=("active_days",))).frame["active_days"].to_numpy()
    return RECOMMENDED.min_active_days if int((days >= RECOMMENDED.min_active_days).sum()) >= ENOUGH_USERS else 1


# The controls ----------------------------------------------------------------------------------------


def feature_words() -> dict[str, str]:
    """Name every feature with its unit."""
    return {name: f"{feature.title} ({feature.unit})" for name, feature in REGISTRY.items()}


def segment_controls(controls: Controls) -> SegmentSpec:
    """Draw the controls and return what they ask."""
    catalogue().require_clock()
    with st.container(key="segments_controls"):
        one, two, three = st.columns([2, 1, 1])
        method = controls.pills(
            "method", METHODS, RECOMMENDED.method, "Method", words=METHOD_WORDS, at=one, help=METHOD_HELP
        )
        k = RECOMMENDED.k
        if method in ("kmeans", "mixture"):
            k = controls.number(
                "k", 2, MAX_K, RECOMMENDED.k, "Number of segments (k)", at=two,
                help="The tab How sure tries several numbers and says which holds best.",
            )  # fmt: skip
        cutoff = controls.day(
            "as_of", "As of the beginning of", at=three,
            help="Only what happened before that day is looked at. Empty: everything up to where the data reach.",
        )  # fmt: skip
        if method == "rfm":
            asked: tuple[str, ...] = RFM_FEATURES
            st.caption("The grid always takes three features: days since last order, orders, and revenue less refunds.")
        else:
            asked = _features(controls)
        where, _ = controls.population(has_by=False)
        spec = _finer(controls, _asked_for(asked, cutoff, where), method, k)
    _meanings(asked)
    return spec


def _asked_for(names: tuple[str, ...], cutoff: date | None, where: tuple[Condition, ...]) -> FeatureSpec:
    """Ask for features by the name of their preset where they are just its own: so the recommended spec stays itself."""
    for preset in PRESETS:
        if names == of_presets((preset,)):
            return FeatureSpec(cutoff=cutoff, presets=(preset,), where=where)
    return FeatureSpec(cutoff=cutoff, names=names, where=where)


def _features(controls: Controls) -> tuple[str, ...]:
    recommended = recommended_preset()
    preset = controls.pills(
        "preset", tuple(PRESET_WORDS), recommended, "What makes users alike", words=PRESET_WORDS,
        help=" ".join(f"{PRESET_WORDS[name]}: {meaning}" for name, meaning in PRESETS.items())
        + " My own choice: only the features that you add.",
    )  # fmt: skip
    usual = of_presets((preset,)) if preset != OWN else ()
    words = feature_words()
    one, two = st.columns(2)
    more = controls.many(
        "more", [name for name in NUMBERS if name not in usual], (), "Features to add", words=words,
        placeholder="Choose or type", at=one, help="What each means is said under “What the features mean”.",
    )  # fmt: skip
    without: tuple[str, ...] = ()
    if usual:
        without = controls.many(
            "without", usual, (), "Features to leave out", words=words, placeholder="Choose or type", at=two
        )
    wanted = {*usual, *more} - set(without)
    if not wanted:
        st.info(f"No feature is chosen, so those of “{PRESET_WORDS[recommended]}” stand in until one is.")
        return of_presets((recommended,))
    return tuple(name for name in NUMBERS if name in wanted)


def _finer(controls: Controls, features: FeatureSpec, method: str, k: int) -> SegmentSpec:
    with st.expander("Finer settings: who is left out, outliers, scales, fewer columns, seed", key="segments_finer"):
        one, two, three = st.columns(3)
        recommended = least_active_days(features, method)
        days = controls.number(
            "min_days", 0, 1000, 0, "At least so many active days", at=one,
            help="Users with fewer are left out: a share of two visits says nothing of a habit. 0: as recommended, which"
            f" is {recommended} here.",
        ) or recommended  # fmt: skip
        if method == "rfm":
            return SegmentSpec(features=features, method="rfm", min_active_days=days)
        winsorise = controls.number(
            "winsorise", 0, 24, round(RECOMMENDED.winsorise * 100), "Pull in outliers, % at each end", at=two,
            help="The largest and smallest values are set to the last one that stays, so that three giants do not"
            " get a segment each.",
        )  # fmt: skip
        seed = controls.number(
            "seed", 0, 999_999_999, RECOMMENDED.seed, "Seed of chance", at=three,
            help="The same seed gives the same segments; if another one gives others, they are not to be trusted.",
        )  # fmt: skip
        one, two = st.columns(2)
        log = controls.pills(
            "log", LOGS, RECOMMENDED.log, "Take logarithms", words=LOG_WORDS, at=one,
            help="From 1 to 10 orders is then as far as from 10 to 100. Shares are always taken as they are.",
        )  # fmt: skip
        scale = controls.pills(
            "scale", SCALES, RECOMMENDED.scale, "Common scale", words=SCALE_WORDS, at=two,
            help="So that money, which runs into thousands, does not outweigh a share, which ends at 1.",
        )  # fmt: skip
        has_torch = find_spec("torch") is not None
        reduction = controls.pills(
            "reduction", REDUCTIONS if has_torch else REDUCTIONS[:2], RECOMMENDED.reduction, "Fewer columns first",
            words=REDUCTION_WORDS, at=one,
            help="Many features that say nearly the same are first squeezed into a few columns.",
        )  # fmt: skip
        if not has_torch:
            one.caption("An autoencoder can be chosen where the library torch is installed (pip install torch).")
        n_components = RECOMMENDED.n_components
        if reduction != "none":
            n_components = controls.number(
                "components", 1, MAX_K, RECOMMENDED.n_components, "Columns that are left", at=two
            )
    return SegmentSpec(
        features=features,
        min_active_days=days,
        method=method,  # type: ignore[arg-type]
        k=k,
        log=log,  # type: ignore[arg-type]
        winsorise=winsorise / 100,
        scale=scale,  # type: ignore[arg-type]
        reduction=reduction,  # type: ignore[arg-type]
        n_components=n_components,
        seed=seed,
    )


def _meanings(asked: tuple[str, ...]) -> None:
    panel = st.expander("What the features mean", key="segments_meanings", on_change="rerun")
    if panel.open:
        with panel:
            rows = sorted(
                (
                    (name not in asked, list(GROUP_WORDS).index(feature.group), i, feature)
                    for i, (name, feature) in enumerate(REGISTRY.items())
                    if feature.kind == "number"
                ),
                key=lambda row: row[:3],
            )
            st.dataframe(
                pd.DataFrame(
                    {
                        "Used": ["" if is_out else "yes" for is_out, *_ in rows],
                        "About": [GROUP_WORDS[feature.group] for *_, feature in rows],
                        "Feature": [plain(feature.title) for *_, feature in rows],
                        "Unit": [feature.unit for *_, feature in rows],
                        "Meaning": [feature.meaning for *_, feature in rows],
                    }
                ),
                hide_index=True,
                height=420,
                alt="Every feature with its unit and meaning, those in use first",
            )
