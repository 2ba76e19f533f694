"""One user as a whole: found by what stands for them, told from what happened before the watermark, never by an id."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given

from retention.audiences.export import table_bytes
from retention.errors import SpecError
from retention.ingest.order import import_file
from retention.ingest.spec import ImportSpec
from retention.profiles import query
from retention.profiles.answer import find_user, latest_seen, user_of_link, user_profile
from retention.profiles.order import export_events, export_profile
from retention.profiles.profile import Profile, category_table, timeline
from retention.profiles.spec import ProfileSpec
from retention.profiles.words import contacts_words, later_note, moves_words, timeline_alt, timeline_caption, verdict
from retention.store import Store
from retention.store.audit import faults
from retention.store.labels import add_label, put_labelling
from retention.store.order import change_setting, erase_user
from tests.oracles import DAY_US, local_date
from tests.test_sql_portable import portability_faults
from tests.worlds import USER_PROPERTIES, World, diary, instant, store_of, worlds

# 5 and 12 January 2026 are Mondays. The data are complete up to 1 February; a silence of 10 days is a lapse.
WORLD = """
    ann-07: 5T20:00?channel=ads 5T20:05/purchase?value=30&item=tea 6T21:00/search?text=green_tea
    ann-07: 6T21:30/review?stars=5&text=lovely&item=tea 20T20:10/purchase?value=50&item=mug&channel=mail 21T09:00/refund?value=50
    ann-07: 22T10:00/campaign_sent?campaign=spring&arm=treatment 23T10:00/campaign_sent?campaign=autumn&arm=control
    ann-07: 2026-02-02T08:00
    bob-07: 7T09:00
    cyd-07: 30T23:00 31T23:30
    dee-07: 2026-02-03T10:00
"""
ACTIVITY = "all but refund, campaign_sent"


@pytest.fixture
def store() -> Store:
    return store_of(diary(WORLD), as_of="2026-02-01", churn_window="10", activity=ACTIVITY)


def profile(store: Store, user: str = "ann-07") -> Profile:
    return user_profile(store, find_user(store, user))


# Finding somebody ------------------------------------------------------------------------------------


def test_a_user_is_found_by_pseudonym_by_its_beginning_and_by_the_id_of_the_file(store: Store) -> None:
    by_id = find_user(store, " ann-07 ")
    assert len(by_id.user) == 32
    for text in (by_id.user, by_id.user.upper(), by_id.user[:6], by_id.user[:20]):
        assert find_user(store, text) == by_id
        assert user_of_link(store, text) == by_id


def named(store: Store, **pseudonyms: str) -> None:
    """Give users of the file other pseudonyms."""

    def rename(tx):
        for user_id, pseudonym in pseudonyms.items():
            tx.run(
                "update users set pseudonym = $p where user_key in (select i.user_key from identities as i where i.user_id = $u)",
                {"p": pseudonym, "u": user_id.replace("_", "-")},
            )

    store.write(rename)


def test_a_beginning_that_several_share_asks_for_more_of_it(store: Store) -> None:
    named(store, ann_07="abcdef" + "0" * 26, bob_07="abcdef" + "1" * 26)
    with pytest.raises(SpecError, match="2 users have pseudonyms that begin with these 6 characters"):
        find_user(store, "abcdef")
    assert find_user(store, "abcdef1").user == "abcdef" + "1" * 26


def test_an_id_of_the_file_that_looks_like_a_beginning_is_the_id() -> None:
    store = store_of(diary("123456: 5\n999999: 6"), as_of="2026-02-01")
    named(store, **{"999999": "123456" + "f" * 26})
    own = find_user(store, "123456").user
    assert own != "123456" + "f" * 26  # the id of one user, though the pseudonym of another begins so
    assert find_user(store, "123456f").user == "123456" + "f" * 26
    assert user_of_link(store, "123456").user == "123456" + "f" * 26  # a link names no ids


@pytest.mark.parametrize("typed", ["nobody@example.org", "abcde", "0" * 32, "' or 1 = 1 --", "g" * 32])
def test_nobody_is_said_in_one_sentence_that_repeats_nothing(store: Store, typed: str) -> None:
    for find in (find_user, user_of_link):
        with pytest.raises(SpecError) as error:
            find(store, typed)
        assert error.value.message == "The store holds no such user." and "6 characters" in error.value.hint
        assert typed not in str(error.value)


def test_an_id_in_a_link_finds_nobody(store: Store) -> None:
    with pytest.raises(SpecError, match="no such user"):
        user_of_link(store, "ann-07")


def test_an_empty_name_is_asked_for(store: Store) -> None:
    with pytest.raises(SpecError, match="Name a user"):
        find_user(store, "  ")


def test_a_spec_takes_whole_pseudonyms_only() -> None:
    with pytest.raises(SpecError, match="no such user"):
        ProfileSpec(user="ann-07")


def test_a_new_key_renames_everybody_and_the_old_name_finds_nobody(store: Store) -> None:
    before = find_user(store, "ann-07")
    change_setting(store, "pseudonym_key", "new")
    after = find_user(store, "ann-07")
    assert after != before and user_profile(store, after).n_events == 8
    with pytest.raises(SpecError, match="no such user"):
        user_profile(store, before)


# What happened ---------------------------------------------------------------------------------------


def test_a_profile_holds_what_happened_before_the_watermark(store: Store) -> None:
    found = profile(store)
    assert (found.n_events, found.n_later) == (8, 1)
    assert (found.first_us, found.last_us) == (instant("2026-01-05T20:00"), instant("2026-01-23T10:00"))
    # Active on the 5th, 6th and 20th: a refund and a campaign's message are no sign of life.
    assert [d - found.active_days[0] for d in found.active_days] == [0, 1, 15]
    # The silence from the 6th to the 20th counts; that since the 20th has lasted 12 days by 1 February.
    assert (found.n_returns, found.silent_days, found.is_lapsed) == (1, 12, True)
    assert found.weekdays == (1, 2, 0, 0, 0, 0, 0)
    assert later_note(found) == "1 event from later than the data are complete up to is kept and not counted here."
    assert verdict(found) == (
        "Lapsed: last active on 20 January 2026, 12 days before the end of the data; 10 days of silence count as a lapse.",
        "Known since 5 January 2026, active on 3 days; came back once after 10 days of silence or more."
        " 2 orders worth 30.00 less refunds.",
    )


def test_somebody_active_on_the_last_day_is_still_there(store: Store) -> None:
    headline, detail = verdict(profile(store, "cyd-07"))
    assert headline == "Still active: last active on 31 January 2026, on the last day of the data."
    assert detail == "Known since 30 January 2026, active on 2 days. No order yet."


def test_somebody_of_whom_only_later_events_are_known_is_not_told_yet(store: Store) -> None:
    with pytest.raises(SpecError, match=r"Nothing is known of this user before 2026-02-01T00:00:00Z"):
        profile(store, "dee-07")
    assert latest_seen(store)["n_events"].tolist() == [2, 8, 1]  # cyd, ann and bob; of dee nothing counts yet


def test_somebody_who_was_only_written_to_was_never_active() -> None:
    world = diary("eve: 5/campaign_sent?campaign=spring\nfay: 6")
    found = profile(store_of(world, as_of="2026-02-01", activity=ACTIVITY), "eve")
    assert found.silent_days is None and found.is_lapsed is None
    assert verdict(found)[0] == "Never active: nothing that counts as activity is known of this user."
    assert contacts_words(found.contacts) == "Written to once."


def test_orders_are_told_by_day_with_what_was_paid_back(store: Store) -> None:
    found = profile(store)
    assert found.orders[["n_orders", "gross", "refunded", "net"]].to_numpy().tolist() == [[1, 30, 0, 30], [1, 50, 50, 0]]
    assert (found.n_orders, found.net) == (2, 30.0)


def test_interests_are_what_was_bought_and_named(store: Store) -> None:
    def describe(tx):
        tx.run("update items set name = 'Green tea', category = 'Kitchen' where item = 'tea'")

    store.write(describe)
    found = profile(store)
    rows = found.items[["item", "n", "n_bought"]].to_numpy().tolist()
    assert rows == [["tea", 2, 1], ["mug", 1, 1]]  # tea was reviewed, too
    assert category_table(found.items).to_numpy().tolist() == [["Kitchen", 2, 1]]  # the mug has no category


def test_attributes_are_what_activity_said_first_and_last(store: Store) -> None:
    found = profile(store).attributes.set_index("property")
    # The arm and the campaign belong to messages, stars to reviews: nothing about the user.
    assert list(found.index) == ["channel"]
    assert found.loc["channel", ["first", "last", "n_values"]].tolist() == ["ads", "mail", 2]


def test_reviews_searches_and_contacts_are_told_the_latest_first(store: Store) -> None:
    found = profile(store)
    assert found.reviews[["item", "stars", "text"]].to_numpy().tolist() == [["tea", "5", "lovely"]]
    assert found.searches[["text", "n"]].to_numpy().tolist() == [["green_tea", 1]]
    assert found.contacts[["campaign", "arm", "is_sent"]].to_numpy().tolist() == [
        ["autumn", "control", 0],
        ["spring", "treatment", 1],
    ]
    assert contacts_words(found.contacts) == (
        "Written to once, and once in a control group, which gets nothing so that the effect can be told."
    )


def test_a_store_without_properties_orders_or_contacts_has_profiles_too() -> None:
    found = profile(store_of(diary("ann: 5 6"), as_of="2026-02-01"), "ann")
    assert [len(t) for t in (found.attributes, found.orders, found.items, found.searches, found.reviews, found.contacts)] == [0] * 6


def test_the_timeline_shows_quiet_weeks_and_the_one_that_goes_on(store: Store) -> None:
    found = timeline(profile(store), most_kinds=3)
    assert found.period == "week" and found.kinds == ("campaign_sent", "purchase", "(other)")
    assert found.merged == ("refund", "review", "search", "visit")
    assert found.frame["on"].tolist() == [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19), date(2026, 1, 26)]
    assert found.frame[list(found.kinds)].to_numpy().tolist() == [[0, 1, 3], [0, 0, 0], [2, 1, 1], [0, 0, 0]]
    # The week of 26 January ends with 1 February, which is not over.
    assert found.frame["state"].tolist() == ["complete", "complete", "complete", "in_progress"]
    assert "Quiet in 2 of 4 weeks" in timeline_alt(found)
    assert "“(other)” holds refund, review, search, visit." in timeline_caption(found, "UTC")


def test_a_week_that_touches_a_gap_is_marked() -> None:
    store = store_of(diary("ann: 5 20"), as_of="2026-01-26", gaps=[("2026-01-13", "2026-01-14")])
    found = timeline(profile(store, "ann"))
    assert found.frame["touches_gap"].tolist() == [False, True, False]
    assert found.frame["state"].tolist() == ["complete"] * 3  # the watermark is the end of the third


def test_a_long_history_is_drawn_by_month() -> None:
    store = store_of(diary("ann: 2022-01-05 2024-12-30"), as_of="2025-01-01")
    found = timeline(profile(store, "ann"))
    assert found.period == "month" and len(found.frame) == 36 and found.frame["visit"].sum() == 2


# What was learned ------------------------------------------------------------------------------------


def labelled(store: Store, name: str, texts: list[str], *moments: tuple[str, dict[str, int]]) -> None:
    """Write down who had which value when."""

    def write(tx):
        keys = dict(tx.rows("select i.user_id, i.user_key from identities as i"))
        label = add_label(tx, name, texts)
        for at, values in moments:
            frame = pd.DataFrame({"user_key": [keys[u] for u in values], "value_key": list(values.values())})
            put_labelling(tx, label, instant(at), frame, n_users=3)

    store.write(write)


def test_labels_are_told_with_their_date_and_how_they_changed(store: Store) -> None:
    labelled(store, "segment:Shoppers v1", ["New", "Gone"], ("2026-01-10", {"ann-07": 1}), ("2026-02-01", {"ann-07": 2}))
    labelled(store, "tag:night", ["yes"], ("2026-01-10", {"ann-07": 1}), ("2026-02-01", {"cyd-07": 1}))
    labelled(store, "risk:8 weeks", ["high", "low"], ("2026-02-01", {"ann-07": 1}))
    found = profile(store)
    # The tag was hers once and is not any more; a score is one label among the others.
    assert found.latest_labels()[["name", "value", "cutoff_us"]].to_numpy().tolist() == [
        ["risk:8 weeks", "high", instant("2026-02-01")],
        ["segment:Shoppers v1", "Gone", instant("2026-02-01")],
    ]
    said = [moves_words(name, moments, "UTC") for name, moments in found.moves()]
    assert said == [
        "Shoppers v1: New (10 January 2026) → Gone (1 February 2026)",
        "night: yes (10 January 2026) → none (1 February 2026)",
    ]
    assert profile(store, "bob-07").latest_labels().empty


def test_after_an_erasure_there_is_nobody(store: Store) -> None:
    labelled(store, "tag:night", ["yes"], ("2026-02-01", {"ann-07": 1}))
    spec = find_user(store, "ann-07")
    erase_user(store, "ann-07")
    with pytest.raises(SpecError, match="no such user"):
        user_profile(store, spec)


# Taking it along -------------------------------------------------------------------------------------


def test_a_download_is_audited_and_names_nobody(store: Store) -> None:
    spec = find_user(store, "ann-07")
    content = export_profile(store, spec, "csv", table_bytes).decode("utf-8-sig")
    events = export_events(store, spec, "csv", table_bytes).decode("utf-8-sig")
    assert spec.user in content and "ann-07" not in content + events
    assert len(events.splitlines()) == 1 + 8 and events.splitlines()[1].startswith("2026-01-05T20:00:00Z,visit")
    assert "feature,orders,2.0,orders,0.0," in content  # of the three, two have no order
    with store.snapshot() as snapshot:
        rows = snapshot.rows("select a.action, a.detail, a.n_rows from audit as a where a.action = 'export profile' order by a.audit_id")
        assert faults(snapshot) == []
    assert [(action, n) for action, _, n in rows] == [("export profile", len(content.splitlines()) - 1), ("export profile", 8)]
    # Rows of the trail outlive an erasure: they must not point to anybody.
    assert not any(spec.user in detail or "ann" in detail for _, detail, _ in rows)


def test_looking_at_a_profile_leaves_no_trace(store: Store) -> None:
    before = store.data_version
    profile(store)
    assert store.data_version == before


# Against plain loops ---------------------------------------------------------------------------------


@given(world=worlds())
def test_a_profile_agrees_with_a_plain_loop(world: World) -> None:
    store = world.open()
    change_setting(store, "churn_window", "3")
    clock = world.clock
    for user in {e.user for e in world.events}:
        own = sorted((e for e in world.events if e.user == user), key=lambda e: e.at_us)
        seen = [e for e in own if e.at_us < clock.as_of_us]
        if not seen:
            with pytest.raises(SpecError, match="Nothing is known"):
                profile(store, user)
            continue
        found = profile(store, user)
        days = sorted({local_date(e.at_us, clock.timezone) for e in seen})
        by_kind = Counter((local_date(e.at_us, clock.timezone), e.event) for e in seen)
        assert sorted(by_kind.values()) == sorted(found.days["n"].astype(int))
        assert (found.n_events, found.n_later) == (len(seen), len(own) - len(seen))
        assert (found.first_us, found.last_us) == (seen[0].at_us, seen[-1].at_us)
        assert [d.weekday() for d in days].count(2) == found.weekdays[2]
        assert found.n_returns == sum((b - a).days >= 3 for a, b in pairwise(days))
        assert found.silent_days == (local_date(clock.as_of_us, clock.timezone) - days[-1]).days
        assert int(timeline(found).frame[list(timeline(found).kinds)].to_numpy().sum()) == len(seen)
        for row in found.attributes.itertuples(index=False):
            if row.property in USER_PROPERTIES:  # these hold from their first mention on, also where an event is silent
                continue
            said = [e.props[row.property] for e in seen if row.property in e.props]
            assert (row.first, row.last, row.n_values) == (said[0], said[-1], len(set(said)))
    store.close()


def test_the_questions_are_portable(store: Store) -> None:
    catalogue = store.catalogue()
    kinds, props = list(catalogue.events.values()), list(catalogue.properties.values())
    person = query.Person(1, DAY_US)
    for sql in (
        query.by_pseudonym("abcdef"),
        query.by_file_id("x"),
        query.key_of("x"),
        query.latest_users(DAY_US, 5),
        query.days(person),
        query.later(person),
        query.latest(person, 5),
        query.latest(person, None),
        query.orders(person),
        query.items(person, kinds, kinds[:1]),
        query.items(person, kinds, []),
        query.attributes(person, props, kinds),
        query.no_attributes(),
        query.searches(person, kinds),
        query.reviews(person, kinds, props[0]),
        query.reviews(person, [], None),
        query.contacts(person, kinds, props[0], props[1]),
        query.contacts(person, kinds, None, None),
        query.labels(1),
    ):
        assert portability_faults(sql.text) == [], sql.text
        store.read(sql)


LINES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,HEART,WHITE HEART,6,12/1/2010 8:26,2.50,17850,United Kingdom
536365,LAMP,LANTERN,2,12/1/2010 8:26,3.00,17850,United Kingdom
536400,HEART,WHITE HEART,4,12/3/2010 9:00,2.50,17850,United Kingdom
C53641,HEART,WHITE HEART,-1,12/4/2010 9:00,2.50,17850,United Kingdom
536500,CUP,CUP,1,12/5/2010 10:00,1.00,12345,France
"""


def test_a_file_of_order_lines_has_interests_by_line(tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text(LINES, "utf-8")
    with Store.create_or_open(tmp_path / "store.duckdb") as store:
        import_file(store, ImportSpec(file, preset="order-lines"))
        found = profile(store, "17850")
    # The heart was bought on two invoices; the line that took one back is no purchase.
    assert found.items[["name", "n_bought"]].to_numpy().tolist() == [["WHITE HEART", 2], ["LANTERN", 1]]
    # 6 · 2.50 + 2 · 3.00 = 21 and 4 · 2.50 = 10; 2.50 was paid back.
    assert (found.n_orders, found.net) == (2, 28.5)
