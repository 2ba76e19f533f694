"""`python -m retention interval`: the page's numbers without a browser."""

from __future__ import annotations

import json

import pytest

from retention.cli import main
from tests.worlds import diary, store_of

# ann's gaps are 7 and 14 days, bob's 1, cyd's 14; dee has none.
FOUR = "ann: 5?city=Aix 12 26\nbob: 6?city=Bonn 7\ncyd: 5?city=Bonn 19\ndee: 13"


@pytest.fixture
def path():
    store = store_of(diary(FOUR), as_of="2026-02-02")
    store.close()
    return str(store.path)


def test_json_holds_the_distribution_the_windows_and_the_suggestion(path, capsys):
    assert main(["interval", "--store", path, "--json", "--follow-up", "5", "--accept", "90"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["as_of"], said["timezone"]) == ("2026-02-02T00:00:00Z", "UTC")
    assert "median number of days" in said["definition"]
    [everybody] = said["groups"]
    assert (everybody["median"], everybody["n_excluded"], everybody["low"]) == (10.5, 1, None)
    assert [(r["days"], r["n_users"]) for r in said["distribution"]] == [(1, 1), (10.5, 1), (14, 1)]
    window = said["window"]
    assert (window["follow_up_days"], window["in_force_days"]) == (5, 60)
    rows = {row["days"]: row for row in window["rows"]}
    assert len(rows) == 180
    assert (rows[10]["n_silences"], rows[10]["n_returned"], rows[10]["n_silent_now"]) == (4, 2, 3)
    assert rows[22]["n_silences"] == 0 and rows[22]["rate"] is None  # unknown is not zero
    # Four users, one of them back: the Wilson interval ends at 69.9 %.
    assert window["suggested_days"] == 1 and rows[1]["high"] == pytest.approx(0.699, abs=0.001)


def test_groups_have_suggestions_of_their_own(path, capsys):
    assert main(["interval", "--store", path, "--json", "--follow-up", "5", "--by", "city", "--accept", "95"]) == 0
    window = json.loads(capsys.readouterr().out)["window"]
    assert [one["group"] for one in window["suggested_by_group"]] == [None, "Bonn", "(none)", "Aix"]


def test_the_text_is_short_and_marks_the_window_in_force(path, capsys):
    assert main(["interval", "--store", path, "--follow-up", "5"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Half of 3 users come back every 10.5 days or more often")
    assert "  60 days" in said and "(in force)" in said and "not known yet" in said


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (["--follow-up", "0"], "`follow_up_days` must be from 1 to 365, not 0."),
        (["--accept", "0"], "`--accept` must be a share above 0 and below 100 %, not 0."),
        (["--events", "vist"], 'The store holds no event "vist".'),
        (["--by", "planet"], 'The store holds no property "planet".'),
    ],
)
def test_a_mistake_is_one_sentence(path, capsys, given, advice):
    assert main(["interval", "--store", path, *given]) == 2
    assert advice in capsys.readouterr().err
