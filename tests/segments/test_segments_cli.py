"""Segments from the command line: the same answers and orders as on the page."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from retention.cli import main
from retention.segments.saved import GRID_WORDS
from retention.segments.spec_saved import SegmentUsersSpec
from retention.store import Store
from tests.segments.visitors import LABEL, ids, kept, visitors
from tests.worlds import diary, store_of

FIT = ("--features", "active_days", "--k", "2", "--min-active-days", "2", "--log", "none", "--winsorise", "0",
       "--scale", "none", "--as-of", "2026-01-11")  # fmt: skip


@pytest.fixture
def path() -> str:
    store = visitors()
    store.close()
    return str(store.path)


@pytest.fixture
def saved(path) -> str:
    with Store.open(Path(path)) as store:
        kept(store)
    return path


def told(capsys, path, *args):
    code = main(["segments", *args, "--store", path])
    out = capsys.readouterr()
    return code, out.out, out.err


def told_json(capsys, path, *args):
    code, out, err = told(capsys, path, *args, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert list(found)[:3] == ["as_of", "timezone", "data_version"]
    return found


def test_fit_judges_and_saves(path, capsys):
    found = told_json(capsys, path, "fit", *FIT)
    assert found["label"] is None and found["cutoff"] == "2026-01-11T00:00:00Z"
    assert (found["n_users"], found["n_left_out"], found["features"]) == (5, 2, ["active_days"])
    assert [(s["n"], s["share"]) for s in found["segments"]] == [(3, 0.6), (2, 0.4)]  # ann bob cyd | dee eve
    assert found["segments"][0]["words"] == "active days ≤ 5" and found["quality"]["fidelity"] == 1.0
    assert found["quality"]["verdict"] == "Not judged: 5 users are too few to tell segments from chance."
    assert told_json(capsys, path, "list")["segmentations"] == []
    found = told_json(capsys, path, "fit", *FIT, "--save", "Visitors", "--names", "Seldom,Often")
    assert found["label"] == LABEL and [s["name"] for s in found["segments"]] == ["Seldom", "Often"]
    [one] = told_json(capsys, path, "list")["segmentations"]
    assert one["segments"] == ["Seldom", "Often"] and one["n_users"] == 5
    assert [row["cutoff"] for row in one["labellings"]] == ["2026-01-11T00:00:00Z"]
    with Store.open(Path(path)) as store:
        assert ids(store, SegmentUsersSpec(LABEL, "Often")) == "dee eve"


def test_score_and_compare(saved, capsys):
    found = told_json(capsys, saved, "score", "Visitors", "--as-of", "2026-01-21")
    assert (found["label"], found["cutoff"], found["n_users"]) == (LABEL, "2026-01-21T00:00:00Z", 8)
    assert [(s["name"], s["n"]) for s in found["segments"]] == [("Seldom", 4), ("Often", 4)]
    assert [row["feature"] for row in found["drift"]] == ["active_days"]
    found = told_json(capsys, saved, "compare", "Visitors v1", "--from", "2026-01-11")
    ways = {(m["before"], m["after"]): (m["n"], m["share"]) for m in found["movements"]}
    assert ways["Seldom", "Often"] == (1, pytest.approx(1 / 3)) and ways["Not there before", "Often"] == (1, None)
    assert found["n_users"] == 8 and [row["feature"] for row in found["drift"]] == ["active_days"]
    _, out, _ = told(capsys, saved, "compare", LABEL, "--from", "2026-01-11", "--to", "2026-01-21")
    assert "Seldom" in out and "33.3%" in out and "PSI" in out
    code, _, err = told(capsys, saved, "compare", "Visitors", "--from", "2026-01-12")
    assert code == 2 and 'segments score "Visitors v1" --as-of 2026-01-12' in err
    code, _, err = told(capsys, saved, "compare", "Visitors", "--from", "2026-01-21", "--to", "2026-01-11")
    assert code == 2 and "The first date must be earlier" in err


def test_the_json_switch_may_come_before_the_verb(saved, capsys):
    assert main(["segments", "--store", saved, "--json", "list"]) == 0
    assert json.loads(capsys.readouterr().out)["segmentations"][0]["label"] == LABEL
    code, out, _ = told(capsys, saved)
    assert code == 0 and LABEL in out and "Seldom, Often" in out


def test_export_holds_the_users_that_are_counted_and_leaves_a_trace(saved, capsys, tmp_path):
    file = tmp_path / "often.csv"
    found = told_json(capsys, saved, "export", "Visitors", "Often", "--out", str(file), "--file-ids")
    assert found["n_users"] == 2
    with open(file, encoding="utf-8-sig", newline="") as lines:
        assert sorted(row["user_id"] for row in csv.DictReader(lines)) == ["dee", "eve"]
    with Store.open(Path(saved)) as store, store.snapshot() as snapshot:
        ((action, n_rows),) = snapshot.rows("select a.action, a.n_rows from audit as a order by a.audit_id desc limit 1")
        assert (action, n_rows) == ("export users", 2)
    for args, said in (
        (("Visitors", "Ofen", "--out", str(file)), 'has no segment "Ofen". Did you mean "Often"?'),
        (("Visitors", "Often", "--out", "x.txt"), "must end in"),
        (("Nobody", "Often", "--out", str(file)), 'There is no segmentation "Nobody"'),
        (("Visitors", "Often", "--as-of", "2026-01-20", "--out", str(file)), "has no labels as of 2026-01-20"),
        (("Visitors", "Often", "--out", str(tmp_path / "none" / "x.csv")), "cannot be written"),
    ):
        code, _, err = told(capsys, saved, "export", *args)
        assert code == 2 and said in err


def test_rename_and_delete(saved, capsys):
    assert told_json(capsys, saved, "rename", "Visitors", "Rare,")["segments"] == ["Rare", "Often"]
    code, _, err = told(capsys, saved, "rename", "Visitors", "Same,Same")
    assert code == 2 and "Two segments are called" in err
    assert told_json(capsys, saved, "delete", "Visitors v1")["deleted"] == LABEL
    code, _, err = told(capsys, saved, "delete", "Visitors v1")
    assert code == 2 and "No segmentation has been saved yet." in err


def test_what_is_not_said_is_as_recommended_for_the_store(path, capsys):
    found = told_json(capsys, path, "fit")
    # Of nine users none has forty active days, so one is enough; habits are the recommended features.
    assert found["min_active_days"] == 1 and "gap_mean" in found["features"] and found["n_users"] == 9
    code, _, err = told(capsys, path, "fit", "--k", "21")
    assert code == 2 and "`k` must be from 2 to 20" in err
    code, _, err = told(capsys, path, "fit", "--features", "moon")
    assert code == 2 and 'There is no feature "moon"' in err
    store = store_of(diary("ann: 1/purchase 2/purchase\nbob: 3/purchase\ncyd: 4/purchase\ndee: 9/purchase\neve: 5/purchase"))
    store.close()
    found = told_json(capsys, str(store.path), "fit", "--method", "rfm")
    assert found["quality"]["verdict"] == GRID_WORDS and found["segments"][0]["verdict"] is None


def test_a_label_filters_other_commands(saved, capsys):
    assert main(["cohorts", "--where", f"{LABEL}=Often", "--store", saved, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert LABEL in json.dumps(found, ensure_ascii=False)
