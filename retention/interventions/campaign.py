"""A campaign as the store keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from retention.interventions.spec import HOLDOUT, Arm, CampaignSpec, Cost, Effect, Intervention

BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Campaign:
    """Users who were divided over the arms of a campaign and its holdout.

    Attributes
    ----------
    campaign_id : int
    name : str
    hash_key : str
        Hexadecimal digits, from which the split follows: see `retention.interventions.assignment.draws`.
    audience_id : int or None
        Of the saved list it was made from.
    definition : str
        Whose users they are, in words.
    arms : tuple of Arm
    plan : mapping
        What was planned; empty without a plan.
    holdout : float
    window_days : int
    exposed_us, as_of_us : int
        The moment from which outcomes count, and how far the data reached when it was assigned.
    data_version : int
    scoring_key : int or None
    n_users : int
        When it was assigned.
    is_running : bool
    made_us : int
    ended_us : int or None
    """

    campaign_id: int
    name: str
    hash_key: str
    audience_id: int | None
    definition: str
    arms: tuple[Arm, ...]
    plan: Mapping[str, Any]
    holdout: float
    window_days: int
    exposed_us: int
    as_of_us: int
    data_version: int
    scoring_key: int | None
    n_users: int
    is_running: bool
    made_us: int
    ended_us: int | None

    @property
    def is_by_budget(self) -> bool:
        """Whether each user got the arm that was worth most, so that arms differ by whom they have.

        Only all arms together can then be compared with the holdout, which was drawn among everybody who was chosen.
        """
        return self.plan.get(BUDGET) is not None

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups by their arm_key: the holdout is 0."""
        return (HOLDOUT, *(arm.name for arm in self.arms))

    @property
    def expected_shares(self) -> tuple[float, ...]:
        """The shares of the groups that were meant, the holdout first."""
        total = sum(arm.share for arm in self.arms)
        return (self.holdout, *((1 - self.holdout) * arm.share / total for arm in self.arms))


def plan_kept(spec: CampaignSpec) -> dict[str, Any]:
    """Say what is kept as the plan of a campaign: what was planned, and what may be spent where that decides."""
    money = {} if spec.budget is None else {BUDGET: spec.budget, "margin": spec.margin, "value": spec.value}
    return {**spec.plan, **money}


def arms_told(arms: tuple[Arm, ...]) -> str:
    """Write arms down as JSON."""
    return json.dumps([asdict(arm) for arm in arms], ensure_ascii=False, sort_keys=True)


def arms_of(text: str) -> tuple[Arm, ...]:
    """Read what `arms_told` wrote."""
    return tuple(Arm(**{**told, "intervention": intervention_of(told["intervention"])}) for told in json.loads(text))


def intervention_of(told: Mapping[str, Any]) -> Intervention:
    """Read an intervention from plain values."""
    return Intervention(**{**told, "cost": Cost(**told["cost"]), "effect": Effect(**told["effect"])})


def campaign_of(row: Mapping[str, Any]) -> Campaign:
    """Read a row of the campaigns."""
    told = {name: row[name] for name in Campaign.__slots__ if name not in ("arms", "plan")}
    for name in ("audience_id", "scoring_key", "ended_us"):
        told[name] = None if told[name] is None or told[name] != told[name] else int(told[name])
    return Campaign(**told, arms=arms_of(row["arms"]), plan=json.loads(row["plan"]))
