"""From lives to survival curves by segment, in the form of the Survival page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retention.segments.after import Ints, Lives, histogram_of
from retention.survival.curve import FEW, SurvivalGroup, mean_stay, median_of, safe_horizon
from retention.survival.model import kaplan_meier, pairwise


def lapse_groups(lives: Lives, places: Ints, names: Sequence[str]) -> tuple[tuple[SurvivalGroup, ...], pd.DataFrame, int]:
    """Estimate for each group the days from the fixing of the segments to the first lapse.

    Returns
    -------
    groups : tuple of SurvivalGroup
        `gone_before` is who had been silent already.
    comparisons : DataFrame
        As in `SurvivalCurves`.
    horizon : int
        Days over which the mean stay is taken.

    Notes
    -----
    Kaplan–Meier with the log(−log) band; every two groups are compared by the log-rank test with the Benjamini–Hochberg
    correction, as on the Survival page.
    """
    found = []
    for place, name in enumerate(names):
        inside = places == place
        histogram = histogram_of(lives, inside)
        found.append((name, int((inside & lives.is_silent).sum()), histogram, kaplan_meier(histogram)))
    horizon = safe_horizon([curve for *_, curve in found if len(curve)])
    groups = []
    for name, n_silent, histogram, curve in found:
        n, n_observed = histogram.size, histogram.n_observed
        note = "" if n >= FEW or not n else f"Only {n} users: too few to tell much."
        groups.append(
            SurvivalGroup(
                name, n, n_observed, n - n_observed, 0, n_silent, *median_of(curve), *mean_stay(curve, horizon), curve, note
            )
        )
    followed = [(name, histogram.table) for name, _, histogram, _ in found if histogram.size]
    return tuple(groups), pairwise([name for name, _ in followed], [table for _, table in followed]), horizon
