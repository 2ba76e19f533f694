"""Who is likely to lapse, and can that be believed?"""

from __future__ import annotations

from retention.ui import Controls, at_risk_tabs, page, share_panel

with page("At risk", "Who is likely to lapse, why, and can that be believed?"):
    at_risk_tabs(Controls("at_risk"))
    share_panel("at_risk")
