"""Compare the retention of two groups, age by age, with the correction that many comparisons need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.cohorts.matrix import RetentionMatrix
from retention.errors import SpecError, nearest
from retention.intervals import newcombe, two_sided_p

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the pooled retention of two groups differs.

    Attributes
    ----------
    first, second : str
    frame : DataFrame
        One row an age: age, rate_1, n_1, rate_2, n_2, difference, low, high (Newcombe 95 %), p_adjusted
        (Benjamini–Hochberg over the ages), says ("higher", "lower" or "cannot tell": the first against the second).
    sentence : str
    """

    first: str
    second: str
    frame: pd.DataFrame
    sentence: str


def comparable_groups(matrix: RetentionMatrix) -> list[str]:
    """List the groups that have mature cells, the largest first."""
    sizes = matrix.by_group.dropna(subset=["group"]).groupby("group")["size"].max()
    return [str(g) for g in sizes.sort_values(ascending=False, kind="stable").index]


def compare(matrix: RetentionMatrix, first: str, second: str) -> Comparison:
    """Compare two groups at every age at which both have mature cells.

    Notes
    -----
    The groups are pooled over their own mature cohorts. An age "says" something only where Newcombe's
    interval excludes zero and the p-value survives the Benjamini–Hochberg correction over the ages.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions.
    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B 57.
    """
    known = comparable_groups(matrix)
    for name in (first, second):
        if name not in known:
            raise SpecError(f'There is no group "{name}" with a complete cell.', hint=nearest(name, known))
    one, two = (matrix.by_group[matrix.by_group["group"] == name].set_index("age") for name in (first, second))
    ages = [age for age in one.index if age in two.index]
    one, two = one.loc[ages], two.loc[ages]
    rate_1, rate_2 = ((g["retained"] / g["size"]).to_numpy(dtype=float) for g in (one, two))
    n_1, n_2 = (g["n_effective"].to_numpy(dtype=float) for g in (one, two))
    low, high = newcombe(rate_1 * n_1, n_1, rate_2 * n_2, n_2)
    p = benjamini_hochberg(two_sided_p(rate_1 * n_1, n_1, rate_2 * n_2, n_2))
    clear = p <= ALPHA
    says = np.where(clear & (low > 0), "higher", np.where(clear & (high < 0), "lower", "cannot tell"))
    frame = pd.DataFrame(
        {
            "age": ages,
            "rate_1": rate_1,
            "n_1": one["size"].to_numpy(),
            "rate_2": rate_2,
            "n_2": two["size"].to_numpy(),
            "difference": rate_1 - rate_2,
            "low": low,
            "high": high,
            "p_adjusted": p,
            "says": says,
        }
    )
    return Comparison(first, second, frame, _sentence(matrix, first, second, frame))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return the adjusted p-values of the step-up procedure.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    n = len(p)
    order = np.argsort(p)
    stepped = p[order] * n / np.arange(1, n + 1)
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return adjusted


def _sentence(matrix: RetentionMatrix, first: str, second: str, frame: pd.DataFrame) -> str:
    unit = matrix.spec.period
    if frame.empty:
        return f"{first} against {second}: cannot tell, they share no complete {unit} yet."
    parts = []
    for word in ("higher", "lower", "cannot tell"):
        ages = frame.loc[frame["says"] == word, "age"].tolist()
        if ages:
            parts.append(f"{word} at {f'{unit} {_listed(ages)}' if len(ages) < len(frame) else f'every {unit}'}")
    corrected = f" ({len(frame)} comparisons at once, Benjamini–Hochberg corrected)" if len(frame) > 1 else ""
    return f"Retention of {first} against {second}: {'; '.join(parts)}{corrected}."


def _listed(ages: list[int]) -> str:
    """Write ages with runs as ranges.

    Examples
    --------
    >>> _listed([1, 2, 3, 5])
    '1–3, 5'
    """
    runs: list[list[int]] = []
    for age in ages:
        if runs and age == runs[-1][-1] + 1:
            runs[-1].append(age)
        else:
            runs.append([age])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
