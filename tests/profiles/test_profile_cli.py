"""The command line tells of one user what the page does, and never an id."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from retention.cli import main
from retention.store import Store
from retention.store.audit import faults
from tests.worlds import diary, store_of

WORLD = "ann-07: 5T20:00?channel=ads 6T21:00/purchase?value=30&item=tea\nbob-07: 7T09:00"


@pytest.fixture
def path() -> str:
    store = store_of(diary(WORLD), as_of="2026-02-01")
    store.close()
    return str(store.path)


def test_the_json_holds_the_profile_and_no_id(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "ann-07", "--store", path, "--json"]) == 0
    out = capsys.readouterr().out
    found = json.loads(out)
    assert "ann-07" not in out and len(found["user"]) == 32
    assert (found["as_of"], found["n_events"], found["n_orders"], found["net"]) == ("2026-02-01T00:00:00Z", 2, 1, 30.0)
    assert found["items"][0] == {
        "item": "tea", "name": None, "category": None, "n": 1, "n_bought": 1, "last_at": "2026-01-06T21:00:00Z",
    }  # fmt: skip
    features = {row["name"]: row for row in found["features"]}
    assert (features["orders"]["value"], features["orders"]["below"], features["orders"]["equal"]) == (1.0, 0.5, 0.5)
    assert main(["profile", found["user"][:8], "--store", path]) == 0
    assert "Still active: last active on 6 January 2026" in capsys.readouterr().out


def test_a_file_is_audited(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ann.csv"
    assert main(["profile", "ann-07", "--store", path, "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert rows[0]["name"] == "pseudonym" and "ann-07" not in out.read_text("utf-8-sig")
    with Store.open(Path(path)) as store, store.snapshot() as snapshot:
        assert snapshot.rows("select a.action, a.n_rows from audit as a where a.action like 'export%'") == [("export profile", len(rows))]
        assert faults(snapshot) == []


@pytest.mark.parametrize(("asked", "said"), [
    (["cyd-07"], "The store holds no such user."),
    (["ann-07", "--out", "ann.docx"], "`--out` must end in .csv, .parquet, .xlsx"),
    (["ann-07", "--out", "/no/such/folder/ann.csv"], "cannot be written"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(path: str, capsys: pytest.CaptureFixture[str], asked: list[str], said: str) -> None:
    assert main(["profile", *asked, "--store", path]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line and "07" not in line
