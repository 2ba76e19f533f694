"""The pictures of an experiment show the read-out, and can be sent: no arithmetic, nothing unknown drawn as a number."""

from __future__ import annotations

import json

import numpy as np
import pytest

from retention.experiments.chart import (
    age_alt,
    age_figure,
    effect_alt,
    effect_figure,
    path_alt,
    path_figure,
    plan_alt,
    plan_figure,
    stay_figure,
)
from retention.experiments.experiment import stay_curves
from retention.experiments.model_plan import plan_of
from retention.experiments.model_readout import read_units
from retention.experiments.readout import Readout
from retention.experiments.spec import PlanSpec, ReadSpec
from retention.experiments.units import Durations, Outcome, Units
from retention.store.catalogue import Clock

CLOCK = Clock(as_of_us=20_000 * 86_400_000_000, timezone="UTC", week_start="monday")


def readout(method: str = "fixed horizon") -> Readout:
    """Four hundred units: 20 % of the control stay and 40 % of the others, over ten days."""
    place = np.arange(400)
    group = place % 2
    stays = ((place // 2) % 10 < np.where(group, 4, 2)).astype(float)
    nobody = np.full(400, np.nan)
    outcomes = (Outcome("stays", "rate", stays), Outcome("nobody knows", "rate", nobody))
    durations = Durations(days=place % 30, observed=place % 3 > 0)
    units = Units(("control", "<b>coupon</b>"), group, outcomes, durations=durations, day=19_000 + place // 40)
    return read_units(units, ReadSpec(method=method))


def sent(figure: dict) -> dict:
    """Return what the browser gets; NaN is no JSON."""
    return json.loads(json.dumps(figure, allow_nan=False))


def test_effects_are_drawn_in_points_with_their_intervals_and_unknown_ones_are_not():
    rows = readout().as_measured()
    figure = sent(effect_figure(rows, ["stays", "nobody knows"], "rate", "control", "95 % intervals"))
    [trace] = figure["data"]
    assert trace["x"] == [pytest.approx(20)] and trace["y"] == [0]
    low, high = rows["low"].iloc[0] * 100, rows["high"].iloc[0] * 100
    assert trace["x"][0] - trace["error_x"]["arrayminus"][0] == pytest.approx(low, abs=1e-3)
    assert trace["x"][0] + trace["error_x"]["array"][0] == pytest.approx(high, abs=1e-3)
    assert "+20.00" in effect_alt(rows, ["stays", "nobody knows"], "rate", "control")


def test_names_of_groups_are_text_and_no_markup():
    figure = age_figure(readout(), "week", 7)
    assert {trace.get("name") for trace in figure["data"]} == {None, "control", "&lt;b&gt;coupon&lt;/b&gt;"}
    assert "stays" not in age_alt(readout()) and "Nobody knows" in age_alt(readout())


def test_the_path_begins_with_the_first_look_and_ends_where_the_read_out_does():
    found = readout("sequential")
    path = found.path[found.path["metric"] == "stays"]
    figure = sent(path_figure(path, found.arms, "rate"))
    band, line = figure["data"]
    assert line["x"][-1] == "2022-01-17" and line["y"][-1] == pytest.approx(20)  # day 19,009
    assert len(band["x"]) == 2 * len(line["x"]) <= 20
    assert "+20.00" in path_alt(path, found.arms, "rate")


def test_stays_are_drawn_for_each_group_with_who_is_at_risk():
    found = readout()
    curves = stay_curves(found.stay, CLOCK, 1, 30, 19_970)
    assert [group.n for group in curves.groups] == [200, 200]
    figure = sent(stay_figure(curves))
    assert figure["layout"]["yaxis"]["title"]["text"] == "Share not lapsed"


def test_the_plan_marks_what_it_takes_and_what_there_is():
    plan = plan_of(PlanSpec(metric="stays", baseline=0.2, effect=0.05, n_available=2500))
    figure = sent(plan_figure(plan))
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [plan.n_total, 2500]
    assert f"{plan.n_total:,}" in plan_alt(plan)
