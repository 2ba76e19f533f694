"""What can be asked of saved segmentations, and how a segmentation's settings are written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from retention.cohorts.spec import Condition
from retention.errors import SpecError, StoreError
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import PRESETS, REGISTRY
from retention.segments.spec import SegmentSpec

MAX_NAME = 60
PREFIX = "segment:"
_SIGNS = "=<>!"


@dataclass(frozen=True, slots=True)
class SegmentUsersSpec:
    """The users of one segment.

    Attributes
    ----------
    label : str
        "segment:Shoppers v2".
    segment : str
        Its name.
    cutoff_us : int, optional
        The moment as of which the users were labelled, by default the latest there is.
    """

    label: str
    segment: str
    cutoff_us: int | None = None


@dataclass(frozen=True, slots=True)
class MovementSpec:
    """Two moments as of which the users were labelled.

    Raises
    ------
    SpecError
        If the first is not the earlier one.
    """

    property_key: int
    before_us: int
    after_us: int

    def __post_init__(self) -> None:
        _rising(self.before_us, self.after_us)


@dataclass(frozen=True, slots=True)
class MovedUsersSpec:
    """The users who were in one segment at one moment and in another (or the same) at a later one.

    Attributes
    ----------
    label : str
    before, after : str
        Names of segments, "In no segment", or, for `before`, "Not there before".
    before_us, after_us : int

    Raises
    ------
    SpecError
        If the first moment is not the earlier one.
    """

    label: str
    before: str
    after: str
    before_us: int
    after_us: int

    def __post_init__(self) -> None:
        _rising(self.before_us, self.after_us)


def _rising(before_us: int, after_us: int) -> None:
    if before_us >= after_us:
        raise SpecError("The first date must be earlier than the second.", hint="Choose an earlier first date.")


def clean_name(name: str) -> str:
    """Check the name of a segmentation, and take needless blanks out of it.

    Raises
    ------
    SpecError
        If it is empty, too long, or holds a sign that a filter means.

    Examples
    --------
    >>> clean_name("  Spring   shoppers ")
    'Spring shoppers'
    """
    cleaned = " ".join(name.split())
    if not 1 <= len(cleaned) <= MAX_NAME:
        raise SpecError(f"A segmentation must have a name of 1 to {MAX_NAME} characters.", hint="For example: Shoppers.")
    found = sorted(set(cleaned) & set(_SIGNS))
    if found:
        raise SpecError(f"The name of a segmentation must not hold {' or '.join(found)}: filters use these signs.")
    return cleaned


def label_name(name: str, version: int) -> str:
    """Name the attribute that a saved segmentation is to filters and breakdowns.

    Examples
    --------
    >>> label_name("Shoppers", 2)
    'segment:Shoppers v2'
    """
    return f"{PREFIX}{name} v{version}"


def spec_text(spec: SegmentSpec) -> str:
    """Write settings down as JSON.

    Examples
    --------
    >>> spec = SegmentSpec(features=FeatureSpec(presets=("rfm",), cutoff=date(2026, 3, 1)), k=5)
    >>> spec_of(spec_text(spec)) == spec
    True
    """
    said = asdict(spec)
    cutoff = spec.features.cutoff
    said["features"]["cutoff"] = None if cutoff is None else cutoff.isoformat()
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def spec_of(text: str) -> SegmentSpec:
    """Read settings that `spec_text` wrote; features that the program does not know any more are passed over.

    Raises
    ------
    StoreError
        If they were written by another version of the program.
    """
    told: dict[str, Any] = json.loads(text)
    try:
        return SegmentSpec(**{**told, "features": _features_of(told["features"])})
    except (SpecError, TypeError, KeyError):
        raise StoreError(
            "The segmentation was saved by another version of Holdfast.", hint="Update the program, or make it again."
        ) from None


def _features_of(told: Mapping[str, Any]) -> FeatureSpec:
    cutoff = told["cutoff"]
    return FeatureSpec(
        cutoff=None if cutoff is None else date.fromisoformat(cutoff) if len(cutoff) == 10 else datetime.fromisoformat(cutoff),
        names=tuple(name for name in told["names"] if name in REGISTRY),
        presets=tuple(name for name in told["presets"] if name in PRESETS),
        where=tuple(Condition(name=c["name"], operator=c["operator"], values=tuple(c["values"])) for c in told["where"]),
    )
