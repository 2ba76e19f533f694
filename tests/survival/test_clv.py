"""The value of buyers through the store: patterns counted by hand, lists, the check, the published figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from retention.audiences.answer import users_of
from retention.cli import main
from retention.cohorts.answer import population
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.periods import day_number
from retention.store import Store
from retention.survival import query_clv, query_duckdb_clv
from retention.survival.answer_clv import customer_value, order_days, ranked_buyers
from retention.survival.chart_clv import bands_figure, frequency_figure, orders_figure
from retention.survival.model_bgnbd import BgNbd
from retention.survival.result_clv import ALIVE_CAVEAT, cautions, check_words, definition, headline
from retention.survival.spec_clv import BANDS, BuyerListSpec, ClvSpec
from tests.test_sql_portable import portability_faults
from tests.worlds import Event, diary, fresh_path, instant, store_of

JANUARY = """
    ann: 1/purchase?value=10 3/purchase?value=20 3T18:00/purchase?value=5 11/purchase?value=40 25/purchase?value=1
    bob: 2/purchase?value=7 8/visit 20/purchase?value=0
    cyd: 5/purchase?value=9 7/purchase?value=30 9/refund?value=30
    dee: 20/purchase?value=3
    eve: 4/visit
"""


def orders(n: int = 400, seed: int = 11) -> list[Event]:
    """Return the orders of buyers who live by the model for 60 weeks, at noon."""
    rng = np.random.default_rng(seed)
    truth = BgNbd(0.9, 6.0, 0.8, 2.5)
    start = instant("2025-01-06T12:00")
    day_us = 86_400_000_000
    events = []
    for number in range(n):
        rate, p = rng.gamma(truth.r, 1 / truth.alpha), rng.beta(truth.a, truth.b)
        first = int(rng.integers(0, 200))
        mean = rng.gamma(4.0) * 8 + 2
        at, day = 0.0, first
        while day < 420:
            value = f"{rng.gamma(6.0) * mean / 6:.2f}"
            country = ("France", "Spain")[number % 2]
            events.append(Event(f"u{number}", start + day * day_us, "purchase", {"value": value, "country": country}))
            if day > first and rng.random() < p:
                break
            at += rng.exponential(1 / rate)
            day = first + int(np.ceil(at * 7))
    return events


def shop(events: list[Event]) -> Store:
    return store_of(events, as_of="2026-03-02")


@pytest.fixture(scope="module")
def shop_path() -> Path:
    store = shop(orders())
    store.close()
    return store.path


@pytest.fixture
def buyers(shop_path: Path) -> Iterator[Store]:
    with Store.open(shop_path) as store:
        yield store


def rows(store: Store, spec: ClvSpec, last: str, end: str):
    sql = query_clv.buyers(spec, day_number(date.fromisoformat(last)), day_number(date.fromisoformat(end)), None)
    frame = store.read(sql).sort_values("user_key", ignore_index=True)
    columns = ["x", "t_x", "t", "n_spent", "spent", "n_after"]
    return [tuple(int(v) for v in row) for row in frame[columns].to_numpy()]


def test_a_hand_counts_each_buyers_days():
    store = store_of(diary(JANUARY), as_of="2026-02-01")
    # Watched to the 15th, the rest of January held back. Two orders of ann on the 3rd are one day.
    assert rows(store, ClvSpec(), "2026-01-15", "2026-02-01") == [
        (2, 10, 14, 2, 65, 1),  # ann: 3rd and 11th after the 1st; 25 + 40; the 25th comes later
        (0, 0, 13, 0, 0, 1),  # bob: the visit is no order
        (1, 2, 10, 1, 30, 0),  # cyd
    ]
    # To the end: dee is a buyer, too; an order without a value counts and is no spend.
    assert rows(store, ClvSpec(), "2026-01-31", "2026-02-01") == [
        (3, 24, 30, 3, 66, 0), (1, 18, 29, 0, 0, 0), (1, 2, 26, 1, 30, 0), (0, 0, 11, 0, 0, 0),
    ]  # fmt: skip
    # Net of refunds: what cyd gave back is no spend.
    assert rows(store, ClvSpec(money="net"), "2026-01-31", "2026-02-01")[2] == (1, 2, 26, 0, 0, 0)


def test_every_text_is_portable(buyers):
    people = population(buyers.catalogue(), (Condition(name="country", values=("France",)),))
    for money in ("gross", "net"):
        each = query_clv.buyers(ClvSpec(money=money), 20400, 20500, people)
        texts = [
            query_clv.order_span(), each, query_clv.patterns(each), query_clv.spends(each),
            query_clv.orders_after(20400, 20500, people), query_clv.of_patterns(each, [1, 2]),
            query_clv.ranked(each, query_clv.of_patterns(each, [1]), 5),
        ]  # fmt: skip
        assert [portability_faults(sql.text) for sql in texts] == [[]] * len(texts)


def test_the_short_text_for_many_patterns_gives_the_same_buyers(buyers):
    each = query_clv.buyers(ClvSpec(), 20400, 20500, None)
    patterns = buyers.read(query_clv.patterns(each)).head(40)
    keys = [query_clv.pattern_key(int(r.x), int(r.t_x), int(r.t)) for r in patterns.itertuples(index=False)]
    long = set(buyers.read(query_clv.of_patterns(each, keys))["user_key"])
    short = set(buyers.read(query_duckdb_clv.of_patterns(each, keys))["user_key"])
    assert long == short != set()


def test_the_lists_are_as_long_as_the_table_says_and_share_the_buyers_out(buyers):
    spec = ClvSpec(horizon=8)
    clv = customer_value(buyers, spec)
    said = dict(zip(clv.bands["band"], clv.bands["n"], strict=True))
    for band, n in said.items():
        assert users_of(buyers, BuyerListSpec(clv=spec, band=band)).count == n
    assert sum(n for band, n in said.items() if band != "quiet") == clv.n_buyers == 400
    assert float(clv.bands.loc[clv.bands["band"] != "quiet", "share"].sum()) == pytest.approx(1)
    assert list(clv.bands["band"]) == [band for band in BANDS if band in said]


def test_the_parts_add_up_to_the_whole(buyers):
    clv = customer_value(buyers, ClvSpec(horizon=8))
    assert float(clv.by_unit["expected"].sum()) == pytest.approx(clv.expected)
    assert float(clv.by_unit["value"].sum()) == pytest.approx(clv.value)
    assert float((clv.by_x["n"] * clv.by_x["expected"]).sum()) == pytest.approx(clv.expected)
    assert int(clv.by_x["n"].sum()) == clv.n_buyers
    assert clv.low < clv.expected < clv.high
    assert clv.by_x.loc[clv.by_x["x"] == 0, "alive"].tolist() == [1]


def test_the_range_holds_what_came_in_worlds_that_live_by_the_model():
    inside = 0
    for seed in range(6):
        clv = customer_value(shop(orders(250, seed)), ClvSpec(horizon=13, calibrate_to=date(2025, 11, 30)))
        weeks = clv.holdout.by_unit.head(13)
        assert len(weeks) == 13
        inside += clv.low <= int(weeks["actual"].sum()) <= clv.high
    assert inside >= 5


def test_the_ranking_begins_with_the_most_expected_orders(buyers):
    found = ranked_buyers(buyers, ClvSpec())
    assert len(found) == 400
    assert found["expected"].is_monotonic_decreasing
    assert float(found["expected"].sum()) == pytest.approx(customer_value(buyers, ClvSpec()).expected)


def test_a_condition_keeps_the_users_who_started_with_it(buyers):
    only = customer_value(buyers, ClvSpec(where=(Condition(name="country", values=("Spain",)),)))
    assert only.n_buyers == 200
    assert "country=Spain" in definition(only.spec, buyers.catalogue())


def test_the_unit_changes_the_clock_and_not_the_buyers(buyers):
    by_week, by_day = (
        customer_value(buyers, ClvSpec(horizon=4)),
        customer_value(buyers, ClvSpec(unit="day", horizon=28)),
    )
    assert by_day.expected == pytest.approx(by_week.expected, rel=1e-4)
    assert by_day.bgnbd["alpha"] == pytest.approx(7 * by_week.bgnbd["alpha"], rel=1e-3)


def test_orders_that_were_held_back_do_not_move_the_fit(buyers):
    until = date(2025, 10, 1)
    first, end = order_days(buyers)
    whole = customer_value(buyers, ClvSpec(calibrate_to=until))
    assert whole.holdout.n_days == end - 1 - day_number(until)
    # A world that ends with that day has the same past.
    known = [e for e in orders() if e.at_us < instant("2025-10-02")]
    short = customer_value(store_of(known, as_of="2025-10-02"), ClvSpec())
    assert short.bgnbd == pytest.approx(whole.bgnbd, rel=1e-9)
    assert short.expected == pytest.approx(whole.expected)
    assert short.last_on == whole.last_on == until
    assert "too" in check_words(whole) and "Hold back" in check_words(customer_value(buyers, ClvSpec()))
    assert first < day_number(until) < end


def test_every_caution_is_said(buyers):
    clv = customer_value(buyers, ClvSpec())
    assert ALIVE_CAVEAT in cautions(clv)
    assert "95 % range" in headline(clv)


def test_figures_are_valid_and_a_click_names_its_band(buyers):
    for spec in (ClvSpec(), ClvSpec(calibrate_to=date(2025, 10, 1))):
        clv = customer_value(buyers, spec)
        for is_dark in (False, True):
            for draw in (orders_figure, frequency_figure, bands_figure):
                go.Figure(draw(clv, is_dark=is_dark))
        shown = [pair[0] for pair in bands_figure(clv, is_dark=False)["data"][0]["customdata"]]
        assert shown == [band for band in clv.bands["band"] if band != "quiet"]


@pytest.mark.parametrize(("world", "spec", "said"), [
    ("ann: 1/visit 2/visit", ClvSpec(), "There are no orders yet"),
    (JANUARY, ClvSpec(), "at least 20 buyers who came back, not 3"),
    (JANUARY, ClvSpec(calibrate_to=date(2027, 1, 1)), "must lie between the first order, 2026-01-01"),
    (JANUARY, ClvSpec(calibrate_to=date(2025, 1, 1)), "must lie between the first order, 2026-01-01"),
])  # fmt: skip
def test_what_cannot_be_answered_is_said_in_one_sentence(world, spec, said):
    with pytest.raises(SpecError, match=said):
        customer_value(store_of(diary(world), as_of="2026-02-01"), spec)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"unit": "year"}, "`unit` must be one of"),
    ({"horizon": 0}, "`horizon` must be from 1 to 104, not 0"),
    ({"money": "bitcoin"}, "`money` must be one of"),
])  # fmt: skip
def test_a_wrong_setting_is_said(wrong, said):
    with pytest.raises(SpecError, match=said):
        ClvSpec(**wrong)
    with pytest.raises(SpecError, match="`band` must be one of"):
        BuyerListSpec(clv=ClvSpec(), band="everyone")


def test_values_that_are_missing_leave_the_orders_standing():
    # Orders without a value: expected orders are known, expected value is not.
    events = [Event(e.user, e.at_us, e.event, {}) for e in orders()]
    clv = customer_value(shop(events), ClvSpec())
    assert clv.gamma_gamma is None and np.isnan(clv.value) and clv.expected > 0
    assert any("There is no estimate of spend" in text for text in cautions(clv))
    assert "worth" not in headline(clv)


# --- the published figures, through the product ---------------------------------------------------------


@pytest.fixture(scope="module")
def cdnow(real_data):
    path = fresh_path()
    with Store.create_or_open(path) as store:
        spec = ImportSpec(
            real_data / "cdnow_sample" / "cdnow_sample.csv.gz",
            mapping={"user": "master_id", "time": "date", "value": "spent"},
            constant_event="purchase",
        )
        assert import_file(store, spec).n_new == 6_919
    return path


def test_the_raw_log_gives_the_published_figures_from_the_command_line(cdnow, capsys):
    arguments = ["clv", "--store", str(cdnow), "--unit", "week", "--calibrate-to", "1997-09-30", "--json"]
    assert main(arguments) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["as_of"].startswith("1998-07-01")
    assert (said["n_buyers"], said["n_repeat"]) == (2357, 946)
    bgnbd = said["bgnbd"]
    assert [round(bgnbd[name], 3) for name in ("r", "alpha", "a", "b")] == [0.243, 4.414, 0.793, 2.426]
    assert round(bgnbd["log_likelihood"], 1) == -9582.4
    assert [round(said["gamma_gamma"][name], 2) for name in ("p", "q", "v")] == [6.25, 3.74, 15.44]
    held = said["holdout"]
    assert held["n_days"] == 39 * 7
    assert (round(held["predicted"]), held["actual"]) == (1653, 1882)
    assert round(held["correlation"], 3) == 0.626


def test_the_text_says_it_with_an_interval(cdnow, capsys):
    assert main(["clv", "--store", str(cdnow), "--calibrate-to", "1997-09-30"]) == 0
    text = capsys.readouterr().out
    assert "r 0.243, alpha 4.414, a 0.793, b 2.426, log-likelihood -9582.4" in text
    assert "1,653 orders were expected and 1,882 came" in text
    assert "95 % range" in text


def test_a_day_outside_of_the_data_is_advice_on_the_command_line(cdnow, capsys):
    assert main(["clv", "--store", str(cdnow), "--calibrate-to", "2020-01-01"]) == 2
    assert "must lie between the first order, 1997-01-01" in capsys.readouterr().err
