"""Users of saved lists, of combinations of them, of campaigns, and of definitions less those to be left alone."""

from __future__ import annotations

from collections.abc import Iterable

from retention.audiences import query_lists as query
from retention.audiences.spec import (
    CampaignUsersSpec,
    ChangedUsersSpec,
    CombinedUsersSpec,
    SavedUsersSpec,
    SuppressedUsersSpec,
)
from retention.churn.answer_list import contacted_sql, reachable_sql
from retention.errors import SpecError
from retention.store import Snapshot, Sql


def require_lists(snapshot: Snapshot, audience_ids: Iterable[int]) -> None:
    """Check that saved lists are there.

    Raises
    ------
    SpecError
        If one is gone.
    """
    gone = [audience_id for audience_id in audience_ids if audience_id not in snapshot.catalogue.audiences]
    if gone:
        raise SpecError(
            f"The saved list {', '.join(map(str, gone))} is not there any more.", hint="Choose another list, or save it again."
        )


def saved_users(snapshot: Snapshot, spec: SavedUsersSpec) -> Sql:
    """Write the select of the users of a saved list.

    Raises
    ------
    SpecError
        If the list is gone.
    """
    require_lists(snapshot, [spec.audience_id])
    return query.saved_members(spec.audience_id)


def combined_users(snapshot: Snapshot, spec: CombinedUsersSpec) -> Sql:
    """Write the select of the users of a combination of saved lists.

    Raises
    ------
    SpecError
        If one of the lists is gone.
    """
    require_lists(snapshot, spec.audience_ids)
    return query.combined(spec)


def campaign_users(snapshot: Snapshot, spec: CampaignUsersSpec) -> Sql:
    """Write the select of the users of a campaign, or of one of its groups.

    Raises
    ------
    SpecError
        If the campaign is gone, or has no such group.
    """
    campaign = snapshot.catalogue.campaigns.get(spec.campaign_id)
    if campaign is None:
        raise SpecError("This campaign is not there any more.", hint="Choose another one.")
    if spec.arm_key is not None and not 0 <= spec.arm_key < len(campaign.groups):
        raise SpecError(
            f"A group of “{campaign.name}” must be from 0 (the holdout) to {len(campaign.groups) - 1}, not {spec.arm_key}."
        )
    return query.campaign_members(spec)


def changed_users(snapshot: Snapshot, spec: ChangedUsersSpec) -> Sql:
    """Write the select of the users who joined, or left, a saved list when it was made anew.

    Raises
    ------
    SpecError
        If the list is gone.
    """
    require_lists(snapshot, [spec.audience_id])
    return query.changed_members(spec)


def suppressed_users(snapshot: Snapshot, spec: SuppressedUsersSpec, members: Sql) -> Sql:
    """Write the select of the users of a definition, less those to be left alone.

    Parameters
    ----------
    members : Sql
        The select of the definition itself.

    Raises
    ------
    SpecError
        If the store does not know whom one may write to, and only those are asked for.
    """
    only, without = reachable_sql(snapshot) if spec.is_reachable_only else ([], [])
    if spec.contacted_days:
        as_of_us = snapshot.catalogue.require_clock().as_of_us
        without += [contacted_sql(snapshot, spec.contacted_days), query.exposed_since(as_of_us, spec.contacted_days)]
    if spec.is_out_of_campaigns:
        without.append(query.in_running_campaigns())
    return query.suppressed(members, only, without)
