"""Models that read events: they learn what only the order tells, nothing where there is nothing, and the same each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from retention.churn.answer import table_at
from retention.churn.judgement import differences
from retention.churn.model_backtest import fitted
from retention.churn.model_sequence import SequenceClassifier, learning_curve, made_up
from retention.churn.snapshots import CutoffTable, Rows, stacked
from retention.churn.spec import SEQUENCE_MODELS, ChurnSpec, LapseSpec, schedule
from retention.errors import SpecError
from retention.periods import day_number
from tests.sequences.made import frustrated

torch = pytest.importorskip("torch")
SPEC = ChurnSpec(lapse=LapseSpec(horizon_days=30, gap_days=0, lookback_days=30), model="gru")


def order_parts(n: int = 700, *, is_order_told: bool = True):
    """Return rows that teach, at two cut-offs, and a later table; the features hold nothing but noise."""
    train, lapsed = frustrated(n, 1, is_order_told=is_order_told, cutoff_days=np.repeat([100, 130], n // 2))
    test, came = frustrated(n, 2, is_order_told=is_order_told, cutoff_days=np.full(n, 200))
    noise = np.random.default_rng(5).normal(size=(n, 1))
    rows = Rows(("noise",), noise, lapsed, np.ones(n), train, train)
    return rows, CutoffTable(200, test.user_keys, ("noise",), noise, came, np.ones(n), test)


@pytest.mark.parametrize("name", SEQUENCE_MODELS)
def test_what_only_the_order_tells_is_learned(name):
    rows, test = order_parts(1600)
    model = SequenceClassifier(name, width=16, n_epochs=14, patience=14).fit(rows.sequences, rows.lapsed)
    # Who knows the order is right nine times of ten; counts tell nothing.
    assert roc_auc_score(test.lapsed, model.log_odds(test.sequences)) > 0.8
    assert model.is_split_by_time_
    curve = learning_curve(model)
    assert curve["held_back"] == "the latest cut-off"
    assert curve["passes"][curve["best"] - 1][1] == min(held for _, held in curve["passes"])
    assert learning_curve(object()) == {}


def test_a_random_outcome_is_not_learned():
    rows, test = order_parts(600, is_order_told=False)
    model = SequenceClassifier("gru", width=8, n_epochs=3).fit(rows.sequences, rows.lapsed)
    auc = roc_auc_score(test.lapsed, model.log_odds(test.sequences))
    assert abs(auc - 0.5) < 0.075  # three standard errors of 240 against 360


def test_the_same_rows_in_another_order_with_other_threads_say_the_same():
    rows, test = order_parts(300)
    mixed = np.random.default_rng(3).permutation(rows.n_rows)
    asked = {"width": 8, "n_epochs": 2, "pretraining": "if better"}
    for cell in ("gru", "transformer"):
        one = SequenceClassifier(cell, **asked).fit(rows.sequences, rows.lapsed)
        n_threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            two = SequenceClassifier(cell, **asked).fit(rows.sequences.taken(mixed), rows.lapsed[mixed])
            assert np.abs(one.log_odds(test.sequences) - two.log_odds(test.sequences)).max() < 1e-6
        finally:
            torch.set_num_threads(n_threads)
    some = np.array([5, 1])
    assert np.abs(one.log_odds(test.sequences.taken(some)) - one.log_odds(test.sequences)[some]).max() < 1e-9


def test_pretraining_is_kept_only_where_it_tells_more():
    rows, _ = order_parts(600)
    model = SequenceClassifier("transformer", width=8, n_epochs=2, pretraining="if better")
    model.fit(rows.sequences, rows.lapsed, rows.unlabelled)
    assert len(model.pretraining_curve_) and len(model.other_curve_)
    assert model.curve_[:, 1].min() <= model.other_curve_[:, 1].min()
    never = SequenceClassifier("transformer", width=8, n_epochs=2).fit(rows.sequences, rows.lapsed)
    kept = model.curve_ if not model.is_pretrained_ else model.other_curve_
    assert never.curve_ == pytest.approx(kept)
    with pytest.raises(ValueError, match="must be one of never"):
        SequenceClassifier(pretraining="often").fit(rows.sequences, rows.lapsed)


def test_a_model_is_calibrated_judged_and_read_back_without_pickle():
    from retention.churn.model_files import model_bytes, model_of

    rows, test = order_parts(500)
    model = fitted("gru", rows, test, SPEC, {"width": 8, "n_epochs": 2})
    scores = model.scores(test)
    assert scores.mean() == pytest.approx(test.lapsed.mean(), abs=0.01)  # the level is that of the calibrating cut-off
    assert model.features == ()
    with pytest.raises(SpecError, match="not made of features"):
        model.log_odds(np.zeros((3, 0)))
    data = model_bytes(model)
    assert b"pickle" not in data
    again = replace(model, model=model_of(data))
    assert np.array_equal(again.scores(test), scores)
    probe = np.zeros((64, 0))
    assert np.array_equal(again.of_nobody(probe), model.of_nobody(probe))
    assert len(np.unique(model.of_nobody(probe).round(9))) > 50  # users made up, and different ones
    assert made_up(("a", "b")).n_users == 64
    with pytest.raises(SpecError, match="there are more"):
        fitted("gru", replace(rows, sequences=None), None, SPEC)


def test_the_parts_that_a_model_lives_on_are_found_and_noise_is_not():
    from retention.churn.model_sequence_worth import PARTS, importance_of_parts

    rows, test = order_parts(1600)
    model = fitted("gru", rows, None, SPEC, {"width": 16, "n_epochs": 14, "patience": 14})
    worth = importance_of_parts(model, test, n_repeats=2).set_index("feature")
    assert set(worth.index) == set(PARTS)
    assert worth.loc["Order of the steps", "low"] > 0.1
    # Silences and amounts were drawn without looking at the outcome.
    for noise in ("Amounts", "Silence at the end"):
        assert worth.loc[noise, "low"] <= 0.005 and abs(worth.loc[noise, "value"]) < 0.03


def shop_tables(n_users: int, order_effect: float, seed: int):
    """Return rows that teach and a held-back cut-off of a simulated shop, as the models read them."""
    from retention.ingest.order import build_sample
    from retention.ingest.sample import SampleSpec
    from retention.store import Store
    from tests.worlds import fresh_path

    spec = replace(SPEC, lapse=LapseSpec(horizon_days=60, gap_days=0, lookback_days=30))
    with Store.create_or_open(fresh_path()) as store:
        build_sample(store, SampleSpec(n_users=n_users, seed=seed, order_effect=order_effect))
        with store.snapshot() as snapshot:
            test_day = snapshot.catalogue.require_clock().as_of_day - 60
            plan = schedule(spec, day_number(date(2024, 1, 1)), test_day)
            train = stacked([table_at(snapshot, spec, day) for day in plan.train_days], 10**6)
            return train, table_at(snapshot, spec, test_day), spec


@pytest.mark.slow
@pytest.mark.parametrize("order_effect", [50.0, 1.0])
def test_events_beat_features_where_the_order_matters_and_only_there(order_effect):
    """The simulator multiplies the hazard once a user has searched before filling a basket in vain twice, or does not."""
    rows, test, spec = shop_tables(9_000, order_effect, 7)
    said = {name: fitted(name, rows, None, spec).scores(test) for name in ("gru", "boosting")}
    gain = differences(test.lapsed, said["gru"], said["boosting"])
    if order_effect > 1:
        assert gain.low > 0
    else:
        assert gain.low <= 0
        assert gain.value < 0.01
