"""The first real file takes the whole place of the simulated shop."""

from __future__ import annotations

import shutil
from datetime import date

from retention.alerts.order import add_alert, evaluate_alerts
from retention.alerts.spec import AlertSpec
from retention.audiences.order import refresh_audiences, save_audience
from retention.audiences.order_delivery import begin
from retention.audiences.spec import AudienceSpec, SavedUsersSpec, SuppressedUsersSpec
from retention.audiences.spec_delivery import DeliverySpec
from retention.churn.order_registry import train
from retention.churn.order_scores import score
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CellSpec, CohortSpec
from retention.experiments.order_archive import learn
from retention.experiments.spec_store import ExperimentSpec
from retention.features.spec import FeatureSpec
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.interventions.catalogue import KINDS
from retention.interventions.order_assign import assign
from retention.interventions.order_catalogue import save_interventions
from retention.interventions.spec import Arm, CampaignSpec
from retention.segments.order import save_segmentation
from retention.segments.order_tags import save_tag
from retention.segments.spec import SegmentSpec
from retention.segments.spec_tags import TagSpec
from retention.store import Store
from retention.store.check import faults
from retention.store.order import add_annotation, change_setting, save_view
from tests.rows import import_rows
from tests.worlds import fresh_path

KEPT = {"audit", "migrations", "state", "settings"}
"""What tells of the owner's doings rather than of customers."""


def contents(store):
    with store.snapshot() as snapshot:
        tables = [t for (t,) in snapshot.rows("select t.table_name from duckdb_tables() as t order by t.table_name")]
        return {t: snapshot.rows(f"select count(*) from {t}")[0][0] for t in tables if t not in KEPT}


def test_nothing_of_the_simulated_shop_is_left():
    rows = [{"user": "ann", "time": f"2026-01-{d:02d}", "event": "purchase", "value": "5"} for d in (5, 12)]
    path = fresh_path()
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec(n_users=60))
        cohort = cohort_retention(store, CohortSpec()).cells["cohort"].min()
        cell = CellSpec(cohorts=CohortSpec(), cohort=cohort, age=0)
        kept = SavedUsersSpec(audience_id=save_audience(store, AudienceSpec(name="first", users=cell)).audience_id)
        free = SuppressedUsersSpec(users=kept, is_out_of_campaigns=True)
        save_audience(store, AudienceSpec(name="free", users=free, is_refreshed=True))
        begin(store, DeliverySpec(users=kept, url="https://tool.example/hook"))
        save_view(store, "mine", "cohorts", "period=week")
        add_annotation(store, date(2025, 3, 3), "new checkout")
        add_alert(store, AlertSpec(name="few", metric="active-users", operator="below", threshold=10_000))
        evaluate_alerts(store)
        save_segmentation(store, SegmentSpec(k=2), "Guests", quality={"verdict": "not judged"})
        save_tag(store, TagSpec.parse("regular: active_days >= 1"))
        lapse = LapseSpec(horizon_days=14, gap_days=0, lookback_days=200)
        train(store, ChurnSpec(lapse=lapse, features=FeatureSpec(names=("orders",)), model="recency", n_backtests=1))
        score(store)
        action = KINDS["coupon"].usual
        save_interventions(store, (action,))
        assign(store, CampaignSpec(name="spring", users=kept, arms=(Arm(name="a", intervention=action),)))
        refresh_audiences(store)
        learn(store, ExperimentSpec(campaign="autumn care"), "nobody can tell", {"treatment": action.name})
        change_setting(store, "churn_window", "30")
        unused = {"order_lines", "reject_reasons", "rejects"}
        assert {table for table, n in contents(store).items() if not n} <= unused
        import_rows(store, rows)
        after = contents(store)
        assert faults(store) == []
        assert store.catalogue().settings.churn_window == "60"
    shutil.rmtree(path.parent)
    with Store.create_or_open(fresh_path()) as plain:
        import_rows(plain, rows)
        assert after == contents(plain)
