"""Experiments of the store from the command line: the same answers and orders as on the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retention.cli import main
from retention.experiments.answer import experiment, lessons
from retention.experiments.spec_store import ExperimentSpec
from retention.store import Store
from tests.rows import import_rows
from tests.worlds import instant, store_of


@pytest.fixture(scope="module")
def path() -> str:
    """A campaign of two hundred users, half of them left alone: 30 of those came back, and 60 of the others."""
    rows = []
    for arm, n_kept in (("control", 30), ("coupon", 60)):
        for number in range(100):
            user, country = f"{arm}{number:03d}", "France" if number % 2 else "Spain"
            rows.append({"user": user, "time": "2026-01-02T10:00", "event": "visit", "country": country})
            rows.append(
                {"user": user, "time": "2026-01-10T09:00", "event": "campaign_sent", "campaign": "spring", "arm": arm}
            )
            if number < n_kept:
                rows.append({"user": user, "time": "2026-01-15T10:00", "event": "visit", "country": country})
    with store_of([], activity="all but refund, campaign_sent") as store:
        import_rows(store, rows, complete_to_us=instant("2026-03-01"))
        return str(store.path)


def told(capsys, path: str, *argv: str) -> dict:
    assert main(["experiment", *argv, "--store", path, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_campaign_is_read_with_the_figures_of_the_answer(path, capsys):
    result = told(capsys, path, "read", "spring", "--window", "14", "--contact-cost", "0.5", "--incentive", "10")
    assert list(result)[:3] == ["as_of", "timezone", "data_version"]
    assert (result["n_units"], result["n_mature"], result["sizes"]) == (200, 200, {"control": 100, "coupon": 100})
    effect = result["readout"]["effects"][0]
    assert effect["difference"] == pytest.approx(0.3) and effect["says"] == "higher"
    assert result["readout"]["costs"][0]["cost_per_extra"] == pytest.approx(
        650 / 30
    )  # 100 × 0.5 + 60 × 10, for 30 more
    with Store.open(Path(path)) as store:
        found = experiment(store, ExperimentSpec(campaign="spring", window_days=14)).readout
    assert (effect["low"], effect["high"]) == (found.effects["low"].iloc[0], found.effects["high"].iloc[0])


def test_the_effect_is_broken_down_and_read_at_every_look(path, capsys):
    result = told(capsys, path, "read", "spring", "--window", "14", "--by", "country", "--sequential")
    assert result["readout"]["method"] == "sequential"
    assert {row["value"] for row in result["readout"]["breakdowns"]} == {"France", "Spain"}
    assert main(["experiment", "read", "spring", "--store", path, "--window", "14"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("“spring”: 200 users from 10 January 2026") and "higher. 60.00 % against 30.00 %" in text


def test_a_plan_starts_from_the_store(path, capsys):
    # From 1 February on nobody came within 28 days: there is no rate to start from.
    assert main(["experiment", "plan", "--effect", "0.1", "--store", path]) == 2
    assert "baseline of a share must be more than 0" in capsys.readouterr().err
    result = told(capsys, path, "plan", "--effect", "0.1", "--window", "50")
    # In the 50 days before the first of March, 90 of the 200 who had been active came: those who were kept.
    assert result["plan"]["baseline"] == pytest.approx(0.45) and result["plan"]["n_available"] == 200
    assert not result["is_enough"] and any(said.startswith("There are only 200 users") for said in result["sentences"])


def test_what_was_learned_is_kept_and_listed(path, capsys):
    told(capsys, path, "learn", "spring", "--window", "14", "--learned", "10 % off brings them back.")
    result = told(capsys, path, "list")
    assert [campaign["name"] for campaign in result["campaigns"]] == ["spring"]
    assert result["campaigns"][0]["groups"] == {"control": 100, "coupon": 100}
    [kept] = result["learned"]
    assert kept["learned"] == "10 % off brings them back." and kept["effect"] == pytest.approx(0.3)
    with Store.open(Path(path)) as store:
        assert len(lessons(store)) == 1


@pytest.mark.parametrize(("argv", "said"), [
    (("read", "sprang"), 'There is no campaign "sprang"'),
    (("read", "spring", "--expected", "control=50,coupon=50"), "50:50, the control first"),
    (("learn", "spring", "--learned", " "), "must be said"),
])  # fmt: skip
def test_mistakes_are_one_line(path, argv, said, capsys):
    assert main(["experiment", *argv, "--store", path]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
