"""The store of this app, and the sample shop that an empty one is filled with."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import streamlit as st

from retention.ingest.answer import data_status
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.store import Store, store_path


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
