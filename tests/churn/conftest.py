"""A sample shop with a model in service, made once; each test that writes gets a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from retention.churn.order_registry import train
from retention.churn.order_scores import score
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.features.spec import FeatureSpec
from retention.ingest.order import build_sample
from retention.ingest.sample import SampleSpec
from retention.store import Store

SPEC = ChurnSpec(
    lapse=LapseSpec(horizon_days=30, gap_days=7, lookback_days=60),
    features=FeatureSpec(names=("orders", "active_days_30", "gap_mean")),
    model="logistic",
    n_backtests=2,
)


@pytest.fixture(scope="session")
def scored_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 1,500 simulated users, a logistic model in service, and everybody scored with it."""
    path = tmp_path_factory.mktemp("scored") / "shop.duckdb"
    with Store.create_or_open(path) as store:
        build_sample(store, SampleSpec(n_users=1500))
        train(store, SPEC)
        score(store)
    return path


def copied(template: Path, folder: Path) -> Path:
    """Copy a store with its models."""
    path = folder / template.name
    shutil.copy(template, path)
    shutil.copytree(f"{template}.models", f"{path}.models")
    return path


@pytest.fixture
def scored_store(scored_template: Path, tmp_path: Path) -> Iterator[Store]:
    """One's own copy of it, open."""
    with Store.open(copied(scored_template, tmp_path)) as store:
        yield store
