"""Segmentations that have been saved, and who moved between their dates."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from retention.errors import SpecError
from retention.segments.segmentation import NOT_AFTER, NOT_BEFORE, NOWHERE, Segmentation
from retention.segments.spec import SegmentSpec
from retention.segments.spec_saved import spec_of
from retention.segments.sweep import Trust

MAX_SEGMENT = 60
RESERVED = (NOWHERE, NOT_BEFORE, NOT_AFTER, "(none)", "(other)", "–")
GRID_WORDS = "A grid with fixed cuts: its segments are a convention, not clusters that were found, and so are not judged."


@dataclass(frozen=True, slots=True)
class Labelling:
    """One moment as of which users were put into segments.

    Attributes
    ----------
    cutoff_us : int
        Only what happened before it was looked at.
    data_version : int
        The version of the data that was looked at.
    n_users : int
        Users looked at, those in no segment among them.
    about : dict
        "drift": one dict a feature, how far it had moved since the segmentation was made (empty for the first one);
        "notes": what the reader should know.
    made_us : int
    """

    cutoff_us: int
    data_version: int
    n_users: int
    about: dict[str, Any]
    made_us: int

    @property
    def drift(self) -> pd.DataFrame:
        """How far the features had moved since the segmentation was made; see `model_segments.drift_of`."""
        return pd.DataFrame(self.about.get("drift", []), columns=DRIFT_COLUMNS)


DRIFT_COLUMNS = ["feature", "title", "psi", "by_chance", "p", "is_moved", "words"]


@dataclass(frozen=True, slots=True)
class SavedSegmentation:
    """A version of a segmentation as it was saved.

    Attributes
    ----------
    property_key : int
    label : str
        What filters and breakdowns call it: "segment:Shoppers v2".
    name : str
    version : int
    spec : SegmentSpec
    features : tuple of str
        Those that the segments were made of.
    segments : tuple of str
        Their names now.
    quality : dict
        "verdict" and "verdicts" in words, "stability", "margin", "fidelity" and "rules" of the tree, "sizes", "notes".
    cutoff_us, data_version, n_users : int
        As of when it was made, on which version of the data, of how many users.
    saved_us : int
    labellings : tuple of Labelling
        The earliest moment first.
    """

    property_key: int
    label: str
    name: str
    version: int
    spec: SegmentSpec
    features: tuple[str, ...]
    segments: tuple[str, ...]
    quality: dict[str, Any]
    cutoff_us: int
    data_version: int
    n_users: int
    saved_us: int
    labellings: tuple[Labelling, ...]

    @property
    def latest(self) -> Labelling:
        """The labels that filters use: those of the latest moment."""
        return self.labellings[-1]

    def labelling(self, cutoff_us: int) -> Labelling | None:
        """Find the labels of a moment."""
        return next((found for found in self.labellings if found.cutoff_us == cutoff_us), None)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a segmentation or a labelling consists of, before it is written.

    Attributes
    ----------
    data_version : int
        On which it was worked out; it is written on no other.
    labels : DataFrame
        user_key, value_key (place of the segment from 1): one row a user in a segment.
    """

    data_version: int
    cutoff_us: int
    n_users: int
    labels: pd.DataFrame
    about: dict[str, Any]
    names: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    state: str = ""
    quality: str = ""


def labels_of(found: Segmentation) -> pd.DataFrame:
    """Write down who is in which segment; values count from 1, and users in none have no row."""
    inside = found.labels >= 0
    return pd.DataFrame({"user_key": found.user_keys[inside], "value_key": found.labels[inside] + 1})


def about_of(found: Segmentation, drift: pd.DataFrame | None = None) -> dict[str, Any]:
    """Write down what else is known of a labelling."""
    rows = [] if drift is None else drift[DRIFT_COLUMNS].to_dict("records")
    notes = [*found.notes]
    if found.n_left_out:
        who = "1 user" if found.n_left_out == 1 else f"{found.n_left_out:,} users"
        is_are = "is" if found.n_left_out == 1 else "are"
        notes.append(f"{who} with fewer than {found.spec.min_active_days} active days {is_are} in no segment.")
    out: dict[str, Any] = as_json({"drift": rows, "notes": notes, "n_left_out": found.n_left_out})
    return out


def quality_of(found: Segmentation, trust: Trust | Mapping[str, Any], fidelity: float, rules: Sequence[Any]) -> dict[str, Any]:
    """Write down how good a segmentation is: how sure its segments, how well the words fit, how large each."""
    if found.spec.method == "rfm":
        judged: dict[str, Any] = {"stability": [], "verdicts": [], "verdict": GRID_WORDS, "n_bootstraps": 0}
    elif not isinstance(trust, Trust):
        judged = dict(trust)
    else:
        judged = {
            "stability": list(trust.stability),
            "verdicts": list(trust.verdicts),
            "verdict": trust.verdict,
            "margin": trust.margin,
            "n_bootstraps": trust.n_bootstraps,
        }
    sizes = found.sizes()
    out: dict[str, Any] = as_json(
        {
            "fidelity": fidelity,
            "rules": [asdict(rule) for rule in rules],
            "sizes": sizes[["segment", "n", "share", "value_share"]].to_dict("records"),
            "suggested": list(found.names),
            "n_left_out": found.n_left_out,
            "inertia_loss": getattr(found.model, "inertia_loss_", None),
            "notes": list(found.notes),
            **judged,
        }
    )
    return out


def segment_texts(names: Sequence[str], suggested: Sequence[str]) -> tuple[str, ...]:
    """Check the names that an analyst has given to segments; an empty one keeps what was suggested.

    Raises
    ------
    SpecError
        If there are too few or too many, two are alike, or one is too long or means something else.

    Examples
    --------
    >>> segment_texts(["Our  best", ""], ["Champions", "New"])
    ('Our best', 'New')
    """
    if len(names) != len(suggested):
        raise SpecError(
            f"There must be a name for each of the {len(suggested)} segments, not {len(names)}.",
            hint="The data may have changed since the names were written: look at the segments again.",
        )
    cleaned = tuple(" ".join(name.split()) or old for name, old in zip(names, suggested, strict=True))
    for name in cleaned:
        if len(name) > MAX_SEGMENT:
            raise SpecError(f"A segment must have a name of at most {MAX_SEGMENT} characters, not {len(name)}.")
        if name in RESERVED:
            raise SpecError(f"A segment cannot be called “{name}”: that means something else here.")
    twice = next((name for name in cleaned if sum(name.casefold() == other.casefold() for other in cleaned) > 1), None)
    if twice is not None:
        raise SpecError(f"Two segments are called “{twice}”.", hint="Give each a name of its own.")
    return cleaned


def saved_of(saved: pd.DataFrame, labellings: pd.DataFrame, names: pd.DataFrame) -> tuple[SavedSegmentation, ...]:
    """Put saved segmentations together from their rows; see `query_saved`."""
    moments: dict[int, list[Labelling]] = {}
    for row in labellings.itertuples(index=False):
        labelling = Labelling(
            int(row.cutoff_us), int(row.data_version), int(row.n_users), json.loads(str(row.about)), int(row.made_us)
        )
        moments.setdefault(int(row.property_key), []).append(labelling)
    segments: dict[int, list[str]] = {}
    for row in names.itertuples(index=False):
        segments.setdefault(int(row.property_key), []).append(str(row.value))
    return tuple(
        SavedSegmentation(
            property_key=int(row.property_key),
            label=str(row.label),
            name=str(row.name),
            version=int(row.version),
            spec=spec_of(str(row.spec)),
            features=tuple(json.loads(str(row.features))),
            segments=tuple(segments.get(int(row.property_key), ())),
            quality=json.loads(str(row.quality)),
            cutoff_us=int(row.cutoff_us),
            data_version=int(row.data_version),
            n_users=int(row.n_users),
            saved_us=int(row.saved_us),
            labellings=tuple(moments.get(int(row.property_key), ())),
        )
        for row in saved.itertuples(index=False)
    )


def sizes_of(counts: pd.DataFrame, names: Sequence[str], n_users: int) -> pd.DataFrame:
    """Count the segments of a labelling.

    Returns
    -------
    DataFrame
        segment, name, n, share (of all users looked at). The last row, −1, holds those in no segment, if there are any.
    """
    found = dict(zip(counts["value_key"].tolist(), counts["n"].tolist(), strict=True))
    rows = [(place, name, int(found.get(place + 1, 0))) for place, name in enumerate(names)]
    n_inside = sum(n for _, _, n in rows)
    # An erased user leaves the labels and stays in the count of those looked at: whoever is missing is in no segment.
    if n_users > n_inside:
        rows.append((-1, NOWHERE, n_users - n_inside))
    frame = pd.DataFrame(rows, columns=["segment", "name", "n"])
    frame["share"] = frame["n"] / max(n_users, 1)
    return frame


def movements_of(counts: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Lay out who moved from which segment to which.

    Parameters
    ----------
    counts : DataFrame
        before_key, after_key, n: places of segments from 1, 0 for none, −1 for users who had not been active before.

    Returns
    -------
    DataFrame
        before, after (names), n, share (of those who were in the segment `before`; empty for users who come from none, of
        whom only those are counted who are in a segment after). Names and order are those of `segmentation.moved`.
    """
    said = {place: name for place, name in enumerate(names, start=1)} | {0: NOWHERE, -1: NOT_BEFORE}
    last = len(names)
    place = {0: last + 1, -1: last + 2}
    keys = counts[["before_key", "after_key"]].astype("int64").replace(place).to_numpy().reshape(-1, 2)
    ordered = counts.iloc[np.lexsort((keys[:, 1], keys[:, 0]))].reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "before": [said[int(key)] for key in ordered["before_key"]],
            "after": [said[int(key)] for key in ordered["after_key"]],
            "n": ordered["n"].astype("int64"),
        }
    )
    whole = frame.groupby("before")["n"].transform("sum").where(ordered["before_key"] > 0)
    frame["share"] = frame["n"] / whole
    return frame


def as_json(value: Any) -> Any:
    """Turn numbers and texts into what JSON can hold; what is not known is null.

    Examples
    --------
    >>> as_json({"a": [float("nan"), np.int64(2)], "b": (True, "c")})
    {'a': [None, 2], 'b': [True, 'c']}
    """
    if isinstance(value, Mapping):
        return {str(name): as_json(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
