"""sBG: how long a subscription lasts, where everybody has an own chance of leaving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, digamma, hyp2f1

from retention.errors import SpecError
from retention.survival.model_clv_fit import Fit, Floats, maximise


@dataclass(frozen=True, slots=True)
class Sbg:
    """The shifted-beta-geometric model: each period a member leaves with probability θ ~ Beta(α, β).

    References
    ----------
    Fader, P. S. & Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive
    Marketing 21(1).
    Fader, P. S. & Hardie, B. G. S. (2010). Customer-base valuation in a contractual setting: the perils of
    ignoring heterogeneity. Marketing Science 29(1).
    """

    alpha: float
    beta: float

    def survival(self, t: ArrayLike) -> Floats:
        """Return the share still there after `t` periods: B(α, β + t) / B(α, β)."""
        t = np.asarray(t, dtype=float)
        return np.exp(betaln(self.alpha, self.beta + t) - betaln(self.alpha, self.beta))

    def retention(self, t: ArrayLike) -> Floats:
        """Return the share of those there after ``t − 1`` periods that stays for period `t`."""
        t = np.asarray(t, dtype=float)
        return (self.beta + t - 1) / (self.alpha + self.beta + t - 1)

    def residual_lifetime(self, n: int, discount: float) -> float:
        """Return the discounted expected number of renewals still to come (DERL).

        Parameters
        ----------
        n : int
            Renewals that the member has made so far.
        discount : float
            Per period, such as 0.1.

        Notes
        -----
        Σ_{t > n} S(t) / S(n) / (1 + d)^{t − n − 1} =
        (β + n) / (α + β + n) · ₂F₁(1, β + n + 1; α + β + n + 1; 1 / (1 + d)).
        """
        stay = (self.beta + n) / (self.alpha + self.beta + n)
        later = hyp2f1(1.0, self.beta + n + 1, self.alpha + self.beta + n + 1, 1 / (1 + discount))
        return float(stay * later)


def fit_sbg(t: ArrayLike, n_lost: ArrayLike, n_watched: ArrayLike) -> tuple[Sbg, Fit]:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    t : array_like of int, shape (n,)
        Periods, from 1.
    n_lost : array_like, shape (n,)
        Members who left in each.
    n_watched : array_like, shape (n,)
        Members who were still there when watching ended after each; 0 elsewhere.

    Raises
    ------
    SpecError
        If nobody left or everybody did at once: the data do not tell the parameters.
    """
    t, lost, kept = (np.asarray(v, dtype=float) for v in (t, n_lost, n_watched))
    n = float(lost.sum() + kept.sum())
    if not np.any(lost > 0) or len(np.unique(t[(lost > 0) | (kept > 0)])) < 2:
        raise SpecError(
            "A retention curve needs members who left in at least two different periods.",
            hint="Wait for more periods, or choose shorter ones.",
        )

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        alpha, beta = parameters
        both, total = betaln(alpha, beta), digamma(alpha + beta)
        value = lost @ (betaln(alpha + 1, beta + t - 1) - both) + kept @ (betaln(alpha, beta + t) - both)
        end = digamma(alpha + beta + t)
        of_alpha = lost @ (digamma(alpha + 1) - end - digamma(alpha) + total) + kept @ (total - end)
        of_beta = lost @ (digamma(beta + t - 1) - end - digamma(beta) + total)
        of_beta += kept @ (digamma(beta + t) - end - digamma(beta) + total)
        return float(value), np.array([of_alpha, of_beta])

    fit = maximise(("alpha", "beta"), likelihood, [(1.0, 1.0), (0.5, 3.0), (3.0, 10.0)], n, model="sBG")
    return Sbg(**fit.values), fit
