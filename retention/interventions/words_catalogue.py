"""What the catalogue and the campaigns say: costs, effects and where they come from, and until when one has to wait."""

from __future__ import annotations

from datetime import date

from retention.churn.words import amount, day_words
from retention.interventions.campaign import Campaign
from retention.interventions.catalogue import ASSUMED, KINDS, Measured
from retention.interventions.spec import Effect, Intervention

DAY_US = 86_400_000_000
OWN = "Your own assumption: nobody knows it for your shop without a test."
NOTHING_IS_SENT = (
    "Nothing is sent from here. Assign writes down who gets what and who is left alone; you export the file and send it with"
    " your own tool."
)


def percent_range(low: float, high: float) -> str:
    """Write a range of shares as percentages.

    Examples
    --------
    >>> percent_range(0.02, 0.15), percent_range(-0.005, 0.03), percent_range(0.1, 0.1)
    ('2 to 15', '−0.5 to 3', '10')
    """
    said = [f"{value * 100:.3g}".replace("-", "−") for value in (low, high)]
    return said[0] if said[0] == said[1] else " to ".join(said)


def cost_words(intervention: Intervention) -> str:
    """Say what an intervention costs, in the currency of the file.

    Examples
    --------
    >>> cost_words(KINDS["coupon"].usual)
    '0.05 for each user contacted, and 5 for 60 % of those who stay, also of those who would have stayed anyway.'
    >>> cost_words(KINDS["care"].usual)
    '0.05 for each user contacted.'
    """
    cost = intervention.cost
    said = f"{amount(cost.contact)} for each user contacted"
    if cost.incentive and cost.redemption:
        whom = "all" if cost.redemption == 1 else f"{cost.redemption * 100:.3g} %"
        said += f", and {amount(cost.incentive)} for {whom} of those who stay, also of those who would have stayed anyway"
    return f"{said}."


def effect_words(effect: Effect | Intervention) -> str:
    """Say what an intervention is assumed, or was measured, to change.

    Examples
    --------
    >>> effect_words(Effect(low=0.02, high=0.15))
    'Assumed: of 100 users who would be lost, 2 to 15 stay because of it.'
    >>> effect_words(Effect(low=0.005, high=0.037, unit="points", campaign_id=3))
    'Measured: of 100 users contacted, 0.5 to 3.7 more stay because of it.'
    """
    found = effect.effect if isinstance(effect, Intervention) else effect
    how = "Measured" if found.is_measured else "Assumed"
    if found.unit == "save rate":
        return f"{how}: of 100 users who would be lost, {percent_range(found.low, found.high)} stay because of it."
    return f"{how}: of 100 users contacted, {percent_range(found.low, found.high)} more stay because of it."


def measured_words(measured: Measured, on: date | None = None) -> str:
    """Name a measured effect with its campaign, its date, its window and its interval."""
    when = "" if on is None else f", read as of {day_words(on)}"
    effect = f"{measured.effect * 100:+.3g}".replace("-", "−")
    return (
        f"Measured by “{measured.campaign}” ({measured.arm}){when}: {effect} points of the users stay within"
        f" {measured.window_days} days, 95 % interval {percent_range(measured.low, measured.high)}."
    )


def origin_words(intervention: Intervention, *, is_own: bool) -> str:
    """Say where the range of an effect comes from."""
    if intervention.effect.is_measured:
        return "Measured in your shop, by the campaign that is named; other users, or another season, may answer otherwise."
    kind = KINDS.get(intervention.kind)
    if is_own:
        return OWN
    return kind.why if kind else ASSUMED


def complete_us(campaign: Campaign) -> int:
    """Return the instant from which all outcomes of a campaign are known: the exposure and the window have passed."""
    return campaign.exposed_us + campaign.window_days * DAY_US


def waiting_words(campaign: Campaign, as_of_us: int, on: date) -> str:
    """Say whether a campaign can be read, or until when one has to wait.

    Parameters
    ----------
    as_of_us : int
        How far the data reach.
    on : date
        The day on which the outcomes are complete.
    """
    left = -(-(complete_us(campaign) - as_of_us) // DAY_US)
    if left <= 0:
        return f"complete since {day_words(on)}"
    return f"complete on {day_words(on)}: {left:,} more day{'' if left == 1 else 's'} of data"
