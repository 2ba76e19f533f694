"""From the visits of the sample shop to its rows: what is looked at, bought, sent back and written."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from retention.ingest import sample_laws as laws
from retention.ingest.sample_truth import Bools, Floats, Ints
from retention.ingest.sample_words import (
    ITEM_CENTS,
    ITEM_CODES,
    ITEM_NAMES,
    ITEM_NAMES_CHINESE,
    ITEMS_PER_CATEGORY,
    REVIEW_ENDINGS,
    REVIEW_OPENINGS,
    SEARCH_FORMS,
)

#: Why a visit happened; `campaign + c` is the visit that campaign c brought.
KINDS = SimpleNamespace(base=0, signup=1, checkout=2, campaign=3)

EVENTS = ("signup", "visit", "search", "view_item", "add_to_cart", "purchase", "refund", "review", "campaign_sent")
_CODE = {name: code for code, name in enumerate(EVENTS)}

#: Steps of a visit in their order; an event lies `step` × 20…80 s after the visit's start.
_SLOT_REVIEW, _SLOT_SEARCH, _SLOT_VIEW, _SLOT_CART, _SLOT_COMPANION = 1, 2, 3, 8, 9
_SLOT_LATE_SEARCH, _SLOT_BUY, _SLOT_BUY_COMPANION = 10, 11, 12
MAX_VIEWS = 5
_STEP_US = (20_000_000, 60_000_000)

#: Canonical texts of the searches: item, then form, then language.
SEARCHES = tuple(
    form.format(name)
    for i in range(len(ITEM_NAMES))
    for forms, name in zip(SEARCH_FORMS, (ITEM_NAMES[i], ITEM_NAMES_CHINESE[i]), strict=True)
    for form in forms
)

_NONE = -1
_COLUMNS = (
    "user",
    "at",
    "slot",
    "event",
    "visit",
    "item",
    "quantity",
    "cents",
    "text",
    "stars",
    "discount",
    "campaign",
    "arm",
    "origin",
)


def event_rows(
    rng: np.random.Generator, u: dict[str, np.ndarray], visits: dict[str, np.ndarray], first: int, key: int
) -> tuple[pa.Table, pa.Table]:
    """Turn visits into the rows of a staged file, and link each refund to its purchase.

    Parameters
    ----------
    u, visits : dict of ndarray
        Users as in `Truth`; visits in user and time order.
    first : int
        Number of the block's first user in the shop.
    key : int
        What tells this shop's row hashes from another's.

    Returns
    -------
    (pyarrow.Table, pyarrow.Table)
        The rows in user and time order; `refund_hash` and `purchase_hash` of every refund.
    """
    n = u["signup_us"].size
    user, start = visits["user"], visits["start_us"]
    step = _STEP_US[0] + (rng.random(user.size) * _STEP_US[1]).astype(np.int64)
    visit_channel, visit_device = _ways_in(rng, u, visits)

    def at(visit: Ints, slot: Ints | int) -> Ints:
        return start[visit] + slot * step[visit]

    everyone, every_visit = np.arange(n), np.arange(user.size)
    parts = [
        _rows(user=everyone, at=u["signup_us"], slot=0, event=_CODE["signup"]),
        _rows(user=user, at=start, slot=0, event=_CODE["visit"], visit=every_visit),
    ]
    parts += [
        _rows(
            user=np.flatnonzero(u["arm"][:, c] >= 0),
            at=campaign.sent_us,
            slot=0,
            event=_CODE["campaign_sent"],
            campaign=c,
            arm=u["arm"][:, c][u["arm"][:, c] >= 0],
        )
        for c, campaign in enumerate(laws.CAMPAIGNS)
    ]

    n_views = np.maximum(_n_views(rng, u, user), visits["has_cart"].astype(np.int64))
    viewer = np.repeat(every_visit, n_views)
    nth = np.arange(viewer.size) - np.repeat(np.cumsum(n_views) - n_views, n_views)
    viewed = _items(rng, u, user[viewer])
    parts.append(
        _rows(
            user=user[viewer],
            at=at(viewer, _SLOT_VIEW + nth),
            slot=_SLOT_VIEW + nth,
            event=_CODE["view_item"],
            visit=viewer,
            item=viewed,
        )
    )

    # A search is for the item seen last, or, where nothing is looked at, for one of the user's taste.
    wanted = _items(rng, u, user)
    last_view = np.cumsum(n_views) - 1
    wanted = np.where(n_views > 0, viewed[last_view] if viewed.size else wanted, wanted)
    seeker = np.flatnonzero(visits["has_search"])
    slot = np.where(visits["is_search_first"][seeker], _SLOT_SEARCH, _SLOT_LATE_SEARCH)
    n_forms = len(SEARCH_FORMS[0])
    words = (wanted[seeker] * 2 + u["language"][user[seeker]]) * n_forms + (rng.random(seeker.size) * n_forms).astype(
        np.int64
    )
    parts.append(
        _rows(user=user[seeker], at=at(seeker, slot), slot=slot, event=_CODE["search"], visit=seeker, text=words)
    )

    filled = np.flatnonzero(visits["has_cart"])
    doubled = filled[rng.random(filled.size) < laws.COMPANION_PROBABILITY]
    for baskets, items, cart_slot, buy_slot in (
        (filled, wanted[filled], _SLOT_CART, _SLOT_BUY),
        (doubled, u["companion"][wanted[doubled]], _SLOT_COMPANION, _SLOT_BUY_COMPANION),
    ):
        quantity = 1 + (rng.random(baskets.size) < 0.18) + 2 * (rng.random(baskets.size) < 0.05)
        parts.append(
            _rows(
                user=user[baskets],
                at=at(baskets, cart_slot),
                slot=cart_slot,
                event=_CODE["add_to_cart"],
                visit=baskets,
                item=items,
                quantity=quantity,
            )
        )
        sold = visits["is_bought"][baskets]
        buyers = baskets[sold]
        has_coupon = visits["has_coupon"][buyers]
        percent = np.where(has_coupon, 100 - laws.COUPON_PERCENT, 100)
        cents = np.asarray(ITEM_CENTS)[items[sold]] * quantity[sold] * percent // 100
        parts.append(
            _rows(
                user=user[buyers],
                at=at(buyers, buy_slot),
                slot=buy_slot,
                event=_CODE["purchase"],
                visit=buyers,
                item=items[sold],
                quantity=quantity[sold],
                cents=cents,
                discount=has_coupon.astype(np.int64),
            )
        )

    rows = _visible(_stacked(parts))
    n_before = rows["user"].size
    bought = np.flatnonzero(rows["event"] == _CODE["purchase"])
    is_returned, refunds = _refunds(rng, rows, bought)
    reviews, texts = _reviews(rng, u, visits, rows, bought, is_returned, at)
    rows = _visible(_stacked([rows, refunds, reviews]))

    order = np.lexsort((rows["slot"], rows["at"], rows["user"]))
    owner = rows["user"][order]
    within = np.arange(owner.size) - np.searchsorted(owner, owner, side="left")
    hashes = np.empty(owner.size, dtype=np.uint64)
    place = ((owner + first) << 24) + within  # a user has far fewer than 2^24 rows
    hashes[order] = _mixed(place.astype(np.uint64), key)
    is_refund = rows["origin"] != _NONE
    # Rows kept so far stay in front in the same order, so `origin` still points at its purchase.
    links = pa.table({"refund_hash": hashes[is_refund], "purchase_hash": hashes[:n_before][rows["origin"][is_refund]]})
    rows = {name: column[order] for name, column in rows.items()}
    return _table(u, rows, hashes[order], texts, visit_channel, visit_device), links


def _rows(**given: Any) -> dict[str, np.ndarray]:
    """Make a table of rows from the columns named; −1 stands for absent."""
    size = np.size(given["user"])
    return {name: np.broadcast_to(np.asarray(given.get(name, _NONE), dtype=np.int64), (size,)) for name in _COLUMNS}


def _stacked(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS}


def _visible(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keep what the load holds: before the end of the data and outside the gap."""
    at, (low, high) = rows["at"], laws.GAP_US
    mask = (at < laws.END_US) & ((at < low) | (at >= high))
    return {name: column[mask] for name, column in rows.items()}


def _ways_in(rng: np.random.Generator, u: dict[str, np.ndarray], visits: dict[str, np.ndarray]) -> tuple[Ints, Ints]:
    """Draw channel and device of each visit: mostly the user's own."""
    user = visits["user"]
    other = np.searchsorted(np.cumsum(laws.CHANNEL_SHARE)[:-1], rng.random(user.size), side="right")
    is_own = (rng.random(user.size) < 0.6) | (visits["kind"] == KINDS.signup)
    channel = np.where(is_own, u["channel"][user], other)
    channel = np.where(visits["kind"] >= KINDS.campaign, laws.CHANNELS.index("email"), channel)
    other = np.searchsorted(np.cumsum(laws.DEVICE_SHARE)[:-1], rng.random(user.size), side="right")
    is_own = (rng.random(user.size) < 0.8) | (visits["kind"] == KINDS.signup)
    return channel, np.where(is_own, u["device"][user], other)


def _n_views(rng: np.random.Generator, u: dict[str, np.ndarray], user: Ints) -> Ints:
    """Draw how many items a visit looks at: geometric, cut at `MAX_VIEWS`."""
    more = np.array([s.more_views for s in laws.SEGMENTS])[u["segment"][user]]
    drawn = rng.random(user.size)
    reach, n = more.copy(), np.zeros(user.size, dtype=np.int64)
    for _ in range(MAX_VIEWS):
        n += drawn < reach
        reach = reach * more
    return n


def _items(rng: np.random.Generator, u: dict[str, np.ndarray], user: Ints) -> Ints:
    """Draw an item for each user given: a category by taste, then the favourite or one by popularity."""
    edges = np.cumsum(u["taste"], axis=1)[user]
    category = (rng.random(user.size)[:, None] >= edges[:, :-1]).sum(axis=1)
    popularity = np.cumsum(1.0 / np.arange(1, ITEMS_PER_CATEGORY + 1))
    popular = np.searchsorted(popularity, rng.random(user.size) * popularity[-1], side="right")
    is_favourite = rng.random(user.size) < laws.FAVOURITE_PROBABILITY
    return np.where(is_favourite, u["favourite"][user, category], category * ITEMS_PER_CATEGORY + popular)


def _refunds(
    rng: np.random.Generator, rows: dict[str, np.ndarray], bought: Ints
) -> tuple[Bools, dict[str, np.ndarray]]:
    """Send some purchases back 2 to 20 days later: mostly whole, some in part, never more than was paid."""
    chance = laws.REFUND_PROBABILITY[rows["item"][bought] // ITEMS_PER_CATEGORY]
    is_returned = rng.random(bought.size) < chance
    back = bought[is_returned]
    wait = ((2.0 + 18.0 * rng.random(back.size)) * laws.DAY_US).astype(np.int64)
    percent = 25 + (rng.random(back.size) * 50).astype(np.int64)
    is_whole = rng.random(back.size) < 0.7
    cents = np.where(is_whole, rows["cents"][back], np.maximum(rows["cents"][back] * percent // 100, 1))
    return is_returned, _rows(
        user=rows["user"][back],
        at=rows["at"][back] + wait,
        slot=0,
        event=_CODE["refund"],
        visit=rows["visit"][back],
        item=rows["item"][back],
        quantity=rows["quantity"][back],
        cents=cents,
        origin=back,
    )


def _reviews(
    rng: np.random.Generator,
    u: dict[str, np.ndarray],
    visits: dict[str, np.ndarray],
    rows: dict[str, np.ndarray],
    bought: Ints,
    is_returned: Bools,
    at: Any,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Let some purchases be reviewed in the user's first visit at least two days later.

    Stars are the item's quality plus the user's bias plus noise, 1.5 less where it was sent back; the words
    follow the stars (1–2 negative, 3 neutral, 4–5 positive), except for one review in twenty.
    """
    is_written = rng.random(bought.size) < laws.REVIEW_PROBABILITY
    source, is_returned = bought[is_written], is_returned[is_written]
    user = rows["user"][source]
    # Whole seconds since the start fit into 27 bits, the user above them.
    timeline = (visits["user"] << 27) + (visits["start_us"] - laws.START_US) // 1_000_000
    due = (user << 27) + (rows["at"][source] + 2 * laws.DAY_US - laws.START_US) // 1_000_000 + 1
    visit = np.searchsorted(timeline, due, side="left")
    has_visit = visit < timeline.size
    has_visit[has_visit] = visits["user"][visit[has_visit]] == user[has_visit]
    noise = rng.random(source.size) + rng.random(source.size) + rng.random(source.size) - 1.5
    item = rows["item"][source]
    stars: Floats = u["item_quality"][item] + u["rating_bias"][user] + 1.2 * noise - 1.5 * is_returned
    whole = np.clip(np.floor(stars + 0.5), 1, 5).astype(np.int64)
    tone = np.array([0, 0, 0, 1, 2, 2])[whole]
    tone = np.where(rng.random(source.size) < 0.05, (rng.random(source.size) * 3).astype(np.int64), tone)
    opening, ending = ((rng.random(source.size) * 5).astype(np.int64) for _ in range(2))
    keep = np.flatnonzero(has_visit)
    names = (ITEM_NAMES, ITEM_NAMES_CHINESE)
    texts = [
        REVIEW_OPENINGS[t][zh][a].format(names[zh][i]) + REVIEW_ENDINGS[t][zh][b]
        for t, zh, a, b, i in zip(
            tone[keep].tolist(),
            u["language"][user[keep]].tolist(),
            opening[keep].tolist(),
            ending[keep].tolist(),
            item[keep].tolist(),
            strict=True,
        )
    ]
    reviews = _rows(
        user=user[keep],
        at=at(visit[keep], _SLOT_REVIEW),
        slot=_SLOT_REVIEW,
        event=_CODE["review"],
        visit=visit[keep],
        item=item[keep],
        text=len(SEARCHES) + np.arange(keep.size),
        stars=whole[keep],
    )
    return reviews, texts


def _mixed(number: np.ndarray, key: int) -> np.ndarray:
    """Scatter distinct 64-bit numbers to distinct 64-bit hashes (SplitMix64, a bijection)."""
    with np.errstate(over="ignore"):
        z = number + np.uint64(key)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _table(
    u: dict[str, np.ndarray],
    rows: dict[str, np.ndarray],
    hashes: np.ndarray,
    texts: list[str],
    visit_channel: Ints,
    visit_device: Ints,
) -> pa.Table:
    user, visit, event = rows["user"], rows["visit"], rows["event"]
    is_mail = event == _CODE["campaign_sent"]
    # A sign-up has the user's own channel and device; a mailing comes by e-mail, to no device.
    channel = np.where(visit >= 0, _at(visit_channel, visit), u["channel"][user])
    channel = np.where(is_mail, laws.CHANNELS.index("email"), channel)
    device = np.where(visit >= 0, _at(visit_device, visit), u["device"][user])
    category = np.where(rows["item"] >= 0, rows["item"] // ITEMS_PER_CATEGORY, _NONE)
    columns = {
        "user_id": pa.array(u["user_id"].tolist(), pa.string()).take(pa.array(user)),
        "occurred_us": pa.array(rows["at"]),
        "event": _words(EVENTS, event),
        "value": _decimal(rows["cents"], 10_000),
        "quantity": _decimal(rows["quantity"], 1_000_000),
        "item": _words(ITEM_CODES, rows["item"]),
        "item_name": _words(ITEM_NAMES, rows["item"]),
        "category": _words(laws.CATEGORIES, category),
        "text": _words((*SEARCHES, *texts), rows["text"]),
        "row_hash": pa.array(hashes),
        "p0": _words(laws.CHANNELS, channel),
        "p1": _words(laws.DEVICES, np.where(is_mail, _NONE, device)),
        "p2": _words(laws.COUNTRIES, u["country"][user]),
        "p3": _words(("0", "1", "2", "3", "4", "5"), rows["stars"]),
        "p4": _words(("no", "yes"), rows["discount"]),
        "p5": _words(tuple(c.name for c in laws.CAMPAIGNS), rows["campaign"]),
        "p6": _words(("control", "treatment"), rows["arm"]),
        "p7": _words(laws.PLANS, u["plan"][user]),
        "p8": _words(laws.LANGUAGES, u["language"][user]),
    }
    return pa.table(columns)


def _at(values: Ints, where: Ints) -> Ints:
    """Read `values` at `where`; anything where `where` is −1."""
    return values[np.maximum(where, 0)] if values.size else np.zeros(where.size, dtype=np.int64)


def _words(known: tuple[str, ...], code: Ints) -> pa.Array:
    return pa.array(known, pa.string()).take(pa.array(code, mask=code < 0))


def _decimal(whole: Ints, scale: int) -> pa.Array:
    """Build decimal(18, 6) from whole numbers ≥ 0 (in 1/`scale` millionths), null where −1."""
    is_absent = whole < 0
    words = np.zeros((whole.size, 2), dtype="<i8")
    words[:, 0] = np.where(is_absent, 0, whole) * scale
    validity = pa.array(whole, mask=is_absent).buffers()[0]
    return pa.Array.from_buffers(pa.decimal128(18, 6), whole.size, [validity, pa.py_buffer(words)])
