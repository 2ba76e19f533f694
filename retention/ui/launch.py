"""What happens around the pages: the warm-up before the first, and what is said when one breaks."""

from __future__ import annotations

import gc
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st

from retention.errors import RetentionError
from retention.ui import cohorts, overview, survival
from retention.ui.starting import store
from retention.ui.words import plain

LOG = logging.getLogger("retention")


def warm() -> None:
    """Import what pages need and answer the questions that everybody asks first."""
    import plotly.io  # noqa: F401

    with suppress(RetentionError):  # the page says what is wrong, with what to do
        if store().catalogue().clock is not None:
            cohorts.warm()
            overview.warm()
            survival.warm()


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Warm up before the first visitor; let the store go at the end."""
    warm()
    gc.collect()
    # Streamlit collects garbage after every run; what lives as long as the process need not be looked at again.
    gc.freeze()
    yield
    with suppress(RetentionError):
        store().close()


def show_failure(error: Exception) -> bool:
    """Say that something broke, with a reference that the log carries too."""
    if isinstance(error, RetentionError):
        st.error(plain(str(error)))
        return True
    reference = secrets.token_hex(4)
    LOG.error("failure %s", reference, exc_info=error)
    st.error(
        f"Something went wrong in the program, and it is not your doing. Reference **{reference}**: the"
        " log of the app says more"
        " under it. Reload the page to go on; your data are safe."
    )
    return True
