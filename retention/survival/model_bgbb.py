"""BG/BB: buying or not at each of a row of opportunities, where nobody says goodbye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, digamma, logsumexp

from retention.errors import SpecError
from retention.survival.model_clv_fit import Fit, Floats, maximise

MIN_REPEATERS = 20


@dataclass(frozen=True, slots=True)
class BgBb:
    """The BG/BB model.

    At each opportunity an alive person acts with probability p ~ Beta(α, β); before each one the person stops
    for good with probability θ ~ Beta(γ, δ).

    Parameters
    ----------
    alpha, beta, gamma, delta : float

    References
    ----------
    Fader, P. S., Hardie, B. G. S. & Shang, J. (2010). Customer-base analysis in a discrete-time
    noncontractual setting. Marketing Science 29(6).
    """

    alpha: float
    beta: float
    gamma: float
    delta: float

    def log_likelihood(self, x: ArrayLike, t_x: ArrayLike, n: ArrayLike) -> Floats:
        """Return the log-likelihood of each pattern.

        Parameters
        ----------
        x : array_like of int, shape (n_patterns,)
            Opportunities taken.
        t_x : array_like of int, shape (n_patterns,)
            Number of the last one taken; 0 where none was.
        n : array_like of int, shape (n_patterns,)
            Opportunities there were.
        """
        terms = _Terms(*(np.atleast_1d(np.asarray(v, dtype=float)) for v in (x, t_x, n)))
        return terms.value(np.array([self.alpha, self.beta, self.gamma, self.delta]))

    def alive_probability(self, x: ArrayLike, t_x: ArrayLike, n: ArrayLike) -> Floats:
        """Return the probability that each person is still alive at the next opportunity, n + 1."""
        return self._taken(0, x, t_x, n, ahead=1)

    def expected_taken(self, n: int) -> float:
        """Return the expected number of opportunities that a new person takes of the first `n`."""
        k = np.arange(1, n + 1)
        alive = np.exp(betaln(self.gamma, self.delta + k) - betaln(self.gamma, self.delta))
        return float(self.alpha / (self.alpha + self.beta) * alive.sum())

    def conditional_taken(self, ahead: int, x: ArrayLike, t_x: ArrayLike, n: ArrayLike) -> Floats:
        """Return how many of the next `ahead` opportunities each person is expected to take.

        Notes
        -----
        The paper's closed form divides by γ − 1; the sum over opportunities has no such hole.
        """
        return sum(
            (self._taken(1, x, t_x, n, ahead=k) for k in range(1, ahead + 1)),
            start=np.zeros(np.shape(np.atleast_1d(x))),
        )

    def _taken(self, more: int, x: ArrayLike, t_x: ArrayLike, n: ArrayLike, *, ahead: int) -> Floats:
        x, t_x, n = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (x, t_x, n))
        joint = betaln(self.alpha + x + more, self.beta + n - x) - betaln(self.alpha, self.beta)
        joint += betaln(self.gamma, self.delta + n + ahead) - betaln(self.gamma, self.delta)
        return np.exp(joint - self.log_likelihood(x, t_x, n))


def fit_bgbb(x: ArrayLike, t_x: ArrayLike, n: ArrayLike, weight: ArrayLike | None = None) -> tuple[BgBb, Fit]:
    """Fit the model by maximum likelihood to patterns of people.

    Raises
    ------
    SpecError
        If fewer than 20 people took an opportunity, or the data do not tell the parameters.
    """
    x, t_x, n = (np.asarray(v, dtype=float) for v in (x, t_x, n))
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=float)
    n_repeat = int(weight[x > 0].sum())
    if n_repeat < MIN_REPEATERS:
        raise SpecError(
            f"The BG/BB model needs at least {MIN_REPEATERS} people who came back, not {n_repeat}.",
            hint="Import more history, or remove a condition.",
        )
    terms = _Terms(x, t_x, n)

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        value, gradient = terms.with_gradient(parameters)
        return float(weight @ value), gradient @ weight

    starts = [(1.0, 1.0, 1.0, 3.0), (0.5, 0.5, 0.5, 1.0), (2.0, 2.0, 0.5, 5.0)]
    names = ("alpha", "beta", "gamma", "delta")
    fit = maximise(names, likelihood, starts, float(weight.sum()), model="BG/BB")
    return BgBb(**fit.values), fit


class _Terms:
    """The ways in which each pattern can have come about: alive to the end, or stopped at some point after t_x.

    The likelihood is a sum of two Beta integrals for each way; a way that a pattern does not have weighs 0.
    """

    def __init__(self, x: Floats, t_x: Floats, n: Floats) -> None:
        ways = int(np.max(n - t_x, initial=0))
        i = np.arange(ways + 1, dtype=float) - 1  # −1 stands for being alive to the end
        is_alive = i[None, :] < 0
        self.misses = np.where(is_alive, (n - x)[:, None], t_x[:, None] - x[:, None] + i[None, :])
        self.stays = np.where(is_alive, n[:, None], t_x[:, None] + i[None, :])
        self.stops = np.where(is_alive, 0.0, 1.0) + np.zeros_like(self.misses)
        self.is_possible = is_alive | (i[None, :] < (n - t_x)[:, None])
        self.misses = np.where(self.is_possible, self.misses, 0.0)
        self.x = x[:, None]

    def _logs(self, parameters: Floats) -> Floats:
        alpha, beta, gamma, delta = parameters
        logs = betaln(alpha + self.x, beta + self.misses) - betaln(alpha, beta)
        logs = logs + betaln(gamma + self.stops, delta + self.stays) - betaln(gamma, delta)
        return np.where(self.is_possible, logs, -np.inf)

    def value(self, parameters: Floats) -> Floats:
        """Return the log-likelihood of each pattern."""
        return np.asarray(logsumexp(self._logs(parameters), axis=1), dtype=float)

    def with_gradient(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Return the log-likelihood of each pattern, and its gradient of shape (4, n_patterns)."""
        alpha, beta, gamma, delta = parameters
        logs = self._logs(parameters)
        value = np.asarray(logsumexp(logs, axis=1), dtype=float)
        share = np.exp(logs - value[:, None])
        acted = digamma(alpha + beta + self.x + self.misses) - digamma(alpha + beta)
        left = digamma(gamma + delta + self.stops + self.stays) - digamma(gamma + delta)
        parts = (
            digamma(alpha + self.x) - digamma(alpha) - acted,
            digamma(beta + self.misses) - digamma(beta) - acted,
            digamma(gamma + self.stops) - digamma(gamma) - left,
            digamma(delta + self.stays) - digamma(delta) - left,
        )
        return value, np.array([(share * part).sum(axis=1) for part in parts])
