"""What users did step by step, against a plain loop and by hand; nothing of what came later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.errors import SpecError
from retention.periods import day_number
from retention.sequences import model_net, query
from retention.sequences.answer import sequences_at
from retention.sequences.model_net import torch_or_advice
from retention.sequences.spec import SequenceSpec
from retention.sequences.table import joined
from tests.oracles import local_date
from tests.test_sql_portable import portability_faults
from tests.worlds import World, diary, instant, store_of, worlds

CUTOFF = day_number(date(2026, 2, 1))


def sequences_of(store, cutoff_day, max_events=64):
    with store.snapshot() as snapshot:
        names = dict(snapshot.rows("select i.user_key, i.user_id from identities as i"))
        table = sequences_at(snapshot, cutoff_day, max_events)
    found = {}
    for i, key in enumerate(table.user_keys):
        own = slice(table.offsets[i], table.offsets[i + 1])
        found[names[key]] = [
            (table.vocabulary[k], int(age)) for k, age in zip(table.kinds[own], table.ages[own], strict=True)
        ]
    return table, found


def test_the_steps_of_each_user_by_hand():
    world = """
        ann: 2026-01-05T10:00 2026-01-05T10:00 2026-01-30T12:00/buy?value=20 2026-02-01T00:00
        bob: 2026-02-03
        cyd: 2026-01-31T23:59/buy 2026-01-31T23:59/view
    """
    store = store_of(diary(world), as_of="2026-03-01")
    day = 86_400
    table, found = sequences_of(store, CUTOFF)
    # Two visits at one instant are one step; what happens on the cut-off's day is not known, and bob is not either.
    assert found == {
        "ann": [("visit", 26 * day + 14 * 3600), ("buy", day + 12 * 3600)],
        "cyd": [("buy", 60), ("view", 60)],
    }
    assert table.n_before.tolist() == [2, 2]
    assert table.days_known.tolist() == [pytest.approx(26 + 14 / 24), pytest.approx(60 / day)]
    assert np.exp(table.sizes).tolist() == pytest.approx([2, 1, 1, 1], rel=1e-3)
    # Only the latest steps are kept, and how many there were is still known.
    short, found = sequences_of(store, CUTOFF, max_events=1)
    assert found == {"ann": [("buy", day + 12 * 3600)], "cyd": [("view", 60)]}
    assert short.n_before.tolist() == [2, 2]
    assert short.days_known.tolist() == table.days_known.tolist()


def test_an_amount_is_the_logarithm_of_the_step_and_empty_where_there_is_none():
    from retention.store import Store
    from tests.rows import import_rows
    from tests.worlds import fresh_path

    rows = [
        {"user": "ann", "time": datetime(2026, 1, 5, 10, tzinfo=UTC), "event": "buy", "value": 15},
        {"user": "ann", "time": datetime(2026, 1, 5, 10, tzinfo=UTC), "event": "buy", "value": 5},
        {"user": "ann", "time": datetime(2026, 1, 6, 10, tzinfo=UTC), "event": "visit"},
        {"user": "ann", "time": datetime(2026, 1, 7, 10, tzinfo=UTC), "event": "refund", "value": -20},
        {"user": "ann", "time": datetime(2026, 2, 27, 10, tzinfo=UTC), "event": "visit"},
    ]
    with Store.create_or_open(fresh_path()) as store:
        import_rows(store, rows)
        with store.snapshot() as snapshot:
            table = sequences_at(snapshot, CUTOFF)
    assert table.amounts.tolist() == pytest.approx([np.log(21), np.nan, -np.log(21)], rel=1e-3, nan_ok=True)


@settings(max_examples=40)
@given(world=worlds(with_gaps=False), cut=st.integers(-5, 40), most=st.integers(2, 6))
def test_the_steps_are_those_of_a_plain_loop_and_later_events_change_nothing(world: World, cut, most):
    store = world.open()
    known = [e for e in world.events if e.at_us < world.clock.as_of_us]
    if not known:
        return
    zone = world.clock.timezone
    cutoff = min(local_date(e.at_us, zone) for e in known) + timedelta(days=cut)
    begin = instant(cutoff.isoformat(), zone)
    keys = {kind.event: kind.event_key for kind in store.catalogue().events.values()}
    steps: dict[str, set[tuple[int, int, str]]] = {}
    for event in known:  # whatever is later, the loop never sees
        if local_date(event.at_us, zone) < cutoff:
            steps.setdefault(event.user, set()).add((event.at_us, keys[event.event], event.event))
    if not steps:
        with pytest.raises(SpecError, match="Nobody did anything before"):
            sequences_of(store, day_number(cutoff), most)
        return
    expected = {
        user: [(kind, (begin - at) // 1_000_000) for at, _, kind in sorted(own)][-most:] for user, own in steps.items()
    }
    table, found = sequences_of(store, day_number(cutoff), most)
    assert found == expected
    assert (table.ages >= 0).all()


def test_the_text_is_portable():
    store = store_of(diary("ann: 5 12 26\nbob: 6 7"), as_of="2026-02-02")
    with store.snapshot() as snapshot:
        assert portability_faults(query.user_steps(snapshot.catalogue, CUTOFF, 8).text) == []
        assert portability_faults(query.users_before(CUTOFF).text) == []


def test_sequences_are_taken_and_put_under_each_other():
    store = store_of(diary("ann: 5 12 26/buy\nbob: 6/buy\ncyd: 7 9"), as_of="2026-02-02")
    early, _ = sequences_of(store, day_number(date(2026, 1, 10)))
    late, _ = sequences_of(store, CUTOFF)
    both = joined([early, late])
    assert both.n_users == early.n_users + late.n_users
    assert both.lengths.tolist() == [1, 1, 2, 3, 1, 2]
    assert both.cutoff_days.tolist() == [day_number(date(2026, 1, 10))] * 3 + [CUTOFF] * 3
    again = both.taken(np.array([3, 0]))
    assert again.lengths.tolist() == [3, 1]
    assert [both.vocabulary[k] for k in again.kinds] == ["visit", "visit", "buy", "visit"]
    assert late.of(late.user_keys[[2]]).lengths.tolist() == [2]
    with pytest.raises(ValueError, match="no sequence"):
        late.of(np.array([10**6]))


def test_too_many_users_and_bad_input_are_said(monkeypatch):
    store = store_of(diary("ann: 5 12 26\nbob: 6 7"), as_of="2026-02-02")
    monkeypatch.setattr("retention.sequences.answer.MOST_USERS", 1)
    with pytest.raises(SpecError, match="up to 1 users; there are 2"):
        sequences_of(store, CUTOFF)
    with pytest.raises(SpecError, match="must be one of gru"):
        SequenceSpec(cell="rnn")
    with pytest.raises(SpecError, match="from 2 to 64, not 65"):
        SequenceSpec(max_events=65)
    with pytest.raises(SpecError, match="multiple of 4"):
        SequenceSpec(width=30)


def test_without_torch_it_is_said_how_to_install_it(monkeypatch):
    import builtins

    true = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'")
        return true(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SpecError, match=r"pip install -r requirements-deep\.txt") as caught:
        torch_or_advice()
    assert "another model" in str(caught.value.hint)
    assert isinstance(model_net.has_torch(), bool)
