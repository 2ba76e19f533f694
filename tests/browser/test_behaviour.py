"""The Behaviour page as people use it."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import served, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def number_in(text: str) -> int:
    found = re.search(r"([\d,]+) users?", text)
    assert found, text
    return int(found[1].replace(",", ""))


def click_point(page: Page, key: str, trace: int, point: int) -> None:
    """Click a point or bar of a chart by its place, as a hand does."""
    chart = page.locator(f".st-key-{key} .js-plotly-plot")
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    x, y = page.evaluate(
        """([key, trace, point]) => {
            const plot = document.querySelector(`.st-key-${key} .js-plotly-plot`), l = plot._fullLayout;
            const at = plot.getBoundingClientRect(), d = plot._fullData[trace];
            const x = l.xaxis.d2p(d.x[point]), y = l.yaxis.d2p(d.y[point]);
            const low = d.type === 'bar' ? (y + l.yaxis.d2p(0)) / 2 : y;
            return [at.x + l.xaxis._offset + x, at.y + l.yaxis._offset + low];
        }""",
        [key, trace, point],
    )
    page.mouse.move(x - 2, y - 2)
    page.mouse.move(x, y)
    page.wait_for_selector(f".st-key-{key} .hoverlayer .hovertext")
    page.mouse.click(x, y)


def test_the_accepted_window_is_put_in_force_and_stays(visit: Visit, shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    shutil.copy(shop, path)
    shutil.copy(shop.with_name(shop.name + ".key"), path.with_name(path.name + ".key"))
    with served(path) as url:
        page = visit(f"{url}/behaviour")
        page.get_by_role("tab", name="Churn window").click()
        page.get_by_text("In force now: a user counts as lapsed after 60 days").wait_for()
        settled(page)
        button = page.locator(".st-key-use_suggested button")
        days = re.fullmatch(r"Use (\d+) days", button.inner_text().strip())
        assert days
        button.click()
        page.get_by_text(f"In force now: a user counts as lapsed after {days[1]} days").wait_for()
        settled(page)
        assert not page.locator(".st-key-use_suggested").count()
        other = visit(f"{url}/behaviour?tab=Churn+window")
        assert other.get_by_text(f"In force now: a user counts as lapsed after {days[1]} days").is_visible()


def test_a_click_on_a_bar_ends_in_a_file_with_as_many_rows(visit: Visit, app: str) -> None:
    page = visit(f"{app}/behaviour")
    click_point(page, "interval_bars", 0, 4)
    page.wait_for_selector(".st-key-interval_members h3")
    settled(page)
    n = number_in(page.locator(".st-key-interval_members h3").inner_text())
    with page.expect_download() as download:
        page.locator(".st-key-interval_members_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n > 0


def test_a_click_on_an_hour_of_the_week_lists_its_users(visit: Visit, app: str) -> None:
    page = visit(f"{app}/behaviour?tab=Hours")
    click_point(page, "week", 1, 24 * 6 + 20)
    page.wait_for_selector(".st-key-cell_members h3")
    settled(page)
    assert "active on a Sunday between 20:00 and 21:00" in page.locator(".st-key-cell_members h3").inner_text()
    link = page.locator("code").filter(has_text="http://127.0.0.1").inner_text()
    other = visit(link)
    assert other.locator(".st-key-cell_members h3").inner_text() == page.locator(".st-key-cell_members h3").inner_text()


def test_the_twin_of_a_picture_opens_by_keyboard(visit: Visit, app: str) -> None:
    page = visit(f"{app}/behaviour?tab=Hours")
    page.locator(".st-key-week_table summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".st-key-week_table [data-testid=stDataFrame]")
