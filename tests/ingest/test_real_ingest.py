"""Real files, held against the figures that their publishers and their readers print."""

from __future__ import annotations

import duckdb
import pytest

from retention.ingest.read import stage
from retention.ingest.spec import ImportSpec


def asked(found, sql: str) -> tuple:
    return duckdb.execute(sql.replace("ROWS", "read_parquet($rows)"), {"rows": str(found.rows)}).fetchone()


def test_online_retail(real_data, tmp_path):
    found = stage(ImportSpec(real_data / "online_retail/online_retail.parquet", preset="order-lines"), tmp_path)
    assert found.n_records == 541_909
    reasons = {r.reason: r.n for r in found.reasons}
    assert reasons["no customer"] == 135_080
    assert set(reasons) == {"no customer", "price of zero"}
    # Published: 397,884 lines of 4,338 customers with a customer, quantity > 0 and price > 0, worth 8,911,407.90.
    assert asked(
        found,
        "select count(*), count(distinct user_id), round(sum(quantity * price), 2)::varchar from ROWS"
        " where event = 'purchase'",
    ) == (397_884, 4_338, "8911407.90")
    # Lines with a customer are 541,909 - 135,080; cancellations of customers are the rest beside those at no price.
    assert found.n_good == 541_909 - 135_080 - reasons["price of zero"]
    # The last line is of 9 December 2011, 12:50: 1,323,435,000 s.
    assert (found.last_us, found.watermark_us) == (1_323_435_000_000_000, 1_323_435_000_000_001)


def test_online_retail_ii(real_data, tmp_path):
    found = stage(ImportSpec(real_data / "online_retail_ii/online_retail_ii.parquet", preset="order-lines"), tmp_path)
    assert found.n_records == 1_067_370
    assert {r.reason: r.n for r in found.reasons}["no customer"] == 243_007
    assert asked(found, "select count(*) from ROWS where event = 'purchase'") == (805_548,)


def test_cdnow_full(real_data, tmp_path):
    found = stage(ImportSpec(real_data / "cdnow_full/cdnow_master.csv.gz", constant_event="purchase"), tmp_path)
    assert (found.n_records, found.n_rejected) == (69_659, 0)
    assert asked(
        found,
        "select count(distinct user_id), sum(quantity)::bigint, sum(value)::varchar, count(distinct row_hash)"
        " from ROWS",
    ) == (23_570, 167_881, "2500315.630000", 69_659)
    # Dates only, to 30 June 1998: complete to 1 July, 899,251,200 s.
    assert found.watermark_us == 899_251_200_000_000


def test_groceries(real_data, tmp_path):
    found = stage(ImportSpec(real_data / "groceries_members/groceries_dataset.csv.gz"), tmp_path)
    assert found.n_records == found.n_good == 38_765
    assert asked(
        found,
        "select count(distinct user_id), count(distinct item), count(distinct user_id || '/' || occurred_us) from ROWS",
    ) == (3_898, 167, 14_963)


@pytest.mark.parametrize(
    ("name", "n", "n_users"),
    [
        ("movielens_100k/ratings.csv.gz", 100_000, 943),
        ("udacity_ab_landing_page/ab_data.parquet", 294_478, 290_584),
        ("dunnhumby_completejourney/transactions.parquet", 1_469_307, 2_469),
    ],
)
def test_other_logs_are_guessed_right(real_data, tmp_path, name, n, n_users):
    found = stage(ImportSpec(real_data / name), tmp_path)
    assert (found.n_good, found.n_rejected) == (n, 0)
    assert asked(found, "select count(distinct user_id) from ROWS") == (n_users,)
