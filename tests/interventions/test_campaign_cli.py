"""The command line of interventions and campaigns: what the page does, without it."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec
from retention.cli import main
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.interventions.assignment import draws
from retention.store import Store
from retention.store.audit import faults
from retention.store.labels import add_label, put_labelling
from tests.rows import import_rows
from tests.worlds import fresh_path, instant

N = 40


@pytest.fixture(scope="module")
def template() -> Path:
    """Forty users who came twice in the first week of January, kept as the list “week one”; data up to 10 February."""
    rows = [{"user": f"u{i:02d}", "time": f"2026-01-0{day}", "event": "visit"} for i in range(N) for day in (5, 6)]
    made = fresh_path()
    with Store.create_or_open(made) as store:
        import_rows(store, rows, complete_to_us=instant("2026-02-10"))
        users = CellSpec(cohorts=CohortSpec(period="week"), cohort=date(2026, 1, 5), age=0)
        save_audience(store, AudienceSpec(name="week one", users=users))

        def label(tx: Any) -> None:
            keys = [key for (key,) in tx.rows("select i.user_key from identities as i order by i.user_id")]
            frame = pd.DataFrame({"user_key": keys[:10], "value_key": 1})
            put_labelling(tx, add_label(tx, "mood", ["glad"]), instant("2026-02-10"), frame, n_users=N)

        store.write(label)
    return made


@pytest.fixture
def path(template: Path) -> str:
    """A copy of it."""
    made = fresh_path()
    for ending in ("", ".key"):
        shutil.copy(f"{template}{ending}", f"{made}{ending}")
    return str(made)


def asked(path: str, capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main([*argv, "--store", path, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refused(path: str, capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main([*argv, "--store", path]) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


SPRING = ("assign", "spring", "--audience", "week one", "--arm", "care", "--arm", "strong=Discount coupon:3", "--holdout", "0.25")


def test_a_campaign_is_assigned_told_exported_and_ended(path: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = asked(path, capsys, *SPRING, "--window", "14", "--on", "2026-02-12")
    assert (made["as_of"], made["n_users"], made["window_days"]) == ("2026-02-10T00:00:00Z", N, 14)
    assert [(g["group"], g["expected_share"]) for g in made["groups"]] == [
        ("holdout", 0.25), ("Care message", pytest.approx(0.1875)), ("strong", pytest.approx(0.5625)),
    ]  # fmt: skip
    assert sum(g["n"] for g in made["groups"]) == N
    assert (made["exposed_at"], made["complete_at"], made["is_complete"]) == ("2026-02-12T00:00:00Z", "2026-02-26T00:00:00Z", False)
    shown = asked(path, capsys, "campaigns", "show", "spring")
    assert shown["groups"] == made["groups"] and shown["arms"][1]["intervention"]["kind"] == "coupon"
    file = tmp_path / "spring.csv"
    assert asked(path, capsys, "campaigns", "export", "spring", "--out", str(file), "--file-ids")["n_users"] == N
    rows = {row["user_id"]: row for row in csv.DictReader(file.read_text("utf-8-sig").splitlines())}
    # From the key and the ids alone the owner can draw the groups again.
    ids = [f"u{i:02d}" for i in range(N)]
    held = dict(zip(ids, draws(made["hash_key"], "spring", ids)[:, 0] < 0.25, strict=True))
    assert {user: row["holdout"] == "yes" for user, row in rows.items()} == {user: bool(is_held) for user, is_held in held.items()}
    assert {row["campaign"] for row in rows.values()} == {"spring"} and all(row["reason"] for row in rows.values())
    arm = tmp_path / "strong.jsonl"
    n_strong = asked(path, capsys, "campaigns", "export", "spring", "--arm", "strong", "--out", str(arm))["n_users"]
    assert n_strong == made["groups"][2]["n"] == len(arm.read_text("utf-8").splitlines()) and "u0" not in arm.read_text("utf-8")
    assert asked(path, capsys, "campaigns", "end", "spring")["ended"] == "spring"
    [listed] = asked(path, capsys, "campaigns", "list")["campaigns"]
    assert not listed["is_running"]
    with Store.open(Path(path)) as store, store.snapshot() as snapshot:
        assert faults(snapshot) == []


def test_what_was_planned_is_kept_and_said_when_it_is_read(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = asked(path, capsys, *SPRING, "--smallest", "0.05", "--baseline", "0.4")
    assert made["planned"]["effect"] == 0.05 and made["planned"]["n_arms"] == 2 and made["planned"]["n_available"] == N
    with Store.open(Path(path)) as store:
        import_rows(store, [{"user": f"u{i:02d}", "time": "2026-02-20", "event": "visit"} for i in range(N)],
                    complete_to_us=instant("2026-04-01"))  # fmt: skip
    read = asked(path, capsys, "experiment", "read", "spring", "--sequential")
    assert read["planned"] == made["planned"]
    assert read["readout"]["tuned_for"] == made["planned"]["n_sequential"]
    assert main(["experiment", "read", "spring", "--store", path]) == 0
    assert f"takes {made['planned']['n_total']:,} users; it has 40, so that it may be missed" in capsys.readouterr().out
    assert "must come with `--baseline`" in refused(path, capsys, *SPRING, "--smallest", "0.05")


def test_nothing_is_sent_and_it_is_said(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SPRING, "--store", path]) == 0
    assert "Nothing was sent" in capsys.readouterr().out


def test_a_contact_cap_keeps_whoever_was_contacted_lately_out(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = asked(path, capsys, "assign", "first", "--label", "mood=glad", "--arm", "ads", "--holdout", "0.3")
    assert first["n_users"] == 10
    n_held = first["groups"][0]["n"]
    asked(path, capsys, "campaigns", "end", "first")
    # The coupon's cap is 28 days: of the ten who were glad, the contacted ones are left out, and the holdout is not.
    second = asked(path, capsys, "assign", "second", "--audience", "week one", "--arm", "Discount coupon")
    assert second["n_users"] == N - 10 + n_held
    assert "contacted in the last 28 days" in second["definition"]


def test_messages_are_read_without_a_browser_and_name_nobody(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = asked(path, capsys, *SPRING)
    strong = asked(path, capsys, "interventions", "messages", "--campaign", "spring", "--group", "strong", "--template", "Hello")
    assert strong["n_users"] == made["groups"][2]["n"]
    assert 'has no group "weak"' in refused(path, capsys, "campaigns", "export", "spring", "--arm", "weak", "--out", "x.csv")
    found = asked(
        path, capsys, "interventions", "messages", "--campaign", "spring", "--template", "{days_since_last} days: {offer}",
        "--offer", "tea", "--n", "3",
    )  # fmt: skip
    # Everybody came last on 6 January, and 9 February is the last whole day: 34 days.
    assert [row["text"] for row in found["messages"]] == ["34 days: tea"] * 3 and found["n_users"] == N
    assert (found["n_unwritten"], found["n_missing"]) == (0, {"days_since_last": 0, "offer": 0})
    assert {len(row["pseudonym"]) for row in found["messages"]} == {32}
    found = asked(path, capsys, "interventions", "messages", "--label", "mood=glad", "--like", "onboarding", "--language", "Chinese")
    assert (found["n_users"], found["n_fallback"]) == (10, 10) and found["messages"][0]["text"] == "三步教您用好您的账户。"
    line = refused(path, capsys, "interventions", "messages", "--audience", "week one", "--template", "Dear {name}")
    assert "cannot fill in {name}" in line and "{favourite_item}" in line


def test_users_of_a_running_campaign_are_refused_or_left_out(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked(path, capsys, "assign", "first", "--label", "mood=glad", "--arm", "ads")
    line = refused(path, capsys, "assign", "second", "--audience", "week one", "--arm", "ads")
    assert "10 of the 40 are in “first”" in line
    second = asked(path, capsys, "assign", "second", "--audience", "week one", "--arm", "ads", "--out-of-campaigns")
    assert second["n_users"] == N - 10


@pytest.mark.parametrize(("argv", "said"), [
    (["assign", "x", "--audience", "week two", "--arm", "ads"], 'There is no saved list "week two"'),
    (["assign", "x", "--audience", "week one"], "A campaign must have at least one arm."),
    (["assign", "x", "--audience", "week one", "--arm", "magic"], 'There is no intervention "magic"'),
    (["assign", "x", "--audience", "week one", "--arm", "ads:0"], "The share of an arm must be more than 0"),
    (["assign", "x", "--audience", "week one", "--arm", "ads", "--arm", "ads"], "Two arms of a campaign must not have the same name."),
    (["assign", "x", "--audience", "week one", "--arm", "ads", "--budget", "0"], "`budget` must be more than 0"),
    (["assign", "x", "--riskiest", "5", "--arm", "ads"], "Nobody has been scored yet."),
    (["assign", "x", "--label", "mood=sad", "--arm", "ads"], '"mood" has no value "sad"'),
    (["campaigns", "show", "spring"], 'There is no campaign "spring"'),
    (["interventions", "save", "Mine", "--like", "coupon", "--effect", "a,b"], "`--effect` must be two numbers"),
    (["interventions", "save", "Mine", "--like", "coupon", "--effect", "0.5,0.1"], "its lower end first"),
    (["interventions", "save", "Mine", "--like", "coupon", "--measured", "spring"], 'No campaign "spring" has measured'),
    (["interventions", "delete", "Mine"], "You have saved no intervention"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(path: str, capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    assert said in refused(path, capsys, *argv)


def test_the_catalogue_is_listed_with_where_each_effect_comes_from(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    saved = asked(
        path, capsys, "interventions", "save", "Letter", "--like", "coupon", "--channel", "letter", "--contact-cost", "1.2",
        "--effect", "0.01,0.03", "--unit", "points", "--offer", "10 off",
    )["saved"]  # fmt: skip
    assert (saved["channel"], saved["cost"]["contact"], saved["effect"]["unit"]) == ("letter", 1.2, "points")
    found = {one["name"]: one for one in asked(path, capsys, "interventions", "list")["interventions"]}
    assert len(found) == 9 and found["Letter"]["is_own"] and found["Letter"]["effect_from"] == "Your own assumption."
    assert "nobody knows it for your shop without a test" in found["Care message"]["effect_from"]
    made = asked(path, capsys, "assign", "post", "--audience", "week one", "--arm", "Letter")
    assert [g["group"] for g in made["groups"]] == ["holdout", "Letter"]
    asked(path, capsys, "interventions", "delete", "Letter")
    arms = asked(path, capsys, "campaigns", "show", "post")["arms"]
    assert arms[0]["intervention"]["offer"] == "10 off", "what was assigned stays as it was"
