"""The Experiments page: plan, read a campaign, read a file of units, and what was learned before."""

from __future__ import annotations

from collections.abc import Callable

from retention.ui.controls import Controls
from retention.ui.experiments_archive import archive_panel
from retention.ui.experiments_file import file_panel
from retention.ui.experiments_plan import plan_panel
from retention.ui.experiments_read import read_panel

READ, PLAN, FILE, ARCHIVE = "Read", "Plan", "A file of units", "Archive"
PANELS: dict[str, Callable[[Controls], None]] = {
    READ: read_panel,
    PLAN: plan_panel,
    FILE: file_panel,
    ARCHIVE: archive_panel,
}


def experiment_tabs(controls: Controls) -> None:
    """Draw the tab that is open."""
    for (_, panel), tab in zip(PANELS.items(), controls.tabs("tab", list(PANELS)), strict=True):
        if tab.open:
            with tab:
                panel(controls)
    controls.complain()
