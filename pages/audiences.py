"""Which lists of users have been kept, what made them, and where can they go?"""

from __future__ import annotations

from retention.ui import Controls, audience_tabs, page, share_panel

with page("Audiences", "Which lists of users have been kept, what made them, and who is on them?"):
    audience_tabs(Controls("audiences"))
    share_panel("audiences")
