"""The archive: what is kept of an experiment, what must not be, and who uses it afterwards."""

from __future__ import annotations

import math

import pytest

from retention.errors import SpecError
from retention.experiments.answer import experiment, lessons
from retention.experiments.order_archive import forget, learn
from retention.experiments.spec import ReadSpec
from retention.experiments.spec_store import ExperimentSpec
from retention.interventions.answer_catalogue import past_effects
from retention.store import Store
from retention.store.check import faults
from tests.rows import import_rows
from tests.worlds import instant, store_of

KEPT = {"control": 30, "coupon": 60}
"""Of a hundred users of each group, so many come back within the window."""


def campaign(kept: dict[str, int], n: int = 100) -> Store:
    """Users of one campaign, half of them left alone, and who came back after it."""
    rows = []
    for arm, n_kept in kept.items():
        for number in range(n):
            user = f"{arm}{number:03d}"
            rows.append({"user": user, "time": "2026-01-02T10:00", "event": "visit"})
            rows.append({"user": user, "time": "2026-01-10T09:00", "event": "campaign_sent", "campaign": "spring", "arm": arm})
            if number < n_kept:
                rows.append({"user": user, "time": "2026-01-15T10:00", "event": "visit"})
    store = store_of([], activity="all but refund, campaign_sent")
    import_rows(store, rows, complete_to_us=instant("2026-03-01"))
    return store


def spring(**more: object) -> ExperimentSpec:
    return ExperimentSpec(campaign="spring", window_days=14, **more)


def test_what_was_learned_is_kept_with_the_figures_that_were_read():
    store = campaign(KEPT)
    learn(store, spring(contact_cost=0.5, incentive=10), "  10 % off brings them back.  ", {"coupon": "Discount coupon"})
    [kept] = lessons(store)
    assert (kept.campaign, kept.arm, kept.arm_key, kept.intervention) == ("spring", "coupon", 1, "Discount coupon")
    assert (kept.metric, kept.window_days, kept.learned) == ("retained within 14 days", 14, "10 % off brings them back.")
    assert (kept.n_arm, kept.n_control) == (100, 100)
    assert (kept.rate_arm, kept.rate_control) == (pytest.approx(0.6), pytest.approx(0.3))
    assert kept.effect == pytest.approx(0.3)
    assert kept.standard_error == pytest.approx(math.sqrt(0.6 * 0.4 / 100 + 0.3 * 0.7 / 100), rel=0.02)
    assert kept.low < 0.3 < kept.high and kept.verdict == "higher" and kept.method == "fixed horizon"
    # A hundred contacts at 0.50, and 10 for each of the sixty who stayed: 650 for thirty more.
    assert kept.cost_per_kept == pytest.approx(650 / 30)
    assert kept.as_of_us == instant("2026-03-01")
    assert faults(store) == []


def test_the_preview_of_interventions_finds_the_measured_effect_by_its_name():
    store = campaign(KEPT)
    learn(store, spring(), "It works.", {"coupon": "Discount coupon"})
    [found] = past_effects(store)
    assert (found.intervention, found.campaign, found.effect) == ("Discount coupon", "spring", pytest.approx(0.3))


def test_learning_again_replaces_what_was_kept():
    store = campaign(KEPT)
    learn(store, spring(), "First.")
    learn(store, spring(), "Second.")
    assert [one.learned for one in lessons(store)] == ["Second."]
    learn(store, ExperimentSpec(campaign="spring", window_days=7), "Another window.")
    assert len(lessons(store)) == 2


def test_the_range_that_is_kept_is_one_of_95_percent_whatever_was_looked_at():
    store = campaign(KEPT)
    [usual] = learn(store, spring(), "It works.")
    [other] = learn(store, spring(read=ReadSpec(alpha=0.5)), "It works.")
    assert (other.low, other.high) == (usual.low, usual.high)


def test_an_experiment_can_be_taken_out_of_the_archive_once():
    store = campaign(KEPT)
    [kept] = learn(store, spring(), "It works.")
    forget(store, kept.campaign_id, kept.window_days)
    assert lessons(store) == ()
    with pytest.raises(SpecError, match="not in the archive any more"):
        forget(store, kept.campaign_id, kept.window_days)


@pytest.mark.parametrize("text", ["", "   ", "x" * 501])
def test_what_was_learned_must_be_said_in_words(text):
    with pytest.raises(SpecError, match="1 to 500 characters"):
        learn(campaign(KEPT), spring(), text)


def test_groups_of_the_wrong_size_are_not_kept():
    store = campaign(KEPT)
    with pytest.raises(SpecError, match="not the size that was meant"):
        learn(store, spring(expected=(0.2, 0.8)), "It works.")
    assert lessons(store) == ()


def test_what_is_in_progress_is_not_kept():
    with pytest.raises(SpecError, match="nobody's window has passed") as error:
        learn(campaign(KEPT), ExperimentSpec(campaign="spring", window_days=60), "It works.")
    assert "11 March 2026" in error.value.hint


def test_a_small_campaign_keeps_that_nobody_can_tell():
    store = campaign({"control": 2, "coupon": 2}, n=3)
    learn(store, spring(), "Too few.")
    [kept] = lessons(store)
    assert kept.verdict == "cannot tell" and math.isnan(kept.cost_per_kept)
    assert experiment(store, spring()).readout.as_measured()["says"].tolist() == ["cannot tell"]
