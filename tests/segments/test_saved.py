"""Saved segmentations: labels of users, versions, other dates, movements, names; and what is said when it cannot be."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.audiences.answer import users_of
from retention.audiences.answer_sources import words_of
from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CohortSpec, Condition
from retention.errors import SpecError, StoreError
from retention.features.spec import FeatureSpec
from retention.segments import answer_saved, order
from retention.segments.answer import segments_at, user_segments
from retention.segments.answer_saved import (
    drift_between,
    labelled_sizes,
    movements_between,
    saved_model,
    saved_segmentation,
    saved_segmentations,
)
from retention.segments.model_segments import drift_of
from retention.segments.order import delete_segmentation, rename_segments, save_segmentation, score_segmentation
from retention.segments.saved import GRID_WORDS, segment_texts
from retention.segments.segmentation import NOT_BEFORE, NOWHERE
from retention.segments.spec import SegmentSpec
from retention.segments.spec_saved import MovedUsersSpec, MovementSpec, SegmentUsersSpec, spec_text
from retention.store import Sql, Store
from retention.store.audit import faults
from retention.store.order import change_setting, erase_user
from tests.rows import import_rows
from tests.segments.visitors import FIRST, FIRST_US, LABEL, NAMES, SECOND, SECOND_US, SPEC, WORLD, ids, kept, visitors
from tests.worlds import diary, instant, rows_of, store_of


def audit(store: Store) -> list[str]:
    with store.snapshot() as snapshot:
        assert faults(snapshot) == []
        return [action for (action,) in snapshot.rows("select a.action from audit as a order by a.audit_id")]


def test_a_saved_segmentation_is_an_attribute_of_the_users():
    store = visitors()
    one = kept(store)
    assert (one.label, one.version, one.segments, one.cutoff_us, one.n_users) == (LABEL, 1, NAMES, FIRST_US, 5)
    assert one.features == ("active_days",) and one.spec == SPEC
    assert store.catalogue().labels[LABEL].cutoff_us == FIRST_US
    assert ids(store, SegmentUsersSpec(LABEL, "Seldom")) == "ann bob cyd"
    assert ids(store, SegmentUsersSpec(LABEL, "Often")) == "dee eve"
    assert "save segmentation" in audit(store)
    # dee starts in the week of 29 December, eve, too; whoever is in no segment is in no cohort of the filter.
    spec = CohortSpec(where=(Condition(name=LABEL, values=("Often",)),), horizon=1)
    assert cohort_retention(store, spec).size("2025-12-29") == 2


def test_the_next_of_a_name_is_its_next_version_and_the_first_stays():
    store = visitors()
    kept(store)
    second = save_segmentation(store, SPEC, "  Visitors ", quality={"verdict": ""})
    other = save_segmentation(store, SPEC, "Others", quality={"verdict": ""})
    assert (second.label, other.label) == ("segment:Visitors v2", "segment:Others v1")
    assert [one.label for one in saved_segmentations(store)] == [other.label, second.label, LABEL]
    assert saved_segmentation(store, "Visitors").version == 2
    assert saved_segmentation(store, "Visitors v1").segments == NAMES
    assert ids(store, SegmentUsersSpec(LABEL, "Often")) == "dee eve"


def test_the_same_model_scores_another_date_and_movements_are_counted():
    store = visitors()
    one = kept(store)
    labels = score_segmentation(store, one.property_key, SECOND)
    assert (labels.cutoff_us, labels.n_users) == (SECOND_US, 8)  # all but ivy
    moves = movements_between(store, MovementSpec(one.property_key, FIRST_US, SECOND_US))
    assert list(moves.itertuples(index=False, name=None))[:3] == [
        ("Seldom", "Seldom", 2, pytest.approx(2 / 3)),  # bob cyd
        ("Seldom", "Often", 1, pytest.approx(1 / 3)),  # ann
        ("Often", "Often", 2, 1.0),  # dee eve
    ]
    assert list(moves[["before", "after", "n"]].itertuples(index=False, name=None))[3:] == [
        (NOWHERE, "Seldom", 1),  # hal had one active day
        (NOT_BEFORE, "Seldom", 1),  # gus
        (NOT_BEFORE, "Often", 1),  # fay
    ]
    # Of the users in no segment only those are known who came into one: there is no share of them.
    assert moves["share"].isna().tolist() == [False] * 3 + [True] * 3


def test_the_count_of_a_move_is_its_list():
    store = visitors()
    one = kept(store)
    score_segmentation(store, one.property_key, SECOND)

    def moved_ids(before: str, after: str) -> str:
        return ids(store, MovedUsersSpec(LABEL, before, after, FIRST_US, SECOND_US))

    assert moved_ids("Seldom", "Seldom") == "bob cyd"
    assert moved_ids("Seldom", "Often") == "ann"
    assert moved_ids(NOWHERE, "Seldom") == "hal"
    assert moved_ids(NOT_BEFORE, "Often") == "fay"
    assert moved_ids("Often", "Seldom") == ""
    assert ids(store, SegmentUsersSpec(LABEL, "Often")) == "ann dee eve fay"  # the latest date
    assert ids(store, SegmentUsersSpec(LABEL, "Often", FIRST_US)) == "dee eve"
    known = store.catalogue()
    assert "as of 2026-01-21" in words_of(SegmentUsersSpec(LABEL, "Often"), known)
    assert "“Seldom” as of 2026-01-11" in words_of(MovedUsersSpec(LABEL, "Seldom", "Often", FIRST_US, SECOND_US), known)


def test_sizes_say_who_is_in_none():
    store = visitors()
    one = save_segmentation(
        store, SegmentSpec(features=FeatureSpec(names=("active_days",)), k=2, log="none", winsorise=0.0, scale="none"), "A",
        quality={"verdict": ""},
    )  # fmt: skip
    sizes = labelled_sizes(store, one.property_key, one.cutoff_us)
    assert sizes["n"].sum() == 9 and sizes["share"].sum() == pytest.approx(1.0)
    assert NOWHERE not in sizes["name"].tolist()
    erase_user(store, "ivy")
    sizes = labelled_sizes(store, one.property_key, one.cutoff_us)
    assert sizes.iloc[-1][["segment", "name", "n"]].tolist() == [-1, NOWHERE, 1]  # nine had been looked at


def test_an_earlier_date_can_be_scored_and_filters_keep_the_latest():
    store = visitors()
    one = kept(store)
    latest = score_segmentation(store, one.property_key)
    assert latest.cutoff_us == instant("2026-01-25") == store.catalogue().labels[LABEL].cutoff_us
    score_segmentation(store, one.property_key, date(2026, 1, 5))
    assert store.catalogue().labels[LABEL].cutoff_us == latest.cutoff_us
    found = saved_segmentation(store, one.property_key)
    assert [labels.cutoff_us for labels in found.labellings] == [instant("2026-01-05"), FIRST_US, latest.cutoff_us]
    assert found.latest == latest


def test_scoring_a_date_again_replaces_it():
    store = visitors()
    one = kept(store)
    before = ids(store, SegmentUsersSpec(LABEL, "Seldom"))
    again = score_segmentation(store, one.property_key, FIRST)
    assert again.about["drift"] == []
    assert len(saved_segmentation(store, one.property_key).labellings) == 1
    assert ids(store, SegmentUsersSpec(LABEL, "Seldom")) == before
    # A user whose history arrives late is in it from then on.
    import_rows(store, rows_of(diary("zoe: 1 2 3 4 5 6 7 8")), complete_to_us=instant("2026-01-25"))
    score_segmentation(store, one.property_key, FIRST)
    assert ids(store, SegmentUsersSpec(LABEL, "Often")) == "dee eve zoe"


def test_drift_is_that_of_the_features_since_the_model_was_made():
    store = visitors()
    one = kept(store)
    assert one.labellings[0].about["drift"] == []
    labels = score_segmentation(store, one.property_key, SECOND)
    expected = drift_of(user_segments(store, SPEC), segments_at(store, saved_model(store, one.property_key), SECOND))
    pd.testing.assert_frame_equal(labels.drift, expected)
    between = drift_between(store, MovementSpec(one.property_key, FIRST_US, SECOND_US))
    pd.testing.assert_frame_equal(between, expected)


@pytest.mark.parametrize("changed", [
    {}, {"method": "mixture"}, {"reduction": "pca", "n_components": 1}, {"scale": "quantile", "log": "all"},
])  # fmt: skip
def test_the_saved_model_gives_the_labels_that_were_saved(changed):
    store = store_of(diary(WORLD + "\n".join(f"u{i}: 1 {' '.join(str(d) for d in range(2, 3 + i % 9))}" for i in range(40))),
                     as_of="2026-01-25")  # fmt: skip
    spec = SegmentSpec(features=FeatureSpec(names=("active_days", "gap_mean", "events"), cutoff=FIRST), k=3, **changed)
    one = save_segmentation(store, spec, "A", quality={"verdict": ""})
    found = user_segments(store, spec)
    again = segments_at(store, saved_model(store, one.property_key), FIRST)
    assert np.array_equal(again.labels, found.labels) and again.names == one.segments
    for place, name in enumerate(one.segments):
        keys = users_of(store, SegmentUsersSpec(one.label, name)).users["user_key"]
        assert sorted(keys) == sorted(found.members(place))


def test_names_are_checked_and_blank_ones_keep_the_suggestion():
    store = visitors()
    with pytest.raises(SpecError, match="Two segments are called “Same”"):
        save_segmentation(store, SPEC, "A", ("Same", "Same"), {"verdict": ""})
    with pytest.raises(SpecError, match="a name for each of the 2 segments, not 3"):
        save_segmentation(store, SPEC, "A", ("a", "b", "c"), {"verdict": ""})
    with pytest.raises(SpecError, match="cannot be called “Not there before”"):
        save_segmentation(store, SPEC, "A", ("a", NOT_BEFORE), {"verdict": ""})
    with pytest.raises(SpecError, match="at most 60 characters, not 61"):
        segment_texts(["x" * 61], ["a"])
    for name in ("", "  ", "x" * 61):
        with pytest.raises(SpecError, match="a name of 1 to 60 characters"):
            save_segmentation(store, SPEC, name)
    with pytest.raises(SpecError, match="must not hold ="):
        save_segmentation(store, SPEC, "k=2")
    assert saved_segmentations(store) == ()
    suggested = user_segments(store, SPEC).names
    one = save_segmentation(store, SPEC, "A", ("Mine", " "), {"verdict": ""})
    assert one.segments == ("Mine", suggested[1])


def test_renaming_changes_the_values_of_the_label_and_nothing_else():
    store = visitors()
    one = kept(store)
    rename_segments(store, one.property_key, ("Rare", ""))
    assert saved_segmentation(store, LABEL).segments == ("Rare", "Often")
    assert ids(store, SegmentUsersSpec(LABEL, "Rare")) == "ann bob cyd"
    with pytest.raises(SpecError, match=r'has no segment "Seldom"\. Known: Often, Rare\.'):
        users_of(store, SegmentUsersSpec(LABEL, "Seldom"))
    for names, said in ((("a", "A"), "Two segments are called"), (("a",), "for each of the 2 segments")):
        with pytest.raises(SpecError, match=said):
            rename_segments(store, one.property_key, names)
    assert saved_segmentation(store, LABEL).segments == ("Rare", "Often")
    assert score_segmentation(store, one.property_key, SECOND).n_users == 8
    assert ids(store, SegmentUsersSpec(LABEL, "Rare")) == "bob cyd gus hal"
    assert audit(store)[-2:] == ["rename segments", "score segmentation"]


def test_what_was_deleted_is_gone_and_audiences_stay():
    store = visitors()
    one = kept(store)
    score_segmentation(store, one.property_key, SECOND)
    audience = save_audience(store, AudienceSpec(name="Often", users=SegmentUsersSpec(LABEL, "Often")))
    assert audience.n_users == 4 and LABEL in audience.definition
    delete_segmentation(store, one.property_key)
    assert saved_segmentations(store) == () and dict(store.catalogue().labels) == {}
    left = store.read(Sql("select count(*) as n from audience_members as m"))
    assert left["n"].tolist() == [4]
    for table in ("labels", "labellings", "user_labels", "segmentations"):
        assert store.read(Sql(f"select count(*) as n from {table}"))["n"].tolist() == [0]
    for spec in (SegmentUsersSpec(LABEL, "Often"), MovedUsersSpec(LABEL, "Often", "Often", FIRST_US, SECOND_US)):
        with pytest.raises(SpecError, match="is not there any more"):
            users_of(store, spec)
    for verb in (delete_segmentation, score_segmentation, saved_model, lambda s, k: rename_segments(s, k, NAMES)):
        with pytest.raises(SpecError, match=r"not there any more|No segmentation has been saved"):
            verb(store, one.property_key)
    assert audit(store)[-1] == "delete segmentation"


def test_dates_that_were_not_scored_are_named():
    store = visitors()
    one = kept(store)
    with pytest.raises(SpecError, match=r"as of 2026-01-21T00:00:00Z\. Known: 2026-01-11T00:00:00Z\."):
        movements_between(store, MovementSpec(one.property_key, FIRST_US, SECOND_US))
    with pytest.raises(SpecError, match="were not put into segments"):
        users_of(store, SegmentUsersSpec(LABEL, "Often", SECOND_US))
    with pytest.raises(SpecError, match="The first date must be earlier"):
        MovementSpec(one.property_key, SECOND_US, SECOND_US)
    with pytest.raises(SpecError, match="must not be later than 2026-01-25"):
        score_segmentation(store, one.property_key, date(2026, 2, 1))
    with pytest.raises(SpecError, match="Nobody was active before"):
        score_segmentation(store, one.property_key, date(2025, 1, 1))
    assert [labels.cutoff_us for labels in saved_segmentation(store, LABEL).labellings] == [FIRST_US]


BUYERS = """
    ann: 1/buy 2/buy 3/buy
    bob: 1/buy
    cyd: 2/buy 9/buy
    dee: 3/buy 4/buy 5/buy 6/buy
"""


def test_features_that_the_store_no_longer_knows_are_named_and_nothing_is_lost():
    store = store_of(diary(BUYERS), as_of="2026-01-25", revenue="buy")
    one = save_segmentation(
        store, SegmentSpec(features=FeatureSpec(names=("orders",), cutoff=FIRST), k=2), "Buyers", quality={"verdict": ""}
    )
    before = {name: ids(store, SegmentUsersSpec(one.label, name)) for name in one.segments}
    change_setting(store, "revenue", "purchase")
    with pytest.raises(SpecError, match=r'needs "Orders", which is not known at this date: The store holds no "purchase"'):
        score_segmentation(store, one.property_key)
    found = saved_segmentation(store, "Buyers")
    assert found.features == ("orders",) and len(found.labellings) == 1
    assert {name: ids(store, SegmentUsersSpec(one.label, name)) for name in one.segments} == before
    change_setting(store, "revenue", "buy")
    assert score_segmentation(store, one.property_key).n_users == 4


def test_a_feature_of_another_version_of_the_program_is_named_and_nothing_is_lost():
    store = visitors()
    one = kept(store)
    told = json.loads(spec_text(SPEC))
    told["features"] |= {"names": ["moon_phase"], "presets": ["astrology"]}
    change = "update segmentations set spec = $spec, features = $features"
    store.write(lambda tx: tx.run(change, {"spec": json.dumps(told), "features": '["moon_phase"]'}))
    with pytest.raises(SpecError, match='needs "moon_phase", which is not known at this date: The program does not know it'):
        score_segmentation(store, one.property_key)
    assert saved_segmentation(store, LABEL).features == ("moon_phase",)
    assert ids(store, SegmentUsersSpec(LABEL, "Often")) == "dee eve"
    told["method"] = "divination"
    store.write(lambda tx: tx.run(change, {"spec": json.dumps(told), "features": "[]"}))
    with pytest.raises(StoreError, match="saved by another version"):
        saved_segmentations(store)


def test_what_cannot_be_made_is_not_saved():
    store = visitors()
    for spec, said in (
        (SegmentSpec(features=FeatureSpec(names=("active_days",)), k=20), "at least as many users as segments"),
        (SegmentSpec(features=FeatureSpec(names=("orders",))), "None of the features is known"),
        (SegmentSpec(features=FeatureSpec(names=("active_days",)), method="rfm"), "needs orders"),
        (SegmentSpec(features=FeatureSpec(names=("active_days",)), min_active_days=500), "Nobody has 500 active days"),
    ):
        with pytest.raises(SpecError, match=said):
            save_segmentation(store, spec, "A")
    assert saved_segmentations(store) == ()


def test_without_a_verdict_the_segments_are_judged():
    store = store_of(diary("\n".join(f"u{i}: 1 {'2 3 4 5 6 7 8' if i % 2 else 9}" for i in range(40))), as_of="2026-01-25")
    spec = SegmentSpec(features=FeatureSpec(names=("active_days", "gap_mean")), k=2)
    steps: list[float] = []
    one = save_segmentation(store, spec, "A", progress=lambda share, text: steps.append(share))
    # Twenty who came twice and twenty who came daily: found again whatever users are drawn.
    assert one.quality["stability"] == [1.0, 1.0] and one.quality["fidelity"] == 1.0
    assert one.quality["n_bootstraps"] == 20 and one.quality["verdict"]
    assert [row["n"] for row in one.quality["sizes"]] == [20, 20]
    assert steps == sorted(steps) and steps[-1] == 1.0
    grid = store_of(diary(BUYERS.replace("/buy", "/purchase") + "eve: 4/purchase"), as_of="2026-01-25")
    one = save_segmentation(grid, SegmentSpec(method="rfm"), "Grid")
    assert one.quality["verdict"] == GRID_WORDS and len(one.segments) == 11
    # A segment in which nobody is stays, for somebody may be in it at another date.
    assert labelled_sizes(grid, one.property_key, one.cutoff_us)["n"].sum() == 5


def test_names_written_for_other_data_are_not_put_on_segments():
    store = visitors()
    version = store.data_version
    change_setting(store, "min_cohort_size", "21")
    with pytest.raises(SpecError, match="have changed since the segments were named"):
        save_segmentation(store, SPEC, "A", NAMES, {"verdict": ""}, data_version=version)
    assert save_segmentation(store, SPEC, "A", NAMES, {"verdict": ""}, data_version=store.data_version).version == 1


def test_a_user_erased_while_the_segments_are_made_is_in_none(monkeypatch):
    store = visitors()
    made = answer_saved.drafted
    turns = []

    def slow(*asked):
        draft = made(*asked)
        if not turns:
            erase_user(store, "eve")
        turns.append(draft.data_version)
        return draft

    monkeypatch.setattr(order, "drafted", slow)
    kept(store)
    assert len(turns) == 2
    assert ids(store, SegmentUsersSpec(LABEL, "Often")) == "dee"
    (keys,) = zip(*[(int(k),) for k in store.read(Sql("select l.user_key from user_labels as l"))["user_key"]], strict=True)
    assert set(keys) <= set(store.read(Sql("select u.user_key from users as u"))["user_key"])


def test_data_that_never_rest_are_said(monkeypatch):
    store = visitors()
    made = answer_saved.drafted

    def always_late(*asked):
        draft = made(*asked)
        store.write(lambda tx: None)
        return draft

    monkeypatch.setattr(order, "drafted", always_late)
    with pytest.raises(StoreError, match="change faster than the segments can be made"):
        kept(store)
    assert saved_segmentations(store) == ()


def test_an_erased_user_leaves_the_labels_and_the_movements():
    store = visitors()
    one = kept(store)
    score_segmentation(store, one.property_key, SECOND)
    erase_user(store, "ann")
    assert ids(store, SegmentUsersSpec(LABEL, "Seldom", FIRST_US)) == "bob cyd"
    moves = movements_between(store, MovementSpec(one.property_key, FIRST_US, SECOND_US))
    assert ("Seldom", "Often") not in set(zip(moves["before"], moves["after"], strict=True))


def test_three_users_can_be_divided_and_saved_but_not_judged():
    store = store_of(diary("ann: 1 2 3 4 5 6 7 8\nbob: 1 9\ncyd: 2 20"), as_of="2026-02-02")
    spec = SegmentSpec(features=FeatureSpec(names=("active_days", "days_since_last")), k=2)
    saved = save_segmentation(store, spec, "Few")
    assert sum(labelled_sizes(store, saved.property_key, saved.cutoff_us)["n"]) == 3
    assert saved.quality["verdict"].startswith("Not judged")
