"""What is said of a plan: how many users, how long, and what the users there are can find."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from retention.experiments.plan import Plan
from retention.experiments.words import signed, value_words


def effect_words(effect: float, plan: Plan) -> str:
    """Write an effect of a plan with its unit."""
    return f"{signed(effect, plan.spec.kind)}{' percentage points' if plan.spec.kind == 'rate' else ''}"


def plan_words(plan: Plan) -> list[str]:
    """Say what it takes, the answer first."""
    spec = plan.spec
    each = "the other group" if spec.n_arms == 1 else f"each of {spec.n_arms} other groups"
    said = [
        f"It takes {plan.n_total:,} users: {plan.n_control:,} held out and {plan.n_arm:,} in {each}, to find a change of"
        f" {effect_words(spec.effect, plan)} in “{spec.metric}” from {value_words(spec.baseline, spec.kind)} on with a"
        f" probability of {spec.power * 100:g} %, if it is there. If nothing changes, something is found all the same with"
        f" {spec.alpha * 100:g} %."
    ]
    if not isnan(plan.days):
        wait = f", and {spec.window_days:,} more until the last outcome is known" if spec.window_days else ""
        if plan.collect_days:
            said.append(f"That is {plan.collect_days:,.0f} days until enough users have come in{wait}.")
        elif spec.window_days:
            said.append(f"The users are there; it takes {spec.window_days:,} days until the outcomes are known.")
    if not plan.is_enough:
        found = (
            "no effect can be found"
            if isnan(plan.detectable)
            else f"the smallest effect that can be found is {effect_words(plan.detectable, plan)}"
        )
        said.append(
            f"There are only {spec.n_available:,} users. With them {found}, and the effect worth having is found with a"
            f" probability of {plan.power_available * 100:.0f} %."
        )
    elif not isnan(plan.detectable):
        said.append(
            f"The {spec.n_available:,} users there are find an effect of {effect_words(plan.detectable, plan)} or more."
        )
    said.append(
        f"To look every day and stop at any look (sequential) it takes at most {plan.n_sequential:,} users, fewer if the effect"
        " is larger."
    )
    return said


def planned_words(told: Mapping[str, Any], n_units: int) -> str:
    """Say what had been planned before a campaign was assigned, and whether it has the users for it; nothing without a plan.

    Parameters
    ----------
    told : mapping
        As `Plan.told` says it.
    n_units : int
        Users of the campaign.
    """
    if "effect" not in told:
        return ""
    kind, unit = told["kind"], " percentage points" if told["kind"] == "rate" else ""
    enough = "it has them" if n_units >= told["n_total"] else f"it has {n_units:,}, so that it may be missed"
    return (
        f"Planned before: to find a change of {signed(told['effect'], kind)}{unit} from"
        f" {value_words(told['baseline'], kind)} on in “{told['metric']}” takes {told['n_total']:,} users; {enough}."
    )
