"""Users, amounts and texts: kept as they are, or rejected, never bent."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.files import staged

BIG = "123456789012345678901234567890"


def values(folder, *written: str, delimiter: str = ",") -> tuple[list, list]:
    content = delimiter.join(("user_id", "date", "amount")) + "\n"
    content += "".join(delimiter.join((f"u{i}", "2024-01-02", f'"{v}"')) + "\n" for i, v in enumerate(written))
    found = staged(folder, content)
    return [None if v is None else float(v) for v in found.column("value")], [r[2] for r in found.rejects]


def test_ids_are_text_with_every_digit(tmp_path):
    ids = ["00042", "9223372036854775809", BIG, " 7 ", "1.0"]
    content = "user_id,date\n" + "".join(f"{i},2024-01-02\n" for i in ids)
    assert staged(tmp_path, content).column("user_id") == ["00042", "9223372036854775809", BIG, "7", "1.0"]


@pytest.mark.parametrize(
    "written", ["", "  ", "NULL", "null", '"NULL"', "NaN", "\t", "\u00a0", "\u3000", "None", "\\N"]
)
def test_a_missing_user_is_rejected(tmp_path, written):
    found = staged(tmp_path, f"date,user_id\n2024-01-02,a\n2024-01-02,{written}\n")
    assert found.reasons == {"no user": (1, 3)}


def test_parquet_ids_of_every_type_become_text_without_a_point(tmp_path):
    table = pa.table({"user_id": pa.array([1, None, 2**62], pa.int64()), "date": ["2024-01-02"] * 3})
    pq.write_table(table, tmp_path / "a.parquet")
    found = staged(tmp_path, tmp_path / "a.parquet")
    assert (found.column("user_id"), found.reasons) == (["1", str(2**62)], {"no user": (1, 2)})
    table = table.set_column(0, "user_id", pa.array([17850.0, 1.5, 2.0**60]))
    pq.write_table(table, tmp_path / "b.parquet")
    found = staged(tmp_path, tmp_path / "b.parquet")
    # 1.5 is no id, and 2^60 as a float may have been another whole number.
    assert found.column("user_id") == ["17850"]
    assert found.reasons == {"user id is not a whole number": (2, 2)}
    table = table.set_column(0, "user_id", pa.array([2**64 - 1, 5, 0], pa.uint64()))
    pq.write_table(table, tmp_path / "c.parquet")
    assert staged(tmp_path, tmp_path / "c.parquet").column("user_id") == [str(2**64 - 1), "5", "0"]
    table = table.set_column(0, "user_id", pa.array([Decimal("7.00"), Decimal("7.50"), None]))
    pq.write_table(table, tmp_path / "d.parquet")
    found = staged(tmp_path, tmp_path / "d.parquet")
    assert (found.column("user_id"), set(found.reasons)) == (["7"], {"user id is not a whole number", "no user"})


def test_plain_amounts(tmp_path):
    assert values(tmp_path, "1", "-2.5", "", "1e3", "+4", "NULL", "0.1234567") == (
        [1, -2.5, None, 1000, 4, None, 0.123457],
        [],
    )


@pytest.mark.parametrize("written", ["inf", "-Infinity", "NaN1", "abc", "1_000", "--5", "1.2.3", "9999999999999"])
def test_what_is_no_amount_is_rejected_with_its_value(tmp_path, written):
    assert values(tmp_path, "1", written) == ([1], [written])


def test_nan_is_no_amount(tmp_path):
    found = staged(
        tmp_path,
        "user_id,date,amount\na,2024-01-02,nan\nb,2024-01-02,2\n",
    )
    assert found.counts == (2, 1, 1)
    assert found.rejects[0][1:] == ("amount", "nan", "unreadable value")


def test_thousands_separators_when_a_value_proves_them(tmp_path):
    assert values(tmp_path, "1,234.50", "1,234", "12") == ([1234.5, 1234, 12], [])
    assert values(tmp_path, "1,234,567", "1,234") == ([1234567, 1234], [])
    assert values(tmp_path, "1,234", "5.25") == ([1234, 5.25], [])


def test_a_decimal_comma_when_a_value_proves_it(tmp_path):
    assert values(tmp_path, "12,5", "1.234,56", "7", delimiter=";") == ([12.5, 1234.56, 7], [])


def test_a_comma_that_may_be_either_is_not_guessed(tmp_path):
    assert values(tmp_path, "1,234", "7") == ([7], ["1,234"])
    assert values(tmp_path, "1,234.5", "12,5", "7") == ([7], ["1,234.5", "12,5"])


def test_signs_of_currencies_are_left_off(tmp_path):
    assert values(tmp_path, "$1,234.50", "€5", "£ 6.25") == ([1234.5, 5, 6.25], [])


def test_parquet_amounts_that_are_no_numbers_are_rejected(tmp_path):
    table = pa.table(
        {
            "user_id": ["a", "b", "c", "d"],
            "date": ["2024-01-02"] * 4,
            "amount": pa.array([2.55, float("inf"), float("nan"), None]),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    found = staged(tmp_path, tmp_path / "log.parquet")
    assert found.column("value") == [Decimal("2.55"), None]
    assert [(line, value) for line, _, value, _ in found.rejects] == [(2, "inf"), (3, "nan")]


def test_a_missing_event_is_rejected(tmp_path):
    found = staged(tmp_path, "user_id,date,event\na,2024-01-02,open\nb,2024-01-02, \n")
    assert found.rejects == [(3, "event", None, "no event")]


ENCODINGS = [
    ("utf-8", "Zürich 苏州 🛒"),
    ("utf-8-sig", "Zürich"),
    ("utf-16", "Zürich 苏州"),
    ("utf-16-le", "Zurich, plain"),
    ("utf-16-be", "Zurich, plain"),
    ("latin-1", "Zürich São Café"),
    ("cp1252", "Zürich – €"),
    ("gbk", "商品很好，下次还来"),
]


@pytest.mark.parametrize(("encoding", "text"), ENCODINGS)
def test_encodings_are_detected(tmp_path, encoding, text):
    content = "user_id,date,city\n" + f'a,2024-01-02,"{text}"\nb,bad,x\n' + 'c,2024-01-03,"plain"\n' * 20
    found = staged(tmp_path, content.encode(encoding))
    assert found.column("p0")[0] == text
    assert found.rejects == [(3, "date", "bad", "unreadable time")]


@pytest.mark.parametrize(
    ("encoding", "text"), [("big5", "購物車"), ("shift_jis", "買い物"), ("gbk", "É"), ("koi8-r", "Москва")]
)
def test_encodings_that_cannot_be_detected_can_be_named(tmp_path, encoding, text):
    if encoding == "gbk":
        text = "商品"
    content = f"user_id,date,city\na,2024-01-02,{text}\n"
    assert staged(tmp_path, content.encode(encoding), encoding=encoding).column("p0") == [text]


def test_a_named_encoding_that_is_wrong_names_the_line(tmp_path):
    from retention.errors import FileError

    content = "user_id,date,city\na,2024-01-02,x\nb,2024-01-02,ü\n".encode("latin-1")
    with pytest.raises(FileError, match=r"^The file is not gbk text: line 3 "):
        staged(tmp_path, content, encoding="gbk")


def test_texts_keep_what_is_inside_them(tmp_path):
    content = 'user_id,date,review\na,2024-01-02,"  so ""good"",\nreally "\n'
    assert staged(tmp_path, content).column("text") == ['so "good",\nreally']
