"""A score from a table of one's own, as people use it: upload, be stopped by a leak, leave it out, take the scores home."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


def people(folder: Path) -> Path:
    # Who calls often leaves more often; the reason is written down only after somebody has left.
    chance = random.Random(4)
    lines = ["customer_id,visits,calls,reason,churned"]
    for i in range(300):
        calls = chance.randrange(6)
        left = chance.random() < 0.15 + 0.12 * calls
        lines.append(f"c-{i},{chance.randrange(10)},{calls},{'moved' if left else ''},{'Yes' if left else 'No'}")
    file = folder / "people.csv"
    file.write_text("\n".join(lines), "utf-8")
    return file


def test_a_table_is_uploaded_stopped_by_a_leak_judged_and_taken_home(
    visit: Visit, app: str, tmp_path: Path, axe_script: Path
) -> None:
    from playwright.sync_api import expect

    page = visit(f"{app}/at_risk?tab=Your+own+table", width=390, height=3600, scheme="dark")
    page.wait_for_selector("input[type=file]", state="attached")
    page.locator("input[type=file]").set_input_files(people(tmp_path))
    page.get_by_text("alone tells too well who left").wait_for()
    page.get_by_role("combobox", name="Columns to leave out").click()
    page.get_by_role("option", name="reason", exact=True).click()
    expect(page.get_by_text("alone tells too well who left")).to_have_count(0)
    settled(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Learn and judge").click()
    page.get_by_role("heading", name="How good it is").wait_for()
    page.locator(".st-key-own_clues_chart .main-svg").first.wait_for()
    page.locator(".st-key-own_calibration_chart .main-svg").first.wait_for()
    settled(page)
    with page.expect_download() as download:
        page.locator(".st-key-own_scores_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == 300 and list(rows[0]) == ["customer_id", "churned", "probability"]
    page.wait_for_function(
        "() => Math.max(document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth) <= 390"
    )
    page.evaluate(axe_script.read_text("utf-8"))
    found = page.evaluate("() => axe.run(document)")
    bad = {v["id"]: [n["target"] for n in v["nodes"]] for v in found["violations"] if v["impact"] in ("serious", "critical")}
    assert bad == {}, json.dumps(bad, indent=1)
