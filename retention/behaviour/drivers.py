"""Drivers: for each early behaviour, a table of two by two against being active later, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.behaviour.spec_drivers import DriversSpec
from retention.behaviour.two_by_two import phi, rate_ratio
from retention.cohorts.compare import ALPHA, benjamini_hochberg
from retention.intervals import two_sided_p, wilson

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

COUNT_COLUMNS = ("event", "n", "did_retained", "did_lost", "not_retained", "not_lost")
RATES = {
    "rate_did": ("did_retained", ("did_retained", "did_lost")),
    "rate_not": ("not_retained", ("not_retained", "not_lost")),
    "npv": ("not_lost", ("not_retained", "not_lost")),
    "sensitivity": ("did_retained", ("did_retained", "not_retained")),
    "specificity": ("not_lost", ("did_lost", "not_lost")),
}
"""Each rate as (counted, (of these)). PPV, the retention of those who did it, is `rate_did`."""
MORE, LESS, UNCLEAR, FEW = "goes with more", "goes with less", "cannot tell", "too few"


@dataclass(frozen=True, slots=True)
class Drivers:
    """Which early behaviours go with being active later.

    Attributes
    ----------
    spec : DriversSpec
    clock : Clock
    data_version : int
    n_users, n_retained : int
        Users who count, and those of them who were active in the later window.
    n_open, n_gap : int
        Users left out: their later window has not ended, or touches a gap.
    table : DataFrame
        One row an event and number of times, the strongest first: counts (did_retained, did_lost, not_retained,
        not_lost); rates rate_did (PPV), rate_not, npv, sensitivity, specificity with Wilson bounds (…_low, …_high);
        lift with Koopman's interval; phi with its interval; p (chi-squared), p_adjusted (Benjamini–Hochberg over
        all rows), says ("goes with more", "goes with less", "cannot tell", "too few").
    skipped : DataFrame
        Events and numbers that cannot be compared: event, n, why ("everybody did", "nobody did").
    """

    spec: DriversSpec
    clock: Clock
    data_version: int
    n_users: int
    n_retained: int
    n_open: int
    n_gap: int
    table: pd.DataFrame
    skipped: pd.DataFrame

    @property
    def as_of_us(self) -> int:
        """The watermark."""
        return self.clock.as_of_us

    def cell(self, event: str, n: int) -> tuple[int, int, int, int]:
        """Return one table: did and retained, did and not, did not and retained, neither."""
        row = self.table[(self.table["event"] == event) & (self.table["n"] == n)].iloc[0]
        return tuple(int(row[name]) for name in COUNT_COLUMNS[2:])  # type: ignore[return-value]

    @property
    def best(self) -> pd.DataFrame:
        """For each event, the number of times that goes with being active the most clearly, the strongest first."""
        return self.table.drop_duplicates("event")


def drivers_of(
    counts: pd.DataFrame,
    n_users: int,
    n_retained: int,
    left_out: tuple[int, int],
    spec: DriversSpec,
    clock: Clock,
    data_version: int,
    names: Mapping[int, str],
    min_size: int,
) -> Drivers:
    """Make the tables from small counts: event_key, times (capped at the most one asks for), n_users, n_retained.

    Parameters
    ----------
    min_size : int
        Where fewer users did it, or did not, nothing is said.
    """
    rows, skipped = [], []
    for key, name in sorted(names.items(), key=lambda item: item[1]):
        mine = counts[counts["event_key"] == key]
        for n in range(1, spec.n_most + 1):
            often = mine[mine["times"] >= n]
            did, retained = int(often["n_users"].sum()), int(often["n_retained"].sum())
            if 0 < did < n_users:
                rows.append(
                    (name, n, retained, did - retained, n_retained - retained, n_users - n_retained - did + retained)
                )
            elif n_users:
                skipped.append((name, n, "everybody did" if did else "nobody did"))
    table = pd.DataFrame(rows, columns=list(COUNT_COLUMNS)).astype(dict.fromkeys(COUNT_COLUMNS[1:], int))
    return Drivers(
        spec, clock, data_version, n_users, n_retained, *left_out, _measured(table, min_size),
        pd.DataFrame(skipped, columns=["event", "n", "why"]),
    )  # fmt: skip


def _measured(table: pd.DataFrame, min_size: int) -> pd.DataFrame:
    a, b, c, d = (table[name].to_numpy(dtype=float) for name in COUNT_COLUMNS[2:])
    found = table.copy()
    for name, (counted, of) in RATES.items():
        x, n = table[counted].to_numpy(dtype=float), sum(table[part].to_numpy(dtype=float) for part in of)
        n = np.where(n > 0, n, np.nan)
        low, high = wilson(x, n)
        found = found.assign(**{name: x / n, f"{name}_low": low, f"{name}_high": high})
    lift, lift_low, lift_high = rate_ratio(a, a + b, c, c + d)
    strength, phi_low, phi_high = phi(a, b, c, d)
    p = two_sided_p(a, a + b, c, c + d)
    adjusted = benjamini_hochberg(p) if len(p) else p
    is_clear = adjusted <= ALPHA
    says = np.where(is_clear & (strength > 0), MORE, np.where(is_clear & (strength < 0), LESS, UNCLEAR))
    says = np.where(np.minimum(a + b, c + d) < min_size, FEW, says)
    found = found.assign(
        lift=lift, lift_low=lift_low, lift_high=lift_high, phi=strength, phi_low=phi_low, phi_high=phi_high,
        p=p, p_adjusted=adjusted, says=says,
    )  # fmt: skip
    # What says something first, then the strongest; equals in the order of events and times.
    order = pd.DataFrame(
        {"few": says == FEW, "weak": -np.nan_to_num(np.abs(strength)), "event": table["event"], "n": table["n"]}
    )
    return found.loc[order.sort_values(["few", "weak", "event", "n"], kind="stable").index].reset_index(drop=True)
