"""Laws of saved segmentations: settings survive being written down, and every way is counted as a plain loop counts it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retention.cohorts.spec import Condition
from retention.features.spec import FeatureSpec
from retention.segments.answer_saved import movements_between
from retention.segments.saved import movements_of
from retention.segments.segmentation import NOT_BEFORE, NOWHERE, moved
from retention.segments.spec import LOGS, METHODS, SegmentSpec
from retention.segments.spec_saved import MovedUsersSpec, MovementSpec, spec_of, spec_text
from retention.store import Sql, Store
from retention.store.labels import add_label, put_labelling
from tests.segments.visitors import ids
from tests.worlds import diary, instant, store_of


@given(
    st.builds(
        SegmentSpec,
        features=st.builds(
            FeatureSpec,
            cutoff=st.none() | st.dates() | st.datetimes(timezones=st.timezones()),
            names=st.lists(st.sampled_from(("orders", "net", "active_days")), unique=True).map(tuple),
            presets=st.lists(st.sampled_from(("rfm", "habits")), unique=True).map(tuple),
            where=st.lists(
                st.builds(Condition, name=st.text(min_size=1), values=st.lists(st.text(), min_size=1).map(tuple)), max_size=2
            ).map(tuple),
        ),
        method=st.sampled_from(METHODS), k=st.integers(2, 20), log=st.sampled_from(LOGS), seed=st.integers(0, 9),
        winsorise=st.floats(0, 0.2), min_active_days=st.integers(1, 9),
    )
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_settings_survive_being_written_down(spec):
    assert spec_of(spec_text(spec)) == spec


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=30))
def test_movements_are_those_of_the_plain_count(labels):
    """Users 0, 1, 2 … with their segments at two dates; −1: in none. All had been active before."""
    names = ("a", "b", "c", "d")
    shown = [(old, new) for old, new in labels if old >= 0 or new >= 0]
    if not shown:
        return
    keys = np.arange(len(shown))
    old, new = (np.array(side) for side in zip(*shown, strict=True))
    plain = moved(keys, old, names, keys, new, names)
    counts = pd.DataFrame(shown, columns=["before_key", "after_key"]) + 1
    counts = counts.groupby(["before_key", "after_key"], as_index=False).size().rename(columns={"size": "n"})
    ours = movements_of(counts, names)
    pd.testing.assert_frame_equal(ours[["before", "after", "n"]], plain[["before", "after", "n"]])
    known = ours["before"] != NOWHERE
    assert ours.loc[known, "share"].tolist() == pytest.approx(plain.loc[known, "share"].tolist())
    assert ours.loc[~known, "share"].isna().all()


PEOPLE = 12


@pytest.fixture(scope="module")
def crowd():
    """Hold users of whom u0 starts on the 1st, u1 on the 2nd …"""
    store = store_of(diary("\n".join(f"u{i:02d}: {i + 1}" for i in range(PEOPLE))), as_of="2026-01-31")
    store.close()  # the tests of this folder close what they open; this one is opened again by each
    return store.path


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=PEOPLE, max_size=PEOPLE),
    st.integers(2, PEOPLE),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_way_is_counted_and_listed_as_a_plain_loop_does(crowd, labels, first_day):
    before, after = date(2026, 1, first_day), date(2026, 1, 25)
    before_us, after_us = instant(before.isoformat()), instant(after.isoformat())
    names = ("A", "B")
    # Nobody can have been labelled before the first activity.
    rows = [((old if date(2026, 1, 1) + timedelta(days=i) < before else 0), new) for i, (old, new) in enumerate(labels)]
    truth: dict[tuple[str, str], list[str]] = {}
    for i, (old, new) in enumerate(rows):
        if old or new:
            was_there = date(2026, 1, 1) + timedelta(days=i) < before
            here = names[old - 1] if old else NOWHERE if was_there else NOT_BEFORE
            there = names[new - 1] if new else NOWHERE
            truth.setdefault((here, there), []).append(f"u{i:02d}")
    with Store.open(crowd) as store:
        keys = store.read(Sql("select i.user_id, i.user_key from identities as i")).set_index("user_id")["user_key"]

        def write(tx):
            tx.run("delete from labels")
            key = add_label(tx, "segment:X v1", names)
            for side, cutoff in ((0, before_us), (1, after_us)):
                held = [(keys[f"u{i:02d}"], row[side]) for i, row in enumerate(rows) if row[side]]
                put_labelling(tx, key, cutoff, pd.DataFrame(held, columns=["user_key", "value_key"]), n_users=PEOPLE)
            return key

        key = store.write(write)
        moves = movements_between(store, MovementSpec(key, before_us, after_us))
        found = {(row.before, row.after): row.n for row in moves.itertuples(index=False)}
        assert found == {way: len(users) for way, users in truth.items()}
        for way, users in truth.items():
            assert ids(store, MovedUsersSpec("segment:X v1", *way, before_us, after_us)).split() == users
        store.write(lambda tx: [tx.run(f"delete from {t}") for t in ("labels", "labellings", "user_labels", "property_values")])
