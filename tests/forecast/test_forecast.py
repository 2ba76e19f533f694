"""The forecast through the store: its counts, its words, its refusals, the command line."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import plotly.graph_objects as go
import pytest

from retention.cli import main
from retention.cohorts.answer import population
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.forecast import query
from retention.forecast.answer import forecast
from retention.forecast.chart import forecast_alt, forecast_figure
from retention.forecast.result import definition, headline, interval_words, verdict
from retention.forecast.spec import ForecastSpec
from tests.forecast.worlds_of_cohorts import DAY_US, MONDAY, weeks_of
from tests.test_sql_portable import portability_faults
from tests.worlds import Event, diary, instant, store_of

AS_OF_30 = "2025-08-04"  # the Monday after thirty weeks


@pytest.fixture(scope="module")
def world() -> list[Event]:
    return weeks_of(4, 42, 40)


def until(events: list[Event], week: int) -> list[Event]:
    return [e for e in events if e.at_us < instant("2025-01-06") + week * 7 * DAY_US]


def test_a_world_with_a_known_law_is_forecast_within_its_interval(world):
    found = forecast(store_of(until(world, 30), as_of=AS_OF_30), ForecastSpec())
    came = [sum(e.at_us == instant(MONDAY) + week * 7 * DAY_US for e in world) for week in range(42)]
    assert found.seen["actual"].tolist() == came[:30]
    assert found.ahead["from_on"].iloc[0] == date(2025, 8, 4)
    inside = (found.ahead["low"] <= came[30:]) & (np.array(came[30:]) <= found.ahead["high"])
    assert inside.all()
    assert found.inflow == 40
    assert found.trial.is_better
    assert "Better than assuming that the next weeks equal the last one." in verdict(found)
    assert "95 % interval" in headline(found) and "earlier dates" in interval_words(found)


def test_a_week_that_is_not_over_is_forecast_and_not_counted(world):
    store = store_of(until(world, 31), as_of="2025-08-06")
    found = forecast(store, ForecastSpec())
    assert len(found.seen) == 30
    assert found.ahead["from_on"].iloc[0] == date(2025, 8, 4)


def test_events_after_an_origin_do_not_move_the_forecast_made_then(world):
    # The same 24 weeks, and then two different futures.
    late = instant("2025-06-23")
    doubled = [Event(f"{e.user}-x", e.at_us, e.event, {}) for e in world if e.at_us >= late]
    one = forecast(store_of(until(world, 30), as_of=AS_OF_30), ForecastSpec(horizon=6))
    other = forecast(store_of([*until(world, 30), *until(doubled, 30)], as_of=AS_OF_30), ForecastSpec(horizon=6))
    told = [f.tried[f.tried["origin_on"] <= date(2025, 6, 23)] for f in (one, other)]
    assert len(told[0]) > 20
    for column in ("forecast", "last"):
        assert told[0][column].tolist() == told[1][column].tolist()
    assert one.tried["forecast"].tolist() != other.tried["forecast"].tolist()


def test_in_a_flat_world_it_says_that_it_is_no_better():
    flat = [Event(f"u{i}", instant(MONDAY) + w * 7 * DAY_US, "visit", {}) for i in range(30) for w in range(30)]
    found = forecast(store_of(flat, as_of=AS_OF_30), ForecastSpec())
    assert found.ahead["expected"].tolist() == pytest.approx([30] * 12, rel=1e-3)
    assert found.ahead["last"].tolist() == [30] * 12
    assert verdict(found).startswith("No better than assuming that the next weeks equal the last one.")


def test_revenue_is_the_sum_of_the_orders_of_each_week():
    events = weeks_of(6, 20, 15, event="purchase", value="12.5")
    found = forecast(store_of(events, as_of="2025-05-26"), ForecastSpec(metric="revenue"))
    weeks = [sum(e.at_us == instant(MONDAY) + w * 7 * DAY_US for e in events) for w in range(20)]
    assert found.seen["actual"].tolist() == [12.5 * n for n in weeks]
    first = found.ahead.iloc[0]
    assert first["expected"] == pytest.approx(12.5 * (first["new"] + first["back"]))


def test_two_orders_of_a_week_are_one_buyer_and_two_values():
    text = "\n".join(
        f"u{w}: {date.fromordinal(date(2026, 1, 5).toordinal() + 7 * w)}/purchase?value=10"
        f" {date.fromordinal(date(2026, 1, 7).toordinal() + 7 * w)}/purchase?value=5"
        for w in range(14)
    )
    found = forecast(store_of(diary(text), as_of="2026-04-13"), ForecastSpec(metric="revenue"))
    assert found.seen["actual"].tolist() == [15.0] * 14
    assert found.inflow == 1
    assert found.ahead["expected"].tolist() == pytest.approx([15.0] * 12, abs=0.01)


def test_a_condition_keeps_the_users_who_started_with_it(world):
    split = [Event(e.user, e.at_us, e.event, {"plan": "ab"[int(e.user.split("-")[1]) % 2]}) for e in until(world, 30)]
    store = store_of(split, as_of=AS_OF_30)
    parts = [
        forecast(store, ForecastSpec(where=(Condition(name="plan", values=(plan,)),))).seen["actual"] for plan in "ab"
    ]
    assert (parts[0] + parts[1]).tolist() == forecast(store, ForecastSpec()).seen["actual"].tolist()


def test_a_week_that_touches_a_gap_is_marked_and_left_out(world):
    store = store_of(until(world, 30), as_of=AS_OF_30, gaps=[("2025-06-03", "2025-06-05")])
    found = forecast(store, ForecastSpec())
    assert found.seen.loc[found.seen["touches_gap"], "from_on"].tolist() == [date(2025, 6, 2)]
    figure = forecast_figure(found, is_dark=False)
    came = next(trace for trace in figure["data"] if trace.get("name") == "Came")
    assert came["y"][came["x"].index("2025-06-02")] is None


def test_every_text_is_portable(world):
    store = store_of(until(world, 14), as_of="2025-04-14")
    people = population(store.catalogue(), (), start=("visit",))
    for period in ("week", "month"):
        spec = ForecastSpec(period=period)
        texts = [query.active_cells(spec, 9, people), query.order_cells(spec, 9, "monday", people)]
        assert [portability_faults(sql.text) for sql in texts] == [[], []]


def test_figures_are_valid(world):
    found = forecast(store_of(until(world, 30), as_of=AS_OF_30), ForecastSpec())
    for is_dark in (False, True):
        go.Figure(forecast_figure(found, is_dark=is_dark))
    assert "simple guess" in forecast_alt(found)


@pytest.mark.parametrize(("text", "spec", "said"), [
    ("ann: 5 12 19", ForecastSpec(), "at least 12 complete weeks with activity, not 4"),
    ("ann: 5 12 19", ForecastSpec(period="month"), "at least 12 complete months with activity, not 1"),
    ("ann: 5 12 19", ForecastSpec(metric="revenue"), "at least 12 complete weeks with orders, not 0"),
])  # fmt: skip
def test_too_little_history_is_one_kind_sentence(text, spec, said):
    with pytest.raises(SpecError, match=said):
        forecast(store_of(diary(text), as_of="2026-02-02"), spec)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"metric": "happiness"}, "`metric` must be one of"),
    ({"period": "day"}, "`period` must be one of week, month, not 'day'"),
    ({"horizon": 27}, "`horizon` must be from 1 to 26, not 27"),
])  # fmt: skip
def test_a_wrong_setting_is_said(wrong, said):
    with pytest.raises(SpecError, match=said):
        ForecastSpec(**wrong)


def test_the_command_line_prints_the_forecast_beside_the_naive_one(world, capsys):
    store = store_of(until(world, 30), as_of=AS_OF_30)
    found, known = forecast(store, ForecastSpec()), store.catalogue()
    store.close()
    assert main(["forecast", "--store", str(store.path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["as_of"] == "2025-08-04T00:00:00Z"
    assert [row["expected"] for row in said["ahead"]] == pytest.approx(found.ahead["expected"].tolist())
    assert {"low", "high", "last", "seasonal"} <= set(said["ahead"][0])
    assert said["ahead"][0]["seasonal"] is None
    assert said["trial"]["n_origins"] == found.trial.n_origins
    assert said["definition"] == definition(found.spec, known)
    assert main(["forecast", "--store", str(store.path), "--period", "month"]) == 2
    assert "at least 12 complete months" in capsys.readouterr().err
