"""What a preview and a budget say, in sentences."""

from __future__ import annotations

from math import ceil, floor, isnan

from retention.churn.judgement import Figure
from retention.churn.words import amount, money, share, whole
from retention.interventions.catalogue import Measured
from retention.interventions.optimum import Allocation, Optimum
from retention.interventions.preview import Preview
from retention.interventions.spec import Unit

OF_UNIT: dict[Unit, str] = {"save rate": "users who would be lost", "points": "users contacted"}
RISK_IS_NOT_ENOUGH = (
    "Risk alone does not say whom to treat: it tells who is likely to leave, not whom a contact keeps. What this brings rests"
    " on the effect above."
)


def _hundred(value: float) -> str:
    return f"{value * 100:.3g}".replace("-", "−")


def effect_said(effect: Figure, unit: Unit) -> str:
    """Write the size of an effect.

    Examples
    --------
    >>> effect_said(Figure(0.085, 0.02, 0.15), "save rate")
    'of 100 users who would be lost, 8.5 (2 to 15) stay because of it'
    """
    size, low, high = (_hundred(value) for value in (effect.value, effect.low, effect.high))
    return f"of 100 {OF_UNIT[unit]}, {size} ({low} to {high}) stay because of it"


def nobody_words(n_members: int) -> str:
    """Say why there is no preview."""
    if not n_members:
        return "Nobody is on this list: choose another one, or leave fewer users out."
    return (
        f"None of the {n_members:,} users on this list has a score, so nothing can be expected of them: choose another list,"
        " or score the users on the At risk page."
    )


def preview_sentences(preview: Preview) -> list[str]:
    """Say what can be expected, the most important first."""
    n = preview.people.n_users
    if not n:
        return [nobody_words(preview.people.n_members)]
    said = [
        f"Without action, {whole(preview.stay)} of the {n:,} users are expected to stay.",
        f"Contacting about {preview.n_contacted:,} of them, with about {preview.n_held:,} left alone, is expected to keep"
        f" {whole(preview.extra)} more: {effect_said(preview.effect, preview.unit)}.",
    ]
    cost = f"It costs {money(preview.cost)}."
    if preview.wasted.value > 0:
        cost += f" Of that, {money(preview.wasted)} is given to users who would have stayed anyway."
    return [*said, cost, net_words(preview), break_even_words(preview)]


def net_words(preview: Preview) -> str:
    """Say what is left of the value that is kept."""
    if not preview.is_money_known:
        return "What it brings cannot be said: no order of these users is known. Name a value of a user to see it."
    chance = preview.gain_probability
    said = "more than 99 %" if chance > 0.995 else "less than 0.5 %" if chance < 0.005 else share(chance)
    verdict = "It pays" if preview.net.low > 0 else "It does not pay" if preview.net.high < 0 else "Cannot tell whether it pays"
    return (
        f"{verdict}: the users it keeps are worth {money(preview.value_kept)} in margin, so {money(preview.net)} is left after"
        f" its cost. The probability that it pays is {said}."
    )


def break_even_words(preview: Preview) -> str:
    """Say from which effect on it pays."""
    of = OF_UNIT[preview.unit]
    if not preview.is_money_known:
        return "From which effect on it pays cannot be said without a value of a user."
    if isnan(preview.break_even):
        return "No effect is large enough for it to pay: it costs more than these users are worth."
    if preview.break_even <= 0:
        return "It pays from the first user it keeps on, for it costs nothing."
    return (
        f"It pays if at least {_hundred(preview.break_even)} of 100 {of} stay because of it; reckoned with are"
        f" {_hundred(preview.effect.value)}."
    )


def detection_words(preview: Preview) -> str:
    """Say what the holdout can find out."""
    found, held = preview.detection, preview.terms.holdout
    if not preview.people.n_users:
        return ""
    if not held:
        return "Nobody is left alone, so what it changes will never be known. Leave some users alone: a tenth is usual."
    if isnan(found.smallest):
        return (
            f"With about {preview.n_held:,} of {preview.people.n_users:,} users left alone, the comparison finds no effect,"
            " however large: there are too few users."
        )
    said = (
        f"Comparing the contacted with the about {preview.n_held:,} left alone finds a difference of"
        f" {_hundred(found.smallest)} percentage points or more in the share that stays: four of five such tests find it, and"
        f" where there is none, one in twenty claims one. Reckoned with are {_hundred(found.assumed)}."
    )
    if isnan(found.power) or found.power >= 0.8:
        return said
    said += f" Only {share(found.power)} of tests would find that."
    needs = []
    if not isnan(found.needed_holdout):
        needs.append(f"Leave {share(ceil(found.needed_holdout * 1000) / 1000)} alone instead of {share(held)}")
    if not isnan(found.needed_users):
        needs.append(f"{'it' if needs else 'It'} takes at least {found.needed_users:,.0f} users with this share left alone")
    return f"{said} {', or '.join(needs)}." if needs else f"{said} No number of users is enough."


def cautions(preview: Preview, measured: Measured | None = None) -> list[str]:
    """Say what the figures leave out or rest on, a sentence each.

    Parameters
    ----------
    measured : Measured, optional
        The past campaign that the effect was taken from.
    """
    people, terms, said = preview.people, preview.terms, []
    if not people.n_users:
        return []
    if people.n_unscored:
        said.append(f"{people.n_unscored:,} of the {people.n_members:,} users on the list have no score and are in no figure.")
    if terms.value is None and 0 < people.n_valued < people.n_users:
        without = people.n_users - people.n_valued
        said.append(f"The value of {without:,} users is not known: they count in the cost only.")
    if preview.is_money_known and terms.value is None:
        alike = "" if preview.unit == "points" else " of the same risk"
        said.append(f"The effect is a mean: users who are worth more are taken to be kept as often as others{alike}.")
    if measured is not None and measured.window_days != terms.window_days:
        said.append(
            f"The effect was measured over {measured.window_days} days, and this campaign is read after"
            f" {terms.window_days}: it may be another one."
        )
    if people.horizon_days and people.horizon_days != terms.window_days:
        said.append(
            f"The score and the value are about {people.horizon_days} days, which begin {people.gap_days} days after it; the"
            f" campaign is read after {terms.window_days} days. “Stay” means: active within the score's days."
        )
    if not people.is_current:
        said.append("The data have moved on since the users were scored: score again.")
    return [*said, interval_words(preview)]


def interval_words(preview: Preview) -> str:
    """Say what the intervals hold, and what they do not."""
    said = "Intervals are 95 %: the luck of who leaves, stays and is left alone, how unsure the effect is"
    said += ", and how far the score was off at the held-back cut-offs." if preview.people.is_error_known else "."
    if not preview.people.is_error_known:
        said += " How far the score may be off is not in them: too few users tell it."
    if preview.effect.value >= 0:
        said += " They suppose that nobody who would have stayed is driven away by it."
    return f"{said} Values are taken as they are."


def budget_sentences(found: Optimum, given: Allocation) -> list[str]:
    """Say who gets which arm for a budget, and where more money stops paying."""
    n = found.people.n_users
    arms = [
        f"{count:,} get {arm.name}" for arm, count in zip(found.arms, given.n_of_arm, strict=True) if count
    ]
    held = f", about {share(found.terms.holdout)} of each group left alone" if found.terms.holdout and arms else ""
    said = [f"Of {n:,} users, {', '.join(arms)}{held}." if arms else f"For this budget, none of the {n:,} users is contacted."]
    if given.n_worthless:
        unknown = n - found.people.n_valued if found.terms.value is None else 0
        why = f" (the value of {unknown:,} users is not known)" if unknown else ""
        said.append(f"{given.n_worthless:,} get nothing, for no arm is worth its cost for them{why}.")
    if given.n_beyond:
        said.append(f"{given.n_beyond:,} more would be worth an arm, but the budget is spent.")
    kept = f"{floor(given.extra + 0.5):,} users kept" if given.extra >= 1.5 else f"{given.extra:.1g} of a user kept"
    said.append(
        f"Expected to cost {amount(given.cost)} of {amount(given.budget)} and to leave {amount(given.net)} net, with"
        f" {kept}; that is within {_gap(given.gap)} of the best there can be."
    )
    if not found.n_worthwhile and found.terms.value is None and not found.people.n_valued:
        return ["No order of these users is known, so no arm can be worth its cost: name what a user is worth."]
    if not found.n_worthwhile:
        return ["For nobody on this list is any of these arms worth its cost, so nobody should be contacted."]
    if given.budget >= found.stops_paying:
        said.append(f"More than {amount(found.stops_paying)} brings nothing: everybody who is worth an arm has the best one.")
    else:
        said.append(
            f"The next 1 of budget is expected to leave {given.marginal:,.2f} net; more stops paying at"
            f" {amount(found.stops_paying)}."
        )
    return said


def _gap(gap: float) -> str:
    return "0.01 %" if gap < 1e-4 else f"{ceil(gap * 1e4) / 100:g} %"
