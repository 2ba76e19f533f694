"""What the latest complete periods say together: growing or leaking, stickier or less so."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from retention.lifecycle.lifecycle import FEWEST, recent_periods
from retention.lifecycle.model_averages import block_means, difference_of_means, mean_of_blocks, ratio_of_totals
from retention.lifecycle.spec import LifecycleSpec
from retention.lifecycle.stickiness import MONTH
from retention.periods import date_of


def recent_growth(periods: pd.DataFrame, spec: LifecycleSpec, first_period: int) -> pd.DataFrame:
    """Pool the latest complete periods of each group, as `Lifecycle.recent` describes."""
    used = recent_periods(periods, spec, first_period)
    found = []
    for group in periods["group"].drop_duplicates():
        mine = used[used["group"].isna() if group is None else used["group"] == group]
        gained, lost = mine["n_new"] + mine["n_resurrecting"], mine["n_dormant"].astype("int64")
        ratio, low, high = ratio_of_totals(gained, lost)
        says = "cannot tell"
        if len(mine) >= FEWEST:
            says = "growing" if low > 1 else "leaking" if high < 1 else says
        span: tuple[date | None, date | None] = (None, None)
        if len(mine):
            span = (mine["on"].iloc[0], mine["complete_on"].iloc[-1])
        found.append((group, len(mine), *span, int(gained.sum()), int(lost.sum()), ratio, low, high, says))
    return pd.DataFrame(
        found,
        columns=["group", "n_periods", "from_on", "to_on", "n_gained", "n_lost", "quick_ratio", "low", "high", "says"],
    ).astype({"group": object})


def stickiness_summary(days: pd.DataFrame) -> pd.DataFrame:
    """Average the days of each group, as `Stickiness.summary` describes."""
    found = []
    for group in days["group"].drop_duplicates():
        mine = days[days["group"].isna() if group is None else days["group"] == group]
        used = mine[mine["rate"].notna()]
        rates = used["rate"].to_numpy()
        rate, low, high, n_blocks = mean_of_blocks(rates, MONTH)
        n_left_out = int((mine["state"] == "complete").sum()) - len(used)
        blocks = block_means(rates, MONTH)
        half = len(blocks) // 2
        change, change_low, change_high = difference_of_means(blocks[len(blocks) - half :], blocks[:half])
        says = "higher" if change_low > 0 else "lower" if change_high < 0 else "cannot tell"
        since = None if not half else date_of(int(used["index"].iloc[-half * MONTH]))
        found.append(
            (group, len(used), rate, *np.clip((low, high), 0, 1).tolist(), n_blocks, n_left_out, since, change,
             change_low, change_high, says)
        )  # fmt: skip
    return pd.DataFrame(
        found,
        columns=["group", "n_days", "rate", "low", "high", "n_blocks", "n_left_out", "newer_since", "change",
                 "change_low", "change_high", "says"],
    ).astype({"group": object})  # fmt: skip
