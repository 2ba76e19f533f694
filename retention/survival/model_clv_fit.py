"""Maximum likelihood for the customer-base models: positive parameters, their gradient, and an honest refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retention.errors import SpecError

Floats = NDArray[np.float64]
LogLikelihood = Callable[[Floats], tuple[float, Floats]]
"""Of positive parameters: the log-likelihood, and its gradient with respect to them."""

LIMIT = float(np.log(1e6))
"""Logarithms of parameters are searched in ±this; an optimum at the wall is no estimate."""
STEEP = 1e-6
"""Largest slope of the log-likelihood a user, with respect to a log parameter, that counts as level."""
VAGUE = 8.0
"""A standard error of a log parameter above this says that the data do not tell it at all."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Parameters that make the data most likely.

    Attributes
    ----------
    values : mapping of str to float
        By name, in the order of the paper.
    errors : mapping of str to float
        Standard errors from the observed information.
    covariance : ndarray of float, shape (n_parameters, n_parameters)
        Of the logarithms of the parameters.
    log_likelihood : float
    n : float
        Users behind it.
    """

    values: Mapping[str, float]
    errors: Mapping[str, float]
    covariance: Floats
    log_likelihood: float
    n: float


def highest(likelihood: LogLikelihood, starts: Sequence[Sequence[float]], n: float) -> Floats | None:
    """Climb from every start; return the logarithms of the parameters where it got highest, or None where it got nowhere."""
    from scipy.optimize import minimize  # costs a third of a second, and most commands fit nothing

    downhill = _downhill(likelihood, n)
    bounds = [(-LIMIT, LIMIT)] * len(starts[0])
    ends = [
        minimize(downhill, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
        for start in starts
    ]
    best = min((end for end in ends if np.isfinite(end.fun)), key=lambda end: float(end.fun), default=None)
    return None if best is None else np.asarray(best.x, dtype=float)


def _downhill(likelihood: LogLikelihood, n: float) -> LogLikelihood:
    def downhill(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        return -value / n, -gradient * parameters / n

    return downhill


def maximise(
    names: Sequence[str], likelihood: LogLikelihood, starts: Sequence[Sequence[float]], n: float, *, model: str
) -> Fit:
    """Find the parameters at which the log-likelihood is highest.

    Parameters
    ----------
    names : sequence of str
    likelihood : callable
    starts : sequence of sequences of float
        Several: the likelihoods here are not concave.
    n : float
        Users behind the likelihood.
    model : str
        Its name, for the reader.

    Raises
    ------
    SpecError
        If no start ends on a summit, or the summit is so flat that a parameter can be anything.

    Notes
    -----
    The search runs over the logarithms, so that parameters stay positive: L-BFGS-B from every start, then
    Newton steps with the information matrix (central differences of the exact gradient). The same matrix
    gives the standard errors by the delta method: se(θ) = θ · se(ln θ).
    """
    downhill, best = _downhill(likelihood, n), highest(likelihood, starts, n)
    refusal = SpecError(
        f"The {model} model finds no clear answer in these data: they do not tell its parameters apart.",
        hint="Too few people came back, or all of them behave alike. Import more history, or remove a condition.",
    )
    if best is None or np.any(np.abs(best) >= LIMIT - 0.01):
        raise refusal
    logs = best
    information = _information(downhill, logs)
    for _ in range(8):
        value, slope = downhill(logs)
        if np.max(np.abs(slope)) < STEEP * 1e-3:
            break
        if np.linalg.eigvalsh(information)[0] <= 0:
            raise refusal
        step = np.linalg.solve(information, slope)
        step *= min(1.0, 0.5 / float(np.max(np.abs(step))))
        if downhill(logs - step)[0] > value + 1e-12:
            break
        logs = logs - step
        information = _information(downhill, logs)
    value, slope = downhill(logs)
    if np.max(np.abs(slope)) > STEEP or np.any(np.abs(logs) >= LIMIT) or np.linalg.eigvalsh(information)[0] <= 0:
        raise refusal
    covariance: Floats = np.asarray(np.linalg.inv(information) / n, dtype=float)
    errors = np.sqrt(np.diag(covariance))
    if np.any(errors > VAGUE):
        raise refusal
    parameters = np.exp(logs)
    return Fit(
        values=dict(zip(names, parameters.tolist(), strict=True)),
        errors=dict(zip(names, (errors * parameters).tolist(), strict=True)),
        covariance=covariance,
        log_likelihood=-float(value) * n,
        n=n,
    )


def _information(downhill: LogLikelihood, logs: Floats, step: float = 1e-5) -> Floats:
    columns = []
    for i in range(len(logs)):
        shift = np.zeros(len(logs))
        shift[i] = step
        columns.append((downhill(logs + shift)[1] - downhill(logs - shift)[1]) / (2 * step))
    matrix = np.array(columns)
    return (matrix + matrix.T) / 2
