"""Alerts: when they fire, when they keep quiet, and what they leave behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retention.alerts.answer import alert_readings, past_readings
from retention.alerts.order import add_alert, delete_alert, evaluate_alerts
from retention.alerts.spec import AlertSpec, parse_threshold
from retention.cli import main
from retention.errors import SpecError
from retention.store import Store
from retention.store.audit import faults
from tests.rows import import_rows
from tests.worlds import diary, fresh_path, instant, rows_of, store_of

# Weeks begin on 5 January 2026. 200 users start in each of eight weeks; half of them come back a week later in the
# first four, a tenth in the others: 400 of 800, then 60 of 600 (the eighth cohort's next week is not over).
STARTED = 200


def world() -> str:
    lines = []
    for week in range(8):
        kept = STARTED // 2 if week < 4 else STARTED // 10
        for i in range(STARTED):
            day = f"2026-{1 + (4 + 7 * week) // 31:02}-{(4 + 7 * week) % 31 + 1:02}"
            after = f"2026-{1 + (11 + 7 * week) // 31:02}-{(11 + 7 * week) % 31 + 1:02}"
            is_back = i < kept and week < 7
            lines.append(f"u{week}x{i}: {day}" + (f" {after}" if is_back else ""))
    return "\n".join(lines)


@pytest.fixture
def store() -> Store:
    return store_of(diary(world()), as_of="2026-03-02")


def rule(**more: object) -> AlertSpec:
    return AlertSpec(**{"metric": "week-1-retention", "operator": "below", "threshold": 0.3, **more})


# The window is four cohorts: those of 26 January, and 2, 9 and 16 February: 100 + 20 + 20 + 20 of 800 = 20 %,
# with an interval of about 17.4 to 22.9 %.


@pytest.mark.parametrize(
    ("more", "is_fired", "is_near"),
    [
        ({"threshold": 0.3}, True, False),  # the whole interval is below
        ({"threshold": 0.21}, False, True),  # the number is, the interval is not
        ({"threshold": 0.21, "is_sure": False}, True, False),
        ({"threshold": 0.19}, False, False),
        ({"threshold": 0.19, "operator": "above"}, False, True),
        ({"threshold": 0.15, "operator": "above"}, True, False),
    ],
)
def test_an_alert_fires_when_the_interval_lies_beyond(store, more, is_fired, is_near):
    add_alert(store, rule(**more))
    [found] = alert_readings(store).items
    assert found.value.value == pytest.approx(0.2)
    assert (found.is_fired, found.is_near) == (is_fired, is_near)
    assert "20.0 %" in found.sentence and "26 Jan – 22 Feb 2026" in found.sentence


def test_what_is_not_mature_yet_does_not_ring():
    # On the last Sunday the cohort of 16 February is not over at week 1, so the window begins a week earlier.
    early = store_of(diary(world()), as_of="2026-03-01T20:00")
    add_alert(early, rule(threshold=0.25))
    [found] = alert_readings(early).items
    assert found.value.value == pytest.approx((100 + 100 + 20 + 20) / 800)
    assert not found.is_fired


def test_a_number_that_cannot_be_computed_says_so_and_does_not_fire():
    store = store_of(diary("ann: 5 12\nbob: 5"), as_of="2026-01-20")
    add_alert(store, rule())
    add_alert(store, rule(metric="net-revenue-retention", operator="below", threshold=2))
    found = evaluate_alerts(store)
    assert found.fired == ()
    assert all("cannot be computed yet" in item.sentence and item.value is None for item in found.items)
    assert past_readings(store, 1)["value"].isna().all()


def test_an_alert_on_an_empty_store_waits_for_data():
    with Store.create_or_open(fresh_path()) as store:
        add_alert(store, rule())
        assert evaluate_alerts(store).fired == ()
        assert len(past_readings(store, 1)) == 0
        import_rows(store, rows_of(diary(world())), complete_to_us=instant("2026-03-02"))
        assert len(evaluate_alerts(store).fired) == 1


def test_readings_are_kept_once_for_each_version_of_the_data(store):
    add_alert(store, rule())
    evaluate_alerts(store)
    version = store.data_version
    again = evaluate_alerts(store)
    assert store.data_version == version
    assert len(again.fired) == 1
    assert len(past_readings(store, 1)) == 1
    import_rows(store, rows_of(diary("zoe: 2026-03-03")))
    evaluate_alerts(store)
    kept = past_readings(store, 1)
    assert kept["is_fired"].tolist() == [1, 1]
    assert kept["as_of_us"].is_monotonic_decreasing
    assert kept["low"].iloc[0] < kept["value"].iloc[0] < kept["high"].iloc[0] < 0.3


def test_orders_are_audited_and_a_deleted_alert_takes_its_readings_along(store):
    first = add_alert(store, rule())
    second = add_alert(store, rule(threshold=0.1, name="nearly nobody comes back"))
    evaluate_alerts(store)
    delete_alert(store, first)
    assert [item.alert_id for item in alert_readings(store).items] == [second]
    assert len(past_readings(store, first)) == 0
    with pytest.raises(SpecError, match="There is no alert 1"):
        delete_alert(store, first)
    with store.snapshot() as snapshot:
        assert faults(snapshot) == []
        actions = [row[0] for row in snapshot.rows("select a.action from audit as a order by a.audit_id")]
    assert actions[-3:] == ["add alert", "add alert", "delete alert"]
    delete_alert(store, second)
    assert add_alert(store, rule()) == 1  # nothing is left that the number could be taken for


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"metric": "week-9-retention"}, 'no headline number "week-9-retention"'),
        ({"operator": "near"}, "`operator` must be below or above"),
        ({"threshold": 40.0}, "must be from 0 to 1, not 40. Write 0.4 or 40%"),
        ({"threshold": -1.0}, "must be a number from 0"),
        ({"threshold": float("nan")}, "must be a number from 0"),
        ({"name": "x" * 81}, "at most 80 characters"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(more, says):
    with pytest.raises(SpecError, match=says):
        rule(**more)


@pytest.mark.parametrize("text", ["", "many", "4%%", "0,4,"])
def test_a_threshold_that_is_no_number_is_refused(text):
    with pytest.raises(SpecError, match="must be a number such as"):
        parse_threshold(text)


# The command line ----------------------------------------------------------------------------------------


@pytest.fixture
def run(store, capsys):
    store.close()

    def command(*argv: str) -> tuple[int, str, str]:
        status = main([*argv, "--store", str(store.path)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


def test_the_command_exits_with_one_and_a_line_for_each_that_fired(run):
    assert run("alerts") == (0, "There is no alert.\n", "")
    assert run("alerts", "add", "--metric", "week-1-retention", "--below", "30%")[0] == 0
    assert run("alerts", "add", "--metric", "active-users", "--above", "1,000")[0] == 0
    assert run("alerts", "add", "--metric", "new-users", "--above", "50", "--name", "a crowd")[0] == 0
    status, out, _ = run("alerts")
    assert status == 1
    assert [line.split(" is ")[0] for line in out.splitlines()] == ["Back in week 1", "a crowd: New users per week"]
    status, out, _ = run("alerts", "--json")
    found = json.loads(out)
    assert status == found["exit"] == 1
    assert [item["fired"] for item in found["alerts"]] == [True, False, True]
    assert {"as_of", "timezone", "data_version", "definition"} <= set(found)
    assert run("alerts", "delete", "1")[0] == run("alerts", "delete", "3")[0] == 0
    assert run("alerts") == (0, "1 alert, none fired.\n", "")
    status, out, _ = run("alerts", "list")
    assert status == 0 and out.startswith("2  quiet  Active users per week")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("alerts", "add"), "An alert needs --metric"),
        (("alerts", "add", "--metric", "stickiness"), "An alert needs --metric, and --below or --above"),
        (("alerts", "add", "--metric", "stikiness", "--below", "0.1"), 'Did you mean "stickiness"?'),
        (("alerts", "delete"), "Name the alert to delete"),
        (("alerts", "delete", "7"), "There is no alert 7"),
        (("explain", "--metric", "quick-ratio"), "must be a share of users"),
        (("explain", "--metric", "week-1-retention"), "No property makes groups"),
        (("headlines", "--metric", "nothing"), "no headline number"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_two(run, argv, says):
    status, out, error = run(*argv)
    assert (status, out) == (2, "")
    assert says in error and error.count("\n") == 1


def test_an_import_reads_the_alerts(run, tmp_path: Path):
    run("alerts", "add", "--metric", "week-1-retention", "--below", "0.3")
    file = tmp_path / "more.csv"
    file.write_text("user,time,event\nzoe,2026-03-01T10:00,visit\n")
    status, out, _ = run("import", str(file))
    assert status == 0
    assert "alert: Back in week 1 is 20.0 %" in out
    assert json.loads(run("import", str(file), "--json")[1])["alerts"]


def test_the_headlines_and_the_explanation_are_json(run, tmp_path: Path):
    found = json.loads(run("headlines", "--json")[1])
    first = found["metrics"][0]
    assert (first["metric"], first["window"]["n_weeks"], len(first["history"])) == ("active-users", 4, 8)
    assert first["low"] < first["value"] < first["high"]
    money = next(item for item in found["metrics"] if item["metric"] == "value-30")
    assert money["value"] is None and money["reason"]
    text = run("headlines")[1]
    assert "Of the users who started, 20.0 % were active in the week after" in text


def test_an_explanation_prints_parts_that_add_up(capsys):
    rows = "\n".join(
        f"{c}{w}x{i}: {5 + 7 * w}?channel={c}" + (f" {12 + 7 * w}" if i % k == 0 else "")
        for w in (0, 1) for c, k, n in (("ads", 2, 40 + 60 * w), ("mail", 5, 60)) for i in range(n)
    )  # fmt: skip
    store = store_of(diary(rows), as_of="2026-01-26")
    store.close()
    argv = ["explain", "--metric", "week-1-retention", "--from", "2026-01-05", "--to", "2026-01-12", "--weeks", "1"]
    assert main([*argv, "--by", "channel", "--json", "--store", str(store.path)]) == 0
    found = json.loads(capsys.readouterr().out)
    # 20 of 40 and 12 of 60 -> 50 of 100 and 12 of 60: only the mix has moved.
    assert found["change"]["difference"] == pytest.approx(62 / 160 - 32 / 100)
    assert found["within"]["value"] == pytest.approx(0)
    assert found["mix"]["value"] + found["within"]["value"] == pytest.approx(found["change"]["difference"])
    assert sum(row["mix"] + row["within"] for row in found["groups"]) == pytest.approx(found["change"]["difference"])
    assert {"as_of", "timezone", "data_version", "definition", "verdict"} <= set(found)
