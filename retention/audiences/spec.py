"""What makes an audience, and the lists of users that are made of other lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retention.errors import SpecError

MAX_CONTACTED_DAYS = 365


@dataclass(frozen=True, kw_only=True, slots=True)
class AudienceSpec:
    """A list of users to keep.

    Parameters
    ----------
    name : str
        From 1 to 80 characters.
    users : object
        The frozen definition of who is in it: the cell of a retention grid, a bar of a chart, a step of a funnel …
    is_refreshed : bool
        Whether the list is made anew after each import; otherwise it keeps the users that it has.
    """

    name: str
    users: Any
    is_refreshed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= 80:
            raise SpecError("An audience must have a name of 1 to 80 characters.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedUsersSpec:
    """The users of a saved list, as it stands.

    Parameters
    ----------
    audience_id : int
    """

    audience_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedUsersSpec:
    """The users of saved lists together: on all of some, on any of others, on none of the rest.

    Parameters
    ----------
    all_of, any_of, none_of : tuple of int
        Numbers of saved lists.

    Raises
    ------
    SpecError
        If no list says who is in it, or one is named twice.
    """

    all_of: tuple[int, ...] = ()
    any_of: tuple[int, ...] = ()
    none_of: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.all_of and not self.any_of:
            raise SpecError(
                "A combination must begin with at least one list whose users are in it.",
                hint="Choose a list under “all of” or “any of”; “none of” only takes users away.",
            )
        if len(set(self.audience_ids)) < len(self.audience_ids):
            raise SpecError("A list must be named once in a combination.", hint="Take it out of one of the places.")

    @property
    def audience_ids(self) -> tuple[int, ...]:
        """Every list that is named."""
        return (*self.all_of, *self.any_of, *self.none_of)


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignUsersSpec:
    """The users of a campaign, or of one of its groups.

    Parameters
    ----------
    campaign_id : int
    arm_key : int, optional
        0 is the holdout; by default every group.
    """

    campaign_id: int
    arm_key: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressedUsersSpec:
    """The users of a definition, less those who should be left alone.

    Parameters
    ----------
    users : object
        The frozen definition.
    contacted_days : int
        Leave out whoever was contacted within so many days before the data end; 0 leaves nobody out for that.
    is_reachable_only : bool
        Leave out whoever may not be written to, as far as the store knows.
    is_out_of_campaigns : bool
        Leave out whoever is in a campaign that is still running, its holdout included.

    Raises
    ------
    SpecError
        If the days are out of their range.
    """

    users: Any
    contacted_days: int = 0
    is_reachable_only: bool = False
    is_out_of_campaigns: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.contacted_days <= MAX_CONTACTED_DAYS:
            raise SpecError(f"`contacted_days` must be from 0 to {MAX_CONTACTED_DAYS}, not {self.contacted_days}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedUsersSpec:
    """The users who joined or left a saved list when it was made anew.

    Parameters
    ----------
    audience_id : int
    made_us : int
        Which time.
    has_joined : bool
    """

    audience_id: int
    made_us: int
    has_joined: bool = True
