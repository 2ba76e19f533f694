"""By how much contacting each user raises the probability of staying, and how unsure that is.

One form for every source: an assumed share of the would-be lapsers, percentage points that a past campaign measured, and
uplifts of single users that a model estimates (`user_uplifts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.errors import SpecError
from retention.intervals import Z95
from retention.interventions.catalogue import Measured
from retention.interventions.people import People
from retention.interventions.spec import Effect, Unit

Floats = NDArray[np.float64]


class Uplift(Protocol):
    """What a preview and the optimiser ask of an effect; v is a user's value, p the risk, u the uplift.

    `unit` says what `size` counts, its middle; `error` is the standard error of `size`.
    """

    @property
    def unit(self) -> Unit: ...
    @property
    def size(self) -> float: ...
    @property
    def error(self) -> float: ...
    @property
    def is_proportional(self) -> bool:
        """Whether everybody's uplift is so many times `size`."""
        ...

    def at(self, size: float) -> Uplift:
        """Return the same effect as if its size were known to be another."""
        ...

    def of_users(self, people: People) -> Floats:
        """Return u of each user, in the order of `people`."""
        ...

    def sum(self, people: People, a: int, b: int, w: int) -> float:
        """Return Σ v^a p^b u^w, for b + w of at most 2."""
        ...

    def gross(self, people: People, a: int) -> float:
        """Return Σ v^a |u|."""
        ...

    def moved(self, people: People, a: int) -> Floats:
        """Return by how much Σ v^a u is off for one standard deviation of each error that users share."""
        ...

    def own(self, people: People, a: int) -> float:
        """Return Σ v^a e², e being the standard error of a user's uplift that no other shares."""
        ...

    def turned(self, people: People, a: int) -> tuple[float, float]:
        """Return by how much a mistake of the calibration's intercept and slope moves Σ v^a u."""
        ...


@dataclass(frozen=True, slots=True)
class SaveRate:
    """A share of the would-be lapsers stays: u = γ p. Nobody is driven away.

    Attributes
    ----------
    size, error : float
        γ and its standard error.
    """

    size: float
    error: float = 0.0
    unit: Unit = "save rate"
    is_proportional: bool = True

    def at(self, size: float) -> SaveRate:
        """Take another γ as known."""
        return SaveRate(size)

    def of_users(self, people: People) -> Floats:
        """Return γ p."""
        return self.size * people.probability

    def sum(self, people: People, a: int, b: int, w: int) -> float:
        """Return γ^w Σ v^a p^(b + w)."""
        return self.size**w * people.whole(a, b + w)

    def gross(self, people: People, a: int) -> float:
        """Return Σ v^a γ p."""
        return abs(self.size) * people.whole(a, 1)

    def moved(self, people: People, a: int) -> Floats:
        """Return the effect of one standard error of γ."""
        return np.array([self.error * people.whole(a, 1)])

    def own(self, people: People, a: int) -> float:
        """Nobody has an error of their own."""
        return 0.0

    def turned(self, people: People, a: int) -> tuple[float, float]:
        """Return γ times what the risk is off by."""
        by_intercept, by_slope = people.turns[a]
        return self.size * by_intercept, self.size * by_slope


@dataclass(frozen=True, slots=True)
class Points:
    """The share that stays rises by so much on average, alike for all; nobody gains more than there is to lose.

    Attributes
    ----------
    size, error : float
        The mean uplift over the users, 0.03 for three percentage points, and its standard error.

    Notes
    -----
    Where u = δ for everybody would go beyond the risk of some, these have u = p, and the level c of the others is raised
    until the mean of min(c, p) is δ: what was measured is a mean. It cannot be more than the mean risk.
    """

    size: float
    error: float = 0.0
    unit: Unit = "points"
    is_proportional: bool = False

    def at(self, size: float) -> Points:
        """Take another mean as known."""
        return Points(size)

    def level(self, people: People) -> tuple[int, float]:
        """Return how many users of the lowest risk gain all of it, and the level of the others."""
        n, total = people.n_users, self.size * people.n_users
        if not n:
            return 0, 0.0
        k = int(np.searchsorted(people.filled, total, side="left"))
        if k >= n:
            return n, float(people.probability[-1])  # more than there is to lose: everybody is kept
        return k, (total - float(people.sums[0, 1][k])) / (n - k)

    def of_users(self, people: People) -> Floats:
        """Return min(c, p)."""
        k, level = self.level(people)
        return np.concatenate([people.probability[:k], np.full(people.n_users - k, level)])

    def sum(self, people: People, a: int, b: int, w: int) -> float:
        """Return the sum over those who gain all, and over the others."""
        k, level = self.level(people)
        every, below = people.sums[a, b], people.sums[a, b + w]
        return float(below[k] + level**w * (every[-1] - every[k]))

    def gross(self, people: People, a: int) -> float:
        """Return Σ v^a |u|: all have the same sign."""
        return abs(self.sum(people, a, 0, 1))

    def moved(self, people: People, a: int) -> Floats:
        """Return the effect of one standard error of the mean: the level of the others rises."""
        k, _ = self.level(people)
        if k == people.n_users:
            return np.zeros(1)
        every = people.sums[a, 0]
        return np.array([self.error * people.n_users / (people.n_users - k) * (every[-1] - every[k])])

    def own(self, people: People, a: int) -> float:
        """Nobody has an error of their own."""
        return 0.0

    def turned(self, people: People, a: int) -> tuple[float, float]:
        """A mean that was measured stays what it is; only where all are kept does the risk decide."""
        return people.turns[a] if people.n_users and self.level(people)[0] == people.n_users else (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class UserUplifts:
    """Uplifts of single users, as `user_uplifts` sums them up.

    Attributes
    ----------
    uplift : ndarray, shape (n_users,)
        u of each user, in the order of the people.
    size, error : float
        The mean uplift and its standard error.
    sums : mapping of (a, b, w) to float
        Σ v^a p^b u^w.
    gross_sums, own_sums : tuple of float
        For each a: Σ v^a |u|, and Σ v^a e².
    moves : ndarray, shape (3, n_errors)
        For each a and each common error: Σ v^a times what it moves.
    """

    uplift: Floats
    size: float
    error: float
    sums: Mapping[tuple[int, int, int], float]
    gross_sums: tuple[float, ...]
    own_sums: tuple[float, ...]
    moves: Floats
    unit: Unit = "points"
    is_proportional: bool = True

    def at(self, size: float) -> UserUplifts:
        """Scale all alike, so that the mean is another, and take it as known."""
        times = size / self.size if self.size else 0.0
        return UserUplifts(
            self.uplift * times, size, 0.0, {of: value * times ** of[2] for of, value in self.sums.items()},
            tuple(abs(times) * gross for gross in self.gross_sums), (0.0, 0.0, 0.0), np.zeros((3, 1)),
        )  # fmt: skip

    def of_users(self, people: People) -> Floats:
        """Return the uplifts."""
        return self.uplift

    def sum(self, people: People, a: int, b: int, w: int) -> float:
        """Return Σ v^a p^b u^w."""
        return self.sums[a, b, w]

    def gross(self, people: People, a: int) -> float:
        """Return Σ v^a |u|."""
        return self.gross_sums[a]

    def moved(self, people: People, a: int) -> Floats:
        """Return the weighted sum of each common error."""
        return np.asarray(self.moves[a])

    def own(self, people: People, a: int) -> float:
        """Return the weighted sum of the users' own squared errors."""
        return self.own_sums[a]

    def turned(self, people: People, a: int) -> tuple[float, float]:
        """The risk plays no part in an uplift that was estimated itself."""
        return 0.0, 0.0


def user_uplifts(
    people: People, uplift: ArrayLike, common: ArrayLike | None = None, own_error: ArrayLike | None = None
) -> UserUplifts:
    """Take uplifts of single users as the effect: the seam for whatever knows whom a contact keeps.

    Parameters
    ----------
    uplift : array-like, shape (n_users,)
        u of each user, in the order of `people`.
    common : array-like, shape (n_errors, n_users), optional
        How far each uplift is off for one standard deviation of an error that users share. The covariance of the
        uplifts is commonᵀ common + diag(own_error²).
    own_error : array-like, shape (n_users,), optional
        Standard error of each user's uplift that no other shares.

    Raises
    ------
    SpecError
        If there is not one number a user.
    """
    n, u = people.n_users, np.asarray(uplift, dtype=np.float64)
    shared = np.zeros((1, n)) if common is None else np.atleast_2d(np.asarray(common, dtype=np.float64))
    own = np.zeros(n) if own_error is None else np.asarray(own_error, dtype=np.float64)
    if u.shape != (n,) or shared.shape[1:] != (n,) or own.shape != (n,):
        raise SpecError(f"There must be an uplift with its error for each of the {n:,} users, not {u.size:,}.")
    if not all(np.isfinite(part).all() for part in (u, shared, own)):
        raise SpecError("The uplift of each user must be a number.", hint="Leave out users without one.")
    weights = (np.ones(n), people.worth, people.worth**2)
    powers = {w: u**w for w in range(3)}
    sums = {
        (a, b, w): float((weights[a] * people.probability**b if b else weights[a]) @ powers[w])
        for a in range(3) for b in range(3) for w in range(3 - b)
    }  # fmt: skip
    squares = own**2
    mean_error = np.sqrt((shared.sum(axis=1) ** 2).sum() + squares.sum()) / max(n, 1)
    return UserUplifts(
        u, float(u.mean()) if n else 0.0, float(mean_error), sums, tuple(float(w @ np.abs(u)) for w in weights),
        tuple(float(w @ squares) for w in weights), np.array([shared @ w for w in weights]),
    )  # fmt: skip


def measured_for(effect: Effect, past: Sequence[Measured]) -> Measured | None:
    """Find the finding of a past campaign that an effect was taken from."""
    found = [one for one in past if effect.campaign_id is not None and one.campaign_id == effect.campaign_id]
    return next((one for one in found if one.as_effect == effect), None)


def uplift_of(effect: Effect, past: Sequence[Measured] = ()) -> SaveRate | Points:
    """Read an assumed or a measured effect.

    Parameters
    ----------
    past : sequence of Measured
        What past campaigns found: the estimate and its standard error stand for the range that was taken from them.

    Notes
    -----
    The range is read as the middle 95 % of a normal distribution of the mean effect.

    Examples
    --------
    >>> found = uplift_of(Effect(low=0.02, high=0.10))
    >>> round(found.size, 3), round(found.error, 4)
    (0.06, 0.0204)
    """
    size, error = effect.mean, (effect.high - effect.low) / (2 * Z95)
    if (found := measured_for(effect, past)) is not None:
        size, error = found.effect, found.standard_error
    return Points(size, error) if effect.unit == "points" else SaveRate(size, error)
