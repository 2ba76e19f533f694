"""The Interventions page: what it may bring, who gets what for a budget, what they read, and who is assigned to which group."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from retention.ui.controls import Controls
from retention.ui.interventions_assign import assign_panel
from retention.ui.interventions_budget import budget_panel
from retention.ui.interventions_catalogue import catalogue_panel
from retention.ui.interventions_controls import Chosen, who
from retention.ui.interventions_messages import messages_panel
from retention.ui.interventions_preview import preview_panel
from retention.ui.interventions_running import running_panel


def intervention_tabs(controls: Controls) -> None:
    """Draw whom it is for, and the tab that is open."""
    above = st.container()
    for name, tab in zip(TABS, controls.tabs("tab", TABS), strict=True):
        if not tab.open:
            continue
        if name in OTHERS:
            with tab:
                OTHERS[name](controls)
            continue
        with above:
            chosen = who(controls)
        if chosen is not None:
            with tab:
                FOR_USERS[name](controls, chosen)
    controls.complain()


FOR_USERS: dict[str, Callable[[Controls, Chosen], None]] = {
    "Preview": preview_panel,
    "Budget": budget_panel,
    "Messages": messages_panel,
    "Assign": assign_panel,
}
"""Tabs about the users who are chosen above them."""
OTHERS: dict[str, Callable[[Controls], None]] = {"Running": running_panel, "Catalogue": catalogue_panel}
TABS = (*FOR_USERS, *OTHERS)
