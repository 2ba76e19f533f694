"""The answer to: do the latest cohorts stay as long as those of a year before?"""

from __future__ import annotations

from retention.cohorts.answer import cohort_sql, read_matrix
from retention.cohorts.spec import CohortSpec
from retention.headlines.answer import weeks_of
from retention.headlines.curves import YearCurves, year_curves
from retention.headlines.spec import CurvesSpec
from retention.store import Store


def retention_against_last_year(store: Store, spec: CurvesSpec) -> YearCurves:
    """Do the latest cohorts come back as much as those of the same weeks a year before?"""
    with store.snapshot() as snapshot:
        grid = CohortSpec(horizon=spec.horizon)
        cells = read_matrix(snapshot, grid, cohort_sql(grid, snapshot.catalogue)).cells
        return year_curves(cells, spec, weeks_of(snapshot), snapshot.catalogue.data_version)
