"""What pages are made of: the only code under retention/ that knows Streamlit."""

from __future__ import annotations

from retention.ui.answers import answer, order
from retention.ui.audiences import audience_panel
from retention.ui.charts import chart
from retention.ui.cohort_controls import cohort_controls
from retention.ui.cohorts import curves, definition_card, first_moment, share
from retention.ui.cohorts import grid as pick
from retention.ui.cohorts import headline as verdict
from retention.ui.data import erase_panel, gaps_panel, settings_panel, status_panel
from retention.ui.downloads import download
from retention.ui.imports import import_panel
from retention.ui.pages import page

__all__ = [
    "answer",
    "audience_panel",
    "chart",
    "cohort_controls",
    "curves",
    "definition_card",
    "download",
    "erase_panel",
    "first_moment",
    "gaps_panel",
    "import_panel",
    "order",
    "page",
    "pick",
    "settings_panel",
    "share",
    "status_panel",
    "verdict",
]
