"""The Profile page and the tags as people use them: found by an id that is left nowhere, tagged, listed, exported."""

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


def test_a_user_is_found_by_the_id_of_the_file_which_is_left_nowhere(
    visit: Visit, app: str, someone: tuple[str, str, int]
) -> None:
    user_id, pseudonym, n_events = someone
    page = visit(f"{app}/profile")
    line = page.get_by_role("textbox", name="Find a user")
    line.fill(user_id)
    line.press("Enter")
    page.get_by_role("heading", name=f"User {pseudonym[:12]}").wait_for()
    page.wait_for_url(f"**/profile?user={pseudonym}")
    page.locator(".st-key-profile_timeline .js-plotly-plot").wait_for()
    page.get_by_role("heading", name="Take it along").wait_for()
    page.get_by_role("tab", name="Among all users").click()
    page.locator(".st-key-profile_dots .js-plotly-plot").wait_for()
    page.wait_for_url(f"**/profile?user={pseudonym}&part=Among+all+users")
    settled(page)
    assert line.input_value() == ""
    # As a word of its own: a number may well be part of something else.
    assert not re.search(rf"\b{re.escape(user_id)}\b", page.locator("body").inner_text())
    with page.expect_download() as download:
        page.locator(".st-key-profile_events_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n_events


def test_a_tag_is_written_saved_listed_exported_and_told_in_a_profile(visit: Visit, own_app: str) -> None:
    page = visit(f"{own_app}/segments?tab=Tags")
    said = page.locator(".st-key-tags_preview strong").first
    said.wait_for()
    found = re.match(r"([\d,]+) users of 2,000", said.inner_text())
    assert found is not None
    n = int(found[1].replace(",", ""))
    page.get_by_label("Name of the tag").fill("night shopper")
    page.get_by_role("button", name="Save the tag").click()
    page.get_by_text("“night shopper” is saved").wait_for()
    settled(page)
    page.goto(f"{own_app}/segments?tab=Tags&tag=tag:night+shopper%3Dyes")
    page.get_by_role("heading", name=f"{n:,} users: night shopper").wait_for()
    settled(page)
    with page.expect_download() as download:
        page.locator(".st-key-tag_members_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n > 0
    page.goto(f"{own_app}/profile?user={rows[0]['pseudonym']}")
    page.get_by_role("heading", name="Segments and tags").wait_for()
    # The cells of a table are there for readers of screens, too.
    page.locator("[role=gridcell]", has_text="night shopper").first.wait_for(state="attached")
    settled(page)
