"""Sample shops that several tests look at, simulated once a run."""

from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa

from retention.ingest import sample_laws as laws
from retention.ingest.sample import SampleShop, SampleSpec, simulate

DAY_US = 86_400_000_000
ITEM_CODES = [f"{c[:2].upper()}{i:02d}" for c in laws.CATEGORIES for i in range(1, 9)]


def us(day: str) -> int:
    """Give midnight UTC of an ISO date in microseconds since 1970."""
    return int(np.datetime64(day, "us").astype(np.int64))


@cache
def usual_shop() -> tuple[SampleShop, pd.DataFrame]:
    shop = simulate(SampleSpec())
    return shop, frame(shop)


@cache
def large_shop() -> tuple[SampleShop, pd.DataFrame]:
    """More users, of another seed, where a recovered parameter needs them."""
    shop = simulate(SampleSpec(n_users=20_000, seed=11))
    return shop, frame(shop)


def frame(shop: SampleShop) -> pd.DataFrame:
    """The rows as a frame, amounts in cents, with the user's position in the truth as `u`."""
    events = shop.events.drop_columns(["value"]).to_pandas()
    cents = shop.events["value"].cast(pa.float64()).to_pandas() * 100
    events["cents"] = cents.round().astype("Int64")
    position = pd.Series(np.arange(shop.truth.user_id.size), index=shop.truth.user_id)
    events["u"] = events["user_id"].map(position).astype(np.int64)
    names = {f"p{i}": p.name for i, p in enumerate(shop.properties)}
    return events.rename(columns=names)
