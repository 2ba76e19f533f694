"""Pictures of lists: every number at its place, read back from the figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.audiences.chart import overlap_alt, overlap_matrix, size_alt, size_line
from retention.audiences.membership import Overlap

HISTORY = pd.DataFrame({"n_users": [4, 6, 5], "n_joined": [4, 3, 0], "n_left": [0, 1, 1]})
DAYS = ["1 Jan 2026", "8 Jan 2026", "8 Jan 2026"]
OVERLAP = Overlap(("one", "a name that is <long> & odd", "nobody"), np.array([[4, 1, 0], [1, 2, 0], [0, 0, 0]]))


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_sizes_stand_in_their_order_also_twice_on_the_same_data(is_dark):
    figure = size_line(HISTORY, DAYS, is_dark=is_dark)
    (drawn,) = figure["data"]
    assert (drawn["x"], drawn["y"]) == ([1, 2, 3], [4, 6, 5])
    assert drawn["customdata"][1] == "8 Jan 2026: 6 users, 3 joined, 1 left"
    layout = figure["layout"]
    assert layout["xaxis"]["ticktext"] == DAYS and layout["yaxis"]["title"]["text"] == "Users on the list"
    assert size_alt(HISTORY, "ours") == (
        "Number of users on the list “ours” at the 3 times it was made: 4 at first, 5 at last, between 4 and 6."
    )


@pytest.mark.parametrize("is_dark", [False, True])
def test_each_cell_says_which_share_of_the_row_is_on_the_column(is_dark):
    figure = overlap_matrix(OVERLAP, is_dark=is_dark)
    (heat,) = figure["data"]
    assert heat["z"] == [[None, 0.25, 0.0], [0.5, None, 0.0], [None, None, None]]  # of nobody no share is known
    written = {(note["y"], note["x"]): note["text"] for note in figure["layout"]["annotations"]}
    assert written == {(1, 2): "25", (1, 3): "0", (2, 1): "50", (2, 3): "0"}
    assert heat["x"] == heat["y"] == figure["layout"]["xaxis"]["tickvals"] == [1, 2, 3]
    assert heat["customdata"][1][0] == "1 of the 2 users of a name that is &lt;long&gt; &amp; odd<br>are also on one (50%)"
    assert figure["layout"]["yaxis"]["ticktext"][1] == "a name that i…  <b>2</b>"
    assert "“one” and “a name that is <long> & odd” share the most users: 1." in overlap_alt(OVERLAP)
    assert "No two of them share a user" in overlap_alt(Overlap(("a", "b"), np.diag([3, 2])))
