"""The address of a page: read once, kept while the controls move, written after the page has run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

Address = Mapping[str, list[str]]
KEY = "address"
CARRIED = "where"
"""The part of the address that goes along from page to page: which users are looked at."""
STALE_S = 1.5
"""A browser that has not yet heard of the address just written still sends the one before it."""


@dataclass(slots=True)
class _State:
    page: str | None = None
    turn: int = 0
    taken: dict[str, list[str]] = field(default_factory=dict)
    now: dict[str, list[str]] = field(default_factory=dict)
    written: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    carried: list[str] = field(default_factory=list)
    recent: list[dict[str, list[str]]] = field(default_factory=list)
    written_s: float = 0.0


def _state() -> _State:
    if KEY not in st.session_state:
        st.session_state[KEY] = _State()
    return st.session_state[KEY]


def begin(page: str) -> None:
    """Take up the address of a page where it is new: a first visit, a link, the back button, a return."""
    state = _state()
    seen = {name: st.query_params.get_all(name) for name in st.query_params}
    is_stale = seen in state.recent and time.monotonic() - state.written_s < STALE_S
    wanted: dict[str, list[str]] | None = st.session_state.pop("goto", None)
    if wanted is None and state.page != page:
        # A page that is opened without an address of its own keeps its settings, but the users in view come along.
        wanted = seen or {**state.written.get(page, {}), CARRIED: state.carried}
    elif wanted is None and seen != state.written.get(page, {}) and not is_stale:
        wanted = seen
    if wanted is not None:
        state.turn += 1
        state.taken = wanted
    state.page = page
    state.now = {}


def taken() -> tuple[int, Address]:
    """Return how many addresses have been taken up so far, and the last of them."""
    state = _state()
    return state.turn, state.taken


def put(**values: list[str]) -> None:
    """Set parts of the address that will be written; an empty list leaves a part out."""
    state = _state()
    now = state.now
    for name, value in values.items():
        if name.rstrip("_") == CARRIED:
            state.carried = value
        now.pop(name.rstrip("_"), None)
        if value:
            now[name.rstrip("_")] = value


def current() -> dict[str, list[str]]:
    """Return the address as it stands in this run."""
    return dict(_state().now)


def finish() -> None:
    """Write the address."""
    state = _state()
    if state.page is None:
        return
    seen = {name: st.query_params.get_all(name) for name in st.query_params}
    if seen != state.now:
        state.recent = [*state.recent[-7:], seen]
        state.written_s = time.monotonic()
        st.query_params.from_dict(state.now)
    state.written[state.page] = dict(state.now)


def forget(page: str) -> None:
    """Let the next visit of a page start from its defaults: what was asked there is gone."""
    _state().written.pop(page, None)


def visit(values: Address) -> None:
    """Have the next run start from another address of the same page."""
    st.session_state["goto"] = dict(values)
