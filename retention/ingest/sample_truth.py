"""What is true of the sample shop: read by tests and studies, never by the app."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from retention.errors import SpecError, nearest
from retention.ingest import sample_laws as laws

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LN2 = 0.6931471805599453
_SQRT_HALF = 0.7071067811865476


def ln(x: Floats) -> Floats:
    """Take natural logarithms that have the same bits on every machine.

    Notes
    -----
    `np.log` and `np.exp` differ in the last bit between processors (their vector code is chosen at run
    time), which could move an event by a microsecond. Here ln x = e ln 2 + 2 artanh((m − 1) / (m + 1)) with
    x = m 2^e uses only + − × ÷, which IEEE 754 rounds alike everywhere. Relative error below 1e-15.

    Examples
    --------
    >>> bool(abs(ln(np.array([10.0]))[0] - 2.302585092994046) < 1e-15)
    True
    """
    mantissa, exponent = np.frexp(x)
    is_low = mantissa < _SQRT_HALF
    mantissa = np.where(is_low, mantissa * 2.0, mantissa)
    power = exponent.astype(np.float64) - is_low
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    series = np.full_like(s, 1.0 / 23.0)
    for odd in range(21, 0, -2):
        series = series * square + 1.0 / odd
    return power * _LN2 + 2.0 * s * series


def exp(x: Floats) -> Floats:
    """Exponentiate with the same bits on every machine; see `ln`.

    Examples
    --------
    >>> bool(abs(exp(np.array([1.0]))[0] - 2.718281828459045) < 1e-14)
    True
    """
    power = np.rint(x / _LN2)
    rest = x - power * _LN2
    series = np.ones_like(rest)
    for n in range(16, 0, -1):
        series = series * rest / n + 1.0
    return np.ldexp(series, np.clip(power, -1100, 1100).astype(np.int32))


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The latent facts of every simulated user, in the order of `user_id`.

    Attributes
    ----------
    user_id : ndarray of str
    segment, habit, channel, country, device, language, plan : ndarray of int64, shape (n_users,)
        Codes into the tuples of `sample_laws` (SEGMENTS, HABITS, CHANNELS, COUNTRIES, …). `channel` is the
        one the user was won by; a visit may come by another.
    signup_us : ndarray of int64
        Instant of the sign-up; no event of the user is earlier.
    hazard_ratio : ndarray of float
        Channel ratio × country ratio: multiplies the Weibull hazard of the segment.
    lifetime_days : ndarray of float
        From sign-up to death, uncensored: it may end after the data do. No visit *starts* at or after
        death; the events of a visit under way (at most 20 minutes) are finished. Only `campaign_sent` (the
        shop cannot know) and `refund` (the parcel is on its way back) may come later.
    lawful_lifetime_days : ndarray of float
        What the lifetime would be without the order effect. It follows `survival` exactly; equal to
        `lifetime_days` when `order_effect` is 1.
    order_trigger_us : ndarray of int64
        Start of the second of two visits, with no purchase between them, that put something into the basket
        after a search and bought nothing; −1 where never in the lawful life. A search after the basket does
        not count, so counts of events do not tell. From then on the hazard is multiplied by `order_effect`.
        Visits that a campaign brings do not count towards it and those it keeps away
        do, so that a lifetime never depends on the arm.
    visits_per_day : ndarray of float
        Mean rate of base visits while alive; the actual rate is this times the slope of the visit clock.
    cart, buy, sensitivity : ndarray of float
        P(basket | visit), P(purchase | basket, coupon) and the price sensitivity: without a coupon
        P(purchase | basket) = buy · (1 − sensitivity).
    taste : ndarray of float, shape (n_users, n_categories)
        P(category): the affinity of the segment times the user's own gamma of mean 1 and shape 2.
    favourite : ndarray of int64, shape (n_users, n_categories)
        The user's favourite item of each category.
    rating_bias : ndarray of float
        Stars this user adds.
    arm : ndarray of int64, shape (n_users, n_campaigns)
        1 treated, 0 control, −1 not eligible (younger than four weeks at the sending).
    persuaded, disturbed : ndarray of float, shape (n_users, n_campaigns) and (n_users,)
        P(extra visit | treated) before death is considered, and P(keeping away for two weeks | treated).
    uplift : ndarray of float, shape (n_users, n_campaigns)
        P(a visit starts in the two weeks after the sending | treated) − P(same | control), given the user's
        lifetime and rate; NaN where not eligible. Exact for `order_effect` = 1; with an order effect the
        lifetime tells a little of the visits, so read the potential outcomes.
    retained_if_control, retained_if_treated : ndarray of bool, shape (n_users, n_campaigns)
        Both potential outcomes as drawn; the arm decides which one happened. Exact always.
    order_effect : float
        Hazard ratio after `order_trigger_us`; 1 plants nothing.
    refunds : pyarrow.Table
        `refund_hash`, `purchase_hash`: the purchase behind every refund, by `row_hash`.
    item_quality : ndarray of float, shape (n_items,)
        Stars the item deserves.
    companion : ndarray of int64, shape (n_items,)
        The item that joins the basket with probability `COMPANION_PROBABILITY`.
    """

    user_id: NDArray[np.str_]
    segment: Ints
    habit: Ints
    channel: Ints
    country: Ints
    device: Ints
    language: Ints
    plan: Ints
    signup_us: Ints
    hazard_ratio: Floats
    lifetime_days: Floats
    lawful_lifetime_days: Floats
    order_trigger_us: Ints
    visits_per_day: Floats
    cart: Floats
    buy: Floats
    sensitivity: Floats
    taste: Floats
    favourite: Ints
    rating_bias: Floats
    arm: Ints
    persuaded: Floats
    disturbed: Floats
    uplift: Floats
    retained_if_control: Bools
    retained_if_treated: Bools
    order_effect: float
    refunds: pa.Table
    item_quality: Floats
    companion: Ints

    #: Shared by all users of a shop, so not joined end to end.
    SHARED = ("order_effect", "item_quality", "companion")

    @property
    def death_us(self) -> Ints:
        """Instant of death of each user, us UTC; may lie after the data."""
        return self.signup_us + (self.lifetime_days * laws.DAY_US).astype(np.int64)

    @property
    def purchases_per_visit(self) -> Floats:
        """Expected baskets bought per base visit of each user."""
        shown = laws.COUPON_PROBABILITY
        return self.cart * self.buy * (shown + (1.0 - shown) * (1.0 - self.sensitivity))

    def survival(self, segment: str, t_days: ArrayLike, hazard_ratio: float = 1.0) -> Floats:
        """Give S(t) = exp(−hazard_ratio · (t / scale)^shape) of a segment, t in days since sign-up.

        Raises
        ------
        SpecError
            If there is no such segment.
        """
        law = _segment(segment)
        t = np.asarray(t_days, dtype=np.float64)
        return np.asarray(np.exp(-hazard_ratio * (t / law.scale_days) ** law.shape))

    def hazard(self, segment: str, t_days: ArrayLike, hazard_ratio: float = 1.0) -> Floats:
        """Give the hazard a day, hr · (shape / scale) · (t / scale)^(shape − 1), at t > 0 days."""
        law = _segment(segment)
        t = np.asarray(t_days, dtype=np.float64)
        base = law.shape / law.scale_days * (t / law.scale_days) ** (law.shape - 1.0)
        return np.asarray(hazard_ratio * base)

    def survival_of(self, users: ArrayLike, t_days: ArrayLike) -> Floats:
        """Average the lawful survival curves of some users (a mask or positions): the curve of a mixture."""
        t = np.atleast_1d(np.asarray(t_days, dtype=np.float64))
        segment, ratio = self.segment[np.asarray(users)], self.hazard_ratio[np.asarray(users)]
        shape = np.array([s.shape for s in laws.SEGMENTS])[segment]
        scale = np.array([s.scale_days for s in laws.SEGMENTS])[segment]
        return np.array([np.exp(-ratio * (at / scale) ** shape).mean() for at in t])

    def visit_mean(self, from_us: ArrayLike, to_us: ArrayLike) -> Floats:
        """Expect so many base visits of each user in [from, to), given the true lifetime."""
        return expected_visits(self.habit, self.visits_per_day, self.signup_us, self.death_us, from_us, to_us)


def _segment(name: str) -> laws.Segment:
    for segment in laws.SEGMENTS:
        if segment.name == name:
            return segment
    raise SpecError(f'There is no segment "{name}".', hint=nearest(name, [s.name for s in laws.SEGMENTS]))


def clock_at(clock: Floats, habit: Ints, at_us: Ints) -> Floats:
    """Read a cumulated calendar at instants, each in the row of its habit."""
    hours = np.clip(at_us - laws.START_US, 0, laws.END_US - laws.START_US) / laws.HOUR_US
    low = np.minimum(hours.astype(np.int64), clock.shape[1] - 2)
    before = clock[habit, low]
    return before + (clock[habit, low + 1] - before) * (hours - low)


def clock_instant(clock: Floats, habit: Ints, reading: Floats) -> Ints:
    """Find the instant (us UTC) at which a cumulated calendar reads so: the inverse of `clock_at`."""
    out = np.empty(reading.shape, dtype=np.int64)
    for h in range(clock.shape[0]):
        mine = np.flatnonzero(habit == h)
        row = clock[h]
        low = np.clip(np.searchsorted(row, reading[mine], side="right") - 1, 0, row.size - 2)
        part = np.clip((reading[mine] - row[low]) / (row[low + 1] - row[low]), 0.0, 1.0)
        out[mine] = laws.START_US + low * laws.HOUR_US + (part * laws.HOUR_US).astype(np.int64)
    return out


def expected_visits(
    habit: Ints, visits_per_day: Floats, signup_us: Ints, death_us: Ints, from_us: ArrayLike, to_us: ArrayLike
) -> Floats:
    """Expect so many base visits in [from, to) ∩ [sign-up, death)."""
    clock = laws.visit_clock()
    low = np.maximum(signup_us, np.asarray(from_us))
    high = np.maximum(low, np.minimum(death_us, np.asarray(to_us)))
    return visits_per_day * (clock_at(clock, habit, high) - clock_at(clock, habit, low))


def joined(parts: Sequence[Truth]) -> Truth:
    """Put the truths of successive blocks of users end to end."""
    whole: dict[str, object] = {}
    for field in fields(Truth):
        values = [getattr(part, field.name) for part in parts]
        if field.name in Truth.SHARED:
            whole[field.name] = values[0]
        elif field.name == "refunds":
            whole[field.name] = pa.concat_tables(values)
        else:
            whole[field.name] = np.concatenate(values)
    return Truth(**whole)  # type: ignore[arg-type]
