"""Every feature there is: its name, its unit, and what it means in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Group = Literal["activity", "orders", "basket", "items", "seen", "hours", "channel", "device", "reviews", "searches", "contacts"]
Kind = Literal["number", "category"]

WINDOWS = (7, 14, 30, 60, 90, 180)
"""Days that the counts look back; the last of them is the local day in which the cut-off's last instant lies."""
MONEY_WINDOWS = (30, 90, 180)
NIGHT_FROM, NIGHT_TO = 22, 6
TREND_DAYS = 30
GAP_BASE = 65_536
"""A day and the gap before it in one number, so that the largest one tells the last gap."""
CIRCLE = 1_000_000
"""Sines and cosines are read as whole millionths, so that a sum does not depend on the order of its parts."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the table.

    Attributes
    ----------
    name, title : str
        For the program and for the screen.
    unit : str
    meaning : str
        One line for whoever reads the screen; says when the value is not known.
    group : str
        What it is read from; features of a group are read together.
    presets : tuple of str
    kind : {"number", "category"}
        A category is a number that stands for a text; it describes a user and cannot be averaged.
    """

    name: str
    title: str
    unit: str
    meaning: str
    group: Group
    presets: tuple[str, ...] = ()
    kind: Kind = "number"


PRESETS = {
    "rfm": "Recency, frequency and money: how lately, how often and for how much a user bought.",
    "engagement": "How much, how regularly and when a user is active, whether or not anything is bought.",
    "commerce": "What a user buys: orders, money, baskets, discounts, refunds and the breadth of the range.",
    "habits": "How a user comes and buys, however long ago it began: the rhythm, the night, the search, the discount.",
}
RFM, ENGAGEMENT, COMMERCE, HABITS = PRESETS


def _activity() -> Iterator[Feature]:
    both = (ENGAGEMENT,)
    yield Feature("days_since_first", "Days known", "days", "Days since the first activity.", "activity", both)
    yield Feature(
        "days_since_last", "Days since last activity", "days", "0 = active on the last day that is looked at.",
        "activity", both,
    )  # fmt: skip
    yield Feature("active_days", "Active days", "days", "Days with any activity, ever.", "activity", both)
    for n in WINDOWS:
        yield Feature(
            f"active_days_{n}", f"Active days, last {n}", "days", f"Days with any activity within the last {n} days.",
            "activity", both if n in (30, 90) else (),
        )  # fmt: skip
    yield Feature("events", "Activity", "events", "Everything that counts as activity, ever.", "activity")
    for n in WINDOWS:
        yield Feature(
            f"events_{n}", f"Activity, last {n} days", "events", f"What counts as activity within the last {n} days.",
            "activity", both if n == 90 else (),
        )  # fmt: skip
    yield Feature(
        "events_per_day", "Activity per active day", "events", "How much a user does on a day with activity.",
        "activity", both,
    )  # fmt: skip
    yield Feature(
        "event_kinds", "Kinds of activity", "kinds", "How many different kinds of activity there were.", "activity", both
    )
    yield Feature(
        "gap_mean", "Usual gap", "days", "Mean number of days from one active day to the next; needs two active days.",
        "activity", (ENGAGEMENT, HABITS),
    )  # fmt: skip
    yield Feature(
        "gap_sd", "Unevenness of the gaps", "days",
        "Standard deviation of the gaps between active days; needs three active days.", "activity",
    )  # fmt: skip
    yield Feature("gap_last", "Last gap", "days", "Days between the last two active days.", "activity")
    yield Feature(
        "gap_last_ratio", "Last gap against the usual one", "times",
        "The last gap divided by the mean gap: above 1 the user comes less often than before.", "activity",
    )  # fmt: skip
    yield Feature(
        "silence_ratio", "Silence against the usual gap", "times",
        "Days since the last activity divided by the mean gap: above 1 the user is overdue.", "activity", both,
    )  # fmt: skip
    for what, title in (("active_days", "active days"), ("events", "activity")):
        yield Feature(
            f"trend_{what}", f"Trend of {title}", "from −1 to 1",
            f"Last {TREND_DAYS} days against the {TREND_DAYS} before, as a share of both: 1 = all lately, −1 = all before. "
            f"Not known for users who came within these {2 * TREND_DAYS} days or were silent in them.",
            "activity", both if what == "active_days" else (),
        )  # fmt: skip
    yield Feature(
        "share_weekend", "Share at weekends", "share", "Share of the active days that fall on Saturday or Sunday.",
        "activity", both,
    )  # fmt: skip
    yield Feature(
        "weekday_mean", "Usual weekday", "weekday", "Circular mean of the active weekdays: 0 = Monday, 6 = Sunday.",
        "activity",
    )  # fmt: skip
    yield Feature(
        "weekday_concentration", "Fixed on a weekday", "from 0 to 1",
        "1 = always the same weekday, 0 = spread evenly over the week.", "activity",
    )  # fmt: skip


def _orders() -> Iterator[Feature]:
    yield Feature(
        "days_since_first_order", "Days since first order", "days", "Not known without an order.", "orders"
    )
    yield Feature(
        "days_since_last_order", "Days since last order", "days", "Not known without an order.", "orders",
        (RFM, COMMERCE),
    )  # fmt: skip
    yield Feature("orders", "Orders", "orders", "Everything bought at one instant is one order.", "orders", (RFM, COMMERCE))
    for n in WINDOWS:
        yield Feature(
            f"orders_{n}", f"Orders, last {n} days", "orders", f"Orders within the last {n} days.", "orders",
            (COMMERCE,) if n == 90 else (),
        )  # fmt: skip
    yield Feature(
        "order_rate", "Orders per active day", "orders", "How many orders come of a day with activity.", "orders",
        (HABITS,),
    )  # fmt: skip
    yield Feature("gross", "Revenue", "money", "All that was paid, before refunds.", "orders", (COMMERCE,))
    for n in MONEY_WINDOWS:
        yield Feature(f"gross_{n}", f"Revenue, last {n} days", "money", f"Paid within the last {n} days.", "orders")
    yield Feature("refunded", "Refunded", "money", "All that was paid back by the cut-off.", "orders")
    yield Feature("net", "Revenue less refunds", "money", "Revenue less what was paid back.", "orders", (RFM,))
    yield Feature(
        "refund_share", "Share refunded", "share", "Refunds divided by revenue; not known without revenue.", "orders",
        (COMMERCE,),
    )  # fmt: skip
    yield Feature(
        "value_per_order", "Value of an order", "money", "Revenue divided by orders; not known without an order.",
        "orders", (COMMERCE,),
    )  # fmt: skip
    yield Feature(
        "order_gap_mean", "Usual gap between orders", "days",
        "Mean number of days from one day with an order to the next; needs two such days.", "orders", (COMMERCE,),
    )  # fmt: skip
    yield Feature(
        "trend_gross", "Trend of revenue", "from −1 to 1",
        f"Revenue of the last {TREND_DAYS} days against the {TREND_DAYS} before, as a share of both. Not known for users "
        f"whose first order lies within these {2 * TREND_DAYS} days or who bought nothing in them.", "orders",
    )  # fmt: skip
    yield Feature(
        "items_per_order", "Pieces in an order", "pieces",
        "Pieces bought divided by orders; where the number of pieces is not known, a row is one piece.", "basket",
        (COMMERCE,),
    )  # fmt: skip
    yield Feature(
        "discount_share", "Share bought with a discount", "share",
        "Share of the purchases with a discount or coupon, of those where it is known.", "basket", (COMMERCE, HABITS),
    )  # fmt: skip
    yield Feature("items", "Different items bought", "items", "Each item counts once.", "items")
    yield Feature(
        "categories", "Different categories bought", "categories", "Each category counts once.", "items", (COMMERCE,)
    )
    yield Feature(
        "items_seen", "Different items looked at or bought", "items", "Each item that any activity names counts once.",
        "seen", (ENGAGEMENT,),
    )  # fmt: skip


def _habits() -> Iterator[Feature]:
    yield Feature(
        "hour_mean", "Usual hour", "hour of day",
        "Circular mean of the local hour of the activity, from 0 to 24: 23:30 and 0:30 give 0.", "hours",
    )  # fmt: skip
    yield Feature(
        "hour_concentration", "Fixed on an hour", "from 0 to 1",
        "1 = always the same hour, 0 = spread evenly over the day.", "hours",
    )  # fmt: skip
    yield Feature(
        "share_night", "Share at night", "share",
        f"Share of the activity between {NIGHT_FROM}:00 and {NIGHT_TO}:00, local time.", "hours", (ENGAGEMENT, HABITS),
    )  # fmt: skip
    for what in ("channel", "device"):
        group: Group = "channel" if what == "channel" else "device"
        yield Feature(f"{what}s", f"Different {what}s", f"{what}s", f"How many different {what}s the activity names.", group)
        for which, words in (("first", "earliest"), ("last", "latest")):
            yield Feature(
                f"{what}_{which}", f"{which.capitalize()} {what}", what, f"The {what} of the {words} activity that names one.",
                group, (), "category",
            )  # fmt: skip


def _voices() -> Iterator[Feature]:
    yield Feature("reviews", "Reviews", "reviews", "Reviews and ratings written.", "reviews")
    yield Feature("stars_mean", "Mean stars", "stars", "Mean of the stars given; not known without any.", "reviews")
    yield Feature(
        "sentiment", "Tone of the reviews", "from −1 to 1",
        "Mean tone of what was written: −1 = bad, 1 = good. Judged by a word list, so take it as a hint.", "reviews",
    )  # fmt: skip
    yield Feature("searches", "Searches", "searches", "How often something was searched for.", "searches", (ENGAGEMENT,))
    yield Feature(
        "search_rate", "Searches per active day", "searches", "How many searches there are on a day with activity.",
        "searches", (HABITS,),
    )  # fmt: skip
    yield Feature(
        "search_texts", "Different searches", "searches", "Different texts that were searched for.", "searches"
    )
    yield Feature(
        "words_per_search", "Words in a search", "words",
        "Mean number of words; in Chinese, of groups of characters between spaces.", "searches",
    )  # fmt: skip
    yield Feature(
        "contacts", "Contacts by campaigns", "contacts",
        "Messages sent by campaigns; those of a control group, which got nothing, are left out.", "contacts",
    )  # fmt: skip
    yield Feature("contacts_30", "Contacts, last 30 days", "contacts", "Messages sent within the last 30 days.", "contacts")
    yield Feature(
        "days_since_contact", "Days since last contact", "days", "Not known for users who were never written to.",
        "contacts",
    )  # fmt: skip


REGISTRY: dict[str, Feature] = {
    feature.name: feature for part in (_activity, _orders, _habits, _voices) for feature in part()
}


def of_presets(presets: Iterable[str]) -> tuple[str, ...]:
    """List the features of some presets, in the order of the registry.

    Examples
    --------
    >>> of_presets(["rfm"])
    ('days_since_last_order', 'orders', 'net')
    """
    wanted = set(presets)
    return tuple(name for name, feature in REGISTRY.items() if wanted & set(feature.presets))
