"""The process that reads files: what it says comes back, and its death is a sentence."""

from __future__ import annotations

import os
import signal
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from retention.errors import FileError
from retention.ingest.read import preview, stage
from retention.ingest.spec import ImportSpec
from tests.ingest.files import write, zipped

GOOD = "user_id,date,amount,city\nann,2024-01-02,5,Rome\nbob,2024-01-03,x,Oslo\n"


def test_a_staged_file_says_all_about_itself(tmp_path):
    path = write(tmp_path, zipped(GOOD), "orders, 2024.csv.gz")
    steps: list[tuple[float, str]] = []
    found = stage(
        ImportSpec(
            path,
            mapping={"user": "user_id", "time": "date", "value": "amount", "user:home": "city"},
            constant_event="open",
        ),
        tmp_path / "out",
        lambda share, what: steps.append((share, what)),
    )
    assert (found.kind, found.preset, found.timezone, found.source_name) == ("events", "events", "UTC", path.name)
    assert found.sha256 == sha256(path.read_bytes()).hexdigest()
    assert (found.n_records, found.n_good, found.n_rejected) == (2, 1, 1)
    assert [(r.reason, r.n, r.first_line) for r in found.reasons] == [("unreadable value", 1, 3)]
    assert [(p.name, p.kind) for p in found.properties] == [("home", "user")]
    assert found.mapping == {"user": "user_id", "time": "date", "value": "amount", "user:home": "city"}
    table = pq.read_table(found.rows)
    assert table.column_names == [
        "user_id",
        "occurred_us",
        "event",
        "value",
        "quantity",
        "item",
        "item_name",
        "category",
        "text",
        "row_hash",
        "p0",
    ]
    assert pq.read_table(found.rejects).to_pylist() == [
        {"line": 3, "column_name": "amount", "value": "x", "reason": "unreadable value"}
    ]
    assert sorted(p.name for p in found.rows.parent.iterdir()) == ["rejects.parquet", "rows.parquet"]
    assert steps[-1][0] == 1
    assert [s for s, _ in steps] == sorted(s for s, _ in steps)


def test_a_name_that_would_be_a_pattern_is_a_name(tmp_path):
    assert stage(ImportSpec(write(tmp_path, GOOD, "a[1]*?'.csv")), tmp_path / "out[2]'").n_good == 1


def test_a_mistake_found_in_the_worker_comes_back_as_itself(tmp_path):
    with pytest.raises(FileError) as caught:
        stage(ImportSpec(write(tmp_path, GOOD), mapping={"user": "usr_id", "time": "date"}), tmp_path / "out")
    assert caught.value.message == 'The file has no column "usr_id" for "user".'
    assert caught.value.hint.startswith('Did you mean "user_id"?')


def test_a_worker_that_is_killed_leaves_a_sentence_and_nothing_else(tmp_path):
    path = write(tmp_path, "user_id,date\n" + "a,2024-01-02\n" * 2_000_000)

    def kill(share: float, what: str) -> None:
        for child in Path("/proc/self/task").glob("*/children"):
            for pid in child.read_text().split():
                if b"retention.ingest.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)

    with pytest.raises(FileError) as caught:
        stage(ImportSpec(path), tmp_path / "out", kill)
    assert caught.value.message == "The file could not be read: the process that reads it stopped."
    assert list((tmp_path / "out").iterdir()) == []


def test_a_progress_that_raises_stops_the_worker(tmp_path):
    def cancel(share: float, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(ImportSpec(write(tmp_path, GOOD)), tmp_path / "out", cancel)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_preview_shows_rows_guesses_and_size(tmp_path):
    found = preview(ImportSpec(write(tmp_path, GOOD.replace(",", ";").encode("utf-16"))), n_rows=1)
    assert found.columns == ("user_id", "date", "amount", "city")
    assert found.rows.to_dict("records") == [{"user_id": "ann", "date": "2024-01-02", "amount": "5", "city": "Rome"}]
    assert found.mapping == {"user": "user_id", "time": "date", "value": "amount", "event:city": "city"}
    assert (found.encoding, found.delimiter, found.constant_event, found.content) == ("utf-16", ";", "event", "csv")
    assert found.n_bytes == 2 * len(GOOD) + 2


def test_the_mapping_of_a_preview_can_be_given_back(tmp_path):
    path = write(tmp_path, GOOD)
    guessed = preview(ImportSpec(path))
    by_hand = stage(ImportSpec(path, mapping=guessed.mapping), tmp_path / "a")
    assert by_hand.mapping == stage(ImportSpec(path), tmp_path / "b").mapping
    assert (
        pq.read_table(by_hand.rows)["row_hash"].to_pylist()
        == pq.read_table(stage(ImportSpec(path), tmp_path / "c").rows)["row_hash"].to_pylist()
    )


def test_a_preview_of_a_file_that_cannot_be_guessed_still_shows_it(tmp_path):
    found = preview(ImportSpec(write(tmp_path, "a,b\n1,2\n")))
    assert found.notes == ("No column looks like the user or the time: choose one.",)
    assert found.rows.shape == (1, 2)


def test_a_preview_of_gzip_json_and_parquet(tmp_path):
    assert preview(ImportSpec(write(tmp_path, zipped(GOOD)))).rows.shape == (2, 4)
    line = (
        '{"type": "track", "userId": "u", "event": "e", "timestamp": "2024-01-02T00:00:00Z", "properties": {"a": 1}}\n'
    )
    found = preview(ImportSpec(write(tmp_path, line), preset="segment"))
    assert set(found.columns) == {"user", "time", "event", "event:a"}
