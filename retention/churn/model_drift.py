"""Have the features, and the scores, moved since a model was trained? The population stability index against kept shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from retention.segments.model_drift import LEAST_SHARE, Drift, bins_of, shares_in

Floats = NDArray[np.float64]
MUCH = 0.25


def drift_basis(values: Floats, features: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Keep how the users that a model learned from spread over each feature, small enough for a model card.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_features)
        NaN where a feature is not known.

    Returns
    -------
    dict
        For each feature: edges (inner ones of its tenths), counts (up to each edge, beyond the last, not known).
    """
    found = {}
    for i, name in enumerate(features):
        column = values[:, i]
        edges = bins_of(column)
        found[name] = {"edges": [float(e) for e in edges], "counts": [int(n) for n in shares_in(column, edges)]}
    return found


def drift_of(basis: Mapping[str, Mapping[str, Any]], values: Floats, features: Sequence[str]) -> pd.DataFrame:
    """Compare users with those that a model learned from.

    Returns
    -------
    DataFrame
        feature, psi, by_chance (what chance alone exceeds in one case of twenty), p, is_moved, n_before, n_after, words; what
        moved most first. A feature that is no longer there is empty.

    Notes
    -----
    The rows that a model learned from hold a user once for each cut-off, so they are worth fewer than they are; they count
    here as no more than there are users now, which sets the bound of chance higher.
    """
    place = {name: i for i, name in enumerate(features)}
    rows = []
    for name, kept in basis.items():
        if name not in place:
            rows.append((name, np.nan, np.nan, np.nan, False, int(sum(kept["counts"])), 0, "The store does not know it now."))
            continue
        counts = np.asarray(kept["counts"], dtype=np.float64)
        found = psi_of(counts, shares_in(values[:, place[name]], np.asarray(kept["edges"], dtype=np.float64)))
        rows.append((name, found.psi, found.by_chance, found.p, found.is_moved, found.n_before, found.n_after, found.words))
    frame = pd.DataFrame(rows, columns=["feature", "psi", "by_chance", "p", "is_moved", "n_before", "n_after", "words"])
    return frame.sort_values(["psi", "feature"], ascending=[False, True], ignore_index=True)


def psi_of(before: Floats, after: Floats) -> Drift:
    """Compare two counts over the same bins; see `segments.model_drift.psi`.

    Examples
    --------
    >>> psi_of(np.array([50.0, 50.0]), np.array([50.0, 50.0])).psi
    0.0
    """
    n, m = float(before.sum()), float(after.sum())
    if not n or not m:
        return Drift(float("nan"), float("nan"), float("nan"), 0, int(n), int(m))
    is_used = (before + after) > 0
    b, a = np.maximum(before[is_used] / n, LEAST_SHARE), np.maximum(after[is_used] / m, LEAST_SHARE)
    index = float(((a - b) * np.log(a / b)).sum())
    freedom, scale = max(int(is_used.sum()) - 1, 1), 1 / min(n, m) + 1 / m
    return Drift(
        index,
        float(scale * chi2.ppf(0.95, freedom)),
        float(chi2.sf(index / scale, freedom)),
        int(is_used.sum()),
        int(n),
        int(m),
    )


def score_drift_of(kept: Mapping[str, Any], scores: Floats) -> Drift:
    """Compare scores with those that were kept by `drift_basis`."""
    edges = np.asarray(kept["edges"], dtype=np.float64)
    return psi_of(np.asarray(kept["counts"], dtype=np.float64), shares_in(scores, edges))
