"""Features that know too much: one that tells the outcome nearly by itself was not known at the cut-off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retention.churn.judgement import MIN_EACH, Ranked
from retention.churn.snapshots import CutoffTable
from retention.errors import SpecError

MOST_AUC = 0.90
MOST_AHEAD = 0.10
LEAST_AUC = 0.75
"""A weak feature may well stand 0.10 above others that say nothing."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A feature that alone ranks users too well.

    Attributes
    ----------
    feature : str
    auc : float
        Of the feature alone, whichever way round it ranks better.
    next_auc : float
        Of the best one after it.
    """

    feature: str
    auc: float
    next_auc: float


def single_auc(table: CutoffTable) -> dict[str, float]:
    """Say how well each feature alone tells who lapses; an unknown value ranks with the lowest."""
    assert table.lapsed is not None
    found = {}
    for place, name in enumerate(table.features):
        column = table.values[:, place]
        known = column[~np.isnan(column)]
        lowest = known.min() - 1.0 if len(known) else 0.0
        auc = Ranked(table.lapsed, np.where(np.isnan(column), lowest, column), is_probability=False).figures()["auc"]
        found[name] = max(auc, 1 - auc)
    return found


def suspects(table: CutoffTable) -> tuple[Suspect, ...]:
    """Find the features that tell more than one can: ROC AUC above .90, or .10 above the next best.

    Notes
    -----
    A leak shows as one column far ahead of all others, such as the reason that a user gave on leaving. Features of one
    family (days since the last visit, visits of the last month) come close to each other and are not suspected.
    """
    if table.lapsed is None or min(table.lapsed.sum(), (1 - table.lapsed).sum()) < MIN_EACH:
        return ()
    ranked = sorted(single_auc(table).items(), key=lambda pair: (-pair[1], pair[0]))
    found = [Suspect(name, auc, ranked[1][1] if len(ranked) > 1 else 0.5) for name, auc in ranked if auc > MOST_AUC]
    if not found and len(ranked) > 1 and ranked[0][1] >= LEAST_AUC and ranked[0][1] - ranked[1][1] > MOST_AHEAD:
        found = [Suspect(*ranked[0], ranked[1][1])]
    return tuple(found)


def require_no_suspect(table: CutoffTable, allowed: tuple[str, ...] = ()) -> None:
    """Refuse to learn from a feature that tells too much.

    Raises
    ------
    SpecError
        Naming the feature.
    """
    for found in suspects(table):
        if found.feature not in allowed:
            raise SpecError(
                f'"{found.feature}" alone tells who lapses too well (ROC AUC {found.auc:.3f}, the next best'
                f" {found.next_auc:.3f}): it probably holds what was not known yet at the cut-off.",
                hint="Leave it out, or find out when it is written.",
            )
