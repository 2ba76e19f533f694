"""The commands `lifecycle` and `stickiness`: the same numbers as the page, as text and as JSON."""

from __future__ import annotations

import json

import pytest

from retention.cli import main
from tests.worlds import diary, store_of

WORLD = """
    ann: 5?country=France 12 26
    bob: 6?country=Spain 7
    cyd: 5?country=France 19
    dee: 13?country=Spain 20
"""


def run(capsys: pytest.CaptureFixture[str], *words: str, as_of: str = "2026-02-02") -> tuple[int, str, str]:
    """Run a command on the world; its exit, what it printed and what it complained about."""
    store = store_of(diary(WORLD), as_of=as_of)
    store.close()
    code = main([*words, "--store", str(store.path)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_lifecycle_prints_every_period_and_the_moves(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "lifecycle", "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["as_of"], said["timezone"]) == ("2026-02-02T00:00:00Z", "UTC")
    assert "calendar week" in said["definition"]
    week = next(row for row in said["periods"] if row["on"] == "2026-01-12")
    assert [week[f"n_{state}"] for state in ("new", "returning", "resurrecting", "dormant")] == [1, 1, 0, 2]
    assert said["periods"][0]["quick_ratio"] is None  # nobody had been there to fall silent
    moves = {(row["source"], row["target"]): row["n"] for row in said["transitions"]}
    # From the week of the 19th to that of the 26th: cyd back and dee returning fall silent, ann comes back.
    assert (moves["resurrecting", "dormant"], moves["returning", "dormant"], moves["dormant", "resurrecting"]) == (
        1,
        1,
        1,
    )


def test_lifecycle_of_a_group_and_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "lifecycle", "--by", "country", "--json")
    groups = {row["group"] for row in json.loads(out)["periods"]}
    assert groups == {None, "France", "Spain"}
    _, out, _ = run(capsys, "lifecycle", "--where", "country=France", "--last", "2")
    assert "2026-01-26" in out and "2026-01-12" not in out
    assert "cannot tell" in out
    _, out, _ = run(capsys, "lifecycle", as_of="2026-01-28")
    assert "* in progress, so far" in out


def test_stickiness_prints_every_day_and_the_active_days(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "stickiness", "--period", "week", "--json", as_of="2026-01-12")
    said = json.loads(out)
    assert code == 0
    assert [(row["dau"], row["wau"]) for row in said["days"]][-1] == (0, 3)  # 11 January: ann, bob and cyd in 7 days
    assert {row["mau"] for row in said["days"]} == {None}
    shares = said["active_days"]["shares"]
    assert [row["n_exactly"] for row in shares] == [2, 1, 0, 0, 0, 0, 0]
    _, out, _ = run(capsys, "stickiness")
    assert "%" in out


def test_a_mistake_is_one_sentence_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words, says in (
        (("lifecycle", "--events", "visitt"), 'Did you mean "visit"?'),
        (("lifecycle", "--period", "year"), "`period` must be one of"),
        (("stickiness", "--from", "2030-01-01"), "The data reach from 2026-01-05"),
    ):
        code, _, err = run(capsys, *words)
        assert code == 2
        assert says in err
