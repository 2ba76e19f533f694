"""The Survival page as people use it: a click on a week, a file, a link, a phone, and who does not see."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def test_a_click_on_a_week_ends_in_a_file_with_as_many_rows(visit: Visit, app: str) -> None:
    from playwright.sync_api import TimeoutError as NotThere

    page = visit(f"{app}/survival?view=When+they+lapse")
    chart = page.locator(".st-key-hazard_chart .js-plotly-plot")
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    members = page.locator(".st-key-hazard_members")
    for _ in range(4):  # a slow machine draws the chart once more under the first click
        x, y = page.evaluate(
            """() => {
                const plot = document.querySelector('.st-key-hazard_chart .js-plotly-plot');
                const bar = plot.querySelector('.trace.bars').querySelectorAll('.point path')[0];
                const at = bar.getBoundingClientRect();
                return [at.x + at.width / 2, at.y + at.height / 2];
            }"""
        )
        page.mouse.move(x - 2, y - 2)
        page.mouse.move(x, y)
        page.wait_for_selector(".st-key-hazard_chart .hoverlayer .hovertext")
        page.mouse.click(x, y)
        with suppress(NotThere):
            members.wait_for(timeout=15_000)
            break
    settled(page)
    page.wait_for_url("**week=1**")
    found = re.match(r"([\d,]+) users: lapsed in week 1", page.locator(".st-key-hazard_members h3").inner_text())
    assert found is not None
    n = int(found[1].replace(",", ""))
    with page.expect_download() as download:
        page.locator(".st-key-hazard_members_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n > 0


def test_the_link_restores_the_tab_and_the_switches(visit: Visit, app: str) -> None:
    page = visit(f"{app}/survival?by=channel")
    page.get_by_role("radio", name="Last activity").click()
    page.wait_for_url("**ends=last+activity**")
    settled(page)
    page.get_by_role("tab", name="Grid and curve").click()
    page.wait_for_url("**view=Grid+and+curve**")
    settled(page)
    other = visit(page.url)
    other.get_by_text("Yes: they agree exactly at every age").wait_for()
    assert other.get_by_role("radio", name="Last activity").get_attribute("aria-checked") == "true"
    other.get_by_role("tab", name="How long they stay").click()
    other.locator(".st-key-survival_chart .js-plotly-plot").wait_for()
    settled(other)
    assert other.locator(".st-key-verdict").inner_text().startswith("Half of ads have lapsed after")
