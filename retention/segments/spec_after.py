"""What can be asked of what users did after they were put into segments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from retention.errors import SpecError
from retention.segments.spec import SegmentSpec

Did = Literal["active", "not active", "lapsed", "not lapsed", "silent already"]

MAX_WEEKS = 52
DIDS: tuple[Did, ...] = ("active", "not active", "lapsed", "not lapsed", "silent already")
OF_A_WEEK = ("active", "not active")


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterSpec:
    """What users of each segment did after the day on which the segments were fixed.

    Parameters
    ----------
    segments : SegmentSpec, optional
        Segments made anew as of `at`: its own cut-off plays no part.
    property_key : int, optional
        A saved segmentation, its model scored as of `at`. One of the two must be given.
    at : date, optional
        Local day at whose beginning the segments are fixed; by default `weeks` whole weeks before the end of the data.
    weeks : int
        How many weeks of seven days are watched from `at` on, from 1 to 52.

    Raises
    ------
    SpecError
        If a value is out of its range, or the segments are named twice or not at all.
    """

    segments: SegmentSpec | None = None
    property_key: int | None = None
    at: date | None = None
    weeks: int = 12

    def __post_init__(self) -> None:
        if (self.segments is None) == (self.property_key is None):
            raise SpecError("Name either the settings of the segments or a saved segmentation, and only one of them.")
        if not 1 <= self.weeks <= MAX_WEEKS:
            raise SpecError(f"`weeks` must be from 1 to {MAX_WEEKS}, not {self.weeks}.")

    def fitted_on(self, at: date) -> SegmentSpec | None:
        """Return the settings of live segments with the cut-off that they are made at."""
        if self.segments is None:
            return None
        return replace(self.segments, features=replace(self.segments.features, cutoff=at))


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterUsersSpec:
    """The users behind a number of what came after.

    Parameters
    ----------
    after : AfterSpec
        Its day must be said, so that the list does not change its meaning when data arrive.
    segment : str
        As it is called in the answer; users in none have a group of their own.
    did : {"active", "not active", "lapsed", "not lapsed", "silent already"}
        Active in the week, or not; followed and lapsed, or not known to have; silent for the window when the segments were
        fixed.
    week : int, optional
        From 0; for those active in it or not.

    Raises
    ------
    SpecError
        If a week is missing or said where it means nothing.
    """

    after: AfterSpec
    segment: str
    did: Did
    week: int | None = None

    def __post_init__(self) -> None:
        if self.did not in DIDS:
            raise SpecError(f"`did` must be one of {', '.join(DIDS)}, not {self.did!r}.")
        if self.after.at is None:
            raise SpecError("A list of users needs the day on which the segments were fixed.", hint="Name it with `at`.")
        if (self.week is None) == (self.did in OF_A_WEEK):
            raise SpecError(f"`week` is for those active in a week or not, not for {self.did!r}." if self.week is not None
                            else "Those active in a week need the week.")  # fmt: skip
        if self.week is not None and not 0 <= self.week < self.after.weeks:
            raise SpecError(f"`week` must be from 0 to {self.after.weeks - 1}, not {self.week}.")
