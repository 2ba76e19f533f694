"""What can be done for users, what it costs, what it is assumed to do, and who is to get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from retention.errors import SpecError

Unit = Literal["save rate", "points"]
UNITS: tuple[Unit, ...] = ("save rate", "points")
MOST_ARMS = 12
MAX_WINDOW_DAYS = 365


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What an intervention costs for one user.

    Parameters
    ----------
    contact : float
        Money for each user who is contacted, whatever follows.
    incentive : float
        Money given to a user who takes the offer up.
    redemption : float
        Share of the users who stay that take it up; those who would have stayed anyway take it, too.

    Raises
    ------
    SpecError
        If a sum of money is negative, or the share is not within 0 and 1.
    """

    contact: float = 0.0
    incentive: float = 0.0
    redemption: float = 1.0

    def __post_init__(self) -> None:
        for name in ("contact", "incentive"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise SpecError(f"`{name}` must be 0 or more, not {getattr(self, name):g}.")
        if not 0 <= self.redemption <= 1:
            raise SpecError(f"`redemption` must be a share from 0 to 1, not {self.redemption:g}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What an intervention is assumed, or was measured, to change.

    Parameters
    ----------
    low, high : float
        A 95 % range of the mean effect: of the share of would-be lapsers who stay because of it ("save rate"), or of the
        share of all contacted users who stay that would not have ("points", 0.03 = 3 percentage points).
    unit : {"save rate", "points"}
    campaign_id : int, optional
        The campaign that measured it; without one it is an assumption, and said to be.

    Raises
    ------
    SpecError
        If the range is not in order, or no share.
    """

    low: float
    high: float
    unit: Unit = "save rate"
    campaign_id: int | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise SpecError(f"`unit` must be one of {', '.join(UNITS)}, not {self.unit!r}.")
        least = 0 if self.unit == "save rate" else -1
        if not least <= self.low <= self.high <= 1:
            raise SpecError(
                f"The assumed effect must be a range from {least} to 1, its lower end first, not {self.low:g} to {self.high:g}.",
                hint="For example 0.05 to 0.15: of a hundred users who would be lost, 5 to 15 stay.",
            )

    @property
    def mean(self) -> float:
        """The middle of the range."""
        return (self.low + self.high) / 2

    @property
    def is_measured(self) -> bool:
        """Whether a campaign measured it."""
        return self.campaign_id is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervention:
    """One thing that can be done for a user.

    Parameters
    ----------
    name : str
        From 1 to 60 characters.
    kind : str
        Which of the catalogue it is made from: "coupon".
    channel : str
        "e-mail", "push", "ads" …
    cost : Cost
    effect : Effect
    cap_days : int
        A user is contacted at most once in so many days; 0 is without a cap.
    hour : int, optional
        Local hour at which it is shown or sent.
    per_week : int
        How often a week it is repeated: of ads.
    offer : str
        What the message fills in for the offer: "10 % off".
    """

    name: str
    kind: str
    channel: str
    cost: Cost
    effect: Effect
    cap_days: int = 0
    hour: int | None = None
    per_week: int = 1
    offer: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= 60:
            raise SpecError("An intervention must have a name of 1 to 60 characters.")
        if self.hour is not None and not 0 <= self.hour <= 23:
            raise SpecError(f"`hour` must be from 0 to 23, not {self.hour}.")
        if not 1 <= self.per_week <= 50:
            raise SpecError(f"`per_week` must be from 1 to 50, not {self.per_week}.")
        if not 0 <= self.cap_days <= MAX_WINDOW_DAYS:
            raise SpecError(f"`cap_days` must be from 0 to {MAX_WINDOW_DAYS}, not {self.cap_days}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """A group of a campaign that gets an intervention.

    Parameters
    ----------
    name : str
        As exports and read-outs call it; the holdout is called "holdout".
    intervention : Intervention
    share : float
        Its part of the users who are not held out, relative to the other arms'.
    """

    name: str
    intervention: Intervention
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= 60 or self.name.strip().casefold() == HOLDOUT:
            raise SpecError(f'An arm must have a name of 1 to 60 characters other than "{HOLDOUT}", not "{self.name}".')
        if not 0 < self.share < float("inf"):
            raise SpecError(f"The share of an arm must be more than 0, not {self.share:g}.")


HOLDOUT = "holdout"


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignSpec:
    """Who gets what, and who is held out.

    Parameters
    ----------
    name : str
        From 1 to 80 characters; no two campaigns share one.
    users : object
        A frozen definition of users, as audiences have them.
    arms : tuple of Arm
        At least one, at most twelve.
    holdout : float
        Share of the users who get nothing, drawn at random; 0 leaves the effect unknown for good, and is said to.
    window_days : int
        Days after the exposure within which a user counts as staying.
    exposed_on : date, optional
        The day on which it is sent, by default the day that the data reach; outcomes count from its beginning on.
    budget : float, optional
        Only so much is spent, by expected cost: each user gets the arm, or none, that is worth most for the money, instead
        of one at random.
    margin : float
        With a budget: the share of a user's value that is gain; see `retention.interventions.spec_preview.Terms`.
    value : float, optional
        With a budget: what a user who stays is worth, the same for all; by default each user's own value.
    plan : mapping
        What was planned before: see `retention.experiments.spec.PlanSpec`; kept with the campaign.

    Raises
    ------
    SpecError
        If one of them is out of its range, or two arms share a name.
    """

    name: str
    users: Any
    arms: tuple[Arm, ...]
    holdout: float = 0.1
    window_days: int = 28
    exposed_on: date | None = None
    budget: float | None = None
    margin: float = 1.0
    value: float | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= 80:
            raise SpecError("A campaign must have a name of 1 to 80 characters.")
        if not 1 <= len(self.arms) <= MOST_ARMS:
            raise SpecError(f"A campaign must have from 1 to {MOST_ARMS} arms beside its holdout, not {len(self.arms)}.")
        said = [arm.name.strip().casefold() for arm in self.arms]
        if len(set(said)) < len(said):
            raise SpecError("Two arms of a campaign must not have the same name.", hint="Give each a name of its own.")
        if not 0 <= self.holdout <= 0.9:
            raise SpecError(
                f"`holdout` must be a share from 0 to 0.9, not {self.holdout:g}.", hint="A tenth, 0.1, is usual."
            )
        if not 1 <= self.window_days <= MAX_WINDOW_DAYS:
            raise SpecError(f"`window_days` must be from 1 to {MAX_WINDOW_DAYS}, not {self.window_days}.")
        if self.budget is not None and not 0 < self.budget < float("inf"):
            raise SpecError(f"`budget` must be more than 0, not {self.budget:g}.", hint="Name the money that may be spent.")
