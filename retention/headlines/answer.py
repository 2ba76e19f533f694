"""Answers about the headline numbers: read-only, from one snapshot of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING

from retention.cohorts.answer import cohort_sql, read_matrix
from retention.cohorts.matrix import enters_average
from retention.cohorts.spec import CohortSpec
from retention.errors import RetentionError, SpecError
from retention.headlines import figures, query, query_duckdb
from retention.headlines.figures import Change, Headline, Headlines, Value, choose
from retention.headlines.spec import REPEAT_DAYS, VALUE_DAYS, HeadlinesSpec, Metric
from retention.headlines.weeks import Weeks
from retention.periods import US_PER_DAY, day_number
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

Counts = Mapping[int, tuple[float, float]]
LAST_AGE = 4
N_SPENDING_STEPS = 3
SPARE_WEEKS = 13
"""Weeks read beyond those that windows and history need, for those that hold nobody."""
NOTHING_TO_DIVIDE = "One of the two windows holds nobody, so there is no relative change."
SILENT_NOBODY = "Nobody fell silent in the window, so there is nothing to divide by."
NO_REVENUE = "No order before the watermark: name the events that are revenue in the settings on the Data page."


def headlines(store: Store, spec: HeadlinesSpec) -> Headlines:
    """How does the base stand, and how does it differ from before?"""
    with store.snapshot() as snapshot:
        return read_headlines(snapshot, spec)


def read_headlines(snapshot: Snapshot, spec: HeadlinesSpec) -> Headlines:
    """How does the base stand in a snapshot? A number that cannot be computed says why."""
    asked = Asked(snapshot, spec)
    return Headlines(
        spec=spec,
        clock=asked.weeks.clock,
        data_version=snapshot.catalogue.data_version,
        churn_window=int(snapshot.catalogue.settings.churn_window),
        items=tuple(asked.headline(metric) for metric in spec.wanted),
    )


def weeks_of(snapshot: Snapshot) -> Weeks:
    """Which weeks do the data hold whole?"""
    clock = snapshot.catalogue.require_clock()
    days = snapshot.read(query.first_active_day())["day"].dropna()
    if days.empty:
        raise SpecError(
            "None of the events before the watermark counts as activity.",
            hint="Choose what counts as activity in the settings on the Data page.",
        )
    return Weeks(clock, int(days.iloc[0]))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a metric is made of, before the frame around it."""

    now: Value | None
    before: Value | None
    change: Change | None
    reason: str = ""


@dataclass
class Asked:
    """The questions behind the headline numbers of one snapshot; what several share is read once."""

    snapshot: Snapshot
    spec: HeadlinesSpec

    @cached_property
    def weeks(self) -> Weeks:
        """The weeks of the store."""
        return weeks_of(self.snapshot)

    def headline(self, metric: Metric) -> Headline:
        """Answer one number; what its reader can put right becomes its reason."""
        make: Callable[[Metric], Headline] = {
            "active-users": self._total,
            "new-users": self._total,
            "quick-ratio": self._quick_ratio,
            "stickiness": self._stickiness,
            "value-30": self._value,
            "net-revenue-retention": self._revenue_retention,
        }.get(metric.name, self._rate)
        try:
            return make(metric)
        except RetentionError as error:
            return Headline(
                metric, None, None, None, None, None, self.weeks.history({}, self.weeks.first - 1, 0), str(error)
            )

    def _framed(
        self,
        metric: Metric,
        usable: Sequence[int],
        history: Counts,
        last: int,
        find: Callable[[tuple[int, ...], tuple[int, ...]], _Found],
    ) -> Headline:
        """Choose the windows, find the number, and lay its history out."""
        now, before, reason = choose(usable, self.spec.weeks)
        found = find(now, before) if now else _Found(None, None, None)
        return Headline(
            metric=metric,
            now=found.now,
            before=found.before,
            window=self.weeks.window(now),
            window_before=self.weeks.window(before),
            change=found.change,
            history=self.weeks.history(history, last, self.spec.n_history),
            reason=reason or found.reason,
        )

    # Counts of users by week ------------------------------------------------------------------------

    @cached_property
    def _flows(self) -> pd.DataFrame:
        from_ = max(self.weeks.first, self.weeks.until - max(self.spec.n_history, 2 * self.spec.weeks))
        return self.snapshot.read(query.weekly_flows(from_, self.weeks.until)).set_index("period")

    def _weekly(self, column: str) -> Counts:
        return {int(week): (float(n), float(n)) for week, n in self._flows[column].items()}

    def _user_flows(self, now: tuple[int, ...], before: tuple[int, ...]) -> pd.DataFrame:
        key = (now, before)
        if key not in self._histograms:
            self._histograms[key] = self.snapshot.read(query.user_flows(now, before))
        return self._histograms[key]

    @cached_property
    def _histograms(self) -> dict[tuple[tuple[int, ...], tuple[int, ...]], pd.DataFrame]:
        return {}

    def _total(self, metric: Metric) -> Headline:
        kind = "active" if metric.name == "active-users" else "new"
        usable = self.weeks.usable()
        # A complete week of the data in which nobody came is known to hold nobody.
        weekly = {week: self._weekly(f"n_{kind}").get(week, (0.0, 0.0)) for week in usable}

        def find(now: tuple[int, ...], before: tuple[int, ...]) -> _Found:
            frame = self._user_flows(now, before)
            one, two, n = frame[f"{kind}_1"], frame[f"{kind}_0"], frame["n_users"]
            change = figures.total_change(one, two, n, (len(now), len(before))) if before else None
            return _Found(
                figures.total(one, n, per=len(now)),
                figures.total(two, n, per=len(before)) if before else None,
                change,
                NOTHING_TO_DIVIDE if change is None else "",
            )

        return self._framed(metric, usable, weekly, self.weeks.until - 1, find)

    def _quick_ratio(self, metric: Metric) -> Headline:
        usable = self.weeks.usable(back_days=7, history_days=7)
        lost, gained = self._weekly("n_lost"), self._weekly("n_gained")
        weekly = {
            week: (gained.get(week, (0.0, 0.0))[0] / lost[week][0], lost[week][0])
            for week in usable
            if lost.get(week, (0.0, 0.0))[0]
        }

        def find(now: tuple[int, ...], before: tuple[int, ...]) -> _Found:
            frame = self._user_flows(now, before)
            n = frame["n_users"]
            value = figures.ratio(frame["gained_1"], frame["lost_1"], n)
            change = figures.ratio_change(frame) if before else None
            return _Found(
                value,
                figures.ratio(frame["gained_0"], frame["lost_0"], n) if before else None,
                change,
                SILENT_NOBODY if value is None else NOTHING_TO_DIVIDE if change is None else "",
            )

        return self._framed(metric, usable, weekly, self.weeks.until - 1, find)

    def _stickiness(self, metric: Metric) -> Headline:
        trailing = query.TRAILING_DAYS - 1
        usable = self.weeks.usable(back_days=trailing, history_days=trailing)
        if not usable:
            return self._framed(metric, usable, {}, self.weeks.until - 1, lambda now, before: _Found(None, None, None))
        shown = usable[-max(self.spec.n_history, 2 * self.spec.weeks) :]
        from_day, to_day = self.weeks.day(shown[0]) - trailing, self.weeks.day(shown[-1] + 1)
        frame = self.snapshot.read(query.daily_activity(from_day, to_day))
        daily = figures.daily_of(frame, from_day, to_day, query.N_GROUPS)

        def days(weeks: Sequence[int]) -> list[int]:
            return [self.weeks.day(week) + i for week in weeks for i in range(7)]

        weekly = {week: (daily.stickiness(days([week])), nan) for week in shown}
        return self._framed(
            metric,
            usable,
            weekly,
            self.weeks.until - 1,
            lambda now, before: _Found(*figures.jackknife(daily, days(now), days(before))),
        )

    # Shares of users ---------------------------------------------------------------------------------

    def _rate(self, metric: Metric) -> Headline:
        usable, counts, last = self.rate_counts(metric)

        def summed(weeks: tuple[int, ...]) -> tuple[float, float]:
            return sum(counts[w][0] for w in weeks), sum(counts[w][1] for w in weeks)

        def find(now: tuple[int, ...], before: tuple[int, ...]) -> _Found:
            (x1, n1), (x0, n0) = summed(now), summed(before)
            return _Found(
                figures.rate(x1, n1),
                figures.rate(x0, n0) if before else None,
                figures.rate_change(x1, n1, x0, n0) if before else None,
            )

        weekly = {week: (x / n, n) for week, (x, n) in counts.items()}
        return self._framed(metric, usable, weekly, last, find)

    def rate_counts(self, metric: Metric, since: int | None = None) -> tuple[list[int], Counts, int]:
        """Return the usable weeks, users of each (how many of how many), and the last mature week.

        Parameters
        ----------
        since : int, optional
            The first week wanted; by default as many as the windows and the history can need.
        """
        if metric.name.startswith("week-"):
            return self._retention(int(metric.name.split("-")[1]))
        is_lapse = metric.name == "lapse-rate"
        if is_lapse:
            usable = self.weeks.usable(back_days=int(self.snapshot.catalogue.settings.churn_window))
            mature = self.weeks.mature()
        else:
            usable = self.weeks.usable(ahead_us=REPEAT_DAYS * US_PER_DAY)
            mature = self.weeks.mature(ahead_us=REPEAT_DAYS * US_PER_DAY)
        if since is None:
            usable = usable[-(max(self.spec.n_history, 2 * self.spec.weeks) + SPARE_WEEKS) :]
        usable = [week for week in usable if since is None or week >= since]
        if not usable:
            return usable, {}, mature[-1] if len(mature) else self.weeks.first - 1
        counts = self._lapses(usable) if is_lapse else self._repeats(usable)
        return [week for week in usable if week in counts], counts, mature[-1]

    def _lapses(self, usable: Sequence[int]) -> Counts:
        from_, to = usable[0], usable[-1] + 1
        spells = self.snapshot.read(query.lapse_spells(None, from_, to, self.snapshot.catalogue))
        at_risk, lapsed = figures.spell_counts(spells, from_, to)
        return {w: (float(lapsed[w - from_]), float(at_risk[w - from_])) for w in usable if at_risk[w - from_]}

    def _repeats(self, usable: Sequence[int]) -> Counts:
        self._require_revenue()
        from_day, to_day = self.weeks.day(usable[0]), self.weeks.day(usable[-1] + 1)
        frame = self.snapshot.read(query.repeat_orders(None, from_day, to_day, self.snapshot.catalogue))
        return {int(r.week): (float(r.x), float(r.n)) for r in frame.itertuples(index=False) if int(r.week) in usable}

    @cached_property
    def _cells(self) -> pd.DataFrame:
        spec = CohortSpec(horizon=LAST_AGE)
        return read_matrix(self.snapshot, spec, cohort_sql(spec, self.snapshot.catalogue)).cells

    def _retention(self, age: int) -> tuple[list[int], Counts, int]:
        cells = self._cells[self._cells["age"] == age]
        mature = cells[cells["state"] == "mature"]
        used = mature[enters_average(mature)]
        counts = {
            self.weeks.of(day_number(r.cohort)): (float(r.retained), float(r.size))
            for r in used.itertuples(index=False)
        }
        return sorted(counts), counts, self.weeks.until - 1 - age

    # Money -------------------------------------------------------------------------------------------

    def _value(self, metric: Metric) -> Headline:
        usable = self.weeks.usable(ahead_days=VALUE_DAYS - 1)
        found: dict[int, tuple[float, float, float]] = {}
        if usable:
            sql = query_duckdb.early_values(usable[0], usable[-1] + 1, self.snapshot.catalogue)
            frame = self.snapshot.read(sql)
            found = {int(r.week): (float(r.n), float(r.total), float(r.squares)) for r in frame.itertuples(index=False)}
            self._require_revenue()
        usable = [week for week in usable if week in found]

        def summed(weeks: tuple[int, ...]) -> tuple[float, float, float]:
            n, total, squares = (sum(found[w][i] for w in weeks) for i in range(3))
            return n, total, squares

        def find(now: tuple[int, ...], before: tuple[int, ...]) -> _Found:
            value = figures.mean(*summed(now))
            return _Found(
                value,
                figures.mean(*summed(before)) if before else None,
                figures.mean_change(summed(now), summed(before)) if before else None,
                "" if value else "It takes two new customers.",
            )

        weekly = {week: (found[week][1] / found[week][0], found[week][0]) for week in usable}
        last = self.weeks.mature(ahead_days=VALUE_DAYS - 1)
        return self._framed(metric, usable, weekly, last[-1] if last else self.weeks.first - 1, find)

    def _require_revenue(self) -> None:
        ((n,),) = self.snapshot.rows("select count(*) from (select 1 from user_orders as o limit 1) as one")
        if not n:
            raise SpecError(NO_REVENUE)

    def _revenue_retention(self, metric: Metric) -> Headline:
        self._require_revenue()
        k = self.spec.weeks
        clean = set(self.weeks.usable())

        def moments(last: int) -> pd.Series | None:
            """Return the sums of the windows that end with the week `last`, if all of them are whole."""
            if not all(week in clean for week in range(last - 2 * k + 1, last + 1)):
                return None
            edges = [self.weeks.day(last + 1 - i * k) for i in range(4)]
            sql = query_duckdb.spending_moments([(edges[i + 1], edges[i]) for i in range(3)])
            row = self.snapshot.read(sql).iloc[0]
            has_third = all(week in clean for week in range(last - 3 * k + 1, last + 1))
            return row if has_third else row.where(~row.index.isin(["a", "d"]), 0.0)

        last = self.weeks.until - 1
        found = moments(last)
        steps: list[tuple[int, float, float]] = []
        for here in range(last - 2 * (N_SPENDING_STEPS - 1) * k, last + 1, 2 * k):
            row = found if here == last else moments(here)
            for suffix, week in (("before", here - k), ("", here)):
                value = None if row is None else figures.retained_revenue(row, suffix)
                steps.append((week, *((value.value, float(value.n)) if value else (nan, nan))))
        now = None if found is None else figures.retained_revenue(found)
        before = None if found is None else figures.retained_revenue(found, "before")
        reason = ""
        if found is None:
            reason = f"It takes {2 * k} complete weeks in a row without a gap."
        elif now is None:
            reason = "Nobody bought in the window before."
        elif before is None:
            reason = f"It takes {3 * k} complete weeks in a row without a gap to compare with the window before."
        window, earlier = (self.weeks.window(range(last + 1 - i * k - k, last + 1 - i * k)) for i in range(2))
        return Headline(
            metric,
            now,
            before,
            window if now else None,
            earlier if before else None,
            figures.retained_revenue_change(found) if found is not None and now and before else None,
            self.weeks.steps(steps, k),
            reason,
        )
