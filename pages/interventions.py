"""What can be done, what may it bring, and who gets what?"""

from __future__ import annotations

from retention.ui import Controls, intervention_tabs, page, share_panel

with page("Interventions", "What can be done for users at risk, what may it bring and cost, and who gets what?"):
    intervention_tabs(Controls("interventions"))
    share_panel("interventions")
