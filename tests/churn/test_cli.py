"""Churn scores from the command line: the same answers and orders as on the page."""

from __future__ import annotations

import csv
import json
import math
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retention.churn.answer_list import at_risk_reach, at_risk_users
from retention.churn.answer_registry import serving
from retention.churn.answer_report import churn_report
from retention.churn.answer_scores import latest_scoring, scored
from retention.churn.money import Offer
from retention.churn.spec_list import AtRiskSpec
from retention.cli import main
from retention.store import Store
from tests.churn.conftest import copied
from tests.worlds import diary, store_of

ROOT = Path(__file__).resolve().parents[2]
QUESTION = ("--horizon", "30", "--gap", "7", "--lookback", "60", "--features", "orders,active_days_30,gap_mean")


@pytest.fixture(scope="module")
def path(scored_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that the reading commands share."""
    return str(copied(scored_template, tmp_path_factory.mktemp("read")))


@pytest.fixture
def own_path(scored_template: Path, tmp_path: Path) -> str:
    return str(copied(scored_template, tmp_path))


def told(capsys, path, *args):
    code = main(["churn", *args, *(["--store", path] if path else [])])
    out = capsys.readouterr()
    return code, out.out, out.err


def told_json(capsys, path, *args):
    code, out, err = told(capsys, path, *args, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert list(found)[:3] == ["as_of", "timezone", "data_version"]
    return found


def said(capsys, path, *args):
    code, out, err = told(capsys, path, *args)
    assert code == 0, err
    return out


def refused(capsys, path, *args):
    code, out, err = told(capsys, path, *args)
    assert (code, out) == (2, "")
    return err.removeprefix("retention: ").strip()


def test_the_list_is_what_the_page_shows(path, capsys):
    found = told_json(capsys, path, "list", "--n", "25", "--contact-cost", "2", "--incentive", "5", "--save-rate", "0.2")
    with Store.open(Path(path)) as store:
        scoring = latest_scoring(store)
        assert scoring is not None
        spec = AtRiskSpec(scoring_key=scoring.scoring_key, n=25)
        answer = at_risk_users(store, spec)
        point = at_risk_reach(store, spec).at(25, Offer(contact_cost=2, incentive=5, save_rate=0.2))
        every = scored(store)
    assert found["n"] == 25 == len(found["users"])
    assert [user["pseudonym"] for user in found["users"]] == list(answer.users["pseudonym"])
    # The 25 highest probabilities of all, by hand.
    highest = sorted(every.probability, reverse=True)[:25]
    assert [user["probability"] for user in found["users"]] == pytest.approx(highest)
    assert found["means"]["caught"]["value"] == pytest.approx(sum(highest))
    assert found["means"]["net"]["value"] == pytest.approx(point.net.value)
    assert found["n_candidates"] == found["n_users"] == every.n_users


def test_the_list_begins_with_those_at_high_risk(path, capsys):
    found = told_json(capsys, path, "list")
    assert found["threshold"] == found["high"]
    assert all(user["tier"] == "high risk" for user in found["users"])
    more = told_json(capsys, path, "list", "--threshold", "0")
    assert more["n"] == more["n_candidates"] > found["n"]
    assert "whom a contact would keep" in said(capsys, path, "list")


def test_a_file_of_the_list_holds_every_user_on_it(path, capsys, tmp_path):
    out = tmp_path / "list.csv"
    found = told_json(capsys, path, "list", "--n", "40", "--out", str(out))
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert [row["pseudonym"] for row in rows] == [user["pseudonym"] for user in found["users"]]
    assert len(rows) == 40
    assert "must end in" in refused(capsys, path, "list", "--out", "list.doc")


def test_the_report_is_what_was_found_at_the_held_back_cutoff(path, capsys):
    found = told_json(capsys, path, "report", "--threshold", "0.4", "--by", "country", "--drift")
    with Store.open(Path(path)) as store:
        report = churn_report(store, 1)
    held, standing = report.held_back, report.standing
    assert (found["n_users"], found["n_lapsed"]) == (held.n_users, int(held.lapsed.sum()))
    assert (found["horizon_days"], found["gap_days"], found["lookback_days"]) == (30, 7, 60)
    aucs = {row["score"]: row["auc"] for row in found["beside"]}
    assert {"logistic", "recency", "frequency"} <= set(aucs)
    assert aucs["logistic"] == pytest.approx(float(standing.beside.set_index("score").loc["logistic", "auc"]))
    # Precision and recall by counting.
    chosen = held.probability >= 0.4
    hits = int(held.lapsed[chosen].sum())
    assert found["at_threshold"]["precision"]["value"] == pytest.approx(hits / chosen.sum())
    assert found["at_threshold"]["recall"]["value"] == pytest.approx(hits / held.lapsed.sum())
    assert sum(group["n"] for group in found["by"]["groups"]) + found["by"]["n_hidden_users"] == held.n_users
    assert {row["feature"] for row in found["drift"]["features"]} >= {"orders", "active_days_30"}
    text = said(capsys, path, "report", "--by", "country", "--drift")
    assert found["sentence"] in text and "← chosen" in text


def test_the_reasons_add_up_to_the_score(path, capsys):
    user = told_json(capsys, path, "list", "--n", "1")["users"][0]
    found = told_json(capsys, path, "explain", user["pseudonym"])
    parts = sum(reason["log_odds"] for reason in found["reasons"])
    p = user["probability"]
    assert found["base"] + parts == pytest.approx(math.log(p / (1 - p)), abs=1e-6)
    assert sum(row["log_odds"] for row in found["features"]) == pytest.approx(parts)
    assert found["user"] == user["pseudonym"]
    changed = told_json(capsys, path, "explain", user["pseudonym"][:12], "--set", "active_days_30=25")["what_if"]
    assert changed["after"] < changed["before"] == pytest.approx(p)
    assert "need not be its cause" in said(capsys, path, "explain", user["pseudonym"])
    assert "must look like" in refused(capsys, path, "explain", user["pseudonym"], "--set", "active_days_30")
    assert "does not look at" in refused(capsys, path, "explain", user["pseudonym"], "--set", "shoe_size=42")


def test_when_users_lapse_is_said_with_its_judgement(path, capsys):
    found = told_json(capsys, path, "when", *QUESTION)
    assert found["window_days"] == 30 and found["n_users"] > 0
    assert {row["teaches"] for row in found["models"]} >= {"everybody", "observed lapses only"}
    user = told_json(capsys, path, "list", "--n", "1", "--threshold", "0")["users"][0]["pseudonym"]
    assert user in said(capsys, path, "when", *QUESTION, "--user", user)


def test_versions_are_made_compared_rolled_back_and_deleted(own_path, capsys):
    found = told_json(capsys, own_path, "train", *QUESTION, "--model", "lasso", "--backtests", "1")
    assert (found["version"], found["name"], found["is_serving"]) == (2, "lasso", True)
    assert found["report"]["word"] == found["verdict"]
    # Everybody is scored at once, as by the button of the page.
    assert found["scoring"]["version"] == 2 == told_json(capsys, own_path, "list", "--top", "3")["version"]
    assert "drift" not in found["report"]
    listed = told_json(capsys, own_path, "models")
    assert [(m["version"], m["is_serving"]) for m in listed["models"]] == [(2, True), (1, False)]
    compared = told_json(capsys, own_path, "compare", "1", "2")
    assert compared["is_same_question"] and {"what": "Model", "one": "logistic", "two": "lasso"} in compared["settings"]
    assert "version 2 (lasso)" in said(capsys, own_path, "compare", "1", "2")
    assert told_json(capsys, own_path, "rollback", "1")["serving"] == 1
    assert told_json(capsys, own_path, "score")["version"] == 1
    assert told_json(capsys, own_path, "score", "--version", "2")["version"] == 2
    assert told_json(capsys, own_path, "delete", "2")["serving"] == 1
    assert "no version 2" in refused(capsys, own_path, "rollback", "2")
    assert "version 1" in said(capsys, own_path, "models")


def test_tiers_move(own_path, capsys):
    told_json(capsys, own_path, "tiers", "0.5", "0.2")
    found = told_json(capsys, own_path, "list")
    assert (found["high"], found["medium"]) == (0.5, 0.2)
    assert all(user["probability"] >= 0.5 for user in found["users"])
    assert "0 < medium < high < 1" in refused(capsys, own_path, "tiers", "0.2", "0.5")


def test_mistakes_are_advice(path, capsys):
    assert refused(capsys, path, "train", "--events", "dance").startswith("No event is called dance.")
    assert "`model` must be one of" in refused(capsys, path, "train", "--model", "oracle")
    assert "must not be later" in refused(capsys, path, "score", "--cutoff", "2031-01-01")
    assert "from 0 to 1" in refused(capsys, path, "report", "--threshold", "7")
    assert "no version 9" in refused(capsys, path, "report", "--version", "9")


def test_without_a_model_it_is_said_what_to_do(capsys):
    store = store_of(diary("ann: 5 12 26\nbob: 6 7"))
    store.close()
    path = str(store.path)
    assert told_json(capsys, path, "models")["models"] == []
    for verb in ("report", "score", "list"):
        assert "churn train" in refused(capsys, path, verb)
    assert "must reach back" in refused(capsys, path, "train")


def test_a_training_that_is_killed_leaves_the_old_model_and_the_next_one_begins_anew(own_path, capsys):
    # A terminal on standard error, on which progress is written.
    watcher, terminal = pty.openpty()
    command = [sys.executable, "-m", "retention", "churn", "train", "--store", own_path, *QUESTION, "--model", "best of"]
    trainer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    seen = b""
    try:
        while b"teaching and judging" not in seen:
            seen += os.read(watcher, 4096)  # ends with an error if the program does
    finally:
        os.kill(trainer.pid, signal.SIGKILL)
        trainer.wait()
        os.close(watcher)
    assert b"reading users as of" in seen
    with Store.open(Path(own_path)) as store:
        card = serving(store)
        assert card is not None and card.version == 1
    assert told_json(capsys, own_path, "train", *QUESTION, "--model", "logistic", "--backtests", "1", "--no-score")["version"] == 2


# A table of one's own --------------------------------------------------------------------------------


def table_file(folder: Path, text: str) -> str:
    file = folder / "people.csv"
    file.write_text(text, "utf-8")
    return str(file)


def people() -> str:
    # Of users with few visits 3 in 4 left, of those with many 1 in 4; the plan says nothing.
    lines = ["id,visits,plan,left"]
    for i in range(200):
        visits, turn = i % 10, i // 10 % 4
        left = turn < 3 if visits < 5 else turn < 1
        lines.append(f"u-{i},{visits},{'gold' if i % 3 else 'tin'},{'yes' if left else 'no'}")
    return "\n".join(lines)


def test_a_table_of_ones_own_needs_no_store(tmp_path, capsys):
    file, out = table_file(tmp_path, people()), tmp_path / "scores.csv"
    arguments = ("table", "--file", file, "--label", "left", "--id", "id", "--model", "logistic", "--allow", "visits")
    code, text, err = told(capsys, None, *arguments, "--json", "--out", str(out))
    assert code == 0, err
    found = json.loads(text)
    # 20 rounds of ten visits; turns 0 to 3 come five times each: 5 · 5 · 3 of the few and 5 · 5 · 1 of the many left.
    assert (found["n_users"], found["n_left"], found["base_rate"]) == (200, 100, 0.5)
    assert found["positive"] == "yes" and len(found["folds"]) == 5
    assert 0.6 < found["figures"]["auc"]["value"] < 0.8
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert len(rows) == 200 and list(rows[0]) == ["id", "left", "probability"]
    code, text, err = told(capsys, None, *arguments)
    assert code == 0 and found["sentence"] in text and "Calibration slope" in text


def test_a_leak_in_a_table_blocks_with_its_name(tmp_path, capsys):
    leaking = "\n".join(
        line + ("," + ("reason" if i == 0 else "moved" if line.endswith("yes") else ""))
        for i, line in enumerate(people().splitlines())
    )
    file = table_file(tmp_path, leaking)
    said = refused(capsys, None, "table", "--file", file, "--label", "left", "--id", "id", "--allow", "visits")
    assert said.startswith("reason (ROC AUC 1.000) alone tells too well who left")
    code, *_ = told(capsys, None, "table", "--file", file, "--label", "left", "--allow", "visits", "--leave-out", "reason")
    assert code == 0


def test_bad_tables_are_refused_in_a_sentence(tmp_path, capsys):
    assert "cannot be read" in refused(capsys, None, "table", "--file", str(tmp_path / "none.csv"), "--label", "left")
    file = table_file(tmp_path, "")
    assert refused(capsys, None, "table", "--file", file, "--label", "left").startswith("The file is empty.")
    file = table_file(tmp_path, people())
    assert refused(capsys, None, "table", "--file", file, "--label", "gone").startswith("The file has no label 'gone'.")
