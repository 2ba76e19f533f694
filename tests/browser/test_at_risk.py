"""The At risk page as people use it: score, slide, read the reasons, keep the audience, take the file."""

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
QUICK = "model=logistic&features=rfm&cutoffs=1&step=90&horizon=60&lookback=120"


def test_score_slide_read_the_reasons_keep_and_take_the_list(visit: Visit, own_app: str) -> None:
    from playwright.sync_api import expect

    page = visit(f"{own_app}/at_risk?{QUICK}", height=4600)
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_text(re.compile(r"Scored: [\d,]+ users as of")).wait_for()
    settled(page)
    # The slider with the keyboard, as those use it who have no mouse; the list follows it.
    thumb = page.locator(".st-key-at_risk_v_n input[type=range]")
    before = int(thumb.get_attribute("value") or 0)
    thumb.focus()
    thumb.press("ArrowRight")
    page.wait_for_url(f"**n={before + 1}**")
    members = page.locator(".st-key-at_risk_members")
    expect(members.locator("h3")).to_have_text(re.compile(rf"^{before + 1:,} users: the riskiest, as of 1 January 2026"))
    with page.expect_download() as download:
        members.locator(".st-key-at_risk_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == before + 1 and {"pseudonym", "probability", "percentile", "tier"} <= set(rows[0])
    risks = [float(row["probability"]) for row in rows]
    assert risks == sorted(risks, reverse=True)
    members.get_by_label("Name of the audience").fill("Risky in January")
    members.get_by_role("button", name=re.compile(rf"^Save {before + 1:,} users")).click()
    page.get_by_text(f"“Risky in January” holds {before + 1:,} users, frozen now.").wait_for()
    # Why the riskiest one is on the list.
    page.goto(f"{own_app}/at_risk?tab=Why&user={rows[0]['pseudonym']}")
    page.locator(".st-key-why_reasons .js-plotly-plot .main-svg").first.wait_for()
