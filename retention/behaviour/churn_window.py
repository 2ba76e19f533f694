"""Of those whom a silence of X days calls lapsed: how many came back, for every X at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.behaviour.spec_interval import LONGEST_WINDOW, WindowSpec
from retention.cohorts.matrix import NONE_LABEL
from retention.intervals import wilson

if TYPE_CHECKING:
    from retention.store.catalogue import Clock


@dataclass(frozen=True, slots=True)
class ChurnWindow:
    """The share of false lapses for each window.

    Attributes
    ----------
    spec : WindowSpec
    clock : Clock
    data_version : int
    rows : DataFrame
        One row a group and window, everybody (group None) first: group, days (the window X), n_silences (users whose
        first silence of X days was reached F days before `as_of` or earlier), n_returned (of these, back within F),
        rate, low, high (Wilson 95 %; NaN where nobody can be judged), n_silent_now (users silent for X days or more
        at `as_of`), n_all (users).
    """

    spec: WindowSpec
    clock: Clock
    data_version: int
    rows: pd.DataFrame

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    @property
    def group_names(self) -> list[str]:
        """The groups, the largest first."""
        return [str(g) for g in dict.fromkeys(self.rows["group"].dropna())]

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the windows of one group; None is everybody."""
        mine = self.rows["group"].isna() if group is None else self.rows["group"] == group
        return self.rows[mine]

    def row(self, days: int, group: str | None = None) -> pd.Series:
        """Return one window."""
        mine = self.of(group)
        return mine[mine["days"] == days].iloc[0]

    def suggested(self, accepted_rate: float, group: str | None = None) -> int | None:
        """Return the shortest window whose share of false lapses is at most `accepted_rate`, its interval included."""
        mine = self.of(group)
        fits = mine.loc[mine["high"] <= accepted_rate, "days"]
        return int(fits.iloc[0]) if len(fits) else None

    def longest_known(self, group: str | None = None) -> int | None:
        """Return the longest window for which some silence can be judged."""
        mine = self.of(group)
        known = mine.loc[mine["n_silences"] > 0, "days"]
        return int(known.iloc[-1]) if len(known) else None


def window_of_counts(
    ranges: pd.DataFrame,
    silences: pd.DataFrame,
    spec: WindowSpec,
    clock: Clock,
    data_version: int,
    labels: Mapping[int, str],
) -> ChurnWindow:
    """Add up silences over every window.

    Parameters
    ----------
    ranges : DataFrame
        grp, low, high, back_low, n_users: silences that are the first of the windows low..high, those from
        back_low on with a return within the follow-up.
    silences : DataFrame
        grp, silent_days, n_users: the silences that go on at `as_of`, everybody once.
    """
    groups: list[tuple[str | None, pd.DataFrame, pd.DataFrame]] = [(None, ranges, silences)]
    if spec.by is not None:
        sizes = silences.groupby("grp", dropna=False)["n_users"].sum()
        names = {key: NONE_LABEL if pd.isna(key) else labels.get(int(key), str(int(key))) for key in sizes.index}
        for key, _ in sorted(sizes.items(), key=lambda item: (-item[1], names[item[0]])):
            mine, now = (f[f["grp"].isna() if pd.isna(key) else f["grp"] == key] for f in (ranges, silences))
            groups.append((names[key], mine, now))
    rows = pd.concat([_windows(name, mine, now) for name, mine, now in groups], ignore_index=True)
    rows["group"] = rows["group"].where(rows["group"].notna(), None)
    rows["low"], rows["high"] = wilson(rows["n_returned"], rows["n_silences"])
    return ChurnWindow(spec, clock, data_version, rows)


def _windows(group: str | None, ranges: pd.DataFrame, silences: pd.DataFrame) -> pd.DataFrame:
    n = ranges["n_users"].to_numpy(dtype=np.int64)
    low, high, back = (ranges[name].to_numpy(dtype=np.int64) for name in ("low", "high", "back_low"))
    n_silences = _covered(low, high, n)
    is_back = back <= high
    n_returned = _covered(back[is_back], high[is_back], n[is_back])
    now = np.bincount(
        np.clip(silences["silent_days"].to_numpy(dtype=np.int64), 0, LONGEST_WINDOW),
        weights=silences["n_users"].to_numpy(dtype=float),
        minlength=LONGEST_WINDOW + 1,
    )
    return pd.DataFrame(
        {
            "group": pd.Series([group] * LONGEST_WINDOW, dtype=object),
            "days": np.arange(1, LONGEST_WINDOW + 1),
            "n_silences": n_silences,
            "n_returned": n_returned,
            "rate": np.divide(
                n_returned, n_silences, out=np.full(LONGEST_WINDOW, np.nan), where=n_silences > 0, dtype=float
            ),
            "n_silent_now": now[::-1].cumsum()[::-1][1:].astype(np.int64),
            "n_all": int(silences["n_users"].sum()),
        }
    )


def _covered(first: np.ndarray, last: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Count for each window 1..180 the ranges that hold it: up where one begins, down behind its end."""
    steps = np.zeros(LONGEST_WINDOW + 2, dtype=np.int64)
    np.add.at(steps, first, n)
    np.add.at(steps, last + 1, -n)
    return steps.cumsum()[1:-1]
