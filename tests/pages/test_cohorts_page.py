"""The Cohorts page without a browser: its numbers, its controls, its address, its lists."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from retention.audiences.answer import users_of
from retention.audiences.order_export import export_members
from retention.cohorts.answer import cohort_retention
from retention.cohorts.chart import retention_heatmap
from retention.cohorts.chart_curves import retention_curves
from retention.cohorts.chart_look import GridLook
from retention.cohorts.spec import CellSpec, CohortSpec, Condition
from retention.store import Store
from retention.ui import starting
from retention.ui.cohort_address import CohortView, read_view, view_address
from tests.pages.conftest import Open, cells, click, texts
from tests.worlds import Event, diary, instant, store_of

# Weeks begin on 5, 12, 19 and 26 January 2026.
FOUR = """
    ann: 5 12 26
    bob: 6 7
    cyd: 5 19
    dee: 13 20
"""


@pytest.fixture
def four() -> Store:
    return store_of(diary(FOUR), as_of="2026-02-02", min_cohort_size=1)


def says(at: AppTest, cohort: str, age: int) -> str:
    """Return the counts in the hover of a cell, such as "1 of 3"."""
    text = cells(at)[cohort, age]
    return text.split(" · ")[1].split(" users")[0] if " · " in text else ""


def test_the_grid_says_what_a_hand_counts(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3")
    assert [says(at, "2026-01-05", age) for age in range(4)] == ["1 of 3", "1 of 3", "1 of 3", "1 of 3"]
    # dee once more in the week after; the week of 2 February has not begun.
    assert [says(at, "2026-01-12", age) for age in range(4)] == ["0 of 1", "1 of 1", "0 of 1", ""]
    assert "Not begun yet; complete on 9 Feb 2026" in cells(at)["2026-01-12", 3]


def test_every_control_changes_the_numbers(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3")
    at.selectbox(key="mode").set_value("on-or-before").run()
    # bob on the 7th, ann on the 12th, cyd on the 19th.
    assert [says(at, "2026-01-05", age) for age in range(4)] == ["1 of 3", "2 of 3", "3 of 3", "3 of 3"]
    at.number_input(key="horizon").set_value(2).run()
    assert ("2026-01-05", 3) not in cells(at)
    at.session_state["more"] = True
    at.run()
    at.number_input(key="at_least").set_value(2).run()
    # Only ann ever comes back twice, and not before the week of the 26th.
    assert [says(at, "2026-01-05", age) for age in range(3)] == ["0 of 3", "0 of 3", "0 of 3"]


def test_a_contradiction_is_said_and_the_numbers_before_it_stay(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3")
    at.session_state["more"] = True
    at.run()
    at.date_input(key="from").set_value(date(2026, 1, 12))
    at.date_input(key="to").set_value(date(2026, 1, 5)).run()
    assert "`from` must be before `to`" in at.error[0].value
    assert says(at, "2026-01-05", 1) == "1 of 3"


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ({"mode": "sideways"}, "“mode” cannot be “sideways”"),
        ({"horizon": "many"}, "“horizon” must be a whole number from 1 to 104"),
        ({"horizon": "9" * 400}, "“horizon” must be a whole number from 1 to 104"),
        ({"start": "vist"}, 'There is no event “vist”. Did you mean "visit"?'),
        ({"by": "planet"}, "“by” cannot be “planet”"),
        ({"where": "???"}, "A condition must look like country=France"),
        ({"where": "[1"}, "A condition must look like country=France"),
        ({"from_": "yesterday"}, "“from” must be a date such as 2026-01-31"),
        ({"from_": "2026-01-12", "to": "2026-01-05"}, "`from` must be before `to`"),
        ({"mode": "bracket", "brackets": "4-1"}, "A bracket must lie between 0 and 104"),
        ({"average": "mode"}, "“average” cannot be “mode”"),
        ({"cell": "2026-01-05.99"}, "There is no cell “2026-01-05.99”."),
        ({"cell": "<script>"}, r"There is no cell “\<script\>”."),
    ],
)
def test_an_address_that_cannot_be_read_gives_advice_and_the_default(
    show: Open, four: Store, address, complaint
) -> None:
    at = show(four, period="week", **address)
    at.run()
    assert complaint in texts(at)
    assert says(at, "2026-01-05", 1) == "1 of 3"


VIEWS = [
    CohortView(spec=CohortSpec()),
    CohortView(
        spec=CohortSpec(entry="recurring", period="month", horizon=3, start=("visit",), returns=("visit", "buy"))
    ),
    CohortView(spec=CohortSpec(mode="bracket", brackets=((0, 0), (1, 1), (2, 4)))),
    CohortView(spec=CohortSpec(mode="on-or-after", is_open_ended=True, ages="elapsed", at_least=3)),
    CohortView(
        spec=CohortSpec(from_on=date(2026, 1, 1), to_on=date(2026, 2, 1)), average="common cohorts", is_stretched=True
    ),
    CohortView(spec=CohortSpec(by="city"), is_whole=True, group="Aix, France", versus=("Aix, France", "Bonn")),
    CohortView(
        spec=CohortSpec(
            where=(Condition(name="city", values=("Bonn",)), Condition(name="age", operator=">=", values=("4",)))
        )
    ),
    CohortView(
        spec=CohortSpec(where=(Condition(name="city", operator="!=", values=("Aix, France", "a=b", "x in y")),))
    ),
]


@pytest.mark.parametrize("view", VIEWS, ids=range(len(VIEWS)))
def test_an_address_restores_the_whole_view(view: CohortView) -> None:
    with store_of(
        [
            Event("ann", instant("2026-01-05 10:00"), "visit", {"city": "Aix", "age": "3"}),
            Event("ann", instant("2026-01-06 10:00"), "buy"),
        ]
    ) as store:
        known = store.catalogue()
    assert read_view(view_address(view), known, "day") == (view, [])


def test_the_address_is_written_without_defaults(show: Open, four: Store) -> None:
    at = show(four)
    # The period depends on the data, so it is written though nobody chose it.
    assert dict(at.query_params) == {"period": "day"}
    at.selectbox(key="mode").set_value("streak").run()
    assert dict(at.query_params) == {"period": "day", "mode": "streak"}


def test_the_controls_survive_a_visit_to_another_page(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3")
    at.selectbox(key="mode").set_value("on-or-before").run()
    at.switch_page("../../pages/data.py").run()
    at.switch_page("../../pages/cohorts.py").run()
    assert at.selectbox(key="mode").value == "on-or-before" and at.number_input(key="horizon").value == 3


def test_a_click_lists_as_many_users_as_the_cell_counts(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3")
    for (cohort, age), n in {("2026-01-05", 0): 1, ("2026-01-05", 3): 1, ("2026-01-12", 1): 1}.items():
        click(at, cohort, age)
        [title] = [s.value for s in at.subheader if "of cohort" in s.value]
        assert title.startswith(f"{n} user") and title.endswith(f"came back in week {age}")
        assert dict(at.query_params)["cell"] == f"{cohort}.{age}"
    click(at, "2026-01-05", 1)
    [chosen] = [c for c in at.get("button_group") if "Came back (1)" in str(c.options)]
    assert "Did not come back (2)" in str(chosen.options)


def test_a_click_on_a_future_cell_lists_nobody(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3")
    click(at, "2026-01-12", 3)
    assert not [s for s in at.subheader if "of cohort" in s.value]


def test_the_address_opens_the_list_of_the_lost(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3", cell="2026-01-05.1", lost="1")
    assert "2 users of cohort 5 Jan 2026 did not come back in week 1" in texts(at)
    assert "66.7 % of 3 users who started in this cohort." in texts(at)


def test_the_table_twin_picks_the_same_cell(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3")
    at.session_state["grid_tabs"] = "Table"
    at.run()
    twin = at.dataframe[0]
    assert list(twin.value.columns) == ["Cohort", "Users", "0", "1", "2", "3"]
    assert twin.value.iloc[1].tolist() == ["5 Jan 2026", 3, "33%", "33%", "33%", "33%"]
    assert twin.value.iloc[2].tolist() == ["12 Jan 2026", 1, "0%", "100%", "0%", ""]
    at.session_state[twin.key if hasattr(twin, "key") else twin.proto.id] = {
        "selection": {"cells": [(1, "2")], "rows": [], "columns": []}
    }
    at.run()
    assert "1 user of cohort 5 Jan 2026 came back in week 2" in texts(at)


def test_an_export_holds_the_users_of_the_cell(four: Store) -> None:
    cell = CellSpec(cohorts=CohortSpec(horizon=3), cohort=date(2026, 1, 5), age=1, is_lost=True)
    rows = list(csv.DictReader(export_members(four, cell, "csv", "file ids").decode("utf-8-sig").splitlines()))
    assert len(rows) == users_of(four, cell).count == 2
    assert sorted(row["user_id"] for row in rows) == ["bob", "cyd"]


def cities() -> Store:
    """Return a store in which Bonn comes back and Aix does not, 40 users each."""
    events = []
    for i in range(40):
        events.append(Event(f"a{i}", instant("2026-01-05 10:00"), "visit", {"city": "Aix"}))
        events += [Event(f"b{i}", instant(f"2026-01-{day:02} 10:00"), "visit", {"city": "Bonn"}) for day in (6, 13, 20)]
    return store_of(events, as_of="2026-02-02")


def test_groups_are_compared_in_words(show: Open) -> None:
    at = show(cities(), period="week", horizon="2", by="city")
    assert "Aix against Bonn: lower at week 1–2; cannot tell" in texts(at) and "Benjamini–Hochberg" in texts(at)
    assert at.selectbox(key="group").options == ["Aix", "Bonn"]
    assert says(at, "2026-01-05", 1) == "40 of 80"
    at.selectbox(key="group").set_value("Bonn").run()
    assert says(at, "2026-01-05", 1) == "40 of 40"
    click(at, "2026-01-05", 1)
    assert "40 users of cohort 5 Jan 2026, city Bonn came back in week 1" in texts(at)


def test_a_filter_that_matches_nobody_says_why(show: Open) -> None:
    events = [
        Event("ann", instant("2026-01-05 10:00"), "visit", {"city": "Aix"}),
        Event("ann", instant("2026-01-06 10:00"), "visit", {"city": "Bonn"}),
    ]
    at = show(store_of(events, as_of="2026-02-02"), period="week", where="city=Bonn")
    assert "must hold for a user's very first start" in texts(at)
    assert not at.get("plotly_chart")


def test_a_store_too_young_says_when_the_first_number_comes(show: Open) -> None:
    at = show(store_of(diary("ann: 5"), as_of="2026-01-06"), period="week")
    assert "Too early to tell" in texts(at) and "complete on 19 January 2026" in texts(at)


def test_a_gap_is_named_in_its_cells(show: Open) -> None:
    store = store_of(diary(FOUR), as_of="2026-02-02", gaps=[("2026-01-14", "2026-01-15")])
    at = show(store, period="week", horizon="3")
    assert "marked missing" in cells(at)["2026-01-05", 1] and "marked missing" not in cells(at)["2026-01-05", 2]


def test_a_cell_in_progress_says_when_it_will_be_complete(show: Open) -> None:
    at = show(store_of(diary(FOUR), as_of="2026-01-28"), period="week", horizon="3")
    assert "In progress: so far, complete on 2 Feb 2026" in cells(at)["2026-01-05", 3]


def test_the_simulated_shop_is_called_so(show: Open, sample: Path) -> None:
    at = show(sample)
    assert "simulated shop" in texts(at) and "Data complete up to **1 January 2026, 00:00 UTC**" in texts(at)


def test_real_data_carry_no_such_banner(show: Open, four: Store) -> None:
    assert "simulated" not in texts(show(four))


def test_a_view_is_kept_and_opened(show: Open, sample: Path) -> None:
    at = show(sample, period="week", mode="streak")
    at.text_input[-1].set_value("weekly streaks")
    at.button(key="FormSubmitter:save_view-Save view").click().run()
    at.selectbox(key="mode").set_value("on").run()
    at.selectbox(key="chosen_view").set_value("weekly streaks").run()
    at.button(key="open_view").click().run()
    assert at.selectbox(key="mode").value == "streak"
    at.selectbox(key="chosen_view").set_value("weekly streaks").run()
    at.button(key="delete_view").click().run()
    assert not [s for s in at.selectbox if s.key == "chosen_view"]


def test_an_audience_holds_the_users_of_the_cell(show: Open, four: Store) -> None:
    at = show(four, period="week", horizon="3", cell="2026-01-05.1", lost="1")
    [name] = [t for t in at.text_input if t.label == "Name of the audience"]
    name.set_value("lost in week 1")
    at.button(key="FormSubmitter:cell_save_audience-Save 2 users").click().run()
    assert "“lost in week 1” holds 2 users" in texts(at)


def test_the_first_start_builds_the_simulated_shop(show: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retention.ingest.sample import SampleSpec

    monkeypatch.setattr(starting, "SampleSpec", lambda: SampleSpec(n_users=60))
    at = show(tmp_path / "new" / "store.duckdb")
    assert "simulated shop" in texts(at) and at.get("plotly_chart")


def test_two_visitors_at_once_build_one_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = [], threading.Event()

    def slowly(store: Store, spec: object, progress: object) -> None:
        begun.append(store)
        go_on.wait(20)

    monkeypatch.setattr(starting, "build_sample", slowly)
    with Store.create_or_open(tmp_path / "store.duckdb") as store:
        found = []
        visitors = [threading.Thread(target=lambda: found.append(starting.sample_build(store))) for _ in range(8)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        go_on.set()
        assert len({id(build) for build in found}) == 1 and len(begun) == 1
        found[0]._thread.join()


def test_a_store_held_by_another_process_is_said_kindly(show: Open, four: Store) -> None:
    four.close()
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(four.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        at = show(four.path)
        assert "is held by another process" in texts(at) and "Stop the app" in texts(at)
        holder.communicate("")


def test_a_bug_is_said_with_a_reference_that_the_log_carries(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        from retention.ui.launch import show_failure

        show_failure(ZeroDivisionError("secret detail"))

    at = AppTest.from_function(broken).run()
    assert "secret detail" not in at.error[0].value
    reference = at.error[0].value.split("**")[1]
    assert reference in caplog.text and "secret detail" in caplog.text


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_figures_are_ones_that_plotly_knows(is_dark: bool) -> None:
    with cities() as store:
        matrix = cohort_retention(store, CohortSpec(horizon=3, by="city"))
        whole = cohort_retention(store, CohortSpec(horizon=3))
    grid = retention_heatmap(whole, GridLook(is_dark=is_dark, picked=(date(2026, 1, 5), 1)))
    # Our figures skip this check when they are drawn; it names an attribute that does not exist.
    go.Figure(grid)
    go.Figure(retention_curves(matrix, GridLook(is_dark=is_dark), (), ["Aix", "Bonn"]))
    go.Figure(retention_curves(whole, GridLook(is_dark=is_dark), [date(2026, 1, 5)]))
    assert len(json.dumps(grid)) < 10_000


def test_future_cells_are_blank_in_the_picture(four: Store) -> None:
    grid = retention_heatmap(cohort_retention(four, CohortSpec(horizon=3)), GridLook(min_size=1))
    shares = grid["data"][0]["z"]
    assert shares[0] == [0.333] * 4
    assert shares[1] == [0.0, 1.0, 0.0, None]


def test_names_from_data_are_never_read_as_markup(show: Open) -> None:
    picture = "![x](https://example.com/x.png)"
    events = [
        Event(f"u{i}", instant(f"2026-01-{day:02} 10:00"), "visit", {"<b>": picture})
        for i in range(30)
        for day in (6, 13)
    ]
    at = show(store_of(events, as_of="2026-02-02"), period="week", by="<b>", group=picture, cell="2026-01-05.1")
    said = texts(at) + "".join(s.label for s in at.selectbox) + "".join(m.label for m in at.multiselect)
    assert picture in at.selectbox(key="group").options
    assert "30 users of cohort 5 Jan 2026" in said
    assert "![x]" not in said and "<b>" not in said.replace(r"\<b\>", "")
