"""Labels: what is learned of users, as a filter and a breakdown everywhere, with its date."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from retention.behaviour.answer_interval import usage_interval
from retention.behaviour.spec_interval import IntervalSpec
from retention.cohorts.answer import cohort_retention, filter_values, population, portable_cohort_sql, read_matrix
from retention.cohorts.spec import CohortSpec, Condition
from retention.cohorts.words import asked_words, definition, label_caution
from retention.errors import SpecError
from retention.lifecycle.answer import user_lifecycle
from retention.lifecycle.spec import LifecycleSpec
from retention.store.labels import add_label, drop_label, labelled, put_labelling, rename_values
from retention.store.order import erase_user
from retention.survival.answer import survival_curves
from retention.survival.spec import SurvivalSpec
from tests.worlds import diary, instant, store_of

WORLD = """
    ann: 5 12 26
    bob: 6 7
    cyd: 5 19
    dee: 13 20
"""
LABEL = "segment:Guests v1"
AT = instant("2026-01-20")


@pytest.fixture
def guests():
    """Ann and dee are regular, bob is a guest, and cyd was looked at but is in no group."""
    store = store_of(diary(WORLD), as_of="2026-02-02")
    keys = keys_of(store)

    def label(tx):
        key = add_label(tx, LABEL, ["Regular", "Guest"])
        rows = pd.DataFrame({"user_key": [keys["ann"], keys["dee"], keys["bob"]], "value_key": [1, 1, 2]})
        assert put_labelling(tx, key, AT, rows, n_users=4, about={"why": "test"}) == 3
        return key

    return store, store.write(label), keys


def keys_of(store):
    with store.snapshot() as snapshot:
        return dict(snapshot.rows("select i.user_id, i.user_key from identities as i"))


def test_a_label_is_an_attribute_with_its_values_and_its_date(guests):
    store, key, _ = guests
    known = store.catalogue()
    assert known.attributes == (*known.properties, LABEL)
    assert known.labels[LABEL].cutoff_us == AT
    assert known.property_name(LABEL).property_key == key
    assert filter_values(store, LABEL) == ["Guest", "Regular"]


def test_cohorts_are_filtered_and_split_by_a_label(guests):
    store, _, _ = guests
    regular = CohortSpec(horizon=1, where=(Condition(name=LABEL, values=("Regular",)),))
    cells = cohort_retention(store, regular).cells
    # Ann began in the week of 5 January and came on the 12th; dee in that of the 12th and came on the 20th.
    assert [(c.cohort, c.age, c.size, c.retained) for c in cells[cells["age"] == 1].itertuples()] == [
        (date(2026, 1, 5), 1, 1, 1),
        (date(2026, 1, 12), 1, 1, 1),
    ]
    split = cohort_retention(store, CohortSpec(horizon=1, by=LABEL)).cells
    first = split[(split["cohort"] == date(2026, 1, 5)) & (split["age"] == 1)].set_index("group")
    assert first["size"].to_dict() == {"Regular": 1, "Guest": 1, "(none)": 1}
    assert first["retained"].to_dict() == {"Regular": 1, "Guest": 0, "(none)": 0}


@pytest.mark.parametrize("spec", [
    CohortSpec(horizon=2, by=LABEL),
    CohortSpec(horizon=2, entry="recurring", by=LABEL),
    CohortSpec(horizon=2, entry="first-matching", where=(Condition(name=LABEL, operator="!=", values=("Guest",)),)),
    CohortSpec(horizon=2, mode="on-or-after", where=(Condition(name=LABEL, values=("Guest", "Regular")),)),
])  # fmt: skip
def test_the_rollups_and_the_events_agree_on_labels(guests, spec):
    store, _, _ = guests
    ours = cohort_retention(store, spec).cells
    with store.snapshot() as snapshot:
        theirs = read_matrix(snapshot, spec, portable_cohort_sql(spec, snapshot.catalogue)).cells
    pd.testing.assert_frame_equal(ours, theirs)


def test_every_describing_topic_takes_a_label(guests):
    store, _, keys = guests
    where = (Condition(name=LABEL, values=("Regular",)),)
    with store.snapshot() as snapshot:
        found = snapshot.read(population(snapshot.catalogue, where, LABEL))
    assert sorted(found["user_key"]) == sorted([keys["ann"], keys["dee"]])
    assert set(found["grp"]) == {1}
    lifecycle = user_lifecycle(store, LifecycleSpec(period="week", where=where)).periods
    assert lifecycle["n_new"].sum() == 2
    assert usage_interval(store, IntervalSpec(where=where)).groups["n_users"].tolist() == [2]
    curves = survival_curves(store, SurvivalSpec(window=7, by=LABEL))
    assert {group.group for group in curves.groups} >= {"Regular", "Guest"}


def test_what_is_said_names_the_date_and_the_circle(guests):
    store, _, _ = guests
    known = store.catalogue()
    where = (Condition(name=LABEL, values=("Regular",)),)
    # The label looked at everything before 20 January 00:00: its last day is the 19th.
    assert asked_words(where, None, known).startswith(f" Only users whose {LABEL} was “Regular” on 19 January 2026.")
    assert "circular" in definition(CohortSpec(by=LABEL), known)
    assert "circular" not in definition(CohortSpec(by=LABEL, from_on=date(2026, 1, 20)), known)
    assert label_caution((), None, known) == ""
    assert "19 January 2026" in label_caution((), LABEL, known, date(2026, 1, 19))


def test_the_latest_date_counts_and_the_same_date_is_replaced(guests):
    store, key, keys = guests
    later = instant("2026-01-27")
    row = pd.DataFrame({"user_key": [keys["bob"]], "value_key": [1]})
    store.write(lambda tx: put_labelling(tx, key, later, row, n_users=4))
    store.write(lambda tx: put_labelling(tx, key, later, row.assign(value_key=2), n_users=4))
    assert store.catalogue().labels[LABEL].cutoff_us == later
    spec = CohortSpec(horizon=1, where=(Condition(name=LABEL, values=("Regular",)),))
    assert cohort_retention(store, spec).cells.empty
    with store.snapshot() as snapshot:
        assert len(snapshot.read(labelled(key, AT))) == 3
        assert snapshot.read(labelled(key, later)).to_dict("list") == {"user_key": [keys["bob"]], "value_key": [2]}


def test_values_are_renamed_and_a_label_is_forgotten(guests):
    store, key, _ = guests
    store.write(lambda tx: rename_values(tx, key, ["Loyal", "Guest"]))
    assert filter_values(store, LABEL) == ["Guest", "Loyal"]
    for names, said in ((["A", "A"], "Two groups are called"), (["A", " "], "must have a name"), (["A"], "each of the 2")):
        with pytest.raises(SpecError, match=said):
            store.write(lambda tx, names=names: rename_values(tx, key, names))
    assert filter_values(store, LABEL) == ["Guest", "Loyal"]
    store.write(lambda tx: drop_label(tx, key))
    assert store.catalogue().labels == {}
    with pytest.raises(SpecError, match="no property"):
        cohort_retention(store, CohortSpec(by=LABEL))
    with store.snapshot() as snapshot:
        for table in ("labels", "labellings", "user_labels"):
            assert snapshot.rows(f"select count(*) from {table}") == [(0,)]


@pytest.mark.parametrize(("name", "said"), [(LABEL, "already"), ("segment:a=b v1", "do without"), ("a in b", "do without")])
def test_a_name_must_be_new_and_fit_into_a_filter(guests, name, said):
    store, _, _ = guests
    with pytest.raises(SpecError, match=said):
        store.write(lambda tx: add_label(tx, name, ["x"]))


def test_an_erased_user_is_in_no_label(guests):
    store, key, keys = guests
    erase_user(store, "ann")
    with store.snapshot() as snapshot:
        assert keys["ann"] not in set(snapshot.read(labelled(key, AT))["user_key"])
        assert snapshot.rows("select l.n_users from labellings as l") == [(4,)]
