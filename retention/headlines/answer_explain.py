"""The answer to: why did a headline rate move?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.answer import cohort_sql, group_labels, population, read_matrix
from retention.cohorts.spec import CohortSpec
from retention.errors import SpecError
from retention.headlines import query
from retention.headlines.answer import Asked
from retention.headlines.decompose import Explanation, fold, labelled, laid_out, spell_rows, split, totals
from retention.headlines.figures import choose
from retention.headlines.spec import ExplainSpec, HeadlinesSpec, metric_named, number_word
from retention.periods import date_of, day_number
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd


def explain(store: Store, spec: ExplainSpec) -> Explanation:
    """How much of a change comes from who was there, and how much from how each group did?"""
    with store.snapshot() as snapshot:
        metric = metric_named(spec.metric)
        asked = Asked(snapshot, HeadlinesSpec(weeks=spec.weeks, metrics=(spec.metric,)))
        by = _breakdown(snapshot, spec.by)
        since = None if spec.from_on is None else asked.weeks.of(day_number(spec.from_on))
        usable, _, last = asked.rate_counts(metric, since)
        weeks_from, weeks_to, n_left_out = _windows(asked, spec, usable, last)
        window_from, window_to = asked.weeks.window(weeks_from), asked.weeks.window(weeks_to)
        assert window_from is not None and window_to is not None
        rows = _rows(snapshot, asked, spec, by, (*weeks_from, *weeks_to))
        counts, n_other = fold(laid_out(rows, weeks_from, weeks_to), spec.n_groups)
        for which, column in (("earlier", "n_from"), ("later", "n_to")):
            if counts[column].sum() == 0:
                raise SpecError(
                    f"Nobody is in the {which} window, so there is no rate to explain.", hint="Choose other dates."
                )
        rate_from, rate_to, change = totals(counts)
        return Explanation(
            spec=spec,
            metric=metric,
            by=by,
            clock=asked.weeks.clock,
            data_version=snapshot.catalogue.data_version,
            window_from=window_from,
            window_to=window_to,
            rate_from=rate_from,
            rate_to=rate_to,
            change=change,
            split=split(counts),
            n_other=n_other,
            n_left_out=n_left_out,
        )


def usual_breakdown(store: Store) -> str | None:
    """By which property is a change split if none is named? The one that most users have at their start."""
    with store.snapshot() as snapshot:
        return next(iter(_breakdowns(snapshot)), None)


def _breakdown(snapshot: Snapshot, by: str | None) -> str:
    """Return the property that makes the groups."""
    catalogue = snapshot.catalogue
    if by is not None:
        return catalogue.property_name(by).name
    found = _breakdowns(snapshot)
    if not found:
        raise SpecError(
            "No property makes groups of the users at their start, so a change cannot be split.",
            hint="Name one with `by`, or import a file with a column such as country, channel or device.",
        )
    return found[0]


def _breakdowns(snapshot: Snapshot) -> list[str]:
    """List the properties with a few values at the start, the one that most users have first."""
    known = snapshot.read(query.known_groups())
    n_users = {int(r.property_key): int(r.n_users) for r in known.itertuples(index=False) if r.n_values > 1}
    ranked = sorted(
        (p for p in snapshot.catalogue.properties.values() if n_users.get(p.property_key)),
        key=lambda p: (-n_users[p.property_key], p.name),
    )
    return [p.name for p in ranked]


def _windows(
    asked: Asked, spec: ExplainSpec, usable: list[int], last: int
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Return the weeks of the two windows, and how many of theirs a gap takes out."""
    weeks = asked.weeks
    if spec.from_on is None or spec.to_on is None:
        now, before, reason = choose(usable, spec.weeks)
        if reason:
            raise SpecError(reason, hint="Choose fewer weeks, or wait for more data.")
        return before, now, 0

    def window(on: date) -> tuple[int, ...]:
        first = weeks.of(day_number(on))
        if first + spec.weeks - 1 > last:
            until = date_of(weeks.day(last + 1) - 1)
            raise SpecError(
                f"The {number_word(spec.weeks)} weeks from {weeks.on(first)} are not complete yet: for this number the"
                f" data reach to {until}.",
                hint="Choose an earlier day.",
            )
        if first < weeks.first:
            raise SpecError(
                f"The data begin with the week of {weeks.on(weeks.first)}, after {on}.", hint="Choose a later day."
            )
        found = tuple(week for week in range(first, first + spec.weeks) if week in usable)
        if not found:
            raise SpecError(
                f"Every week of the window from {weeks.on(first)} is empty, or touches a gap.",
                hint="Choose another day.",
            )
        return found

    before, now = window(spec.from_on), window(spec.to_on)
    if set(before) & set(now):
        raise SpecError(
            f"The windows of {number_word(spec.weeks)} weeks from {spec.from_on} and {spec.to_on} overlap.",
            hint="Move them apart, or choose fewer weeks.",
        )
    return before, now, 2 * spec.weeks - len(before) - len(now)


def _rows(snapshot: Snapshot, asked: Asked, spec: ExplainSpec, by: str, wanted: tuple[int, ...]) -> pd.DataFrame:
    """Return group, week, x, n of the wanted weeks."""
    weeks, catalogue = asked.weeks, snapshot.catalogue
    from_, to = min(wanted), max(wanted) + 1
    if spec.metric.startswith("week-"):
        age = int(spec.metric.split("-")[1])
        # No range of dates: without one the small tables of counts answer.
        grid = CohortSpec(horizon=age, by=by)
        cells = read_matrix(snapshot, grid, cohort_sql(grid, catalogue)).cells
        cells = cells[(cells["age"] == age) & (cells["state"] == "mature")]
        cells = cells.assign(week=[weeks.of(day_number(on)) for on in cells["cohort"]])
        return cells.rename(columns={"retained": "x", "size": "n"})[["group", "week", "x", "n"]]
    people = population(catalogue, (), by)
    labels = group_labels(snapshot, by)
    if spec.metric == "lapse-rate":
        return spell_rows(snapshot.read(query.lapse_spells(people, from_, to, catalogue)), labels, from_, to)
    frame = snapshot.read(query.repeat_orders(people, weeks.day(from_), weeks.day(to), catalogue))
    return labelled(frame, labels)[["group", "week", "x", "n"]]
