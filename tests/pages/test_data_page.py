"""The Data page without a browser: import, settings, gaps, erasure."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retention.store import Store
from retention.ui import starting
from tests.pages.conftest import Open, texts
from tests.worlds import Event, diary, instant, store_of

ROWS = """customer,when,event,amount,city,plan
ann,2026-01-05 10:00:00,order,10.50,Aix,free
ann,2026-01-12 10:00:00,order,4.00,Aix,paid
bob,2026-01-06 11:00:00,order,not a number,Bonn,free
cyd,yesterday,order,3.00,Bonn,free
dee,2026-01-07 12:00:00,order,7.25,Bonn,free
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ROWS, "utf-8")
    return path


def choose(at: AppTest, path: Path) -> AppTest:
    """Name a file on the server."""
    at.session_state["where"] = "On this server"
    at.run()
    at.text_input(key="server_path").set_value(str(path)).run()
    assert not at.exception
    return at


def box(at: AppTest, label: str) -> object:
    [found] = [b for b in at.selectbox if b.label == label]
    return found


def metrics(at: AppTest) -> dict[str, str]:
    return {m.label: m.value for m in at.metric}


def test_a_file_is_guessed_corrected_imported_and_reported(show: Open, sample: Path, file: Path) -> None:
    at = choose(show(sample, page="data"), file)
    assert "takes the place of the simulated shop" in texts(at)
    assert (box(at, "User *").value, box(at, "Time *").value, box(at, "Event").value) == ("customer", "when", "event")
    assert [list(d.value.columns) for d in at.dataframe if "customer" in d.value.columns] == [
        ["customer", "when", "event", "amount", "city", "plan"]
    ]
    box(at, "Value (money)").set_value("amount").run()
    [users] = [m for m in at.multiselect if m.label == "Properties of the user"]
    users.set_value(["plan"]).run()
    assert "Properties of the event: city." in texts(at)
    at.button(key="import").click().run()
    assert not at.exception
    # cyd's time is a word, bob's amount is none: two of five.
    report = {name: metrics(at)[name] for name in ("Rows of the file", "New", "Known already", "Rejected")}
    assert report == {"Rows of the file": "5", "New": "3", "Known already": "0", "Rejected": "2"}
    [reasons] = [d.value for d in at.dataframe if "Reason" in d.value.columns]
    assert sorted(reasons["First at line"]) == [4, 5] and reasons["Rows"].sum() == 2
    assert metrics(at)["Users"] == "2" and "simulated" not in texts(at).replace("simulated shop: its", "")
    known = starting.store().catalogue()
    assert known.properties["plan"].kind == "user" and known.properties["city"].kind == "event"


def test_the_same_file_again_is_known_already(show: Open, file: Path) -> None:
    at = choose(show(store_of(diary("zoe: 1")), page="data"), file)
    at.button(key="import").click().run()
    at.button(key="report_done").click().run()
    choose(at, file)
    at.button(key="import").click().run()
    assert metrics(at)["New"] == "0" and metrics(at)["Known already"] == "3"


def test_a_file_without_an_event_column_gets_a_constant_event(show: Open, tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text("user,time\nann,2026-01-05 10:00:00\n", "utf-8")
    at = choose(show(store_of(diary("zoe: 1")), page="data"), path)
    [name] = [t for t in at.text_input if t.label.startswith("Every row is the same event")]
    name.set_value("showed up").run()
    at.button(key="import").click().run()
    assert "showed up" in starting.store().catalogue().events


def test_a_column_that_must_be_named_is_asked_for(show: Open, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("aa,bb\nx,y\n", "utf-8")
    at = choose(show(store_of(diary("zoe: 1")), page="data"), path)
    assert "Choose the column of the user and of the time to go on." in texts(at)
    assert at.button(key="import").disabled


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<html><body>Sign in</body></html>", "HTML"),
        (b"user,time\nann,\x00\n", "NUL"),
    ],
)
def test_a_file_that_cannot_be_read_gets_advice(show: Open, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    at = choose(show(store_of(diary("zoe: 1")), page="data"), path)
    assert said.casefold() in at.error[0].value.casefold()


def test_a_path_that_does_not_exist_is_said(show: Open) -> None:
    at = choose(show(store_of(diary("zoe: 1")), page="data"), Path("/nowhere/at/all.csv"))
    assert "There is no file at /nowhere/at/all.csv." in at.error[0].value


def test_the_status_counts_what_is_there(show: Open) -> None:
    at = show(store_of(diary("ann: 5 6\nbob: 7"), as_of="2026-02-02"), page="data")
    assert metrics(at) == {"Users": "2", "Events": "3", "First event": "5 Jan 2026", "Last event": "7 Jan 2026"}


def test_settings_are_changed_and_kept(show: Open) -> None:
    at = show(store_of(diary("ann: 5 6")), page="data")
    box(at, "Time zone").set_value("Asia/Kolkata")
    box(at, "Weeks begin on").set_value("sunday")
    [least] = [n for n in at.number_input if n.label == "Smallest cohort"]
    least.set_value(7)
    [delay] = [t for t in at.text_input if t.label == "Settling delay"]
    delay.set_value("2d")
    box(at, "What counts as activity").set_value("only")
    [events] = [m for m in at.multiselect if m.label == "Events"]
    events.set_value(["visit"])
    [save] = [b for b in at.button if b.label == "Save settings"]
    save.click().run()
    settings = starting.store().catalogue().settings
    assert (settings.timezone, settings.week_start, settings.min_cohort_size) == ("Asia/Kolkata", "sunday", "7")
    assert (settings.settling_delay, settings.activity) == ("2d", "visit")


def test_a_setting_that_makes_no_sense_gets_advice(show: Open) -> None:
    at = show(store_of(diary("ann: 5 6")), page="data")
    [delay] = [t for t in at.text_input if t.label == "Settling delay"]
    delay.set_value("soon")
    [save] = [b for b in at.button if b.label == "Save settings"]
    save.click().run()
    assert "`settling_delay` must look like 0, 4d or 36h" in at.error[0].value
    assert starting.store().catalogue().settings.settling_delay == "0"


def crowded(*, without: int) -> Store:
    """Return a store with twenty users on each day of January 2026 but one."""
    events = [
        Event(f"u{i}", instant(f"2026-01-{day:02} 10:00"), "visit")
        for day in range(1, 32)
        if day != without
        for i in range(20)
    ]
    return store_of(events, as_of="2026-02-01")


def test_an_empty_day_is_suspected_and_marked_only_when_confirmed(show: Open) -> None:
    at = show(crowded(without=15), page="data")
    assert "1 day without any event" in texts(at) and "15 January 2026 — 20 users expected" in texts(at)
    assert starting.store().catalogue().require_clock().gaps == ()
    [mark] = [b for b in at.button if (b.key or "").startswith("suspect_")]
    mark.click().run()
    assert starting.store().catalogue().require_clock().gaps == ((instant("2026-01-15"), instant("2026-01-16")),)
    assert "without any event" not in texts(at)
    [remove] = [b for b in at.button if (b.key or "").startswith("gap_")]
    remove.click().run()
    assert starting.store().catalogue().require_clock().gaps == ()


def test_a_user_is_erased_only_after_the_word_is_typed(show: Open) -> None:
    at = show(store_of(diary("ann: 5 6\nbob: 7")), page="data")
    [user] = [t for t in at.text_input if t.label.startswith("Id as in your file")]
    [typed] = [t for t in at.text_input if t.label.startswith("Type ERASE")]
    [erase] = [b for b in at.button if b.label == "Erase"]
    user.set_value("ann")
    typed.set_value("yes")
    erase.click().run()
    assert "Nothing was erased" in at.error[0].value and metrics(at)["Users"] == "2"
    [typed] = [t for t in at.text_input if t.label.startswith("Type ERASE")]
    typed.set_value("ERASE")
    [erase] = [b for b in at.button if b.label == "Erase"]
    erase.click().run()
    assert metrics(at)["Users"] == "1" and metrics(at)["Events"] == "1"


def test_erasing_somebody_unknown_gets_advice(show: Open) -> None:
    at = show(store_of(diary("ann: 5")), page="data")
    [user] = [t for t in at.text_input if t.label.startswith("Id as in your file")]
    [typed] = [t for t in at.text_input if t.label.startswith("Type ERASE")]
    user.set_value("nobody")
    typed.set_value("ERASE")
    [erase] = [b for b in at.button if b.label == "Erase"]
    erase.click().run()
    assert 'The store holds no user "nobody".' in at.error[0].value


def test_a_new_key_gives_new_pseudonyms(show: Open) -> None:
    at = show(store_of(diary("ann: 5")), page="data")
    before = starting.store().snapshot
    with before() as seen:
        old = seen.rows("select u.pseudonym from users as u")
    at.checkbox(key="renew_sure").check().run()
    at.button(key="renew").click().run()
    with starting.store().snapshot() as seen:
        assert seen.rows("select u.pseudonym from users as u") != old
