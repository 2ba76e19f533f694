"""What sequence models read, and what is said without torch: tests that run where it is not installed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from retention.churn import answer
from retention.churn.answer import table_at
from retention.churn.chart_learning import learning_alt, learning_lines
from retention.churn.model_backtest import backtest_of
from retention.churn.snapshots import CutoffTable, stacked
from retention.churn.spec import BEST, SEQUENCE_MODELS, ChurnSpec, LapseSpec
from retention.errors import SpecError
from retention.periods import day_number
from retention.ui.at_risk_learning import pretraining_words
from tests.churn.test_backtest import parts
from tests.sequences.made import frustrated
from tests.worlds import diary, store_of

SPEC = ChurnSpec(lapse=LapseSpec(horizon_days=30, gap_days=0, lookback_days=30), model="gru")
VISITS = "\n".join(f"u{i}: {1 + i % 20} {2 + i % 20}/buy {25 + i % 7}" for i in range(40))


def without_torch(monkeypatch):
    """Let nothing import torch any more, as if it were not installed."""
    import builtins

    true = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'")
        return true(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(answer, "has_torch", lambda: False)


def test_without_torch_the_best_of_the_others_is_found_and_the_reason_is_said(monkeypatch):
    without_torch(monkeypatch)
    asked = replace(SPEC, model=BEST)
    monkeypatch.setattr("retention.churn.model_backtest.MODELS", ("logistic", *SEQUENCE_MODELS, "recency"))
    found = backtest_of(parts(n=500), asked)
    assert found.chosen == "logistic"
    assert set(found.skipped) == set(SEQUENCE_MODELS)
    assert all("pip install -r requirements-deep.txt" in reason for reason in found.skipped.values())
    store = store_of(diary(VISITS), as_of="2026-02-20")
    day = day_number(date(2026, 1, 25))
    with store.snapshot() as snapshot:
        assert table_at(snapshot, asked, day).sequences is None
        with pytest.raises(SpecError, match=r"pip install -r requirements-deep\.txt"):
            table_at(snapshot, SPEC, day)


def test_sequences_are_read_only_for_the_models_that_ask(monkeypatch):
    store = store_of(diary(VISITS), as_of="2026-02-20")
    day = day_number(date(2026, 1, 25))
    monkeypatch.setattr(answer, "has_torch", lambda: True)
    monkeypatch.setattr(answer, "torch_or_advice", lambda: None)
    with store.snapshot() as snapshot:
        assert table_at(snapshot, replace(SPEC, model="boosting"), day).sequences is None
        for model in ("gru", BEST):
            table = table_at(snapshot, replace(SPEC, model=model), day)
            own = table.sequences.of(table.user_keys)
            assert own.user_keys.tolist() == table.user_keys.tolist()
            # Nothing of the cut-off's day or later: the 25th and what follows is in nobody's sequence.
            assert (own.ages >= 0).all() and (own.lengths == 2).all()
        # Too many users: said where the model is asked for by name, and the others are compared without it.
        monkeypatch.setattr("retention.sequences.answer.MOST_USERS", 5)
        assert table_at(snapshot, replace(SPEC, model=BEST), day).sequences is None
        with pytest.raises(SpecError, match="up to 5 users"):
            table_at(snapshot, SPEC, day)


def test_rows_carry_the_sequences_of_their_users_and_those_of_everybody():
    one, lapsed = frustrated(30, 1)
    two, _ = frustrated(30, 2)
    day = {"lapsed": lapsed[:20], "days_until": np.ones(20)}
    values = np.arange(20.0)[:, None]
    tables = [
        CutoffTable(cutoff, np.arange(20), ("x",), values, **day, sequences=table)
        for cutoff, table in ((100, one), (130, two))
    ]
    rows = stacked(tables, 10**6)
    assert rows.sequences.n_users == rows.n_rows == 40
    # `x` says which user a row is of, whatever order the rows are in.
    assert rows.sequences.user_keys.tolist() == rows.values[:, 0].tolist()
    assert rows.unlabelled is two and two.n_users == 30
    few = stacked(tables, 10)
    assert few.sequences.user_keys.tolist() == few.values[:, 0].tolist()
    assert stacked([replace(tables[0], sequences=None), tables[1]], 10**6).sequences is None


def test_the_learning_curve_is_drawn_and_said_as_it_was():
    curve = {
        "passes": [[0.6, 0.55], [0.5, 0.45], [0.4, 0.5]], "best": 2, "most_rows": 9, "held_back": "the latest cut-off",
        "pretraining": [[3.0, 2.9], [2.5, 2.6]], "other": [[0.6, 0.58]], "is_pretrained": True,
    }  # fmt: skip
    learned, held, kept = learning_lines(curve)["data"]
    assert (learned["x"], learned["y"], held["y"]) == ([1, 2, 3], [0.6, 0.5, 0.4], [0.55, 0.45, 0.5])
    assert (kept["x"], kept["y"]) == ([2], [0.45])
    assert "from 0.550 to 0.450 at pass 2, which was kept" in learning_alt(curve)
    assert "surprise 2.90 → 2.60 nats a step); without that it told the users held back less well" in pretraining_words(
        curve
    )
    assert "so this was not kept" in pretraining_words({**curve, "is_pretrained": False})
    assert pretraining_words({**curve, "pretraining": []}) == ""
