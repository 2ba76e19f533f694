"""What did it change? Plan an experiment, read it, and keep what was learned."""

from __future__ import annotations

from retention.ui import Controls, experiment_tabs, page, share_panel

with page("Experiments", "What did a campaign change, how sure is that, and what would it take to find out?"):
    experiment_tabs(Controls("experiments"))
    share_panel("experiments")
