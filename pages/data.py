"""What does the store hold, up to when, and where does it come from?"""

from __future__ import annotations

from retention.ui import erase_panel, gaps_panel, import_panel, page, settings_panel, status_panel

with page("Data", "What does the store hold, up to when, and where does it come from?"):
    status_panel()
    import_panel()
    gaps_panel()
    settings_panel()
    erase_panel()
