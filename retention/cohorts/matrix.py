"""Counts to rates: cells with their state and interval, and the average row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.cohorts.spec import AVERAGES, CohortSpec
from retention.intervals import Z95, wilson
from retention.periods import ELAPSED_DAYS, US_PER_DAY, date_of, first_day, local_day, midnight_us

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

NO_GROUP = -1
"""Stands for a missing value of the breakdown."""
NONE_LABEL = "(none)"
CELL_COLUMNS = (
    "cohort", "group", "age", "to_age", "size", "retained",
    "rate", "low", "high", "state", "complete_on", "touches_gap",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RetentionMatrix:
    """How much of each cohort came back, and when.

    Attributes
    ----------
    spec : CohortSpec
    clock : Clock
    data_version : int
    cells : DataFrame
        One row a cell: cohort (date, the first local day), group (str or None), age, to_age (the same except
        for brackets), size, retained (so far while in progress, missing while future), rate, low, high (NaN
        unless mature; Wilson 95 %), state, complete_on (date), touches_gap.
    average : DataFrame
        One row an age and kind: age, kind, rate, low, high, n_cohorts.
    by_group : DataFrame
        Pooled counts of each group and age over its mature cells: group, age, retained, size, n_effective.
    rows : DataFrame
        One row a cohort and group: size, first and last start (microseconds), until when it was watched.
    """

    spec: CohortSpec
    clock: Clock
    data_version: int
    cells: pd.DataFrame
    average: pd.DataFrame
    by_group: pd.DataFrame
    rows: pd.DataFrame

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    def of(self, cohort: date | str, group: str | None = None) -> pd.DataFrame:
        """Return the cells of one row of the grid."""
        on = date.fromisoformat(cohort) if isinstance(cohort, str) else cohort
        mine = self.cells["cohort"] == on
        mine &= self.cells["group"].isna() if group is None else self.cells["group"] == group
        return self.cells[mine]

    def size(self, cohort: date | str, group: str | None = None) -> int:
        """Return how many users entered a cohort; 0 where nobody did."""
        cells = self.of(cohort, group)
        return int(cells["size"].iloc[0]) if len(cells) else 0

    def retained(self, cohort: date | str, group: str | None = None) -> list[int | None]:
        """Return how many came back at each age; None where the cell is not mature."""
        cells = self.of(cohort, group)
        return [
            int(n) if state == "mature" else None for n, state in zip(cells["retained"], cells["state"], strict=True)
        ]

    def averages(self, kind: str) -> pd.DataFrame:
        """Return one kind of average row."""
        return self.average[self.average["kind"] == kind]


def retention_cells(
    sizes: pd.DataFrame, counts: pd.DataFrame, spec: CohortSpec, clock: Clock, labels: Mapping[int, str]
) -> pd.DataFrame:
    """Lay counts out as cells with their state; the working columns of the averages ride along.

    Parameters
    ----------
    sizes : DataFrame
        cohort, grp, n_users, n_first, first_start_us, last_start_us.
    counts : DataFrame
        cohort, grp, age (of the mark), n_users, n_first.
    labels : mapping of int to str
        Text of each group code.
    """
    sizes = sizes.assign(grp=sizes["grp"].fillna(NO_GROUP).astype("int64")).sort_values(
        ["cohort", "grp"], ignore_index=True
    )
    counts = counts.assign(grp=counts["grp"].fillna(NO_GROUP).astype("int64"))
    ages = np.asarray(spec.shown_ages)
    ends = np.asarray([b for _, b in spec.brackets]) if spec.mode == "bracket" else ages
    all_n, first_n = (_retained(sizes, counts, ages, spec, column) for column in ("n_users", "n_first"))

    n_rows, n_ages = len(sizes), len(ages)
    opens, closes = np.asarray([_window(spec, a, b) for a, b in zip(ages.tolist(), ends.tolist(), strict=True)]).T
    cohorts = sizes["cohort"].to_numpy(dtype=np.int64)
    first_us, last_us = (sizes[c].to_numpy(dtype=np.int64) for c in ("first_start_us", "last_start_us"))
    complete_us = _begins(spec, clock, cohorts, last_us, closes + 1)
    begun_us = _begins(spec, clock, cohorts, first_us, closes)
    gap = np.zeros((n_rows, n_ages), dtype=bool)
    if clock.gaps:
        from_us = _begins(spec, clock, cohorts, first_us, opens)
        to_us = np.maximum(complete_us, clock.as_of_us) if spec.is_open_ended else complete_us
        for start, end in clock.gaps:
            gap |= (start < to_us) & (from_us < end)

    is_mature = complete_us <= clock.as_of_us
    state = np.where(is_mature, "mature", np.where(begun_us < clock.as_of_us, "in_progress", "future"))
    size = np.repeat(sizes["n_users"].to_numpy(dtype=np.int64), n_ages)
    x, flat = all_n.ravel(), state.ravel()
    low, high = wilson(x, size)
    known = flat == "mature"
    on = {int(c): date_of(first_day(int(c), spec.period, clock.week_start)) for c in sizes["cohort"].unique()}
    groups = [None if spec.by is None else labels.get(int(g), NONE_LABEL) for g in sizes["grp"]]
    cells = pd.DataFrame(
        {
            "cohort": np.repeat([on[int(c)] for c in sizes["cohort"]], n_ages),
            "group": np.repeat(np.asarray(groups, dtype=object), n_ages),
            "age": np.tile(ages, n_rows),
            "to_age": np.tile(ends, n_rows),
            "size": size,
            "retained": pd.array(np.where(flat == "future", 0, x), dtype="Int64"),
            "rate": np.where(known, x / size, np.nan),
            "low": np.where(known, low, np.nan),
            "high": np.where(known, high, np.nan),
            "state": flat,
            "complete_on": [_date_of_instant(us, clock.timezone) for us in complete_us.ravel().tolist()],
            "touches_gap": gap.ravel(),
            "cohort_index": np.repeat(sizes["cohort"].to_numpy(dtype=np.int64), n_ages),
            "group_key": np.repeat(sizes["grp"].to_numpy(dtype=np.int64), n_ages),
            "n_first": np.repeat(sizes["n_first"].to_numpy(dtype=np.int64), n_ages),
            "x_first": first_n.ravel(),
            "x": x,
        }
    )
    cells.loc[cells["state"] == "future", "retained"] = pd.NA
    return cells.sort_values(["cohort", "group", "age"], ignore_index=True, kind="stable")


def _retained(sizes: pd.DataFrame, counts: pd.DataFrame, ages: np.ndarray, spec: CohortSpec, column: str) -> np.ndarray:
    """Return retained entries as (n_rows, n_ages): marks at, up to, or from each age on."""
    place = {key: i for i, key in enumerate(zip(sizes["cohort"], sizes["grp"], strict=True))}
    marked = np.zeros((len(sizes), len(ages)), dtype=np.int64)
    # A mark at an age that is not shown: beyond the horizon it counts for the last one, before the first for that.
    column_of = np.clip(np.searchsorted(ages, counts["age"].to_numpy(dtype=np.int64), side="right") - 1, 0, None)
    if spec.mode in ("on", "bracket"):
        is_shown = np.isin(counts["age"].to_numpy(dtype=np.int64), ages)
    else:
        is_shown = np.ones(len(counts), dtype=bool)
    for cohort, grp, n, j, shown in zip(
        counts["cohort"], counts["grp"], counts[column], column_of.tolist(), is_shown.tolist(), strict=True
    ):
        if shown:
            marked[place[(cohort, grp)], j] += int(n)
    if spec.mode in ("on-or-after", "streak"):
        return marked[:, ::-1].cumsum(axis=1)[:, ::-1]
    return marked.cumsum(axis=1) if spec.mode == "on-or-before" else marked


def _window(spec: CohortSpec, age: int, end: int) -> tuple[int, int]:
    """Return the first and last age that a cell looks at."""
    if spec.mode == "on-or-after":
        return (age, age) if spec.is_open_ended else (age, spec.horizon)
    if spec.mode == "on-or-before":
        return 0, age
    if spec.mode == "streak":
        return 1, age
    return age, end


def _begins(spec: CohortSpec, clock: Clock, cohorts: np.ndarray, starts_us: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """Return the instants at which ages begin, (n_rows, n_ages), for calendar cohorts or for single starts."""
    if spec.ages == "elapsed":
        return starts_us[:, None] + ages[None, :] * (ELAPSED_DAYS[spec.period] * US_PER_DAY)
    index = cohorts[:, None] + ages[None, :]
    if not index.size:
        return index
    low = int(index.min())
    edges = np.asarray([clock.start_us(i, spec.period) for i in range(low, int(index.max()) + 1)], dtype=np.int64)
    return edges[index - low]


@lru_cache(maxsize=65_536)
def _date_of_instant(us: int, timezone: str) -> date:
    """Return the first local day that begins at or after an instant."""
    day = local_day(us, timezone)
    return date_of(day if midnight_us(day, timezone) == us else day + 1)


def enters_average(cells: pd.DataFrame) -> pd.Series:
    """Tell which cells an average may use: mature, and touching no gap."""
    return (cells["state"] == "mature") & ~cells["touches_gap"]


def averages(cells: pd.DataFrame, spec: CohortSpec, moments: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the four average rows.

    Parameters
    ----------
    cells : DataFrame
        From `retention_cells`.
    moments : mapping
        For recurring entry, by kind ("pooled", "common cohorts"): age, n_users, n, x, nn, nx, xx.
    """
    usable = cells[enters_average(cells)]
    is_whole = usable.groupby(["cohort_index", "group_key"])["age"].transform("size") == len(spec.shown_ages)
    columns = {False: dict(iter(usable.groupby("age"))), True: dict(iter(usable[is_whole].groupby("age")))}
    none = usable.iloc[:0]
    found = []
    for kind in AVERAGES:
        for age in spec.shown_ages:
            column = columns[kind == "common cohorts"].get(age, none)
            if kind == "deduplicated":
                column = column[column["n_first"] > 0]
            found.append((age, kind, *_average(column, kind, moments, age), len(column)))
    return pd.DataFrame(found, columns=["age", "kind", "rate", "low", "high", "n_cohorts"])


def _average(
    cells: pd.DataFrame, kind: str, moments: Mapping[str, pd.DataFrame], age: int
) -> tuple[float, float, float]:
    if kind == "simple" and len(cells):
        p, n = cells["rate"].to_numpy(), cells["size"].to_numpy()
        half = Z95 * float(np.sqrt((p * (1 - p) / n).sum())) / len(cells)
        rate = float(p.mean())
        return rate, max(rate - half, 0.0), min(rate + half, 1.0)
    deduplicated = kind == "deduplicated"
    n, x = (float(cells[c].to_numpy().sum()) for c in (("n_first", "x_first") if deduplicated else ("size", "x")))
    if n == 0:
        return float("nan"), float("nan"), float("nan")
    effective = n
    if kind in moments:
        effective = effective_size(moments[kind][moments[kind]["age"] == age])
    low, high = wilson(x / n * effective, effective)
    return x / n, float(low), float(high)


def effective_size(moments: pd.DataFrame) -> float:
    """Return the number of independent users that a clustered rate is worth.

    Notes
    -----
    With x_u of n_u entries retained for user u, the ratio p = Σx / Σn has the linearised variance
    Σ(x_u − p n_u)² / (Σn)²; p(1 − p) divided by it is the size of a simple sample as precise. Where every
    user agrees the variance is 0 and the number of users is used.

    References
    ----------
    Korn, E. L. & Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data. Survey Methodology 24.
    """
    if moments.empty:
        return float("nan")
    row = moments.iloc[0]
    n, x = float(row["n"]), float(row["x"])
    p = x / n
    squares = float(row["xx"]) - 2 * p * float(row["nx"]) + p * p * float(row["nn"])
    if squares <= 1e-9 or p in (0.0, 1.0):
        return float(row["n_users"])
    return p * (1 - p) * n * n / squares


def pooled_by_group(cells: pd.DataFrame, moments: pd.DataFrame | None) -> pd.DataFrame:
    """Return the pooled counts of each group and age over the cells that enter averages."""
    used = cells[enters_average(cells)]
    pooled = used.groupby(["group", "group_key", "age"], as_index=False, dropna=False).agg(
        retained=("x", "sum"), size=("size", "sum")
    )
    pooled["n_effective"] = pooled["size"].astype(float)
    if moments is not None and len(pooled):
        sizes = {(int(g), int(a)): effective_size(rows) for (g, a), rows in moments.groupby(["grp", "age"])}
        pooled["n_effective"] = [
            sizes[(int(g), int(a))] for g, a in zip(pooled["group_key"], pooled["age"], strict=True)
        ]
    return pooled


def follow_up(sizes: pd.DataFrame, spec: CohortSpec, clock: Clock, labels: Mapping[int, str]) -> pd.DataFrame:
    """Return one row a cohort and group: size, and the whole days its youngest member has been watched."""
    keys = sizes["grp"].fillna(NO_GROUP).astype("int64")
    return pd.DataFrame(
        {
            "cohort": [date_of(first_day(int(c), spec.period, clock.week_start)) for c in sizes["cohort"]],
            "group": [None if spec.by is None else labels.get(int(g), NONE_LABEL) for g in keys],
            "size": sizes["n_users"].astype("int64"),
            "follow_up_days": (clock.as_of_us - sizes["last_start_us"].astype("int64")) // US_PER_DAY,
        }
    ).sort_values(["cohort", "group"], ignore_index=True)
