"""What the customers of a real shop did after they were put into segments, against a count of the file itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from retention.features.spec import FeatureSpec
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.segments.answer import user_segments
from retention.segments.answer_after import segments_after
from retention.segments.spec import SegmentSpec
from retention.segments.spec_after import AfterSpec
from retention.store import Sql, Store
from tests.worlds import fresh_path

AT = date(2017, 9, 1)


def test_what_households_did_after_the_day_is_what_the_file_says(real_data: Path) -> None:
    path = real_data / "dunnhumby_completejourney/transactions.parquet"
    named = {"user": "household_id", "time": "transaction_timestamp", "value": "sales_value", "quantity": "quantity", "item": "product_id"}
    left_out = ("store_id", "basket_id", "retail_disc", "coupon_disc", "coupon_match_disc", "week")
    mapping = {**named, **{f"ignore:{name}": name for name in left_out}}
    spec = AfterSpec(segments=SegmentSpec(features=FeatureSpec(presets=("rfm",)), k=3), at=AT, weeks=12)
    with Store.create_or_open(fresh_path()) as store:
        import_file(store, ImportSpec(path, mapping=mapping, constant_event="purchase"))
        after = segments_after(store, spec)
        found = user_segments(store, spec.fitted_on(AT))
        ids = store.read(Sql("select i.user_key, i.user_id from identities as i")).set_index("user_key")["user_id"]
    segment = pd.Series(np.array(found.names)[found.labels], index=ids.loc[found.user_keys])
    lines = pd.read_parquet(path)
    lines["user"] = lines["household_id"].astype(str)
    lines["day"] = (lines["transaction_timestamp"].dt.tz_localize(None).dt.normalize() - pd.Timestamp(AT)).dt.days
    lines["segment"] = lines["user"].map(segment)
    inside = lines[lines["segment"].notna() & lines["day"].between(0, 83)]
    counted = inside.groupby(["segment", inside["day"] // 7])["user"].nunique()
    for row in after.weeks.itertuples(index=False):
        assert row.retained == counted.get((row.name, row.week), 0) and row.n == (segment == row.name).sum()
    net = after.revenue.set_index("name")["net"]
    np.testing.assert_allclose(net.sort_index(), inside.groupby("segment")["sales_value"].sum().sort_index(), rtol=1e-9)
    # Those who bought often by August go on so: the segments say something of the autumn, which they have not seen.
    last = after.weeks[after.weeks["week"] == 11].set_index("name")
    often = segment.groupby(segment).groups
    trips = lines[lines["day"] < 0].groupby("user")["transaction_timestamp"].nunique()
    mean = {name: trips.loc[list(users)].mean() for name, users in often.items()}
    assert last.loc[max(mean, key=mean.get), "low"] > last.loc[min(mean, key=mean.get), "high"]
