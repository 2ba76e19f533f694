"""How long users stay from a cut-off on, against plain loops; and models of it on lives whose law is known."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines.utils import concordance_index

from retention.churn import query, query_duckdb
from retention.churn.answer import days_sql
from retention.churn.answer_when import lapse_times, lives_at
from retention.churn.model_when import (
    FittedTimes,
    censoring_weights,
    concordance,
    ended_by,
    judged_times,
    risk_groups,
    told,
)
from retention.churn.query_when import lives
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.churn.when import Lives, lives_of, plan_of
from retention.errors import SpecError
from retention.features.spec import FeatureSpec
from retention.features.table import FeatureTable
from retention.periods import day_number
from tests.oracles import local_date
from tests.test_sql_portable import portability_faults
from tests.worlds import World, diary, store_of, worlds

FEATURES = FeatureSpec(names=("active_days", "days_since_last"))


def lives_by_name(store, spec, at_day, until_day, *, has_features=True):
    with store.snapshot() as snapshot:
        names = {key: user for user, key in snapshot.rows("select i.user_id, i.user_key from identities as i")}
        if has_features:
            found = lives_at(snapshot, spec, at_day, until_day)
        else:  # reading them is most of the work, and plays no part in how long a life is
            window = spec.lapse.horizon_days
            text = lives(days_sql(snapshot, spec.lapse), None, at_day, until_day, spec.lapse.lookback_days, window)
            frame = pd.DataFrame({"user_key": sorted(names), "days_since_last": 0.0})
            table = FeatureTable(FEATURES, frame, 0, 0, 0, {}, {})
            found = lives_of(table, snapshot.read(text), at_day, until_day, window)
    told_of = zip(found.user_keys.tolist(), found.days.tolist(), found.is_observed.tolist(), strict=True)
    return {names[key]: (days, is_observed) for key, days, is_observed in told_of}, found.n_silent


# --- lives ---------------------------------------------------------------------------------------------


def test_how_long_users_stay_by_hand():
    world = """
        ann: 2026-01-30 2026-02-05 2026-02-10
        bob: 2026-01-31
        cyd: 2026-01-25 2026-02-20 2026-03-01
        dee: 2026-01-12 2026-02-02
        eve: 2026-02-03
        fay: 2026-01-31 2026-02-26
        gus: 2026-01-31 2026-02-06 2026-02-20 2026-03-01
    """
    store = store_of(diary(world), as_of="2026-03-05")
    spec = ChurnSpec(lapse=LapseSpec(horizon_days=14, lookback_days=30), features=FEATURES)
    found, n_silent = lives_by_name(store, spec, day_number(date(2026, 2, 1)), day_number(date(2026, 3, 5)))
    # A silence of 14 days ends a life; 5 March less 14 days is 19 February: who came later is not known to have lapsed.
    # Dee had been silent for 20 days on 1 February, so she is left out; nobody knew eve.
    assert found == {
        "ann": (9, True),  # last on the 10th, nine days after the 1st
        "bob": (0, True),  # came no more
        "cyd": (0, True),  # 26 days without a visit: the return does not undo it
        "fay": (0, True),  # the same
        "gus": (5, True),  # the 14 days from the 6th to the 20th are a silence, the return counts no more
    }
    assert n_silent == 1
    # A day earlier nobody knew that ann had lapsed: 23 February less 14 is the 9th.
    early, _ = lives_by_name(store, spec, day_number(date(2026, 2, 1)), day_number(date(2026, 2, 23)))
    assert early["ann"] == (8, False)


@given(world=worlds(with_gaps=False), cut=st.integers(-5, 40), later=st.integers(0, 60), window=st.integers(7, 30),
       back=st.integers(7, 40))  # fmt: skip
def test_lives_are_those_of_a_plain_loop(world: World, cut, later, window, back):
    store = world.open()
    spec = ChurnSpec(lapse=LapseSpec(horizon_days=window, lookback_days=back), features=FEATURES)
    kinds = {k.event for k in store.catalogue().events.values() if k.is_activity}
    days: dict[str, set[int]] = {}
    for event in world.events:
        if event.at_us < world.clock.as_of_us and event.event in kinds:
            days.setdefault(event.user, set()).add(day_number(local_date(event.at_us, world.clock.timezone)))
    if not days:
        return
    at = min(min(d) for d in days.values()) + cut
    until = at + later
    truth, n_silent = {}, 0
    for user, all_days in days.items():
        known = sorted(d for d in all_days if d < until)
        before = [d for d in known if at - back <= d < at]
        if not before:
            continue
        if at - before[-1] >= window:
            n_silent += 1
            continue
        last = before[-1]
        for d in known:
            if d >= at:
                if d - last >= window:
                    break
                last = d
        is_observed = last + window <= until
        truth[user] = (max(min(last, until - window) - at, 0), is_observed)
    assert lives_by_name(store, spec, at, until, has_features=False) == (truth, n_silent)


def test_what_came_later_changes_no_life_that_teaches():
    world = """
        ann: 2026-01-30 2026-02-05 2026-03-10 2026-03-20
        bob: 2026-01-31 2026-02-02 2026-03-11
    """
    spec = ChurnSpec(lapse=LapseSpec(horizon_days=14, lookback_days=30), features=FEATURES)
    days = day_number(date(2026, 2, 1)), day_number(date(2026, 2, 20))
    whole = lives_by_name(store_of(diary(world), as_of="2026-04-01"), spec, *days)
    kept = "\n".join(line.split(" 2026-03")[0] for line in world.splitlines())
    cut = lives_by_name(store_of(diary(kept), as_of="2026-02-20"), spec, *days)
    assert whole == cut == ({"ann": (4, True), "bob": (1, True)}, 0)


def test_the_rollup_and_the_events_give_the_same_lives_and_the_text_is_portable():
    store = store_of(diary("ann: 2026-01-05 2026-01-28 2026-02-12\nbob: 2026-01-30"), as_of="2026-04-01")
    spec = LapseSpec(horizon_days=14, lookback_days=60)
    with store.snapshot() as snapshot:
        frames = []
        for floor in (query, query_duckdb):
            text = lives(floor.user_days(spec, snapshot.catalogue), None, day_number(date(2026, 2, 1)), 30_000, 60, 14)
            frames.append(snapshot.read(text).sort_values("user_key", ignore_index=True))
            if floor is query:
                assert portability_faults(text.text) == []
    assert frames[0].equals(frames[1]) and len(frames[0]) == 2


@given(first=st.integers(0, 500), back=st.integers(7, 400), window=st.integers(7, 200), room=st.integers(0, 1500))
def test_no_stretch_that_teaches_reaches_past_the_day_that_is_judged(first, back, window, room):
    cutoff = first + back + room
    try:
        plan = plan_of(first, back, window, cutoff)
    except SpecError:
        assert room - window < 28
        return
    for days, end in ((plan.train_days, cutoff), (plan.judge_train_days, plan.judge_day)):
        for day in days:
            assert first + back <= day and day + window < end  # a life may be followed for a day at least
            assert day + window + plan.follow_days >= end  # and for no longer than is said of anybody
    if plan.judge_day is not None:
        assert plan.judge_day + plan.follow_days + window == cutoff
        assert plan.follow_days >= 28


# --- models --------------------------------------------------------------------------------------------


def simulated(n: int, seed: int, *, follow: int = 100, gone: float = 0.3, strength: float = 0.8, staggered: bool = True):
    """Draw lives: some have gone already, the others live by Weibull's law of shape 1.3 around their own scale."""
    random = np.random.default_rng(seed)
    x, noise = random.normal(size=n), random.normal(size=n)
    is_gone = random.random(n) < (1 / (1 + np.exp(-(np.log(gone / (1 - gone)) - strength * x))) if gone else 0)
    t = np.where(is_gone, 0, (1 if gone else 0) + np.floor(50 * np.exp(strength * x) * random.weibull(1.3, n)))
    end = random.choice([follow // 3, 2 * follow // 3, follow], n) if staggered else np.full(n, follow)
    is_observed = t <= end
    values = np.column_stack([x, noise, np.round(random.exponential(9, n))])
    days = np.minimum(t, end).astype(np.int64)
    names = ("x", "noise", "days_since_last")
    return Lives(np.arange(n), names, values, days, is_observed, 0), t, is_gone, x


def test_a_weibull_law_is_found_again():
    found, _, _, x = simulated(6000, 1, gone=0)
    fitted = FittedTimes("weibull").fit(found)
    assert fitted.model_.shape_ == pytest.approx(1.3, abs=0.06)
    # Scaling winsorises the last hundredths of x; between them log λ = log 50 + 0.8 x.
    rows, inside = fitted.rows(found), np.abs(x) < 2
    slope, level = np.polyfit(x[inside], np.log(fitted.model_.scale(rows)[inside]), 1)
    assert slope == pytest.approx(0.8, abs=0.08) and level == pytest.approx(np.log(50), abs=0.06)


def test_who_has_gone_already_and_how_long_the_others_stay_are_told_apart():
    teaching, *_ = simulated(6000, 1)
    later, t, _, x = simulated(3000, 2, follow=100, staggered=False)
    fitted = FittedTimes("two-part").fit(teaching)
    users = told(fitted, later, 100)
    truth = 1 / (1 + np.exp(-(np.log(3 / 7) - 0.8 * x)))
    assert np.abs(users["gone"] - truth).mean() < 0.03
    # Four lives in five lie in the interval, a tenth below it and a tenth above, where the ends are known.
    low, high = users["low"].to_numpy(), users["high"].to_numpy()
    for is_out, is_known in ((t > high, ~np.isnan(high)), (t < low, low > 0)):
        room = 3 * np.sqrt(0.1 * 0.9 / is_known.sum()) + 0.01
        assert is_known.sum() > 30 and is_out[is_known].mean() == pytest.approx(0.1, abs=room)
    # Half of the lives end by their median; it is empty where that lies beyond the days that were followed.
    median = users["median"].to_numpy()
    short = ~np.isnan(median) & (median > 0)
    assert (t[short] < median[short]).mean() == pytest.approx(0.5, abs=0.04)
    assert np.nanmax(median) <= 100 and np.isnan(median).any()
    assert users["lasting"][np.isnan(median)].min() > 0.5
    assert ((users["median"] == 0) == (users["gone"] >= 0.5)).all()


def test_the_right_law_ends_half_of_the_lives_by_the_middle_and_observed_lapses_alone_say_too_little():
    teaching, *_ = simulated(6000, 3)
    later, *_ = simulated(3000, 4, staggered=False)
    models, chosen = judged_times(later, teaching, 100)
    rows = models.set_index("model")
    for name in ("two-part", "kaplan-meier"):
        assert rows.loc[name, "by_median_low"] <= 0.5 <= rows.loc[name, "by_median_high"]
    # Learned from observed lapses only, the middle comes too early: fewer than half have lapsed by then. Weights help.
    assert rows.loc["ridge", "by_median_high"] < 0.5 and rows.loc["lasso", "by_median_high"] < 0.5
    assert rows.loc["ridge", "by_median"] < rows.loc["weighted ridge", "by_median"]
    assert rows.loc["kaplan-meier", "concordance"] == 0.5
    assert rows.loc["two-part", "low"] > 0.6
    groups = risk_groups(chosen, later, 100)
    assert [g.n for g in groups] == [750] * 4
    for group in groups:
        came = np.interp(group.said["t"], np.r_[0, group.came["t"]], np.r_[1, group.came["survival"]])
        assert np.abs(came - group.said["survival"])[1:].max() < 0.08


def test_the_concordance_is_that_of_lifelines():
    random = np.random.default_rng(0)
    days, expected = random.integers(0, 40, 400), np.round(random.normal(size=400), 1)
    is_observed = random.random(400) < 0.6
    value, low, high = concordance(expected, days, is_observed)
    assert value == pytest.approx(concordance_index(days, expected, is_observed), abs=1e-6)
    assert low <= 0.5 <= high  # the expectations are noise


def test_the_weight_of_a_lapse_counts_those_who_were_not_watched_so_long():
    days = np.array([1, 2, 2, 3, 3])
    is_observed = np.array([True, False, True, True, False])
    # On day 2, of the three who are left after its lapse one is no longer watched: 2/3 of such lives are seen on day 3.
    assert censoring_weights(days, is_observed) == pytest.approx([1, 0, 1, 1.5, 0])


def test_lives_that_all_end_by_the_same_law_stand_evenly_on_its_scale():
    later, *_ = simulated(4000, 9, gone=0, staggered=False)
    fitted = FittedTimes("weibull").fit(simulated(6000, 8, gone=0)[0])
    for share in (0.25, 0.5):
        value, low, high = ended_by(fitted, later, share)
        assert low <= share <= high and value == pytest.approx(share, abs=0.03)


def test_too_few_lives_and_too_short_data_are_answered_with_a_sentence():
    few, *_ = simulated(60, 1)
    with pytest.raises(SpecError, match="Too few lives were seen to end"):
        FittedTimes("two-part").fit(few)
    store = store_of(diary("ann: 5 6\nbob: 7"), as_of="2026-01-20")
    with pytest.raises(SpecError, match="must reach back 58 days"):
        lapse_times(store, ChurnSpec(lapse=LapseSpec(horizon_days=20, lookback_days=10), features=FEATURES))
