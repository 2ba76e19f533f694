"""What an intervention may bring and costs, before anything is sent: every figure with its interval.

All is sums over users that were made once, so that a move of a slider is arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.judgement import Figure
from retention.intervals import Z95
from retention.interventions.effects import Uplift
from retention.interventions.people import People
from retention.interventions.spec import Cost, Intervention, Unit
from retention.interventions.spec_preview import Terms

Floats = NDArray[np.float64]
MOST_POINTS = 61
MOST_SIZES = 257
UNKNOWN = Figure(np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class Detection:
    """What the comparison with the holdout can find out, at 80 % power and 5 % error.

    Attributes
    ----------
    base_rate : float
        Share that is expected to stay without action; the holdout's.
    assumed : float
        The assumed effect, as a difference of the share that stays.
    smallest : float
        The smallest difference that is found in four of five tries; NaN where none is, or without a holdout.
    power : float
        The probability with which the assumed effect is found; NaN without a holdout.
    needed_users : float
        Users on the list that the assumed effect would take with this holdout; NaN where no number is enough.
    needed_holdout : float
        The smallest share held out, of these users, that finds the assumed effect; NaN where half is not enough.
    """

    base_rate: float
    assumed: float
    smallest: float
    power: float
    needed_users: float
    needed_holdout: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What can be expected of an intervention; intervals are 95 %.

    Attributes
    ----------
    people : People
    intervention : Intervention
    terms : Terms
    unit : {"save rate", "points"}
    effect : Figure
        The size of the effect that is reckoned with, and its range.
    n_contacted, n_held : int
        Expected; whom the draw holds out is known when the campaign is assigned.
    stay : Figure
        Users of the list who are expected to stay if nothing is done.
    extra : Figure
        Of those contacted, users who stay because of it.
    cost : Figure
        Money: contacts, and incentives to whoever stays and takes them.
    wasted : Figure
        Of it, incentives to users who would have stayed anyway.
    value_kept : Figure
        Money: the margin on the value of the users who stay because of it; NaN where no value is known.
    net : Figure
        Money: `value_kept` less `cost`; NaN where no value is known.
    gain_probability : float
        That the net is more than 0.
    break_even : float
        The size of the effect, in `unit`, from which on the net is more than 0; NaN where none is large enough.
    detection : Detection
    """

    people: People
    intervention: Intervention
    terms: Terms
    unit: Unit
    effect: Figure
    n_contacted: int
    n_held: int
    stay: Figure
    extra: Figure
    cost: Figure
    wasted: Figure
    value_kept: Figure
    net: Figure
    gain_probability: float
    break_even: float
    detection: Detection

    @property
    def is_money_known(self) -> bool:
        """Whether the value of anybody is known."""
        return not np.isnan(self.net.value)


@dataclass(frozen=True, slots=True)
class Money:
    """The arithmetic of one intervention for some people.

    Notes
    -----
    A user with risk p and value v stays anyway with 1 − p, stays because of the contact with u, and else is lost. With
    contact cost c, incentive d, redemption r and margin m, a contacted user brings X = m v, if kept, − c − d if staying
    and redeeming. E X = (m v − d r) u + d r p − (c + d r). The sum over the users is near normal (Lyapunov); it is unsure

    - by luck: who lapses, is kept, redeems, and is held out: Σ t E X² − t² (E X)², t being the share contacted. The
      joint law of staying without and with the contact is the monotone one: where u ≥ 0 nobody who would stay is driven
      away, where u < 0 nobody is kept. Users are independent given their risk.
    - by the effect, which all users share: the derivative by each of its errors;
    - by the calibration of the risk, which all share: the derivative by its intercept and slope.

    Values are taken as known.

    References
    ----------
    Neyman, J. (1923), translated in Statistical Science 5 (1990). On the application of probability theory to agricultural
    experiments: the difference between potential outcomes that a sum of them is unsure by.
    """

    people: People
    uplift: Uplift
    cost: Cost
    terms: Terms

    @property
    def contacted(self) -> float:
        """The share that is contacted."""
        return 1 - self.terms.holdout

    @property
    def is_known(self) -> bool:
        """Whether the value of anybody is known."""
        return self.people.n_users > 0 and (self.terms.value is not None or self.people.n_valued > 0)

    def _of_value(self, a: int) -> tuple[int, float]:
        """Return which power of the users' own values to sum, and the factor before it."""
        value = self.terms.value
        return (a, self.terms.margin**a) if value is None else (0, (self.terms.margin * value) ** a)

    def _sum(self, a: int, b: int, w: int) -> float:
        power, factor = self._of_value(a)
        return factor * self.uplift.sum(self.people, power, b, w)

    def _gross(self, a: int) -> float:
        power, factor = self._of_value(a)
        return factor * self.uplift.gross(self.people, power)

    def _moved(self, a: int) -> Floats:
        power, factor = self._of_value(a)
        return factor * self.uplift.moved(self.people, power)

    def _own(self, a: int) -> float:
        power, factor = self._of_value(a)
        return factor * self.uplift.own(self.people, power)

    def _turned(self, a: int) -> Floats:
        power, factor = self._of_value(a)
        return factor * np.array(self.uplift.turned(self.people, power))

    def _figure(self, mean: float, luck: float, shared: Floats, own: float, turned: Floats, low: float, high: float) -> Figure:
        variance = max(luck, 0.0) + float(shared @ shared) + own + float(turned @ self.people.error @ turned)
        half = Z95 * sqrt(variance)
        return Figure(mean, max(mean - half, low), min(mean + half, high))

    def stay(self) -> Figure:
        """How many stay if nothing is done?"""
        s, n = self.people.whole, float(self.people.n_users)
        turned = -np.array(self.people.turns[0])
        return self._figure(n - s(0, 1), s(0, 1) - s(0, 2), np.zeros(1), 0.0, turned, 0.0, n)

    def extra(self) -> Figure:
        """How many stay because of it?"""
        t, sum_ = self.contacted, self.uplift.sum
        mean = t * sum_(self.people, 0, 0, 1)
        luck = t * self.uplift.gross(self.people, 0) - t * t * sum_(self.people, 0, 0, 2)
        at_risk, others = t * self.people.whole(0, 1), t * (self.people.n_users - self.people.whole(0, 1))
        shared, own = t * self.uplift.moved(self.people, 0), t * t * self.uplift.own(self.people, 0)
        least = 0.0 if self.uplift.unit == "save rate" else -others
        return self._figure(mean, luck, shared, own, t * np.array(self.uplift.turned(self.people, 0)), least, at_risk)

    def _balance(self, cost: Cost, *, is_valued: bool) -> tuple[float, float, Floats, float, Floats]:
        """Return mean, luck, and the shared, own and calibration's part of what is unsure, of Σ t X."""
        t, n, s = self.contacted, float(self.people.n_users), self.people.whole
        c, d, r = cost.contact, cost.incentive, cost.redemption
        dr, fixed, redeemed = d * r, c + d * r, r * (2 * c * d + d * d)
        u = self._sum(0, 0, 1)
        vu = vuu = vup = vvuu = v_gross = vv_gross = 0.0
        if is_valued:
            vu, vuu, vup, vvuu = self._sum(1, 0, 1), self._sum(1, 0, 2), self._sum(1, 1, 1), self._sum(2, 0, 2)
            v_gross, vv_gross = self._gross(1), self._gross(2)
        mean = vu - dr * u + dr * s(0, 1) - n * fixed
        # E X² = c² + r (2 c d + d²) (1 − p + u) + V² |u| − 2 c V u − 2 d r V s, where V = m v and s is who is kept.
        square = n * c * c + redeemed * (n - s(0, 1) + u) + vv_gross - 2 * c * vu - dr * (v_gross + vu)
        mean_square = (
            vvuu - 2 * dr * vuu + dr * dr * self._sum(0, 0, 2)
            + dr * dr * s(0, 2) + fixed * fixed * n
            + 2 * dr * (vup - dr * self._sum(0, 1, 1))
            - 2 * fixed * (vu - dr * u) - 2 * dr * fixed * s(0, 1)
        )  # fmt: skip
        shared, turned = -dr * self._moved(0), -dr * self._turned(0) + dr * np.array(self.people.turns[0])
        own = dr * dr * self._own(0)
        if is_valued:
            shared, turned = shared + self._moved(1), turned + self._turned(1)
            own += self._own(2) - 2 * dr * self._own(1)
        return t * mean, t * square - t * t * mean_square, t * shared, t * t * own, t * turned

    def spent(self) -> Figure:
        """What does it cost?"""
        mean, luck, shared, own, turned = self._balance(self.cost, is_valued=False)
        n = self.people.n_users
        return self._figure(-mean, luck, shared, own, turned, 0.0, n * (self.cost.contact + self.cost.incentive))

    def wasted(self) -> Figure:
        """How much of it goes to users who would have stayed anyway?"""
        t, n, s = self.contacted, float(self.people.n_users), self.people.whole
        d, r = self.cost.incentive, self.cost.redemption
        stay, stay_square = n - s(0, 1), n - 2 * s(0, 1) + s(0, 2)
        luck = t * d * d * r * stay - (t * d * r) ** 2 * stay_square
        return self._figure(t * d * r * stay, luck, np.zeros(1), 0.0, -t * d * r * np.array(self.people.turns[0]), 0.0, n * d)

    def value_kept(self) -> Figure:
        """What are those worth who stay because of it?"""
        if not self.is_known:
            return UNKNOWN
        least = 0.0 if self.uplift.unit == "save rate" else -np.inf
        return self._figure(*self._balance(Cost(), is_valued=True), least, np.inf)

    def net(self) -> tuple[Figure, float]:
        """What is left, and how probably is it more than 0?"""
        if not self.is_known:
            return UNKNOWN, np.nan
        found = self._figure(*self._balance(self.cost, is_valued=True), -np.inf, np.inf)
        spread = (found.high - found.low) / (2 * Z95)
        if spread <= 0:
            return found, float(found.value > 0)
        return found, 1 - NormalDist(found.value, spread).cdf(0.0)

    def at(self, size: float) -> Money:
        """Take the size of the effect as known."""
        return Money(self.people, self.uplift.at(size), self.cost, self.terms)

    def _net_of(self, size: float) -> float:
        money, (c, d, r) = self.at(size), (self.cost.contact, self.cost.incentive, self.cost.redemption)
        stay = self.people.n_users - self.people.whole(0, 1) + money._sum(0, 0, 1)
        return self.contacted * (money._sum(1, 0, 1) - d * r * stay - c * self.people.n_users)

    @property
    def most(self) -> float:
        """The largest effect there can be: everybody who would lapse stays."""
        if self.uplift.unit == "save rate":
            return 1.0
        return self.people.whole(0, 1) / self.people.n_users if self.people.n_users else 0.0

    def break_even(self) -> float:
        """From which size of the effect on is the net more than 0? NaN where none is large enough.

        Uplifts of single users are scaled all alike.
        """
        if not self.is_known:
            return np.nan
        without = self._net_of(0.0)
        if without >= 0:
            return 0.0
        if self.uplift.is_proportional:
            slope = (self._net_of(self.most) - without) / self.most if self.most else 0.0
            found = -without / slope if slope > 0 else np.nan
            return found if found <= self.most else np.nan
        sizes = np.linspace(0.0, self.most, MOST_SIZES)
        after = next((i for i, one in enumerate(sizes) if self._net_of(float(one)) > 0), 0)
        if not after:
            return np.nan
        low, high = float(sizes[after - 1]), float(sizes[after])
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if self._net_of(middle) > 0 else (middle, high)
        return high

    def curve(self) -> pd.DataFrame:
        """Lay out what would come of it if the effect were of one size or another.

        Returns
        -------
        DataFrame
            effect (in the effect's unit), extra and net, each with _low and _high: the luck and the calibration, the effect
            being taken as known.
        """
        middle, spread = self.uplift.size, Z95 * self.uplift.error
        even = self.break_even()
        top = max(middle + 2 * spread, 0.0 if np.isnan(even) else 1.25 * even, 0.02 if self.most > 0.02 else self.most)
        bottom = min(0.0, middle - spread) if self.uplift.unit == "points" else 0.0
        marks = [x for x in (middle, middle - spread, middle + spread, even) if bottom <= x <= self.most]
        sizes = np.unique([*np.linspace(bottom, min(top, self.most), MOST_POINTS), *marks])
        found = []
        for size in sizes:
            money = self.at(float(size))
            extra, (net, _) = money.extra(), money.net()
            found.append((size, extra.value, extra.low, extra.high, net.value, net.low, net.high))
        return pd.DataFrame(found, columns=["effect", "extra", "extra_low", "extra_high", "net", "net_low", "net_high"])


def previewed_money(money: Money, intervention: Intervention, detection: Detection) -> Preview:
    """Put every figure together."""
    people, terms, uplift = money.people, money.terms, money.uplift
    n_held = round(people.n_users * terms.holdout)
    (net, gain_probability), half = money.net(), Z95 * uplift.error
    return Preview(
        people=people, intervention=intervention, terms=terms, unit=uplift.unit,
        effect=Figure(uplift.size, uplift.size - half, uplift.size + half),
        n_contacted=people.n_users - n_held, n_held=n_held, stay=money.stay(), extra=money.extra(), cost=money.spent(),
        wasted=money.wasted(), value_kept=money.value_kept(), net=net, gain_probability=gain_probability,
        break_even=money.break_even(), detection=detection,
    )  # fmt: skip
