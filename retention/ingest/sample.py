"""The sample shop: a simulated consumer store whose truth is known, the same for a seed on every machine.

Only uniform numbers are drawn, and only correctly rounded operations make events of them (`sample_truth.ln`
says why). Users are independent and simulated in blocks, so memory does not grow with their number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retention.errors import SpecError
from retention.ingest import sample_laws as laws
from retention.ingest.sample_rows import KINDS, event_rows
from retention.ingest.sample_truth import (
    Bools,
    Floats,
    Ints,
    Truth,
    clock_at,
    clock_instant,
    exp,
    expected_visits,
    joined,
    ln,
)
from retention.ingest.sample_words import ITEM_NAMES, ITEMS_PER_CATEGORY
from retention.store.staged import Property, Staged

__all__ = ["ACTIVITY", "PROPERTIES", "SampleShop", "SampleSpec", "Truth", "simulate", "stage_sample"]

#: What counts as activity in the sample shop: what a living customer does.
ACTIVITY = ("signup", "visit", "search", "view_item", "add_to_cart", "purchase", "review")

PROPERTIES: tuple[Property, ...] = (
    *(
        Property(name=name, kind="event")
        for name in ("channel", "device", "country", "stars", "discount", "campaign", "arm")
    ),
    *(Property(name=name, kind="user") for name in ("plan", "language")),
)

MAX_USERS = 10_000_000
BLOCK_USERS = 10_000
#: Called with the share done, 0 < share <= 1.
Progress = Callable[[float], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleSpec:
    """Which sample shop to simulate.

    Parameters
    ----------
    n_users : int, default 5000
        From 1 to 10,000,000; about 50 events each.
    seed : int, default 7
        From 0 to 2^63 − 1.
    order_effect : float, default 1.0
        From 1 to 50: factor on a user's hazard once two visits, with no purchase between them, put something
        searched for into the basket without buying it. 1 plants nothing: lifetimes follow their law exactly.

    Raises
    ------
    SpecError
        If a value is out of range or of another type.
    """

    n_users: int = 5000
    seed: int = 7
    order_effect: float = 1.0

    def __post_init__(self) -> None:
        for name, low, high in (("n_users", 1, MAX_USERS), ("seed", 0, 2**63 - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise SpecError(
                    f"`{name}` must be a whole number from {low} to {high}, not {value!r}.",
                    hint="The usual shop has 5000 users and seed 7.",
                )
        effect = self.order_effect
        if isinstance(effect, bool) or not isinstance(effect, (int, float)) or not 1.0 <= effect <= 50.0:
            raise SpecError(
                f"`order_effect` must be a number from 1 to 50, not {effect!r}.",
                hint="1 plants no effect of the order of events.",
            )

    @property
    def text(self) -> str:
        """The spec as one line; its sha256 stands for the file that there is not."""
        return f"sample shop 1: n_users={self.n_users} seed={self.seed} order_effect={float(self.order_effect)!r}"


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleShop:
    """A simulated shop: what the store may see, and the truth that it may not.

    Attributes
    ----------
    events : pyarrow.Table
        Columns of a staged file of events: `user_id`, `occurred_us`, `event`, `value`, `quantity`, `item`,
        `item_name`, `category`, `text`, `row_hash`, `p0`…; in user and time order.
    properties : tuple of Property
        The i-th is column `p{i}`.
    gap : (int, int)
        `[from, to)` in us UTC: whole days of which the load lost every row.
    watermark_us : int
        The data are complete up to here (exclusive) except for the gap.
    truth : Truth
    """

    spec: SampleSpec
    events: pa.Table
    properties: tuple[Property, ...]
    gap: tuple[int, int]
    watermark_us: int
    truth: Truth


def simulate(spec: SampleSpec, progress: Progress | None = None) -> SampleShop:
    """Simulate a shop in memory.

    Notes
    -----
    While alive a user visits as a Poisson process with rate `visits_per_day` × season × weekday × hour;
    lifetimes are Weibull with proportional hazards by channel and country, drawn by inversion. Treatment
    adds a visit or keeps the user away with stated probabilities, so each user's uplift has a closed form.

    Examples
    --------
    >>> shop = simulate(SampleSpec(n_users=3))
    >>> shop.events.schema.names[:3], len(shop.truth.lifetime_days)
    (['user_id', 'occurred_us', 'event'], 3)
    """
    tables, truths = zip(*_blocks(spec, progress), strict=True)
    return SampleShop(
        spec=spec,
        events=pa.concat_tables(tables),
        properties=PROPERTIES,
        gap=laws.GAP_US,
        watermark_us=laws.END_US,
        truth=joined(truths),
    )


def stage_sample(spec: SampleSpec, folder: Path, progress: Progress | None = None) -> tuple[Staged, tuple[int, int]]:
    """Simulate a shop into `folder`/rows.parquet, block by block, as if a file had been read.

    Returns
    -------
    (Staged, (int, int))
        What the store imports, and the gap `[from, to)` in us UTC to mark as missing with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = folder / "rows.parquet"
    n_rows, first_us, last_us = 0, laws.END_US, laws.START_US
    writer: pq.ParquetWriter | None = None
    try:
        for table, _ in _blocks(spec, progress):
            if writer is None:
                writer = pq.ParquetWriter(rows, table.schema, compression="zstd")
            writer.write_table(table)
            n_rows += table.num_rows
            at = table.column("occurred_us").to_numpy()
            first_us, last_us = min(first_us, int(at.min())), max(last_us, int(at.max()))
    finally:
        if writer is not None:
            writer.close()
    staged = Staged(
        kind="events",
        rows=rows,
        rejects=None,
        source_name="sample shop (simulated)",
        sha256=hashlib.sha256(spec.text.encode()).hexdigest(),
        preset="sample",
        mapping={},
        timezone="UTC",
        n_records=n_rows,
        n_good=n_rows,
        n_rejected=0,
        reasons=(),
        properties=PROPERTIES,
        watermark_us=laws.END_US,
        first_us=first_us,
        last_us=last_us,
    )
    return staged, laws.GAP_US


def _blocks(spec: SampleSpec, progress: Progress | None) -> Iterator[tuple[pa.Table, Truth]]:
    """Simulate successive blocks of users, each from its own stream of the seed."""
    key = int.from_bytes(hashlib.sha256(spec.text.encode()).digest()[:8], "little")
    for block, first in enumerate(range(0, spec.n_users, BLOCK_USERS)):
        n = min(BLOCK_USERS, spec.n_users - first)
        seed = np.random.SeedSequence(spec.seed, spawn_key=(block,))
        yield _simulated(np.random.Generator(np.random.PCG64(seed)), first, n, float(spec.order_effect), key)
        if progress is not None:
            progress((first + n) / spec.n_users)


def _simulated(rng: np.random.Generator, first: int, n: int, order_effect: float, key: int) -> tuple[pa.Table, Truth]:
    """Simulate users `first` … `first + n − 1`."""
    u = _users(rng, first, n)
    visits = _planned_visits(rng, u)
    _live_and_die(u, visits, order_effect)
    visits = _surviving(u, visits)
    visits = _treated(rng, u, visits)
    table, refunds = event_rows(rng, u, visits, first, key)
    return table, Truth(order_effect=order_effect, refunds=refunds, **u)


def _exponential(rng: np.random.Generator, n: int | tuple[int, ...]) -> Floats:
    """Draw from the exponential law of mean 1 by inversion."""
    return -ln(1.0 - rng.random(n))


def _gamma(rng: np.random.Generator, shape: int, n: tuple[int, ...]) -> Floats:
    """Draw from the gamma law of mean 1 and whole `shape`, as a mean of exponentials."""
    total = _exponential(rng, n)
    for _ in range(shape - 1):
        total = total + _exponential(rng, n)
    return total / shape


def _pick(rng: np.random.Generator, weights: Floats, n: int) -> Ints:
    """Draw `n` positions with probabilities proportional to `weights`."""
    edges = np.cumsum(weights)
    return np.searchsorted(edges, rng.random(n) * edges[-1], side="right").astype(np.int64)


def _pick_by_row(rng: np.random.Generator, weights: Floats) -> Ints:
    """Draw one position a row with probabilities proportional to the row's weights."""
    edges = np.cumsum(weights, axis=1)
    drawn = rng.random(weights.shape[0]) * edges[:, -1]
    return (drawn[:, None] >= edges[:, :-1]).sum(axis=1).astype(np.int64)


def _by_segment(name: str) -> Floats:
    return np.array([getattr(s, name) for s in laws.SEGMENTS], dtype=np.float64)


def _users(rng: np.random.Generator, first: int, n: int) -> dict[str, np.ndarray]:
    """Draw who the users are: the fields of `Truth` that do not depend on what they do."""
    u: dict[str, np.ndarray] = {"user_id": np.array([f"u{first + i + 1:07d}" for i in range(n)])}
    segment = u["segment"] = _pick(rng, _by_segment("share"), n)
    u["habit"] = _pick_by_row(rng, _by_segment("habits")[segment])
    u["channel"] = _pick(rng, laws.CHANNEL_SHARE, n)
    u["country"] = _pick(rng, laws.COUNTRY_SHARE, n)
    u["device"] = _pick(rng, laws.DEVICE_SHARE, n)
    u["language"] = (rng.random(n) < laws.COUNTRY_CHINESE[u["country"]]).astype(np.int64)
    u["plan"] = (rng.random(n) < _by_segment("plus_share")[segment]).astype(np.int64)
    u["signup_us"] = clock_instant(laws.signup_clock(), u["habit"], rng.random(n))
    u["hazard_ratio"] = laws.CHANNEL_HAZARD[u["channel"]] * laws.COUNTRY_HAZARD[u["country"]]
    u["lawful_lifetime_days"] = _lifetime(u, _exponential(rng, n))
    u["visits_per_day"] = _by_segment("visits_per_week")[segment] / 7.0 * _gamma(rng, 8, (n,))
    u["cart"] = np.minimum(_by_segment("cart")[segment] * (0.8 + 0.4 * rng.random(n)), 0.95)
    u["buy"] = np.minimum(_by_segment("buy")[segment] * (0.9 + 0.2 * rng.random(n)), 0.95)
    u["sensitivity"] = np.minimum(_by_segment("sensitivity")[segment] * (0.8 + 0.4 * rng.random(n)), 0.97)
    taste = _by_segment("affinity")[segment] * _gamma(rng, 2, (n, len(laws.CATEGORIES)))
    u["taste"] = taste / np.cumsum(taste, axis=1)[:, -1:]
    drawn = rng.random((n, len(laws.CATEGORIES))) * ITEMS_PER_CATEGORY
    u["favourite"] = drawn.astype(np.int64) + np.arange(len(laws.CATEGORIES)) * ITEMS_PER_CATEGORY
    u["rating_bias"] = rng.random(n) - 0.5
    u["disturbed"] = _by_segment("disturbed")[segment]
    u["persuaded"] = np.minimum(_by_segment("persuaded")[segment] * (0.5 + rng.random((n, 1))), 0.95)
    sent = np.array([c.sent_us for c in laws.CAMPAIGNS])
    is_treated = rng.random((n, sent.size)) < np.array([c.propensity for c in laws.CAMPAIGNS])
    is_eligible = u["signup_us"][:, None] + laws.CAMPAIGN_MIN_AGE_US <= sent
    u["arm"] = np.where(is_eligible, is_treated.astype(np.int64), -1)
    n_items = len(ITEM_NAMES)
    u["item_quality"] = 2.6 + 2.2 * ((np.arange(n_items) * 37) % n_items) / (n_items - 1)
    u["companion"] = np.arange(n_items) ^ 1
    return u


def _lifetime(u: dict[str, np.ndarray], spent: Floats) -> Floats:
    """Invert the cumulative hazard: the age in days at which it reaches `spent`."""
    shape, scale = _by_segment("shape")[u["segment"]], _by_segment("scale_days")[u["segment"]]
    return scale * exp(ln(np.maximum(spent / u["hazard_ratio"], 1e-300)) / shape)


def _cumulative_hazard(u: dict[str, np.ndarray], age_days: Floats) -> Floats:
    shape, scale = _by_segment("shape")[u["segment"]], _by_segment("scale_days")[u["segment"]]
    return u["hazard_ratio"] * exp(shape * ln(np.maximum(age_days / scale, 1e-300)))


def _planned_visits(rng: np.random.Generator, u: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Draw every visit of the lawful life, and for each campaign the visit that treatment would bring.

    Returns columns `user`, `start_us` and `kind` (see `sample_rows.KINDS`) in user and time order, and what
    is put into the basket in each.
    """
    n = u["signup_us"].size
    death = u["signup_us"] + (u["lawful_lifetime_days"] * laws.DAY_US).astype(np.int64)
    clock = laws.visit_clock()
    begin = clock_at(clock, u["habit"], u["signup_us"])
    mean = u["visits_per_day"] * (clock_at(clock, u["habit"], np.minimum(death, laws.END_US)) - begin)
    # Unit-rate arrivals, cut at the mean: a Poisson process. So many that one is missed in < 1e-9 of lives.
    n_drawn = np.ceil(mean + 7.0 * np.sqrt(mean)).astype(np.int64) + 12
    user = np.repeat(np.arange(n), n_drawn)
    total = np.cumsum(_exponential(rng, int(n_drawn.sum())))
    ends = np.cumsum(n_drawn)
    before = np.concatenate([[0.0], total[ends[:-1] - 1]])
    arrival = total - before[user]
    is_kept = arrival < mean[user]
    user, arrival = user[is_kept], arrival[is_kept]
    reading = begin[user] + arrival / u["visits_per_day"][user]
    columns = [(user, clock_instant(clock, u["habit"][user], reading), np.full(user.size, KINDS.base))]

    at_once = np.flatnonzero(rng.random(n) < laws.SIGNUP_VISIT_PROBABILITY)
    columns.append((at_once, u["signup_us"][at_once] + 40_000_000, np.full(at_once.size, KINDS.signup)))

    week = 7 * laws.DAY_US
    extra = np.flatnonzero(
        (rng.random(n) < laws.CHECKOUT_VISIT_PROBABILITY) & (u["signup_us"] >= laws.CHECKOUT_FROM_US)
    )
    next_monday = laws.START_US + ((u["signup_us"][extra] - laws.START_US) // week + 1) * week
    columns.append(
        (extra, next_monday + (rng.random(extra.size) * week).astype(np.int64), np.full(extra.size, KINDS.checkout))
    )

    low, high = laws.CAMPAIGN_VISIT_US
    for c, campaign in enumerate(laws.CAMPAIGNS):
        won = np.flatnonzero((rng.random(n) < u["persuaded"][:, c]) & (u["arm"][:, c] >= 0))
        at = campaign.sent_us + low + (rng.random(won.size) * (high - low)).astype(np.int64)
        columns.append((won, at, np.full(won.size, KINDS.campaign + c)))

    user, start, kind = (np.concatenate(parts).astype(np.int64) for parts in zip(*columns, strict=True))
    is_lived = (start < death[user]) & (start < laws.END_US)
    user, start, kind = user[is_lived], start[is_lived], kind[is_lived]
    order = np.lexsort((kind, start, user))
    user, start, kind = user[order], start[order], kind[order]
    return {"user": user, "start_us": start, "kind": kind, **_intentions(rng, u, user, kind)}


def _intentions(rng: np.random.Generator, u: dict[str, np.ndarray], user: Ints, kind: Ints) -> dict[str, np.ndarray]:
    """Draw for each visit whether there is a search, a basket, a coupon, a purchase, and in which order."""
    size = user.size
    has_search = rng.random(size) < _by_segment("search")[u["segment"]][user]
    has_cart = rng.random(size) < u["cart"][user]
    # The draw is made for campaign visits too, so that the stream does not depend on their number.
    has_coupon = (rng.random(size) < laws.COUPON_PROBABILITY) | (kind >= KINDS.campaign)
    chance = u["buy"][user] * np.where(has_coupon, 1.0, 1.0 - u["sensitivity"][user])
    is_bought = has_cart & (rng.random(size) < chance)
    return {
        "has_search": has_search,
        "has_cart": has_cart,
        "has_coupon": has_coupon,
        "is_bought": is_bought,
        "is_search_first": rng.random(size) < laws.SEARCH_FIRST_PROBABILITY,
    }


def _live_and_die(u: dict[str, np.ndarray], visits: dict[str, np.ndarray], order_effect: float) -> None:
    """Fix each user's lifetime, shortened by the order effect where it was triggered."""
    n = u["signup_us"].size
    is_counted = visits["kind"] < KINDS.campaign
    user, start = visits["user"][is_counted], visits["start_us"][is_counted]
    is_frustrated = (visits["has_search"] & visits["is_search_first"] & visits["has_cart"] & ~visits["is_bought"])[
        is_counted
    ]
    n_bought = np.cumsum(visits["is_bought"][is_counted])[is_frustrated]
    user, start = user[is_frustrated], start[is_frustrated]
    # The second such visit of a user with no purchase since the one before.
    second = np.flatnonzero((user[1:] == user[:-1]) & (n_bought[1:] == n_bought[:-1])) + 1
    trigger = np.full(n, -1, dtype=np.int64)
    hit, where = np.unique(user[second], return_index=True)
    trigger[hit] = start[second[where]]
    u["order_trigger_us"] = trigger
    u["lifetime_days"] = u["lawful_lifetime_days"].copy()
    if order_effect > 1.0 and hit.size:
        mine = {name: u[name][hit] for name in ("segment", "hazard_ratio")}
        age = (trigger[hit] - u["signup_us"][hit]) / laws.DAY_US
        at_trigger = _cumulative_hazard(mine, age)
        left = np.maximum(_cumulative_hazard(mine, u["lawful_lifetime_days"][hit]) - at_trigger, 0.0)
        # Two microseconds later at least, so that rounding cannot undo the triggering visit itself.
        u["lifetime_days"][hit] = np.maximum(_lifetime(mine, at_trigger + left / order_effect), age + 2.0 / laws.DAY_US)


def _surviving(u: dict[str, np.ndarray], visits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    death = u["signup_us"] + (u["lifetime_days"] * laws.DAY_US).astype(np.int64)
    return _kept(visits, visits["start_us"] < death[visits["user"]])


def _kept(visits: dict[str, np.ndarray], mask: Bools) -> dict[str, np.ndarray]:
    return {name: column[mask] for name, column in visits.items()}


def _treated(
    rng: np.random.Generator, u: dict[str, np.ndarray], visits: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Let each campaign act on its treated users; record both potential outcomes and the uplift."""
    shape = u["arm"].shape
    for name in ("retained_if_control", "retained_if_treated"):
        u[name] = np.zeros(shape, dtype=np.bool_)
    u["uplift"] = np.full(shape, np.nan)
    death = u["signup_us"] + (u["lifetime_days"] * laws.DAY_US).astype(np.int64)
    user, start, kind = visits["user"], visits["start_us"], visits["kind"]
    is_happening = np.ones(user.size, dtype=np.bool_)
    low, high = laws.CAMPAIGN_VISIT_US
    for c, campaign in enumerate(laws.CAMPAIGNS):
        arm, until = u["arm"][:, c], campaign.sent_us + laws.CAMPAIGN_WINDOW_US
        is_base = (kind < KINDS.campaign) & (start >= campaign.sent_us) & (start < until)
        is_extra = kind == KINDS.campaign + c
        is_away = rng.random(arm.size) < u["disturbed"]
        has_base, has_extra = np.zeros(arm.size, np.bool_), np.zeros(arm.size, np.bool_)
        has_base[user[is_base]] = True
        has_extra[user[is_extra]] = True
        is_eligible = arm >= 0
        u["retained_if_control"][:, c] = is_eligible & has_base
        u["retained_if_treated"][:, c] = is_eligible & ((has_base & ~is_away) | has_extra)
        is_happening &= ~(is_base & (is_away & (arm == 1))[user])
        is_happening &= ~(is_extra & (arm != 1)[user])

        in_time = np.clip((death - campaign.sent_us - low) / (high - low), 0.0, 1.0)
        silent = exp(-expected_visits(u["habit"], u["visits_per_day"], u["signup_us"], death, campaign.sent_us, until))
        silent_if_treated = (1.0 - u["persuaded"][:, c] * in_time) * (u["disturbed"] + (1.0 - u["disturbed"]) * silent)
        u["uplift"][:, c] = np.where(is_eligible, silent - silent_if_treated, np.nan)
    return _kept(visits, is_happening)
