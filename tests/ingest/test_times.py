"""Times as people and programs write them, in zones with gaps and folds, and how far a file is complete."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.ingest.read import preview
from retention.ingest.spec import ImportSpec
from retention.ingest.zones import end_of_local_day, local_breaks
from tests.ingest.files import staged, write

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = [
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "UTC",
    "Africa/Monrovia",
]


def us(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def times(folder, *values: str, **said) -> list[int]:
    content = "user_id,date\n" + "".join(f'u{i},"{v}"\n' for i, v in enumerate(values))
    found = staged(folder, content, **said)
    assert found.counts == (len(values), len(values), 0), found.rejects
    return sorted(found.column("occurred_us"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-01-02", "2024-01-02"),
        ("2024-01-02T03:04:05", "2024-01-02T03:04:05"),
        ("2024-01-02 03:04", "2024-01-02T03:04"),
        ("2024-01-02 03:04:05.123456", "2024-01-02T03:04:05.123456"),
        ("2024-01-02T03:04:05.123456789", "2024-01-02T03:04:05.123456"),
        ("2024-01-02T03:04:05.5", "2024-01-02T03:04:05.5"),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05"),
        ("2024-01-02T03:04:05+05:30", "2024-01-01T21:34:05"),
        ("2024-01-02 03:04:05-0800", "2024-01-02T11:04:05"),
        ("2024-01-02 03:04:05 +0530", "2024-01-01T21:34:05"),
        ("2024-01-02 03:04:05+00", "2024-01-02T03:04:05"),
        ("2024-01-02 03:04:05 UTC", "2024-01-02T03:04:05"),
        ("2024/01/02 3:04", "2024-01-02T03:04"),
        ("2024-1-2", "2024-01-02"),
        ("20240102", "2024-01-02"),
        ("20240102030405", "2024-01-02T03:04:05"),
        ("1704164645", "2024-01-02T03:04:05"),
        ("1704164645123", "2024-01-02T03:04:05.123"),
        ("1704164645123456", "2024-01-02T03:04:05.123456"),
        ("1704164645123456789", "2024-01-02T03:04:05.123456"),
        ("1704164645.25", "2024-01-02T03:04:05.25"),
        ("881250949", "1997-12-04T15:55:49"),
        ("1/2/2024 3:04", "2024-01-02T03:04"),
        ("01/02/2024 03:04:05", "2024-01-02T03:04:05"),
        ("1/2/24 3:04", "2024-01-02T03:04"),
        ("1/2/2024 3:04 PM", "2024-01-02T15:04"),
        ("1/2/2024 12:04:05 am", "2024-01-02T00:04:05"),
        ("1/2/2024, 3:04:05 PM", "2024-01-02T15:04:05"),
        ("13/1/2024 8:26", "2024-01-13T08:26"),
        ("1/13/2024 8:26", "2024-01-13T08:26"),
        ("2.1.2024 03:04", "2024-01-02T03:04"),
        ("2-Jan-24", "2024-01-02"),
        ("02-Jan-2024 03:04", "2024-01-02T03:04"),
        ("2 January 2024", "2024-01-02"),
        ("Jan 2, 2024 3:04 PM", "2024-01-02T15:04"),
    ],
)
def test_a_time_is_read_as_meant(tmp_path, written, meant):
    assert times(tmp_path, written) == [us(meant)]


def test_one_part_above_12_decides_the_order_for_the_whole_file(tmp_path):
    assert times(tmp_path, "1/2/2024", "13/2/2024") == [us("2024-02-01"), us("2024-02-13")]
    assert times(tmp_path, "1/2/2024", "2/13/2024") == [us("2024-01-02"), us("2024-02-13")]


def test_the_telling_dates_outvote_the_others_which_are_rejected(tmp_path):
    found = staged(tmp_path, "user_id,date\na,13/1/2024\nb,14/1/2024\nc,1/15/2024\n")
    assert found.rejects == [(4, "date", "1/15/2024", "unreadable time")]


def test_the_preview_says_what_was_assumed(tmp_path):
    ambiguous = preview(ImportSpec(write(tmp_path, "user_id,date\na,1/2/2024\nb,3/4/2024\n")))
    assert ambiguous.notes == ("No day above 12 shows the order of day and month; dates are read month first.",)
    assert preview(ImportSpec(write(tmp_path, "user_id,date\na,1/20/2024\n"))).notes == ()


@pytest.mark.parametrize(
    "written",
    [
        "yesterday",
        "2024-02-30",
        "2024-01-02 25:00",
        "12:30",
        "2024-01-02T03:04:05+",
        "1e9",
        "2024",
        "infinity",
        "epoch",
        "2024-01-02 (BC)",
        "-5",
        "31-Foo-24",
        "99/99/2024",
    ],
)
def test_what_is_no_time_is_rejected_with_its_value(tmp_path, written):
    found = staged(tmp_path, f"user_id,date\na,2024-01-02\nb,{written}\n")
    assert found.rejects == [(3, "date", written, "unreadable time")]


@pytest.mark.parametrize("written", ["0001-01-01", "9999-12-31", "1970-12-31 23:59:59", "2100-01-01", "9999999999"])
def test_what_lies_outside_1971_to_2099_is_rejected(tmp_path, written):
    found = staged(tmp_path, f"user_id,date\na,2024-01-02\nb,{written}\n", has_explicit_timezone=True)
    assert found.rejects == [(3, "date", written, "time outside 1971–2099")]


def test_the_first_and_the_last_accepted_instant(tmp_path):
    assert times(tmp_path, "1971-01-01 00:00:00", "2099-12-31 23:59:59.999999") == [
        31_536_000_000_000,
        4_102_444_799_999_999,
    ]


def test_no_time_at_all(tmp_path):
    assert staged(tmp_path, "user_id,date\na,2024-01-02\nb,\n").rejects == [(3, "date", None, "no time")]


def test_a_gap_and_a_fold_of_new_york(tmp_path):
    # 2024-03-10 02:30 does not exist: the offset before the jump (-5 h) gives 07:30Z.
    # 2024-11-03 01:30 exists twice: the first, still -4 h, is 05:30Z. 03:00 and 02:00 are plain.
    assert times(
        tmp_path,
        "2024-03-10 01:59",
        "2024-03-10 02:30",
        "2024-03-10 03:00",
        "2024-11-03 01:30",
        "2024-11-03 02:00",
        timezone="America/New_York",
    ) == [
        us("2024-03-10T06:59"),
        us("2024-03-10T07:00"),
        us("2024-03-10T07:30"),
        us("2024-11-03T05:30"),
        us("2024-11-03T07:00"),
    ]


def test_an_offset_in_the_file_beats_the_zone_of_the_file(tmp_path):
    assert times(tmp_path, "2024-01-02T00:00:00+00:00", timezone="Asia/Kolkata") == [us("2024-01-02")]


@given(
    zone=st.sampled_from(ZONES),
    seconds=st.integers(31_536_000 + 172_800, 4_102_444_800 - 172_800),
    near=st.one_of(st.none(), st.tuples(st.integers(0, 300), st.integers(-7200, 7200))),
)
def test_local_times_become_utc_as_python_has_it(zone, seconds, near):
    breaks, offsets = local_breaks(zone)
    if near is not None and breaks:
        index, shift = near
        seconds = breaks[index % len(breaks)] // 1_000_000 + shift
    local = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    truth = (local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    offset = offsets[sum(1 for b in breaks if seconds * 1_000_000 >= b)]
    assert seconds * 1_000_000 - offset == truth


@pytest.mark.parametrize("zone", ZONES)
def test_the_worker_converts_zones_as_python_has_it(tmp_path, zone):
    local = [datetime(1975 + i % 120, 1 + i % 12, 1 + i % 28, i % 24, (7 * i) % 60) for i in range(600)]
    found = times(tmp_path, *(str(t) for t in local), timezone=zone)
    assert found == sorted(
        (t.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - EPOCH) // timedelta(microseconds=1) for t in local
    )


def test_a_file_of_dates_is_complete_to_the_end_of_its_last_local_day(tmp_path):
    content = "user_id,date\na,2024-03-09\nb,2024-03-10\n"
    # The 10th has 23 hours in New York and ends at 04:00Z on the 11th; in Kolkata it ends at 18:30Z on the 10th.
    assert staged(tmp_path, content).found["watermark_us"] == us("2024-03-11")
    assert staged(tmp_path, content, timezone="America/New_York").found["watermark_us"] == us("2024-03-11T04:00")
    assert staged(tmp_path, content, timezone="Asia/Kolkata").found["watermark_us"] == us("2024-03-10T18:30")


def test_a_file_of_times_is_complete_to_just_after_its_last_good_row(tmp_path):
    content = "user_id,date\na,2024-03-09 10:00\nb,2024-03-10 00:00\n,2024-05-05 10:00\n"
    found = staged(tmp_path, content).found
    assert (found["first_us"], found["last_us"]) == (us("2024-03-09T10:00"), us("2024-03-10"))
    assert found["watermark_us"] == us("2024-03-10") + 1


def test_midnights_written_out_are_times_of_day(tmp_path):
    assert staged(tmp_path, "user_id,date\na,2024-03-09 00:00:00\n").found["watermark_us"] == us("2024-03-09") + 1


def test_dates_beside_one_time_of_day(tmp_path):
    assert (
        staged(tmp_path, "user_id,date\na,2024-03-09 10:00\nb,2024-03-10\n").found["watermark_us"]
        == us("2024-03-10") + 1
    )
    # The only time of day belongs to a rejected row.
    assert staged(tmp_path, "user_id,date\n,2024-03-09 10:00\nb,2024-03-10\n").found["watermark_us"] == us("2024-03-11")


def test_no_good_row_leaves_the_watermark_open(tmp_path):
    found = staged(tmp_path, "user_id,date\n,2024-03-09\n")
    assert found.counts == (1, 0, 1)
    assert (found.found["watermark_us"], found.found["first_us"], found.found["last_us"]) == (None, None, None)


@pytest.mark.parametrize(
    ("array", "first", "watermark"),
    [
        (pa.array([date(2024, 1, 2)], pa.date32()), "2024-01-02", "2024-01-03"),
        (pa.array([datetime(2024, 1, 2)], pa.timestamp("us")), "2024-01-02", "2024-01-03"),
        (pa.array([datetime(2024, 1, 2)], pa.timestamp("ms")), "2024-01-02", "2024-01-03"),
        (pa.array([datetime(2024, 1, 2, 3)], pa.timestamp("ns")), "2024-01-02T03:00", "2024-01-02T03:00:00.000001"),
        (
            pa.array([datetime(2024, 1, 2, 3, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "2024-01-02T03:00",
            "2024-01-02T03:00:00.000001",
        ),
        (pa.array([1704164645], pa.int64()), "2024-01-02T03:04:05", "2024-01-02T03:04:05.000001"),
        (pa.array([1704164645.25], pa.float64()), "2024-01-02T03:04:05.25", "2024-01-02T03:04:05.250001"),
        (pa.array(["2024-01-02"], pa.string()), "2024-01-02", "2024-01-03"),
    ],
)
def test_times_of_parquet_types(tmp_path, array, first, watermark):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user_id": pa.array(["a"]), "ts": array}), path)
    found = staged(tmp_path, path)
    assert found.column("occurred_us") == [us(first)]
    assert found.found["watermark_us"] == us(watermark)


def test_a_parquet_instant_at_midnight_of_the_zone_is_a_date(tmp_path):
    path = tmp_path / "log.parquet"
    instant = datetime(2024, 1, 1, 18, 30, tzinfo=UTC)  # midnight in Kolkata
    pq.write_table(pa.table({"user_id": ["a"], "ts": pa.array([instant], pa.timestamp("us", "UTC"))}), path)
    assert staged(tmp_path, path, timezone="Asia/Kolkata").found["watermark_us"] == us("2024-01-02T18:30")
    assert staged(tmp_path, path).found["watermark_us"] == us("2024-01-01T18:30") + 1


def test_the_last_local_day_ends_where_the_next_begins():
    # Samoa left out 30 December 2011: the 29th (zone -10 h) ends as the 31st (+14 h) begins, at 10:00Z on the 30th.
    assert end_of_local_day(us("2011-12-30T09:00"), "Pacific/Apia") == us("2011-12-30T10:00")
