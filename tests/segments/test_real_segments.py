"""Real shops: their features against a plain count of the file, and segments without hand-holding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retention.features.answer import user_features
from retention.features.spec import FeatureSpec
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.segments.answer import segment_trust, segment_words, user_segments
from retention.segments.spec import SegmentSpec
from retention.store import Sql, Store
from tests.worlds import fresh_path


def opened(spec: ImportSpec) -> Iterator[Store]:
    store = Store.create_or_open(fresh_path())
    try:
        import_file(store, spec)
        yield store
    finally:
        store.close()


@pytest.fixture(scope="module")
def retail(real_data: Path) -> Iterator[Store]:
    yield from opened(ImportSpec(real_data / "online_retail_ii/online_retail_ii.parquet", preset="order-lines"))


@pytest.fixture(scope="module")
def journey(real_data: Path) -> Iterator[Store]:
    named = {
        "user": "household_id", "time": "transaction_timestamp", "value": "sales_value", "quantity": "quantity",
        "item": "product_id", "event:discount": "coupon_disc",
    }  # fmt: skip
    left_out = ("store_id", "basket_id", "retail_disc", "coupon_match_disc", "week")
    spec = ImportSpec(
        real_data / "dunnhumby_completejourney/transactions.parquet",
        mapping={**named, **{f"ignore:{name}": name for name in left_out}},
        constant_event="purchase",
    )
    yield from opened(spec)


def by_id(store: Store, spec: FeatureSpec) -> pd.DataFrame:
    frame = user_features(store, spec).frame.set_index("user_key")
    ids = store.read(Sql("select i.user_key, i.user_id from identities as i")).set_index("user_key")["user_id"]
    return frame.set_axis(ids.loc[frame.index], axis=0)


def test_the_households_features_are_what_the_file_says(journey, real_data):
    table = by_id(journey, FeatureSpec(names=("orders", "gross", "items", "items_per_order", "discount_share", "active_days")))
    lines = pd.read_parquet(real_data / "dunnhumby_completejourney/transactions.parquet")
    lines["household_id"] = lines["household_id"].astype(str)
    lines["has_coupon"] = lines["coupon_disc"] != 0
    of = lines.groupby("household_id")
    truth = pd.DataFrame({
        "orders": of["transaction_timestamp"].nunique(), "gross": of["sales_value"].sum(),
        "items": of["product_id"].nunique(), "pieces": of["quantity"].sum(), "discount_share": of["has_coupon"].mean(),
        "active_days": lines["transaction_timestamp"].dt.date.groupby(lines["household_id"]).nunique(),
    }).loc[table.index]  # fmt: skip
    assert len(table) == 2_469 == lines["household_id"].nunique()
    for name in ("orders", "items", "active_days"):
        assert (table[name] == truth[name]).all()
    np.testing.assert_allclose(table["gross"], truth["gross"], atol=1e-6)
    np.testing.assert_allclose(table["items_per_order"], truth["pieces"] / truth["orders"])
    np.testing.assert_allclose(table["discount_share"], truth["discount_share"])


def test_the_customers_features_are_what_the_file_says(retail, real_data):
    cutoff = date(2011, 6, 1)
    table = by_id(retail, FeatureSpec(names=("orders", "gross", "items", "days_since_last_order"), cutoff=cutoff))
    lines = pd.read_parquet(real_data / "online_retail_ii/online_retail_ii.parquet")
    lines.columns = [c.replace(" ", "").lower() for c in lines.columns]
    lines = lines[lines["customerid"].notna() & (lines["price"] != 0) & (lines["invoicedate"] < "2011-06-01")]
    lines = lines[~lines["invoice"].astype(str).str.startswith("C")]
    lines["paid"] = lines["quantity"] * lines["price"]
    of = lines.groupby(lines["customerid"].astype(float).astype(int).astype(str))
    truth = pd.DataFrame({
        "orders": of["invoicedate"].nunique(), "gross": of["paid"].sum(), "items": of["stockcode"].nunique(),
        "days_since_last_order": (pd.Timestamp("2011-05-31") - of["invoicedate"].max().dt.normalize()).dt.days,
    })  # fmt: skip
    buyers = table[table["orders"] > 0]
    buyers = buyers.set_axis(buyers.index.astype(float).astype(int).astype(str), axis=0)
    assert set(buyers.index) == set(truth.index)
    truth = truth.loc[buyers.index]
    for name in ("orders", "items", "days_since_last_order"):
        assert (buyers[name] == truth[name]).all(), name
    np.testing.assert_allclose(buyers["gross"], truth["gross"], atol=1e-4)


SETTINGS = [
    SegmentSpec(features=FeatureSpec(presets=("rfm",)), k=4),
    SegmentSpec(features=FeatureSpec(presets=("commerce",)), k=5),
    SegmentSpec(features=FeatureSpec(presets=("engagement", "commerce")), k=4, reduction="pca", n_components=4),
    SegmentSpec(features=FeatureSpec(presets=("rfm",)), k=4, method="mixture"),
    SegmentSpec(features=FeatureSpec(presets=("rfm",)), k=4, log="none", winsorise=0.0),
    SegmentSpec(method="rfm"),
]


@pytest.mark.parametrize("name", ["retail", "journey"])
@pytest.mark.parametrize("spec", SETTINGS, ids=str)
def test_real_shops_divide_without_hand_holding(request, name, spec):
    store = request.getfixturevalue(name)
    found = user_segments(store, spec)
    sizes = found.sizes()
    assert sizes["n"].sum() == found.n_users > 2_000
    real = sizes[sizes["segment"] >= 0]
    if spec.method != "rfm":
        assert 2 <= len(real) <= spec.k
        # The largest wholesaler of Online Retail II spends a thousand times the median: no segment for three customers.
        assert (real["n"] >= 0.009 * found.n_users).all()
        assert segment_words(store, spec).fidelity > 0.7
    assert real["value_share"].sum() == pytest.approx(1.0, abs=0.02)


def test_the_best_customers_of_online_retail_are_called_so(retail):
    found = user_segments(retail, SegmentSpec(features=FeatureSpec(presets=("rfm",)), k=4))
    sizes = found.sizes().set_index("name")
    assert "Champions" in sizes.index
    assert sizes.loc["Champions", "value_share"] > 2 * sizes.loc["Champions", "share"]
    trusted = segment_trust(retail, found.spec)
    assert max(trusted.stability) > 0.75
