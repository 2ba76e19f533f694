"""How sure, and what they did next, as people use them: a click that works for a while, its verdict, a file, a link."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def test_a_judgement_is_made_on_a_click_and_is_there_for_the_next_visitor(visit: Visit, app: str) -> None:
    address = f"{app}/segments?tab=How+sure&preset=engagement&k=3"
    page = visit(address)
    assert page.locator(".st-key-trust_chart").count() == 0
    page.get_by_role("button", name="Judge these segments").click()
    page.locator(".st-key-trust_chart .js-plotly-plot").wait_for()
    settled(page)
    said = page.locator(".st-key-verdict").inner_text()
    assert "stable" in said
    # Nobody waits twice for the same question.
    other = visit(address)
    other.locator(".st-key-trust_chart .js-plotly-plot").wait_for()
    assert other.locator(".st-key-verdict").inner_text() == said
    assert other.get_by_role("button", name="Judge these segments").count() == 0


def test_the_link_restores_what_is_watched_and_its_table_becomes_a_file(visit: Visit, app: str) -> None:
    page = visit(f"{app}/segments?tab=What+they+did+next&preset=engagement&k=3")
    page.locator(".st-key-after_returns_chart .js-plotly-plot").wait_for()
    weeks = page.get_by_role("spinbutton", name="Weeks to watch")
    weeks.fill("4")
    weeks.press("Enter")
    page.wait_for_url("**after_weeks=4**")
    settled(page)
    other = visit(page.url)
    other.get_by_text("4 weeks of seven days from").first.wait_for()
    other.locator(".st-key-after_returns_twin").get_by_role("tab", name="Table").click()
    button = other.locator(".st-key-after_returns_csv button:visible").first
    button.wait_for()
    settled(other)
    with other.expect_download() as download:
        button.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    # Three segments and four weeks.
    assert len(rows) == 12 and {row["week"] for row in rows} == {"0", "1", "2", "3"}
