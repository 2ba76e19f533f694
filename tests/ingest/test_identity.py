"""A row keeps its hash in whatever file, order or format it comes."""

from __future__ import annotations

import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.errors import FileError
from tests.ingest.files import staged, zipped

HEAD = "user_id,date,amount,city\n"
ROWS = [
    "a,2024-01-02,5,Rome\n",
    "a,2024-01-02,5,Rome\n",
    "a,2024-01-02,5,Rome\n",
    "b,2024-01-02,5,Rome\n",
    'c,2024-01-03,,"O""slo"\n',
    "d,2024-01-03,,\n",
]


def test_shuffled_rows_are_the_same_rows(tmp_path):
    shuffled = ROWS.copy()
    random.Random(3).shuffle(shuffled)
    assert staged(tmp_path, HEAD + "".join(ROWS)).hashes == staged(tmp_path, HEAD + "".join(shuffled)).hashes


def test_a_file_in_two_halves_has_the_same_rows_when_copies_stay_together(tmp_path):
    whole = staged(tmp_path, HEAD + "".join(ROWS)).hashes
    first, second = (staged(tmp_path, HEAD + "".join(part)).hashes for part in (ROWS[:4], ROWS[4:]))
    assert sorted(first + second) == whole


def test_the_first_copies_of_a_row_are_the_same_in_a_file_with_fewer(tmp_path):
    three = set(staged(tmp_path, HEAD + "".join(ROWS[:3])).hashes)
    two = set(staged(tmp_path, HEAD + "".join(ROWS[:2])).hashes)
    assert (len(two), len(three)) == (2, 3)
    assert two < three


def test_csv_gzip_utf16_and_parquet_of_the_same_table_have_the_same_rows(tmp_path):
    frame = pd.DataFrame(
        {
            "user_id": ["00a", "b", "b"],
            "date": pd.to_datetime(["2024-01-02 03:04:05"] * 3),
            "amount": [2.5, None, None],
            "qty": [1, 2, 2],
            "city": ["Rome", None, None],
        }
    )
    text = frame.to_csv(index=False)
    path = tmp_path / "log.parquet"
    frame.to_parquet(path)
    plain = staged(tmp_path, text).hashes
    assert staged(tmp_path, zipped(text)).hashes == plain
    assert staged(tmp_path, text.encode("utf-16")).hashes == plain
    assert staged(tmp_path, text.replace("\n", "\r\n")).hashes == plain
    assert staged(tmp_path, text.replace(",", ";")).hashes == plain
    assert staged(tmp_path, path).hashes == plain


def test_the_order_of_columns_and_their_names_do_not_matter_once_mapped(tmp_path):
    first = staged(tmp_path, "u,t,v\na,2024-01-02,5\n", mapping={"user": "u", "time": "t", "value": "v"})
    second = staged(
        tmp_path,
        "amount,when,who\n5.00,2024-01-02T00:00:00,a\n",
        mapping={"user": "who", "time": "when", "value": "amount"},
    )
    assert first.hashes == second.hashes


def test_every_column_counts_also_an_ignored_one(tmp_path):
    said = {"mapping": {"user": "u", "time": "t", "ignore:x": "x"}}
    assert (
        staged(tmp_path, "u,t,x\na,2024-01-02,1\n", **said).hashes
        != staged(tmp_path, "u,t,x\na,2024-01-02,2\n", **said).hashes
    )


def test_the_hash_is_the_lower_half_of_md5_by_hand(tmp_path):
    import hashlib

    found = staged(
        tmp_path, "u,t\na,2024-01-02\na,2024-01-02\n", mapping={"user": "u", "time": "t"}, constant_event="open"
    )
    text = "event=open\x1ftime=1704153600000000\x1fuser=a"
    # DuckDB reads the 16 bytes of MD5 as one little-endian number; its lower half is the first eight.
    first = int.from_bytes(hashlib.md5(text.encode()).digest()[:8], "little")
    second = int.from_bytes(hashlib.md5(f"{first}#2".encode()).digest()[:8], "little")
    assert found.hashes == sorted([first, second])


@settings(max_examples=10)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_law_shuffling_and_counting_copies(tmp_path_factory, rows, seed):
    folder = tmp_path_factory.mktemp("law")
    lines = [f"{user},2024-01-0{day}\n" for user, day in rows]
    shuffled = lines.copy()
    random.Random(seed).shuffle(shuffled)
    first, second = (staged(folder, "user_id,date\n" + "".join(part)) for part in (lines, shuffled))
    assert first.hashes == second.hashes
    # The first copies alone are the file without its copies.
    assert set(staged(folder, "user_id,date\n" + "".join(sorted(set(lines)))).hashes) <= set(first.hashes)


def test_one_bad_row_changes_the_way_a_file_is_read_and_no_row_of_it(tmp_path):
    # Without a bad row the file is read in one pass; the bad row stands beyond the rows the plan is made from.
    good = "".join(f"u{i},2024-01-{1 + i % 28:02} 10:00,{i}.5,x{i}\n" for i in range(3_000))
    clean = staged(tmp_path, HEAD + good)
    dirty = staged(tmp_path, HEAD + good + "u,soon,1,x\n")
    assert (clean.counts, dirty.counts) == ((3_000, 3_000, 0), (3_001, 3_000, 1))
    assert dirty.rejects == [(3_002, "date", "soon", "unreadable time")]
    assert clean.rows == dirty.rows
    assert clean.found["watermark_us"] == dirty.found["watermark_us"]


def test_what_the_first_rows_do_not_show_still_decides(tmp_path):
    plain = "".join(f"u{i},2024-01-02 10:00,{i},x\n" for i in range(3_000))
    late_zone = HEAD + plain + "v,2024-01-02T10:00:00Z,1,x\n"
    with pytest.raises(FileError, match="3,000 do not"):
        staged(tmp_path, late_zone)
    late_day = HEAD + "".join(f"u{i},1/2/2024,{i},x\n" for i in range(3_000)) + "v,13/2/2024,1,x\n"
    assert set(staged(tmp_path, late_day).column("occurred_us")) == {1_706_745_600_000_000, 1_707_782_400_000_000}
    late_thousand = HEAD + plain + 'v,2024-01-02 10:00,"1,234.5",x\n'
    assert float(staged(tmp_path, late_thousand).rows[-1]["value"]) == 1234.5
    late_form = HEAD + plain + "v,20240103,1,x\n"
    assert staged(tmp_path, late_form).counts == (3_001, 3_001, 0)
