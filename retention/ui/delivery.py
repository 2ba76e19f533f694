"""Send a list to the owner's campaign tool: where to, how far it has come, who is not confirmed, and by which secret."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from retention.audiences.answer import users_of
from retention.audiences.answer_delivery import (
    SHOWN_UNCONFIRMED,
    SIGNING,
    Delivery,
    deliveries,
    sent_words,
    unconfirmed,
    webhook_secret,
)
from retention.audiences.order_delivery import resume, send
from retention.audiences.spec_delivery import DeliverySpec, Patience, shown_url
from retention.errors import RetentionError
from retention.ui.answers import advise, answer, catalogue, order
from retention.ui.starting import store
from retention.ui.words import many, plain, short_moment

PATIENCE = Patience(n_tries=3, most_wait_s=8)
"""Somebody waits before the screen; what is not confirmed can be sent again later."""
SHOWN = 20


def delivery_panel(spec: Any, key: str) -> None:
    """Send the users of a list to a webhook, and show what became of what was sent.

    Parameters
    ----------
    spec : object
        A frozen definition that `retention.audiences.answer_sources` knows.
    key : str
        Tells panels of one page apart.
    """
    count = answer(users_of, spec).count
    with st.container(border=True, key=f"{key}_delivery"):
        st.subheader("Send to a webhook")
        st.caption(
            "A webhook is an address at which your campaign tool takes a list over the network. It gets signed requests of a"
            " hundred users each, with the campaign, the group, the holdout and the reason of every user. Whoever is held out is"
            " sent, too, marked as such, so that your tool leaves them out. The users themselves get nothing from us."
        )
        if note := st.session_state.pop(f"{key}_delivery_note", ""):
            st.info(plain(note))
        if count:
            _send(spec, count, key)
        else:
            st.info("Nobody is in this list, so there is nothing to send.")
        ours = [one for one in answer(deliveries) if one.spec.users == spec]
        if ours:
            _sent(ours, key)
        with st.expander("How the receiver knows that a request is ours", key=f"{key}_delivery_secret"):
            st.markdown(plain(SIGNING))
            if st.checkbox("Show the secret", key=f"{key}_delivery_show"):
                st.code(webhook_secret(store()), language=None)
                st.caption("Whoever has it can send in your name: give it to the receiver alone.")


def _send(spec: Any, count: int, key: str) -> None:
    with st.form(f"{key}_delivery_form", border=False):
        url = st.text_input(
            "Address of the webhook",
            placeholder="https://tool.example/hook",
            help="https, or http on this machine: by http anyone on the way could read the list",
        )
        has_ids = st.checkbox(
            "Send the ids of my file, too",
            help="Otherwise pseudonyms alone, which say nothing outside this store. Either way it is written to the audit trail.",
        )
        is_sent = st.form_submit_button(f"Send {many(count, 'user')}")
    if not is_sent:
        return
    try:
        wanted = DeliverySpec(users=spec, url=url, identity="file ids" if has_ids else "pseudonym")
    except RetentionError as error:
        advise(error)
        return
    _follow(key, send, wanted)


def _follow(key: str, verb: Any, what: DeliverySpec | int) -> None:
    """Send with a bar that says how far it has come; leaving the page stops it, and nothing is lost by that."""
    bar = st.progress(0.0, "Sending")
    done = order(verb, what, PATIENCE, lambda share, text: bar.progress(min(share, 1.0), text))
    bar.empty()
    if done is not None:
        st.session_state[f"{key}_delivery_note"] = f"Delivery {done.delivery_id}: {sent_words(done)}"
        st.rerun()


def _sent(ours: list[Delivery], key: str) -> None:
    zone = catalogue().require_clock().timezone
    st.markdown(f"**Sent so far** ({many(len(ours), 'delivery', 'deliveries')} of this list)")
    st.dataframe(
        pd.DataFrame(
            {
                "Delivery": [one.delivery_id for one in ours[:SHOWN]],
                "Begun": [short_moment(one.made_us, zone) for one in ours[:SHOWN]],
                "To": [shown_url(one.spec.url) for one in ours[:SHOWN]],
                "Users": [one.n_left for one in ours[:SHOWN]],
                "Confirmed": [one.n_confirmed for one in ours[:SHOWN]],
                "Not confirmed": [one.n_unconfirmed for one in ours[:SHOWN]],
                "What went wrong last": [one.fault or None for one in ours[:SHOWN]],
            }
        ),
        hide_index=True,
        height=min(38 + 35 * len(ours), 213),
        alt="Deliveries of this list, the newest first: users, confirmed and not confirmed",
        placeholder="",
        column_config={
            name: st.column_config.NumberColumn(format="localized") for name in ("Users", "Confirmed", "Not confirmed")
        },
    )
    if len(ours) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(ours):,}.")
    for one in [one for one in ours if one.n_unconfirmed][:3]:
        _unfinished(one, key)


def _unfinished(one: Delivery, key: str) -> None:
    st.warning(plain(f"Delivery {one.delivery_id}: {sent_words(one)}"))
    if st.button(f"Go on with delivery {one.delivery_id}", key=f"{key}_delivery_resume_{one.delivery_id}"):
        _follow(key, resume, one.delivery_id)
    with st.expander(f"Not confirmed: {many(one.n_unconfirmed, 'user')}", key=f"{key}_delivery_left_{one.delivery_id}"):
        left = answer(unconfirmed, one.delivery_id)
        st.dataframe(
            pd.DataFrame(
                {"User (pseudonym)": left["pseudonym"], "Tries": left["n_tries"], "What went wrong": left["fault"]}
            ),
            hide_index=True,
            height=min(38 + 35 * len(left), 213),
            alt=f"Users of delivery {one.delivery_id} who are not confirmed",
            placeholder="",
        )
        if one.n_unconfirmed > SHOWN_UNCONFIRMED:
            st.caption(
                f"The first {SHOWN_UNCONFIRMED} of {one.n_unconfirmed:,}; all of them with `audience send --unconfirmed {one.delivery_id}`."
            )
