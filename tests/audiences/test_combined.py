"""Saved lists combined with and / or / not, against a plain loop over names and the laws of sets."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.audiences import query, query_lists
from retention.audiences.answer_overlap import combined_count, overlap
from retention.audiences.answer_sources import words_of
from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec, CampaignUsersSpec, CombinedUsersSpec, SavedUsersSpec
from retention.errors import SpecError
from retention.store import Sql, Store
from tests.audiences.lists import names_of, save_list
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, store_of

NAMES = ("ann", "bob", "cyd", "dee", "eve", "fay", "gus", "hal")
# Every user is on another selection of the three lists: none, a, b, ab, c, ac, bc, abc.
LISTS = {
    letter: [name for place, name in enumerate(NAMES) if place >> bit & 1] for bit, letter in enumerate("abc")
}


@pytest.fixture(scope="module")
def store() -> Store:
    made = store_of(diary("\n".join(f"{name}: 5 {6 + place}" for place, name in enumerate(NAMES))))
    for letter, names in LISTS.items():
        save_list(made, letter, names)
    return made


def by_hand(all_of: tuple[str, ...], any_of: tuple[str, ...], none_of: tuple[str, ...]) -> list[str]:
    """Ask each name whether it is in."""
    found = []
    for name in NAMES:
        on = {letter for letter, names in LISTS.items() if name in names}
        is_in = all(letter in on for letter in all_of) and not any(letter in on for letter in none_of)
        if is_in and (not any_of or any(letter in on for letter in any_of)):
            found.append(name)
    return found


NUMBERS = {"a": 1, "b": 2, "c": 3}


def every_combination() -> list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    """Each way to put each list under “all of”, “any of”, “none of” or nowhere."""
    found = []
    for places in np.ndindex(4, 4, 4):
        parts = tuple(
            tuple(letter for letter, at in zip(NUMBERS, places, strict=True) if at == place) for place in (1, 2, 3)
        )
        if parts[0] or parts[1]:
            found.append(parts)
    return found


def test_every_combination_of_the_lists_is_what_a_plain_loop_finds(store):
    asked = every_combination()
    assert len(asked) == 4**3 - 2**3  # all but those that only take away
    by_key = {}
    with store.snapshot() as snapshot:
        by_key = {int(key): str(name) for key, name in snapshot.rows("select i.user_key, i.user_id from identities as i")}
        for parts in asked:
            spec = CombinedUsersSpec(**dict(zip(("all_of", "any_of", "none_of"), (tuple(NUMBERS[n] for n in p) for p in parts), strict=True)))
            rows = snapshot.read(query_lists.combined(spec))["user_key"]
            names = sorted(by_key[int(key)] for key in rows)
            assert names == by_hand(*parts), parts
            assert combined_count(store, spec) == len(names)


def test_the_count_is_that_of_the_list_of_the_audience_and_of_the_members(store):
    spec = CombinedUsersSpec(any_of=(1, 2), none_of=(3,))
    assert names_of(store, spec) == by_hand((), ("a", "b"), ("c",)) == ["bob", "cyd", "dee"]
    saved = save_audience(store, AudienceSpec(name="a or b, not c", users=spec))
    assert saved.n_users == combined_count(store, spec) == len(names_of(store, SavedUsersSpec(audience_id=saved.audience_id))) == 3
    assert saved.definition == "Users who are on “a” or “b”, and not on “c”."
    assert words_of(CombinedUsersSpec(all_of=(1, 2)), store.catalogue()) == "Users who are on “a” and “b”."


@given(sets=st.lists(st.sets(st.integers(1, 60)), min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_the_laws_of_sets_hold(sets):
    lists = {number: np.array(sorted(users), dtype=np.int32) for number, users in enumerate(sets, start=1)}
    from retention.audiences.membership import combined_size, overlap_of

    def size(**said: tuple[int, ...]) -> int:
        return combined_size(lists, CombinedUsersSpec(**said))

    for i, j in combinations((1, 2, 3), 2):
        assert size(any_of=(i, j)) == size(all_of=(i,)) + size(all_of=(j,)) - size(all_of=(i, j))
        assert size(all_of=(i,)) == size(all_of=(i, j)) + size(all_of=(i,), none_of=(j,))
        assert size(all_of=(i, j)) == size(all_of=(j, i)) == len(sets[i - 1] & sets[j - 1])
    assert size(any_of=(1, 2), none_of=(3,)) == size(any_of=(1, 2)) - size(any_of=(1, 2), all_of=(3,))  # De Morgan
    counts = overlap_of(lists, {1: "a", 2: "b", 3: "c"}).counts
    assert (counts == counts.T).all() and [counts[i, i] for i in range(3)] == [len(users) for users in sets]


def test_a_list_of_nobody_combines_like_any_other():
    store = store_of(diary("ann: 5\nbob: 6"))
    somebody, nobody = save_list(store, "somebody", ["ann"]), save_list(store, "nobody", [])
    for spec, n in (
        (CombinedUsersSpec(all_of=(somebody, nobody)), 0), (CombinedUsersSpec(any_of=(somebody, nobody)), 1),
        (CombinedUsersSpec(all_of=(somebody,), none_of=(nobody,)), 1), (CombinedUsersSpec(all_of=(nobody,)), 0),
    ):  # fmt: skip
        assert combined_count(store, spec) == len(names_of(store, spec)) == n


def test_a_combination_must_say_who_is_in_it(store):
    with pytest.raises(SpecError, match="must begin with at least one list"):
        CombinedUsersSpec(none_of=(1,))
    with pytest.raises(SpecError, match="must be named once"):
        CombinedUsersSpec(all_of=(1,), none_of=(1,))
    with pytest.raises(SpecError, match="saved list 77 is not there any more"):
        combined_count(store, CombinedUsersSpec(all_of=(1, 77)))


@pytest.mark.parametrize("select", [
    query.saved_audiences(), query.history(1), query.campaigns_of(1), query.shared_with(1),
    query_lists.saved_members(1), query_lists.combined(CombinedUsersSpec(all_of=(1, 2), any_of=(3, 4), none_of=(5, 6))),
    query_lists.combined(CombinedUsersSpec(any_of=(1,))), query_lists.campaign_members(CampaignUsersSpec(campaign_id=1, arm_key=0)),
    query_lists.exposed_since(10**15, 7), query_lists.in_running_campaigns(),
    query_lists.running_campaigns_of(query_lists.saved_members(1)),
    query_lists.suppressed(query_lists.saved_members(1), [query_lists.saved_members(2)], [query_lists.saved_members(3)]),
], ids=lambda select: " ".join(select.body.split())[:40])  # fmt: skip
def test_the_questions_are_portable(select: Sql):
    assert portability_faults(select.text) == []


@pytest.mark.slow
def test_ten_million_members_are_combined_in_half_a_second(tmp_path: Path):
    with Store.create_or_open(tmp_path / "large.duckdb") as store:

        def fill(tx):
            for number, (n, step) in enumerate(((4_000_000, 1), (3_000_000, 2), (3_000_000, 3)), start=1):
                tx.run(
                    "insert into audience_members select $a, (r.i * $step)::integer from range(0, $n) as r(i)",
                    {"a": number, "n": n, "step": step},
                )
                tx.run(
                    "insert into audiences (audience_id, name, definition, question, as_of_us, data_version, n_users, saved_us)"
                    " values ($a, $name, '', '{}', 0, 0, $n, 0)",
                    {"a": number, "name": f"list {number}", "n": n},
                )

        store.write(fill)
        # Multiples of 2 below 4 million that are no multiples of 3: two of every six numbers.
        spec = CombinedUsersSpec(all_of=(1, 2), none_of=(3,))
        took = []
        for _ in range(3):
            start = perf_counter()
            assert combined_count(store, spec) == 1_333_333
            took.append(perf_counter() - start)
        assert min(took) < 1.5  # three times the target, for a slow machine
        assert overlap(store, (1, 2, 3)).counts[0].tolist() == [4_000_000, 2_000_000, 1_333_334]
