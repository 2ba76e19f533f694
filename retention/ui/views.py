"""Views kept under a name: an address each, opened with a click."""

from __future__ import annotations

from urllib.parse import parse_qs

import streamlit as st

from retention.store.answer import saved_views
from retention.store.order import delete_view, save_view
from retention.ui import address
from retention.ui.answers import answer, order


def saved_views_panel(page: str, now: str) -> None:
    """Keep the view that is shown, open one that was kept, or forget it."""
    state = st.session_state
    with st.form("save_view", border=False, clear_on_submit=True):
        name = st.text_input("Name of this view", max_chars=80, placeholder="For example: weekly buyers")
        is_sent = st.form_submit_button("Save view")
    if is_sent:
        before = state.get("receipt")
        order(save_view, name, page, now, receipt=f"View “{name.strip()}” saved.")
        if state.get("receipt") != before:
            st.rerun()
    views = dict(answer(saved_views, page))
    if not views:
        return
    chosen = st.selectbox("Open a saved view", list(views), index=None, placeholder="Choose a view", key="chosen_view")
    with st.container(horizontal=True):
        st.button("Open", key="open_view", disabled=chosen is None, on_click=_open, args=(views.get(chosen or "", ""),))
        st.button("Delete", key="delete_view", disabled=chosen is None, on_click=_delete, args=(chosen, page))


def _open(told: str) -> None:
    address.visit(parse_qs(told))


def _delete(name: str, page: str) -> None:
    order(delete_view, name, page, receipt=f"View “{name}” deleted.")
    st.session_state["chosen_view"] = None
