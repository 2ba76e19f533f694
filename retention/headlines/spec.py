"""What can be asked of the headline numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from retention.errors import SpecError, nearest

Unit = Literal["users", "rate", "ratio", "money"]
MAX_WEEKS = 26
MAX_GROUPS = 20
REPEAT_DAYS = 90
VALUE_DAYS = 30
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A headline number.

    Parameters
    ----------
    name : str
        As an alert, an address and the command line call it.
    label : str
        As a heading calls it.
    unit : {"users", "rate", "ratio", "money"}
    meaning : str
        One sentence: what is divided by what.
    of : str
        What the denominator counts.
    method : str
        Where its interval, and that of its change, come from.
    page, address : str
        The page that shows it in full, and the part of the address after the question mark.
    is_better_high : bool, optional
        Whether more of it is good news; None where that depends.
    is_rate : bool
        Whether it is a share of users, whose change can be split into mix and within.
    """

    name: str
    label: str
    unit: Unit
    meaning: str
    of: str
    method: str
    page: str
    address: str = ""
    is_better_high: bool | None = True
    is_rate: bool = False


_WILSON = "Wilson's interval; the change by Newcombe's interval of a difference of two shares."
_COUNT = (
    "Poisson interval (Byar), widened for users who count several times; the change by the log ratio of the two"
    " counts, clustered by user."
)

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="active-users",
            label="Active users per week",
            unit="users",
            meaning="Users with at least one activity in a week, averaged over the weeks of the window.",
            of="users active in the window",
            method=_COUNT,
            page="growth",
        ),
        Metric(
            name="new-users",
            label="New users per week",
            unit="users",
            meaning="Users whose first activity ever falls in a week, averaged over the weeks of the window.",
            of="new users in the window",
            method=_COUNT,
            page="growth",
        ),
        Metric(
            name="week-1-retention",
            label="Back in week 1",
            unit="rate",
            meaning="Of the users who started in the weeks of the window, the share active in the week after.",
            of="users who started",
            method=_WILSON,
            page="cohorts",
            address="period=week",
            is_rate=True,
        ),
        Metric(
            name="week-4-retention",
            label="Back in week 4",
            unit="rate",
            meaning="Of the users who started in the weeks of the window, the share active in the fourth week after.",
            of="users who started",
            method=_WILSON,
            page="cohorts",
            address="period=week",
            is_rate=True,
        ),
        Metric(
            name="lapse-rate",
            label="Lapse per week",
            unit="rate",
            meaning=(
                "Of the users not lapsed at the beginning of a week, the share whose silence reached the churn"
                " window in it."
            ),
            of="user-weeks at risk",
            method=_WILSON,
            page="survival",
            is_better_high=False,
            is_rate=True,
        ),
        Metric(
            name="quick-ratio",
            label="Quick ratio",
            unit="ratio",
            meaning="Users gained (new and resurrected) for each user who fell silent for a week.",
            of="users who fell silent",
            method="Log ratio of two counts with a variance clustered by user (delta method), also for the change.",
            page="growth",
        ),
        Metric(
            name="stickiness",
            label="Stickiness",
            unit="rate",
            meaning="DAU / MAU: the share of the users of the last 28 days who are active on a day, averaged over the days.",
            of="users active in 28 days",
            method="Delete-a-group jackknife over 40 groups of users, also for the change.",
            page="growth",
            address="show=Stickiness",
        ),
        Metric(
            name="repeat-purchase",
            label=f"Repeat in {REPEAT_DAYS} days",
            unit="rate",
            meaning=(
                f"Of the customers whose first order falls in the weeks of the window, the share whose second came"
                f" within {REPEAT_DAYS} days."
            ),
            of="customers with a first order",
            method=_WILSON,
            page="growth",
            address="show=Revenue",
            is_rate=True,
        ),
        Metric(
            name="value-30",
            label=f"Value in {VALUE_DAYS} days",
            unit="money",
            meaning=(
                f"Revenue net of refunds in the first {VALUE_DAYS} days, the day of the first order being the first of"
                f" them, per customer whose first order falls in the weeks of the window."
            ),
            of="customers with a first order",
            method="Normal interval of a mean; the change by Welch's interval of two means.",
            page="growth",
            address="show=Revenue",
        ),
        Metric(
            name="net-revenue-retention",
            label="Net revenue retention",
            unit="rate",
            meaning=(
                "What the customers of the window before spent in this window, net of refunds, for each unit they"
                " spent then."
            ),
            of="customers of the window before",
            method="Ratio of two sums with a variance clustered by customer (delta method), also for the change.",
            page="growth",
            address="show=Revenue",
        ),
    )
}
RATES = tuple(name for name, metric in METRICS.items() if metric.is_rate)


def metric_named(name: str) -> Metric:
    """Look a headline number up.

    Raises
    ------
    SpecError
        If there is none of that name.
    """
    if name not in METRICS:
        raise SpecError(f'There is no headline number "{name}".', hint=nearest(name, METRICS))
    return METRICS[name]


def number_word(n: int) -> str:
    """Write a small number as a word.

    Examples
    --------
    >>> number_word(4), number_word(26)
    ('four', '26')
    """
    return NUMBERS[n] if 0 <= n < len(NUMBERS) else str(n)


def _check_weeks(weeks: int) -> None:
    if not 1 <= weeks <= MAX_WEEKS:
        raise SpecError(
            f"`weeks` must be from 1 to {MAX_WEEKS}, not {weeks}.", hint="Four weeks hold every weekday equally often."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadlinesSpec:
    """Which headline numbers, over how many weeks.

    Parameters
    ----------
    weeks : int
        Width of the window and of the one before it that it is compared with, from 1 to 26.
    metrics : tuple of str
        Names of the numbers; empty means all.
    n_history : int
        Weeks of the sparkline, from 2 to 104.
    """

    weeks: int = 4
    metrics: tuple[str, ...] = ()
    n_history: int = 26

    def __post_init__(self) -> None:
        _check_weeks(self.weeks)
        for name in self.metrics:
            metric_named(name)
        if not 2 <= self.n_history <= 104:
            raise SpecError(f"`n_history` must be from 2 to 104, not {self.n_history}.")

    @property
    def wanted(self) -> tuple[Metric, ...]:
        """The metrics asked for, in the order in which they are shown."""
        return tuple(m for name, m in METRICS.items() if not self.metrics or name in self.metrics)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainSpec:
    """Why a headline rate moved between two windows.

    Parameters
    ----------
    metric : str
        A headline number that is a share of users.
    from_on, to_on : date, optional
        A day of the first week of the earlier and of the later window; by default those of the headline itself.
    by : str, optional
        The property that makes the groups, as of each user's start; by default the first of the store.
    weeks : int
        Width of each window.
    n_groups : int
        The largest groups shown by name; the rest are one group, so that sums reconcile.
    """

    metric: str
    from_on: date | None = None
    to_on: date | None = None
    by: str | None = None
    weeks: int = 4
    n_groups: int = 8

    def __post_init__(self) -> None:
        if not metric_named(self.metric).is_rate:
            raise SpecError(
                f'`metric` must be a share of users, and "{self.metric}" is none.', hint=f"Known: {', '.join(RATES)}."
            )
        _check_weeks(self.weeks)
        if not 1 <= self.n_groups <= MAX_GROUPS:
            raise SpecError(f"`n_groups` must be from 1 to {MAX_GROUPS}, not {self.n_groups}.")
        if (self.from_on is None) != (self.to_on is None):
            raise SpecError("`from` and `to` must be given together.", hint="Or leave both out for the latest windows.")
        if self.from_on and self.to_on and self.from_on >= self.to_on:
            raise SpecError(f"`from` must be before `to`, not {self.from_on} and {self.to_on}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvesSpec:
    """The retention curve of the latest cohorts beside that of a year before.

    Parameters
    ----------
    n_cohorts : int
        Weekly cohorts pooled in each curve, from 1 to 52.
    horizon : int
        Last week watched, from 1 to 26; every cohort is mature at all of them.
    """

    n_cohorts: int = 13
    horizon: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.n_cohorts <= 52:
            raise SpecError(f"`n_cohorts` must be from 1 to 52, not {self.n_cohorts}.")
        if not 1 <= self.horizon <= 26:
            raise SpecError(f"`horizon` must be from 1 to 26, not {self.horizon}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietSpec:
    """Users who have been quiet for longer than ever before, for a while, and are not lapsed yet.

    Parameters
    ----------
    min_days : int
        Active days a user must have had, so that there is a rhythm to break, from 3.
    value_days : int
        Days before `as_of` over which their revenue is summed.

    Notes
    -----
    A silence counts from a quarter of the churn window on: of somebody who came on three days in a row, three days
    of silence say nothing yet.
    """

    min_days: int = 4
    value_days: int = 365

    @staticmethod
    def least_silence(churn_window: int) -> int:
        """Return the days of silence from which on a user can be in the list.

        Examples
        --------
        >>> QuietSpec.least_silence(60), QuietSpec.least_silence(2)
        (15, 1)
        """
        return max(churn_window // 4, 1)

    def __post_init__(self) -> None:
        if not 3 <= self.min_days <= 365:
            raise SpecError(f"`min_days` must be from 3 to 365, not {self.min_days}.")
        if not 1 <= self.value_days <= 3650:
            raise SpecError(f"`value_days` must be from 1 to 3650, not {self.value_days}.")
