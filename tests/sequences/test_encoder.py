"""An encoder that learns without labels: it foretells what can be foretold, and does not look ahead."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from retention.errors import SpecError
from retention.sequences.answer import sequence_embedding
from retention.sequences.model_encoder import EventEncoder, net_of
from retention.sequences.model_net import Steps, drawn, loaded, read_by
from retention.sequences.spec import CELLS, SequenceSpec
from tests.sequences.made import DAY_S, sequences
from tests.worlds import diary, store_of

torch = pytest.importorskip("torch")
VOCABULARY = ["basket", "search", "view"]


def routines(n: int, seed: int = 0):
    """Draw users who repeat one of two routines, a day apart: search, view, basket, or search, basket, view."""
    random = np.random.default_rng(seed)
    routine = random.integers(0, 2, n)
    stories = []
    for which in routine:
        cycle = ["search", *(("view", "basket") if which else ("basket", "view"))]
        start = random.integers(0, 3)
        stories.append([cycle[(start + i) % 3] for i in range(random.integers(6, 13))])
    return sequences(stories, VOCABULARY), routine


@pytest.mark.parametrize("cell", CELLS)
def test_no_state_knows_what_comes_after_it(cell):
    table, _ = routines(6)
    net = partial(net_of, cell, 3, 16, 2)(torch)
    loaded(torch, net, drawn(net, 1), torch.float64, "cpu")
    steps = Steps.of(table, table.vocabulary)
    with torch.no_grad():
        before = net.states(steps.batch(np.arange(6), torch, torch.float64, "cpu"))
        # Every user's third step and what follows become something else at another time.
        late = np.concatenate([np.arange(n) >= 2 for n in table.lengths])
        other = replace(
            table, kinds=np.where(late, (table.kinds + 1) % 3, table.kinds).astype(np.int16),
            ages=np.where(late, table.ages // 2, table.ages).astype(np.int32),
        )  # fmt: skip
        after = net.states(Steps.of(other, table.vocabulary).batch(np.arange(6), torch, torch.float64, "cpu"))
    assert np.abs((before - after)[:, :2].numpy()).max() < 1e-12
    assert np.abs((before - after)[:, 2].numpy()).max() > 1e-3


@pytest.mark.parametrize("cell", CELLS)
def test_a_routine_is_foretold(cell):
    table, _ = routines(400)
    encoder = EventEncoder(cell, width=16, n_layers=1, n_epochs=16, patience=16).fit(table)
    learned_from, held_back = encoder.curve_[-1]
    # Who guesses one of three kinds is log 3 = 1.10 off; of a routine only the second step is open, ln 2 of about 8.
    assert held_back < 0.6
    assert abs(learned_from - held_back) < 0.2
    assert encoder.best_ > 0


def test_the_same_users_give_the_same_vectors_in_any_order_with_any_threads():
    table, _ = routines(120)
    mixed = np.random.default_rng(3).permutation(table.n_users)
    one = EventEncoder("gru", width=8, n_layers=1, n_epochs=2).fit(table)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        two = EventEncoder("gru", width=8, n_layers=1, n_epochs=2).fit(table.taken(mixed))
        assert torch.get_num_threads() == 2  # as it was found
        assert np.abs(one.transform(table)[mixed] - two.transform(table.taken(mixed))).max() < 1e-6
    finally:
        torch.set_num_threads(n_threads)
    # Who else is read makes no difference.
    assert np.abs(one.transform(table.taken(np.array([7]))) - one.transform(table)[7]).max() < 1e-9


def test_a_kind_that_was_never_seen_is_read_as_unknown():
    table, _ = routines(80)
    encoder = EventEncoder("gru", width=8, n_layers=1, n_epochs=1).fit(table)
    strange = sequences([["dance", "search"], ["sing", "search"]], ["dance", "search", "sing"])
    found = encoder.transform(strange)
    assert np.isfinite(found).all()
    assert np.array_equal(found[0], found[1])


def test_embeddings_tell_routines_apart_that_counts_do_not():
    table, routine = routines(500)
    vectors = EventEncoder("gru", width=16, n_layers=1, n_epochs=16, patience=16).fit(table).transform(table)
    half = np.arange(500) % 2 == 0
    rows = np.column_stack([vectors, np.ones(500)])
    weights, *_ = np.linalg.lstsq(rows[half], 2.0 * routine[half] - 1, rcond=None)
    assert ((rows[~half] @ weights > 0) == routine[~half]).mean() > 0.9


def test_the_answer_has_a_vector_for_everybody_known_at_the_cutoff():
    lines = [
        f"u{i}: {' '.join(str(1 + (i + k) % 27) + ('/buy' if k % 2 else '') for k in range(3))}" for i in range(60)
    ]
    store = store_of(diary("\n".join(lines)), as_of="2026-02-10")
    found = sequence_embedding(store, SequenceSpec(cell="gru", width=8, n_epochs=1))
    assert found.values.shape == (60, 8)
    assert np.all(np.diff(found.user_keys) > 0)
    assert found.names[0] == "sequence_1"
    assert np.isfinite(found.values).all()
    with pytest.raises(SpecError, match="Too few sequences"):
        sequence_embedding(store_of(diary("ann: 5 6"), as_of="2026-02-10"), SequenceSpec())


def test_longer_silences_are_told_from_shorter_ones():
    table, _ = routines(3)
    net = partial(net_of, "gru", 3, 8, 1)
    weights = drawn(net(torch), 0)
    steps = [
        Steps.of(replace(table, ages=(table.ages + days * DAY_S).astype(np.int32)), table.vocabulary)
        for days in (0, 10, 20)
    ]
    odds = [read_by(net, weights, s, "log_odds", 1)[:, 0] for s in steps]
    assert np.abs(odds[0] - odds[1]).min() > 1e-6
    assert np.abs(odds[1] - odds[2]).min() > 1e-6
