"""Saved lists as objects: what made them, how large they were when, what hangs on them, and what erasure does to them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from retention.audiences.answer import audiences, users_of
from retention.audiences.answer_lists import list_history, list_named, opened_list, saved_lists
from retention.audiences.answer_overlap import overlap, shared_with
from retention.audiences.order import delete_audience, keep_refreshed, refresh_audience, save_audience
from retention.audiences.spec import (
    AudienceSpec,
    CampaignUsersSpec,
    ChangedUsersSpec,
    CombinedUsersSpec,
    SavedUsersSpec,
    SuppressedUsersSpec,
)
from retention.churn.spec_list import AtRiskSpec
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError
from retention.segments.spec_tags import TagUsersSpec
from retention.store.check import faults
from retention.store.labels import FIRST_KEY, drop_label
from retention.store.order import erase_user
from tests.audiences.lists import label_users, names_of, save_list
from tests.churn.test_list import scored_store
from tests.rows import import_rows
from tests.worlds import diary, rows_of, store_of

WORLD = "ann: 5 12\nbob: 5\ncyd: 6 13\ndee: 7 20\neve: 8"
CELL = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 5), age=1)


def test_a_list_says_what_made_it():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    made = save_audience(store, AudienceSpec(name=" back ", users=CELL))
    (kept,) = saved_lists(store)
    assert (kept.name, kept.n_users, kept.n_left, kept.n_erased, kept.n_made) == ("back", 2, 2, 0, 1)
    assert (kept.as_of_us, kept.data_version) == (made.as_of_us, store.data_version - 1)  # the save itself is a version
    assert (kept.is_refreshed, kept.scoring_key, kept.version) == (False, None, None)
    assert kept.made_us == kept.saved_us and kept.definition == made.definition
    found = opened_list(store, kept.audience_id)
    assert (found.users, found.fault, found.made_of, found.used_in, found.campaigns) == (CELL, "", (), (), ())
    assert list_named(store, "back") == kept


def test_the_users_of_a_saved_list_are_a_definition_like_any_other():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    made = save_audience(store, AudienceSpec(name="back", users=CELL))
    assert names_of(store, SavedUsersSpec(audience_id=made.audience_id)) == ["ann", "cyd"]
    import_rows(store, rows_of(diary("zoe: 8 14")))
    assert users_of(store, CELL).count == 3
    assert names_of(store, SavedUsersSpec(audience_id=made.audience_id)) == ["ann", "cyd"]  # it is frozen


def test_scores_that_stood_are_named_with_their_model():
    store = scored_store()
    save_audience(store, AudienceSpec(name="riskiest", users=AtRiskSpec(scoring_key=1, n=2)))
    save_audience(store, AudienceSpec(name="other", users=CELL))
    save_audience(store, AudienceSpec(name="less", users=SuppressedUsersSpec(users=AtRiskSpec(scoring_key=1, n=2))))
    assert {(one.name, one.scoring_key, one.version) for one in saved_lists(store)} == {
        ("riskiest", 1, 1), ("other", 1, 1), ("less", 1, 1),
    }  # fmt: skip
    store.write(lambda tx: tx.run("delete from scorings"))
    assert {(one.scoring_key, one.version) for one in saved_lists(store)} == {(1, None)}


def test_an_erased_user_leaves_every_list_and_the_frozen_count_stays():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    first = save_list(store, "first", ["ann", "bob", "cyd"])
    second = save_list(store, "second", ["ann", "bob"], is_refreshed=True)
    label_users(store, "tag:second", ["bob", "cyd"], cutoff_us=2)
    refresh_audience(store, second)  # ann left it: also that is forgotten
    erase_user(store, "ann")
    by_name = {one.name: one for one in saved_lists(store)}
    assert (by_name["first"].n_users, by_name["first"].n_left, by_name["first"].n_erased) == (3, 2, 1)
    assert (by_name["second"].n_users, by_name["second"].n_left) == (2, 2)
    assert names_of(store, SavedUsersSpec(audience_id=first)) == ["bob", "cyd"]
    assert overlap(store, (first, second)).counts.tolist() == [[2, 2], [2, 2]]
    history = list_history(store, second)
    assert history["n_left"].tolist() == [0, 1]  # the number stays, the name does not
    spec = ChangedUsersSpec(audience_id=second, made_us=int(history["made_us"].iloc[1]), has_joined=False)
    assert names_of(store, spec) == []
    assert faults(store) == []


def test_lists_overlap_as_their_names_do():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    a, b, c = (
        save_list(store, name, users) for name, users in (("a", ["ann", "bob", "cyd"]), ("b", ["cyd", "dee"]), ("c", []))
    )
    found = overlap(store, (a, b, c))
    assert found.names == ("a", "b", "c")
    assert found.counts.tolist() == [[3, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert found.shares[0].tolist() == [1, 1 / 3, 0] and found.shares[1].tolist() == [0.5, 1, 0]
    assert np.isnan(found.shares[2]).all()  # of nobody: not known
    assert [tuple(row) for row in found.table.head(2).itertuples(index=False)] == [
        ("a", 3, "b", 1, 1 / 3), ("a", 3, "c", 0, 0),
    ]  # fmt: skip
    beside = shared_with(store, a)
    assert beside[["name", "n_users", "n_both"]].values.tolist() == [["b", 2, 1], ["c", 0, 0]]
    with pytest.raises(SpecError, match="From 2 to 12"):
        overlap(store, (a,))
    with pytest.raises(SpecError, match="not there any more"):
        overlap(store, (a, 99))


def test_a_name_is_given_once_and_a_number_never_twice():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    first = save_list(store, "first", ["ann"])
    with pytest.raises(SpecError, match="There is a list “first” already"):
        save_audience(store, AudienceSpec(name=" first ", users=CELL))
    delete_audience(store, first)
    again = save_list(store, "second", ["ann"])
    assert again == first + 1
    assert audiences(store)["name"].tolist() == ["second"]
    with pytest.raises(SpecError, match=r'no saved list "secnd"\. Did you mean'):
        list_named(store, "secnd")
    for asked in (SavedUsersSpec(audience_id=first), CombinedUsersSpec(all_of=(again,), none_of=(first,))):
        with pytest.raises(SpecError, match=f"saved list {first} is not there any more"):
            users_of(store, asked)
    with pytest.raises(SpecError, match="not there any more"):
        opened_list(store, first)
    for verb in (lambda: refresh_audience(store, first), lambda: keep_refreshed(store, first, is_refreshed=True)):
        with pytest.raises(SpecError, match="not there any more"):
            verb()


def test_a_list_names_the_lists_that_it_is_made_of_and_that_are_made_of_it():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    first, second = save_list(store, "first", ["ann", "bob"]), save_list(store, "second", ["bob"])
    users = SuppressedUsersSpec(users=CombinedUsersSpec(all_of=(first,), none_of=(second,)))
    both = save_audience(store, AudienceSpec(name="only first", users=users)).audience_id
    assert opened_list(store, both).made_of == ("first", "second")
    assert opened_list(store, first).used_in == ("only first",)
    delete_audience(store, second)
    found = opened_list(store, both)
    assert found.made_of == ("first", f"list {second}, which is gone")
    assert "not there any more" in found.fault
    assert names_of(store, SavedUsersSpec(audience_id=both)) == ["ann"]  # it stays as it is


def test_a_list_whose_definition_is_gone_says_so_and_stays():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    number = save_list(store, "first", ["ann", "bob"])
    store.write(lambda tx: drop_label(tx, FIRST_KEY))
    found = opened_list(store, number)
    assert found.users == TagUsersSpec("tag:first", "yes") and "tag:first" in found.fault
    assert names_of(store, SavedUsersSpec(audience_id=number)) == ["ann", "bob"]
    store.write(lambda tx: tx.run("update audiences set question = '{\"kind\": \"OldSpec\"}'"))
    found = opened_list(store, number)
    assert found.users is None and "not known any more" in found.fault


def test_a_campaign_that_is_gone_has_no_users():
    store = store_of(diary(WORLD), as_of="2026-02-02")
    with pytest.raises(SpecError, match="campaign is not there any more"):
        users_of(store, CampaignUsersSpec(campaign_id=1))
