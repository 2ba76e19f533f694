"""The report of a real version: what the store says against plain loops over the events, and versions beside each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from retention.churn import chart_report, chart_report_groups
from retention.churn.answer_registry import held_back
from retention.churn.answer_report import churn_drift, churn_fairness, churn_report, compare_versions
from retention.churn.fairness import UNKNOWN
from retention.churn.order_registry import train
from retention.churn.words_report import MEASURES, compared_sentence
from retention.errors import SpecError
from retention.features.spec import FeatureSpec
from retention.periods import midnight_us
from retention.store import Store
from retention.store.labels import add_label, put_labelling
from tests.churn.conftest import SPEC


def test_the_figures_are_scikit_learns_of_the_users_held_back(scored_store: Store):
    report, held = churn_report(scored_store, 1), held_back(scored_store, 1)
    row = report.standing.beside.iloc[0]
    assert row["score"] == "logistic" and row["is_chosen"]
    assert row["auc"] == pytest.approx(roc_auc_score(held.lapsed, held.probability))
    assert row["average_precision"] == pytest.approx(average_precision_score(held.lapsed, held.probability))
    assert row["brier"] == pytest.approx(brier_score_loss(held.lapsed, held.probability))
    # A rule that these data cannot teach is left out, and the card says why.
    skipped = set(report.card.report["skipped"])
    assert set(report.standing.beside["score"]) == {"logistic", "recency", "frequency", "bgnbd"} - skipped
    assert report.standing.n_users == held.n_users == report.stability.of("logistic")["n_users"].iloc[-1]
    # The latest cut-off of the two is the one that is reported on.
    assert report.stability.n_cutoffs == 2
    assert report.stability.of("logistic")["auc"].iloc[-1] == pytest.approx(row["auc"])


def test_groups_are_those_of_each_users_first_event(scored_store: Store):
    held = held_back(scored_store, 1)
    found = churn_fairness(scored_store, 1, "channel", 0.5)
    assert (found.label_us, found.is_circular) == (None, False)
    with scored_store.snapshot() as snapshot:
        column = snapshot.catalogue.property_name("channel").column
        # A plain loop over the events in their order.
        rows = snapshot.rows(f"select e.user_key, e.occurred_us, e.event_key, e.{column} from events as e order by 2")
        texts = dict(snapshot.rows("select v.value_key, v.value from property_values as v"
                                   " join properties as p on p.property_key = v.property_key where p.name = 'channel'"))  # fmt: skip
    first: dict[int, str] = {}
    for user, _, _, value in rows:
        first.setdefault(user, UNKNOWN if value is None else texts[value])
    for row in found.fairness.rows.itertuples(index=False):
        inside = np.array([first[key] == row.group for key in held.user_keys.tolist()])
        chosen = held.probability[inside] >= 0.5
        assert row.n == inside.sum()
        assert row.caught == pytest.approx(chosen[held.lapsed[inside] == 1].mean())
        assert row.bothered == pytest.approx(chosen[held.lapsed[inside] == 0].mean())
        assert row.came == pytest.approx(held.lapsed[inside].mean())
    assert found.fairness.rows["n"].sum() == held.n_users


def test_a_label_is_the_latest_that_did_not_know_the_outcome(scored_store: Store):
    held = held_back(scored_store, 1)
    before, after = (midnight_us(held.cutoff_day + days, "UTC") for days in (-10, 10))
    odd = {key: int(key % 2) + 1 for key in held.user_keys.tolist()}
    rows = pd.DataFrame({"user_key": list(odd), "value_key": list(odd.values())})

    def write(tx):
        key = add_label(tx, "segment:Parity v1", ["even", "odd"])
        late = add_label(tx, "tag:late", ["yes"])
        put_labelling(tx, key, before, rows, n_users=len(rows))
        # Later everybody is even.
        put_labelling(tx, key, after, rows.assign(value_key=1), n_users=len(rows))
        put_labelling(tx, late, after, rows.head(40).assign(value_key=1), n_users=40)

    scored_store.write(write)
    found = churn_fairness(scored_store, 1, "segment:Parity v1", 0.5)
    assert (found.label_us, found.is_circular) == (before, False)
    sizes = dict(zip(found.fairness.rows["group"], found.fairness.rows["n"], strict=True))
    assert sizes == {"even": int((held.user_keys % 2 == 0).sum()), "odd": int((held.user_keys % 2 == 1).sum())}
    # One that is there only afterwards is shown, and said to be circular; users without a value are a group.
    late = churn_fairness(scored_store, 1, "tag:late", 0.5)
    assert (late.label_us, late.is_circular) == (after, True)
    assert dict(zip(late.fairness.rows["group"], late.fairness.rows["n"], strict=True)) == {"yes": 40, UNKNOWN: held.n_users - 40}


def test_users_of_now_are_compared_with_those_who_taught(scored_store: Store):
    drifted = churn_drift(scored_store, 1)
    assert drifted.n_users > 0 and not np.isnan(drifted.score_psi)
    assert "score" not in set(drifted.features["feature"])
    assert set(SPEC.features.names) <= set(drifted.features["feature"])
    assert drifted.features["psi"].is_monotonic_decreasing


def test_versions_are_compared_on_the_users_whom_both_were_judged_on(scored_store: Store):
    train(scored_store, replace(SPEC, features=FeatureSpec(names=("orders", "gap_mean", "share_weekend"))))
    found = compare_versions(scored_store, 2, 1)
    assert (found.one.version, found.two.version) == (1, 2)
    assert found.gone == ("active_days_30",) and found.added == ("share_weekend",)
    assert found.settings == () and found.is_same_question
    old, new = held_back(scored_store, 1), held_back(scored_store, 2)
    assert found.n_shared == old.n_users == new.n_users
    gap = roc_auc_score(new.lapsed, new.probability) - roc_auc_score(old.lapsed, old.probability)
    assert found.ahead.value == pytest.approx(gap)
    assert found.ahead.low <= gap <= found.ahead.high
    assert f"{found.n_shared:,} users whom both were judged on" in compared_sentence(found)
    figures = found.figures.set_index("figure")
    assert figures.loc["auc", "one"] == pytest.approx(roc_auc_score(old.lapsed, old.probability))


def test_versions_that_answer_other_questions_are_not_called_better(scored_store: Store):
    train(scored_store, replace(SPEC, lapse=replace(SPEC.lapse, horizon_days=21)))
    found = compare_versions(scored_store, 1, 2)
    assert not found.is_same_question and np.isnan(found.ahead.value) and found.n_shared == 0
    assert found.settings[0] == ("Horizon, days", "30", "21")
    assert "answer different questions" in compared_sentence(found)


@pytest.mark.parametrize(("ask", "said"), [
    (lambda s: churn_report(s, 7), "no version 7"),
    (lambda s: churn_fairness(s, 1, "chanel", 0.5), "no attribute “chanel”"),
    (lambda s: compare_versions(s, 1, 1), "with itself"),
])  # fmt: skip
def test_what_cannot_be_answered_is_said_in_one_sentence(scored_store: Store, ask, said):
    with pytest.raises(SpecError, match=said):
        ask(scored_store)


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_pictures_are_figures_of_plotly_and_say_the_same_in_words(scored_store: Store, is_dark):
    report = churn_report(scored_store, 1)
    groups = churn_fairness(scored_store, 1, "channel", 0.5).fairness
    drifted = churn_drift(scored_store, 1)
    table = report.card.report["table"]
    pictures = [
        (chart_report.gain_figure(report.standing, is_dark=is_dark), chart_report.gain_alt(report.standing)),
        (chart_report.lift_figure(report.standing, is_dark=is_dark), chart_report.gain_alt(report.standing)),
        (chart_report.calibration_figure(report.standing, is_dark=is_dark), chart_report.calibration_alt(report.standing)),
        (chart_report.threshold_figure(report.standing, 0.5, is_dark=is_dark), chart_report.threshold_alt(report.standing)),
        (chart_report.zoo_figure(table, is_dark=is_dark), chart_report.zoo_alt(table)),
        (chart_report_groups.stability_figure(report.stability, is_dark=is_dark), chart_report_groups.stability_alt(report.stability)),
        (chart_report_groups.drift_figure(drifted, {}, is_dark=is_dark), chart_report_groups.drift_alt(drifted, {})),
        *((chart_report_groups.fairness_figure(groups, m, is_dark=is_dark), chart_report_groups.fairness_alt(groups, m)) for m in MEASURES),
    ]
    for figure, alt in pictures:
        go.Figure(figure)
        assert figure["layout"]["xaxis"]["title"]["text"] and "nan" not in alt.lower().replace("finance", "")
        assert len(alt) > 60
    # The last point of the gains is everybody.
    assert pictures[0][0]["data"][0]["y"][-1] == 1.0
