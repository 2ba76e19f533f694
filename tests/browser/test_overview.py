"""The Overview page in a browser: what a visitor sees first, and where its links lead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
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
    page.wait_for_url("**/growth?period=week**")


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


def test_the_overview_does_not_scroll_sideways_on_a_phone(visit: Visit, app: str) -> None:
    page = visit(app, width=390, height=844)
    wide = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
    )
    assert max(wide) <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_overview(
    visit: Visit, app: str, axe_script: Path, scheme: str, tmp_path: Path
) -> None:
    page = visit(f"{app}/?quiet=1", scheme=scheme, height=6000)
    page.screenshot(path=tmp_path / "page.png")
    page.evaluate(axe_script.read_text("utf-8"))
    found = page.evaluate("() => axe.run(document)")
    bad = {
        v["id"]: [node["target"] for node in v["nodes"]]
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    }
    assert bad == {}, json.dumps(bad, indent=1)
