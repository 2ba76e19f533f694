"""The command line answers as the page does."""

from __future__ import annotations

import json

import pytest

from retention.cli import main
from tests.worlds import diary, store_of

WORLD = """
    ann: 1?city=Aix
    bob: 1?city=Aix 2
    cyd: 1?city=Bonn 2
    dee: 1?city=Bonn 4
    eve: 1?city=Bonn 8 15
    fay: 19?city=Bonn
"""


@pytest.fixture
def path():
    store = store_of(diary(WORLD), as_of="2026-01-20")
    store.close()
    return str(store.path)


def told(capsys, *args):
    code = main(["survival", *args])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_the_json_holds_the_curve_of_everyone(path, capsys):
    code, out, _ = told(capsys, "--store", path, "--window", "10", "--json")
    found = json.loads(out)
    assert code == 0 and found["as_of"] == "2026-01-20T00:00:00Z" and found["window_days"] == 10
    [group] = found["groups"]
    assert group["group"] is None
    assert (group["n"], group["observed"], group["censored"], group["left_out"]) == (5, 4, 1, 1)
    assert (group["median"], group["low"], group["high"]) == (1, 0, None)
    first, *_, last = group["curve"]
    assert (first["t"], first["at_risk"], first["events"], first["survival"]) == (0, 5, 1, pytest.approx(0.8))
    assert set(first) >= {"t", "at_risk", "events", "survival", "low", "high"}
    assert (last["t"], last["at_risk"], last["events"]) == (9, 1, 0)
    assert found["definition"].startswith("A life begins on the day")


def test_groups_are_told_apart_and_a_median_not_reached_is_null(path, capsys):
    _, out, _ = told(capsys, "--store", path, "--window", "10", "--by", "city", "--json")
    groups = {g["group"]: g for g in json.loads(out)["groups"]}
    assert {name: g["n"] for name, g in groups.items()} == {"Aix": 2, "Bonn": 3}
    assert groups["Bonn"]["median"] == 3
    _, out, _ = told(capsys, "--store", path, "--window", "10", "--where", "city=Bonn", "--ends", "last activity",
                     "--horizon", "5", "--json")  # fmt: skip
    [group] = json.loads(out)["groups"]
    assert group["mean_stay"] == pytest.approx(1 + 2 * 2 / 3 + 2 * 1 / 3)  # 1 day at 1, 2 at 2/3, 2 at 1/3


def test_the_models_come_on_request_and_say_why_they_cannot(path, capsys):
    args = ("--store", path, "--window", "10", "--hazard", "--laws", "--cox", "city")
    code, out, _ = told(capsys, *args, "--json")
    found = json.loads(out)
    assert code == 0 and found["hazard"]["riskiest_week"] is None
    assert "too few" in found["laws"]["reason"] and "nothing to compare" in found["cox"]["reason"]
    code, out, _ = told(capsys, *args)
    assert code == 0 and "Half of 5 users have lapsed after 1 day" in out and "too few to tell one law" in out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--window", "400"], "No silence of 400 days can have ended yet"),
        (["--window", "0"], "`window` must be from 1"),
        (["--by", "town"], 'holds no property "town"'),
        (["--ends", "death"], "`ends` must be one of"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(path, capsys, args, sentence):
    code, out, err = told(capsys, "--store", path, *args)
    assert code == 2 and out == "" and sentence in err
