"""What is known: cohorts by period, as arrays; and how one looks back at them from an earlier date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import SpecError
from retention.forecast.spec import ForecastSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

Floats = NDArray[np.float64]
MIN_HISTORY = 8
"""Complete periods that a forecast needs to look back on."""
MIN_ORIGINS = 4
"""Earlier dates at which it must have been tried."""


@dataclass(frozen=True, slots=True)
class History:
    """Cohorts by period.

    Attributes
    ----------
    first : int
        The first period, of the calendar.
    n : ndarray of float, shape (n_periods, n_periods)
        Users of the cohort of period i who were there in period j ≥ i; n[i, i] is the size of the cohort.
    amount : ndarray of float, shape (n_periods, n_periods)
        Value of their orders.
    is_whole : ndarray of bool, shape (n_periods,)
        Whether nothing of the period is marked missing.
    """

    first: int
    n: Floats
    amount: Floats
    is_whole: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.n)

    def before(self, origin: int) -> History:
        """Return what was known when the period number `origin` began, and nothing later."""
        return History(self.first, self.n[:origin, :origin], self.amount[:origin, :origin], self.is_whole[:origin])

    @property
    def users(self) -> Floats:
        """Users who were there in each period."""
        return self.n.sum(axis=0)

    @property
    def value(self) -> Floats:
        """Value of the orders of each period."""
        return self.amount.sum(axis=0)


def history(cells: pd.DataFrame, spec: ForecastSpec, clock: Clock) -> History:
    """Lay cells out by cohort and period, up to the last complete period.

    Parameters
    ----------
    cells : DataFrame
        cohort, period, n, amount.

    Raises
    ------
    SpecError
        If there are too few complete periods.
    """
    whole_until = clock.whole_until(spec.period)
    what = "activity" if spec.metric == "active users" else "orders"
    first = int(cells["cohort"].min()) if len(cells) else whole_until
    size = max(whole_until - first, 0)
    needed = MIN_HISTORY + MIN_ORIGINS
    if size < needed:
        raise SpecError(
            f"A forecast needs at least {needed} complete {spec.period}s with {what}, not {size}.",
            hint="Choose shorter periods, remove a condition, or import more history.",
        )
    n, amount = np.zeros((size, size)), np.zeros((size, size))
    i, j = cells["cohort"].to_numpy(dtype="int64") - first, cells["period"].to_numpy(dtype="int64") - first
    n[i, j] = cells["n"].to_numpy(dtype=float)
    amount[i, j] = cells["amount"].to_numpy(dtype=float)
    gaps = [clock.touches_gap(first + k, spec.period) for k in range(size)]
    return History(first, n, amount, ~np.array(gaps, dtype=bool))
