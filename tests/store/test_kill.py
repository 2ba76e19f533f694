"""Kill -9 in the middle of imports: what was acknowledged is there, nothing is there in part."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from retention.ingest.answer import data_status
from retention.store import Store
from retention.store.check import faults

ROOT = Path(__file__).resolve().parents[2]
ROWS = 400
WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from retention.store import Store
    from tests.rows import import_rows

    store = Store.create_or_open(Path(sys.argv[1]))
    number = int(sys.argv[2])
    print("open", flush=True)
    while True:
        rows = [
            {"user": f"u{(number * 7 + i) % 97}", "time": f"2026-01-{1 + (number + i) % 28:02d}T{i % 24:02d}:00",
             "event": "visit", "batch": number, "i": i}
            for i in range(ROWS)
        ]
        import_rows(store, rows)
        print(number, flush=True)  # the acknowledgement
        number += 1
    """
).replace("ROWS", str(ROWS))


def kill_once(path: Path, first: int, after_s: float) -> list[int]:
    """Import batches until killed; return the numbers of those that were acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "open\n"
    try:
        writer.wait(timeout=after_s)
        pytest.fail("the writer ended by itself")
    except subprocess.TimeoutExpired:
        os.kill(writer.pid, signal.SIGKILL)
    acknowledged = [int(line) for line in writer.stdout.read().splitlines() if line.strip().isdigit()]
    writer.stdout.close()
    writer.wait()
    return acknowledged


def prove(path: Path, n_kills: int, seed: int) -> None:
    """Kill a writer again and again, and look at what is left each time."""
    chance = random.Random(seed)
    acknowledged: set[int] = set()
    following = 0
    for _ in range(n_kills):
        done = kill_once(path, following, chance.uniform(0.0, 0.45))
        acknowledged.update(done)
        with Store.open(path) as store:
            ledger = data_status(store).imports
            with store.snapshot() as snapshot:
                whole = dict(snapshot.rows("select e.import_id, count(*) from events as e group by e.import_id"))
            # Every batch is there whole with its ledger row, or not at all.
            assert set(ledger.loc[ledger["n_new"] > 0, "import_id"]) == set(whole)
            assert set(whole.values()) <= {ROWS}
            # Everything acknowledged is there; at most the last batch was committed unheard.
            assert len(acknowledged) <= len(whole)
        # A batch that was committed unheard comes again next time, and must be all duplicates.
        following = max(acknowledged, default=-1) + 1
    with Store.open(path) as store:
        assert faults(store) == []
        with store.snapshot() as snapshot:
            batches = {
                int(b) for (b,) in snapshot.rows("select v.value from property_values as v where v.property_key = 1")
            }
    assert acknowledged <= batches


def test_thirty_kills_lose_nothing_and_leave_nothing_in_part(tmp_path):
    prove(tmp_path / "store.duckdb", n_kills=30, seed=20261123)


@pytest.mark.slow
def test_three_hundred_kills_lose_nothing_and_leave_nothing_in_part(tmp_path):
    prove(tmp_path / "store.duckdb", n_kills=300, seed=1)
