"""Gamma-Gamma: what a buyer spends on average, where some have bought so rarely that their own mean says little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

from retention.errors import SpecError
from retention.survival.model_clv_fit import Fit, Floats, maximise

MIN_BUYERS = 20


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """The Gamma-Gamma model of spend per purchase.

    A buyer's purchases have Gamma(p, ν) values, and ν ~ Gamma(q, v) over buyers; how often somebody buys says
    nothing about how much (an assumption: look at the correlation that the answer gives).

    Parameters
    ----------
    p, q, v : float
        `v` is in money (γ in the paper).

    References
    ----------
    Fader, P. S. & Hardie, B. G. S. (2013). The Gamma-Gamma model of monetary value.
    Colombo, R. & Jiang, W. (1999). A stochastic RFM model. Journal of Interactive Marketing 13(3).
    """

    p: float
    q: float
    v: float

    def log_likelihood(self, x: ArrayLike, mean: ArrayLike) -> Floats:
        """Return the log density of each buyer's mean spend over `x` ≥ 1 purchases."""
        x, mean = np.asarray(x, dtype=float), np.asarray(mean, dtype=float)
        p, q, v = self.p, self.q, self.v
        return (
            gammaln(p * x + q)
            - gammaln(p * x)
            - gammaln(q)
            + q * np.log(v)
            + (p * x - 1) * np.log(mean)
            + p * x * np.log(x)
            - (p * x + q) * np.log(v + x * mean)
        )

    def expected_spend(self, x: ArrayLike, total: ArrayLike) -> Floats:
        """Return the expected spend per purchase of buyers who spent `total` in `x` purchases.

        Notes
        -----
        p (v + x z̄) / (p x + q − 1): the buyer's own mean and everybody's, weighted. Linear in the total, so
        that the sum over buyers with the same x needs only the sum of their totals. At x = 0 it is the mean
        of all buyers, p v / (q − 1); infinite where q ≤ 1.
        """
        x, total = np.asarray(x, dtype=float), np.asarray(total, dtype=float)
        weight = self.p * x + self.q - 1
        with np.errstate(divide="ignore"):
            return np.where(weight > 0, self.p * (self.v + total) / weight, np.inf)


def fit_gamma_gamma(x: ArrayLike, mean: ArrayLike, weight: ArrayLike | None = None) -> tuple[GammaGamma, Fit]:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    x : array_like of int, shape (n_patterns,)
        Repeat purchases with a positive value, at least 1.
    mean : array_like, shape (n_patterns,)
        Their mean value, above 0.
    weight : array_like, shape (n_patterns,), optional
        Buyers with each pattern.

    Raises
    ------
    SpecError
        If there are fewer than 20 such buyers, or the data do not tell the parameters.
    """
    x, mean = np.asarray(x, dtype=float), np.asarray(mean, dtype=float)
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=float)
    n = float(weight.sum())
    if n < MIN_BUYERS:
        raise SpecError(
            f"Expected spend needs at least {MIN_BUYERS} buyers with a repeat purchase of known value, not {int(n)}.",
            hint="Import the values of orders, or remove a condition.",
        )
    total, log_mean, log_x = x * mean, np.log(mean), np.log(x)

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        p, q, v = parameters
        log_sum = np.log(v + total)
        value = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v) - log_mean
        value += p * x * (log_mean + log_x) - (p * x + q) * log_sum
        rise = digamma(p * x + q)
        of_p = x * (rise - digamma(p * x) + log_mean + log_x - log_sum)
        of_q = rise - digamma(q) + np.log(v) - log_sum
        of_v = q / v - (p * x + q) / (v + total)
        return float(weight @ value), np.array([weight @ part for part in (of_p, of_q, of_v)])

    typical = float(np.average(mean, weights=weight))
    starts = [(4.0, 3.0, 0.5 * typical), (1.0, 2.0, typical), (15.0, 8.0, 0.5 * typical)]
    fit = maximise(("p", "q", "v"), likelihood, starts, n, model="Gamma-Gamma")
    return GammaGamma(**fit.values), fit
