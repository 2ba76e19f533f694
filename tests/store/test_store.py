"""Opening, sharing, backing up, restoring and erasing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import pytest

from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError, StoreError
from retention.store import Sql, Store
from retention.store import audit as trail
from retention.store.backup import backup, restore
from retention.store.check import faults
from retention.store.keys import key_path
from retention.store.order import change_setting, delete_view, erase_user, mark_gap, save_view, unmark_gap
from tests.rows import import_rows
from tests.worlds import diary, fresh_path, rows_of, store_of

ROOT = Path(__file__).resolve().parents[2]
WORLD = "ann: 5 12\nbob: 5\ncyd: 6 20"


def test_a_store_that_another_process_holds_is_named_with_its_holder():
    path = fresh_path()
    code = (
        "import sys; from pathlib import Path; from retention.store import Store;"
        "s = Store.create_or_open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match=rf"held by another process \(PID {holder.pid}\)"):
            Store.open(path)
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
    Store.open(path).close()


def test_a_store_that_does_not_exist_or_is_no_store_says_so(tmp_path):
    with pytest.raises(StoreError, match="There is no store at"):
        Store.open(tmp_path / "none.duckdb")
    (tmp_path / "text.duckdb").write_text("user,time\nann,2026-01-05\n" * 500)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path / "text.duckdb")


def test_a_store_written_by_a_newer_version_is_left_alone():
    path = fresh_path()
    Store.create_or_open(path).close()
    connection = duckdb.connect(str(path))
    connection.execute("insert into migrations values ('9999_of_the_future.sql')")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        Store.open(path)


def test_the_connection_reads_no_file_of_the_machine():
    store = store_of(diary(WORLD))
    with pytest.raises(duckdb.PermissionException):
        store.read(Sql("select * from read_text('/etc/hostname')"))
    with pytest.raises(duckdb.Error):
        store.read(Sql("set enable_external_access = true"))


def test_readers_in_many_threads_see_whole_versions_while_files_come_in():
    store = store_of(diary("u0: 5"))
    count = Sql("select (select count(*) from events) as n_events, (select s.data_version from state as s) as version")

    def look(_: int) -> bool:
        row = store.read(count).iloc[0]
        # Version 1 is the first event; each import adds one event and one version.
        return int(row["n_events"]) == int(row["version"])

    def add(number: int) -> None:
        import_rows(store, rows_of(diary(f"u{number}: 6")))

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(add, n) for n in range(1, 13)]
        looks = list(pool.map(look, range(120)))
        for write in writes:
            write.result()
    assert all(looks)
    assert store.data_version == 13


def test_an_order_that_fails_leaves_nothing_behind():
    store = store_of(diary(WORLD))
    version = store.data_version

    def broken(tx):
        tx.run("delete from events")
        raise SpecError("no")

    with pytest.raises(SpecError):
        store.write(broken)
    assert (store.data_version, faults(store)) == (version, [])


def test_a_full_disk_is_one_sentence_and_the_store_stays_readable():
    store = store_of(diary(WORLD))

    def full(tx):
        tx.run("insert into texts values (1, 'x')")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="The disk is full"):
        store.write(full)

    def fatal(tx):
        raise duckdb.FatalException("FATAL Error: could not write: No space left on device")

    with pytest.raises(StoreError, match="The disk is full"):
        store.write(fatal)
    assert cohort_retention(store, CohortSpec(horizon=1)).size("2026-01-05") == 3
    assert import_rows(store, rows_of(diary("dee: 7"))).n_new == 1


def test_damage_in_the_file_is_found(tmp_path):
    store = store_of([{"user": f"u{i}", "time": "2026-01-05"} for i in range(0)])
    import_rows(
        store, [{"user": f"u{i}", "time": "2026-01-05", "event": "visit", "note": f"{i:040d}"} for i in range(30_000)]
    )
    copy = tmp_path / "copy.duckdb"
    backup(store, copy)
    content = bytearray(copy.read_bytes())
    for at in range(len(content) // 4, len(content), 50_000):  # somewhere in every block of the later three quarters
        content[at] ^= 0xFF
    copy.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|cannot be opened"):
        restore(copy, tmp_path / "restored.duckdb")
    assert not (tmp_path / "restored.duckdb").exists()


def test_a_backup_restores_the_store_its_key_and_its_trail(tmp_path):
    store = store_of(diary(WORLD))
    before = cohort_retention(store, CohortSpec(horizon=2)).cells
    backup(store, tmp_path / "backup.duckdb")
    with pytest.raises(StoreError, match="exists already"):
        backup(store, tmp_path / "backup.duckdb")
    path = tmp_path / "fresh" / "store.duckdb"
    restore(tmp_path / "backup.duckdb", path)
    assert key_path(path).read_text() == key_path(store.path).read_text()
    with Store.open(path) as restored:
        assert faults(restored) == []
        assert cohort_retention(restored, CohortSpec(horizon=2)).cells.equals(before)
        # The restored store goes on: the same rows again are duplicates, pseudonyms stay.
        assert import_rows(restored, rows_of(diary(WORLD))).n_duplicate == 5


def test_a_restore_keeps_the_store_it_replaces(tmp_path):
    backup(store_of(diary(WORLD)), tmp_path / "backup.duckdb")
    path = tmp_path / "store.duckdb"
    with Store.create_or_open(path) as old:
        import_rows(old, rows_of(diary("zoe: 5")))
    restore(tmp_path / "backup.duckdb", path)
    with Store.open(tmp_path / "store.duckdb.before-restore") as kept:
        assert cohort_retention(kept, CohortSpec(horizon=1)).size("2026-01-05") == 1


def test_an_erased_user_is_nowhere_in_the_file():
    store = store_of([])
    import_rows(
        store,
        [
            {
                "user": "ann-secret-id",
                "time": "2026-01-05",
                "event": "visit",
                "city": "Atlantis-of-ann",
                "text": "ann's own words",
            },
            {"user": "ann-secret-id", "time": "2026-01-13", "event": "visit"},
            {"user": "bob", "time": "2026-01-06", "event": "visit", "city": "Paris"},
            {"user": "bob", "time": "2026-01-26", "event": "visit", "city": "Paris"},
        ],
    )
    cell = CellSpec(cohorts=CohortSpec(horizon=1), cohort=date(2026, 1, 5), age=1)
    assert save_audience(store, AudienceSpec(name="back", users=cell)).n_users == 1
    assert erase_user(store, "ann-secret-id") == 2
    matrix = cohort_retention(store, CohortSpec(horizon=1))
    assert (matrix.size("2026-01-05"), matrix.retained("2026-01-05")) == (1, [0, 0])
    files = [path for path in store.path.parent.iterdir() if not path.name.endswith(".key")]
    content = b"".join(path.read_bytes() for path in files)
    for trace in (b"ann-secret-id", b"Atlantis-of-ann", b"ann's own words"):
        assert trace not in content
    assert b"Paris" in content
    assert faults(store) == []
    with pytest.raises(SpecError, match="holds no user"):
        erase_user(store, "ann-secret-id")


def test_the_audit_trail_shows_what_was_altered():
    store = store_of(diary(WORLD))
    mark_gap(store, 0, 1, "one")
    mark_gap(store, 2, 3, "two")
    with store.snapshot() as snapshot:
        assert trail.faults(snapshot) == []
    store.write(lambda tx: tx.run("update audit set detail = '{}' where audit_id = 1"))
    assert any("audit row 1" in fault for fault in faults(store))


def test_gaps_and_views_come_and_go():
    store = store_of(diary(WORLD))
    mark_gap(store, 1, 2, "a")
    assert store.catalogue().clock.gaps == ((1, 2),)
    unmark_gap(store, 1)
    assert store.catalogue().clock.gaps == ()
    with pytest.raises(SpecError, match="begin before it ends"):
        mark_gap(store, 2, 2)
    save_view(store, "mine", "cohorts", "period=month")
    save_view(store, "mine", "cohorts", "period=day")
    with store.snapshot() as snapshot:
        assert snapshot.rows("select v.name, v.address from views as v") == [("mine", "period=day")]
    delete_view(store, "mine", "cohorts")
    with store.snapshot() as snapshot:
        assert snapshot.rows("select v.name from views as v") == []
    with pytest.raises(SpecError, match="1 to 80"):
        save_view(store, " ", "cohorts", "")


def test_a_new_key_gives_everybody_another_pseudonym_and_keeps_the_ids():
    store = store_of(diary(WORLD))
    names = Sql(
        "select i.user_id, u.pseudonym from users as u join identities as i on i.user_key = u.user_key order by i.user_id"
    )
    before = store.read(names)
    change_setting(store, "pseudonym_key", "new")
    after = store.read(names)
    assert after["user_id"].equals(before["user_id"])
    assert not set(after["pseudonym"]) & set(before["pseudonym"])
    change_setting(store, "pseudonym_key", "00" * 32)
    import hashlib
    import hmac

    ann = hmac.new(bytes(32), b"ann", hashlib.sha256).hexdigest()[:32]
    assert store.read(names)["pseudonym"].iloc[0] == ann


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("timezone", "Europe/Pariss", 'Did you mean "Europe/Paris"'),
        ("week_start", "mon", "weekday"),
        ("settling_delay", "soon", "must look like 0, 4d or 36h"),
        ("settling_delay", "4", "must look like 0, 4d or 36h"),
        ("min_cohort_size", "0", "from 1"),
        ("activity", " ", "at least one event"),
        ("colour", "red", "There is no setting"),
        ("pseudonym_key", "abc", "32 hexadecimal digits"),
    ],
)
def test_a_setting_that_cannot_be_says_why(name, value, message):
    store = store_of([])
    with pytest.raises(SpecError, match=message):
        change_setting(store, name, value)
