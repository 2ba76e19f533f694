"""What users did after they were put into segments: worlds worked out by hand, plain loops, and the law of no leak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from retention.audiences.answer import users_of
from retention.audiences.answer_sources import words_of
from retention.audiences.order import list_member_ids
from retention.errors import SpecError
from retention.features.answer import user_features
from retention.features.spec import FeatureSpec
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.periods import day_number
from retention.segments.after import compared, is_known_lapse, lives_of, revenue_table, week_table
from retention.segments.answer import user_segments
from retention.segments.answer_after import features_wanted, segments_after
from retention.segments.order import save_segmentation
from retention.segments.query_after import activity_after, revenue_after
from retention.segments.spec import SegmentSpec
from retention.segments.spec_after import AfterSpec, AfterUsersSpec
from retention.segments.words_after import gap_words, how_fixed, lapse_words, revenue_words, verdict, window_words
from retention.store import Sql, Store
from retention.store.catalogue import Clock
from tests.oracles import local_date
from tests.survival.lives import NOT_ACTIVITY
from tests.test_sql_portable import portability_faults
from tests.worlds import close_stores, diary, fresh_path, store_of, worlds

DAYS = SegmentSpec(features=FeatureSpec(names=("active_days",)), k=2, log="none", winsorise=0.0)
# Until 31 January ann, bob and cyd are active on ten days, dee, eve and fay on one; the segments are fixed on 1 February.
OFTEN = "2 4 6 8 10 12 14 16 18 {last}"
WORLD = f"""
    ann: {OFTEN.format(last=28)} 2026-02-01 2026-02-09/purchase?value=100 2026-03-20
    bob: {OFTEN.format(last=29)} 2026-02-03T00:00 2026-02-03T23:59/purchase?value=30 2026-02-10/refund?value=10
    cyd: {OFTEN.format(last=20)}
    dee: 5 2026-02-20
    eve: 25/purchase?value=50 2026-02-14 2026-02-27/refund?value=20
    fay: 26
"""
AT = date(2026, 2, 1)


def follow(**more):
    """Open the world, whose data are complete up to 1 April, with a lapse after 14 days."""
    return store_of(diary(WORLD), as_of="2026-04-01", churn_window=14, **more)


def asked(**more) -> AfterSpec:
    return AfterSpec(**{"segments": DAYS, "at": AT, "weeks": 4, **more})


def the_two(after) -> tuple[str, str]:
    """Return the names of those who came often and of those who came once; three users each."""
    assert after.sizes == (3, 3)
    often, once = after.names if after.weeks.iloc[0]["retained"] == 2 else after.names[::-1]
    return often, once


# By hand ------------------------------------------------------------------------------------------------------------


def test_a_week_counts_who_of_the_segment_was_active_in_its_seven_days():
    after = segments_after(follow(), asked())
    weeks = after.weeks.set_index("name")
    # Week 0 is 1 to 7 February: ann on the very day, bob on the 3rd. Week 1: ann on the 9th; the refund is no activity.
    # Week 1 ends on the 14th, eve's day; dee comes on the 20th, in week 2. In week 3 nobody does.
    first, second = after.names
    counts = {name: weeks.loc[name, "retained"].tolist() for name in (first, second)}
    assert sorted(counts.values()) == [[0, 1, 1, 0], [2, 1, 0, 0]]
    often, _ = the_two(after)
    assert weeks.loc[often, "rate"].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert weeks.loc[often, "first_on"].tolist() == [AT + timedelta(days=7 * k) for k in range(4)]
    assert weeks.loc[often, "last_on"].tolist()[-1] == after.last_on == date(2026, 2, 28)
    # Wilson's interval of 2 of 3: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96.
    assert (weeks.loc[often, "low"].iloc[0], weeks.loc[often, "high"].iloc[0]) == pytest.approx((0.2077, 0.9385), abs=1e-4)


def test_a_life_ends_with_the_last_activity_before_the_silence_and_never_before_the_segments():
    after = segments_after(follow(), asked())
    often, once = the_two(after)
    groups = {group.name: group for group in after.curves.groups}
    # Silent for 14 days or more on 1 February: dee, since the 5th. cyd was active 12 days before, eve 7, fay 6.
    assert (groups[often].n, groups[often].gone_before) == (3, 0)
    assert (groups[once].n, groups[once].gone_before) == (2, 1)
    # ann is silent from 9 February to 20 March: day 8. bob's last day is the 3rd: day 2. cyd never came back: day 0.
    curve = groups[often].curve
    assert curve.loc[curve["events"] > 0, "t"].tolist() == [0, 2, 8]
    assert groups[often].at(0)[0] == pytest.approx(2 / 3) and groups[often].at(8)[0] == 0
    assert groups[often].median == 2
    # eve came back on the 14th, but from the 25th of January on that is a silence of 20 days: day 0. fay: day 0.
    assert groups[once].curve.loc[groups[once].curve["events"] > 0, ["t", "events"]].values.tolist() == [[0, 2]]
    assert after.curves.last_known_on == date(2026, 3, 18)


def test_whoever_was_active_lately_is_censored_and_not_retained():
    store = store_of(diary(WORLD), as_of="2026-02-22", churn_window=14)
    after = segments_after(store, asked(weeks=3))
    often, once = the_two(after)
    groups = {group.name: group for group in after.curves.groups}
    # Known up to 8 February, day 7. ann was active on the 9th: censored on day 7, after bob's lapse on day 2 and cyd's on 0.
    curve = groups[often].curve
    assert (groups[often].observed, groups[often].censored) == (2, 1)
    assert curve.loc[curve["censored"] > 0, "t"].tolist() == [7]
    # eve's silence of 20 days ended before the data do: she lapsed, whatever came later.
    assert (groups[once].observed, groups[once].censored) == (2, 0)


def test_revenue_is_of_orders_after_the_day_less_what_was_paid_back_of_them():
    after = segments_after(follow(), asked())
    often, once = the_two(after)
    money = after.revenue.set_index("name")
    # ann 100, bob 30 − 10, cyd nothing. eve's order was in January, and so her refund is booked there.
    assert money.loc[often, ["n_buyers", "n_orders", "gross", "net"]].tolist() == [2, 2, 130.0, 120.0]
    assert money.loc[often, "net_per_user"] == pytest.approx(40)
    # Of 100, 20 and 0 the standard deviation is √((60² + 20² + 40²) / 2) = √2800.
    half = 1.959963985 * (2800 / 3) ** 0.5
    assert (money.loc[often, "low"], money.loc[often, "high"]) == pytest.approx((40 - half, 40 + half))
    assert money.loc[once, ["n_buyers", "net", "value_share"]].tolist() == [0, 0.0, 0.0]
    assert money.loc[often, "value_share"] == 1


def test_without_orders_there_is_no_revenue():
    store = store_of(diary("ann: 1 2 3 20\nbob: 1 2 4\ncyd: 1\ndee: 2"), as_of="2026-01-31", churn_window=7)
    after = segments_after(store, asked(at=date(2026, 1, 10), weeks=2))
    assert after.revenue is None
    assert revenue_words(after) == ("", "The store holds no orders, so there is no revenue to share out.")


def test_only_weeks_that_are_over_are_shown():
    store = store_of(diary(WORLD), as_of="2026-02-20T18:00", churn_window=14)
    after = segments_after(store, asked())
    assert after.n_weeks == 2 and set(after.weeks["week"]) == {0, 1}  # week 2 ends with 21 February
    assert "2 weeks of seven days from 1 February 2026 on are over of the 4 asked for" in window_words(after)
    with pytest.raises(SpecError, match=r"No week from 2026-02-14 on is over yet.*complete up to 2026-02-20"):
        segments_after(store, asked(at=date(2026, 2, 14)))


def test_the_day_is_by_default_so_many_whole_weeks_before_the_end():
    after = segments_after(follow(), asked(at=None, weeks=8))
    assert (after.at_on, after.n_weeks) == (date(2026, 2, 4), 8)  # 1 April less 56 days


def test_where_no_silence_can_have_ended_the_lapses_are_not_known():
    after = segments_after(store_of(diary(WORLD), as_of="2026-02-10", churn_window=14), asked())
    assert after.curves is None and after.known_from == date(2026, 2, 15)
    headline, detail = lapse_words(after)
    assert headline == "Not yet known." and "before 15 February 2026" in detail


def test_a_week_over_a_missing_stretch_is_marked_and_in_no_verdict():
    after = segments_after(follow(gaps=[("2026-02-26", "2026-02-27")]), asked())
    assert after.weeks.loc[after.weeks["touches_gap"], "week"].unique().tolist() == [3]
    assert after.compared_week == 2
    assert "in week 2 after 1 February 2026" in verdict(after)[0]
    assert gap_words(after).startswith("Week 3 touches a stretch marked missing")
    # ann's silence from 9 February to 20 March is looked at until the 23rd, bob's until the 17th: neither reaches the 26th.
    assert after.curves.n_over_gaps == 0
    over = segments_after(follow(gaps=[("2026-02-16", "2026-02-17")]), asked())
    assert over.curves.n_over_gaps == 2  # bob's (4 to 17 February) and ann's (10 to 23 February)


def test_every_week_over_a_missing_stretch_leaves_no_verdict():
    after = segments_after(follow(gaps=[("2026-02-01", "2026-03-01")]), asked())
    assert after.compared_week is None and after.pairs.empty
    assert "cannot tell" in verdict(after)[0]


def test_what_the_words_say_is_what_was_counted():
    after = segments_after(follow(), asked())
    often, once = the_two(after)
    assert "Not circular: the segments were fixed at the beginning of 1 February 2026" in how_fixed(after)
    headline, detail = lapse_words(after)
    assert headline == f"By 18 March 2026, 0 % of {after.names[0]} had not lapsed."
    assert "Followed are 5 users" in detail and "1 had been silent" in detail
    headline, _ = revenue_words(after)
    assert headline == f"{often}, 50.0 % of the users, brought in 100 % of the revenue: 40.00 per user."
    assert once in verdict(segments_after(follow(), asked(weeks=1)))[0]


# Comparisons --------------------------------------------------------------------------------------------------------


def week_of(*groups: tuple[str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [(name, 0, x, n, False) for name, x, n in groups], columns=["name", "week", "retained", "n", "touches_gap"]
    )


def test_a_difference_has_the_interval_of_newcombes_example():
    # Newcombe (1998), method 10: 56 of 70 against 48 of 80 differ by 0.2, interval 0.0524 to 0.3339.
    _, pairs = compared(week_of(("a", 56, 70), ("b", 48, 80)))
    row = pairs.iloc[0]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert row["says"] == "higher"
    _, swapped = compared(week_of(("b", 48, 80), ("a", 56, 70)))
    assert swapped.iloc[0]["says"] == "lower"


def test_segments_of_a_few_users_are_not_compared():
    _, pairs = compared(week_of(("a", 19, 19), ("b", 0, 500)))
    assert pairs.iloc[0]["says"] == "cannot tell" and np.isnan(pairs.iloc[0]["p_adjusted"])


def test_an_empty_segment_has_no_rate_and_no_revenue():
    clock = Clock(0, "UTC", "monday")
    weeks = week_table(np.array([0, 0]), ["a", "b"], (0, 1), np.ones((2, 1), dtype=bool), AT, clock)
    assert weeks.set_index("name")["rate"].isna().tolist() == [False, True]
    assert compared(weeks)[1].empty
    rows = pd.DataFrame({"user_key": [1], "n_orders": [1], "gross": [5], "refunded": [0]})
    money = revenue_table(np.array([1, 2]), np.array([0, 0]), ["a", "b"], (0, 1), rows).set_index("name")
    assert money.loc["a", "net_per_user"] == 2.5 and np.isnan(money.loc["b", "net_per_user"])


# Plain loops --------------------------------------------------------------------------------------------------------


def life_by_loop(days: list[date], at: date, window: int, as_of: date) -> tuple[bool, int, bool]:
    """Follow one user day by day: silent already, days to the last activity before the silence, and whether it is known."""
    before = [day for day in days if day < at]
    if not before or (at - max(before)).days >= window:
        return True, 0, False
    last = max(before)
    for day in sorted(day for day in days if day >= at):
        if (day - last).days >= window:
            break
        last = day
    last_known = as_of - timedelta(days=window)
    return False, max((min(last, last_known) - at).days, 0), last <= last_known


@given(data=st.data())
def test_lives_and_weeks_are_what_a_plain_loop_says(data):
    world = data.draw(worlds(period="week", with_gaps=False))
    window, n_weeks = data.draw(st.sampled_from((1, 6, 7, 8, 14, 30))), data.draw(st.integers(1, 5))
    zone = world.clock.timezone
    as_of = local_date(world.clock.as_of_us, zone)
    days: dict[str, list[date]] = {}
    for event in world.events:
        if event.at_us < world.clock.as_of_us and event.event not in NOT_ACTIVITY:
            days.setdefault(event.user, []).append(local_date(event.at_us, zone))
    assume(days)
    at = data.draw(st.sampled_from(sorted({d for mine in days.values() for d in mine})))
    at += timedelta(days=data.draw(st.sampled_from((-7, -1, 0, 1, 6, 7, 8))))
    with world.open() as store:
        keys = store.read(Sql("select i.user_key, i.user_id from identities as i order by i.user_key"))
        rows = store.read(activity_after(day_number(at), window, n_weeks))
        found = lives_of(keys["user_key"].to_numpy(), rows, day_number(at), window, day_number(as_of), n_weeks)
        for place, user in enumerate(keys["user_id"]):
            mine = days.get(user, [])
            is_silent, duration, is_observed = life_by_loop(mine, at, window, as_of)
            assert bool(found.is_silent[place]) == is_silent
            if not is_silent:
                assert (int(found.duration[place]), bool(found.is_observed[place])) == (duration, is_observed)
            weeks = [any(0 <= (day - at).days - 7 * k < 7 for day in mine) for k in range(n_weeks)]
            assert found.active[place].tolist() == weeks
    close_stores()


def test_a_whole_year_of_weeks_is_told_apart():
    # Once in each of 52 weeks from 5 January on, on another weekday each time, and twice in the last one.
    days = [date(2026, 1, 5) + timedelta(days=7 * k + k % 7) for k in range(52)] + [date(2027, 1, 3)]
    store = store_of(diary("ann: 2026-01-02 " + " ".join(map(str, days)) + "\nbob: 2 2026-12-28"), as_of="2027-01-04")
    rows = store.read(activity_after(day_number(date(2026, 1, 5)), 60, 52)).sort_values("user_key")
    keys = rows["user_key"].to_numpy()
    found = lives_of(keys, rows, day_number(date(2026, 1, 5)), 60, day_number(date(2027, 1, 4)), 52)
    assert found.active.sum(axis=1).tolist() == [52, 1] and found.active[1, 51]


def test_the_curve_is_the_product_of_a_plain_loop():
    after = segments_after(follow(), asked())
    curves = {group.name: group for group in after.curves.groups}
    for group in curves.values():
        # Everybody's last activity is known, so the curve is one minus the share that has lapsed so far.
        ages = [t for t, d in zip(group.curve["t"], group.curve["events"], strict=True) for _ in range(int(d))]
        for age in range(10):
            if age <= group.last_age:
                assert group.at(age)[0] == pytest.approx(sum(a > age for a in ages) / group.n)


@pytest.mark.parametrize("sql", [activity_after(20_000, 60, 12), revenue_after(20_000, 20_084)], ids=["activity", "revenue"])
def test_the_texts_are_portable(sql):
    assert portability_faults(sql.text) == []


def test_nobody_left_to_follow_gives_no_curve():
    lives = lives_of(np.array([1]), pd.DataFrame(columns=["user_key", "before_day", "lapsed_day", "last_day", "weeks"]), 100, 7, 200, 0)
    assert not is_known_lapse(lives, date(1970, 4, 11), 7, Clock(200 * 86_400_000_000, "UTC", "monday"))


# No leak ------------------------------------------------------------------------------------------------------------


def test_what_comes_after_the_day_changes_no_segment():
    later = segments_after(follow(), asked())
    only = [e for e in diary(WORLD) if local_date(e.at_us, "UTC") < AT]
    without = segments_after(store_of(only, as_of="2026-04-01", churn_window=14), asked())
    assert (later.names, later.sizes) == (without.names, without.sizes)
    assert without.weeks["retained"].sum() == 0


def test_the_cut_off_of_the_tuned_segments_plays_no_part():
    store = follow()
    tuned = replace(DAYS, features=replace(DAYS.features, cutoff=date(2026, 3, 25)))
    assert segments_after(store, asked(segments=tuned)).sizes == segments_after(store, asked()).sizes


def test_features_that_are_known_already_are_not_read_again():
    store = follow()
    wanted = features_wanted(store.catalogue(), asked())
    table = user_features(store, wanted)
    assert segments_after(store, asked(), table).sizes == segments_after(store, asked()).sizes
    # Of another day they are not taken.
    other = user_features(store, replace(wanted, cutoff=date(2026, 1, 3)))
    assert segments_after(store, asked(), other).sizes == (3, 3)


# A saved segmentation -----------------------------------------------------------------------------------------------


def test_a_saved_model_is_scored_as_of_the_day_and_says_what_it_learned_from():
    store = follow()
    saved = save_segmentation(store, replace(DAYS, features=replace(DAYS.features, cutoff=date(2026, 3, 1))), "Habits", ("Rare", "Often"))
    after = segments_after(store, AfterSpec(property_key=saved.property_key, at=AT, weeks=4))
    assert after.label == "segment:Habits v1" and set(after.names) == {"Rare", "Often"}
    assert after.learned_on == date(2026, 3, 1)
    assert "learned from data up to 1 March 2026" in how_fixed(after)
    assert sum(after.sizes) == 6
    # Scored after the model was made, there is nothing to warn of.
    fair = segments_after(store, AfterSpec(property_key=saved.property_key, at=date(2026, 3, 4), weeks=4))
    assert "learned from" not in how_fixed(fair)


def test_a_saved_segmentation_that_is_gone_says_so():
    with pytest.raises(SpecError, match="is not there any more"):
        segments_after(follow(), AfterSpec(property_key=1_000_001))


# Lists --------------------------------------------------------------------------------------------------------------


def listed(store: Store, spec: AfterSpec, **more) -> set[str]:
    """Return who is in a list, by the names of the diary."""
    return set(list_member_ids(store, AfterUsersSpec(after=spec, **more)))


def test_every_number_leads_to_as_many_users():
    store = follow()
    after = segments_after(store, asked())
    often, once = the_two(after)
    assert listed(store, asked(), segment=often, did="active", week=0) == {"ann", "bob"}
    assert listed(store, asked(), segment=often, did="not active", week=0) == {"cyd"}
    assert listed(store, asked(), segment=once, did="active", week=2) == {"dee"}
    assert listed(store, asked(), segment=often, did="lapsed") == {"ann", "bob", "cyd"}
    assert listed(store, asked(), segment=once, did="lapsed") == {"eve", "fay"}
    assert listed(store, asked(), segment=once, did="silent already") == {"dee"}
    assert users_of(store, AfterUsersSpec(after=asked(), segment=often, did="not lapsed")).count == 0
    for row in after.weeks.itertuples(index=False):
        spec = AfterUsersSpec(after=asked(), segment=row.name, did="active", week=row.week)
        assert users_of(store, spec).count == row.retained


def test_a_list_says_whose_users_it_holds():
    store = follow()
    spec = AfterUsersSpec(after=asked(), segment="Lost", did="not active", week=3)
    assert words_of(spec, store.catalogue()) == (
        "Users in “Lost” of segments made as of the beginning of 1 February 2026: those not active in week 3. Weeks are seven"
        " days from then on; a lapse is 14 days of silence."
    )
    saved = save_segmentation(store, DAYS, "Habits", ("Rare", "Often"))
    of_saved = AfterSpec(property_key=saved.property_key, at=AT, weeks=4)
    spec = AfterUsersSpec(after=of_saved, segment="Rare", did="lapsed")
    assert words_of(spec, store.catalogue()).startswith("Users in “Rare” of segment:Habits v1, scored as of")
    numbers = {g.name: g.observed for g in segments_after(store, of_saved).curves.groups}
    assert users_of(store, spec).count == numbers["Rare"]


def test_a_list_that_cannot_be_says_so():
    store = store_of(diary(WORLD), as_of="2026-02-20", churn_window=14)
    with pytest.raises(SpecError, match='There is no segment "Kings"'):
        listed(store, asked(), segment="Kings", did="lapsed")
    name = segments_after(store, asked()).names[0]
    with pytest.raises(SpecError, match="Week 3 is not over yet"):
        listed(store, asked(), segment=name, did="active", week=3)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"did": "slept"}, "`did` must be one of"),
    ({"did": "active"}, "need the week"),
    ({"did": "lapsed", "week": 1}, "`week` is for those active in a week"),
    ({"did": "active", "week": 4}, "`week` must be from 0 to 3"),
    ({"did": "lapsed", "after": AfterSpec(segments=DAYS)}, "needs the day"),
])  # fmt: skip
def test_a_list_that_cannot_be_asked_says_so(wrong, said):
    with pytest.raises(SpecError, match=said):
        AfterUsersSpec(**{"after": asked(), "segment": "a", **wrong})


# What cannot be asked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "said"), [
    ({"segments": None}, "only one of them"),
    ({"property_key": 1}, "only one of them"),
    ({"weeks": 0}, "`weeks` must be from 1"),
    ({"weeks": 53}, "`weeks` must be from 1"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked_says_so(wrong, said):
    with pytest.raises(SpecError, match=said):
        asked(**wrong)


def test_a_day_before_everything_says_so():
    with pytest.raises(SpecError, match="Nobody was active before the cut-off"):
        segments_after(follow(), asked(at=date(2025, 12, 1)))


# The sample shop ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop() -> Iterator[Store]:
    store = Store.create_or_open(fresh_path())
    build_sample(store, SampleSpec(n_users=2000, seed=7))
    yield store
    store.close()


def test_the_segments_of_the_shop_add_up_to_all_its_users(shop):
    after = segments_after(shop, AfterSpec(segments=SegmentSpec(), weeks=6))
    found = user_segments(shop, after.spec.fitted_on(after.at_on))
    assert after.n_users == found.n_users and after.n_left_out == 0
    week = after.weeks[after.weeks["week"] == 3]
    first = day_number(after.at_on) + 21
    (expected,) = shop.read(
        Sql(
            "select count(distinct d.user_key) as n from user_day as d where d.prev_day is not null and d.first_day < $at"
            " and d.day >= $low and d.day < $high",
            {"at": day_number(after.at_on), "low": first, "high": first + 7},
        )
    )["n"]
    assert week["retained"].sum() == expected
    whole = shop.read(
        Sql(
            "select sum(o.gross - o.refunded) as net from user_orders as o join users as u on u.user_key = o.user_key"
            " join user_first as f on f.user_key = u.user_key and f.event_key = 0 and f.day < $at where o.day >= $at and o.day < $until",
            {"at": day_number(after.at_on), "until": day_number(after.at_on) + 42},
        )
    )["net"][0]
    assert after.revenue["net"].sum() == pytest.approx(float(whole))
    assert after.revenue["value_share"].sum() == pytest.approx(1)


def test_those_who_came_often_come_back_more_though_only_later_days_are_looked_at(shop):
    # In the shop users differ in how often they come, and go on as they began: the difference is real, not circular.
    spec = SegmentSpec(features=FeatureSpec(names=("active_days_90", "days_since_last")), k=2)
    after = segments_after(shop, AfterSpec(segments=spec, weeks=8))
    last = after.weeks[after.weeks["week"] == after.compared_week].sort_values("rate")
    assert last["high"].iloc[0] < last["low"].iloc[-1]
    assert set(after.pairs["says"]) <= {"higher", "lower"}
