"""A warm rerun of each page in a real server and a real browser: CPU of the server, bytes to the browser."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.report import Row, Target, ms

ROOT = Path(__file__).resolve().parents[1]
N_RERUNS = 20
PAGES = ("overview", "cohorts", "growth", "behaviour", "survival")
QUIET_SECONDS = 1.0
PATIENCE_SECONDS = 120.0


@contextmanager
def served(store_path: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve the app over a copy of a store; give its address and its process."""
    with tempfile.TemporaryDirectory(prefix="retention-page-") as folder:
        for path in store_path.parent.glob(store_path.name + "*"):
            shutil.copy(path, folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
        command.append(f"--server.port={port}")
        environment = os.environ | {"RETENTION_STORE": str(Path(folder) / store_path.name)}
        nowhere = subprocess.DEVNULL
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=nowhere, stderr=nowhere)
        try:
            _wait_for(port, server)
            yield f"http://127.0.0.1:{port}", psutil.Process(server.pid)
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the app ended with code {server.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError("the app did not start")


class _Frames:
    """Counts what the server sends over the page's websocket."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self.last = time.monotonic()

    def watch(self, websocket: Any) -> None:
        websocket.on("framereceived", self._add)

    def _add(self, payload: str | bytes) -> None:
        self.n_bytes += len(payload if isinstance(payload, bytes) else payload.encode())
        self.last = time.monotonic()


def page_rows(store_path: Path) -> list[Row]:
    """Rerun each page with everything remembered, as any control that changes no question does."""
    from playwright.sync_api import sync_playwright

    rows = []
    with served(store_path) as (address, server), sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"))
        for name in PAGES:
            rows += _reruns(browser.new_page(), name, f"{address}/{name}", server)
        browser.close()
    return rows


def _reruns(page: Any, name: str, address: str, server: psutil.Process) -> list[Row]:
    frames = _Frames()
    page.on("websocket", frames.watch)
    page.goto(address)
    page.locator(".js-plotly-plot").first.wait_for(timeout=PATIENCE_SECONDS * 1000)
    cpu, sent = [], []
    for _ in range(3 + N_RERUNS):
        _settle(page, frames)
        before, n_before = _cpu_ms(server), frames.n_bytes
        page.keyboard.press("r")  # Streamlit's own key for "run again"
        _until(page, lambda n_before=n_before: frames.n_bytes > n_before)
        _settle(page, frames)
        cpu.append(_cpu_ms(server) - before)
        sent.append(frames.n_bytes - n_before)
    idle = _idle_ms(page, server)
    page.close()
    taken, size = statistics.mean(cpu[3:]) - idle, statistics.median(sent[3:]) / 1000
    figures: dict[str, object] = {"cpu_ms": cpu, "bytes": sent, "idle_ms": idle}
    note = f"mean of {N_RERUNS}; the server's whole process, less {ms(idle)} that it takes when nothing happens"
    return [
        Row(f"{name}: warm rerun, CPU", ms(taken), "", taken, Target("at most", 80, "ms"), note, figures=figures),
        Row(f"{name}: warm rerun, to the browser", f"{size:,.1f} kB", "", size, Target("at most", 100, "kB"),
            "websocket frames"),
    ]  # fmt: skip


def _cpu_ms(server: psutil.Process) -> float:
    used = server.cpu_times()
    return (used.user + used.system) * 1000


def _until(page: Any, is_done: Any) -> None:
    end = time.monotonic() + 30
    while not is_done():
        if time.monotonic() > end:
            raise RuntimeError("the page did not run again")
        page.wait_for_timeout(20)


def _settle(page: Any, frames: _Frames) -> None:
    """Wait until the server has been silent for a while."""
    _until(page, lambda: time.monotonic() - frames.last > QUIET_SECONDS)


def _idle_ms(page: Any, server: psutil.Process) -> float:
    """Return what the server uses in the time that one measurement waits."""
    before = _cpu_ms(server)
    page.wait_for_timeout(10 * QUIET_SECONDS * 1000)
    return (_cpu_ms(server) - before) / 10
