"""Files that cannot be read as a whole: one clear sentence each, and nothing lands."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention.errors import FileError
from tests.ingest.files import staged, write, zipped

GOOD = "user_id,date,city\n1,2024-01-02,Rome\n2,2024-01-03,Oslo\n"


def refusal(folder: Path, content, **said) -> FileError:
    with pytest.raises(FileError) as caught:
        staged(folder, content, **said)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("content", ["", "\n\n  \n", zipped(""), b"\xef\xbb\xbf\n"])
def test_an_empty_file(tmp_path, content):
    assert refusal(tmp_path, content).message.startswith("The file is empty")


@pytest.mark.parametrize("content", ["user_id,date\n", "user_id,date", "user_id,date\n\n\n"])
def test_a_header_without_rows(tmp_path, content):
    assert refusal(tmp_path, content).message == "The file has a header and no rows."


@pytest.mark.parametrize(
    "content",
    [
        "<!DOCTYPE html><html><body>Sign in</body></html>",
        "\n  <html>\n<table>,</table>",
        '<?xml version="1.0"?><rows/>',
    ],
)
def test_a_web_page_under_the_name_of_a_csv(tmp_path, content):
    assert "web page (HTML or XML)" in refusal(tmp_path, content).message


@pytest.mark.parametrize("content", ['{"userId": "1", "type": "track"}\n', '[{"a": 1}, {"a": 2}]'])
def test_json_under_the_name_of_a_csv(tmp_path, content):
    error = refusal(tmp_path, content)
    assert error.message == "The file holds JSON, not rows of columns."
    assert "segment" in error.hint


def test_a_column_whose_name_begins_with_a_brace_is_no_json(tmp_path):
    assert staged(tmp_path, "{user},date\n1,2024-01-02\n", mapping={"user": "{user}", "time": "date"}).counts == (
        1,
        1,
        0,
    )


def test_a_delimiter_that_divides_nothing(tmp_path):
    error = refusal(tmp_path, "user_id date city\n1 2024-01-02 Rome\n")
    assert error.message == (
        'The header is one column, "user_id date city"; no comma, semicolon, tab or vertical bar divides it.'
    )


def test_a_named_delimiter_that_is_wrong(tmp_path):
    error = refusal(tmp_path, GOOD.replace(",", ";"), delimiter=",")
    assert error.message == 'With the delimiter "comma" the header is one column, "user_id;date;city".'
    assert error.hint == "It looks delimited by a semicolon."


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_usual_delimiters_are_detected(tmp_path, delimiter):
    assert staged(tmp_path, GOOD.replace(",", delimiter)).column("p0") == ["Rome", "Oslo"]


def test_a_semicolon_file_with_decimal_commas_is_not_taken_for_commas(tmp_path):
    found = staged(tmp_path, "user_id;date;amount\n1;2024-01-02;12,50\n2;2024-01-02;0,99\n")
    assert [float(v) for v in found.column("value")] == [12.5, 0.99]


def test_a_name_that_occurs_twice_in_the_header(tmp_path):
    error = refusal(tmp_path, "user_id,date,city,city\n1,2024-01-02,a,b\n")
    assert error.message == 'The header names the column "city" more than once (columns 3, 4).'


def test_a_zero_byte_is_named_by_its_line(tmp_path):
    error = refusal(tmp_path, "user_id,date\n1,2024-01-02\n2,2024\x00-01-03\n3,2024-01-04\n")
    assert error.message == "Line 3 holds a NUL byte; the file is damaged or is not text."


def test_a_quote_that_swallows_the_rest_is_named_by_the_line_where_it_opened(tmp_path):
    # Line 3 is quoted over two lines and fine; the quote of line 5 never closes.
    content = (
        'user_id,date,note\n1,2024-01-02,a\n2,2024-01-03,"b\nb"\n3,2024-01-04,"c\n4,2024-01-05,d\n5,2024-01-06,e\n'
    )
    error = refusal(tmp_path, content)
    assert error.message == "A quote opened on line 5 is never closed and swallows the rest of the file."


def test_a_quote_left_open_in_the_middle_of_a_field_list_counts_the_lines_of_the_fields_before(tmp_path):
    content = 'user_id,note,date\n1,"x\ny\nz","2024-01-02\n2,b,2024-01-03\n'
    assert "opened on line 4 " in refusal(tmp_path, content).message


@pytest.mark.parametrize("cut", [20, -1, -9])
def test_a_gzip_that_is_cut_off(tmp_path, cut):
    error = refusal(tmp_path, zipped(GOOD * 50)[:cut])
    assert error.message == "The gzip file is cut off: its end is missing."


def test_a_gzip_that_is_damaged(tmp_path):
    damaged = bytearray(zipped(GOOD * 500))
    damaged[40] ^= 0xFF
    assert refusal(tmp_path, bytes(damaged)).message == "The gzip file is damaged."


def test_a_gzip_that_inflates_beyond_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("retention.ingest.unpack._INFLATION_GRACE_BYTES", 1 << 20)
    assert "inflates beyond" in refusal(tmp_path, zipped(b"a,b\n" + b"0" * (64 << 20))).message


def test_two_gzip_members_are_one_file(tmp_path):
    assert staged(tmp_path, zipped(GOOD) + zipped("3,2024-01-04,Bern\n")).column("user_id") == ["1", "2", "3"]


def test_a_parquet_file_that_claims_more_rows_than_its_bytes_can_hold(tmp_path):
    path = tmp_path / "bomb.parquet"
    schema = pa.schema([("user_id", pa.string()), ("date", pa.int64())])
    one = pa.table(
        {
            "user_id": pa.array(["u"] * 2_000_000).dictionary_encode().cast(pa.string()),
            "date": pa.array([1_700_000_000] * 2_000_000),
        },
        schema=schema,
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for _ in range(50):
            writer.write_table(one, row_group_size=2_000_000)
    assert path.stat().st_size < 2_000_000
    error = refusal(tmp_path, path)
    assert error.message.startswith("The Parquet file claims 100,000,000 rows in 0.")


def test_a_parquet_file_above_the_cap(tmp_path, monkeypatch):
    monkeypatch.setattr("retention.ingest.columnar.MAX_ROWS", 2)
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user_id": ["a", "b", "c"], "date": ["2024-01-02"] * 3}), path)
    assert refusal(tmp_path, path).message == "The Parquet file has 3 rows; at most 2 are read at once."


def test_a_parquet_file_that_is_cut_off(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user_id": ["a"], "date": ["2024-01-02"]}), path)
    whole = path.read_bytes()
    assert refusal(tmp_path, whole[: len(whole) // 2]).message.startswith("The Parquet file is damaged")


def test_an_empty_parquet_file(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user_id": pa.array([], pa.string()), "date": pa.array([], pa.string())}), path)
    assert refusal(tmp_path, path).message == "The file has columns and no rows."


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"SQLite format 3\0", "SQLite"),
        (b"\0" * 8 + b"DUCK" + b"\0" * 9, "database"),
    ],
)
def test_what_is_no_table_at_all(tmp_path, content, what):
    assert what in refusal(tmp_path, content).message


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    assert refusal(tmp_path, tmp_path / "no.csv").message == "There is no file no.csv."
    assert "is a folder" in refusal(tmp_path, tmp_path).message


def test_mixed_time_zones_unless_the_zone_was_chosen(tmp_path):
    content = "user_id,ts\n1,2024-01-02T10:00:00Z\n2,2024-01-02 10:00:00\n3,2024-01-02T10:00:00+05:30\n"
    error = refusal(tmp_path, content)
    assert error.message == (
        "The file has mixed time zones: 2 times carry an offset (2024-01-02T10:00:00Z) and 1 do not "
        "(2024-01-02 10:00:00)."
    )
    found = staged(tmp_path, content, timezone="Europe/Paris", has_explicit_timezone=True)
    # 10:00Z; 10:00 in Paris is 09:00Z in winter; 10:00+05:30 is 04:30Z. In hours of the day:
    assert [us % 86_400_000_000 / 3.6e9 for us in found.column("occurred_us")] == [10, 9, 4.5]


def test_a_file_without_a_user_or_a_time_names_its_columns(tmp_path):
    error = refusal(tmp_path, "a,b\n1,2\n")
    assert error.message == "No column for the user is named, and none looks like one."
    assert error.hint == "Say user=COLUMN. Columns found: a, b."


def test_one_json_array_is_not_json_lines(tmp_path):
    error = refusal(tmp_path, json.dumps([{"type": "track"}]), preset="segment")
    assert error.message == "The file is one JSON array; JSON lines have one object a line."


def test_nothing_is_left_in_the_folder_of_a_refused_file(tmp_path):
    from retention.ingest.read import stage
    from retention.ingest.spec import ImportSpec

    folder = tmp_path / "out"
    with pytest.raises(FileError, match="cut off"):
        stage(ImportSpec(write(tmp_path, zipped(GOOD * 99)[:-4])), folder)
    assert list(folder.iterdir()) == []
