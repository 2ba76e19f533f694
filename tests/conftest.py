"""What every test may use: profiles of random search, real files, Chromium and axe-core."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before anything imports numpy: threads that spin while they wait slow a busy machine down several times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
from hypothesis import HealthCheck, settings

# A store is a file, so an example takes as long as the disk does: no deadline, no complaint about slowness.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
# The same examples on every machine and run: a failure is a change in the code, never luck.
settings.register_profile("ci", max_examples=25, derandomize=True, database=None, **_PATIENT)
# Looks for new examples: HYPOTHESIS_PROFILE=thorough python -m pytest -m ""
settings.register_profile("thorough", max_examples=500, print_blob=True, **_PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", autouse=True)
def _own_store_is_out_of_reach(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point the app at an empty folder, so that no test can touch the store of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETENTION_STORE", str(tmp_path_factory.mktemp("store") / "store.duckdb"))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real files that RETENTION_REAL_DATA names; skip where it names none."""
    named = os.environ.get("RETENTION_REAL_DATA", "")
    if not named:
        pytest.skip("RETENTION_REAL_DATA names no folder of real files")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"RETENTION_REAL_DATA names {folder}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return where Chromium is installed; skip where it is not."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="session")
def axe_script() -> Path:
    """Return the axe.min.js that RETENTION_AXE names; skip where it names none."""
    named = os.environ.get("RETENTION_AXE", "")
    if not named:
        pytest.skip("RETENTION_AXE does not name axe.min.js (npm install axe-core@4 brings it)")
    script = Path(named)
    if not script.is_file():
        pytest.fail(f"RETENTION_AXE names {script}, which is no file")
    return script


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests that drive Chromium in one process when several run: they share an app and a browser."""
    from xdist.scheduler import LoadScopeScheduling  # nobody needs it to run the tests in one process

    class ByBrowser(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if nodeid.startswith("tests/browser/") else nodeid

    return ByBrowser(config, log)
