"""How often people come, and how long a silence must be: by hand, against a plain loop, on the sample shop."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.audiences.answer import users_of
from retention.audiences.answer_sources import members_of
from retention.behaviour import query_duckdb_interval, query_interval
from retention.behaviour.answer_interval import days_sql, false_lapses, usage_interval
from retention.behaviour.churn_window import ChurnWindow
from retention.behaviour.spec_interval import IntervalSpec, IntervalUsersSpec, SilentUsersSpec, WindowSpec
from retention.behaviour.usage_interval import median_ranks, quantile
from retention.behaviour.words_interval import interval_verdict, window_sentence, window_verdict
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.ingest.order import build_sample
from retention.ingest.sample import ACTIVITY, SampleSpec
from retention.store import Store
from tests.behaviour.interval_oracle import active_days, judged, median_gaps, silent_days
from tests.cohorts.test_laws import some
from tests.ingest.sample_shops import usual_shop
from tests.oracles import Event, local_date
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, fresh_path, instant, store_of, worlds

# ann's gaps are 7 and 14 days, bob's 1, cyd's 14; dee has none.
FOUR = """
    ann: 5 12 26
    bob: 6 7
    cyd: 5 19
    dee: 13
"""


def windows(result: ChurnWindow, *days: int, group: str | None = None) -> list[tuple[int, int, int]]:
    """Return users judged, users back and users silent now, for some windows."""
    rows = [result.row(d, group) for d in days]
    return [(int(r["n_silences"]), int(r["n_returned"]), int(r["n_silent_now"])) for r in rows]


# ---- usual interval


def test_the_usual_interval_is_the_median_gap_and_the_users_without_one_are_counted():
    result = usage_interval(store_of(diary(FOUR), as_of="2026-02-02"), IntervalSpec())
    assert result.of()[["days", "n_users"]].to_numpy().tolist() == [[1, 1], [10.5, 1], [14, 1]]
    row = result.row()
    assert (row["n_all"], row["n_users"], row["n_excluded"], row["excluded_rate"]) == (4, 3, 1, 0.25)
    assert (row["q25"], row["median"], row["q75"]) == (1, 10.5, 14)
    assert np.isnan(row["low"])  # three values hold no 95 % interval of a median
    assert result.gaps[["days", "n_gaps"]].to_numpy().tolist() == [[1, 1], [7, 1], [14, 2]]
    said = interval_verdict(result)
    assert "Half of 3 users come back every 10.5 days or more often" in said
    assert "25.0 % of 4 users (1) were active on one day only and are left out" in said


def test_several_events_of_one_day_are_one_active_day():
    world = diary("ann: 5T08:00 5T20:00 8 8T23:59")
    assert usage_interval(store_of(world, as_of="2026-02-02"), IntervalSpec()).of()["days"].tolist() == [3]


def test_a_day_is_a_day_of_the_stores_zone():
    # 23:30 and 00:30 in Paris are two days there and one day in UTC.
    world = [Event("ann", instant(f"2026-01-05T{at}", "UTC")) for at in ("22:30", "23:30")]
    paris = store_of(world, as_of="2026-02-02", timezone="Europe/Paris")
    assert usage_interval(paris, IntervalSpec()).of()["days"].tolist() == [1]
    assert usage_interval(store_of(world, as_of="2026-02-02"), IntervalSpec()).row()["n_excluded"] == 1


def test_the_interval_of_chosen_events_skips_the_other_days():
    world = diary("ann: 5/buy 6 7 9/buy\nbob: 5 6")
    store = store_of(world, as_of="2026-02-02")
    result = usage_interval(store, IntervalSpec(events=("buy",)))
    assert result.of()["days"].tolist() == [4] and result.row()["n_all"] == 1  # bob never bought


def test_groups_are_those_of_the_first_activity():
    world = diary("ann: 5?city=Aix 8?city=Bonn\nbob: 5?city=Bonn 10?city=Aix\ncyd: 5 6")
    result = usage_interval(store_of(world, as_of="2026-02-02"), IntervalSpec(by="city"))
    assert [(g, result.of(g)["days"].tolist()) for g in ("Aix", "Bonn", "(none)")] == [
        ("Aix", [3]),
        ("Bonn", [5]),
        ("(none)", [1]),
    ]
    assert result.of()["n_users"].sum() == 3
    only = IntervalSpec(where=(Condition(name="city", values=("Bonn",)),))
    assert usage_interval(store_of(world, as_of="2026-02-02"), only).of()["days"].tolist() == [5]


def test_the_bins_of_the_histogram_hold_everybody_and_halves_go_up():
    result = usage_interval(store_of(diary(FOUR), as_of="2026-02-02"), IntervalSpec())
    bins = result.binned(last_bin=12)
    assert bins.loc[bins["n"] > 0, ["up_to", "n"]].to_numpy().tolist() == [[1, 1], [11, 1], [13, 1]]
    assert bins["within_rate"].iloc[-1] == pytest.approx(1)
    gaps = result.binned(counted="gaps", last_bin=12)
    assert gaps.loc[gaps["n"] > 0, ["up_to", "n"]].to_numpy().tolist() == [[1, 1], [7, 1], [13, 2]]


def test_a_quantile_of_counts_is_the_quantile_of_the_values_written_out():
    # Hyndman and Fan's definition 2, as numpy has it.
    values, counts = np.array([1.0, 2.5, 4.0, 9.0]), np.array([3, 1, 5, 2])
    for share in (0.1, 0.25, 0.5, 0.75, 0.9, 1 / 3, 1.0):
        expected = np.quantile(np.repeat(values, counts), share, method="averaged_inverted_cdf")
        assert quantile(values, counts, share) == expected


@pytest.mark.parametrize(("n", "ranks"), [(6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (25, (8, 18)), (50, (18, 33))])
def test_the_interval_of_a_median_has_the_published_ranks(n, ranks):
    # Conover, Practical Nonparametric Statistics, table of the sign test; e.g. 20 values: the 6th and the 15th.
    assert median_ranks(n) == ranks


@pytest.mark.parametrize("n", [199, 200, 201, 500, 5000])
def test_the_ranks_of_a_median_hold_it_with_at_least_95_percent(n):
    from scipy.stats import binom

    low, high = median_ranks(n)
    assert low + high == n + 1
    held = binom.cdf(high - 1, n, 0.5) - binom.cdf(low - 1, n, 0.5)
    assert 0.949 <= held <= 0.975


# ---- churn window, by hand


def test_a_window_counts_first_silences_that_can_be_judged_and_those_who_came_back():
    # Days are counted on to 2 February; the follow-up is 5 days, so a silence must reach X by 28 January.
    result = false_lapses(store_of(diary(FOUR), as_of="2026-02-02"), WindowSpec(follow_up_days=5))
    # X = 1: ann, cyd are silent from the 6th, bob from the 7th, where he is back at once; dee from the 14th.
    # X = 3: ann reached it on the 8th and was back on the 12th, within the 8th to the 12th.
    # X = 2: reached on the 7th; the five days end with the 11th.
    assert windows(result, 1, 2, 3) == [(4, 1, 4), (4, 0, 4), (4, 1, 4)]
    # X = 7: ann again at once on the 12th, bob is silent from the 7th to the 14th; cyd reached it on the 12th only.
    # X = 10: ann's first silence of 10 days began on the 12th: reached on the 22nd, back on the 26th.
    # cyd reached it on the 15th and was back on the 19th. Silent for 10 days now: bob (26), dee (20), cyd (14).
    assert windows(result, 7, 10) == [(4, 1, 4), (4, 2, 3)]
    # X = 15: only bob (reached on the 22nd) and dee (on the 28th) can be judged; ann began on the 26th, cyd on the 19th.
    assert windows(result, 15, 16) == [(2, 0, 2), (1, 0, 2)]
    # X = 22: bob would reach it on the 29th, too late to judge. Nothing is known, so nothing is said.
    row = result.row(22)
    assert (row["n_silences"], row["n_returned"]) == (0, 0) and np.isnan(row["rate"]) and np.isnan(row["high"])
    assert result.longest_known() == 21


@pytest.mark.parametrize(
    ("as_of", "n"),
    [("2026-01-22T00:00", 1), ("2026-01-21T23:59", 0)],
)
def test_a_silence_counts_from_the_moment_when_its_follow_up_is_whole(as_of, n):
    # Ann is last seen on the 5th: a silence of 7 days is reached as the 12th begins, and 10 days later the 22nd begins.
    result = false_lapses(store_of(diary("ann: 5"), as_of=as_of), WindowSpec(follow_up_days=10))
    assert windows(result, 7)[0][:2] == (n, 0)


@pytest.mark.parametrize(("day", "n_returned"), [(12, 1), (21, 1), (22, 0)])
def test_a_return_counts_on_the_day_the_silence_is_reached_and_up_to_the_last_of_the_follow_up(day, n_returned):
    # Reached as the 12th begins; the ten days are the 12th to the 21st.
    result = false_lapses(store_of(diary(f"ann: 5 {day}"), as_of="2026-03-01"), WindowSpec(follow_up_days=10))
    assert windows(result, 7)[0][:2] == (1, n_returned)


def test_only_the_first_silence_of_a_user_counts():
    # Two silences of 10 days: the first ended in a return within a day of the tenth, the second never.
    result = false_lapses(store_of(diary("ann: 1 12"), as_of="2026-03-01"), WindowSpec(follow_up_days=3))
    assert windows(result, 10)[0] == (1, 1, 1)
    assert windows(result, 12)[0] == (1, 0, 1)  # the gap of 11 days is no silence of 12


def test_the_suggestion_is_the_shortest_window_whose_whole_interval_is_accepted():
    # 200 users come on the 1st; 40 of them again after 20 days, nobody later.
    world = [Event(f"u{i}", instant("2026-01-01T10:00")) for i in range(200)]
    world += [Event(f"u{i}", instant("2026-01-21T10:00")) for i in range(40)]
    result = false_lapses(store_of(world, as_of="2026-12-01"), WindowSpec())
    # Up to X = 20 the 40 are back (20 %, interval 15.0 to 26.1 %); from X = 21 on nobody is (0 to 1.9 %).
    assert windows(result, 20, 21) == [(200, 40, 200), (200, 0, 200)]
    assert (result.suggested(0.10), result.suggested(0.25), result.suggested(0.27)) == (21, 21, 1)
    assert result.suggested(0.01) is None
    assert "After 21 days of silence, 0 % of 200 users came back within 90 days" in window_verdict(result, 0.1)
    assert "No window up to 180 days keeps the false lapses at 1 % or less" in window_verdict(result, 0.01)
    assert "200 of 200 users have been silent" in window_sentence(result, 21)


def test_a_window_longer_than_the_data_is_one_kind_sentence():
    result = false_lapses(store_of(diary(FOUR), as_of="2026-02-02"), WindowSpec(follow_up_days=90))
    assert result.longest_known() is None and result.suggested(0.5) is None
    assert "The data are too short for this" in window_verdict(result, 0.1)
    assert "X = 7 days is longer than the data can judge" in window_sentence(result, 7)
    assert "Windows are tried up to 180 days only." in window_sentence(result, 365)


@pytest.mark.parametrize("follow_up", [0, 366])
def test_a_follow_up_out_of_range_is_refused(follow_up):
    with pytest.raises(SpecError, match="`follow_up_days` must be from 1 to 365"):
        WindowSpec(follow_up_days=follow_up)


def test_an_unknown_event_or_group_is_refused_with_the_nearest():
    store = store_of(diary(FOUR.replace("5 12", "5?city=Aix 12")), as_of="2026-02-02")
    with pytest.raises(SpecError, match='no event "vist"'):
        usage_interval(store, IntervalSpec(events=("vist",)))
    with pytest.raises(SpecError, match='No user has city = "Axi"'):
        users_of(store, SilentUsersSpec(window=WindowSpec(by="city"), days=3, group="Axi"))


# ---- against the plain loop

FOLLOW_UPS = (1, 2, 3, 7, 30)


@some(1)
@given(data=st.data())
def test_every_window_agrees_with_the_plain_loop(data):
    world = data.draw(worlds(period=data.draw(st.sampled_from(("day", "week", "month"))), max_events=14))
    kinds = data.draw(st.sampled_from([(), *sorted({(e.event,) for e in world.events})]))
    follow_up = data.draw(st.sampled_from(FOLLOW_UPS))
    clock = world.clock
    days_of = active_days(world.events, clock.as_of_us, clock.timezone, kinds)
    today = local_date(clock.as_of_us, clock.timezone)
    with world.open() as store:
        result = false_lapses(store, WindowSpec(events=kinds, follow_up_days=follow_up))
        interval = usage_interval(store, IntervalSpec(events=kinds))
    for window in (1, 2, 3, 5, 6, 7, 8, 13, 14, 20, 21, 27, 28, 29, 30, 31, 59, 60, 61, 90, 119, 120, 150, 179, 180):
        fates = [judged(days, today, window, follow_up) for days in days_of.values()]
        silent = sum(silent_days(days, today) >= window for days in days_of.values())
        expected = (sum(f is not None for f in fates), fates.count("returned"), silent)
        assert windows(result, window) == [expected], window
    medians = median_gaps(days_of)
    told = {row.days: row.n_users for row in interval.of().itertuples()}
    assert told == {float(m): n for m, n in Counter(medians.values()).items()}
    assert interval.row()["n_excluded"] == len(days_of) - len(medians)


@some(0.4)
@given(data=st.data())
def test_the_rollups_give_the_rows_of_the_portable_text(data):
    world = data.draw(worlds(period="week"))
    spec = IntervalSpec(
        events=data.draw(st.sampled_from([(), *sorted({(e.event,) for e in world.events})])),
        by="browser" if any("browser" in e.props for e in world.events) else None,
    )
    with world.open() as store, store.snapshot() as snapshot:
        pair = [days_sql(spec, snapshot.catalogue, is_portable=is_portable) for is_portable in (False, True)]
        rows = [sorted(snapshot.rows(sql.text, sql.params), key=repr) for sql in pair]
        assert rows[0] == rows[1]
        medians = [
            snapshot.rows(sql.text, sql.params)
            for sql in (query_duckdb_interval.user_medians(pair[0]), query_interval.user_medians(pair[1]))
        ]
        assert sorted(medians[0], key=repr) == sorted(medians[1], key=repr)


@some(0.4)
@given(data=st.data())
def test_the_list_behind_a_number_is_the_number(data):
    world = data.draw(worlds(period="week"))
    by = data.draw(st.sampled_from([None, *(["browser"] if any("browser" in e.props for e in world.events) else [])]))
    spec = WindowSpec(follow_up_days=data.draw(st.sampled_from(FOLLOW_UPS)), by=by)
    with world.open() as store:
        result, interval = false_lapses(store, spec), usage_interval(store, IntervalSpec(by=by))
        for group in [None, *result.group_names]:
            for window in (1, 7, 14):
                n, back, silent = windows(result, window, group=group)[0]
                for kind, expected in (("returned", back), ("stayed away", n - back), ("silent now", silent)):
                    asked = SilentUsersSpec(window=spec, days=window, kind=kind, group=group)
                    assert users_of(store, asked).count == expected
            for row in interval.of(group).itertuples():
                asked = IntervalUsersSpec(interval=interval.spec, above=row.days - 0.5, up_to=row.days, group=group)
                assert users_of(store, asked).count == row.n_users
        if by:
            for window in (1, 7, 14):
                parts = [windows(result, window, group=g)[0] for g in result.group_names]
                # Nobody at all has no group.
                assert [tuple(map(sum, zip((0, 0, 0), *parts, strict=True)))] == windows(result, window)


def test_every_text_is_portable():
    store = store_of(diary("ann: 5?city=Aix 12/buy"), as_of="2026-02-02")
    with store.snapshot() as snapshot:
        for spec in (
            WindowSpec(),
            WindowSpec(events=("buy",), by="city", where=(Condition(name="city", values=("Aix",)),)),
        ):
            catalogue = snapshot.catalogue
            days = days_sql(spec, catalogue, is_portable=True)
            lasts = query_interval.last_silences(days)
            ranges = query_interval.window_ranges(query_interval.record_gaps(days), lasts, spec, 20_500)
            medians = query_interval.user_medians(days)
            texts = [
                query_interval.median_counts(medians),
                query_interval.gap_counts(days),
                query_interval.user_counts(days),
                query_interval.range_counts(ranges),
                query_interval.silence_counts(lasts, 20_500),
                query_interval.interval_members(
                    medians, IntervalUsersSpec(interval=IntervalSpec(by="city"), up_to=3, group="Aix"), 1
                ),
                *(
                    query_interval.silent_members(
                        ranges,
                        lasts,
                        SilentUsersSpec(window=WindowSpec(by="city"), days=3, kind=kind, group=""),
                        20_500,
                        None,
                    )
                    for kind in ("returned", "stayed away", "silent now")
                ),
            ]
            for sql in texts:
                assert portability_faults(sql.text) == []
                snapshot.rows(sql.text, sql.params)


# ---- the sample shop


def test_the_false_lapses_of_the_sample_shop_are_those_of_the_simulator():
    shop, rows = usual_shop()
    path = fresh_path()
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec())
        result = false_lapses(store, WindowSpec())
        members = {}
        for kind in ("returned", "stayed away"):
            with store.snapshot() as snapshot:
                asked = members_of(snapshot, SilentUsersSpec(window=WindowSpec(), days=60, kind=kind))
                text = f"select i.user_id from identities as i join ({asked.text}) as m on m.user_key = i.user_key"
                members[kind] = {user for (user,) in snapshot.rows(text, asked.params)}
    active = rows[rows["event"].isin(ACTIVITY)]
    first = pd.Timestamp("1970-01-01").date()
    day_of = (active["occurred_us"] // 86_400_000_000).to_numpy()
    days_of: dict[str, list[int]] = {}
    for user, day in sorted(set(zip(active["user_id"], day_of.tolist(), strict=True))):
        days_of.setdefault(user, []).append(day)
    today = shop.watermark_us // 86_400_000_000
    dated = {user: [first + timedelta(days=d) for d in days] for user, days in days_of.items()}
    end = first + timedelta(days=int(today))
    for window in (7, 30, 60, 120):
        fates = {user: judged(days, end, window, 90) for user, days in dated.items()}
        n_back, n_away = (sum(f == kind for f in fates.values()) for kind in ("returned", "stayed away"))
        assert windows(result, window)[0][:2] == (n_back + n_away, n_back)
        if window == 60:
            for kind in ("returned", "stayed away"):
                assert members[kind] == {user for user, fate in fates.items() if fate == kind}
    # Longer windows are wrong less often, and the truth says who was gone for good: nobody who came back was dead.
    assert result.row(30)["rate"] > result.row(120)["rate"]
    death_day = dict(zip(shop.truth.user_id, shop.truth.death_us // 86_400_000_000, strict=True))
    for user in members["returned"]:
        assert days_of[user][-1] <= death_day[user]
