"""The laws of the sample shop: every number that the simulated customers obey.

Nothing here is estimated. The simulator (`sample.py`) draws from these tables and hands them on in its
`Truth`, so a test can ask whether the product's estimates recover them. The app never reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000

#: First instant and (exclusive) last instant of the data, UTC: 2024-01-01 and 2026-01-01.
START_US = 1_704_067_200_000_000
END_US = 1_767_225_600_000_000
N_DAYS = (END_US - START_US) // DAY_US
#: 1 January 2024 was a Monday.
FIRST_WEEKDAY = 0

#: Two whole UTC days that the load lost (2025-06-10 and 2025-06-11).
GAP_US = (1_749_513_600_000_000, 1_749_686_400_000_000)

#: Joiners from Monday 2025-03-03 on visit once more in the calendar week (Monday, UTC) after the one they
#: joined in with this probability, if they are still alive at that moment.
CHECKOUT_FROM_US = 1_740_960_000_000_000
CHECKOUT_VISIT_PROBABILITY = 0.25

#: Probability that a sign-up is followed at once by a first visit (else the user leaves the page).
SIGNUP_VISIT_PROBABILITY = 0.7

#: Visits a day relative to the yearly mean, by calendar month: Singles' Day and Christmas lift the end.
SEASON = np.array([0.90, 0.85, 0.92, 0.95, 1.00, 0.95, 0.88, 0.85, 0.95, 1.05, 1.25, 1.45])
#: Sign-ups follow the season more strongly, and grow in a line from the first to the last day.
SIGNUP_SEASON = np.array([0.85, 0.80, 0.95, 0.95, 1.00, 0.95, 0.85, 0.80, 0.95, 1.10, 1.45, 1.80])
SIGNUP_WEEKDAY = np.array([1.05, 1.00, 0.97, 0.97, 0.95, 1.00, 1.06])
SIGNUP_GROWTH = (0.50, 1.50)

CHANNELS = ("organic", "ads", "social", "email")
CHANNEL_SHARE = np.array([0.40, 0.25, 0.20, 0.15])
#: Hazard ratios against organic; they multiply with those of the country.
CHANNEL_HAZARD = np.array([1.0, 2.2, 1.5, 0.6])

COUNTRIES = ("United States", "China", "United Kingdom", "Germany", "Brazil", "France")
COUNTRY_SHARE = np.array([0.30, 0.26, 0.15, 0.12, 0.09, 0.08])
COUNTRY_HAZARD = np.array([1.0, 0.8, 1.0, 0.9, 1.6, 1.1])
#: Probability that a customer writes Chinese, by country.
COUNTRY_CHINESE = np.array([0.06, 0.94, 0.05, 0.02, 0.02, 0.02])

DEVICES = ("mobile", "desktop", "tablet")
DEVICE_SHARE = np.array([0.58, 0.34, 0.08])
LANGUAGES = ("en", "zh")
PLANS = ("basic", "plus")


def _hours(**peaks: float) -> NDArray[np.float64]:
    """Spread weights named `h<hour>` over a triangle of five hours each, on a low floor; sums to 1."""
    weight = np.full(24, 0.15)
    for name, size in peaks.items():
        for step, share in ((-2, 0.35), (-1, 0.75), (0, 1.0), (1, 0.75), (2, 0.35)):
            weight[(int(name[1:]) + step) % 24] += size * share
    return weight / weight.sum()


HABITS = ("morning", "lunch", "evening", "night", "weekend")
#: Probability of a visit by hour of day (UTC), one row a habit.
HABIT_HOURS = np.stack(
    [
        _hours(h8=3.0, h17=1.0),
        _hours(h12=3.0, h19=1.0),
        _hours(h20=3.5, h13=0.6),
        _hours(h1=4.0, h23=2.0),
        _hours(h11=2.0, h16=2.0),
    ]
)
#: Visits by weekday relative to the mean, Monday first, one row a habit.
HABIT_WEEKDAYS = np.array(
    [
        [1.15, 1.15, 1.15, 1.15, 1.10, 0.65, 0.65],
        [1.15, 1.15, 1.15, 1.15, 1.15, 0.65, 0.60],
        [1.00, 1.00, 1.00, 1.00, 0.90, 0.95, 1.15],
        [0.90, 0.90, 0.90, 0.95, 1.20, 1.25, 0.90],
        [0.40, 0.40, 0.40, 0.40, 0.80, 2.40, 2.20],
    ]
)

CATEGORIES = ("Clothing", "Kitchen", "Beauty", "Books", "Sports", "Electronics", "Toys", "Grocery")
#: Probability that a bought item is sent back, by category.
REFUND_PROBABILITY = np.array([0.18, 0.05, 0.05, 0.02, 0.07, 0.09, 0.04, 0.01])

#: Probability that a bought item brings its planted companion into the same basket.
COMPANION_PROBABILITY = 0.20
#: Probability that a customer takes the personal favourite of a category, not one by popularity.
FAVOURITE_PROBABILITY = 0.35
#: Probability that a visit shows a coupon (always in a visit that a campaign brought), and its worth.
COUPON_PROBABILITY = 0.30
COUPON_PERCENT = 20
REVIEW_PROBABILITY = 0.32
#: Probability that a search comes before the basket of its visit, not after it.
SEARCH_FIRST_PROBABILITY = 0.6

#: A campaign acts in the two weeks after it is sent; users of at least four weeks are eligible.
CAMPAIGN_WINDOW_US = 14 * DAY_US
CAMPAIGN_MIN_AGE_US = 28 * DAY_US
#: A visit that a campaign brings falls uniformly into this stretch after the sending.
CAMPAIGN_VISIT_US = (1 * HOUR_US, 72 * HOUR_US)


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """One randomised mailing: its name, sending instant (us UTC) and P(treatment)."""

    name: str
    sent_us: int
    propensity: float


CAMPAIGNS = (
    Campaign(name="spring win-back", sent_us=1_715_677_200_000_000, propensity=0.5),  # 2024-05-14 09:00
    Campaign(name="singles day coupon", sent_us=1_730_797_200_000_000, propensity=0.5),  # 2024-11-05 09:00
    Campaign(name="new year coupon", sent_us=1_738_659_600_000_000, propensity=0.7),  # 2025-02-04 09:00
    Campaign(name="autumn care", sent_us=1_758_013_200_000_000, propensity=0.5),  # 2025-09-16 09:00
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """How the users of one latent segment live and buy.

    Parameters
    ----------
    name : str
    share : float
        Probability that a new user belongs to it.
    visits_per_week : float
        Mean rate of visits of a living user; users vary around it by a gamma of mean 1 and shape 8.
    shape, scale_days : float
        Weibull law of the lifetime: S(t) = exp(−hr · (t / scale)^shape), t in days.
    search, more_views, cart : float
        Per visit: P(search); P(one more item viewed) after each; P(a basket is filled).
    buy, sensitivity : float
        P(purchase | basket) is `buy` with a coupon in sight and `buy · (1 − sensitivity)` without one.
    persuaded : tuple of float
        Per campaign, P(an extra visit | treated, alive); varies by user.
    disturbed : float
        P(a treated user keeps away for the whole campaign window).
    habits : tuple of float
        P(each of HABITS).
    affinity : tuple of float
        Weight of each of CATEGORIES.
    plus_share : float
        P(the user is on the plan "plus").
    """

    name: str
    share: float
    visits_per_week: float
    shape: float
    scale_days: float
    search: float
    more_views: float
    cart: float
    buy: float
    sensitivity: float
    persuaded: tuple[float, ...]
    disturbed: float
    habits: tuple[float, ...]
    affinity: tuple[float, ...]
    plus_share: float


SEGMENTS = (
    Segment(
        name="loyal",
        share=0.10,
        visits_per_week=1.5,
        shape=1.0,
        scale_days=1200.0,
        search=0.15,
        more_views=0.25,
        cart=0.50,
        buy=0.80,
        sensitivity=0.05,
        persuaded=(0.05, 0.05, 0.05, 0.05),
        disturbed=0.05,
        habits=(0.30, 0.25, 0.30, 0.0, 0.15),
        affinity=(2.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0, 8.0),
        plus_share=0.70,
    ),
    Segment(
        name="regular",
        share=0.20,
        visits_per_week=0.8,
        shape=1.0,
        scale_days=380.0,
        search=0.50,
        more_views=0.30,
        cart=0.38,
        buy=0.55,
        sensitivity=0.15,
        persuaded=(0.25, 0.20, 0.25, 0.30),
        disturbed=0.02,
        habits=(0.25, 0.25, 0.35, 0.0, 0.15),
        affinity=(4.0, 2.0, 4.0, 2.0, 2.0, 1.0, 2.0, 2.0),
        plus_share=0.25,
    ),
    Segment(
        name="occasional",
        share=0.16,
        visits_per_week=0.33,
        shape=1.2,
        scale_days=600.0,
        search=0.55,
        more_views=0.50,
        cart=0.30,
        buy=0.60,
        sensitivity=0.20,
        persuaded=(0.45, 0.35, 0.40, 0.50),
        disturbed=0.0,
        habits=(0.10, 0.15, 0.25, 0.0, 0.50),
        affinity=(2.0, 1.0, 1.0, 5.0, 1.0, 5.0, 2.0, 0.5),
        plus_share=0.08,
    ),
    Segment(
        name="bargain hunter",
        share=0.17,
        visits_per_week=0.65,
        shape=0.8,
        scale_days=260.0,
        search=0.65,
        more_views=0.40,
        cart=0.45,
        buy=0.75,
        sensitivity=0.90,
        persuaded=(0.45, 0.80, 0.70, 0.20),
        disturbed=0.0,
        habits=(0.20, 0.25, 0.40, 0.0, 0.15),
        affinity=(6.0, 2.0, 3.0, 0.5, 1.0, 2.0, 3.0, 1.0),
        plus_share=0.03,
    ),
    Segment(
        name="one-and-done",
        share=0.22,
        visits_per_week=0.9,
        shape=0.7,
        scale_days=6.0,
        search=0.50,
        more_views=0.50,
        cart=0.45,
        buy=0.70,
        sensitivity=0.10,
        persuaded=(0.30, 0.30, 0.30, 0.30),
        disturbed=0.0,
        habits=(0.25, 0.25, 0.30, 0.0, 0.20),
        affinity=(2.0, 2.0, 1.0, 1.0, 2.0, 4.0, 4.0, 0.5),
        plus_share=0.01,
    ),
    Segment(
        name="night shift",
        share=0.15,
        visits_per_week=0.85,
        shape=0.8,
        scale_days=320.0,
        search=0.50,
        more_views=0.30,
        cart=0.35,
        buy=0.50,
        sensitivity=0.15,
        persuaded=(0.15, 0.15, 0.10, 0.30),
        disturbed=0.10,
        habits=(0.0, 0.0, 0.0, 1.0, 0.0),
        affinity=(1.0, 1.0, 1.0, 2.0, 5.0, 5.0, 0.5, 1.0),
        plus_share=0.15,
    ),
)


def months_and_weekdays() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the calendar month (0..11) and weekday (Monday 0) of every day of the data."""
    days = np.datetime64(START_US // DAY_US, "D") + np.arange(N_DAYS)
    months = days.astype("datetime64[M]").astype(np.int64) % 12
    return months, (np.arange(N_DAYS) + FIRST_WEEKDAY) % 7


def visit_clock() -> NDArray[np.float64]:
    """Cumulate the visits calendar, one row a habit: clock[h, j] at the j-th hour of the data.

    Returns
    -------
    ndarray of shape (n_habits, 24 · N_DAYS + 1)
        In mean days: a user who visits `r` times a day on average makes
        r · (clock[h, b] − clock[h, a]) visits between hours a and b while alive.
    """
    months, weekdays = months_and_weekdays()
    season = SEASON / (SEASON[months].sum() / N_DAYS)
    rate = (season[months] * HABIT_WEEKDAYS[:, weekdays])[:, :, None] * HABIT_HOURS[:, None, :]
    return _cumulated(rate.reshape(len(HABITS), -1))


def signup_clock() -> NDArray[np.float64]:
    """Cumulate the sign-up calendar, one row a habit, scaled to end at 1.

    Nobody signs up in the gap: every user's first event survived the load.
    """
    months, weekdays = months_and_weekdays()
    low, high = SIGNUP_GROWTH
    growth = low + (high - low) * np.arange(N_DAYS) / (N_DAYS - 1)
    by_day = growth * SIGNUP_SEASON[months] * SIGNUP_WEEKDAY[weekdays]
    by_day[(GAP_US[0] - START_US) // DAY_US : (GAP_US[1] - START_US) // DAY_US] = 0.0
    clock = _cumulated((by_day[None, :, None] * HABIT_HOURS[:, None, :]).reshape(len(HABITS), -1))
    return clock / clock[:, -1:]


def _cumulated(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((rate.shape[0], 1)), np.cumsum(rate, axis=1)], axis=1)
