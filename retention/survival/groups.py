"""Rows of a histogram to groups: their names, their order, and what is shown together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from retention.cohorts.matrix import NONE_LABEL
from retention.survival.curve import OTHER_LABEL
from retention.survival.spec import FIRST_MONTH, SurvivalSpec

GroupKeys = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which codes of a breakdown make which group, in the order of showing.

    Attributes
    ----------
    keys : mapping of group name to codes
        None among the codes stands for a missing value; without a breakdown the only name is None.
    merged : tuple of str
        Values that are shown together as the last group.
    """

    keys: Mapping[str | None, GroupKeys]
    merged: tuple[str, ...]


def month_label(month: int) -> str:
    """Write the month of a cohort.

    Examples
    --------
    >>> month_label(12 * 56 + 2)
    '2026-03'
    """
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"


def grouping(rows: pd.DataFrame, spec: SurvivalSpec, labels: Mapping[int, str]) -> Grouping:
    """Choose the groups: the largest ones (months in order), and the rest together.

    Parameters
    ----------
    rows : DataFrame
        grp (missing for no value), n.
    labels : mapping of int to str
        What each code is called.
    """
    if spec.by is None:
        return Grouping({None: (0,)}, ())
    sizes = rows.assign(grp=rows["grp"].astype("Int64")).groupby("grp", dropna=False)["n"].sum()
    ranked = sorted(
        ((None if pd.isna(key) else int(key), int(n)) for key, n in sizes.items()),
        key=lambda pair: (-pair[1], -1 if pair[0] is None else pair[0]),
    )
    keys = [key for key, _ in ranked]
    shown = keys if len(keys) <= spec.max_groups else keys[: max(spec.max_groups - 1, 1)]
    rest = keys[len(shown) :]

    def name(key: int | None) -> str:
        if key is None:
            return NONE_LABEL
        return month_label(key) if spec.by == FIRST_MONTH else labels.get(key, NONE_LABEL)

    if spec.by == FIRST_MONTH:
        shown = sorted(shown, key=lambda key: -1 if key is None else key)
    found: dict[str | None, GroupKeys] = {}
    for key in shown:  # two codes without a text are one group
        found[name(key)] = (*found.get(name(key), ()), key)
    if rest:
        found[OTHER_LABEL] = (*found.get(OTHER_LABEL, ()), *rest)
    return Grouping(found, tuple(sorted(name(key) for key in rest)))


def rows_of(rows: pd.DataFrame, keys: GroupKeys, *, has_groups: bool) -> pd.DataFrame:
    """Return the rows of one group."""
    if not has_groups:
        return rows
    known = [key for key in keys if key is not None]
    mine = rows["grp"].isin(known)
    return rows[mine | rows["grp"].isna()] if None in keys else rows[mine]


def labelled(rows: pd.DataFrame, labels: Mapping[str, Mapping[int, str]]) -> pd.DataFrame:
    """Put the texts of attributes in the place of their codes: columns a_0, a_1 … in the order of `labels`.

    Parameters
    ----------
    rows : DataFrame
        Columns a_0_key, a_1_key ….
    labels : mapping of attribute to mapping of int to str
    """
    texts = {}
    for i, known in enumerate(labels.values()):
        codes = rows[f"a_{i}_key"]
        texts[f"a_{i}"] = [NONE_LABEL if pd.isna(code) else known.get(int(code), NONE_LABEL) for code in codes]
    return rows.drop(columns=[f"a_{i}_key" for i in range(len(labels))]).assign(**texts)
