"""How sure the segments are and what their users did next, on the page: on a click only, and one sentence for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.features.spec import FeatureSpec
from retention.segments.order import save_segmentation
from retention.segments.spec import SegmentSpec
from retention.segments.sweep import KSweep, SweepRow, Trust
from retention.store import Store
from retention.ui import segments_trust
from tests.pages.conftest import texts
from tests.worlds import diary, store_of

Open = Callable[..., AppTest]
SURE, NEXT = "How sure", "What they did next"
# Until 31 January six users come often and six once; of the former three come back on 2 February, one of them for 90.
OFTEN = "2 4 6 8 10 12 14 16 18 20 22 24 26 28"
WORLD = "\n".join(
    [f"a{i}: {OFTEN} {30 + i % 2}" + (" 2026-02-02/purchase?value=90" if i == 0 else " 2026-02-02" if i < 3 else "") for i in range(6)]
    + [f"b{i}: {20 + i}" for i in range(6)]
)
TWO = {"preset": "own", "more": ["active_days"], "k": "2", "log": "none", "winsorise": "0"}
FEBRUARY = {"tab": NEXT, "after_at": "2026-02-01", "after_weeks": "3", **TWO}


@pytest.fixture
def twelve() -> Store:
    """Return the world above."""
    return store_of(diary(WORLD), as_of="2026-03-01", churn_window=14)


def buttons(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def press(at: AppTest, key: str) -> AppTest:
    return at.button(key=key).click().run()


def rest_stands(at: AppTest) -> bool:
    return not at.exception and "Share this view" in [s.value for s in at.subheader]


# How sure -----------------------------------------------------------------------------------------------------------


def fixed_trust(monkeypatch: pytest.MonkeyPatch, trust: Trust) -> list[int]:
    """Have the page judge without the work, and count how often it is done."""
    done: list[int] = []

    def judge(found: object, *, progress: Callable[[float, str], object]) -> Trust:
        done.append(1)
        progress(0.5, "draw 1 of 2")
        return trust

    monkeypatch.setattr(segments_trust, "trust_of", judge)
    return done


def test_segments_are_judged_on_a_click_and_the_judgement_stays(
    show: Open, twelve: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = fixed_trust(monkeypatch, Trust((0.91, 0.48), 8.0, 12, 20))
    at = show(twelve, "segments", tab=SURE, **TWO)
    assert "Judge these segments" in buttons(at) and not done
    at = press(at, "segments_judge")
    assert "1 of 2 segments is stable." in texts(at) and "Act on the stable ones" in texts(at)
    assert "Judge these segments" not in buttons(at.run())
    assert "1 of 2 segments is stable." in texts(at) and len(done) == 1
    # Other settings are other segments, which nobody has judged.
    at.number_input(key="segments_v_k").set_value(3).run()
    assert "Judge these segments" in buttons(at) and "is stable." not in texts(at) and len(done) == 1


def test_segments_made_by_chance_are_called_so(show: Open, twelve: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_trust(monkeypatch, Trust((0.9, 0.8), 1.0, 12, 20))
    at = press(show(twelve, "segments", tab=SURE, **TWO), "segments_judge")
    assert "No stable clusters: the users are spread about as evenly as chance" in texts(at)
    assert "Do not act on these segments" in texts(at)
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert set(figure["data"][0]["marker"]["symbol"]) == {"circle-open"}


def test_the_best_number_of_segments_is_one_click_away(
    show: Open, twelve: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (
        SweepRow(2, 0.4, 1.1, 1.0, 0.02, 9.0, 5.0, (0.9, 0.4)),
        SweepRow(3, 0.5, 0.9, 1.2, 0.03, 9.0, 4.0, (0.95, 0.9, 0.85)),
    )
    monkeypatch.setattr(segments_trust, "sweep_of", lambda found, spec, progress: KSweep(rows, 12, 12, 20, 3))
    at = show(twelve, "segments", tab=SURE, **TWO)
    # Twelve users: eleven segments at most.
    assert "Try 2 to 11 segments" in buttons(at)
    at = press(at, "segments_sweep")
    assert "3 segments hold best. All 3 segments are stable." in texts(at)
    assert len(at.get("plotly_chart")) == 4
    at = press(at, "segments_use_k")
    assert at.number_input(key="segments_v_k").value == 3
    assert at.query_params["k"] in ("3", ["3"]) and at.query_params["tab"] in (SURE, [SURE])
    # What was tried does not depend on the number that is tuned, so it stays.
    assert "That is the number that is tuned now (3)." in texts(at)


def test_a_real_sweep_of_the_shop_ends_in_a_verdict(show: Open, sample: Path) -> None:
    at = show(sample, "segments", tab=SURE, preset="engagement")
    at = press(at, "segments_sweep")
    assert not at.exception
    assert "segments hold best." in texts(at) or "No stable clusters" in texts(at)
    assert "20 draws for each number" in texts(at)


def test_where_nothing_finds_the_number_of_segments_it_is_said(show: Open, sample: Path) -> None:
    at = show(sample, "segments", tab=SURE, method="rfm", min_days="1")
    assert "The RFM grid is a convention" in texts(at)
    assert "HDBSCAN and the RFM grid find their own number of segments." in texts(at)
    assert rest_stands(at) and not {"Judge these segments"} & set(buttons(at))


# What they did next -------------------------------------------------------------------------------------------------


def test_the_page_says_who_came_back_lapsed_and_bought(show: Open, twelve: Store) -> None:
    at = show(twelve, "segments", **FEBRUARY)
    said = texts(at)
    # Half of the six came back in week 0; in week 2, the last one, nobody did.
    assert "0 % (0.0–39.0 %) of" in said and "in week 2 after 1 February 2026" in said
    assert "Not circular: the segments were fixed at the beginning of 1 February 2026" in said
    assert "By 15 February 2026," in said
    assert "brought in 100 % of the revenue: 15.00 per user" in said  # 90 over six
    charts = [json.loads(c.proto.spec) for c in at.get("plotly_chart")]
    assert len(charts) == 3
    lines = [t["y"] for t in charts[0]["data"] if t.get("mode") == "lines+markers"]
    assert sorted(lines) == [[0, 0, 0], [0.5, 0, 0]]


def test_every_chart_has_its_table(show: Open, twelve: Store) -> None:
    at = show(twelve, "segments", **FEBRUARY)
    for twin in ("after_returns_twin", "after_lapses_twin", "after_revenue_twin"):
        at.session_state[twin] = "Table"
    at.run()
    assert not at.exception and not at.get("plotly_chart")
    tables = [set(d.value.columns) for d in at.dataframe]
    assert any({"Segment", "Week", "Active", "Share"} <= t for t in tables)
    assert any({"Segment", "Day", "Not lapsed"} <= t for t in tables)
    assert any({"Segment", "Orders", "Share of all"} <= t for t in tables)
    [weeks] = [d.value for d in at.dataframe if "Week" in d.value.columns]
    assert sorted(weeks.loc[weeks["Week"] == 0, "Active"]) == [0, 3]


@pytest.mark.parametrize(("told", "said"), [
    ({"after_at": "2026-02-26"}, "No week from 2026-02-26 on is over yet"),
    ({"after_at": "2025-01-01"}, "Nobody was active before the cut-off."),
    ({"k": "20"}, "at least 20 users who differ|at least as many users as segments"),
])  # fmt: skip
def test_what_cannot_be_followed_is_said_in_one_sentence(show: Open, twelve: Store, told, said) -> None:
    at = show(twelve, "segments", **{**FEBRUARY, **told})
    assert rest_stands(at)
    assert any(part in texts(at) for part in said.split("|"))


def test_lapses_that_are_not_known_yet_leave_the_rest(show: Open, twelve: Store) -> None:
    at = show(twelve, "segments", **{**FEBRUARY, "after_at": "2026-02-16", "after_weeks": "1"})
    assert "Not yet known." in texts(at) and "before 2 March 2026" in texts(at)
    assert rest_stands(at) and len(at.get("plotly_chart")) >= 1


def test_a_saved_segmentation_can_be_followed_instead(show: Open, twelve: Store) -> None:
    spec = SegmentSpec(
        features=FeatureSpec(names=("active_days",), cutoff=date(2026, 2, 20)), k=2, log="none", winsorise=0.0
    )
    saved = save_segmentation(twelve, spec, "Habits", ("Rare", "Often"))
    at = show(twelve, "segments", **{**FEBRUARY, "after_of": str(saved.property_key)})
    assert "by the saved model" in texts(at) and "learned from data up to 20 February 2026" in texts(at)
    names = {t["name"] for t in json.loads(at.get("plotly_chart")[0].proto.spec)["data"] if "name" in t}
    assert names == {"Rare", "Often"}


def test_the_users_behind_a_number_are_listed(show: Open, twelve: Store) -> None:
    at = show(twelve, "segments", **FEBRUARY)
    box = at.selectbox(key="segments_v_after_users")
    [active] = [option for option in box.options if "3 active in week 0" in option]
    at = box.select(active).run()
    assert not at.exception
    name = active.split(":")[0]
    assert f"3 users: {name}, active in week 0" in texts(at)
    [users] = [d.value for d in at.dataframe if "User (pseudonym)" in d.value.columns]
    assert len(users) == 3
