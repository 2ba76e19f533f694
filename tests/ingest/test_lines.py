"""Rejected rows carry the line a person sees in an editor, also after quoted line ends and blank lines."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.ingest import unpack
from retention.ingest.scan import StrayQuote, starts_by_parity, starts_by_parser
from tests.ingest.files import staged

MIXED = (
    "user_id,date,value,note\n"  # 1
    "ann,2024-01-02,5,fine\n"  # 2
    "\n"  # 3 blank
    'bob,2024-01-03,6,"two\nlines"\n'  # 4, 5
    ",2024-01-04,7,no user\n"  # 6
    "cyd,2024-13-04,8,no month 13\n"  # 7
    "dee,2024-01-05\n"  # 8 missing columns
    'eve,"2024-01-06",nine,"a\n\nb"\n'  # 9, 10, 11
    "fay,2024-01-07,10,x,too many\n"  # 12
    'gil,2024-01-08,"11"x,bad quoting\n'  # 13
    "\n"  # 14 blank
    "hal,0001-01-01,12,year 1\n"  # 15
    "ivy,9999-12-31,13,year 9999\n"  # 16
    "joe,2024-01-09,inf,\n"  # 17
    "kim,2024-01-10,NaN,\n"  # 18
    "NULL,2024-01-11,14,\n"  # 19
    "leo,2024-01-12,15,last\n"  # 20
)
TRUTH = [
    (6, "user_id", None, "no user"),
    (7, "date", "2024-13-04", "unreadable time"),
    (8, None, "dee,2024-01-05", "missing columns"),
    (9, "value", "nine", "unreadable value"),
    (12, None, "fay,2024-01-07,10,x,too many", "too many columns"),
    (13, None, 'gil,2024-01-08,"11"x,bad quoting', "bad quoting"),
    (15, "date", "0001-01-01", "time outside 1971–2099"),
    (16, "date", "9999-12-31", "time outside 1971–2099"),
    (17, "value", "inf", "unreadable value"),
    (18, "value", "NaN", "unreadable value"),
    (19, "user_id", "NULL", "no user"),
]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_each_reject_has_its_line_column_value_and_reason(tmp_path, ends):
    found = staged(tmp_path, MIXED.replace("\n", ends))
    # 14 records: the 11 above, and ann, bob, leo.
    assert found.counts == (14, 3, 11)
    assert found.column("user_id") == ["ann", "bob", "leo"]
    assert found.rejects == TRUTH
    assert found.reasons["no user"] == (2, 6)
    assert found.reasons["unreadable value"] == (3, 9)


def test_line_ends_of_several_kinds_in_one_file_are_read(tmp_path):
    found = staged(tmp_path, "user_id,date\r\na,2024-01-02\nb,bad\r\nc,2024-01-03\n")
    assert found.column("user_id") == ["a", "c"]
    assert found.rejects == [(3, "date", "bad", "unreadable time")]


def test_line_ends_of_old_macs_are_read(tmp_path):
    assert staged(tmp_path, "user_id,date\ra,2024-01-02\rb,bad\r").rejects == [(3, "date", "bad", "unreadable time")]


def test_a_stray_quote_inside_a_field_is_text_and_the_lines_stay_right(tmp_path):
    content = 'user_id,date,item\na,2024-01-02,5" nail\nb,bad,"quoted\nitem"\n\nc,bad,x\nd,2024-01-03,y"z"\n'
    found = staged(tmp_path, content)
    assert found.column("item") == ['5" nail', 'y"z"']
    # Line 3 and 4 are b's, line 5 is blank.
    assert [(line, value) for line, _, value, _ in found.rejects] == [(3, "bad"), (6, "bad")]


def test_blank_lines_and_the_line_sep_before_the_header(tmp_path):
    assert staged(tmp_path, "\n\nuser_id,date\na,2024-01-02\nb,bad\n").rejects[0][0] == 5
    assert staged(tmp_path, "sep=;\nuser_id;date\na;2024-01-02\nb;bad\n").rejects[0][0] == 4


def test_a_header_over_two_lines(tmp_path):
    found = staged(tmp_path, '"user\nid",date\na,2024-01-02\nb,bad\n', mapping={"user": "user\nid", "time": "date"})
    assert found.rejects == [(4, "date", "bad", "unreadable time")]


def test_a_damaged_row_of_utf8_is_rejected_alone(tmp_path):
    content = b"user_id,date,city\n" + b"".join(f"{i},2024-01-02,Zürich\n".encode() for i in range(9))
    found = staged(tmp_path, content + b"x,2024-01-02,Z\xfcrich\n" + "y,2024-01-02,Genève\n".encode())
    assert found.counts == (11, 10, 1)
    assert found.rejects[0][0] == 11
    assert found.rejects[0][3] == "not valid UTF-8"


def test_lines_far_into_a_file_that_is_parsed_in_parallel(tmp_path):
    rows = [f'u{i},2024-01-02,"{"a" * (i % 50)}\nb"\n' for i in range(200_000)]
    bad = {7, 99_999, 150_001, 199_999}
    for i in bad:
        rows[i] = f"u{i},bad,x\n"
    rows[123_456] = "u123456,2024-01-02\n"
    found = staged(tmp_path, "user_id,date,note\n" + "".join(rows))
    before = np.cumsum([1] + [row.count("\n") for row in rows])  # lines before row i, the header among them
    assert found.counts == (200_000, 199_995, 5)
    assert [line for line, *_ in found.rejects] == sorted(int(before[i]) + 1 for i in (*bad, 123_456))


def parser_truth(text: str) -> list[int]:
    """Lines on which records begin, by Python's csv module alone."""
    reader = csv.reader(io.StringIO(text, newline=""))
    starts, before = [], 0
    for record in reader:
        if record:
            starts.append(before + 1)
        before = reader.line_num
    return starts


FIELDS = st.text(alphabet='ab,"\n ', max_size=6)


@given(
    rows=st.lists(st.lists(FIELDS, min_size=2, max_size=3), min_size=1, max_size=12),
    blanks=st.integers(0, 3),
    size=st.sampled_from([1, 2, 3, 7, 64]),
    has_end=st.booleans(),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_records_begin_where_the_csv_module_says_whatever_the_chunk(
    tmp_path_factory, rows, blanks, size, has_end, ends
):
    out = io.StringIO()
    for i, row in enumerate(rows):
        csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(row)
        out.write("\n" * (blanks if i % 2 else 0))
    text = out.getvalue() if has_end else out.getvalue().rstrip("\n")
    text = text.replace("\n", ends)
    path = tmp_path_factory.mktemp("scan") / "log.csv"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "CHUNK_BYTES", size)
        found = [int(n) for _, lines in starts_by_parity(path) for n in lines]
        slow = [
            (int(o), int(n))
            for offsets, lines in starts_by_parser(path, delimiter=",")
            for o, n in zip(offsets, lines, strict=True)
        ]
        fast = [
            (int(o), int(n)) for offsets, lines in starts_by_parity(path) for o, n in zip(offsets, lines, strict=True)
        ]
    assert found == parser_truth(text)
    assert fast == slow


def test_parity_does_not_guess_when_quotes_do_not_pair(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('a,b\n5" nail,x\n')
    with pytest.raises(StrayQuote):
        list(starts_by_parity(path))
