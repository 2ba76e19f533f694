"""How long the groups of an experiment stayed: mean stays over one horizon, and the log-rank test."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.cohorts.compare import benjamini_hochberg
from retention.experiments.model_moments import level_of
from retention.experiments.readout import STAY_COLUMNS, STAY_EFFECT_COLUMNS, Stay
from retention.experiments.units import Durations, Units
from retention.intervals import Z95
from retention.survival.curve import FEW, Histogram, mean_stay, median_of, safe_horizon
from retention.survival.model import kaplan_meier, log_rank


def stay_of(units: Units, durations: Durations, alpha: float) -> Stay:
    """Compare how long each arm and the control stayed.

    Notes
    -----
    The difference of the restricted mean survival times over a horizon on which every group is well observed, with the
    normal interval, and its own p-value. The log-rank test beside it compares the whole curves; what an arm says rests on
    the log-rank p, corrected over the arms (Benjamini–Hochberg), and on the side on which the mean stays differ. These are
    readings for one look, whatever the method of the other outcomes.

    References
    ----------
    Royston, P. & Parmar, M. K. B. (2013). Restricted mean survival time. BMC Medical Research Methodology 13.
    Mantel, N. (1966). Evaluation of survival data and two new rank order statistics arising in its consideration.
    """
    tables, curves = [], []
    for place in range(len(units.groups)):
        histogram = _histogram(durations, units.group == place)
        tables.append(histogram.table)
        curves.append(kaplan_meier(histogram))
    horizon = safe_horizon([curve for curve in curves if len(curve)])
    groups, stays = [], []
    for name, curve in zip(units.groups, curves, strict=True):
        stay = mean_stay(curve, horizon)
        stays.append((stay[0], max(stay[2] - stay[0], stay[0] - stay[1]) / Z95))
        groups.append((name, int(curve["entered"].sum()), int(curve["events"].sum()), *stay, *median_of(curve)))
    effects = []
    width = level_of(alpha)
    for place in range(1, len(units.groups)):
        is_known = min(int(tables[i]["entered"].sum()) for i in (0, place)) >= FEW
        difference = stays[place][0] - stays[0][0]
        error = float(np.hypot(stays[place][1], stays[0][1]))
        statistic, log_rank_p, _ = log_rank([tables[0], tables[place]]) if is_known else (np.nan,) * 3
        if not is_known or not error > 0:
            error = np.nan
        p = 2 * _tail(abs(difference) / error)
        effects.append((
            units.groups[place], difference if is_known else np.nan, error, difference - width * error,
            difference + width * error, p, statistic, log_rank_p,
        ))  # fmt: skip
    found = pd.DataFrame(effects, columns=list(STAY_EFFECT_COLUMNS[:8]))
    found["p_adjusted"] = corrected(found["log_rank_p"].to_numpy(dtype=float))
    is_clear = (found["p_adjusted"] <= alpha).to_numpy()
    found["says"] = np.where(
        is_clear & (found["difference"] > 0),
        "longer",
        np.where(is_clear & (found["difference"] < 0), "shorter", "cannot tell"),
    )
    return Stay(horizon, pd.DataFrame(groups, columns=list(STAY_COLUMNS)), found, tuple(curves))


def _histogram(durations: Durations, inside: np.ndarray) -> Histogram:
    """Count the stays by length: few rows from many units."""
    kept = inside & (durations.days >= 0)
    days, observed = durations.days[kept].astype(np.int64), durations.observed[kept].astype(np.int64)
    counts = np.bincount(days * 2 + observed)
    cell = np.flatnonzero(counts)
    return Histogram(np.zeros(len(cell), dtype=np.int64), cell // 2, cell % 2 == 1, counts[cell].astype(np.int64))


def _tail(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(-z))


def corrected(p: np.ndarray) -> np.ndarray:
    """Correct p-values for looking at all of them (Benjamini–Hochberg); unknown ones stay unknown and count for nothing."""
    found = np.full(len(p), np.nan)
    known = ~np.isnan(p)
    if known.any():
        found[known] = benjamini_hochberg(p[known])
    return found
