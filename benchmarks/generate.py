"""A log as a shop would export it: a long tail of users, decaying activity, one year, in order of time."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

FIRST_DAY = 20_089
"""2025-01-01, a Wednesday: a year then touches 53 weeks that begin on Monday."""
N_DAYS = 365
"""The log holds all days but the last; the last is a file of its own, to be appended."""
US_PER_DAY = 86_400_000_000
EVENTS_A_USER = 50
EVENTS_A_USER_DAY = 8
N_ITEMS = 5_000
COLUMNS = ("user_id", "occurred_at", "event", "value", "item", "country", "channel")
EVENTS = (
    ("visit", 0.26), ("view_item", 0.31), ("search", 0.11), ("login", 0.06), ("open_email", 0.03), ("share", 0.01),
    ("add_to_cart", 0.08), ("remove_from_cart", 0.02), ("wishlist", 0.03), ("checkout", 0.045), ("purchase", 0.038),
    ("review", 0.007),
)  # fmt: skip
WITH_ITEM = ("view_item", "add_to_cart", "remove_from_cart", "wishlist", "purchase", "review")
COUNTRIES = (
    ("Germany", 0.22), ("France", 0.16), ("United Kingdom", 0.14), ("Spain", 0.1), ("Italy", 0.09), ("Poland", 0.07),
    ("Netherlands", 0.06), ("Sweden", 0.05), ("Austria", 0.04), ("Portugal", 0.03), ("Ireland", 0.025),
    ("Malta", 0.015),
)  # fmt: skip
CHANNELS = (("search", 0.3), ("direct", 0.25), ("social", 0.18), ("email", 0.12), ("display", 0.1), ("partner", 0.05))

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Log:
    """A log on disk.

    Attributes
    ----------
    folder : Path
        Where everything made from it is kept, too.
    n_asked : int
        Events asked for; what came out is within one per cent of it.
    n_events, n_users : int
        Rows and users of `csv`.
    n_day : int
        Rows of `day`.
    """

    folder: Path
    n_asked: int
    n_events: int
    n_users: int
    n_day: int

    @property
    def csv(self) -> Path:
        """The log up to the last day."""
        return self.folder / "log.csv"

    @property
    def day(self) -> Path:
        """The last day."""
        return self.folder / "day.csv"


def data_folder() -> Path:
    """Return where logs are kept between runs."""
    chosen = os.environ.get("RETENTION_BENCH_DATA")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / "retention-benchmarks"


def event_log(n_events: int, seed: int = 1) -> Log:
    """Return a log of about `n_events` events, writing it the first time.

    Notes
    -----
    Days are drawn one after another, so the file is in order of time and memory holds one day and one number
    or two a user. The same arguments give the same bytes on every machine with the same numpy.
    """
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    folder = data_folder() / f"{n_events}-{seed}-{code}"
    about = folder / "log.json"
    if not about.exists():
        folder.mkdir(parents=True, exist_ok=True)
        found = _Shop(n_events, seed).write(folder)
        fresh = about.with_suffix(".new")
        fresh.write_text(json.dumps(found), encoding="utf-8")
        fresh.replace(about)
    return Log(folder, n_events, **json.loads(about.read_text(encoding="utf-8")))


def _weights(named: tuple[tuple[str, float], ...]) -> Floats:
    weights = np.asarray([w for _, w in named])
    return np.asarray(weights / weights.sum())


def _names(named: tuple[tuple[str, float], ...]) -> pa.Array:
    return pa.array([name for name, _ in named], pa.string())


class _Shop:
    """Users with a day of arrival and a habit, day after day."""

    def __init__(self, n_events: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.n_users = max(100, n_events // EVENTS_A_USER)
        day = np.arange(N_DAYS)
        # The shop grows by half over the year, is busier at week-ends and before Christmas.
        self.busy = (1 + 0.2 * np.isin((day + 2) % 7, (5, 6))) * (1 + 0.5 * np.exp(-(((day - 340) / 15) ** 2)))
        arrival = (1 + 0.5 * day / N_DAYS) * self.busy
        self.arrived = np.sort(self.random.choice(N_DAYS, self.n_users, p=arrival / arrival.sum())).astype(np.int16)
        # A long tail: most users come once or twice, a few nearly every day.
        self.habit = self.random.lognormal(0, 1.4, self.n_users)
        self.country = self.random.choice(len(COUNTRIES), self.n_users, p=_weights(COUNTRIES)).astype(np.int8)
        # The user's number times an odd constant, modulo 2^32: unique, and in no order.
        number = (np.arange(self.n_users, dtype=np.uint64) * np.uint64(2_654_435_761)) & np.uint64(0xFFFF_FFFF)
        self.ids = pa.array([f"u{n:08x}" for n in number.tolist()], pa.string())
        self.items = pa.array([f"sku-{n:05d}" for n in range(N_ITEMS)], pa.string())
        self.prices = np.round(np.exp(self.random.normal(3, 0.8, N_ITEMS)), 2)
        popularity = 1 / (np.arange(N_ITEMS) + 10.0)
        self.popular = np.cumsum(popularity / popularity.sum())
        self.scale = self._scale(n_events / EVENTS_A_USER_DAY / self.n_users - 1)

    def _chance(self, day: int, users: slice, scale: float) -> Floats:
        age = day - self.arrived[users].astype(np.int64)
        decay = (1 + np.maximum(age, 0) / 5) ** -0.9
        return np.asarray(np.minimum(0.85, scale * self.busy[day] * self.habit[users] * decay) * (age > 0))

    def _scale(self, wanted: float) -> float:
        """Find how likely a return must be for `wanted` active days a user beside the first."""
        every = slice(None, None, max(1, self.n_users // 2_000))
        low, high = 0.0, 5.0
        for _ in range(25):
            middle = (low + high) / 2
            days = sum(self._chance(day, every, middle).sum() for day in range(N_DAYS))
            low, high = (middle, high) if days / len(self.arrived[every]) < wanted else (low, middle)
        return low

    def write(self, folder: Path) -> dict[str, int]:
        """Write both files and say what is in them."""
        n_events = 0
        log = folder / "log.csv"
        plain = pacsv.WriteOptions(quoting_style="needed")
        with pacsv.CSVWriter(log, self._schema(), write_options=plain) as out:
            for day in range(N_DAYS - 1):
                rows = self._day(day)
                n_events += rows.num_rows
                out.write_table(rows)
        last = self._day(N_DAYS - 1)
        pacsv.write_csv(last, folder / "day.csv", plain)
        n_users = int((self.arrived < N_DAYS - 1).sum())
        return {"n_events": n_events, "n_users": n_users, "n_day": last.num_rows}

    @staticmethod
    def _schema() -> pa.Schema:
        types = (pa.string(), pa.timestamp("ms"), pa.string(), pa.float64(), pa.string(), pa.string(), pa.string())
        return pa.schema(list(zip(COLUMNS, types, strict=True)))

    def _day(self, day: int) -> pa.Table:
        """Draw the events of one day, in order of time."""
        known = slice(0, int(np.searchsorted(self.arrived, day, side="right")))
        comes = (self.random.random(known.stop) < self._chance(day, known, self.scale)) | (self.arrived[known] == day)
        users = np.flatnonzero(comes)
        n_of_user = self.random.geometric(1 / EVENTS_A_USER_DAY, len(users))
        # Two sittings in three begin in the evening; a minute or so passes between two events.
        evening = self.random.random(len(users)) < 0.65
        hour = np.clip(self.random.normal(np.where(evening, 20, 12), np.where(evening, 1.5, 2.5)), 0, 23)
        user = np.repeat(np.arange(len(users)), n_of_user)
        start = np.cumsum(n_of_user) - n_of_user
        pause = np.cumsum(self.random.exponential(40, len(user)))
        seconds = hour[user] * 3600 + pause - pause[start][user]
        ms = np.minimum((seconds * 1000).astype(np.int64), US_PER_DAY // 1000 - 1)
        channel = self.random.choice(len(CHANNELS), len(users), p=_weights(CHANNELS))
        order = np.argsort(ms, kind="stable")
        user, ms = user[order], ms[order]
        event = self.random.choice(len(EVENTS), len(user), p=_weights(EVENTS))
        item = np.minimum(np.searchsorted(self.popular, self.random.random(len(user))), N_ITEMS - 1)
        has_item = np.isin(event, [i for i, (name, _) in enumerate(EVENTS) if name in WITH_ITEM])
        is_sale = event == [name for name, _ in EVENTS].index("purchase")
        value = np.round(self.prices[item] * self.random.integers(1, 4, len(user)), 2)
        columns = [
            self.ids.take(pa.array(users[user])),
            pa.array((FIRST_DAY + day) * (US_PER_DAY // 1000) + ms, pa.timestamp("ms")),
            _names(EVENTS).take(pa.array(event)),
            pa.array(value, mask=~is_sale),
            self.items.take(pa.array(item, mask=~has_item)),
            _names(COUNTRIES).take(pa.array(self.country[users[user]])),
            _names(CHANNELS).take(pa.array(channel[user])),
        ]
        return pa.table(columns, schema=self._schema())
