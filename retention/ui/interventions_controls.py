"""What the tabs of the Interventions page share: whom it is for, which intervention, and what that costs and does."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from retention.audiences.answer_lists import saved_lists
from retention.audiences.answer_suppression import suppression
from retention.audiences.spec import CampaignUsersSpec, SavedUsersSpec, SuppressedUsersSpec
from retention.churn.answer_list import known_reachable
from retention.churn.answer_scores import latest_scoring
from retention.churn.scores import Scoring
from retention.churn.spec_list import AtRiskSpec
from retention.errors import RetentionError
from retention.interventions.answer_catalogue import catalogue as interventions_known
from retention.interventions.answer_catalogue import own_interventions, past_effects
from retention.interventions.catalogue import capped, fitting
from retention.interventions.order_catalogue import save_interventions
from retention.interventions.spec import MAX_WINDOW_DAYS, MOST_ARMS, UNITS, Cost, Effect, Intervention
from retention.interventions.words_catalogue import cost_words, effect_words, measured_words, origin_words
from retention.periods import date_of, local_day
from retention.segments.answer_saved import saved_segmentations
from retention.segments.answer_tags import label_values, saved_tags
from retention.segments.spec_saved import PREFIX, SegmentUsersSpec
from retention.segments.spec_tags import HELD, TagUsersSpec
from retention.ui.answers import advise, answer, catalogue, order
from retention.ui.controls import Controls
from retention.ui.pages import link_to
from retention.ui.words import many, plain

MOST_MONEY = 1e9
WAYS = {
    "risk": "The riskiest users", "list": "A saved list", "label": "A segment, a tag or a tier", "campaign": "A group of a campaign",
}  # fmt: skip
MAX_CONTACTED = 365
USUAL = "Discount coupon"
ASSUMED = "assumed"
UNIT_WORDS: dict[str, str] = {"save rate": "users who would be lost", "points": "users contacted"}
NOTE = "interventions_note"


def said_done() -> None:
    """Say what the last order did, once."""
    if note := st.session_state.pop(NOTE, ""):
        st.success(plain(note))


# Whom it is for ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom the page is about.

    Attributes
    ----------
    users : object
        The frozen definition, without whom to leave alone.
    left : SuppressedUsersSpec or None
        The same less whom to leave alone; None where nobody is.
    words : str
        Who they are, inside a sentence.
    scoring : Scoring or None
    """

    users: Any
    left: SuppressedUsersSpec | None
    words: str
    scoring: Scoring | None

    def asked(self, *interventions: Intervention) -> Any:
        """Return the definition of the users, less those whom the contact caps of some interventions forbid."""
        return capped(self.users if self.left is None else self.left, interventions)


def who(controls: Controls) -> Chosen | None:
    """Draw whom the intervention is for; None, with what to do about it, where there is nobody to choose."""
    scoring, lists, labels = answer(latest_scoring), answer(saved_lists), _labels()
    assigned = catalogue().campaigns
    ways = [way for way, there in zip(WAYS, (scoring, lists, labels, assigned), strict=True) if there]
    if not ways:
        st.info(
            "There is nobody to choose yet. Score the users on the At risk page, or save a list of users: a cell of a grid, a"
            " segment, a step of a funnel …"
        )
        link_to("at_risk", "Score the users")
        return None
    with st.container(key="interventions_who"):
        one, two = st.columns([1, 2], vertical_alignment="bottom")
        way = controls.choice("who", ways, ways[0], "For whom", words=WAYS, at=one)
        users: Any
        if way == "risk" and scoring is not None:
            users, words = _riskiest(controls, scoring, two)
        elif way == "list":
            names = {str(one.audience_id): f"{one.name} ({many(one.n_left, 'user')})" for one in lists}
            key = str(controls.choice("list", list(names), next(iter(names)), "Which list", words=names, at=two))
            users = SavedUsersSpec(audience_id=int(key))
            words = f"the users of the list “{catalogue().audiences.get(int(key), key)}”"
        elif way == "campaign":
            groups = {
                f"{number}.{arm}": f"“{one.name}”, group “{name}”"
                for number, one in reversed(list(assigned.items()))
                for arm, name in enumerate(one.groups)
                if arm  # the holdout gets nothing
            }
            key = str(controls.choice("of", list(groups), next(iter(groups)), "Which group", words=groups, at=two))
            number, _, arm = key.partition(".")
            return Chosen(
                CampaignUsersSpec(campaign_id=int(number), arm_key=int(arm)), None, f"the campaign {groups[key]}", scoring
            )
        else:
            key = str(controls.choice("label", list(labels), next(iter(labels)), "Which of them", words=labels, at=two))
            label, _, value = key.partition("=")
            users = SegmentUsersSpec(label, value) if label.startswith(PREFIX) else TagUsersSpec(label, value)
            words = f"the users with {label}" + ("" if value == HELD else f" “{value}”")
        left = _left_alone(controls, users)
    return Chosen(users, left, words, scoring)


def _riskiest(controls: Controls, scoring: Scoring, at: Any) -> tuple[AtRiskSpec, str]:
    most = max(scoring.n_users, 1)
    usual = max(scoring.n_users // 10, 1)
    n = controls.number("n", 1, most, usual, f"How many of the {many(scoring.n_users, 'scored user')}", at=at)
    return AtRiskSpec(scoring_key=scoring.scoring_key, n=n, columns=()), f"the {many(n, 'user')} with the highest risk"


def _labels() -> dict[str, str]:
    """List segments, tags and tiers, each as label=value with its words."""
    found = {}
    for row in answer(label_values).itertuples(index=False):
        if row.n:
            found[f"{row.label}={row.value}"] = f"{row.label}: {row.value} ({many(int(row.n), 'user')})"
    for tag in answer(saved_tags):
        found[f"{tag.label}={HELD}"] = f"{tag.label} ({many(tag.n, 'user')})"
    return found


def _left_alone(controls: Controls, users: Any) -> SuppressedUsersSpec | None:
    one, two, three = st.columns(3, vertical_alignment="bottom")
    days = controls.number(
        "contacted", 0, MAX_CONTACTED, 0, "Leave out: contacted in the last days", at=one,
        help="By a campaign that the store knows of: an event such as campaign_sent, or a campaign assigned here. 0: nobody.",
    )  # fmt: skip
    known = answer(known_reachable)
    is_reachable = False
    if known.is_known:
        is_reachable = controls.flag("reachable", "Leave out: may not be written to", at=two, help=plain(f"Told by {known.words}."))
    running = any(campaign.is_running for campaign in catalogue().campaigns.values())
    is_out = False
    if running:
        is_out = controls.flag("free", "Leave out: in a campaign that is running", default=True, at=three)
    if not (days or is_reachable or is_out):
        return None
    return SuppressedUsersSpec(users=users, contacted_days=days, is_reachable_only=is_reachable, is_out_of_campaigns=is_out)


def segmentations() -> tuple[str, ...]:
    """Return the labels of the saved segmentations."""
    return tuple(one.label for one in answer(saved_segmentations))


# What is done -----------------------------------------------------------------------------------------


def intervention_choice(controls: Controls, at: Any = st) -> Intervention:
    """Draw the choice of one intervention."""
    known = answer(interventions_known)
    own = {one.name for one in answer(own_interventions)}
    words = {name: f"{name} (yours)" if name in own else name for name in known}
    first = next(iter(known))
    name = controls.choice("do", list(known), USUAL if USUAL in known else first, "What is done", words=words, at=at)
    return known[str(name)]


def tuned(controls: Controls, base: Intervention, *, is_whole: bool = False) -> Intervention:
    """Draw what an intervention costs and is thought to do, and return it as it was set.

    Parameters
    ----------
    is_whole : bool
        Draw its channel, its contact cap and its offer, too.

    Notes
    -----
    Each intervention has fields of its own, so that another one begins with its own numbers.
    """
    mark = re.sub(r"\W+", "_", base.name.casefold()).strip("_")
    with st.container(key="interventions_cost"):
        one, two, three = st.columns(3)
        contact = controls.amount(
            f"contact.{mark}", 0.0, MOST_MONEY, base.cost.contact, "Cost of contacting a user", step=0.05, at=one,
            help="In the currency of your file, for the whole campaign, whatever comes of it.",
        )  # fmt: skip
        incentive = controls.amount(
            f"incentive.{mark}", 0.0, MOST_MONEY, base.cost.incentive, "Incentive", step=0.5, at=two,
            help="What a user who takes the offer up gets: a discount, points. Those who would have stayed anyway take it, too.",
        )  # fmt: skip
        redemption = controls.slider(
            f"redeem.{mark}", 0, 100, round(base.cost.redemption * 100), "Of those who stay, take it up", format="%d %%", at=three
        )
        effect = _effect(controls, base, mark)
        if is_whole:
            base = _described(controls, base, mark)
    cost = Cost(contact=contact, incentive=incentive, redemption=redemption / 100)
    return replace(base, cost=cost, effect=effect)


def _described(controls: Controls, base: Intervention, mark: str) -> Intervention:
    one, two, three = st.columns(3, vertical_alignment="bottom")
    channel = controls.text(f"channel.{mark}", "Channel", default=base.channel, at=one)
    cap = controls.number(
        f"cap.{mark}", 0, MAX_CONTACTED, base.cap_days, "Contact cap: once in so many days", at=two,
        help="Whoever was contacted within so many days is left out when a campaign is assigned with it. 0: no cap.",
    )  # fmt: skip
    offer = controls.text(f"gift.{mark}", "Offer, as messages say it", default=base.offer, at=three)
    return replace(base, channel=channel, cap_days=cap, offer=offer)


def _effect(controls: Controls, base: Intervention, mark: str) -> Effect:
    measured = {str(one.campaign_id): one for one in fitting(answer(past_effects), base)}
    zone = catalogue().require_clock().timezone
    if measured:
        words = {ASSUMED: "An assumption"} | {
            key: measured_words(one, date_of(local_day(one.as_of_us, zone))) for key, one in measured.items()
        }
        usual = str(base.effect.campaign_id) if base.effect.is_measured and str(base.effect.campaign_id) in measured else ASSUMED
        chosen = str(controls.choice(f"effect.{mark}", list(words), usual, "What it is thought to change", words=words))
        if chosen != ASSUMED:
            st.caption(plain(f"{words[chosen]} {measured[chosen].learned}".strip()))
            return measured[chosen].as_effect
    one, two, three = st.columns(3, vertical_alignment="bottom")
    unit = controls.choice(
        f"unit.{mark}", UNITS, base.effect.unit, "Of 100", words=UNIT_WORDS, at=one,
        help="Of those who would be lost, how many stay because of it; or of all who are contacted, how many more stay.",
    )  # fmt: skip
    is_points = unit == "points"
    low = controls.amount(
        f"low.{mark}", -100.0 if is_points else 0.0, 100.0, _hundred(base.effect.low), "at least so many stay because of it", step=1.0, at=two
    )
    high = controls.amount(f"high.{mark}", low, 100.0, max(_hundred(base.effect.high), low), "and at most", step=1.0, at=three)
    return Effect(low=low / 100, high=max(high, low) / 100, unit="points" if is_points else "save rate")


def _hundred(value: float) -> float:
    return round(value * 100, 6)


def about(one: Intervention, base: Intervention) -> None:
    """Say what an intervention costs and is thought to do, and how one knows."""
    own = {found.name for found in answer(own_interventions)}
    is_own = one != base or one.name in own
    st.markdown(plain(f"**{one.name}** ({one.channel}): {cost_words(one)} {effect_words(one)}").replace(r"\*\*", "**"))
    st.caption(plain(origin_words(one, is_own=is_own) + _cap_words(one)))


def _cap_words(one: Intervention) -> str:
    return f" A user is contacted with it at most once in {many(one.cap_days, 'day')}." if one.cap_days else ""


def keep_form(one: Intervention, *, key: str) -> None:
    """Offer to keep an intervention, as it is set, as the owner's own."""
    with st.form(key, border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        name = left.text_input("Keep it as my own, under the name", value=one.name, max_chars=60, key=f"{key}_name_{one.name}")
        is_sent = right.form_submit_button("Keep", width="stretch")
    if not is_sent:
        return
    try:
        wanted = replace(one, name=name.strip())
    except RetentionError as error:
        advise(error)
        return
    if order(save_interventions, (wanted,)):
        st.session_state[NOTE] = f"“{wanted.name}” is in your catalogue now."
        st.rerun()


def left_out(chosen: Chosen, *interventions: Intervention) -> int:
    """Say how many users are left alone, and why; return how many are not."""
    users = chosen.asked(*interventions)
    if not isinstance(users, SuppressedUsersSpec):
        users = SuppressedUsersSpec(users=users)
    found = answer(suppression, users)
    if users != SuppressedUsersSpec(users=users.users):
        st.markdown(plain(found.words))
    cap = max(interventions, key=lambda one: one.cap_days, default=None)
    if cap is not None and cap.cap_days and cap.cap_days == users.contacted_days:
        st.caption(plain(f"“{cap.name}” is given at most once in {many(cap.cap_days, 'day')}: its contact cap."))
    return found.n_after


# Groups -----------------------------------------------------------------------------------------------


def arm_choice(controls: Controls, usual: tuple[str, ...] = (USUAL,)) -> tuple[Intervention, ...]:
    """Draw the choice of the interventions that are arms."""
    known = answer(interventions_known)
    picked = controls.many(
        "arms", list(known), tuple(name for name in usual if name in known), "Arms: what is done", most=MOST_ARMS,
        placeholder="Choose at least one", help="Each group of users gets one of them; the holdout gets nothing.",
    )  # fmt: skip
    return tuple(known[name] for name in picked)


def holdout_control(controls: Controls, at: Any = st) -> float:
    """Draw the share that is held out."""
    return controls.slider(
        "holdout", 0, 50, 10, "Held out, %", format="%d %%", at=at,
        help="So many are drawn by lot and get nothing; only the comparison with them tells what the campaign changed.",
    ) / 100  # fmt: skip


def window_control(controls: Controls, at: Any = st) -> int:
    """Draw within how many days a user must come back to count as staying."""
    return controls.number(
        "window", 1, MAX_WINDOW_DAYS, 28, "Stays: back within days", at=at,
        help="After the day on which it is sent. Results can be read once so many days of data are there.",
    )  # fmt: skip
