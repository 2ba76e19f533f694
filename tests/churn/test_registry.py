"""Versions of a model: kept whole, checked when they are read, rolled back, and never in service before they are whole."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from retention.churn import answer_registry
from retention.churn.answer_registry import folder, held_back, load, lost_models, models, serving, version_folder
from retention.churn.answer_scores import drafted_scores, latest_scoring, model_of, scored, scorings, table_of
from retention.churn.answer_training import churn_training
from retention.churn.card import card_of
from retention.churn.model_backtest import fitted
from retention.churn.model_files import model_bytes
from retention.churn.model_files import model_of as read_model
from retention.churn.order_registry import delete_model, keep, put_in_service, train
from retention.churn.order_scores import score, set_tiers
from retention.churn.snapshots import stacked
from retention.churn.spec import MODELS, SEQUENCE_MODELS, ChurnSpec
from retention.cohorts.answer import population
from retention.cohorts.spec import Condition
from retention.errors import SpecError, StoreError
from retention.periods import date_of
from retention.store import Sql, Store
from retention.store.audit import faults
from retention.store.order import erase_user
from tests.churn.conftest import SPEC, copied
from tests.churn.test_backtest import SPEC as DRAWN
from tests.churn.test_backtest import buyers, parts


def rows(store, text, params=None):
    with store.snapshot() as snapshot:
        assert faults(snapshot) == []
        return snapshot.rows(text, params)


def test_a_version_says_what_it_was_taught_and_how_good_it_is(scored_store):
    (card,) = models(scored_store)
    assert serving(scored_store) == card == card_of(card.to_json())
    assert (card.version, card.name, card.spec) == (1, "logistic", SPEC)
    # No outcome that teaches, calibrates or judges ends after the day that is scored.
    as_of_day = scored_store.catalogue().clock.as_of_day
    label = SPEC.lapse.label_days
    assert card.cutoff_day == as_of_day and card.held_back_day == as_of_day - label
    assert max(card.train_days) < card.calibrate_day <= as_of_day - label
    assert card.word in ("reliable", "no better") and card.report["table"][0]["auc_mean"] > 0.6
    assert {row["feature"] for row in card.report["importance"]} == set(card.features)
    assert {"score", *card.features} == set(card.report["drift"])
    users = held_back(scored_store, 1)
    assert users.n_users == sum(card.report["drift"]["score"]["counts"])
    assert abs(users.lapsed.mean() - card.report["trials"][0]["figures"]["base_rate"][0]) < 1e-12


def test_a_score_is_what_the_model_says_and_a_filter_on_every_page(scored_store):
    scoring = latest_scoring(scored_store)
    assert scoring.is_current and scoring.cutoff_day == scored_store.catalogue().clock.as_of_day
    found = scored(scored_store)
    table = table_of(scored_store, scoring)
    assert (found.user_keys == table.user_keys).all()
    assert np.abs(model_of(scored_store, scoring).scores(table) - found.probability).max() < 1e-12
    # A loop over the orders of the look-back gives the value.
    lapse = SPEC.lapse
    paid = {}
    for key, day, gross, refunded in rows(scored_store, "select user_key, day, gross, refunded from user_orders"):
        if scoring.cutoff_day - lapse.lookback_days <= day < scoring.cutoff_day:
            paid[key] = paid.get(key, 0.0) + float(gross - refunded)
    for key, value in zip(found.user_keys.tolist(), found.value.tolist(), strict=True):
        expected = paid.get(key, float("nan")) * lapse.horizon_days / lapse.lookback_days
        assert np.isclose(value, expected, equal_nan=True)
    set_tiers(scored_store, 0.6, 0.2)
    tiers = {}
    for tier in ("high risk", "medium risk", "low risk"):
        sql = population(scored_store.catalogue(), (Condition(name="risk", values=(tier,)),))
        tiers[tier] = len(scored_store.read(Sql.ctes(p=sql).select("select p.user_key from p")))
    p = found.probability
    assert tiers == {"high risk": (p >= 0.6).sum(), "medium risk": ((p >= 0.2) & (p < 0.6)).sum(), "low risk": (p < 0.2).sum()}
    with pytest.raises(SpecError, match="0 < medium < high < 1"):
        set_tiers(scored_store, 0.2, 0.6)
    # The bounds hold for the next scoring, too; a scoring at another day stands beside.
    earlier = score(scored_store, cutoff=date_of(scoring.cutoff_day - 30))
    assert (earlier.high, earlier.medium, earlier.scoring_key) == (0.6, 0.2, 2)
    assert [s.scoring_key for s in scorings(scored_store)] == [2, 1]
    with pytest.raises(SpecError, match="must not be later than"):
        score(scored_store, cutoff=date(2099, 1, 1))


def test_rolling_back_and_deleting(scored_store):
    with pytest.raises(SpecError, match="no version 7"):
        put_in_service(scored_store, 7)
    second = train(scored_store, ChurnSpec(lapse=SPEC.lapse, features=SPEC.features, model="recency", n_backtests=1))
    assert (second.version, serving(scored_store).version) == (2, 2)
    put_in_service(scored_store, 1)
    assert serving(scored_store).version == 1 and drafted_scores(scored_store).card.version == 1
    score(scored_store, version=2)
    delete_model(scored_store, 1)
    assert [card.version for card in models(scored_store)] == [2] and serving(scored_store).version == 2
    assert not version_folder(scored_store, 1).exists()
    # The other version's scores for the same day give the label now.
    assert [s.version for s in scorings(scored_store)] == [2] and "risk" in scored_store.catalogue().labels
    delete_model(scored_store, 2)
    assert serving(scored_store) is None and latest_scoring(scored_store) is None
    assert "risk" not in scored_store.catalogue().labels
    for table in ("churn_models", "scorings", "user_scores", "held_back_scores"):
        assert rows(scored_store, f"select count(*) from {table}") == [(0,)]
    with pytest.raises(SpecError, match="There is no model yet"):
        score(scored_store)
    with pytest.raises(SpecError, match="Nobody has been scored yet"):
        scored(scored_store)


def test_an_erased_user_is_in_no_score(scored_store):
    key = int(scored(scored_store).user_keys[0])
    ((user_id,),) = rows(scored_store, "select user_id from identities where user_key = $key", {"key": key})
    trained = churn_training(scored_store, ChurnSpec(lapse=SPEC.lapse, features=SPEC.features, model="recency", n_backtests=1))
    erase_user(scored_store, user_id)
    # Neither in the scores that were there, nor in those worked out before.
    keep(scored_store, trained)
    for table in ("user_scores", "held_back_scores", "user_labels"):
        assert rows(scored_store, f"select count(*) from {table} where user_key = $key", {"key": key}) == [(0,)]


def test_files_that_are_not_those_that_were_written_are_refused(scored_store):
    place = version_folder(scored_store, 1)
    model, manifest = place / "model.skops", place / "manifest.json"
    whole, told = model.read_bytes(), manifest.read_bytes()
    model.write_bytes(whole[:-1] + b"x")
    with pytest.raises(StoreError, match="file of version 1 is not the one that was written"):
        load(scored_store, 1)
    model.write_bytes(whole)
    manifest.write_text(told.decode().replace('"version": 1', '"version": 3'))
    with pytest.raises(StoreError, match="manifest of version 1 is not the one"):
        load(scored_store, 1)
    assert models(scored_store) == () and list(lost_models(scored_store)) == [1]
    manifest.write_bytes(told)
    assert load(scored_store, 1).name == "logistic"
    shutil.rmtree(folder(scored_store))
    with pytest.raises(StoreError, match="Version 1 of the churn model is not in"):
        load(scored_store, 1)
    delete_model(scored_store, 1)
    assert lost_models(scored_store) == {} and serving(scored_store) is None
    with pytest.raises(SpecError, match="no version 1"):
        delete_model(scored_store, 1)


def test_a_model_that_says_something_else_now_is_refused_with_what_has_changed(scored_store, monkeypatch):
    monkeypatch.setattr(answer_registry, "model_of", lambda data: _Shifted(read_model(data)))
    with pytest.raises(StoreError, match="gives other scores than when it was made, though no library has changed"):
        load(scored_store, 1)


class _Shifted:
    def __init__(self, model):
        self.model = model

    def predict_proba(self, values):
        return np.clip(self.model.predict_proba(values) + np.array([-0.01, 0.01]), 0, 1)


def test_a_model_whose_features_are_gone_is_refused_by_name(scored_store, monkeypatch):
    from retention.churn import answer_scores

    true = answer_scores.table_at

    def without(*asked):
        table = true(*asked)
        keep_ = [i for i, name in enumerate(table.features) if name != "gap_mean"]
        return type(table)(table.cutoff_day, table.user_keys, tuple(table.features[i] for i in keep_), table.values[:, keep_])

    monkeypatch.setattr(answer_scores, "table_at", without)
    with pytest.raises(SpecError, match="needs gap_mean"):
        score(scored_store)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in SEQUENCE_MODELS])
def test_every_model_is_read_back_without_pickle_and_says_the_same(name):
    if name == "bgnbd":
        train_table, test = buyers(100, 1500, 1), buyers(130, 500, 2)
        model = fitted(name, stacked([train_table], 10**6), None, DRAWN)
    else:
        (part,) = parts(n=600)
        test = part.test
        model = fitted(name, stacked(part.train, 10**6), part.calibrate, DRAWN)
    data = model_bytes(model)
    assert b"pickle" not in data
    again = read_model(data)
    values = test.values[:, [test.features.index(f) for f in model.features]]
    assert np.array_equal(again.predict_proba(values), model.model.predict_proba(values))


def test_a_crafted_file_runs_nothing(tmp_path):
    (part,) = parts(n=300)
    data = model_bytes(fitted("logistic", stacked(part.train, 10**6), None, DRAWN))
    schema = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("schema.json"))
    mark = tmp_path / "was run"
    evil = {
        "__class__": "system", "__module__": "posix", "__loader__": "FunctionNode", "__id__": 1,
        "content": {"module_path": "posix", "function": "system"},
    }  # fmt: skip
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as crafted:
        crafted.writestr("schema.json", json.dumps({**schema, **evil}))
    with pytest.raises(StoreError, match="holds what a model does not need"):
        read_model(target.getvalue())
    assert not mark.exists()


def test_training_twice_gives_the_same_model(scored_store):
    spec = ChurnSpec(lapse=SPEC.lapse, features=SPEC.features, n_backtests=1)
    one, two = churn_training(scored_store, spec), churn_training(scored_store, spec)
    probe = np.array(one.card.probe["values"], dtype=float)
    assert np.abs(one.model.log_odds(probe) - two.model.log_odds(probe)).max() <= 1e-6
    assert np.array_equal(one.held_back.probability, two.held_back.probability)


@pytest.mark.parametrize("name", ["boosting", "forest", "logistic", "svm"])
def test_users_in_another_order_and_more_threads_give_the_same_model(name):
    (part,) = parts(n=1500)
    (shuffled,) = parts(n=1500)
    mixed = [table.at(np.random.default_rng(i).permutation(table.n_users)) for i, table in enumerate(shuffled.train)]
    with threadpool_limits(1):
        one = fitted(name, stacked(part.train, 10**6), part.calibrate, DRAWN)
    with threadpool_limits(2):
        two = fitted(name, stacked(mixed, 10**6), part.calibrate, DRAWN)
    assert np.abs(one.scores(part.test) - two.scores(part.test)).max() <= 1e-6


def test_settings_that_were_tried_are_on_the_card_and_knew_nothing_of_the_days_that_judge(scored_store):
    spec = ChurnSpec(lapse=SPEC.lapse, features=SPEC.features, model="tree", n_backtests=2, tune_seconds=60)
    card = churn_training(scored_store, spec).card
    tried = card.report["tuned"]["tree"]
    assert tried["n_tried"] == tried["n_settings"] > 1 and tried["log_loss"] <= tried["tried_out"]
    label = SPEC.lapse.label_days
    assert all(day + label <= tried["validate_day"] for day in tried["train_days"])
    # Two cut-offs judge, 30 days apart: the settings were chosen on what was known at the earlier one.
    assert tried["validate_day"] + label <= card.held_back_day - 30


KILLED = """
import sys
from pathlib import Path
from retention.churn import order_registry
from retention.store import Store
from tests.churn.conftest import SPEC
import os, signal

moment = sys.argv[2]
if moment == "files":
    # The files lie there, the row does not: the last moment before the version exists.
    put = order_registry._put_files
    def put_and_die(target, files):
        put(target, files)
        os.kill(os.getpid(), signal.SIGKILL)
    order_registry._put_files = put_and_die
    order_registry.train(Store.open(Path(sys.argv[1])), SPEC)
else:
    seen = []
    def progress(share, text):
        seen.append(text)
        if len(seen) == int(moment):
            os.kill(os.getpid(), signal.SIGKILL)
    order_registry.train(Store.open(Path(sys.argv[1])), SPEC, progress=progress)
"""


@pytest.mark.parametrize("moment", ["3", "files"])
def test_a_training_that_is_killed_leaves_the_old_model_in_service(scored_template, tmp_path, moment):
    path = copied(scored_template, tmp_path)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), moment], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr.decode()[-2000:]
    with Store.open(path) as store:
        assert [card.version for card in models(store)] == [1] and serving(store).version == 1
        assert score(store).version == 1
        # What the killed one left behind is nobody's version, and the next one goes past it.
        card = train(store, SPEC)
        assert serving(store).version == card.version == (3 if moment == "files" else 2)
