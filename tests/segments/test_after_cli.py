"""Segments from the command line: how many there are, and what their users did next."""

from __future__ import annotations

import json

import pytest

from retention.cli import main
from tests.worlds import diary, store_of

# Five come often until 31 January and five once; of the former two come back in the first week of February.
OFTEN = "2 4 6 8 10 12 14 16 18"
WORLD = "\n".join(
    [f"a{i}: {OFTEN} {20 + i} {'2026-02-03' if i < 2 else ''}" for i in range(5)] + [f"b{i}: {20 + i}" for i in range(5)]
)
SETTINGS = ["--features", "active_days", "--k", "2", "--log", "none", "--winsorise", "0"]


@pytest.fixture
def path():
    """Return the path of a store that holds the world."""
    store = store_of(diary(WORLD), as_of="2026-03-01", churn_window=14)
    store.close()
    return str(store.path)


def test_what_they_did_next_as_json(path, capsys):
    code = main(["segments", "after", "--store", path, "--json", "--as-of", "2026-02-01", "--weeks", "3", *SETTINGS])
    said = json.loads(capsys.readouterr().out)
    assert code == 0 and said["as_of"] == "2026-03-01T00:00:00Z"
    assert (said["at"], said["n_weeks"], said["n_users"], said["label"]) == ("2026-02-01", 3, 10, None)
    assert sorted(row["retained"] for row in said["weeks"] if row["week"] == 0) == [0, 2]
    assert said["weeks"][0]["first_on"] == "2026-02-01"
    assert said["revenue"] is None
    # All ten were active within 14 days before. a0 was silent for 14 days, from 20 January to 3 February: a lapse, day 0.
    # a1 for 13: the life ends on 3 February, day 2. Everybody else never came back: day 0.
    groups = said["lapses"]["groups"]
    assert [g["silent_already"] for g in groups] == [0, 0]
    assert sorted([row["t"], row["events"]] for g in groups for row in g["curve"] if row["events"]) == [[0, 4], [0, 5], [2, 1]]
    # Five users a segment are too few to be compared.
    assert [pair["says"] for pair in said["pairs"]] == ["cannot tell"] and said["pairs"][0]["p_adjusted"] is None


def test_what_they_did_next_in_words(path, capsys):
    assert main(["segments", "after", "--store", path, "--as-of", "2026-02-01", "--weeks", "2", *SETTINGS]) == 0
    said = capsys.readouterr().out
    assert "10 users; 2 weeks of seven days from 1 February 2026 on" in said and "Not circular" in said


def test_a_saved_segmentation_is_followed_by_its_label(path, capsys):
    assert main(["segments", "fit", "--store", path, "--save", "Habits", *SETTINGS, "--as-of", "2026-01-31"]) == 0
    capsys.readouterr()
    command = ["segments", "after", "--store", path, "--json", "--label", "Habits", "--as-of", "2026-02-01", "--weeks", "3"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["label"] == "segment:Habits v1" and said["model_learned_before"] == "2026-01-31"
    assert main(["segments", "after", "--store", path, "--label", "Moods"]) == 2
    assert 'There is no segmentation "Moods"' in capsys.readouterr().err


def test_a_day_that_is_too_late_says_which_is_not(path, capsys):
    assert main(["segments", "after", "--store", path, "--as-of", "2026-02-27", *SETTINGS]) == 2
    said = capsys.readouterr().err
    assert "No week from 2026-02-27 on is over yet" in said and "Choose 2026-02-22 or an earlier day." in said


def test_the_sweep_says_which_number_holds_best(path, capsys):
    command = ["segments", "sweep", "--store", path, "--k-to", "3", "--bootstraps", "5", *SETTINGS]
    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["k"] for row in said["numbers"]] == [2, 3] and said["n_bootstraps"] == 5 and said["n_users"] == 10
    assert [len(row["stabilities"]) for row in said["numbers"]] == [2, 3]
    assert main(command) == 0
    assert said["verdict"] in capsys.readouterr().out
    assert main([*command, "--method", "rfm"]) == 2
    assert "find their own number of segments" in capsys.readouterr().err
