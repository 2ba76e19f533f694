"""Features by plain loops over raw rows, one user and one event after the other: the standard library only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

WINDOWS = (7, 14, 30, 60, 90, 180)
NO = {"", "0", "n", "no", "none", "false", "off", "null", "nan"}
Value = float | str | None


@dataclass(frozen=True)
class Row:
    """One event as the file has it."""

    user: str
    at_us: int
    event: str
    value: float | None = None
    quantity: float | None = None
    item: str | None = None
    category: str | None = None
    text: str | None = None
    props: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shop:
    """How a store reads its rows."""

    timezone: str = "UTC"
    activity: Callable[[str], bool] = lambda event: event != "refund"
    revenue: frozenset[str] = frozenset({"purchase"})
    refunds: frozenset[str] = frozenset({"refund"})
    tone: Callable[[str], float] = lambda text: 0.0
    device: str = "device"


def local(at_us: int, timezone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(ZoneInfo(timezone))


def features(rows: Sequence[Row], cutoff_us: int, shop: Shop) -> dict[str, dict[str, Value]]:
    """Return every feature of every user who was active before the cut-off; None = not known."""
    end = local(cutoff_us - 1, shop.timezone).date()
    by_user: dict[str, list[Row]] = {}
    for row in rows:
        if row.at_us < cutoff_us:
            by_user.setdefault(row.user, []).append(row)
    found = {}
    for user, own in by_user.items():
        own.sort(key=lambda r: r.at_us)
        if any(shop.activity(r.event) for r in own):
            found[user] = {**_activity(own, end, shop), **_orders(own, end, shop), **_other(own, end, shop)}
    return found


def _activity(own: list[Row], end: date, shop: Shop) -> dict[str, Value]:
    acts = [r for r in own if shop.activity(r.event)]
    when = [local(r.at_us, shop.timezone) for r in acts]
    days = sorted({w.date() for w in when})
    f: dict[str, Value] = {
        "days_since_first": (end - days[0]).days,
        "days_since_last": (end - days[-1]).days,
        "active_days": len(days),
        "events": len(acts),
        "events_per_day": len(acts) / len(days),
        "event_kinds": len({r.event for r in acts}),
        "items_seen": len({r.item for r in acts if r.item is not None}),
    }
    for n in WINDOWS:
        f[f"active_days_{n}"] = sum((end - d).days < n for d in days)
        f[f"events_{n}"] = sum((end - w.date()).days < n for w in when)
    gaps = [(b - a).days for a, b in pairwise(days)]
    mean = sum(gaps) / len(gaps) if gaps else None
    f["gap_mean"] = mean
    f["gap_last"] = gaps[-1] if gaps else None
    f["gap_last_ratio"] = gaps[-1] / mean if mean else None
    f["silence_ratio"] = (end - days[-1]).days / mean if mean else None
    f["gap_sd"] = None
    if mean is not None and len(gaps) >= 2:
        f["gap_sd"] = math.sqrt(sum((g - mean) ** 2 for g in gaps) / (len(gaps) - 1))
    is_old = (end - days[0]).days >= 60
    for name, all_days in (("active_days", days), ("events", [w.date() for w in when])):
        f[f"trend_{name}"] = _trend([(d, 1.0) for d in all_days], end) if is_old else None
    f["share_weekend"] = sum(d.weekday() >= 5 for d in days) / len(days)
    f["weekday_mean"], f["weekday_concentration"] = _circle([d.weekday() for d in days], 7)
    f["hour_mean"], f["hour_concentration"] = _circle([w.hour + 0.5 for w in when], 24)
    f["share_night"] = sum(w.hour >= 22 or w.hour < 6 for w in when) / len(when)
    return f


def _trend(amounts: list[tuple[date, float]], end: date) -> float | None:
    lately = sum(a for d, a in amounts if (end - d).days < 30)
    before = sum(a for d, a in amounts if 30 <= (end - d).days < 60)
    return (lately - before) / (lately + before) if lately + before > 0 else None


def _circle(places: list[float], around: int) -> tuple[float | None, float]:
    x = sum(math.cos(2 * math.pi * p / around) for p in places) / len(places)
    y = sum(math.sin(2 * math.pi * p / around) for p in places) / len(places)
    length = math.hypot(x, y)
    if length <= 1e-3:
        return None, length
    return math.atan2(y, x) / (2 * math.pi) * around % around, length


def _orders(own: list[Row], end: date, shop: Shop) -> dict[str, Value]:
    bought = [r for r in own if r.event in shop.revenue and (r.value is None or r.value >= 0)]
    back = [r for r in own if r.event in shop.refunds or (r.event in shop.revenue and (r.value or 0) < 0)]
    moments = sorted({r.at_us for r in bought})
    order_days = [local(m, shop.timezone).date() for m in moments]
    paid = [(local(r.at_us, shop.timezone).date(), r.value or 0.0) for r in bought]
    gross, refunded, n = sum(a for _, a in paid), sum(abs(r.value or 0.0) for r in back), len(moments)
    different = sorted(set(order_days))
    acts = {local(r.at_us, shop.timezone).date() for r in own if shop.activity(r.event)}
    f: dict[str, Value] = {
        "days_since_first_order": (end - order_days[0]).days if n else None,
        "days_since_last_order": (end - order_days[-1]).days if n else None,
        "orders": n,
        "order_rate": n / len(acts),
        "gross": gross,
        "refunded": refunded,
        "net": gross - refunded,
        "refund_share": refunded / gross if gross > 0 else None,
        "value_per_order": gross / n if n else None,
        "order_gap_mean": None,
        "trend_gross": None,
        "items_per_order": sum(1.0 if r.quantity is None else r.quantity for r in bought) / n if n else None,
        "items": len({r.item for r in bought if r.item is not None}),
        "categories": len({r.category for r in bought if r.category is not None}),
    }
    if len(different) >= 2:
        f["order_gap_mean"] = (different[-1] - different[0]).days / (len(different) - 1)
    if n and (end - order_days[0]).days >= 60:
        f["trend_gross"] = _trend(paid, end)
    for w in WINDOWS:
        f[f"orders_{w}"] = sum((end - d).days < w for d in order_days)
    for w in (30, 90, 180):
        f[f"gross_{w}"] = sum(a for d, a in paid if (end - d).days < w)
    known = [r.props["discount"] for r in bought if r.props.get("discount") is not None]
    f["discount_share"] = sum(_is_off(k) for k in known) / len(known) if known else None
    return f


def _is_off(text: str) -> bool:
    if text.lower() in NO:
        return False
    try:
        return float(text) != 0
    except ValueError:
        return True


def _other(own: list[Row], end: date, shop: Shop) -> dict[str, Value]:
    f: dict[str, Value] = {}
    for name, prop in (("channel", "channel"), ("device", shop.device)):
        named = [(r.at_us, r.props[prop]) for r in own if shop.activity(r.event) and r.props.get(prop) is not None]
        f[f"{name}s"] = len({v for _, v in named})
        f[f"{name}_first"] = min(named)[1] if named else None
        f[f"{name}_last"] = min(v for t, v in named if t == max(named)[0]) if named else None
    reviews = [r for r in own if "review" in r.event]
    stars = [float(r.props["stars"]) for r in reviews if _is_number(r.props.get("stars"))]
    tones = [shop.tone(r.text) for r in reviews if r.text is not None and any(c.isalpha() for c in r.text)]
    f["reviews"] = len(reviews)
    f["stars_mean"] = sum(stars) / len(stars) if stars else None
    f["sentiment"] = sum(tones) / len(tones) if tones else None
    searches = [r for r in own if "search" in r.event]
    texts = [r.text for r in searches if r.text is not None]
    acts = {local(r.at_us, shop.timezone).date() for r in own if shop.activity(r.event)}
    f["searches"] = len(searches)
    f["search_rate"] = len(searches) / len(acts)
    f["search_texts"] = len(set(texts))
    f["words_per_search"] = sum(len(t.split()) for t in texts) / len(texts) if texts else None
    sent = [r for r in own if "campaign" in r.event and (r.props.get("arm") or "").lower() not in ("control", "holdout")]
    on = [local(r.at_us, shop.timezone).date() for r in sent]
    f["contacts"] = len(on)
    f["contacts_30"] = sum((end - d).days < 30 for d in on)
    f["days_since_contact"] = (end - max(on)).days if on else None
    return f


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and math.isfinite(float(text))
    except ValueError:
        return False
