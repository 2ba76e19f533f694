"""Messages: what is filled in, whom a field is missing for, and that what comes from data stays text."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.audiences.spec import SavedUsersSpec
from retention.errors import SpecError
from retention.interventions import query_messages as query
from retention.interventions.answer_messages import favourites, known_of, messages
from retention.interventions.messages import TEMPLATES, usual_template
from retention.interventions.spec_message import FIELDS, MessageSpec, fields_in, filled
from retention.store import Snapshot, Sql, Store
from retention.store.labels import add_label, put_labelling
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, instant, store_of

# Complete up to 1 February; 31 January was so 0 days ago. What comes later, and refunds, count for nothing.
WORLD = """
    ann: 5/purchase?value=9&item=tea 6/purchase?value=9&item=tea 7/purchase?value=5&item=mug 8?item=hat
    ann: 9/refund?value=9&item=cup 2026-02-02/purchase?value=1&item=cup 2026-02-03/purchase?value=1&item=cup
    bob: 5?item=hat 6?item=hat 31/purchase?value=5&item=mug
    cyd: 9?item=tea 10?item=hat
    dee: 20
    eve: 2026-02-05?item=tea
"""
CATEGORIES = {"tea": "Kitchen", "mug": "Kitchen", "hat": "Clothes"}


@pytest.fixture
def store() -> Store:
    made = store_of(diary(WORLD), as_of="2026-02-01", activity="all but refund")

    def name(tx: Any) -> None:
        for item, category in CATEGORIES.items():
            tx.run("update items set name = $name, category = $c where item = $i", {"name": item.title(), "c": category, "i": item})

    made.write(name)
    return made


def everybody(store: Store) -> SavedUsersSpec:
    """Keep all users as a list, so that the definition is the plainest there is."""

    def keep(tx: Any) -> None:
        tx.run("insert into audiences (audience_id, name, definition, question, data_version, n_users, saved_us)"
               " values (1, 'all', 'all', '{}', 1, 5, 1)")
        tx.run("insert into audience_members select 1, u.user_key from users as u")

    store.write(keep)
    return SavedUsersSpec(audience_id=1)


def known(store: Store, segmentation: str | None = None) -> dict[str, tuple]:
    """Return favourite item, favourite category, what goes well, and the days since the last activity, by the file's id."""
    found = known_of(store, everybody(store), segmentation).shown
    with store.snapshot() as snapshot:
        ids = dict(snapshot.rows("select i.user_key, i.user_id from identities as i"))
    table = found.astype(object).where(found.notna(), None)
    return {
        ids[r.user_key]: (r.favourite_item, r.favourite_category, r.segment_item, r.days_since_last)
        for r in table.itertuples(index=False)
    }


def test_favourites_and_what_goes_well_are_as_counted_by_hand(store: Store) -> None:
    # Buyers: mug 2 (ann, bob), tea 1 (ann), hat 0; what one has bought, or likes best, is not offered again.
    assert known(store) == {
        "ann": ("Tea", "Kitchen", "Hat", 23),  # 2 teas bought; mug and tea are bought, so the hat; 8 to 31 January
        "bob": ("Mug", "Kitchen", "Tea", 0),  # bought once, which is more than two looks at the hat
        "cyd": ("Hat", "Clothes", "Mug", 21),  # each named once, the hat last
        "dee": (None, None, "Mug", 11),
        "eve": (None, None, "Mug", None),  # nothing of hers is complete yet
    }


def test_what_goes_well_is_looked_up_in_the_users_own_segment(store: Store) -> None:
    def label(tx: Any) -> None:
        keys = dict(tx.rows("select i.user_id, i.user_key from identities as i"))
        segment = add_label(tx, "segment:Shoppers v1", ["A", "B"])
        frame = pd.DataFrame({"user_key": [keys[u] for u in ("ann", "dee", "bob", "cyd")], "value_key": [1, 1, 2, 2]})
        put_labelling(tx, segment, instant("2026-02-01"), frame, n_users=4)

    store.write(label)
    found = {user: row[2] for user, row in known(store, "segment:Shoppers v1").items()}
    # A: ann bought a mug and a tea, alike often: by name the mug. B: bob bought a mug; both looked at the hat. Eve is in none.
    assert found == {"ann": "Hat", "dee": "Mug", "bob": "Hat", "cyd": "Mug", "eve": None}


def test_a_segmentation_that_is_gone_is_named(store: Store) -> None:
    with pytest.raises(SpecError, match='There is no "segment:Gone v1" any more'):
        known_of(store, everybody(store), "segment:Gone v1")


def test_whom_a_field_is_missing_for_is_counted_and_gets_no_message_or_what_is_written_instead(store: Store) -> None:
    users = everybody(store)
    strict = MessageSpec(users=users, template="More {favourite_category}, {days_since_last} days: {offer}", offer="5 off")
    found = messages(store, strict)
    assert found.n_users == 5 and found.n_missing == {"favourite_category": 2, "days_since_last": 1, "offer": 0}
    assert (found.n_unwritten, found.n_fallback) == (2, 0)
    assert Counter(found.shown["kind"]) == {"message": 3, "no message": 2}
    assert "More Kitchen, 23 days: 5 off" in set(found.shown["text"].dropna())
    soft = MessageSpec(users=users, template=strict.template, fallback="{days_since_last} days: {offer}", offer="5 off")
    found = messages(store, soft)
    assert (found.n_unwritten, found.n_fallback) == (1, 1), "of eve the days are not known, so nothing is written to her"
    assert sorted(found.shown["text"].dropna())[0] == "11 days: 5 off"
    without = messages(store, MessageSpec(users=users, template="{offer}"))
    assert without.n_unwritten == 5, "an offer that was not said is missing for all"


def test_at_most_so_many_users_are_shown_and_all_are_counted(store: Store) -> None:
    found = messages(store, MessageSpec(users=everybody(store), template="Hello", n_shown=2))
    assert len(found.shown) == 2 and found.n_users == 5 and found.n_unwritten == 0


def test_messages_name_users_by_their_pseudonym_and_never_by_an_id(store: Store) -> None:
    shown = messages(store, MessageSpec(users=everybody(store), template="{segment_item}")).shown
    assert set(shown["pseudonym"].str.len()) == {32}
    assert not {"ann", "bob", "cyd", "dee", "eve"} & {str(v) for row in shown.to_numpy().tolist() for v in row}


def test_another_recommender_takes_the_place_of_favourites(store: Store) -> None:
    def scarves(snapshot: Snapshot, users: Sql, segmentation: str | None) -> pd.DataFrame:
        return favourites(snapshot, users, segmentation).assign(segment_item="Scarf")

    found = messages(store, MessageSpec(users=everybody(store), template="{segment_item}!"), scarves)
    assert set(found.shown["text"]) == {"Scarf!"}


def test_items_that_look_like_fields_or_markup_or_hide_signs_stay_text(store: Store) -> None:
    nasty = "<b>{offer}</b> [x](javascript:1)\u202e\n\x00 =1+1"
    store.write(lambda tx: tx.run("update items set name = $name where item = 'hat'", {"name": nasty}))
    users = everybody(store)
    found = messages(store, MessageSpec(users=users, template="Your {favourite_item}.", offer="secret"))
    said = [text for text in found.shown["text"].dropna() if "javascript" in text]
    assert said == ["Your <b>{offer}</b> [x](javascript:1) =1+1."]


@pytest.mark.parametrize(("template", "fault", "hint"), [
    ("Dear {name}", "cannot fill in {name}", "{favourite_item}"),
    ("{favorite_item}", "cannot fill in {favorite_item}", "favourite_item"),
    ("{offer", "Each { of a template must have its }", "{favourite_item}"),
    ("offer}", "Each { of a template must have its }", "{favourite_item}"),
    ("{{offer}}", "Each { of a template must have its }", "{favourite_item}"),
    ("{}", "cannot fill in {}", "Known:"),
    (" ", "from 1 to 2,000 characters", ""),
    ("x" * 2001, "from 1 to 2,000 characters", ""),
])  # fmt: skip
def test_a_template_that_cannot_be_filled_in_is_refused_with_what_can(template: str, fault: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        MessageSpec(users=None, template=template)
    assert fault in caught.value.message and hint in caught.value.hint


def test_a_fallback_is_held_to_the_same_rules() -> None:
    with pytest.raises(SpecError, match=r"cannot fill in \{name\}"):
        MessageSpec(users=None, template="Hello", fallback="{name}")
    with pytest.raises(SpecError, match="shown of 1 to 20 users"):
        MessageSpec(users=None, template="Hello", n_shown=21)


@given(st.text(st.characters(exclude_characters="{}"), max_size=30), st.dictionaries(st.sampled_from(list(FIELDS)), st.text(max_size=20)))
def test_what_is_filled_in_is_what_was_given_whatever_it_holds(around: str, values: dict[str, str]) -> None:
    template = around + "".join(f"{{{name}}}" for name in values) + around
    assert filled(template, values) == around + "".join(values.values()) + around
    assert fields_in(template) == tuple(values)


@pytest.mark.parametrize("kind", TEMPLATES)
@pytest.mark.parametrize("language", ["English", "Chinese"])
def test_every_template_of_the_program_can_be_filled_in_and_its_fallback_asks_for_less(kind: str, language: Any) -> None:
    template, fallback = usual_template(kind, language)
    spec = MessageSpec(users=None, template=template, fallback=fallback, offer="x")
    assert set(spec.fallback_fields) <= {"offer"} and set(spec.fallback_fields) < {*spec.fields, "any"}
    is_chinese = any("\u4e00" <= sign <= "\u9fff" for sign in template + fallback)
    assert is_chinese == (language == "Chinese")


def test_the_questions_are_portable(store: Store) -> None:
    with store.snapshot() as snapshot:
        kinds = list(snapshot.catalogue.events.values())
        users = Sql("select u.user_key from users as u where u.user_key > $from", {"from": 0})
        texts = [
            query.shown(users, 20),
            query.last_days(users, 20_000),
            query.favourites(users, query.touched(kinds, kinds[:1], 1), None),
            query.favourites(users, query.touched(kinds, [], 1), Sql("select u.user_key, 1 as value_key from users as u")),
        ]
        for sql in texts:
            assert portability_faults(sql.text) == [], sql.text
            snapshot.read(sql)
