"""Why and when on a dark phone: reasons, another value, the days to come; one way to scroll, and nothing in the way of a reader."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import PATIENCE_MS, served, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]


@pytest.fixture(scope="module")
def scored(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run the app on a shop that has been scored; its address, and the user with the highest risk."""
    from retention.churn.answer_reasons import riskiest
    from retention.churn.order_registry import train
    from retention.churn.order_scores import score
    from retention.churn.spec import ChurnSpec, LapseSpec
    from retention.features.spec import FeatureSpec
    from retention.store import Store

    path = tmp_path_factory.mktemp("why") / "store.duckdb"
    shutil.copy(shop, path)
    shutil.copy(shop.with_name(shop.name + ".key"), path.with_name(path.name + ".key"))
    lapse, features = LapseSpec(horizon_days=30, lookback_days=60), FeatureSpec(presets=("rfm",), names=("gap_mean",))
    with Store.open(path) as store:
        train(store, ChurnSpec(lapse=lapse, features=features, model="logistic", n_backtests=1, step_days=90))
        user = str(riskiest(store, score(store).scoring_key, 1)["pseudonym"].iloc[0])
    with served(path) as url:
        yield url, user


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
