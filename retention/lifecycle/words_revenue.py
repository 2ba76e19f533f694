"""Money and what it means in plain words: definitions, verdicts, amounts without a currency."""

from __future__ import annotations

from datetime import date
from math import isnan
from typing import TYPE_CHECKING

import pandas as pd

from retention.cohorts.words import Verdict, asked_words, interval, percent
from retention.intervals import newcombe, wilson
from retention.lifecycle.repeat import RepeatPurchases
from retention.lifecycle.revenue import RevenueGrid, RevenueOverTime, ValuePerUser
from retention.lifecycle.spec_revenue import (
    SHOWN_DAYS,
    BuyersSpec,
    RepeatListSpec,
    RepeatSpec,
    RevenueCellSpec,
    RevenueSpec,
)
from retention.periods import Period

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

FEW_COHORTS = 3


def money(amount: float) -> str:
    """Write an amount; the store knows no currency, so none is written.

    Examples
    --------
    >>> money(1234.5), money(-3), money(1234567.8), money(0.004)
    ('1,234.50', '−3.00', '1,234,568', '0.00')
    """
    if isnan(amount):
        return "–"
    text = f"{abs(amount):,.0f}" if abs(amount) >= 100_000 else f"{abs(amount):,.2f}"
    return f"−{text}" if amount < 0 and text.strip("0.") else text


def money_interval(low: float, high: float) -> str:
    """Write an interval of amounts.

    Examples
    --------
    >>> money_interval(3, 4.5)
    '3.00 to 4.50'
    """
    return f"{money(low)} to {money(high)}"


def count(n: float, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count(1, "order"), count(1200, "order")
    ('1 order', '1,200 orders')
    """
    return f"{int(n):,} {noun if n == 1 else noun + 's'}"


def period_words(on: date, period: Period) -> str:
    """Name a period by its first day.

    Examples
    --------
    >>> period_words(date(2026, 1, 5), "week"), period_words(date(2026, 1, 1), "month")
    ('the week of 5 January 2026', 'January 2026')
    """
    if period == "month":
        return f"{on:%B %Y}"
    return f"{on.day} {on:%B %Y}" if period == "day" else f"the week of {on.day} {on:%B %Y}"


def _names(names: tuple[str, ...]) -> str:
    return " or ".join(f"“{name}”" for name in names) or "nothing"


def order_definition(catalogue: Catalogue) -> str:
    """Say what an order and a refund are."""
    settings = catalogue.settings
    refunds = (
        f" A refund is {_names(settings.refund_events)}, or a revenue event below zero; its size counts, whatever its"
        " sign. It is booked on the day of its order: the last order before it with the same item, or else the last"
        " order before it."
        if settings.refund_events
        else " A revenue event below zero is a refund, booked on the day of the last order before it."
    )
    return (
        f"An order is everything a user buys at one moment ({_names(settings.revenue_events)});"
        f" an order without a value counts as 0.{refunds} Amounts are in the currency of your file."
    )


def revenue_definition(spec: RevenueSpec, catalogue: Catalogue) -> str:
    """Say what revenue over time, revenue retention and N-day values mean."""
    unit = spec.period
    kind = "gross revenue less refunds" if spec.kind == "net" else "gross revenue, before refunds"
    return (
        f"{order_definition(catalogue)} Revenue is {kind}. Customers belong to the {unit} of their first order, which is"
        f" {unit} 0. Kept revenue (GRR) at {unit} k: each customer's revenue of {unit} k, but at most that of {unit} 0,"
        f" added up and divided by the revenue of {unit} 0; it cannot exceed 100 %. Net revenue retention (NRR): all"
        f" revenue of {unit} k divided by that of {unit} 0. N-day value: revenue in the first N days, the day of the"
        f" first order being the first, divided by the customers of the cohort; only cohorts whose N days are over."
        f" Only {unit}s that have ended enter averages.{asked_words(spec.where, spec.by, catalogue)}"
    )


def repeat_definition(spec: RepeatSpec, catalogue: Catalogue) -> str:
    """Say what the repeat purchase rate means."""
    return (
        f"{order_definition(catalogue)} Repeat purchase rate within {spec.days} days: of the customers whose first order"
        f" is at least {spec.days} days before the end of the data (and who were watched without a gap for as long),"
        f" the share whose second order came at most {spec.days} times 24 hours after the first."
        f"{asked_words(spec.where, spec.by, catalogue)}"
    )


def _of_group(by: str | None, group: str | None) -> str:
    return "" if group is None else f", {by} {group or '(none)'}"


def cell_words(cell: RevenueCellSpec, catalogue: Catalogue) -> str:
    """Say whose users are behind a cell of the revenue grid."""
    spec = cell.revenue
    who = f"Customers whose first order was in {period_words(cell.cohort, spec.period)}{_of_group(spec.by, cell.group)}"
    if cell.age is not None:
        who += f", {'without' if cell.is_lost else 'with'} an order in {spec.period} {cell.age}"
    return f"{who}. {order_definition(catalogue)}{asked_words(spec.where, None, catalogue)}"


def buyers_words(spec: BuyersSpec, catalogue: Catalogue) -> str:
    """Say whose users are the buyers of a period."""
    asked = spec.revenue
    when = f"{period_words(spec.on, asked.period)}{_of_group(asked.by, spec.group)}"
    who = f"Customers with a refund booked in {when}" if spec.is_refunded else f"Customers with an order in {when}"
    return f"{who}. {order_definition(catalogue)}{asked_words(asked.where, None, catalogue)}"


def repeat_words(spec: RepeatListSpec, catalogue: Catalogue) -> str:
    """Say whose users are behind a repeat purchase rate."""
    asked = spec.repeat
    again = "who ordered again" if spec.has_repeated else "who did not order again"
    when = "" if spec.cohort is None else f", first order in {period_words(spec.cohort, asked.period)}"
    return (
        f"Customers {again} within {asked.days} days{when}{_of_group(asked.by, spec.group)}."
        f" {repeat_definition(asked, catalogue)}"
    )


# Verdicts ----------------------------------------------------------------------------------------------


def over_time_verdict(result: RevenueOverTime) -> Verdict:
    """Say how much the last complete period brought, beside the one before it."""
    spec, unit = result.spec, result.spec.period
    if result.is_empty:
        return nobody(spec)
    usable = result.periods[(result.periods["state"] == "complete") & ~result.periods["touches_gap"]]
    usable = usable.groupby("on", as_index=False)[["n_orders", "n_buyers", "gross", "refunded", "net"]].sum()
    if usable.empty:
        return Verdict(f"Too early to tell: no {unit} is complete yet.", "Import more days to see the first one.")
    last = usable.iloc[-1]
    headline = (
        f"{period_words(last['on'], unit).capitalize() if unit != 'month' else period_words(last['on'], unit)} brought"
        f" {money(last[spec.kind])} {spec.kind} revenue from {count(last['n_orders'], 'order')} of"
        f" {count(last['n_buyers'], 'customer')}."
    )
    detail = ""
    if last["gross"] > 0 and last["refunded"] > 0:
        detail = f"{percent(last['refunded'] / last['gross'])} of its gross revenue was paid back so far. "
    if len(usable) > 1 and usable.iloc[-2][spec.kind] > 0:
        before = usable.iloc[-2]
        change = last[spec.kind] / before[spec.kind] - 1
        share = f"{abs(change) * 100:.1f} % {'more' if change > 0 else 'less'} than" if change else "as much as"
        detail += (
            f"That is {share} {period_words(before['on'], unit)} ({money(before[spec.kind])})."
            " A count of everything, not a sample; whether it lasts only later periods can tell."
        )
    return Verdict(headline, detail.strip())


def nobody(spec: RevenueSpec | RepeatSpec) -> Verdict:
    """Say why there is nothing to see."""
    if spec.where:
        return Verdict("Nobody who meets these filters has ordered yet.", "Remove a filter or choose other values.")
    return Verdict("Nobody has ordered yet.", "No revenue event lies before the end of the data.")


def retention_verdict(grid: RevenueGrid, min_size: int, group: str | None = None) -> Verdict:
    """Say how much of the first revenue is kept at the last age that is known well enough."""
    spec, unit = grid.spec, grid.spec.period
    if grid.cells.empty:
        return nobody(spec)
    nrr, grr = (grid.of(name, group).set_index("age") for name in ("nrr", "grr"))
    known = [age for age in nrr.index if age >= 1 and not isnan(nrr.loc[age, "low"])]
    if not known:
        later = grid.cells.loc[grid.cells["age"] == 1, "complete_on"]
        return Verdict(
            f"Too early to tell: no cohort has completed {unit} 1 yet.",
            f"The first one will be complete on {min(later):%-d %B %Y}." if len(later) else "",
        )
    well = [age for age in known if nrr.loc[age, "n_cohorts"] >= FEW_COHORTS] or known
    age = well[-1]
    now, kept = nrr.loc[age], grr.loc[age]
    headline = (
        f"In {unit} {age} after the first order, customers spend {percent(now['rate'])} of what they spent in {unit} 0"
        f" (95 % interval {interval(now['low'], now['high'])})."
    )
    detail = (
        f"Not counting what customers spend beyond their own first {unit}, {percent(kept['rate'])} is kept"
        f" ({interval(kept['low'], kept['high'])}). {count(now['n_users'], 'customer')} of"
        f" {count(now['n_cohorts'], 'complete cohort')} stand behind it."
    )
    if now["n_users"] < min_size:
        detail += " That is few: read it with care."
    return Verdict(headline, detail)


def value_verdict(result: ValuePerUser, min_size: int, group: str | None = None) -> Verdict:
    """Say what a customer brings in the longest window that is known."""
    if result.rows.empty:
        return nobody(result.spec)
    pooled = result.pooled
    mine = pooled[pooled["group"].isna() if group is None else pooled["group"] == group]
    if mine.empty:
        first = min(result.rows["complete_on"])
        return Verdict(
            "Too early to tell: no cohort has completed 7 days yet.", f"The first one will on {first:%-d %B %Y}."
        )
    last = mine.iloc[-1]
    spread = "" if isnan(last["low"]) else f" (95 % interval {money_interval(last['low'], last['high'])})"
    headline = f"A customer brings {money(last['value'])} {result.spec.kind} revenue in the first {int(last['days'])} days{spread}."
    parts = [f"{money(r.value)} in {int(r.days)} days" for r in mine.iloc[:-1].itertuples(index=False)]
    detail = (
        f"Earlier on the way: {', '.join(parts)}. Each figure has its own, older or younger, cohorts." if parts else ""
    )
    if last["n_users"] < min_size:
        detail += f" Only {count(last['n_users'], 'customer')} stand behind it."
    return Verdict(headline, detail.strip())


def repeat_verdict(result: RepeatPurchases, min_size: int, group: str | None = None) -> Verdict:
    """Say how many customers order again, and whether recent ones do so more often."""
    spec = result.spec
    if result.rows.empty:
        return nobody(spec)
    total = (
        result.total[["n_customers", "n_watched", "n_repeated"]].sum() if group is None else _group_total(result, group)
    )
    if not total["n_watched"]:
        return Verdict(
            f"Too early to tell: nobody's first order is {spec.days} days ago yet.",
            "Choose a shorter time to see a rate.",
        )
    n, x = int(total["n_watched"]), int(total["n_repeated"])
    low, high = (float(v[0]) for v in wilson([x], [n]))
    headline = (
        f"{percent(x / n)} of {count(n, 'customer')} ordered again within {spec.days} days of their first order"
        f" (95 % interval {interval(low, high)})."
    )
    return Verdict(headline, f"{_how_soon(result, group)} {_trend(result, min_size, group)}".strip())


def _group_total(result: RepeatPurchases, group: str | None) -> pd.Series:
    mine = result.total[result.total["group"] == group]
    return mine[["n_customers", "n_watched", "n_repeated"]].sum()


def _how_soon(result: RepeatPurchases, group: str | None) -> str:
    known = [(days, point) for days in SHOWN_DAYS if (point := result.within(days, group))]
    said = ", ".join(f"{percent(point['rate'])} within {days}" for days, point in known)
    if not said:
        return ""
    median = result.median_days(group)
    half = "fewer than half came back within a year" if median is None else f"half had come back by day {median}"
    return f"How soon: {said} days; {half}."


def _trend(result: RepeatPurchases, min_size: int, group: str | None) -> str:
    rows = result.rows
    mine = rows if group is None else rows[rows["group"] == group]
    mine = mine[(mine["state"] == "mature") & ~mine["touches_gap"]]
    by_cohort = mine.groupby("cohort", as_index=False)[["n_watched", "n_repeated"]].sum().sort_values("cohort")
    if len(by_cohort) < 2 * FEW_COHORTS or by_cohort["n_watched"].sum() < 2 * min_size:
        return ""
    half = len(by_cohort) // 2
    old, new = by_cohort.iloc[:half].sum(numeric_only=True), by_cohort.iloc[half:].sum(numeric_only=True)
    low, high = (float(v) for v in newcombe(new["n_repeated"], new["n_watched"], old["n_repeated"], old["n_watched"]))
    since = by_cohort["cohort"].iloc[half]
    change = (new["n_repeated"] / new["n_watched"] - old["n_repeated"] / old["n_watched"]) * 100
    points = f"{change:+.1f} points, 95 % interval {low * 100:+.1f} to {high * 100:+.1f}".replace("-", "−")
    if low <= 0 <= high:
        return f"Whether customers since {since:%-d %B %Y} differ from those before: cannot tell ({points})."
    return (
        f"Customers since {since:%-d %B %Y} do so {'more' if low > 0 else 'less'} often than those before ({points})."
    )
