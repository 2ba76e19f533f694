"""What is planted in the sample shop can be recovered from its rows: the truth is true."""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy import stats

from retention.errors import SpecError
from retention.ingest import sample_laws as laws
from retention.ingest.sample import ACTIVITY, SampleSpec, simulate
from retention.ingest.sample_truth import clock_at, clock_instant, exp, ln
from tests.ingest.sample_shops import DAY_US, ITEM_CODES, frame, large_shop, us, usual_shop


@pytest.fixture(scope="module")
def shop():
    return usual_shop()[0]


@pytest.fixture(scope="module")
def rows():
    return usual_shop()[1]


@pytest.fixture(scope="module")
def large():
    return large_shop()[0]


@pytest.fixture(scope="module")
def large_rows():
    return large_shop()[1]


# ---- recovery of what is planted

def test_true_lifetimes_follow_the_law_of_their_segment(shop):
    truth = shop.truth
    follow_up = (us("2026-01-01") - truth.signup_us) / DAY_US
    seen = np.minimum(truth.lifetime_days, follow_up)
    for code, segment in enumerate(laws.SEGMENTS):
        mine = truth.segment == code
        # Pointwise 99.9 % bands, at six ages of six segments.
        km = KaplanMeierFitter(alpha=0.001).fit(seen[mine], truth.lifetime_days[mine] < follow_up[mine])
        ages = segment.scale_days * np.array([0.05, 0.2, 0.4, 0.6, 0.8, 1.0])
        ages = ages[ages < 500]
        band = km.confidence_interval_.reindex(km.confidence_interval_.index.union(ages)).ffill().loc[ages]
        law = truth.survival_of(mine, ages)
        assert (band.iloc[:, 0].to_numpy() <= law).all() and (law <= band.iloc[:, 1].to_numpy()).all()


def test_the_cumulative_hazard_spent_by_death_is_exponential(large):
    truth = large.truth
    spent = np.empty(truth.user_id.size)
    for code, segment in enumerate(laws.SEGMENTS):
        mine = np.flatnonzero(truth.segment == code)
        survived = np.array([truth.survival(segment.name, truth.lifetime_days[i], truth.hazard_ratio[i])
                             for i in mine])
        spent[mine] = -np.log(np.maximum(survived, 1e-300))
    assert stats.kstest(spent, "expon").pvalue > 0.001


def test_survival_has_its_closed_form_and_the_hazard_is_its_slope(shop):
    # One-and-done: Weibull with shape 0.7 and scale 6 days, so S(6) = e^-1 and S(6 | hr 2) = e^-2.
    assert shop.truth.survival("one-and-done", [0.0, 6.0]) == pytest.approx([1.0, np.exp(-1)])
    assert float(shop.truth.survival("one-and-done", 6.0, 2.0)) == pytest.approx(np.exp(-2))
    step = 1e-6
    for segment in laws.SEGMENTS:
        low, high = shop.truth.survival(segment.name, [30.0 - step, 30.0 + step], 1.3)
        slope = -(np.log(high) - np.log(low)) / (2 * step)
        assert float(shop.truth.hazard(segment.name, 30.0, 1.3)) == pytest.approx(slope, rel=1e-5)
    with pytest.raises(SpecError, match="loyl"):
        shop.truth.survival("loyl", 1.0)


def test_segments_have_their_shares(large):
    counts = np.bincount(large.truth.segment, minlength=len(laws.SEGMENTS))
    expected = np.array([s.share for s in laws.SEGMENTS]) * counts.sum()
    assert expected.sum() == pytest.approx(counts.sum())
    assert stats.chisquare(counts, expected).pvalue > 0.001


def test_visits_come_at_the_stated_rate_while_alive(large, large_rows):
    # A stretch without campaign, new checkout or gap: base visits only, from users past their first days.
    low, high = us("2024-06-15"), us("2024-10-15")
    mean = large.truth.visit_mean(low, high)
    is_old = large.truth.signup_us < low
    made = np.bincount(large_rows.loc[(large_rows["event"] == "visit")
                                      & large_rows["occurred_us"].between(low, high - 1), "u"],
                       minlength=mean.size)
    for code in range(len(laws.SEGMENTS)):
        mine = is_old & (large.truth.segment == code)
        expected, total = mean[mine].sum(), made[mine].sum()
        assert abs(total - expected) < 4 * np.sqrt(expected)


def test_visits_of_a_user_are_poisson_given_the_rate(large, large_rows):
    low, high = us("2024-06-15"), us("2024-10-15")
    mean = large.truth.visit_mean(low, high)
    made = np.bincount(large_rows.loc[(large_rows["event"] == "visit")
                                      & large_rows["occurred_us"].between(low, high - 1), "u"],
                       minlength=mean.size)
    mine = (large.truth.signup_us < low) & (mean > 0)
    # Pearson's statistic of Poisson counts has mean 1 a user, and variance 2 + 1/mean.
    pearson = ((made - mean)[mine] ** 2 / mean[mine])
    keep = mean[mine] > 1
    spread = np.sqrt((2 + 1 / mean[mine][keep]).sum())
    assert abs(pearson[keep].sum() - keep.sum()) < 4 * spread


def test_hour_habits_are_recovered(large, large_rows):
    visits = large_rows[(large_rows["event"] == "visit") & (large_rows["occurred_us"] < us("2025-03-01"))]
    hour = (visits["occurred_us"] // 3_600_000_000 % 24).to_numpy()
    habit = large.truth.habit[visits["u"]]
    for code in range(len(laws.HABITS)):
        share = np.bincount(hour[habit == code], minlength=24) / (habit == code).sum()
        # Half the summed absolute difference between two distributions over 24 hours.
        assert np.abs(share - laws.HABIT_HOURS[code]).sum() / 2 < 0.03
    assert laws.HABIT_HOURS.argmax(axis=1)[:4].tolist() == [8, 12, 20, 1]
    nights = large.truth.segment == [s.name for s in laws.SEGMENTS].index("night shift")
    assert set(large.truth.habit[nights]) == {laws.HABITS.index("night")}


def test_weekday_habits_are_recovered(large, large_rows):
    visits = large_rows[(large_rows["event"] == "visit")
                        & large_rows["occurred_us"].between(us("2024-06-03"), us("2024-10-28") - 1)]
    weekday = ((visits["occurred_us"] // DAY_US + 3) % 7).to_numpy()      # 1 January 1970 was a Thursday
    habit = large.truth.habit[visits["u"]]
    for code in range(len(laws.HABITS)):
        share = np.bincount(weekday[habit == code], minlength=7) / (habit == code).sum()
        law = laws.HABIT_WEEKDAYS[code] / laws.HABIT_WEEKDAYS[code].sum()
        assert np.abs(share - law).sum() / 2 < 0.03


def test_visits_of_the_living_peak_in_december(large, large_rows):
    # The season says 1.45 in December and 0.88 in July, a ratio of 1.65; the living are counted by the truth.
    per_day = []
    for first, last in (("2024-12-01", "2025-01-01"), ("2024-07-01", "2024-08-01")):
        low, high = us(first), us(last)
        begin, end = np.maximum(large.truth.signup_us, low), np.minimum(large.truth.death_us, high)
        alive_us = np.clip(end - begin, 0, None)
        visits = (large_rows["event"] == "visit") & large_rows["occurred_us"].between(low, high - 1)
        # Only those past their first weeks, so that first visits and one-and-done users do not blur it.
        is_old = large.truth.signup_us < us("2024-06-01")
        made = visits.to_numpy() & is_old[large_rows["u"]]
        per_day.append(made.sum() / (alive_us * large.truth.visits_per_day)[is_old].sum())
    assert per_day[0] / per_day[1] == pytest.approx(1.45 / 0.88, rel=0.05)


def test_sign_ups_grow_and_peak_in_december(large):
    month = large.truth.signup_us.astype("datetime64[us]").astype("datetime64[M]")
    counts = pd.Series(month).value_counts()
    december, july = np.datetime64("2025-12", "M"), np.datetime64("2025-07", "M")
    assert counts[december] > 1.7 * counts[july]
    year = large.truth.signup_us < us("2025-01-01")
    assert 0.2 < year.mean() < 0.45                # growth in a line from 0.5 to 1.5 of the mean


def retained_share(world, events, *, week: int, group: np.ndarray) -> list[float]:
    """Share active in calendar week `week` after the sign-up's, by group, among users watched so long."""
    week_us = 7 * DAY_US
    start = (world.truth.signup_us - us("2024-01-01")) // week_us
    active = events[events["event"].isin(ACTIVITY)]
    age = (active["occurred_us"].to_numpy() - us("2024-01-01")) // week_us - start[active["u"]]
    came = np.zeros(start.size, dtype=bool)
    came[active["u"].to_numpy()[age == week]] = True
    is_mature = start + week < (us("2026-01-01") - us("2024-01-01")) // week_us
    return [float(came[is_mature & (group == g)].mean()) for g in range(group.max() + 1)]


def test_the_order_of_channels_is_recovered_from_retention(large, large_rows):
    organic, ads, social, email = retained_share(large, large_rows, week=26, group=large.truth.channel)
    assert email > organic > social > ads          # hazard ratios 0.6 < 1 < 1.5 < 2.2
    assert laws.CHANNELS == ("organic", "ads", "social", "email")


def test_weekly_retention_falls_from_near_a_half_to_near_a_seventh(shop, rows):
    everyone = np.zeros(shop.truth.user_id.size, dtype=np.int64)
    curve = [retained_share(shop, rows, week=k, group=everyone)[0] for k in (1, 4, 12, 26, 52)]
    assert 0.38 <= curve[0] <= 0.52 and 0.10 <= curve[-1] <= 0.18
    assert curve == sorted(curve, reverse=True)


def test_the_new_checkout_lifts_the_first_week_by_what_it_brings(large, large_rows):
    is_after = (large.truth.signup_us >= us("2025-03-03")).astype(np.int64)
    before, after = retained_share(large, large_rows, week=1, group=is_after)
    # Nobody planted a change of week 5; season and mixture move both weeks.
    before_5, after_5 = retained_share(large, large_rows, week=5, group=is_after)
    assert 0.05 < after - before < 0.25 and after - before > after_5 - before_5 + 0.04


def test_campaigns_are_randomised_as_they_say(large, large_rows):
    truth = large.truth
    sent = large_rows[large_rows["event"] == "campaign_sent"]
    for c, campaign in enumerate(laws.CAMPAIGNS):
        arm = truth.arm[:, c]
        is_eligible = truth.signup_us + 28 * DAY_US <= campaign.sent_us
        assert ((arm >= 0) == is_eligible).all()
        n_treated, n = int((arm == 1).sum()), int(is_eligible.sum())
        assert stats.binomtest(n_treated, n, campaign.propensity).pvalue > 0.001     # sample ratio
        table = np.array([np.bincount(truth.segment[arm == a], minlength=6) for a in (0, 1)])
        assert stats.chi2_contingency(table).pvalue > 0.001                          # balanced
        mine = sent[sent["campaign"] == campaign.name]
        assert set(mine["occurred_us"]) == {campaign.sent_us}
        told = mine.set_index("u")["arm"].map({"control": 0, "treatment": 1})
        assert told.sort_index().tolist() == arm[is_eligible].tolist()


@pytest.mark.parametrize("c", range(len(laws.CAMPAIGNS)))
def test_the_realised_effect_is_the_true_uplift(large, large_rows, c):
    truth, campaign = large.truth, laws.CAMPAIGNS[c]
    visits = large_rows[(large_rows["event"] == "visit") & large_rows["occurred_us"].between(
        campaign.sent_us, campaign.sent_us + 14 * DAY_US - 1)]
    came = np.zeros(truth.user_id.size, dtype=bool)
    came[visits["u"]] = True
    arm = truth.arm[:, c]
    # What the rows show is the potential outcome of the arm that was drawn, user by user.
    assert (came == truth.retained_if_control[:, c])[arm == 0].all()
    assert (came == truth.retained_if_treated[:, c])[arm == 1].all()
    treated, control = came[arm == 1], came[arm == 0]
    error = np.sqrt(treated.var() / treated.size + control.var() / control.size)
    effect = treated.mean() - control.mean()
    assert abs(effect - np.nanmean(truth.uplift[:, c])) < 2.576 * error
    # Both potential outcomes together measure the same uplift with less noise, segment by segment.
    gain = truth.retained_if_treated[:, c].astype(float) - truth.retained_if_control[:, c]
    for code in range(len(laws.SEGMENTS)):
        mine = (arm >= 0) & (truth.segment == code)
        off = (gain - truth.uplift[:, c])[mine]
        assert abs(off.mean()) < 4 * off.std() / np.sqrt(mine.sum()) + 1e-12


def test_the_dead_have_no_uplift_and_some_users_are_better_left_alone(shop):
    for c, campaign in enumerate(laws.CAMPAIGNS):
        is_eligible = shop.truth.arm[:, c] >= 0
        is_dead = shop.truth.death_us <= campaign.sent_us
        assert (shop.truth.uplift[is_eligible & is_dead, c] == 0).all()
        assert np.isnan(shop.truth.uplift[~is_eligible, c]).all()
    loyal = shop.truth.segment == 0
    assert np.nanmean(shop.truth.uplift[loyal]) < 0 < np.nanmean(shop.truth.uplift)


def test_bargain_hunters_buy_with_coupons_at_the_rate_their_sensitivity_implies(large, large_rows):
    bought = large_rows[(large_rows["event"] == "purchase") & (large_rows["occurred_us"] < us("2024-05-14"))]
    visits = bought.drop_duplicates(["u", "occurred_us"])
    has_coupon = (visits["discount"] == "yes").to_numpy()
    sensitivity = large.truth.sensitivity[visits["u"]]
    # Bayes: a coupon is shown in 0.3 of visits; without it a basket is bought (1 − s) times as often.
    chance = 0.3 / (0.3 + 0.7 * (1 - sensitivity))
    for code in range(len(laws.SEGMENTS)):
        mine = large.truth.segment[visits["u"]] == code
        # Two baskets of one visit share the coupon: allow for clusters of two.
        error = np.sqrt(2 * (chance * (1 - chance))[mine].sum())
        assert abs(has_coupon[mine].sum() - chance[mine].sum()) < 4 * error


def test_tastes_are_recovered_in_what_is_viewed(large, large_rows):
    views = large_rows[large_rows["event"] == "view_item"]
    category = views["category"].map({c: i for i, c in enumerate(laws.CATEGORIES)}).to_numpy(dtype=np.int64)
    for code in range(len(laws.SEGMENTS)):
        mine = large.truth.segment[views["u"]] == code
        share = np.bincount(category[mine], minlength=8) / mine.sum()
        expected = large.truth.taste[views["u"].to_numpy()[mine]].mean(axis=0)
        assert np.abs(share - expected).max() < 0.01


def test_companions_share_a_basket_far_more_often_than_strangers(large, large_rows):
    bought = large_rows[large_rows["event"] == "purchase"]
    code = bought["item"].map({c: i for i, c in enumerate(ITEM_CODES)}).to_numpy(dtype=np.int64)
    user, at = bought["u"].to_numpy(), bought["occurred_us"].to_numpy()
    near = (user[1:] == user[:-1]) & (at[1:] - at[:-1] < 120_000_000)
    assert (large.truth.companion[code[:-1][near]] == code[1:][near]).mean() > 0.95
    assert near.sum() / (len(bought) - near.sum()) == pytest.approx(0.20, abs=0.01)


# ---- the planted order effect

def test_without_an_order_effect_lifetimes_are_the_lawful_ones(shop):
    assert (shop.truth.lifetime_days == shop.truth.lawful_lifetime_days).all()
    assert (shop.truth.order_trigger_us >= 0).mean() > 0.05


def test_an_order_effect_multiplies_the_hazard_after_the_trigger_only():
    truth = simulate(SampleSpec(n_users=20_000, seed=4, order_effect=6.0)).truth
    is_hit = truth.order_trigger_us >= 0
    assert (truth.lifetime_days == truth.lawful_lifetime_days)[~is_hit].all()
    assert (truth.lifetime_days < truth.lawful_lifetime_days)[is_hit].all()
    assert (truth.death_us > truth.order_trigger_us)[is_hit].all()
    # Of a constant hazard (shape 1), what is left of life after the trigger is six times shorter.
    for code, segment in enumerate(laws.SEGMENTS):
        if segment.shape == 1.0:
            mine = is_hit & (truth.segment == code)
            age = (truth.order_trigger_us - truth.signup_us)[mine] / DAY_US
            left = truth.lifetime_days[mine] - age
            assert left == pytest.approx((truth.lawful_lifetime_days[mine] - age) / 6.0, rel=1e-6, abs=1e-6)


def test_the_trigger_can_be_read_from_the_order_of_events():
    shop = simulate(SampleSpec(n_users=800, seed=8))
    events = frame(shop)
    events = events[events["event"].isin(["visit", "search", "add_to_cart", "purchase"])]
    found = np.full(800, -1, dtype=np.int64)
    for user, mine in events.groupby("u"):
        visits: list[tuple[int, str]] = []
        for at, event in zip(mine["occurred_us"], mine["event"], strict=True):
            if event == "visit":
                visits.append((at, ""))
            elif visits:
                visits[-1] = (visits[-1][0], visits[-1][1] + event[0])
        n_bad = 0
        for at, letters in visits:
            if "p" in letters:
                n_bad = 0                       # a purchase makes good
            elif letters.startswith("sa"):      # a search, then a basket
                n_bad += 1
            if n_bad == 2:
                found[user] = at
                break
    # Visits brought by a campaign, lost in the gap or overlapping another blur a few.
    assert (found == shop.truth.order_trigger_us).mean() > 0.95
    assert (found >= 0).sum() > 30


# ---- the arithmetic that makes it the same everywhere

def test_our_logarithm_and_exponential_are_right_to_the_last_digits():
    x = np.concatenate([np.linspace(1e-12, 3, 10_001), 10.0 ** np.arange(-300, 300, 7)])
    assert np.allclose(ln(x), np.log(x), rtol=2e-15, atol=5e-16)
    y = np.linspace(-700, 700, 10_001)
    assert np.allclose(exp(y), np.exp(y), rtol=3e-13)
    assert exp(np.array([-2000.0, 0.0])).tolist() == [0.0, 1.0]


def test_a_clock_reading_and_its_instant_are_inverses():
    clock = laws.visit_clock()
    assert clock[:, -1] == pytest.approx(731, rel=0.01)      # in mean days
    at = np.arange(us("2024-01-01"), us("2026-01-01"), 7_777_777_777, dtype=np.int64)
    for habit in range(len(laws.HABITS)):
        code = np.full(at.size, habit)
        back = clock_instant(clock, code, clock_at(clock, code, at))
        assert np.abs(back - at).max() <= 5
