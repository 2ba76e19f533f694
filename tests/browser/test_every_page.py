"""What holds for every page and each of its parts: for those who do not see it well, and on a phone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Visit = Callable[..., "Page"]
PLACES = {
    "overview": "/?quiet=1",
    "cohorts": "/cohorts?period=month&mode=on-or-before&horizon=6&cell=2025-03-01.2&lost=1",
    "cohorts, split": "/cohorts?period=week&by=channel",
    "growth, lifecycle": "/growth?period=month&pick=2025-03-01.dormant",
    "growth, split": "/growth?by=channel&period=month",
    "growth, flow": "/growth?show=Flow&move=new.dormant",
    "growth, stickiness": "/growth?show=Stickiness&day=2025-12-01.7",
    "growth, active days": "/growth?show=Active+days&days=3&how=at+least",
    "growth, revenue": "/growth?show=Revenue&r_view=Grid&r_buyers=2025-03-01",
    "growth, forecast": "/growth?show=Forecast",
    "behaviour, interval": "/behaviour?interval=7",
    "behaviour, interval by group": "/behaviour?by=channel",
    "behaviour, window": "/behaviour?tab=Churn+window&by=channel&silence=returned",
    "behaviour, hours": "/behaviour?tab=Hours&cell=164&hour=20",
    "behaviour, funnel": "/behaviour?tab=Funnel&by=channel",
    "behaviour, paths": "/behaviour?tab=Paths",
    "behaviour, drivers": "/behaviour?tab=Drivers",
    "survival, curves": "/survival?by=channel&users=1.lapsed",
    "survival, weeks": "/survival?view=When+they+lapse&week=3",
    "survival, attributes": "/survival?view=What+goes+with+it&attributes=channel",
    "survival, laws": "/survival?view=Laws+of+lifetime",
    "survival, grid": "/survival?view=Grid+and+curve",
    "survival, value": "/survival?view=Customer+value",
    "segments": "/segments",
    "segments, density": "/segments?map=density&k=7&preset=engagement&reduction=pca",
    "segments, grid": "/segments?method=rfm",
    "segments, next": "/segments?tab=What+they+did+next",
    "segments, tags": "/segments?tab=Tags",
    "at risk, nobody scored": "/at_risk",
    "at risk, own table": "/at_risk?tab=Your+own+table",
    "audiences, none yet": "/audiences",
    "interventions, nobody scored": "/interventions",
    "interventions, catalogue": "/interventions?tab=Catalogue",
    "experiments": "/experiments?campaign=singles+day+coupon&window=14&by=device&contact=0.2",
    "experiments, sizes": "/experiments?campaign=new+year+coupon&window=14",
    "experiments, plan": "/experiments?tab=Plan&effect=6",
    "experiments, file": "/experiments?tab=A+file+of+units",
    "experiments, archive": "/experiments?tab=Archive",
    "profile": "/profile?user={user}",
    "profile, among": "/profile?user={user}&part=Among+all+users",
    "profile, habits": "/profile?user={user}&part=Interests+and+hours",
    "profile, nobody": "/profile",
    "data": "/data",
}
SCORED = {
    "at risk": "/at_risk?n=40",
    "at risk, trust": "/at_risk?tab=Can+I+trust+it%3F",
    "at risk, why": "/at_risk?tab=Why&user={user}",
    "at risk, models": "/at_risk?tab=Models",
    "audiences": "/audiences?list=1&contacted=30&out=1",
    "audiences, combine": "/audiences?tab=Combine&all=2&none=1",
    "audiences, overlap": "/audiences?tab=Overlap",
    "interventions": "/interventions",
    "interventions, budget": "/interventions?tab=Budget&value=same",
    "interventions, messages": "/interventions?tab=Messages",
    "interventions, assign": "/interventions?tab=Assign",
}
"""Places of a shop whose users have been scored."""
WITHOUT_CHART = {
    "survival, grid", "segments, tags", "at risk, nobody scored", "at risk, own table", "at risk, models", "profile, nobody",
    "data",
    "audiences, none yet", "audiences, combine",
    "interventions, nobody scored", "interventions, catalogue", "interventions, messages", "interventions, assign",
    "experiments, file", "experiments, archive",
}  # fmt: skip


@pytest.fixture
def address(request: pytest.FixtureRequest, place: str) -> str:
    """Return where a place is."""
    if place in SCORED:
        url, user = request.getfixturevalue("scored")
        return url + SCORED[place].format(user=user)
    someone: tuple[str, str, int] = request.getfixturevalue("someone")
    return request.getfixturevalue("app") + PLACES[place].format(user=someone[1])


def serious(page: Page, axe_script: Path, rules: str = "") -> dict[str, list[str]]:
    """Return what axe finds on a page that keeps somebody from using it, by all its rules or by one."""
    page.evaluate(axe_script.read_text("utf-8"))
    wanted = {"resultTypes": ["violations"], **({"runOnly": [rules]} if rules else {})}
    found = page.evaluate("wanted => axe.run(document, wanted)", wanted)
    return {
        v["id"]: [node["target"] for node in v["nodes"]]
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    }


def shown(visit: Visit, address: str, place: str, scheme: str) -> Page:
    """Visit a place, all of it in one window, and wait for its chart."""
    page = visit(address, scheme=scheme, height=5000)
    if place not in WITHOUT_CHART:
        page.wait_for_selector(".js-plotly-plot .main-svg")
    return page


@pytest.mark.parametrize("place", [*PLACES, *SCORED])
def test_axe_finds_nothing_serious(visit: Visit, address: str, axe_script: Path, place: str) -> None:
    bad = serious(shown(visit, address, place, "light"), axe_script)
    assert bad == {}, json.dumps(bad, indent=1)


@pytest.mark.parametrize("place", [*PLACES, *SCORED])
def test_a_phone_scrolls_one_way_only_and_in_the_dark_all_is_legible(
    visit: Visit, address: str, place: str, request: pytest.FixtureRequest
) -> None:
    # One visit for both, for a visit is what takes long; in the dark only colours differ.
    page = shown(visit, address, place, "dark")
    assert not page.get_by_text("could not be read in full").count()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(
        "() => Math.max(document.documentElement.scrollWidth,"
        " document.querySelector('[data-testid=stMain]').scrollWidth) <= window.innerWidth && window.innerWidth === 390"
    )
    page.set_viewport_size({"width": 1280, "height": 5000})
    bad = serious(page, request.getfixturevalue("axe_script"), "color-contrast")
    assert bad == {}, json.dumps(bad, indent=1)
