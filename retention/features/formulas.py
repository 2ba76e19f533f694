"""From sums over a user's rows to features: whole columns at a time, nothing a user at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retention.features.spec_registry import CIRCLE, GAP_BASE, MONEY_WINDOWS, TREND_DAYS, WINDOWS

Floats = NDArray[np.float64]
NOWHERE = 1e-3
"""Below this concentration a circular mean is an accident of rounding."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The columns that were read, one place a user; 0 where a user has no rows.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (n_users,)
        By ``part.column``.
    end_day : int
        Last local day that is looked at.
    """

    columns: Mapping[str, NDArray[np.generic]]
    end_day: int

    def __call__(self, name: str) -> Floats:
        return np.asarray(self.columns[name], dtype=np.float64)


Formula = Callable[[Sums], Floats]


def _over(top: Floats, bottom: Floats) -> Floats:
    """Divide; not known where the divisor is not positive."""
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out


def _known(value: Floats, is_known: NDArray[np.bool_]) -> Floats:
    return np.where(is_known, value, np.nan)


def _since(s: Sums, last: str, count: str) -> Floats:
    return _known(s.end_day - s(last), s(count) > 0)


def _mean_gap(s: Sums) -> Floats:
    return _over(s("activity.last_day") - s("activity.first_day"), s("activity.active_days") - 1)


def _gap_sd(s: Sums) -> Floats:
    n = s("activity.active_days") - 1
    total = s("activity.last_day") - s("activity.first_day")
    squares = s("activity.gap_squares") - _over(total * total, n)
    return _known(np.sqrt(np.maximum(_over(squares, n - 1), 0.0)), n >= 2)


def _last_gap(s: Sums) -> Floats:
    return _known(s("activity.last_gap") % GAP_BASE, s("activity.active_days") >= 2)


def _trend(s: Sums, what: str, first: str) -> Floats:
    lately, both = s(f"{what}_{TREND_DAYS}"), s(f"{what}_{2 * TREND_DAYS}")
    return _known(_over(2 * lately - both, both), s.end_day - s(first) >= 2 * TREND_DAYS)


def _concentration(s: Sums, cos: str, sin: str, n: str) -> Floats:
    return np.minimum(_over(np.hypot(s(cos), s(sin)) / CIRCLE, s(n)), 1.0)


def _circular_mean(s: Sums, cos: str, sin: str, n: str, around: int) -> Floats:
    turn = np.arctan2(s(sin), s(cos)) / (2 * np.pi) % 1.0
    # Close to a whole turn is the beginning: rounding must not make the end of the circle of it.
    place = np.where(turn > 1 - 1e-6, 0.0, turn) * around
    return _known(place, _concentration(s, cos, sin, n) > NOWHERE)


WEEK = ("activity.weekday_cos", "activity.weekday_sin", "activity.active_days")
DAY = ("hours.hour_cos", "hours.hour_sin", "hours.n")

FORMULAS: dict[str, tuple[tuple[str, ...], Formula]] = {}
"""Name → (the columns that it needs, how it is made of them)."""


def _add(name: str, needs: tuple[str, ...], formula: Formula) -> None:
    FORMULAS[name] = (needs, formula)


def _count(name: str, column: str) -> None:
    _add(name, (column,), lambda s: s(column))


def _add_activity() -> None:
    days, first, last = "activity.active_days", "activity.first_day", "activity.last_day"
    _add("days_since_first", (first, days), lambda s: _since(s, first, days))
    _add("days_since_last", (last, days), lambda s: _since(s, last, days))
    _count("active_days", days)
    _count("events", "activity.events")
    for n in WINDOWS:
        _count(f"active_days_{n}", f"activity.active_days_{n}")
        _count(f"events_{n}", f"activity.events_{n}")
    _add("events_per_day", ("activity.events", days), lambda s: _over(s("activity.events"), s(days)))
    _count("event_kinds", "kinds.n_kinds")
    _add("gap_mean", (first, last, days), _mean_gap)
    _add("gap_sd", (first, last, days, "activity.gap_squares"), _gap_sd)
    _add("gap_last", ("activity.last_gap", days), _last_gap)
    _add("gap_last_ratio", (first, last, days, "activity.last_gap"), lambda s: _over(_last_gap(s), _mean_gap(s)))
    _add("silence_ratio", (first, last, days), lambda s: _over(_since(s, last, days), _mean_gap(s)))
    for what in ("active_days", "events"):
        columns = (f"activity.{what}_{TREND_DAYS}", f"activity.{what}_{2 * TREND_DAYS}", first)
        _add(f"trend_{what}", columns, lambda s, what=what: _trend(s, f"activity.{what}", first))  # type: ignore[misc]
    _add("share_weekend", ("activity.weekend_days", days), lambda s: _over(s("activity.weekend_days"), s(days)))
    _add("weekday_mean", WEEK, lambda s: _circular_mean(s, *WEEK, around=7))
    _add("weekday_concentration", WEEK, lambda s: _concentration(s, *WEEK))


def _add_orders() -> None:
    n, gross, refunded = "orders.orders", "orders.gross", "refunds.refunded"
    first, last = "orders.first_day", "orders.last_day"
    _add("days_since_first_order", (first, n), lambda s: _since(s, first, n))
    _add("days_since_last_order", (last, n), lambda s: _since(s, last, n))
    _count("orders", n)
    _add("order_rate", (n, "activity.active_days"), lambda s: _over(s(n), s("activity.active_days")))
    _count("gross", gross)
    _count("refunded", refunded)
    for w in WINDOWS:
        _count(f"orders_{w}", f"orders.orders_{w}")
    for w in MONEY_WINDOWS:
        _count(f"gross_{w}", f"orders.gross_{w}")
    _add("net", (gross, refunded), lambda s: s(gross) - s(refunded))
    _add("refund_share", (gross, refunded), lambda s: _over(s(refunded), s(gross)))
    _add("value_per_order", (gross, n), lambda s: _over(s(gross), s(n)))
    _add(
        "order_gap_mean", (first, last, "orders.order_days"),
        lambda s: _over(s(last) - s(first), s("orders.order_days") - 1),
    )  # fmt: skip
    columns = (f"orders.gross_{TREND_DAYS}", f"orders.gross_{2 * TREND_DAYS}", first)
    _add("trend_gross", columns, lambda s: _trend(s, "orders.gross", first))
    _add("items_per_order", ("basket.pieces", n), lambda s: _over(s("basket.pieces"), s(n)))
    _add("discount_share", ("basket.n_off", "basket.n_known"), lambda s: _over(s("basket.n_off"), s("basket.n_known")))
    _count("items", "items.n_items")
    _count("categories", "items.n_categories")
    _count("items_seen", "seen.n_seen")


def _add_habits() -> None:
    _add("hour_mean", DAY, lambda s: _circular_mean(s, *DAY, around=24))
    _add("hour_concentration", DAY, lambda s: _concentration(s, *DAY))
    _add("share_night", ("hours.n_night", "hours.n"), lambda s: _over(s("hours.n_night"), s("hours.n")))
    for what in ("channel", "device"):
        _count(f"{what}s", f"{what}.n_values")
        for which in ("first", "last"):
            column = f"{what}.{which}_place"
            _add(f"{what}_{which}", (column,), lambda s, c=column: _known(s(c), s(c) > 0))  # type: ignore[misc]


def _add_voices() -> None:
    _count("reviews", "reviews.n")
    _add("stars_mean", ("reviews.stars", "reviews.n_stars"), lambda s: _over(s("reviews.stars"), s("reviews.n_stars")))
    _add("sentiment", ("tones.total", "tones.n"), lambda s: _over(s("tones.total"), s("tones.n")))
    _count("searches", "searches.n")
    columns = ("searches.n", "activity.active_days")
    _add("search_rate", columns, lambda s: _over(s("searches.n"), s("activity.active_days")))
    _count("search_texts", "words.n_texts")
    _add("words_per_search", ("words.total", "words.n"), lambda s: _over(s("words.total"), s("words.n")))
    _count("contacts", "contacts.n")
    _count("contacts_30", "contacts.n_30")
    _add("days_since_contact", ("contacts.last_day", "contacts.n"), lambda s: _since(s, "contacts.last_day", "contacts.n"))


for _part in (_add_activity, _add_orders, _add_habits, _add_voices):
    _part()


def needs_of(names: tuple[str, ...]) -> dict[str, set[str]]:
    """Say which columns of which part some features need.

    Examples
    --------
    >>> needs_of(("net", "share_weekend")) == {
    ...     "orders": {"gross"}, "refunds": {"refunded"}, "activity": {"weekend_days", "active_days"}}
    True
    """
    found: dict[str, set[str]] = {}
    for name in names:
        for need in FORMULAS[name][0]:
            part, _, column = need.partition(".")
            found.setdefault(part, set()).add(column)
    return found
