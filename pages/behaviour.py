"""How often and when do people come, what do they do step by step, and what goes with staying?"""

from __future__ import annotations

from retention.ui import (
    Controls,
    drivers_panel,
    funnel_panel,
    hours_panel,
    interval_panel,
    page,
    paths_panel,
    share_panel,
    window_panel,
)

PANELS = {
    "Usual interval": interval_panel,
    "Churn window": window_panel,
    "Hours": hours_panel,
    "Funnel": funnel_panel,
    "Paths": paths_panel,
    "Drivers": drivers_panel,
}

with page("Behaviour", "How often and when do people come, what do they do step by step, and what goes with staying?"):
    controls = Controls("behaviour")
    for tab, panel in zip(controls.tabs("tab", list(PANELS)), PANELS.values(), strict=True):
        if tab.open:
            with tab:
                panel(controls)
    controls.complain()
    share_panel("behaviour")
