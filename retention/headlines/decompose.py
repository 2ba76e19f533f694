"""Split the change of a rate into who was there and how each group did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.cohorts.compare import ALPHA, benjamini_hochberg
from retention.cohorts.matrix import NO_GROUP, NONE_LABEL
from retention.headlines.figures import Change, Value, Window, rate, rate_change, spell_counts
from retention.headlines.spec import ExplainSpec, Metric
from retention.intervals import Z95, newcombe, two_sided_p

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

LEAST_USERS = 30
LEAST_EACH = 5
"""The delta method is used where each window holds so many users, and so many of either outcome."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a change, in points as a fraction of one; the interval is NaN where it would not be sound."""

    value: float
    low: float
    high: float

    @property
    def says(self) -> str:
        """What the interval allows to say of the part."""
        return "up" if self.low > 0 else "down" if self.high < 0 else "cannot tell"


@dataclass(frozen=True, slots=True)
class Split:
    """A change in two parts that add up to it.

    Attributes
    ----------
    mix, within : Part
    groups : DataFrame
        One row a group: group, n_from, share_from, rate_from, n_to, share_to, rate_to (NaN without users), mix,
        within, total, low, high (Newcombe's interval of the change of its rate), p_adjusted, says.
    """

    mix: Part
    within: Part
    groups: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a headline rate moved: mix and within, and the contribution of each group.

    Attributes
    ----------
    spec : ExplainSpec
    metric : Metric
    by : str
        The property that makes the groups.
    clock : Clock
    data_version : int
    window_from, window_to : Window
    rate_from, rate_to : Value
    change : Change
    split : Split
    n_other : int
        Groups that are counted together.
    n_left_out : int
        Weeks of the windows that a gap touches, and that are not counted.
    """

    spec: ExplainSpec
    metric: Metric
    by: str
    clock: Clock
    data_version: int
    window_from: Window
    window_to: Window
    rate_from: Value
    rate_to: Value
    change: Change
    split: Split
    n_other: int
    n_left_out: int

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us


def fold(counts: pd.DataFrame, n_groups: int) -> tuple[pd.DataFrame, int]:
    """Keep the largest groups and count the rest together, so that sums still reconcile.

    Parameters
    ----------
    counts : DataFrame
        group, x_from, n_from, x_to, n_to.

    Returns
    -------
    counts : DataFrame
    n_other : int
        Groups that were folded into one; a single one is left as it is.
    """
    known = counts[(counts["n_from"] > 0) | (counts["n_to"] > 0)]
    size = known["n_from"] + known["n_to"]
    ordered = known.loc[size.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)
    n_other = len(ordered) - n_groups
    if n_other <= 1:
        return ordered, 0
    rest = ordered.iloc[n_groups:][["x_from", "n_from", "x_to", "n_to"]].sum()
    other = pd.DataFrame([{"group": f"{n_other} other groups", **rest.to_dict()}])
    return pd.concat([ordered.iloc[:n_groups], other], ignore_index=True), n_other


def split(counts: pd.DataFrame) -> Split:
    """Split the difference of two rates by group.

    Parameters
    ----------
    counts : DataFrame
        group, x_from, n_from, x_to, n_to (whole numbers); each group has users in at least one window.

    Notes
    -----
    With shares s and rates r of group g, R₁ − R₀ = Σ (s₁ − s₀) r̄ + Σ (r₁ − r₀) s̄, where a bar is the mean of the two
    windows: mix and within, exactly and without an order between them. A group's mix is taken against the mean rate,
    (s₁ − s₀)(r̄ − R̄), so that a group that grows contributes plus only if it does better than the whole; the sum is the
    same because the shares' changes add up to nothing. A group without users in one window has no rate there: its rate
    of the other window stands in, so its part is all mix.

    The intervals come from the delta method: users of a window are a multinomial sample of (group, outcome).

    References
    ----------
    Kitagawa, E. M. (1955). Components of a difference between two rates. JASA 50.

    Examples
    --------
    >>> parts = split(pd.DataFrame({"group": ["a", "b"], "x_from": [50, 10], "n_from": [50, 50],
    ...                             "x_to": [20, 16], "n_to": [20, 80]}))
    >>> round(parts.mix.value, 6), round(parts.within.value, 6)     # 36 % less 60 %: all of it mix
    (-0.24, 0.0)
    """
    x0, n0, x1, n1 = (counts[c].to_numpy(dtype=float) for c in ("x_from", "n_from", "x_to", "n_to"))
    total_0, total_1 = n0.sum(), n1.sum()
    s0, s1 = n0 / total_0, n1 / total_1
    with np.errstate(divide="ignore", invalid="ignore"):
        known_0, known_1 = x0 / n0, x1 / n1
    r0, r1 = np.where(n0 > 0, known_0, known_1), np.where(n1 > 0, known_1, known_0)
    middle = (x0.sum() / total_0 + x1.sum() / total_1) / 2
    mix, within = (s1 - s0) * ((r0 + r1) / 2 - middle), (r1 - r0) * (s0 + s1) / 2
    is_both = (n0 > 0) & (n1 > 0)
    # The change of each part with a share, and with a rate, of either window; a borrowed rate moves with its owner.
    mean = (r0 + r1) / 2
    by_rate = np.where(is_both, (s1 - s0) / 2, s1 - s0)
    variances = [
        _variance(s, r, total, share_effect, rate_effect)
        for s, r, total, effects in (
            (s1, r1, total_1, ((mean, by_rate), ((r1 - r0) / 2, np.where(is_both, (s0 + s1) / 2, 0.0)))),
            (s0, r0, total_0, ((-mean, by_rate), ((r1 - r0) / 2, np.where(is_both, -(s0 + s1) / 2, 0.0)))),
        )
        for share_effect, rate_effect in effects
    ]
    is_sound = all(
        total >= LEAST_USERS and LEAST_EACH <= x.sum() <= total - LEAST_EACH
        for x, total in ((x0, total_0), (x1, total_1))
    )
    parts = []
    for value, variance in ((mix.sum(), variances[0] + variances[2]), (within.sum(), variances[1] + variances[3])):
        half = Z95 * sqrt(variance) if is_sound else nan
        parts.append(Part(float(value), float(value) - half, float(value) + half))
    return Split(parts[0], parts[1], _groups(counts, (s0, s1), (known_0, known_1), mix, within))


def _variance(s: np.ndarray, r: np.ndarray, total: float, share: np.ndarray, effect: np.ndarray) -> float:
    """Return the delta-method variance that one window brings.

    A user of group g with outcome y moves a part by share_g − Σ s share + effect_g (y − r_g) / s_g.
    """
    between = float((s * (share - (s * share).sum()) ** 2).sum())
    used = s > 0
    inside = float((effect[used] ** 2 * r[used] * (1 - r[used]) / s[used]).sum())
    return (between + inside) / total


def _groups(
    counts: pd.DataFrame,
    shares: tuple[np.ndarray, np.ndarray],
    rates: tuple[np.ndarray, np.ndarray],
    mix: np.ndarray,
    within: np.ndarray,
) -> pd.DataFrame:
    """Lay the groups out, each with what may be said of its own rate (corrected for how many there are)."""
    x0, n0, x1, n1 = (counts[c].to_numpy(dtype=float) for c in ("x_from", "n_from", "x_to", "n_to"))
    both = (n0 > 0) & (n1 > 0)
    low, high, p = (np.full(len(counts), nan) for _ in range(3))
    if both.any():
        low[both], high[both] = newcombe(x1[both], n1[both], x0[both], n0[both])
        p[both] = benjamini_hochberg(two_sided_p(x1[both], n1[both], x0[both], n0[both]))
    clear = p <= ALPHA
    says = np.where(clear & (low > 0), "higher", np.where(clear & (high < 0), "lower", "cannot tell"))
    return pd.DataFrame(
        {
            "group": counts["group"].to_numpy(),
            "n_from": n0.astype(int),
            "share_from": shares[0],
            "rate_from": rates[0],
            "n_to": n1.astype(int),
            "share_to": shares[1],
            "rate_to": rates[1],
            "mix": mix,
            "within": within,
            "total": mix + within,
            "low": low,
            "high": high,
            "p_adjusted": p,
            "says": np.where(both, says, ""),
        }
    )


def totals(counts: pd.DataFrame) -> tuple[Value, Value, Change]:
    """Return the rate of either window over all groups, and its change."""
    x0, n0, x1, n1 = (float(counts[c].sum()) for c in ("x_from", "n_from", "x_to", "n_to"))
    return rate(x0, n0), rate(x1, n1), rate_change(x1, n1, x0, n0)


def laid_out(rows: pd.DataFrame, weeks_from: tuple[int, ...], weeks_to: tuple[int, ...]) -> pd.DataFrame:
    """Sum counts by week and group into the two windows.

    Parameters
    ----------
    rows : DataFrame
        group, week, x, n.
    """
    parts = []
    for suffix, weeks in (("from", weeks_from), ("to", weeks_to)):
        mine = rows[rows["week"].isin(weeks)].groupby("group")[["x", "n"]].sum()
        parts.append(mine.rename(columns={"x": f"x_{suffix}", "n": f"n_{suffix}"}))
    joined = parts[0].join(parts[1], how="outer").fillna(0.0)
    return joined.rename_axis("group").reset_index()


def labelled(rows: pd.DataFrame, labels: Mapping[int, str]) -> pd.DataFrame:
    """Write the groups of counts as a reader names them; a missing value is a group of its own."""
    return rows.assign(group=[labels.get(int(key), NONE_LABEL) for key in rows["grp"].fillna(NO_GROUP)])


def spell_rows(spells: pd.DataFrame, labels: Mapping[int, str], from_: int, to: int) -> pd.DataFrame:
    """Count users at risk (n) and lapsed (x) by group and week, from where their silences begin and end."""
    found = []
    for name, mine in labelled(spells, labels).groupby("group"):
        at_risk, lapsed = spell_counts(mine, from_, to)
        found += [(name, from_ + i, x, n) for i, (x, n) in enumerate(zip(lapsed, at_risk, strict=True)) if n]
    return pd.DataFrame(found, columns=["group", "week", "x", "n"])
