"""Questions of growth, behaviour and survival: the rollups against plain SQL over raw events, each answer checked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.engines import clickhouse, connect
from benchmarks.generate import Log
from benchmarks.measure import Timing, alone, cpu_ms
from benchmarks.report import Row, Target, ms
from retention.behaviour.answer_funnel import funnel
from retention.behaviour.spec_funnel import FunnelSpec
from retention.lifecycle.answer import user_lifecycle, user_stickiness
from retention.lifecycle.answer_revenue import revenue_retention
from retention.lifecycle.spec import LifecycleSpec, StickinessSpec
from retention.lifecycle.spec_revenue import RevenueSpec
from retention.periods import US_PER_DAY, day_number
from retention.store import Snapshot, Sql, Store
from retention.survival.answer import survival_curves
from retention.survival.curve import Histogram
from retention.survival.model import kaplan_meier, log_rank
from retention.survival.spec import SurvivalSpec

Numbers = dict[tuple[int, ...], tuple[float, ...]]
WINDOW = 30
N_KM = 1_000_000
N_GROUPS = 6
STEPS = ("visit", "add_to_cart", "purchase")
WITHIN_DAYS = 7

DAY = "(epoch_us(e.occurred_at) // 86400000000)"
WEEK = f"(({DAY} + 3) // 7)"


@dataclass(frozen=True, slots=True)
class Question:
    """A question as a spec, as an analyst would write it over raw events, and the numbers that both must give."""

    name: str
    ask: Callable[[Store], Any]
    numbers: Callable[[Any], Numbers]
    text: str


LIFECYCLE = f"""
with weeks as (select distinct e.user_id, {WEEK} as w from events as e),
linked as (
    select w.user_id, w.w, lag(w.w) over (partition by w.user_id order by w.w) as before from weeks as w
), counted as (
    select l.w, count(*) filter (where l.before is null) as n_new, count(*) filter (where l.before = l.w - 1) as n_returning,
        count(*) filter (where l.before < l.w - 1) as n_resurrecting, count(*) as n_active
    from linked as l group by l.w
)
select c.w, c.n_new, c.n_returning, c.n_resurrecting,
    coalesce(lag(c.n_active) over (order by c.w), 0) - c.n_returning as n_dormant
from counted as c order by c.w"""
STICKINESS = f"""
with days as (select distinct e.user_id, {DAY} as day from events as e),
calendar as (select distinct d.day from days as d)
select c.day, count(distinct case when d.day = c.day then d.user_id end) as dau,
    count(distinct case when d.day > c.day - 7 then d.user_id end) as wau, count(distinct d.user_id) as mau
from calendar as c join days as d on d.day between c.day - 27 and c.day
group by c.day order by c.day"""
REVENUE = """
with orders as (
    select e.user_id, date_part('year', e.occurred_at) * 12 + date_part('month', e.occurred_at) as month, e.value
    from events as e where e.event = 'purchase'
), firsts as (select o.user_id, min(o.month) as cohort from orders as o group by o.user_id)
select (f.cohort - 23641)::integer as cohort, (o.month - f.cohort)::integer as age, sum(o.value)
from orders as o join firsts as f on f.user_id = o.user_id group by all order by all"""
DURATIONS = f"""
with days as (select distinct e.user_id, {DAY} as day from events as e),
linked as (
    select d.user_id, d.day, min(d.day) over (partition by d.user_id) as first_day,
        lag(d.day) over (partition by d.user_id order by d.day) as before
    from days as d
), lives as (
    select l.user_id, min(l.first_day) as first_day,
        coalesce(min(case when l.day - l.before >= {WINDOW} then l.before end), max(l.day)) as end_day
    from linked as l group by l.user_id
)
select least(v.end_day, $last_known) - v.first_day as age, (v.end_day <= $last_known)::integer as is_lapsed, count(*)
from lives as v where v.first_day <= $last_known group by all order by all"""


def _of_lifecycle(found: Any) -> Numbers:
    return {
        (_week(r.on),): (r.n_new, r.n_returning, r.n_resurrecting, r.n_dormant)
        for r in found.periods.itertuples(index=False)
        if r.state == "complete"  # who falls silent in a week that goes on is not known
    }


def _week(on: date) -> int:
    return (day_number(on) + 3) // 7


def _of_stickiness(found: Any) -> Numbers:
    rows = found.days[found.days["group"].isna()]
    # The first 27 days have no month behind them: ours are empty there.
    return {(day_number(r.on),): (r.dau, r.wau, r.mau) for r in rows.itertuples(index=False) if pd.notna(r.mau)}


def _of_revenue(found: Any) -> Numbers:
    cells = found.cells[found.cells["group"].isna() & (found.cells["state"] != "future")]
    return {
        (r.cohort.year * 12 + r.cohort.month - 23641, r.age): (round(float(r.revenue), 2),)
        for r in cells.itertuples(index=False)
        if r.revenue
    }


def _of_lives(found: Any) -> Numbers:
    [group] = found.groups
    numbers: Numbers = {}
    for r in group.curve.itertuples(index=False):
        numbers |= {(int(r.t), is_lapsed): (n,) for is_lapsed, n in ((1, r.events), (0, r.censored)) if n}
    return numbers


QUESTIONS = (
    Question("lifecycle by week", lambda store: user_lifecycle(store, LifecycleSpec()), _of_lifecycle, LIFECYCLE),
    Question("daily, weekly, monthly actives", lambda store: user_stickiness(store, StickinessSpec(last=365)),
             _of_stickiness, STICKINESS),
    Question("revenue by month of first order", lambda store: revenue_retention(store, RevenueSpec(horizon=12)),
             _of_revenue, REVENUE),
    Question("durations to the first lapse", lambda store: survival_curves(store, SurvivalSpec(window=WINDOW)),
             _of_lives, DURATIONS),
)  # fmt: skip


def reads_of(store: Store, ask: Callable[[Store], Any]) -> tuple[Any, list[Sql]]:
    """Ask a question and return the selects that its answer read."""
    seen: list[Sql] = []
    read = Snapshot.read

    def noted(self: Snapshot, sql: Sql) -> Any:
        seen.append(sql)
        return read(self, sql)

    Snapshot.read = noted  # type: ignore[method-assign]
    try:
        return ask(store), seen
    finally:
        Snapshot.read = read  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Asked:
    """What our side of a question took, and what it answered."""

    name: str
    sql: Timing
    whole: Timing
    numbers: Numbers


def our_answers(store_path: str) -> list[Asked]:
    """Ask the store every question, warm: the selects alone, and the whole answer with rates and intervals."""
    found = []
    with Store.open(Path(store_path)) as store:
        for question in QUESTIONS:
            print(f"        {question.name}", file=sys.stderr, flush=True)
            result, reads = reads_of(store, question.ask)
            with store.snapshot() as snapshot:
                sql = cpu_ms(lambda reads=reads, snapshot=snapshot: [snapshot.read(read) for read in reads])  # type: ignore[misc]
            whole = cpu_ms(lambda question=question: question.ask(store), n_runs=7)  # type: ignore[misc]
            found.append(Asked(question.name, sql, whole, question.numbers(result)))
    return found


def raw_answers(raw_path: str, last_known: int) -> list[tuple[Numbers, Timing]]:
    """Ask plain SQL over the raw events the same questions, warm."""
    found = []
    with connect(raw_path) as connection:
        for question in QUESTIONS:
            params = {"last_known": last_known} if "$last_known" in question.text else {}
            rows = connection.execute(question.text, params).fetchall()
            taken = cpu_ms(lambda text=question.text, params=params: connection.execute(text, params).fetchall(), n_runs=3)  # type: ignore[misc]
            found.append((_numbers(question.name, rows), taken))
    return found


def _numbers(name: str, rows: list[tuple[Any, ...]]) -> Numbers:
    n_keys = 2 if name.startswith(("revenue", "durations")) else 1
    return {
        tuple(int(key) for key in row[:n_keys]): tuple(round(float(value), 2) for value in row[n_keys:]) for row in rows
    }


def question_rows(store_path: Path, raw_path: Path) -> list[Row]:
    """Compare the rollups with plain SQL over raw events; numbers that differ are an error, not a result."""
    with Store.open(store_path) as store:
        last_known = store.catalogue().require_clock().as_of_day - WINDOW
    ours = alone(our_answers, str(store_path)).result
    plain = alone(raw_answers, str(raw_path), last_known).result
    rows = []
    for asked, (numbers, taken) in zip(ours, plain, strict=True):
        # Ours may leave out what is not known yet; what it says must be what the events say.
        wrong = [key for key, value in asked.numbers.items() if not _is_same(value, numbers.get(key))]
        note = f"DuckDB, raw events, text ids; {len(asked.numbers):,} equal numbers; the whole answer {ms(asked.whole.least)}"
        if wrong or len(asked.numbers) < 0.9 * len(numbers):
            note = f"{len(wrong)} of {len(asked.numbers)} numbers differ, {len(numbers)} expected; first {wrong[:1]}"
            rows.append(Row(asked.name, ms(asked.sql.least), ms(taken.least), note=note, is_wrong=True))
            continue
        rows.append(Row(asked.name, ms(asked.sql.least), ms(taken.least), taken.least / asked.sql.least,
                        Target("at least", 15), note))  # fmt: skip
    return rows


def _is_same(mine: tuple[float, ...], theirs: tuple[float, ...] | None) -> bool:
    return theirs is not None and np.allclose(np.asarray(mine, float), np.asarray(theirs, float), atol=0.011, rtol=0)


# Estimation from counts against estimation from rows ---------------------------------------------------------


def curve_rows() -> list[Row]:
    """Compare Kaplan–Meier and the log-rank test of a million users from counts with lifelines on the rows."""
    return list(alone(_curves).result)


def _curves() -> list[Row]:
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test

    random = np.random.default_rng(1)
    group = random.integers(0, N_GROUPS, N_KM)
    lived = random.weibull(0.8, N_KM) * (60 + 5 * group)
    watched = random.uniform(0, 365, N_KM)
    duration, observed = np.minimum(lived, watched).astype(np.int64), lived <= watched

    def counts(of: np.ndarray) -> Histogram:
        cells, n = np.unique(duration[of] * 2 + observed[of], return_counts=True)
        return Histogram(np.zeros(len(cells), dtype=np.int64), cells // 2, (cells % 2).astype(bool), n)

    everyone = counts(np.ones(N_KM, dtype=bool))
    groups = [counts(group == g) for g in range(N_GROUPS)]
    ours, theirs = kaplan_meier(everyone), KaplanMeierFitter().fit(duration, observed)
    worst = float(np.abs(ours["survival"].to_numpy() - theirs.survival_function_.iloc[:, 0].to_numpy()).max())
    band = theirs.confidence_interval_.to_numpy()
    worst = max(worst, float(np.nanmax(np.abs(ours[["low", "high"]].to_numpy() - band))))
    statistic = log_rank([histogram.table for histogram in groups])[0]
    expected = multivariate_logrank_test(duration, group, observed).test_statistic
    tables = [
        ("Kaplan–Meier of 1 M users", lambda: kaplan_meier(everyone),
         lambda: KaplanMeierFitter().fit(duration, observed), worst < 1e-9, f"largest difference {worst:.1e}"),
        ("log-rank test of 1 M users in 6 groups", lambda: log_rank([histogram.table for histogram in groups]),
         lambda: multivariate_logrank_test(duration, group, observed), abs(statistic / expected - 1) < 1e-9,
         f"χ² {statistic:.4f} and {expected:.4f}"),
    ]  # fmt: skip
    rows = []
    for name, mine, other, is_equal, note in tables:
        a, b = cpu_ms(mine), cpu_ms(other, n_runs=5)
        rows.append(Row(name, ms(a.least), ms(b.least), b.least / a.least, Target("at least", 10),
                        f"lifelines, a row a user; {note}", is_wrong=not is_equal))  # fmt: skip
    return rows


# Funnels against a compiled kernel ---------------------------------------------------------------------------


def funnel_rows(log: Log, store_path: Path) -> list[Row]:
    """Compare a funnel with ClickHouse's `windowFunnel`, a compiled kernel over its sorted raw events.

    Notes
    -----
    ClickHouse puts events of one millisecond in an order of its own, so the users who have such may end elsewhere.
    """
    with Store.open(store_path) as store:
        as_of_us = store.catalogue().require_clock().as_of_us
    ours, whole = alone(_our_funnel, str(store_path)).result
    theirs, n_tied, kernel = alone(_their_funnel, str(log.csv), str(log.folder / "clickhouse"), as_of_us).result
    what = f"funnel of {len(STEPS)} steps in {WITHIN_DAYS} days"
    apart = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    note = (
        f"chDB's windowFunnel over raw events sorted by user and time; users {ours}, at most {max(apart)} apart"
        f" ({n_tied} users have steps in one millisecond)"
    )
    if max(apart) > n_tied:
        return [Row(what, ms(whole.least), ms(kernel.least), note=f"{ours} users, not {theirs}", is_wrong=True)]
    target = Target("at most", 1.5)
    return [Row(what, ms(whole.least), ms(kernel.least), whole.least / kernel.least, target, note)]


def _our_funnel(store_path: str) -> tuple[list[int], Timing]:
    spec = FunnelSpec(steps=tuple((step,) for step in STEPS), within_us=WITHIN_DAYS * US_PER_DAY)
    with Store.open(Path(store_path)) as store:
        return funnel(store, spec).counts(), cpu_ms(lambda: funnel(store, spec), n_runs=5)


def _their_funnel(csv: str, folder: str, as_of_us: int) -> tuple[list[int], int, Timing]:
    begin = (as_of_us - WITHIN_DAYS * US_PER_DAY) // 1000
    when = "toUInt64(toUnixTimestamp64Milli(e.occurred_at))"
    steps = ", ".join(f"e.event = '{step}'" for step in STEPS[1:])
    text = f"""
select level, count() as n from (
    select e.user_id, windowFunnel({WITHIN_DAYS * US_PER_DAY // 1000 - 1})(
        {when}, e.event = '{STEPS[0]}' and {when} <= {begin}, {steps}) as level
    from events as e where e.event in {STEPS} group by e.user_id)
group by level"""
    tied = f"""
select count(distinct t.user_id) from (
    select e.user_id, e.occurred_at from events as e where e.event in {STEPS}
    group by e.user_id, e.occurred_at having count() > 1) as t"""
    with clickhouse(csv, folder) as ask:
        at = {int(level): int(n) for level, n in ask(text)}
        counts = [sum(n for level, n in at.items() if level >= step) for step in range(1, len(STEPS) + 1)]
        return counts, int(ask(tied)[0][0]), cpu_ms(lambda: ask(text), n_runs=5)
