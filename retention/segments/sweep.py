"""Numbers of groups compared, and in words how far the groups can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

STABLE = 0.75
"""Mean Jaccard similarity from which a group counts as stable (Hennig 2007, and his R package fpc)."""
NOISE = 0.6
"""Below it a group may be noise; between the two it is a pattern whose edge is not sure."""
ERRORS = 3.0
"""The gap statistic must exceed that of one group by so many errors, or the groups are no tighter than chance."""


def verdict_of(stability: float) -> str:
    """Say in a word or two how sure a group is.

    Examples
    --------
    >>> verdict_of(0.91), verdict_of(0.68), verdict_of(0.48)
    ('stable 0.91', 'edge not sure 0.68', 'may be noise 0.48')
    """
    if np.isnan(stability):
        return "not known"
    word = "stable" if stability >= STABLE else "edge not sure" if stability >= NOISE else "may be noise"
    return f"{word} {stability:.2f}"


def overall(stability: tuple[float, ...], *, is_structured: bool) -> str:
    """Say in a sentence how sure all groups together are.

    Examples
    --------
    >>> overall((0.9, 0.8, 0.5), is_structured=True)
    '2 of 3 segments are stable.'
    >>> overall((0.9, 0.8), is_structured=False)
    'No stable clusters: the users are spread about as evenly as chance would spread them.'
    """
    n_stable = sum(s >= STABLE for s in stability)
    if not is_structured:
        return "No stable clusters: the users are spread about as evenly as chance would spread them."
    if not n_stable:
        return "No stable clusters: drawn anew, the users fall into other groups."
    if n_stable == len(stability):
        return f"All {n_stable} segments are stable."
    return f"{n_stable} of {len(stability)} segments {'is' if n_stable == 1 else 'are'} stable."


@dataclass(frozen=True, slots=True)
class Trust:
    """How far the groups of one segmentation can be trusted.

    Attributes
    ----------
    stability : tuple of float
        Of each group, the mean Jaccard similarity with what is found when the users are drawn anew.
    margin : float
        By how many errors the gap statistic exceeds that of one group.
    n_rows, n_bootstraps : int
    """

    stability: tuple[float, ...]
    margin: float
    n_rows: int
    n_bootstraps: int

    @property
    def is_structured(self) -> bool:
        """Whether the groups are tighter than evenly spread users would make them."""
        return self.margin > ERRORS

    @property
    def verdict(self) -> str:
        """All groups in a sentence."""
        return overall(self.stability, is_structured=self.is_structured)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Each group in a word or two."""
        if not self.is_structured:
            return tuple(f"may be noise {s:.2f}" for s in self.stability)
        return tuple(verdict_of(s) for s in self.stability)


@dataclass(frozen=True, slots=True)
class SweepRow:
    """What one number of groups gives.

    Attributes
    ----------
    silhouette : float
        From −1 to 1, the higher the clearer.
    davies_bouldin : float
        From 0, the lower the clearer.
    gap, gap_error : float
    margin : float
        By how many errors the gap exceeds that of one group.
    inertia : float
    stability : tuple of float
        Of each group, the largest group not necessarily first.
    """

    k: int
    silhouette: float
    davies_bouldin: float
    gap: float
    gap_error: float
    margin: float
    inertia: float
    stability: tuple[float, ...]

    @property
    def is_structured(self) -> bool:
        """Whether the groups are tighter than evenly spread users would make them."""
        return self.margin > ERRORS


@dataclass(frozen=True, slots=True)
class KSweep:
    """Several numbers of groups side by side.

    Attributes
    ----------
    rows : tuple of SweepRow
    n_rows, n_pairs, n_bootstraps : int
        Users that were divided, users for silhouettes and gaps, draws.
    number_by_gap : int
        The paper's choice: the smallest number whose gap is within one error of the next.
    """

    rows: tuple[SweepRow, ...]
    n_rows: int
    n_pairs: int
    n_bootstraps: int
    number_by_gap: int

    @property
    def best(self) -> int | None:
        """The largest number of groups that all are stable, else the most stable one; None where nothing is."""
        real = [r for r in self.rows if r.is_structured]
        whole = [r for r in real if min(r.stability) >= STABLE]
        if whole:
            return max(whole, key=lambda r: r.k).k
        some = [r for r in real if max(r.stability) >= STABLE]
        return max(some, key=lambda r: (float(np.mean(r.stability)), r.k)).k if some else None

    @property
    def verdict(self) -> str:
        """The sweep in a sentence."""
        if self.best is None:
            return overall((), is_structured=any(r.is_structured for r in self.rows))
        (row,) = (r for r in self.rows if r.k == self.best)
        return f"{self.best} segments hold best. {overall(row.stability, is_structured=True)}"

    def table(self) -> pd.DataFrame:
        """Lay the sweep out.

        Returns
        -------
        DataFrame
            k, silhouette, davies_bouldin, gap, gap_error, margin, is_structured, stability (mean), least_stability, n_stable.
        """
        return pd.DataFrame(
            [
                {
                    "k": r.k, "silhouette": r.silhouette, "davies_bouldin": r.davies_bouldin, "gap": r.gap,
                    "gap_error": r.gap_error, "margin": r.margin, "is_structured": r.is_structured,
                    "stability": float(np.mean(r.stability)), "least_stability": min(r.stability),
                    "n_stable": sum(s >= STABLE for s in r.stability),
                }
                for r in self.rows
            ]
        )  # fmt: skip
