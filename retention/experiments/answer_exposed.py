"""Which campaigns can be read as experiments, and who was in them? Those assigned here, and those imported as events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retention.churn.reachable import reachable, spellings
from retention.errors import SpecError, nearest
from retention.experiments import query_exposed as query
from retention.experiments.experiment import ANY_ARM, POOLED, CampaignSeen, contact_words, erased_words, seen_in_events
from retention.experiments.spec_store import ExperimentSpec
from retention.features.likely import first_like
from retention.features.query import NOT_CONTACTED
from retention.interventions.answer_campaigns import campaign_at
from retention.interventions.campaign import campaign_of
from retention.interventions.query import campaigns as campaign_rows
from retention.interventions.query import group_sizes
from retention.profiles.answer import CAMPAIGNS
from retention.store import Snapshot, Sql, Store

if TYPE_CHECKING:
    import pandas as pd

    from retention.store.catalogue import Catalogue, EventName, PropertyName



def campaigns_seen(store: Store) -> tuple[CampaignSeen, ...]:
    """Which campaigns does the store know of? Those assigned here first, each kind with the newest first."""
    with store.snapshot() as snapshot:
        return all_seen(snapshot)


def all_seen(snapshot: Snapshot) -> tuple[CampaignSeen, ...]:
    """List the campaigns within a snapshot."""
    return (*_assigned(snapshot), *_in_events(snapshot))


def seen_named(snapshot: Snapshot, spec: ExperimentSpec) -> CampaignSeen:
    """Which campaign is meant, and which of its groups was left alone?

    Raises
    ------
    SpecError
        If there is none of that name, or nobody was left alone: its effect stays unknown then.
    """
    known = all_seen(snapshot)
    if not known:
        raise SpecError(
            "The store knows of no campaign.",
            hint="Assign one on the Interventions page, or import contacts as events, for example campaign_sent with the"
            " properties campaign and arm.",
        )
    wanted = spec.campaign.strip()
    found = [seen for seen in known if seen.name == wanted and spec.source in (None, seen.source)]
    if not found:
        raise SpecError(f'There is no campaign "{wanted}".', hint=nearest(wanted, [seen.name for seen in known]))
    seen = found[0]
    if spec.control:
        seen = _with_control(seen, spec.control)
    if len(seen.groups) < 2 or not seen.has_control:
        raise SpecError(
            f"“{seen.name}” has no control group: its effect stays unknown.",
            hint="Without users who were left alone nobody can say what would have happened anyway. Hold a share out next time"
            + (f", or name the group that got nothing: {', '.join(seen.groups)}." if len(seen.groups) > 1 else "."),
        )
    if spec.expected and len(spec.expected) != len(seen.groups):
        raise SpecError(
            f"There must be one share for each of the {len(seen.groups)} groups, not {len(spec.expected)}.",
            hint=f"In the order {', '.join(seen.groups)}.",
        )
    return seen


def exposed_in(snapshot: Snapshot, seen: CampaignSeen) -> Sql:
    """Who was in a campaign? One row a user: user_key, grp, exposed_us; the first exposure counts."""
    if seen.source == "assigned":
        assert seen.campaign_id is not None  # what was assigned here has a number
        return query.assigned(seen.campaign_id, is_pooled=seen.is_pooled)
    return query.first_contacts(_contacts_of(snapshot, seen))


def faults_of(snapshot: Snapshot, seen: CampaignSeen, n_exposed: int) -> tuple[str, ...]:
    """What must be known of who was in it?"""
    if seen.source == "events":
        row = snapshot.read(query.faults(_contacts_of(snapshot, seen))).iloc[0]
        return contact_words(int(row["n_without"]), int(row["n_twice"]), int(row["n_moved"]))
    assert seen.campaign_id is not None  # what was assigned here has a number
    said = erased_words(campaign_at(snapshot, seen.campaign_id).n_users, n_exposed)
    return (*said, POOLED) if seen.is_pooled else said


def overlaps_of(snapshot: Snapshot, seen: CampaignSeen, exposed: Sql, window_days: int) -> tuple[pd.DataFrame, ...]:
    """Which other campaigns wrote to the same users within the window? Frames with campaign, grp, n."""
    known = reachable(snapshot.catalogue)
    found = [snapshot.read(query.in_other_campaigns(exposed, seen.campaign_id or 0, window_days))]
    campaign = _campaign_property(snapshot.catalogue)
    if known.contacts and campaign is not None:
        kinds = _kinds(snapshot.catalogue)
        arm = _arm(snapshot.catalogue)
        this = seen.name if seen.source == "events" else ""
        found.append(
            snapshot.read(
                query.in_other_contacts(exposed, kinds, campaign, arm, spellings(NOT_CONTACTED), this, window_days)
            )
        )
    return tuple(found)


def interventions_of(store: Store, seen: CampaignSeen) -> dict[str, str]:
    """What did each arm get, as the catalogue calls it? Of what came in as events nobody knows."""
    if seen.source == "events" or seen.campaign_id is None or seen.is_pooled:
        return {}
    with store.snapshot() as snapshot:
        return {arm.name: arm.intervention.name for arm in campaign_at(snapshot, seen.campaign_id).arms}


def contact_kinds(catalogue: Catalogue) -> tuple[EventName, ...]:
    """Which events are contacts by a campaign, and so no sign of life?"""
    return _kinds(catalogue)


# Where campaigns are found ------------------------------------------------------------------------------


def _assigned(snapshot: Snapshot) -> tuple[CampaignSeen, ...]:
    found = []
    for row in snapshot.read(campaign_rows()).to_dict("records"):
        campaign = campaign_of(row)
        rows = snapshot.read(group_sizes(campaign.campaign_id))
        by_arm = {int(key): int(n) for key, n in zip(rows["arm_key"], rows["n"], strict=True)}
        groups, sizes = campaign.groups, [by_arm.get(key, 0) for key in range(len(campaign.groups))]
        is_pooled = campaign.is_by_budget and len(campaign.arms) > 1
        if is_pooled:
            groups, sizes = (groups[0], ANY_ARM), [sizes[0], sum(sizes[1:])]
        first = 0 if campaign.holdout > 0 else 1
        found.append(
            CampaignSeen(
                name=campaign.name,
                source="assigned",
                groups=groups[first:],
                codes=tuple(range(first, len(groups))),
                sizes=tuple(sizes[first:]),
                has_control=campaign.holdout > 0 and sizes[0] > 0,
                first_us=campaign.exposed_us,
                last_us=campaign.exposed_us,
                campaign_id=campaign.campaign_id,
                is_pooled=is_pooled,
                plan=campaign.plan,
            )
        )
    return tuple(found)


def _in_events(snapshot: Snapshot) -> tuple[CampaignSeen, ...]:
    catalogue = snapshot.catalogue
    kinds = _kinds(catalogue)
    if not kinds or catalogue.clock is None:
        return ()
    campaign, arm = _campaign_property(catalogue), _arm(catalogue)
    rows = snapshot.read(query.campaigns_seen(kinds, campaign, arm, catalogue.clock.as_of_us))
    return seen_in_events(
        rows, _codes(snapshot, arm), spellings(NOT_CONTACTED), _codes(snapshot, campaign)
    )


def _codes(snapshot: Snapshot, prop: PropertyName | None) -> dict[str, int]:
    if prop is None:
        return {}
    rows = snapshot.read(query.values(prop.property_key))
    return {str(value): int(key) for key, value in zip(rows["value_key"], rows["value"], strict=True)}


def _with_control(seen: CampaignSeen, control: str) -> CampaignSeen:
    if control not in seen.groups:
        raise SpecError(f'“{seen.name}” has no group "{control}".', hint=nearest(control, seen.groups))
    order = sorted(range(len(seen.groups)), key=lambda k: seen.groups[k] != control)
    return replace(
        seen,
        groups=tuple(seen.groups[k] for k in order),
        codes=tuple(seen.codes[k] for k in order),
        sizes=tuple(seen.sizes[k] for k in order),
        has_control=True,
    )


def _contacts_of(snapshot: Snapshot, seen: CampaignSeen) -> Sql:
    catalogue = snapshot.catalogue
    campaign, arm = _campaign_property(catalogue), _arm(catalogue)
    kinds = _kinds(catalogue)
    if campaign is None:
        kinds = tuple(kind for kind in kinds if kind.event == seen.name)
    return query.contacts(kinds, campaign, arm, seen.name, catalogue.require_clock().as_of_us)


def _kinds(catalogue: Catalogue) -> tuple[EventName, ...]:
    return tuple(catalogue.events[name] for name in reachable(catalogue).contacts)


def _campaign_property(catalogue: Catalogue) -> PropertyName | None:
    name = first_like(catalogue.properties, CAMPAIGNS)
    return None if name is None else catalogue.properties[name]


def _arm(catalogue: Catalogue) -> PropertyName | None:
    name = reachable(catalogue).arm
    return None if name is None else catalogue.properties[name]
