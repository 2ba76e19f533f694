"""The pictures of how sure segments are and of what came after: what they draw is what was counted."""

from __future__ import annotations

from datetime import date

import plotly.graph_objects as go
import pytest

from retention.audiences.export import table_bytes
from retention.features.spec import FeatureSpec
from retention.segments.answer_after import segments_after
from retention.segments.chart_after import (
    cut_words,
    lapse_alt,
    lapse_figure,
    return_alt,
    return_lines,
    revenue_alt,
    revenue_bars,
    shown_names,
)
from retention.segments.chart_trust import MEASURES, sweep_alt, sweep_line, trust_alt, trust_dots
from retention.segments.spec import SegmentSpec
from retention.segments.spec_after import AfterSpec
from retention.segments.sweep import KSweep, SweepRow, Trust
from tests.worlds import diary, store_of

# Two kinds of users until 31 January. Of the frequent ones two come back in week 0, one of them for 60.
WORLD = """
    ann: 2 4 6 8 10 12 14 16 18 20 2026-02-02/purchase?value=60
    bob: 2 4 6 8 10 12 14 16 18 21 2026-02-03
    cyd: 2 4 6 8 10 12 14 16 18 22
    dee: 25
    eve: 25
    fay: 26
"""
SPEC = AfterSpec(
    segments=SegmentSpec(features=FeatureSpec(names=("active_days",)), k=2, log="none", winsorise=0.0),
    at=date(2026, 2, 1),
    weeks=3,
)


@pytest.fixture(scope="module")
def after():
    """Return what the world did next; its second week is marked missing."""
    store = store_of(
        diary(WORLD), as_of="2026-03-15", churn_window=14, gaps=[("2026-02-10", "2026-02-11")]
    )
    return segments_after(store, SPEC)


@pytest.fixture(scope="module")
def often(after) -> str:
    """Return the name of the segment of ann, bob and cyd."""
    rows = after.weeks[after.weeks["retained"] == 2]
    return str(rows["name"].iloc[0])


def test_a_line_holds_the_share_of_each_week_and_is_hollow_over_a_missing_stretch(after, often):
    figure = return_lines(after, shown_names(after))
    [line] = [t for t in figure["data"] if t.get("name") == often]
    assert line["x"] == [0, 1, 2] and line["y"] == [0.6667, 0.0, 0.0]
    assert line["customdata"][0].startswith("2 of 3, ") and "missing stretch" in line["customdata"][1]
    colours = line["marker"]["color"]
    assert colours[1].endswith(",0)") and not colours[0].endswith(",0)")
    [stripe] = figure["layout"]["shapes"]
    assert (stripe["x0"], stripe["x1"]) == (0.5, 1.5)
    assert f"{often} 0 %" in return_alt(after, shown_names(after))


def test_the_bars_hold_the_revenue_per_user(after, often):
    figure = revenue_bars(after)
    bars = dict(zip(figure["data"][0]["y"], figure["data"][0]["x"], strict=True))
    assert bars[often] == 20.0 and sum(bars.values()) == 20.0  # 60 over three users
    assert "1 of 3 users bought" in " ".join(figure["data"][0]["customdata"])
    assert f"{often} 20.00" in revenue_alt(after)


def test_a_segment_has_one_colour_in_all_pictures(after, often):
    shown = shown_names(after)
    [one] = [t for t in return_lines(after, shown)["data"] if t.get("name") == often]
    [two] = [t for t in lapse_figure(after, shown)["data"] if t.get("name") == often]
    bars = revenue_bars(after)["data"][0]
    three = dict(zip(bars["y"], bars["marker"]["color"], strict=True))[often]
    assert one["line"]["color"] == two["line"]["color"] == three
    assert lapse_alt(after, shown).startswith("Days after 2026-02-01")


def test_what_is_not_drawn_is_said(after, often):
    assert cut_words(after, after.names) == ""
    shown = shown_names(after, [often])
    assert shown == (often,) and shown_names(after, ["nobody"]) == after.names
    [other] = [name for name in after.names if name != often]
    assert cut_words(after, shown) == f"Not drawn, but in the table: {other}."


@pytest.mark.parametrize("fmt", ["csv", "xlsx", "parquet"])
def test_every_table_becomes_a_file(after, fmt):
    for table in (after.weeks, after.revenue, after.curves.groups[0].curve):
        assert len(table_bytes(table, fmt, sheet="s")) > 50


TRUST = Trust((0.91, 0.68, 0.48), 8.0, 1000, 20)


def test_stable_segments_are_filled_and_others_hollow():
    dots = trust_dots(TRUST, ("a", "b", "c"))["data"][0]
    assert dots["y"] == ["c", "b", "a"] and dots["x"] == [0.48, 0.68, 0.91]
    assert dots["marker"]["symbol"] == ["circle-open", "circle-open", "circle"]
    assert trust_alt(TRUST, ("a", "b", "c")) == (
        "Stability of each segment, from 0 to 1: a stable 0.91; b edge not sure 0.68; c may be noise 0.48."
    )
    # Stable, but no tighter than chance: no segment is filled.
    loose = Trust((0.91, 0.9), 1.0, 1000, 20)
    assert set(trust_dots(loose, ("a", "b"))["data"][0]["marker"]["symbol"]) == {"circle-open"}


SWEEP = KSweep(
    (
        SweepRow(2, 0.4, 1.1, 1.0, 0.02, 9.0, 5.0, (0.9, 0.8)),
        SweepRow(3, 0.5, 0.9, 1.2, 0.03, 9.0, 4.0, (0.95, 0.9, 0.85)),
        SweepRow(4, float("nan"), 1.2, 1.1, 0.04, 9.0, 3.0, (0.9, 0.5, 0.4, 0.8)),
    ),
    500, 500, 20, 3,
)  # fmt: skip


def test_the_measures_are_drawn_by_number_of_segments_and_the_best_is_marked():
    gap = sweep_line(SWEEP, "gap")
    assert gap["data"][0]["x"] == [2, 3, 4] and gap["data"][0]["y"] == [1.0, 1.2, 1.1]
    assert gap["data"][0]["error_y"]["array"] == [0.02, 0.03, 0.04]
    mean, least = sweep_line(SWEEP, "stability")["data"]
    assert mean["y"] == [0.85, 0.9, 0.65] and least["y"] == [0.8, 0.85, 0.4]
    assert sweep_line(SWEEP, "silhouette")["data"][0]["y"] == [0.4, 0.5, None]  # not known is not drawn
    marked = [s for s in gap["layout"]["shapes"] if s["type"] == "rect"]
    assert [(s["x0"], s["x1"]) for s in marked] == [(2.65, 3.35)]
    none = KSweep((SweepRow(2, 0.1, 2.0, 0.1, 0.1, 0.5, 5.0, (0.5, 0.4)),), 500, 500, 20, 2)
    assert none.best is None and sweep_line(none, "gap")["layout"]["shapes"] == []
    assert "3 segments 0.90" in sweep_alt(SWEEP, "stability")


@pytest.mark.parametrize("is_dark", [False, True])
def test_plotly_accepts_every_figure(after, is_dark):
    shown = after.names
    figures = [
        return_lines(after, shown, is_dark=is_dark),
        lapse_figure(after, shown, is_dark=is_dark),
        revenue_bars(after, is_dark=is_dark),
        trust_dots(TRUST, ("a", "b", "c"), is_dark=is_dark),
        *(sweep_line(SWEEP, name, is_dark=is_dark) for name in MEASURES),
    ]
    for figure in figures:
        go.Figure(figure)
