"""The Overview page in a browser: what a visitor sees first, and where its links lead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def test_the_first_page_shows_the_numbers_with_their_meaning(visit: Visit, app: str) -> None:
    page = visit(app, height=4600)
    assert page.locator("h1").inner_text() == "Overview"
    assert page.locator(".st-key-kpis [data-testid=stMetric]").count() == 10
    assert page.locator(".st-key-kpis img[alt*=lowest]").count() == 10
    assert page.locator(".st-key-kpis").get_by_text("vs the four weeks before").count() >= 8
    for heading in ("In short", "Is the base growing?", "Retention against the year before", "Value at risk",
                    "Why did it move?", "Alerts"):  # fmt: skip
        assert page.get_by_role("heading", name=heading, exact=True).is_visible()
    assert page.locator(".js-plotly-plot").count() == 3


def test_each_finding_leads_to_the_page_that_shows_it(visit: Visit, app: str) -> None:
    page = visit(app, height=4600)
    links = page.locator(".st-key-findings a")
    assert 3 <= links.count() <= 7
    links.filter(has_text="Cohorts").first.click()
    page.wait_for_url("**/cohorts**")
    settled(page)
    assert page.locator("h1").inner_text() == "Cohorts"
    page.go_back()
    settled(page)
    page.locator(".st-key-findings a").filter(has_text="Growth").first.click()
    page.wait_for_url("**/growth**")
    page.get_by_role("heading", name="Growth", exact=True).wait_for()


def test_the_link_restores_what_was_chosen(visit: Visit, app: str) -> None:
    page = visit(app, height=4600)
    page.get_by_role("radio", name="8 weeks").click()
    page.wait_for_url("**weeks=8**")
    settled(page)
    page.get_by_text("List the").click()
    page.wait_for_url("**quiet=1**")
    settled(page)
    values = ".st-key-kpis [data-testid=stMetricValue]"
    seen = page.locator(values).all_inner_texts()
    other = visit(page.url, height=6000)
    assert other.locator(values).all_inner_texts() == seen
    assert (
        other.locator(".st-key-quiet_members h3").inner_text() == page.locator(".st-key-quiet_members h3").inner_text()
    )
