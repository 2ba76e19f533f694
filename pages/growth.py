"""Is the base growing or leaking, and how much of it is there on a day?"""

from __future__ import annotations

from retention.ui import Controls, annotation_panel, growth_panels, page, share_panel

with page("Growth", "Is the base growing or leaking, and how much of it is there on a day?"):
    controls = Controls("growth")
    growth_panels(controls)
    controls.complain()
    annotation_panel()
    share_panel("growth")
