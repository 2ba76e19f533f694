"""A saved label filters and splits every page that describes users, and each says what to beware of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from retention.store import Store
from retention.store.labels import add_label, put_labelling
from tests.pages.conftest import Open, texts

LABEL = "tag:even"


@pytest.fixture
def labelled(sample: Path) -> Path:
    """Every second user of the simulated shop has a tag."""
    with Store.open(sample) as store:

        def label(tx):
            keys = [key for (key,) in tx.rows("select u.user_key from users as u where u.user_key % 2 = 0")]
            rows = pd.DataFrame({"user_key": keys, "value_key": [1] * len(keys)})
            as_of = tx.catalogue.require_clock().as_of_us
            put_labelling(tx, add_label(tx, LABEL, ["yes"]), as_of, rows, n_users=300)

        store.write(label)
    return sample


@pytest.mark.parametrize(("page", "address"), [
    ("cohorts", {}),
    ("growth", {}),
    ("growth", {"show": "Revenue"}),
    ("behaviour", {}),
    ("behaviour", {"tab": "Funnel"}),
    ("survival", {}),
])  # fmt: skip
def test_a_label_splits_every_page(show: Open, labelled: Path, page: str, address: dict[str, str]) -> None:
    said = texts(show(labelled, page, by=LABEL, **address))
    assert "could not be read in full" not in said
    assert f"{LABEL} says what users were like on" in said
    assert "circular" in said


@pytest.mark.parametrize("page", ["cohorts", "growth", "behaviour", "survival", "segments"])
def test_a_label_filters_every_page(show: Open, labelled: Path, page: str) -> None:
    said = texts(show(labelled, page, where=f"{LABEL}=yes"))
    assert "could not be read in full" not in said
    assert "circular" in said
