"""The catalogue: eight kinds of intervention with what each costs and is assumed to do, and how the owner's own join it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from retention.audiences.spec import SuppressedUsersSpec
from retention.errors import SpecError, nearest
from retention.interventions.campaign import intervention_of
from retention.interventions.spec import MOST_ARMS, Cost, Effect, Intervention

ASSUMED = "An assumption of ours, not a measurement: nobody knows it for your shop without a test."
ADS = "ads"
AD_CHANNELS = ("search", "social network", "display", "video")
AD_WEEKS = 4
"""For so many weeks the ads of the catalogue are shown."""
SHOWING_COST = 0.02


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of intervention as the catalogue has it.

    Attributes
    ----------
    usual : Intervention
        With our costs and our assumed effect; money is in the currency of the file.
    meaning : str
        What is done, in one sentence.
    why : str
        Where the range of the effect comes from.
    """

    usual: Intervention
    meaning: str
    why: str

    @property
    def key(self) -> str:
        """The name by which interventions are said to be of this kind."""
        return self.usual.kind


def _kind(
    key: str, name: str, channel: str, cost: tuple[float, float, float], effect: tuple[float, float], cap_days: int,
    meaning: str, why: str, **more: Any,
) -> Kind:  # fmt: skip
    contact, incentive, redemption = cost
    usual = Intervention(
        name=name, kind=key, channel=channel, cap_days=cap_days, effect=Effect(low=effect[0], high=effect[1]),
        cost=Cost(contact=contact, incentive=incentive, redemption=redemption), **more,
    )  # fmt: skip
    return Kind(usual, meaning, f"{ASSUMED} {why}")


KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        _kind(
            "recommendation", "Personalised recommendation", "e-mail", (0.05, 0.0, 0.0), (0.0, 0.06), 7,
            "Shows a user what suits the own favourites.",
            "It starts at nothing, for a message that names products may change nothing at all.",
        ),
        _kind(
            "coupon", "Discount coupon", "e-mail", (0.05, 5.0, 0.6), (0.02, 0.15), 28,
            "Gives money off the next order; whoever would have stayed anyway takes it, too.",
            "It is the highest of the list, for money off is the strongest of these offers, and the dearest.",
            offer="5 off your next order",
        ),
        _kind(
            "care", "Care message", "e-mail", (0.05, 0.0, 0.0), (0.0, 0.04), 14,
            "Asks whether all is well, and says how to get help.",
            "It starts at nothing: kindness may keep some, and may remind others to leave.",
        ),
        _kind(
            "winback", "Win-back e-mail", "e-mail", (0.05, 0.0, 0.0), (0.0, 0.05), 28,
            "Tells a user who has gone quiet what is new.",
            "It starts at nothing, for most who are gone do not read it.",
        ),
        _kind(
            "survey", "Feedback survey", "e-mail", (0.1, 1.0, 0.1), (0.0, 0.03), 90,
            "Asks in three questions what is missing, with a small thank-you.",
            "It starts at nothing: its worth lies in the answers rather than in users kept.",
            offer="1 off as a thank-you",
        ),
        _kind(
            "onboarding", "Onboarding help", "push", (0.2, 0.0, 0.0), (0.0, 0.08), 7,
            "Takes a new user by the hand through the first steps.",
            "It is for users in their first weeks; of older ones expect less.",
        ),
        _kind(
            "points", "Loyalty points", "app", (0.02, 3.0, 0.5), (0.01, 0.1), 28,
            "Grants points that are worth money once they are spent.",
            "It lies below the coupon, for points are money later instead of now.",
            offer="300 points",
        ),
        _kind(
            ADS, "Ad retargeting", "social network", (SHOWING_COST * 3 * AD_WEEKS, 0.0, 0.0), (0.0, 0.04), 0,
            "Shows ads to users who have gone quiet, by channel, hour and frequency.",
            "It starts at nothing: users who come back after an ad often would have come back without it.",
            hour=20, per_week=3,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """What a past campaign was found to change, as the archive has it.

    Attributes
    ----------
    campaign_id : int
    campaign, arm, intervention : str
        Names.
    metric : str
    window_days : int
    effect, standard_error, low, high : float
        Difference between the arm and the users who were left alone, of the share that stayed; a 95 % interval.
    method, learned : str
    as_of_us : int
        How far the data reached when it was read.
    """

    campaign_id: int
    campaign: str
    arm: str
    intervention: str
    metric: str
    window_days: int
    effect: float
    standard_error: float
    low: float
    high: float
    method: str
    learned: str
    as_of_us: int

    @property
    def as_effect(self) -> Effect:
        """The effect as an intervention has it; an interval that goes beyond what a share can be is cut there."""
        low, high = (min(max(bound, -1.0), 1.0) for bound in (self.low, self.high))
        return Effect(low=low, high=high, unit="points", campaign_id=self.campaign_id)


RETAINED = "retained within"
"""The metric of who stays begins so; effects on other things, on revenue say, are no effect on who stays."""


def measured_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Measured, ...]:
    """Read rows of the archive of effects: those on who stays."""
    found = (Measured(**{name: row[name] for name in Measured.__slots__}) for row in rows)
    return tuple(one for one in found if one.metric.startswith(RETAINED))


def fitting(found: Sequence[Measured], intervention: Intervention) -> tuple[Measured, ...]:
    """Return the effects that were measured of an intervention, by its name."""
    wanted = intervention.name.strip().casefold()
    return tuple(one for one in found if one.intervention.strip().casefold() == wanted)


def with_own(own: Sequence[Intervention]) -> dict[str, Intervention]:
    """Return every intervention by its name: the catalogue's, then the owner's; the owner's stands where names are the same.

    Examples
    --------
    >>> mine = replace(KINDS["coupon"].usual, channel="letter")
    >>> found = with_own([mine, replace(mine, name="Coupon by letter")])
    >>> len(found), found["Discount coupon"].channel, list(found)[-1]
    (9, 'letter', 'Coupon by letter')
    """
    return {kind.usual.name: kind.usual for kind in KINDS.values()} | {one.name: one for one in own}


def named(found: Mapping[str, Intervention], name: str) -> Intervention:
    """Look an intervention up; small and capital letters are alike, and the name of a kind will do.

    Raises
    ------
    SpecError
        If there is none.

    Examples
    --------
    >>> named(with_own([]), "coupon").name
    'Discount coupon'
    """
    wanted = name.strip().casefold()
    by_name = {one.name.casefold(): one for one in found.values()}
    if wanted in by_name:
        return by_name[wanted]
    if wanted in KINDS:
        return found[KINDS[wanted].usual.name]
    raise SpecError(f'There is no intervention "{name}".', hint=nearest(name, [*found, *KINDS]))


def ad_variants(
    base: Intervention, channels: Sequence[str], hours: Sequence[int], per_week: Sequence[int], showing_cost: float
) -> tuple[Intervention, ...]:
    """Make an intervention for each channel, hour and frequency of ads.

    Parameters
    ----------
    showing_cost : float
        Of showing an ad once; a user costs that times the frequency, for four weeks.

    Raises
    ------
    SpecError
        If it is none, or more than a campaign can have arms.

    Notes
    -----
    Each has the assumed effect of `base`: that more ads keep more users is not known, and is what a test is for.

    Examples
    --------
    >>> made = ad_variants(KINDS[ADS].usual, ["search", "video"], [8], [1, 3], 0.05)
    >>> [(one.name, round(one.cost.contact, 2)) for one in made][:2]
    [('Ads: search, 8:00, 1 a week', 0.2), ('Ads: search, 8:00, 3 a week', 0.6)]
    """
    n = len(channels) * len(hours) * len(per_week)
    if not 1 <= n <= MOST_ARMS:
        raise SpecError(
            f"Ads must be of 1 to {MOST_ARMS} kinds, not {n}: channels times hours times frequencies.",
            hint="Choose at least one of each." if not n else "Choose fewer channels, hours or frequencies.",
        )
    return tuple(
        replace(
            base,
            name=f"Ads: {channel}, {hour}:00, {times} a week",
            channel=channel,
            hour=hour,
            per_week=times,
            cost=replace(base.cost, contact=showing_cost * times * AD_WEEKS),
        )
        for channel, hour, times in product(channels, hours, per_week)
    )


def settings_text(intervention: Intervention) -> str:
    """Write an intervention down as JSON.

    Examples
    --------
    >>> settings_of(settings_text(KINDS["coupon"].usual)) == KINDS["coupon"].usual
    True
    """
    return json.dumps(asdict(intervention), ensure_ascii=False, sort_keys=True)


def settings_of(text: str) -> Intervention:
    """Read what `settings_text` wrote."""
    return intervention_of(json.loads(text))


def capped(users: Any, interventions: Iterable[Intervention]) -> Any:
    """Leave out of a definition whom the contact caps of some interventions forbid to contact again so soon.

    Notes
    -----
    The arms are drawn by lot among the same users, so the longest cap holds for all.

    Examples
    --------
    >>> capped("users", [KINDS["ads"].usual])
    'users'
    >>> capped("users", [KINDS["coupon"].usual, KINDS["care"].usual]).contacted_days
    28
    """
    days = max((one.cap_days for one in interventions), default=0)
    if isinstance(users, SuppressedUsersSpec):
        return replace(users, contacted_days=max(days, users.contacted_days))
    return SuppressedUsersSpec(users=users, contacted_days=days) if days else users
