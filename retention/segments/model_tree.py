"""Groups in words: a short decision tree, and how often it is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from retention.features.spec_registry import REGISTRY
from retention.segments.model import drawn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_DEPTH = 4
LEAST_LEAF = 0.01
TREE_ROWS = 50_000
DIGITS = 3
LEAF = -1
COUNTED = ("orders", "items", "categories", "reviews", "searches", "contacts", "events", "money", "share")


@dataclass(frozen=True, slots=True)
class Bound:
    """One side of a feature: above `low`, or up to `high`."""

    feature: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is in a group, in words.

    Attributes
    ----------
    segment : int
    text : str
    precision : float
        Share of the users whom the words fit that are in the group.
    coverage : float
        Share of the users in the group whom the words fit.
    n : int
        Users whom the words fit.
    """

    segment: int
    text: str
    precision: float
    coverage: float
    n: int


@dataclass(frozen=True, slots=True)
class TreeWords:
    """The groups in words.

    Attributes
    ----------
    rules : tuple of Rule
        The best one of each group that has one, in the order of the groups.
    fidelity : float
        Share of all users whom the whole tree puts where they are.
    n_leaves : int
    """

    rules: tuple[Rule, ...]
    fidelity: float
    n_leaves: int


def tree_words(values: pd.DataFrame, labels: Ints, *, max_depth: int = MAX_DEPTH, seed: int = 0) -> TreeWords:
    """Learn a short tree that gives the groups from the features, and put it in words.

    Parameters
    ----------
    values : DataFrame
        One row a user, one column a feature; a missing value counts as the median.
    labels : ndarray of int
        Users with a negative label are left out.

    Notes
    -----
    The thresholds are rounded before anything is counted, so the words say exactly what was measured.

    References
    ----------
    Breiman, L., Friedman, J., Olshen, R. & Stone, C. (1984). Classification and regression trees.
    """
    inside = labels >= 0
    frame = values[inside].fillna(values[inside].median()).fillna(0.0)
    own = labels[inside]
    rows = drawn(len(own), TREE_ROWS, seed)
    tree = DecisionTreeClassifier(
        max_depth=max_depth, min_samples_leaf=max(1, math.ceil(LEAST_LEAF * min(len(own), TREE_ROWS))), random_state=seed
    )
    columns = frame.to_numpy(dtype=np.float64)
    tree.fit(columns if rows is None else columns[rows], own if rows is None else own[rows])
    leaves = _leaves(tree, tuple(frame.columns), columns)
    n_right = 0
    best: dict[int, Rule] = {}
    for segment, bounds, fits in leaves:
        n, n_hit = int(fits.sum()), int((own[fits] == segment).sum())
        n_right += n_hit
        rule = Rule(segment, words(bounds), n_hit / n if n else math.nan, n_hit / max(int((own == segment).sum()), 1), n)
        if n and (segment not in best or rule.coverage > best[segment].coverage):
            best[segment] = rule
    return TreeWords(tuple(best[s] for s in sorted(best)), n_right / len(own), len(leaves))


def _leaves(
    tree: DecisionTreeClassifier, names: Sequence[str], columns: Floats
) -> list[tuple[int, tuple[Bound, ...], NDArray[np.bool_]]]:
    """List each leaf: its group, its bounds, and whom they fit."""
    inner = tree.tree_
    is_whole = [bool((column == np.round(column)).all()) for column in columns.T]
    found: list[tuple[int, tuple[Bound, ...], NDArray[np.bool_]]] = []

    def walk(node: int, bounds: dict[str, tuple[float, float]], fits: NDArray[np.bool_]) -> None:
        if inner.children_left[node] == LEAF:
            segment = int(tree.classes_[int(np.argmax(inner.value[node][0]))])
            found.append((segment, tuple(Bound(name, *ends) for name, ends in bounds.items()), fits))
            return
        j = int(inner.feature[node])
        at = _rounded(float(inner.threshold[node]), is_whole=is_whole[j])
        low, high = bounds.get(names[j], (-math.inf, math.inf))
        is_low = columns[:, j] <= at
        walk(int(inner.children_left[node]), {**bounds, names[j]: (low, min(high, at))}, fits & is_low)
        walk(int(inner.children_right[node]), {**bounds, names[j]: (max(low, at), high)}, fits & ~is_low)

    walk(0, {}, np.ones(len(columns), dtype=bool))
    return found


def _rounded(at: float, *, is_whole: bool) -> float:
    if is_whole:
        return float(math.floor(at))
    return float(f"{at:.{DIGITS}g}")


def words(bounds: Sequence[Bound]) -> str:
    """Put bounds in words.

    Examples
    --------
    >>> words([Bound("orders", 2.0, math.inf), Bound("days_since_last", -math.inf, 20.0)])
    '≥ 3 orders and last seen within 20 days'
    >>> words([Bound("share_night", 0.4, math.inf)])
    'share at night > 40 %'
    """
    return " and ".join(_said(bound) for bound in bounds) or "everybody"


def _said(bound: Bound) -> str:
    about = REGISTRY.get(bound.feature)
    title, unit = (about.title, about.unit) if about else (bound.feature, "")
    low, high = bound.low, bound.high
    if bound.feature in ("days_since_last", "days_since_last_order"):
        seen = "last seen" if bound.feature == "days_since_last" else "last order"
        if math.isinf(low):
            return f"{seen} within {_number(high, unit)} days"
        if math.isinf(high):
            return f"{seen} more than {_number(low, unit)} days ago"
        return f"{seen} {_number(low + 1, unit)} to {_number(high, unit)} days ago"
    if bound.feature == "orders" and math.isfinite(low) and math.isinf(high):
        return f"≥ {int(low) + 1} order{'' if low == 0 else 's'}"
    if high == 0 and math.isinf(low) and unit in COUNTED:
        return f"no {title[0].lower() + title[1:]}"
    name = title[0].lower() + title[1:]
    if math.isinf(low):
        return f"{name} ≤ {_number(high, unit)}"
    if math.isinf(high):
        return f"{name} > {_number(low, unit)}"
    return f"{name} above {_number(low, unit)} and up to {_number(high, unit)}"


def _number(value: float, unit: str) -> str:
    if unit == "share":
        return f"{value * 100:.{DIGITS}g} %"
    return f"{value:,.{DIGITS}g}" if abs(value) < 1000 else f"{value:,.0f}"
