"""A segmentation: who is in which group, what the groups are like, and who moved between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.features.spec_registry import REGISTRY
from retention.segments.spec import SegmentSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Z95 = 1.959963984540054
NOWHERE = "In no segment"
NOT_BEFORE, NOT_AFTER = "Not there before", "No longer there"


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Users in groups.

    Attributes
    ----------
    spec : SegmentSpec
    user_keys : ndarray of int, shape (n_users,)
        Ascending.
    labels : ndarray of int, shape (n_users,)
        Place of each user's group in `names`; −1 = in none.
    names : tuple of str
        Suggested ones, until somebody edits them.
    features : tuple of str
        Those that the groups were made of.
    values : DataFrame
        One row a user: those features as they are.
    weights : ndarray or None
        Each user's revenue less refunds, where it is known.
    model : estimator
        What gave the labels; scores users at a later date.
    n_left_out : int
        Users with too few active days.
    cutoff_us, data_version : int
    notes : tuple of str
        What the reader should know: features left out, values filled in, outliers.
    """

    spec: SegmentSpec
    user_keys: Ints
    labels: Ints
    names: tuple[str, ...]
    features: tuple[str, ...]
    values: pd.DataFrame
    weights: Floats | None
    model: Any
    n_left_out: int
    cutoff_us: int
    data_version: int
    notes: tuple[str, ...] = ()

    @property
    def n_users(self) -> int:
        """How many users, in a group or in none."""
        return len(self.labels)

    def members(self, segment: int) -> Ints:
        """List the users of a group."""
        return self.user_keys[self.labels == segment]

    def sizes(self) -> pd.DataFrame:
        """Count the groups.

        Returns
        -------
        DataFrame
            segment, name, n, share, value_share (of all revenue less refunds; empty where none is known). The last row,
            −1, holds those in no group, if there are any.
        """
        rows = []
        whole = float(np.nansum(self.weights)) if self.weights is not None else np.nan
        for segment in (*range(len(self.names)), -1):
            inside = self.labels == segment
            if segment < 0 and not inside.any():
                continue
            value = float(np.nansum(self.weights[inside])) / whole if self.weights is not None and whole > 0 else np.nan
            name = NOWHERE if segment < 0 else self.names[segment]
            rows.append((segment, name, int(inside.sum()), float(inside.mean()), value))
        return pd.DataFrame(rows, columns=["segment", "name", "n", "share", "value_share"])

    def profile(self) -> pd.DataFrame:
        """Say how each group differs from the average user.

        Returns
        -------
        DataFrame
            segment, name, feature, title, unit, n_known, mean, median, difference, low, high. `difference` is from the mean
            of all users in standard deviations, with its 95 % interval; empty where a feature is not known of anybody in the
            group.
        """
        return profile(self.values, self.labels, self.names)

    def renamed(self, names: Sequence[str]) -> tuple[str, ...]:
        """Check names that an analyst has written.

        Raises
        ------
        ValueError
            If there are too few or too many; names must be checked for the reader before.
        """
        if len(names) != len(self.names):
            raise ValueError(f"{len(self.names)} names, not {len(names)}")
        return tuple(name.strip() or old for name, old in zip(names, self.names, strict=True))


def profile(values: pd.DataFrame, labels: Ints, names: Sequence[str]) -> pd.DataFrame:
    """Say how each group differs from the average user; see `Segmentation.profile`."""
    rows = []
    for feature in values.columns:
        column = values[feature].to_numpy(dtype=np.float64)
        about = REGISTRY.get(feature)
        is_known = ~np.isnan(column)
        mean, sd = (float(column[is_known].mean()), float(column[is_known].std())) if is_known.any() else (np.nan, np.nan)
        for segment, name in enumerate(names):
            known = column[is_known & (labels == segment)]
            n = len(known)
            own, median, difference, half = np.nan, np.nan, np.nan, np.nan
            if n:
                own, median = float(known.mean()), float(np.median(known))
            if n and sd > 0:
                difference = (own - mean) / sd
                half = Z95 * float(known.std(ddof=1)) / np.sqrt(n) / sd if n > 1 else np.nan
            title, unit = (about.title, about.unit) if about else (feature, "")
            rows.append((segment, name, feature, title, unit, n, own, median, difference, difference - half, difference + half))
    columns = ["segment", "name", "feature", "title", "unit", "n_known", "mean", "median", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def movements(before: Segmentation, after: Segmentation) -> pd.DataFrame:
    """Count who moved from which group to which; see `moved`."""
    return moved(
        before.user_keys, before.labels, before.names, after.user_keys, after.labels, after.names
    )


def moved(
    keys_before: Ints, labels_before: Ints, names_before: Sequence[str],
    keys_after: Ints, labels_after: Ints, names_after: Sequence[str],
) -> pd.DataFrame:  # fmt: skip
    """Count who moved from which group to which.

    Returns
    -------
    DataFrame
        before, after (names), n, share (of those who were in `before`). Users who are in one of the two only are counted as
        not there before, or no longer there. The counts add up to all users of both.
    """
    old = pd.Series(_named(labels_before, names_before), index=keys_before, name="before")
    new = pd.Series(_named(labels_after, names_after), index=keys_after, name="after")
    both = pd.concat([old, new], axis=1).fillna({"before": NOT_BEFORE, "after": NOT_AFTER})
    counts = both.groupby(["before", "after"], as_index=False).size().rename(columns={"size": "n"})
    counts["share"] = counts["n"] / counts.groupby("before")["n"].transform("sum")
    first = {name: place for place, name in enumerate((*names_before, NOWHERE, NOT_BEFORE))}
    then = {name: place for place, name in enumerate((*names_after, NOWHERE, NOT_AFTER))}
    order = np.lexsort((counts["after"].map(then), counts["before"].map(first)))
    return counts.iloc[order].reset_index(drop=True)


def _named(labels: Ints, names: Sequence[str]) -> NDArray[np.object_]:
    return np.array([*names, NOWHERE], dtype=object)[labels]


# Names ---------------------------------------------------------------------------------------------------

LEAST_SCORE = 0.35
MOST_DIFFERENCE = 2.0
#: Name → what must be known of, and how much more (+) or less (−) than average the group has of what.
LIKENESSES: Mapping[str, tuple[tuple[str, ...], Mapping[str, float]]] = {
    "Champions": (
        ("orders", "net", "gross", "orders_90", "gross_90", "order_rate"),
        {"orders": 1, "net": 1, "gross": 1, "orders_90": 1, "gross_90": 1, "order_rate": 1, "days_since_last_order": -1,
         "days_since_last": -1, "active_days_90": 0.5, "gap_mean": -0.5, "discount_share": -0.25},
    ),
    "New": (("days_since_first",), {"days_since_first": -1, "active_days": -0.5, "days_since_last": -0.5}),
    "At risk": (
        ("silence_ratio", "days_since_last", "days_since_last_order"),
        {"silence_ratio": 1, "days_since_last": 0.5, "days_since_last_order": 0.5, "orders": 0.5, "net": 0.5,
         "active_days": 0.5, "trend_active_days": -0.5},
    ),
    "Lost": (
        ("days_since_last", "days_since_last_order"),
        {"days_since_last": 1, "days_since_last_order": 1, "orders": -0.5, "net": -0.5, "active_days": -0.5,
         "active_days_90": -0.5},
    ),
    "Bargain hunters": (("discount_share",), {"discount_share": 1}),
    "Night shoppers": (("share_night",), {"share_night": 1}),
    "Weekend visitors": (("share_weekend",), {"share_weekend": 1}),
    "Window shoppers": (
        ("order_rate", "orders"),
        {"order_rate": -1, "orders": -0.5, "search_rate": 1, "items_seen": 0.5, "events_per_day": 0.5},
    ),
    "Big baskets": (("value_per_order", "items_per_order"), {"value_per_order": 1, "items_per_order": 1}),
    "Send much back": (("refund_share",), {"refund_share": 1}),
    "Frequent visitors": (
        ("gap_mean", "active_days_30", "active_days_90"),
        {"gap_mean": -1, "active_days_30": 1, "active_days_90": 1, "events_90": 0.5, "order_rate": -0.25},
    ),
    "Occasional visitors": (
        ("gap_mean", "active_days_30", "active_days_90"), {"gap_mean": 1, "active_days_30": -1, "active_days_90": -1}
    ),
}  # fmt: skip
PLAIN = "Segment"


def suggested_names(profiles: pd.DataFrame, n_segments: int) -> tuple[str, ...]:
    """Suggest a name for each group from what it has more and less of than the average user.

    Notes
    -----
    A likeness scores the weighted mean of the differences, cut at two standard deviations; the best pair of group and name
    goes first, every name goes once, and a group that is like none of them gets its number.
    """
    if not n_segments:
        return ()
    wide = profiles.pivot_table(index="segment", columns="feature", values="difference", dropna=False)
    scores: list[tuple[float, int, str]] = []
    for segment in range(n_segments):
        own = wide.loc[segment].dropna().clip(-MOST_DIFFERENCE, MOST_DIFFERENCE).to_dict() if segment in wide.index else {}
        for name, (needed, weights) in LIKENESSES.items():
            known = {feature: weight for feature, weight in weights.items() if feature in own}
            if not any(feature in known for feature in needed):
                continue
            total = sum(weight * own[feature] for feature, weight in known.items())
            score = total / sum(abs(weight) for weight in known.values())
            if score >= LEAST_SCORE:
                scores.append((score, segment, name))
    chosen: dict[int, str] = {}
    for _, segment, name in sorted(scores, key=lambda s: (-s[0], s[1], s[2])):
        if segment not in chosen and name not in chosen.values():
            chosen[segment] = name
    return tuple(chosen.get(segment, f"{PLAIN} {segment + 1}") for segment in range(n_segments))
