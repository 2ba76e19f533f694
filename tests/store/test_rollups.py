"""However the events arrive, the rollups are those of a rebuild, and the answers those of the events."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.cohorts.answer import cohort_retention, cohort_sql, portable_cohort_sql, read_matrix
from retention.cohorts.spec import CohortSpec, Condition
from retention.store.check import faults
from retention.store.order import change_setting
from tests.rows import import_rows
from tests.worlds import diary, rows_of, store_of

KINDS = ("visit", "buy", "refund", "read")
DAY = st.integers(0, 75)


@st.composite
def diaries(draw):
    """Draw rows of a few users whose events collide on days, weeks and instants."""
    n = draw(st.integers(1, 25))
    return [
        {
            "user": draw(st.sampled_from("abcd")),
            "time": f"2026-{1 + draw(st.integers(0, 1)):02d}-{1 + draw(st.integers(0, 27)):02d}"
            f"T{draw(st.sampled_from(('00:00', '12:00', '23:59')))}",
            "event": draw(st.sampled_from(KINDS)),
            "country": draw(st.sampled_from((None, "France", "Spain"))),
        }
        for _ in range(n)
    ]


def distinct(rows):
    """Keep one copy of each row, so that parts of a file stand for files without repeats."""
    return list({repr(row): row for row in rows}.values())


@given(rows=diaries(), seed=st.integers(0, 99), n_parts=st.integers(1, 4))
def test_files_in_any_order_give_what_a_rebuild_gives(rows, seed, n_parts):
    rows = distinct(rows)
    random.Random(seed).shuffle(rows)
    parts = [rows[i::n_parts] for i in range(n_parts)]
    store = store_of([])
    for part in (p for p in parts if p):
        import_rows(store, part)
        assert faults(store) == []
    whole = store_of([])
    import_rows(whole, rows)
    spec = CohortSpec(horizon=6, by="country")
    assert_same(cohort_retention(store, spec), cohort_retention(whole, spec))
    for part in (p for p in parts if p):
        assert import_rows(store, part).n_new == 0
    assert_same(cohort_retention(store, spec), cohort_retention(whole, spec))


@pytest.mark.parametrize("entry", ["first-ever", "first-matching", "recurring"])
@pytest.mark.parametrize("mode", ["on", "on-or-after", "on-or-before", "streak"])
@given(rows=diaries(), data=st.data())
def test_the_rollups_and_the_events_give_the_same_grid(entry, mode, rows, data):
    store = store_of([])
    import_rows(store, distinct(rows))
    known = sorted({row["event"] for row in rows})
    names = st.lists(st.sampled_from(known), max_size=2, unique=True).map(tuple)
    spec = CohortSpec(
        entry=entry,
        mode=mode,
        start=data.draw(names, "start"),
        returns=data.draw(names, "returns"),
        period=data.draw(st.sampled_from(("day", "week", "month")), "period"),
        horizon=5,
        is_open_ended=mode == "on-or-after" and data.draw(st.booleans(), "open-ended"),
        where=data.draw(st.sampled_from(((), (Condition(name="country", values=("France",)),))), "where"),
        by=data.draw(st.sampled_from((None, "country")), "by"),
    )
    with store.snapshot() as snapshot:
        assert_same(
            read_matrix(snapshot, spec, cohort_sql(spec, snapshot.catalogue)),
            read_matrix(snapshot, spec, portable_cohort_sql(spec, snapshot.catalogue)),
        )


def test_a_late_file_moves_a_user_into_an_earlier_cohort():
    store = store_of(diary("ann: 14 21"))
    # Weeks begin on 5, 12 and 19 January: the 14th starts a cohort of its own, until the 6th is known.
    assert cohort_retention(store, CohortSpec(horizon=1)).size("2026-01-12") == 1
    import_rows(store, rows_of(diary("ann: 6")))
    matrix = cohort_retention(store, CohortSpec(horizon=1))
    assert (matrix.size("2026-01-05"), matrix.size("2026-01-12")) == (1, 0)
    assert matrix.retained("2026-01-05") == [0, 1]
    assert faults(store) == []


def test_events_after_the_watermark_are_kept_and_count_once_it_has_passed_them():
    store = store_of(diary("ann: 5 13 20"), as_of="2026-01-19")
    assert cohort_retention(store, CohortSpec(horizon=2)).retained("2026-01-05") == [0, 1, None]
    import_rows(store, rows_of(diary("bob: 2026-02-02")))
    # Bob's file says the data reach to 2 February: Ann's third visit, imported before, now counts.
    assert cohort_retention(store, CohortSpec(horizon=2)).retained("2026-01-05") == [0, 1, 1]
    assert faults(store) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("timezone", "Asia/Kolkata"), ("week_start", "sunday"), ("activity", "buy"), ("settling_delay", "9d")],
)
def test_a_changed_setting_gives_the_store_one_would_have_had_from_the_start(name, value):
    world = diary("ann: 4T20:00 5/buy 11T19:00 13/buy\nbob: 5 6/buy 2026-02-20")
    late = store_of(world)
    change_setting(late, name, value)
    early = store_of(world, **({name: value} if name not in ("timezone", "week_start") else {}))
    if name in ("timezone", "week_start"):
        early = store_of([])
        change_setting(early, name, value)
        import_rows(early, rows_of(world))
    assert faults(late) == []
    assert_same(cohort_retention(late, CohortSpec(horizon=4)), cohort_retention(early, CohortSpec(horizon=4)))


def test_a_kind_of_event_beyond_the_masks_is_answered_from_the_events():
    # 70 kinds: those after the 62nd have no bit.
    rows = [
        {"user": "ann", "time": f"2026-01-05T00:{k % 60:02d}:{k // 60:02d}", "event": f"kind {k:02d}"}
        for k in range(70)
    ]
    rows += [
        {"user": "ann", "time": "2026-01-13", "event": "kind 69"},
        {"user": "bob", "time": "2026-02-13", "event": "kind 00"},
    ]
    store = store_of([])
    import_rows(store, rows)
    spec = CohortSpec(horizon=2, returns=("kind 69",))
    assert store.catalogue().events["kind 69"].bit is None
    assert cohort_retention(store, spec).retained("2026-01-05") == [1, 1, 0]
    assert faults(store) == []


def assert_same(one, other):
    """Compare two grids and their averages, cell by cell."""
    import pandas as pd

    pd.testing.assert_frame_equal(one.cells, other.cells)
    pd.testing.assert_frame_equal(one.average, other.average)
