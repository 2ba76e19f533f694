"""What can be asked, and what is refused in words a person can act on."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import date

import pytest

from retention.cohorts.spec import CellSpec, CohortSpec, Condition, parse_brackets
from retention.errors import RetentionError, SpecError

JAN_5 = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"entry": "first"}, "`entry` must be one of first-ever, first-matching, recurring, not 'first'."),
        ({"mode": "unbounded"}, "`mode` must be one of"),
        ({"period": "quarter"}, "`period` must be one of day, week, month, not 'quarter'."),
        ({"ages": "24h"}, "`ages` must be one of calendar, elapsed"),
        ({"horizon": 0}, "`horizon` must be from 1 to 104, not 0."),
        ({"horizon": 105}, "`horizon` must be from 1 to 104, not 105."),
        ({"horizon": -1}, "`horizon` must be from 1 to 104"),
        ({"at_least": 0}, "`at_least` must be from 1"),
        ({"mode": "bracket"}, "`brackets` must name at least one"),
        ({"brackets": ((0, 1),)}, "`brackets` are for the mode bracket, not on."),
        ({"mode": "bracket", "brackets": ((2, 1),)}, "not end before it begins, not 2-1"),
        ({"mode": "bracket", "brackets": ((0, 2), (2, 3))}, "without overlap"),
        ({"mode": "bracket", "brackets": ((3, 3), (1, 1))}, "without overlap"),
        ({"mode": "bracket", "brackets": ((0, 105),)}, "between 0 and 104"),
        ({"is_open_ended": True}, "Only the mode on-or-after can be open-ended, not on."),
        ({"from_on": JAN_5, "to_on": JAN_5}, "`from` must be before `to`"),
        ({"from_on": date(2026, 2, 1), "to_on": JAN_5}, "`from` must be before `to`"),
    ],
)
def test_a_question_that_cannot_be_asked_says_what_must_hold(settings, words):
    with pytest.raises(SpecError) as caught:
        CohortSpec(**settings)
    assert words in str(caught.value)
    assert isinstance(caught.value, RetentionError)


def test_a_spec_is_frozen_and_can_be_a_key():
    spec = CohortSpec(where=(Condition(name="country", values=("France",)),))
    assert {spec: 1}[CohortSpec(where=(Condition.parse("country=France"),))] == 1
    with pytest.raises(FrozenInstanceError):
        spec.horizon = 4


def test_the_ages_shown_are_those_of_the_mode():
    assert CohortSpec(horizon=3).shown_ages == (0, 1, 2, 3)
    assert CohortSpec(horizon=3, mode="streak").shown_ages == (1, 2, 3)
    brackets = CohortSpec(mode="bracket", brackets=((0, 0), (1, 1), (2, 4)))
    assert (brackets.shown_ages, brackets.horizon) == ((0, 1, 2), 4)


def test_the_limits_themselves_are_allowed():
    assert CohortSpec(horizon=1).horizon == 1
    assert CohortSpec(horizon=104).horizon == 104
    assert CohortSpec(mode="bracket", brackets=((0, 104),)).horizon == 104
    assert CohortSpec(mode="bracket", brackets=((0, 0),)).shown_ages == (0,)


@pytest.mark.parametrize(
    ("text", "name", "operator", "values"),
    [
        ("country=France", "country", "=", ("France",)),
        ("country = United Kingdom", "country", "=", ("United Kingdom",)),
        ("country!=France", "country", "!=", ("France",)),
        ("country in France, Germany", "country", "=", ("France", "Germany")),
        ("country not in (France, Germany)", "country", "!=", ("France", "Germany")),
        ("stars>=4", "stars", ">=", ("4",)),
        ("stars <= 4.5", "stars", "<=", ("4.5",)),
        ("origin=made in China", "origin", "=", ("made in China",)),
        ("formula=a=b", "formula", "=", ("a=b",)),
        ("国家=中国", "国家", "=", ("中国",)),
    ],
)
def test_a_condition_is_read_as_a_person_types_it(text, name, operator, values):
    assert Condition.parse(text) == Condition(name=name, operator=operator, values=values)


@pytest.mark.parametrize("text", ["country=France", "country!=France", "stars>=4", "country in France, Germany"])
def test_a_condition_written_out_reads_back(text):
    condition = Condition.parse(text)
    assert Condition.parse(str(condition)) == condition


@pytest.mark.parametrize("text", ["France", "", "=France", "stars>=many", "country in", "country in ()"])
def test_a_condition_that_says_nothing_is_refused(text):
    with pytest.raises(SpecError):
        Condition.parse(text)


def test_brackets_are_read_as_a_person_types_them():
    assert parse_brackets("0,1,2-4") == ((0, 0), (1, 1), (2, 4))
    assert parse_brackets(" 1 - 3 , 5 ") == ((1, 3), (5, 5))
    for text in ("", "a", "1-", "1-2-3", "-1", "1;2"):
        with pytest.raises(SpecError):
            parse_brackets(text)


def test_a_cell_must_be_one_of_the_grid():
    grid = CohortSpec(mode="bracket", brackets=((0, 0), (2, 4)))
    assert CellSpec(cohorts=grid, cohort=JAN_5, age=2).age == 2
    with pytest.raises(SpecError, match="`age` must be one of 0, 2, not 3"):
        CellSpec(cohorts=grid, cohort=JAN_5, age=3)
    with pytest.raises(SpecError, match="`age` must be one of 1, 2, not 0"):
        CellSpec(cohorts=CohortSpec(mode="streak", horizon=2), cohort=JAN_5, age=0)
    with pytest.raises(SpecError, match="needs a breakdown"):
        CellSpec(cohorts=grid, cohort=JAN_5, age=2, group="France")
