"""The tab of campaigns: who is in which group, until when one has to wait, the file of each, and its end."""

from __future__ import annotations

from datetime import date

import pandas as pd
import streamlit as st

from retention.audiences.spec import CampaignUsersSpec
from retention.cohorts.words import percent
from retention.interventions.answer_campaigns import campaigns, groups_of
from retention.interventions.campaign import Campaign
from retention.interventions.order_assign import end_campaign
from retention.interventions.words_catalogue import NOTHING_IS_SENT, complete_us, cost_words, waiting_words
from retention.periods import date_of, local_day
from retention.store.catalogue import Clock
from retention.ui.answers import answer, catalogue, was_done
from retention.ui.controls import Controls
from retention.ui.interventions_controls import NOTE, said_done
from retention.ui.members import members_panel
from retention.ui.pages import caution, link_to, section
from retention.ui.words import day, many, plain, short_moment

SHOWN = 100
EVERY = "all"


def running_panel(controls: Controls) -> None:
    """List the campaigns, and show one of them."""
    clock = catalogue().require_clock()
    found = answer(campaigns)
    with section("Campaigns", "Who is in which group, and until when does one have to wait?"):
        said_done()
        if not found:
            st.info(f"No campaign has been assigned yet. Divide users over its groups under “Assign”. {NOTHING_IS_SENT}")
            return
        st.dataframe(
            pd.DataFrame([_row(one, clock) for one in found[:SHOWN]]),
            hide_index=True,
            height=min(38 + 35 * len(found), 248),
            alt="The campaigns, the newest first",
            column_config={"Users": st.column_config.NumberColumn(format="localized")},
        )
        if len(found) > SHOWN:
            st.caption(f"The newest {SHOWN} of {len(found):,}.")
        names = {str(one.campaign_id): one.name for one in found}
        key = controls.choice("campaign", list(names), next(iter(names)), "Look at", words=names)
        one = next(campaign for campaign in found if str(campaign.campaign_id) == key)
        _one(controls, one, clock)


def _row(one: Campaign, clock: Clock) -> dict[str, object]:
    groups = {int(row.arm_key): int(row.n) for row in answer(groups_of, one).itertuples(index=False)}
    return {
        "Campaign": one.name,
        "State": "running" if one.is_running else "ended",
        "Users": sum(groups.values()),
        "Groups": ", ".join(f"{name} {groups.get(key, 0):,}" for key, name in enumerate(one.groups)),
        "Outcomes count from": short_moment(one.exposed_us, clock.timezone),
        "Outcomes": waiting_words(one, clock.as_of_us, _complete_on(one, clock)),
    }


def _complete_on(one: Campaign, clock: Clock) -> date:
    return date_of(local_day(complete_us(one), clock.timezone))


def _one(controls: Controls, one: Campaign, clock: Clock) -> None:
    groups = {int(row.arm_key): int(row.n) for row in answer(groups_of, one).itertuples(index=False)}
    n_left = sum(groups.values())
    with st.container(border=True, key="interventions_campaign"):
        st.subheader(plain(one.name))
        st.markdown(plain(f"{one.definition} Assigned on data up to {day(date_of(local_day(one.as_of_us, clock.timezone)))}."))
        st.caption(
            plain(
                f"A user counts as staying who comes back within {many(one.window_days, 'day')}; outcomes are"
                f" {waiting_words(one, clock.as_of_us, _complete_on(one, clock))}."
            )
        )
        if n_left < one.n_users:
            caution(f"{one.n_users - n_left:,} of its {one.n_users:,} users have been erased from the store since.")
        if not one.holdout:
            caution("Nobody was held out, so the effect of this campaign stays unknown for good.")
        st.dataframe(
            _groups(one, groups),
            hide_index=True,
            alt="The groups of the campaign, with their sizes",
            column_config={"Users": st.column_config.NumberColumn(format="localized")},
            placeholder="",
        )
        with st.container(horizontal=True, gap="small"):
            link_to("experiments", "Read what it changed", campaign=one.name)
            if one.is_running:
                with st.popover("End this campaign", key="interventions_end"):
                    st.markdown("Its users may be in other campaigns again. Its groups stay, for they are what is read.")
                    if st.button("Yes, end it", key="interventions_end_yes") and was_done(end_campaign, one.campaign_id):
                        st.session_state[NOTE] = f"“{one.name}” has ended."
                        st.rerun()
        with st.expander("How the groups were drawn", key="interventions_drawn"):
            st.markdown(
                "Each user's place follows from the key below, the campaign's name and the user's id in your file, by"
                " HMAC-SHA256: it is as good as drawn by lot, and whoever has the key can draw it again."
            )
            st.code(one.hash_key, language=None)
    words = {EVERY: f"Everybody ({many(n_left, 'user')})"} | {
        str(key): f"{name} ({many(groups.get(key, 0), 'user')})" for key, name in enumerate(one.groups)
    }
    picked = controls.choice("group", list(words), EVERY, "The users and the file of", words=words)
    arm_key = None if picked == EVERY else int(str(picked))
    title = f"in “{one.name}”" if arm_key is None else f"in the group “{one.groups[arm_key]}” of “{one.name}”"
    members_panel(
        CampaignUsersSpec(campaign_id=one.campaign_id, arm_key=arm_key), title,
        note="The file says of each user the campaign, the arm, whether held out, and why. Contact nobody whose holdout is “yes”.",
        key="interventions_members",
    )  # fmt: skip


def _groups(one: Campaign, groups: dict[int, int]) -> pd.DataFrame:
    n = sum(groups.values())
    return pd.DataFrame(
        {
            "Group": one.groups,
            "Gets": ["nothing", *(f"{arm.intervention.name}, {arm.intervention.channel}" for arm in one.arms)],
            "Users": [groups.get(key, 0) for key in range(len(one.groups))],
            "Share": [percent(groups.get(key, 0) / n) if n else "" for key in range(len(one.groups))],
            "Costs": ["nothing", *(cost_words(arm.intervention) for arm in one.arms)],
        }
    )
