"""The Audiences page as people use it: keep a list, open it, make it anew, combine it, take the file away."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]
CELL = "/cohorts?period=month&horizon=6&cell=2025-03-01.2"


def keep(page: Page, name: str) -> int:
    """Save the users that a cell of the grid names, made anew after each import; how many there are."""
    members = page.locator(".st-key-members")
    button = members.get_by_role("button", name=re.compile(r"^Save [\d,]+ users?$"))
    n = int(re.sub(r"\D", "", button.inner_text()))
    members.get_by_label("Name of the audience").fill(name)
    members.get_by_text("Make it anew after each import").click()
    button.click()
    page.get_by_text(f"“{name}” holds {n:,} users, made anew after each import.").wait_for()
    return n


def test_lists_are_kept_opened_made_anew_and_combined(visit: Visit, own_app: str) -> None:
    from playwright.sync_api import expect

    n_back = keep(visit(own_app + CELL, height=2600), "Back in month 2")
    page = visit(f"{own_app}{CELL}&lost=1", height=2600)
    n_lost = keep(page, "Lost in month 2")
    page.locator(".st-key-members").get_by_role("link", name="All saved lists").click()
    page.wait_for_url("**/audiences*")
    heading = page.locator(".st-key-audience_members h3")
    expect(heading).to_have_text(f"{n_lost:,} users on “Lost in month 2”")
    page.get_by_role("button", name="Make it anew now").click()
    page.get_by_text(f"was made anew: the same {n_lost:,} users").wait_for()
    page.locator(".st-key-audience_sizes .main-svg").first.wait_for()
    # The file holds as many as the page says.
    with page.expect_download() as download:
        page.locator(".st-key-audience_members .stDownloadButton button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n_lost and {"pseudonym", "campaign", "arm", "holdout", "reason"} <= set(rows[0])
    # Nobody both came back and did not; together they are all who started.
    page.goto(f"{own_app}/audiences?tab=Combine&any=1&any=2")
    page.locator(".st-key-combined_members h3").get_by_text(f"{n_back + n_lost:,} users: on the combination").wait_for()
    page.goto(f"{own_app}/audiences?tab=Overlap")
    page.get_by_role("img", name="No two of them share a user").or_(page.locator(".st-key-overlap_chart .main-svg")).first.wait_for()
