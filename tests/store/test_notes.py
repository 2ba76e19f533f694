"""Notes on the charts, and the settings that describing retention needs."""

from __future__ import annotations

from datetime import date

import pytest

from retention.errors import SpecError
from retention.store.answer import chart_notes
from retention.store.check import faults
from retention.store.order import add_annotation, change_setting, delete_annotation
from tests.worlds import diary, store_of


def test_a_note_is_kept_on_its_day_and_can_be_taken_back():
    store = store_of(diary("ann: 5"))
    add_annotation(store, date(1970, 1, 11), "  new\n checkout ")
    add_annotation(store, date(1970, 1, 3), "launch")
    assert [(day, text) for _, day, text in chart_notes(store)] == [(2, "launch"), (10, "new checkout")]
    delete_annotation(store, chart_notes(store)[0][0])
    assert [text for _, _, text in chart_notes(store)] == ["new checkout"]
    assert faults(store) == []


@pytest.mark.parametrize("text", ["", "   ", "x" * 81])
def test_a_note_must_say_something_short(text):
    store = store_of(diary("ann: 5"))
    with pytest.raises(SpecError, match="1 to 80 characters"):
        add_annotation(store, date(2026, 1, 5), text)
    assert chart_notes(store) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("churn_window", "0", "whole number of days"),
        ("churn_window", "x", "whole number of days"),
        ("churn_window", "4000", "whole number of days"),
        ("revenue", " ", "at least one event"),
        ("revenue", "refund", "both revenue and refund"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_the_reason(name, value, said):
    store = store_of(diary("ann: 5"))
    with pytest.raises(SpecError, match=said):
        change_setting(store, name, value)


def test_the_churn_window_is_kept():
    store = store_of(diary("ann: 5"))
    assert store.catalogue().settings.churn_window == "60"
    change_setting(store, "churn_window", "45")
    assert store.catalogue().settings.churn_window == "45"
