"""The link that restores a page, and the views of it that are kept under a name."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from retention.ui import address
from retention.ui.views import saved_views_panel


def share_panel(page: str) -> None:
    """Offer the link to what the page shows, and keep it under a name; call it last.

    Parameters
    ----------
    page : str
        The page that a saved view belongs to.
    """
    one, two = st.columns(2)
    with one:
        st.subheader("Share this view")
        link_box()
    with two:
        st.subheader("Saved views")
        saved_views_panel(page, urlencode(address.current(), doseq=True))


def link_box() -> None:
    """Show the link to what the page shows."""
    here = (st.context.url or "").partition("?")[0]
    here += "/" if here.count("/") == 2 else ""  # as the browser's own address bar has it
    said = urlencode(address.current(), doseq=True)
    st.code(f"{here}?{said}" if said else here, language=None, wrap_lines=True)
    st.caption("The link restores every setting and what is picked.")
