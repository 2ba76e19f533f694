"""Who has which tag."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import SpecError
from retention.features.spec_registry import REGISTRY
from retention.features.table import FeatureTable
from retention.segments.spec_tags import PREFIX, FeatureCondition, TagSpec, condition_words, rule_of, rule_words

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


@dataclass(frozen=True, slots=True)
class TagPreview:
    """Who would have a tag, before it is saved.

    Attributes
    ----------
    spec : TagSpec
    n, n_users : int
        Users who would have it, and users who were looked at.
    cutoff_us : int
        As of when.
    conditions : DataFrame
        condition (in words), n (users for whom it holds by itself), n_known (users of whom the feature is known).
    """

    spec: TagSpec
    n: int
    n_users: int
    cutoff_us: int
    conditions: pd.DataFrame

    @property
    def share(self) -> float:
        """Of the users who were looked at."""
        return self.n / self.n_users if self.n_users else float("nan")


def preview_of(table: FeatureTable, spec: TagSpec) -> TagPreview:
    """Count who would have a tag, and for whom each of its conditions holds by itself."""
    rows = [
        (
            condition_words(c.feature, c.operator, c.value),
            int(holds(table, c).sum()),
            int(table.frame[c.feature].notna().sum()),
        )
        for c in spec.conditions
    ]
    frame = pd.DataFrame(rows, columns=["condition", "n", "n_known"])
    return TagPreview(spec, len(tagged(table, spec)), table.n_users, table.cutoff_us, frame)


def tag_labels(table: FeatureTable, spec: TagSpec) -> pd.DataFrame:
    """List who has a tag as the store keeps it.

    Returns
    -------
    DataFrame
        user_key, value_key (1, the only value of a tag).
    """
    keys = tagged(table, spec)
    return pd.DataFrame({"user_key": keys, "value_key": np.ones(len(keys), dtype=np.int64)})


@dataclass(frozen=True, slots=True)
class SavedTag:
    """A tag as the store keeps it, with its latest count.

    Attributes
    ----------
    property_key : int
    label, name, rule : str
        "tag:night shopper", "night shopper", "Share at night ≥ 0.4".
    spec : TagSpec or None
        None where the rule cannot be counted anew.
    fault : str
        Why it cannot; nothing where it can.
    n, n_users : int
        Users who had it at the latest count, and users who were looked at.
    cutoff_us : int
        As of when they were counted.
    data_version : int
        Of the data at that count.
    n_labellings : int
        As of how many moments users have been counted.
    saved_us : int
    """

    property_key: int
    label: str
    name: str
    rule: str
    spec: TagSpec | None
    fault: str
    n: int
    n_users: int
    cutoff_us: int
    data_version: int
    n_labellings: int
    saved_us: int

    @property
    def share(self) -> float:
        """Of the users who were looked at."""
        return self.n / self.n_users if self.n_users else float("nan")


def saved_tags_of(rows: pd.DataFrame) -> tuple[SavedTag, ...]:
    """Make tags of the rows that the store keeps of them."""
    found = []
    for row in rows.itertuples(index=False):
        spec, fault = _read(str(row.name), str(row.rule))
        found.append(
            SavedTag(
                property_key=int(row.property_key), label=str(row.label), name=str(row.name),
                rule=rule_words(str(row.rule)), spec=spec, fault=fault, n=int(row.n), n_users=int(row.n_users),
                cutoff_us=int(row.cutoff_us), data_version=int(row.data_version), n_labellings=int(row.n_labellings),
                saved_us=int(row.saved_us),
            )
        )  # fmt: skip
    return tuple(found)


def _read(name: str, rule: str) -> tuple[TagSpec | None, str]:
    try:
        return rule_of(name, rule), ""
    except SpecError as error:
        return None, f"{error.message} {error.hint}".strip()


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How many users have two tags at once.

    Attributes
    ----------
    names : tuple of str
        The tags, the most common first.
    n : mapping of (str, str) to int
        Users with both; of one and the same, users with it.
    by_count : DataFrame
        n_tags, n_users: how many users have so many tags, from 1.
    """

    names: tuple[str, ...]
    n: Mapping[tuple[str, str], int]
    by_count: pd.DataFrame


def overlaps_of(pairs: pd.DataFrame, by_count: pd.DataFrame) -> Overlaps:
    """Lay out how many users have two tags at once.

    Parameters
    ----------
    pairs : DataFrame
        one, other (labels), n.
    by_count : DataFrame
        n_tags, n_users.
    """
    n = {
        (_called(one), _called(other)): int(count)
        for one, other, count in zip(pairs["one"], pairs["other"], pairs["n"], strict=True)
    }
    names = sorted({one for one, _ in n}, key=lambda name: (-n[name, name], name))
    return Overlaps(tuple(names), n, by_count)


def _called(label: str) -> str:
    return str(label).removeprefix(PREFIX)
