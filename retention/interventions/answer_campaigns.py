"""Answers about campaigns: which there are, and who would get what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.audiences.answer_sources import members_of
from retention.audiences.query_lists import running_campaigns_of
from retention.errors import SpecError, nearest
from retention.interventions import query
from retention.interventions.answer_optimum import best_arms
from retention.interventions.assignment import draws, split
from retention.interventions.campaign import Campaign, arms_told, campaign_of, plan_kept
from retention.interventions.spec import CampaignSpec
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Campaign", "arms_told", "assignment", "campaign_at", "campaign_named", "campaigns", "groups_of", "plan_kept"]


def campaigns(store: Store) -> tuple[Campaign, ...]:
    """Which campaigns have been assigned? The newest first."""
    with store.snapshot() as snapshot:
        return _campaigns(snapshot)


def _campaigns(snapshot: Snapshot) -> tuple[Campaign, ...]:
    return tuple(campaign_of(row) for row in snapshot.read(query.campaigns()).to_dict("records"))


def campaign_at(snapshot: Snapshot, campaign_id: int) -> Campaign:
    """Which campaign has this number?"""
    for campaign in _campaigns(snapshot):
        if campaign.campaign_id == campaign_id:
            return campaign
    raise SpecError("This campaign is not there any more.", hint="Choose another one.")


def campaign_named(snapshot: Snapshot, name: str) -> Campaign:
    """Which campaign has this name?"""
    known = _campaigns(snapshot)
    for campaign in known:
        if campaign.name == name.strip():
            return campaign
    raise SpecError(f'There is no campaign "{name}".', hint=nearest(name, [campaign.name for campaign in known]))


def groups_of(store: Store, campaign: Campaign) -> pd.DataFrame:
    """How many users has each group of a campaign? arm_key, n."""
    return store.read(query.group_sizes(campaign.campaign_id))


def assignment(snapshot: Snapshot, spec: CampaignSpec, hash_key: str) -> pd.DataFrame:
    """Who would get what?

    Returns
    -------
    DataFrame
        user_key, arm_key (0 = held out), propensity.

    Raises
    ------
    SpecError
        If nobody is eligible, users are in another campaign that is still running, or the budget buys nothing.

    Notes
    -----
    With a budget, users for whom no arm is worth its cost, or the money is not there, are not in the campaign.
    """
    members = members_of(snapshot, spec.users)
    rows = snapshot.read(query.with_ids(members))
    if not len(rows):
        raise SpecError(
            "A campaign must have at least one user, and nobody is on this list.",
            hint="Choose another list, or leave fewer users out.",
        )
    running = snapshot.read(running_campaigns_of(members))
    if len(running):
        name, n = running["name"].iloc[0], int(running["n"].iloc[0])
        raise SpecError(
            f"A user must be in one running campaign at a time, and {n:,} of the {len(rows):,} are in “{name}”.",
            hint="Leave out users of other running campaigns, or end that campaign first.",
        )
    shares = [arm.share for arm in spec.arms]
    if spec.budget is not None:  # each has the arm that is worth most; only who is held out is drawn
        rows, shares = rows.merge(best_arms(snapshot, spec), on="user_key"), [1.0]
    arm_key, propensity = split(draws(hash_key, spec.name.strip(), rows["user_id"].astype(str)), spec.holdout, shares)
    if spec.budget is not None:
        arm_key = arm_key * rows["arm_key"].to_numpy()
    return rows[["user_key"]].assign(arm_key=arm_key, propensity=propensity)
