"""The Saved tab: what is kept, who moved, what can be done with it, and one kind sentence for whatever cannot be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import pandas as pd
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from retention.segments.chart_moves import movement_alt, movement_figure, segment_colour
from retention.segments.order import score_segmentation
from retention.segments.saved import movements_of
from retention.segments.segmentation import NOWHERE
from retention.store import Store
from tests.pages.conftest import texts
from tests.segments.visitors import SECOND, kept, visitors

Open = Callable[..., AppTest]


@pytest.fixture
def scored() -> Store:
    """Return the world of the visitors with labels as of 11 and 21 January."""
    store = visitors()
    score_segmentation(store, kept(store).property_key, SECOND)
    return store


def tables(at: AppTest) -> list:
    """Return the tables of a page."""
    return [table.value for table in at.dataframe]


def test_nothing_saved_is_said_with_what_to_do(show: Open) -> None:
    at = show(visitors(), "segments", tab="Saved")
    assert [i.value for i in at.info] == [
        "No segmentation has been saved yet. Make one under “Tune”, name its segments, and save it."
    ]


def test_the_tab_says_what_is_kept_and_who_is_in_it(show: Open, scored: Store) -> None:
    at = show(scored, "segments", tab="Saved")
    said = texts(at)
    assert "Trusted by a test." in said
    assert (
        "Made on data up to 11 January 2026; its labels are as of 21 January 2026, and the data now reach"
        " 25 January 2026, 00:00 UTC (4 days later). Score it again" in said
    )
    versions, segments, *_ = tables(at)
    assert versions["Segmentation"].tolist() == ["Visitors v1"] and versions["Users"].tolist() == [5]
    # bob cyd gus hal, and ann dee eve fay; ivy is left out.
    assert dict(zip(segments["Segment"], segments["Users"], strict=True)) == {"Seldom": 4, "Often": 4}
    assert "1 user with fewer than 2 active days is in no segment." in said
    assert "**80.0 %** of the 5 users in a segment as of 11 January 2026" in said  # all but ann
    assert dict(at.query_params) == {"tab": "Saved"}


def test_another_date_and_its_users_can_be_looked_at(show: Open, scored: Store) -> None:
    at = show(scored, "segments", tab="Saved", saved_at="2026-01-11T00:00:00Z", saved_segment="0")
    segments = tables(at)[1]
    assert dict(zip(segments["Segment"], segments["Users"], strict=True)) == {"Seldom": 3, "Often": 2}
    assert "3 users: Seldom, as of 11 January 2026" in texts(at)
    assert at.query_params["saved_segment"] == "0"


def test_the_users_of_a_move_are_listed(show: Open, scored: Store) -> None:
    at = show(scored, "segments", tab="Saved", moved="Seldom → Often")
    assert "1 user: Seldom → Often, from 11 January 2026 to 21 January 2026" in texts(at)
    [flow] = [json.loads(c.proto.spec)["data"][0] for c in at.get("plotly_chart")]
    labels = flow["node"]["label"]
    ways = zip(flow["link"]["source"], flow["link"]["target"], flow["link"]["value"], strict=True)
    assert {(labels[a], labels[b], n) for a, b, n in ways} == {
        ("Seldom: 3", "Seldom: 4", 2), ("Seldom: 3", "Often: 4", 1), ("Often: 2", "Often: 4", 2),
        ("In no segment: 1", "Seldom: 4", 1), ("Not there before: 2", "Seldom: 4", 1), ("Not there before: 2", "Often: 4", 1),
    }  # fmt: skip


def test_dates_in_the_wrong_order_get_one_sentence_and_the_rest_stands(show: Open, scored: Store) -> None:
    at = show(scored, "segments", tab="Saved", moves_from="2026-01-21T00:00:00Z", moves_to="2026-01-11T00:00:00Z")
    assert "The first date must be earlier than the second." in next(i.value for i in at.info)
    assert "Share this view" in [s.value for s in at.subheader] and "Drift of the features" in texts(at)


def test_what_an_address_cannot_mean_is_said(show: Open, scored: Store) -> None:
    at = show(scored, "segments", tab="Saved", saved="Nobody v3", moved="Never → Ever", saved_at="yesterday")
    [warning] = at.warning
    for said in ("“saved” cannot be “Nobody v3”", "“moved” cannot be", "“saved_at” cannot be “yesterday”"):
        assert said in warning.value


def test_scoring_renaming_and_deleting(show: Open) -> None:
    store = visitors()
    kept(store)
    at = show(store, "segments", tab="Saved")
    assert "Movements" not in [h.value for h in at.header]
    at.date_input[0].set_value(date(2026, 1, 21))
    [button] = [b for b in at.button if b.label == "Score"]
    button.click().run()
    assert "segment:Visitors v1: 8 users as of 21 January 2026." in [s.value for s in at.success]
    assert "Movements" in [h.value for h in at.header]
    # Two alike are refused where they were typed, and nothing is lost.
    names = [t for t in at.text_input if t.label.startswith("Segment ")]
    names[1].set_value("Seldom")
    [button] = [b for b in at.button if b.label == "Rename"]
    button.click().run()
    assert "Two segments are called “Seldom”." in at.error[0].value
    names = [t for t in at.text_input if t.label.startswith("Segment ")]
    names[1].set_value("Daily")
    [button] = [b for b in at.button if b.label == "Rename"]
    button.click().run()
    assert tables(at)[1]["Segment"].tolist() == ["Seldom", "Daily"] and not at.error
    # Deleting asks first.
    [button] = [b for b in at.button if b.label == "Delete"]
    button.click().run()
    assert "Tick the box to confirm. Nothing was deleted." in [e.value for e in at.error]
    [box] = [c for c in at.checkbox if c.label.startswith("Yes, delete")]
    box.check()
    [button] = [b for b in at.button if b.label == "Delete"]
    button.click().run()
    assert [s.value for s in at.success] == ["segment:Visitors v1 is deleted."]
    assert "No segmentation has been saved yet." in at.info[0].value and not at.exception


def test_a_date_that_cannot_be_scored_is_said_and_nothing_is_lost(show: Open) -> None:
    store = visitors()
    kept(store)
    at = show(store, "segments", tab="Saved")
    at.date_input[0].set_value(date(2025, 6, 1))
    [button] = [b for b in at.button if b.label == "Score"]
    button.click().run()
    assert "Nobody was active before the cut-off." in at.error[0].value
    assert tables(at)[1]["Users"].tolist() == [3, 2]


def test_the_flow_is_a_figure_of_plotly_and_is_told_to_those_who_do_not_see_it() -> None:
    names = ("A <b>", *(f"S{i}" for i in range(10)))
    counts = pd.DataFrame(
        [(i, i, 10 + i) for i in range(1, 12)] + [(0, 1, 3), (-1, 2, 4)], columns=["before_key", "after_key", "n"]
    )
    moves = movements_of(counts, names)
    for is_dark in (False, True):
        drawn = movement_figure(moves, names, "1 May", "1 June", is_dark=is_dark)
        go.Figure(drawn)
        assert sum(drawn["data"][0]["link"]["value"]) == counts["n"].sum()
        assert all("<b>" not in label for label in drawn["data"][0]["node"]["label"])
        colours = {segment_colour(name, names, is_dark=is_dark) for name in names[:8]}
        assert len(colours) == 8 and segment_colour(NOWHERE, names, is_dark=is_dark) not in colours
    said = movement_alt(moves, "1 May", "1 June")
    assert said.startswith("Flow of users between segments from 1 May to 1 June: S9 to S9 21; ")
    assert said.endswith("; 5 smaller ways are in the table.")
