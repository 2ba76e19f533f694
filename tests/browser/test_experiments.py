"""The loop of acting, as people close it: assign with a holdout, send the file, import what came of it, read what it changed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import served, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]
N_USERS = 240
KEPT = {"yes": 3, "no": 7}
"""Of ten users of a group, held out or not, so many come back."""


def first_week(path: Path) -> None:
    """Fill a store with users who came twice in the first week of January, and save them as a list."""
    from retention.audiences.order import save_audience
    from retention.audiences.spec import AudienceSpec
    from retention.cohorts.spec import CellSpec, CohortSpec
    from retention.store import Store
    from tests.rows import import_rows
    from tests.worlds import instant

    rows = [
        {"user": f"c{i:03d}", "time": f"2026-01-0{day}T10:00", "event": "visit"} for i in range(N_USERS) for day in (5, 6)
    ]
    with Store.create_or_open(path) as store:
        import_rows(store, rows, complete_to_us=instant("2026-02-01"))
        users = CellSpec(cohorts=CohortSpec(period="week"), cohort=date(2026, 1, 5), age=0)
        save_audience(store, AudienceSpec(name="First week", users=users))


def outcomes(sent: list[dict[str, str]], file: Path) -> dict[str, tuple[int, int]]:
    """Write what the users did, as a tracker would export it; how many of each group came back, and of how many."""
    lines, found = ["user_id,time,event"], {}
    for held, n_kept in KEPT.items():
        group = sorted(row["user_id"] for row in sent if row["holdout"] == held)
        back = [user for place, user in enumerate(group) if place % 10 < n_kept]
        lines += [f"{user},2026-02-12 10:00:00,visit" for user in back]
        found[held] = (len(back), len(group))
    # Before the exposure, and after everybody's window: neither is an outcome.
    lines += [f"{row['user_id']},2026-01-20 10:00:00,visit" for row in sent]
    lines += [f"{row['user_id']},2026-03-05 10:00:00,visit" for row in sent[:50]]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return found


def test_a_campaign_is_assigned_sent_imported_and_read_back(visit: Visit, tmp_path: Path, axe_script: Path) -> None:
    from playwright.sync_api import expect

    first_week(tmp_path / "store.duckdb")
    with served(tmp_path / "store.duckdb") as url:
        page = visit(f"{url}/interventions?tab=Assign&who=list&list=1&holdout=50&window=28")
        page.get_by_role("textbox", name="Name of the campaign").fill("Winter care")
        page.get_by_role("button", name="Assign", exact=True).click()
        page.get_by_text("is assigned: 240 users are in it").first.wait_for()
        page.get_by_role("link", name="Its groups, and the file to send").click()
        page.locator(".st-key-interventions_members").wait_for()
        settled(page)
        page.get_by_text("With the ids of my file").click()
        page.get_by_text("this export is written to the audit trail as such").wait_for()
        settled(page)
        with page.expect_download() as download:
            page.locator(".st-key-interventions_members_users_csv button:visible").first.click()
        sent = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
        assert len(sent) == N_USERS
        assert {row["campaign"] for row in sent} == {"Winter care"}
        assert {row["arm"] for row in sent if row["holdout"] == "yes"} == {"holdout"}

        kept = outcomes(sent, tmp_path / "february.csv")
        page.goto(f"{url}/experiments?campaign=Winter+care")
        page.get_by_text("In progress: nobody's 28 days have passed yet").wait_for()
        page.goto(f"{url}/data")
        page.wait_for_selector("input[type=file]", state="attached")
        page.locator("input[type=file]").set_input_files(tmp_path / "february.csv")
        page.get_by_text("What the columns are").wait_for()
        settled(page)
        page.get_by_role("button", name="Import", exact=True).click()
        page.get_by_text("february.csv is in").wait_for()

        page.goto(f"{url}/experiments?campaign=Winter+care")
        verdict = page.locator(".st-key-verdict")
        expect(verdict).to_contain_text("Retained within 28 days: Discount coupon against holdout: higher")
        rates = [f"{100 * back / n:.2f} %" for back, n in (kept["no"], kept["yes"])]
        expect(verdict).to_contain_text(f"{rates[0]} against {rates[1]}")
        expect(page.locator(".st-key-experiment_ratio")).to_contain_text("The groups have the size that was meant")
        page.locator(".st-key-experiment_ages_chart .main-svg").first.wait_for()
        page.get_by_role("textbox", name="What was learned, in your words").fill("A letter in February brings them back.")
        page.get_by_role("button", name="Keep in the archive").click()
        page.get_by_text("is in the archive").first.wait_for()
        page.get_by_role("tab", name="Archive").click()
        page.get_by_text("A letter in February brings them back.").wait_for()
        settled(page)
        page.evaluate(axe_script.read_text("utf-8"))
        found = page.evaluate("() => axe.run(document)")
        bad = {v["id"]: [n["target"] for n in v["nodes"]] for v in found["violations"] if v["impact"] in ("serious", "critical")}
        assert bad == {}, json.dumps(bad, indent=1)
