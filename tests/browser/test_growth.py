"""The Growth page as people use it: a click on a bar, a file, a link, a phone, and who does not see."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def heading(page: Page) -> str:
    """Return what the list of users calls itself."""
    return page.locator(".st-key-members h3").inner_text()


def click_bar(page: Page, key: str, trace: int, point: int) -> None:
    """Click a bar by its place, as a hand does."""
    chart = page.locator(f".st-key-{key} .js-plotly-plot")
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    x, y = page.evaluate(
        """([key, trace, point]) => {
            const plot = document.querySelector(`.st-key-${key} .js-plotly-plot`);
            const bar = plot.querySelectorAll('.trace.bars')[trace].querySelectorAll('.point path')[point];
            const at = bar.getBoundingClientRect();
            return [at.x + at.width / 2, at.y + at.height / 2];
        }""",
        [key, trace, point],
    )
    page.mouse.move(x - 2, y - 2)
    page.mouse.move(x, y)
    # Plotly takes the point under the pointer from its hover, which it works out a moment after the pointer rests.
    page.wait_for_selector(f".st-key-{key} .hoverlayer .hovertext")
    page.mouse.click(x, y)
    page.wait_for_selector(".st-key-members")
    settled(page)


def test_a_click_on_a_bar_ends_in_a_file_with_as_many_rows(visit: Visit, app: str) -> None:
    page = visit(f"{app}/growth?period=month")
    click_bar(page, "lifecycle", 3, 20)  # the fourth trace: who fell silent
    found = re.match(r"([\d,]+) users?: active in the month before and silent in (.+)", heading(page))
    assert found is not None
    n = int(found[1].replace(",", ""))
    chosen = page.locator("[data-testid=stSelectbox]").filter(has_text="List the users of").locator("input")
    assert chosen.input_value() == f"Fell silent · {found[2]} ({n:,})"
    with page.expect_download() as download:
        page.locator(".st-key-members_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n > 0


def test_the_link_restores_the_tab_the_settings_and_the_list(visit: Visit, app: str) -> None:
    page = visit(f"{app}/growth")
    page.get_by_role("tab", name="Active days").click()
    page.wait_for_url("**show=Active+days**")
    settled(page)
    page.get_by_role("radio", name="At least").click()
    page.wait_for_url("**how=at+least**")
    settled(page)
    click_bar(page, "active_days", 0, 2)
    page.wait_for_url("**days=3**")
    link = page.locator("code").filter(has_text="http://127.0.0.1").inner_text()
    assert link == page.url
    other = visit(link)
    assert heading(other) == heading(page)
    assert "at least 3 days" in heading(other)


def test_the_table_of_a_tab_is_exported_whole(visit: Visit, app: str) -> None:
    page = visit(f"{app}/growth?period=month&by=channel")
    with page.expect_download() as download:
        page.locator(".st-key-lifecycle_file_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    everyone = [row for row in rows if not row["group"]]
    assert len(everyone) == 24
    for row in everyone:
        of_groups = [int(r["n_active"]) for r in rows if r["on"] == row["on"] and r["group"]]
        assert sum(of_groups) == int(row["n_active"])
