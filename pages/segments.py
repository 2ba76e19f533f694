"""Which users are alike, and what are they like?"""

from __future__ import annotations

from retention.ui import Controls, page, segment_tabs, share_panel

with page("Segments", "Which users are alike, and what are they like?"):
    segment_tabs(Controls("segments"))
    share_panel("segments")
