"""What pages are made of: the only code under retention/ that knows Streamlit."""

from __future__ import annotations

from retention.ui.alerts import alerts_panel, fired_notice
from retention.ui.annotations import annotation_panel
from retention.ui.answers import answer, order
from retention.ui.at_risk import at_risk_tabs
from retention.ui.audiences import audience_tabs
from retention.ui.behaviour import interval_panel, window_panel
from retention.ui.behaviour_drivers import drivers_panel
from retention.ui.behaviour_funnel import funnel_panel
from retention.ui.behaviour_hours import hours_panel
from retention.ui.behaviour_paths import paths_panel
from retention.ui.charts import chart
from retention.ui.cohort_controls import cohort_controls
from retention.ui.cohort_members import audience_panel
from retention.ui.cohorts import curves, definition_card, first_moment, share
from retention.ui.cohorts import grid as pick
from retention.ui.cohorts import headline as verdict
from retention.ui.controls import Controls
from retention.ui.data import erase_panel, gaps_panel, settings_panel, status_panel
from retention.ui.downloads import download
from retention.ui.experiments import experiment_tabs
from retention.ui.growth import growth_panels
from retention.ui.imports import import_panel
from retention.ui.interventions import intervention_tabs
from retention.ui.overview import (
    explain_panel,
    findings_panel,
    headline_panel,
    lifecycle_panel,
    quiet_panel,
    year_panel,
)
from retention.ui.pages import page
from retention.ui.profile import find_panel, profile_panels
from retention.ui.segments import segment_tabs
from retention.ui.share import share_panel
from retention.ui.survival import survival_controls, survival_tabs

__all__ = [
    "Controls",
    "alerts_panel",
    "annotation_panel",
    "answer",
    "at_risk_tabs",
    "audience_panel",
    "audience_tabs",
    "chart",
    "cohort_controls",
    "curves",
    "definition_card",
    "download",
    "drivers_panel",
    "erase_panel",
    "experiment_tabs",
    "explain_panel",
    "find_panel",
    "findings_panel",
    "fired_notice",
    "first_moment",
    "funnel_panel",
    "gaps_panel",
    "growth_panels",
    "headline_panel",
    "hours_panel",
    "import_panel",
    "interval_panel",
    "intervention_tabs",
    "lifecycle_panel",
    "order",
    "page",
    "paths_panel",
    "pick",
    "profile_panels",
    "quiet_panel",
    "segment_tabs",
    "settings_panel",
    "share",
    "share_panel",
    "status_panel",
    "survival_controls",
    "survival_tabs",
    "verdict",
    "window_panel",
    "year_panel",
]
