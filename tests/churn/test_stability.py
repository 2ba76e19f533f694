"""Figures over successive cut-offs, as a model card keeps them."""

from __future__ import annotations

import numpy as np
import pytest

from retention.churn.stability import stability_of, trial_table


def trial(model: str, day: int, auc: float, half: float = 0.02, **more: list[float | None]):
    return {"model": model, "test_day": day, "n_users": 500, "seconds": 1.5,
            "figures": {"auc": [auc, auc - half, auc + half], "base_rate": [0.3, 0.26, 0.34], **more}}  # fmt: skip


TRIALS = [
    trial("boosting", 300, 0.80), trial("recency", 300, 0.70),
    trial("boosting", 270, 0.79, brier=[0.2, None, None]), trial("recency", 270, 0.795),
    trial("boosting", 240, 0.81), trial("recency", 240, 0.72), trial("logistic", 240, 0.5),
]  # fmt: skip


def test_trials_are_laid_out_by_cut_off_and_what_is_missing_stays_empty():
    table = trial_table(TRIALS)
    assert table["test_day"].tolist() == [240] * 3 + [270] * 2 + [300] * 2
    row = table[(table["model"] == "boosting") & (table["test_day"] == 270)].iloc[0]
    assert (row["auc"], row["auc_low"], row["brier"]) == (0.79, 0.77, 0.2)
    assert np.isnan(row["brier_low"]) and np.isnan(row["slope"])
    assert len(trial_table([])) == 0


def test_a_model_is_counted_against_the_rule_at_each_cut_off():
    found = stability_of(TRIALS, "boosting")
    assert (found.n_cutoffs, found.n_above) == (3, 2)
    assert sorted(set(found.rows["model"])) == ["boosting", "recency"]
    # The latest is 0.80 and the mean before it 0.80; half widths 0.02 and 0.02·√2/2: √(0.0004 + 0.0002).
    assert found.latest.value == pytest.approx(0)
    assert found.latest.high == pytest.approx(np.sqrt(0.0006))
    assert found.latest.says == "cannot tell"


def test_a_model_that_has_become_worse_is_found_and_one_cut_off_says_nothing():
    worse = stability_of([trial("boosting", 300, 0.70), trial("boosting", 270, 0.8), trial("boosting", 240, 0.8)], "boosting")
    assert worse.latest.says == "lower" and worse.latest.value == pytest.approx(-0.1)
    assert (worse.n_above, len(worse.of("recency"))) == (0, 0)
    once = stability_of([trial("boosting", 300, 0.7)], "boosting")
    assert np.isnan(once.latest.value) and once.latest.says == "cannot tell"
