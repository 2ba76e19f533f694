"""Three public experiments, read from their files: the figures are the published ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from retention.cli import main
from retention.experiments.answer_file import experiment_file
from retention.experiments.spec import ReadSpec, UnitFileSpec
from retention.experiments.words import headline, ratio_words

PAGES = (("landing_page", "control", "old_page"), ("landing_page", "treatment", "new_page"))


def read(real_data, place, pairs, **more):
    return experiment_file((real_data / place).read_bytes(), UnitFileSpec.of_map(pairs, **more), ReadSpec())


def percent(value: float, digits: int) -> float:
    return round(float(value) * 100, digits)


def test_hillstrom(real_data):
    found = read(
        real_data, "hillstrom/hillstrom.csv.gz", ("arm=segment", "outcome=visit", "outcome=conversion", "outcome=spend")
    )
    assert found.control == "No E-Mail" and found.sizes == (21_306, 21_307, 21_387)  # known by its name
    values = found.by_group.set_index(["metric", "group"])["value"]
    arms = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
    assert [percent(values["visit", arm], 3) for arm in arms] == [10.617, 18.276, 15.140]
    assert [percent(values["conversion", arm], 3) for arm in arms] == [0.573, 1.253, 0.884]
    assert [round(values["spend", arm], 4) for arm in arms] == [0.6528, 1.4226, 1.0772]
    effects = found.as_measured().set_index(["metric", "arm"])
    for arm, visit, spend in (("Mens E-Mail", 7.66, 0.770), ("Womens E-Mail", 4.52, 0.424)):
        assert percent(effects.at[("visit", arm), "difference"], 2) == visit
        assert round(effects.at[("spend", arm), "difference"], 3) == spend
        assert set(effects.xs(arm, level="arm")["says"]) == {"higher"}
    # Each with its interval, by the formulas written out here.
    n, m = (21_306, 21_307)
    a, b = values["visit", "No E-Mail"], values["visit", "Mens E-Mail"]
    half = 1.959964 * np.sqrt(a * (1 - a) / n + b * (1 - b) / m)
    row = effects.loc[("visit", "Mens E-Mail")]
    assert (row["low"], row["high"]) == (pytest.approx(b - a - half, abs=2e-5), pytest.approx(b - a + half, abs=2e-5))
    assert not found.ratio.is_mismatch and found.notes == ()


def test_cookie_cats_is_not_to_be_read(real_data):
    pairs = ("unit=userid", "arm=version", "outcome=retention_1", "outcome=retention_7")
    found = read(
        real_data, "cookie_cats/cookie_cats.csv.gz", pairs, control="gate_30", expected=(("", 50.0), ("", 50.0))
    )
    assert found.sizes == (44_700, 45_489)
    assert found.ratio.is_mismatch and round(found.ratio.p, 4) == 0.0086
    assert "only 0.86 %" in ratio_words(found.ratio) and "Do not read" in headline(found)
    effects = found.as_measured().set_index("metric")
    assert [percent(v, 2) for v in effects["value_control"]] == [44.82, 19.02]
    assert [percent(v, 2) for v in effects["value_arm"]] == [44.23, 18.20]
    assert (
        round(effects.at["retention_1", "statistic"], 3) == -1.784
        and round(effects.at["retention_1", "p"], 4) == 0.0744
    )
    assert round(effects.at["retention_7", "p"], 4) == 0.0016
    seven = effects.loc["retention_7"]
    assert [percent(seven[name], 2) for name in ("difference", "low", "high")] == [-0.82, -1.33, -0.31]
    assert set(effects["says"]) == {"do not read"}


def test_the_landing_page(real_data):
    pairs = ("unit=user_id", "arm=group", "outcome=converted")
    found = read(real_data, "udacity_ab_landing_page/ab_data.parquet", pairs, agree=PAGES)
    assert sum(found.sizes) == 290_584
    assert found.notes[0].startswith('3,893 of 294,478 rows have a "landing_page" that does not agree')
    assert found.notes[1].startswith("1 unit has more than one row")
    row = found.effect("converted", "treatment")
    assert (percent(row["value_control"], 4), percent(row["value_arm"], 4)) == (12.0386, 11.8808)
    assert round(abs(row["statistic"]), 3) == 1.311 and round(row["p"], 2) == 0.19
    assert row["says"] == "cannot tell" and row["low"] < 0 < row["high"]


def test_the_landing_page_day_by_day_never_tells_either(real_data):
    pairs = ("unit=user_id", "arm=group", "outcome=converted", "time=timestamp")
    content = (real_data / "udacity_ab_landing_page/ab_data.parquet").read_bytes()
    spec = UnitFileSpec.of_map(pairs, agree=PAGES)
    found = experiment_file(content, spec, ReadSpec(method="sequential"))
    assert len(found.path) == 23 and not found.path["is_clear"].any()  # 2 to 24 January 2017


def test_the_command_line_reads_a_file_without_a_store(real_data, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    command = (
        "experiment",
        "read",
        "--file",
        str(real_data / "cookie_cats/cookie_cats.csv.gz"),
        "--control",
        "gate_30",
    )
    command += ("--map", "unit=userid,arm=version,outcome=retention_1,outcome=retention_7", "--expected", "50:50")
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ratio"]["is_mismatch"] and round(told["ratio"]["p"], 4) == 0.0086
    assert list(told).index("ratio") < list(told).index("effects")
    assert main(list(command)) == 0
    assert capsys.readouterr().out.startswith("The groups are not the size that was meant")
    assert list(tmp_path.iterdir()) == []  # no store was made
