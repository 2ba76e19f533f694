"""The tab of saved segmentations: who is in which segment when, who moved, and what else can be done with them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.words import interval, percent
from retention.intervals import wilson
from retention.periods import date_of, iso, local_day, midnight_us
from retention.segments.answer_saved import labelled_sizes, movements_between, saved_segmentations
from retention.segments.chart_moves import movement_alt, movement_figure
from retention.segments.model_rfm import MEANINGS
from retention.segments.model_rfm import NAMES as GRID_NAMES
from retention.segments.order import delete_segmentation, rename_segments, score_segmentation
from retention.segments.saved import MAX_SEGMENT, Labelling, SavedSegmentation
from retention.segments.segmentation import NOT_BEFORE, NOWHERE
from retention.segments.spec_saved import MovedUsersSpec, MovementSpec, SegmentUsersSpec
from retention.store.catalogue import Clock
from retention.ui.answers import answer, catalogue, drawn, order, was_done
from retention.ui.behaviour import twin
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import link_to, section
from retention.ui.words import day, many, moment, plain

METHOD_WORDS = {"kmeans": "K-means", "mixture": "Gaussian mixture", "hdbscan": "HDBSCAN", "rfm": "RFM grid"}
EARLIEST, LATEST = "earliest", "latest"
NOTE = "segments_saved_done"


def saved_panel(controls: Controls) -> None:
    """List the saved segmentations, and show one of them with all that can be done with it."""
    clock = catalogue().require_clock()
    found = answer(saved_segmentations)
    with section("Saved segmentations", "Which segments have been kept, who is in them, and who has moved?"):
        if done := st.session_state.pop(NOTE, ""):
            st.success(plain(done))
        if not found:
            st.info("No segmentation has been saved yet. Make one under “Tune”, name its segments, and save it.")
            return
        _versions(found, clock)
        by_label = {one.label.partition(":")[2]: one for one in found}
        name = controls.choice("saved", list(by_label), next(iter(by_label)), "Look at")
        one = by_label[str(name)]
        _about(one, clock)
        shown = _labelling(controls, one, clock)
        _segments(controls, one, shown, clock)
    _links(one)
    _score(one, clock)
    _rename(one)
    _delete(one)
    if len(one.labellings) > 1:
        with section("Movements", "Who moved from which segment to which between two dates?"):
            _movements(controls, one, clock)
    drift_at = shown if shown.about.get("drift") else one.latest
    if drift_at.about.get("drift"):
        with section("Drift of the features", "Are the users still like those whom the segments were made of?"):
            _drift(one, drift_at, clock)


def as_of_words(us: int, clock: Clock) -> str:
    """Name a moment by its day, where it is the beginning of one."""
    on = local_day(us, clock.timezone)
    return day(date_of(on)) if midnight_us(on, clock.timezone) == us else moment(us, clock.timezone)


# What there is -------------------------------------------------------------------------------------------


def _versions(found: tuple[SavedSegmentation, ...], clock: Clock) -> None:
    table = pd.DataFrame(
        {
            "Segmentation": [one.label.partition(":")[2] for one in found],
            "Made as of": [as_of_words(one.cutoff_us, clock) for one in found],
            "Users": [one.n_users for one in found],
            "Segments": [len(one.segments) for one in found],
            "Method": [METHOD_WORDS[one.spec.method] for one in found],
            "How sure": [
                "a grid is not judged" if one.spec.method == "rfm" else str(one.quality.get("verdict") or "not judged")
                for one in found
            ],
            "Labels in use": [as_of_words(one.latest.cutoff_us, clock) for one in found],
        }
    )
    st.dataframe(
        table.head(100),
        hide_index=True,
        height=min(38 + 35 * len(table), 248),
        alt="The saved segmentations, the newest first",
        column_config={"Users": st.column_config.NumberColumn(format="localized")},
    )
    if len(table) > 100:
        st.caption(f"The newest 100 of {len(table):,}.")


def _about(one: SavedSegmentation, clock: Clock) -> None:
    """Say how old it is and how far it can be trusted."""
    now_us = clock.as_of_us
    made, latest = as_of_words(one.cutoff_us, clock), as_of_words(one.latest.cutoff_us, clock)
    said = f"Made on data up to {made}"
    days = (now_us - one.latest.cutoff_us) // 86_400_000_000
    if one.latest.cutoff_us >= now_us:
        said += "; its labels are up to date with the data." if one.latest.cutoff_us != one.cutoff_us else ", which is all there is."
    else:
        said += (
            f"; its labels are as of {latest}, and the data now reach {moment(now_us, clock.timezone)}"
            f" ({many(max(int(days), 0), 'day')} later). Score it again to bring the labels up to date."
        )
    with st.container(key="verdict"):
        st.markdown(f"**{plain(str(one.quality.get('verdict') or 'Not judged.'))}**")
        st.markdown(plain(said))
    more = [f"{METHOD_WORDS[one.spec.method]} on {many(len(one.features), 'feature')}, {many(one.n_users, 'user')} when it was made."]
    fidelity = one.quality.get("fidelity")
    if fidelity is not None:
        more.append(f"The words put {percent(fidelity)} of them where they are.")
    if one.latest.data_version < one.data_version:  # labels cannot be older than their model
        more.append("Its labels are older than the model.")
    st.caption(plain(" ".join(more)))


def _labelling(controls: Controls, one: SavedSegmentation, clock: Clock) -> Labelling:
    """Draw the choice of the date whose labels are shown."""
    if len(one.labellings) == 1:
        return one.latest
    options = _dates(one, clock)
    words = {LATEST: f"{options[iso(one.latest.cutoff_us)]} (latest, in use)"} | options
    chosen = controls.choice(
        "saved_at", [LATEST, *list(options)[-2::-1]], LATEST, "Users as of the beginning of", words=words,
        help="Filters and breakdowns on the other pages always use the latest one.",
    )  # fmt: skip
    return next((labels for labels in one.labellings if iso(labels.cutoff_us) == chosen), one.latest)


def _dates(one: SavedSegmentation, clock: Clock) -> dict[str, str]:
    """Name each date that has labels, the earliest first; the key is what an address says."""
    return {iso(labels.cutoff_us): as_of_words(labels.cutoff_us, clock) for labels in one.labellings}


def _segments(controls: Controls, one: SavedSegmentation, shown: Labelling, clock: Clock) -> None:
    """List the segments with their counts, and the users of one of them."""
    sizes = answer(labelled_sizes, one.property_key, shown.cutoff_us)
    verdicts = one.quality.get("verdicts") or []
    low, high = wilson(sizes["n"].to_numpy(), max(shown.n_users, 1))
    table = pd.DataFrame(
        {
            "Segment": sizes["name"],
            "Users": sizes["n"],
            "Share of users": [percent(share) for share in sizes["share"]],
            "95 % interval": [interval(a, b) for a, b in zip(low, high, strict=True)],
            "How sure": [verdicts[i] if 0 <= i < len(verdicts) else "" for i in sizes["segment"]],
        }
    )
    if not table["How sure"].any():
        table = table.drop(columns=["How sure"])
    on = as_of_words(shown.cutoff_us, clock)
    st.subheader(plain(f"Segments as of {on}"))
    left, right = st.columns([1.15, 1])
    left.dataframe(
        table,
        hide_index=True,
        height="content",
        alt=f"The segments with their users as of {on}",
        column_config={
            "Users": st.column_config.NumberColumn(format="localized"),
            "How sure": st.column_config.TextColumn(
                help="When it was saved: how often the same segment is found when the users are drawn anew. From 0.75 it is stable."
            ),
        },
    )
    with right, st.container(key="saved_words"):
        st.markdown(_words(one))
        if one.spec.method != "rfm":
            st.caption(f"In the words of a short decision tree, which was made with the segments as of {as_of_words(one.cutoff_us, clock)}.")
    st.caption(
        plain(
            f"Shares are of the {many(shown.n_users, 'user')} looked at. Each was put into a segment by what happened before"
            f" {on} only. " + " ".join(shown.about.get("notes", []))
        )
    )
    download("the segments", "segments-saved", lambda fmt: table_bytes(sizes, fmt, sheet="segments"), key="saved_sizes")
    options = {
        str(int(row.segment)): f"{row.name}: {many(int(row.n), 'user')}"
        for row in sizes.itertuples(index=False)
        if row.segment >= 0 and row.n
    }
    picked = controls.pick("saved_segment", options, "List the users of a segment")
    if picked is not None:
        segment = one.segments[int(picked)]
        members_panel(
            SegmentUsersSpec(one.label, segment, shown.cutoff_us),
            f"{segment}, as of {on}",
            note=f"A segment of {one.label.partition(':')[2]}.",
            key="saved_members",
        )


def _words(one: SavedSegmentation) -> str:
    """Say who was in each segment when it was made."""
    if one.spec.method == "rfm":
        said = {i: MEANINGS[usual] for i, usual in enumerate(GRID_NAMES)}
    else:
        said = {
            rule["segment"]: f"{rule['text']} (fits {percent(rule['coverage'])} of them)" for rule in one.quality.get("rules", [])
        }
    return "\n".join(f"- **{plain(name)}**: {plain(said[i])}" for i, name in enumerate(one.segments) if i in said)


def _links(one: SavedSegmentation) -> None:
    with st.container(horizontal=True, key="saved_links"):
        link_to("cohorts", "Cohorts by these segments", by=one.label)
        link_to("survival", "Survival by these segments", by=one.label)
    st.caption(
        plain(
            f"Every page knows “{one.label}” as a filter and a breakdown, with the latest labels. Segments are made of what"
            " users did before their date, so differences before it are circular; what came after tells something new."
        )
    )


# What can be done ----------------------------------------------------------------------------------------


def _score(one: SavedSegmentation, clock: Clock) -> None:
    with st.expander("Score as of another date", key="saved_score"):
        st.markdown(
            "The same model puts the users into segments by what was known at another date. Then movements between the dates"
            " can be seen, and how far the features have moved."
        )
        with st.form("saved_score_form", border=False):
            left, right = st.columns([3, 1], vertical_alignment="bottom")
            on = left.date_input(
                "As of the beginning of", value=None, max_value=date_of(clock.as_of_day),
                key=f"saved_score_on_{one.property_key}",
                help="Only what happened before this day is looked at. Left empty: all that is complete.",
            )  # fmt: skip
            is_sent = right.form_submit_button("Score", width="stretch")
        if is_sent:
            with st.spinner("Reading the features and assigning the users …"):
                labels = order(score_segmentation, one.property_key, on)
            if labels is not None:
                _done(f"{one.label}: {many(labels.n_users, 'user')} as of {as_of_words(labels.cutoff_us, clock)}.")


def _rename(one: SavedSegmentation) -> None:
    with st.expander("Rename the segments", key="saved_rename"), st.form(f"saved_rename_form_{one.property_key}", border=False):
        places = [place for _ in range(0, len(one.segments), 3) for place in st.columns(3)]
        typed = [
            at.text_input(f"Segment {i + 1}", name, max_chars=MAX_SEGMENT, key=f"saved_name_{one.property_key}_{i}_{name}")
            for i, (name, at) in enumerate(zip(one.segments, places, strict=False))
        ]
        st.caption("Addresses, filters and saved views that use an old name no longer find it; saved audiences stay as they are.")
        is_sent = st.form_submit_button("Rename")
        if is_sent and tuple(typed) != one.segments and was_done(rename_segments, one.property_key, typed):
            _done(f"The segments of {one.label} are renamed.")


def _delete(one: SavedSegmentation) -> None:
    with st.expander("Delete this segmentation", key="saved_delete"), st.form(f"saved_delete_form_{one.property_key}", border=False):
        st.markdown(
            plain(f"{one.label} is no longer a filter or a breakdown then, and its movements are gone. Saved audiences stay.")
        )
        is_meant = st.checkbox(plain(f"Yes, delete {one.label}"), key=f"saved_delete_meant_{one.property_key}")
        is_sent = st.form_submit_button("Delete")
        if is_sent and not is_meant:
            st.error("Tick the box to confirm. Nothing was deleted.")
        elif is_sent and was_done(delete_segmentation, one.property_key):
            _done(f"{one.label} is deleted.")


def _done(text: str) -> None:
    """Say after the next run what was done, now that everything above has changed."""
    st.session_state[NOTE] = text
    st.rerun()


# Movements and drift -------------------------------------------------------------------------------------


def _movements(controls: Controls, one: SavedSegmentation, clock: Clock) -> None:
    options = _dates(one, clock)
    keys = list(options)
    left, right = st.columns(2)
    words = options | {EARLIEST: f"{options[keys[0]]} (earliest)", LATEST: f"{options[keys[-1]]} (latest)"}
    before = controls.choice("moves_from", [EARLIEST, *keys[1:]], EARLIEST, "From", words=words, at=left)
    after = controls.choice("moves_to", [LATEST, *keys[-2::-1]], LATEST, "To", words=words, at=right)
    moments = {iso(labels.cutoff_us): labels.cutoff_us for labels in one.labellings}
    before_us = moments[keys[0] if before == EARLIEST else str(before)]
    after_us = moments[keys[-1] if after == LATEST else str(after)]
    spec = MovementSpec(one.property_key, before_us, after_us)
    moves = answer(movements_between, spec)
    before_on, after_on = (as_of_words(us, clock) for us in (before_us, after_us))
    if not len(moves):
        st.info("Nobody was in a segment at either date.")
        return
    there = moves[moves["share"].notna()]
    n_there, n_stayed = int(there["n"].sum()), int(there.loc[there["before"] == there["after"], "n"].sum())
    if n_there:
        st.markdown(
            f"**{percent(n_stayed / n_there)}** of the {many(n_there, 'user')} in a segment as of {before_on} were in the same"
            f" one as of {after_on}."
        )
    key = (repr(spec), one.segments, catalogue().data_version)
    figure = drawn(
        "movements", (*key, is_dark()),
        lambda: movement_figure(moves, one.segments, before_on, after_on, is_dark=is_dark()),
    )  # fmt: skip
    chart(figure, alt=movement_alt(moves, before_on, after_on), key="saved_moves", file_name="movements")
    st.caption(
        f"Widths are numbers of users. “{NOT_BEFORE}”: had not been active by the first date. “{NOWHERE}”: had been, but was"
        " left out or between the segments. Users who were in no segment at both dates are not shown."
    )
    table = drawn("movements table", key, lambda: _moves_table(moves))
    twin(table, "Who moved from which segment to which", "saved_moves_twin")
    download("the movements", "movements", lambda fmt: table_bytes(moves, fmt, sheet="movements"), key="saved_moves_file")
    ways = {
        f"{r.before} → {r.after}": MovedUsersSpec(one.label, r.before, r.after, before_us, after_us)
        for r in moves.itertuples(index=False)
    }
    counts = dict(zip(ways, moves["n"], strict=True))
    picked = controls.pick("moved", {way: f"{way}: {many(int(counts[way]), 'user')}" for way in ways}, "List the users of a move")
    if picked is not None:
        members_panel(ways[picked], f"{picked}, from {before_on} to {after_on}", key="moved_members")


def _moves_table(moves: pd.DataFrame) -> pd.DataFrame:
    whole = moves.groupby("before")["n"].transform("sum")
    low, high = wilson(moves["n"].to_numpy(), whole.to_numpy())
    is_known = moves["share"].notna()
    return pd.DataFrame(
        {
            "From": moves["before"],
            "To": moves["after"],
            "Users": moves["n"],
            "Share of those in “From”": [percent(v) if known else "" for v, known in zip(moves["share"], is_known, strict=True)],
            "95 % interval": [
                interval(a, b) if known else "" for a, b, known in zip(low, high, is_known, strict=True)
            ],
        }
    )


def _drift(one: SavedSegmentation, shown: Labelling, clock: Clock) -> None:
    drift = shown.drift
    n_moved = int(drift["is_moved"].sum())
    much = [str(row.title) for row in drift.itertuples(index=False) if row.is_moved and row.psi >= 0.25]
    if much:
        headline = f"{', '.join(much)} moved much: make the segmentation anew."
    elif n_moved:
        headline = f"{n_moved} of {many(len(drift), 'feature')} moved more than chance would, none of them much."
    else:
        headline = "No feature moved more than chance would move it."
    st.markdown(f"**{plain(headline)}**")
    st.dataframe(
        pd.DataFrame(
            {
                "Feature": drift["title"],
                "PSI": [None if pd.isna(v) else round(float(v), 3) for v in drift["psi"]],
                "By chance up to": [None if pd.isna(v) else round(float(v), 3) for v in drift["by_chance"]],
                "In words": drift["words"],
            }
        ),
        hide_index=True,
        height=min(38 + 35 * len(drift), 388),
        placeholder="",
        alt="How far each feature has moved since the segmentation was made",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f") for name in ("PSI", "By chance up to")
        },
    )
    st.caption(
        plain(
            f"All users looked at as of {as_of_words(shown.cutoff_us, clock)} against those as of"
            f" {as_of_words(one.cutoff_us, clock)}, when it was made. The population stability index (PSI) compares the shares"
            " of users in ten ranges of a feature: below 0.1 hardly moved, above 0.25 moved much."
        )
    )
    download("the drift", "drift", lambda fmt: table_bytes(drift, fmt, sheet="drift"), key="saved_drift")
