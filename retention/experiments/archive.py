"""What was learned from past experiments, and where plans for new ones start from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isnan, nan

import numpy as np
import pandas as pd

from retention.errors import SpecError
from retention.experiments.experiment import Experiment, net_revenue
from retention.experiments.readout import DO_NOT_READ
from retention.experiments.spec_store import BaselineSpec
from retention.intervals import wilson

MAX_LEARNED = 500


@dataclass(frozen=True, slots=True)
class Learned:
    """What an arm of a campaign was found to change, as it was kept.

    Attributes
    ----------
    campaign_id : int
        Less than 0 of a campaign that came in as events.
    campaign : str
    arm_key : int
        Place of the arm among the groups; the control is 0.
    arm, intervention, metric : str
    window_days : int
    effect, standard_error, low, high : float
        Difference to the control, with its interval.
    method : str
    n_arm, n_control : int
    rate_arm, rate_control : float
    cost_per_kept : float
        NaN where no costs are known, or nothing was gained.
    verdict, learned : str
    as_of_us, made_us : int
    """

    campaign_id: int
    campaign: str
    arm_key: int
    arm: str
    intervention: str
    metric: str
    window_days: int
    effect: float
    standard_error: float
    low: float
    high: float
    method: str
    n_arm: int
    n_control: int
    rate_arm: float
    rate_control: float
    cost_per_kept: float
    verdict: str
    learned: str
    as_of_us: int
    made_us: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """What users did without a campaign.

    Attributes
    ----------
    spec : BaselineSpec
    definition : str
        Whose users they are; empty for everybody who was active in the look-back.
    n_users, n_retained : int
        Users who were followed; those who came back within the window.
    rate, low, high : float
        Their share, with its Wilson 95 % interval.
    revenue, spread : float
        Net revenue a user within the window, and its standard deviation from user to user; NaN where nothing is sold.
    first_on, last_on : date
        The window: from, to (exclusive).
    """

    spec: BaselineSpec
    definition: str
    n_users: int
    n_retained: int
    rate: float
    low: float
    high: float
    revenue: float
    spread: float
    first_on: date
    last_on: date


def baseline_of(
    spec: BaselineSpec, n_users: int, n_retained: int, whole: pd.DataFrame | None, ends: pd.DataFrame | None,
    definition: str, *, first_on: date, last_on: date,
) -> Baseline:  # fmt: skip
    """Work the starting point of a plan out.

    Parameters
    ----------
    whole, ends : DataFrame or None
        Of `query_outcomes.money` and `money_at_the_ends`; None where nothing is sold.
    """
    low, high = (float(end) for end in wilson(n_retained, n_users))
    revenue = spread = nan
    if whole is not None and ends is not None:
        keys = np.union1d(whole["user_key"], ends["user_key"]).astype(np.int64)
        net = net_revenue(keys, whole, ends)
        # Whoever has no row spent nothing.
        revenue = float(net.sum()) / n_users
        square = float((net**2).sum()) - n_users * revenue**2
        spread = float(np.sqrt(max(square, 0.0) / (n_users - 1))) if n_users > 1 else nan
    return Baseline(
        spec, definition, n_users, n_retained, n_retained / n_users, low, high, revenue, spread, first_on, last_on
    )


def learned_of(rows: pd.DataFrame) -> tuple[Learned, ...]:
    """Read the rows of the archive."""
    found = []
    for row in rows.to_dict("records"):
        told = {str(name): nan if value is None else value for name, value in row.items()}
        found.append(Learned(**told))  # type: ignore[arg-type]
    return tuple(found)


def lessons_of(found: Experiment, learned: str, interventions: dict[str, str], made_us: int) -> tuple[Learned, ...]:
    """Write down what an experiment was found to do: one row an arm, on who was retained within the window.

    Parameters
    ----------
    learned : str
        What was learned, in the owner's words.
    interventions : dict
        What each arm got, by its name in the catalogue; arms that are not in it have "".

    Raises
    ------
    SpecError
        If nobody is mature yet, the groups are not the size that was meant, or the words are too long.
    """
    if not learned.strip() or len(learned) > MAX_LEARNED:
        raise SpecError(
            f"What was learned must be said in 1 to {MAX_LEARNED} characters.",
            hint="One sentence: what was tried, on whom, and what came of it.",
        )
    if found.readout is None:
        raise SpecError(
            "An experiment must be read before it is kept, and nobody's window has passed yet.",
            hint=f"It is complete on {found.complete_on:%-d %B %Y}.",
        )
    key = found.seen.campaign_id
    if key is None:
        raise SpecError(
            f"“{found.seen.name}” has no number by which it could be kept.",
            hint="Import its contacts with a property that names the campaign.",
        )
    effects = found.readout.as_measured()
    if (effects["says"] == DO_NOT_READ).any():
        raise SpecError(
            "The groups are not the size that was meant, so this effect must not be used anywhere.",
            hint="Find out why first; or say which shares were meant, if they were others.",
        )
    costs = found.readout.costs
    rows = []
    for row in effects[effects["metric"] == found.metric].itertuples(index=False):
        cost = costs.loc[(costs["metric"] == found.metric) & (costs["arm"] == row.arm), "cost_per_extra"]
        rows.append(
            Learned(
                campaign_id=key,
                campaign=found.seen.name,
                arm_key=found.seen.groups.index(row.arm),
                arm=row.arm,
                intervention=interventions.get(row.arm, ""),
                metric=found.metric,
                window_days=found.window_days,
                effect=float(row.difference),
                standard_error=float(row.standard_error),
                low=float(row.low),
                high=float(row.high),
                method=found.readout.spec.method,
                n_arm=int(row.n_arm),
                n_control=int(row.n_control),
                rate_arm=float(row.value_arm),
                rate_control=float(row.value_control),
                cost_per_kept=float(cost.iloc[0]) if len(cost) else nan,
                verdict=str(row.says),
                learned=learned.strip(),
                as_of_us=found.clock.as_of_us,
                made_us=made_us,
            )
        )
    return tuple(rows)


def plain_row(row: Learned) -> dict[str, object]:
    """Turn a row into what the store keeps: what is not known is null."""
    told = {name: getattr(row, name) for name in Learned.__slots__}
    return {name: None if isinstance(value, float) and isnan(value) else value for name, value in told.items()}
