"""BG/NBD: how often buyers buy, and when they stop, where nobody says goodbye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln, roots_genlaguerre, roots_jacobi

from retention.errors import SpecError
from retention.survival.model_clv_fit import Fit, Floats, LogLikelihood, highest, maximise

NODES = 96
"""Points of the quadrature over the dropout probability; exact to 1e-10 for horizons up to 100 times T + α."""
MOST_JACOBI, MOST_LAGUERRE = 1_000.0, 100.0
"""Beyond these parameters the weights of the quadrature overflow."""
MIN_REPEAT_BUYERS = 20


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The BG/NBD model.

    While alive a buyer buys at a rate λ ~ Gamma(r, α); after each purchase the buyer stops for good with
    probability p ~ Beta(a, b).

    Parameters
    ----------
    r, alpha, a, b : float
        `alpha` is in units of time; all are positive.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. & Lee, K. L. (2005). "Counting your customers" the easy way: an
    alternative to the Pareto/NBD model. Marketing Science 24(2).
    """

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, x: ArrayLike, t_x: ArrayLike, length: ArrayLike) -> Floats:
        """Return the log-likelihood of each buyer.

        Parameters
        ----------
        x : array_like of int, shape (n,)
            Repeat purchases.
        t_x : array_like, shape (n,)
            From the first purchase to the last one; 0 where there was only one.
        length : array_like, shape (n,)
            From the first purchase to the end of watching (T in the paper).
        """
        x, t_x, length = (np.asarray(v, dtype=float) for v in (x, t_x, length))
        r, alpha, a, b = astuple(self)
        bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        stayed = gammaln(a + b) - gammaln(a + b + x) + gammaln(b + x) - gammaln(b)
        alive = -(r + x) * np.log(alpha + length)
        with np.errstate(divide="ignore", invalid="ignore"):
            gone = np.log(a) - np.log(b + x - 1) - (r + x) * np.log(alpha + t_x)
        gone = np.where(x > 0, gone, -np.inf)
        return bought + stayed + np.logaddexp(alive, gone)

    def alive_probability(self, x: ArrayLike, t_x: ArrayLike, length: ArrayLike) -> Floats:
        """Return the probability that each buyer has not stopped yet.

        Notes
        -----
        1 / (1 + a / (b + x − 1) · ((α + T) / (α + t_x))^(r + x)), and exactly 1 for x = 0: in this model
        nobody stops before the second purchase. That is an assumption, not a finding, so P(alive) must not
        be used to rank one-time buyers.
        """
        x, t_x, length = (np.asarray(v, dtype=float) for v in (x, t_x, length))
        r, alpha, a, b = astuple(self)
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(a) - np.log(b + x - 1) + (r + x) * (np.log(alpha + length) - np.log(alpha + t_x))
        return np.where(x > 0, np.exp(-np.logaddexp(0.0, np.where(x > 0, odds, 0.0))), 1.0)

    def expected_purchases(self, horizon: ArrayLike) -> Floats:
        """Return the expected repeat purchases of a new buyer within each horizon."""
        horizon = np.asarray(horizon, dtype=float)
        return self._while_alive(self.r, self.alpha, self.b, horizon)

    def conditional_purchases(self, horizon: float, x: ArrayLike, t_x: ArrayLike, length: ArrayLike) -> Floats:
        """Return the expected purchases of each known buyer within the next `horizon`.

        Notes
        -----
        Given that a buyer is alive, λ ~ Gamma(r + x, α + T) and p ~ Beta(a, b + x), and a buyer with (λ, p)
        buys (1 − e^{−λ p t}) / p times in t. The mean over λ is closed, the one over p is taken by
        Gauss–Jacobi quadrature: equal to the paper's eq. 10 with its hypergeometric function, and finite
        where that one has a pole (a = 1) or overflows (large x).
        """
        x, t_x, length = (np.asarray(v, dtype=float) for v in (x, t_x, length))
        # The last purchase matters only for being alive: there are few pairs of (x, T) and many patterns.
        pairs, place = np.unique(np.column_stack([x.ravel(), length.ravel()]), axis=0, return_inverse=True)
        found = np.zeros(len(pairs))
        for count in np.unique(pairs[:, 0]):
            mine = pairs[:, 0] == count
            found[mine] = self._while_alive(self.r + count, self.alpha + pairs[mine, 1], self.b + count, horizon)
        return found[np.ravel(place)].reshape(x.shape) * self.alive_probability(x, t_x, length)

    def simulate(
        self, horizon: float, x: ArrayLike, t_x: ArrayLike, length: ArrayLike, rng: np.random.Generator
    ) -> Floats:
        """Draw how often each known buyer buys within the next `horizon`."""
        x, t_x, length = (np.asarray(v, dtype=float) for v in (x, t_x, length))
        is_alive = rng.random(x.shape) < self.alive_probability(x, t_x, length)
        n_wanted = rng.poisson(rng.gamma(self.r + x) / (self.alpha + length) * horizon)
        p = np.clip(rng.beta(self.a, self.b + x), 1e-12, 1.0)
        return np.where(is_alive, np.minimum(n_wanted, rng.geometric(p)), 0).astype(float)

    def _while_alive(self, r: float, alpha: ArrayLike, b: float, horizon: ArrayLike) -> Floats:
        p, weights = _beta_mean(self.a, b)
        ratio = np.asarray(horizon, dtype=float) / np.asarray(alpha, dtype=float)
        # (1 − (1 + p t / α)^−r) / p, without cancelling where p is tiny
        inside = -np.expm1(-r * np.log1p(np.multiply.outer(ratio, p))) / p
        return np.asarray(inside @ weights, dtype=float)


@lru_cache(maxsize=1024)
def _beta_mean(a: float, b: float) -> tuple[Floats, Floats]:
    """Return points and weights whose weighted sum is the mean over Beta(a, b).

    Where b is so large that the weights of Gauss and Jacobi overflow, Beta(a, b) is a gamma of shape a and mean a / (a + b)
    to three digits, and a point where a is large, too.

    Examples
    --------
    >>> points, weights = _beta_mean(0.8, 1e5)
    >>> bool(abs(points @ weights - 0.8 / (0.8 + 1e5)) < 1e-15)
    True
    """
    if a + b > MOST_JACOBI:
        if a > MOST_LAGUERRE:
            return np.array([a / (a + b)]), np.ones(1)
        nodes, weights = roots_genlaguerre(NODES, a - 1)
        return np.minimum(nodes / (a + b), 1.0), weights / weights.sum()
    nodes, weights = roots_jacobi(NODES, b - 1, a - 1)
    return (1 + nodes) / 2, weights / weights.sum()


def fit_bgnbd(x: ArrayLike, t_x: ArrayLike, length: ArrayLike, weight: ArrayLike | None = None) -> tuple[BgNbd, Fit]:
    """Fit the model by maximum likelihood to patterns of buyers.

    Parameters
    ----------
    x, t_x, length : array_like, shape (n_patterns,)
        As in `BgNbd.log_likelihood`, in one unit of time.
    weight : array_like, shape (n_patterns,), optional
        Buyers with each pattern; 1 each where it is left out.

    Raises
    ------
    SpecError
        If fewer than 20 buyers came back, or the data do not tell the parameters.
    """
    likelihood, starts, n = _problem(x, t_x, length, weight)
    fit = maximise(("r", "alpha", "a", "b"), likelihood, starts, n, model="BG/NBD")
    return BgNbd(**fit.values), fit


def rank_bgnbd(x: ArrayLike, t_x: ArrayLike, length: ArrayLike, weight: ArrayLike | None = None) -> BgNbd:
    """Fit the model to rank buyers by: the likeliest parameters, also where the data do not tell them apart.

    Notes
    -----
    Parameters that can be anything still put buyers in the order that the data tell; they must not be read as such.
    """
    found = highest(*_problem(x, t_x, length, weight))
    if found is None:
        raise SpecError("The BG/NBD model finds no answer in these data.", hint="Import more history, or remove a condition.")
    return BgNbd(*np.exp(found).tolist())


def _problem(
    x: ArrayLike, t_x: ArrayLike, length: ArrayLike, weight: ArrayLike | None
) -> tuple[LogLikelihood, Sequence[Sequence[float]], float]:
    x, t_x, length = (np.asarray(v, dtype=float) for v in (x, t_x, length))
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=float)
    n_repeat = int(weight[x > 0].sum())
    if n_repeat < MIN_REPEAT_BUYERS:
        raise SpecError(
            f"Expected purchases need at least {MIN_REPEAT_BUYERS} buyers who came back, not {n_repeat}.",
            hint="Import more history, or remove a condition.",
        )
    counts, place = np.unique(x, return_inverse=True)

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        return _with_gradient(parameters, x, t_x, length, weight, counts, place)

    mean = float(np.average(length, weights=weight)) or 1.0
    starts = [(0.5, 0.3 * mean, 1.0, 3.0), (1.0, mean, 0.5, 0.5), (0.2, 0.1 * mean, 0.3, 5.0)]
    return likelihood, starts, float(weight.sum())


def _with_gradient(
    parameters: Floats,
    x: Floats,
    t_x: Floats,
    length: Floats,
    weight: Floats,
    counts: Floats,
    place: NDArray[np.int64],
) -> tuple[float, Floats]:
    r, alpha, a, b = parameters
    # Gamma functions only once for each number of purchases: there are few of those and many patterns.
    bought = gammaln(r + counts) - gammaln(r) + gammaln(a + b) - gammaln(a + b + counts)
    bought += gammaln(b + counts) - gammaln(b) + r * np.log(alpha)
    is_back = x > 0
    log_end, log_last = np.log(alpha + length), np.log(alpha + t_x)
    alive = -(r + x) * log_end
    turn = np.where(is_back, b + x - 1, 1.0)
    gone = np.where(is_back, np.log(a) - np.log(turn) - (r + x) * log_last, -np.inf)
    either = np.logaddexp(alive, gone)
    share = np.exp(gone - either)  # of the likelihood that comes from having stopped
    of_r = (digamma(r + counts) - digamma(r) + np.log(alpha))[place] - (1 - share) * log_end - share * log_last
    of_alpha = r / alpha - (r + x) * ((1 - share) / (alpha + length) + share / (alpha + t_x))
    of_a = (digamma(a + b) - digamma(a + b + counts))[place] + share / a
    of_b = (digamma(a + b) - digamma(a + b + counts) + digamma(b + counts) - digamma(b))[place] - share / turn
    value = float(weight @ (bought[place] + either))
    return value, np.array([weight @ part for part in (of_r, of_alpha, of_a, of_b)])
