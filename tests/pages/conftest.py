"""A store behind the app, and the app without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from retention.errors import RetentionError
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.store import Store
from retention.ui import starting

MAIN = Path(__file__).parents[2] / "retention" / "ui" / "main.py"
Open = Callable[..., AppTest]


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Put a store, given by its path, behind the app; it is let go afterwards."""

    def put(path: Path) -> None:
        monkeypatch.setenv("RETENTION_STORE", str(path))

    yield put
    with suppress(RetentionError):
        if starting.store_path().exists():
            starting.store().close()
    starting.open_store.clear()


@pytest.fixture
def show(behind: Callable[[Path], None]) -> Open:
    """Open the app on a store with an address, and run it once."""

    def open_(store: Store | Path, page: str = "cohorts", **address: Any) -> AppTest:
        if isinstance(store, Store):
            store.close()
            behind(store.path)
        else:
            behind(store)
        at = AppTest.from_file(str(MAIN), default_timeout=60)
        for name, value in address.items():
            at.query_params[name.rstrip("_")] = value
        at.switch_page(f"../../pages/{page}.py").run()
        assert not at.exception, at.exception
        return at

    return open_


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build one small simulated shop."""
    path = tmp_path_factory.mktemp("sample") / "store.duckdb"
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec(n_users=300))
    return path


@pytest.fixture
def sample(sample_template: Path, tmp_path: Path) -> Path:
    """Return a copy of the small simulated shop."""
    path = tmp_path / "shop.duckdb"
    shutil.copy(sample_template, path)
    shutil.copy(sample_template.with_name(sample_template.name + ".key"), path.with_name(path.name + ".key"))
    return path


def texts(at: AppTest) -> str:
    """Return everything that a page says, in one text."""
    kinds = (at.title, at.header, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error, at.success)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def cells(at: AppTest) -> dict[tuple[str, int], str]:
    """Return what the hover of each cell of the grid says, by cohort and age."""
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    [points] = [trace for trace in figure["data"] if "customdata" in trace]
    return {(cohort, age): text for cohort, age, text in points["customdata"]}


def click(at: AppTest, cohort: str, age: int) -> AppTest:
    """Click a cell of the grid."""
    at.session_state["heat"] = {"selection": {"points": [{"customdata": [cohort, age, ""]}]}}
    return at.run()
