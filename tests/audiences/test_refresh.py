"""Lists that are made anew with each import: who joins, who leaves, and which stay as they are."""

from __future__ import annotations

from datetime import date

import pytest

from retention.audiences.answer_lists import list_history, saved_lists
from retention.audiences.order import KEPT_CHANGES, keep_refreshed, refresh_audience, refresh_audiences, save_audience
from retention.audiences.spec import AudienceSpec, ChangedUsersSpec, CombinedUsersSpec, SavedUsersSpec
from retention.churn.spec_list import AtRiskSpec
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.errors import SpecError
from retention.segments.spec_tags import TagUsersSpec
from retention.store.audit import faults
from retention.store.labels import FIRST_KEY, drop_label
from tests.audiences.lists import label_users, names_of, save_list
from tests.churn.test_list import keys_of, scored_store
from tests.rows import import_rows
from tests.worlds import diary, rows_of, store_of

WORLD = "ann: 5 12\nbob: 5\ncyd: 6 13"
CELL = CellSpec(cohorts=CohortSpec(horizon=2), cohort=date(2026, 1, 5), age=1)


def test_a_refreshed_list_follows_the_data_and_a_static_one_does_not():
    store = store_of(diary(WORLD), as_of="2026-01-19")
    moving = save_audience(store, AudienceSpec(name="moving", users=CELL, is_refreshed=True)).audience_id
    static = save_audience(store, AudienceSpec(name="static", users=CELL)).audience_id
    import_rows(store, rows_of(diary("bob: 14\nzoe: 8 14")))
    (done,) = refresh_audiences(store)
    assert (done.name, done.n_users, done.n_joined, done.n_left, done.fault) == ("moving", 4, 2, 0, "")
    assert names_of(store, SavedUsersSpec(audience_id=moving)) == ["ann", "bob", "cyd", "zoe"]
    assert names_of(store, SavedUsersSpec(audience_id=static)) == ["ann", "cyd"]
    history = list_history(store, moving)
    assert history[["n_users", "n_joined", "n_left"]].values.tolist() == [[2, 2, 0], [4, 2, 0]]
    joined = ChangedUsersSpec(audience_id=moving, made_us=int(history["made_us"].iloc[1]))
    assert names_of(store, joined) == ["bob", "zoe"]
    assert list_history(store, static)["n_users"].tolist() == [2]
    by_name = {one.name: one for one in saved_lists(store)}
    assert by_name["moving"].n_made == 2 and by_name["moving"].made_us > by_name["moving"].saved_us
    assert by_name["moving"].data_version > by_name["static"].data_version
    with store.snapshot() as snapshot:
        assert faults(snapshot) == []


def test_each_size_is_the_one_before_and_who_joined_less_who_left():
    store = store_of(diary(WORLD), as_of="2026-01-19")
    number = save_list(store, "tagged", ["ann", "bob"])
    for moment, names in enumerate([["bob", "cyd"], [], ["ann", "bob", "cyd"], ["ann"]], start=2):
        label_users(store, "tag:tagged", names, cutoff_us=moment)
        refresh_audience(store, number)
        assert names_of(store, SavedUsersSpec(audience_id=number)) == names
    history = list_history(store, number)
    assert history["n_users"].tolist() == [2, 2, 0, 3, 1]
    sizes = history["n_users"].shift(fill_value=0) + history["n_joined"] - history["n_left"]
    assert sizes.tolist() == history["n_users"].tolist()
    for row in history.iloc[1:].itertuples(index=False):
        for has_joined, n in ((True, row.n_joined), (False, row.n_left)):
            spec = ChangedUsersSpec(audience_id=number, made_us=int(row.made_us), has_joined=has_joined)
            assert len(names_of(store, spec)) == n


def test_a_list_of_a_tag_follows_its_newest_count_and_one_of_scores_the_newest_scores():
    store = scored_store()
    number = save_audience(
        store, AudienceSpec(name="riskiest", users=AtRiskSpec(scoring_key=1, n=1), is_refreshed=True)
    ).audience_id
    assert names_of(store, SavedUsersSpec(audience_id=number)) == ["bob"]
    store.write(lambda tx: tx.run(
        "insert into scorings select 2, s.version, s.cutoff_day, s.cutoff_us, s.property_key, s.high, s.medium, s.intercept,"
        " s.season, s.last_import, s.as_of_us, s.n_users, s.mean, s.made_us from scorings as s"
    ))  # fmt: skip
    store.write(
        lambda tx: tx.run("insert into user_scores values (2, $eve, 0.99, 1)", {"eve": keys_of(store)["eve"]})
    )
    (done,) = refresh_audiences(store)
    assert (done.n_joined, done.n_left) == (1, 1)
    assert names_of(store, SavedUsersSpec(audience_id=number)) == ["eve"]
    (kept,) = saved_lists(store)
    assert kept.scoring_key == 2 and "scoring 2" in kept.definition

    label_users(store, "tag:often", ["ann"], cutoff_us=1)
    frozen = save_audience(store, AudienceSpec(name="often", users=TagUsersSpec("tag:often", "yes", 1))).audience_id
    label_users(store, "tag:often", ["dee"], cutoff_us=2)
    refresh_audience(store, frozen)
    assert names_of(store, SavedUsersSpec(audience_id=frozen)) == ["dee"]


def test_a_combination_is_made_anew_after_the_lists_that_it_is_made_of():
    store = store_of(diary(WORLD), as_of="2026-01-19")
    moving = save_audience(store, AudienceSpec(name="moving", users=CELL, is_refreshed=True)).audience_id
    other = save_list(store, "other", ["ann"])
    less = save_audience(
        store,
        AudienceSpec(name="less", users=CombinedUsersSpec(all_of=(moving,), none_of=(other,)), is_refreshed=True),
    ).audience_id
    import_rows(store, rows_of(diary("bob: 14")))
    refresh_audiences(store)
    assert names_of(store, SavedUsersSpec(audience_id=less)) == ["bob", "cyd"]


def test_a_list_that_cannot_be_made_anew_stays_and_does_not_hold_up_the_others():
    store = store_of(diary(WORLD), as_of="2026-01-19")
    number = save_list(store, "tagged", ["ann"], is_refreshed=True)
    save_audience(store, AudienceSpec(name="moving", users=CELL, is_refreshed=True))
    store.write(lambda tx: drop_label(tx, FIRST_KEY))
    first, second = refresh_audiences(store)
    assert "tag:tagged" in first.fault and not second.fault
    assert names_of(store, SavedUsersSpec(audience_id=number)) == ["ann"]
    assert list_history(store, number)["n_users"].tolist() == [1]
    with pytest.raises(SpecError, match="tag:tagged"):
        refresh_audience(store, number)


def test_a_list_can_be_set_to_be_refreshed_or_not_at_any_time():
    store = store_of(diary(WORLD), as_of="2026-01-19")
    number = save_list(store, "tagged", ["ann"])
    before = store.data_version
    assert refresh_audiences(store) == () and store.data_version == before  # nothing to do is no write
    keep_refreshed(store, number, is_refreshed=True)
    assert [done.name for done in refresh_audiences(store)] == ["tagged"]
    keep_refreshed(store, number, is_refreshed=False)
    assert refresh_audiences(store) == ()


def test_who_joined_is_kept_of_the_latest_refreshes_only_and_how_many_of_all():
    store = store_of(diary(WORLD), as_of="2026-01-19")
    number = save_list(store, "tagged", ["ann"])
    for moment in range(2, KEPT_CHANGES + 5):
        label_users(store, "tag:tagged", ["bob"] if moment % 2 == 0 else ["ann"], cutoff_us=moment)
        refresh_audience(store, number)
    history = list_history(store, number)
    assert len(history) == KEPT_CHANGES + 4 and set(history["n_joined"]) == {1}
    assert history["has_names"].tolist() == [False] * 4 + [True] * KEPT_CHANGES
