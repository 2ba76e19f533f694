"""The preview whole: money and what the holdout can find out."""

from __future__ import annotations

from collections.abc import Sequence

from retention.interventions.catalogue import Measured
from retention.interventions.effects import Uplift, uplift_of
from retention.interventions.model_power import detection_of
from retention.interventions.people import People
from retention.interventions.preview import Money, Preview, previewed_money
from retention.interventions.spec import Intervention
from retention.interventions.spec_preview import Terms


def previewed(
    people: People,
    intervention: Intervention,
    terms: Terms,
    *,
    past: Sequence[Measured] = (),
    uplift: Uplift | None = None,
) -> Preview:
    """Say what an intervention may bring and costs.

    Parameters
    ----------
    past : sequence of Measured
        Findings of past campaigns; one that the intervention's effect was taken from stands with its standard error.
    uplift : Uplift, optional
        What is known of whom the contact keeps, instead of the intervention's effect: `effects.user_uplifts`.
    """
    money = money_of(people, intervention, terms, past=past, uplift=uplift)
    n = people.n_users
    assumed = money.uplift.sum(people, 0, 0, 1) / n if n else 0.0
    return previewed_money(money, intervention, detection_of(people.base_rate, assumed, n, terms.holdout))


def money_of(
    people: People,
    intervention: Intervention,
    terms: Terms,
    *,
    past: Sequence[Measured] = (),
    uplift: Uplift | None = None,
) -> Money:
    """Return the arithmetic of a preview: its curve and its break-even point."""
    found = uplift_of(intervention.effect, past) if uplift is None else uplift
    return Money(people, found, intervention.cost, terms)
