"""Laws of lifetime fitted to the counts: exponential, Weibull, log-normal and log-logistic."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from retention.intervals import Z95
from retention.survival.curve import Histogram

LAWS = {
    "exponential": "Exponential",
    "weibull": "Weibull",
    "log-normal": "Log-normal",
    "log-logistic": "Log-logistic",
}
MIN_OBSERVED = 20
"""Fewer lapses tell laws of two parameters apart by chance only."""


def _fitters() -> dict[str, Any]:
    from lifelines import ExponentialFitter, LogLogisticFitter, LogNormalFitter, WeibullFitter

    return {
        "exponential": ExponentialFitter,
        "weibull": WeibullFitter,
        "log-normal": LogNormalFitter,
        "log-logistic": LogLogisticFitter,
    }


def fit_law(histogram: Histogram, law: str) -> Any:
    """Fit one law by lifelines; None where it does not converge.

    Notes
    -----
    A day is an interval: who lapsed on day t lived for at least t and less than t + 1 days, who is censored there
    for at least t + 1, and who enters late was alive at the beginning of that day. So the likelihood is that of
    interval-censored data, a duration of 0 needs no trick, and AICs compare exactly what was observed.
    """
    from lifelines.exceptions import ConvergenceError

    table = histogram.table
    days, lapsed, censored, entered = (table[c].to_numpy(dtype=float) for c in ("t", "events", "censored", "entered"))
    late = np.where(days > 0, entered, 0.0)
    # The entries' part of the likelihood stands apart from that of the ends, so rows that end anywhere carry it.
    lower = np.concatenate([days, days + 1.0, np.zeros_like(days)])
    upper = np.concatenate([days + 1.0, np.full_like(days, np.inf), np.full_like(days, np.inf)])
    entry = np.concatenate([np.zeros(2 * len(days)), days])
    weights = np.concatenate([lapsed, censored, late])
    lower, upper, entry, weights = (part[weights > 0] for part in (lower, upper, entry, weights))
    # A mean near 1 keeps the search well scaled; the unit is put back by `_in_days`.
    unit = max(float(np.average(histogram.duration, weights=histogram.n)), 1.0)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitter = _fitters()[law]().fit_interval_censoring(
                lower / unit,
                upper / unit,
                entry=entry / unit,
                weights=weights,
                timeline=[1.0],
            )
        except ConvergenceError:
            return None
    return _InDays(law, fitter, unit)


class _InDays:
    """A fitted law with its unit put back."""

    def __init__(self, law: str, fitter: Any, unit: float) -> None:
        self.law, self.fitter, self.unit = law, fitter, unit
        self.log_likelihood = float(fitter.log_likelihood_)
        self.aic = float(fitter.AIC_)
        names = list(fitter._fitted_parameter_names)
        errors = np.sqrt(np.clip(np.diag(fitter.variance_matrix_), 0.0, None))
        self.parameters: dict[str, tuple[float, float, float]] = {}
        for name, value, error in zip(names, fitter._fitted_parameters_, errors, strict=True):
            low, high = value - Z95 * error, value + Z95 * error
            if name in ("lambda_", "alpha_"):
                value, low, high = value * unit, low * unit, high * unit
            elif name == "mu_":
                value, low, high = (v + np.log(unit) for v in (value, low, high))
            self.parameters[name.rstrip("_")] = float(value), float(low), float(high)

    def survival(self, days: np.ndarray) -> np.ndarray:
        """Return the share that lives for at least so many days."""
        with np.errstate(all="ignore"):
            return np.asarray(self.fitter.survival_function_at_times(np.maximum(days, 1e-9) / self.unit), dtype=float)

    def quantile(self, survival: np.ndarray) -> np.ndarray:
        """Return after how many days only a share is left."""
        return np.array([float(self.fitter.percentile(share)) for share in survival]) * self.unit


def fit_laws(histogram: Histogram, curve: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Fit every law; return the laws, the quantiles and the curves as `LifetimeLaws` describes them."""
    rows: list[dict[str, object]] = []
    points: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    seen = curve[(curve["survival"] < 1) & (curve["survival"] > 0) & (curve["events"] > 0)]
    shares = seen["survival"].to_numpy(dtype=float)
    # Evenly spread over the shares, at most a hundred.
    wanted = np.linspace(shares.max(initial=0.0), shares.min(initial=1.0), 100)
    chosen = np.unique(np.searchsorted(-shares, -wanted).clip(0, max(len(shares) - 1, 0)))[: len(shares)]
    ages, every = (curve[column].to_numpy(dtype=float) for column in ("t", "survival"))
    days = np.unique(np.linspace(0, int(histogram.duration.max(initial=0)), 120).round().astype(int))
    for law, title in LAWS.items():
        fitted = fit_law(histogram, law)
        if fitted is None:
            rows.append({"law": law, "parameters": "", "is_fitted": False})
            continue
        rows.append(
            {
                "law": law,
                "parameters": ", ".join(
                    f"{WORDS[name]} {value:.4g} ({low:.4g}–{high:.4g})"
                    for name, (value, low, high) in fitted.parameters.items()
                ),
                "log_likelihood": fitted.log_likelihood,
                "aic": fitted.aic,
                "median": float(fitted.quantile(np.array([0.5]))[0]),
                "distance": float(np.abs(every - fitted.survival(ages + 1.0)).max(initial=0.0)),
                "is_fitted": True,
            }
        )
        curves.append(pd.DataFrame({"law": title, "t": days, "survival": fitted.survival(days + 1.0)}))
        points.append(
            pd.DataFrame(
                {
                    "law": title,
                    "survival": shares[chosen],
                    # S(t) is the share that lives for t + 1 days at least.
                    "observed": seen["t"].to_numpy(dtype=float)[chosen] + 1.0,
                    "expected": fitted.quantile(shares[chosen]),
                }
            )
        )
    laws = pd.DataFrame(
        rows, columns=["law", "parameters", "log_likelihood", "aic", "median", "distance", "is_fitted"]
    ).sort_values("aic", ignore_index=True, kind="stable")
    laws["delta"] = laws["aic"] - laws["aic"].min()
    empty = pd.DataFrame(columns=["law", "t", "survival"])
    return (
        laws,
        pd.concat(points, ignore_index=True) if points else empty.assign(observed=[], expected=[]),
        pd.concat(curves, ignore_index=True) if curves else empty,
    )


WORDS = {
    "lambda": "scale in days",
    "rho": "shape",
    "mu": "mean of ln(days)",
    "sigma": "spread of ln(days)",
    "alpha": "median in days",
    "beta": "shape",
}
