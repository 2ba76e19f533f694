"""Features and segments: the rollups against plain SQL over raw events, and the time and memory that segments take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from benchmarks.engines import connect
from benchmarks.generate import FIRST_DAY, N_DAYS, Log
from benchmarks.measure import Timing, alone, cpu_ms
from benchmarks.report import Row, Target, ms
from retention.features.answer import user_features
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import MONEY_WINDOWS, WINDOWS
from retention.segments.model import SegmentModel
from retention.segments.model_sweep import k_sweep
from retention.store import Store

GIGABYTE = 1e9
MANY_USERS = 900_000
"""The target is for a million users; few of them take less than opening a query does."""
N_KMEANS, N_COLUMNS, K = 1_000_000, 30, 6
N_RETUNE, N_SWEEP = 100_000, 20_000
TUNED_COLUMNS = 8
#: What the rollups carry; the log holds no refunds, reviews or discounts.
NAMES = (
    "days_since_first", "days_since_last", "active_days", *(f"active_days_{n}" for n in WINDOWS),
    "events", *(f"events_{n}" for n in WINDOWS), "events_per_day", "event_kinds", "gap_mean", "gap_sd", "gap_last",
    "silence_ratio", "trend_active_days", "trend_events", "share_weekend",
    "days_since_first_order", "days_since_last_order", "orders", *(f"orders_{n}" for n in WINDOWS), "order_rate",
    "gross", *(f"gross_{n}" for n in MONEY_WINDOWS), "value_per_order", "order_gap_mean", "trend_gross",
)  # fmt: skip
END_DAY = FIRST_DAY + N_DAYS - 2
"""The log ends with the day before the one that is appended."""


def _within(value: str, n: int) -> str:
    return f"coalesce(sum({value}) filter (l.day > {END_DAY} - {n}), 0)"


def raw_text() -> str:
    """Write the features as an analyst would over a table of events: a row a user and day, linked, then a row a user."""
    counts = "".join(f", count(*) filter (l.day > {END_DAY} - {n}) as active_days_{n}" for n in WINDOWS)
    counts += "".join(f", {_within('l.n', n)} as events_{n}, {_within('l.n_orders', n)} as orders_{n}" for n in WINDOWS)
    counts += "".join(f", {_within('l.value', n)} as gross_{n}" for n in (*MONEY_WINDOWS, 60))

    def trend(name: str) -> str:
        return f"(2 * {name}_30 - {name}_60) / nullif({name}_60, 0)"

    return f"""
with days as (
    select e.user_id, epoch_us(e.occurred_at) // 86400000000 as day, count(*) as n,
        count(distinct e.occurred_at) filter (e.event = 'purchase') as n_orders,
        coalesce(sum(e.value) filter (e.event = 'purchase'), 0) as value
    from events as e group by all
), kinds as (
    select e.user_id, count(distinct e.event) as event_kinds from events as e group by all
), linked as (
    select d.*, lag(d.day) over (partition by d.user_id order by d.day) as before from days as d
), users as (
    select l.user_id, min(l.day) as first_day, max(l.day) as last_day, count(*) as active_days, sum(l.n) as events,
        avg(l.day - l.before) as gap_mean, stddev_samp(l.day - l.before) as gap_sd,
        arg_max(l.day - l.before, l.day) as gap_last, avg(((l.day + 3) % 7 >= 5)::integer) as share_weekend,
        min(l.day) filter (l.n_orders > 0) as first_order, max(l.day) filter (l.n_orders > 0) as last_order,
        count(*) filter (l.n_orders > 0) as order_days, sum(l.n_orders) as orders, sum(l.value) as gross{counts}
    from linked as l group by all
)
select u.* exclude (first_day, last_day, first_order, last_order, order_days, gross_60), k.event_kinds,
    {END_DAY} - first_day as days_since_first, {END_DAY} - last_day as days_since_last, events / active_days as events_per_day,
    ({END_DAY} - last_day) / gap_mean as silence_ratio,
    case when {END_DAY} - first_day >= 60 then {trend("active_days")} end as trend_active_days,
    case when {END_DAY} - first_day >= 60 then {trend("events")} end as trend_events,
    {END_DAY} - first_order as days_since_first_order, {END_DAY} - last_order as days_since_last_order,
    orders / active_days as order_rate, gross / nullif(orders, 0) as value_per_order,
    (last_order - first_order) / nullif(order_days - 1, 0) as order_gap_mean,
    case when {END_DAY} - first_order >= 60 then {trend("gross")} end as trend_gross
from users as u join kinds as k on k.user_id = u.user_id"""


Sums = dict[str, tuple[int, float]]


def sums_of(columns: dict[str, Any]) -> Sums:
    """Tell each feature by how many users have it and what they add up to."""
    found = {}
    for name in NAMES:
        values = np.ma.filled(np.ma.asarray(columns[name], dtype=np.float64), np.nan)
        known = values[~np.isnan(values)]
        found[name] = (len(known), float(known.sum()))
    return found


def raw_features(path: str) -> tuple[Sums, Timing]:
    """Ask the raw events, warm."""
    text = raw_text()
    with connect(path) as connection:
        found = sums_of(connection.execute(text).fetchnumpy())
        return found, cpu_ms(lambda: connection.execute(text).fetchnumpy(), n_runs=3, seconds=30)


def our_features(path: str) -> tuple[Sums, Timing, int]:
    """Ask the store, warm."""
    spec = FeatureSpec(names=NAMES)
    with Store.open(Path(path)) as store:
        table = user_features(store, spec)
        found = sums_of({name: table.frame[name].to_numpy() for name in NAMES})
        n = table.n_users
        del table
        return found, cpu_ms(lambda: user_features(store, spec), n_runs=3, seconds=30), n


def once(path: str) -> int:
    """Ask the store once, cold: what the memory is measured on."""
    with Store.open(Path(path)) as store:
        return user_features(store, FeatureSpec(names=NAMES)).n_users


def same(ours: Sums, theirs: Sums) -> list[str]:
    """Name the features that differ."""
    return [
        name
        for name, (n, total) in ours.items()
        if n != theirs[name][0] or abs(total - theirs[name][1]) > 1e-6 * max(1.0, abs(total))
    ]


def feature_rows(log: Log, store_path: Path, raw_path: Path) -> list[Row]:
    """Compare the features of the store with the same ones over raw events."""
    ours = alone(our_features, str(store_path))
    theirs = alone(raw_features, str(raw_path))
    peak = alone(once, str(store_path))
    mine, mine_ms, n_users = ours.result
    raw, raw_ms = theirs.result
    wrong = same(mine, raw)
    what = f"{len(NAMES)} features of {n_users:,} users"
    return [
        Row(what, ms(mine_ms.least), ms(raw_ms.least), None if wrong else raw_ms.least / mine_ms.least,
            Target("at least", 5) if n_users >= MANY_USERS else None, "one SQL over raw events" + (f"; differ: {', '.join(wrong)}" if wrong else ""),
            is_wrong=bool(wrong), figures={"events": log.n_events, "ours": mine_ms, "raw": raw_ms}),
        Row(f"{what}, peak memory", f"{peak.peak_bytes / GIGABYTE:.2f} GB", f"{theirs.peak_bytes / GIGABYTE:.2f} GB",
            peak.peak_bytes / GIGABYTE, Target("at most", 2, "GB"), "the SQL over raw events"),
    ]  # fmt: skip


def many_users(n: int, d: int) -> np.ndarray:
    """Draw overlapping groups with long tails, as features have them."""
    x, _ = make_blobs(n, n_features=d, centers=K, cluster_std=5.0, random_state=3)
    return np.exp(x / 10)


def fit_many() -> dict[str, float]:
    """Divide a million users, and again without a sample, for the loss."""
    x = many_users(N_KMEANS, N_COLUMNS)
    model = SegmentModel(n_clusters=K)
    timing = cpu_ms(lambda: model.fit(x, keys=np.arange(len(x))), n_runs=1, seconds=1)
    whole = KMeans(K, n_init=3, random_state=0).fit(model.embed(x))
    return {"cpu_s": timing.least / 1000, "loss": model.inertia_ / whole.inertia_ - 1, "own_loss": model.inertia_loss_}


def retune(method: str) -> float:
    """Divide 100,000 users: CPU seconds."""
    x = many_users(N_RETUNE, TUNED_COLUMNS)
    model = SegmentModel(method, n_clusters=K)
    return cpu_ms(lambda: model.fit(x, keys=np.arange(len(x))), n_runs=3, seconds=10).least / 1000


def sweep() -> float:
    """Try 2 to 12 groups on 20,000 users: CPU seconds."""
    z = SegmentModel(n_clusters=2).fit(many_users(N_SWEEP, TUNED_COLUMNS)).embed(many_users(N_SWEEP, TUNED_COLUMNS))
    return cpu_ms(lambda: k_sweep(z, range(2, 13)), n_runs=1, seconds=1).least / 1000


def segment_rows() -> list[Row]:
    """Measure what segments take; one thread learns, so CPU time is waiting time on a quiet machine."""
    many, tried = alone(fit_many).result, alone(sweep).result
    tuned = {method: alone(retune, method).result for method in ("kmeans", "mixture", "hdbscan")}
    return [
        Row(f"K-means, {N_KMEANS:,} users × {N_COLUMNS}, k = {K}", f"{many['cpu_s']:.1f} s", "", many["cpu_s"],
            Target("at most", 10, "s"), "learned from 100,000, all assigned and refined", figures=many),
        Row("  more inertia than of all users", f"{many['loss']:.2%}", "", many["loss"] * 100, Target("at most", 1, "%"),
            "scikit-learn on all users, three starts"),
        *(Row(f"{N_RETUNE:,} users tuned anew, {method}", f"{seconds:.2f} s", "", seconds, Target("at most", 2, "s"),
              f"{TUNED_COLUMNS} features") for method, seconds in tuned.items()),
        Row(f"k = 2 … 12 on {N_SWEEP:,} users", f"{tried:.1f} s", "", tried, Target("at most", 60, "s"),
            f"{TUNED_COLUMNS} features, 20 draws each"),
    ]  # fmt: skip
