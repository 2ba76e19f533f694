"""The tab that assigns a campaign: its arms, its holdout, and who is left alone; then who gets what is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import streamlit as st

from retention.audiences.answer_suppression import what_is_unknown
from retention.churn.words import share
from retention.errors import RetentionError
from retention.experiments.answer_plan import plan
from retention.experiments.experiment import retained_within
from retention.experiments.spec import PlanSpec
from retention.experiments.words_plan import plan_words
from retention.interventions.order_assign import assign
from retention.interventions.spec import Arm, CampaignSpec, Intervention
from retention.interventions.words_catalogue import NOTHING_IS_SENT, cost_words, effect_words
from retention.periods import date_of
from retention.ui.answers import advise, answer, catalogue, order
from retention.ui.controls import Controls
from retention.ui.interventions_controls import (
    MOST_MONEY,
    Chosen,
    arm_choice,
    holdout_control,
    left_out,
    said_done,
    window_control,
)
from retention.ui.interventions_preview import people_of, worth_controls
from retention.ui.pages import caution, link_to, section
from retention.ui.words import day, many, plain

DONE = "interventions_assigned"
WAYS = {"lot": "By lot, in shares", "budget": "By what is worth most, within a budget"}


def assign_panel(controls: Controls, chosen: Chosen) -> None:
    """Draw what the campaign is, whom it would have, and the button."""
    with section("Assign a campaign", "Who gets what, and who is left alone so that the effect can be read?"):
        said_done()
        st.info(NOTHING_IS_SENT)
        if done := st.session_state.get(DONE):
            campaign_id, words = done
            st.success(plain(words))
            link_to("interventions", "Its groups, and the file to send", tab="Running", campaign=str(campaign_id))
        arms = arm_choice(controls)
        if not arms:
            st.info("A campaign must have at least one arm. Choose what is done above.")
            return
        is_by_budget = _by_budget(controls)
        money = _money(controls, chosen, arms) if is_by_budget else None
        if is_by_budget and money is None:
            return
        shares = (1.0,) * len(arms) if is_by_budget else _shares(controls, arms)
        one, two, three = st.columns(3, vertical_alignment="bottom")
        holdout, window = holdout_control(controls, one), window_control(controls, two)
        reach_to = date_of(catalogue().require_clock().as_of_day)
        sent_on = controls.day(
            "on", "Sent on", at=three, help=f"Outcomes count from the beginning of that day. Empty: {day(reach_to)}, where the data end."
        )
        n_left = left_out(chosen, *arms)
        for unknown in answer(what_is_unknown):
            caution(unknown)
        if not n_left:
            st.info("A campaign must have at least one user, and nobody is left. Choose another list, or leave fewer users out.")
            return
        _groups_words(n_left, holdout, arms, shares, money)
        plan = _planned(controls, n_left, holdout, window, 1 if is_by_budget else len(arms))
        _form(chosen.asked(*arms), arms, shares, holdout, window, sent_on, money, plan)


def _shares(controls: Controls, arms: tuple[Intervention, ...]) -> tuple[float, ...]:
    if len(arms) == 1:
        st.caption(plain(f"{arms[0].name}: {cost_words(arms[0])} {effect_words(arms[0])}"))
        return (1.0,)
    found = []
    for start in range(0, len(arms), 4):
        places = st.columns(4)
        for at, (number, one) in zip(places, list(enumerate(arms))[start : start + 4], strict=False):
            found.append(
                float(controls.number(f"share.{number}", 1, 100, 1, plain(f"Parts for {one.name}"), at=at,
                                      help="Relative to each other: 1 and 1 are halves."))
            )  # fmt: skip
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Money:
    """What may be spent, and what a user who stays is worth."""

    budget: float
    margin: float
    value: float | None


def _by_budget(controls: Controls) -> bool:
    return controls.pills(
        "way", list(WAYS), "lot", "Who gets which arm", words=WAYS,
        help="By lot the arms can be compared with each other. Within a budget, each user gets what is expected to be worth"
        " most for the money, or nothing; the arms then differ by whom they have, so only the whole can be compared with the"
        " holdout.",
    ) == "budget"  # fmt: skip


def _money(controls: Controls, chosen: Chosen, arms: tuple[Intervention, ...]) -> _Money | None:
    people = people_of(chosen, *arms)
    if people is None:
        return None
    one, two, three = st.columns(3)
    budget = controls.amount("budget", 1.0, MOST_MONEY, 1000.0, "Budget", step=100.0, at=one, help="In the currency of your file.")
    return _Money(budget, *worth_controls(controls, people, two, three))


def _groups_words(
    n: int, holdout: float, arms: tuple[Intervention, ...], shares: tuple[float, ...], money: _Money | None
) -> None:
    if money is not None:
        st.markdown(
            f"**Of {many(n, 'user')}, those for whom an arm is worth its cost are chosen within the budget; about"
            f" {share(holdout)} of the chosen are held out.**"
        )
    else:
        total = sum(shares)
        parts = [f"{n * (1 - holdout) * part / total:,.0f} get “{one.name}”" for one, part in zip(arms, shares, strict=True)]
        st.markdown(plain(f"About {n * holdout:,.0f} of {n:,} are held out and get nothing; about {', '.join(parts)}."))
    if not holdout:
        caution("With nobody held out the effect stays unknown for good: there is nobody to compare with.")


def _planned(controls: Controls, n_left: int, holdout: float, window: int, n_arms: int) -> Mapping[str, Any]:
    """Draw what the campaign is to find out, and return what it keeps of that; nothing where nothing is planned."""
    st.subheader("What it is to find out")
    st.caption(
        "Said before anything is sent, it cannot be bent to what came of it. The tab “Plan” of the Experiments page takes"
        " the share that stays anyway from your data."
    )
    one, two = st.columns(2)
    effect = controls.amount(
        "effect", -100.0, 100.0, 0.0, "Smallest change worth having, points", step=0.5, at=one, help="0: nothing is planned."
    ) / 100  # fmt: skip
    base = controls.amount("base", 0.0, 100.0, 30.0, "Of 100 users, stay without it", step=1.0, at=two) / 100
    if not effect or not holdout:
        return {}
    try:
        found = plan(
            PlanSpec(
                metric=retained_within(window), baseline=base, effect=effect, holdout=holdout, n_arms=n_arms,
                n_available=n_left, window_days=window,
            )
        )  # fmt: skip
    except RetentionError as error:
        advise(error)
        return {}
    st.markdown(plain(" ".join(plan_words(found))))
    return found.told()


def _form(
    users: Any, arms: tuple[Intervention, ...], shares: tuple[float, ...], holdout: float, window: int, sent_on: date | None,
    money: _Money | None, plan: Mapping[str, Any],
) -> None:  # fmt: skip
    with st.form("interventions_assign", border=False):
        one, two = st.columns([3, 1], vertical_alignment="bottom")
        name = one.text_input("Name of the campaign", max_chars=80, placeholder="For example: spring coupon", key="interventions_name")
        is_sent = two.form_submit_button("Assign", type="primary", width="stretch")
    if not is_sent:
        return
    try:
        spec = CampaignSpec(
            name=name,
            users=users,
            arms=tuple(Arm(name=arm.name, intervention=arm, share=part) for arm, part in zip(arms, shares, strict=True)),
            holdout=holdout,
            window_days=window,
            exposed_on=sent_on,
            plan=plan,
            **({} if money is None else asdict(money)),
        )
    except RetentionError as error:
        advise(error)
        return
    made = order(assign, spec, receipt=f"Campaign “{name.strip()}” assigned.")
    if made is not None:
        words = f"“{made.name}” is assigned: {many(made.n_users, 'user')} are in it, and nothing was sent."
        st.session_state[DONE] = (made.campaign_id, words)
        st.rerun()


