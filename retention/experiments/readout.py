"""What an experiment was found to do: the result that pages, files and the command line show."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from retention.experiments.spec import ReadSpec

DO_NOT_READ = "do not read"
"""What every comparison says where the groups are not the size that was meant."""
AS_MEASURED = "as measured"
CUPED = "CUPED"
WINSORISED = "winsorised"
BOTH = "CUPED and winsorised"
VIEWS = (AS_MEASURED, CUPED, WINSORISED, BOTH)
"""How one outcome can be read; the verdict rests on the first, the others show whether it hangs on a few units."""
MISMATCH_P = 0.01
"""Below it the sizes of the groups are said not to be those that were meant."""

GROUP_COLUMNS = ("metric", "kind", "group", "n", "total", "value", "low", "high")
EFFECT_COLUMNS = (
    "metric", "kind", "arm", "view", "n_arm", "n_control", "value_arm", "value_control", "difference", "standard_error",
    "statistic", "low", "high", "relative", "relative_low", "relative_high", "p", "p_adjusted", "variance_reduction", "cap",
    "says",
)  # fmt: skip
BREAKDOWN_COLUMNS = ("by", "value", *EFFECT_COLUMNS)
SPREAD_COLUMNS = ("by", "metric", "arm", "n_values", "statistic", "p")
PATH_COLUMNS = (
    "metric", "arm", "day", "n_arm", "n_control", "value_arm", "value_control", "difference", "low", "high", "p", "is_clear"
)  # fmt: skip
COST_COLUMNS = (
    "metric",
    "kind",
    "arm",
    "cost",
    "extra",
    "extra_low",
    "extra_high",
    "cost_per_extra",
    "cost_low",
    "cost_high",
)
STAY_COLUMNS = ("group", "n", "n_lapsed", "mean_stay", "low", "high", "median", "median_low", "median_high")
STAY_EFFECT_COLUMNS = (
    "arm",
    "difference",
    "standard_error",
    "low",
    "high",
    "p",
    "log_rank",
    "log_rank_p",
    "p_adjusted",
    "says",
)


@dataclass(frozen=True, slots=True, eq=False)
class RatioCheck:
    """Whether the groups have the sizes that were meant: the sample-ratio check.

    Attributes
    ----------
    table : DataFrame
        One row a group: group, n, share, expected_n, expected_share.
    statistic, p : float
        Pearson's chi-square against the shares that were meant.
    is_assumed : bool
        Whether nobody said which shares were meant, so that equal ones were assumed.
    """

    table: pd.DataFrame
    statistic: float
    p: float
    is_assumed: bool

    @property
    def is_mismatch(self) -> bool:
        """Whether the sizes are not those that were meant: nothing else is to be read before it is known why."""
        return self.p < MISMATCH_P


@dataclass(frozen=True, slots=True, eq=False)
class Stay:
    """How long the groups stayed.

    Attributes
    ----------
    horizon_days : int
        Days over which the mean stay (restricted mean survival time) is taken.
    groups : DataFrame
        One row a group: see `STAY_COLUMNS`; days.
    effects : DataFrame
        One row an arm against the control: see `STAY_EFFECT_COLUMNS`; the difference of mean stays in days, the log-rank
        statistic with its p-value, its Benjamini–Hochberg p over the arms, and says ("longer", "shorter",
        "cannot tell", "do not read").
    curves : tuple of DataFrame
        In the order of the groups: see `retention.survival.curve.CURVE_COLUMNS`.
    """

    horizon_days: int
    groups: pd.DataFrame
    effects: pd.DataFrame
    curves: tuple[pd.DataFrame, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """An experiment, read.

    Attributes
    ----------
    spec : ReadSpec
    groups : tuple of str
        The control is the first.
    sizes : tuple of int
        Units of each group.
    n_immature : int
        Units whose window has not passed; they are in no figure.
    ratio : RatioCheck
        To be shown before everything else.
    by_group : DataFrame
        One row a metric and group: see `GROUP_COLUMNS`; `value` is the rate or the mean, with its interval (Wilson; t).
    effects : DataFrame
        One row a metric, arm and view, the view "as measured" first: see `EFFECT_COLUMNS`. Difference of the arm to the
        control with its interval; `statistic` is the z of two rates, Welch's t of two means, or of a sequential reading the
        difference in standard errors; `p_adjusted` is Benjamini–Hochberg over the arms and metrics as measured, NaN in the
        other views; `variance_reduction` is the share of the variance that CUPED took out; `cap` is where amounts were
        cut; says "higher", "lower", "cannot tell", or "do not read".
    breakdowns : DataFrame
        One row a breakdown, value, metric and arm: see `BREAKDOWN_COLUMNS`; `p_adjusted` is over all of them.
    spreads : DataFrame
        One row a breakdown, metric and arm: whether the effect differs between the values (Cochran's Q); `SPREAD_COLUMNS`.
    path : DataFrame
        Sequential only, where days are known: one row a metric, arm and day, see `PATH_COLUMNS`, from the first day on which
        there are enough units.
    costs : DataFrame
        Where costs are known: units or money gained against the control in the whole arm and what each cost; see
        `COST_COLUMNS`. `cost_high` is NaN where the interval has "nothing gained" in it: the cost has no upper bound.
    stay : Stay or None
    notes : tuple of str
        What was left out, and why.
    """

    spec: ReadSpec
    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    n_immature: int
    ratio: RatioCheck
    by_group: pd.DataFrame
    effects: pd.DataFrame
    breakdowns: pd.DataFrame
    spreads: pd.DataFrame
    path: pd.DataFrame
    costs: pd.DataFrame
    stay: Stay | None
    notes: tuple[str, ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """The groups that are compared with the control."""
        return self.groups[1:]

    @property
    def control(self) -> str:
        """The group that was left alone."""
        return self.groups[0]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The outcomes, in their order."""
        return tuple(dict.fromkeys(self.by_group["metric"]))

    def as_measured(self) -> pd.DataFrame:
        """Return the comparisons that the verdict rests on: one row a metric and arm."""
        return self.effects[self.effects["view"] == AS_MEASURED].reset_index(drop=True)

    def effect(self, metric: str, arm: str, view: str = AS_MEASURED) -> pd.Series:
        """Return one comparison."""
        found = self.effects
        return found[(found["metric"] == metric) & (found["arm"] == arm) & (found["view"] == view)].iloc[0]
