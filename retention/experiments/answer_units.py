"""What became of the users of a campaign: the units of an experiment, from the events of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retention.errors import SpecError
from retention.experiments import query_outcomes as query
from retention.experiments.answer_exposed import contact_kinds, exposed_in, faults_of, seen_named
from retention.experiments.experiment import (
    DAY_US,
    CampaignSeen,
    Texts,
    age_names,
    column_of,
    durations_of,
    exposures_of,
    net_revenue,
    retained_within,
    revenue_within,
    values_of,
)
from retention.experiments.spec_store import PERIOD_DAYS, ExperimentSpec
from retention.experiments.units import Flags, Floats, Ints, Outcome, Units
from retention.interventions.answer_campaigns import campaign_at
from retention.periods import date_of, local_day
from retention.store import Snapshot, Sql, Store

if TYPE_CHECKING:
    from retention.store.catalogue import EventName

USUAL_WINDOW_DAYS = 28


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """Who was in a campaign, mature or not.

    Attributes
    ----------
    seen : CampaignSeen
    window_days : int
    sql : Sql
        One row a user: user_key, grp, arm_key, exposed_us.
    user_keys, group, arm_key, exposed_us : ndarray of int, shape (n_users,)
        Ascending by user; `group` is the place of the group in `seen.groups`.
    is_mature : ndarray of bool, shape (n_users,)
        Whether the window of the user has passed.
    notes : tuple of str
    """

    seen: CampaignSeen
    window_days: int
    sql: Sql
    user_keys: Ints
    group: Ints
    arm_key: Ints
    exposed_us: Ints
    is_mature: Flags
    notes: tuple[str, ...]


def units_of(store: Store, spec: ExperimentSpec) -> Units:
    """What became of each user of a campaign? Mature ones only, each in the group of the first exposure.

    Raises
    ------
    SpecError
        If there is no such campaign, nobody was left alone, or nobody's window has passed yet.
    """
    with store.snapshot() as snapshot:
        return units_in(snapshot, spec, exposed_of(snapshot, spec))


def exposed_of(snapshot: Snapshot, spec: ExperimentSpec) -> Exposed:
    """Who was in a campaign, and whose window has passed?"""
    clock = snapshot.catalogue.require_clock()
    seen = seen_named(snapshot, spec)
    window_days = spec.window_days or _usual_window(snapshot, seen)
    sql = exposed_in(snapshot, seen)
    user_keys, group, arm_key, exposed_us = exposures_of(snapshot.read(sql), seen.codes)
    is_mature = exposed_us + window_days * DAY_US <= clock.as_of_us
    notes = faults_of(snapshot, seen, len(user_keys))
    return Exposed(seen, window_days, sql, user_keys, group, arm_key, exposed_us, is_mature, notes)


def _usual_window(snapshot: Snapshot, seen: CampaignSeen) -> int:
    if seen.source == "events":
        return USUAL_WINDOW_DAYS
    assert seen.campaign_id is not None  # what was assigned here has a number
    return campaign_at(snapshot, seen.campaign_id).window_days


def units_in(snapshot: Snapshot, spec: ExperimentSpec, exposed: Exposed) -> Units:
    """Read the outcomes of those whose window has passed."""
    catalogue, clock = snapshot.catalogue, snapshot.catalogue.require_clock()
    seen, window = exposed.seen, exposed.window_days
    kept = exposed.is_mature
    keys, group = exposed.user_keys[kept], exposed.group[kept]
    if not len(keys):
        from_us = int(exposed.exposed_us.min()) + window * DAY_US
        raise SpecError(
            f"Nobody's {window} days have passed yet: the data reach {date_of(clock.as_of_day):%-d %B %Y}.",
            hint=f"The first users are complete on {_day_of(from_us, clock.timezone)}.",
        )
    moments = (clock.timezone, int(exposed.exposed_us.min()), int(exposed.exposed_us.max()))
    after = query.placed(exposed.sql, 0, window, *moments)
    before = query.placed(exposed.sql, -window, 0, *moments)
    lapse_days = int(catalogue.settings.churn_window)
    durations, from_day = durations_of(keys, snapshot.read(query.lives(after, lapse_days)), lapse_days, clock.as_of_day)
    outcomes = _returns(snapshot, spec, exposed, keys, before)
    retained = outcomes[0].values
    sales = [catalogue.events[name] for name in catalogue.settings.revenue_events if name in catalogue.events]
    if sales:
        outcomes.append(
            Outcome(
                revenue_within(window), "mean", _money(snapshot, after, sales, keys), _money(snapshot, before, sales, keys)
            )
        )
    breakdowns, notes = _breakdowns(snapshot, spec, exposed, keys)
    notes = [*exposed.notes, *notes]
    if clock.has_gap(moments[1], moments[2] + window * DAY_US):
        notes.append(
            "The window touches a stretch that is marked missing: what happened on it counts for no group, so that the shares"
            " are too low in all of them and the differences too small."
        )
    is_known = durations.days >= 0
    if not bool(is_known.all()):
        notes.append(
            f"How long {int((~is_known).sum()):,} users stay is not known yet: a lapse takes {lapse_days} days of silence."
        )
    return Units(
        groups=seen.groups,
        group=group,
        outcomes=tuple(outcomes),
        durations=durations if bool(is_known.any()) else None,
        day=from_day + window,
        expected_shares=_expected(snapshot, spec, seen),
        breakdowns=breakdowns,
        n_immature=int((~kept).sum()),
        notes=tuple(notes),
        costs=_costs(snapshot, spec, exposed, retained),
    )


def _day_of(us: int, timezone: str) -> str:
    return f"{date_of(local_day(us, timezone)):%-d %B %Y}"


def signs_of_life(snapshot: Snapshot, events: tuple[str, ...]) -> tuple[EventName, ...]:
    """Which events count as coming back? A contact by a campaign never does."""
    contacts = {kind.event_key for kind in contact_kinds(snapshot.catalogue)}
    kinds = tuple(kind for kind in snapshot.catalogue.kinds(events) if kind.event_key not in contacts)
    if not kinds:
        raise SpecError("At least one event must count as coming back, other than contacts by campaigns.")
    return kinds


def _returns(snapshot: Snapshot, spec: ExperimentSpec, exposed: Exposed, keys: Ints, before: Sql) -> list[Outcome]:
    """Read who came back within the window, and at which age; the active days before are the covariate."""
    window = exposed.window_days
    names = age_names(spec.period, window)
    rows = snapshot.read(
        query.returns(
            exposed.sql, signs_of_life(snapshot, spec.events), window, PERIOD_DAYS[spec.period], len(names),
            (int(exposed.exposed_us.min()), int(exposed.exposed_us.max())), snapshot.catalogue.require_clock().as_of_us,
        )
    )  # fmt: skip
    n_days = column_of(keys, snapshot.read(query.active_days(before)), "n_days", missing=0.0)
    # Whoever has no row did not come back.
    came = column_of(keys, rows.assign(came=1.0), "came", missing=0.0)
    ages = [
        Outcome(name, "rate", column_of(keys, rows, f"age_{k}", missing=0.0), n_days) for k, name in enumerate(names)
    ]
    return [Outcome(retained_within(window), "rate", came, n_days), *ages]


def _money(snapshot: Snapshot, placed: Sql, sales: list[EventName], keys: Ints) -> Floats:
    return net_revenue(keys, snapshot.read(query.money(placed)), snapshot.read(query.money_at_the_ends(placed, sales)))


def _breakdowns(
    snapshot: Snapshot, spec: ExperimentSpec, exposed: Exposed, keys: Ints
) -> tuple[dict[str, Texts], list[str]]:
    """Read what users were before the exposure; what was learned after it would be an outcome."""
    found: dict[str, Texts] = {}
    notes = []
    first_us = int(exposed.exposed_us.min())
    for name in spec.read.by:
        prop = snapshot.catalogue.property_name(name)
        if prop.kind != "label":
            found[name] = values_of(keys, snapshot.read(query.first_values(exposed.sql, prop)))
            continue
        sql = query.label_moments(prop.property_key, first_us)
        ((moment,),) = snapshot.rows(sql.text, sql.params)
        if moment is None:
            raise SpecError(
                f"“{name}” was made after the campaign had begun, so its values may be an effect of it.",
                hint="Break down by what was known before.",
            )
        found[name] = values_of(keys, snapshot.read(query.label_values(exposed.sql, prop.property_key, int(moment))))
        on = _day_of(int(moment), snapshot.catalogue.require_clock().timezone)
        notes.append(f"“{name}” is as of {on}, before the exposure.")
    return found, notes


def _expected(snapshot: Snapshot, spec: ExperimentSpec, seen: CampaignSeen) -> tuple[float, ...] | None:
    if spec.expected:
        return tuple(share / sum(spec.expected) for share in spec.expected)
    if seen.source == "assigned" and seen.campaign_id is not None:
        campaign = campaign_at(snapshot, seen.campaign_id)
        if seen.is_pooled:
            return campaign.holdout, 1 - campaign.holdout
        shares = dict(zip(campaign.groups, campaign.expected_shares, strict=True))
        return tuple(shares[group] for group in seen.groups)
    return None


def _costs(
    snapshot: Snapshot, spec: ExperimentSpec, exposed: Exposed, retained: Floats
) -> tuple[float, ...] | None:
    """Add up what each group cost: contacts, and the incentives of those who stayed; None where nothing is known of it."""
    seen, kept = exposed.seen, exposed.is_mature
    told: dict[int, tuple[float, float]] = {}
    if seen.source == "assigned" and seen.campaign_id is not None:
        for key, arm in enumerate(campaign_at(snapshot, seen.campaign_id).arms, start=1):
            cost = arm.intervention.cost
            told[key] = (cost.contact, cost.incentive * cost.redemption)
    else:
        told = dict.fromkeys(seen.codes[1:], (0.0, 0.0))
    found = [0.0] * len(seen.groups)
    for key, (contact, incentive) in told.items():
        is_own = exposed.arm_key[kept] == key
        each = contact if spec.contact_cost is None else spec.contact_cost
        gift = incentive if spec.incentive is None else spec.incentive
        if is_own.any():
            place = int(exposed.group[kept][is_own][0])
            found[place] += each * float(is_own.sum()) + gift * float(retained[is_own].sum())
    return tuple(found) if any(found) else None
