"""What is said of a read-out: true of its figures, and nothing where nothing is to be said."""

from __future__ import annotations

import numpy as np

from retention.experiments.model_readout import read_units
from retention.experiments.readout import DO_NOT_READ
from retention.experiments.spec import ReadSpec
from retention.experiments.units import Durations, Outcome, Units
from retention.experiments.words import (
    breakdown_words,
    cautions,
    checks,
    cost_words,
    decided_words,
    headline,
    ratio_words,
    stay_words,
    verdicts,
)


def world(*counts: tuple[int, int], **more) -> Units:
    values = np.concatenate([np.repeat([1.0, 0.0], (x, n - x)) for x, n in counts])
    group = np.repeat(np.arange(len(counts)), [n for _, n in counts])
    return Units(("holdout", "coupon", "e-mail")[: len(counts)], group, (Outcome("stayed", "rate", values),), **more)


def test_what_was_found_is_said_with_its_interval():
    found = read_units(world((500, 1_000), (600, 1_000)))
    assert headline(found) == (
        "stayed: coupon against holdout: higher. 60.00 % against 50.00 %, +10.00 percentage points (+5.64 to +14.30), 95 % interval."
    )  # Newcombe: 0.1 − √(0.03068² + 0.03093²) and 0.1 + √(0.02992² + 0.03093²)
    assert ratio_words(found.ratio).startswith("The groups have the size that was meant: holdout 1,000, coupon 1,000")


def test_what_cannot_be_told_says_what_the_data_leave_open():
    [said] = verdicts(read_units(world((500, 1_000), (510, 1_000))))
    assert said.startswith("stayed: coupon against holdout: cannot tell.")
    assert said.endswith("points fits these data, no effect at all among it.")
    several = verdicts(read_units(world((100, 1_000), (130, 1_000), (104, 1_000))))[0]
    assert "Alone it would count as found" in several
    few = read_units(world((30, 60), (40, 60)), ReadSpec(method="sequential"))
    assert verdicts(few)[0].endswith("(too few units for an interval). There are too few units yet.")


def test_groups_of_the_wrong_size_are_said_first_and_nothing_is_concluded():
    units = world((500, 1_000), (650, 1_150), costs=(0.0, 100.0))
    durations = Durations(np.arange(2_150) % 50, np.ones(2_150, dtype=bool))
    found = read_units(Units(units.groups, units.group, units.outcomes, durations, costs=units.costs))
    assert "not the size that was meant" in ratio_words(found.ratio)
    assert headline(found) == "Do not read the effects: the groups are not the size that was meant."
    assert "do not read" in verdicts(found)[0] and cost_words(found) == []
    assert set(found.stay.effects["says"]) == {DO_NOT_READ} and "not to be read" in stay_words(found.stay)[0]


def test_what_each_extra_user_cost_is_said_only_where_there_is_one():
    [clear] = cost_words(read_units(world((500, 1_000), (600, 1_000), costs=(0.0, 400.0))))
    assert "100 extra (56 to 143): 4.00 for each (2.80 to 7.09)" in clear  # 400 ÷ 143.0 and 400 ÷ 56.4
    [open_end] = cost_words(read_units(world((500, 1_000), (520, 1_000), costs=(0.0, 400.0))))
    assert "without an upper end" in open_end
    [none] = cost_words(read_units(world((500, 1_000), (400, 1_000), costs=(0.0, 400.0))))
    assert "gained nobody" in none
    assert cost_words(read_units(world((500, 1_000), (600, 1_000)))) == []


def test_a_few_large_amounts_that_decide_are_named():
    control = np.concatenate([np.zeros(900), np.tile([9.0, 11.0], 50)])
    arm = np.concatenate([np.zeros(900), np.tile([9.0, 11.0], 45), np.full(10, 400.0)])
    units = Units(
        ("holdout", "coupon"), np.repeat([0, 1], 1_000), (Outcome("spend", "mean", np.concatenate([control, arm])),)
    )
    found = read_units(units, ReadSpec(winsor=0.9))
    assert found.effect("spend", "coupon")["says"] == "higher"
    [said] = checks(found)
    assert "with amounts above 11 cut to it" in said and said.endswith("The result hangs on a few large amounts.")


def test_a_breakdown_says_whether_the_effect_differs_before_its_values():
    by = np.array((["France"] * 500 + ["Spain"] * 500) * 2, dtype=object)
    values = np.concatenate([np.repeat([1.0, 0.0], (x, 500 - x)) for x in (100, 100, 200, 90)])
    units = Units(
        ("holdout", "coupon"),
        np.repeat([0, 1], 1_000),
        (Outcome("stayed", "rate", values),),
        breakdowns={"country": by},
    )
    said = breakdown_words(read_units(units))
    assert said[0].startswith("stayed, coupon: the effect differs between the values of country (p < 0.0001).")
    assert said[1].startswith("    France: +20.00 percentage points") and said[1].endswith("higher")
    assert said[2].endswith("cannot tell")
    assert any("does not say that the effect differs" in line for line in cautions(read_units(units)))


def test_the_method_is_named_and_its_limits():
    units = world((500, 1_000), (600, 1_000), n_immature=7, day=np.tile(np.arange(10), 200))
    once, always = read_units(units), read_units(units, ReadSpec(method="sequential"))
    assert any("hold for one look" in line for line in cautions(once))
    assert any("hold at every look" in line for line in cautions(always))
    assert any(line.startswith("7 units are in progress") for line in cautions(once))
    [said] = decided_words(always, [f"day {n}" for n in always.path["day"]])
    assert "told apart from nothing" in said and f"over {len(always.path)} looks" in said


def test_stays_are_said_in_days():
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1], 400)
    days = rng.exponential(np.where(group == 1, 80.0, 30.0)).astype(np.int64)
    found = read_units(Units(("holdout", "coupon"), group, (), Durations(np.minimum(days, 60), days <= 60)))
    [said] = stay_words(found.stay)
    assert (
        said.startswith("Days until a silence: coupon stays longer than the control; mean stay within")
        and "log-rank p < 0.0001" in said
    )
    assert headline(found) == said
