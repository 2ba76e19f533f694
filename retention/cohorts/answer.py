"""Answers about cohorts: read-only, each from one snapshot of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from retention.cohorts import query, query_duckdb
from retention.cohorts.matrix import (
    CELL_COLUMNS,
    NONE_LABEL,
    RetentionMatrix,
    averages,
    enters_average,
    follow_up,
    pooled_by_group,
    retention_cells,
)
from retention.cohorts.spec import CellSpec, CohortSpec, Condition, Entry
from retention.errors import SpecError, nearest
from retention.periods import iso
from retention.store import Catalogue, Snapshot, Sql, Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class CohortSql:
    """The two selects that everything about a grid is read from, and where they read."""

    starts: Sql
    marks: Sql
    source: Literal["rollups", "rollups and events", "events"]
    cell_sizes: Sql | None = None
    cell_counts: Sql | None = None

    @property
    def sizes(self) -> Sql:
        """The select of the cohorts' sizes."""
        return self.cell_sizes or query.cohort_sizes(self.starts)

    @property
    def counts(self) -> Sql:
        """The select of the counts at each age."""
        return self.cell_counts or query.cohort_counts(self.marks)


def cohort_sql(spec: CohortSpec, catalogue: Catalogue) -> CohortSql:
    """Choose the texts: the rollups where they carry the question, the events otherwise."""
    catalogue.require_clock()
    catalogue.event_names((*spec.start, *spec.returns))
    for name in query.attributes(spec):
        catalogue.property_name(name)
    carries_starts = query_duckdb.are_starts_carried(spec, catalogue)
    starts = (query_duckdb if carries_starts else query).starts(spec, catalogue)
    if not query_duckdb.is_carried(spec, catalogue):
        return CohortSql(starts, query.marks(query.hits(starts, spec, catalogue), spec), "events")
    marks = query.marks(query_duckdb.hits(starts, spec, catalogue), spec)
    is_whole = query_duckdb.is_age_0_carried(spec, catalogue)
    if query_duckdb.has_cells(spec, catalogue):
        sizes, counts = (text(spec, catalogue) for text in (query_duckdb.cell_sizes, query_duckdb.cell_counts))
        return CohortSql(starts, marks, "rollups", sizes, counts)
    return CohortSql(starts, marks, "rollups" if is_whole else "rollups and events")


def is_everybody(where: Sequence[Condition], by: str | None = None, start: Sequence[str] = ()) -> bool:
    """Whether a population is all users in one group, so that nothing need be joined."""
    return not where and by is None and not start


def population(
    catalogue: Catalogue,
    where: tuple[Condition, ...] = (),
    by: str | None = None,
    *,
    start: tuple[str, ...] = (),
    entry: Entry = "first-ever",
) -> Sql:
    """Write the select of the users that a question is about, as they were at their start.

    Parameters
    ----------
    where : tuple of Condition
        On the start event, or on the user as of the start; never on what came later.
    by : str, optional
        Property whose value at the start becomes `grp`.
    start : tuple of str
        The events that start a user; empty means any activity.
    entry : {"first-ever", "first-matching"}

    Returns
    -------
    Sql
        One row per user: user_key, start_us, start_day, grp (null where the property is missing, 0 without `by`).
    """
    spec = CohortSpec(entry=entry, period="day", start=start, where=where, by=by)
    catalogue.event_names(start)
    for name in query.attributes(spec):
        catalogue.property_name(name)
    is_carried = query_duckdb.are_starts_carried(spec, catalogue)
    return query.population((query_duckdb if is_carried else query).starts(spec, catalogue))


def portable_cohort_sql(spec: CohortSpec, catalogue: Catalogue) -> CohortSql:
    """Return the texts over the events only, which every engine runs."""
    starts = query.starts(spec, catalogue)
    return CohortSql(starts, query.marks(query.hits(starts, spec, catalogue), spec), "events")


def cohort_retention(store: Store, spec: CohortSpec) -> RetentionMatrix:
    """How much of each cohort comes back, and when?"""
    with store.snapshot() as snapshot:
        return read_matrix(snapshot, spec, cohort_sql(spec, snapshot.catalogue))


def read_matrix(snapshot: Snapshot, spec: CohortSpec, sql: CohortSql) -> RetentionMatrix:
    """Read a grid with the given texts."""
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    labels = group_labels(snapshot, spec.by)
    sizes, counts = snapshot.read(sql.sizes), snapshot.read(sql.counts)
    cells = retention_cells(sizes, counts, spec, clock, labels)
    moments: dict[str, pd.DataFrame] = {}
    of_groups = None
    if spec.entry == "recurring" and enters_average(cells).any():
        used = cells[enters_average(cells)]
        whole = used.groupby(["cohort_index", "group_key"])["age"].transform("size") == len(spec.shown_ages)
        moments["pooled"] = _moments(snapshot, sql, spec, used, is_grouped=False)
        if whole.any():
            moments["common cohorts"] = _moments(snapshot, sql, spec, used[whole], is_grouped=False)
        if spec.by:
            of_groups = _moments(snapshot, sql, spec, used, is_grouped=True)
    return RetentionMatrix(
        spec=spec,
        clock=clock,
        data_version=catalogue.data_version,
        cells=cells[list(CELL_COLUMNS)],
        average=averages(cells, spec, moments),
        by_group=pooled_by_group(cells, of_groups),
        rows=follow_up(sizes, spec, clock, labels),
    )


def _moments(
    snapshot: Snapshot, sql: CohortSql, spec: CohortSpec, cells: pd.DataFrame, *, is_grouped: bool
) -> pd.DataFrame:
    wanted = list(zip(cells["cohort_index"].tolist(), cells["group_key"].tolist(), cells["age"].tolist(), strict=True))
    frame = snapshot.read(query.cluster_moments(sql.starts, sql.marks, spec, wanted, is_grouped=is_grouped))
    return frame.assign(grp=frame["grp"].fillna(-1))


def group_labels(snapshot: Snapshot, by: str | None) -> dict[int, str]:
    """What are the values of a property called?"""
    if by is None:
        return {}
    values = snapshot.read(query.group_values(snapshot.catalogue.property_name(by)))
    return dict(zip(values["value_key"].astype(int), values["value"], strict=True))


def members_sql(snapshot: Snapshot, cell: CellSpec) -> Sql:
    """Write the select of the user keys behind a cell.

    Raises
    ------
    SpecError
        If the cell is in the future: nobody can have come back, and nobody is lost yet.
    """
    spec = cell.cohorts
    sql = cohort_sql(spec, snapshot.catalogue)
    _require_begun(snapshot, sql, cell)
    group_key = None
    if cell.group is not None:
        keys = {label: key for key, label in group_labels(snapshot, spec.by).items()}
        if cell.group not in keys and cell.group not in ("", NONE_LABEL):
            raise SpecError(f'No start has {spec.by} = "{cell.group}".', hint=nearest(cell.group, keys))
        group_key = keys.get(cell.group)
    return query.cell_members(sql.starts, sql.marks, cell, snapshot.catalogue.settings.week_start, group_key)


def _require_begun(snapshot: Snapshot, sql: CohortSql, cell: CellSpec) -> None:
    spec, catalogue = cell.cohorts, snapshot.catalogue
    sizes = snapshot.read(query.cohort_sizes(sql.starts))
    index = query.cohort_index(cell.cohort, spec, catalogue.settings.week_start)
    sizes = sizes[sizes["cohort"] == index]
    cells = retention_cells(sizes, sizes.iloc[:0].assign(age=0), spec, catalogue.require_clock(), {})
    cells = cells[cells["age"] == cell.age]
    if len(cells) and (cells["state"] == "future").all():
        raise SpecError(
            f"{spec.period.capitalize()} {cell.age} of the cohort of {cell.cohort} has not begun.",
            hint=f"It will be complete on {cells['complete_on'].min()}.",
        )


def filter_values(store: Store, name: str, limit: int = 500) -> list[str]:
    """Which values does a property have?"""
    with store.snapshot() as snapshot:
        frame = snapshot.read(query.filter_values(snapshot.catalogue.property_name(name), limit))
        return [str(value) for value in frame["value"]]


def explain_sql(store: Store, spec: CohortSpec) -> str:
    """Which SQL gives these numbers, and where does it read?"""
    with store.snapshot() as snapshot:
        return describe_sql(cohort_sql(spec, snapshot.catalogue))


def describe_sql(sql: CohortSql) -> str:
    """Write the statements of a grid with the values that are bound to them."""
    counts = sql.counts
    values = "\n".join(f"-- ${name} = {value!r}" for name, value in sorted(counts.params.items()))
    return f"-- reads the {sql.source}\n{values}\n{counts.text}"


def grid_frame(matrix: RetentionMatrix) -> pd.DataFrame:
    """Lay a grid out for a file: one row a cell, nothing where nothing is known."""
    frame = matrix.cells.assign(
        cohort=[on.isoformat() for on in matrix.cells["cohort"]],
        complete_on=[on.isoformat() for on in matrix.cells["complete_on"]],
        as_of=iso(matrix.as_of_us),
    )
    return frame if matrix.spec.by else frame.drop(columns=["group"])
