"""Nothing that came after the cut-off is known at it; and what would help a model to cheat is found and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.churn import answer
from retention.churn.answer import table_at
from retention.churn.answer_training import churn_training, own_days
from retention.churn.judgement import judged
from retention.churn.model_backtest import fitted
from retention.churn.model_defaults import defaults_of, horizon_of
from retention.churn.model_guard import require_no_suspect, suspects
from retention.churn.model_search import SETTINGS, search
from retention.churn.season import seasonal_rate
from retention.churn.snapshots import CutoffTable, sampled, stacked
from retention.churn.spec import ChurnSpec, LapseSpec, schedule
from retention.errors import SpecError
from retention.features.spec import FeatureSpec
from retention.periods import day_number
from tests.churn.conftest import SPEC
from tests.churn.test_backtest import SPEC as DRAWN
from tests.churn.test_backtest import parts, table
from tests.worlds import Event, instant, store_of

DAY = 86_400_000_000
CUTOFF = "2026-03-01"
EVERYTHING = ChurnSpec(lapse=LapseSpec(horizon_days=30, gap_days=7, lookback_days=60), features=FeatureSpec())


def visits(seed, n=300):
    """Draw events of twelve users from January to April."""
    random = np.random.default_rng(seed)
    start = instant("2026-01-01")
    for _ in range(n):
        kind = ("visit", "purchase", "search")[random.integers(3)]
        props = {"value": f"{random.integers(1, 90)}"} if kind == "purchase" else {}
        yield Event(f"u{random.integers(12)}", start + int(random.integers(0, 115 * DAY)), kind, props)


def known_of(store, names):
    """Features of each user by the id of the file."""
    with store.snapshot() as snapshot:
        found = table_at(snapshot, EVERYTHING, day_number(pd.Timestamp(CUTOFF).date()))
        user_of = dict(snapshot.rows("select i.user_key, i.user_id from identities as i"))
    frame = pd.DataFrame(found.values, columns=list(found.features), index=[user_of[k] for k in found.user_keys.tolist()])
    return frame.sort_index().reindex(columns=names)


@pytest.mark.parametrize("seed", range(3))
def test_deleting_or_shuffling_what_came_after_the_cutoff_changes_no_feature(seed):
    events, cut = list(visits(seed)), instant(CUTOFF)
    before, after = [e for e in events if e.at_us < cut], [e for e in events if e.at_us >= cut]
    random = np.random.default_rng(seed)
    dealt = random.permutation(len(after))
    shuffled = [replace(e, user=after[i].user) for e, i in zip(after, dealt, strict=True)]
    whole = store_of(events, as_of="2026-05-01")
    with whole.snapshot() as snapshot:
        names = list(table_at(snapshot, EVERYTHING, day_number(pd.Timestamp(CUTOFF).date())).features)
    truth = known_of(whole, names)
    assert len(truth) > 8 and len(names) > 25
    for other in (before, before + shuffled):
        pd.testing.assert_frame_equal(known_of(store_of(other, as_of="2026-05-01"), names), truth)


def leaking(day, n, seed):
    """Add a column that is written on leaving, and noise."""
    whole = table(day, n, seed=seed)
    random = np.random.default_rng(seed + 1)
    left = np.where(random.random(n) < 0.97, whole.lapsed, 1 - whole.lapsed).astype(float)
    return CutoffTable(
        day, whole.user_keys, (*whole.features, "asked_to_leave", "noise"),
        np.column_stack([whole.values, left, random.normal(size=n)]), whole.lapsed, whole.days_until,
    )  # fmt: skip


def test_a_column_that_is_known_only_later_is_named():
    found = suspects(leaking(100, 2000, 1))
    assert [s.feature for s in found] == ["asked_to_leave"] and found[0].auc > 0.9
    # The days of activity may tell a lot honestly, and training allows them.
    assert {s.feature for s in suspects(table(100, 2000, seed=1))} <= set(own_days())
    with pytest.raises(SpecError, match='"asked_to_leave" alone tells who lapses too well'):
        require_no_suspect(leaking(100, 2000, 1))
    require_no_suspect(leaking(100, 2000, 1), ("asked_to_leave",))
    # Ten points ahead of the next is suspicious, too, though it is below .90.
    ahead = leaking(100, 4000, 2)
    values = ahead.values.copy()
    flip = np.random.default_rng(5).random(4000) < 0.12
    values[flip, 4] = 1 - values[flip, 4]
    values[:, 2] = 0  # without the last visit the next best has about .70
    assert [s.feature for s in suspects(replace(ahead, values=values))] == ["asked_to_leave"]
    # Too few to tell.
    assert suspects(table(100, 15, seed=1)) == ()


def test_training_refuses_a_column_that_is_known_only_later(scored_store, monkeypatch):
    true = answer.table_at

    def with_leak(snapshot, spec, day):
        whole = true(snapshot, spec, day)
        if whole.lapsed is None:
            return whole
        return replace(
            whole, features=(*whole.features, "asked_to_leave"), values=np.column_stack([whole.values, whole.lapsed])
        )

    monkeypatch.setattr(answer, "table_at", with_leak)
    with pytest.raises(SpecError, match="asked_to_leave"):
        churn_training(scored_store, SPEC)


def test_a_random_outcome_gives_half():
    (part,) = parts(is_random=True, n=4000)
    for name in ("boosting", "logistic", "tree"):
        model = fitted(name, stacked(part.train, 10**6), part.calibrate, DRAWN)
        found = judged(part.test.lapsed, model.scores(part.test), n_draws=100)["auc"]
        assert found.low - 0.01 <= 0.5 <= found.high + 0.01


@given(
    first=st.integers(0, 100), score=st.integers(0, 900), horizon=st.integers(7, 90), gap=st.integers(0, 30),
    back=st.integers(7, 200), step=st.integers(7, 90), most=st.integers(2, 12),
)  # fmt: skip
def test_no_row_teaches_and_judges_and_no_outcome_that_teaches_ends_later(first, score, horizon, gap, back, step, most):
    spec = ChurnSpec(lapse=LapseSpec(horizon_days=horizon, gap_days=gap, lookback_days=back), step_days=step)
    try:
        plan = schedule(spec, first, score, most)
    except SpecError:
        return
    # A row is a user at a cut-off: no day stands on two sides, so no row does.
    days = [*plan.train_days, *([] if plan.calibrate_day is None else [plan.calibrate_day])]
    assert len({*days, plan.test_day}) == len(days) + 1
    assert all(day + gap + horizon <= plan.test_day for day in days)
    assert len(plan.train_days) <= most


def test_settings_are_judged_on_a_later_cutoff_than_they_learned_from():
    tables = [table(day, 1200, seed=day) for day in (100, 115, 130)]
    found = search("tree", tables, DRAWN, 600)
    # A lapse takes 30 days here: on day 130 the outcomes of day 100 were known, those of day 115 were not.
    assert (found.train_days, found.validate_day) == ((100,), 130)
    assert found.n_tried == found.n_settings == len(SETTINGS["tree"]) + 1
    assert found.log_loss <= found.tried_out
    assert search("tree", tables, DRAWN, 0).n_tried == 1  # the tried-out settings are always judged
    assert search("recency", tables, DRAWN, 600) is None and search("tree", tables[1:], DRAWN, 600) is None
    assert fitted("tree", stacked(tables, 10**6), None, DRAWN, {"max_leaf_nodes": 2}).model.get_n_leaves() == 2


def test_the_season_moves_everybody_alike_and_only_where_there_is_one():
    (part,) = parts(n=1500)
    model = fitted("logistic", stacked(part.train, 10**6), part.calibrate, DRAWN)
    moved, said = model.in_season(part.test, 0.3)
    assert np.abs(moved.scores(part.test) - said).max() < 1e-12
    assert abs(moved.scores(part.test).mean() - 0.3) < 1e-6
    assert (np.argsort(moved.scores(part.test)) == np.argsort(model.scores(part.test))).all()
    assert model.in_season(part.test, None)[0] is model
    # A year ago 50 % of 2,000 users lapsed then and 40 % at this time: now 45 % did, so 35 % are expected to.
    rate, said = seasonal_rate({"matured": (2000, 900), "then": (2000, 800), "matured_then": (2000, 1000)}, 20_000)
    assert rate == pytest.approx(0.35) and "35 % are expected to lapse" in said
    # Of 100 users the same shares say nothing.
    rate, said = seasonal_rate({"matured": (100, 45), "then": (100, 40), "matured_then": (100, 50)}, 20_000)
    assert rate is None and "too few users" in said
    assert "does not" not in said and seasonal_rate(None, 20_000)[1].startswith("Calibration unknown for this season")


def test_a_horizon_is_what_nine_of_ten_silences_end_within():
    # By hand: of 10 silences, 4 end after 5 days, 3 after 10, one is cut off at 12, 2 end after 30 days.
    gaps = pd.DataFrame({"gap": [5, 10, 12, 30], "is_over": [1, 1, 0, 1], "n": [4, 3, 1, 2]})
    # S: .6 after 5, .3 after 10, 0 after 30 days.
    assert horizon_of(gaps) == (30, True)
    assert horizon_of(gaps[gaps["is_over"] == 0]) == (None, False)
    found = defaults_of(gaps, 1000, LapseSpec(gap_days=7))
    assert (found.spec.horizon_days, found.spec.lookback_days, found.spec.gap_days) == (30, 60, 7)
    # 100 days of data: a look-back of two horizons and two horizons with their gaps fit in if H ≤ (100 − 14) / 4.
    short = defaults_of(gaps, 100, LapseSpec(gap_days=7))
    assert short.spec.horizon_days == 21 and "reach back 100 days only" in short.why
    schedule(ChurnSpec(lapse=short.spec), 0, 100 - short.spec.label_days)


def test_who_is_drawn_depends_on_nobody_else():
    whole = table(100, 4000, seed=1)
    some = sampled(whole, 1000)
    assert 850 < some.n_users < 1150 and sampled(whole, 5000) is whole
    half = sampled(whole.at(np.arange(0, 4000, 2)), 500)
    assert set(half.user_keys) == {key for key in some.user_keys.tolist() if key % 2 == 0}
