"""How sure the tuned segments are: each judged by drawing the users anew, and other numbers of segments tried. On demand only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from retention.audiences.export import table_bytes
from retention.segments.chart_trust import MEASURES, sweep_alt, sweep_line, trust_alt, trust_dots
from retention.segments.model_segments import sweep_of, trust_of
from retention.segments.model_sweep import Progress
from retention.segments.segmentation import Segmentation
from retention.segments.spec import RECOMMENDED, SegmentSpec, SweepSpec
from retention.segments.sweep import KSweep, Trust
from retention.ui import address
from retention.ui.answers import drawn
from retention.ui.behaviour import verdict
from retention.ui.charts import chart, is_dark
from retention.ui.controls import Controls
from retention.ui.downloads import download
from retention.ui.pages import section
from retention.ui.segments_controls import tuned
from retention.ui.starting import store
from retention.ui.words import many, plain

T = TypeVar("T")
HOW = (
    "The users are drawn anew with replacement, 20 times, and divided again each time. A segment that is found again, to three"
    " quarters or more, is stable; one that is found to less than six tenths may be made by chance (Hennig 2007). Besides, the"
    " segments must be tighter than the same number of segments in users who are spread without any: the gap statistic of"
    " Tibshirani, Walther and Hastie (2001), held against an even spread and against a single heap of the same shape."
)
MANY_USERS = 20_000


class _NotAsked(Exception):
    """Nobody has asked for this yet."""


# What was worked out on a click stays until the data or the settings change; a visit without a click never works it out.
@st.cache_resource(show_spinner=False, max_entries=32)
def _finished(path: str, name: str, said: str, data_version: int, _made: Any) -> Any:
    if _made is None:
        raise _NotAsked
    return _made


def on_click(name: str, spec: Any, found: Segmentation, label: str, make: Callable[[Progress], T]) -> T | None:
    """Offer to work something out, with a bar that says what is being done, and keep it; None until somebody asks."""
    key = (str(store().path), name, repr(spec), found.data_version)
    place = st.empty()
    try:
        done: T = _finished(*key, None)
    except _NotAsked:
        if not place.button(label, key=f"segments_{name}", type="primary"):
            return None
        place.progress(0.0, text="Starting …")
        made = make(lambda share, text: place.progress(min(max(share, 0.0), 1.0), text=f"{text[0].upper()}{text[1:]} …"))
        place.empty()
        done = _finished(*key, made)
    return done


def trust_panel(controls: Controls, spec: SegmentSpec) -> None:
    """Judge the tuned segments, and try other numbers of segments."""
    with section("How sure are these segments?", "Would other users of the same kind fall into the same segments?"):
        found = tuned(spec)
        _trust(spec, found)
    with section("How many segments are there?", "Which number of segments holds best?"):
        _sweep(spec, tuned(spec))


def _trust(spec: SegmentSpec, found: Segmentation) -> None:
    if spec.method == "rfm":
        st.info(
            "The RFM grid is a convention: it cuts users at fixed shares, so its segments are neither real nor noise, and there"
            " is nothing to judge."
        )
        return
    if len(found.names) < 2:
        st.info("There are fewer than two segments, so there is nothing to judge.")
        return
    trusted = on_click("judge", spec, found, "Judge these segments", lambda progress: trust_of(found, progress=progress))
    if trusted is None:
        st.caption("Takes some seconds. It is not done on every change of a setting.")
        return
    _judged(spec, found, trusted)


def _judged(spec: SegmentSpec, found: Segmentation, trusted: Trust) -> None:
    n_sure = sum(word.startswith("stable") for word in trusted.verdicts)
    advice = (
        "Use them, and save them under names."
        if n_sure == len(trusted.verdicts)
        else "Do not act on these segments: try other features, or another number of segments."
        if not n_sure
        else "Act on the stable ones; what may be noise is not a kind of user."
    )
    verdict(trusted.verdict, advice)
    key = (repr(spec), found.data_version, is_dark())
    as_chart, as_table = st.tabs(["Chart", "Table"], key="trust_twin", on_change="rerun")
    table = _trust_table(found, trusted)
    if as_table.open:
        with as_table:
            _frame(_trust_shown(table), "Stability of each segment")
            download(
                "the stability of the segments", "segment-stability",
                lambda fmt: table_bytes(table, fmt, sheet="stability"), key="trust",
            )  # fmt: skip
    else:
        with as_chart:
            figure = drawn("trust dots", key, lambda: trust_dots(trusted, found.names, is_dark=is_dark()))
            chart(figure, alt=trust_alt(trusted, found.names), key="trust_chart", file_name="segment-stability")
    st.caption(
        plain(
            f"{many(trusted.n_bootstraps, 'draw')} of {many(trusted.n_rows, 'user')}"
            f"{_drawn_from(found, trusted.n_rows)}. Filled: stable; hollow: not sure."
        )
    )
    _how()


def _drawn_from(found: Segmentation, n_rows: int) -> str:
    return f", drawn at random from {found.n_users:,}" if n_rows < found.n_users else ""


def _trust_table(found: Segmentation, trusted: Trust) -> pd.DataFrame:
    sizes = found.sizes().set_index("segment")["n"]
    return pd.DataFrame(
        {
            "segment": list(found.names),
            "n_users": [int(sizes.get(i, 0)) for i in range(len(found.names))],
            "stability": list(trusted.stability),
            "verdict": list(trusted.verdicts),
        }
    )


def _trust_shown(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"Segment": table["segment"], "Users": table["n_users"], "Verdict": table["verdict"]})


def _frame(table: pd.DataFrame, alt: str) -> None:
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        alt=alt,
        column_config={"Users": st.column_config.NumberColumn(format="localized")},
    )


def _how() -> None:
    with st.expander("How this is judged", key="segments_how"):
        st.markdown(plain(HOW))


def _sweep(spec: SegmentSpec, found: Segmentation) -> None:
    # The number that is tuned plays no part, so what was found stays when another one is taken.
    asked = SweepSpec(segments=replace(spec, k=RECOMMENDED.k))
    most = min(asked.k_to, found.n_users - 1)
    if most < asked.k_from:
        st.info("There are too few users to try several numbers of segments.")
        return
    sweep = on_click(
        "sweep", asked, found, f"Try {asked.k_from} to {most} segments", lambda progress: sweep_of(found, asked, progress)
    )
    if sweep is None:
        took = "up to a minute" if found.n_users >= MANY_USERS else "some seconds"
        st.caption(f"Takes {took}; leave the page as it is meanwhile. Everything but the number of segments stays as it is tuned.")
        return
    _swept(asked, spec.k, found, sweep)


def _swept(asked: SweepSpec, now: int, found: Segmentation, sweep: KSweep) -> None:
    best = sweep.best
    with st.container(key="sweep_verdict"):
        st.markdown(f"**{plain(sweep.verdict)}**")
        if best is None:
            st.markdown("So do not read kinds of users into segments of these features; other features may have some.")
        elif best == now:
            st.markdown(f"That is the number that is tuned now ({now}).")
        else:
            st.button(f"Use k = {best}", key="segments_use_k", on_click=_use, args=(best,))
    key = (repr(asked), found.data_version, is_dark())
    as_chart, as_table = st.tabs(["Charts", "Table"], key="sweep_twin", on_change="rerun")
    if as_table.open:
        with as_table:
            _frame(_sweep_shown(sweep), "Every number of segments with its measures")
            download(
                "the numbers of segments", "number-of-segments",
                lambda fmt: table_bytes(sweep.table(), fmt, sheet="sweep"), key="sweep",
            )  # fmt: skip
    else:
        with as_chart:
            for row in (("stability", "gap"), ("silhouette", "davies_bouldin")):
                for name, at in zip(row, st.columns(2), strict=True):
                    with at:
                        _measure(sweep, name, key)
    st.caption(
        plain(
            f"{many(sweep.n_rows, 'user')}{_drawn_from(found, sweep.n_rows)}; gap and silhouette of {sweep.n_pairs:,} of them;"
            f" {many(sweep.n_bootstraps, 'draw')} for each number."
            + (" The band marks the number that holds best." if best is not None else "")
            + f" By the gap statistic alone, as its authors choose, it would be {_by_gap(sweep)}."
        )
    )


def _by_gap(sweep: KSweep) -> str:
    is_last = sweep.number_by_gap == max(row.k for row in sweep.rows)
    return f"no fewer than {sweep.number_by_gap}" if is_last else str(sweep.number_by_gap)


def _measure(sweep: KSweep, name: str, key: tuple[Any, ...]) -> None:
    about = MEASURES[name]
    st.subheader(about.title)
    st.caption(about.meaning)
    figure = drawn(f"sweep {name}", key, lambda: sweep_line(sweep, name, is_dark=is_dark()))
    chart(figure, alt=sweep_alt(sweep, name), key=f"sweep_{name}", file_name=f"number-of-segments-{name}")


def _sweep_shown(sweep: KSweep) -> pd.DataFrame:
    table = sweep.table()
    return pd.DataFrame(
        {
            "Segments": table["k"],
            "Stable ones": [f"{int(n)} of {int(k)}" for n, k in zip(table["n_stable"], table["k"], strict=True)],
            "Stability, mean": table["stability"].round(2),
            "Stability, least": table["least_stability"].round(2),
            "Tighter than chance": ["yes" if is_so else "no" for is_so in table["is_structured"]],
            "Gap": [f"{g:.3f} ± {e:.3f}" for g, e in zip(table["gap"], table["gap_error"], strict=True)],
            "Silhouette": table["silhouette"].round(3),
            "Davies–Bouldin": table["davies_bouldin"].round(3),
        }
    )


def _use(k: int) -> None:
    address.visit({**address.current(), "k": [str(k)]})
