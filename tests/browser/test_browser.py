"""What people do in a browser, from the first start to the file in their hands."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import click_cell, served, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]
ADDRESS = "/cohorts?period=month&mode=on-or-before&horizon=6&cell=2025-03-01.2&lost=1"


def heading(page: Page) -> str:
    """Return what the list of users calls itself."""
    return page.locator(".st-key-members h3").inner_text()


def test_the_first_start_shows_a_bar_and_then_the_simulated_shop(visit: Visit, tmp_path: Path) -> None:
    with served(tmp_path / "store.duckdb") as url:
        one = visit(f"{url}/cohorts")
        # A second visitor comes while it is being built, and sees the same bar or its result.
        two = visit(f"{url}/cohorts")
        for page in (one, two):
            page.wait_for_selector(".st-key-heat .js-plotly-plot")
            settled(page)
            assert page.get_by_text("You are looking at a simulated shop").is_visible()
            assert page.get_by_text("5,000", exact=True).first.is_visible()
        log = (tmp_path / "app.log").read_text("utf-8")
        assert "Traceback" not in log


def test_a_file_is_uploaded_mapped_imported_and_browsed(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "client,date,amount,town\n"
        + "".join(
            f"c{i},2026-01-{day:02} 10:00:00,9.50,{'Aix' if i % 2 else 'Bonn'}\n"
            for i in range(30)
            for day in (5, 13, 20)[: 1 + i % 3]
        )
        + "c99,some day,1.00,Aix\n",
        "utf-8",
    )
    with served(tmp_path / "store.duckdb") as url:
        page = visit(f"{url}/cohorts")
        page.wait_for_selector(".st-key-heat .js-plotly-plot")
        page.get_by_role("link", name="Import your own").click()
        page.wait_for_selector("input[type=file]", state="attached")
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_text("What the columns are").wait_for()
        constant = page.get_by_role("textbox", name="Every row is the same event; call it")
        constant.fill("order")
        constant.press("Enter")
        settled(page)
        page.get_by_role("button", name="Import", exact=True).click()
        page.get_by_text("orders.csv is in").wait_for()
        card = page.locator(".st-key-import_report_card")
        # 10 users each with one, two and three orders, and one row whose time is no time.
        for label, n in (("Rows of the file", "61"), ("New", "60"), ("Known already", "0"), ("Rejected", "1")):
            assert card.locator("[data-testid=stMetric]").filter(has_text=label).first.inner_text().split()[-1] == n
        with page.expect_download() as download:
            card.get_by_role("button", name="Download the rejected rows").click()
        rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
        assert [(row["line"], row["value"]) for row in rows] == [("62", "some day")]
        page.goto(f"{url}/cohorts?period=week&horizon=2")
        page.wait_for_selector(".st-key-heat .js-plotly-plot")
        assert not page.get_by_text("simulated shop").count()
        click_cell(page, 0, 1)
        assert heading(page) == "20 users of cohort 5 Jan 2026 came back in week 1"


@pytest.mark.parametrize("is_lost", [False, True], ids=["retained", "lost"])
def test_a_click_on_a_cell_ends_in_a_file_with_as_many_rows(visit: Visit, app: str, is_lost: bool) -> None:
    page = visit(f"{app}/cohorts?period=month")
    click_cell(page, 3, 2)
    if is_lost:
        page.locator(".st-key-is_lost").get_by_role("radio").nth(1).click()
        page.wait_for_function("() => document.querySelector('.st-key-members h3').innerText.includes('did not')")
        settled(page)
    n = int(re.match(r"([\d,]+) users? of cohort Apr 2024", heading(page))[1].replace(",", ""))  # type: ignore[index]
    with page.expect_download() as download:
        page.locator(".st-key-cell_users_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == n > 0
    assert len({row["pseudonym"] for row in rows}) == n


def test_the_grid_is_exported_with_every_cell(visit: Visit, app: str) -> None:
    page = visit(f"{app}/cohorts?period=month&horizon=3")
    with page.expect_download() as download:
        page.locator(".st-key-grid_csv button:visible").first.click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) == 24 * 4
    assert {row["retained"] for row in rows if row["state"] == "future"} == {""}


def test_the_link_restores_the_view_in_another_browser(visit: Visit, app: str) -> None:
    page = visit(f"{app}/cohorts?period=month")
    page.get_by_role("spinbutton", name="Look ahead").fill("6")
    page.get_by_role("spinbutton", name="Look ahead").press("Enter")
    page.wait_for_url("**horizon=6**")
    settled(page)
    click_cell(page, 4, 1)
    page.locator(".st-key-is_lost").get_by_role("radio").nth(1).click()
    page.wait_for_url("**lost=1**")
    settled(page)
    link = page.locator("code").filter(has_text="http://127.0.0.1").inner_text()
    assert link == page.url
    other = visit(link)
    assert heading(other) == heading(page)
    assert other.get_by_role("spinbutton", name="Look ahead").input_value() == "6"
    values = ".st-key-kpis [data-testid=stMetricValue]"
    assert other.locator(values).all_inner_texts() == page.locator(values).all_inner_texts()


def test_the_table_twin_works_by_keyboard(visit: Visit, app: str) -> None:
    page = visit(f"{app}/cohorts?period=month")
    page.get_by_role("tab", name="Table").focus()
    page.keyboard.press("Enter")
    table = page.locator("[data-testid=stDataFrame]").first
    table.wait_for()
    settled(page)
    table.locator("canvas").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector(".st-key-members")
    assert "of cohort" in heading(page)


def test_a_selected_user_shows_what_they_did(visit: Visit, app: str) -> None:
    page = visit(f"{app}/cohorts?period=month&cell=2025-03-01.2")
    table = page.locator(".st-key-members [data-testid=stDataFrame]").first
    at = table.bounding_box()
    assert at is not None
    page.mouse.click(at["x"] + 16, at["y"] + 35 + 17)  # the box before the first row
    page.get_by_text("What user").wait_for()
    page.locator(".st-key-timeline").wait_for()


@pytest.mark.parametrize("fmt", ["PNG", "SVG"])
def test_a_picture_of_the_grid_is_made_in_the_browser(visit: Visit, app: str, fmt: str) -> None:
    page = visit(f"{app}/cohorts?period=month")
    page.get_by_role("radio", name=fmt).click()
    settled(page)
    page.locator(".st-key-heat .js-plotly-plot").hover()
    with page.expect_download() as download:
        page.locator(".st-key-heat .modebar-btn").first.click()
    assert download.value.suggested_filename == f"cohorts.{fmt.lower()}"


@pytest.mark.parametrize("place", ["/", "/data"])
def test_light_and_dark_are_two_grounds(visit: Visit, app: str, place: str) -> None:
    grounds = {
        scheme: visit(f"{app}{place}", scheme=scheme).evaluate(
            "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"
        )
        for scheme in ("light", "dark")
    }
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 24, 29)"}
