"""The Interventions page as people use it: move a cost and see the money follow, read a message, take it along in the address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def test_a_dearer_contact_moves_the_money_and_a_message_reads_as_it_was_written(visit: Visit, scored: tuple[str, str]) -> None:
    from playwright.sync_api import expect

    url, _ = scored
    page = visit(f"{url}/interventions?n=50&do=Care+message&value=same&worth=200", height=3000)
    page.locator(".st-key-preview_chart .main-svg").first.wait_for()
    cost = page.get_by_test_id("stMetric").filter(has_text="Cost").get_by_test_id("stMetricValue")
    expect(cost).to_have_text("2.25")  # 45 of 50 are contacted, for 0.05 each
    field = page.get_by_role("spinbutton", name="Cost of contacting a user")
    field.fill("1")
    field.press("Enter")
    expect(cost).to_have_text("45")
    page.wait_for_url(re.compile(r"contact\.care_message=1(&|$)"))
    page.get_by_role("tab", name="Messages").click()
    text = page.get_by_role("textbox", name="Message", exact=True)
    text.fill("<img src=x onerror=alert(1)> {offer} {days_since_last}")
    text.press("Control+Enter")
    # The offer of a care message is empty, so it is missing for all; where a field is missing, the fallback is written.
    page.get_by_text("0 would read the message, 50 what is written instead").wait_for()
    offer = page.get_by_role("textbox", name="The offer, for {offer}")
    offer.fill("a cup of tea")
    offer.press("Enter")
    page.get_by_text("50 would read the message").wait_for()
    settled(page)
    first = page.locator(".st-key-interventions_texts").get_by_test_id("stText").first
    expect(first).to_have_text(re.compile(r"^<img src=x onerror=alert\(1\)> a cup of tea \d+$"))
    assert not page.locator(".st-key-interventions_texts img").count()
