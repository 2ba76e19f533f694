"""The Segments page as people use it: tune, name, save, filter Cohorts by a segment, and take its users home in a file."""

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


def test_tune_name_save_filter_cohorts_by_a_segment_and_export_it(visit: Visit, own_app: str) -> None:
    page = visit(f"{own_app}/segments?min_days=20")
    # Tune.
    page.locator(".st-key-segments_map .js-plotly-plot").wait_for()
    k = page.get_by_role("spinbutton", name="Number of segments (k)")
    k.fill("3")
    k.press("Enter")
    page.wait_for_url("**k=3**")
    page.locator(".st-key-verdict").get_by_text(re.compile("^3 segments of ")).wait_for()
    settled(page)
    # Name.
    first = page.get_by_role("textbox", name=re.compile(r"^Segment 1, [\d,]+ users$"))
    n = int(re.findall(r"[\d,]+(?= users)", first.get_attribute("aria-label") or "")[0].replace(",", ""))
    first.fill("Regulars")
    first.press("Enter")
    page.get_by_text(f"Regulars – {n:,} users").wait_for()
    settled(page)
    # Save.
    page.get_by_role("textbox", name="Save these segments as").fill("Rhythm")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text(re.compile("“segment:Rhythm v1” holds [0-9,]+ users in 3 segments")).wait_for()
    settled(page)
    page.get_by_role("link", name="Open it under Saved").click()
    page.wait_for_url("**tab=Saved**")
    page.get_by_role("heading", name="Saved segmentations").wait_for()
    settled(page)
    # Export: as many rows as the number says.
    page.goto(f"{own_app}/segments?tab=Saved&saved=Rhythm+v1&saved_segment=0")
    settled(page)
    members = page.locator(".st-key-saved_members")
    members.get_by_role("heading", name=f"{n:,} users: Regulars").wait_for()
    with page.expect_download() as download:
        members.locator(".st-key-saved_members_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n > 0
    # Filter Cohorts by the segment: the users of all cohorts are those of the segment.
    page.goto(f"{own_app}/cohorts?where=segment%3ARhythm+v1%3DRegulars&period=month")
    settled(page)
    assert not page.get_by_text("could not be read in full").count()
    page.get_by_text("segment:Rhythm v1 is any of").wait_for()
    page.locator(".st-key-heat .js-plotly-plot").wait_for()
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('.st-key-heat .js-plotly-plot')].flatMap(plot => plot.data)
            .filter(trace => trace.customdata).flatMap(trace => trace.customdata)
            .filter(said => said[1] === 0).map(said => said[2])"""
    )
    assert sum(int(re.findall(r"of ([\d,]+)", said)[0].replace(",", "")) for said in sizes) == n


def test_a_link_restores_what_was_tuned(visit: Visit, app: str) -> None:
    page = visit(f"{app}/segments?method=mixture&preset=own&more=share_night&more=order_rate&k=2&min_days=10", height=3000)
    page.get_by_text("2 segments of").first.wait_for()
    assert page.get_by_role("radio", name="Mixture").get_attribute("aria-checked") == "true"
    assert page.get_by_role("spinbutton", name="Number of segments (k)").input_value() == "2"
    page.get_by_role("radio", name="RFM grid").click()
    page.wait_for_url("**method=rfm**")
    page.locator(".st-key-segments_grid .js-plotly-plot").wait_for()
    settled(page)
    assert page.get_by_role("spinbutton", name="Number of segments (k)").count() == 0
