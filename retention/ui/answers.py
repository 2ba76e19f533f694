"""One memory for every question, and receipts for every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from retention.errors import RetentionError
from retention.store import Store
from retention.store.catalogue import Catalogue
from retention.ui.starting import open_store, store
from retention.ui.words import plain

T = TypeVar("T")


RUN = "run_catalogue"


def catalogue() -> Catalogue:
    """Return what the store holds, the same throughout a run of a page unless an order changes it."""
    known: Catalogue | None = st.session_state.get(RUN)
    return known or store().catalogue()


def look_again() -> Catalogue:
    """Look at the store: at the start of a run, and after an order."""
    known = store().catalogue()
    st.session_state[RUN] = known
    return known


def answer(question: Callable[..., T], *asked: Any) -> T:
    """Ask the store a question; the same question of the same data is answered from memory.

    Parameters
    ----------
    question : callable
        ``question(store, *asked)``; it only reads.
    *asked
        A frozen spec, or plain values.
    """
    return answer_at(catalogue().data_version, question, *asked)


def answer_at(data_version: int, question: Callable[..., T], *asked: Any) -> T:
    """Ask a question of a known version of the data, also where no page runs."""
    name = f"{question.__module__}.{question.__qualname__}"
    # The text of a frozen spec says all of it, and costs a tenth of what hashing its parts does.
    said = repr(asked)
    return _remembered(str(store().path), name, said, data_version, (question, asked))


# A resource and not data: results are frozen, so they need not be copied for every reader. The key is small.
@st.cache_resource(show_spinner=False, max_entries=256)
def _remembered(
    path: str, name: str, said: str, data_version: int, _call: tuple[Callable[..., Any], tuple[Any, ...]]
) -> Any:
    question, asked = _call
    return question(open_store(path), *asked)


@st.cache_resource(show_spinner=False, max_entries=128)
def _drawn(path: str, said: str, _draw: Callable[[], Any]) -> Any:
    return _draw()


def drawn(name: str, key: tuple[Any, ...], draw: Callable[[], T]) -> T:
    """Keep a figure, a text or a small table; `key` says all that it is made of, the data version included."""
    return _drawn(str(store().path), repr((name, key)), draw)


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
    look_again()
    if receipt:
        st.session_state["receipt"] = receipt
    return done


def was_done(verb: Callable[..., Any], *said: Any) -> bool:
    """Give an order that returns nothing, and say whether it was carried out; a refusal is shown where it was asked."""
    return order(lambda store: (verb(store, *said), True)[1]) is True


def receipts() -> None:
    """Show what the last order did, once."""
    if text := st.session_state.pop("receipt", ""):
        st.toast(plain(text), duration="long")


def advise(error: RetentionError) -> None:
    """Show what a reader can put right."""
    st.error(plain(f"{error.message} {error.hint}".strip()))
