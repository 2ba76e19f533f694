"""Revenue of a real shop, held against the same definitions worked out with pandas from the file itself."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.lifecycle.answer_revenue import repeat_purchases, revenue_over_time, revenue_retention, value_per_user
from retention.lifecycle.spec_revenue import RepeatSpec, RevenueSpec
from retention.store import Store
from tests.worlds import fresh_path


@pytest.fixture(scope="module")
def retail(real_data):
    path = real_data / "online_retail/online_retail.parquet"
    store = Store.create_or_open(fresh_path())
    try:
        import_file(store, ImportSpec(path, preset="order-lines"))
        yield store, pd.read_parquet(path)
    finally:
        store.close()


@pytest.fixture(scope="module")
def lines(retail) -> pd.DataFrame:
    """Return the lines of the file that are orders, as a reader of it would take them."""
    frame = retail[1].rename(columns=str.lower)
    customer, price = _column(frame, "customer"), _column(frame, "price")
    frame = frame.assign(
        user=frame[customer], amount=(frame["quantity"] * frame[price]).round(6), at=pd.to_datetime(frame["invoicedate"]),
        invoice=frame[_column(frame, "invoice")].astype(str),
    )  # fmt: skip
    return frame[frame["user"].notna() & (frame[price] > 0)]


def _column(frame: pd.DataFrame, word: str) -> str:
    return next(c for c in frame.columns if word in c and "date" not in c)


def orders_of(lines: pd.DataFrame) -> pd.DataFrame:
    return lines[~lines["invoice"].str.startswith("C") & (lines["quantity"] > 0)]


def test_gross_and_refunds_of_the_shop_are_the_sums_of_its_lines(retail, lines):
    months = revenue_over_time(retail[0], RevenueSpec()).periods
    gross = orders_of(lines).groupby(lines["at"].dt.to_period("M"))["amount"].sum()
    assert months["gross"].tolist() == pytest.approx(gross.tolist())
    # Refunds move to the month of their order, so only their sum is the file's.
    paid_back = lines[lines["invoice"].str.startswith("C")]
    assert months["refunded"].sum() == pytest.approx(-paid_back["amount"].sum())
    assert months["refunded"].iloc[0] > -paid_back.loc[paid_back["at"] < "2011-01-01", "amount"].sum()


def test_the_shops_gross_revenue_retention_is_that_of_pandas(retail, lines):
    orders = orders_of(lines)
    month = orders["at"].dt.year * 12 + orders["at"].dt.month
    first = month.groupby(orders["user"]).transform("min")
    spent = orders.assign(month=month, first=first).groupby(["first", "user", "month"])["amount"].sum().reset_index()
    december = spent[spent["first"] == 2010 * 12 + 12]
    then = december[december["month"] == 2010 * 12 + 12].set_index("user")["amount"]
    cells = revenue_retention(retail[0], RevenueSpec(kind="gross", horizon=11)).cells
    mine = cells[cells["cohort"] == date(2010, 12, 1)].set_index("age")
    assert mine.loc[1, "size"] == len(then) == 885
    for age in range(1, 12):
        now = (
            december[december["month"] == 2010 * 12 + 12 + age]
            .set_index("user")["amount"]
            .reindex(then.index)
            .fillna(0)
        )
        assert mine.loc[age, "nrr"] == pytest.approx(now.sum() / then.sum())
        assert mine.loc[age, "grr"] == pytest.approx(np.minimum(now, then).sum() / then.sum())
        assert mine.loc[age, "buyers"] == (now > 0).sum()


def test_the_shops_value_in_30_days_is_that_of_pandas(retail, lines):
    orders = orders_of(lines)
    day = orders["at"].dt.normalize()
    first = day.groupby(orders["user"]).transform("min")
    in_time = orders[(day - first).dt.days < 30].assign(month=first.dt.to_period("M"))
    truth = in_time.groupby("month")["amount"].sum() / in_time.groupby("month")["user"].nunique()
    rows = value_per_user(retail[0], RevenueSpec(kind="gross")).rows
    mine = rows[(rows["days"] == 30) & rows["value"].notna()]
    assert mine["value"].tolist() == pytest.approx(truth.tolist()[: len(mine)])
    assert len(mine) == 11  # the file ends on 9 December 2011


def test_the_shops_repeat_purchase_rate_is_that_of_pandas(retail, lines):
    instants = orders_of(lines)[["user", "at"]].drop_duplicates().sort_values(["user", "at"])
    first = instants.groupby("user")["at"].first()
    second = instants.groupby("user")["at"].nth(1)
    second.index = instants.loc[second.index, "user"]
    watched = first[first + pd.Timedelta(days=90) <= lines["at"].max()]
    again = (second.reindex(watched.index) - watched) <= pd.Timedelta(days=90)
    total = repeat_purchases(retail[0], RepeatSpec(days=90)).total.iloc[0]
    assert (total["n_customers"], total["n_watched"]) == (len(first), len(watched))
    assert total["n_repeated"] == again.sum()
