"""Who gets which arm for a budget? Read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.errors import SpecError
from retention.interventions import query_catalogue
from retention.interventions.answer_catalogue import past_effects
from retention.interventions.answer_preview import people, people_in
from retention.interventions.catalogue import measured_of
from retention.interventions.optimum import Optimum, optimum
from retention.interventions.spec import Arm, CampaignSpec
from retention.interventions.spec_preview import Terms
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["best_arms", "laid_out", "optimum"]


def laid_out(store: Store, users: object, arms: tuple[Arm, ...], terms: Terms) -> Optimum:
    """Who gets which arm, for one budget after another?

    Raises
    ------
    SpecError
        If nobody has been scored, or there is no arm.
    """
    return optimum(people(store, users), arms, terms, past=past_effects(store))


def best_arms(snapshot: Snapshot, spec: CampaignSpec) -> pd.DataFrame:
    """Who gets which arm for the budget of a campaign?

    Returns
    -------
    DataFrame
        user_key, arm_key (from 1 on): those who are given one, the later holdout among them.

    Raises
    ------
    SpecError
        If nobody has been scored, or no arm is worth its cost for anybody.
    """
    assert spec.budget is not None
    past = measured_of(snapshot.read(query_catalogue.measured_effects()).to_dict("records"))
    terms = Terms(holdout=spec.holdout, window_days=spec.window_days, margin=spec.margin, value=spec.value)
    found = optimum(people_in(snapshot, spec.users), spec.arms, terms, past=past)
    if not found.n_worthwhile:
        raise SpecError(
            "An arm must be worth its cost for somebody on this list, and none is: nobody would be contacted.",
            hint="Choose a cheaper intervention, or another list.",
        )
    rows = found.rows(spec.budget)
    if not len(rows):
        raise SpecError(
            f"The budget must pay for at least one user, and {spec.budget:,.2f} does not.", hint="Name more money."
        )
    return rows
