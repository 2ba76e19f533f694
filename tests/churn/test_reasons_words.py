"""What is said of a score: in words of one user, with other values, and never more than is known."""

from __future__ import annotations

from datetime import date
from math import log, nan

import numpy as np
import pandas as pd
import pytest

from retention.churn.answer_reasons import explained, key_of, riskiest, score_of, scored_users
from retention.churn.answer_registry import load
from retention.churn.answer_scores import latest_scoring, scored
from retention.churn.chart_reasons import OTHERS, importance_alt, importance_dots, reason_bars, steps_of
from retention.churn.model_reasons import user_reasons, what_if
from retention.churn.reasons import Contributions, Reason, UserReasons, chance, followed, impossible, reasons_of
from retention.churn.spec import ChurnSpec
from retention.churn.when import LapseTimes, Plan
from retention.churn.words_reasons import (
    because,
    reason_words,
    told_reasons,
    user_when_sentence,
    value_words,
    what_if_sentence,
    when_sentence,
)
from retention.errors import SpecError
from retention.periods import day_number


def reason(title: str, *features: str, part: float = 1.0) -> Reason:
    return Reason(title, features, part, 0.0)


# --- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "values", "said"),
    [
        ("Silence", {"days_since_last": 41.0, "gap_mean": 9.2}, "no visit for 41 days (usual gap 9)"),
        ("Silence", {"days_since_last": 1.0, "gap_mean": 1.25}, "no visit for 1 day (usual gap 1.2)"),
        ("Silence", {"days_since_last": 0.0, "gap_mean": nan, "active_days": 1.0}, "a visit on the last day (came on one day only)"),
        ("Visits", {"active_days": 12.0, "active_days_30": 3.0}, "12 days with a visit, 3 of them in the last 30 days"),
        ("Visits", {"active_days": 12.0, "active_days_30": 0.0}, "12 days with a visit, none in the last 30 days"),
        ("Visits", {"active_days": 5.0, "trend_active_days": -0.6}, "5 days with a visit; lately less often than before"),
        ("Time without an order", {"days_since_last_order": nan}, "no order so far"),
        ("Time without an order", {"days_since_last_order": 60.0, "order_gap_mean": 20.0}, "no order for 60 days (usually one every 20)"),
        ("Money spent", {"net": 312.4, "value_per_order": 41.2}, "312 spent, 41 an order"),
        ("Rhythm of visits", {"gap_mean": nan}, "too few visits to have a rhythm"),
    ],
)  # fmt: skip
def test_a_reason_is_said_in_words_that_need_no_feature_names(title, values, said):
    assert reason_words(reason(title, *values), values) == said


def test_a_feature_without_words_of_its_own_is_named_with_its_unit():
    assert reason_words(reason("Share at night", "share_night"), {"share_night": 0.3}) == "share at night: 30 %"
    assert reason_words(reason("Mean stars", "stars_mean"), {"stars_mean": nan}) == "mean stars: not known"
    assert value_words("orders", 1.0) == "1 order" and value_words("net", 1234.5) == "1,234"


def test_features_that_tell_the_same_story_are_one_reason_and_still_add_up():
    parts = Contributions(
        ("days_since_last", "silence_ratio", "share_night"), -1.0, np.array([[0.8, 0.4, -0.3]]), np.zeros((1, 3))
    )
    one, two = reasons_of(parts, 0)
    assert (one.title, one.features, one.part) == ("Silence", ("days_since_last", "silence_ratio"), pytest.approx(1.2))
    assert (two.title, two.part) == ("Share at night", -0.3)
    assert parts.base + one.part + two.part == pytest.approx(parts.log_odds[0])


def test_what_is_said_first_speaks_for_the_score(scored_store):
    store = scored_store
    key = latest_scoring(store).scoring_key
    top = riskiest(store, key, 3)
    users = scored_users(store)
    found = user_reasons(users, int(top["user_key"].iloc[0]))
    said = because(found)
    assert said.startswith("Risk of lapsing ") and "because: " in said
    up = [r for r in told_reasons(found, 99) if r.part > 0]
    assert reason_words(up[0], found.values) in said
    # Of a user with little risk what lowers it comes first.
    safest = int(users.table.user_keys[np.argmin(users.fitted.log_odds(users.values))])
    low = user_reasons(users, safest)
    first = because(low).split("because: ")[1].split(";")[0].rstrip(".")
    assert first == reason_words(max((r for r in low.reasons if r.part < 0), key=lambda r: -r.part), low.values)
    # A part that the sampling cannot tell from nothing is not told.
    unsure = Reason("Orders", ("orders",), 0.1, 0.2)
    assert told_reasons(UserReasons(**{**_fields(found), "reasons": (unsure,)})) == ()


def _fields(found):
    return {name: getattr(found, name) for name in found.__slots__}


# --- what if -------------------------------------------------------------------------------------------


def test_what_is_made_of_a_value_changes_along():
    values = {"days_since_first": 100.0, "days_since_last": 10.0, "active_days": 10.0, "gap_mean": 10.0, "silence_ratio": 1.0}
    # Ten days with visits over 60 days have nine gaps of 60 / 9; the silence of 40 days is six of them.
    after, names = followed(values, {"days_since_last": 40.0})
    assert names == ("gap_mean", "silence_ratio")
    assert after["gap_mean"] == pytest.approx(60 / 9) and after["silence_ratio"] == pytest.approx(6)
    # What is changed by hand stays as it was said; an order of nothing has no value.
    assert followed(values, {"gap_mean": 5.0})[0]["silence_ratio"] == 2
    assert np.isnan(followed({"gross": 5.0, "orders": 1.0, "value_per_order": 5.0}, {"orders": 0.0})[0]["value_per_order"])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"days_since_last": 41.0, "active_days_30": 3.0}, "does not go with"),
        ({"days_since_last": 3.0, "active_days_30": 0.0}, "does not go with no"),
        ({"days_since_last": 50.0, "days_since_first": 20.0}, "cannot lie before"),
        ({"active_days_30": 5.0, "active_days_90": 4.0}, "more active days within 30 days than within 90"),
        ({"active_days_30": 31.0}, "no more than 30 days"),
        ({"active_days": 2.0, "active_days_90": 4.0}, "than ever"),
        ({"share_night": 1.2}, "0 to 100"),
        ({"orders": -1.0}, "below 0"),
        ({"days_since_last": 200.0}, "within 180 days are scored"),
        ({"active_days": 9.0, "days_since_first": 7.0, "days_since_last": 3.0}, "different days"),
        ({"gross_30": 9.0, "gross": 5.0}, "cannot be spent"),
        ({"days_since_first": 21.0, "days_since_last": 1.0, "active_days": 3.0, "gap_mean": 4.0}, "10.0 days"),
    ],
)
def test_what_no_user_can_be_is_said(values, why):
    assert any(why in text for text in impossible(values, 180)), impossible(values, 180)


def test_no_user_of_the_shop_is_called_impossible(scored_store):
    users = scored_users(scored_store)
    for row in users.values:
        values = dict(zip(users.fitted.features, row.tolist(), strict=True))
        assert impossible(values, users.lookback_days) == ()


def test_another_value_gives_the_score_of_a_user_who_has_it(scored_store):
    users = scored_users(scored_store)
    key = int(users.table.user_keys[0])
    before = users.values_of(key)
    found = what_if(users, key, {"days_since_last": 25.0})
    row = np.array([[found.values[name] for name in users.fitted.features]])
    assert found.after == pytest.approx(chance(float(users.fitted.log_odds(row)[0])), abs=1e-12)
    assert found.before == pytest.approx(float(scored(scored_store).probability[0]), abs=1e-9)
    assert what_if(users, key, {"days_since_last": before["days_since_last"]}).after == pytest.approx(found.before)
    assert "instead of" in what_if_sentence(found, {"days_since_last": 25.0}) or "no change" in what_if_sentence(found, {})
    assert what_if(users, key, {"orders": 9999.0}).unseen == ("orders",)
    with pytest.raises(SpecError, match="does not look at"):
        what_if(users, key, {"stars_mean": 5.0})


# --- answers -------------------------------------------------------------------------------------------


def test_the_reasons_of_every_scored_user_add_up_to_the_score_in_the_store(scored_store):
    users, table = scored_users(scored_store), scored(scored_store)
    assert np.array_equal(users.table.user_keys, table.user_keys)
    for place in (0, len(table.user_keys) // 2, len(table.user_keys) - 1):
        found = user_reasons(users, int(table.user_keys[place]))
        assert found.probability == pytest.approx(table.probability[place], abs=1e-6) and found.is_same
        whole = found.base + sum(r.part for r in found.reasons)
        p = table.probability[place]
        assert whole == pytest.approx(log(p / (1 - p)), abs=1e-6)
        assert found.table()["log_odds"].sum() == pytest.approx(whole - found.base, abs=1e-9)
    assert explained(scored_store, int(table.user_keys[0])).parts == user_reasons(users, int(table.user_keys[0])).parts


def test_the_riskiest_are_those_with_the_highest_scores(scored_store):
    table = scored(scored_store)
    top = riskiest(scored_store, table.scoring.scoring_key, 5)
    assert top["user_key"].tolist() == table.user_keys[table.order()[:5]].tolist()
    assert key_of(scored_store, top["pseudonym"].iloc[0]) == top["user_key"].iloc[0]
    assert score_of(scored_store, table.scoring.scoring_key, top["pseudonym"].iloc[0]) == table.probability.max()
    assert score_of(scored_store, table.scoring.scoring_key, "0" * 32) is None
    with pytest.raises(SpecError, match="no such user"):
        key_of(scored_store, "0" * 32)


def test_a_user_without_a_score_has_no_reasons(scored_store):
    users = scored_users(scored_store)
    with pytest.raises(SpecError, match="has no score: not active within 60 days"):
        users.place(10**9)
    assert load(scored_store, 1).features == users.fitted.features


# --- pictures ------------------------------------------------------------------------------------------


def test_the_bars_lead_from_the_usual_score_to_this_one(scored_store):
    users = scored_users(scored_store)
    found = user_reasons(users, int(users.table.user_keys[3]))
    steps = steps_of(found, most=2)
    assert steps[0][2] == found.base and [s[3] for s in steps[:-1]] == [s[2] for s in steps[1:]]
    assert chance(steps[-1][3]) == pytest.approx(found.probability, abs=1e-6)
    assert (len(steps) == 3 and steps[-1][0] == OTHERS) or len(found.reasons) <= 3
    figure = reason_bars(found)
    assert sum(len(trace["y"]) for trace in figure["data"]) == len(steps_of(found))


def test_the_dots_are_hollow_where_a_feature_may_be_worth_nothing():
    rows = [
        {"feature": "days_since_last", "value": 0.08, "low": 0.06, "high": 0.1},
        {"feature": "orders", "value": 0.001, "low": -0.002, "high": 0.004},
    ]
    (trace,) = importance_dots(rows)["data"]
    assert trace["marker"]["symbol"] == ["circle-open", "circle"]
    assert "Orders 0.001 (-0.002 to 0.004)" in importance_alt(rows)


# --- when ----------------------------------------------------------------------------------------------


def times(**users) -> LapseTimes:
    frame = pd.DataFrame({"user_key": [1, 2, 3], "days_since_last": [5.0, 3.0, 0.0], **users})
    plan = Plan(100, (1, 2, 3), day_number(date(2026, 3, 1)), (), None)
    return LapseTimes(ChurnSpec(), plan, 1, date(2026, 3, 1), 100, 30, 900, 400, pd.DataFrame(), (), 0, 0, frame, 7)


def test_when_a_user_goes_is_said_with_its_interval_and_never_beyond_what_was_followed():
    found = times(gone=[0.7, 0.1, 0.02], low=[0.0, 4.0, 60.0], median=[0.0, 20.0, nan], high=[9.0, nan, nan], lasting=[0.0, 0.2, 0.8])
    assert when_sentence(found).startswith("Of 3 users 1 have paid their last visit already, more likely than not; 1 will have within 100")
    one, two, three = (user_when_sentence(found, row) for _, row in found.users.iterrows())
    assert "More likely than not this user has paid the last visit" in one and "to 10 March 2026" in one
    # The 20th day after 1 March is the 21st; the late end lies beyond the 100 days, which end on 9 June.
    assert "around 21 March 2026" in two and "from 5 March 2026 to not before 9 June 2026" in two
    assert "stays beyond 9 June 2026" in three and "80 %" in three
    assert found.of_user(2)["median"] == 20 and found.of_user(9) is None
