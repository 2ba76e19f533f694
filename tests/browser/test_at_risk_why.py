"""Why and when on a dark phone: reasons, another value, the days to come; one way to scroll, and nothing in the way of a reader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import PATIENCE_MS, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def looked_at(page: Page, axe_script: Path) -> None:
    settled(page)
    wide = page.evaluate(
        "() => Math.max(document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth)"
    )
    assert wide <= 390
    page.evaluate(axe_script.read_text("utf-8"))
    found = page.evaluate("() => axe.run(document)")
    bad = {v["id"]: [n["target"] for n in v["nodes"]] for v in found["violations"] if v["impact"] in ("serious", "critical")}
    assert bad == {}, json.dumps(bad, indent=1)


def test_on_a_dark_phone_why_what_if_and_when(visit: Visit, scored: tuple[str, str], axe_script: Path) -> None:
    from playwright.sync_api import expect

    url, user = scored
    page = visit(f"{url}/at_risk?tab=Why&user={user}", width=390, height=6000, scheme="dark")
    expect(page.locator(".st-key-verdict")).to_contain_text(re.compile(r"Risk of lapsing \d+ %, because: "), timeout=PATIENCE_MS)
    page.locator(".st-key-why_dependence .js-plotly-plot .main-svg").first.wait_for()
    looked_at(page, axe_script)
    # Another silence gives another score, and what is made of it follows.
    days = page.get_by_role("spinbutton", name="Days since last activity")
    days.fill("1")
    days.press("Enter")
    answer = page.locator(".st-key-what_if_answer")
    expect(answer).to_contain_text("If “Days since last activity” were 1 day, the score would be", timeout=PATIENCE_MS)
    expect(answer).to_contain_text("points")
    page.get_by_role("tab", name="When").click()
    page.get_by_role("button", name="Work out when").click()
    page.locator(".st-key-when_groups .js-plotly-plot .main-svg").first.wait_for()
    expect(page.locator(".st-key-verdict")).to_contain_text(re.compile(r"Judged on [\d,]+ later users"), timeout=PATIENCE_MS)
    looked_at(page, axe_script)
