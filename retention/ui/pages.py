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
