"""A campaign of the store that is read as an experiment: what is known of it, and its arrays one row a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.experiments.readout import Readout, Stay
from retention.experiments.spec_store import MOST_AGES, PERIOD_DAYS, ExperimentSpec, Period, Source
from retention.experiments.units import Durations, Floats, Ints
from retention.periods import date_of
from retention.survival.curve import SurvivalCurves, SurvivalGroup
from retention.survival.spec import SurvivalSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

Texts = NDArray[np.object_]
DAY_US = 86_400_000_000
ANY_ARM = "any arm"
POOLED = (
    "Each user got the arm that was expected to be worth most, so that the arms differ by whom they have: only all of them"
    " together can be compared with the holdout, which was drawn."
)
OVERLAP_COLUMNS = ("campaign", "group", "n", "share")


@dataclass(frozen=True, slots=True)
class CampaignSeen:
    """A campaign that the store knows of.

    Attributes
    ----------
    name : str
    source : {"assigned", "events"}
    groups : tuple of str
        Names of the groups, the control first where there is one.
    codes : tuple of int
        By which the exposures know them: arm_key of what was assigned, value_key of what came in as events.
    sizes : tuple of int
        Users of each group, whoever was in several counted in each.
    has_control : bool
        Whether somebody was left alone.
    first_us, last_us : int
        Of the exposures.
    campaign_id : int or None
        Of what was assigned here; less than 0 for what came in as events, and None where it has no number.
    is_pooled : bool
        Whether all arms are read as one group, as those are that were chosen for each user and not drawn.
    plan : mapping
        What was planned before it was assigned, as `retention.experiments.plan.Plan.told` says it.
    """

    name: str
    source: Source
    groups: tuple[str, ...]
    codes: tuple[int, ...]
    sizes: tuple[int, ...]
    has_control: bool
    first_us: int
    last_us: int
    campaign_id: int | None = None
    is_pooled: bool = False
    plan: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_users(self) -> int:
        """How many users it had."""
        return sum(self.sizes)


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """A campaign, read as an experiment.

    Attributes
    ----------
    spec : ExperimentSpec
    seen : CampaignSeen
    clock : Clock
    data_version : int
    window_days : int
        Within which outcomes count.
    lapse_days : int
        Days of silence that count as a lapse.
    n_units, n_mature : int
        Users who were exposed, and those of them whose window has passed.
    first_on, last_on : date
        Of the exposures.
    complete_on : date
        The day on which the window of the last one has passed.
    sizes : tuple of int
        Users of each group, mature or not.
    overlaps : DataFrame
        One row per other campaign and group: campaign, group, n (users of the group whom the other one wrote to within the
        window), share.
    readout : Readout or None
        Who was retained within the window, and net revenue within it; None where nobody is mature yet.
    by_age : Readout or None
        Retention at each age that the window holds, a family of comparisons of its own.
    notes : tuple of str
    """

    spec: ExperimentSpec
    seen: CampaignSeen
    clock: Clock
    data_version: int
    window_days: int
    lapse_days: int
    n_units: int
    n_mature: int
    first_on: date
    last_on: date
    complete_on: date
    sizes: tuple[int, ...]
    overlaps: pd.DataFrame
    readout: Readout | None
    by_age: Readout | None
    notes: tuple[str, ...]

    @property
    def metric(self) -> str:
        """The outcome that the verdict is about."""
        return retained_within(self.window_days)

    @property
    def ages(self) -> tuple[str, ...]:
        """The outcomes that are retention at an age, in order."""
        return age_names(self.spec.period, self.window_days)


def retained_within(window_days: int) -> str:
    """Name the outcome that decides."""
    return f"retained within {window_days} days"


def revenue_within(window_days: int) -> str:
    """Name the money."""
    return f"net revenue within {window_days} days"


def age_names(period: Period, window_days: int) -> tuple[str, ...]:
    """Name the ages that lie within the window as a whole.

    Examples
    --------
    >>> age_names("week", 15)
    ('retention at week 0', 'retention at week 1')
    """
    return tuple(f"retention at {period} {k}" for k in range(min(window_days // PERIOD_DAYS[period], MOST_AGES)))


def seen_in_events(
    rows: pd.DataFrame, values: dict[str, int], controls: Sequence[str], campaign_keys: dict[str, int]
) -> tuple[CampaignSeen, ...]:
    """Put the groups of each campaign that came in as events together, the newest campaign first.

    Parameters
    ----------
    rows : DataFrame
        Of `query_exposed.campaigns_seen`.
    values : dict
        Code of each arm.
    controls : sequence of str
        What a group that was left alone is called.
    campaign_keys : dict
        Code of each campaign's name.
    """
    named = rows["campaign"].where(rows["campaign"].notna(), rows["event"])
    found = []
    for name, own in rows.groupby(named, sort=False):
        known = own[own["grp"].notna()].groupby("grp", as_index=False)["n_users"].sum()
        known = known.sort_values("grp", key=lambda column: [(text not in controls, text) for text in column], kind="stable")
        groups = tuple(str(text) for text in known["grp"])
        key = campaign_keys.get(str(name))
        found.append(
            CampaignSeen(
                name=str(name),
                source="events",
                groups=groups,
                codes=tuple(values[group] for group in groups),
                sizes=tuple(int(n) for n in known["n_users"]),
                has_control=bool(groups) and groups[0] in controls and len(groups) > 1,
                first_us=int(own["first_us"].min()),
                last_us=int(own["last_us"].max()),
                campaign_id=None if key is None else -key,
            )
        )
    return tuple(sorted(found, key=lambda seen: (-seen.last_us, seen.name)))


def contact_words(n_without: int, n_twice: int, n_moved: int) -> tuple[str, ...]:
    """Say what is unusual about the contacts of a campaign that came in as events.

    Examples
    --------
    >>> contact_words(0, 1, 0)
    ('1 user was contacted more than once; the first contact counts.',)
    """
    said = []
    if n_without:
        said.append(f"{_were(n_without)} contacted without a group being named, and left out.")
    if n_twice:
        said.append(f"{_were(n_twice)} contacted more than once; the first contact counts.")
    if n_moved:
        said.append(
            f"{_were(n_moved)} in more than one group, and counted in that of the first contact, whatever came later"
            " (intention to treat)."
        )
    return tuple(said)


def erased_words(n_assigned: int, n_left: int) -> tuple[str, ...]:
    """Say how many users of a campaign have been erased since it was assigned."""
    if n_left >= n_assigned:
        return ()
    return (f"{_were(n_assigned - n_left)} erased since, of {n_assigned:,}; nothing is known of them.",)


def _were(n: int) -> str:
    return "1 user was" if n == 1 else f"{n:,} users were"


def exposures_of(rows: pd.DataFrame, codes: Sequence[int]) -> tuple[Ints, Ints, Ints, Ints]:
    """Put the exposures in the order of the users.

    Parameters
    ----------
    rows : DataFrame
        user_key, grp, arm_key, exposed_us; rows of other groups are left out.
    codes : sequence of int
        Of the groups, in their order.

    Returns
    -------
    user_keys, group, arm_key, exposed_us : ndarray of int, shape (n_users,)
        `group` is the place of the group's code in `codes`.

    Examples
    --------
    >>> rows = pd.DataFrame({"user_key": [9, 4], "grp": [7, 3], "arm_key": [7, 3], "exposed_us": [1, 2]})
    >>> [array.tolist() for array in exposures_of(rows, (3, 7))]
    [[4, 9], [0, 1], [3, 7], [2, 1]]
    """
    place = pd.Index(codes).get_indexer(rows["grp"].to_numpy(dtype=np.int64))
    keys = rows["user_key"].to_numpy(dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    order = order[place[order] >= 0]
    arm_key, exposed_us = (rows[name].to_numpy(dtype=np.int64)[order] for name in ("arm_key", "exposed_us"))
    return keys[order], place[order].astype(np.int64), arm_key, exposed_us


def column_of(user_keys: Ints, rows: pd.DataFrame, column: str, *, missing: float) -> Floats:
    """Return a column in the order of the users, and `missing` for those without a row."""
    return rows.set_index("user_key")[column].astype("float64").reindex(user_keys).fillna(missing).to_numpy()


def net_revenue(user_keys: Ints, whole: pd.DataFrame, ends: pd.DataFrame) -> Floats:
    """Add up what each user spent within a stretch, less refunds.

    Parameters
    ----------
    whole : DataFrame
        Of `query_outcomes.money`.
    ends : DataFrame
        Of `query_outcomes.money_at_the_ends`.

    Notes
    -----
    A refund is booked on the day of its order. Of a day that lies within the stretch in part, what was sold inside counts,
    and of that day's refunds the same share: which of the day's orders was paid back is not kept.

    Examples
    --------
    >>> whole = pd.DataFrame({"user_key": [1], "gross": [10.0], "refunded": [4.0]})
    >>> ends = pd.DataFrame({"user_key": [1, 2], "inside": [5.0, 0.0], "gross": [20.0, 0.0], "refunded": [8.0, 0.0]})
    >>> net_revenue(np.array([1, 2, 3]), whole, ends).tolist()
    [9.0, 0.0, 0.0]
    """
    inside, gross, refunded = (ends[name].to_numpy(dtype=float) for name in ("inside", "gross", "refunded"))
    share = np.divide(inside, gross, out=np.zeros(len(inside)), where=gross > 0)
    at_ends = pd.Series(inside - refunded * share, index=ends["user_key"]).groupby(level=0).sum()
    between = whole.set_index("user_key").astype("float64")
    net = (between["gross"] - between["refunded"]).add(at_ends, fill_value=0.0)
    return net.reindex(user_keys).fillna(0.0).to_numpy(dtype=float)


def durations_of(user_keys: Ints, rows: pd.DataFrame, window: int, as_of_day: int) -> tuple[Durations, Ints]:
    """Measure how long each user stayed from the exposure on.

    Parameters
    ----------
    rows : DataFrame
        Of `query_outcomes.lives`.
    window : int
        Days of silence that count as a lapse.

    Returns
    -------
    Durations
        Less than 0 days where nobody can know yet: exposed later than ``as_of − window``.
    from_day : ndarray of int
        The local day of each exposure.

    Notes
    -----
    Who was active later than ``as_of − window`` is censored there, the last day on which everybody's status is known.
    """
    frame = rows.set_index("user_key").astype("float64").reindex(user_keys)
    from_day = frame["from_day"].to_numpy(dtype=np.int64)
    end = frame["lapsed_day"].fillna(frame["last_day"]).fillna(frame["from_day"]).to_numpy(dtype=np.int64)
    last_known = as_of_day - window
    days = np.minimum(end, last_known) - from_day
    return Durations(days=np.where(from_day <= last_known, days, -1), observed=end <= last_known), from_day


def values_of(user_keys: Ints, rows: pd.DataFrame) -> Texts:
    """Return the value of each user, None where there is none."""
    found = rows.set_index("user_key")["value"].astype(object).reindex(user_keys)
    return found.where(found.notna(), None).to_numpy(dtype=object)


def sizes_of(group: Ints, n_groups: int) -> tuple[int, ...]:
    """Count the users of each group."""
    return tuple(int(n) for n in np.bincount(group, minlength=n_groups))


def joined_overlaps(frames: Sequence[pd.DataFrame], seen: CampaignSeen, sizes: Sequence[int]) -> pd.DataFrame:
    """Say of each other campaign how many users of each group it wrote to, the largest overlap first.

    Parameters
    ----------
    frames : sequence of DataFrame
        campaign, grp, n.
    sizes : sequence of int
        Users of each group.
    """
    rows = pd.concat([frame for frame in frames if len(frame)] or [frames[0]], ignore_index=True)
    found = []
    totals = rows.groupby("campaign")["n"].sum().sort_values(ascending=False, kind="stable")
    for campaign in totals.index:
        own = rows[rows["campaign"] == campaign].groupby("grp")["n"].sum()
        for code, group, size in zip(seen.codes, seen.groups, sizes, strict=True):
            n = int(own.get(code, 0))
            found.append((str(campaign), group, n, n / size if size else np.nan))
    return pd.DataFrame(found, columns=list(OVERLAP_COLUMNS))


def stay_curves(stay: Stay, clock: Clock, data_version: int, lapse_days: int, last_known: int) -> SurvivalCurves:
    """Put the stays in the form of the Survival page."""
    groups = []
    for row, curve in zip(stay.groups.to_dict("records"), stay.curves, strict=True):
        groups.append(
            SurvivalGroup(
                group=str(row["group"]), n=int(row["n"]), observed=int(row["n_lapsed"]), censored=int(row["n"] - row["n_lapsed"]),
                left_out=0, gone_before=0, median=row["median"], median_low=row["median_low"], median_high=row["median_high"],
                mean_stay=row["mean_stay"], mean_low=row["low"], mean_high=row["high"], curve=curve,
            )
        )  # fmt: skip
    return SurvivalCurves(
        spec=SurvivalSpec(window=lapse_days), clock=clock, data_version=data_version, window_days=lapse_days,
        horizon_days=stay.horizon_days, last_known_on=date_of(last_known), groups=tuple(groups), comparisons=stay.effects,
        merged=(), n_over_gaps=0,
    )  # fmt: skip
