"""Lists of users in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retention.audiences.saved import Refreshed
from retention.audiences.spec import (
    CampaignUsersSpec,
    ChangedUsersSpec,
    CombinedUsersSpec,
    SavedUsersSpec,
    SuppressedUsersSpec,
)

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def list_name(audience_id: int, catalogue: Catalogue) -> str:
    """Name a saved list, also one that is gone."""
    name = catalogue.audiences.get(audience_id)
    return f"list {audience_id}, which is gone" if name is None else f"“{name}”"


def joined(words: Sequence[str], last: str = "and") -> str:
    """Write a list as it is spoken.

    Examples
    --------
    >>> joined(["a"]), joined(["a", "b", "c"]), joined(["a", "b"], "or")
    ('a', 'a, b and c', 'a or b')
    """
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def saved_words(spec: SavedUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users they are."""
    return f"Users of the saved list {list_name(spec.audience_id, catalogue)}."


def combined_words(spec: CombinedUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users they are."""

    def named(audience_ids: Sequence[int]) -> list[str]:
        return [list_name(audience_id, catalogue) for audience_id in audience_ids]

    parts = []
    if spec.all_of:
        parts.append(f"on {'all of ' if len(spec.all_of) > 2 else ''}{joined(named(spec.all_of))}")
    if spec.any_of:
        parts.append(f"on {joined(named(spec.any_of), 'or')}")
    if spec.none_of:
        parts.append(f"not on {joined(named(spec.none_of), 'or')}")
    return f"Users who are {', and '.join(parts)}."


def group_words(spec: CampaignUsersSpec, catalogue: Catalogue) -> str:
    """Say which group of a campaign it is; nothing for all of them."""
    campaign = catalogue.campaigns.get(spec.campaign_id)
    if spec.arm_key is None:
        return ""
    if spec.arm_key == 0:
        return "held out"
    if campaign is None or spec.arm_key >= len(campaign.groups):
        return f"arm {spec.arm_key}"
    return f"arm “{campaign.groups[spec.arm_key]}”"


def campaign_words(spec: CampaignUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users they are."""
    campaign = catalogue.campaigns.get(spec.campaign_id)
    name = f"{spec.campaign_id}, which is gone" if campaign is None else f"“{campaign.name}”"
    group = group_words(spec, catalogue)
    return f"Users of the campaign {name}{f', {group}' if group else ''}."


def suppressed_words(spec: SuppressedUsersSpec, users: str) -> str:
    """Say whose users they are, given the words of those before anybody was left out."""
    less = []
    if spec.contacted_days:
        days = "day" if spec.contacted_days == 1 else f"{spec.contacted_days} days"
        less.append(f"contacted in the last {days}")
    if spec.is_reachable_only:
        less.append("may not be written to (as far as the store knows)")
    if spec.is_out_of_campaigns:
        less.append("are in a running campaign")
    if not less:
        return users
    if spec.contacted_days:
        less[0] = f"were {less[0]}"
    return f"{users} Left out: users who {joined(less, 'or')}."


def changed_words(spec: ChangedUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users they are."""
    did = "joined" if spec.has_joined else "left"
    return f"Users who {did} the saved list {list_name(spec.audience_id, catalogue)} when it was made anew."


def refreshed_words(done: Refreshed) -> str:
    """Say what became of a list when it was made anew."""
    if done.fault:
        return f"The list “{done.name}” could not be made anew and stays as it is: {done.fault}"
    users = f"{done.n_users:,} user{'' if done.n_users == 1 else 's'}"
    if not done.n_joined and not done.n_left:
        return f"The list “{done.name}” was made anew: the same {users}."
    return f"The list “{done.name}” was made anew: {done.n_joined:,} joined, {done.n_left:,} left; it now has {users}."
