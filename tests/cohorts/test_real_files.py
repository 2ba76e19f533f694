"""Real files read the way a person reads them, held against published figures and against plain loops."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from retention.audiences.answer import users_of
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.store import Store
from tests.cohorts.grids import as_plain, averages_plain, cell, oracle_averages, oracle_plain, states
from tests.oracles import Clock, Event, Question, next_period, retention
from tests.worlds import fresh_path, instant

PURCHASES = {"start": ("purchase",), "returns": ("purchase",), "period": "month"}
BOTH = {"start": ("purchase", "refund"), "returns": ("purchase", "refund"), "period": "month"}


def imported(spec: ImportSpec) -> Iterator[tuple[Store, object]]:
    store = Store.create_or_open(fresh_path())
    try:
        yield store, import_file(store, spec)
    finally:
        store.close()


@pytest.fixture(scope="module")
def online_retail(real_data):
    yield from imported(ImportSpec(real_data / "online_retail/online_retail.parquet", preset="order-lines"))


@pytest.fixture(scope="module")
def online_retail_ii(real_data):
    yield from imported(ImportSpec(real_data / "online_retail_ii/online_retail_ii.parquet", preset="order-lines"))


def cdnow_spec(real_data: Path) -> ImportSpec:
    return ImportSpec(
        real_data / "cdnow_full/cdnow_master.csv.gz",
        mapping={"user": "customer_id", "time": "date", "value": "dollar_value"},
        constant_event="purchase",
    )


@pytest.fixture(scope="module")
def cdnow(real_data):
    yield from imported(cdnow_spec(real_data))


@pytest.fixture(scope="module")
def groceries(real_data):
    spec = ImportSpec(
        real_data / "groceries_members/groceries_dataset.csv.gz",
        mapping={"user": "Member_number", "time": "Date", "item": "itemDescription"},
        constant_event="purchase",
    )
    yield from imported(spec)


def retained_so_far(matrix, cohort: str) -> list[int]:
    cells = matrix.cells[matrix.cells["cohort"] == date.fromisoformat(cohort)]
    return cells.sort_values("age")["retained"].dropna().astype(int).tolist()


def test_online_retail_adds_up_line_by_line(online_retail):
    _, report = online_retail
    # 541,909 lines: 135,080 have no customer, and 40 of the others a price of zero (both counted by hand).
    assert report.n_new + report.n_duplicate + report.n_rejected == 541_909
    reasons = sum(r.n for r in report.reasons)
    assert reasons == report.n_rejected
    assert report.n_rejected == 135_080 + 40


def test_online_retail_purchases_give_the_published_cohort_table(online_retail):
    store, _ = online_retail
    matrix = cohort_retention(store, CohortSpec(horizon=12, **PURCHASES))
    assert matrix.size(date(2010, 12, 1)) == 885
    # Age 0 of the published table is the size; ours counts those who came back within the month.
    later = [324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235]
    assert retained_so_far(matrix, "2010-12-01")[1:] == later
    assert states(matrix, "2010-12-01") == ["mature"] * 12 + ["in_progress"]  # December 2011 has nine days
    assert cell(matrix, "2010-12-01", 12)["complete_on"] == date(2012, 1, 1)
    assert cell(matrix, "2010-12-01", 1)["rate"] == pytest.approx(324 / 885)
    january = [92, 111, 96, 134, 120, 103, 101, 125, 136, 152, 49]
    assert matrix.size(date(2011, 1, 1)) == 417
    assert retained_so_far(matrix, "2011-01-01")[1:] == january


def test_online_retail_with_refunds_gives_the_other_published_table(online_retail):
    store, _ = online_retail
    matrix = cohort_retention(store, CohortSpec(horizon=12, **BOTH))
    assert matrix.size(date(2010, 12, 1)) == 948
    later = [362, 317, 367, 341, 376, 360, 336, 336, 374, 354, 474, 260]
    assert retained_so_far(matrix, "2010-12-01")[1:] == later


def test_online_retail_lists_are_as_long_as_the_cells_say(online_retail):
    store, _ = online_retail
    asked = CellSpec(cohorts=CohortSpec(horizon=12, **PURCHASES), cohort=date(2010, 12, 1), age=1)
    assert users_of(store, asked).count == 324
    lost = CellSpec(cohorts=asked.cohorts, cohort=asked.cohort, age=1, is_lost=True)
    assert users_of(store, lost).count == 885 - 324


def test_online_retail_ii_has_its_25_cohorts(online_retail_ii):
    store, _ = online_retail_ii
    matrix = cohort_retention(store, CohortSpec(horizon=12, **PURCHASES))
    sizes = [955, 383, 374, 443, 294, 254, 270, 186, 162, 243, 377, 325, 76]
    sizes += [71, 124, 179, 106, 111, 108, 102, 106, 189, 221, 191, 28]
    months = [next_period(date(2009, 12, 1), "month", n) for n in range(25)]
    assert sorted(set(matrix.cells["cohort"])) == months
    assert [matrix.size(month) for month in months] == sizes
    assert retained_so_far(matrix, "2009-12-01")[1:10] == [337, 319, 406, 363, 343, 360, 327, 321, 346]
    assert retained_so_far(matrix, "2010-01-01")[1:9] == [79, 119, 117, 101, 115, 99, 88, 107]
    assert retained_so_far(matrix, "2010-02-01")[1:9] == [89, 84, 109, 92, 75, 72, 107, 95]
    assert retained_so_far(matrix, "2010-03-01")[1:9] == [84, 102, 107, 103, 90, 109, 134, 122]


def cdnow_events(real_data: Path) -> list[Event]:
    with gzip.open(real_data / "cdnow_full/cdnow_master.csv.gz", "rt") as file:
        return [Event(row["customer_id"], instant(row["date"]), "purchase") for row in csv.DictReader(file)]


def test_cdnow_holds_every_customer_and_every_row(cdnow):
    store, report = cdnow
    # 255 rows are exact copies of others and real.
    assert (report.n_new, report.n_duplicate, report.n_rejected) == (69_659, 0, 0)
    matrix = cohort_retention(store, CohortSpec(period="month", horizon=3))
    months = sorted(set(matrix.cells["cohort"]))
    assert months == [date(1997, 1, 1), date(1997, 2, 1), date(1997, 3, 1)]
    assert sum(matrix.size(month) for month in months) == 23_570


def test_cdnow_is_complete_up_to_the_end_of_its_last_day(cdnow):
    _, report = cdnow
    assert report.as_of_us == instant("1998-07-01")  # the times carry no time of day


@pytest.mark.parametrize("ages", ["calendar", "elapsed"])
def test_cdnow_agrees_with_the_plain_loop(real_data, cdnow, ages):
    store, _ = cdnow
    events, clock = cdnow_events(real_data), Clock(instant("1998-07-01"))
    for question in (
        Question(period="month", horizon=6, ages=ages),
        Question(period="month", horizon=4, ages=ages, mode="on-or-after", at_least=2),
    ):
        spec = CohortSpec(
            period="month", horizon=question.horizon, ages=ages, mode=question.mode, at_least=question.at_least
        )
        matrix, truth = cohort_retention(store, spec), retention(events, clock, question)
        assert as_plain(matrix) == oracle_plain(truth)
        assert averages_plain(matrix) == oracle_averages(truth)


def test_cdnow_imported_again_adds_nothing(real_data, cdnow):
    store, _ = cdnow
    again = import_file(store, cdnow_spec(real_data))
    assert (again.n_new, again.n_duplicate, again.n_rejected) == (0, 69_659, 0)


def test_groceries_read_as_flat(groceries):
    # A negative control: member ids were dealt at random, so monthly retention does not decay. Its README
    # gives 0.14 to 0.16 for every month from 1 to 12.
    store, report = groceries
    assert report.n_new + report.n_duplicate == 38_765
    matrix = cohort_retention(store, CohortSpec(period="month", horizon=12))
    pooled = matrix.average[matrix.average["kind"] == "pooled"].set_index("age")["rate"]
    rates = [float(pooled.loc[age]) for age in range(1, 13)]
    assert {round(rate, 2) for rate in rates} <= {0.14, 0.15, 0.16}
    first_half, second_half = sum(rates[:6]) / 6, sum(rates[6:]) / 6
    assert abs(first_half - second_half) < 0.01
    assert matrix.as_of_us == instant((date(2015, 12, 30) + timedelta(days=1)).isoformat())
