"""What every page has: a title with its question, advice instead of failures, and the notes of what was done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from retention.errors import RetentionError
from retention.ui.answers import receipts
from retention.ui.words import plain


@contextmanager
def page(title: str, question: str) -> Iterator[None]:
    """Frame a page; a mistake that its reader can put right ends it with advice.

    Parameters
    ----------
    title : str
    question : str
        What the page answers, in one sentence.
    """
    receipts()
    with st.container(key="page_head"):
        st.title(title)
        st.caption(question)
    try:
        yield
    except RetentionError as error:
        with st.container(border=True, key="advice"):
            st.subheader(plain(error.message))
            if error.hint:
                st.write(plain(error.hint))


def link_to(page: str, label: str, **told: str | list[str]) -> None:
    """Draw a link to a page of this app.

    Parameters
    ----------
    page : str
        Its file's name: "survival".
    label : str
    **told
        Parts of its address; a name that is a word of Python ends in "_".
    """
    pages = st.session_state.get("pages") or {}
    if page in pages:
        query = {name.rstrip("_"): value for name, value in told.items()}
        st.page_link(pages[page], label=plain(label), query_params=query or None, width="content")


def caution(text: str) -> None:
    """Say what a reader must beware of, where there is something."""
    if text:
        st.caption(f":material/warning: {plain(text)}")


@contextmanager
def section(title: str, question: str = "") -> Iterator[None]:
    """Frame a part of a page; what cannot be answered there is said there, and the rest of the page stands.

    Parameters
    ----------
    title : str
    question : str
        What the part answers, in one sentence.
    """
    st.header(title)
    if question:
        st.caption(question)
    try:
        yield
    except RetentionError as error:
        st.info(plain(f"{error.message} {error.hint}".strip()))
