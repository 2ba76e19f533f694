"""One user as a whole, and where they stand among all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.behaviour.week_hours import UserHours
from retention.features.spec_registry import REGISTRY
from retention.features.table import FeatureTable
from retention.periods import Period, date_of, first_day, iso, period_of
from retention.profiles.spec import ProfileSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

MOST_WEEKS = 130
"""A longer history is drawn by month."""
CIRCULAR = ("hour_mean", "weekday_mean")
"""Midnight is not less than noon: of these nobody has more than another."""
OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the store holds of one user before the watermark.

    Attributes
    ----------
    spec : ProfileSpec
    clock : Clock
    data_version : int
    window_days : int
        Days of silence that count as a lapse, as the store is set.
    user_key : int
        For looking the user up in a table of features; never shown.
    days : DataFrame
        One row per local day and kind of event: day, event, is_activity, n, first_us, last_us.
    n_later : int
        Events at or after the watermark, which are not counted yet.
    latest : DataFrame
        The newest events: occurred_us, event, value, quantity, item, item_name, category, text.
    orders : DataFrame
        One row per local day: day, n_orders, gross, refunded, net.
    items : DataFrame
        item, name, category, n, n_bought, last_us; the most bought first.
    attributes : DataFrame
        property, first, last, last_us, n_values: what activity named first, what it named last and when.
    searches, reviews, contacts : DataFrame
        text, n, last_us; occurred_us, item, item_name, stars, text; occurred_us, event, campaign, arm, is_sent.
    labels : DataFrame
        One row per label and moment: name, cutoff_us, n_users, value (None where the user had none).
    hours : UserHours
        At which hours of the day the user is active.
    weekdays : tuple of int
        Active days by weekday, Monday first.
    """

    spec: ProfileSpec
    clock: Clock
    data_version: int
    window_days: int
    user_key: int
    days: pd.DataFrame
    n_later: int
    latest: pd.DataFrame
    orders: pd.DataFrame
    items: pd.DataFrame
    attributes: pd.DataFrame
    searches: pd.DataFrame
    reviews: pd.DataFrame
    contacts: pd.DataFrame
    labels: pd.DataFrame
    hours: UserHours
    weekdays: tuple[int, ...]

    @property
    def pseudonym(self) -> str:
        """What stands for the user."""
        return self.spec.user

    @property
    def n_events(self) -> int:
        """How many events there are."""
        return int(self.days["n"].sum())

    @property
    def first_us(self) -> int:
        """The first event."""
        return int(self.days["first_us"].min())

    @property
    def last_us(self) -> int:
        """The last event."""
        return int(self.days["last_us"].max())

    @property
    def active_days(self) -> list[int]:
        """The local days with activity, in order."""
        return sorted(set(self.days.loc[self.days["is_activity"] == 1, "day"].astype(int)))

    @property
    def end_day(self) -> int:
        """The last local day that is looked at: a watermark at midnight has seen nothing of the day it begins."""
        day = self.clock.as_of_day
        return day - int(self.clock.as_of_us == self.clock.start_us(day, "day"))

    @property
    def silent_days(self) -> int | None:
        """Days from the last active day to the watermark's, as lapses are counted; None without any activity."""
        active = self.active_days
        return self.clock.as_of_day - active[-1] if active else None

    @property
    def is_lapsed(self) -> bool | None:
        """Whether the silence at the watermark counts as a lapse; None without any activity."""
        return None if self.silent_days is None else self.silent_days >= self.window_days

    @property
    def n_returns(self) -> int:
        """How often the user came back after a silence that counts as a lapse."""
        gaps = np.diff(np.asarray(self.active_days, dtype=np.int64))
        return int((gaps >= self.window_days).sum())

    @property
    def n_orders(self) -> int:
        """How many orders."""
        return int(self.orders["n_orders"].sum())

    @property
    def net(self) -> float:
        """Revenue less refunds."""
        return float(self.orders["net"].sum())

    def latest_labels(self) -> pd.DataFrame:
        """What was learned of the user at the latest moment of each label, where there is a value.

        Returns
        -------
        DataFrame
            name, value, cutoff_us, n_users.
        """
        last = self.labels.groupby("name", sort=True).tail(1)
        return last.loc[last["value"].notna(), ["name", "value", "cutoff_us", "n_users"]].reset_index(drop=True)

    def moves(self) -> list[tuple[str, list[tuple[int, str | None]]]]:
        """List labels whose value has changed between moments, each with its values in order of time."""
        found = []
        for name, rows in self.labels.groupby("name", sort=True):
            values = [None if pd.isna(v) else str(v) for v in rows["value"]]
            if len(set(values)) > 1:
                found.append((str(name), list(zip(rows["cutoff_us"].astype(int), values, strict=True))))
        return found


# Over time -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timeline:
    """How much a user did in each week, or month where the history is long.

    Attributes
    ----------
    period : {"week", "month"}
    frame : DataFrame
        on (first local day), one column of counts a kind of event, state ("complete", "in_progress"), touches_gap;
        every period from the first event up to the watermark.
    kinds : tuple of str
        The columns of counts, the commonest first; the rarer ones are "(other)".
    merged : tuple of str
        What "(other)" holds.
    """

    period: Period
    frame: pd.DataFrame
    kinds: tuple[str, ...]
    merged: tuple[str, ...]


def timeline(profile: Profile, most_kinds: int = 6) -> Timeline:
    """Count a user's events by week and kind.

    Parameters
    ----------
    most_kinds : int
        The rarer kinds are one.
    """
    days, clock = profile.days, profile.clock
    n_weeks = (clock.as_of_day - int(days["day"].min())) / 7
    period: Period = "week" if n_weeks <= MOST_WEEKS else "month"
    totals = days.groupby("event")["n"].sum().sort_values(ascending=False, kind="stable")
    kept = list(totals.index if len(totals) <= most_kinds else totals.index[: most_kinds - 1])
    merged = tuple(str(name) for name in totals.index if name not in kept)
    place = np.asarray(period_of(days["day"].to_numpy(dtype=np.int64), period, clock.week_start))
    last = int(period_of(profile.end_day, period, clock.week_start))
    first = int(place.min())
    kinds = (*map(str, kept), *((OTHER,) if merged else ()))
    counts = np.zeros((last - first + 1, len(kinds)), dtype=np.int64)
    column = np.array([kept.index(name) if name in kept else len(kept) for name in days["event"]], dtype=np.int64)
    np.add.at(counts, (place - first, column), days["n"].to_numpy(dtype=np.int64))
    whole = clock.whole_until(period)
    frame = pd.DataFrame(counts, columns=list(kinds))
    frame.insert(0, "on", [date_of(first_day(i, period, clock.week_start)) for i in range(first, last + 1)])
    frame["state"] = ["complete" if i < whole else "in_progress" for i in range(first, last + 1)]
    frame["touches_gap"] = [clock.touches_gap(i, period) for i in range(first, last + 1)]
    return Timeline(period, frame, kinds, merged)


def weekday_counts(days: pd.DataFrame) -> tuple[int, ...]:
    """Count a user's active days by weekday, Monday first."""
    active = days.loc[days["is_activity"] == 1, "day"].unique().astype(np.int64)
    return tuple(int(n) for n in np.bincount((active + 3) % 7, minlength=7))


# Among the others ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a user stands among all users, feature by feature.

    Attributes
    ----------
    table : DataFrame
        name, title, unit, meaning, group, value (NaN where not known), text (of a category), median, n_known,
        below (share of the users of whom it is known with a smaller value), equal (share with the same value, the
        user among them), place (below + half of equal); the last four are empty where one cannot have more than
        another.
    n_users : int
        Users in the table.
    cutoff_us : int
    on : date
        Last local day that was looked at.
    absent : mapping of str to str
        Features that the store holds nothing for, each with the reason.
    """

    table: pd.DataFrame
    n_users: int
    cutoff_us: int
    on: date
    absent: Mapping[str, str]

    def remarkable(self, most: int, most_of_group: int = 4) -> pd.DataFrame:
        """Return the features in which the user is farthest from the middle, the farthest first.

        Parameters
        ----------
        most, most_of_group : int
            In all, and of those that belong together: a frequent visitor is so in ten features at once.

        Notes
        -----
        Only features of a preset: the same count over six stretches of time would crowd out all others.
        """
        is_own = self.table["name"].map(lambda name: bool(REGISTRY[name].presets)).astype(bool)
        known = self.table[self.table["place"].notna() & is_own]
        far = (known["place"] - 0.5).abs()
        found = known.loc[far.sort_values(ascending=False, kind="stable").index]
        nth = found.groupby(found["name"].map(group_title), sort=False).cumcount()
        return found[nth < most_of_group].head(most)


def standing(features: FeatureTable, user_key: int) -> Standing | None:
    """Compare a user with all others; None where the user was never active before the cut-off.

    Notes
    -----
    The middle of equal values counts half, so that somebody with the commonest value stands in the middle of those
    who share it (the mid-rank).
    """
    at = int(np.searchsorted(features.user_keys, user_key))
    if at >= features.n_users or int(features.user_keys[at]) != user_key:
        return None
    rows = []
    for feature in features.about():
        column = features.frame[feature.name].to_numpy()
        value = float(column[at])
        known = column[~np.isnan(column)]
        row: dict[str, object] = {
            "name": feature.name, "title": feature.title, "unit": feature.unit, "meaning": feature.meaning,
            "group": feature.group, "value": value, "text": None,
            "median": np.nan, "n_known": len(known), "below": np.nan, "equal": np.nan,
        }  # fmt: skip
        if feature.kind == "category":
            row["text"] = None if np.isnan(value) else features.labels[feature.name][int(value)]
        elif feature.name not in CIRCULAR and len(known):
            row["median"] = float(np.median(known))
            if not np.isnan(value):
                row |= {"below": float((known < value).mean()), "equal": float((known == value).mean())}
        rows.append(row)
    table = pd.DataFrame(rows)
    table["place"] = table["below"] + table["equal"] / 2
    return Standing(table, features.n_users, features.cutoff_us, date_of(features.end_day), dict(features.absent))


def group_title(name: str) -> str:
    """Name the part of a profile to which a feature belongs.

    Examples
    --------
    >>> group_title("orders"), group_title("gap_mean"), group_title("share_night")
    ('Orders and money', 'Activity', 'Hours')
    """
    return {
        "activity": "Activity",
        "orders": "Orders and money",
        "basket": "Orders and money",
        "items": "Orders and money",
        "seen": "Activity",
        "hours": "Hours",
        "channel": "Channel and device",
        "device": "Channel and device",
        "reviews": "Reviews and searches",
        "searches": "Reviews and searches",
        "contacts": "Contacts",
    }[REGISTRY[name].group]


# What makes a profile --------------------------------------------------------------------------------


def attribute_table(rows: pd.DataFrame, names: Mapping[int, str]) -> pd.DataFrame:
    """Tell for each property what was named first, what last and when, and how many values there were.

    Parameters
    ----------
    rows : DataFrame
        property_key, value, first_us, last_us.
    names : mapping of property_key to name

    Returns
    -------
    DataFrame
        property, first, last, last_us, n_values.
    """
    found = []
    for key, name in names.items():
        own = rows[rows["property_key"] == key]
        if own.empty:
            continue
        # Two values at one instant: the first in the alphabet, as the features have it.
        first = own.sort_values(["first_us", "value"]).iloc[0]
        last = own.sort_values(["last_us", "value"], ascending=[False, True]).iloc[0]
        found.append((name, str(first["value"]), str(last["value"]), int(last["last_us"]), len(own)))
    return pd.DataFrame(found, columns=["property", "first", "last", "last_us", "n_values"])


def order_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Add what is left of each day's revenue; a refund without an order that day stands alone."""
    money = rows.assign(gross=rows["gross"].astype(float), refunded=rows["refunded"].astype(float))
    return money.assign(net=money["gross"] - money["refunded"])


def category_table(items: pd.DataFrame) -> pd.DataFrame:
    """Sum what a user looked at and bought by category, the most bought first; items without one are left out.

    Returns
    -------
    DataFrame
        category, n, n_bought.
    """
    found = items.dropna(subset=["category"]).groupby("category", as_index=False)[["n", "n_bought"]].sum()
    return found.sort_values(["n_bought", "n", "category"], ascending=[False, False, True], kind="stable").reset_index(drop=True)


def profile_rows(profile: Profile, among: Standing | None) -> pd.DataFrame:
    """Lay a profile out as one long table for a file.

    Returns
    -------
    DataFrame
        part, name, value, unit, median, share_below; texts, and empty where nothing is known.
    """
    rows: list[tuple[object, ...]] = [("user", "pseudonym", profile.pseudonym, "", None, None)]
    rows += [
        ("activity", "events", profile.n_events, "events", None, None),
        ("activity", "active days", len(profile.active_days), "days", None, None),
        ("orders", "orders", profile.n_orders, "orders", None, None),
        ("orders", "revenue less refunds", profile.net, "money", None, None),
    ]
    for row in profile.attributes.itertuples(index=False):
        rows += [("attribute, first", row.property, row.first, "", None, None)]
        rows += [("attribute, last", row.property, row.last, "", None, None)]
    for row in profile.latest_labels().itertuples(index=False):
        rows.append(("learned", row.name, row.value, "", None, None))
    for row in () if among is None else among.table.itertuples(index=False):
        value = row.text if row.text is not None else _known(row.value)
        rows.append(("feature", row.name, value, row.unit, _known(row.median), _known(row.below)))
    for row in category_table(profile.items).itertuples(index=False):
        rows.append(("category, bought", row.category, row.n_bought, "times", None, None))
    for row in profile.items.itertuples(index=False):
        rows.append(("item, bought", row.item if pd.isna(row.name) else row.name, row.n_bought, "times", None, None))
    for row in profile.searches.itertuples(index=False):
        rows.append(("search", row.text, row.n, "times", None, None))
    table = pd.DataFrame(rows, columns=["part", "name", "value", "unit", "median", "share_below"])
    return table.assign(value=["" if v is None else str(v) for v in table["value"]])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def event_rows(events: pd.DataFrame) -> pd.DataFrame:
    """Lay the events of a user out for a file: instants as texts, in order of time."""
    rows = events.iloc[::-1]
    found = rows.drop(columns="occurred_us")
    found.insert(0, "occurred_at", [iso(int(us)) for us in rows["occurred_us"]])
    return found
