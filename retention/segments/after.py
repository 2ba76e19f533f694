"""What users of each segment did after the day on which the segments were fixed: counts, rates and lives, joined in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.cohorts.compare import ALPHA, benjamini_hochberg
from retention.intervals import Z95, newcombe, two_sided_p, wilson
from retention.periods import date_of, day_number, local_day, midnight_us
from retention.segments.segmentation import NOWHERE
from retention.segments.spec_after import AfterSpec, Did
from retention.survival.curve import FEW, Histogram, SurvivalCurves, SurvivalGroup
from retention.survival.spec import SurvivalSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
WEEK_COLUMNS = [
    "segment", "name", "week", "first_on", "last_on", "n", "retained", "rate", "low", "high", "touches_gap"
]  # fmt: skip
PAIR_COLUMNS = ["first", "second", "rate_1", "rate_2", "difference", "low", "high", "p_adjusted", "says"]
REVENUE_COLUMNS = [
    "segment", "name", "n", "n_buyers", "buyer_rate", "n_orders", "gross", "net", "net_per_user", "low", "high", "value_share"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lives:
    """What became of each labelled user, in the order of the users.

    Attributes
    ----------
    is_silent : ndarray of bool
        Whether the user had been silent for the whole window when the segments were fixed.
    end_day : ndarray of int
        Last active day before the first silence that counts, or the last of all; says nothing of who was silent already.
    duration : ndarray of int
        Days from the fixing to that day, not before it and not past the last day of which everybody's status is known.
    is_observed : ndarray of bool
        Whether the silence is known to have lasted.
    active : ndarray of bool, shape (n_users, n_weeks)
        Whether the user was active in each week.
    """

    is_silent: Flags
    end_day: Ints
    duration: Ints
    is_observed: Flags
    active: Flags


@dataclass(frozen=True, slots=True)
class After:
    """What users did after they were put into segments.

    Attributes
    ----------
    spec : AfterSpec
    clock : Clock
    data_version : int
    at_on : date
        The local day at whose beginning the segments were fixed.
    window_days : int
        Days of silence that count as a lapse.
    names : tuple of str
        Segments; users in none are the last group, where there are any.
    sizes : tuple of int
        Users of each group.
    weeks : DataFrame
        One row a group and week that is over: segment (−1: in none), name, week (from 0), first_on, last_on, n, retained,
        rate, low, high (Wilson 95 %), touches_gap.
    n_weeks : int
        How many of the weeks asked for are over.
    pairs : DataFrame
        Every two groups compared at the last week that is over and touches no gap: first, second, rate_1, rate_2,
        difference, low, high (Newcombe 95 %), p_adjusted (Benjamini–Hochberg), says.
    compared_week : int or None
        That week.
    curves : SurvivalCurves or None
        Days from the fixing to the first lapse; `gone_before` of a group is who had been silent already. None where
        nobody's silence can have ended yet.
    known_from : date
        The day from which on data would show the first lapses.
    revenue : DataFrame or None
        One row a group, within the weeks that are over: segment, name, n, n_buyers, buyer_rate, n_orders, gross, net (less
        refunds booked on the day of the order), net_per_user, low, high (95 %), value_share (of the net of all groups).
        None where the store holds no orders.
    learned_on : date or None
        The day before which a saved model looked when it was made; None where the segments were made at `at_on`.
    n_left_out : int
        Users with too few active days to be put into a segment.
    notes : tuple of str
    label : str
        Of a saved segmentation; empty otherwise.
    """

    spec: AfterSpec
    clock: Clock
    data_version: int
    at_on: date
    window_days: int
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    weeks: pd.DataFrame
    n_weeks: int
    pairs: pd.DataFrame
    compared_week: int | None
    curves: SurvivalCurves | None
    known_from: date
    revenue: pd.DataFrame | None
    learned_on: date | None
    n_left_out: int
    notes: tuple[str, ...]
    label: str = ""

    @property
    def n_users(self) -> int:
        """How many users were labelled or looked at."""
        return sum(self.sizes)

    @property
    def last_on(self) -> date:
        """The last day of the last week that is over."""
        return self.at_on + timedelta(days=7 * self.n_weeks - 1)


def places_of(labels: Ints, names: Sequence[str]) -> tuple[Ints, tuple[str, ...], tuple[int, ...]]:
    """Turn labels into places in the list of groups, which ends with those in none where there are any.

    Returns
    -------
    places : ndarray of int, shape (n_users,)
    names : tuple of str
    segments : tuple of int
        The label of each group.

    Examples
    --------
    >>> places_of(np.array([1, -1, 0]), ["Loyal", "New"])
    (array([1, 2, 0]), ('Loyal', 'New', 'In no segment'), (0, 1, -1))
    """
    segments = tuple(range(len(names)))
    if not (labels < 0).any():
        return labels, tuple(names), segments
    return np.where(labels < 0, len(names), labels), (*names, NOWHERE), (*segments, -1)


def sizes_of(places: Ints, n_groups: int) -> tuple[int, ...]:
    """Count the users of each group.

    Examples
    --------
    >>> sizes_of(np.array([0, 2, 2]), 3)
    (1, 0, 2)
    """
    return tuple(int(n) for n in np.bincount(places, minlength=n_groups))


def lives_of(user_keys: Ints, rows: pd.DataFrame, at_day: int, window: int, as_of_day: int, n_weeks: int) -> Lives:
    """Join what the store says to the labelled users.

    Parameters
    ----------
    user_keys : ndarray of int, shape (n_users,)
    rows : DataFrame
        Of `query_after.activity_after`; who is not in it has been silent from before the window on.
    at_day, as_of_day : int
        Local days: of the fixing, and of the watermark.
    window : int
        Days of silence that count as a lapse.

    Notes
    -----
    The silence counts from the last active day, also where that lies before the fixing: such a life ends on day 0. Who was
    active later than ``as_of − window`` is censored there, the last day on which everybody's status is known.
    """
    # A mask of at most 52 weeks is a whole number that a float holds exactly.
    frame = rows.set_index("user_key").astype("float64").reindex(user_keys)
    is_silent = frame["before_day"].isna().to_numpy()
    end = frame["lapsed_day"].fillna(frame["last_day"]).fillna(at_day).to_numpy(dtype=np.int64)
    last_known = as_of_day - window
    masks = frame["weeks"].fillna(0).to_numpy(dtype=np.int64)
    active = np.zeros((len(user_keys), n_weeks), dtype=bool, order="F")
    for week in range(n_weeks):
        active[:, week] = (masks >> week) & 1
    return Lives(
        is_silent=is_silent,
        end_day=end,
        duration=np.maximum(np.minimum(end, last_known) - at_day, 0),
        is_observed=end <= last_known,
        active=active,
    )


def histogram_of(lives: Lives, inside: Flags) -> Histogram:
    """Count the lives of some users who had not been silent already."""
    kept = inside & ~lives.is_silent
    entry = np.zeros(int(kept.sum()), dtype=np.int64)
    return Histogram(entry, lives.duration[kept], lives.is_observed[kept], np.ones_like(entry))


def has_done(lives: Lives, did: Did, week: int | None) -> Flags:
    """Say of each user whether they are in a list of `spec_after.AfterUsersSpec`."""
    if week is not None:
        return lives.active[:, week] if did == "active" else ~lives.active[:, week]
    if did == "silent already":
        return lives.is_silent
    return ~lives.is_silent & (lives.is_observed if did == "lapsed" else ~lives.is_observed)


def n_over_gaps(lives: Lives, window: int, clock: Clock) -> int:
    """Count the lapses whose silence overlaps a stretch marked missing."""
    over = np.zeros(len(lives.end_day), dtype=bool)
    for low_us, high_us in clock.gaps:
        low, high = local_day(low_us, clock.timezone), local_day(high_us - 1, clock.timezone) + 1
        over |= (lives.end_day + 1 < high) & (lives.end_day + window > low)
    return int((over & lives.is_observed & ~lives.is_silent).sum())


def is_known_lapse(lives: Lives, at_on: date, window: int, clock: Clock) -> bool:
    """Say whether anybody's silence can have ended: the window has passed, and somebody had not been silent already."""
    return day_number(at_on) <= clock.as_of_day - window and not bool(lives.is_silent.all())


def lapse_curves(
    lives: Lives, estimated: tuple[tuple[SurvivalGroup, ...], pd.DataFrame, int], at_on: date, window: int, clock: Clock,
    data_version: int,
) -> SurvivalCurves:  # fmt: skip
    """Put the curves in the form of the Survival page; `estimated` is what `model_after.lapse_groups` returns."""
    groups, comparisons, horizon = estimated
    return SurvivalCurves(
        spec=SurvivalSpec(window=window, entry_on=at_on),
        clock=clock,
        data_version=data_version,
        window_days=window,
        horizon_days=horizon,
        last_known_on=date_of(clock.as_of_day - window),
        groups=groups,
        comparisons=comparisons,
        merged=(),
        n_over_gaps=n_over_gaps(lives, window, clock),
        has_followed_from=at_on,
    )


def week_table(
    places: Ints, names: Sequence[str], segments: Sequence[int], active: Flags, at_on: date, clock: Clock
) -> pd.DataFrame:
    """Count who of each group was active in each week; columns as in `After.weeks`."""
    sizes = np.bincount(places, minlength=len(names))
    at_day = day_number(at_on)
    rows = []
    for week in range(active.shape[1]):
        first, until = at_day + 7 * week, at_day + 7 * week + 7
        has_gap = clock.has_gap(midnight_us(first, clock.timezone), midnight_us(until, clock.timezone))
        kept = np.bincount(places[active[:, week]], minlength=len(names))
        first_on, last_on = (at_on + timedelta(days=7 * week + d) for d in (0, 6))
        rows += [
            (segments[i], names[i], week, first_on, last_on, int(sizes[i]), int(kept[i]), has_gap)
            for i in range(len(names))
        ]
    frame = pd.DataFrame(rows, columns=[c for c in WEEK_COLUMNS if c not in ("rate", "low", "high")])
    n, x = frame["n"].to_numpy(dtype=float), frame["retained"].to_numpy(dtype=float)
    frame["rate"] = np.divide(x, n, out=np.full(len(n), np.nan), where=n > 0)
    frame["low"], frame["high"] = wilson(x, n)
    order = {name: place for place, name in enumerate(names)}
    frame = frame.sort_values(["name", "week"], key=lambda c: c.map(order) if c.name == "name" else c, kind="stable")
    return frame[WEEK_COLUMNS].reset_index(drop=True)


def compared(weeks: pd.DataFrame) -> tuple[int | None, pd.DataFrame]:
    """Compare every two groups at the last week that touches no gap.

    Returns
    -------
    week : int or None
    pairs : DataFrame
        Columns as in `After.pairs`; a group with fewer than 20 users is not compared: "cannot tell".

    Notes
    -----
    "higher" and "lower" only where Newcombe's interval of the difference excludes zero and the p-value survives the
    Benjamini–Hochberg correction for all pairs.
    """
    usable = weeks[~weeks["touches_gap"].astype(bool)]
    if usable.empty:
        return None, pd.DataFrame(columns=PAIR_COLUMNS)
    week = int(usable["week"].max())
    found = usable[(usable["week"] == week) & (usable["n"] > 0)]
    pairs = list(combinations(found.itertuples(index=False), 2))
    if not pairs:
        return week, pd.DataFrame(columns=PAIR_COLUMNS)
    x1, n1, x2, n2 = (
        np.array([getattr(pair[side], column) for pair in pairs], dtype=float)
        for side in (0, 1)
        for column in ("retained", "n")
    )
    low, high = newcombe(x1, n1, x2, n2)
    is_enough = np.minimum(n1, n2) >= FEW
    p = np.full(len(pairs), np.nan)
    if is_enough.any():
        p[is_enough] = benjamini_hochberg(two_sided_p(x1, n1, x2, n2)[is_enough])
    clear = p <= ALPHA
    frame = pd.DataFrame(
        {
            "first": [a.name for a, _ in pairs],
            "second": [b.name for _, b in pairs],
            "rate_1": x1 / n1,
            "rate_2": x2 / n2,
            "difference": x1 / n1 - x2 / n2,
            "low": low,
            "high": high,
            "p_adjusted": p,
            "says": np.where(clear & (low > 0), "higher", np.where(clear & (high < 0), "lower", "cannot tell")),
        }
    )
    return week, frame


def revenue_table(
    user_keys: Ints, places: Ints, names: Sequence[str], segments: Sequence[int], rows: pd.DataFrame
) -> pd.DataFrame:
    """Add up the money of each group; columns as in `After.revenue`.

    Parameters
    ----------
    rows : DataFrame
        Of `query_after.revenue_after`; who is not in it has spent nothing.

    Notes
    -----
    The interval of the mean is the normal one, over all users of the group, those who spent nothing included: from a few
    hundred users on it is fair although amounts have a long tail.
    """
    frame = rows.set_index("user_key").astype("float64").reindex(user_keys).fillna(0.0)
    orders, gross, refunded = (frame[c].to_numpy() for c in ("n_orders", "gross", "refunded"))
    net = gross - refunded
    whole = float(net.sum())
    found = []
    for place, name in enumerate(names):
        inside = places == place
        n = int(inside.sum())
        own = net[inside]
        mean = float(own.mean()) if n else np.nan
        half = Z95 * float(own.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
        n_buyers = int((orders[inside] > 0).sum())
        found.append(
            (
                segments[place], name, n, n_buyers, n_buyers / n if n else np.nan, int(orders[inside].sum()),
                float(gross[inside].sum()), float(own.sum()), mean, mean - half, mean + half,
                float(own.sum()) / whole if whole > 0 else np.nan,
            )
        )  # fmt: skip
    return pd.DataFrame(found, columns=REVENUE_COLUMNS)
