"""How long do users stay, and what goes with leaving?"""

from __future__ import annotations

from retention.ui import page, share_panel, survival_controls, survival_tabs

with page("Survival", "How long do users stay, and what goes with leaving?"):
    controls, spec = survival_controls()
    survival_tabs(controls, spec)
    share_panel("survival")
