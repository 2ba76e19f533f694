"""Tags by the command line: the same counts as the page, one sentence for a mistake."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from retention.cli import main
from tests.worlds import diary, store_of

WORLD = """
    ann: 1T23:30 2T23:50/purchase 4T01:00
    bob: 1T12:00 2T12:00
    cyd: 3T22:15
"""


@pytest.fixture
def path() -> str:
    store = store_of(diary(WORLD), as_of="2026-01-10")
    store.close()
    return str(store.path)


def test_a_tag_is_tried_saved_counted_exported_and_deleted(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*args: str) -> dict:
        assert main(["tags", *args, "--store", path, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    rule = "night owl: share_night >= 40 % and active_days >= 1"
    tried = told("preview", rule)
    assert (tried["n_users"], tried["n_looked_at"], tried["counted_as_of"]) == (2, 3, "2026-01-10T00:00:00Z")
    assert told("list")["tags"] == []
    saved = told("save", rule)
    assert (saved["label"], saved["n_users"], saved["as_of"]) == ("tag:night owl", 2, "2026-01-10T00:00:00Z")
    assert [tag["rule"] for tag in told("list")["tags"]] == ["Share at night ≥ 40 % and Active days ≥ 1"]
    assert told("count", "night owl", "--as-of", "2026-01-03")["n_users"] == 1  # cyd came on the 3rd
    out = tmp_path / "owls.csv"
    assert told("export", "night owl", "--out", str(out), "--file-ids")["n_users"] == 2
    ids = {row["user_id"] for row in csv.DictReader(out.read_text("utf-8-sig").splitlines())}
    assert ids == {"ann", "cyd"}
    assert told("delete", "night owl") == {"deleted": "tag:night owl"}
    assert told("list")["tags"] == []


@pytest.mark.parametrize(("args", "said"), [
    (["save", "night owl"], "must look like night shopper"),
    (["save", "x: shoe_size > 3"], 'There is no feature "shoe_size"'),
    (["save", "x: stars_mean > 3"], "Mean stars is not known"),
    (["count", "nobody"], 'There is no tag "nobody"'),
    (["delete"], "Name the tag."),
    (["export", "x"], "`--out` must name a file"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(path: str, capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    assert main(["tags", *args, "--store", path]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
