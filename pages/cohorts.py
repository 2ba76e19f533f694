"""How much of each cohort comes back, and when?"""

from __future__ import annotations

from retention.cohorts.answer import cohort_retention
from retention.ui import (
    answer,
    audience_panel,
    cohort_controls,
    curves,
    definition_card,
    first_moment,
    page,
    pick,
    share,
    verdict,
)

with page("Cohorts", "How much of each cohort comes back, and when?"):
    view = cohort_controls(first_moment())
    matrix = answer(cohort_retention, view.spec)
    verdict(matrix)
    view, cell = pick(matrix, view)
    cell = audience_panel(cell)
    view = curves(matrix, view)
    definition_card(matrix)
    share(matrix, view, cell)
