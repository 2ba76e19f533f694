"""Sums of money to revenue over time, revenue retention and values per customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.cohorts.matrix import NO_GROUP, NONE_LABEL
from retention.intervals import Z95, Floats
from retention.lifecycle.spec_revenue import VALUE_DAYS, RevenueSpec
from retention.periods import Period, date_of, first_day

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

MEASURES = ("nrr", "grr")
_MOMENTS = ("now", "kept", "yy", "xy", "kk", "kx", "xx", "ff", "fx", "floor")


@dataclass(frozen=True, slots=True)
class RevenueOverTime:
    """What came in, period by period.

    Attributes
    ----------
    spec : RevenueSpec
    clock : Clock
    data_version : int
    periods : DataFrame
        One row a period and group: on (date, the first local day), group (str or None), n_orders, n_buyers,
        n_first (buyers whose first order it was), gross, refunded (booked on the day of the order), unbooked (the
        part of it without an order), net, of_first (revenue of the spec's kind from customers whose first period it
        was), order_value (revenue of the spec's kind per order), state ("complete" or "in_progress"), touches_gap.
        Periods between the first order and the watermark without
        one hold zeros: nothing was ordered.
    """

    spec: RevenueSpec
    clock: Clock
    data_version: int
    periods: pd.DataFrame

    @property
    def is_empty(self) -> bool:
        """Whether nobody who is looked at has ever ordered."""
        return self.periods.empty


@dataclass(frozen=True, slots=True)
class RevenueGrid:
    """What cohorts of first orders spend at each age, and how that compares with their first period.

    Attributes
    ----------
    spec : RevenueSpec
    clock : Clock
    data_version : int
    cells : DataFrame
        One row a cell: cohort (date), group, age, size (customers), buyers, revenue (so far while in progress, NaN
        while future), nrr, grr, value (cumulative revenue per customer) and their intervals nrr_low, nrr_high,
        grr_low, grr_high (NaN unless mature), state, complete_on, touches_gap (the period or the cohort's first one),
        value_touches_gap (any period up to the age).
    pooled : DataFrame
        One row a group, age and measure ("nrr", "grr", "value"): rate, low, high, n_users, n_cohorts, over mature
        cells that touch no gap.
    """

    spec: RevenueSpec
    clock: Clock
    data_version: int
    cells: pd.DataFrame
    pooled: pd.DataFrame

    def of(self, measure: str, group: str | None = None) -> pd.DataFrame:
        """Return the pooled row of a measure, of everybody or of a group."""
        mine = self.pooled[self.pooled["measure"] == measure]
        return mine[mine["group"].isna() if group is None else mine["group"] == group]


@dataclass(frozen=True, slots=True)
class ValuePerUser:
    """What a customer brings in the first N days.

    Attributes
    ----------
    spec : RevenueSpec
    clock : Clock
    data_version : int
    rows : DataFrame
        One row a cohort, group and N: cohort, group, days, n_users, value, low, high (NaN unless mature), state
        ("mature" or "in_progress"), complete_on, touches_gap.
    pooled : DataFrame
        One row a group and N: group, days, n_users, n_cohorts, value, low, high, over mature cohorts without a gap.
    """

    spec: RevenueSpec
    clock: Clock
    data_version: int
    rows: pd.DataFrame
    pooled: pd.DataFrame


def groups_of(keys: pd.Series, by: str | None, labels: Mapping[int, str]) -> list[str | None]:
    """Return what the codes of groups are called."""
    return [None if by is None else labels.get(int(key), NONE_LABEL) for key in keys]


def with_group_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a missing group as a code of its own."""
    return frame.assign(grp=frame["grp"].fillna(NO_GROUP).astype("int64"))


def dates_of(indexes: pd.Series | np.ndarray, period: Period, clock: Clock) -> list[date]:
    """Return the first local days of periods."""
    known = {int(i): date_of(first_day(int(i), period, clock.week_start)) for i in np.unique(indexes)}
    return [known[int(i)] for i in indexes]


def revenue_periods(frame: pd.DataFrame, spec: RevenueSpec, clock: Clock, labels: Mapping[int, str]) -> pd.DataFrame:
    """Lay sums by period out without holes.

    Parameters
    ----------
    frame : DataFrame
        From `query_revenue.revenue_by_period`.
    """
    frame = with_group_keys(frame)
    money = ["gross", "refunded", "unbooked", "gross_of_first", "refunded_of_first"]
    counts = ["n_orders", "n_buyers", "n_first"]
    if len(frame):
        last = clock.whole_until(spec.period)
        last = last if clock.start_us(last, spec.period) < clock.as_of_us else last - 1
        index = pd.MultiIndex.from_product(
            [
                range(int(frame["period"].min()), max(last, int(frame["period"].max())) + 1),
                sorted(frame["grp"].unique()),
            ],
            names=["period", "grp"],
        )
        frame = frame.set_index(["period", "grp"]).reindex(index, fill_value=0).reset_index()
    found = frame[[*counts, *money]].astype(dict.fromkeys(counts, "int64") | dict.fromkeys(money, "float64"))
    found.insert(0, "on", pd.Series(dates_of(frame["period"], spec.period, clock), dtype=object))
    found.insert(1, "group", pd.Series(groups_of(frame["grp"], spec.by, labels), dtype=object))
    found["net"] = found["gross"] - found["refunded"]
    found["of_first"] = found["gross_of_first"] - (found["refunded_of_first"] if spec.kind == "net" else 0)
    found = found.drop(columns=["gross_of_first", "refunded_of_first"])
    amount = found[spec.kind].where(found["n_orders"] > 0)
    found["order_value"] = amount / found["n_orders"].where(found["n_orders"] > 0)
    whole = clock.whole_until(spec.period)
    found["state"] = np.where(frame["period"].to_numpy() < whole, "complete", "in_progress")
    gap = {int(i): clock.touches_gap(int(i), spec.period) for i in frame["period"].unique()}
    found["touches_gap"] = [gap[int(i)] for i in frame["period"]]
    return found


def ratio_interval(
    n: Floats, x: Floats, y: Floats, xx: Floats, xy: Floats, yy: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return each ratio ``Σy / Σx`` over users with its 95 % interval.

    Parameters
    ----------
    n : ndarray, shape (m,)
        Users behind each ratio.
    x, y, xx, xy, yy : ndarray, shape (m,)
        Sums over those users of x, y, x², xy and y².

    Returns
    -------
    rate, low, high : ndarray, shape (m,)
        NaN where Σx is not above 0; no interval for a single user.

    Notes
    -----
    The delta method with users as units: R = Σy / Σx has the linearised variance
    n / (n − 1) · (Σy² − 2R Σxy + R² Σx²) / (Σx)². A few customers who spend very much make it optimistic.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., chapter 6 (ratio estimators).
    Deng, A., Knoblich, U. & Lu, J. (2018). Applying the delta method in metric analytics. KDD '18.

    Examples
    --------
    Four users, who spent 10, 20, 30, 40 then and half of that now: the ratio is the same for each, so it is certain.

    >>> one = lambda v: np.asarray([float(v)])
    >>> [round(float(v[0]), 6) for v in ratio_interval(one(4), one(100), one(50), one(3000), one(1500), one(750))]
    [0.5, 0.5, 0.5]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(x > 0, y / x, np.nan)
        squares = np.maximum(yy - 2 * rate * xy + rate**2 * xx, 0)
        # What is left of equal terms is rounding, not variance.
        squares = np.where(squares < 1e-12 * (yy + rate**2 * xx), 0.0, squares)
        half = np.where(n > 1, Z95 * np.sqrt(n / (n - 1) * squares) / x, np.nan)
    return rate, rate - half, rate + half


def mean_interval(n: Floats, v: Floats, vv: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each mean over users with its 95 % interval, from sums and sums of squares.

    Notes
    -----
    Normal approximation, mean ± 1.96 · s / √n; no interval for a single user. Amounts are skewed, so with few
    customers the true coverage is below 95 %: cohorts below the store's minimum are greyed.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.15 (confidence limits under skewness).

    Examples
    --------
    >>> one = lambda v: np.asarray([float(v)])
    >>> [round(float(v[0]), 3) for v in mean_interval(one(4), one(20), one(120))]  # 2, 4, 6, 8
    [5.0, 2.47, 7.53]
    """
    return ratio_interval(n, n.astype(float), v, n.astype(float), v, vv)


def revenue_cells(
    frame: pd.DataFrame, spec: RevenueSpec, clock: Clock, labels: Mapping[int, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay sums by cohort and age out as cells, and pool them.

    Parameters
    ----------
    frame : DataFrame
        From `query_duckdb_revenue.revenue_cells`.

    Returns
    -------
    cells, pooled : DataFrame
        As `RevenueGrid` has them.
    """
    frame = with_group_keys(frame)
    firsts = frame[frame["age"] == 0]
    names = dict(zip(firsts["grp"].tolist(), groups_of(firsts["grp"], spec.by, labels), strict=True))
    keys = sorted(
        zip(firsts["cohort"].tolist(), firsts["grp"].tolist(), strict=True), key=lambda k: (k[0], str(names[k[1]]))
    )
    row_of = {key: i for i, key in enumerate(keys)}
    shape = (len(keys), spec.horizon + 1)
    rows = [row_of[key] for key in zip(frame["cohort"].tolist(), frame["grp"].tolist(), strict=True)]
    sums: dict[str, Floats] = {}
    for name in ("n_rows", "n_buyers", *_MOMENTS):
        sums[name] = np.zeros(shape)
        sums[name][rows, frame["age"].to_numpy(dtype="int64")] = frame[name].to_numpy(dtype=float)
    of_first = {
        name: np.broadcast_to(sums[name][:, :1], shape) for name in ("n_rows", "now", "floor", "xx", "ff", "fx")
    }
    # Those who have no row at an age kept no more than the floor.
    sums |= {
        "size": of_first["n_rows"], "then": of_first["now"], "xx": of_first["xx"], "kept": sums["kept"] + of_first["floor"],
        "kk": sums["kk"] + of_first["ff"], "kx": sums["kx"] + of_first["fx"], "total": sums["now"].cumsum(axis=1),
    }  # fmt: skip
    cohorts = np.asarray([cohort for cohort, _ in keys], dtype="int64")
    period = cohorts[:, None] + np.arange(shape[1])
    state, complete_on = _states(period.ravel(), spec.period, clock)
    state = state.reshape(shape)
    gap = {int(i): clock.touches_gap(int(i), spec.period) for i in np.unique(period)} if clock.gaps else {}
    own_gap = np.asarray([gap.get(int(i), False) for i in period.ravel()], dtype=bool).reshape(shape)
    gaps = {
        "touches_gap": own_gap | own_gap[:, :1],
        "value_touches_gap": np.logical_or.accumulate(own_gap, axis=1),
    }
    cells = _shown(sums, state, gaps)
    on = {int(i): day for i, day in zip(cohorts, dates_of(cohorts, spec.period, clock), strict=True)}
    cells.insert(0, "cohort", pd.Series([on[int(c)] for c in np.repeat(cohorts, shape[1])], dtype=object))
    groups = [names[grp] for _, grp in keys]
    cells.insert(1, "group", pd.Series([group for group in groups for _ in range(shape[1])], dtype=object))
    cells.insert(2, "age", np.tile(np.arange(shape[1]), shape[0]))
    cells.insert(cells.columns.get_loc("touches_gap"), "complete_on", pd.Series(complete_on, dtype=object))
    return cells, _pooled(sums, state == "mature", gaps, groups)


def _states(period: np.ndarray, width: Period, clock: Clock) -> tuple[np.ndarray, list[date]]:
    whole = clock.whole_until(width)
    has_begun = clock.start_us(whole, width) < clock.as_of_us
    is_running = (period == whole) & has_begun
    state = np.where(period < whole, "mature", np.where(is_running, "in_progress", "future"))
    return state, dates_of(period + 1, width, clock)


def _ratios(sums: Mapping[str, Floats]) -> dict[str, tuple[Floats, Floats, Floats]]:
    n, x, xx = sums["size"], sums["then"], sums["xx"]
    nrr = ratio_interval(n, x, sums["now"], xx, sums["xy"], sums["yy"])
    rate, low, high = ratio_interval(n, x, sums["kept"], xx, sums["kx"], sums["kk"])
    # min(now, then) is never above then, so only rounding could lift the ratio, or the interval, above 1.
    return {"nrr": nrr, "grr": (np.minimum(rate, 1.0), low, np.minimum(high, 1.0))}


def _shown(sums: Mapping[str, Floats], state: np.ndarray, gaps: Mapping[str, np.ndarray]) -> pd.DataFrame:
    is_known, is_future = state == "mature", (state == "future").ravel()
    columns: dict[str, object] = {
        "size": sums["size"].ravel().astype("int64"),
        "buyers": pd.arrays.IntegerArray(sums["n_buyers"].ravel().astype("int64"), is_future),
        "revenue": np.where(is_future, np.nan, sums["now"].ravel()),
        "value": np.where(is_known, sums["total"] / np.maximum(sums["size"], 1), np.nan).ravel(),
    }
    for name, (rate, low, high) in _ratios(sums).items():
        for column, numbers in ((name, rate), (f"{name}_low", low), (f"{name}_high", high)):
            columns[column] = np.where(is_known, numbers, np.nan).ravel()
    return pd.DataFrame({**columns, "state": state.ravel(), **{name: gap.ravel() for name, gap in gaps.items()}})


def _pooled(
    sums: Mapping[str, Floats], is_mature: np.ndarray, gaps: Mapping[str, np.ndarray], groups: list[str | None]
) -> pd.DataFrame:
    names = sorted(set(groups), key=str)
    group_of = np.asarray([names.index(group) for group in groups], dtype="int64")
    n_ages = is_mature.shape[1]
    parts = []
    for gap, measures in (("touches_gap", ("nrr", "grr")), ("value_touches_gap", ("value",))):
        is_used = is_mature & ~gaps[gap]
        pooled = {}
        for name in ("size", "then", "xx", "now", "yy", "xy", "kept", "kk", "kx", "total"):
            pooled[name] = np.zeros((len(names), n_ages))
            np.add.at(pooled[name], group_of, np.where(is_used, sums[name], 0.0))
        n_cohorts = np.zeros((len(names), n_ages), dtype="int64")
        np.add.at(n_cohorts, group_of, is_used.astype("int64"))
        rates = _ratios(pooled)
        nothing = np.full(n_cohorts.shape, np.nan)
        rates["value"] = (pooled["total"] / np.maximum(pooled["size"], 1), nothing, nothing)
        at, age = np.nonzero(n_cohorts)
        for measure in measures:
            rate, low, high = rates[measure]
            parts.append(
                pd.DataFrame(
                    {
                        "group": pd.Series([names[i] for i in at], dtype=object), "age": age, "measure": measure,
                        "rate": rate[at, age], "low": low[at, age], "high": high[at, age],
                        "n_users": pooled["size"][at, age].astype("int64"), "n_cohorts": n_cohorts[at, age],
                    }
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def value_rows(
    frame: pd.DataFrame, spec: RevenueSpec, clock: Clock, labels: Mapping[int, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay N-day values out by cohort, and pool them.

    Parameters
    ----------
    frame : DataFrame
        From `query_duckdb_revenue.values`.

    Returns
    -------
    rows, pooled : DataFrame
        As `ValuePerUser` has them.

    Notes
    -----
    A cohort is mature at N when the N-th day of its last possible member has ended: its period must be over, too.
    """
    frame = with_group_keys(frame).sort_values(["cohort", "grp"], ignore_index=True)
    opens = np.asarray([first_day(int(c), spec.period, clock.week_start) for c in frame["cohort"]], dtype="int64")
    closes = np.asarray([first_day(int(c) + 1, spec.period, clock.week_start) for c in frame["cohort"]], dtype="int64")
    group = pd.Series(groups_of(frame["grp"], spec.by, labels), dtype=object)
    parts = []
    for n in VALUE_DAYS:
        ends = closes - 1 + n  # the first day after the window of the last member
        is_mature = ends <= clock.as_of_day
        gap = [
            clock.has_gap(clock.start_us(int(a), "day"), clock.start_us(int(b), "day"))
            for a, b in zip(opens, ends, strict=True)
        ]
        parts.append(
            pd.DataFrame(
                {
                    "cohort": pd.Series([date_of(int(a)) for a in opens], dtype=object),
                    "group": group,
                    "days": n,
                    "n_users": frame["n_users"].astype("int64"),
                    "sum": frame[f"v{n}"].astype(float),
                    "squares": frame[f"s{n}"].astype(float),
                    "state": np.where(is_mature, "mature", "in_progress"),
                    "complete_on": pd.Series([date_of(int(b)) for b in ends], dtype=object),
                    "touches_gap": np.asarray(gap, dtype=bool),
                }
            )
        )
    rows = pd.concat(parts, ignore_index=True)
    used = rows[(rows["state"] == "mature") & ~rows["touches_gap"]]
    by = used.groupby(["group", "days"], dropna=False, sort=True)
    pooled = by[["n_users", "sum", "squares"]].sum().assign(n_cohorts=by.size()).reset_index()
    pooled["group"] = pooled["group"].astype(object).where(pooled["group"].notna(), None)
    columns = ["value", "low", "high"]
    rows[columns] = np.column_stack(
        mean_interval(*(rows[c].to_numpy(dtype=float) for c in ("n_users", "sum", "squares")))
    )
    rows.loc[rows["state"] != "mature", columns] = np.nan
    pooled[columns] = np.column_stack(
        mean_interval(*(pooled[c].to_numpy(dtype=float) for c in ("n_users", "sum", "squares")))
    )
    order = ["cohort", "group", "days", "n_users", *columns, "state", "complete_on", "touches_gap"]
    rows = rows[order].sort_values(["cohort", "group", "days"], ignore_index=True, kind="stable")
    return rows, pooled[["group", "days", "n_users", "n_cohorts", *columns]]
