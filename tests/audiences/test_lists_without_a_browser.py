"""Saved lists on the command line: the same numbers as on the page, and one sentence for each mistake."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from retention.audiences.answer_lists import saved_lists
from retention.cli import main
from retention.store import Store
from tests.audiences.lists import label_users, save_list
from tests.churn.test_list import scored_store
from tests.worlds import diary, store_of

NAMES = ["ann", "bob", "cyd", "dee"]


def stored() -> Path:
    """Three of four users have the tag “often”, two of them are on the list “both”, one may not be written to."""
    store = store_of(diary("ann: 5 15/campaign_sent\nbob: 5 6/unsubscribe\ncyd: 6\ndee: 7"), as_of="2026-01-21")
    label_users(store, "tag:often", ["ann", "bob", "cyd"])
    save_list(store, "both", ["bob", "dee"])
    store.close()
    return store.path


@pytest.fixture
def path() -> Path:
    return stored()


@pytest.fixture(scope="module")
def unchanged() -> Path:
    return stored()


def run(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> Any:
    assert main(["audience", *words, "--store", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> str:
    assert main(["audience", *words, "--store", str(path)]) == 2
    return capsys.readouterr().err


def test_a_list_is_made_shown_exported_and_deleted(capsys, path, tmp_path):
    made = run(capsys, path, "create", "often", "--label", "tag:often")
    assert (made["n_users"], made["is_refreshed"]) == (3, False) and made["as_of"] == "2026-01-21T00:00:00Z"
    (often, both) = run(capsys, path, "list")["lists"]
    assert (often["name"], often["n_users"], both["name"], both["n_users"]) == ("often", 3, "both", 2)
    shown = run(capsys, path, "show", "often", "--not-contacted", "14", "--reachable")
    assert shown["left_out"]["reasons"] == [
        {"reason": "contacted in the last 14 days", "n": 1}, {"reason": "may not be written to", "n": 1},
    ]  # fmt: skip
    assert (shown["left_out"]["n_before"], shown["left_out"]["n_after"], shown["n_shown"], len(shown["users"])) == (3, 1, 1, 1)
    assert [time["n_users"] for time in shown["history"]] == [3]
    out = tmp_path / "often.csv"
    assert run(capsys, path, "export", "often", "--out", str(out), "--not-contacted", "14")["n_rows"] == 2
    assert len(list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))) == 2
    assert run(capsys, path, "delete", "often")["deleted"] == "often"
    assert [one["name"] for one in run(capsys, path, "list")["lists"]] == ["both"]


def test_a_definition_that_was_shown_makes_the_same_list_again(capsys, path, tmp_path):
    question = json.dumps(run(capsys, path, "show", "both")["question"])
    again = tmp_path / "question.json"
    again.write_text(question, "utf-8")
    assert run(capsys, path, "create", "again", "--question", question)["n_users"] == 2
    assert run(capsys, path, "create", "and again", "--question", f"@{again}", "--reachable")["n_users"] == 1
    assert "not understood" in refused(capsys, path, "create", "x", "--question", "{}")
    assert "cannot be read" in refused(capsys, path, "create", "x", "--question", "@/no/such/file")


def test_lists_are_combined_and_compared(capsys, path):
    run(capsys, path, "create", "often", "--label", "tag:often")
    assert run(capsys, path, "combine", "--all", "often,both")["n_users"] == 1
    assert run(capsys, path, "combine", "--any", "often,both")["n_users"] == 4
    assert len(run(capsys, path, "list")["lists"]) == 2  # counting keeps nothing
    made = run(capsys, path, "combine", "only often", "--all", "often", "--none", "both", "--refreshed")
    assert (made["n_users"], made["definition"]) == (2, "Users who are on “often”, and not on “both”.")
    pairs = {(row["list"], row["other"]): row["n_both"] for row in run(capsys, path, "overlap")["overlaps"]}
    assert pairs["often", "both"] == pairs["both", "often"] == 1 and pairs["only often", "both"] == 0
    assert len(run(capsys, path, "overlap", "often", "both")["overlaps"]) == 2


def test_a_list_is_made_anew_on_demand_and_with_each_import(capsys, path, tmp_path):
    run(capsys, path, "create", "often", "--label", "tag:often")
    assert run(capsys, path, "refresh")["lists"] == []
    assert run(capsys, path, "refresh", "often", "--each-import", "yes")["is_refreshed"]
    with Store.open(path) as store:
        label_users(store, "tag:often", ["dee"], cutoff_us=2)
    file = tmp_path / "more.csv"
    file.write_text("user,time,event\nzoe,2026-01-20T10:00:00,visit\n", "utf-8")
    assert main(["import", str(file), "--store", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["lists"] == ["The list “often” was made anew: 1 joined, 3 left; it now has 1 user."]
    (one,) = run(capsys, path, "refresh", "often")["lists"]
    assert (one["n_joined"], one["n_left"], one["n_users"], one["fault"]) == (0, 0, 1, None)
    with Store.open(path) as store:
        assert {kept.name: kept.n_made for kept in saved_lists(store)} == {"often": 3, "both": 1}


def test_the_riskiest_users_are_a_list(capsys):
    store = scored_store()
    store.close()
    assert run(capsys, store.path, "create", "two", "--riskiest", "2")["n_users"] == 2
    assert run(capsys, store.path, "create", "from", "--risk-from", "0.5")["n_users"] == 3
    shown = run(capsys, store.path, "show", "two")
    assert (shown["scoring"], shown["model_version"], shown["made_of_data_version"]) == (1, 1, shown["data_version"] - 2)


@pytest.mark.parametrize(("words", "said"), [
    (("show", "bth"), "no saved list"),
    (("create", "both", "--label", "tag:often"), "There is a list “both” already"),
    (("create", "x", "--label", "tag:oftn"), "There is no label"),
    (("create", "x", "--label", "tag:often", "--group", "mail"), "`--group` must name a group of a campaign"),
    (("create", "x", "--campaign", "spring"), "There is no campaign"),
    (("create", "x", "--riskiest", "5"), "Nobody has been scored yet"),
    (("combine", "--none", "both"), "must begin with at least one list"),
    (("refresh", "--each-import", "yes"), "must be said of a list"),
    (("overlap", "both"), "From 2 to 12 lists"),
    (("export", "both", "--out", "both.doc"), "must end in one of"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(capsys, unchanged, words, said):
    error = refused(capsys, unchanged, *words)
    assert said in error and error.count("\n") == 1
