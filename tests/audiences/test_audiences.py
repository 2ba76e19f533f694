"""Lists: the count is the cell's, what leaves is escaped and audited, what is saved stays."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import date

import pandas as pd
import pytest

from retention.audiences.answer import audiences, user_events, users_of
from retention.audiences.export import escape, table_bytes
from retention.audiences.order import delete_audience, list_member_ids, save_audience
from retention.audiences.order_export import export_members
from retention.audiences.spec import AudienceSpec
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.store.order import erase_user
from tests.rows import import_rows
from tests.worlds import diary, rows_of, store_of

WORLD = "ann: 5 12\nbob: 5\ncyd: 6 13\ndee: 7 20"
CELL = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 5), age=1)


def test_an_audience_is_frozen_with_what_made_it():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    saved = save_audience(store, AudienceSpec(name="back in week 1", users=CELL))
    assert saved.n_users == users_of(store, CELL).count == 2
    import_rows(store, rows_of(diary("eve: 8 14")))
    kept = audiences(store).iloc[0]
    assert (kept["name"], kept["n_users"], kept["n_left"]) == ("back in week 1", 2, 2)
    assert "2026-01-05" in kept["definition"]
    assert users_of(store, CELL).count == 3
    erase_user(store, "ann")
    kept = audiences(store).iloc[0]
    assert (kept["n_users"], kept["n_left"]) == (2, 1)
    delete_audience(store, saved.audience_id)
    assert audiences(store).empty
    with pytest.raises(SpecError, match="1 to 80"):
        AudienceSpec(name="  ", users=CELL)


def sheet_of(content: bytes, name: str = "worksheets/sheet1.xml") -> str:
    """Return the XML inside an XLSX file."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return book.read(f"xl/{name}").decode()


@pytest.mark.parametrize("fmt", ["csv", "xlsx", "parquet"])
def test_an_export_has_the_rows_of_the_cell_and_leaves_its_hash_in_the_trail(fmt, tmp_path):
    store = store_of(diary(WORLD), as_of="2026-02-02")
    content = export_members(store, CELL, fmt)
    if fmt == "xlsx":
        assert sheet_of(content).count("<row ") == 1 + 2  # the header and two users
    else:
        frame = {"csv": pd.read_csv, "parquet": pd.read_parquet}[fmt](io.BytesIO(content))
        assert len(frame) == 2
        assert "user_id" not in frame.columns
    with store.snapshot() as snapshot:
        ((action, n_rows, sha256),) = snapshot.rows("select a.action, a.n_rows, a.sha256 from audit as a")
    assert (action, n_rows, sha256) == ("export users", 2, hashlib.sha256(content).hexdigest())


def test_an_xlsx_holds_its_texts_as_texts():
    content = table_bytes(pd.DataFrame({"user": ["=HYPERLINK(1)", "ann"], "n": [1, 2]}), "xlsx")
    assert "<f>" not in sheet_of(content)
    assert "'=HYPERLINK(1)" in sheet_of(content, "sharedStrings.xml")


def test_the_ids_of_the_file_leave_only_with_a_trace():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    assert list_member_ids(store, CELL) == ["ann", "cyd"]
    frame = pd.read_csv(io.BytesIO(export_members(store, CELL, "csv", "file ids")))
    assert sorted(frame["user_id"]) == ["ann", "cyd"]
    with store.snapshot() as snapshot:
        actions = [action for (action,) in snapshot.rows("select a.action from audit as a order by a.audit_id")]
    assert actions == ["list user ids", "export users"]
    with pytest.raises(SpecError, match="`identity` must be"):
        export_members(store, CELL, "csv", "names")
    with pytest.raises(SpecError, match="format must be one of"):
        export_members(store, CELL, "html")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
        ("|x", "'|x"), ("%x", "'%x"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("  =1", "'  =1"), ("＝1", "'＝1"), ("＠x", "'＠x"),
        ("'=1", "''=1"), ("'tis", "'tis"), ("-3.5", "-3.5"), ("+7", "+7"), ("1e-9", "1e-9"), ("ann", "ann"), ("a=b", "a=b"), ("", ""), (None, None), (4, 4),
    ],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_run_is_escaped_and_a_number_is_not(text, safe):
    assert escape(text) == safe


def test_a_csv_opens_in_a_spreadsheet_with_its_letters():
    content = table_bytes(pd.DataFrame({"=name": ["顾客", "=x"]}), "csv")
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8-sig").splitlines() == ["'=name", "顾客", "'=x"]


def test_a_timeline_shows_what_a_user_did_the_latest_first():
    store = store_of(diary("ann: 5 12/buy"))
    key = int(
        users_of(store, CellSpec(cohorts=CohortSpec(), cohort=date(2026, 1, 5), age=0, is_lost=True))
        .users["user_key"]
        .iloc[0]
    )
    assert user_events(store, key)["event"].tolist() == ["buy", "visit"]


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_our_own_file_comes_back_unchanged(fmt, tmp_path):
    names = ["=1+1", "@home", "'=x", "-3.5", "ann", "＝全角"]
    path = tmp_path / f"log.{fmt}"
    path.write_bytes(table_bytes(pd.DataFrame({"user": names, "time": "2026-01-05T10:00", "event": "+visit"}), fmt))
    store = store_of([])
    assert import_file(store, ImportSpec(path=path)).n_new == len(names)
    cell = CellSpec(cohorts=CohortSpec(start=("+visit",)), cohort=date(2026, 1, 5), age=0, is_lost=True)
    assert list_member_ids(store, cell) == sorted(names)
