"""Before the first page and after a failure: warm-up, the sample shop, and what is said of a bug."""

from __future__ import annotations

import gc
import logging
import os
import secrets
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st

from retention.errors import RetentionError
from retention.ingest.answer import data_status
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.store import Store
from retention.ui.words import plain

LOG = logging.getLogger("retention")
DEFAULT_STORE = Path(__file__).resolve().parents[2] / "data" / "holdfast.duckdb"


def store_path() -> Path:
    """Return where the store of this app lies."""
    return Path(os.environ.get("RETENTION_STORE") or DEFAULT_STORE)


@st.cache_resource(show_spinner=False, max_entries=4)
def open_store(path: str) -> Store:
    """Open the store once for the whole process."""
    return Store.create_or_open(Path(path))


def store() -> Store:
    """Return the store of this app.

    Raises
    ------
    StoreError
        If another process holds it, or it is damaged.
    """
    return open_store(str(store_path()))


class SampleBuild:
    """The sample shop being built, once, whoever asks: it goes on if the browser that began it leaves."""

    def __init__(self, target: Store) -> None:
        self.share, self.text = 0.0, "Starting"
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(target,), daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it is still being built."""
        return self._thread.is_alive()

    def _run(self, target: Store) -> None:
        def progress(share: float, text: str) -> None:
            self.share, self.text = share, text

        try:
            build_sample(target, SampleSpec(), progress)
        except BaseException as error:  # handed to whoever waits
            self.error = error


_BUILDS: dict[str, SampleBuild] = {}
_GUARD = threading.Lock()


def sample_build(target: Store) -> SampleBuild | None:
    """Begin to build the sample shop in a store that never held anything, or join whoever does."""
    with _GUARD:
        key = str(target.path)
        running = _BUILDS.get(key)
        if running and running.is_running:
            return running
        if running and running.error is not None:
            del _BUILDS[key]
            return running
        if target.catalogue().clock is not None or len(data_status(target).imports):
            return None
        _BUILDS[key] = SampleBuild(target)
        return _BUILDS[key]


def first_start(target: Store) -> None:
    """Fill an empty store with the sample shop, with a bar that moves."""
    build = sample_build(target)
    if build is None:
        return
    with st.container(key="first_start"):
        st.title("Welcome to Holdfast")
        st.markdown(
            "There is no data yet, so a **simulated shop** is being built for you to look around in. It"
            " takes about ten seconds;"
            " nothing leaves this machine."
        )
        bar = st.progress(0.0, text="Building the simulated shop")
        while build.is_running:
            bar.progress(min(build.share, 1.0), text=f"{build.text} …")
            time.sleep(0.1)
    if build.error is not None:
        raise build.error
    st.rerun()


def warm() -> None:
    """Import what pages need and answer the questions that everybody asks first."""
    import plotly.io  # noqa: F401

    from retention.ui import cohorts

    with suppress(RetentionError):  # the page says what is wrong, with what to do
        if store().catalogue().clock is not None:
            cohorts.warm()


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
