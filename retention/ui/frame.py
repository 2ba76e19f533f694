"""Navigation at the top, the data-until line, the banner of the simulated shop, and the address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from retention.errors import RetentionError
from retention.store.catalogue import Catalogue
from retention.ui import address
from retention.ui.answers import look_again
from retention.ui.starting import first_start, store
from retention.ui.words import moment, plain

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("overview", "cohorts", "growth", "behaviour", "survival", "segments", "at_risk", "audiences", "interventions", "experiments", "profile", "data")
"""In the order of the navigation; the first is the default."""
STYLE = Path(__file__).with_name("style.css")


def frame() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="Holdfast", page_icon="⚓", layout="wide")
    pages = {
        name: st.Page(ROOT / "pages" / f"{name}.py", title=name.replace("_", " ").capitalize(), default=name == PAGES[0])
        for name in PAGES
    }
    navigation = st.navigation(list(pages.values()), position="top")
    st.html(STYLE)
    try:
        first_start(store())
    except RetentionError as error:
        st.title("The store cannot be opened")
        st.error(plain(error.message))
        if error.hint:
            st.write(plain(error.hint))
        st.button("Try again")
        return
    known = look_again()
    _data_line(known)
    if known.is_simulated:
        _simulated(pages["data"], is_link=navigation != pages["data"])
    st.session_state["pages"] = pages
    address.begin(navigation.url_path)
    navigation.run()
    # Not before: an address written earlier would turn a change of page into a visit to the first one.
    address.finish()


def _data_line(known: Catalogue) -> None:
    with st.container(key="data_line"):
        if known.clock is None:
            st.caption("No data yet")
            return
        st.caption(f"Data complete up to **{moment(known.clock.as_of_us, known.clock.timezone)}**")


def _simulated(data_page: object, *, is_link: bool) -> None:
    with st.container(key="simulated", horizontal=True, vertical_alignment="center"):
        st.markdown(
            "You are looking at a **simulated shop** — import your own data to see your own customers.", width="content"
        )
        if is_link:
            st.page_link(data_page, label="Import your own", width="content")  # type: ignore[arg-type]
