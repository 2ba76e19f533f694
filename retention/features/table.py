"""The table of features: one row a user, and nothing where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.features.formulas import FORMULAS, Sums, needs_of
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import REGISTRY, Feature

Ints = NDArray[np.int64]
EVIDENCE = {
    "discount_share": "basket.n_known",
    "items": "items.n_items",
    "categories": "items.n_categories",
    "items_seen": "seen.n_seen",
    "channels": "channel.n_values",
    "devices": "device.n_values",
    "search_texts": "words.n",
}
"""Counts that mean nothing where nobody has any: the store holds no such thing."""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """What is known of every user at a moment.

    Attributes
    ----------
    spec : FeatureSpec
    frame : DataFrame
        user_key (whole number, ascending), then one column of floats a feature; NaN where it is not known.
    cutoff_us : int
        Only events before this instant were looked at.
    end_day : int
        Last local day that was looked at.
    data_version : int
    absent : dict of str to str
        Features that were asked for and are not in the frame, each with the reason.
    labels : dict of str to tuple of str
        For each feature that is a category, the texts that its numbers 0, 1, 2 … stand for.
    notes : tuple of str
        What the reader should know about single features.
    """

    spec: FeatureSpec
    frame: pd.DataFrame
    cutoff_us: int
    end_day: int
    data_version: int
    absent: Mapping[str, str]
    labels: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The features in the frame."""
        return tuple(self.frame.columns[1:])

    @property
    def numeric(self) -> tuple[str, ...]:
        """Those that one may average."""
        return tuple(name for name in self.names if REGISTRY[name].kind == "number")

    @property
    def n_users(self) -> int:
        """How many rows."""
        return len(self.frame)

    @property
    def user_keys(self) -> Ints:
        """The users, ascending."""
        return self.frame["user_key"].to_numpy()

    def about(self) -> tuple[Feature, ...]:
        """What the columns mean."""
        return tuple(REGISTRY[name] for name in self.names)

    def describe(self) -> pd.DataFrame:
        """Summarise each feature.

        Returns
        -------
        DataFrame
            name, title, unit, meaning, n_known, mean, sd, min, q25, median, q75, max; the last seven are empty
            for categories.
        """
        rows = []
        for feature in self.about():
            known = self.frame[feature.name].dropna().to_numpy()
            row: dict[str, object] = {
                "name": feature.name, "title": feature.title, "unit": feature.unit, "meaning": feature.meaning,
                "n_known": len(known),
            }  # fmt: skip
            figures = dict.fromkeys(("mean", "sd", "min", "q25", "median", "q75", "max"), np.nan)
            if feature.kind == "number" and len(known):
                low, q25, median, q75, high = np.quantile(known, (0, 0.25, 0.5, 0.75, 1)).tolist()
                sd = float(known.std(ddof=1)) if len(known) > 1 else np.nan
                figures = {
                    "mean": float(known.mean()), "sd": sd, "min": low, "q25": q25, "median": median, "q75": q75,
                    "max": high,
                }  # fmt: skip
            rows.append({**row, **figures})
        return pd.DataFrame(rows)

    def standing(self, user_key: int) -> pd.DataFrame:
        """Place one user among all of them.

        Returns
        -------
        DataFrame
            name, title, unit, meaning, value, median, share_below: the share of users with a lower value, those with
            the same one counting half; label for categories. Empty for a user who is not in the table.
        """
        place = np.searchsorted(self.user_keys, user_key)
        columns = ["name", "title", "unit", "meaning", "value", "median", "share_below", "label"]
        if place == self.n_users or self.user_keys[place] != user_key:
            return pd.DataFrame(columns=columns)
        rows = []
        for feature in self.about():
            column = self.frame[feature.name].to_numpy()
            value, known = column[place], column[~np.isnan(column)]
            median = share = np.nan
            label = None
            if feature.kind == "number":
                median = float(np.median(known))
                if not np.isnan(value):
                    share = float(((known < value).sum() + (known == value).sum() / 2) / len(known))
            elif not np.isnan(value):
                label = self.labels[feature.name][int(value)]
            rows.append((feature.name, feature.title, feature.unit, feature.meaning, value, median, share, label))
        return pd.DataFrame(rows, columns=columns)

    def for_file(self) -> pd.DataFrame:
        """Lay the table out for a file: categories in words."""
        words = {
            name: [None if np.isnan(v) else texts[int(v)] for v in self.frame[name]]
            for name, texts in self.labels.items()
        }
        return self.frame.assign(**words) if words else self.frame


class Assembly:
    """Columns that are read part by part, brought into the order of the users.

    Parameters
    ----------
    keys : ndarray of int64
        The users; from 1, nearly without holes, as the store gives them out.
    names : tuple of str
        The features that are wanted.
    """

    def __init__(self, keys: Ints, names: tuple[str, ...]) -> None:
        self.keys = np.sort(np.asarray(keys, dtype=np.int64))
        self.names = names
        self.needs = needs_of(names)
        self.columns: dict[str, NDArray[np.generic]] = {}
        self._place = np.full(int(self.keys[-1]) + 1 if len(self.keys) else 1, -1, dtype=np.int32)
        self._place[self.keys] = np.arange(len(self.keys), dtype=np.int32)

    def add(self, part: str, frame: pd.DataFrame) -> None:
        """Take in the rows of a part; users who are not asked about are left out."""
        keys = frame["user_key"].to_numpy()
        is_inside = keys < len(self._place)
        place = self._place[np.where(is_inside, keys, 0)] if len(keys) else np.zeros(0, dtype=np.int32)
        is_asked = is_inside & (place >= 0)
        whole = bool(is_asked.all())
        for column in frame.columns:
            if column == "user_key":
                continue
            values = frame[column].to_numpy()
            if values.dtype == object:  # sums of decimals, where the engine hands them over as such
                values = values.astype(np.float64)
            out = np.zeros(len(self.keys), dtype=values.dtype)
            out[place if whole else place[is_asked]] = values if whole else values[is_asked]
            self.columns[f"{part}.{column}"] = out

    def features(self, end_day: int, absent: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, str]]:
        """Make the features of the columns.

        Returns
        -------
        (DataFrame, dict)
            The frame, and every feature that is not in it with the reason.
        """
        sums, reasons = Sums(self.columns, end_day), dict(absent)
        wanted = [name for name in self.names if name not in reasons]
        block = np.empty((len(self.keys), len(wanted)), order="F")
        kept: list[str] = []
        for name in wanted:
            if name in EVIDENCE and not self.columns[EVIDENCE[name]].any():
                reasons[name] = MISSING[name]
                continue
            column = FORMULAS[name][1](sums)
            if np.isnan(column).all():
                reasons[name] = MISSING.get(name, "It is not known of any of these users yet.")
                continue
            block[:, len(kept)] = column
            kept.append(name)
        frame = pd.DataFrame(block[:, : len(kept)], columns=kept, copy=False)
        frame.insert(0, "user_key", self.keys)
        return frame, {name: reasons[name] for name in self.names if name in reasons}


MISSING = {
    "discount_share": "No purchase before the cut-off says whether there was a discount.",
    "items": "No purchase before the cut-off names an item.",
    "categories": "No item that was bought before the cut-off has a category.",
    "items_seen": "No activity before the cut-off names an item.",
    "channels": "No activity before the cut-off names a channel.",
    "channel_first": "No activity before the cut-off names a channel.",
    "channel_last": "No activity before the cut-off names a channel.",
    "devices": "No activity before the cut-off names a device.",
    "device_first": "No activity before the cut-off names a device.",
    "device_last": "No activity before the cut-off names a device.",
    "stars_mean": "No review before the cut-off gives stars.",
    "sentiment": "No review before the cut-off has a text whose language can be judged.",
    "search_texts": "No search before the cut-off has a text.",
    "words_per_search": "No search before the cut-off has a text.",
}


def categories(frame: pd.DataFrame, texts: Mapping[str, Mapping[int, str]]) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Number the values of each category from 0 in the order of the alphabet, of those that occur.

    Parameters
    ----------
    texts : mapping of feature to mapping of place to text
    """
    labels = {}
    for name, known in texts.items():
        if name not in frame:
            continue
        column = frame[name].to_numpy()
        places = np.unique(column[~np.isnan(column)])
        labels[name] = tuple(known[int(place)] for place in places)
        numbers = np.searchsorted(places, column).astype(np.float64)
        frame = frame.assign(**{name: np.where(np.isnan(column), np.nan, numbers)})
    return frame, labels


def place_texts(frame: pd.DataFrame) -> dict[int, str]:
    """Index the texts of a property by their places."""
    return dict(zip(frame["place"].astype(int).tolist(), frame["value"].astype(str).tolist(), strict=True))


def tally(written: pd.DataFrame, scores: Mapping[int, float]) -> pd.DataFrame:
    """Add the scores of what each user wrote.

    Returns
    -------
    DataFrame
        user_key, n (texts with a score, copies counted), total, n_texts (different texts).
    """
    score = written["text_key"].map(scores).astype(float)
    rows = written.assign(score=score * written["n"], n=written["n"].where(score.notna(), 0), one=1)
    found = rows.groupby("user_key", as_index=False).agg(n=("n", "sum"), total=("score", "sum"), n_texts=("one", "sum"))
    return found


def word_counts(texts: pd.DataFrame) -> dict[int, int]:
    """Count the words of each text: what stands between spaces.

    Examples
    --------
    >>> word_counts(pd.DataFrame({"text_key": [1, 2], "text": ["linen shirt ", "亚麻衬衫"]}))
    {1: 2, 2: 1}
    """
    return {int(key): len(text.split()) for key, text in zip(texts["text_key"], texts["text"], strict=True)}


def people_keys(frame: pd.DataFrame) -> Ints:
    """Return the keys of a select of users."""
    return frame["user_key"].to_numpy(dtype=np.int64)


def seen_before(frame: pd.DataFrame, cutoff_us: int) -> dict[int, int]:
    """Index the first instant of each kind of event that had happened before the cut-off."""
    known = frame[frame["first_us"] < cutoff_us]
    return dict(zip(known["event_key"].astype(int).tolist(), known["first_us"].astype(int).tolist(), strict=True))


def text_rows(frame: pd.DataFrame) -> list[tuple[int, str]]:
    """List texts with their keys."""
    return list(zip(frame["text_key"].astype(int).tolist(), frame["text"].astype(str).tolist(), strict=True))


def with_pseudonyms(table: FeatureTable, names: pd.DataFrame) -> pd.DataFrame:
    """Lay the table out for a file: pseudonyms in place of keys."""
    place = names.set_index("user_key")["pseudonym"]
    frame = table.for_file()
    out = frame.drop(columns="user_key")
    out.insert(0, "pseudonym", place.loc[frame["user_key"]].to_numpy())
    return out
