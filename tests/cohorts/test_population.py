"""The users that a question is about, as they were when they started."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given

from retention.cohorts.answer import group_labels, is_everybody, population
from retention.cohorts.spec import Condition
from retention.errors import SpecError
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, store_of, worlds

FRANCE = Condition(name="country", values=("France",))


def people(store, **asked):
    with store.snapshot() as snapshot:
        labels = group_labels(snapshot, asked.get("by"))
        rows = snapshot.read(population(snapshot.catalogue, **asked))
        ids = dict(snapshot.rows("select i.user_key, i.user_id from identities as i"))
        return {
            ids[r.user_key]: (r.start_day, None if pd.isna(r.grp) else labels.get(r.grp))
            for r in rows.itertuples(index=False)
        }


def test_a_filter_looks_at_the_first_activity_and_never_at_a_later_one():
    store = store_of(diary("ann: 5/visit?country=France 6/visit?country=Spain\nbob: 5/visit?country=Spain 6/visit?country=France"))
    assert set(people(store, where=(FRANCE,))) == {"ann"}


def test_a_breakdown_is_the_value_at_the_start_and_a_missing_one_is_none():
    store = store_of(diary("ann: 5/visit?country=France\nbob: 7/visit 8/visit?country=France"))
    first = 20458  # 2026-01-05 is 56 years of 365 days, 14 leap days and 4 days after 1970-01-01
    assert people(store, by="country") == {"ann": (first, "France"), "bob": (first + 2, None)}


def test_another_start_moves_the_day_on_which_a_user_is_looked_at():
    store = store_of(diary("ann: 5/visit?country=France 9/buy?country=Spain\nbob: 5/visit"))
    assert people(store, by="country", start=("buy",)) == {"ann": (20462, "Spain")}


def test_an_unknown_property_or_event_is_named():
    store = store_of(diary("ann: 5/visit?country=France"))
    with pytest.raises(SpecError, match='no property "contry"'):
        people(store, by="contry")
    with pytest.raises(SpecError, match='no event "bye"'):
        people(store, start=("bye",))


def test_everybody_needs_no_join():
    assert is_everybody((), None)
    assert not is_everybody((FRANCE,), None)
    assert not is_everybody((), "country")


@given(world=worlds())
def test_the_population_is_every_user_with_an_activity_before_the_watermark(world):
    store = world.open()
    active = {e.user for e in world.events if e.at_us < world.clock.as_of_us}
    assert set(people(store)) == active


def test_the_text_is_portable_where_it_reads_the_events():
    store = store_of(diary("ann: 5/visit?country=France"))
    with store.snapshot() as snapshot:
        text = population(snapshot.catalogue, where=(FRANCE,), by="country", entry="first-matching").text
    assert portability_faults(text) == []
