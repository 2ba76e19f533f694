"""What can be asked of features."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from retention.cohorts.spec import Condition
from retention.errors import SpecError, nearest
from retention.features.spec_registry import PRESETS, REGISTRY, of_presets


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSpec:
    """Which features, of whom, and as of when.

    Parameters
    ----------
    cutoff : date or datetime, optional
        Only what happened before it is looked at: before the beginning of a day in the store's zone, or before a
        moment with its own offset. By default the data's watermark.
    names : tuple of str
        Features, as the registry names them.
    presets : tuple of {"rfm", "engagement", "commerce", "habits"}
        Features by the handful; added to `names`. With neither, all there are.
    where : tuple of Condition
        All must hold for the user's first activity.

    Raises
    ------
    SpecError
        If a name is not known, or a moment has no offset.
    """

    cutoff: date | datetime | None = None
    names: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in REGISTRY:
                raise SpecError(f'There is no feature "{name}".', hint=nearest(name, REGISTRY))
        for preset in self.presets:
            if preset not in PRESETS:
                raise SpecError(f'There is no preset "{preset}".', hint=nearest(preset, PRESETS))
        if isinstance(self.cutoff, datetime) and self.cutoff.tzinfo is None:
            raise SpecError(
                f"`cutoff` must be a day, or a moment with an offset, not {self.cutoff.isoformat()}.",
                hint="Write it like 2026-01-31 or 2026-01-31T18:00+01:00.",
            )

    @property
    def asked(self) -> tuple[str, ...]:
        """The features, each once, in the order of the registry."""
        if not self.names and not self.presets:
            return tuple(REGISTRY)
        wanted = {*self.names, *of_presets(self.presets)}
        return tuple(name for name in REGISTRY if name in wanted)


@dataclass(frozen=True, slots=True)
class Moment:
    """A cut-off as the selects need it.

    Attributes
    ----------
    us : int
        Only events before this instant are looked at.
    day : int
        The local day in which the instant lies.
    is_midnight : bool
        Whether it is the day's first instant, so that nothing of the day is looked at.
    is_watermark : bool
        Whether it is where the rollups stand, so that their last day is as it should be.
    """

    us: int
    day: int
    is_midnight: bool
    is_watermark: bool

    @property
    def end_day(self) -> int:
        """The last local day that is looked at; windows end with it, and days since something count up to it."""
        return self.day - 1 if self.is_midnight else self.day

    @property
    def whole_before(self) -> int:
        """Rows of the rollups with a day before this one hold nothing later than the cut-off."""
        return self.day + 1 if self.is_watermark else self.day

    @property
    def has_part(self) -> bool:
        """Whether a part of the last day has to be counted from the events."""
        return not self.is_watermark and not self.is_midnight
