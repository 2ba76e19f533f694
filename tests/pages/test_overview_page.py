"""The Overview page without a browser: what it says, what its controls do, and what happens to odd stores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.alerts.order import add_alert
from retention.alerts.spec import AlertSpec
from retention.headlines.answer import headlines
from retention.headlines.answer_explain import explain
from retention.headlines.answer_quiet import quiet_users
from retention.headlines.spec import METRICS, ExplainSpec, HeadlinesSpec, QuietSpec
from retention.headlines.words import verdict_of, written
from retention.store import Store
from tests.pages.conftest import Open, texts
from tests.worlds import diary, store_of

WORLD = "ann: 5 12 19 26\nbob: 6 19\ncyd: 13 20 27\ndee: 20"


def metrics(at: AppTest) -> dict[str, str]:
    return {m.label: m.value for m in at.metric}


def charts(at: AppTest) -> list[dict[str, object]]:
    return [json.loads(found.proto.spec) for found in at.get("plotly_chart")]


def test_every_headline_number_is_the_answers(show: Open, sample: Path) -> None:
    with Store.open(sample) as store:
        found = headlines(store, HeadlinesSpec())
        quiet = quiet_users(store, QuietSpec())
    at = show(sample, page="overview")
    shown = metrics(at)
    for item in found.items:
        assert shown[item.metric.label] == (written(item.now.value, item.metric.unit) if item.now else "—")
    assert shown["Users quiet longer than ever"] == f"{quiet.n_users:,}"
    said = texts(at)
    assert "vs the four weeks before" in said
    assert "In short" in said and "simulated shop" in said
    assert "1 gap marked as missing" in said
    assert "0 of" in said and "rows rejected" in said


def test_a_number_that_cannot_tell_wears_no_colour(show: Open, sample: Path) -> None:
    with Store.open(sample) as store:
        found = headlines(store, HeadlinesSpec())
    at = show(sample, page="overview")
    colours = {m.label: m.proto.color for m in at.metric}
    grey = {colours[i.metric.label] for i in found.items if i.change and i.change.says == "cannot tell"}
    told = {colours[i.metric.label] for i in found.items if i.change and i.change.says != "cannot tell"}
    assert grey and told
    assert not grey & told


def test_the_width_of_the_windows_is_chosen_and_kept_in_the_address(show: Open, sample: Path) -> None:
    with Store.open(sample) as store:
        one = headlines(store, HeadlinesSpec(weeks=1)).of("active-users")
        split = explain(store, ExplainSpec(metric="week-4-retention", weeks=1))
    at = show(sample, page="overview", weeks="1")
    assert metrics(at)["Active users per week"] == written(one.now.value, "users")
    assert "vs the week before" in texts(at)
    assert verdict_of(split) in texts(at).replace("\\", "")
    at.button_group(key="overview_v_weeks").set_value("13").run()
    assert "vs the 13 weeks before" in texts(at)
    assert at.query_params["weeks"] in ("13", ["13"])


def test_the_split_follows_its_controls(show: Open, sample: Path) -> None:
    with Store.open(sample) as store:
        wanted = explain(store, ExplainSpec(metric="lapse-rate", by="country"))
    at = show(sample, page="overview", metric="lapse-rate", split="country")
    assert verdict_of(wanted) in texts(at).replace("\\", "")
    [parts] = [c for c in charts(at) if c["layout"].get("barmode") == "relative" and "orientation" in c["data"][0]]
    assert len(parts["data"][0]["y"]) == len(wanted.split.groups)
    at.selectbox(key="overview_v_metric").set_value("week-1-retention").run()
    assert "Back in week 1 went from" in texts(at)
    assert at.query_params["split"] in ("country", ["country"])


def test_the_users_at_risk_are_listed_with_the_count_of_the_number(show: Open, sample: Path) -> None:
    with Store.open(sample) as store:
        n = quiet_users(store, QuietSpec()).n_users
    assert n > 0
    at = show(sample, page="overview")
    assert "quiet for longer than ever before, and not lapsed" not in texts(at)
    at = show(sample, page="overview", quiet="1")
    assert f"{n} users: quiet for longer than ever before, and not lapsed" in texts(at)
    [users] = [d.value for d in at.dataframe if "User (pseudonym)" in d.value.columns]
    assert len(users) == n


def test_an_alert_is_made_shown_fired_and_deleted(show: Open, sample: Path) -> None:
    at = show(sample, page="overview")
    at.selectbox(key="alert_metric").set_value("stickiness")
    at.selectbox(key="alert_operator").set_value("below")
    at.text_input(key="alert_threshold").set_value("90%")
    [send] = [b for b in at.button if b.label == "Add alert"]
    send.click().run()
    assert not at.exception
    assert any("1 alert fired" in str(w.value) for w in at.warning)
    assert "Fired" in texts(at)
    at.text_input(key="alert_threshold").set_value("lots")
    [send] = [b for b in at.button if b.label == "Add alert"]
    send.click().run()
    assert any("must be a number such as" in str(e.value) for e in at.error)
    at.button(key="alert_1").click().run()
    assert "There is no alert yet." in texts(at)
    assert not at.warning


def test_an_import_on_the_data_page_reads_the_alerts(show: Open, tmp_path: Path) -> None:
    store = store_of(diary(WORLD), as_of="2026-02-02")
    add_alert(store, AlertSpec(metric="active-users", operator="above", threshold=0.5))
    path = tmp_path / "more.csv"
    path.write_text("user,time,event\nzoe,2026-02-02T10:00,visit\n")
    at = show(store, page="data")
    at.session_state["where"] = "On this server"
    at.run()
    at.text_input(key="server_path").set_value(str(path)).run()
    at.button(key="import").click().run()
    assert not at.exception
    from retention.ui import starting

    with starting.store().snapshot() as snapshot:
        assert snapshot.rows("select count(*) from alert_readings")[0][0] == 1


def test_a_small_store_says_what_it_lacks_and_the_page_stands(show: Open) -> None:
    at = show(store_of(diary(WORLD), as_of="2026-02-02"), page="overview")
    shown = metrics(at)
    assert shown["Active users per week"] == "2.5"  # four weeks of 2, 2, 4 and 2
    assert shown["Net revenue retention"] == "—"
    said = texts(at)
    assert "name the events that are revenue" in said
    assert "No property makes groups of the users at their start" in said
    assert "It takes four complete weeks without a gap" in said
    assert "The store knows no order" in said
    assert "Alerts" in said and "Share this view" in said


@pytest.mark.parametrize("world", ["ann: 5/refund", ""], ids=["no activity", "no event"])
def test_a_store_with_nothing_to_count_says_what_to_do(show: Open, world: str, monkeypatch) -> None:
    from retention.ui import frame

    monkeypatch.setattr(frame, "first_start", lambda store: None)
    at = show(store_of(diary(world), as_of="2026-02-02"), page="overview")
    said = texts(at)
    assert "counts as activity" in said if world else "holds no events yet" in said


def test_an_address_that_cannot_be_read_is_named_and_defaults_stand_in(show: Open, sample: Path) -> None:
    at = show(sample, page="overview", weeks="5", metric="nothing", **{"from": "yesterday"})
    said = texts(at)
    for word in ("“weeks” cannot be “5”", "“metric” cannot be “nothing”", "“from” must be a date"):
        assert word in said
    assert "vs the four weeks before" in said


def test_every_metric_can_be_chosen_for_an_alert(show: Open, sample: Path) -> None:
    at = show(sample, page="overview")
    assert at.selectbox(key="alert_metric").options == [metric.label for metric in METRICS.values()]


def test_what_comes_from_the_data_is_not_read_as_markup(show: Open) -> None:
    rows = "\n".join(
        f"u{w}x{i}: {5 + 7 * w}?channel={c}" + (f" {12 + 7 * w}" if i % 2 else "")
        for w in (0, 1) for c in ("[x](http://e.com)", "<b>y</b>") for i in range(20)
    )  # fmt: skip
    at = show(store_of(diary(rows), as_of="2026-01-26"), page="overview", weeks="1", metric="week-1-retention")
    assert "](http://e.com)" not in texts(at).replace("\\](", "")
    figures = json.dumps(charts(at))
    assert "<b>y" not in figures


def test_the_tables_are_made_when_they_are_opened(show: Open, sample: Path) -> None:
    at = show(sample, page="overview")
    assert len(at.dataframe) == 0
    at.session_state["year_table"] = at.session_state["parts_table"] = True
    at.run()
    assert not at.exception
    year, parts = (d.value for d in at.dataframe)
    assert len(year) == 8 and "The latest is" in year.columns
    assert parts["Together, points"].sum() == pytest.approx(
        parts["Mix, points"].sum() + parts["Within, points"].sum(), abs=0.05
    )
