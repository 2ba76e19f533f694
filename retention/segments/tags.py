"""Who has which tag."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import SpecError
from retention.features.spec_registry import REGISTRY
from retention.features.table import FeatureTable
from retention.segments.spec_tags import FeatureCondition, TagSpec

COMPARE = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


def holds(table: FeatureTable, condition: FeatureCondition) -> NDArray[np.bool_]:
    """Say of each user whether a condition holds; what is not known satisfies none.

    Raises
    ------
    SpecError
        If the feature is not in the table.
    """
    name = condition.feature
    if name not in table.frame:
        reason = table.absent.get(name, "It was not asked for.")
        raise SpecError(f"{REGISTRY[name].title} is not known: {reason}", hint="Take the condition away.")
    column = table.frame[name].to_numpy()
    value = condition.value
    if name in table.labels:
        value = table.labels[name].index(str(value)) if str(value) in table.labels[name] else -1
    return COMPARE[condition.operator](column, float(value)) & ~np.isnan(column)


def tagged(table: FeatureTable, tag: TagSpec) -> NDArray[np.int64]:
    """List the users who have a tag, ascending."""
    return table.user_keys[np.logical_and.reduce([holds(table, condition) for condition in tag.conditions])]


def tag_counts(table: FeatureTable, tags: Sequence[TagSpec]) -> pd.DataFrame:
    """Count users by tag; one user may have several.

    Returns
    -------
    DataFrame
        name, rule, n, share.
    """
    rows = []
    for tag in tags:
        n = len(tagged(table, tag))
        rows.append((tag.name, " and ".join(map(str, tag.conditions)), n, n / table.n_users))
    return pd.DataFrame(rows, columns=["name", "rule", "n", "share"])
