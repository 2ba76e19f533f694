"""What contacting users costs and may bring, and how many to contact: expected maximum profit."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.errors import SpecError

Floats = NDArray[np.float64]
SURENESS = 20
"""How sure the assumed save rate is: as sure as twenty would-be lapsers who were contacted would make it."""
SAVE_RATES = tuple(i / SURENESS for i in range(1, SURENESS))
DEFAULT_SAVE_RATE = 0.3
"""6 of 20, as Verbraken, Verbeke and Baesens (2013) assume for telephone companies."""


@dataclass(frozen=True, slots=True)
class SaveRate:
    """The share of contacted would-be lapsers who stay because of it: a beta distribution, for nobody knows the share.

    Parameters
    ----------
    alpha, beta : int
        Of the beta distribution; its mean is alpha / (alpha + beta).

    Examples
    --------
    >>> usual = SaveRate.around(0.3)
    >>> usual.alpha, usual.beta, usual.mean
    (6, 14, 0.3)
    >>> round(usual.low, 2), round(usual.high, 2)
    (0.13, 0.51)
    """

    alpha: int
    beta: int

    def __post_init__(self) -> None:
        if self.alpha < 1 or self.beta < 1:
            raise SpecError("The assumed save rate must be more than 0 and less than 1.", hint="For example: 30 %.")

    @classmethod
    def around(cls, rate: float) -> SaveRate:
        """Take a share as the mean, rounded to one in twenty."""
        alpha = round(rate * SURENESS)
        return cls(alpha, SURENESS - alpha)

    @property
    def mean(self) -> float:
        """The expected share."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def spread(self) -> float:
        """The standard deviation."""
        n = self.alpha + self.beta
        return sqrt(self.alpha * self.beta / (n * n * (n + 1)))

    def below(self, share: ArrayLike) -> Floats:
        """Return the probability that the save rate is at most a share."""
        return _beta_below(np.asarray(share, dtype=np.float64), self.alpha, self.beta)

    def mean_below(self, share: ArrayLike) -> Floats:
        """Return the expectation of the save rate where it is at most a share: ∫ γ h(γ) dγ from 0 to it."""
        return self.mean * _beta_below(np.asarray(share, dtype=np.float64), self.alpha + 1, self.beta)

    def quantile(self, probability: float) -> float:
        """Return the share that the save rate stays below with a probability."""
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if float(self.below(middle)) < probability else (low, middle)
        return (low + high) / 2

    @property
    def low(self) -> float:
        """The lower end of the middle 95 %."""
        return self.quantile(0.025)

    @property
    def high(self) -> float:
        """The upper end of the middle 95 %."""
        return self.quantile(0.975)


def _beta_below(x: Floats, alpha: int, beta: int) -> Floats:
    """Return the distribution function of a beta with whole parameters: at least alpha of alpha + beta − 1 coins fall heads."""
    n = alpha + beta - 1
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(sum(comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(alpha, n + 1)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What is done for a user who is contacted, and what a user who stays is worth.

    Parameters
    ----------
    contact_cost : float
        Of reaching one user, whatever comes of it.
    incentive : float
        Given to whoever stays: to those who were saved by it, and to those who would have stayed anyway.
    save_rate : float
        Assumed share of contacted would-be lapsers who stay because of it, rounded to one in twenty.
    value : float, optional
        What a user who stays is worth, the same for all; by default each user's own value.

    Raises
    ------
    SpecError
        If a cost or the value is below 0, or the save rate is not between 0 and 1.
    """

    contact_cost: float = 1.0
    incentive: float = 10.0
    save_rate: float = DEFAULT_SAVE_RATE
    value: float | None = None

    def __post_init__(self) -> None:
        for name in ("contact_cost", "incentive", "value"):
            amount = getattr(self, name)
            if amount is not None and not 0 <= amount < 1e12:
                raise SpecError(f"`{name}` must be an amount of money from 0 on, not {amount:g}.")
        SaveRate.around(self.save_rate)

    @property
    def saving(self) -> SaveRate:
        """The save rate with how unsure it is."""
        return SaveRate.around(self.save_rate)


@dataclass(frozen=True, slots=True)
class Maximum:
    """The best that can be expected of a ranking.

    Attributes
    ----------
    profit : float
    place : float
        How far down the ranking to go, in the places that were given; expected over the save rate.
    """

    profit: float
    place: float


def maximum_profit(gain: ArrayLike, cost: ArrayLike, save_rate: float, places: ArrayLike | None = None) -> Maximum:
    """Return the largest profit of a ranking where the save rate is known: max over k of γ·gain[k] − cost[k].

    Parameters
    ----------
    gain, cost : array-like, shape (n_places,)
        Of contacting everybody up to a place: what comes of it where all who would lapse are saved, and what has to be
        paid whatever comes of it. The first place is nobody: 0 and 0.
    places : array-like, optional
        What each place is called: a number of users, or a share of them; by default 0, 1, 2 …

    References
    ----------
    Verbeke, W., Dejaeger, K., Martens, D., Hur, J. & Baesens, B. (2012). New insights into churn prediction in the
    telecommunication sector: a profit driven data mining approach. European Journal of Operational Research 218.
    """
    a, b = np.asarray(gain, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    named = np.arange(len(a), dtype=np.float64) if places is None else np.asarray(places, dtype=np.float64)
    profit = save_rate * a - b
    best = int(profit.argmax())
    return Maximum(float(profit[best]), float(named[best]))


def expected_maximum_profit(
    gain: ArrayLike, cost: ArrayLike, saving: SaveRate, places: ArrayLike | None = None
) -> Maximum:
    """Return the expected largest profit of a ranking where the save rate is known only as a distribution.

    Parameters
    ----------
    gain, cost, places
        See `maximum_profit`.

    Notes
    -----
    EMP = ∫ max over k of (γ·gain[k] − cost[k]) h(γ) dγ. The places that are best for some γ are the corners of the convex
    hull of (gain, cost); between two neighbouring switches the integral is gain·∫γh − cost·∫h, in closed form.

    References
    ----------
    Verbraken, T., Verbeke, W. & Baesens, B. (2013). A novel profit maximizing metric for measuring classification
    performance of customer churn prediction models. IEEE Transactions on Knowledge and Data Engineering 25.
    """
    a, b = np.asarray(gain, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    named = np.arange(len(a), dtype=np.float64) if places is None else np.asarray(places, dtype=np.float64)
    corners = _corners(a, b)
    a, b, named = a[corners], b[corners], named[corners]
    switches = np.concatenate([[0.0], np.clip(np.diff(b) / np.diff(a), 0.0, 1.0), [1.0]]) if len(a) > 1 else np.array([0.0, 1.0])
    weight, mean = np.diff(saving.below(switches)), np.diff(saving.mean_below(switches))
    return Maximum(float(a @ mean - b @ weight), float(named @ weight))


def _corners(a: Floats, b: Floats) -> NDArray[np.int64]:
    """List the places that are best for some save rate from 0 to 1, by rising gain."""
    order = np.lexsort((b, a))
    found: list[int] = []
    for i in order:
        if found and a[i] == a[found[-1]]:
            continue  # the same gain at a higher cost
        while len(found) > 1 and (
            (b[found[-1]] - b[found[-2]]) * (a[i] - a[found[-1]]) >= (b[i] - b[found[-1]]) * (a[found[-1]] - a[found[-2]])
        ):
            found.pop()
        found.append(int(i))
    # Where the save rate is 0 the cheapest place is best; what gains less and costs more never is.
    while len(found) > 1 and b[found[1]] <= b[found[0]]:
        found.pop(0)
    return np.array(found)


def ranking_profit(
    lapsed: ArrayLike, scores: ArrayLike, offer: Offer, *, is_save_rate_known: bool = False
) -> Maximum:
    """Judge a score by the profit per user that it allows on users whose outcome is known.

    Parameters
    ----------
    lapsed : array-like of {0, 1}, shape (n_users,)
    scores : array-like, shape (n_users,)
    offer : Offer
        With a value, the same for all.
    is_save_rate_known : bool
        MPC at the offer's mean save rate, instead of EMP over its distribution.

    Returns
    -------
    Maximum
        Profit per user, and the share of users to contact.

    Notes
    -----
    With value V, incentive d and contact cost f, contacting a would-be lapser brings γ(V − d) − f and anybody else
    −d − f: P(t; γ) = V(γ(1 − δ) − φ)·π₀F₀(t) − V(δ + φ)·π₁F₁(t) with δ = d / V and φ = f / V, as in the paper. Users
    with equal scores are contacted together or not at all.

    References
    ----------
    Verbraken, Verbeke & Baesens (2013), equations 4, 8 and 14.

    Examples
    --------
    >>> whole = ranking_profit([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], Offer(value=200.0), is_save_rate_known=True)
    >>> round(whole.profit, 6), whole.place             # half the users, each 0.3 · (200 − 10) − 1 = 56
    (28.0, 0.5)
    """
    if offer.value is None:
        raise SpecError("A value of a user is needed to speak of profit.", hint="Name an amount.")
    y, s = np.asarray(lapsed, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    ends = np.flatnonzero(np.append(np.diff(s) != 0, [True])) if len(s) else np.zeros(0, dtype=np.int64)
    reached, caught = np.concatenate([[0], ends + 1]), np.concatenate([[0.0], np.cumsum(y)[ends]])
    gain = caught * (offer.value - offer.incentive) / len(y)
    cost = (reached * offer.contact_cost + (reached - caught) * offer.incentive) / len(y)
    if is_save_rate_known:
        return maximum_profit(gain, cost, offer.saving.mean, reached / len(y))
    return expected_maximum_profit(gain, cost, offer.saving, reached / len(y))
