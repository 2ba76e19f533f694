"""The sample shop keeps its promises: deterministic, consistent, and obeying the laws it states."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from scipy import stats

from retention.errors import SpecError
from retention.ingest import sample_laws as laws
from retention.ingest.sample import ACTIVITY, SampleSpec, simulate, stage_sample
from retention.ingest.sample_words import REVIEW_ENDINGS
from tests.ingest.sample_shops import DAY_US, ITEM_CODES, frame, large_shop, us, usual_shop

EVENT_COLUMNS = {
    "user_id": pa.string(), "occurred_us": pa.int64(), "event": pa.string(), "value": pa.decimal128(18, 6),
    "quantity": pa.decimal128(18, 6), "item": pa.string(), "item_name": pa.string(), "category": pa.string(),
    "text": pa.string(), "row_hash": pa.uint64(),
}


@pytest.fixture(scope="module")
def shop():
    return usual_shop()[0]


@pytest.fixture(scope="module")
def rows():
    return usual_shop()[1]


@pytest.fixture(scope="module")
def large():
    return large_shop()[0]


@pytest.fixture(scope="module")
def large_rows():
    return large_shop()[1]


def bytes_of(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


# ---- what it is made of

def test_a_seed_gives_the_same_bytes_again_and_another_seed_does_not():
    spec = SampleSpec(n_users=300, seed=3)
    first, again, other = simulate(spec), simulate(spec), simulate(replace(spec, seed=4))
    assert bytes_of(first.events) == bytes_of(again.events)
    assert np.array_equal(first.truth.uplift, again.truth.uplift, equal_nan=True)
    assert bytes_of(first.events) != bytes_of(other.events)
    shared = set(first.events["row_hash"].to_pylist()) & set(other.events["row_hash"].to_pylist())
    assert not shared                       # two shops in one store are not each other's duplicates


def test_a_processor_without_vector_instructions_gives_the_same_bytes():
    umath = np._core._multiarray_umath
    switchable = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]
    if not switchable:
        pytest.skip("this processor has no vector code that NumPy could switch off")
    program = """
import hashlib
from retention.ingest.sample import SampleSpec, simulate
shop = simulate(SampleSpec(n_users=400, seed=12))
digest = hashlib.sha256(shop.truth.uplift.tobytes())
for column in shop.events.columns:
    digest.update(repr(column.to_pylist()).encode())
print(digest.hexdigest())
"""
    plain = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    digests = {
        subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True,
                       check=True).stdout
        for env in (plain, plain | {"NPY_DISABLE_CPU_FEATURES": " ".join(switchable)})
    }
    assert len(digests) == 1


def test_the_default_shop_has_five_thousand_users_and_about_a_quarter_of_a_million_events(shop, rows):
    assert rows["user_id"].nunique() == 5000
    assert 225_000 <= len(rows) <= 275_000
    assert shop.truth.user_id.size == 5000


def test_the_columns_are_those_of_a_staged_file_of_events(shop):
    expected = EVENT_COLUMNS | {f"p{i}": pa.string() for i in range(len(shop.properties))}
    assert dict(zip(shop.events.schema.names, shop.events.schema.types, strict=True)) == expected
    for name in ("user_id", "occurred_us", "event", "row_hash"):
        assert shop.events[name].null_count == 0
    assert [p.name for p in shop.properties if p.kind == "user"] == ["plan", "language"]


def test_row_hashes_are_unique_also_across_blocks(shop, large):
    for world in (shop, large):
        assert len(np.unique(world.events["row_hash"].to_numpy())) == world.events.num_rows


def test_every_kind_of_event_is_there_and_activity_is_what_a_customer_does(rows):
    kinds = set(rows["event"])
    assert kinds == {*ACTIVITY, "refund", "campaign_sent"}


def test_amounts_have_two_decimals_and_belong_to_purchases_and_refunds_only(shop, rows):
    values = [v for v in shop.events["value"].to_pylist() if v is not None]
    assert all(v == v.quantize(v.__class__("0.01")) and v > 0 for v in values)
    assert set(rows.loc[rows["cents"].notna(), "event"]) == {"purchase", "refund"}
    bought = rows[rows["event"] == "purchase"]
    assert bought[["item", "item_name", "category", "quantity", "discount"]].notna().all(axis=None)


def test_a_purchase_costs_the_listed_price_times_quantity_less_a_fifth_with_a_coupon():
    shop = simulate(SampleSpec(n_users=200, seed=5))
    bought = frame(shop).query("event == 'purchase' and item_name == 'coffee mug'")
    assert len(bought) > 20
    for _, row in bought.iterrows():        # a coffee mug costs 11.50
        full = 1150 * int(row["quantity"])
        assert row["cents"] == (full * 4 // 5 if row["discount"] == "yes" else full)


def test_staging_writes_the_same_rows_and_counts_that_add_up(tmp_path):
    spec = SampleSpec(n_users=120, seed=9)
    shares = []
    staged, gap = stage_sample(spec, tmp_path / "new", progress=shares.append)
    shop = simulate(spec)
    assert pq.read_table(staged.rows).equals(shop.events)
    assert (staged.kind, staged.preset, staged.source_name) == ("events", "sample", "sample shop (simulated)")
    assert staged.n_records == staged.n_good == shop.events.num_rows and staged.n_rejected == 0
    assert staged.sha256 == hashlib.sha256(spec.text.encode()).hexdigest()
    assert staged.watermark_us == shop.watermark_us == us("2026-01-01")
    assert staged.first_us == min(shop.events["occurred_us"].to_pylist())
    assert staged.last_us == max(shop.events["occurred_us"].to_pylist())
    assert gap == shop.gap and shares == [1.0]


def test_progress_is_told_after_every_block():
    shares = []
    simulate(SampleSpec(n_users=10_001, seed=1), progress=shares.append)
    assert shares == [10_000 / 10_001, 1.0]


@pytest.mark.parametrize("n_users", [1, 2, 50])
@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_tiny_shops_work(n_users, seed):
    shop = simulate(SampleSpec(n_users=n_users, seed=seed))
    assert set(shop.events["user_id"].to_pylist()) == set(shop.truth.user_id.tolist())
    assert shop.truth.user_id.size == n_users


@pytest.mark.parametrize("wrong", [
    {"n_users": 0}, {"n_users": -5}, {"n_users": 10_000_001}, {"n_users": 2.5}, {"n_users": True},
    {"n_users": "5000"}, {"seed": -1}, {"seed": 2**63}, {"seed": None}, {"order_effect": 0.5},
    {"order_effect": 51}, {"order_effect": float("nan")}, {"order_effect": "2"},
])
def test_a_shop_that_cannot_be_is_refused_with_advice(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))) as caught:
        SampleSpec(**wrong)
    assert caught.value.hint


# ---- consistency

def test_no_event_is_earlier_than_its_users_sign_up_and_none_later_than_the_data(shop, rows):
    assert (rows["occurred_us"].to_numpy() >= shop.truth.signup_us[rows["u"]]).all()
    assert rows["occurred_us"].between(us("2024-01-01"), us("2026-01-01") - 1).all()
    signups = rows[rows["event"] == "signup"].set_index("u")["occurred_us"].sort_index()
    assert signups.to_numpy().tolist() == shop.truth.signup_us.tolist()


def test_the_gap_is_two_whole_days_without_rows_and_days_around_it_are_full(shop, rows):
    low, high = shop.gap
    assert (low, high) == (us("2025-06-10"), us("2025-06-12"))
    day = (rows["occurred_us"] // DAY_US).value_counts()
    assert not {low // DAY_US, low // DAY_US + 1} & set(day.index)
    assert len(day) == 731 - 2              # 2024 was a leap year


@pytest.mark.parametrize("order_effect", [1.0, 8.0])
def test_nobody_visits_after_death(order_effect):
    shop = simulate(SampleSpec(n_users=2000, seed=2, order_effect=order_effect))
    events = frame(shop)
    late_us = events["occurred_us"].to_numpy() - shop.truth.death_us[events["u"]]
    is_visit = (events["event"] == "visit").to_numpy()
    assert (late_us[is_visit] < 0).all()
    is_free = events["event"].isin(["refund", "campaign_sent"]).to_numpy()
    assert late_us[~is_free].max() < 20 * 60_000_000         # a visit under way is finished
    assert (late_us[is_free] > 0).any()                      # mailings and parcels do not know


def test_every_activity_but_the_sign_up_lies_in_a_visit(shop, rows):
    active = rows[rows["event"].isin(ACTIVITY) & (rows["event"] != "signup")]
    visits = active[active["event"] == "visit"][["u", "occurred_us"]].assign(since=lambda f: f["occurred_us"])
    joined = pd.merge_asof(active.sort_values("occurred_us"), visits.sort_values("occurred_us"),
                           on="occurred_us", by="u")
    far = joined["occurred_us"] - joined["since"] > 20 * 60_000_000
    # Only a visit that began in the lost days can be missing.
    assert joined.loc[far | joined["since"].isna(), "occurred_us"].between(
        shop.gap[1], shop.gap[1] + 20 * 60_000_000).all()


def test_a_refund_follows_its_purchase_and_never_exceeds_it(shop, rows):
    links = shop.truth.refunds.to_pandas()
    assert links["refund_hash"].is_unique and links["purchase_hash"].is_unique
    by_hash = rows.set_index("row_hash")
    refund, purchase = by_hash.loc[links["refund_hash"]], by_hash.loc[links["purchase_hash"]]
    assert len(links) == (rows["event"] == "refund").sum() > 500
    assert set(refund["event"]) == {"refund"} and set(purchase["event"]) == {"purchase"}
    for column in ("u", "item", "quantity"):
        assert (refund[column].to_numpy() == purchase[column].to_numpy()).all()
    wait = (refund["occurred_us"].to_numpy() - purchase["occurred_us"].to_numpy()) / DAY_US
    assert wait.min() >= 2 and wait.max() <= 20
    assert (refund["cents"].to_numpy() <= purchase["cents"].to_numpy()).all()
    assert (refund["cents"].to_numpy() < purchase["cents"].to_numpy()).any()


def test_refunds_come_at_the_stated_rate_of_each_category(large_rows):
    bought = large_rows[large_rows["event"] == "purchase"]
    # Twenty days before the end and the gap no refund is lost to either.
    bought = bought[(bought["occurred_us"] < us("2025-12-11"))
                    & ~bought["occurred_us"].between(us("2025-05-21"), us("2025-06-10"))]
    back = set(zip(large_rows.loc[large_rows["event"] == "refund", "u"],
                   large_rows.loc[large_rows["event"] == "refund", "item"], strict=True))
    once = bought.drop_duplicates(["u", "item"], keep=False)
    for category, rate in zip(laws.CATEGORIES, laws.REFUND_PROBABILITY, strict=True):
        mine = once[once["category"] == category]
        returned = sum(pair in back for pair in zip(mine["u"], mine["item"], strict=True))
        assert stats.binomtest(returned, len(mine), rate).pvalue > 0.001


def test_words_are_english_and_chinese_by_the_users_language(shop, rows):
    for event in ("search", "review"):
        written = rows[rows["event"] == event]
        assert written["text"].notna().all()
        is_chinese = written["text"].str.contains(r"[\u4e00-\u9fff]", regex=True)
        assert (is_chinese == (written["language"] == "zh")).all()
        has_latin = written["text"].str.contains("[A-Za-z]", regex=True)
        assert (has_latin == (written["language"] == "en")).all()
        assert 0.1 < is_chinese.mean() < 0.6
        assert written["text"].nunique() > 300
    china = shop.truth.language[shop.truth.country == laws.COUNTRIES.index("China")]
    assert stats.binomtest(int(china.sum()), china.size, 0.94).pvalue > 0.001


def test_reviews_have_stars_that_follow_the_words_and_the_item(large, large_rows):
    reviews = large_rows[large_rows["event"] == "review"]
    stars = reviews["stars"].astype(int)
    assert set(stars) == {1, 2, 3, 4, 5}
    endings = [tuple(x for words in tone for x in words) for tone in REVIEW_ENDINGS]
    tone = np.select([reviews["text"].str.endswith(e) for e in endings], [-1, 0, 1], -9)
    assert (tone > -9).all()
    said = np.sign(stars - 3)
    # One in twenty takes a tone at random, which is the right one a third of the time.
    assert stats.binomtest(int((tone != said).sum()), len(said), 0.05 * 2 / 3).pvalue > 0.001
    code = {c: i for i, c in enumerate(dict.fromkeys(large_rows["item"].dropna().sort_values()))}
    assert len(code) == 64
    quality = dict(zip(ITEM_CODES, large.truth.item_quality, strict=True))
    means = stars.groupby(reviews["item"]).mean()
    assert stats.pearsonr(means, [quality[i] for i in means.index]).statistic > 0.9
