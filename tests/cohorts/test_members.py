"""The users behind a cell: as many as the cell says, and the right ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from retention.audiences.answer import users_of
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CellSpec, CohortSpec, Condition
from retention.errors import SpecError
from tests.cohorts.grids import cell, members_of
from tests.worlds import diary, store_of

JAN_5 = date(2026, 1, 5)
WORLD = """
    ann: 5 12 26
    bob: 6 7
    cyd: 5 19
    dee: 13 20
"""


def test_the_list_names_those_who_came_back_and_those_who_did_not():
    store, grid = store_of(diary(WORLD), as_of="2026-03-02"), CohortSpec(horizon=3)
    expected = {0: ["bob"], 1: ["ann"], 2: ["cyd"], 3: ["ann"]}
    for age, names in expected.items():
        asked = CellSpec(cohorts=grid, cohort=JAN_5, age=age)
        assert members_of(store, asked) == names
        assert members_of(store, replace(asked, is_lost=True)) == sorted({"ann", "bob", "cyd"} - set(names))


def test_the_list_of_a_cell_in_progress_is_the_list_so_far():
    store = store_of(diary(WORLD), as_of="2026-01-14")
    asked = CellSpec(cohorts=CohortSpec(horizon=1), cohort=JAN_5, age=1)
    assert cell(cohort_retention(store, asked.cohorts), "2026-01-05", 1)["state"] == "in_progress"
    assert members_of(store, asked) == ["ann"]


@pytest.mark.parametrize(
    ("settings", "age", "names"),
    [
        ({"mode": "on-or-after", "horizon": 2}, 1, ["ann", "cyd"]),
        ({"mode": "on-or-after", "horizon": 2}, 2, ["cyd"]),
        ({"mode": "on-or-before", "horizon": 2}, 1, ["ann", "bob"]),
        ({"mode": "streak", "horizon": 2}, 1, ["ann"]),
        ({"mode": "streak", "horizon": 2}, 2, []),
        ({"mode": "bracket", "brackets": ((1, 2), (3, 3))}, 1, ["ann", "cyd"]),
        ({"mode": "on-or-before", "horizon": 3, "at_least": 2}, 3, ["ann"]),
        ({"mode": "on-or-after", "horizon": 2, "is_open_ended": True}, 1, ["ann", "cyd"]),
    ],
)
def test_the_list_follows_the_mode_of_the_grid(settings, age, names):
    # In weeks after the start: ann 1 and 3, bob 0, cyd 2.
    store, grid = store_of(diary(WORLD), as_of="2026-03-02"), CohortSpec(**settings)
    assert members_of(store, CellSpec(cohorts=grid, cohort=JAN_5, age=age)) == names


def test_the_list_keeps_to_the_group_and_the_filter():
    world = diary("""
        ann: 5?country=France&device=web 12?country=Spain
        bob: 5?country=Spain&device=web 12?country=France
        cyd: 5?device=web 12
        dee: 5?country=France&device=app 12
    """)
    store = store_of(world, as_of="2026-03-02")
    grid = CohortSpec(horizon=1, by="country", where=(Condition.parse("device=web"),))
    for group, name in (("France", "ann"), ("Spain", "bob"), ("", "cyd")):
        assert members_of(store, CellSpec(cohorts=grid, cohort=JAN_5, age=1, group=group)) == [name]
    # Without a group, the whole cohort.
    assert members_of(store, CellSpec(cohorts=grid, cohort=JAN_5, age=1)) == ["ann", "bob", "cyd"]


def test_a_recurring_user_is_in_the_list_of_every_cohort_entered():
    store, grid = store_of(diary("ann: 5 12 19"), as_of="2026-03-02"), CohortSpec(entry="recurring", horizon=1)
    assert members_of(store, CellSpec(cohorts=grid, cohort=JAN_5, age=1)) == ["ann"]
    assert members_of(store, CellSpec(cohorts=grid, cohort=date(2026, 1, 12), age=1)) == ["ann"]
    assert members_of(store, CellSpec(cohorts=grid, cohort=date(2026, 1, 19), age=1, is_lost=True)) == ["ann"]


def test_the_list_keeps_to_the_range_of_the_grid():
    store = store_of(diary(WORLD), as_of="2026-03-02")
    late = CohortSpec(horizon=1, from_on=date(2026, 1, 6))
    assert members_of(store, CellSpec(cohorts=late, cohort=JAN_5, age=0)) == ["bob"]  # ann and cyd started on the 5th
    assert members_of(store, CellSpec(cohorts=late, cohort=JAN_5, age=0, is_lost=True)) == []


def test_the_list_shows_pseudonyms_and_not_the_ids_of_the_file():
    store = store_of(diary(WORLD), as_of="2026-03-02")
    shown = users_of(store, CellSpec(cohorts=CohortSpec(), cohort=JAN_5, age=0)).users
    assert len(shown) == 1
    assert not {"ann", "bob", "cyd", "dee"} & {str(value) for value in shown.to_numpy().ravel()}


def test_a_group_the_store_has_never_seen_is_refused():
    store = store_of(diary("ann: 5?country=France"), as_of="2026-03-02")
    grid = CohortSpec(horizon=1, by="country")
    with pytest.raises(SpecError, match="Frence"):
        users_of(store, CellSpec(cohorts=grid, cohort=JAN_5, age=0, group="Frence"))


def test_a_question_about_names_the_store_has_never_seen_suggests_the_nearest():
    store = store_of(diary("ann: 5/purchase?country=France"), as_of="2026-03-02")
    with pytest.raises(SpecError, match="country"):
        cohort_retention(store, CohortSpec(by="contry"))
    with pytest.raises(SpecError, match="purchase"):
        cohort_retention(store, CohortSpec(start=("purchas",)))
    with pytest.raises(SpecError, match="country"):
        cohort_retention(store, CohortSpec(where=(Condition.parse("contry=France"),)))


def test_what_a_person_types_is_a_value_and_never_sql():
    nasty = "x'); drop table events; --"
    world = diary("ann: 5 12")
    world = [replace(e, props={"country": nasty}) for e in world]
    store = store_of(world, as_of="2026-03-02")
    grid = CohortSpec(horizon=1, by="country", where=(Condition(name="country", values=(nasty,)),))
    assert cohort_retention(store, grid).retained(JAN_5, nasty) == [0, 1]
    assert members_of(store, CellSpec(cohorts=grid, cohort=JAN_5, age=1, group=nasty)) == ["ann"]
