"""The Saved tab as people use it: score at another date, follow the flow to its users, on a phone, and who does not see."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import served, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]
SAVED = "segments?tab=Saved&saved=Rhythm+v1"


@pytest.fixture(scope="module")
def kept_app(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the app on a shop with a segmentation that was saved as of 1 October and scored as of 1 November."""
    from retention.segments.order import save_segmentation, score_segmentation
    from retention.segments.spec import RECOMMENDED
    from retention.store import Store

    path = tmp_path_factory.mktemp("kept") / "store.duckdb"
    shutil.copy(shop, path)
    shutil.copy(shop.with_name(shop.name + ".key"), path.with_name(path.name + ".key"))
    spec = replace(RECOMMENDED, min_active_days=10, features=replace(RECOMMENDED.features, cutoff=date(2025, 10, 1)))
    with Store.open(path) as store:
        saved = save_segmentation(store, spec, "Rhythm", ("First", "Second", "Third", "Fourth"))
        score_segmentation(store, saved.property_key, date(2025, 11, 1))
    with served(path) as url:
        yield url


def test_another_date_is_scored_and_the_users_who_moved_are_taken_home(visit: Visit, kept_app: str) -> None:
    page = visit(f"{kept_app}/{SAVED}", height=4000)
    page.get_by_text("Score as of another date").click()
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_text(re.compile(r"segment:Rhythm v1: [\d,]+ users as of 1 January 2026\.")).wait_for()
    page.locator(".st-key-saved_moves .js-plotly-plot .sankey-link").first.wait_for()
    settled(page)
    chosen = page.get_by_role("combobox", name=re.compile("List the users of a move"))
    chosen.click()
    page.get_by_role("option", name=re.compile("^First → First: ")).click()
    page.wait_for_url("**moved=**")
    members = page.locator(".st-key-moved_members")
    members.wait_for()
    settled(page)
    found = re.match(r"([\d,]+) users: First → First, from 1 October 2025 to 1 January 2026", members.locator("h3").inner_text())
    assert found is not None
    with page.expect_download() as download:
        members.locator(".st-key-moved_members_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == int(found[1].replace(",", "")) > 0
    # The same on a phone: it scrolls one way only.
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(
        "() => Math.max(document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth) <= 390"
    )


def test_axe_finds_nothing_serious_on_a_dark_phone(visit: Visit, kept_app: str, axe_script: Path) -> None:
    page = visit(f"{kept_app}/{SAVED}&saved_segment=0", width=390, height=5000, scheme="dark")
    page.locator(".st-key-saved_members h3").wait_for()
    page.locator(".st-key-saved_moves .js-plotly-plot .sankey-link").first.wait_for()
    settled(page)
    page.evaluate(axe_script.read_text("utf-8"))
    found = page.evaluate("() => axe.run(document)")
    bad = {v["id"]: [n["target"] for n in v["nodes"]] for v in found["violations"] if v["impact"] in ("serious", "critical")}
    assert bad == {}, json.dumps(bad, indent=1)
