"""The headline numbers against plain loops over sets of users, and against the other topics' answers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.headlines import query
from retention.headlines.answer import Asked, headlines
from retention.headlines.figures import daily_of, spell_counts
from retention.headlines.spec import METRICS, REPEAT_DAYS, VALUE_DAYS, HeadlinesSpec, QuietSpec
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.lifecycle.answer import user_lifecycle, user_stickiness
from retention.lifecycle.answer_revenue import repeat_purchases, value_per_user
from retention.lifecycle.spec import LifecycleSpec, StickinessSpec
from retention.lifecycle.spec_revenue import RepeatSpec, RevenueSpec
from retention.periods import date_of, day_number, first_day, period_of
from retention.store import Store
from tests.oracles import local_date, period_begin
from tests.test_sql_portable import portability_faults
from tests.worlds import World, worlds


def active_days(world: World) -> dict[str, list[date]]:
    """Return the local days on which each user was active before the watermark."""
    found: dict[str, set[date]] = {}
    for event in world.events:
        if event.at_us < world.clock.as_of_us:
            found.setdefault(event.user, set()).add(local_date(event.at_us, world.clock.timezone))
    return {user: sorted(days) for user, days in found.items()}


def weeks_of(days: list[date], week_start: str) -> set[date]:
    return {period_begin(day, "week", week_start) for day in days}


def span_of(store: Store, days: dict[str, list[date]]) -> tuple[int, int]:
    """Return the weeks from the first to the last active one, as the product counts them."""
    start = store.catalogue().settings.week_start
    numbers = [day_number(day) for every in days.values() for day in every]
    return int(period_of(min(numbers), "week", start)), int(period_of(max(numbers), "week", start)) + 1


@given(world=worlds(with_gaps=False), cut=st.integers(0, 3))
def test_weekly_flows_are_counted_as_sets_of_users(world, cut):
    days = active_days(world)
    if not days:
        return
    store, start = world.open(), world.clock.week_start
    from_, to = span_of(store, days)
    from_ = min(from_ + cut, to - 1)
    frame = store.read(query.weekly_flows(from_, to)).set_index("period")
    for week in range(from_, to):
        begin = date_of(first_day(week, "week", start))
        before = begin - timedelta(days=7)
        active = {user for user, every in days.items() if begin in weeks_of(every, start)}
        earlier = {user for user, every in days.items() if before in weeks_of(every, start)}
        new = {user for user in active if min(weeks_of(days[user], start)) == begin}
        lost = earlier - active
        expected = (len(active), len(new), len(new | (active - earlier)), len(lost))
        row = tuple(int(v) for v in frame.loc[week]) if week in frame.index else (0, 0, 0, 0)
        assert row == expected
    store.close()


@given(world=worlds(with_gaps=False), data=st.data())
def test_what_users_count_for_in_two_windows_sums_to_the_weeks(world, data):
    days = active_days(world)
    if not days:
        return
    store = world.open()
    from_, to = span_of(store, days)
    weeks = list(range(from_, to))
    now = tuple(sorted(data.draw(st.sets(st.sampled_from(weeks), min_size=1))))
    before = tuple(week for week in weeks if week not in now)
    weekly = store.read(query.weekly_flows(from_, to)).set_index("period")
    users = store.read(query.user_flows(now, before))
    for window, chosen in ((1, now), (0, before)):
        for kind in ("active", "new", "gained", "lost"):
            if kind == "lost" and chosen and min(now + before) != from_:
                continue
            expected = sum(int(weekly.loc[week, f"n_{kind}"]) for week in chosen if week in weekly.index)
            assert int((users[f"{kind}_{window}"] * users["n_users"]).sum()) == expected
    store.close()


@given(world=worlds(with_gaps=False), window=st.sampled_from((1, 5, 7, 8, 20)))
def test_weeks_at_risk_and_lapses_are_counted_one_user_at_a_time(world, window):
    days = active_days(world)
    if not days:
        return
    from retention.store.order import change_setting

    store, start = world.open(), world.clock.week_start
    change_setting(store, "churn_window", str(window))
    from_, to = span_of(store, days)
    at_risk, lapsed = spell_counts(store.read(query.lapse_spells(None, from_, to, store.catalogue())), from_, to)
    for week in range(from_, to):
        begin = date_of(first_day(week, "week", start))
        inside = [begin + timedelta(days=i) for i in range(7)]
        risk, gone = 0, 0
        for every in days.values():
            earlier = [day for day in every if day < begin]
            if not earlier or (begin - earlier[-1]).days > window:
                continue
            risk += 1
            for day in earlier[-1:]:
                after = [d for d in every if d > day]
                lapse = day + timedelta(days=window)
                gone += lapse in inside and (not after or after[0] >= lapse)
        assert (at_risk[week - from_], lapsed[week - from_]) == (risk, gone)
    store.close()


@given(world=worlds(period="month", with_gaps=False))
def test_daily_and_trailing_users_are_counted_one_day_at_a_time(world):
    days = active_days(world)
    if not days:
        return
    store = world.open()
    every = [day_number(day) for mine in days.values() for day in mine]
    from_day, to_day = min(every), max(every) + 30
    daily = daily_of(store.read(query.daily_activity(from_day, to_day)), from_day, to_day, query.N_GROUPS)
    for day in range(from_day, to_day):
        on = date_of(day)
        dau = sum(on in mine for mine in days.values())
        mau = sum(any(0 <= (on - d).days < 28 for d in mine) for mine in days.values())
        found = daily.daily[:, day - from_day].sum(), daily.monthly[:, day - from_day].sum()
        assert found == (dau, mau)
    store.close()


def test_every_text_is_in_the_portable_subset():
    with Store.create_or_open(_sample_path()) as store, store.snapshot() as snapshot:
        from retention.cohorts.answer import population

        catalogue = snapshot.catalogue
        people = population(catalogue, (), "language")
        texts = [
            query.first_active_day(),
            query.weekly_flows(1, 9),
            query.user_flows((7, 8), (5, 6)),
            query.user_flows((8,), ()),
            query.daily_activity(1, 60),
            query.lapse_spells(None, 1, 9, catalogue),
            query.lapse_spells(people, 1, 9, catalogue),
            query.repeat_orders(None, 1, 60, catalogue),
            query.repeat_orders(people, 1, 60, catalogue),
            query.quiet_users(QuietSpec(), catalogue),
            query.user_count(query.quiet_users(QuietSpec(), catalogue)),
            query.known_groups(),
        ]
    for sql in texts:
        assert portability_faults(sql.text) == []


# The simulated shop: the same numbers as the other topics ------------------------------------------------


_PATHS: list[Path] = []


def _sample_path() -> Path:
    if not _PATHS:
        from tests.worlds import fresh_path

        _PATHS.append(fresh_path())
        with Store.create_or_open(_PATHS[0]) as store:
            build_sample(store, SampleSpec(n_users=600))
    return _PATHS[0]


@pytest.fixture(scope="module")
def shop():
    with Store.open(_sample_path()) as store:
        yield store


def test_the_weeks_are_those_of_the_growth_page(shop):
    found = headlines(shop, HeadlinesSpec())
    weeks = user_lifecycle(shop, LifecycleSpec(period="week", last=30)).of().set_index("on")
    for name, column in (("active-users", "n_active"), ("new-users", "n_new"), ("quick-ratio", "quick_ratio")):
        history = found.of(name).history
        assert len(history) == 26
        known = history[history["value"].notna()]
        assert len(known) >= 20
        for row in known.itertuples(index=False):
            assert row.value == pytest.approx(float(weeks.loc[row.from_on, column]))


def test_stickiness_is_that_of_the_growth_page(shop):
    found = headlines(shop, HeadlinesSpec(metrics=("stickiness",))).of("stickiness")
    days = user_stickiness(shop, StickinessSpec()).of().set_index("on")
    window = [found.window.from_on + timedelta(days=i) for i in range(28)]
    assert found.now.value == pytest.approx(sum(float(days.loc[on, "rate"]) for on in window) / 28)


def test_repeat_purchases_and_early_value_are_those_of_the_growth_page(shop):
    found = headlines(shop, HeadlinesSpec(metrics=("repeat-purchase", "value-30")))
    rows = repeat_purchases(shop, RepeatSpec(period="week", days=REPEAT_DAYS)).rows.set_index("cohort")
    known = found.of("repeat-purchase").history.dropna()
    assert len(known) > 5
    for row in known.itertuples(index=False):
        assert row.value == pytest.approx(float(rows.loc[row.from_on, "rate"]))
    rows = value_per_user(shop, RevenueSpec(period="week")).rows
    values = rows[rows["days"] == VALUE_DAYS].set_index("cohort")
    known = found.of("value-30").history.dropna()
    assert len(known) > 5
    for row in known.itertuples(index=False):
        assert (row.value, row.n) == pytest.approx(
            (float(values.loc[row.from_on, "value"]), int(values.loc[row.from_on, "n_users"]))
        )


def test_retention_is_that_of_the_grid(shop):
    from retention.cohorts.answer import cohort_retention
    from retention.cohorts.spec import CohortSpec

    found = headlines(shop, HeadlinesSpec()).of("week-4-retention")
    cells = cohort_retention(shop, CohortSpec(horizon=4)).cells
    mine = cells[(cells["age"] == 4) & cells["cohort"].isin(
        [found.window.from_on + timedelta(days=7 * i) for i in range(4)])]  # fmt: skip
    assert (mine["state"] == "mature").all()
    assert found.now.value == pytest.approx(mine["retained"].sum() / mine["size"].sum())


@pytest.mark.parametrize("weeks", [1, 4, 13])
def test_each_number_lies_in_its_interval_and_its_windows_do_not_overlap(shop, weeks):
    for item in headlines(shop, HeadlinesSpec(weeks=weeks)).items:
        if item.now is None:
            assert item.reason
            continue
        assert item.now.low <= item.now.value <= item.now.high
        assert item.now.n > 0
        if item.before is not None:
            assert item.window_before.to_on < item.window.from_on
            assert len(item.window.weeks) == len(item.window_before.weeks) == weeks
        if item.change is not None:
            assert item.change.low <= item.change.difference <= item.change.high
            says = {"higher": item.change.difference > 0, "lower": item.change.difference < 0}
            assert says.get(item.change.says, True)


def test_one_number_alone_is_the_same_as_among_all(shop):
    whole = headlines(shop, HeadlinesSpec())
    for name in METRICS:
        alone = headlines(shop, HeadlinesSpec(metrics=(name,), n_history=2)).of(name)
        # Sums of money are taken by several threads: their last digit is not the same twice.
        for part in ("now", "before", "change"):
            assert numbers(getattr(alone, part)) == pytest.approx(numbers(getattr(whole.of(name), part)), rel=1e-9)
        assert [*alone.history["value"].tail(2)] == pytest.approx(
            [*whole.of(name).history["value"].tail(2)], rel=1e-9, nan_ok=True
        )


def numbers(part: object) -> dict[str, float]:
    """Return the numbers of a figure, or none where there is no figure."""
    return {k: v for k, v in (asdict(part) if part else {}).items() if isinstance(v, (int, float))}  # type: ignore[call-overload]


def test_what_several_numbers_share_is_read_once(shop, monkeypatch):
    with shop.snapshot() as snapshot:
        asked = Asked(snapshot, HeadlinesSpec())
        texts: list[str] = []
        read = snapshot.read
        monkeypatch.setattr(snapshot, "read", lambda sql: texts.append(sql.text) or read(sql))
        for name in ("active-users", "new-users", "week-1-retention", "week-4-retention"):
            asked.headline(METRICS[name])
    assert len(texts) == len(set(texts))
