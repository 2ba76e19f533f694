"""How does the base stand, and what has changed?"""

from __future__ import annotations

from retention.ui import (
    Controls,
    alerts_panel,
    annotation_panel,
    explain_panel,
    findings_panel,
    fired_notice,
    headline_panel,
    lifecycle_panel,
    page,
    quiet_panel,
    share_panel,
    year_panel,
)

with page("Overview", "How does the base stand, and what has changed?"):
    controls = Controls("overview")
    fired_notice()
    found = headline_panel(controls)
    findings_panel(found)
    lifecycle_panel()
    year_panel()
    quiet_panel(controls)
    explain_panel(controls, found.spec.weeks)
    alerts_panel()
    annotation_panel()
    controls.complain()
    share_panel("overview")
