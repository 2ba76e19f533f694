"""Intervals that hold at every look: against the integral that they come from, a plain loop over days, and simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from retention.experiments.model_readout import read_units
from retention.experiments.model_sequential import always_valid_p, reach_of, scale_of
from retention.experiments.spec import ReadSpec
from retention.experiments.units import Outcome, Units

SEQUENTIAL = ReadSpec(method="sequential", tuned_for=1_000)


@pytest.mark.parametrize("n", [100, 1_000, 30_000])
@pytest.mark.parametrize("z", [0.3, 2.5, 4.0])
def test_the_p_value_is_one_over_the_integral_of_the_likelihood_ratio(n, z):
    """A mixture over normal effects (Robbins 1970): ∫ exp(θ s − θ² n / 2) dN(θ; 0, ρ²), with s = z √n."""
    scale = np.sqrt(scale_of(SEQUENTIAL))
    ratio, _ = quad(lambda t: np.exp(t * z * np.sqrt(n) - t**2 * n / 2) * norm.pdf(t, scale=scale), -10 * scale, 10 * scale,
                    points=[z / np.sqrt(n)], limit=200)  # fmt: skip
    assert always_valid_p(z, n, SEQUENTIAL) == pytest.approx(min(1.0, 1 / ratio), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_the_interval_leaves_nothing_out_exactly_where_the_p_value_is_at_most_alpha(alpha):
    spec = replace(SEQUENTIAL, alpha=alpha)
    n = np.array([100.0, 700.0, 5_000.0, 1e6])
    assert always_valid_p(reach_of(n, spec), n, spec) == pytest.approx([alpha] * 4, rel=1e-9)


def test_it_is_narrowest_where_it_is_tuned_and_always_wider_than_for_one_look():
    widths = reach_of(np.arange(500, 2_000, dtype=float), SEQUENTIAL) / np.sqrt(1.0)
    mixtures = [float(reach_of(1_000, replace(SEQUENTIAL, tuned_for=n))) for n in range(500, 2_000)]
    assert abs(int(np.argmin(mixtures)) + 500 - 1_000) <= 1
    assert widths.min() > 1.96
    assert min(mixtures) == pytest.approx(3.035, abs=0.001)  # √(x + 1) with x = ln((1 + x) / 0.05²), so x = 8.212


def a_world(n: int = 3_000, effect: float = 0.0, seed: int = 1) -> Units:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    stayed = (rng.random(n) < 0.3 + effect * group).astype(float)
    spend = stayed * rng.gamma(1.0, 20.0, n) + 3.0 * (rng.random(n) < 0.5)
    outcomes = (Outcome("stayed", "rate", stayed), Outcome("spend", "mean", spend))
    return Units(("control", "arm"), group, outcomes, day=rng.integers(100, 130, n))


def test_every_look_is_what_reading_the_units_known_by_that_day_says():
    units = a_world()
    found = read_units(units, SEQUENTIAL)
    assert found.path.groupby("metric").size().min() >= 25
    for day in (105, 117, 129):
        known = units.day <= day
        outcomes = tuple(Outcome(o.metric, o.kind, o.values[known]) for o in units.outcomes)
        plain = read_units(Units(units.groups, units.group[known], outcomes), SEQUENTIAL)
        for row in found.path[found.path["day"] == day].itertuples():
            then = plain.effect(row.metric, "arm")
            for name in ("difference", "low", "high", "n_arm", "n_control"):
                assert getattr(row, name) == pytest.approx(then[name], rel=1e-9), (day, name)
    last = found.effect("stayed", "arm")
    assert last["low"] == pytest.approx(found.path[found.path["metric"] == "stayed"]["low"].iloc[-1])


def test_too_few_units_have_no_interval_yet():
    units = a_world(150)
    found = read_units(units, SEQUENTIAL)
    assert found.path.empty
    assert np.isnan(found.effects["low"]).all() and set(found.effects["says"]) == {"cannot tell"}
    assert not np.isnan(read_units(units).effect("stayed", "arm")["low"])


def test_amounts_that_are_all_the_same_have_no_interval():
    units = Units(("c", "a"), np.repeat([0, 1], 200), (Outcome("spend", "mean", np.full(400, 5.0)),), day=np.arange(400) % 9)
    found = read_units(units, SEQUENTIAL)
    assert found.path.empty and np.isnan(found.effect("spend", "a")["low"])


def test_what_was_clear_at_a_look_stays_found_only_if_it_still_is():
    units = a_world(6_000, effect=0.12, seed=2)
    found = read_units(units, SEQUENTIAL)
    row, path = found.effect("stayed", "arm"), found.path[found.path["metric"] == "stayed"]
    assert row["says"] == "higher" and row["p"] == pytest.approx(path["p"].min())
    assert (path["p"].diff().dropna() <= 0).all()  # the smallest so far
    # From that day on the arm loses all it had gained: what was clear once is not said of the whole any more.
    late = Units(units.groups, np.concatenate([units.group, 1 - units.group]),
                 tuple(Outcome(o.metric, o.kind, np.concatenate([o.values] * 2)) for o in units.outcomes),
                 day=np.concatenate([units.day, units.day + 60]))  # fmt: skip
    turned = read_units(late, SEQUENTIAL)
    assert turned.effect("stayed", "arm")["says"] == "cannot tell"
    assert turned.path["is_clear"].any()


def test_many_units_are_read_without_a_loop_over_them():
    """The benchmark has a million and a clock; here only that every day is a look."""
    rng = np.random.default_rng(0)
    n = 200_000
    group, values = rng.integers(0, 2, n), rng.random(n)
    units = Units(("c", "a"), group, (Outcome("spend", "mean", values),), day=rng.integers(0, 90, n))
    assert len(read_units(units, SEQUENTIAL).path) == 90


@pytest.mark.slow
def test_with_nineteen_in_twenty_worlds_the_truth_is_within_every_look():
    n_worlds, missed = 1_000, 0
    for seed in range(n_worlds):
        path = read_units(a_world(2_000, effect=0.05, seed=seed), SEQUENTIAL).path
        path = path[path["metric"] == "stayed"]
        missed += bool(((path["low"] > 0.05) | (path["high"] < 0.05)).any())
    assert missed <= 0.05 * n_worlds
