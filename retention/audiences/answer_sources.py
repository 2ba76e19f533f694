"""Which lists of users can be opened, exported and kept: every definition of one, with its select and its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retention.audiences import words
from retention.audiences.answer_users import (
    campaign_users,
    changed_users,
    combined_users,
    saved_users,
    suppressed_users,
)
from retention.audiences.question import told, understood
from retention.audiences.spec import (
    CampaignUsersSpec,
    ChangedUsersSpec,
    CombinedUsersSpec,
    SavedUsersSpec,
    SuppressedUsersSpec,
)
from retention.behaviour.answer_drivers import driver_users, driver_users_words
from retention.behaviour.answer_funnel import funnel_users, funnel_users_words
from retention.behaviour.answer_hours import cell_users, hour_users
from retention.behaviour.answer_interval import interval_users, silent_users
from retention.behaviour.answer_paths import (
    path_users,
    path_users_words,
    sequence_users,
    sequence_users_words,
)
from retention.behaviour.spec_drivers import DriverUsersSpec
from retention.behaviour.spec_funnel import FunnelUsersSpec
from retention.behaviour.spec_hours import CellUsersSpec, HourUsersSpec
from retention.behaviour.spec_interval import IntervalUsersSpec, SilentUsersSpec
from retention.behaviour.spec_paths import PathUsersSpec, SequenceUsersSpec
from retention.behaviour.words_hours import cell_users_words, hour_users_words
from retention.behaviour.words_interval import interval_users_words, silent_users_words
from retention.churn.answer_list import at_risk_file, at_risk_members, at_risk_words
from retention.churn.spec_list import AtRiskSpec
from retention.cohorts.answer import members_sql
from retention.cohorts.spec import CellSpec
from retention.cohorts.words import cell_words
from retention.headlines import answer_quiet
from retention.headlines.spec import QuietSpec
from retention.lifecycle import answer as lifecycle
from retention.lifecycle import answer_revenue as revenue
from retention.lifecycle import words as lifecycle_words
from retention.lifecycle import words_revenue as revenue_words
from retention.lifecycle.spec import ActiveDaysCellSpec, ActiveUsersSpec, LifecycleCellSpec, TransitionCellSpec
from retention.lifecycle.spec_revenue import BuyersSpec, RepeatListSpec, RevenueCellSpec
from retention.segments.answer_after import after_users, after_users_words
from retention.segments.answer_saved import moved_users, moved_users_words, segment_users, segment_users_words
from retention.segments.answer_tags import tag_users, tag_users_words
from retention.segments.spec_after import AfterUsersSpec
from retention.segments.spec_saved import MovedUsersSpec, SegmentUsersSpec
from retention.segments.spec_tags import TagUsersSpec
from retention.store import Catalogue, Snapshot, Sql
from retention.survival import answer as survival
from retention.survival import words as survival_words
from retention.survival.answer_clv import buyers_sql
from retention.survival.result_clv import list_words
from retention.survival.spec import SurvivalListSpec
from retention.survival.spec_clv import BuyerListSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Source:
    """How a kind of definition becomes users.

    Attributes
    ----------
    members : callable
        ``members(snapshot, spec)``, a select with one row per user: user_key.
    words : callable
        ``words(spec, catalogue)``, the definition in one sentence or two.
    table : callable, optional
        ``table(snapshot, spec)``, a frame with one row per user: pseudonym, and the columns that the definition names; for
        files. By default a file says when each user was first and last seen, and how often.
    """

    members: Callable[[Snapshot, Any], Sql]
    words: Callable[[Any, Catalogue], str]
    table: Callable[[Snapshot, Any], pd.DataFrame] | None = None


def _suppressed_users(snapshot: Snapshot, spec: SuppressedUsersSpec) -> Sql:
    return suppressed_users(snapshot, spec, members_of(snapshot, spec.users))


def _suppressed_words(spec: SuppressedUsersSpec, catalogue: Catalogue) -> str:
    return words.suppressed_words(spec, words_of(spec.users, catalogue))


SOURCES: dict[type, Source] = {
    CellSpec: Source(members_sql, cell_words),
    IntervalUsersSpec: Source(interval_users, interval_users_words),
    SilentUsersSpec: Source(silent_users, silent_users_words),
    CellUsersSpec: Source(cell_users, cell_users_words),
    HourUsersSpec: Source(hour_users, hour_users_words),
    FunnelUsersSpec: Source(funnel_users, funnel_users_words),
    PathUsersSpec: Source(path_users, path_users_words),
    SequenceUsersSpec: Source(sequence_users, sequence_users_words),
    DriverUsersSpec: Source(driver_users, driver_users_words),
    LifecycleCellSpec: Source(lifecycle.lifecycle_members, lifecycle_words.lifecycle_words),
    TransitionCellSpec: Source(lifecycle.transition_members, lifecycle_words.transition_words),
    ActiveUsersSpec: Source(lifecycle.active_user_members, lifecycle_words.active_users_words),
    ActiveDaysCellSpec: Source(lifecycle.active_day_members, lifecycle_words.active_days_words),
    BuyerListSpec: Source(buyers_sql, list_words),
    RevenueCellSpec: Source(revenue.cell_members, revenue_words.cell_words),
    BuyersSpec: Source(revenue.buyers_members, revenue_words.buyers_words),
    RepeatListSpec: Source(revenue.repeat_members, revenue_words.repeat_words),
    SurvivalListSpec: Source(survival.members_sql, survival_words.list_words),
    TagUsersSpec: Source(tag_users, tag_users_words),
    QuietSpec: Source(answer_quiet.members, answer_quiet.words),
    SegmentUsersSpec: Source(segment_users, segment_users_words),
    MovedUsersSpec: Source(moved_users, moved_users_words),
    AfterUsersSpec: Source(after_users, after_users_words),
    AtRiskSpec: Source(at_risk_members, at_risk_words, at_risk_file),
    SavedUsersSpec: Source(saved_users, words.saved_words),
    CombinedUsersSpec: Source(combined_users, words.combined_words),
    CampaignUsersSpec: Source(campaign_users, words.campaign_words),
    SuppressedUsersSpec: Source(_suppressed_users, _suppressed_words),
    ChangedUsersSpec: Source(changed_users, words.changed_words),
}


def members_of(snapshot: Snapshot, spec: object) -> Sql:
    """Write the select of the users that a definition names."""
    return SOURCES[type(spec)].members(snapshot, spec)


def own_table(snapshot: Snapshot, spec: object) -> pd.DataFrame | None:
    """Return the columns that a definition itself names, where it does."""
    table = SOURCES[type(spec)].table
    return None if table is None else table(snapshot, spec)


def words_of(spec: object, catalogue: Catalogue) -> str:
    """Say whose users a definition names."""
    return SOURCES[type(spec)].words(spec, catalogue)


def question_of(spec: object) -> str:
    """Write a definition down, to be kept in the store and asked again later."""
    return told(spec)


def spec_of(question: str) -> Any:
    """Read a definition that was kept in the store.

    Raises
    ------
    SpecError
        If it is of a kind, or has settings, that are not known any more.
    """
    return understood(question, SOURCES)
