"""The Segments page: tune the segments, see them, name them and save them, with the tabs of what follows beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from retention.segments.order import save_segmentation
from retention.segments.segmentation import Segmentation
from retention.segments.spec import SegmentSpec
from retention.ui.answers import order
from retention.ui.behaviour import verdict
from retention.ui.controls import Controls
from retention.ui.pages import link_to, section
from retention.ui.segments_after import after_panel
from retention.ui.segments_controls import segment_controls, tuned
from retention.ui.segments_look import (
    apart_part,
    definition_words,
    map_part,
    notes_part,
    reduction_part,
    shown_segments,
    sizes_part,
    standing_part,
    verdict_words,
)
from retention.ui.segments_saved import saved_panel
from retention.ui.segments_tags import tags_panel
from retention.ui.segments_trust import trust_panel
from retention.ui.words import many, plain

NAMES = "names_of_segments"
"""Where the names that were typed are kept: a tab that is shut forgets its fields."""
SAVED = "segments_saved_note"
MAX_NAME = 60


def segment_tabs(controls: Controls) -> None:
    """Draw the controls and the tab that is open."""
    above = st.container()
    for name, tab in zip(TABS, controls.tabs("tab", TABS), strict=True):
        if not tab.open:
            continue
        if name in TUNED:
            with above:
                spec = segment_controls(controls)
            panel = partial(TUNED[name], controls, spec)
        else:
            panel = partial(OTHERS[name], controls)
        with tab:
            panel()
    controls.complain()


def tune_panel(controls: Controls, spec: SegmentSpec) -> None:
    """Show the segments that the controls give, and save them under names."""
    with section("Who is alike", "Which segments do the settings above give, and what are they like?"):
        found = tuned(spec)
        names = names_so_far(spec, found)
        headline, detail = verdict_words(replace(found, names=names))
        judged = "" if spec.method == "rfm" else " Whether they are real, and not made by chance, is judged under “How sure”."
        verdict(headline, detail + judged)
        sizes_part(spec, found, names)
        notes_part(found)
        if not found.names:
            return
        names_part(spec, found)
        _save(spec, found, names)
        map_part(controls, spec, found, names)
        segments = shown_segments(controls, found)
        apart_part(spec, found, names, segments)
        standing_part(spec, found, names, segments)
        reduction_part(found)
        _definition(spec, found)


def _field_keys(spec: SegmentSpec, found: Segmentation) -> list[str]:
    """Name the fields of the names; other settings make other segments, whose names are others."""
    digest = hashlib.blake2s(repr((spec, found.names)).encode(), digest_size=6).hexdigest()
    return [f"segments_name_{digest}_{i}" for i in range(len(found.names))]


def names_so_far(spec: SegmentSpec, found: Segmentation) -> tuple[str, ...]:
    """Return the names as they have been typed, those suggested where nothing was."""
    state, kept = st.session_state, st.session_state.setdefault(NAMES, {})
    return found.renamed([
        state.get(key, kept.get(key, suggested)) for key, suggested in zip(_field_keys(spec, found), found.names, strict=True)
    ])


def names_part(spec: SegmentSpec, found: Segmentation) -> None:
    """Draw a field for the name of each segment."""
    kept: dict[str, str] = st.session_state.setdefault(NAMES, {})
    sizes = {int(row.segment): int(row.n) for row in found.sizes().itertuples(index=False)}
    with st.container(border=True, key="segments_names"):
        st.subheader("Names")
        st.caption("Suggested from what each segment has more or less of than the average user. Edit them as you speak.")
        places = [place for _ in range(0, len(found.names), 4) for place in st.columns(4)]
        keys = _field_keys(spec, found)
        for i, (key, suggested, at) in enumerate(zip(keys, found.names, places, strict=False)):
            kept[key] = at.text_input(
                f"Segment {i + 1}, {many(sizes.get(i, 0), 'user')}",
                kept.get(key, suggested),
                key=key,
                max_chars=MAX_NAME,
                placeholder=suggested,
            )


def _save(spec: SegmentSpec, found: Segmentation, names: tuple[str, ...]) -> None:
    with st.form("segments_save", border=False, clear_on_submit=True):
        one, two = st.columns([3, 1], vertical_alignment="bottom")
        name = one.text_input(
            "Save these segments as", max_chars=MAX_NAME, placeholder="For example: Shoppers",
            help="A name that was used before gets its next version; the versions before it stay.",
        )  # fmt: skip
        is_sent = two.form_submit_button("Save", type="primary", width="stretch")
    place = st.empty()
    if is_sent:

        def told(share: float, text: str) -> None:
            place.progress(min(max(share, 0.0), 1.0), text=plain(text))

        saved = order(
            save_segmentation, spec, name, names, data_version=found.data_version, progress=told,
            receipt=f"Segmentation “{' '.join(name.split())}” saved.",
        )  # fmt: skip
        if saved is not None:
            place.empty()
            st.session_state[SAVED] = saved.label, saved.n_users, len(saved.segments)
            st.rerun()
        place.empty()
    if note := st.session_state.pop(SAVED, None):
        label, n_users, n_segments = note
        st.success(
            plain(
                f"“{label}” holds {many(n_users, 'user')} in {many(n_segments, 'segment')}. It is now a filter and a"
                " breakdown on every page, and its users can be listed and exported under “Saved”."
            )
        )
        link_to("segments", "Open it under Saved", tab="Saved", saved=label.partition(":")[2])
        link_to("cohorts", "See Cohorts by these segments", by=label)


def _definition(spec: SegmentSpec, found: Segmentation) -> None:
    panel = st.expander("What these numbers mean", key="segments_definition", on_change="rerun")
    if panel.open:
        with panel:
            st.markdown(plain(definition_words(spec, found)))


TUNED: dict[str, Callable[[Controls, SegmentSpec], None]] = {
    "Tune": tune_panel,
    "How sure": trust_panel,
    "What they did next": after_panel,
}
"""Tabs that show what the controls above them give."""
OTHERS: dict[str, Callable[[Controls], None]] = {"Saved": saved_panel, "Tags": tags_panel}
TABS = (*TUNED, *OTHERS)
