"""The tab of the catalogue: what can be done, what it costs, what it is thought to change, and how one knows."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retention.churn.words import share
from retention.errors import RetentionError
from retention.interventions.answer_catalogue import catalogue as interventions_known
from retention.interventions.answer_catalogue import own_interventions, past_effects
from retention.interventions.catalogue import AD_CHANNELS, AD_WEEKS, ADS, KINDS, SHOWING_COST, ad_variants, fitting
from retention.interventions.order_catalogue import delete_intervention, save_interventions
from retention.interventions.words_catalogue import measured_words, percent_range
from retention.interventions.words_preview import OF_UNIT
from retention.periods import date_of, local_day
from retention.ui.answers import advise, answer, catalogue, order
from retention.ui.controls import Controls
from retention.ui.interventions_controls import (
    MOST_MONEY,
    NOTE,
    about,
    intervention_choice,
    keep_form,
    said_done,
    tuned,
)
from retention.ui.pages import section
from retention.ui.words import many, plain


def catalogue_panel(controls: Controls) -> None:
    """Show the catalogue with the owner's own, and change it."""
    with section("What can be done", "What does each intervention cost, what is it thought to change, and how does one know?"):
        said_done()
        st.dataframe(
            _table(),
            hide_index=True,
            height=38 + 35 * min(len(answer(interventions_known)), 12),
            alt="The interventions, with what each costs and is thought to change",
            placeholder="",
            column_config={
                "Channel": st.column_config.TextColumn(width=120),
                "Taken up by": st.column_config.TextColumn(help="Of those who stay, those who would have stayed anyway among them"),
                **{name: st.column_config.NumberColumn(format="%.2f") for name in ("Cost of a contact", "Incentive")},
            },
        )
        st.caption(
            "Money is in the currency of your file. An assumed effect is an assumption of ours, or yours: nobody knows it for"
            " your shop without a test. Once a campaign with a holdout was read on the Experiments page and what it found was"
            " kept, that can be chosen instead."
        )
    with section("Change one, and keep it as my own"):
        base = intervention_choice(controls)
        one = tuned(controls, base, is_whole=True)
        about(one, base)
        kind = KINDS.get(base.kind)
        if kind:
            st.caption(kind.meaning)
        keep_form(one, key="interventions_keep")
        _delete(base.name)
    with section("Ads by channel, hour and frequency", "Which ads should be told apart? Each becomes an intervention of its own."):
        _ads()


def _table() -> pd.DataFrame:
    found, past = answer(interventions_known), answer(past_effects)
    own = {one.name for one in answer(own_interventions)}
    zone = catalogue().settings.timezone
    rows = []
    for one in found.values():
        is_own = one.name in own
        measured = [measured_words(past_one, date_of(local_day(past_one.as_of_us, zone))) for past_one in fitting(past, one)[:1]]
        rows.append(
            {
                "Intervention": f"{one.name} (yours)" if is_own else one.name,
                "Stay because of it": f"{percent_range(one.effect.low, one.effect.high)} of 100 {OF_UNIT[one.effect.unit]}",
                "How one knows": measured[0] if measured else "your assumption" if is_own else "our assumption",
                "Channel": one.channel + ("" if one.hour is None else f", {one.hour}:00, {one.per_week} a week"),
                "Cost of a contact": one.cost.contact,
                "Incentive": one.cost.incentive or None,
                "Taken up by": share(one.cost.redemption) if one.cost.incentive else "",
                "Once in, days": one.cap_days or None,
            }
        )
    return pd.DataFrame(rows)


def _delete(name: str) -> None:
    if name not in {one.name for one in answer(own_interventions)}:
        return
    with st.popover("Delete this one of mine", key="interventions_delete"):
        st.markdown(f"“{plain(name)}” will be gone from the catalogue; campaigns that were assigned with it stay.")
        if st.button("Yes, delete it", key="interventions_delete_yes") and order(delete_intervention, name) is not None:
            st.session_state[NOTE] = f"“{name}” is deleted."
            st.rerun()


def _ads() -> None:
    with st.form("interventions_ads", border=False):
        one, two, three, four = st.columns(4)
        channels = one.multiselect("Channels", AD_CHANNELS, default=AD_CHANNELS[:2], key="ads_channels")
        hours = two.multiselect("Local hours", range(24), default=[8, 20], format_func=lambda hour: f"{hour}:00", key="ads_hours")
        times = three.multiselect("Times a week", range(1, 15), default=[1, 3], key="ads_times")
        cost = four.number_input("Cost of showing an ad once", 0.0, MOST_MONEY, SHOWING_COST, step=0.01, format="%.3f", key="ads_cost")
        st.caption(
            f"A user then costs that times the frequency, for {AD_WEEKS} weeks. All begin with the same assumed effect: that more"
            " ads keep more users is not known. As arms of one campaign they tell which is worth its money."
        )
        is_sent = st.form_submit_button("Put them into my catalogue")
    if not is_sent:
        return
    try:
        made = ad_variants(KINDS[ADS].usual, channels, hours, times, float(cost))
    except RetentionError as error:
        advise(error)
        return
    if order(save_interventions, made):
        st.session_state[NOTE] = f"{many(len(made), 'kind')} of ads are in your catalogue now."
        st.rerun()
