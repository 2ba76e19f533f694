"""Who could lapse and who did, against a plain loop; and which cut-offs may teach."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.churn import query, query_duckdb
from retention.churn.answer import churn_backtest, outcomes_sql, table_at
from retention.churn.spec import ChurnSpec, LapseSpec, schedule
from retention.errors import SpecError
from retention.periods import day_number
from tests.oracles import local_date
from tests.test_sql_portable import portability_faults
from tests.worlds import World, diary, store_of, worlds

BEGINNING = date(1970, 1, 1)


def keys_of(store):
    with store.snapshot() as snapshot:
        return dict(snapshot.rows("select i.user_id, i.user_key from identities as i"))


def outcomes_of(store, lapse, cutoff_day):
    with store.snapshot() as snapshot:
        frame = snapshot.read(outcomes_sql(snapshot, lapse, cutoff_day))
    names = {key: user for user, key in keys_of(store).items()}
    first = [None if np.isnan(v) else int(v) for v in frame["first_after"].astype(float)]
    return {names[k]: (int(n), f) for k, n, f in zip(frame["user_key"], frame["n_after"], first, strict=True)}


def test_who_could_lapse_and_who_did_by_hand():
    world = """
        ann: 2026-01-05 2026-01-28 2026-02-12
        bob: 2026-01-30 2026-02-03
        cyd: 2026-01-31
        dee: 2025-12-01 2026-02-12
        eve: 2026-02-12
    """
    store = store_of(diary(world), as_of="2026-04-01")
    lapse = LapseSpec(horizon_days=14, gap_days=7, lookback_days=30)
    # As of 1 February, of those active since 2 January: the horizon is 8 to 21 February. Bob came in the gap only; dee had
    # been silent for too long to be asked about, and nobody knew eve.
    assert outcomes_of(store, lapse, day_number(date(2026, 2, 1))) == {"ann": (1, 4), "bob": (0, None), "cyd": (0, None)}
    # Without a gap bob's visit of the 3rd counts.
    now = LapseSpec(horizon_days=14, gap_days=0, lookback_days=30)
    assert outcomes_of(store, now, day_number(date(2026, 2, 1))) == {"ann": (1, 11), "bob": (1, 2), "cyd": (0, None)}


@given(world=worlds(with_gaps=False), cut=st.integers(-20, 40), gap=st.integers(0, 9), horizon=st.integers(7, 30),
       back=st.integers(7, 40), is_visit=st.booleans())  # fmt: skip
def test_outcomes_are_those_of_a_plain_loop(world: World, cut, gap, horizon, back, is_visit):
    store = world.open()
    events = ("visit",) if is_visit and any(e.event == "visit" for e in world.events) else ()
    lapse = LapseSpec(horizon_days=horizon, gap_days=gap, lookback_days=back, events=events)
    kinds = set(events) or {k.event for k in store.catalogue().events.values() if k.is_activity}
    days: dict[str, set[date]] = {}
    for event in world.events:
        if event.at_us < world.clock.as_of_us and event.event in kinds:
            days.setdefault(event.user, set()).add(local_date(event.at_us, world.clock.timezone))
    if not days:
        return
    cutoff = min(min(d) for d in days.values()) + timedelta(days=cut)
    expected = {}
    for user, own in days.items():
        if any(cutoff - timedelta(days=back) <= d < cutoff for d in own):
            begin = cutoff + timedelta(days=gap)
            after = sorted(d for d in own if begin <= d < begin + timedelta(days=horizon))
            expected[user] = (len(after), (after[0] - begin).days if after else None)
    assert outcomes_of(store, lapse, day_number(cutoff)) == expected


def test_the_rollup_and_the_events_agree_and_the_text_is_portable():
    store = store_of(diary("ann: 5 12 26\nbob: 6 7"), as_of="2026-02-02")
    lapse = LapseSpec(horizon_days=7, gap_days=0, lookback_days=14, events=("visit",))
    with store.snapshot() as snapshot:
        ours, portable = (
            query.outcomes(q.user_days(lapse, snapshot.catalogue), lapse, day_number(date(2026, 1, 13)), None)
            for q in (query_duckdb, query)
        )
        one, two = (snapshot.read(sql).sort_values("user_key").to_dict("list") for sql in (ours, portable))
    assert str(one) == str(two)
    assert portability_faults(portable.text) == []


@given(first=st.integers(0, 50), score=st.integers(60, 900), horizon=st.integers(7, 90), gap=st.integers(0, 20),
       back=st.integers(7, 90), step=st.integers(7, 60))  # fmt: skip
def test_no_cutoff_that_teaches_knew_more_than_the_day_that_is_scored(first, score, horizon, gap, back, step):
    spec = ChurnSpec(lapse=LapseSpec(horizon_days=horizon, gap_days=gap, lookback_days=back), step_days=step)
    try:
        plan = schedule(spec, first, score)
    except SpecError as error:
        assert score - first < back + gap + horizon
        assert f"{back + gap + horizon} days" in str(error)
        return
    teaching = [*plan.train_days, *([] if plan.calibrate_day is None else [plan.calibrate_day])]
    assert teaching == sorted(teaching)
    assert len(set(teaching)) == len(teaching)
    for day in teaching:
        assert day + gap + horizon <= score  # its outcomes were known
        assert day - back >= first  # and who was a user


def test_bad_input_is_answered_with_a_sentence():
    store = store_of(diary("ann: 5 12 26\nbob: 6 7"), as_of="2026-02-02")
    with pytest.raises(SpecError, match="must be from 7 to 730 days, not 3"):
        LapseSpec(horizon_days=3)
    with pytest.raises(SpecError, match="must be one of"):
        ChurnSpec(model="magic")
    with pytest.raises(SpecError, match="must reach back"):
        churn_backtest(store, ChurnSpec())
    spec = ChurnSpec(lapse=LapseSpec(horizon_days=7, lookback_days=7))
    with store.snapshot() as snapshot, pytest.raises(SpecError, match="Nobody was active"):
        table_at(snapshot, spec, day_number(date(2026, 1, 25)))
