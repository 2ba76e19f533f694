"""What users of each segment did after the segments were fixed: who came back, who fell silent, who bought."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.cohorts.words import interval, label_caution, percent
from retention.segments.after import After
from retention.segments.answer_after import features_wanted, segments_after
from retention.segments.answer_saved import saved_segmentations
from retention.segments.chart_after import (
    MOST,
    USUAL,
    cut_words,
    lapse_alt,
    lapse_figure,
    return_alt,
    return_lines,
    revenue_alt,
    revenue_bars,
    shown_names,
)
from retention.segments.spec import SegmentSpec
from retention.segments.spec_after import MAX_WEEKS, AfterSpec, AfterUsersSpec, Did
from retention.segments.words_after import (
    definition,
    did_words,
    gap_words,
    how_fixed,
    lapse_rows,
    lapse_words,
    money,
    revenue_words,
    verdict,
    window_words,
)
from retention.ui.answers import answer, catalogue, drawn
from retention.ui.behaviour import definition_panel
from retention.ui.behaviour import verdict as show_verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.members import members_panel
from retention.ui.pages import section
from retention.ui.segments_controls import features_table
from retention.ui.starting import store
from retention.ui.words import plain

TUNED = "tuned"
SHOWN_ROWS = 500


def after_panel(controls: Controls, spec: SegmentSpec) -> None:
    """Show what users did after the day on which they were put into segments."""
    with section(
        "What they did next", "Of the users who were in a segment on a day: who came back, fell silent or bought from then on?"
    ):
        asked = _asked(controls, spec)
        found = _found(asked)
        key = (repr(asked), found.data_version)
        show_verdict(*verdict(found))
        st.info(plain(how_fixed(found)))
        if said := label_caution(spec.features.where if not found.label else (), None, catalogue(), from_on=found.at_on):
            st.warning(plain(said))
        shown = _drawn_segments(controls, found)
        _returns(found, shown, key)
        _lapses(found, shown, key)
        _revenue(found, key)
        _users(controls, found, shown)
        for note in found.notes:
            st.caption(plain(note))
        definition_panel(definition(found), "after_definition")


def _asked(controls: Controls, spec: SegmentSpec) -> AfterSpec:
    saved = {str(one.property_key): one.label for one in answer(saved_segmentations)}
    with st.container(key="after_controls"):
        one, two, three = st.columns([1.6, 1, 1])
        which = controls.choice(
            "after_of", [TUNED, *saved], TUNED, "Segments", words={TUNED: "As tuned above", **saved}, at=one,
            help="As tuned: the same settings, made anew from what was known on the day. Saved: the saved model puts the users"
            " into its segments as of the day.",
        )  # fmt: skip
        weeks = controls.number(
            "after_weeks", 1, MAX_WEEKS, 12, "Weeks to watch", at=three, help="Weeks of seven days from that day on."
        )
        at_on: date | None = controls.day(
            "after_at", "In a segment on", at=two, help="Empty: as many whole weeks before the end of the data as you watch."
        )
    if which in saved:
        return AfterSpec(property_key=int(which or 0), at=at_on, weeks=weeks)
    return AfterSpec(segments=spec, at=at_on, weeks=weeks)


def _found(asked: AfterSpec) -> After:
    known = catalogue()
    wanted = features_wanted(known, asked)
    # The features of that day are remembered by themselves, so that another number of segments does not read them again.
    table = None if wanted is None else features_table(wanted)
    return drawn("segments after", (repr(asked), known.data_version), lambda: segments_after(store(), asked, table))


def _drawn_segments(controls: Controls, found: After) -> tuple[str, ...]:
    names = [name for name, n in zip(found.names, found.sizes, strict=True) if n]
    if len(names) <= USUAL:
        return shown_names(found)
    chosen = controls.many("after_shown", names, (), "Segments to draw", placeholder=f"The {USUAL} largest", most=MOST)
    return shown_names(found, chosen)


# Who came back --------------------------------------------------------------------------------------


def _returns(found: After, shown: tuple[str, ...], key: tuple[Any, ...]) -> None:
    st.subheader("Who came back")
    as_chart, as_table = st.tabs(["Chart", "Table"], key="after_returns_twin", on_change="rerun")
    if as_table.open:
        with as_table:
            _table(_return_rows(found), "Share of each segment active in each week")
            download(
                "the share of each segment active in each week", "segments-returns",
                lambda fmt: table_bytes(found.weeks, fmt, sheet="weeks"), key="after_returns",
            )  # fmt: skip
    else:
        with as_chart:
            figure = drawn(
                "after returns", (*key, shown, is_dark()), lambda: return_lines(found, shown, is_dark=is_dark())
            )
            chart(figure, alt=return_alt(found, shown), key="after_returns_chart", file_name="segments-returns")
    st.caption(plain(_joined(window_words(found), "Bands: 95 % intervals.", cut_words(found, shown), gap_words(found))))
    if len(found.pairs):
        panel = st.expander("Every two segments compared", key="after_pairs", on_change="rerun")
        if panel.open:
            with panel:
                _table(_pair_rows(found), "Every two segments compared in the last week that is over")
                st.caption(
                    f"Active in week {found.compared_week}: the difference in points with Newcombe's 95 % interval;"
                    " “higher” and “lower” only where it holds after the Benjamini–Hochberg correction for all pairs. Segments"
                    " with fewer than 20 users are not compared."
                )


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _return_rows(found: After) -> pd.DataFrame:
    rows = found.weeks
    return pd.DataFrame(
        {
            "Segment": rows["name"],
            "Week": rows["week"],
            "From": rows["first_on"],
            "To": rows["last_on"],
            "Users": rows["n"],
            "Active": rows["retained"],
            "Share": ["" if pd.isna(rate) else percent(rate) for rate in rows["rate"]],
            "95 % interval": ["" if pd.isna(a) else interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)],
            "Note": ["touches a missing stretch" if gap else "" for gap in rows["touches_gap"]],
        }
    )


def _pair_rows(found: After) -> pd.DataFrame:
    rows = found.pairs
    points = [
        f"{d * 100:+.1f} ({a * 100:+.1f} to {b * 100:+.1f})".replace("-", "−")
        for d, a, b in zip(rows["difference"], rows["low"], rows["high"], strict=True)
    ]
    return pd.DataFrame(
        {
            "Segment": rows["first"],
            "is": rows["says"],
            "than": rows["second"],
            "Points (95 % interval)": points,
            "p (corrected)": ["" if pd.isna(p) else f"{p:.2g}" for p in rows["p_adjusted"]],
        }
    )


# Who fell silent ------------------------------------------------------------------------------------


def _lapses(found: After, shown: tuple[str, ...], key: tuple[Any, ...]) -> None:
    st.subheader("How soon they fell silent")
    headline, detail = lapse_words(found)
    st.markdown(f"**{plain(headline)}**")
    st.markdown(plain(detail))
    curves = found.curves
    if curves is None:
        return
    as_chart, as_table = st.tabs(["Chart", "Table"], key="after_lapses_twin", on_change="rerun")
    if as_table.open:
        with as_table:
            whole = pd.concat(
                [group.curve.assign(segment=group.name) for group in curves.groups if group.n], ignore_index=True
            )
            _table(_curve_rows(whole), "Share of each segment not lapsed, day by day")
            download(
                "the curves, every day", "segments-lapses",
                lambda fmt: table_bytes(whole[["segment", *(c for c in whole if c != "segment")]], fmt, sheet="lapses"),
                key="after_lapses",
            )  # fmt: skip
    else:
        with as_chart:
            figure = drawn("after lapses", (*key, shown, is_dark()), lambda: lapse_figure(found, shown, is_dark=is_dark()))
            chart(figure, alt=lapse_alt(found, shown), key="after_lapses_chart", file_name="segments-lapses")
    st.caption(plain(_joined("Bands: 95 % intervals.", cut_words(found, shown))))
    _table(pd.DataFrame(lapse_rows(found)), "Users of each segment who were followed, and how many lapsed")
    compared = curves.comparisons
    if len(compared):
        panel = st.expander("Every two curves compared", key="after_curve_pairs", on_change="rerun")
        if panel.open:
            with panel:
                _table(
                    pd.DataFrame(
                        {
                            "Segment": compared["first"],
                            "stays": compared["says"],
                            "than": compared["second"],
                            "p (corrected)": ["" if pd.isna(p) else f"{p:.2g}" for p in compared["p_adjusted"]],
                        }
                    ),
                    "Every two curves compared",
                )
                st.caption("Log-rank test of the whole curves, with the Benjamini–Hochberg correction for all pairs.")


def _curve_rows(whole: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Segment": whole["segment"],
            "Day": whole["t"],
            "Under observation": whole["at_risk"],
            "Lapsed": whole["events"],
            "Not lapsed": [percent(share) for share in whole["survival"]],
            "95 % interval": ["" if pd.isna(a) else interval(a, b) for a, b in zip(whole["low"], whole["high"], strict=True)],
        }
    )


# Who bought -----------------------------------------------------------------------------------------


def _revenue(found: After, key: tuple[Any, ...]) -> None:
    st.subheader("What they brought in")
    headline, detail = revenue_words(found)
    if headline:
        st.markdown(f"**{plain(headline)}**")
    if found.revenue is None or not detail:
        if detail:
            st.info(plain(detail))
        return
    rows = found.revenue
    as_chart, as_table = st.tabs(["Chart", "Table"], key="after_revenue_twin", on_change="rerun")
    if as_table.open:
        with as_table:
            _table(_revenue_rows(rows), "What each segment brought in")
            download(
                "what each segment brought in", "segments-revenue",
                lambda fmt: table_bytes(rows, fmt, sheet="revenue"), key="after_revenue",
            )  # fmt: skip
    else:
        with as_chart:
            figure = drawn("after revenue", (*key, is_dark()), lambda: revenue_bars(found, is_dark=is_dark()))
            chart(figure, alt=revenue_alt(found), key="after_revenue_chart", file_name="segments-revenue")
    st.caption(plain(detail))


def _revenue_rows(rows: pd.DataFrame) -> pd.DataFrame:
    known = rows[rows["n"] > 0]
    return pd.DataFrame(
        {
            "Segment": known["name"],
            "Users": known["n"],
            "Bought": [f"{n:,} ({percent(rate)})" for n, rate in zip(known["n_buyers"], known["buyer_rate"], strict=True)],
            "Orders": known["n_orders"],
            "Revenue less refunds": known["net"].round(2),
            "Per user (95 % interval)": [
                money(m, a, b) for m, a, b in zip(known["net_per_user"], known["low"], known["high"], strict=True)
            ],
            "Share of all": ["" if pd.isna(share) else percent(share) for share in known["value_share"]],
        }
    )


# Who they are ---------------------------------------------------------------------------------------


def _users(controls: Controls, found: After, shown: tuple[str, ...]) -> None:
    options: dict[str, str] = {}
    meant: dict[str, tuple[str, Did, int | None]] = {}

    def add(name: str, did: Did, n: int, week: int | None = None) -> None:
        if n:
            value = ".".join([str(found.names.index(name)), did.replace(" ", "-"), *([] if week is None else [str(week)])])
            options[value] = f"{name}: {n:,} {did_words(did, week)}"
            meant[value] = name, did, week

    for group in found.curves.groups if found.curves else ():
        add(group.name, "lapsed", group.observed)
        add(group.name, "not lapsed", group.censored)
        add(group.name, "silent already", group.gone_before)
    for row in found.weeks[found.weeks["name"].isin(shown)].itertuples(index=False):
        add(str(row.name), "active", int(row.retained), int(row.week))
        add(str(row.name), "not active", int(row.n - row.retained), int(row.week))
    st.subheader("Who are they?")
    picked = controls.pick("after_users", options, "List the users")
    if picked:
        name, did, week = meant[picked]
        # The day is written down, so that a list that is kept means the same when data arrive.
        listed = AfterUsersSpec(after=replace(found.spec, at=found.at_on), segment=name, did=did, week=week)
        members_panel(listed, f"{name}, {did_words(did, week)}", key="after_members")


def _table(frame: pd.DataFrame, alt: str) -> None:
    st.dataframe(
        frame.head(SHOWN_ROWS),
        hide_index=True,
        height=min(38 + 35 * max(len(frame), 1), 458),
        placeholder="",
        alt=alt,
        column_config={
            name: st.column_config.NumberColumn(format="localized")
            for name in frame
            if name in ("Users", "Active", "Orders", "Revenue less refunds", "Under observation", "Lapsed")
            or str(name).startswith(("Users", "Not known", "Silent"))
        },
    )
    if len(frame) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS} of {len(frame):,} rows; the file holds all of them.")
