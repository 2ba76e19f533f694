"""The app as people use it: a server of its own, real Chromium, and no way out of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
START_S = 60


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    """Start Chromium once."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        found = p.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield found
        found.close()


@contextmanager
def served(store: Path) -> Iterator[str]:
    """Run the app on a store; the address it answers at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"RETENTION_STORE": str(store)}
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
        "--server.fileWatcherType",
        "none",
    ]
    with (
        open(store.parent / "app.log", "w", encoding="utf-8") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as app,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/_stcore/health", app)
            yield url
        finally:
            app.terminate()
            app.wait(timeout=30)


def _wait_for(url: str, app: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert app.poll() is None, "the app stopped while starting"
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"the app did not answer within {START_S} seconds")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build one simulated shop; the tests work on copies or only read."""
    from retention.ingest.order import build_sample
    from retention.ingest.sample import SampleSpec
    from retention.store import Store

    path = tmp_path_factory.mktemp("shop") / "store.duckdb"
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec(n_users=2000))
    return path


@pytest.fixture(scope="session")
def app(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the app on a simulated shop that tests share and do not change."""
    path = tmp_path_factory.mktemp("app") / "store.duckdb"
    shutil.copy(shop, path)
    shutil.copy(shop.with_name(shop.name + ".key"), path.with_name(path.name + ".key"))
    with served(path) as url:
        yield url


@pytest.fixture(scope="session")
def someone(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, int]:
    """Return the id, the pseudonym and the number of events of the user who did most in the simulated shop."""
    from retention.store import Store

    path = tmp_path_factory.mktemp("read") / "store.duckdb"
    shutil.copy(shop, path)
    with Store.open(path) as store, store.snapshot() as snapshot:
        [(user_id, pseudonym, n)] = snapshot.rows(
            "select i.user_id, u.pseudonym, u.n_events from users as u join identities as i on i.user_key = u.user_key"
            " order by u.n_events desc, u.user_key limit 1"
        )
    return str(user_id), str(pseudonym), int(n)


@pytest.fixture
def own_app(shop: Path, tmp_path: Path) -> Iterator[str]:
    """Run the app on a shop of its own, which the test may change."""
    path = tmp_path / "store.duckdb"
    shutil.copy(shop, path)
    shutil.copy(shop.with_name(shop.name + ".key"), path.with_name(path.name + ".key"))
    with served(path) as url:
        yield url


@pytest.fixture(scope="session")
def scored(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run the app on a shop that has been scored, which tests share; its address, and the user with the highest risk.

    Two lists are saved in it; the first was made twice.
    """
    from retention.audiences.order import refresh_audiences, save_audience
    from retention.audiences.spec import AudienceSpec
    from retention.churn.answer_reasons import riskiest
    from retention.churn.order_registry import train
    from retention.churn.order_scores import score
    from retention.churn.spec import ChurnSpec, LapseSpec
    from retention.churn.spec_list import AtRiskSpec
    from retention.features.spec import FeatureSpec
    from retention.store import Store

    path = tmp_path_factory.mktemp("scored") / "store.duckdb"
    shutil.copy(shop, path)
    shutil.copy(shop.with_name(shop.name + ".key"), path.with_name(path.name + ".key"))
    lapse, features = LapseSpec(horizon_days=30, lookback_days=60), FeatureSpec(presets=("rfm",), names=("gap_mean",))
    with Store.open(path) as store:
        train(store, ChurnSpec(lapse=lapse, features=features, model="logistic", n_backtests=1, step_days=90))
        key = score(store).scoring_key
        user = str(riskiest(store, key, 1)["pseudonym"].iloc[0])
        for name, n in (("The riskiest 100", 100), ("The riskiest 300", 300)):
            save_audience(store, AudienceSpec(name=name, users=AtRiskSpec(scoring_key=key, n=n), is_refreshed=n == 100))
        refresh_audiences(store)
    with served(path) as url:
        yield url, user


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address in a context of its own; in the end no request may have left, and no script failed."""
    contexts: list[BrowserContext] = []
    outside: list[str] = []
    complaints: list[str] = []

    def fence(route: Route) -> None:
        if urlparse(route.request.url).hostname in ("127.0.0.1", None):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    def open_(url: str, width: int = 1280, height: int = 2600, scheme: str = "light", **more: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.route("**/*", fence)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        settled(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert outside == []
    assert complaints == []


def settled(page: Page) -> Page:
    """Wait until the script has run and everything it drew is there."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")
    return page


def click_cell(page: Page, row: int, age: int) -> None:
    """Click a cell of the grid by its place, as a hand does."""
    chart = page.locator(".st-key-heat .js-plotly-plot")
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    x, y = page.evaluate(
        """([row, age]) => {
            const plot = document.querySelector('.st-key-heat .js-plotly-plot');
            const at = plot.getBoundingClientRect(), l = plot._fullLayout;
            return [at.x + l.xaxis._offset + l.xaxis.d2p(age), at.y + l.yaxis._offset + l.yaxis.d2p(row)];
        }""",
        [row, age],
    )
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y)
    # Plotly takes the point under the pointer from its hover, which it works out a moment after the pointer rests.
    page.wait_for_selector(".st-key-heat .hoverlayer .hovertext")
    page.mouse.click(x, y)
    page.wait_for_selector(".st-key-members")
    settled(page)
