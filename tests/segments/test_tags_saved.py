"""Saved tags: whom a rule fits is written down with its date, filters every page, and is counted, listed, forgotten."""

from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.audiences.answer import member_ids, users_of
from retention.audiences.answer_sources import words_of
from retention.audiences.order import save_audience
from retention.audiences.spec import AudienceSpec
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CohortSpec, Condition
from retention.errors import SpecError
from retention.ingest import sample_laws as laws
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec, simulate
from retention.segments import query_tags
from retention.segments.answer_tags import label_values, saved_tag, saved_tags, tag_overlaps, tag_preview
from retention.segments.order_tags import count_tag, delete_tag, save_tag
from retention.segments.spec_tags import FeatureCondition, TagSpec, TagUsersSpec, rule_of, rule_text, rule_words
from retention.store import Sql, Store
from retention.store.audit import faults
from retention.store.labels import add_label, labelled, put_labelling
from retention.store.order import erase_user
from tests.rows import import_rows
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, fresh_path, instant, rows_of, store_of

# Active days before the 10th: ann 3, bob 2, cyd 1. Afterwards bob catches up.
WORLD = """
    ann: 1T23:30?channel=ads 2T23:50/purchase?channel=ads 4T01:00
    bob: 1T12:00?channel=mail 2T12:00
    cyd: 3T22:15
"""
LATER = "bob: 11 12 13\ndee: 12"
OFTEN = TagSpec.parse("often: active_days >= 3")
NIGHT = TagSpec.parse("night owl: share_night >= 40 %")


@pytest.fixture
def store() -> Store:
    return store_of(diary(WORLD), as_of="2026-01-10")


def who(store: Store, spec: TagUsersSpec) -> list[str]:
    with store.snapshot() as snapshot:
        return member_ids(snapshot, spec)


def trail(store: Store) -> list[tuple[str, dict[str, object], int | None]]:
    with store.snapshot() as snapshot:
        assert faults(snapshot) == []
        rows = snapshot.rows("select a.action, a.detail, a.n_rows from audit as a where a.action like '%tag' order by a.audit_id")
    return [(action, json.loads(detail), n) for action, detail, n in rows]


def test_a_saved_tag_is_counted_as_of_the_watermark(store: Store) -> None:
    version = store.data_version
    saved = save_tag(store, NIGHT)
    assert (saved.label, saved.name, saved.rule) == ("tag:night owl", "night owl", "Share at night ≥ 40 %")
    # ann's night share is 3 of 3 and cyd's 1 of 1; bob's is none.
    assert (saved.n, saved.n_users, saved.share) == (2, 3, pytest.approx(2 / 3))
    assert (saved.cutoff_us, saved.data_version) == (instant("2026-01-10"), version)
    assert saved_tags(store) == (saved,) and saved_tag(store, "night owl") == saved_tag(store, "tag:night owl") == saved
    assert who(store, TagUsersSpec("tag:night owl")) == ["ann", "cyd"]


def test_the_count_on_the_preview_is_the_count_that_is_saved_listed_and_kept(store: Store) -> None:
    spec = TagSpec.parse("busy owl: share_night >= 0.4 and active_days >= 2")
    preview = tag_preview(store, spec)
    assert (preview.n, preview.n_users) == (1, 3)
    assert preview.conditions.to_numpy().tolist() == [["Share at night ≥ 40 %", 2, 3], ["Active days ≥ 2", 2, 3]]
    saved = save_tag(store, spec)
    users = TagUsersSpec(saved.label)
    audience = save_audience(store, AudienceSpec(name="owls", users=users))
    assert preview.n == saved.n == users_of(store, users).count == audience.n_users == 1
    assert audience.definition == "Users with tag:busy owl, as counted from what had happened before 2026-01-10 00:00."


def test_a_preview_may_look_at_some_users_only(store: Store) -> None:
    found = tag_preview(store, OFTEN, (Condition(name="channel", values=("mail",)),))
    assert (found.n, found.n_users) == (0, 1)


def test_a_tag_is_a_filter_and_a_breakdown(store: Store) -> None:
    save_tag(store, OFTEN)
    only = cohort_retention(store, CohortSpec(where=(Condition(name="tag:often", values=("yes",)),), horizon=1))
    split = cohort_retention(store, CohortSpec(by="tag:often", horizon=1))
    assert only.size("2025-12-29") == 1  # ann; 1 January 2026 lies in the week of 29 December
    assert split.rows.groupby("group", dropna=True)["size"].sum().to_dict()["yes"] == 1


def test_one_user_may_have_many_tags_and_they_are_counted_together(store: Store) -> None:
    save_tag(store, NIGHT)
    save_tag(store, OFTEN)
    save_tag(store, TagSpec.parse("nobody: active_days > 99"))
    found = tag_overlaps(store)
    # ann is both, cyd a night owl only; nobody has the third.
    assert found.names == ("night owl", "often")
    assert dict(found.n) == {
        ("night owl", "night owl"): 2, ("night owl", "often"): 1, ("often", "night owl"): 1, ("often", "often"): 1,
    }  # fmt: skip
    assert found.by_count.to_numpy().tolist() == [[1, 1], [2, 1]]
    assert [tag.n for tag in saved_tags(store)] == [2, 0, 1]


def test_counting_anew_follows_the_data_and_keeps_what_was_counted_before(store: Store) -> None:
    first = save_tag(store, OFTEN)
    import_rows(store, rows_of(diary(LATER)), complete_to_us=instant("2026-01-20"))
    assert saved_tags(store)[0].cutoff_us == instant("2026-01-10")  # nothing is counted unasked
    second = count_tag(store, first.property_key)
    assert (second.n, second.n_users, second.n_labellings, second.cutoff_us) == (2, 4, 2, instant("2026-01-20"))
    assert who(store, TagUsersSpec("tag:often")) == ["ann", "bob"]
    assert who(store, TagUsersSpec("tag:often", cutoff_us=first.cutoff_us)) == ["ann"]
    # As of an earlier day again: the answer is that day's, the filter stays at the latest.
    third = count_tag(store, first.property_key, date(2026, 1, 3))
    assert (third.n, third.n_users, third.cutoff_us) == (0, 2, instant("2026-01-03"))
    assert saved_tags(store)[0].n == 2
    assert trail(store) == [
        ("save tag", {"label": "tag:often", "rule": '[["active_days", ">=", 3.0]]', "cutoff_us": instant("2026-01-10")}, 1),
        ("count tag", {"label": "tag:often", "rule": '[["active_days", ">=", 3.0]]', "cutoff_us": instant("2026-01-20")}, 2),
        ("count tag", {"label": "tag:often", "rule": '[["active_days", ">=", 3.0]]', "cutoff_us": instant("2026-01-03")}, 0),
    ]


def test_a_deleted_tag_is_gone_and_what_asked_for_it_says_so(store: Store) -> None:
    key = save_tag(store, OFTEN).property_key
    delete_tag(store, key)
    assert saved_tags(store) == () and not store.catalogue().labels
    with pytest.raises(SpecError, match='There is no "tag:often" any more'):
        users_of(store, TagUsersSpec("tag:often"))
    with pytest.raises(SpecError, match='There is no "tag:often" any more'):
        words_of(TagUsersSpec("tag:often"), store.catalogue())
    for again in (lambda: delete_tag(store, key), lambda: count_tag(store, key)):
        with pytest.raises(SpecError, match="There is no such tag any more"):
            again()
    with pytest.raises(SpecError, match='There is no tag "often"'):
        saved_tag(store, "often")
    with store.snapshot() as snapshot:
        for table in ("labels", "labellings", "user_labels", "tags"):
            assert snapshot.rows(f"select count(*) from {table}") == [(0,)]


def test_a_name_that_is_taken_is_refused_and_nothing_is_lost(store: Store) -> None:
    save_tag(store, OFTEN)
    with pytest.raises(SpecError, match='There is a tag "often" already'):
        save_tag(store, TagSpec.parse("often: orders > 5"))
    assert [tag.rule for tag in saved_tags(store)] == ["Active days ≥ 3"]


def test_a_rule_over_what_the_store_does_not_know_saves_nothing(store: Store) -> None:
    before = store.data_version
    with pytest.raises(SpecError, match="Mean stars is not known"):
        save_tag(store, TagSpec.parse("critic: stars_mean < 3"))
    assert saved_tags(store) == () and store.data_version == before


def test_a_tag_whose_feature_is_no_more_stays_and_says_so_in_one_sentence(store: Store) -> None:
    saved = save_tag(store, OFTEN)
    store.write(lambda tx: tx.run("update tags set rule = $rule", {"rule": '[["shoe_size", ">", 44.0], ["orders", ">=", 1.0]]'}))
    [found] = saved_tags(store)
    assert found.spec is None and found.rule == "shoe_size > 44 and Orders ≥ 1"
    assert found.fault.startswith('The tag "often" rests on shoe_size, which is no feature any more.')
    with pytest.raises(SpecError, match="rests on shoe_size"):
        count_tag(store, saved.property_key)
    assert who(store, TagUsersSpec("tag:often")) == ["ann"]  # who had it is still known


def test_an_erased_user_has_no_tag(store: Store) -> None:
    save_tag(store, OFTEN)
    erase_user(store, "ann")
    assert saved_tags(store)[0].n == 0 and users_of(store, TagUsersSpec("tag:often")).count == 0


def test_learned_labels_stand_beside_the_tags(store: Store) -> None:
    save_tag(store, OFTEN)

    def learn(tx):
        (users,) = zip(*tx.rows("select u.user_key from users as u order by u.user_key"), strict=True)
        key = add_label(tx, "segment:Shoppers v1", ["Many", "Few", "None"])
        for at, values in (("2026-01-05", [2, 2, 2]), ("2026-01-10", [1, 2, 2])):
            put_labelling(tx, key, instant(at), pd.DataFrame({"user_key": users, "value_key": values}), n_users=3)

    store.write(learn)
    found = label_values(store)
    assert found[["label", "value", "n", "n_users"]].to_numpy().tolist() == [
        ["segment:Shoppers v1", "Many", 1, 3],
        ["segment:Shoppers v1", "Few", 2, 3],
        ["segment:Shoppers v1", "None", 0, 3],
    ]
    for value, n in (("Many", 1), ("Few", 2), ("None", 0)):
        assert users_of(store, TagUsersSpec("segment:Shoppers v1", value)).count == n
    with pytest.raises(SpecError, match='has no value "Nobody"'):
        users_of(store, TagUsersSpec("segment:Shoppers v1", "Nobody"))


@pytest.mark.parametrize("name", ["a=b", "x>1", "<b>", "no!"])
def test_a_name_with_a_sign_that_filters_use_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match=r"must not hold .*: filters use these signs"):
        TagSpec(name, OFTEN.conditions)


def test_blanks_in_a_name_are_one(store: Store) -> None:
    assert save_tag(store, TagSpec("  very   often ", OFTEN.conditions)).label == "tag:very often"


def test_too_many_conditions_are_refused() -> None:
    with pytest.raises(SpecError, match="at most 8 conditions, not 9"):
        TagSpec("long", (FeatureCondition("orders", ">", 1.0),) * 9)


@given(
    operator=st.sampled_from([">=", "<=", ">", "<", "=", "!="]),
    value=st.floats(allow_nan=False, allow_infinity=False),
    text=st.text(min_size=1, max_size=10),
)
def test_a_rule_that_is_written_down_is_read_back(operator: str, value: float, text: str) -> None:
    spec = TagSpec("x", (FeatureCondition("orders", operator, value), FeatureCondition("channel_last", "=", text)))
    assert rule_of("x", rule_text(spec)) == spec and rule_words(rule_text(spec)).startswith("Orders ")


@settings(max_examples=8)
@given(days=st.lists(st.sets(st.integers(1, 9), min_size=1, max_size=9), min_size=1, max_size=6), least=st.integers(0, 9))
def test_who_has_a_tag_agrees_with_a_plain_loop(days: list[set[int]], least: int) -> None:
    world = "\n".join(f"u{i}: {' '.join(map(str, sorted(own)))}" for i, own in enumerate(days))
    store = store_of(diary(world), as_of="2026-01-10")
    saved = save_tag(store, TagSpec("x", (FeatureCondition("active_days", ">", float(least)),)))
    assert who(store, TagUsersSpec("tag:x")) == [f"u{i}" for i, own in enumerate(days) if len(own) > least]
    assert (saved.n, saved.n_users) == (sum(len(own) > least for own in days), len(days))
    store.close()


def test_the_planted_night_shift_of_the_sample_shop_is_who_the_tag_names() -> None:
    shop = SampleSpec(n_users=1500, seed=11)
    store = Store.create_or_open(fresh_path())
    build_sample(store, shop)
    truth = simulate(shop).truth
    at_night = {u for u, s in zip(truth.user_id, truth.segment, strict=True) if laws.SEGMENTS[s].name == "night shift"}
    save_tag(store, TagSpec.parse("regular: active_days >= 10"))
    save_tag(store, TagSpec.parse("night: share_night >= 50 % and active_days >= 10"))
    regular, named = set(who(store, TagUsersSpec("tag:regular"))), set(who(store, TagUsersSpec("tag:night")))
    store.close()
    # By the shop's laws 86 % of the night shift's visits are at night and at most 15 % of anybody else's, so that of
    # ten visits half at night is less than one chance in a hundred either way.
    assert len(named) > 30
    assert len(named & at_night) >= 0.97 * len(named)
    assert len(named & at_night) >= 0.97 * len(regular & at_night)


def test_the_questions_are_portable(store: Store) -> None:
    held = labelled(1, 0)
    asked: list[Sql] = [
        query_tags.saved_tags(), query_tags.tag(1), query_tags.overlaps(), query_tags.users_by_count(),
        query_tags.value_counts(), query_tags.value_of(1, "yes"), query_tags.holders(held, 1),
    ]  # fmt: skip
    for sql in asked:
        assert portability_faults(sql.text) == [], sql.text
        store.read(sql)
