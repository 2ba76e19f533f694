"""Cox's regression: which attributes go with lapsing sooner, each with the others held equal."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from retention.errors import SpecError
from retention.survival.curve import OTHER_LABEL

MAX_USERS = 20_000
MIN_OBSERVED = 20
PER_COEFFICIENT = 10
MIN_IN_LEVEL = 5
DIVERGED = 7.0
"""A coefficient or error beyond this on the log scale (a ratio above 1,000) has no finite estimate behind it."""
ALPHA = 0.05


def merged_levels(rows: pd.DataFrame, n_attributes: int, max_levels: int) -> pd.DataFrame:
    """Put all but the most frequent values of each attribute together.

    Parameters
    ----------
    rows : DataFrame
        a_0, a_1 … (texts), and n.
    """
    merged = rows.copy()
    for name in (f"a_{i}" for i in range(n_attributes)):
        sizes = merged.groupby(name)["n"].sum().sort_values(ascending=False, kind="stable")
        if len(sizes) > max_levels:
            kept = set(sizes.index[: max_levels - 1])
            merged[name] = [value if value in kept else OTHER_LABEL for value in merged[name]]
    return merged


def cox_regression(rows: pd.DataFrame, attributes: Sequence[str], profile: Sequence[str] = ()) -> dict[str, Any]:
    """Fit Cox's model by lifelines on one row a user, spread out from counts.

    Parameters
    ----------
    rows : DataFrame
        a_0, a_1 … (the attributes' values as texts), entry_day, age, is_lapsed, n; at most 20,000 users.
    attributes : sequence of str
        What they are called.
    profile : sequence of str
        Values of the attributes whose survival is wanted; empty means the references.

    Returns
    -------
    dict
        The fields of `CoxModel` that come from the estimate.

    Raises
    ------
    SpecError
        If there are too few users or lapses, or nothing to compare.

    Notes
    -----
    Ties are handled by Efron's method, which needs one row a user: equal rows with a weight give another answer,
    for the ties within a row are then not seen. Hence the bound on users. A value with no lapse, or whose users
    all lapsed on their first day, has no finite ratio; it is left out and said.

    References
    ----------
    Cox, D. R. (1972). Regression models and life-tables. JRSS B 34.
    Efron, B. (1977). The efficiency of Cox's likelihood function for censored data. JASA 72.
    Grambsch, P. M. & Therneau, T. M. (1994). Proportional hazards tests and diagnostics based on weighted
    residuals. Biometrika 81.
    Harrell, F. E. et al. (1982). Evaluating the yield of medical tests. JAMA 247.
    """
    # Engines give rows in any order; the sums of the estimate are to have one.
    keys = [f"a_{i}" for i in range(len(attributes))]
    rows = rows.sort_values([*keys, "entry_day", "age", "is_lapsed"], ignore_index=True)
    rows, dropped = _with_lapses(rows, attributes)
    levels: dict[str, tuple[str, ...]] = {}
    columns: dict[str, tuple[str, str]] = {}
    design = {"entry": rows["entry_day"].to_numpy(dtype=float), "days": rows["age"].to_numpy(dtype=float) + 1.0}
    design["lapsed"] = rows["is_lapsed"].to_numpy(dtype=bool)
    for i, name in enumerate(attributes):
        sizes = rows.groupby(f"a_{i}")["n"].sum().sort_values(ascending=False, kind="stable")
        levels[name] = tuple(str(value) for value in sizes.index)
        for j, value in enumerate(levels[name][1:]):
            columns[f"x{i}_{j}"] = (name, value)
            design[f"x{i}_{j}"] = (rows[f"a_{i}"] == value).to_numpy(dtype=float)
    lapsed = rows["is_lapsed"].to_numpy(dtype=bool)
    n, n_observed = int(rows["n"].sum()), int(rows.loc[lapsed, "n"].sum())
    if not columns:
        raise SpecError("There is nothing to compare: every user has the same value.", hint="Choose another attribute.")
    if n_observed < max(MIN_OBSERVED, PER_COEFFICIENT * len(columns)):
        raise SpecError(
            f"{n_observed} lapses are too few for {len(columns)} hazard ratios;"
            f" at least {max(MIN_OBSERVED, PER_COEFFICIENT * len(columns))} are needed.",
            hint="Choose fewer attributes, or a shorter window.",
        )
    repeats = rows["n"].to_numpy(dtype=np.int64)
    users = pd.DataFrame({name: np.repeat(values, repeats) for name, values in design.items()})
    fitter, ph_p = fit_cox(users)
    concordance = float(fitter.concordance_index_)
    ratios = _ratios(rows, levels, columns, fitter.summary, ph_p)
    wanted = tuple(profile) or tuple(levels[name][0] for name in attributes)
    asked = pd.DataFrame(
        {column: [float(wanted[list(attributes).index(name)] == value)] for column, (name, value) in columns.items()}
    )
    days = np.arange(0, int(users["days"].max()))
    with np.errstate(all="ignore"):
        survival = fitter.predict_survival_function(asked, times=days + 1.0).iloc[:, 0].to_numpy(dtype=float)
    return {
        "n": n,
        "n_observed": n_observed,
        "ratios": ratios,
        "concordance": concordance,
        "is_proportional": bool((ratios["ph_p"].dropna() * len(columns) > ALPHA).all()),
        "curve": pd.DataFrame({"t": days, "survival": survival}),
        "profile": wanted,
        "levels": levels,
        "dropped": dropped,
    }


def fit_cox(users: pd.DataFrame) -> tuple[Any, dict[str, float]]:
    """Fit Cox's model to one row a user, and check that its ratios do not change with age.

    Parameters
    ----------
    users : DataFrame
        entry, days, lapsed, and one column a coefficient. At risk are those with ``entry < t <= days``.

    Returns
    -------
    fitter
        lifelines' own.
    p : dict of str to float
        Of the check, by coefficient.
    """
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    is_late = bool((users["entry"] > 0).any())
    table = users if is_late else users.drop(columns=["entry"])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitter = CoxPHFitter().fit(
                table, duration_col="days", event_col="lapsed", entry_col="entry" if is_late else None
            )
        except ConvergenceError:
            raise _cannot_tell_apart() from None
        errors = fitter.standard_errors_.to_numpy(dtype=float)
        if not np.isfinite(errors).all() or errors.max() > DIVERGED or fitter.params_.abs().max() > DIVERGED:
            raise _cannot_tell_apart()
        names = list(fitter.params_.index)
        covariance = fitter.variance_matrix_.loc[names, names].to_numpy(dtype=float)
        p = proportional_check(users, names, fitter.params_[names].to_numpy(dtype=float), covariance)
    return fitter, dict(zip(names, p.tolist(), strict=True))


def proportional_check(
    users: pd.DataFrame, names: Sequence[str], coefficients: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Test for each coefficient whether it changes with age; return the p-values.

    Notes
    -----
    Grambsch and Therneau's test: scaled Schoenfeld residuals against 1 − S(t), which is R's default scale, ties by
    Efron. lifelines has it for users without late entry, where the numbers agree; its default scale, the rank,
    depends on the order of the rows where lapses tie, and whole days tie.
    """
    from scipy.stats import chi2

    x = users[list(names)].to_numpy(dtype=float)
    x = x - x.mean(axis=0)
    days, entry, lapsed = (users[name].to_numpy(dtype=float) for name in ("days", "entry", "lapsed"))
    weight = np.exp(x @ coefficients)
    ages = np.unique(days[lapsed > 0])
    n_lapsed, scale, residuals = np.zeros(len(ages)), np.zeros(len(ages)), np.zeros((len(ages), len(names)))
    left = 1.0
    for i, age in enumerate(ages):
        is_at_risk = (entry < age) & (days >= age)
        lapses = (days == age) & (lapsed > 0)
        d = int(lapses.sum())
        left *= 1.0 - d / is_at_risk.sum()
        # Efron: the lapses of a day go one after the other, each taking its share away from those at risk.
        share = np.arange(d) / d
        s0 = weight[is_at_risk].sum() - share * weight[lapses].sum()
        s1 = weight[is_at_risk] @ x[is_at_risk] - np.outer(share, weight[lapses] @ x[lapses])
        residuals[i] = x[lapses].sum(axis=0) - (s1 / s0[:, None]).sum(axis=0)
        n_lapsed[i], scale[i] = d, 1.0 - left
    centred = scale - (n_lapsed @ scale) / n_lapsed.sum()
    spread = n_lapsed @ centred**2
    scaled = n_lapsed.sum() * (centred @ residuals) @ covariance
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = scaled**2 / (n_lapsed.sum() * np.diag(covariance) * spread)
    return np.asarray(chi2.sf(statistic, 1), dtype=float)


def _cannot_tell_apart() -> SpecError:
    return SpecError(
        "The hazard ratios cannot be told apart: the attributes split the users almost alike, or one value decides"
        " who lapses.",
        hint="Choose fewer attributes.",
    )


def _with_lapses(rows: pd.DataFrame, attributes: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out values whose ratio would be infinite or mere chance, until none is left."""
    dropped: list[str] = []
    while True:
        found = None
        for i, name in enumerate(attributes):
            lapses = (rows["n"] * rows["is_lapsed"]).groupby(rows[f"a_{i}"]).sum()
            few = lapses.index[lapses < MIN_IN_LEVEL]
            if len(few):
                found = rows[f"a_{i}"] == few[0], f"{name} = {few[0]}", int(lapses[few[0]])
                break
        if found is None:
            return rows, tuple(dropped)
        is_out, value, n = found
        said = "None" if n == 0 else f"Only {n}"
        dropped.append(
            f"{said} of the {int(rows.loc[is_out, 'n'].sum()):,} users with {value} lapsed:"
            " no ratio can be given, and they are left out."
        )
        rows = rows[~is_out]


def _ratios(
    rows: pd.DataFrame,
    levels: dict[str, tuple[str, ...]],
    columns: dict[str, tuple[str, str]],
    summary: pd.DataFrame,
    ph_p: dict[str, float],
) -> pd.DataFrame:
    column_of = {key: column for column, key in columns.items()}
    found = []
    for i, (name, values) in enumerate(levels.items()):
        for value in values:
            mine = rows[rows[f"a_{i}"] == value]
            row: dict[str, object] = {
                "attribute": name,
                "value": value,
                "n": int(mine["n"].sum()),
                "n_lapsed": int((mine["n"] * mine["is_lapsed"]).sum()),
                "ratio": 1.0,
                "low": np.nan,
                "high": np.nan,
                "p": np.nan,
                "ph_p": np.nan,
                "is_reference": True,
            }
            if column := column_of.get((name, value)):
                estimate = summary.loc[column]
                row |= {
                    "ratio": float(estimate["exp(coef)"]),
                    "low": float(estimate["exp(coef) lower 95%"]),
                    "high": float(estimate["exp(coef) upper 95%"]),
                    "p": float(estimate["p"]),
                    "ph_p": float(ph_p[column]),
                    "is_reference": False,
                }
            found.append(row)
    return pd.DataFrame(found)
