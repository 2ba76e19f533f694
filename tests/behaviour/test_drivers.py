"""Early behaviour and later activity: worlds worked out by hand, published tables, a plain loop, the sample shop."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.behaviour import query_drivers, query_duckdb_drivers
from retention.behaviour.answer_drivers import driver_users, drivers
from retention.behaviour.drivers import FEW, LESS, MORE, drivers_of
from retention.behaviour.spec_drivers import DriversSpec, DriverUsersSpec
from retention.behaviour.two_by_two import phi, rate_ratio, score_statistic
from retention.behaviour.words_drivers import finding, skipped_words
from retention.cohorts.answer import population
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.store import Store
from tests.behaviour.step_oracles import driver_tables
from tests.ingest.sample_shops import us, usual_shop
from tests.oracles import DAY_US, Clock, Event
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, store_of

# The first two days are days 0 and 1; later is days 2 to 4.
TWO = DriversSpec(first_days=2, from_day=2, to_day=4, n_most=2)
SIX = """
    ann: 5/visit 5T13:00/visit 6/buy 8/visit
    bob: 5/visit 6/buy 9/visit
    cyd: 5/visit 6/visit
    dee: 5/visit 7/buy
    eve: 5/visit 10/visit
    fay: 28/visit 30/visit
"""


def names(store: Store, cell: DriverUsersSpec) -> set[str]:
    """Return the ids of the users of a list."""
    with store.snapshot() as snapshot:
        keys = set(snapshot.read(driver_users(snapshot, cell))["user_key"])
        return {str(i) for k, i in snapshot.rows("select i.user_key, i.user_id from identities as i") if k in keys}


def test_tables_worked_by_hand():
    found = drivers(store_of(diary(SIX), as_of="2026-02-01", min_cohort_size=1), TWO)
    # ann and bob come back on days 3 and 4, dee on day 2; cyd never, eve on day 5 only; fay's day 4 has not ended.
    assert (found.n_users, found.n_retained, found.n_open) == (5, 3, 1)
    assert found.cell("buy", 1) == (2, 0, 1, 2)  # ann bob | – | dee | cyd eve
    assert found.cell("visit", 2) == (1, 1, 2, 1)  # ann | cyd | bob dee | eve
    skipped = list(found.skipped.itertuples(index=False, name=None))
    assert skipped == [("buy", 2, "nobody did"), ("visit", 1, "everybody did")]
    assert skipped_words(found) == (
        "Nothing to compare: everybody did “visit” at least once; nobody did “buy” at least 2 times."
    )
    row = found.table[found.table["event"] == "buy"].iloc[0]
    assert [row[name] for name in ("rate_did", "rate_not", "npv", "sensitivity", "specificity")] == pytest.approx(
        [1, 1 / 3, 2 / 3, 2 / 3, 1]
    )
    assert row["lift"] == pytest.approx(3)
    assert row["phi"] == pytest.approx(4 / 6)  # (2·2 − 0·1) / √(2·3·3·2)


def test_the_lists_hold_the_counted_users():
    store = store_of(diary(SIX), as_of="2026-02-01", min_cohort_size=1)
    did = DriverUsersSpec(drivers=TWO, event="buy")
    assert names(store, did) == {"ann", "bob"}
    assert names(store, DriverUsersSpec(drivers=TWO, event="buy", has_done=False)) == {"cyd", "dee", "eve"}
    assert names(store, DriverUsersSpec(drivers=TWO, event="buy", has_done=False, is_retained=True)) == {"dee"}
    assert names(store, DriverUsersSpec(drivers=TWO, event="visit", n=2, is_retained=False)) == {"cyd"}


def test_being_active_later_can_mean_one_event():
    store = store_of(diary(SIX), as_of="2026-02-01")
    spec = DriversSpec(first_days=2, from_day=2, to_day=4, n_most=2, returns=("buy",))
    assert drivers(store, spec).n_retained == 1  # dee


def test_a_gap_and_a_condition_leave_users_out():
    world = diary("ann: 5/visit?city=Bonn 8/visit\nbob: 10/visit?city=Bonn 13/visit\ncyd: 5/visit?city=Aix")
    store = store_of(world, as_of="2026-02-01", gaps=[("2026-01-14T06:00", "2026-01-14T07:00")])
    found = drivers(store, TWO)
    assert (found.n_users, found.n_gap) == (2, 1)  # bob's days 0 to 4 are the 10th to the 14th
    only = DriversSpec(first_days=2, from_day=2, to_day=4, where=(Condition(name="city", values=("Bonn",)),))
    assert drivers(store, only).n_users == 1
    dated = DriversSpec(first_days=2, from_day=2, to_day=4, from_on=date(2026, 1, 6), to_on=date(2026, 1, 11))
    assert (drivers(store, dated).n_users, drivers(store, dated).n_gap) == (0, 1)


def test_days_are_those_of_the_stores_zone():
    # 5 January 23:30 UTC is the 6th in Paris: the purchase an hour later is on day 0, and the 8th is day 2.
    world = diary("ann: 5T23:30/visit 6T00:30/buy 8T10:00/visit\nbob: 5T10:00/visit")
    store = store_of(world, as_of="2026-02-01T00:00", timezone="Europe/Paris")
    spec = DriversSpec(first_days=1, from_day=2, to_day=2, n_most=1)
    assert drivers(store, spec).cell("buy", 1) == (1, 0, 0, 1)


def test_the_windows_may_not_overlap():
    with pytest.raises(SpecError, match="must begin on day 7 or later, not on day 6"):
        DriversSpec(first_days=7, from_day=6)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"first_days": 0}, "`first` must be from 1 to 90"),
        ({"to_day": 6}, "must end on a day from 7"),
        ({"to_day": 731}, "must end on a day from 7 to 730"),
        ({"n_most": 11}, "`times` must be from 1 to 10"),
        ({"from_on": date(2026, 2, 1), "to_on": date(2026, 2, 1)}, "`from` must be before `to`"),
    ],
)
def test_drivers_that_cannot_be_asked_are_refused(asked, complaint):
    with pytest.raises(SpecError, match=complaint):
        DriversSpec(**asked)


@pytest.mark.parametrize(
    ("asked", "complaint"), [({"event": ""}, "must be named"), ({"event": "a", "n": 6}, "`n` must be")]
)
def test_a_list_that_is_not_there_is_refused(asked, complaint):
    with pytest.raises(SpecError, match=complaint):
        DriverUsersSpec(drivers=DriversSpec(), **asked)


def test_nobody_everybody_and_nothing_are_said_kindly():
    store = store_of(diary("ann: 5/visit 8/visit\nbob: 5/visit 9/visit"), as_of="2026-02-01")
    assert "Everybody of 2 users was active on days 2 to 4" in finding(drivers(store, TWO)).headline
    later = DriversSpec(first_days=2, from_day=10, to_day=12)
    assert "Nobody of 2 users was active on days 10 to 12" in finding(drivers(store, later)).headline
    assert "Too early to tell" in finding(drivers(store, DriversSpec(to_day=100))).headline
    with pytest.raises(SpecError, match='no event "buy"'):
        drivers(store, DriversSpec(returns=("buy",)))


# --- statistics ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "truth"),
    [
        ((36, 40, 16, 80), (4.5, 2.94, 7.15)),  # Koopman (1984), his own example
        # Aspirin against placebo, heart attacks; Agresti, Categorical Data Analysis, §3.1: 1.82 (1.43, 2.30).
        ((189, 11_034, 104, 11_037), (1.82, 1.43, 2.30)),
    ],
)
def test_the_lift_agrees_with_published_tables(counts, truth):
    found = [float(value[0]) for value in rate_ratio(*([n] for n in counts))]
    assert found == pytest.approx(truth, abs=0.011)


def test_a_lift_of_nothing_has_an_open_end():
    lift, low, high = rate_ratio([5, 0, 0, 10], [10, 10, 10, 10], [0, 5, 0, 10], [10, 10, 10, 10])
    assert (lift[0], high[0]) == (np.inf, np.inf) and 1 < low[0] < 10
    assert (lift[1], low[1]) == (0, 0) and high[1] == pytest.approx(1 / low[0])
    assert np.isnan([lift[2], low[2], high[2]]).all()
    assert lift[3] == 1 and low[3] < 1 < high[3]


tables = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda t: t[0] + t[1] > 0 and t[2] + t[3] > 0)


@settings(max_examples=200)
@given(tables)
def test_the_lift_leaves_out_one_exactly_where_the_chi_squared_test_rejects(table):
    a, b, c, d = (np.array([float(v)]) for v in table)
    if a + c == 0 or b + d == 0:
        return
    n = a + b + c + d
    chi2 = float((n * (a * d - b * c) ** 2 / ((a + b) * (c + d) * (a + c) * (b + d)))[0])
    assert float(score_statistic(a, a + b, c, c + d, np.ones(1))[0]) == pytest.approx(chi2, rel=1e-9, abs=1e-9)
    lift, low, high = (float(v[0]) for v in rate_ratio(a, a + b, c, c + d))
    assert low <= lift <= high
    if abs(chi2 - 3.8415) > 1e-3:
        assert (low > 1 or high < 1) == (chi2 > 3.8415)
    for bound in (low, high):
        if 0 < bound < np.inf:
            there = float(score_statistic(a, a + b, c, c + d, np.array([bound]))[0])
            assert there == pytest.approx(3.8415, abs=1e-2)


@settings(max_examples=100)
@given(st.tuples(*[st.integers(1, 80)] * 4))
def test_the_error_of_phi_is_the_delta_methods(table):
    # The gradient of phi in the four shares, by differences, through the covariance of a multinomial.
    n = sum(table)
    shares = np.array(table) / n

    def value(p):
        a, b, c, d = p
        return (a * d - b * c) / np.sqrt((a + b) * (c + d) * (a + c) * (b + d))

    steps = np.eye(4) * 1e-6
    gradient = np.array([(value(shares + s) - value(shares - s)) / 2e-6 for s in steps])
    error = np.sqrt(gradient @ (np.diag(shares) - np.outer(shares, shares)) @ gradient / n)
    found, low, high = (float(v[0]) for v in phi(*([v] for v in table)))
    assert found == pytest.approx(value(shares))
    half = (np.arctanh(high) - np.arctanh(low)) / 2
    assert half * (1 - found**2) / 1.959964 == pytest.approx(error, rel=1e-4)


def test_the_interval_of_phi_covers():
    rng = np.random.default_rng(5)
    shares = np.array([0.2, 0.15, 0.25, 0.4])
    a, b, c, d = rng.multinomial(300, shares, size=4000).T
    true = (0.2 * 0.4 - 0.15 * 0.25) / np.sqrt(0.35 * 0.65 * 0.45 * 0.55)
    _, low, high = phi(a, b, c, d)
    assert 0.94 < ((low <= true) & (true <= high)).mean() < 0.96


def test_many_behaviours_at_once_are_corrected_and_few_users_say_nothing():
    names_ = {1: "strong", 2: "weak", 3: "rare"}
    counts = pd.DataFrame(
        [(1, 1, 500, 300), (2, 1, 500, 261), (3, 1, 10, 10)], columns=["event_key", "times", "n_users", "n_retained"]
    )
    found = drivers_of(counts, 1000, 480, (0, 0), DriversSpec(n_most=1), Clock(0), 1, names_, 20)
    says = dict(zip(found.table["event"], found.table["says"], strict=True))
    # weak: 261 of 500 against 219 of 500 is z = 2.66, p = .0079; strong far beyond; rare has ten users.
    assert says == {"strong": MORE, "weak": MORE, "rare": FEW}
    p = found.table.set_index("event")["p"]
    assert p["weak"] == pytest.approx(0.0079, abs=2e-4)
    adjusted = found.table.set_index("event")["p_adjusted"]
    assert adjusted["weak"] == pytest.approx(p["weak"])  # the largest of three
    assert (found.table["p_adjusted"] >= found.table["p"]).all()


# --- a plain loop, and the texts -----------------------------------------------------------------------

moments = st.builds(
    lambda day, hour: day * DAY_US + hour * DAY_US // 24, st.integers(0, 9), st.sampled_from([0, 1, 12, 23])
)
logs = st.lists(
    st.builds(Event, st.sampled_from("uvwxy"), moments, st.sampled_from(["a", "b", "refund"])), min_size=1, max_size=24
)


@settings(max_examples=20)
@given(
    events=logs,
    first_days=st.integers(1, 3),
    wait=st.integers(0, 2),
    length=st.integers(0, 3),
    timezone=st.sampled_from(["UTC", "Asia/Kolkata", "America/Sao_Paulo"]),
    gaps=st.sampled_from([(), ((5 * DAY_US, 5 * DAY_US + 1),)]),
)
def test_the_tables_agree_with_a_plain_loop(events, first_days, wait, length, timezone, gaps):
    clock = Clock(10 * DAY_US, timezone, gaps=gaps)
    store = store_of(events, as_of=clock.as_of_us, timezone=timezone, gaps=gaps)
    from_day = first_days + wait
    spec = DriversSpec(first_days=first_days, from_day=from_day, to_day=from_day + length, n_most=3)
    truth = driver_tables(events, clock, first_days=first_days, n_most=3, from_day=from_day, to_day=from_day + length)
    found = drivers(store, spec)
    assert (found.n_users, found.n_retained, found.n_open, found.n_gap) == (
        truth.n_users, truth.n_retained, truth.n_open, truth.n_gap,
    )  # fmt: skip
    for (event, n), cell in truth.cells.items():
        if 0 < cell[0] + cell[1] < truth.n_users:
            assert found.cell(event, n) == cell
            assert len(names(store, DriverUsersSpec(drivers=spec, event=event, n=n))) == cell[0] + cell[1]
            lost = DriverUsersSpec(drivers=spec, event=event, n=n, has_done=False, is_retained=False)
            assert len(names(store, lost)) == cell[3]
    for row in found.skipped.itertuples():
        did = sum(truth.cells[row.event, row.n][:2])
        assert row.why == ("nobody did" if did == 0 else "everybody did")
        assert did in (0, truth.n_users)
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        judged = query_drivers.judged(query_drivers.users(population(catalogue), spec, catalogue))
        mask = query_duckdb_drivers.later_mask(spec, catalogue)
        slow, fast = (
            sorted(snapshot.read(text)["user_key"])
            for text in (query_drivers.kept(judged, spec, catalogue), query_duckdb_drivers.kept(judged, spec, mask))
        )
        assert slow == fast


def test_the_texts_are_portable():
    store = store_of(diary(SIX), as_of="2026-02-01", gaps=[("2026-01-20", "2026-01-21")])
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        spec = DriversSpec(returns=("visit",), from_on=date(2026, 1, 1), to_on=date(2026, 2, 1))
        asked = query_drivers.users(population(catalogue), spec, catalogue)
        judged = query_drivers.judged(asked)
        done, kept = query_drivers.done(judged, spec, catalogue), query_drivers.kept(judged, spec, catalogue)
        cell = DriverUsersSpec(drivers=spec, event="buy", is_retained=True)
        for text in (
            query_drivers.states(asked), query_drivers.totals(judged, kept), query_drivers.tables(done, kept, spec),
            query_drivers.members(judged, done, kept, cell, 1),
        ):  # fmt: skip
            assert portability_faults(text.text) == []


# --- the sample shop -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.duckdb"
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec())
    return path


def test_visits_in_the_first_week_go_with_staying_as_the_simulator_has_it(shop):
    # Whoever visits often lives longer or visits more, by the laws; how much more follows from the true rates and
    # lifetimes: the probability of a base visit in days 7 to 34 is 1 − exp(−mean).
    simulated, frame = usual_shop()
    truth = simulated.truth
    start = truth.signup_us
    midnight = start // DAY_US * DAY_US
    # Nothing here depends on the product: users whose day 34 ends before the gap or begins after it, and in the data.
    low, high = us("2025-06-10"), us("2025-06-12")
    usable = (midnight + 35 * DAY_US <= us("2026-01-01")) & ((midnight + 35 * DAY_US <= low) | (midnight >= high))
    p_later = 1 - np.exp(-truth.visit_mean(midnight + 7 * DAY_US, midnight + 35 * DAY_US))
    visits = frame[frame["event"] == "visit"]
    day = (visits["occurred_us"].to_numpy() - midnight[visits["u"]]) // DAY_US
    n_visits = np.bincount(visits["u"].to_numpy()[day < 7], minlength=len(start))
    often = n_visits >= 2
    lift = p_later[usable & often].mean() / p_later[usable & ~often].mean()
    with Store.open(shop) as store:
        found = drivers(store, DriversSpec(returns=("visit",)))
    row = found.table[(found.table["event"] == "visit") & (found.table["n"] == 2)].iloc[0]
    assert row["did_retained"] + row["did_lost"] == (usable & often).sum()
    assert row["says"] == MORE and lift > 1.2
    assert row["lift_low"] < lift < row["lift_high"]
    assert LESS not in set(found.table.loc[found.table["event"] == "visit", "says"])
