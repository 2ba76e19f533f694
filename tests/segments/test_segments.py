"""Segments of a store: the sample shop's planted ones, saving and scoring again, and what is said when it cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from retention.cohorts.spec import Condition
from retention.errors import SpecError
from retention.features.answer import user_features
from retention.features.spec import FeatureSpec
from retention.ingest import sample_laws as laws
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec, simulate
from retention.segments.answer import (
    segment_plane,
    segment_sweep,
    segment_trust,
    segment_words,
    segments_at,
    user_segments,
)
from retention.segments.model_rfm import NAMES
from retention.segments.model_segments import (
    SavedModel,
    drift_of,
    features_asked,
    plain_names,
    saved,
    segmented,
)
from retention.segments.segmentation import movements
from retention.segments.spec import RECOMMENDED, SegmentSpec, SweepSpec
from retention.store import Sql, Store
from tests.worlds import diary, fresh_path, store_of

SHOP = SampleSpec(n_users=5000, seed=7)


@pytest.fixture(scope="module")
def shop() -> Iterator[Store]:
    store = Store.create_or_open(fresh_path())
    build_sample(store, SHOP)
    yield store
    store.close()


@pytest.fixture(scope="module")
def planted(shop) -> pd.Series:
    truth = simulate(SHOP).truth
    ids = shop.read(Sql("select i.user_key, i.user_id from identities as i")).set_index("user_key")["user_id"]
    segment = pd.Series(np.array([s.name for s in laws.SEGMENTS])[truth.segment], index=truth.user_id)
    return segment.loc[ids].set_axis(ids.index)


def test_the_planted_segments_are_recovered(shop, planted):
    found = user_segments(shop, RECOMMENDED)
    truth = planted.loc[found.user_keys].to_numpy()
    assert adjusted_rand_score(truth, found.labels) >= 0.8
    # And under names that say what was planted: for each of the four, most of its users are under one name.
    table = pd.crosstab(truth, np.array(found.names)[found.labels])
    expected = {"loyal": "Champions", "night shift": "Night shoppers", "bargain hunter": "Bargain hunters"}
    for name, called in expected.items():
        assert table.loc[name, called] / table.loc[name].sum() > 0.75
    assert found.n_left_out + found.n_users == 5000


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_planted_segments_are_recovered_in_other_shops(seed):
    with Store.create_or_open(fresh_path()) as store:
        build_sample(store, SampleSpec(n_users=8000, seed=seed))
        truth = simulate(SampleSpec(n_users=8000, seed=seed)).truth
        ids = store.read(Sql("select i.user_key, i.user_id from identities as i")).set_index("user_key")["user_id"]
        segment = pd.Series(truth.segment, index=truth.user_id)
        found = user_segments(store, RECOMMENDED)
        assert adjusted_rand_score(segment.loc[ids.loc[found.user_keys]], found.labels) >= 0.8


def test_the_sweep_advises_the_planted_number_and_trusts_it(shop):
    # Of the six planted, one ends before 40 active days and one is rare among those who have so many.
    sweep = segment_sweep(shop, SweepSpec(segments=RECOMMENDED, k_to=7, n_bootstraps=10))
    assert sweep.best in (4, 5)
    trusted = segment_trust(shop, RECOMMENDED)
    assert trusted.is_structured and sum(s >= 0.75 for s in trusted.stability) >= 3


def test_the_words_fit(shop):
    found = segment_words(shop, RECOMMENDED)
    assert found.fidelity > 0.9
    assert [r.segment for r in found.rules] == [0, 1, 2, 3]
    text = " | ".join(r.text for r in found.rules)
    assert "share at night >" in text and "share bought with a discount >" in text


def test_sizes_shares_and_the_map_add_up(shop):
    found = user_segments(shop, RECOMMENDED)
    sizes = found.sizes()
    assert sizes["n"].sum() == found.n_users
    assert sizes["share"].sum() == pytest.approx(1.0)
    assert sizes["value_share"].sum() == pytest.approx(1.0)
    plane = segment_plane(shop, RECOMMENDED)
    assert plane.density["n"].sum() == found.n_users
    assert len(plane.points) == min(found.n_users, 5000)
    assert 1 >= plane.explained[0] >= plane.explained[1] > 0
    members = np.concatenate([found.members(s) for s in range(4)])
    assert sorted(members.tolist()) == found.user_keys.tolist()


@pytest.mark.parametrize("settings", [
    {"method": "mixture"}, {"method": "hdbscan"}, {"scale": "robust"}, {"scale": "quantile"}, {"log": "all"},
    {"reduction": "pca", "n_components": 3}, {"features": FeatureSpec(presets=("rfm",))},
    {"features": FeatureSpec(presets=("engagement",))}, {"features": FeatureSpec(presets=("commerce",))},
    {"features": FeatureSpec()}, {"min_active_days": 5},
], ids=str)  # fmt: skip
def test_every_setting_divides_all_users_without_hand_holding(shop, settings):
    found = user_segments(shop, SegmentSpec(**settings))
    sizes = found.sizes()
    assert sizes["n"].sum() == found.n_users
    assert (sizes.loc[sizes["segment"] >= 0, "n"] >= 0.005 * found.n_users).all()  # nobody has a segment of their own
    assert len(set(found.names)) == len(found.names)
    assert all(note.endswith(".") for note in found.notes)


def test_the_same_question_has_the_same_answer(shop):
    first, again = user_segments(shop, RECOMMENDED), user_segments(shop, RECOMMENDED)
    assert first.labels.tolist() == again.labels.tolist()
    table = user_features(shop, features_asked(RECOMMENDED))
    order = np.random.default_rng(0).permutation(table.n_users)
    shuffled = replace(table, frame=table.frame.iloc[order].reset_index(drop=True))
    other = segmented(shuffled, RECOMMENDED)
    assert dict(zip(other.user_keys, other.labels, strict=True)) == dict(zip(first.user_keys, first.labels, strict=True))


def test_the_grid_names_every_buyer_and_nobody_else(shop):
    found = user_segments(shop, SegmentSpec(method="rfm"))
    assert found.names == NAMES
    buyers = shop.read(Sql("select count(distinct o.user_key) as n from user_orders as o where o.n_orders > 0"))["n"][0]
    assert (found.labels >= 0).sum() == buyers
    assert any("convention" in note for note in found.notes)
    profile = found.profile().set_index(["name", "feature"])["mean"]
    assert profile["Champions", "net"] > profile["Lost", "net"]
    assert profile["Champions", "days_since_last_order"] < profile["At risk", "days_since_last_order"]


# Saved, and scored at another date --------------------------------------------------------------------------


def test_a_saved_model_gives_the_same_assignments_and_later_ones(shop):
    spec = replace(RECOMMENDED, min_active_days=20, features=FeatureSpec(presets=("habits",), cutoff=date(2025, 7, 1)))
    first = user_segments(shop, spec)
    kept = saved(first)
    kept = replace(kept, state=json.loads(json.dumps(kept.state)))  # as the store would hand it back
    again = segments_at(shop, kept, date(2025, 7, 1))
    assert again.labels.tolist() == first.labels.tolist() and again.names == first.names
    later = segments_at(shop, kept)
    assert later.n_users > first.n_users
    moves = movements(first, later)
    assert moves["n"].sum() == len(set(first.user_keys) | set(later.user_keys))
    assert moves.loc[moves["before"] == moves["after"], "n"].sum() > 0.6 * first.n_users  # habits last
    drift = drift_of(first, later)
    assert set(drift["feature"]) == set(first.features)
    assert drift["psi"].tolist() == sorted(drift["psi"], reverse=True)


def test_a_model_whose_feature_is_gone_says_which(shop):
    kept = saved(user_segments(shop, RECOMMENDED))
    with pytest.raises(SpecError, match='needs "Share bought with a discount", which is not known'):
        segments_at(store_of(diary("ann: 1 2/purchase 3/search\nbob: 1 4")), kept)
    gone = replace(kept, features=("shoe_size", *kept.features[1:]))
    with pytest.raises(SpecError, match='needs "shoe_size"'):
        segments_at(shop, gone)
    assert isinstance(kept, SavedModel)


# What cannot be ---------------------------------------------------------------------------------------------

FEW = "ann: 1 2 9\nbob: 1 3\ncyd: 2 5 6 7"


def test_more_segments_than_users_says_so():
    with pytest.raises(SpecError, match="at least as many users as segments, not 3 users for 4"):
        user_segments(store_of(diary(FEW)), SegmentSpec(features=FeatureSpec(names=("active_days",))))


def test_features_that_are_the_same_for_all_say_so():
    same = store_of(diary("ann: 1 2\nbob: 1 2\ncyd: 1 2\ndee: 1 2"))
    with pytest.raises(SpecError, match="No feature tells users apart: Active days, Kinds of activity are the same"):
        user_segments(same, SegmentSpec(features=FeatureSpec(names=("active_days", "event_kinds")), k=2))


def test_one_constant_feature_is_left_out_and_said():
    store = store_of(diary(FEW))
    found = user_segments(store, SegmentSpec(features=FeatureSpec(names=("active_days", "event_kinds")), k=2))
    assert found.features == ("active_days",)
    assert "Left out, because it is the same for all users: Kinds of activity." in found.notes


def test_features_of_which_nothing_is_known_say_so():
    with pytest.raises(SpecError, match='None of the features is known: The store holds no "purchase"'):
        user_segments(store_of(diary(FEW)), SegmentSpec(features=FeatureSpec(presets=("rfm",)), k=2))
    with pytest.raises(SpecError, match="The RFM grid needs orders"):
        user_segments(store_of(diary(FEW)), SegmentSpec(method="rfm"))


def test_users_who_do_not_differ_enough_say_so():
    twins = store_of(diary("\n".join(f"u{i}: 1 2" if i % 2 else f"u{i}: 1" for i in range(12))))
    with pytest.raises(SpecError, match="at least 4 users who differ"):
        user_segments(twins, SegmentSpec(features=FeatureSpec(names=("active_days",)), k=4))


def test_nobody_with_enough_days_says_so():
    with pytest.raises(SpecError, match="Nobody has 40 active days yet"):
        user_segments(store_of(diary(FEW)), replace(RECOMMENDED, features=FeatureSpec(names=("events",))))


def test_a_filter_reaches_the_features(shop):
    where = (Condition(name="channel", values=("ads",)),)
    some = user_segments(shop, SegmentSpec(features=FeatureSpec(presets=("engagement",), where=where)))
    everybody = user_segments(shop, SegmentSpec(features=FeatureSpec(presets=("engagement",))))
    assert 0 < some.n_users < everybody.n_users


@pytest.mark.parametrize(("asked", "said"), [
    ({"k": 1}, "`k` must be from 2"),
    ({"k": 99}, "`k` must be from 2"),
    ({"method": "magic"}, "`method` must be one of"),
    ({"scale": "metric"}, "`scale` must be one of"),
    ({"winsorise": 0.5}, "`winsorise`"),
    ({"n_components": 0}, "`n_components`"),
    ({"min_active_days": 0}, "`min_active_days`"),
    ({"seed": -1}, "`seed`"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked_says_so(asked, said):
    with pytest.raises(SpecError, match=said):
        SegmentSpec(**asked)


@pytest.mark.parametrize("asked", [{"k_from": 1}, {"k_from": 5, "k_to": 4}, {"n_bootstraps": 2}, {"segments": SegmentSpec(method="rfm")}])
def test_a_sweep_that_cannot_be_asked_says_so(asked):
    with pytest.raises(SpecError):
        SweepSpec(**{"segments": SegmentSpec(), **asked})


def test_names_can_be_edited_and_none_is_lost(shop):
    found = user_segments(shop, RECOMMENDED)
    assert found.renamed(["Stars", "", "Owls", "  Hunters "]) == ("Stars", found.names[1], "Owls", "Hunters")
    assert plain_names(2) == ("Segment 1", "Segment 2")
