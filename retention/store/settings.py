"""What the owner of a store decides once: its clock, and what counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from retention.errors import SpecError, nearest
from retention.periods import US_PER_DAY, week_offset, zone

REBUILDING = ("timezone", "week_start", "activity", "revenue", "refunds")
"""Settings that the rollups are built with: changing one rebuilds them."""
MAX_CHURN_WINDOW = 3650
_UNITS = {"d": US_PER_DAY, "h": US_PER_DAY // 24, "m": US_PER_DAY // 1440}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of a store.

    Parameters
    ----------
    timezone : str
        IANA zone of every day, period, label and export.
    week_start : str
        First weekday of a week.
    settling_delay : str
        Taken off the watermark, because late events still arrive: ``0``, ``4d``, ``36h``.
    min_cohort_size : str
        Cohorts with fewer users are greyed.
    activity : str
        Event names that count as activity, comma-separated; ``all``, or ``all but`` some.
        A refund is something the shop books, so by default it is no sign of life.
    churn_window : str
        Days of silence after which a user counts as lapsed, from 1 to 3650.
    revenue : str
        Event names whose value is revenue, comma-separated.
    refunds : str
        Event names whose value is paid back, comma-separated; may be empty.
    """

    timezone: str = "UTC"
    week_start: str = "monday"
    settling_delay: str = "0"
    min_cohort_size: str = "20"
    activity: str = "all but refund"
    churn_window: str = "60"
    revenue: str = "purchase"
    refunds: str = "refund"

    def __post_init__(self) -> None:
        zone(self.timezone)
        week_offset(self.week_start)
        self.settling_us  # noqa: B018  (reading it checks it)
        if not re.fullmatch(r"\d{1,6}", self.min_cohort_size) or int(self.min_cohort_size) < 1:
            raise SpecError(f"`min_cohort_size` must be a whole number of users from 1, not {self.min_cohort_size!r}.")
        if not self.activity.strip():
            raise SpecError("`activity` must name at least one event.", hint='Write "all" for every event.')
        if not re.fullmatch(r"\d{1,4}", self.churn_window) or not 1 <= int(self.churn_window) <= MAX_CHURN_WINDOW:
            raise SpecError(
                f"`churn_window` must be a whole number of days from 1 to {MAX_CHURN_WINDOW}, not {self.churn_window!r}.",
                hint="The Behaviour page shows which one suits your data.",
            )
        if not self.revenue_events:
            raise SpecError("`revenue` must name at least one event.", hint="For example purchase.")
        if both := set(self.revenue_events) & set(self.refund_events):
            raise SpecError(f"An event cannot be both revenue and refund, but {min(both)} is.")

    @property
    def revenue_events(self) -> tuple[str, ...]:
        """The events whose value is revenue."""
        return tuple(sorted(_names(self.revenue)))

    @property
    def refund_events(self) -> tuple[str, ...]:
        """The events whose value is paid back."""
        return tuple(sorted(_names(self.refunds)))

    @property
    def settling_us(self) -> int:
        """The settling delay in microseconds."""
        match = re.fullmatch(r"\s*(\d{1,5})\s*(d|h|m)?[a-z]*\s*", self.settling_delay.casefold())
        if not match or (match[2] is None and int(match[1]) != 0):
            raise SpecError(f"`settling_delay` must look like 0, 4d or 36h, not {self.settling_delay!r}.")
        return int(match[1]) * _UNITS[match[2] or "d"]

    def is_activity(self, event: str) -> bool:
        """Whether an event of this name counts as activity.

        Examples
        --------
        >>> Settings().is_activity("purchase"), Settings().is_activity("refund")
        (True, False)
        >>> Settings(activity="visit, purchase").is_activity("search")
        False
        """
        but = re.fullmatch(r"all(?:\s+but\s+(.*))?", self.activity.strip(), flags=re.IGNORECASE | re.DOTALL)
        if but:
            return event not in _names(but[1] or "")
        return event in _names(self.activity)

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> Settings:
        """Make the settings from what a store holds."""
        return cls(**{f.name: stored[f.name] for f in fields(cls) if f.name in stored})

    def changed(self, name: str, value: str) -> Settings:
        """Return the settings with one of them changed.

        Raises
        ------
        SpecError
            If there is no such setting, or the value is not allowed.
        """
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        if name not in known:
            raise SpecError(f'There is no setting "{name}".', hint=nearest(name, known))
        return Settings(**{**known, name: value.strip()})


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}
