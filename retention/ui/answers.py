"""One memory for every question, and receipts for every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from retention.errors import RetentionError
from retention.store import Store
from retention.store.catalogue import Catalogue
from retention.ui.starting import open_store, store

T = TypeVar("T")


def catalogue() -> Catalogue:
    """Return what the store holds at this moment."""
    return store().catalogue()


def answer(question: Callable[..., T], *asked: Any) -> T:
    """Ask the store a question; the same question of the same data is answered from memory.

    Parameters
    ----------
    question : callable
        ``question(store, *asked)``; it only reads.
    *asked : hashable
        A frozen spec, or plain values.
    """
    here = store()
    name = f"{question.__module__}.{question.__qualname__}"
    _QUESTIONS[name] = question
    return _remembered(str(here.path), name, asked, here.data_version)  # type: ignore[no-any-return]


_QUESTIONS: dict[str, Callable[..., Any]] = {}


# A resource and not data: results are frozen, so they need not be copied for every reader. The key is small.
@st.cache_resource(show_spinner=False, max_entries=256)
def _remembered(path: str, name: str, asked: tuple[Any, ...], data_version: int) -> Any:
    return _QUESTIONS[name](open_store(path), *asked)


@st.cache_resource(show_spinner=False, max_entries=128)
def drawn(name: str, key: tuple[Any, ...], _draw: Callable[[], T]) -> T:
    """Keep a figure or a small table; `key` says all that it is made of, the data version included."""
    return _draw()


def order(verb: Callable[..., T], *said: Any, receipt: str = "", **named: Any) -> T | None:
    """Give the store an order; a mistake of the reader's is shown as advice and gives None.

    Parameters
    ----------
    verb : callable
        ``verb(store, *said, **named)``.
    receipt : str
        What is said once it is done; shown after the next run, too.
    """
    here: Store = store()
    try:
        done = verb(here, *said, **named)
    except RetentionError as error:
        advise(error)
        return None
    if receipt:
        st.session_state["receipt"] = receipt
    return done


def receipts() -> None:
    """Show what the last order did, once."""
    if text := st.session_state.pop("receipt", ""):
        st.toast(text, duration="long")


def advise(error: RetentionError) -> None:
    """Show what a reader can put right."""
    st.error(f"{error.message} {error.hint}".strip())
