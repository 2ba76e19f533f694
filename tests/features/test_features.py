"""Features in worlds worked out by hand, in the sample shop, and what is said where there are none."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest

from retention.audiences.export import table_bytes
from retention.cohorts.spec import Condition
from retention.errors import SpecError, StoreError
from retention.features import model_sentiment
from retention.features.answer import user_features
from retention.features.order import export_features
from retention.features.spec import FeatureSpec
from retention.features.spec_registry import PRESETS, REGISTRY, of_presets
from retention.ingest.order import build_sample
from retention.ingest.sample import ACTIVITY, SampleSpec, simulate
from retention.store import Snapshot, Sql, Store
from retention.store.audit import faults
from tests.features import plain_features as plain
from tests.features.test_oracle import assert_same, by_user, english
from tests.test_sql_portable import portability_faults
from tests.worlds import diary, fresh_path, instant, store_of


def of(store: Store, user: str, **asked: object) -> dict[str, plain.Value]:
    return by_user(store, user_features(store, FeatureSpec(**asked)))[user]  # type: ignore[arg-type]


# Worked out by hand ----------------------------------------------------------------------------------


def test_gaps_and_windows_of_a_user_who_slows_down():
    # Active on 1, 3, 5 and 11 January; the data are complete up to the beginning of 21 January.
    store = store_of(diary("ann: 1 3 5 11 11T13:00"), as_of="2026-01-21")
    ann = of(store, "ann")
    assert (ann["days_since_first"], ann["days_since_last"]) == (19, 9)  # counted up to 20 January
    assert (ann["active_days"], ann["events"], ann["events_per_day"]) == (4, 5, 1.25)
    # The last 7 days are 14 to 20 January, the last 14 are 7 to 20 January.
    assert (ann["active_days_7"], ann["active_days_14"], ann["events_14"], ann["active_days_30"]) == (0, 1, 2, 4)
    # Gaps of 2, 2 and 6 days: mean 10/3, variance (2 · (4/3)² + (8/3)²) / 2 = 16/3.
    assert ann["gap_mean"] == pytest.approx(10 / 3)
    assert ann["gap_sd"] == pytest.approx((16 / 3) ** 0.5)
    assert ann["gap_last"] == 6
    assert ann["gap_last_ratio"] == pytest.approx(1.8)
    assert ann["silence_ratio"] == pytest.approx(2.7)
    # 3 and 11 January 2026 are a Saturday and a Sunday.
    assert ann["share_weekend"] == 0.5


def test_money_is_booked_when_it_was_known():
    world = diary("""
        ann: 2/purchase?value=40 9/purchase?value=60 15/refund?value=10
    """)
    store = store_of(world, as_of="2026-01-21")
    ann = of(store, "ann")
    assert (ann["orders"], ann["gross"], ann["refunded"], ann["net"]) == (2, 100, 10, 90)
    assert (ann["value_per_order"], ann["refund_share"], ann["order_gap_mean"]) == (50, 0.1, 7)
    # Before 15 January nobody could know of the refund, though the rollups book it on the 9th.
    then = of(store, "ann", cutoff=date(2026, 1, 15))
    assert then["net"] == 100
    assert "refunded" not in then and "refund_share" not in then  # the store held no refund yet


def test_the_usual_hour_lies_across_midnight():
    store = store_of(diary("ann: 5T23:30 7T00:30 8T23:10 10T00:59"), as_of="2026-01-21")
    ann = of(store, "ann", names=("hour_mean", "hour_concentration", "share_night"))
    assert ann["hour_mean"] == pytest.approx(0.0, abs=1e-3)  # not noon, the mean of the numbers
    assert ann["share_night"] == 1.0
    # Two hours half an hour either side of midnight: length cos(7.5°).
    assert ann["hour_concentration"] == pytest.approx(0.99144486, abs=1e-5)


def test_the_hour_is_the_local_one_before_and_after_the_clocks_change():
    # Paris: 21:30 UTC is 22:30 on 24 January and 23:30 on 24 July.
    world = diary("ann: 2025-01-24T21:30 2025-07-24T21:30")
    ann = of(store_of(world, as_of="2025-08-01", timezone="Europe/Paris"), "ann", names=("share_night",))
    assert ann["share_night"] == 1.0
    ann = of(store_of(world, as_of="2025-08-01"), "ann", names=("share_night",))
    assert ann["share_night"] == 0.0


def test_trend_needs_users_who_were_there_all_along():
    world = diary("""
        ann: 2026-01-01 2026-02-10 2026-03-10 2026-03-11 2026-03-12
        bob: 2026-03-01 2026-03-02
        cyd: 2026-01-01
    """)
    store = store_of(world, as_of="2026-03-20")  # windows from 18 February and from 19 January
    assert of(store, "ann")["trend_active_days"] == 0.5  # 3 lately, 1 before
    assert of(store, "bob")["trend_active_days"] is None  # came within the windows: new, not growing
    assert of(store, "cyd")["trend_active_days"] is None  # silent in both


def test_a_discount_is_told_by_its_words_and_numbers():
    world = diary("""
        ann: 1/purchase?coupon=SPRING 2/purchase?coupon=no 3/purchase?coupon=0 4/purchase
        bob: 1/purchase?coupon=0.1
        cyd: 1/purchase
    """)
    store = store_of(world)
    asked = {"names": ("discount_share",)}
    assert of(store, "ann", **asked)["discount_share"] == pytest.approx(1 / 3)  # the fourth says nothing
    assert of(store, "bob", **asked)["discount_share"] == 1.0
    assert of(store, "cyd", **asked)["discount_share"] is None


def test_messages_to_a_control_group_are_no_contacts():
    world = diary("""
        ann: 1 2/campaign_sent?arm=treatment 9/campaign_sent?arm=Control
        bob: 1 2/campaign_sent?arm=control
        cyd: 1 5/campaign_sent
    """)
    store = store_of(world, as_of="2026-01-11")
    contacts = {user: (f["contacts"], f["days_since_contact"]) for user, f in by_user(
        store, user_features(store, FeatureSpec(names=("contacts", "days_since_contact")))).items()}  # fmt: skip
    assert contacts == {"ann": (1, 8), "bob": (0, None), "cyd": (1, 5)}


def test_someone_who_only_got_something_is_no_user_yet():
    world = diary("""
        ann: 1
        bob: 1/campaign_sent 20
    """)
    store = store_of(world, as_of="2026-02-01", activity="all but refund, campaign_sent")
    table = user_features(store, FeatureSpec(cutoff=date(2026, 1, 10)))
    assert set(by_user(store, table)) == {"ann"}


# The sample shop -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample() -> Iterator[tuple[Store, list[plain.Row]]]:
    spec = SampleSpec(n_users=60, seed=5)
    events = simulate(spec).events.to_pylist()
    names = ("channel", "device", "country", "stars", "discount", "campaign", "arm", "plan", "language")
    rows = [
        plain.Row(
            e["user_id"], e["occurred_us"], e["event"], *(None if e[n] is None else float(e[n]) for n in ("value", "quantity")),
            e["item"], e["category"], e["text"], {n: e[f"p{i}"] for i, n in enumerate(names) if e[f"p{i}"] is not None},
        )
        for e in events
    ]  # fmt: skip
    store = Store.create_or_open(fresh_path())
    build_sample(store, spec)
    yield store, rows
    store.close()


def both_languages(text: str) -> float:
    judge = model_sentiment.judge_of("Chinese")
    assert judge is not None
    return judge(text) if model_sentiment.CHINESE.search(text) else english(text)


@pytest.mark.parametrize("cutoff", [None, date(2025, 6, 12), date(2024, 8, 1), datetime(2025, 11, 30, 20, 15, tzinfo=UTC)])
def test_the_sample_shop_agrees_with_the_loops(sample, cutoff):
    store, rows = sample
    us = instant("2026-01-01") if cutoff is None else instant(cutoff.isoformat())
    truth = plain.features(rows, us, plain.Shop(activity=lambda event: event in ACTIVITY, tone=both_languages))
    table = user_features(store, FeatureSpec(cutoff=cutoff))
    assert_same(store, table, truth)
    if cutoff is None:
        assert table.absent == {}


def test_a_table_says_what_it_holds(sample):
    store, rows = sample
    table = user_features(store, FeatureSpec(presets=("rfm",), names=("channel_last",)))
    about = table.describe().set_index("name")
    values = sorted(f["orders"] for f in plain.features(rows, table.cutoff_us, plain.Shop()).values())
    assert about.loc["orders", "n_known"] == len(values)
    assert about.loc["orders", "median"] == (values[29] + values[30]) / 2
    assert about.loc["orders", "max"] == values[-1]
    assert pd.isna(about.loc["channel_last", "mean"])
    assert set(about["meaning"]) == {REGISTRY[n].meaning for n in (*of_presets(["rfm"]), "channel_last")}


def test_one_user_is_placed_among_all(sample):
    store, _ = sample
    table = user_features(store, FeatureSpec(names=("active_days", "device_last")))
    key = int(table.user_keys[7])
    standing = table.standing(key).set_index("name")
    own = table.frame["active_days"].iloc[7]
    below = (table.frame["active_days"] < own).sum() + (table.frame["active_days"] == own).sum() / 2
    assert standing.loc["active_days", "share_below"] == below / 60
    assert standing.loc["device_last", "label"] in ("mobile", "desktop", "tablet")
    assert table.standing(10**6).empty


def test_every_text_is_portable(sample, monkeypatch):
    store, _ = sample
    seen: list[Sql] = []
    read = Snapshot.read
    monkeypatch.setattr(Snapshot, "read", lambda self, sql: (seen.append(sql), read(self, sql))[1])
    for cutoff in (None, date(2025, 6, 12), datetime(2025, 11, 30, 20, 15, tzinfo=UTC)):
        user_features(store, FeatureSpec(cutoff=cutoff))
        user_features(store, FeatureSpec(cutoff=cutoff, where=(Condition(name="channel", values=("ads",)),)))
    assert len(seen) > 60
    for sql in seen:
        assert portability_faults(sql.text) == [], sql.text


# What cannot be ---------------------------------------------------------------------------------------


def test_what_the_store_holds_nothing_for_is_absent_with_a_reason():
    store = store_of(diary("ann: 1 2 5\nbob: 3"))
    table = user_features(store, FeatureSpec())
    assert not {"orders", "net", "reviews", "searches", "contacts", "channels", "discount_share", "items"} & set(table.names)
    assert table.absent["orders"] == 'The store holds no "purchase" before the cut-off.'
    assert "review" in table.absent["stars_mean"]
    assert "channel" in table.absent["channel_first"]
    assert "gap_sd" in table.names


def test_a_feature_known_of_nobody_yet_is_absent():
    table = user_features(store_of(diary("ann: 1\nbob: 3")), FeatureSpec(names=("gap_mean", "active_days")))
    assert table.absent == {"gap_mean": "It is not known of any of these users yet."}
    assert table.names == ("active_days",)


@pytest.mark.parametrize(("asked", "said"), [
    ({"names": ("oders",)}, 'Did you mean "orders"'),
    ({"presets": ("rmf",)}, 'There is no preset "rmf"'),
    ({"cutoff": datetime(2026, 1, 1)}, "with an offset"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked_says_so(asked, said):
    with pytest.raises(SpecError, match=said):
        FeatureSpec(**asked)


def test_a_cutoff_outside_the_data_says_so():
    store = store_of(diary("ann: 5 6"), as_of="2026-01-07")
    with pytest.raises(SpecError, match="must not be later than 2026-01-07"):
        user_features(store, FeatureSpec(cutoff=date(2026, 1, 8)))
    with pytest.raises(SpecError, match="Nobody was active before the cut-off"):
        user_features(store, FeatureSpec(cutoff=date(2026, 1, 5)))
    with pytest.raises(StoreError, match="no events yet"):
        user_features(store_of([]), FeatureSpec())


def test_a_filter_that_nobody_satisfies_says_so():
    store = store_of(diary("ann: 5?channel=ads 6"))
    with pytest.raises(SpecError, match="No user who was active"):
        user_features(store, FeatureSpec(where=(Condition(name="channel", values=("mail",)),)))


def test_without_the_library_the_tone_is_absent_and_the_rest_stands(monkeypatch):
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)  # as if it were not installed
    model_sentiment.judge_of.cache_clear()
    store = store_of(diary("ann: 1/review?text=lovely&stars=5 2"))
    table = user_features(store, FeatureSpec(names=("sentiment", "stars_mean", "reviews")))
    model_sentiment.judge_of.cache_clear()
    assert table.names == ("reviews", "stars_mean")
    assert "sentiment" in table.absent
    assert table.notes == (
        "The tone of English reviews is left out, because the library vaderSentiment is not installed: "
        "pip install vaderSentiment.",
    )


def test_each_text_is_judged_once_in_its_language():
    seen, _ = model_sentiment.tones([(1, "wonderful, I love it"), (2, "terrible, broken"), (3, "很好，非常喜欢"), (4, "12 !")])
    assert seen[1] > 0.5 > -0.4 > seen[2]
    assert seen[3] > 0.5
    assert 4 not in seen


def test_a_moment_with_an_offset_is_that_instant():
    store = store_of(diary("ann: 5T10:00 5T12:00"), as_of="2026-01-07")
    at_eleven = datetime(2026, 1, 5, 12, 0, tzinfo=timezone(timedelta(hours=1)))  # 11:00 UTC
    assert of(store, "ann", cutoff=at_eleven, names=("events",))["events"] == 1


def test_a_stretch_that_is_missing_is_said():
    store = store_of(diary("ann: 1 2 9"), as_of="2026-01-20", gaps=(("2026-01-04", "2026-01-06"),))
    (note,) = user_features(store, FeatureSpec(names=("active_days",))).notes
    assert note == (
        "The data are marked missing from 2026-01-04 00:00 UTC to 2026-01-06 00:00 UTC: what happened then is in no count."
    )
    assert user_features(store, FeatureSpec(names=("active_days",), cutoff=date(2026, 1, 4))).notes == ()


# Files -------------------------------------------------------------------------------------------------


def test_an_export_has_pseudonyms_and_leaves_a_trace():
    store = store_of(diary("ann: 1?channel=ads 2/purchase?value=5\nbob: 3?channel==1+1"))
    content, table = export_features(store, FeatureSpec(names=("orders", "channel_last")), "csv", table_bytes)
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [set(row) for row in rows] == [{"pseudonym", "orders", "channel_last"}] * 2
    assert {len(row["pseudonym"]) for row in rows} == {32}
    assert not {row["pseudonym"] for row in rows} & {"ann", "bob"}
    assert "'=1+1" in {row["channel_last"] for row in rows}  # a spreadsheet must not run it
    audit = store.read(Sql("select a.action, a.detail, a.n_rows from audit as a order by a.audit_id desc limit 1"))
    assert audit["action"].tolist() == ["export features"]
    assert audit["n_rows"].tolist() == [2] and table.n_users == 2
    assert json.loads(audit["detail"][0])["features"] == ["orders", "channel_last"]
    with store.snapshot() as snapshot:
        assert faults(snapshot) == []


def test_the_command_line_writes_the_same_table(tmp_path, capsys, monkeypatch):
    from retention import cli

    monkeypatch.setattr(cli, "TOPICS", ("features",))
    store = store_of(diary("ann: 1 2/purchase?value=5 9/purchase?value=7\nbob: 3"), as_of="2026-01-20")
    truth = user_features(store, FeatureSpec(cutoff=date(2026, 1, 8), presets=("rfm",)))
    path = store.path
    store.close()
    out = tmp_path / "features.parquet"
    asked = ["features", "--store", str(path), "--as-of", "2026-01-08", "--preset", "rfm", "--json"]
    assert cli.main([*asked, "--out", str(out)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["n_users"] == 2 and said["cutoff"] == "2026-01-08T00:00:00Z" and said["file"] == str(out)
    written = pd.read_parquet(out)
    assert written.drop(columns="pseudonym").equals(truth.frame.drop(columns="user_key"))
    assert cli.main([*asked, "--out", str(tmp_path / "features.txt")]) == 2
    assert "must end in" in capsys.readouterr().err
    assert cli.main(["features", "--store", str(path), "--as-of", "soon"]) == 2
    assert "must look like" in capsys.readouterr().err


def test_presets_hold_what_they_promise():
    assert of_presets(["rfm"]) == ("days_since_last_order", "orders", "net")
    assert all(of_presets([preset]) for preset in PRESETS)
    assert all(feature.kind == "number" for name in of_presets(PRESETS) for feature in (REGISTRY[name],))
