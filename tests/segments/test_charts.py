"""The pictures of segments: squares, standings and bars worked out by hand, and figures that plotly accepts."""

from __future__ import annotations

from math import log10

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from retention.segments.chart import (
    map_alt,
    map_density,
    map_points,
    profile_alt,
    profile_figure,
    segment_colour,
    standing_alt,
    standing_figure,
    variance_figure,
)
from retention.segments.plane import SegmentMap, median_standing
from retention.segments.segmentation import profile

NAMES = ("Loyal", "New <b>")


@pytest.fixture
def plane() -> SegmentMap:
    """Return six users in three squares of side 1: two loyal and one new; one of each; one in no segment."""
    points = pd.DataFrame(
        {"x": [0.4, 0.5, 0.6, 1.5, 1.5, 4.5], "y": [0.5, 0.5, 0.5, 0.5, 0.4, 2.5], "segment": [0, 0, 1, 0, 1, -1],
         "user_key": range(1, 7)}
    )  # fmt: skip
    density = pd.DataFrame(
        {"x": [0.5, 0.5, 1.5, 1.5, 4.5], "y": [0.5, 0.5, 0.5, 0.5, 2.5], "segment": [0, 1, 0, 1, -1], "n": [2, 1, 1, 1, 1]}
    )
    return SegmentMap(points, density, (0.5, 0.25), (1.0, 1.0))


def test_a_square_has_the_segment_of_most_of_its_users_and_the_larger_one_of_two_equal(plane):
    ground = plane.ground()
    assert ground.to_dict("list") == {
        "x": [0.5, 1.5, 4.5],
        "y": [0.5, 0.5, 2.5],
        "segment": [0, 0, -1],
        "n": [3, 2, 1],
        "share": [2 / 3, 1 / 2, 1.0],
    }
    assert plane.n_users == 6


def test_the_squares_of_the_density_are_as_wide_as_those_counted_even_with_empty_ones_between(plane):
    figure = map_density(plane, NAMES)
    loyal, nowhere = [trace for trace in figure["data"] if trace["type"] == "histogram2d"]
    assert loyal["xbins"] == {"start": 0.0, "end": 2.0, "size": 1.0} and loyal["ybins"]["size"] == 1.0
    assert loyal["z"] == [round(0.15 + log10(3), 3), round(0.15 + log10(2), 3)]
    assert nowhere["x"] == [4.5] and nowhere["colorscale"][0][1].endswith(",0)")
    said = [text for trace in figure["data"] for text in trace.get("customdata", [])]
    assert said == ["3 users, 67% of them Loyal", "2 users, 50% of them Loyal", "1 user, 100% of them In no segment"]


def test_the_points_are_those_of_the_map_and_who_is_in_no_segment_is_grey_and_last(plane):
    figure = map_points(plane, NAMES)
    assert [(t["name"], t["x"]) for t in figure["data"]] == [
        ("Loyal", [0.4, 0.5, 1.5]),
        ("New &lt;b&gt;", [0.6, 1.5]),  # what somebody typed is never markup
        ("In no segment", [4.5]),
    ]
    shapes = [t["marker"]["symbol"] for t in figure["data"]]
    assert len(set(shapes)) == 3 and shapes[-1] == "circle-open"
    assert figure["data"][-1]["marker"]["color"] == segment_colour(-1, is_dark=False)
    assert figure["layout"]["xaxis"]["title"]["text"] == "First component (50% of variance)"
    assert "which hold 75% of the variance" in map_alt(plane, NAMES) and "Loyal around 0.8 and 0.5" in map_alt(plane, NAMES)


def test_the_median_user_stands_above_those_below_and_half_of_the_equal_ones():
    values = pd.DataFrame({"orders": [0.0, 1, 1, 1, 5], "stars_mean": [np.nan, np.nan, 4, 2, 3]})
    labels = np.array([0, 0, 1, 1, 1])
    found = median_standing(values, labels, NAMES).set_index(["feature", "segment"])
    # Orders of the first are 0 and 1: the median 0.5 is above one of five. Of the second 1, 1 and 5: 1 is above one of
    # five, and three are equal.
    assert found.loc[("orders", 0), ["median", "standing"]].tolist() == [0.5, 0.2]
    assert found.loc[("orders", 1), ["median", "standing"]].tolist() == [1.0, (1 + 1.5) / 5]
    # Nobody in the first has given stars; in the second 4, 2 and 3, whose middle is above one of three, one equal.
    assert np.isnan(found.loc[("stars_mean", 0), "standing"])
    assert found.loc[("stars_mean", 1), "standing"] == pytest.approx(0.5)


def test_the_bars_say_the_difference_in_standard_deviations_and_nothing_where_nothing_is_known():
    # Mean 2, standard deviation 2: the two of the second segment lie one of them above.
    values = pd.DataFrame({"orders": [0.0, 0, 4, 4], "stars_mean": [np.nan, np.nan, 1, 5]})
    rows = profile(values, np.array([0, 0, 1, 1]), NAMES)
    [bar] = profile_figure(rows[rows["segment"] == 1], 1)["data"]
    assert bar["y"] == ["Orders", "Mean stars"] and bar["x"] == [1.0, 0.0]
    assert bar["error_x"]["array"][0] == 0.0
    # Stars 1 and 5: mean 3 as all; the standard error is √8/√2 = 2, which is one standard deviation of all: 1.96 of them.
    assert bar["error_x"]["array"][1] == pytest.approx(1.96, abs=0.001)
    [bar] = profile_figure(rows[rows["segment"] == 0], 0)["data"]
    assert bar["x"] == [-1.0, None] and bar["customdata"][1] == "Mean stars: not known"
    assert profile_alt(rows[rows["segment"] == 0], "Loyal") == (
        "Loyal: difference from the average user in standard deviations: Orders -1.0."
    )


def test_parallel_coordinates_leave_a_hole_where_nothing_is_known():
    values = pd.DataFrame({"orders": [0.0, 0, 4, 4], "stars_mean": [np.nan, np.nan, 1, 5]})
    standing = median_standing(values, np.array([0, 0, 1, 1]), NAMES)
    figure = standing_figure(standing, (0, 1), ("stars_mean", "orders"), names=NAMES)
    low, high = figure["data"]
    assert low["x"] == [None, 0.25] and high["x"] == [0.5, 0.75]
    assert low["y"] == ["Mean stars", "Orders"] and low["line"]["dash"] != high["line"]["dash"]
    assert "Loyal: Orders 25%" in standing_alt(standing, ("Loyal",))


@pytest.mark.parametrize("is_dark", [False, True])
def test_plotly_accepts_every_figure(plane, is_dark):
    values = pd.DataFrame({"orders": [0.0, 0, 4, 4], "stars_mean": [np.nan, np.nan, 1, 5]})
    labels = np.array([0, 0, 1, 1])
    rows = profile(values, labels, NAMES)
    standing = median_standing(values, labels, NAMES)
    for content in (
        map_points(plane, NAMES, is_dark=is_dark),
        map_density(plane, NAMES, is_dark=is_dark),
        profile_figure(rows[rows["segment"] == 0], 0, is_dark=is_dark),
        standing_figure(standing, (0, 1), ("orders",), names=NAMES, is_dark=is_dark),
        variance_figure([0.6, 0.3], is_dark=is_dark),
    ):
        go.Figure(content)
        assert content["layout"]["xaxis"]["title"]["text"]
