"""Who is one user: what they did, how they compare, and what has been learned of them?"""

from __future__ import annotations

from retention.ui import Controls, find_panel, page, profile_panels

with page("Profile", "Who is one user: what they did, how they compare, and what has been learned of them?"):
    controls = Controls("profile")
    profile_panels(controls, find_panel())
